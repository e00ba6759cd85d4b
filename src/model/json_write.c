/*
 * The canonical writer: equal values give equal bytes. Members are sorted, numbers take their
 * shortest form, and only what JSON demands is escaped. See json.h for the stored forms.
 */
#include "model/json.h"

#include "base/secret.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct writer {
	struct strbuf *out;
	enum json_secrets secrets;
	const struct secret_key *key;
	bool stored; /* $-forms for what has no JSON of its own; a user's $ is escaped */
	bool pretty;
	int depth;
};

static void write_value(struct writer *writer, const struct value *value);

static void add_escape(struct strbuf *out, unsigned char c)
{
	static const char short_forms[] = "\bb\ff\nn\rr\tt\"\"\\\\";

	for (size_t i = 0; i + 1 < sizeof(short_forms); i += 2) {
		if ((unsigned char)short_forms[i] == c) {
			strbuf_addch(out, '\\');
			strbuf_addch(out, short_forms[i + 1]);
			return;
		}
	}
	strbuf_addf(out, "\\u%04x", c);
}

void json_write_string(struct strbuf *out, const char *text, size_t len)
{
	const char *end = text + len, *from = text;

	strbuf_addch(out, '"');
	while (text < end) {
		unsigned char c = (unsigned char)*text;
		size_t n = c < 0x80 ? 1 : utf8_len(text, (size_t)(end - text));

		if (n && c >= 0x20 && c != '"' && c != '\\') {
			text += n;
			continue;
		}
		strbuf_add(out, from, (size_t)(text - from));
		if (n)
			add_escape(out, c);
		else
			strbuf_addstr(out, "\xef\xbf\xbd");
		from = ++text;
	}
	strbuf_add(out, from, (size_t)(text - from));
	strbuf_addch(out, '"');
}

static bool is_utf8(const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n = (unsigned char)text[i] < 0x80 ? 1 : utf8_len(text + i, len - i);

		if (!n)
			return false;
		i += n;
	}
	return true;
}

static void write_bytes(struct strbuf *out, const char *text, size_t len)
{
	size_t room = sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL);

	strbuf_addstr(out, "{\"$bytes\":\"");
	sodium_bin2base64(strbuf_grow(out, room), room, (const unsigned char *)text, len,
		sodium_base64_VARIANT_ORIGINAL);
	strbuf_setlen(out, out->len + room - 1); /* `room` counts the NUL */
	strbuf_addstr(out, "\"}");
}

static void write_string(struct writer *writer, const struct value *value)
{
	if (writer->stored && !is_utf8(value->text, value->len))
		write_bytes(writer->out, value->text, value->len);
	else
		json_write_string(writer->out, value->text, value->len);
}

static void write_real(struct writer *writer, double real)
{
	char text[40];

	if (!isfinite(real)) {
		strbuf_addf(writer->out, writer->stored ? "{\"$real\":\"%s\"}" : "\"%s\"",
			isnan(real) ? ".nan" : real > 0 ? ".inf" : "-.inf");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) { /* the shortest that reads back */
		snprintf(text, sizeof(text), "%.*g", digits, real);
		if (strtod(text, NULL) == real)
			break;
	}
	strbuf_addstr(writer->out, text);
	if (!strpbrk(text, ".e")) /* a real reads back as a real */
		strbuf_addstr(writer->out, ".0");
}

static void newline(struct writer *writer)
{
	if (!writer->pretty)
		return;
	strbuf_addch(writer->out, '\n');
	for (int i = 0; i < writer->depth; i++)
		strbuf_addstr(writer->out, "  ");
}

static void write_list(struct writer *writer, const struct value *list)
{
	strbuf_addch(writer->out, '[');
	writer->depth++;
	for (uint32_t i = 0; i < list->len; i++) {
		if (i)
			strbuf_addch(writer->out, ',');
		newline(writer);
		write_value(writer, &list->items[i]);
	}
	writer->depth--;
	if (list->len)
		newline(writer);
	strbuf_addch(writer->out, ']');
}

static void write_member(struct writer *writer, const struct value *map, uint32_t i,
	const struct member *member)
{
	if (i)
		strbuf_addch(writer->out, ',');
	newline(writer);
	if (writer->stored && map->len == 1 && member->key[0] == '$') {
		cleanup_strbuf struct strbuf escaped = STRBUF_INIT;

		strbuf_addf(&escaped, "$%s", member->key);
		json_write_string(writer->out, escaped.text, escaped.len);
	} else {
		json_write_string(writer->out, member->key, strlen(member->key));
	}
	strbuf_addstr(writer->out, writer->pretty ? ": " : ":");
	write_value(writer, &member->value);
}

static int by_key(const void *a, const void *b)
{
	const struct member *const *x = a, *const *y = b;

	return strcmp((*x)->key, (*y)->key);
}

static bool in_order(const struct value *map)
{
	for (uint32_t i = 1; i < map->len; i++) {
		if (strcmp(map->members[i - 1].key, map->members[i].key) > 0)
			return false;
	}
	return true;
}

static void write_members(struct writer *writer, const struct value *map)
{
	cleanup_free const struct member **sorted = NULL;

	if (!writer->pretty && !in_order(map)) {
		sorted = xmalloc(map->len * sizeof(*sorted));
		for (uint32_t i = 0; i < map->len; i++)
			sorted[i] = &map->members[i];
		qsort(sorted, map->len, sizeof(*sorted), by_key);
	}
	for (uint32_t i = 0; i < map->len; i++)
		write_member(writer, map, i, sorted ? sorted[i] : &map->members[i]);
}

static void write_map(struct writer *writer, const struct value *map)
{
	strbuf_addch(writer->out, '{');
	writer->depth++;
	write_members(writer, map);
	writer->depth--;
	if (map->len)
		newline(writer);
	strbuf_addch(writer->out, '}');
}

/* What is sealed or hashed: the value in the clear, but in a form that reads back exactly. */
static void write_clear(struct strbuf *out, const struct value *value)
{
	struct writer writer = {.out = out, .secrets = JSON_CLEAR, .stored = true};

	write_value(&writer, value);
}

static void wipe(struct strbuf *buf)
{
	if (buf->cap)
		sodium_memzero(buf->text, buf->cap);
}

static void write_sensitive(struct writer *writer, const struct value *value)
{
	cleanup_strbuf struct strbuf clear = STRBUF_INIT;

	if (!writer->stored) {
		strbuf_addstr(writer->out, "\"(sensitive)\"");
		return;
	}
	if (value->flags & VALUE_KEYED) {
		strbuf_addf(writer->out, "{\"$keyed\":\"%s\"}", value->text);
		return;
	}
	if (!writer->key)
		BUG("a secret would be stored without a key");
	write_clear(&clear, value);
	if (writer->secrets == JSON_SEAL) {
		strbuf_addstr(writer->out, "{\"$sealed\":\"");
		secret_seal(writer->key, clear.text, clear.len, writer->out);
	} else {
		strbuf_addstr(writer->out, "{\"$keyed\":\"");
		secret_digest(writer->key, clear.text, clear.len, writer->out);
	}
	strbuf_addstr(writer->out, "\"}");
	wipe(&clear);
}

static bool is_hidden(const struct writer *writer, const struct value *value)
{
	return value->flags & VALUE_KEYED ||
	       (value->flags & VALUE_SENSITIVE && writer->secrets != JSON_CLEAR);
}

static void write_value(struct writer *writer, const struct value *value)
{
	if (is_hidden(writer, value)) {
		write_sensitive(writer, value);
		return;
	}
	switch ((enum value_kind)value->kind) {
	case VALUE_NULL: strbuf_addstr(writer->out, "null"); break;
	case VALUE_BOOL: strbuf_addstr(writer->out, value->boolean ? "true" : "false"); break;
	case VALUE_INT: strbuf_addf(writer->out, "%" PRId64, value->integer); break;
	case VALUE_REAL: write_real(writer, value->real); break;
	case VALUE_STRING: write_string(writer, value); break;
	case VALUE_LIST: write_list(writer, value); break;
	case VALUE_MAP: write_map(writer, value); break;
	case VALUE_UNKNOWN: strbuf_addstr(writer->out, "{\"$unknown\":true}"); break;
	}
}

void json_write(struct strbuf *out, const struct value *value, enum json_secrets secrets,
	const struct secret_key *key)
{
	struct writer writer = {
		.out = out,
		.secrets = secrets,
		.key = key,
		.stored = secrets == JSON_SEAL || secrets == JSON_DIGEST,
	};

	write_value(&writer, value);
}

void json_write_pretty(struct strbuf *out, const struct value *value)
{
	struct writer writer = {.out = out, .secrets = JSON_MASK, .pretty = true};

	write_value(&writer, value);
}

static bool matches_digest(const struct value *fresh, const struct value *stored,
	const struct secret_key *key)
{
	cleanup_strbuf struct strbuf clear = STRBUF_INIT, digest = STRBUF_INIT;

	if (fresh->flags & VALUE_KEYED)
		return strcmp(fresh->text, stored->text) == 0;
	if (!value_is_known(fresh))
		return false;
	write_clear(&clear, fresh);
	secret_digest(key, clear.text, clear.len, &digest);
	wipe(&clear);
	return strcmp(digest.text, stored->text) == 0;
}

static bool members_match(const struct value *fresh, const struct value *stored,
	const struct secret_key *key)
{
	for (uint32_t i = 0; i < fresh->len; i++) {
		const struct value *other = value_get(stored, fresh->members[i].key);

		if (!other || !value_matches(&fresh->members[i].value, other, key))
			return false;
	}
	return true;
}

bool value_matches(const struct value *fresh, const struct value *stored,
	const struct secret_key *key)
{
	if (stored->flags & VALUE_KEYED)
		return matches_digest(fresh, stored, key);
	if (fresh->kind != stored->kind || value_is_scalar(fresh))
		return value_equal(fresh, stored);
	if (fresh->len != stored->len)
		return false;
	if (fresh->kind == VALUE_MAP)
		return members_match(fresh, stored, key);
	for (uint32_t i = 0; fresh->kind == VALUE_LIST && i < fresh->len; i++) {
		if (!value_matches(&fresh->items[i], &stored->items[i], key))
			return false;
	}
	return fresh->kind == VALUE_LIST;
}
