/*
 * docker_registry_image: an image of the engine in a registry, known there by the digest of its content.
 * A push says under HTTP 200 whether it went well, and the digest in its last lines. The tag that it
 * needs on the engine is taken away again. What is in a registry stays there: others may have pulled it.
 */
#include "providers/docker/auth.h"
#include "providers/docker/docker.h"

#include <string.h>

struct push {
	struct docker *docker;
	const char *name;              /* of the repository, with the registry */
	const char *failure, *digest;
};

/* Engines with an image store of their own say it apart; with containerd's they say it only in words, as
   "TAG: digest: sha256:X size: N". */
static const char *digest_of(struct arena *arena, const struct value *line)
{
	const char *digest = value_text(value_path(line, "aux.Digest"), NULL);
	const char *words = strstr(value_get_text(line, "status", ""), ": digest: sha256:");

	if (!digest && words)
		digest = words + strlen(": digest: ");
	return digest ? arena_strndup(arena, digest, strcspn(digest, " ")) : NULL;
}

static bool see_line(void *arg, const struct value *line)
{
	struct push *push = arg;
	const char *failure = docker_stream_error(line);
	const char *digest = digest_of(push->docker->arena, line);

	if (failure)
		push->failure = arena_strdup(push->docker->arena, failure);
	if (digest)
		push->digest = digest;
	return true;
}

/* --- the engine ---------------------------------------------------------------------------------- */

static const char *tag_of(struct docker *docker, const char *id)
{
	const char *digits = strrchr(id, ':');

	return arena_printf(docker->arena, "%.12s", digits ? digits + 1 : id);
}

static void untag(struct docker *docker, const char *name, const char *tag)
{
	struct error ignored = ERROR_INIT;

	docker_call(docker, "DELETE", docker_path(docker, "/images/%s:%s?noprune=true",
		http_escape(docker->arena, name, "/:"), tag), NULL, NULL, &ignored);
}

static int send_image(struct push *push, const char *registry, const char *tag, struct error *err)
{
	struct docker *docker = push->docker;
	const char *auth, *note, *headers[] = {NULL, NULL}, *message;
	struct docker_stream stream = {.method = "POST", .headers = headers, .line = see_line,
		.arg = push};
	struct docker_reply reply;

	if (docker_auth(docker, registry, &auth, &note, err) < 0)
		return -1;
	headers[0] = arena_printf(docker->arena, "X-Registry-Auth: %s", *auth ? auth : "e30=");
	stream.path = docker_path(docker, "/images/%s/push?tag=%s",
		http_escape(docker->arena, push->name, "/:"), tag);
	provider_progress(docker->env, "pushing %s", push->name);
	if (docker_stream(docker, &stream, &reply, err) < 0) {
		if (!reply.status)
			return error_wrap(err, "cannot push '%s'", push->name);
		message = arena_strdup(docker->arena, err->msg);
		return docker_registry_failed("push", push->name, registry, message, note, err);
	}
	if (push->failure)
		return docker_registry_failed("push", push->name, registry, push->failure, note, err);
	if (!push->digest)
		return error_set(err, ERROR_FAILED, "'%s' was pushed, but nothing says as what", push->name);
	return 0;
}

static int apply(struct docker *docker, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	const char *reference = value_get_text(request->inputs, "image", "");
	struct push push = {.docker = docker, .name = value_get_text(request->inputs, "repository", "")};
	const char *called, *tag;
	struct value *outputs = arena_alloc(docker->arena, sizeof(*outputs));
	struct image_reference parts;
	const struct value *image;
	struct value_builder b;
	int rc;

	if (image_reference_parse(docker->arena, push.name, &parts, err) < 0 ||
		docker_image_inspect(docker, reference, &image, err) < 0)
		return -1;
	push.name = parts.repository;
	called = value_get_text(request->inputs, "pullRepository", push.name);
	tag = tag_of(docker, value_get_text(image, "Id", ""));
	if (docker_call(docker, "POST", docker_path(docker, "/images/%s/tag?repo=%s&tag=%s",
		http_escape(docker->arena, reference, "/:@"), http_escape(docker->arena, push.name, ""), tag),
		NULL, NULL, err) < 0)
		return -1;
	rc = send_image(&push, parts.registry, tag, err);
	untag(docker, push.name, tag);
	if (rc < 0)
		return -1;
	builder_init(&b, docker->arena);
	builder_put_str(&b, "name", arena_printf(docker->arena, "%s@%s", called, push.digest));
	builder_put_str(&b, "repository", called);
	builder_put_str(&b, "tag", tag);
	builder_put_str(&b, "digest", push.digest);
	*outputs = builder_map(&b);
	outcome->exists = true;
	outcome->id = push.digest;
	outcome->outputs = outputs;
	outcome->observed = &value_empty_map;
	return 0;
}

/* --- the registry -------------------------------------------------------------------------------- */

static bool is_here(const char *registry)
{
	return strncmp(registry, "localhost", 9) == 0 || strncmp(registry, "127.", 4) == 0;
}

/* One on this machine, which goes with its container, is asked; others are believed. */
static bool has_lost(struct docker *docker, struct record *record)
{
	static const char *const headers[] = {"Accept: application/vnd.oci.image.manifest.v1+json, "
		"application/vnd.oci.image.index.v1+json, "
		"application/vnd.docker.distribution.manifest.v2+json, "
		"application/vnd.docker.distribution.manifest.list.v2+json", NULL};
	struct error ignored = ERROR_INIT;
	const char *name = value_get_text(record_inputs(record, &ignored), "repository", "");
	const char *slash = strchr(name, '/');
	cleanup_http struct http_client *client = NULL;
	struct http_request request = {.headers = headers, .clock = docker->env->clock,
		.deadline = docker->env->deadline, .stall = 5000, .cancel = docker->env->cancel};
	struct http_response response;

	if (!slash || !record->id || !is_here(name) ||
		!(client = http_client_new(NULL, &ignored)))
		return false;
	request.url = arena_printf(docker->arena, "http://%.*s/v2/%s/manifests/%s", (int)(slash - name),
		name, slash + 1, record->id);
	return http_perform(client, &request, docker->arena, &response, &ignored) == 0 &&
		response.status == 404;
}

static int observe(struct docker *docker, struct docker_observe *observe, struct error *err)
{
	(void)err;
	for (size_t i = 0; i < observe->n; i++) {
		struct observation *item = observe->items[i];

		item->presence = item->record ? PRESENCE_PRESENT : PRESENCE_ABSENT;
		item->ownership = OWNER_US;
		item->id = item->record ? item->record->id : NULL;
		item->attributes = &value_empty_map;
		if (item->record && item->desired && has_lost(docker, item->record))
			item->differs = "the registry does not have it";
	}
	return 0;
}

static int destroy(struct docker *docker, struct record *record, struct error *err)
{
	(void)docker;
	(void)record;
	(void)err;
	return 0;
}

const struct docker_type docker_type_registry_image = {
	.name = "docker_registry_image",
	.observe = observe,
	.apply = apply,
	.destroy = destroy,
};
