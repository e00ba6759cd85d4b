/*
 * Needles are kept longest first, so that a secret which contains another is replaced whole. Each
 * secret is learnt plain and in the forms in which it travels: base64 (with and without padding,
 * standard and URL alphabet, also in the middle of something longer), percent-encoded and
 * JSON-escaped; of several lines also by each long line, because logs are read line by line.
 */
#include "model/redact.h"

#include "base/utf8.h"
#include "model/json.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	NEEDLE_MIN = 4,
	PIECE_MIN = 6, /* bytes of a piece of base64: fewer are found by chance */
	LINE_MIN = 24, /* of several lines those that are long enough to tell something */
};

static const char mask[] = "(sensitive)";

void redactor_release(struct redactor *redactor)
{
	for (size_t i = 0; i < redactor->n; i++)
		free(redactor->needles[i]);
	free(redactor->needles);
	*redactor = (struct redactor)REDACTOR_INIT;
}

static void add_needle(struct redactor *redactor, const char *text)
{
	size_t len = strlen(text), at = 0;

	if (len < NEEDLE_MIN)
		return;
	while (at < redactor->n && strlen(redactor->needles[at]) > len)
		at++;
	for (size_t i = at; i < redactor->n && strlen(redactor->needles[i]) == len; i++) {
		if (strcmp(redactor->needles[i], text) == 0)
			return;
	}
	VEC_GROW(redactor->needles, redactor->n, redactor->cap);
	memmove(&redactor->needles[at + 1], &redactor->needles[at],
		(redactor->n - at) * sizeof(*redactor->needles));
	redactor->needles[at] = xstrdup(text);
	redactor->n++;
}

static void add_base64_of(struct redactor *redactor, const char *text, size_t len)
{
	static const int variants[] = {sodium_base64_VARIANT_ORIGINAL,
		sodium_base64_VARIANT_URLSAFE};

	for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
		size_t size = sodium_base64_encoded_len(len, variants[i]);
		char *encoded = xmalloc(size), *padding;

		sodium_bin2base64(encoded, size, (const unsigned char *)text, len, variants[i]);
		padding = strchr(encoded, '=');
		if (padding)
			*padding = '\0'; /* finds both the padded and the unpadded form */
		add_needle(redactor, encoded);
		free(encoded);
	}
}

/* Alone; and as "user:secret" has it: the whole groups of three bytes, wherever they begin. */
static void add_base64(struct redactor *redactor, const char *text, size_t len)
{
	add_base64_of(redactor, text, len);
	for (size_t skip = 0; skip < 3 && skip < len; skip++) {
		size_t piece = (len - skip) / 3 * 3;

		if (piece >= PIECE_MIN)
			add_base64_of(redactor, text + skip, piece);
	}
}

static void add_percent(struct redactor *redactor, const char *text, size_t len, const char *format)
{
	static const char plain[] = "-._~";
	struct strbuf out = STRBUF_INIT;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			(c && strchr(plain, c)))
			strbuf_addch(&out, (char)c);
		else if (*format == 'x')
			strbuf_addf(&out, "%%%02x", c);
		else
			strbuf_addf(&out, "%%%02X", c);
	}
	add_needle(redactor, out.text);
	strbuf_release(&out);
}

static void learn_piece(struct redactor *redactor, const char *text, size_t len)
{
	struct strbuf json = STRBUF_INIT;

	add_needle(redactor, text);
	add_base64(redactor, text, len);
	add_percent(redactor, text, len, "X");
	add_percent(redactor, text, len, "x");
	json_write_string(&json, text, len);
	json.text[json.len - 1] = '\0'; /* without its quotes */
	add_needle(redactor, json.text + 1);
	strbuf_release(&json);
}

static void learn_lines(struct redactor *redactor, const char *text)
{
	struct strbuf line = STRBUF_INIT;

	while (*text) {
		size_t len = strcspn(text, "\r\n");

		if (len >= LINE_MIN) {
			strbuf_reset(&line);
			strbuf_add(&line, text, len);
			learn_piece(redactor, line.text, len);
		}
		text += len + strspn(text + len, "\r\n");
	}
	strbuf_release(&line);
}

void redactor_learn_text(struct redactor *redactor, const char *text, size_t len)
{
	if (len < NEEDLE_MIN)
		return;
	learn_piece(redactor, text, len);
	if (strpbrk(text, "\r\n"))
		learn_lines(redactor, text);
}

/* ${NAME} alone tells nothing: the secret is what it stands for. */
static bool tells_nothing(const struct value *value)
{
	return value->flags & VALUE_TEMPLATE && value->len > 3 && memcmp(value->text, "${", 2) == 0 &&
	       strchr(value->text, '}') == value->text + value->len - 1 && !strstr(value->text, ":-");
}

static void learn(struct redactor *redactor, const struct value *value, bool sensitive)
{
	sensitive = sensitive || value->flags & VALUE_SENSITIVE;
	if (!sensitive && !(value->flags & VALUE_HAS_SENSITIVE))
		return;
	if (value->kind == VALUE_LIST) {
		for (uint32_t i = 0; i < value->len; i++)
			learn(redactor, &value->items[i], sensitive);
	} else if (value->kind == VALUE_MAP) {
		for (uint32_t i = 0; i < value->len; i++)
			learn(redactor, &value->members[i].value, sensitive);
	} else if ((value->kind == VALUE_STRING || value->kind == VALUE_INT ||
			   value->kind == VALUE_REAL) && !tells_nothing(value)) {
		redactor_learn_text(redactor, value->text, value->len);
	}
}

void redactor_learn(struct redactor *redactor, const struct value *value)
{
	learn(redactor, value, false);
}

static size_t needle_at(const struct redactor *redactor, const char *text, size_t len)
{
	for (size_t i = 0; i < redactor->n; i++) {
		size_t needle = strlen(redactor->needles[i]);

		if (needle <= len && memcmp(text, redactor->needles[i], needle) == 0)
			return needle;
	}
	return 0;
}

static bool any_needle(const struct redactor *redactor, const char *text, size_t len)
{
	for (size_t i = 0; i < redactor->n; i++) {
		if (memmem(text, len, redactor->needles[i], strlen(redactor->needles[i])))
			return true;
	}
	return false;
}

static bool begins_needle(const struct redactor *redactor, const char *text, size_t len)
{
	for (size_t i = 0; i < redactor->n; i++) {
		if (strlen(redactor->needles[i]) > len && memcmp(redactor->needles[i], text, len) == 0)
			return true;
	}
	return false;
}

static const char *next_cut(const char *text, const char *end)
{
	return memmem(text, (size_t)(end - text), CUT_MARK, strlen(CUT_MARK));
}

/* Of a text that was cut before anybody knew its secrets, the end may be the beginning of one. */
static size_t half_a_needle(const struct redactor *redactor, const char *text, const char *cut)
{
	size_t len = (size_t)(cut - text);

	return len >= NEEDLE_MIN && begins_needle(redactor, text, len) ? len : 0;
}

void redact_into(const struct redactor *redactor, const char *text, size_t len, struct strbuf *out)
{
	const char *end = text + len, *cut = redactor->n ? next_cut(text, end) : NULL;

	if (!cut && !any_needle(redactor, text, len)) {
		strbuf_add(out, text, len);
		return;
	}
	while (text < end) {
		size_t needle = needle_at(redactor, text, (size_t)(end - text)), half;

		if (cut && cut < text)
			cut = next_cut(text, end);
		half = cut ? half_a_needle(redactor, text, cut) : 0;
		if (half > needle)
			needle = half;
		if (needle)
			strbuf_addstr(out, mask);
		else
			strbuf_addch(out, *text);
		text += needle ? needle : 1;
	}
}

size_t redact_cut(const struct redactor *redactor, const char *text, size_t len)
{
	size_t longest = redactor->n ? strlen(redactor->needles[0]) : 0;
	size_t at = len > 2 * longest ? len - 2 * longest : 0;

	while (at < len && !begins_needle(redactor, text + at, len - at)) {
		size_t needle = needle_at(redactor, text + at, len - at);

		at += needle ? needle : 1;
	}
	return at;
}

const char *redact(const struct redactor *redactor, const char *text, struct arena *arena)
{
	struct strbuf out = STRBUF_INIT;
	char *copy;

	if (!text)
		return NULL;
	redact_into(redactor, text, strlen(text), &out);
	copy = arena_strdup(arena, out.text);
	strbuf_release(&out);
	return copy;
}
