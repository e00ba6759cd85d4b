/*
 * Reads just enough of the configuration language to find `source` of module blocks, the backend and the outputs.
 * Strings with templates, heredocs and comments are stepped over, so that nothing inside them counts.
 */
#include "providers/terraform/terraform.h"

#include <ctype.h>
#include <string.h>

enum token {
	TOKEN_END,
	TOKEN_NAME,
	TOKEN_TEXT, /* a quoted string */
	TOKEN_OTHER,
};

struct hcl {
	const char *at, *end;
	struct arena *arena;
	const char *text; /* of the last name or string */
};

static void skip_line(struct hcl *h)
{
	const char *newline = memchr(h->at, '\n', (size_t)(h->end - h->at));

	h->at = newline ? newline + 1 : h->end;
}

static bool starts(const struct hcl *h, const char *text)
{
	size_t len = strlen(text);

	return (size_t)(h->end - h->at) >= len && memcmp(h->at, text, len) == 0;
}

static void skip_blank(struct hcl *h)
{
	while (h->at < h->end) {
		if (isspace((unsigned char)*h->at)) {
			h->at++;
		} else if (*h->at == '#' || starts(h, "//")) {
			skip_line(h);
		} else if (starts(h, "/*")) {
			const char *close = memmem(h->at + 2, (size_t)(h->end - h->at - 2), "*/", 2);

			h->at = close ? close + 2 : h->end;
		} else {
			return;
		}
	}
}

/* After the opening quote. A template inside may hold strings and braces of its own. */
static void read_string(struct hcl *h)
{
	const char *from = h->at;
	char nest[64]; /* what is open: a string or a template */
	int depth = 1;

	nest[0] = '"';
	while (h->at < h->end && depth && depth < (int)sizeof(nest)) {
		char top = nest[depth - 1];

		if (top == '"' && *h->at == '\\' && h->at + 1 < h->end) {
			h->at++;
		} else if (*h->at == '"') {
			if (top == '"')
				depth--;
			else
				nest[depth++] = '"';
		} else if (top == '"' && (starts(h, "$${") || starts(h, "%%{"))) {
			h->at += 2;
		} else if (top == '"' && (starts(h, "${") || starts(h, "%{"))) {
			nest[depth++] = '{';
			h->at++;
		} else if (top == '{' && *h->at == '{') {
			nest[depth++] = '{';
		} else if (top == '{' && *h->at == '}') {
			depth--;
		}
		h->at++;
	}
	h->text = arena_strndup(h->arena, from, h->at > from ? (size_t)(h->at - from - 1) : 0);
}

/* "<<EOF" or "<<-EOF" to the line that is only EOF. */
static void skip_heredoc(struct hcl *h)
{
	const char *name, *line;
	size_t len = 0;

	h->at += h->at[2] == '-' ? 3 : 2;
	name = h->at;
	while (h->at + len < h->end && (isalnum((unsigned char)name[len]) || name[len] == '_'))
		len++;
	skip_line(h);
	while (h->at < h->end) {
		line = h->at;
		while (line < h->end && (*line == ' ' || *line == '\t'))
			line++;
		skip_line(h);
		if ((size_t)(h->at - line) >= len && memcmp(line, name, len) == 0 &&
			(line + len == h->end || isspace((unsigned char)line[len])))
			return;
	}
}

static enum token next(struct hcl *h, char *sign)
{
	const char *from;

	skip_blank(h);
	*sign = 0;
	if (h->at >= h->end)
		return TOKEN_END;
	from = h->at;
	if (*h->at == '"') {
		h->at++;
		read_string(h);
		return TOKEN_TEXT;
	}
	if (h->end - h->at > 3 && starts(h, "<<") && (h->at[2] == '-' || isalpha((unsigned char)h->at[2]))) {
		skip_heredoc(h);
		return TOKEN_OTHER;
	}
	if (isalpha((unsigned char)*h->at) || *h->at == '_') {
		while (h->at < h->end && (isalnum((unsigned char)*h->at) || *h->at == '_' || *h->at == '-'))
			h->at++;
		h->text = arena_strndup(h->arena, from, (size_t)(h->at - from));
		return TOKEN_NAME;
	}
	*sign = *h->at++;
	return TOKEN_OTHER;
}

/* The body of a block, after its brace: its attributes and blocks at the first level. */
static bool scan_body(struct hcl *h, const char *block, const struct hcl_found *found)
{
	bool is_module = strcmp(block, "module") == 0, is_settings = strcmp(block, "terraform") == 0;
	const char *name = "";
	int depth = 1;
	bool assigned = false;
	enum token token;
	char sign;

	while (depth && (token = next(h, &sign)) != TOKEN_END) {
		if (sign == '{' || sign == '[' || sign == '(')
			depth++;
		else if (sign == '}' || sign == ']' || sign == ')')
			depth--;
		else if (depth == 1 && token == TOKEN_NAME)
			name = h->text;
		else if (depth == 1 && token == TOKEN_TEXT && is_module && assigned &&
			 strcmp(name, "source") == 0)
			found->source(found->arg, h->text);
		else if (depth == 1 && token == TOKEN_TEXT && is_settings && strcmp(name, "backend") == 0)
			found->backend(found->arg, h->text);
		if (depth == 2 && sign == '{' && is_settings && strcmp(name, "cloud") == 0)
			found->backend(found->arg, name);
		assigned = sign == '=';
	}
	return !depth;
}

bool hcl_scan(const char *text, size_t len, struct arena *arena, const struct hcl_found *found)
{
	struct hcl h = {text, text + len, arena, ""};
	const char *block = "", *label = NULL;
	bool fresh = true; /* the next name begins a block */
	bool whole = true;
	enum token token;
	char sign;

	while ((token = next(&h, &sign)) != TOKEN_END) {
		if (token == TOKEN_NAME && fresh) {
			block = h.text;
			label = NULL;
			fresh = false;
		} else if (token == TOKEN_NAME || token == TOKEN_TEXT) {
			label = h.text;
		} else if (sign == '{') {
			if (strcmp(block, "output") == 0 && label)
				found->output(found->arg, label);
			whole = scan_body(&h, block, found) && whole && (label || strcmp(block, "output") != 0);
			fresh = true;
		}
	}
	return whole;
}
