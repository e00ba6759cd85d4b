/*
 * Parsing "${...}". One pass over the string cuts it into literals, which stay where they are, and
 * references, which are copied once and classified by their first word. A brace closes a reference
 * unless it stands in a quoted key or belongs to a reference inside the default.
 */
#include "model/template.h"

#include <ctype.h>
#include <string.h>

enum { MAX_NESTING = 8 }; /* of references in defaults: more is a mistake, and recursion must end */

struct parser {
	struct arena *arena;
	struct diags *diags;
	const struct value *string;
	struct part few[4]; /* most have no more; in the arena they take the room that they need */
	size_t cap;
};

static const char *const words[] = {"var", "each", "secret", "service", "cluster", "terraform"};

bool template_needed(const char *text, size_t len)
{
	const char *end = text + len;

	while ((text = memchr(text, '$', (size_t)(end - text)))) {
		if (++text == end)
			return false;
		if (*text == '{')
			return true;
	}
	return false;
}

/* Where byte `at` of the string stands. Exact when the string is one line or a whole file; what was
   rewritten knows its lines only. */
static struct pos place(const struct value *string, size_t at)
{
	struct pos pos = value_pos(string);
	const char *text = string->text, *line = text, *newline;

	if (!pos.line || !pos.column)
		return pos;
	if (string->flags & VALUE_REWRITTEN && !memchr(text, '\n', string->len))
		return pos;
	while ((newline = memchr(line, '\n', (size_t)(text + at - line)))) {
		line = newline + 1;
		pos.line++;
	}
	if (string->flags & VALUE_REWRITTEN) {
		pos.column = 0;
		return pos;
	}
	at = (size_t)(text + at - line) + string->column;
	/* the quote of a quoted scalar stands before its text */
	if (line == text && string->kind == VALUE_STRING && !(string->flags & VALUE_PLAIN) &&
		pos.column > 1 && !memchr(text, '\n', string->len))
		at++;
	pos.column = at > UINT16_MAX ? UINT16_MAX : (uint16_t)at;
	return pos;
}

/* The end of the reference whose text begins at `at` (the index of its "}"); 0: there is none. */
static size_t find_end(const char *text, size_t len, size_t at)
{
	unsigned depth = 1;
	bool in_default = false;
	char quote = '\0';

	for (; at < len; at++) {
		char c = text[at];

		if (quote) {
			quote = c == quote ? '\0' : quote;
		} else if (c == '}') {
			if (--depth == 0)
				return at;
		} else if (c == '$' && at + 1 < len && text[at + 1] == '{') {
			if (++depth > MAX_NESTING)
				return 0;
			at++;
		} else if ((c == '"' || c == '\'') && !in_default &&
			   (text[at - 1] == '[' || text[at - 1] == '{')) {
			quote = c;
		} else if (c == ':' && at + 1 < len &&
			   (text[at + 1] == '-' || text[at + 1] == '?')) {
			in_default = true; /* quotes are ordinary from here on */
		}
	}
	return 0;
}

static struct part *add_part(struct parser *p, struct template *out, enum part_kind kind)
{
	if (!p->cap) {
		out->parts = p->few;
		p->cap = ARRAY_SIZE(p->few);
	}
	ARENA_GROW(p->arena, out->parts, out->n, p->cap);
	out->parts[out->n] = (struct part){.kind = kind, .path = ""};
	return &out->parts[out->n++];
}

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static size_t name_len(const char *text)
{
	size_t len = 0;

	while (is_name_char(text[len]))
		len++;
	return len;
}

static int syntax_error(struct parser *p, const struct part *part, const char *what)
{
	return diag_error(p->diags, part->pos, "%s in ${%s}", what, part->text);
}

/* Who writes an operator or a function expects more of a reference than it is. */
static int unexpected(struct parser *p, const struct part *part)
{
	syntax_error(p, part, "unexpected character");
	diag_hint(p->diags, "a reference names one value, and its default: ${var.NAME:-text}; there are no "
		"operators and functions");
	return -1;
}

/* Every step of "a.b[0]["c"]" must be one that value_path can follow. */
static int check_path(struct parser *p, const struct part *part, const char *path)
{
	while (*path) {
		size_t len;

		if (*path == '[') {
			char quote = path[1];
			const char *end;

			if (quote == '"' || quote == '\'')
				end = strchr(path + 2, quote);
			else
				end = path + strspn(path + 1, "0123456789");
			if (!end || end == path || end[1] != ']')
				return syntax_error(
					p, part, "a bracket needs a number or a quoted key");
			path = end + 2;
			if (*path && *path != '.' && *path != '[')
				return syntax_error(p, part, "a dot is missing after \"]\"");
			continue;
		}
		path += *path == '.';
		len = name_len(path);
		if (!len)
			return *path ? unexpected(p, part) : syntax_error(p, part, "a name is missing");
		path += len;
		if (*path && *path != '.' && *path != '[')
			return unexpected(p, part);
	}
	return 0;
}

/* "NAME.rest" or "NAME[0]": `name` is copied out, `path` points into `text`. */
static int split_name(struct parser *p, struct part *part, const char *text)
{
	size_t len = name_len(text);

	if (!len)
		return syntax_error(p, part, "a name is missing");
	part->name = arena_strndup(p->arena, text, len);
	text += len;
	if (check_path(p, part, text) < 0)
		return -1;
	part->path = text + (*text == '.');
	return 0;
}

/* type.name, type.name["key"], type.name[*] and a path. */
static int parse_resource(struct parser *p, struct part *part, const char *text)
{
	const char *type = text, *key = NULL, *end;
	size_t len, key_len = 0;

	text += name_len(text) + 1; /* the dot was seen */
	len = name_len(text);
	if (!len)
		return syntax_error(p, part, "the name of the resource is missing");
	text += len;
	len = (size_t)(text - type);
	if (strncmp(text, "[*]", 3) == 0) {
		part->every = true;
		text += 3;
	} else if (text[0] == '[' && (text[1] == '"' || text[1] == '\'')) {
		key = text + 2;
		end = strchr(key, text[1]);
		if (!end || end[1] != ']')
			return syntax_error(p, part, "the key is not closed");
		key_len = (size_t)(end - key);
		text = end + 2;
	} else if (text[0] == '[') {
		syntax_error(p, part, "instances have keys, not numbers");
		diag_hint(p->diags, "write %.*s[\"KEY\"] for one, %.*s[*] for all", (int)len, type,
			(int)len, type);
		return -1;
	}
	if (*text && *text != '.')
		return unexpected(p, part);
	if (check_path(p, part, text) < 0)
		return -1;
	part->kind = PART_RESOURCE;
	part->name =
		key ? arena_printf(p->arena, "%.*s[\"%.*s\"]", (int)len, type, (int)key_len, key)
		    : arena_strndup(p->arena, type, len);
	part->path = text + (*text == '.');
	if (part->fallback && template_needed(part->fallback, strlen(part->fallback))) {
		syntax_error(
			p, part, "a reference stands in the default of a reference to a resource");
		diag_hint(p->diags, "put it into a variable, and ${var.NAME} where both are known");
		return -1;
	}
	return 0;
}

static int parse_each(struct parser *p, struct part *part, const char *text)
{
	part->kind = PART_EACH;
	if (split_name(p, part, text) < 0)
		return -1;
	if (strcmp(part->name, "value") == 0 || (strcmp(part->name, "key") == 0 && !*part->path))
		return 0;
	syntax_error(p, part, "unknown reference");
	diag_hint(p->diags, "there are ${each.key} and ${each.value}");
	return -1;
}

static int report_word(struct parser *p, struct part *part, const char *text, size_t len)
{
	struct nearest nearest = {.word = arena_strndup(p->arena, text, len)};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		nearest_try(&nearest, words[i]);
	syntax_error(p, part, "unknown reference");
	if (nearest.best)
		diag_hint(p->diags, "did you mean ${%s%s}?", nearest.best, text + len);
	else
		diag_hint(p->diags, "a resource is ${TYPE.NAME.ATTRIBUTE}, a variable ${var.NAME}, "
			"the environment ${NAME}, a file ${file:PATH}");
	return -1;
}

static bool is_word(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(text, word, len) == 0;
}

/* By the first word: what stands before the first dot. */
static int parse_dotted(struct parser *p, struct part *part, const char *text, size_t len)
{
	const char *rest = text + len + 1;

	if (is_word(text, len, "var")) {
		part->kind = PART_VARIABLE;
		return split_name(p, part, rest);
	}
	if (is_word(text, len, "each"))
		return parse_each(p, part, rest);
	if (is_word(text, len, "secret")) {
		part->kind = PART_SECRET;
		return split_name(p, part, rest);
	}
	for (size_t i = 3; i < ARRAY_SIZE(words); i++) {
		if (is_word(text, len, words[i])) {
			part->kind = PART_SHORT;
			part->name = words[i];
			part->path = rest;
			return check_path(p, part, rest - 1);
		}
	}
	if (memchr(text, '_', len)) /* every type name has one */
		return parse_resource(p, part, text);
	return report_word(p, part, text, len);
}

static int parse_env(struct parser *p, struct part *part, const char *text, size_t len)
{
	if (text[len] || memchr(text, '-', len) || isdigit((unsigned char)*text)) {
		syntax_error(p, part, len ? "unexpected character" : "a name is missing");
		diag_hint(p->diags, "write ${NAME}, ${NAME:-default} or ${NAME:?message}; "
			"a literal \"${\" is \"$${\"");
		return -1;
	}
	part->kind = PART_ENV;
	part->name = text;
	return 0;
}

/* Cuts `inner` at the first ":-" or ":?" outside a quoted key; it is ours to write into. */
static void cut_default(struct part *part, char *inner)
{
	char quote = '\0';

	for (char *at = inner; *at; at++) {
		if (quote) {
			quote = *at == quote ? '\0' : quote;
		} else if ((*at == '"' || *at == '\'') && (at == inner || at[-1] == '[')) {
			quote = *at;
		} else if (at[0] == ':' && (at[1] == '-' || at[1] == '?')) {
			*at = '\0';
			if (at[1] == '-')
				part->fallback = at + 2;
			else
				part->message = at + 2;
			return;
		}
	}
}

static int check_message(struct parser *p, const struct part *part)
{
	if (!part->message || part->kind == PART_ENV || part->kind == PART_VARIABLE)
		return 0;
	syntax_error(p, part, "\":?\" is for the environment and variables only");
	diag_hint(p->diags, "give a default with \":-\"");
	return -1;
}

static int parse_reference(struct parser *p, struct part *part, const char *text, size_t len)
{
	char *inner = arena_strndup(p->arena, text, len);
	size_t word;
	int status;

	part->text = inner;
	if (memchr(text, '\0', len) || !len)
		return syntax_error(p, part, len ? "a NUL byte" : "nothing");
	if (memchr(text, ':', len)) { /* is cut apart: `text` must stay whole */
		inner = arena_strndup(p->arena, text, len);
		cut_default(part, inner);
	}
	if (strncmp(inner, "file:", 5) == 0) {
		part->kind = PART_FILE;
		part->name = inner + 5;
		return *part->name ? check_message(p, part)
				   : syntax_error(p, part, "a path is missing");
	}
	word = name_len(inner);
	status = inner[word] == '.' && word ? parse_dotted(p, part, inner, word)
					    : parse_env(p, part, inner, word);
	return status < 0 ? -1 : check_message(p, part);
}

static void add_literal(struct parser *p, struct template *out, const char *text, size_t len)
{
	struct part *part;

	if (!len)
		return;
	part = add_part(p, out, PART_LITERAL);
	part->text = text;
	part->len = len;
}

/* ${"text"}: the only way to write a "$" right before a reference. */
static bool parse_quoted(struct parser *p, struct template *out, const char *text, size_t len)
{
	if (len < 2 || (*text != '"' && *text != '\'') || text[len - 1] != *text)
		return false;
	add_literal(p, out, text + 1, len - 2);
	return true;
}

static int report_open(struct parser *p, size_t at)
{
	diag_error(p->diags, place(p->string, at), "\"${\" is never closed");
	diag_hint(p->diags,
		"add the \"}\"; a literal \"${\" is \"$${\"; and a \" #\" in text without "
		"quotes begins a comment");
	return -1;
}

static int parse_parts(struct parser *p, const struct value *string, struct template *out)
{
	const char *text = string->text;
	size_t len = string->len, literal = 0, at = 0;
	bool quoted = false;
	int status = 0;

	while (at + 1 < len) {
		const char *dollar = memchr(text + at, '$', len - at - 1);
		struct part *part;
		size_t end;

		if (!dollar)
			break;
		at = (size_t)(dollar - text);
		if (text[at + 1] == '$' && at + 2 < len && text[at + 2] == '{') {
			add_literal(p, out, text + literal, at - literal);
			literal = at + 1;
			at += 3;
			continue;
		}
		if (text[at + 1] != '{') {
			at++;
			continue;
		}
		end = find_end(text, len, at + 2);
		if (!end)
			return report_open(p, at);
		add_literal(p, out, text + literal, at - literal);
		if (parse_quoted(p, out, text + at + 2, end - at - 2)) {
			quoted = true;
		} else {
			part = add_part(p, out, PART_ENV);
			part->pos = place(string, at);
			part->string = value_pos(string);
			if (parse_reference(p, part, text + at + 2, end - at - 2) < 0) {
				status = -1;
				part->kind = PART_LITERAL; /* the others can be looked at */
			}
		}
		at = literal = end + 1;
	}
	add_literal(p, out, text + literal, len - literal);
	out->whole = out->n == 1 && out->parts[0].kind != PART_LITERAL && !quoted;
	return status;
}

int template_parse(const struct value *string, struct arena *arena, struct template *out,
	struct diags *diags)
{
	struct parser p = {.arena = arena, .diags = diags, .string = string};
	size_t size;
	int status;

	*out = (struct template){0};
	status = parse_parts(&p, string, out);
	size = out->n * sizeof(*out->parts);
	if (out->parts == p.few)
		out->parts = arena_regrow(arena, p.few, size, size);
	return status;
}
