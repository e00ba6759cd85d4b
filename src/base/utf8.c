/* The table is that of the Unicode standard, "Well-Formed UTF-8 Byte Sequences". */
#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

static bool between(unsigned char c, unsigned char low, unsigned char high)
{
	return c >= low && c <= high;
}

static bool is_tail(unsigned char c)
{
	return between(c, 0x80, 0xbf);
}

size_t utf8_len(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;

	if (!len)
		return 0;
	if (s[0] < 0x80)
		return 1;
	if (between(s[0], 0xc2, 0xdf))
		return len >= 2 && is_tail(s[1]) ? 2 : 0;
	if (between(s[0], 0xe0, 0xef)) {
		unsigned char low = s[0] == 0xe0 ? 0xa0 : 0x80, high = s[0] == 0xed ? 0x9f : 0xbf;

		return len >= 3 && between(s[1], low, high) && is_tail(s[2]) ? 3 : 0;
	}
	if (between(s[0], 0xf0, 0xf4)) {
		unsigned char low = s[0] == 0xf0 ? 0x90 : 0x80, high = s[0] == 0xf4 ? 0x8f : 0xbf;

		return len >= 4 && between(s[1], low, high) && is_tail(s[2]) && is_tail(s[3]) ? 4
											      : 0;
	}
	return 0;
}

size_t utf8_put(char *out, uint32_t code)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

size_t utf8_cut(const char *text, size_t max)
{
	while (max && is_tail((unsigned char)text[max]))
		max--;
	return max;
}

void utf8_mark_cut(char *text, size_t size, size_t wanted)
{
	if (wanted >= size)
		memcpy(text + utf8_cut(text, size - sizeof(CUT_MARK)), CUT_MARK, sizeof(CUT_MARK));
}
