/*
 * Removing what is left of a cluster. k3d deletes what it finds by its own list; killed early, it
 * leaves a tools container, a volume and a network that it does not find again, and a network that it
 * re-uses later it never deletes. Only things that bear the name and the labels of k3d are touched.
 */
#include "providers/k3d/k3d.h"

#include <string.h>
#include <time.h>

static int ignore_missing(int rc, const struct docker_reply *reply)
{
	return rc && reply->status == 404 ? 0 : rc;
}

/* The engine may be removing it already, for a k3d that was killed meanwhile (409): then it is gone soon. */
static int remove_container(struct docker *docker, const char *id, struct error *err)
{
	const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
	struct docker_reply reply;

	for (;;) {
		struct error own = ERROR_INIT;

		if (!ignore_missing(docker_call(docker, "DELETE",
				docker_path(docker, "/containers/%s?force=1&v=1", id), NULL, &reply, &own),
				&reply))
			return 0;
		if (reply.status != 409 || provider_cancelled(docker->env))
			return error_set(err, own.code, "%s", own.msg);
		nanosleep(&pause, NULL);
	}
}

static int remove_containers(struct docker *docker, const char *name, struct error *err)
{
	const char *wanted = arena_printf(docker->arena, K3D_LABEL_CLUSTER "=%s", name);
	struct docker_reply list;

	if (docker_get(docker, docker_path(docker, "/containers/json?all=1&%s",
			docker_filters(docker, "label", wanted, NULL)), &list, err))
		return -1;
	for (uint32_t i = 0; list.body->kind == VALUE_LIST && i < list.body->len; i++)
		if (remove_container(docker, value_get_text(&list.body->items[i], "Id", ""), err))
			return -1;
	return 0;
}

static int remove_volume(struct docker *docker, const char *name, struct error *err)
{
	const char *volume = arena_printf(docker->arena, "k3d-%s-images", name);
	struct docker_reply reply;

	return ignore_missing(docker_call(docker, "DELETE",
		docker_path(docker, "/volumes/%s", docker_escape(docker, volume)), NULL, &reply, err), &reply);
}

/* By its id: a prefix of another's name would do for the engine. One in use stays. */
static int remove_network(struct docker *docker, const char *name, struct error *err)
{
	const char *wanted = arena_printf(docker->arena, "k3d-%s", name);
	struct docker_reply list, reply;

	if (docker_get(docker, docker_path(docker, "/networks?%s",
			docker_filters(docker, "name", wanted, "label", "app=k3d", NULL)), &list, err))
		return -1;
	for (uint32_t i = 0; list.body->kind == VALUE_LIST && i < list.body->len; i++) {
		const struct value *network = &list.body->items[i];
		const char *id = value_get_text(network, "Id", "");

		if (strcmp(value_get_text(network, "Name", ""), wanted) != 0)
			continue;
		if (docker_call(docker, "DELETE", docker_path(docker, "/networks/%s", id), NULL, &reply,
				err) && reply.status != 404 && reply.status != 403)
			return -1;
	}
	return 0;
}

int k3d_clean(struct docker *docker, const char *name, struct error *err)
{
	return remove_containers(docker, name, err) || remove_volume(docker, name, err) ||
			       remove_network(docker, name, err)
		? error_wrap(err, "cannot remove what is left of cluster %s", name)
		: 0;
}
