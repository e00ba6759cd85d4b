/*
 * An integer is 8 bytes, lowest first. A text is its length plus one in 4 bytes (0: NULL), its bytes
 * and a NUL, so that it can be used where it lies.
 */
#include "state/pack.h"

#include <string.h>

static void put_number(struct strbuf *out, uint64_t number, size_t size)
{
	char bytes[8];

	for (size_t i = 0; i < size; i++)
		bytes[i] = (char)(number >> (8 * i));
	strbuf_add(out, bytes, size);
}

void pack_int(struct strbuf *out, int64_t number)
{
	put_number(out, (uint64_t)number, 8);
}

void pack_text(struct strbuf *out, const char *text)
{
	size_t len = text ? strlen(text) + 1 : 0; /* with the NUL */

	put_number(out, len, 4);
	strbuf_add(out, text, len);
}

void pack_bytes(struct strbuf *out, const void *bytes, size_t len)
{
	strbuf_add(out, bytes, len);
}

/* The next `len` bytes; NULL at the end of the blob, or when they are not all there. */
static const char *take(struct unpack *unpack, size_t len)
{
	const char *from = unpack->at;
	size_t left = (size_t)(unpack->end - from);

	if (left < len) {
		unpack->ended = true;
		unpack->damaged = unpack->damaged || left;
		unpack->at = unpack->end;
		return NULL;
	}
	unpack->at += len;
	return from;
}

static uint64_t get_number(const char *bytes, size_t size)
{
	uint64_t number = 0;

	for (size_t i = 0; i < size; i++)
		number |= (uint64_t)(unsigned char)bytes[i] << (8 * i);
	return number;
}

int64_t unpack_int(struct unpack *unpack)
{
	const char *bytes = take(unpack, 8);

	return bytes ? (int64_t)get_number(bytes, 8) : 0;
}

const char *unpack_text(struct unpack *unpack)
{
	const char *size = take(unpack, 4), *text;
	size_t len;

	if (!size)
		return NULL;
	len = get_number(size, 4);
	if (!len)
		return NULL;
	text = take(unpack, len);
	if (text && !text[len - 1])
		return text;
	unpack->damaged = true;
	unpack->at = unpack->end;
	return NULL;
}

void unpack_bytes(struct unpack *unpack, void *bytes, size_t len)
{
	const char *from = take(unpack, len);

	if (from)
		memcpy(bytes, from, len);
	else
		memset(bytes, 0, len);
}
