/*
 * Environment files. The form is that of .env in the manifest: NAME=value lines, `export` before them,
 * comments; '...' is literal, "..." knows \n \t \r and escapes, both may span lines. Nothing is
 * expanded: what runs must not depend on the shell that devenv was started from.
 */
#include "model/env_file.h"

#include "base/error.h"
#include "base/fs.h"

#include <string.h>

struct env_reader {
	const char *path, *at, *end;
	int line;
};

static void put(struct value_builder *out, const char *name, struct value value)
{
	for (size_t i = 0; i < out->n; i++)
		if (!strcmp(out->members[i].key, name)) {
			out->members[i].value = value;
			return;
		}
	builder_put(out, name, value);
}

static void skip_blanks(struct env_reader *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\t'))
		r->at++;
}

static void skip_line(struct env_reader *r)
{
	while (r->at < r->end && *r->at != '\n')
		r->at++;
	r->at += r->at < r->end;
	r->line++;
}

/* Up to the end of the line or a # after a blank; blanks at the end do not count. */
static void read_bare(struct env_reader *r, struct strbuf *out)
{
	const char *start = r->at;

	for (; r->at < r->end && *r->at != '\n'; r->at++)
		if (*r->at == '#' && (r->at == start || r->at[-1] == ' ' || r->at[-1] == '\t'))
			break;
	strbuf_add(out, start, (size_t)(r->at - start));
	while (out->len && strchr(" \t\r", out->text[out->len - 1]))
		strbuf_setlen(out, out->len - 1);
}

static char escaped(char c)
{
	return c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
}

static int read_quoted(struct env_reader *r, struct strbuf *out, struct error *err)
{
	char quote = *r->at++;
	int line = r->line;

	for (; r->at < r->end && *r->at != quote; r->at++) {
		r->line += *r->at == '\n';
		if (quote == '"' && *r->at == '\\' && r->at + 1 < r->end)
			strbuf_addch(out, escaped(*++r->at));
		else
			strbuf_addch(out, *r->at);
	}
	if (r->at == r->end)
		return error_set(err, ERROR_INVALID, "%s:%d: a quote is not closed", r->path, line);
	r->at++;
	return 0;
}

static int read_line(struct env_reader *r, struct value_builder *out, struct error *err)
{
	cleanup_strbuf struct strbuf value = STRBUF_INIT;
	const char *name, *end;

	skip_blanks(r);
	if (r->at == r->end || strchr("\n\r#", *r->at))
		return 0;
	if (r->end - r->at > 7 && !strncmp(r->at, "export ", 7))
		r->at += 7;
	name = r->at;
	while (r->at < r->end && *r->at != '=' && *r->at != '\n')
		r->at++;
	for (end = r->at; end > name && (end[-1] == ' ' || end[-1] == '\t');)
		end--;
	if (r->at == r->end || *r->at != '=' || end == name)
		return error_set(err, ERROR_INVALID, "%s:%d: expected NAME=value", r->path, r->line);
	r->at++;
	skip_blanks(r);
	if (r->at < r->end && (*r->at == '\'' || *r->at == '"')) {
		if (read_quoted(r, &value, err) < 0)
			return -1;
	} else {
		read_bare(r, &value);
	}
	put(out, arena_strndup(out->arena, name, (size_t)(end - name)),
		value_strn(out->arena, value.text, value.len));
	return 0;
}

int env_file_parse(const char *path, const char *text, size_t len, struct value_builder *out,
	struct error *err)
{
	struct env_reader r = {.path = path, .at = text, .end = text + len, .line = 1};

	for (; r.at < r.end; skip_line(&r))
		if (read_line(&r, out, err) < 0)
			return -1;
	return 0;
}

static int read_file(struct arena *arena, const char *root, const char *path,
	struct value_builder *out, struct error *err)
{
	const char *text;
	size_t len;

	if (fs_read(fs_join(arena, root, path), arena, &text, &len, err) < 0)
		return error_wrap(err, "envFile");
	return env_file_parse(path, text, len, out, err);
}

int env_files_read(struct arena *arena, const char *root, const struct value *files,
	struct value *out, struct error *err)
{
	struct value_builder map;

	builder_init(&map, arena);
	if (files && value_is_scalar(files) && files->kind != VALUE_NULL &&
		read_file(arena, root, value_text(files, ""), &map, err) < 0)
		return -1;
	for (size_t i = 0; files && files->kind == VALUE_LIST && i < files->len; i++)
		if (read_file(arena, root, value_text(&files->items[i], ""), &map, err) < 0)
			return -1;
	*out = builder_map(&map);
	return 0;
}
