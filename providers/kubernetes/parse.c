/*
 * From the manifest to objects: inline maps, files of several documents, folders, and what
 * `kubectl kustomize` prints. Every mistake names the file and the line, or the attribute.
 */
#include "providers/kubernetes/objects.h"

#include "base/fs.h"
#include "base/process.h"
#include "model/json.h"
#include "model/parsed.h"

#include <ctype.h>
#include <string.h>

enum { KUSTOMIZE_DEADLINE = 60 * 1000 };

static void set_digest(struct kube_object *object, struct arena *arena)
{
	struct hasher hasher;
	struct hash hash;
	char hex[HASH_HEX];

	hasher_init(&hasher);
	value_hash(object->value, NULL, &hasher);
	hasher_finish(&hasher, &hash);
	object->digest = arena_strndup(arena, hash_hex(&hash, hex), 32);
}

static int add_one(struct arena *arena, const struct value *value, const char *where,
	struct kube_objects *out, struct error *err)
{
	struct kube_object object = {.where = where};
	struct value *concealed = arena_alloc(arena, sizeof(*concealed));

	*concealed = kube_conceal(arena, value);
	if (kube_is_secret(value))
		*concealed = kube_plain_secret(arena, concealed);
	object.value = concealed;
	object.api_version = value_get_text(value, "apiVersion", NULL);
	object.kind = value_get_text(value, "kind", NULL);
	object.name = value_text(value_path(value, "metadata.name"), NULL);
	object.namespace = value_text(value_path(value, "metadata.namespace"), NULL);
	object.sensitive =
		kube_is_secret(value) || concealed->flags & (VALUE_SENSITIVE | VALUE_HAS_SENSITIVE);
	if (!object.api_version || !object.kind || !object.name)
		return error_set(err, ERROR_INVALID, "%s: an object needs %s", where,
			!object.api_version ? "apiVersion" : !object.kind ? "kind"
				: "metadata.name (generateName cannot be applied)");
	ARENA_GROW(arena, out->items, out->n, out->cap);
	out->items[out->n++] = object;
	return 0;
}

int kube_objects_add(struct arena *arena, const struct value *value, const char *where,
	struct kube_objects *out, struct error *err)
{
	const struct value *items = value_get(value, "items");
	const char *kind = value_get_text(value, "kind", "");
	size_t len = strlen(kind);

	if (value->kind == VALUE_NULL) /* an empty document */
		return 0;
	if (value->kind != VALUE_MAP)
		return error_set(err, ERROR_INVALID, "%s: an object is a map, this is a %s", where,
			value_kind_str((enum value_kind)value->kind));
	if (!items || items->kind != VALUE_LIST || len < 4 || strcmp(kind + len - 4, "List") != 0)
		return add_one(arena, value, where, out, err);
	for (uint32_t i = 0; i < items->len; i++)
		if (kube_objects_add(arena, &items->items[i],
				arena_printf(arena, "%s: items[%u]", where, i), out, err))
			return -1;
	return 0;
}

/* --- texts -------------------------------------------------------------------------------------- */

static bool is_mark(const char *line, const char *mark)
{
	return !strncmp(line, mark, 3) && (!line[3] || isspace((unsigned char)line[3]));
}

/* Where the document that begins at `at` ends: a line "---" or "...". A "---" line may begin it. */
static const char *document_end(const char *at, const char *end)
{
	const char *line = at;

	while (line < end) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));

		line = newline ? newline + 1 : end;
		if (line < end && (is_mark(line, "---") || is_mark(line, "...")))
			return line;
	}
	return end;
}

/* Nothing but comments, markers and space: between two documents, or a template that came out empty. */
static bool is_blank(const char *at, const char *end)
{
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *stop = newline ? newline : end;

		while (at < stop && isspace((unsigned char)*at))
			at++;
		if (at < stop && *at != '#' && !(stop - at >= 3 && (is_mark(at, "---") ||
				is_mark(at, "..."))))
			return false;
		at = newline ? newline + 1 : end;
	}
	return true;
}

static int read_document(struct arena *arena, struct parsed *parsed, const char *path, const char *at,
	const char *end, uint32_t line, struct kube_objects *out, struct error *err)
{
	const char *name = arena_printf(arena, "%s:%u", path, line);
	const char *text = arena_strndup(arena, at, (size_t)(end - at));
	struct sources sources = {0};
	struct diags diags;
	struct value value;
	uint16_t source;
	uint32_t first;

	diags_init(&diags, arena);
	source = sources_add(&sources, arena, name, "objects", text, (size_t)(end - at));
	if (parsed_yaml(parsed, &sources, source, arena, &value, &diags))
		return error_set(err, ERROR_INVALID, "%s:%u: %s", path,
			line + (diags.n && diags.items[0].pos.line ? diags.items[0].pos.line - 1 : 0),
			diags.n ? diags.items[0].message : "no YAML");
	first = value.line ? value.line - 1 : 0;
	return kube_objects_add(arena, &value, arena_printf(arena, "%s:%u", path, line + first), out,
		err);
}

int kube_objects_read(struct arena *arena, struct parsed *parsed, const char *path, const char *text,
	size_t len, struct kube_objects *out, struct error *err)
{
	const char *end = text + len;
	uint32_t line = 1;

	for (const char *at = text; at < end;) {
		const char *stop = document_end(at, end), *body = at;

		if (is_mark(body, "..."))
			body = memchr(body, '\n', (size_t)(stop - body));
		if (body && !is_blank(body, stop) &&
			read_document(arena, parsed, path, body, stop, line + (body != at), out, err) && err)
			return -1;
		for (; at < stop; at++)
			line += *at == '\n';
	}
	return 0;
}

/* --- where they come from ----------------------------------------------------------------------- */

static int read_file(struct provider_env *env, const char *path, struct kube_objects *out,
	struct error *err)
{
	const char *shown = fs_relative(fs_normalise(env->arena, env->project_root), path), *text;
	size_t len;

	if (fs_read(path, env->arena, &text, &len, err))
		return -1;
	return kube_objects_read(env->arena, env->parsed, shown, text, len, out, err);
}

static bool is_manifest(const char *name)
{
	const char *dot = strrchr(name, '.');

	return *name != '.' && dot &&
	       (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml") || !strcmp(dot, ".json"));
}

/* Files of the folder and of those in it, in byte order of their names. */
static int read_directory(struct provider_env *env, const char *path, struct kube_objects *out,
	struct error *err)
{
	const char *const *names;
	size_t n;

	if (fs_list(path, env->arena, &names, &n, err))
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *entry = fs_join(env->arena, path, names[i]);
		enum fs_kind kind;
		struct stat st;

		if (*names[i] == '.')
			continue;
		if (fs_look(entry, &kind, &st, err))
			return -1;
		if (kind == FS_DIRECTORY) {
			if (read_directory(env, entry, out, err))
				return -1;
		} else if (is_manifest(names[i]) && read_file(env, entry, out, err)) {
			return -1;
		}
	}
	return 0;
}

static int read_kustomize(struct provider_env *env, const char *path, struct kube_objects *out,
	struct error *err)
{
	const char *const argv[] = {"kubectl", "kustomize", path, NULL};
	int64_t deadline = clock_monotonic(env->clock) + KUSTOMIZE_DEADLINE;
	struct process_request request = {
		.argv = argv,
		.directory = env->project_root,
		.deadline = env->deadline && env->deadline < deadline ? env->deadline : deadline,
		.clock = env->clock,
		.cancel = env->cancel,
		.max_capture = (size_t)256 << 20,
	};
	cleanup_process struct process_result result = PROCESS_RESULT_INIT;
	struct process_env child;

	process_env_init(&child, env->arena, NULL);
	process_env_set(&child, "KUBECONFIG", NULL); /* it needs no cluster, so it gets none */
	request.env = process_env_vector(&child);
	if (process_run(&request, &result, err)) {
		if (err && err->code == ERROR_NOT_FOUND)
			return error_wrap(err, "`kustomize` needs kubectl");
		return -1;
	}
	if (process_check(&request, &result, err))
		return -1;
	return kube_objects_read(env->arena, env->parsed,
		fs_relative(fs_normalise(env->arena, env->project_root), path),
		arena_strndup(env->arena, result.out.text, result.out.len), result.out.len, out, err);
}

static int read_inline(struct provider_env *env, const struct value *manifest,
	struct kube_objects *out, struct error *err)
{
	if (manifest->kind != VALUE_LIST)
		return kube_objects_add(env->arena, manifest, "manifest", out, err);
	for (uint32_t i = 0; i < manifest->len; i++)
		if (kube_objects_add(env->arena, &manifest->items[i],
				arena_printf(env->arena, "manifest[%u]", i), out, err))
			return -1;
	return 0;
}

static int read_all(struct provider_env *env, const struct value *inputs,
	struct kube_objects *out, struct error *err)
{
	const struct value *manifest = value_get(inputs, "manifest");
	const char *file = value_get_text(inputs, "file", NULL);
	const char *directory = value_get_text(inputs, "directory", NULL);
	const char *kustomize = value_get_text(inputs, "kustomize", NULL);

	if (manifest)
		return read_inline(env, manifest, out, err);
	if (file)
		return read_file(env, provider_content(env, file), out, err);
	if (directory)
		return read_directory(env, provider_content(env, directory), out, err);
	if (kustomize)
		return read_kustomize(env, provider_content(env, kustomize), out, err);
	return error_set(err, ERROR_INVALID, "it names no manifest, file, directory or kustomize");
}

/* What is decided by the server, and must not be asked for. */
static const char *const never[] = {"/status", "/metadata/managedFields", "/metadata/uid",
	"/metadata/resourceVersion", "/metadata/generation", "/metadata/creationTimestamp",
	"/metadata/selfLink", NULL};

static void strip(struct arena *arena, struct kube_object *object, const char *const *pointers)
{
	for (; pointers && *pointers; pointers++) {
		struct value *less = arena_alloc(arena, sizeof(*less));

		*less = kube_without(arena, object->value, *pointers);
		object->value = less;
	}
}

int kube_objects_parse(struct provider_env *env, const struct value *inputs,
	const char *const *ignore, struct kube_objects *out, struct error *err)
{
	if (read_all(env, inputs, out, err))
		return -1;
	if (!out->n)
		return error_set(err, ERROR_INVALID, "it holds no objects");
	for (size_t i = 0; i < out->n; i++) {
		strip(env->arena, &out->items[i], never);
		strip(env->arena, &out->items[i], ignore);
		set_digest(&out->items[i], env->arena);
	}
	return 0;
}
