/*
 * Each pattern becomes a row of tokens, and a path is run through them with the set of positions that
 * can be reached: no pattern, however twisted, takes more than length times length.
 */
#include "providers/docker/ignore.h"

#include "base/fs.h"

#include <stdlib.h>
#include <string.h>

enum token_kind {
	TOKEN_CHAR,
	TOKEN_ANY,        /* ?: one character but '/' */
	TOKEN_STAR,       /* *: any number of them */
	TOKEN_REST,       /* ** at the end: everything */
	TOKEN_FOLDERS,    /* ** elsewhere: nothing, or anything that ends in '/' */
	TOKEN_CLASS,      /* [...]: one of a set */
};

struct token {
	enum token_kind kind;
	char c;
	const uint8_t *set; /* TOKEN_CLASS: 256 bytes */
};

struct ignore_pattern {
	const char *text;   /* cleaned, without '!' */
	bool exception;
	size_t literal;     /* how many tokens at the start are characters */
	struct token *tokens;
	size_t n, cap;
};

/* --- reading ------------------------------------------------------------------------------------ */

/* [a-z], [^a-z]; returns what follows, NULL when it does not end. */
static const char *parse_class(struct arena *arena, const char *at, struct token *token)
{
	uint8_t *set = arena_zalloc(arena, 256);
	bool negate = *at == '^', first = true;

	for (at += negate; *at && (*at != ']' || first); at++, first = false) {
		unsigned char from, to;

		if (*at == '\\' && at[1])
			at++;
		from = to = (unsigned char)*at;
		if (at[1] == '-' && at[2] && at[2] != ']') {
			at += 2;
			if (*at == '\\' && at[1])
				at++;
			to = (unsigned char)*at;
		}
		for (unsigned c = from; c <= to; c++)
			set[c] = 1;
	}
	if (*at != ']')
		return NULL;
	if (negate)
		for (size_t i = 0; i < 256; i++)
			set[i] = !set[i];
	*token = (struct token){.kind = TOKEN_CLASS, .set = set};
	return at + 1;
}

static const char *parse_stars(const char *at, struct token *token)
{
	if (*at != '*') {
		token->kind = TOKEN_STAR;
		return at;
	}
	at++;
	if (*at == '/')
		at++;
	token->kind = *at ? TOKEN_FOLDERS : TOKEN_REST;
	return at;
}

static int parse_pattern(struct ignore_pattern *pattern, struct arena *arena, struct error *err)
{
	const char *at = pattern->text;

	while (at && *at) {
		struct token token = {.kind = TOKEN_CHAR};

		if (*at == '*') {
			at = parse_stars(at + 1, &token);
		} else if (*at == '?') {
			token.kind = TOKEN_ANY;
			at++;
		} else if (*at == '[') {
			at = parse_class(arena, at + 1, &token);
		} else {
			if (*at == '\\' && at[1])
				at++;
			token.c = *at++;
		}
		ARENA_GROW(arena, pattern->tokens, pattern->n, pattern->cap);
		pattern->tokens[pattern->n++] = token;
	}
	if (!at)
		return error_set(err, ERROR_INVALID, "'%s' has a [ without ]", pattern->text);
	while (pattern->literal < pattern->n && pattern->tokens[pattern->literal].kind == TOKEN_CHAR)
		pattern->literal++;
	return 0;
}

static void trim(const char **text, size_t *len)
{
	while (*len && strchr(" \t\r\v\f", **text))
		(*text)++, (*len)--;
	while (*len && strchr(" \t\r\v\f", (*text)[*len - 1]))
		(*len)--;
}

int ignore_add(struct ignore *ignore, struct arena *arena, const char *line, size_t len,
	struct error *err)
{
	struct ignore_pattern pattern = {0};

	if (len && *line == '#')
		return 0;
	trim(&line, &len);
	if (len && *line == '!') {
		pattern.exception = true;
		line++, len--;
		trim(&line, &len);
	}
	if (!len)
		return 0;
	/* Cleaned as a path, and "/x" is "x": everything is relative to the context. */
	pattern.text = fs_normalise(arena, arena_strndup(arena, line, len));
	if (pattern.text[0] == '/' && pattern.text[1])
		pattern.text++;
	if (parse_pattern(&pattern, arena, err))
		return -1;
	ARENA_GROW(arena, ignore->patterns, ignore->n, ignore->cap);
	ignore->patterns[ignore->n++] = pattern;
	ignore->exceptions |= pattern.exception;
	return 0;
}

int ignore_parse(struct ignore *ignore, struct arena *arena, const char *text, size_t len,
	struct error *err)
{
	const char *end = text + len;
	unsigned number = 1;

	*ignore = (struct ignore){0};
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		text += 3;
	for (; text < end; number++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t line = newline ? (size_t)(newline - text) : (size_t)(end - text);

		if (ignore_add(ignore, arena, text, line, err))
			return error_wrap(err, "line %u", number);
		text += line + (newline != NULL);
	}
	return 0;
}

/* --- matching ----------------------------------------------------------------------------------- */

static bool is_one(const struct token *token, char c)
{
	switch (token->kind) {
	case TOKEN_CHAR:
		return token->c == c;
	case TOKEN_ANY:
		return c != '/';
	case TOKEN_CLASS:
		return token->set[(unsigned char)c];
	default:
		return false;
	}
}

/* One token: `at` holds the positions reached before it, and afterwards those reached behind it. */
static bool step(const struct token *token, const char *path, size_t len, uint8_t *at)
{
	bool before = at[0], any = false;

	switch (token->kind) {
	case TOKEN_STAR:
		for (size_t i = 1; i <= len; i++)
			at[i] |= at[i - 1] && path[i - 1] != '/';
		return true;
	case TOKEN_REST:
		for (size_t i = 1; i <= len; i++)
			at[i] |= at[i - 1];
		return true;
	case TOKEN_FOLDERS:
		for (size_t i = 1; i <= len; i++) {
			bool here = at[i];

			at[i] |= before && path[i - 1] == '/';
			before |= here;
		}
		return true;
	default:
		for (size_t i = len; i > 0; i--) {
			at[i] = at[i - 1] && is_one(token, path[i - 1]);
			any |= at[i];
		}
		at[0] = 0;
		return any;
	}
}

static bool matches(const struct ignore_pattern *pattern, const char *path)
{
	size_t len = strlen(path);
	uint8_t few[256], *at;
	bool found = true;

	for (size_t i = 0; i < pattern->literal; i++)
		if (i >= len || path[i] != pattern->tokens[i].c)
			return false;
	if (pattern->literal == pattern->n)
		return len == pattern->n;
	at = len < sizeof(few) ? few : xmalloc(len + 1);
	memset(at, 0, len + 1);
	at[pattern->literal] = 1;
	for (size_t i = pattern->literal; i < pattern->n && found; i++)
		found = step(&pattern->tokens[i], path, len, at);
	found = found && at[len];
	if (at != few)
		free(at);
	return found;
}

bool ignore_excludes(const struct ignore *ignore, const char *path, const uint8_t *above,
	uint8_t *matched)
{
	bool excluded = false;

	for (size_t i = 0; i < ignore->n; i++) {
		const struct ignore_pattern *pattern = &ignore->patterns[i];

		matched[i] = (above && above[i]) || matches(pattern, path);
		if (matched[i])
			excluded = !pattern->exception;
	}
	return excluded;
}

bool ignore_may_take_back(const struct ignore *ignore, const char *directory)
{
	size_t len = strlen(directory);

	for (size_t i = 0; ignore->exceptions && i < ignore->n; i++) {
		const struct ignore_pattern *pattern = &ignore->patterns[i];
		size_t same = 0;

		if (!pattern->exception)
			continue;
		while (same < pattern->literal && same < len &&
			pattern->tokens[same].c == directory[same])
			same++;
		/* All that is fixed of one is the beginning of the other: below may be a match. */
		if (same == pattern->literal || (same == len && pattern->tokens[same].c == '/'))
			return true;
	}
	return false;
}
