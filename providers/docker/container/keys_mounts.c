/*
 * Keys of what a container sees of the outside: volumes, host folders, tmpfs, devices. Mounts are used
 * throughout, never Binds: with these an engine makes a missing host folder by itself, owned by root,
 * and a typo goes unnoticed. A host path keeps the form that the manifest gives it (relative to the
 * project), so that nothing recorded depends on where the checkout lies.
 */
#include "providers/docker/container/container.h"

#include "base/fs.h"
#include "providers/docker/container/parse.h"

#include <stdlib.h>
#include <string.h>

static int bad_mount(struct diags *diags, const struct value *in, const char *wrong,
	const char *hint)
{
	diag_error(diags, value_pos(in), "\"%s\" is no volume: %s",
		in->kind == VALUE_MAP ? value_get_text(in, "target", "?") : container_shown(in),
		wrong);
	diag_hint(diags, "%s", hint);
	return -1;
}

static int mount_from_text(const struct value *in, struct arena *arena, struct container_mount *out,
	struct diags *diags)
{
	struct mount_text text;
	const char *wrong = mount_parse(value_text(in, ""), arena, &text);

	if (wrong)
		return bad_mount(diags, in, wrong, "write source:/target, source:/target:ro, or a map");
	if (text.unsupported)
		return bad_mount(diags, in, "labels of SELinux (z, Z) cannot be set on a mount",
			"label the folder itself with chcon, or set securityOpt: [\"label=disable\"]");
	*out = (struct container_mount){
		.type = mount_is_path(text.source) ? "bind" : "volume",
		.source = text.source,
		.target = text.target,
		.read_only = text.read_only,
		.no_copy = text.no_copy,
		.propagation = text.propagation,
	};
	return 0;
}

/* What each type does not know. */
static const char *mount_wrong(const struct value *in, const struct container_mount *mount)
{
	bool bind = !strcmp(mount->type, "bind"), volume = !strcmp(mount->type, "volume");
	bool tmpfs = !strcmp(mount->type, "tmpfs");

	if (!bind && !volume && !tmpfs)
		return "the type is volume, bind or tmpfs";
	if (mount->target[0] != '/')
		return "the target is an absolute path inside the container";
	if (bind && !*mount->source)
		return "a bind needs a source";
	if (tmpfs && *mount->source)
		return "a tmpfs has no source";
	if (volume && mount_is_path(mount->source))
		return "a volume is named, and this is a path: the type is bind";
	if (!bind && (mount->propagation || value_get(in, "createHostPath")))
		return "propagation and createHostPath belong to a bind";
	if (!volume && (mount->no_copy || mount->subpath))
		return "noCopy and subpath belong to a volume";
	if (!tmpfs && (mount->size || mount->mode))
		return "size and mode belong to a tmpfs";
	if (mount->mode < 0)
		return "the mode is octal digits in quotes, as \"1777\"";
	return NULL;
}

static long octal(const char *text)
{
	size_t digits = strspn(text, "01234567");

	return digits && digits <= 4 && !text[digits] ? strtol(text, NULL, 8) : -1;
}

static int mount_from_map(const struct value *in, struct container_mount *out, struct diags *diags)
{
	const char *size = value_get_text(in, "size", NULL), *mode = value_get_text(in, "mode", NULL);
	const char *wrong;

	*out = (struct container_mount){
		.type = value_get_text(in, "type", NULL),
		.source = value_get_text(in, "source", ""),
		.target = value_get_text(in, "target", ""),
		.read_only = value_get_bool(in, "readOnly", false),
		.no_copy = value_get_bool(in, "noCopy", false),
		.create = value_get_bool(in, "createHostPath", false),
		.propagation = value_get_text(in, "propagation", NULL),
		.subpath = value_get_text(in, "subpath", NULL),
		.size = size ? size_parse(size) : 0,
		.mode = mode ? octal(mode) : 0,
	};
	if (!out->type)
		out->type = mount_is_path(out->source) ? "bind" : "volume";
	wrong = mount_wrong(in, out);
	if (wrong)
		return bad_mount(diags, in, wrong,
			"write {type: volume, source: NAME, target: /path}; docs/docker.md has them all");
	if (out->size < 0) {
		diag_error(diags, value_pos(value_get(in, "size")), "\"%s\" is no size", size);
		diag_hint(diags, "write bytes or a unit: 512m, 1g, 256Mi");
		return -1;
	}
	return 0;
}

int container_mount(const struct value *in, struct arena *arena, struct container_mount *out,
	struct diags *diags)
{
	int result = in->kind == VALUE_MAP ? mount_from_map(in, out, diags)
					   : mount_from_text(in, arena, out, diags);

	if (result < 0)
		return -1;
	if (!strcmp(out->type, "bind")) {
		if (out->source[0] == '~')
			return bad_mount(diags, in, "~ is not expanded", "write ${HOME}/...");
		out->source = fs_normalise(arena, out->source);
		if (out->source[0] != '/' && strncmp(out->source, "..", 2) != 0)
			out->source = arena_printf(arena, "./%s",
				strcmp(out->source, ".") ? out->source : "");
	}
	out->target = fs_normalise(arena, out->target);
	return 0;
}

/* Members that say nothing are left out, so that short and long forms are equal. */
static struct value mount_value(struct arena *arena, const struct container_mount *mount)
{
	struct value_builder map;

	builder_init(&map, arena);
	builder_put_str(&map, "target", mount->target);
	builder_put_str(&map, "type", mount->type);
	if (*mount->source)
		builder_put_str(&map, "source", mount->source);
	if (mount->read_only)
		builder_put_bool(&map, "readOnly", true);
	if (mount->no_copy)
		builder_put_bool(&map, "noCopy", true);
	if (mount->propagation && *mount->propagation)
		builder_put_str(&map, "propagation", mount->propagation);
	if (mount->subpath && *mount->subpath)
		builder_put_str(&map, "subpath", mount->subpath);
	if (mount->size)
		builder_put_int(&map, "size", mount->size);
	if (mount->mode)
		builder_put_str(&map, "mode", arena_printf(arena, "%lo", mount->mode));
	return builder_map(&map);
}

static int by_target(const void *a, const void *b)
{
	return strcmp(value_get_text(a, "target", ""), value_get_text(b, "target", ""));
}

static struct value mounts_sorted(struct value_builder *list)
{
	if (list->n)
		qsort(list->items, list->n, sizeof(*list->items), by_target);
	return builder_list(list);
}

static int volumes_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	struct value_builder list;
	int result = 0;

	if (in->kind != VALUE_LIST)
		return diag_error(context->diags, value_pos(in), "volumes must be a list");
	builder_init(&list, context->arena);
	for (size_t i = 0; i < in->len; i++) {
		const struct value *item = &in->items[i];
		struct container_mount mount;

		if (container_skips(context, item))
			continue;
		if (container_mount(item, context->arena, &mount, context->diags) < 0) {
			result = -1;
			continue;
		}
		for (size_t j = 0; j < list.n; j++)
			if (!strcmp(value_get_text(&list.items[j], "target", ""), mount.target))
				result = diag_error(context->diags, value_pos(item),
					"two volumes have the target %s", mount.target);
		builder_push(&list, mount_value(context->arena, &mount));
	}
	*out = mounts_sorted(&list);
	return result;
}

const char *container_host_path(struct arena *arena, const char *project_root, const char *source)
{
	return *project_root ? fs_normalise(arena, fs_join(arena, project_root, source)) : source;
}

static void put_options(struct value_builder *mount, const char *name, struct value_builder *options)
{
	if (options->n)
		builder_put(mount, name, builder_map(options));
}

static struct value mount_body(struct container_body *body, const struct value *normal)
{
	const char *type = value_get_text(normal, "type", ""), *mode;
	const char *source = value_get_text(normal, "source", "");
	struct value_builder mount, bind, volume, tmpfs;
	int64_t size = value_get_int(normal, "size", 0);

	builder_init(&mount, body->arena);
	builder_init(&bind, body->arena);
	builder_init(&volume, body->arena);
	builder_init(&tmpfs, body->arena);
	builder_put_str(&mount, "Type", type);
	builder_put_str(&mount, "Target", value_get_text(normal, "target", ""));
	if (!strcmp(type, "bind"))
		source = container_host_path(body->arena, body->project_root, source);
	if (*source)
		builder_put_str(&mount, "Source", source);
	if (value_get_bool(normal, "readOnly", false))
		builder_put_bool(&mount, "ReadOnly", true);
	if (value_get(normal, "propagation"))
		builder_put(&bind, "Propagation", *value_get(normal, "propagation"));
	if (value_get(normal, "noCopy"))
		builder_put_bool(&volume, "NoCopy", true);
	if (value_get(normal, "subpath"))
		builder_put(&volume, "Subpath", *value_get(normal, "subpath"));
	if (size)
		builder_put_int(&tmpfs, "SizeBytes", size);
	mode = value_get_text(normal, "mode", NULL);
	if (mode)
		builder_put_int(&tmpfs, "Mode", octal(mode));
	put_options(&mount, "BindOptions", &bind);
	put_options(&mount, "VolumeOptions", &volume);
	put_options(&mount, "TmpfsOptions", &tmpfs);
	return builder_map(&mount);
}

static void volumes_body(struct container_body *body, const struct value *normal)
{
	struct value_builder list;

	builder_init(&list, body->arena);
	for (size_t i = 0; i < normal->len; i++)
		builder_push(&list, mount_body(body, &normal->items[i]));
	builder_put(&body->host, "Mounts", builder_list(&list));
}

/* A host path as the manifest says it when it is the same place, else seen from the project. */
static const char *source_seen(const struct container_view *view, const struct value *asked,
	const char *target, const char *source)
{
	for (size_t i = 0; asked && i < asked->len; i++) {
		const char *want = value_get_text(&asked->items[i], "source", "");

		if (!strcmp(value_get_text(&asked->items[i], "target", ""), target) &&
			!strcmp(container_host_path(view->arena, view->project_root, want), source))
			return want;
	}
	if (*view->project_root) {
		const char *below = fs_relative(view->project_root, source);

		if (*below != '/')
			return arena_printf(view->arena, "./%s", strcmp(below, ".") ? below : "");
	}
	return source;
}

static struct value mount_seen(const struct container_view *view, const struct value *asked,
	const struct value *seen)
{
	const struct value *bind = value_get(seen, "BindOptions");
	const struct value *volume = value_get(seen, "VolumeOptions");
	const struct value *tmpfs = value_get(seen, "TmpfsOptions");
	struct container_mount mount = {
		.type = value_get_text(seen, "Type", ""),
		.source = value_get_text(seen, "Source", ""),
		.target = value_get_text(seen, "Target", ""),
		.read_only = value_get_bool(seen, "ReadOnly", false),
		.propagation = value_get_text(bind, "Propagation", NULL),
		.no_copy = value_get_bool(volume, "NoCopy", false),
		.subpath = value_get_text(volume, "Subpath", NULL),
		.size = value_get_int(tmpfs, "SizeBytes", 0),
		.mode = (long)value_get_int(tmpfs, "Mode", 0),
	};

	if (!strcmp(mount.type, "bind"))
		mount.source = source_seen(view, asked, mount.target, mount.source);
	return mount_value(view->arena, &mount);
}

/* Of a container that another program made: "source:target:options". */
static struct value bind_seen(const struct container_view *view, const struct value *asked,
	const char *text)
{
	struct mount_text parts = {.source = "", .target = text};
	struct container_mount mount;

	mount_parse(text, view->arena, &parts);
	mount = (struct container_mount){
		.type = mount_is_path(parts.source) ? "bind" : "volume",
		.source = parts.source,
		.target = parts.target,
		.read_only = parts.read_only,
		.no_copy = parts.no_copy,
		.propagation = parts.propagation,
	};
	if (mount_is_path(parts.source))
		mount.source = source_seen(view, asked, mount.target, parts.source);
	return mount_value(view->arena, &mount);
}

static bool volumes_observe(const struct container_view *view, const struct value *asked,
	struct value *out)
{
	const struct value *mounts = value_get(view->host, "Mounts");
	const struct value *binds = value_get(view->host, "Binds");
	struct value_builder list;

	builder_init(&list, view->arena);
	for (size_t i = 0; mounts && mounts->kind == VALUE_LIST && i < mounts->len; i++)
		builder_push(&list, mount_seen(view, asked, &mounts->items[i]));
	for (size_t i = 0; binds && binds->kind == VALUE_LIST && i < binds->len; i++)
		builder_push(&list, bind_seen(view, asked, value_text(&binds->items[i], "")));
	*out = mounts_sorted(&list);
	return asked || out->len;
}

/* "/run:size=64m" or a list of them -> {"/run": "size=64m"}, as the engine has them. */
static int tmpfs_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	struct value_builder map;
	struct value list;

	if (container_strings(context, in, false, &list) < 0)
		return -1;
	builder_init(&map, context->arena);
	for (size_t i = 0; i < list.len; i++) {
		const char *text = value_text(&list.items[i], ""), *colon = strchr(text, ':');
		const char *path = colon ? arena_strndup(context->arena, text, (size_t)(colon - text))
					 : text;

		if (*path != '/') {
			diag_error(context->diags, value_pos(&list.items[i]),
				"\"%s\" is no tmpfs: it begins with an absolute path", text);
			diag_hint(context->diags, "write /run or /run:size=64m,mode=1777");
			return -1;
		}
		builder_put(&map, path, value_str(context->arena, colon ? colon + 1 : ""));
	}
	*out = builder_map(&map);
	return 0;
}

static int device_to_normal(struct container_context *context, const struct value *in,
	struct value_builder *list)
{
	const char *parts[3] = {"", "", "rwm"};
	struct value_builder map;

	if (in->kind == VALUE_MAP) {
		parts[0] = value_get_text(in, "source", "");
		parts[1] = value_get_text(in, "target", "");
		parts[2] = value_get_text(in, "permissions", "rwm");
	} else {
		char *copy = arena_strdup(context->arena, value_text(in, "")), *save;
		char *part = strtok_r(copy, ":", &save);

		for (size_t i = 0; part && i < ARRAY_SIZE(parts); i++, part = strtok_r(NULL, ":", &save))
			parts[i] = part;
	}
	if (!*parts[1])
		parts[1] = parts[0];
	if (*parts[0] != '/' || *parts[1] != '/' || parts[2][strspn(parts[2], "rwm")]) {
		diag_error(context->diags, value_pos(in), "\"%s\" is no device",
			in->kind == VALUE_MAP ? parts[0] : container_shown(in));
		diag_hint(context->diags, "write /dev/x, /dev/x:/dev/y or /dev/x:/dev/y:rw");
		return -1;
	}
	builder_init(&map, context->arena);
	builder_put_str(&map, "source", parts[0]);
	builder_put_str(&map, "target", parts[1]);
	builder_put_str(&map, "permissions", parts[2]);
	builder_push(list, builder_map(&map));
	return 0;
}

static int devices_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	struct value_builder list;
	int result = 0;

	if (in->kind != VALUE_LIST)
		return diag_error(context->diags, value_pos(in), "devices must be a list");
	builder_init(&list, context->arena);
	for (size_t i = 0; i < in->len; i++)
		if (!container_skips(context, &in->items[i]) &&
			device_to_normal(context, &in->items[i], &list) < 0)
			result = -1;
	*out = mounts_sorted(&list);
	return result;
}

static const char *const device_fields[][2] = {
	{"source", "PathOnHost"},
	{"target", "PathInContainer"},
	{"permissions", "CgroupPermissions"},
};

static void devices_body(struct container_body *body, const struct value *normal)
{
	struct value_builder list;

	builder_init(&list, body->arena);
	for (size_t i = 0; i < normal->len; i++) {
		struct value_builder map;

		builder_init(&map, body->arena);
		for (size_t j = 0; j < ARRAY_SIZE(device_fields); j++)
			builder_put_str(&map, device_fields[j][1],
				value_get_text(&normal->items[i], device_fields[j][0], ""));
		builder_push(&list, builder_map(&map));
	}
	builder_put(&body->host, "Devices", builder_list(&list));
}

static bool devices_observe(const struct container_view *view, const struct value *asked,
	struct value *out)
{
	const struct value *seen = value_get(view->host, "Devices");
	struct value_builder list;

	builder_init(&list, view->arena);
	for (size_t i = 0; seen && seen->kind == VALUE_LIST && i < seen->len; i++) {
		struct value_builder map;

		builder_init(&map, view->arena);
		for (size_t j = 0; j < ARRAY_SIZE(device_fields); j++)
			builder_put_str(&map, device_fields[j][0],
				value_get_text(&seen->items[i], device_fields[j][1], ""));
		builder_push(&list, builder_map(&map));
	}
	*out = mounts_sorted(&list);
	return asked || out->len;
}

const struct container_key container_keys_mounts[] = {
	{.name = "volumes", .normal = volumes_to_normal, .body = volumes_body,
		.observe = volumes_observe},
	{.name = "tmpfs", .field = "HostConfig.Tmpfs", .form = FORM_MAP,
		.normal = tmpfs_to_normal},
	{.name = "devices", .normal = devices_to_normal, .body = devices_body,
		.observe = devices_observe},
	{.name = "readOnly", .field = "HostConfig.ReadonlyRootfs", .form = FORM_BOOL},
	{.name = NULL},
};
