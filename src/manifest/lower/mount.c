/*
 * Volumes of a service on a cluster: claims for what is kept, emptyDir for what is not, and files of the
 * project as ConfigMaps and Secrets. A folder of this machine is not on the nodes.
 */
#include "manifest/lower/internal.h"

#include "base/fs.h"
#include "base/utf8.h"

#include <sodium.h>
#include <string.h>

struct mounting {
	struct lowering *l;
	struct service *service;
	struct value_builder *volumes, *mounts;
	bool *persistent;
};

/* A kubernetes_manifest that several services share, made once. */
static bool make_shared(struct mounting *m, const char *name)
{
	return map_add(&m->l->volumes, arena_strdup(m->l->arena, name), 0) &&
		!lower_is_declared(m->l, "kubernetes_manifest", name);
}

static void end_shared(struct mounting *m, struct value_builder *object, const char *name)
{
	struct service nobody = {.spec = m->service->spec};
	struct value_builder objects;

	builder_init(&objects, m->l->arena);
	builder_push(&objects, lower_map(object, m->service->spec));
	object_resource(m->l, &nobody, name, &objects);
}

/* --- claims -------------------------------------------------------------------------------------- */

static void make_claim(struct mounting *m, const char *name, const struct value *declared)
{
	struct lowering *l = m->l;
	const char *resource = arena_printf(l->arena, "volume-%s", name);
	const struct value *size = value_get(declared, "size"), *mode = value_get(declared, "accessMode");
	const struct value *at = declared ? declared : m->service->spec;
	struct service nobody = {.spec = at};
	struct value_builder b, spec, objects;

	if (!size && !declared)
		size = value_get(m->service->spec, "storage");
	lower_need(l, m->service, arena_printf(l->arena, "kubernetes_manifest.%s", resource));
	if (!make_shared(m, resource))
		return;
	object_begin(l, &b, &nobody, "v1", "PersistentVolumeClaim", name);
	builder_init(&spec, l->arena);
	builder_put(&spec, "accessModes", lower_one(l, mode ? *mode
		: lower_text(l, "ReadWriteOnce", at)));
	if (value_get(declared, "storageClass"))
		builder_put(&spec, "storageClassName", *value_get(declared, "storageClass"));
	builder_put(&spec, "resources", lower_wrap(l, "requests", lower_wrap(l, "storage",
		size ? object_quantity(l, size) : lower_text(l, "1Gi", at))));
	builder_put(&b, "spec", lower_map(&spec, at));
	builder_init(&objects, l->arena);
	builder_push(&objects, lower_map(&b, at));
	object_resource_begin(l, &b, &nobody, resource, &objects);
	catalogue_contents(l, m->service, name, &b);
	object_resource_end(l, &b, &nobody, resource);
}

void lower_claim(struct lowering *l, struct service *service, const char *name)
{
	struct mounting m = {.l = l, .service = service};

	make_claim(&m, name, lower_named(value_get(l->spec, "volumes"), name));
}

/* --- files --------------------------------------------------------------------------------------- */

static const char *base64(struct lowering *l, const char *data, size_t len)
{
	size_t size = sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL);
	char *out = arena_alloc(l->arena, size);

	sodium_bin2base64(out, size, (const unsigned char *)data, len, sodium_base64_VARIANT_ORIGINAL);
	return out;
}

/* Files by their name: as text where they are, so that a plan can show it, else in base64. */
struct content {
	struct value_builder texts, bytes;
	bool secret; /* all in base64 */
};

static bool is_text(const struct source *source)
{
	size_t at = 0, n;

	while (at < source->len && source->text[at] &&
		(n = utf8_len(source->text + at, source->len - at)) != 0)
		at += n;
	return at == source->len;
}

static int add_file(struct mounting *m, const char *path, const char *key,
	struct content *out, const struct value *at)
{
	struct lowering *l = m->l;
	struct error err = ERROR_INIT;
	const struct source *source;
	uint16_t id;

	if (files_read(l->loading, path, "volume", &id, &err) < 0) {
		diag_error(l->diags, value_pos(at), "cannot read %s: %s", path, err.msg);
		return -1;
	}
	source = sources_get(&l->manifest->sources, id);
	if (out->secret || !is_text(source))
		builder_put(&out->bytes, key,
			lower_part(l, base64(l, source->text, source->len), at));
	else
		builder_put(&out->texts, key, lower_part(l, source->text, at));
	return 0;
}

/* A file under its name, or every file of a folder; names with a dot in front are left out. */
static void read_files(struct mounting *m, const struct value *source, struct content *out)
{
	struct lowering *l = m->l;
	const char *path = files_path(l->loading, l->manifest->root, value_text(source, ""));
	const char *slash = strrchr(path, '/');
	const char *const *names;
	size_t n = 0;

	names = files_list(l->loading, path, &n);
	for (size_t i = 0; i < n; i++) {
		if (names[i][0] != '.' &&
			add_file(m, fs_join(l->arena, path, names[i]), names[i], out, source) < 0)
			return;
	}
	if (!n)
		add_file(m, path, slash ? slash + 1 : path, out, source);
}

static void make_files(struct mounting *m, const char *name, const struct value *source, bool secret)
{
	struct lowering *l = m->l;
	const char *resource = arena_printf(l->arena, "volume-%s", name);
	struct service nobody = {.spec = source};
	struct content content = {.secret = secret};
	struct value_builder b;

	lower_need(l, m->service, arena_printf(l->arena, "kubernetes_manifest.%s", resource));
	lower_uses(l, m->service,
		arena_printf(l->arena, "${kubernetes_manifest.%s.revision}", resource));
	if (!make_shared(m, resource))
		return;
	object_begin(l, &b, &nobody, "v1", secret ? "Secret" : "ConfigMap", name);
	builder_init(&content.texts, l->arena);
	builder_init(&content.bytes, l->arena);
	read_files(m, source, &content);
	if (content.texts.n)
		builder_put(&b, "data", lower_map(&content.texts, source));
	if (content.bytes.n)
		builder_put(&b, secret ? "data" : "binaryData", secret
			? value_sensitive(lower_map(&content.bytes, source))
			: lower_map(&content.bytes, source));
	end_shared(m, &b, resource);
}

/* --- one mount ----------------------------------------------------------------------------------- */

static struct value empty_dir(struct lowering *l, bool memory, const struct value *size,
	const struct value *at)
{
	struct value_builder b;

	builder_init(&b, l->arena);
	if (memory)
		builder_put(&b, "medium", lower_text(l, "Memory", at));
	if (size)
		builder_put(&b, "sizeLimit", object_quantity(l, size));
	return lower_map(&b, at);
}

static bool is_absolute(const struct value *source)
{
	return *value_text(source, "") == '/';
}

static void no_folder(struct mounting *m, const struct value *at)
{
	diag_error(m->l->diags, value_pos(at), "a folder of this machine is not on the nodes of a cluster");
	diag_hint(m->l->diags, "declare a volume of type configmap or secret with that source, or mount "
		"the folder into the nodes (cluster.k3d.volumes) and name its path there");
}

/* A volume of spec.volumes; one that is not there is persistent. False: it cannot be had. */
static bool put_declared(struct mounting *m, struct value_builder *volume, const char *name,
	const struct value *at)
{
	struct lowering *l = m->l;
	const struct value *declared = lower_named(value_get(l->spec, "volumes"), name);
	const char *type = value_get_text(declared, "type", "persistent");
	const struct value *source = value_get(declared, "source");

	if (strcmp(type, "persistent") == 0) {
		make_claim(m, name, declared);
		*m->persistent = true;
		builder_put(volume, "persistentVolumeClaim",
			lower_texts(l, at, "claimName", name, NULL));
	} else if (strcmp(type, "tmpfs") == 0 || strcmp(type, "ephemeral") == 0) {
		builder_put(volume, "emptyDir", empty_dir(l, strcmp(type, "tmpfs") == 0,
			value_get(declared, "size"), at));
	} else if (!source) {
		diag_error(l->diags, value_pos(declared), "volume %s of type %s needs a source", name, type);
		diag_hint(l->diags, "name the folder: source: ./config");
		return false;
	} else if (strcmp(type, "host") == 0) {
		if (!is_absolute(source))
			no_folder(m, source);
		builder_put(volume, "hostPath", lower_wrap(l, "path", *source));
	} else {
		make_files(m, name, source, strcmp(type, "secret") == 0);
		builder_put(volume, strcmp(type, "secret") == 0 ? "secret" : "configMap", lower_texts(l,
			at, strcmp(type, "secret") == 0 ? "secretName" : "name", name, NULL));
	}
	return true;
}

/* Several mounts of one volume share it. */
static bool has_volume(const struct mounting *m, const char *name)
{
	for (size_t i = 0; i < m->volumes->n; i++) {
		if (strcmp(value_get_text(&m->volumes->items[i], "name", ""), name) == 0)
			return true;
	}
	return false;
}

/* One file of this machine (a seed, a setting) goes in as a ConfigMap, mounted under its own name. */
static bool put_file(struct mounting *m, struct value_builder *volume, struct value_builder *mount,
	const char *name, const struct value *source)
{
	const char *path = value_text(source, ""), *slash = strrchr(path, '/');
	size_t n = 0;

	files_list(m->l->loading, files_path(m->l->loading, m->l->manifest->root, path), &n);
	if (n || is_absolute(source)) {
		if (!is_absolute(source))
			no_folder(m, source);
		builder_put(volume, "hostPath", lower_wrap(m->l, "path", *source));
		return true;
	}
	make_files(m, name, source, false);
	builder_put(volume, "configMap", lower_texts(m->l, source, "name", name, NULL));
	builder_put(mount, "subPath", lower_text(m->l, slash ? slash + 1 : path, source));
	return true;
}

static void add_mount(struct mounting *m, const char *name, const struct value *source,
	struct value target, bool read_only, const struct value *at)
{
	struct lowering *l = m->l;
	const char *volume_name = name ? name
		: arena_printf(l->arena, "%s-%zu", m->service->name, m->mounts->n);
	struct value_builder volume, mount;
	bool there = true;

	builder_init(&volume, l->arena);
	builder_init(&mount, l->arena);
	builder_put(&volume, "name", lower_text(l, volume_name, at));
	builder_put(&mount, "name", lower_text(l, volume_name, at));
	builder_put(&mount, "mountPath", target);
	if (!has_volume(m, volume_name)) {
		if (name)
			there = put_declared(m, &volume, name, at);
		else if (source)
			there = put_file(m, &volume, &mount, volume_name, source);
		else
			builder_put(&volume, "emptyDir", empty_dir(l, true, NULL, at));
		if (there)
			builder_push(m->volumes, lower_map(&volume, at));
	}
	if (read_only)
		builder_put_bool(&mount, "readOnly", true);
	builder_push(m->mounts, lower_map(&mount, at));
}

/* "name:/path[:ro]" or "./folder:/path[:ro]". */
static void short_mount(struct mounting *m, const struct value *item)
{
	struct lowering *l = m->l;
	const char *text = value_text(item, ""), *colon = strchr(text, ':'), *mode;
	const char *first = arena_strndup(l->arena, text, colon ? (size_t)(colon - text) : 0);
	struct value source = lower_part(l, first, item), target;

	if (!colon) { /* "/path" alone: its own, as Docker's without a name */
		add_mount(m, NULL, NULL, *item, false, item);
		return;
	}
	mode = strchr(colon + 1, ':');
	target = lower_part(l, mode ? arena_strndup(l->arena, colon + 1, (size_t)(mode - colon - 1))
				    : colon + 1, item);
	if (strchr("./~", *first))
		add_mount(m, NULL, &source, target, mode && strcmp(mode, ":ro") == 0, item);
	else
		add_mount(m, first, NULL, target, mode && strcmp(mode, ":ro") == 0, item);
}

void lower_mounts(struct lowering *l, struct service *service, struct value_builder *volumes,
	struct value_builder *mounts, bool *persistent)
{
	struct mounting m = {l, service, volumes, mounts, persistent};
	const struct value *list = value_get(service->spec, "volumes");

	for (uint32_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++) {
		const struct value *item = &list->items[i];

		if (value_is_scalar(item))
			short_mount(&m, item);
		else if (value_get(item, "target"))
			add_mount(&m, value_get_text(item, "name", NULL), value_get(item, "source"),
				*value_get(item, "target"), value_get_bool(item, "readOnly", false), item);
	}
}
