/*
 * Terminal capabilities, colours, display width and the stream that everything printed leaves by.
 * The one place that writes to a descriptor, so the one place that has to redact.
 */
#include "cli/terminal.h"

#include "cli/options.h"

#include <errno.h>
#include <langinfo.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

static bool is_set(const char *const *env, const char *name)
{
	const char *text = option_env_get(env, name);

	return text && *text;
}

static bool wants_colour(bool tty, enum colour_wish wish, const char *const *env)
{
	const char *force = option_env_get(env, "CLICOLOR_FORCE");

	if (wish == COLOUR_NEVER || is_set(env, "NO_COLOR"))
		return false;
	if (force && *force && strcmp(force, "0") != 0)
		return true;
	return tty;
}

void terminal_measure(struct terminal *terminal, int fd)
{
	struct winsize size = {0};

	terminal->width = 80;
	terminal->height = 24;
	if (!terminal->tty || ioctl(fd, TIOCGWINSZ, &size) < 0)
		return;
	if (size.ws_col)
		terminal->width = size.ws_col;
	if (size.ws_row)
		terminal->height = size.ws_row;
}

void terminal_init(struct terminal *terminal, int fd, enum colour_wish wish, const char *const *env)
{
	const char *term = option_env_get(env, "TERM");
	bool dumb = !term || !*term || strcmp(term, "dumb") == 0;

	*terminal = (struct terminal){.tty = isatty(fd) && !dumb};
	terminal->colour = wants_colour(terminal->tty, wish, env);
	terminal->unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	terminal_measure(terminal, fd);
}

const char *terminal_symbol(const struct terminal *terminal, enum symbol symbol)
{
	static const char *const symbols[][2] = {
		[SYMBOL_ARROW] = {"->", "→"},
		[SYMBOL_OK] = {"ok", "✓"},
		[SYMBOL_FAILED] = {"!!", "✗"},
		[SYMBOL_HELD] = {"||", "‖"},
		[SYMBOL_DOT] = {"-", "·"},
		[SYMBOL_BRANCH] = {"|-", "├─"},
		[SYMBOL_LAST] = {"`-", "└─"},
		[SYMBOL_PIPE] = {"| ", "│ "},
		[SYMBOL_FULL] = {"#", "█"},
		[SYMBOL_EMPTY] = {".", "░"},
		[SYMBOL_ELLIPSIS] = {"...", "…"},
		[SYMBOL_SPINNER] = {"|", "⣾"},
	};

	return symbols[symbol][terminal->unicode];
}

const char *terminal_spinner(const struct terminal *terminal, unsigned frame)
{
	static const char *const braille[SPINNER_FRAMES] = {"⣾", "⣽", "⣻", "⢿", "⡿", "⣟", "⣯", "⣷"};
	static const char *const ascii[SPINNER_FRAMES] = {"|", "/", "-", "\\", "|", "/", "-", "\\"};

	return (terminal->unicode ? braille : ascii)[frame % SPINNER_FRAMES];
}

void paint(
	struct strbuf *buf, const struct terminal *terminal, enum style style, const char *fmt, ...)
{
	static const char *const codes[] = {
		[STYLE_PLAIN] = "",        [STYLE_BOLD] = "\033[1m",   [STYLE_DIM] = "\033[2m",
		[STYLE_RED] = "\033[31m",  [STYLE_GREEN] = "\033[32m", [STYLE_YELLOW] = "\033[33m",
		[STYLE_BLUE] = "\033[34m", [STYLE_CYAN] = "\033[36m",  [STYLE_ERROR] = "\033[1;31m",
	};
	bool coloured = terminal->colour && style != STYLE_PLAIN;
	va_list ap;

	if (coloured)
		strbuf_addstr(buf, codes[style]);
	va_start(ap, fmt);
	strbuf_vaddf(buf, fmt, ap);
	va_end(ap);
	if (coloured)
		strbuf_addstr(buf, "\033[0m");
}

/* Decodes one character of UTF-8; an invalid byte stands for itself. Returns its length. */
static size_t decode(const char *text, size_t len, uint32_t *out)
{
	unsigned char c = (unsigned char)text[0];
	size_t n = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
	uint32_t point = n == 1 ? c : n == 2 ? c & 0x1fu : n == 3 ? c & 0x0fu : c & 0x07u;

	*out = 0xfffd;
	if (!n || n > len)
		return 1;
	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return 1;
		point = point << 6 | ((unsigned char)text[i] & 0x3fu);
	}
	*out = point;
	return n;
}

static int point_width(uint32_t point)
{
	int width = wcwidth((wchar_t)point);

	return width < 0 ? (point < 0x20 || point == 0x7f ? 0 : 1) : width;
}

/* Length of a colour sequence at `text`; 0: there is none. */
static size_t escape_len(const char *text)
{
	size_t n;

	if (text[0] != '\033' || text[1] != '[')
		return 0;
	n = 2 + strspn(text + 2, "0123456789;?");
	return text[n] ? n + 1 : n;
}

int display_width(const char *text)
{
	int width = 0;

	while (*text) {
		size_t escape = escape_len(text);
		uint32_t point;

		if (escape) {
			text += escape;
			continue;
		}
		text += decode(text, strlen(text), &point);
		width += point_width(point);
	}
	return width;
}

void add_truncated(struct strbuf *buf, const struct terminal *terminal, const char *text, int width)
{
	const char *ellipsis = terminal_symbol(terminal, SYMBOL_ELLIPSIS);
	int room = width - display_width(ellipsis);
	bool coloured = false;
	int used = 0;

	if (display_width(text) <= width) {
		strbuf_addstr(buf, text);
		return;
	}
	if (room < 0) {
		strbuf_add(buf, "...", width > 0 ? (size_t)width : 0);
		return;
	}
	while (*text) {
		size_t len = escape_len(text);
		uint32_t point;

		if (len) {
			coloured = strncmp(text, "\033[0m", 4) != 0;
		} else {
			len = decode(text, strlen(text), &point);
			if (used + point_width(point) > room)
				break;
			used += point_width(point);
		}
		strbuf_add(buf, text, len);
		text += len;
	}
	strbuf_addstr(buf, ellipsis);
	if (coloured)
		strbuf_addstr(buf, "\033[0m");
}

/* Marks that reorder or break a line: what is shown would not be what is there. */
static bool turns_text(uint32_t point)
{
	return point == 0x061c || point == 0x200e || point == 0x200f || point == 0x2028 ||
	       point == 0x2029 || (point >= 0x202a && point <= 0x202e) ||
	       (point >= 0x2066 && point <= 0x2069);
}

void add_squeezed(struct strbuf *buf, const struct terminal *terminal, const char *text, int width)
{
	const char *ellipsis = terminal_symbol(terminal, SYMBOL_ELLIPSIS), *tail = text;
	int left = display_width(text), gap = display_width(ellipsis), head;
	uint32_t point;

	if (left <= width || width < 3 * gap) {
		add_truncated(buf, terminal, text, width);
		return;
	}
	while (left > (width - gap) / 2) {
		tail += decode(tail, strlen(tail), &point);
		left -= point_width(point);
	}
	for (head = width - gap - left; head > 0;) {
		size_t len = decode(text, strlen(text), &point);

		head -= point_width(point);
		if (head >= 0)
			strbuf_add(buf, text, len);
		text += len;
	}
	strbuf_addf(buf, "%s%s", ellipsis, tail);
}

void add_clean(struct strbuf *buf, const char *text, size_t len)
{
	size_t i = 0;

	while (i < len) {
		unsigned char c = (unsigned char)text[i];
		uint32_t point;
		size_t n = decode(text + i, len - i, &point);

		if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
			strbuf_addf(buf, "\\x%02x", c);
		else if (point == 0xfffd && n == 1)
			strbuf_addf(buf, "\\x%02x", c);
		else if ((point >= 0x80 && point < 0xa0) || turns_text(point))
			strbuf_addf(buf, "\\u%04x", point); /* the other control characters */
		else
			strbuf_add(buf, text + i, n);
		i += n;
	}
}

void add_spaces(struct strbuf *buf, int n)
{
	while (n-- > 0)
		strbuf_addch(buf, ' ');
}

void stream_init(struct stream *stream, int fd, enum colour_wish wish, const char *const *env)
{
	*stream = (struct stream){.fd = fd, .buf = STRBUF_INIT};
	terminal_init(&stream->terminal, fd, wish, env);
}

void stream_release(struct stream *stream)
{
	strbuf_release(&stream->buf);
}

void stream_add(struct stream *stream, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&stream->buf, fmt, ap);
	va_end(ap);
}

static void write_all(struct stream *stream, const char *text, size_t len)
{
	while (len && !stream->error) {
		ssize_t n = write(stream->fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			stream->error = errno;
			return;
		}
		text += n;
		len -= (size_t)n;
	}
}

void stream_flush(struct stream *stream)
{
	struct arena arena = ARENA_INIT;
	const char *text = stream->buf.text;
	size_t len = stream->buf.len;

	if (!len)
		return;
	if (stream->redactor && stream->redactor->n) {
		text = redact(stream->redactor, text, &arena);
		len = strlen(text);
	}
	write_all(stream, text, len);
	strbuf_reset(&stream->buf);
	arena_release(&arena);
}
