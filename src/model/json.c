/*
 * The parser. It builds values straight in the arena, because a plan of 10,000 resources reads 10,000
 * small documents and a tree in between would cost more than the parsing. Members and items gather on
 * one stack and are copied when their container closes, so the arena holds nothing but the result.
 */
#include "model/json.h"

#include "base/map.h"
#include "base/secret.h"
#include "base/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_DEPTH = 1024,   /* the parser recurses */
	FEW_MEMBERS = 16,   /* up to here comparing all keys is faster than a map */
};

struct parser {
	const char *start, *at, *end;
	struct arena *arena;
	const struct secret_key *key;
	struct error *err;
	struct member *stack; /* of a list's items only `value` is used */
	size_t n, cap;
	int depth;
};

static int parse_value(struct parser *parser, struct value *out);

static int fail(struct parser *parser, const char *what)
{
	size_t line = 1, column = 1;

	for (const char *p = parser->start; p < parser->at; p++) {
		column = *p == '\n' ? 1 : column + 1;
		line += *p == '\n';
	}
	return error_set(parser->err, ERROR_INVALID, "invalid JSON at line %zu, column %zu: %s", line,
		column, what);
}

static void skip_space(struct parser *parser)
{
	while (parser->at < parser->end && (*parser->at == ' ' || *parser->at == '\n' ||
						   *parser->at == '\t' || *parser->at == '\r'))
		parser->at++;
}

/* The next byte, or NUL at the end (where a NUL is no token either). */
static char peek(const struct parser *parser)
{
	return parser->at < parser->end ? *parser->at : '\0';
}

/* --- strings ------------------------------------------------------------------------------------ */

/* Four hexadecimal digits at parser->at; -1 when they are not. */
static int32_t hex4(struct parser *parser)
{
	int32_t code = 0;

	if (parser->end - parser->at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		static const char digits[] = "0123456789abcdef";
		char c = *parser->at++;
		const char *digit = memchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c, 16);

		if (!digit)
			return -1;
		code = code << 4 | (int32_t)(digit - digits);
	}
	return code;
}

/* Behind "\u"; a surrogate needs its other half. */
static int parse_unicode(struct parser *parser, char **out)
{
	int32_t code = hex4(parser);

	if (code >= 0xd800 && code < 0xdc00) {
		int32_t low = -1;

		if (parser->end - parser->at >= 2 && memcmp(parser->at, "\\u", 2) == 0) {
			parser->at += 2;
			low = hex4(parser);
		}
		if (low < 0xdc00 || low > 0xdfff)
			return fail(parser, "half a surrogate pair");
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	} else if (code >= 0xdc00 && code <= 0xdfff) {
		return fail(parser, "half a surrogate pair");
	}
	if (code < 0)
		return fail(parser, "four hexadecimal digits expected");
	*out += utf8_put(*out, (uint32_t)code);
	return 0;
}

static int parse_escape(struct parser *parser, char **out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char c = peek(parser);
	const char *found = c ? strchr(from, c) : NULL;

	if (found) {
		*(*out)++ = to[found - from];
		parser->at++;
		return 0;
	}
	if (c != 'u')
		return fail(parser, "unknown escape");
	parser->at++;
	return parse_unicode(parser, out);
}

/* Moves behind the bytes that stand for themselves. -1: one that may not stand there. */
static int skip_plain(struct parser *parser)
{
	while (parser->at < parser->end && *parser->at != '"' && *parser->at != '\\') {
		unsigned char c = (unsigned char)*parser->at;
		size_t n = c < 0x80 ? c >= 0x20
				    : utf8_len(parser->at, (size_t)(parser->end - parser->at));

		if (!n)
			return fail(parser, c < 0x20 ? "a control character in a string"
						     : "not UTF-8");
		parser->at += n;
	}
	return parser->at < parser->end ? 0 : fail(parser, "a string without an end");
}

/* The rest of a string that holds an escape; `from` is where its bytes begin. */
static int parse_escaped(struct parser *parser, const char *from, const char **text, size_t *len)
{
	const char *close = parser->at;
	char *out, *to;

	while (close < parser->end && *close != '"') /* bounds the length: decoding never grows */
		close += *close == '\\' ? 2 : 1;
	if (close >= parser->end)
		return fail(parser, "a string without an end");
	to = out = arena_alloc(parser->arena, (size_t)(close - from) + 1);
	for (;;) {
		memcpy(to, from, (size_t)(parser->at - from));
		to += parser->at - from;
		if (*parser->at++ == '"')
			break;
		if (parse_escape(parser, &to) < 0)
			return -1;
		from = parser->at;
		if (skip_plain(parser) < 0)
			return -1;
	}
	*to = '\0';
	*text = out;
	*len = (size_t)(to - out);
	return 0;
}

/* At the opening quote. */
static int parse_text(struct parser *parser, const char **text, size_t *len)
{
	const char *from = ++parser->at;

	if (skip_plain(parser) < 0)
		return -1;
	if (*parser->at == '\\')
		return parse_escaped(parser, from, text, len);
	*len = (size_t)(parser->at++ - from);
	*text = arena_strndup(parser->arena, from, *len);
	return 0;
}

static int parse_string(struct parser *parser, struct value *out)
{
	const char *text;
	size_t len;

	if (parse_text(parser, &text, &len) < 0)
		return -1;
	*out = (struct value){.kind = VALUE_STRING, .text = text, .len = (uint32_t)len};
	return 0;
}

/* --- numbers and words -------------------------------------------------------------------------- */

static bool skip_digits(struct parser *parser)
{
	const char *from = parser->at;

	while (peek(parser) >= '0' && peek(parser) <= '9')
		parser->at++;
	return parser->at > from;
}

/* Moves behind a number. Sets *whole when it has neither a fraction nor an exponent. */
static bool skip_number(struct parser *parser, bool *whole)
{
	*whole = true;
	if (peek(parser) == '-')
		parser->at++;
	if (peek(parser) == '0')
		parser->at++;
	else if (!skip_digits(parser))
		return false;
	if (peek(parser) == '.') {
		*whole = false;
		parser->at++;
		if (!skip_digits(parser))
			return false;
	}
	if (peek(parser) == 'e' || peek(parser) == 'E') {
		*whole = false;
		parser->at++;
		if (peek(parser) == '+' || peek(parser) == '-')
			parser->at++;
		if (!skip_digits(parser))
			return false;
	}
	return true;
}

static int parse_number(struct parser *parser, struct value *out)
{
	const char *from = parser->at, *text;
	bool whole;

	if (!skip_number(parser, &whole))
		return fail(parser, parser->at == from ? "a value expected" : "a digit expected");
	text = arena_strndup(parser->arena, from, (size_t)(parser->at - from));
	*out = (struct value){.text = text, .len = (uint32_t)(parser->at - from)};
	if (whole) {
		errno = 0;
		out->kind = VALUE_INT;
		out->integer = strtoll(text, NULL, 10);
		if (!errno)
			return 0;
	}
	out->kind = VALUE_REAL; /* also a whole number beyond 64 bits */
	out->real = strtod(text, NULL);
	return isfinite(out->real) ? 0 : fail(parser, "the number is too large");
}

static int parse_word(struct parser *parser, const char *word, struct value value,
	struct value *out)
{
	size_t len = strlen(word);

	if ((size_t)(parser->end - parser->at) < len || memcmp(parser->at, word, len) != 0)
		return fail(parser, "a value expected");
	parser->at += len;
	*out = value;
	return 0;
}

/* --- stored forms ------------------------------------------------------------------------------- */

static int open_sealed(struct parser *parser, const char *sealed, struct value *out)
{
	cleanup_strbuf struct strbuf clear = STRBUF_INIT;
	int result = secret_open(parser->key, sealed, &clear, parser->err);

	if (result == 0)
		result = json_parse(clear.text, clear.len, parser->arena, parser->key, out,
			parser->err);
	if (clear.cap)
		sodium_memzero(clear.text, clear.cap);
	if (result == 0)
		*out = value_sensitive(*out);
	return result;
}

static int open_bytes(struct parser *parser, const struct value *text, struct value *out)
{
	size_t len;
	char *bytes = arena_alloc(parser->arena, text->len + 1);

	if (sodium_base642bin((unsigned char *)bytes, text->len, text->text, text->len, NULL, &len,
		    NULL, sodium_base64_VARIANT_ORIGINAL) < 0)
		return fail(parser, "damaged base64");
	bytes[len] = '\0';
	*out = (struct value){.kind = VALUE_STRING, .text = bytes, .len = (uint32_t)len};
	return 0;
}

static int open_real(struct parser *parser, const char *text, struct value *out)
{
	*out = (struct value){
		.kind = VALUE_REAL,
		.text = text,
		.len = (uint32_t)strlen(text),
		.real = strcmp(text, ".inf") == 0    ? HUGE_VAL
			: strcmp(text, "-.inf") == 0 ? -HUGE_VAL
						     : NAN,
	};
	(void)parser;
	return 0;
}

/* A map of one member whose key begins with '$': one of ours, or a user's that was escaped. */
static int open_stored(struct parser *parser, struct value *map)
{
	struct member member = map->members[0];
	const struct value *value = &member.value;

	if (member.key[1] == '$') {
		struct member *plain = arena_alloc(parser->arena, sizeof(*plain));

		*plain = member;
		plain->key++;
		map->members = plain;
		return 0;
	}
	if (strcmp(member.key, "$unknown") == 0) {
		*map = value_unknown;
		return 0;
	}
	if (value->kind != VALUE_STRING)
		return 0;
	if (strcmp(member.key, "$sealed") == 0)
		return open_sealed(parser, value->text, map);
	if (strcmp(member.key, "$bytes") == 0)
		return open_bytes(parser, value, map);
	if (strcmp(member.key, "$real") == 0)
		return open_real(parser, value->text, map);
	if (strcmp(member.key, "$keyed") == 0) {
		if (secret_check(parser->key, value->text, parser->err) < 0)
			return -1;
		*map = *value;
		map->flags |= VALUE_SENSITIVE | VALUE_KEYED;
	}
	return 0;
}

/* --- containers --------------------------------------------------------------------------------- */

static bool has_duplicate(const struct member *members, size_t n)
{
	struct map seen = MAP_INIT;
	bool found = false;

	if (n <= FEW_MEMBERS) {
		for (size_t i = 1; i < n; i++) {
			for (size_t j = 0; j < i; j++) {
				if (strcmp(members[i].key, members[j].key) == 0)
					return true;
			}
		}
		return false;
	}
	map_reserve(&seen, n);
	for (size_t i = 0; i < n && !found; i++)
		found = !map_add(&seen, members[i].key, 0);
	map_release(&seen);
	return found;
}

static int parse_key(struct parser *parser, struct member *member)
{
	size_t len;

	if (peek(parser) != '"')
		return fail(parser, "a key in double quotes expected");
	if (parse_text(parser, &member->key, &len) < 0)
		return -1;
	if (strlen(member->key) != len)
		return fail(parser, "a key with a NUL");
	skip_space(parser);
	if (peek(parser) != ':')
		return fail(parser, "':' expected");
	parser->at++;
	return 0;
}

static void push(struct parser *parser, const struct member *member)
{
	VEC_GROW(parser->stack, parser->n, parser->cap);
	parser->stack[parser->n++] = *member;
}

/* At the opening bracket: pushes what stands up to `close`, then moves behind it. */
static int parse_entries(struct parser *parser, char close)
{
	bool first = true;

	parser->at++;
	for (;; first = false) {
		struct member member = {.key = NULL};

		skip_space(parser);
		if (first && peek(parser) == close)
			break;
		if (close == '}' && parse_key(parser, &member) < 0)
			return -1;
		if (parse_value(parser, &member.value) < 0)
			return -1;
		push(parser, &member);
		skip_space(parser);
		if (peek(parser) == close)
			break;
		if (peek(parser) != ',')
			return fail(parser, close == '}' ? "',' or '}' expected"
							 : "',' or ']' expected");
		parser->at++;
	}
	parser->at++;
	return 0;
}

static int close_map(struct parser *parser, size_t base, struct value *out)
{
	size_t n = parser->n - base;
	struct member *members = arena_alloc(parser->arena, n * sizeof(*members));

	if (n)
		memcpy(members, parser->stack + base, n * sizeof(*members));
	if (has_duplicate(members, n))
		return fail(parser, "a key stands twice in the map that ends here");
	*out = value_map(members, n);
	if (parser->key && n == 1 && members[0].key[0] == '$')
		return open_stored(parser, out);
	return 0;
}

static void close_list(struct parser *parser, size_t base, struct value *out)
{
	size_t n = parser->n - base;
	struct value *items = arena_alloc(parser->arena, n * sizeof(*items));

	for (size_t i = 0; i < n; i++)
		items[i] = parser->stack[base + i].value;
	*out = value_list(items, n);
}

static int parse_container(struct parser *parser, char close, struct value *out)
{
	size_t base = parser->n;
	int result = 0;

	if (++parser->depth > MAX_DEPTH)
		return fail(parser, "nested too deep");
	if (parse_entries(parser, close) < 0)
		return -1;
	if (close == '}')
		result = close_map(parser, base, out);
	else
		close_list(parser, base, out);
	parser->n = base;
	parser->depth--;
	return result;
}

static int parse_value(struct parser *parser, struct value *out)
{
	skip_space(parser);
	switch (peek(parser)) {
	case '{': return parse_container(parser, '}', out);
	case '[': return parse_container(parser, ']', out);
	case '"': return parse_string(parser, out);
	case 't': return parse_word(parser, "true", value_bool(true), out);
	case 'f': return parse_word(parser, "false", value_bool(false), out);
	case 'n': return parse_word(parser, "null", value_null, out);
	default: return parse_number(parser, out);
	}
}

int json_parse(const char *text, size_t len, struct arena *arena, const struct secret_key *key,
	struct value *out, struct error *err)
{
	struct parser parser = {
		.start = text,
		.at = text,
		.end = text + len,
		.arena = arena,
		.key = key,
		.err = err,
	};
	int result;

	if (len > INT32_MAX)
		return error_set(err, ERROR_INVALID, "more than 2 GiB of JSON");
	result = parse_value(&parser, out);
	skip_space(&parser);
	if (result == 0 && parser.at < parser.end)
		result = fail(&parser, "something behind the end of the value");
	free(parser.stack);
	return result;
}
