/*
 * What the output goes to: a terminal or a pipe, with or without colour, Unicode and a width. Texts
 * are built in a strbuf by pure functions (the files of render/) and leave through a stream, which
 * passes everything to the redactor first.
 */
#ifndef DEVENV_CLI_TERMINAL_H
#define DEVENV_CLI_TERMINAL_H

#include "base/strbuf.h"
#include "model/redact.h"

#include <stdbool.h>

enum style {
	STYLE_PLAIN,
	STYLE_BOLD,
	STYLE_DIM,
	STYLE_RED,
	STYLE_GREEN,
	STYLE_YELLOW,
	STYLE_BLUE,
	STYLE_CYAN,
	STYLE_ERROR, /* bold red */
};

enum symbol {
	SYMBOL_ARROW,    /* → or -> */
	SYMBOL_OK,       /* ✓ or ok */
	SYMBOL_FAILED,   /* ✗ or FAILED */
	SYMBOL_HELD,     /* ‖ or held */
	SYMBOL_DOT,      /* · or - */
	SYMBOL_BRANCH,   /* ├─ or |- */
	SYMBOL_LAST,     /* └─ or `- */
	SYMBOL_PIPE,     /* │ or | */
	SYMBOL_FULL,     /* █ or # */
	SYMBOL_EMPTY,    /* ░ or . */
	SYMBOL_ELLIPSIS, /* … or ... */
	SYMBOL_SPINNER,  /* first of SPINNER_FRAMES */
};

enum { SPINNER_FRAMES = 8 };

struct terminal {
	bool tty;     /* a person looks at it, and it can move the cursor (TERM is not "dumb") */
	bool colour;
	bool unicode;
	int width;    /* columns; 80 when it is no terminal */
	int height;
};

enum colour_wish {
	COLOUR_AUTO,
	COLOUR_NEVER, /* --no-color */
};

/*
 * Looks at `fd` and at NO_COLOR (not empty: never), CLICOLOR_FORCE (not empty, not 0: always), TERM
 * and the locale's character set.
 */
void terminal_init(struct terminal *terminal, int fd, enum colour_wish wish,
	const char *const *env);
/* Asks for the size again: it changes while we run. */
void terminal_measure(struct terminal *terminal, int fd);
const char *terminal_symbol(const struct terminal *terminal, enum symbol symbol);
const char *terminal_spinner(const struct terminal *terminal, unsigned frame);

/* Adds text in a style; the style ends with the text. */
void paint(struct strbuf *buf, const struct terminal *terminal, enum style style,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Columns that UTF-8 text takes; colours take none. */
int display_width(const char *text);
/* Appends at most `width` columns of `text`, an ellipsis last when it was cut. Colours are kept and
   ended. */
void add_truncated(struct strbuf *buf, const struct terminal *terminal, const char *text,
	int width);
/* The same for a name, whose end tells it apart: cut in the middle. `text` has no colours. */
void add_squeezed(struct strbuf *buf, const struct terminal *terminal, const char *text, int width);
/* Appends text from outside with control characters (but for tab and newline) made visible, so that
   nothing that a provider or a file says can drive the terminal. */
void add_clean(struct strbuf *buf, const char *text, size_t len);
void add_spaces(struct strbuf *buf, int n);

struct stream {
	int fd;
	struct terminal terminal;
	struct strbuf buf;               /* what is to be written; fill it, then flush */
	const struct redactor *redactor; /* NULL until secrets are known */
	int error;                       /* errno of the write that failed; none is tried after it */
};

void stream_init(struct stream *stream, int fd, enum colour_wish wish, const char *const *env);
void stream_release(struct stream *stream);
void stream_flush(struct stream *stream);
/* Formats into the buffer. */
void stream_add(struct stream *stream, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
