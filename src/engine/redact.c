/*
 * Needles are kept longest first, so that a secret which contains another is replaced whole. Each
 * secret is learnt plain and in the forms in which it travels: base64 (with and without padding,
 * standard and URL alphabet), percent-encoded and JSON-escaped.
 */
#include "engine/redact.h"

#include "model/json.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEEDLE_MIN = 4 };

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

static void add_base64(struct redactor *redactor, const char *text, size_t len)
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

void redactor_learn_text(struct redactor *redactor, const char *text, size_t len)
{
	struct strbuf json = STRBUF_INIT;

	if (len < NEEDLE_MIN)
		return;
	add_needle(redactor, text);
	add_base64(redactor, text, len);
	add_percent(redactor, text, len, "X");
	add_percent(redactor, text, len, "x");
	json_write_string(&json, text, len);
	json.text[json.len - 1] = '\0'; /* without its quotes */
	add_needle(redactor, json.text + 1);
	strbuf_release(&json);
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

static const char *needle_at(const struct redactor *redactor, const char *text)
{
	for (size_t i = 0; i < redactor->n; i++) {
		if (strncmp(text, redactor->needles[i], strlen(redactor->needles[i])) == 0)
			return redactor->needles[i];
	}
	return NULL;
}

const char *redact(const struct redactor *redactor, const char *text, struct arena *arena)
{
	struct strbuf out = STRBUF_INIT;
	bool found = false;
	char *copy;

	if (!text)
		return NULL;
	for (size_t i = 0; i < redactor->n && !found; i++)
		found = strstr(text, redactor->needles[i]) != NULL;
	if (!found)
		return arena_strdup(arena, text);
	while (*text) {
		const char *needle = needle_at(redactor, text);

		if (needle) {
			strbuf_addstr(&out, mask);
			text += strlen(needle);
		} else {
			strbuf_addch(&out, *text++);
		}
	}
	copy = arena_strdup(arena, out.text);
	strbuf_release(&out);
	return copy;
}
