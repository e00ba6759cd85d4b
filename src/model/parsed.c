/*
 * See parsed.h. What a file was parsed to depends on its bytes and on its number as a source, which is in
 * the place of every value: both are compared, so a hash that is equal by chance cannot matter.
 */
#include "model/parsed.h"

#include "model/yaml.h"

#include <stdlib.h>
#include <string.h>

enum { IDLE_MOST = 4 };

struct parsed_file {
	struct arena arena;
	const char *path, *text;
	size_t len;
	uint16_t source;
	bool used;  /* by the load that is under way: what hangs on it stays */
	unsigned idle; /* loads that did not ask for it: one that fails early asks for less */
	bool whole; /* it has no mistakes */
	struct value value;
};

static void forget(struct parsed_file *file)
{
	arena_release(&file->arena);
	free(file);
}

void parsed_release(struct parsed *parsed)
{
	for (size_t i = 0; i < parsed->n; i++)
		forget(parsed->files[i]);
	free(parsed->files);
	map_release(&parsed->index);
	*parsed = (struct parsed){0};
}

void parsed_begin(struct parsed *parsed)
{
	size_t kept = 0;

	if (!parsed)
		return;
	map_release(&parsed->index);
	for (size_t i = 0; i < parsed->n; i++) {
		struct parsed_file *file = parsed->files[i];

		file->idle = file->used ? 0 : file->idle + 1;
		if (file->idle > IDLE_MOST || !file->whole) {
			forget(file);
			continue;
		}
		file->used = false;
		map_set(&parsed->index, file->path, (uint32_t)kept);
		parsed->files[kept++] = file;
	}
	parsed->n = kept;
}

static bool is_same(const struct parsed_file *file, const struct source *text, uint16_t source)
{
	return file->source == source && file->len == text->len &&
	       memcmp(file->text, text->text, text->len) == 0;
}

static struct parsed_file *find(const struct parsed *parsed, const struct source *text,
	uint16_t source)
{
	uint32_t at = map_get(&parsed->index, text->path);
	struct parsed_file *file = at == MAP_NONE ? NULL : parsed->files[at];

	return file && is_same(file, text, source) ? file : NULL;
}

static struct parsed_file *add(struct parsed *parsed, const struct source *text, uint16_t source)
{
	struct parsed_file *file = xcalloc(1, sizeof(*file));
	uint32_t old = map_get(&parsed->index, text->path);

	if (old != MAP_NONE && !parsed->files[old]->used)
		parsed->files[old]->idle = IDLE_MOST; /* its bytes are gone */
	file->path = arena_strdup(&file->arena, text->path);
	file->text = arena_strndup(&file->arena, text->text, text->len);
	file->len = text->len;
	file->source = source;
	VEC_GROW(parsed->files, parsed->n, parsed->cap);
	map_set(&parsed->index, file->path, (uint32_t)parsed->n);
	parsed->files[parsed->n++] = file;
	return file;
}

static int yaml(struct parsed *parsed, const struct sources *sources, uint16_t source,
	struct value *out, struct diags *diags)
{
	const struct source *text = sources_get(sources, source);
	struct parsed_file *file;
	size_t said = diags->n;
	int status = 0;

	file = find(parsed, text, source);
	if (!file) {
		file = add(parsed, text, source);
		status = yaml_parse(sources, source, &file->arena, &file->value, diags);
		file->whole = status == 0 && diags->n == said;
		parsed->n_parsed++;
	}
	file->used = true;
	*out = file->value;
	return status;
}

int parsed_yaml(struct parsed *parsed, const struct sources *sources, uint16_t source,
	struct arena *arena, struct value *out, struct diags *diags)
{
	int status;

	if (!parsed)
		return yaml_parse(sources, source, arena, out, diags);
	pthread_mutex_lock(&parsed->lock);
	status = yaml(parsed, sources, source, out, diags);
	pthread_mutex_unlock(&parsed->lock);
	return status;
}
