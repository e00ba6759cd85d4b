/*
 * Making, starting, stopping and removing a cluster. A creation that died, at whatever moment, is
 * started over: nothing can live in a cluster that was never recorded, and what k3d left is cleaned
 * away first.
 */
#include "providers/k3d/k3d.h"

#include "base/fs.h"

#include <string.h>

static const char *request_name(struct docker *docker, const struct request *request)
{
	return request->record && request->record->id
		? request->record->id
		: docker_request_name(docker, request, "clusterName");
}

static bool has_died(const struct request *request)
{
	return request->adopt || (request->observed && request->observed->intent);
}

/* Is the name free for us? What an earlier try of ours left of it is removed. */
static int make_room(struct docker *docker, const struct request *request, const char *name,
	struct error *err)
{
	struct docker_mark mark;
	struct k3d_cluster there;
	bool found, died = has_died(request);

	if (k3d_find(docker, name, &there, &found, err))
		return -1;
	mark = docker_mark(there.labels);
	if (there.labels && !docker_is_intent(docker, &mark) && !(died && docker_is_ours(docker, &mark)))
		return error_set(err, ERROR_CONFLICT,
			"a cluster '%s' exists already: import it, or choose another clusterName", name);
	if (found && !there.labels && !died)
		return error_set(err, ERROR_CONFLICT,
			"there are remains of a cluster '%s' of somebody else: `k3d cluster delete %s`", name,
			name);
	return found || died ? k3d_clean(docker, name, err) : 0;
}

/* The file holds the token: it lives no longer than the command. */
static int create(struct docker *docker, const struct request *request, const char *name,
	struct error *err)
{
	const char *config, *folder, *path;
	const char *args[] = {"cluster", "create", "--config", NULL, NULL};
	int rc;

	if (strlen(name) > K3D_NAME_MAX)
		return error_set(err, ERROR_INVALID,
			"the name '%s' is longer than the %d characters that k3d takes: set clusterName", name,
			K3D_NAME_MAX);
	if (make_room(docker, request, name, err) || k3d_folder(docker->env, name, &folder, err))
		return -1;
	config = k3d_config(docker, request, name, folder);
	args[3] = path = fs_join(docker->arena, folder, "config.yaml");
	if (fs_write(path, fs_join(docker->arena, folder, ".config.yaml.new"), config, strlen(config),
			0600, FS_VOLATILE, err))
		return -1;
	rc = k3d_run(docker, args, NULL, err);
	fs_remove(path, NULL);
	if (!rc)
		return 0;
	if (!strstr(err->msg, "a cluster with that name already exists"))
		k3d_clean(docker, name, NULL); /* it was killed, or its rollback was not whole */
	else if (has_died(request)) /* a node that the dead one asked for came after we looked; else it is a stranger's */
		err->code = ERROR_TRANSIENT;
	return error_wrap(err, "cannot create cluster %s", name);
}

/* An imported cluster, or one whose creation came to its end before the run died. */
static bool stands(struct docker *docker, const struct request *request, const char *name)
{
	struct k3d_cluster cluster;
	bool found;

	return !k3d_find(docker, name, &cluster, &found, NULL) && cluster.labels &&
	       cluster.servers == (size_t)value_get_int(request->inputs, "servers", 1) &&
	       cluster.agents == (size_t)value_get_int(request->inputs, "agents", 0) &&
	       cluster.running == cluster.parts;
}

static int power(struct docker *docker, const struct request *request, const char *name,
	struct error *err)
{
	const char *const start[] = {"cluster", "start", name, "--wait", NULL};
	const char *const stop[] = {"cluster", "stop", name, NULL};

	return k3d_run(docker, request->act == ACT_START ? start : stop, NULL, err);
}

static int update(struct docker *docker, const struct request *request, const char *name,
	struct error *err)
{
	struct k3d_cluster cluster;
	bool found;

	if (k3d_find(docker, name, &cluster, &found, err))
		return -1;
	if (!cluster.labels)
		return error_set(err, ERROR_FAILED, "cluster %s is gone", name);
	if (k3d_change_ports(docker, value_get(record_inputs(request->record, NULL), "ports"),
			value_get(request->inputs, "ports"), name, err))
		return -1;
	return k3d_scale(docker, request, &cluster, err);
}

int k3d_apply(struct docker *docker, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	const char *name = request_name(docker, request);
	int rc = 0;

	switch (request->act) {
	case ACT_CREATE:
		if (!(request->adopt && stands(docker, request, name)))
			rc = create(docker, request, name, err);
		break;
	case ACT_UPDATE:
		outcome->exists = true;
		outcome->id = name;
		rc = update(docker, request, name, err);
		break;
	case ACT_START:
	case ACT_STOP:
		outcome->exists = true;
		outcome->id = name;
		rc = power(docker, request, name, err);
		if (!rc && request->act == ACT_STOP)
			return 0;
		break;
	}
	return rc ? -1 : k3d_access(docker, request, name, outcome, err);
}

int k3d_destroy(struct docker *docker, struct record *record, struct error *err)
{
	const char *const args[] = {"cluster", "delete", record->id, NULL};
	struct k3d_cluster cluster;
	const char *folder;
	bool found;

	if (!record->id)
		return 0;
	if (k3d_find(docker, record->id, &cluster, &found, err))
		return -1;
	if (cluster.labels && k3d_is_another(docker, record, &cluster))
		return error_set(err, ERROR_CONFLICT, "cluster '%s' is not the one that was recorded: left alone",
			record->id);
	if (cluster.labels && docker_guard(docker, cluster.labels, record->id, record,
			arena_printf(docker->arena, "cluster '%s'", record->id), err))
		return -1;
	if (found && k3d_run(docker, args, NULL, err))
		return error_wrap(err, "cannot delete cluster %s", record->id);
	if (value_get_bool(record_inputs(record, NULL), "mergeKubeconfig", false) &&
		k3d_unmerge(docker, record->id, err))
		return -1;
	if (k3d_clean(docker, record->id, err) || k3d_folder(docker->env, record->id, &folder, err))
		return -1;
	return fs_remove_tree(folder, err);
}
