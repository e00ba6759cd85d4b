/*
 * Pure: mistakes in what is written inline, which objects two resources must not both have, which values
 * are secrets, and the content behind a folder.
 */
#include "providers/kubernetes/inputs.h"

#include "base/fs.h"
#include "base/map.h"
#include "model/json.h"
#include "model/parsed.h"
#include "providers/kubernetes/objects.h"

#include <string.h>

/* --- inline objects ----------------------------------------------------------------------------- */

static void check_text(const struct value *object, const char *path, struct diags *diags)
{
	const struct value *value = value_path(object, path);
	const char *text = value_text(value, NULL);

	if (value && (value->kind == VALUE_UNKNOWN || value->flags & VALUE_TEMPLATE || (text && *text)))
		return;
	diag_error(diags, value_pos(value ? value : object), "an object needs %s", path);
	diag_hint(diags, "every Kubernetes object has apiVersion, kind and metadata.name");
}

static void check_object(const struct value *object, struct diags *diags)
{
	if (object->kind == VALUE_STRING && object->flags & VALUE_TEMPLATE)
		return;
	if (object->kind != VALUE_MAP) {
		diag_error(diags, value_pos(object), "an object is a map, this is a %s",
			value_kind_str((enum value_kind)object->kind));
		return;
	}
	check_text(object, "apiVersion", diags);
	check_text(object, "kind", diags);
	if (!value_get(object, "items")) /* a list of others */
		check_text(object, "metadata.name", diags);
}

void kube_validate(const struct resource *resource, struct diags *diags)
{
	const struct value *manifest = value_get(resource->attributes, "manifest");

	if (!manifest)
		return;
	if (manifest->kind != VALUE_LIST) {
		check_object(manifest, diags);
		return;
	}
	for (uint32_t i = 0; i < manifest->len; i++)
		check_object(&manifest->items[i], diags);
}

/* --- claims ------------------------------------------------------------------------------------- */

/* The same object in the same cluster, as far as that can be told without asking it. */
static void claim_object(const struct value *object, const struct value *inputs,
	const char *project_root, void (*claim)(void *arg, const char *what), void *arg)
{
	const struct value *cluster = value_get(inputs, "cluster");
	const char *path = value_get_text(cluster, "kubeconfig", NULL);
	const char *name = value_text(value_path(object, "metadata.name"), NULL);
	const char *kind = value_get_text(object, "kind", NULL);
	const char *api_version = value_get_text(object, "apiVersion", NULL);
	const char *namespace = value_text(value_path(object, "metadata.namespace"),
		value_get_text(inputs, "namespace", "default namespace"));
	struct arena arena = ARENA_INIT;

	if (path && name && kind && api_version)
		claim(arg, arena_printf(&arena, "%s%s%s %s/%s in cluster %s%s%s", kind,
			strchr(api_version, '/') ? "." : "", kube_object_group(&arena, api_version), namespace,
			name, fs_normalise(&arena, fs_join(&arena, project_root, path)),
			value_get(cluster, "context") ? " context " : "",
			value_get_text(cluster, "context", "")));
	arena_release(&arena);
}

void kube_claims(const struct type *type, const struct value *inputs, const char *project_root,
	void (*claim)(void *arg, const char *what), void *arg)
{
	const struct value *manifest = value_get(inputs, "manifest");

	(void)type;
	if (!manifest)
		return;
	if (manifest->kind == VALUE_MAP)
		claim_object(manifest, inputs, project_root, claim, arg);
	for (uint32_t i = 0; manifest->kind == VALUE_LIST && i < manifest->len; i++)
		claim_object(&manifest->items[i], inputs, project_root, claim, arg);
}

/* --- secrets ------------------------------------------------------------------------------------ */

void kube_conceal_inputs(const struct type *type, struct value *inputs, struct arena *arena)
{
	const struct value *manifest = value_get(inputs, "manifest");
	struct value_builder out;

	(void)type;
	if (!manifest || !kube_has_secret(manifest))
		return;
	builder_init(&out, arena);
	for (uint32_t i = 0; i < inputs->len; i++) {
		const struct member *member = &inputs->members[i];

		builder_put(&out, member->key, !strcmp(member->key, "manifest")
			? kube_conceal(arena, &member->value) : member->value);
	}
	*inputs = builder_map(&out);
}

int kube_intent_inputs(struct arena *arena, const struct intent *intent, struct value *out)
{
	return intent->inputs_json ? json_parse(intent->inputs_json, strlen(intent->inputs_json), arena,
		intent->key, out, NULL) : -1;
}

/* --- the content behind a folder ---------------------------------------------------------------- */

enum { DEEPEST = 32 };

struct walk {
	struct arena arena;
	struct hasher hasher;
	struct map seen;
	struct parsed *parsed;
	struct error *err;
};

static int add_tree(struct walk *walk, const char *path, bool manifests_only, int depth);

static int add_file(struct walk *walk, const char *path)
{
	const char *name = fs_name(path);
	struct hash hash;

	if (hash_file(path, &hash, walk->err))
		return -1;
	hasher_add_str(&walk->hasher, name, strlen(name));
	hasher_add(&walk->hasher, hash.bytes, HASH_SIZE);
	return 0;
}

static bool is_manifest(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml") || !strcmp(dot, ".json"));
}

static int add_entry(struct walk *walk, const char *path, bool manifests_only, int depth)
{
	enum fs_kind kind;
	struct stat st;

	if (fs_look(path, &kind, &st, walk->err))
		return -1;
	if (kind == FS_DIRECTORY)
		return add_tree(walk, path, manifests_only, depth + 1);
	if (manifests_only && !is_manifest(path))
		return 0;
	return kind == FS_ABSENT || !fs_exists(path) ? 0 : add_file(walk, path);
}

static int add_tree(struct walk *walk, const char *path, bool manifests_only, int depth)
{
	const char *const *names;
	size_t n;

	if (depth > DEEPEST)
		return error_set(walk->err, ERROR_INVALID, "%s: more than %d folders deep", path, DEEPEST);
	if (fs_list(path, &walk->arena, &names, &n, walk->err))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (*names[i] != '.' && add_entry(walk, fs_join(&walk->arena, path, names[i]),
				manifests_only, depth))
			return -1;
	return 0;
}

/* --- kustomizations: whatever names a local path in one belongs to it --------------------------- */

static int add_kustomization(struct walk *walk, const char *directory, int depth);

static int add_named(struct walk *walk, const char *directory, const char *text, int depth)
{
	const char *equals = strchr(text, '='), *path; /* of a generator: "key=path" */
	enum fs_kind kind;
	struct stat st;

	if (!*text || strlen(text) > 1024 || strpbrk(text, "\n{"))
		return 0;
	if (equals && add_named(walk, directory, equals + 1, depth))
		return -1;
	path = fs_normalise(&walk->arena, fs_join(&walk->arena, directory, text));
	if (fs_look(path, &kind, &st, NULL) || kind == FS_ABSENT || !fs_exists(path) ||
		!map_add(&walk->seen, path, 0))
		return 0;
	return kind == FS_DIRECTORY ? add_kustomization(walk, path, depth + 1) : add_file(walk, path);
}

static int add_values(struct walk *walk, const char *directory, const struct value *value,
	int depth)
{
	for (uint32_t i = 0; value->kind == VALUE_LIST && i < value->len; i++)
		if (add_values(walk, directory, &value->items[i], depth))
			return -1;
	for (uint32_t i = 0; value->kind == VALUE_MAP && i < value->len; i++)
		if (add_values(walk, directory, &value->members[i].value, depth))
			return -1;
	return value->kind == VALUE_STRING ? add_named(walk, directory, value->text, depth) : 0;
}

static const char *kustomization_of(struct walk *walk, const char *directory)
{
	static const char *const names[] = {"kustomization.yaml", "kustomization.yml",
		"Kustomization"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *path = fs_join(&walk->arena, directory, names[i]);

		if (fs_exists(path))
			return path;
	}
	return NULL;
}

static int add_kustomization(struct walk *walk, const char *directory, int depth)
{
	const char *path = kustomization_of(walk, directory), *text;
	struct sources sources = {0};
	struct diags diags;
	struct value value;
	uint16_t source;
	size_t len;

	if (depth > DEEPEST)
		return error_set(walk->err, ERROR_INVALID, "%s: more than %d folders deep", directory,
			DEEPEST);
	if (!path && !depth)
		return error_set(walk->err, ERROR_NOT_FOUND, "%s has no kustomization.yaml", directory);
	if (!path)
		return add_tree(walk, directory, false, depth); /* a chart, perhaps */
	if (add_file(walk, path) || fs_read(path, &walk->arena, &text, &len, walk->err))
		return -1;
	diags_init(&diags, &walk->arena);
	source = sources_add(&sources, &walk->arena, path, "kustomization", text, len);
	if (parsed_yaml(walk->parsed, &sources, source, &walk->arena, &value, &diags))
		return 0; /* kustomize will say what is wrong with it */
	return add_values(walk, directory, &value, depth);
}

int kube_digest(const struct type *type, const struct value *inputs, const char *project_root,
	struct parsed *parsed, struct hash *out, struct error *err)
{
	const char *directory = value_get_text(inputs, "directory", NULL);
	const char *kustomize = value_get_text(inputs, "kustomize", NULL);
	struct walk walk = {.parsed = parsed, .err = err};
	int rc;

	(void)type;
	memset(out, 0, sizeof(*out));
	if (!directory && !kustomize)
		return 0;
	hasher_init(&walk.hasher);
	rc = directory
		? add_tree(&walk, fs_join(&walk.arena, project_root, directory), true, 0)
		: add_kustomization(&walk, fs_normalise(&walk.arena,
			  fs_join(&walk.arena, project_root, kustomize)), 0);
	if (!rc)
		hasher_finish(&walk.hasher, out);
	map_release(&walk.seen);
	arena_release(&walk.arena);
	return rc;
}
