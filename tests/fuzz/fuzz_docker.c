/*
 * What people write about containers, and .dockerignore: ports, mounts, sizes, words, image names,
 * patterns. The first line of the input is the text; the rest are patterns.
 */
#include "fuzz.h"

#include "providers/docker/container/parse.h"
#include "providers/docker/ignore.h"

static void patterns(struct arena *arena, const char *text, size_t len, const char *path)
{
	struct error err = ERROR_INIT;
	struct ignore ignore = {0};
	uint8_t *matched;

	if (ignore_parse(&ignore, arena, text, len, &err) < 0) {
		MUST(err.code != ERROR_NONE);
		return;
	}
	matched = calloc(ignore.n + 1, 1);
	ignore_excludes(&ignore, path, NULL, matched);
	ignore_may_take_back(&ignore, path);
	free(matched);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = {0};
	const char *all = arena_strndup(&arena, (const char *)data, size);
	size_t len = strcspn(all, "\n");
	const char *text = arena_strndup(&arena, all, len);
	struct mount_text mount;
	struct value words;
	struct port port;
	int first, last;

	if (!port_parse(text, &arena, &port))
		port_check(&port);
	if (!port_range_parse(text, &first, &last))
		MUST(first <= last);
	mount_parse(text, &arena, &mount);
	mount_is_path(text);
	words_split(text, &arena, &words);
	image_normal(text, &arena);
	image_is_fixed(text);
	size_parse(text);
	cpus_parse(text);
	if (all[len])
		patterns(&arena, all + len + 1, strlen(all + len + 1), text);
	arena_release(&arena);
	return 0;
}
