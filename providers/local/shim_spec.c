/* What a shim is told: fields that end in NUL, lists with their length, then stdin as it is. */
#include "providers/local/shim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void put(struct strbuf *out, const char *text)
{
	strbuf_add(out, text, strlen(text) + 1);
}

static void put_number(struct strbuf *out, int64_t number)
{
	strbuf_addf(out, "%" PRId64, number);
	strbuf_addch(out, '\0');
}

static void put_list(struct strbuf *out, const char *const *list)
{
	int64_t n = 0;

	while (list[n])
		n++;
	put_number(out, n);
	for (int64_t i = 0; i < n; i++)
		put(out, list[i]);
}

void shim_spec_write(const struct shim_spec *spec, struct strbuf *out)
{
	put_list(out, spec->argv);
	put_list(out, spec->env);
	put_list(out, spec->needles);
	put(out, spec->directory);
	put(out, spec->intent);
	put_number(out, spec->stop_signal);
	put_number(out, spec->stop_timeout);
	put_number(out, spec->log_max);
	put_number(out, spec->input ? (int64_t)spec->input_len : -1);
	if (spec->input)
		strbuf_add(out, spec->input, spec->input_len);
}

struct reader {
	const char *at, *end;
	bool broken;
};

static const char *take(struct reader *reader)
{
	const char *field = reader->at;
	const char *nul = memchr(field, '\0', (size_t)(reader->end - field));

	if (!nul) {
		reader->broken = true;
		return "";
	}
	reader->at = nul + 1;
	return field;
}

static int64_t take_number(struct reader *reader)
{
	return strtoll(take(reader), NULL, 10);
}

static const char *const *take_list(struct reader *reader, struct arena *arena)
{
	int64_t n = take_number(reader);
	const char **list;

	if (n < 0 || n > reader->end - reader->at) {
		reader->broken = true;
		n = 0;
	}
	list = arena_alloc(arena, ((size_t)n + 1) * sizeof(*list));
	for (int64_t i = 0; i < n; i++)
		list[i] = take(reader);
	list[n] = NULL;
	return list;
}

int shim_spec_read(const char *text, size_t len, struct arena *arena, struct shim_spec *spec,
	struct error *err)
{
	struct reader reader = {text, text + len, false};
	int64_t input_len;

	*spec = (struct shim_spec){0};
	spec->argv = take_list(&reader, arena);
	spec->env = take_list(&reader, arena);
	spec->needles = take_list(&reader, arena);
	spec->directory = take(&reader);
	spec->intent = take(&reader);
	spec->stop_signal = (int)take_number(&reader);
	spec->stop_timeout = take_number(&reader);
	spec->log_max = take_number(&reader);
	input_len = take_number(&reader);
	if (reader.broken || !spec->argv[0] || input_len > reader.end - reader.at)
		return error_set(err, ERROR_INVALID, "what to run did not arrive whole");
	if (input_len >= 0) {
		spec->input = reader.at;
		spec->input_len = (size_t)input_len;
	}
	return 0;
}
