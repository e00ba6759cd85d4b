/*
 * A build is one POST whose body is the context, made while it is sent. Its failures come under HTTP
 * 200. What it was built from goes into a label beforehand, so the context is hashed first and again
 * while it is sent: a label never says what was not sent, because then the image gets no name.
 */
#include "providers/docker/build.h"

#include "base/fs.h"
#include "base/texts.h"
#include "providers/docker/auth.h"
#include "providers/docker/buildkit.h"
#include "providers/docker/tar.h"

#include <stdlib.h>
#include <string.h>

enum { TAIL = 20 };

/* The last lines of a build, for a person. */
struct tail {
	char *lines[TAIL];
	size_t n; /* lines seen in all */
};

struct building {
	struct docker *docker;
	struct tail tail;
	struct strbuf rest;    /* of a line that has not ended yet */
	const char *failure;
};

/* --- what it is made of ------------------------------------------------------------------------- */

struct context {
	const char *directory, *dockerfile;
};

static struct context context_of(struct arena *arena, const struct value *inputs,
	const char *project_root)
{
	const struct value *build = value_get(inputs, "build");

	return (struct context){
		.directory = fs_normalise(arena,
			fs_join(arena, project_root, value_get_text(build, "context", "."))),
		.dockerfile = value_get_text(build, "dockerfile", "Dockerfile"),
	};
}

/* A map of texts in the order of its keys. */
static void hash_texts(struct hasher *hasher, struct arena *arena, const struct value *map)
{
	uint32_t n = map && map->kind == VALUE_MAP ? map->len : 0;
	const char **keys = arena_alloc(arena, (n + 1) * sizeof(*keys));

	for (uint32_t i = 0; i < n; i++)
		keys[i] = map->members[i].key;
	texts_sort(keys, n);
	hasher_add(hasher, &n, sizeof(n));
	for (uint32_t i = 0; i < n; i++) {
		const char *text = value_get_text(map, keys[i], "");

		hasher_add_str(hasher, keys[i], strlen(keys[i]));
		hasher_add_str(hasher, text, strlen(text));
	}
}

static void hash_rest(struct hasher *hasher, struct arena *arena, const struct value *inputs)
{
	const struct value *build = value_get(inputs, "build");
	const char *texts[] = {value_get_text(build, "dockerfile", "Dockerfile"),
		value_get_text(build, "target", ""), value_get_text(inputs, "platform", "")};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		hasher_add_str(hasher, texts[i], strlen(texts[i]));
	hash_texts(hasher, arena, value_get(build, "args"));
	hash_texts(hasher, arena, value_get(build, "labels"));
}

/* From the hash of the stream to that of everything. */
static void complete(const struct hash *stream, const struct value *inputs, struct hash *out)
{
	struct arena arena = ARENA_INIT;
	struct hasher hasher;

	hasher_init(&hasher);
	hasher_add(&hasher, stream->bytes, sizeof(stream->bytes));
	hash_rest(&hasher, &arena, inputs);
	hasher_finish(&hasher, out);
	arena_release(&arena);
}

int build_digest(const struct value *inputs, const char *project_root, struct hash *out,
	struct error *err)
{
	struct arena arena = ARENA_INIT;
	struct context context = context_of(&arena, inputs, project_root);
	struct hash stream;
	int rc = docker_context_digest(context.directory, context.dockerfile, &stream, err);

	if (!rc)
		complete(&stream, inputs, out);
	arena_release(&arena);
	return rc;
}

/* --- what it says ------------------------------------------------------------------------------- */

static void see_text_line(struct building *building, const char *text, size_t len)
{
	struct tail *tail = &building->tail;
	char *line;

	while (len && strchr(" \t\r", text[len - 1]))
		len--;
	if (!len)
		return;
	line = xstrndup(text, len < 2000 ? len : 2000);
	free(tail->lines[tail->n % TAIL]);
	tail->lines[tail->n++ % TAIL] = line;
	provider_progress(building->docker->env, "%s", line);
}

static void see_text(struct building *building, const char *text, size_t len)
{
	const char *newline;
	size_t start = 0;

	strbuf_add(&building->rest, text, len);
	while ((newline = memchr(building->rest.text + start, '\n', building->rest.len - start))) {
		size_t end = (size_t)(newline - building->rest.text);

		see_text_line(building, building->rest.text + start, end - start);
		start = end + 1;
	}
	if (start) {
		memmove(building->rest.text, building->rest.text + start, building->rest.len - start);
		strbuf_setlen(&building->rest, building->rest.len - start);
	}
}

static void flush_text(struct building *building)
{
	see_text_line(building, building->rest.text, building->rest.len);
	strbuf_reset(&building->rest);
}

static void see_trace(void *arg, enum buildkit_kind kind, const char *text, size_t len)
{
	struct building *building = arg;

	if (kind == BUILDKIT_STEP) {
		flush_text(building);
		see_text_line(building, text, len);
	} else {
		see_text(building, text, len);
	}
}

static bool see_line(void *arg, const struct value *line)
{
	struct building *building = arg;
	const struct value *stream = value_get(line, "stream"), *aux = value_get(line, "aux");
	const char *failure = docker_stream_error(line);

	if (failure)
		building->failure = arena_strdup(building->docker->arena, failure);
	if (stream && stream->kind == VALUE_STRING)
		see_text(building, stream->text, stream->len);
	if (aux && aux->kind == VALUE_STRING &&
		!strcmp(value_get_text(line, "id", ""), "moby.buildkit.trace")) {
		struct arena scratch = ARENA_INIT;

		buildkit_trace(aux->text, &scratch, see_trace, building);
		arena_release(&scratch);
	}
	return true;
}

/* Everything kept of it in the arena; the ring is emptied. */
static const char *take_tail(struct building *building)
{
	struct tail *tail = &building->tail;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	for (size_t i = tail->n > TAIL ? tail->n - TAIL : 0; i < tail->n; i++)
		strbuf_addf(&text, "%s\n", tail->lines[i % TAIL]);
	for (size_t i = 0; i < TAIL; i++)
		free(tail->lines[i]);
	*tail = (struct tail){0};
	strbuf_release(&building->rest);
	return arena_strdup(building->docker->arena, text.text);
}

/* --- building ----------------------------------------------------------------------------------- */

/* BuildKit where the engine uses it by default, else the classic builder, unless the Dockerfile needs
   what only BuildKit has. DOCKER_BUILDKIT decides as it does for the docker command. */
static bool wants_buildkit(struct docker *docker, const struct context *context)
{
	static const char *const marks[] = {"--mount=", "<<", "--link", "--chmod="};
	const char *said = getenv("DOCKER_BUILDKIT"), *text;
	size_t len;

	if (said && *said)
		return strcmp(said, "0") != 0;
	if (docker->buildkit)
		return true;
	if (fs_read(fs_join(docker->arena, context->directory, context->dockerfile), docker->arena,
			&text, &len, NULL))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		if (strstr(text, marks[i]))
			return true;
	return false;
}

static struct value labels_of(struct docker *docker, const struct build *build)
{
	const struct value *own = value_path(build->inputs, "build.labels");
	struct value_builder labels;
	char hex[HASH_HEX];
	struct value marks;

	/* No intent: an image built twice from one content shall be one image, with one id. */
	marks = docker_labels(docker, build->address, build->generation, own);
	builder_init(&labels, docker->arena);
	for (uint32_t i = 0; i < marks.len; i++)
		if (strcmp(marks.members[i].key, DOCKER_LABEL_INTENT) != 0)
			builder_put(&labels, marks.members[i].key, marks.members[i].value);
	builder_put_str(&labels, DOCKER_LABEL_CONTENT, hash_hex(&build->content, hex));
	return builder_map(&labels);
}

static void add_parameter(struct docker *docker, struct strbuf *path, const char *key,
	const char *value)
{
	if (value && *value)
		strbuf_addf(path, "&%s=%s", key, http_escape(docker->arena, value, ""));
}

static const char *path_of(struct docker *docker, const struct build *build, const char *dockerfile,
	bool buildkit)
{
	const struct value *of = value_get(build->inputs, "build");
	struct value labels = labels_of(docker, build);
	struct value args = docker_texts(docker, value_get(of, "args"), NULL);
	cleanup_strbuf struct strbuf path = STRBUF_INIT;

	/* forcerm: without it, a step that fails leaves its container behind. */
	strbuf_addstr(&path, "/build?rm=1&forcerm=1");
	for (const char *const *tag = build->tags; *tag; tag++)
		add_parameter(docker, &path, "t", *tag);
	add_parameter(docker, &path, "dockerfile", dockerfile);
	add_parameter(docker, &path, "target", value_get_text(of, "target", NULL));
	add_parameter(docker, &path, "platform", value_get_text(build->inputs, "platform", NULL));
	add_parameter(docker, &path, "nocache", value_get_bool(of, "noCache", false) ? "1" : NULL);
	add_parameter(docker, &path, "pull", value_get_bool(of, "pull", false) ? "1" : NULL);
	strbuf_addf(&path, "&labels=%s", docker_escape_json(docker, &labels));
	strbuf_addf(&path, "&buildargs=%s", docker_escape_json(docker, &args));
	if (buildkit)
		strbuf_addstr(&path, "&version=2");
	return arena_strdup(docker->arena, path.text);
}

static int refuse_secrets(const struct value *inputs, struct error *err)
{
	const struct value *args = value_path(inputs, "build.args");

	for (uint32_t i = 0; args && args->kind == VALUE_MAP && i < args->len; i++)
		if (args->members[i].value.flags & VALUE_SENSITIVE)
			return error_set(err, ERROR_INVALID,
				"build.args.%s holds a secret: everyone who has the image could read it",
				args->members[i].key);
	return 0;
}

/* The names it must not keep: what was sent is not what its label says. */
static int disown(struct docker *docker, const struct build *build, struct error *err)
{
	for (const char *const *tag = build->tags; *tag; tag++)
		docker_call(docker, "DELETE", docker_path(docker, "/images/%s",
			docker_escape(docker, *tag)), NULL, NULL, NULL);
	return error_set(err, ERROR_TRANSIENT, "the build context changed while it was sent");
}

static int send_context(struct docker *docker, struct build *build, struct building *building,
	const struct context *context, struct error *err)
{
	cleanup_tar struct tar tar = {.fd = -1, .pending = STRBUF_INIT};
	const char *headers[] = {"Content-Type: application/x-tar", NULL, NULL}, *auth, *dockerfile;
	struct docker_stream stream = {.method = "POST", .headers = headers, .read = tar_read,
		.read_arg = &tar, .read_size = -1, .line = see_line, .arg = building};
	struct hash sent, content;

	if (docker_auth_all(docker, &auth, err) ||
		tar_open(&tar, docker->arena, context->directory, context->dockerfile, &dockerfile, err))
		return -1;
	if (*auth)
		headers[1] = arena_printf(docker->arena, "X-Registry-Config: %s", auth);
	stream.path = path_of(docker, build, dockerfile, wants_buildkit(docker, context));
	if (docker_stream(docker, &stream, NULL, err))
		return -1;
	if (building->failure)
		return error_set(err, ERROR_FAILED, "%s", building->failure);
	tar_hash(&tar, &sent);
	complete(&sent, build->inputs, &content);
	return hash_equal(&content, &build->content) ? 0 : disown(docker, build, err);
}

int build_image(struct docker *docker, struct build *build, struct error *err)
{
	struct building building = {.docker = docker, .rest = STRBUF_INIT};
	struct context context =
		context_of(docker->arena, build->inputs, docker->env->project_root);
	int rc;

	if (refuse_secrets(build->inputs, err) ||
		build_digest(build->inputs, docker->env->project_root, &build->content, err))
		return -1;
	rc = send_context(docker, build, &building, &context, err);
	flush_text(&building);
	build->output = take_tail(&building);
	return rc ? error_wrap(err, "cannot build '%s'", build->tags[0]) : 0;
}
