/*
 * What must be there before a container is made: its image, volumes, folders and networks, an engine that
 * is new enough. An engine would find out only when it starts it, or make something up.
 */
#include "providers/docker/container/type.h"

#include "base/fs.h"

#include <string.h>

int container_needs_image(struct docker *docker, const struct value *inputs, const char *reference,
	struct error *err)
{
	const char *pull = value_get_text(inputs, "pull", "missing");
	const char *platform = value_get_text(inputs, "platform", NULL);
	struct error own = ERROR_INIT;
	const struct value *image;

	if (strcmp(pull, "always") != 0 || !strncmp(reference, "sha256:", 7)) {
		if (docker_image_seen(docker, reference, &image, &own) == 0)
			return 0;
		if (own.code != ERROR_NOT_FOUND) {
			*err = own;
			return -1;
		}
		if (!strncmp(reference, "sha256:", 7))
			return error_set(err, ERROR_INVALID,
				"image %s is not on this engine, and an id cannot be pulled: "
				"refer to a docker_image resource", reference);
		if (!strcmp(pull, "never"))
			return error_set(err, ERROR_INVALID,
				"image '%s' is not on this engine, and pull is never: pull it, or add a "
				"docker_image resource that builds it", reference);
	}
	if (docker_pull(docker, reference, platform, err) < 0)
		return error_wrap(err,
			"image '%s' cannot be pulled (add a docker_image resource to build it)",
			reference);
	return 0;
}

/* Paths can be looked at only where the engine is on this machine; another one says so itself. */
static int ensure_folder(struct docker *docker, const struct container_mount *mount,
	struct error *err)
{
	const char *path = container_host_path(docker->arena, docker->env->project_root, mount->source);

	if (strncmp(docker->where, "unix://", 7) != 0 || fs_exists(path))
		return 0;
	if (mount->create)
		return fs_make_dirs(path, 0755, docker->arena, NULL, err);
	return error_set(err, ERROR_INVALID,
		"volumes: '%s' does not exist, and would be mounted at %s: make it, or write "
		"createHostPath: true", mount->source, mount->target);
}

static int ensure_volume(struct docker *docker, const char *name, struct error *err)
{
	struct error own = ERROR_INIT;

	if (docker_get(docker, docker_path(docker, "/volumes/%s", docker_escape(docker, name)), NULL,
			&own) == 0)
		return 0;
	*err = own;
	if (own.code != ERROR_NOT_FOUND)
		return -1;
	return error_set(err, ERROR_INVALID,
		"volumes: there is no volume '%s': add a docker_volume resource and write "
		"${docker_volume.NAME.name}", name);
}

static int ensure_mounts(struct docker *docker, const struct value *inputs, struct error *err)
{
	const struct value *volumes = value_get(inputs, "volumes");
	struct diags quiet;

	diags_init(&quiet, docker->arena);
	for (size_t i = 0; volumes && volumes->kind == VALUE_LIST && i < volumes->len; i++) {
		struct container_mount mount;

		if (container_mount(&volumes->items[i], docker->arena, &mount, &quiet) < 0)
			continue;
		if (mount.subpath && !docker_knows(docker, DOCKER_MOUNT_SUBPATH))
			return error_set(err, ERROR_INVALID,
				"volumes: subpath needs Docker Engine 26 or newer");
		if (!strcmp(mount.type, "bind") && ensure_folder(docker, &mount, err) < 0)
			return -1;
		if (!strcmp(mount.type, "volume") && *mount.source &&
			ensure_volume(docker, mount.source, err) < 0)
			return -1;
	}
	return 0;
}

static int ensure_networks(struct docker *docker, const struct value *networks, struct error *err)
{
	for (size_t i = 0; networks && i < networks->len; i++) {
		const char *name = value_get_text(&networks->items[i], "name", "");
		struct error own = ERROR_INIT;

		if (docker_get(docker, docker_path(docker, "/networks/%s",
				docker_escape(docker, name)), NULL, &own) == 0)
			continue;
		*err = own;
		if (own.code != ERROR_NOT_FOUND)
			return -1;
		return error_set(err, ERROR_INVALID,
			"networks: there is no network '%s': add a docker_network resource and write "
			"${docker_network.NAME.name}", name);
	}
	return 0;
}

/* What an engine would find out only later, or make up. For an image it looks by itself. */
int container_needs(struct docker *docker, const struct request *request,
	const struct value *wanted, struct error *err)
{
	const char *image = value_get_text(wanted, "image", "");

	if (value_get(value_get(wanted, "healthcheck"), "startInterval") &&
		!docker_knows(docker, DOCKER_START_INTERVAL))
		return error_set(err, ERROR_INVALID,
			"healthcheck: startInterval needs Docker Engine 25 or newer");
	if (!strcmp(value_get_text(request->inputs, "pull", "missing"), "always") &&
		container_needs_image(docker, request->inputs, image, err) < 0)
		return -1;
	if (ensure_mounts(docker, request->inputs, err) < 0)
		return -1;
	return ensure_networks(docker, value_get(wanted, "networks"), err);
}
