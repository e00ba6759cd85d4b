/*
 * Pulling: one NDJSON stream under HTTP 200, in which an error may come as the last line. So it is
 * read to its end, searched for errorDetail, and the image is inspected before we say that it is there.
 */
#include "providers/docker/auth.h"
#include "providers/docker/docker.h"

#include <string.h>

enum { REPORT_EVERY = 500 }; /* ms */

struct layer {
	const char *id;
	int64_t current, total;
};

struct pull {
	struct docker *docker;
	const char *reference;
	struct layer *layers;
	size_t n, cap;
	int64_t reported; /* monotonic: when a person last heard of it */
	const char *failure;
};

/* References have slashes and colons; the engine wants them as they are. */
const char *docker_image_path(struct docker *docker, const char *reference)
{
	return docker_path(docker, "/images/%s/json", http_escape(docker->arena, reference, "/:@"));
}

int docker_image_inspect(struct docker *docker, const char *reference, const struct value **image,
	struct error *err)
{
	struct docker_reply reply;

	if (docker_get(docker, docker_image_path(docker, reference), &reply, err))
		return -1;
	*image = reply.body;
	return 0;
}

int docker_image_seen(struct docker *docker, const char *reference, const struct value **image,
	struct error *err)
{
	if (docker->image_reference && !strcmp(docker->image_reference, reference)) {
		*image = docker->image;
		return 0;
	}
	if (docker_image_inspect(docker, reference, image, err))
		return -1;
	docker->image_reference = reference;
	docker->image = *image;
	return 0;
}

static struct layer *layer_of(struct pull *pull, const char *id)
{
	struct arena *arena = pull->docker->arena;

	for (size_t i = 0; i < pull->n; i++)
		if (!strcmp(pull->layers[i].id, id))
			return &pull->layers[i];
	ARENA_GROW(arena, pull->layers, pull->n, pull->cap);
	pull->layers[pull->n] = (struct layer){.id = arena_strdup(arena, id)};
	return &pull->layers[pull->n++];
}

static void report(struct pull *pull)
{
	struct docker *docker = pull->docker;
	int64_t now = clock_monotonic(docker->env->clock), current = 0, total = 0;

	if (now - pull->reported < REPORT_EVERY)
		return;
	for (size_t i = 0; i < pull->n; i++) {
		current += pull->layers[i].current;
		total += pull->layers[i].total;
	}
	if (!total)
		return;
	pull->reported = now;
	provider_progress(docker->env, "pulling %s: %.1f of %.1f MB (%d%%)", pull->reference,
		(double)current / 1e6, (double)total / 1e6, (int)(current * 100 / total));
}

static bool see_line(void *arg, const struct value *line)
{
	struct pull *pull = arg;
	const struct value *detail = value_get(line, "progressDetail");
	const char *failure = docker_stream_error(line);
	const char *id = value_get_text(line, "id", NULL);
	const char *status = value_get_text(line, "status", "");

	if (failure) {
		pull->failure = arena_strdup(pull->docker->arena, failure);
		return true; /* to the end: the connection is kept */
	}
	if (!id)
		return true;
	if (!strcmp(status, "Downloading") && value_get_int(detail, "total", 0) > 0) {
		struct layer *layer = layer_of(pull, id);

		layer->current = value_get_int(detail, "current", 0);
		layer->total = value_get_int(detail, "total", 0);
	} else if (!strcmp(status, "Download complete")) {
		struct layer *layer = layer_of(pull, id);

		layer->current = layer->total;
	}
	report(pull);
	return true;
}

/* What the registry or the way to it says, sorted into what is worth another try. */
static enum error_code classify(const char *message)
{
	static const char *const passing[] = {"timeout", "deadline exceeded", "connection re",
		"unexpected EOF", ": EOF", "toomanyrequests", "too many requests", "502 ", "503 ", "504 ", "temporar",
		"no such host", "network is unreachable", "server misbehaving"};
	static const char *const absent[] = {"manifest unknown", "not found", "no matching manifest"};

	for (size_t i = 0; i < ARRAY_SIZE(passing); i++)
		if (strcasestr(message, passing[i]))
			return ERROR_TRANSIENT;
	for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
		if (strcasestr(message, absent[i]))
			return ERROR_NOT_FOUND;
	return ERROR_FAILED;
}

static bool is_refused(const char *message)
{
	static const char *const words[] = {"unauthorized", "denied", "authentication required",
		"no basic auth credentials", "403 Forbidden"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcasestr(message, words[i]))
			return true;
	return false;
}

int docker_registry_failed(const char *verb, const char *reference, const char *registry,
	const char *message, const char *note, struct error *err)
{
	if (!is_refused(message))
		return error_set(err, classify(message), "cannot %s '%s': %s", verb, reference, message);
	return error_set(err, ERROR_INVALID, "cannot %s '%s': %s%s%s; try `docker login%s%s`",
		verb, reference, message, note ? "; no credentials could be had: " : "", note ? note : "",
		strcmp(registry, "docker.io") ? " " : "", strcmp(registry, "docker.io") ? registry : "");
}

static const char *path_of(struct docker *docker, const struct image_reference *reference,
	const char *platform)
{
	/* Without a tag the engine would fetch them all. A digest takes its place. */
	const char *tag = reference->digest ? reference->digest : reference->tag;

	return docker_path(docker, "/images/create?fromImage=%s&tag=%s%s%s",
		http_escape(docker->arena, reference->repository, ""),
		http_escape(docker->arena, tag, ""), platform ? "&platform=" : "",
		platform ? http_escape(docker->arena, platform, "") : "");
}

int docker_pull(struct docker *docker, const char *reference, const char *platform,
	struct error *err)
{
	struct pull pull = {.docker = docker, .reference = reference};
	const char *auth, *note, *headers[] = {NULL, NULL};
	struct docker_stream stream = {.method = "POST", .headers = headers, .line = see_line,
		.arg = &pull};
	struct image_reference parts;
	const struct value *image;
	struct docker_reply reply;

	docker->image_reference = NULL;
	if (image_reference_parse(docker->arena, reference, &parts, err) ||
		docker_auth(docker, parts.registry, &auth, &note, err))
		return -1;
	if (*auth)
		headers[0] = arena_printf(docker->arena, "X-Registry-Auth: %s", auth);
	stream.path = path_of(docker, &parts, platform);
	provider_progress(docker->env, "pulling %s", reference);
	if (docker_stream(docker, &stream, &reply, err)) {
		if (!reply.status)
			return error_wrap(err, "cannot pull '%s'", reference);
		return docker_registry_failed("pull", reference, parts.registry,
			err ? arena_strdup(docker->arena, err->msg) : "", note, err);
	}
	if (pull.failure)
		return docker_registry_failed("pull", reference, parts.registry, pull.failure, note, err);
	if (docker_image_inspect(docker, reference, &image, err))
		return error_wrap(err, "'%s' was pulled, but is not there", reference);
	return 0;
}
