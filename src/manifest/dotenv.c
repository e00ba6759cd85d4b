/*
 * The environment that ${NAME} sees: that of the process, and below it a file .env in the project
 * root. Its lines are NAME=VALUE, `export` before them, comments and empty lines are fine. Between
 * single quotes everything is literal; double quotes know \n \t \r \" \\ and \$; both may span
 * lines. Nothing is expanded in it.
 */
#include "manifest/loading.h"
#include "model/template.h"

#include <ctype.h>
#include <string.h>

struct reader {
	struct loading *l;
	const char *at, *end, *line_start;
	struct pos pos; /* of the line */
};

static void set(struct loading *l, const char *name, const char *text, struct pos pos)
{
	uint32_t at = map_get(&l->env_index, name);

	if (at != MAP_NONE) {
		if (l->env[at].pos.source) /* later lines win, but never over the process */
			l->env[at].text = text;
		return;
	}
	ARENA_GROW(l->arena, l->env, l->n_env, l->cap_env);
	map_add(&l->env_index, name, (uint32_t)l->n_env);
	l->env[l->n_env++] = (struct env_var){.name = name, .text = text, .pos = pos};
}

static struct pos here(const struct reader *r)
{
	struct pos pos = r->pos;
	size_t column = (size_t)(r->at - r->line_start) + 1;

	pos.column = column > UINT16_MAX ? UINT16_MAX : (uint16_t)column;
	return pos;
}

static void skip_blanks(struct reader *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\t'))
		r->at++;
}

static void skip_line(struct reader *r)
{
	while (r->at < r->end && *r->at != '\n')
		r->at++;
}

static char escaped(char c)
{
	switch (c) {
	case 'n': return '\n';
	case 't': return '\t';
	case 'r': return '\r';
	default: return c;
	}
}

/* Behind the opening quote; stops behind the closing one. NULL: there is none. */
static const char *read_quoted(struct reader *r, char quote)
{
	struct pos start = here(r);
	char *text = arena_alloc(r->l->arena, (size_t)(r->end - r->at) + 1), *to = text;

	for (; r->at < r->end; r->at++) {
		char c = *r->at;

		if (c == quote) {
			r->at++;
			*to = '\0';
			return text;
		}
		if (c == '\n') {
			r->pos.line++;
			r->line_start = r->at + 1;
		}
		if (c == '\\' && quote == '"' && r->at + 1 < r->end &&
			strchr("ntr\"\\$", r->at[1])) {
			*to++ = escaped(*++r->at);
			continue;
		}
		*to++ = c;
	}
	diag_error(r->l->diags, start, "the closing quote is missing");
	return NULL;
}

/* Up to the end of the line or a comment, without blanks at the end. */
static const char *read_bare(struct reader *r)
{
	const char *start = r->at, *end;

	while (r->at < r->end && *r->at != '\n' &&
		!(*r->at == '#' && (r->at == start || isblank((unsigned char)r->at[-1]))))
		r->at++;
	end = r->at;
	while (end > start && isspace((unsigned char)end[-1]))
		end--;
	skip_line(r);
	return arena_strndup(r->l->arena, start, (size_t)(end - start));
}

static void check_rest(struct reader *r)
{
	skip_blanks(r);
	if (r->at < r->end && *r->at != '\n' && *r->at != '\r' && *r->at != '#')
		diag_error(r->l->diags, here(r), "unexpected text after the closing quote");
	skip_line(r);
}

static void bad_line(struct reader *r, struct pos pos)
{
	diag_error(r->l->diags, pos, "a line of .env is NAME=VALUE");
	diag_hint(r->l->diags, "a name has letters, digits and \"_\"; a comment begins with #");
	skip_line(r);
}

static void read_line(struct reader *r)
{
	const char *start, *name, *text;
	struct pos pos;
	size_t len;

	skip_blanks(r);
	if (r->at == r->end || strchr("\n\r#", *r->at)) {
		skip_line(r);
		return;
	}
	if (r->end - r->at > 7 && strncmp(r->at, "export", 6) == 0 &&
		isblank((unsigned char)r->at[6])) {
		r->at += 7;
		skip_blanks(r);
	}
	pos = here(r);
	start = r->at;
	while (r->at < r->end && (isalnum((unsigned char)*r->at) || *r->at == '_'))
		r->at++;
	len = (size_t)(r->at - start);
	skip_blanks(r);
	if (!len || isdigit((unsigned char)*start) || r->at == r->end || *r->at != '=') {
		bad_line(r, pos);
		return;
	}
	name = arena_strndup(r->l->arena, start, len);
	r->at++;
	skip_blanks(r);
	if (r->at < r->end && (*r->at == '"' || *r->at == '\'')) {
		char quote = *r->at++;

		text = read_quoted(r, quote);
		check_rest(r);
	} else {
		text = read_bare(r);
	}
	if (!text)
		return;
	if (template_needed(text, strlen(text)))
		diag_warning(r->l->diags, pos, "%s: references are not replaced in .env", name);
	set(r->l, name, text, pos);
}

static void read_dotenv(struct loading *l, uint16_t id)
{
	struct source *source = &l->manifest->sources.items[id];
	static const char mark[] = "\xef\xbb\xbf"; /* that of UTF-8, which some editors write */
	struct reader r = {
		.l = l,
		.at = source->text,
		.end = source->text + source->len,
		.line_start = source->text,
		.pos = {.line = 1, .column = 1, .source = id},
	};

	source->text = NULL; /* messages tell the place; the line itself may hold a secret */
	if (r.end - r.at >= 3 && memcmp(r.at, mark, 3) == 0)
		r.line_start = r.at += 3;
	if (memchr(r.at, '\0', (size_t)(r.end - r.at))) {
		diag_error(l->diags, (struct pos){.source = id}, "a NUL byte stands in .env");
		return;
	}
	while (r.at < r.end) {
		read_line(&r);
		if (r.at < r.end)
			r.at++; /* the newline */
		r.line_start = r.at;
		r.pos.line++;
	}
}

void env_read(struct loading *l)
{
	const char *path = files_path(l, l->manifest->root, ".env");
	struct error err = ERROR_INIT;
	uint16_t id;

	for (const char *const *entry = l->input->process_env; entry && *entry; entry++) {
		const char *equals = strchr(*entry, '=');

		if (equals)
			set(l, arena_strndup(l->arena, *entry, (size_t)(equals - *entry)),
				equals + 1, POS_NONE);
	}
	if (files_read(l, path, ".env", &id, &err) == 0)
		read_dotenv(l, id);
	else if (err.code != ERROR_NOT_FOUND)
		diag_error(l->diags, POS_NONE, "%s", err.msg);
}

const struct env_var *env_get(const struct loading *l, const char *name)
{
	uint32_t at = map_get(&l->env_index, name);

	return at == MAP_NONE ? NULL : &l->env[at];
}
