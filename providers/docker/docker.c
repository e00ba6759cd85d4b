/*
 * The provider. It opens one conversation a call, makes sure that the engine which answers is the one
 * that was recorded, and hands over to the code of the type. Nothing is kept between calls.
 */
#include "providers/docker/docker.h"

#include <string.h>

static const struct docker_type *const types[] = {
	&docker_type_container,
	&docker_type_image,
	&docker_type_network,
	&docker_type_volume,
	&docker_type_registry_image,
};

static const char *const type_names[] = {
	"docker_container", "docker_image", "docker_network", "docker_volume",
	"docker_registry_image", NULL};

static const struct docker_type *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(types[i]->name, name))
			return types[i];
	BUG("'%s' is no type of this provider", name);
}

/* --- pure --------------------------------------------------------------------------------------- */

static void validate(const struct resource *resource, struct diags *diags)
{
	const struct docker_type *type = find(resource->type->name);

	if (type->validate)
		type->validate(resource, diags);
}

static void claims(const struct type *type, const struct value *inputs, const char *project_root,
	void (*claim)(void *arg, const char *what), void *arg)
{
	const struct docker_type *of = find(type->name);

	(void)project_root;
	if (of->claims)
		of->claims(type, inputs, claim, arg);
}

static int digest(const struct type *type, const struct value *inputs, const char *project_root,
	struct parsed *parsed, struct hash *out, struct error *err)
{
	const struct docker_type *of = find(type->name);

	memset(out, 0, sizeof(*out));
	return of->digest ? of->digest(type, inputs, project_root, parsed, out, err) : 0;
}

/* --- one engine --------------------------------------------------------------------------------- */

bool docker_is_elsewhere(const struct docker *docker, const struct record *record,
	const char **message)
{
	if (!record || !record->endpoint || !strcmp(record->endpoint, docker->id))
		return false;
	*message = arena_printf(docker->arena,
		"recorded on Docker engine %s, now %s answers at %s", record->endpoint, docker->id,
		docker->where);
	return true;
}

int docker_open_for(struct docker *docker, struct provider_env *env, const struct record *record,
	struct error *err)
{
	const char *message;

	if (docker_open(docker, env, err))
		return -1;
	if (docker_identify(docker, err)) {
		docker_close(docker);
		return -1;
	}
	if (docker_is_elsewhere(docker, record, &message)) {
		docker_close(docker);
		return error_set(err, ERROR_UNREACHABLE, "%s", message);
	}
	return 0;
}

/* --- observe ------------------------------------------------------------------------------------ */

void docker_make_unknown(struct observation *item, const char *message)
{
	item->presence = PRESENCE_UNKNOWN;
	item->ownership = OWNER_NONE;
	item->message = message;
	item->id = item->mark_intent = item->health = NULL;
	item->attributes = item->outputs = NULL;
	item->runs = item->matches = false;
}

/* The items of one type. */
static struct docker_observe items_of(struct docker *docker, const struct docker_type *type,
	const struct observe_request *request)
{
	struct docker_observe observe = {0};

	observe.items = arena_alloc(docker->arena, (request->n + 1) * sizeof(*observe.items));
	for (size_t i = 0; i < request->n; i++)
		if (!strcmp(request->items[i].type->name, type->name))
			observe.items[observe.n++] = &request->items[i];
	return observe;
}

/* An environment that was never applied has made nothing: then there is nothing to look for. */
static bool is_wanted(const struct docker *docker, const struct docker_type *type,
	const struct docker_observe *observe)
{
	return type->observe && (observe->n || *docker->env->environment);
}

static void observe_type(struct docker *docker, const struct docker_type *type,
	struct docker_observe *mine, struct docker_observe *all)
{
	struct error err = ERROR_INIT;
	const char *message;

	if (!is_wanted(docker, type, mine))
		return;
	mine->strays = all->strays;
	mine->n_strays = all->n_strays;
	mine->cap = all->cap;
	if (type->observe(docker, mine, &err)) {
		message = arena_strdup(docker->arena, err.msg);
		for (size_t i = 0; i < mine->n; i++)
			docker_make_unknown(mine->items[i], message);
		return;
	}
	*all = *mine;
}

enum { WORTH_A_CONNECTION = 4 }; /* requests beside which the slow ones get one of their own */

struct paths {
	struct arena *arena;
	const char **items, **slow;
	size_t n, cap, n_slow, cap_slow;
};

static void add_path(void *arg, const char *path, bool slow)
{
	struct paths *paths = arg;

	if (!path)
		return;
	if (slow) {
		ARENA_GROW(paths->arena, paths->slow, paths->n_slow, paths->cap_slow);
		paths->slow[paths->n_slow++] = path;
	} else {
		ARENA_GROW(paths->arena, paths->items, paths->n, paths->cap);
		paths->items[paths->n++] = path;
	}
}

static void observe_types(struct docker *docker, const struct observe_request *request,
	struct docker_observe *all)
{
	struct paths paths = {.arena = docker->arena};
	struct docker_observe mine[ARRAY_SIZE(types)];

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		mine[i] = items_of(docker, types[i], request);
		if (types[i]->ahead && is_wanted(docker, types[i], &mine[i]))
			types[i]->ahead(docker, &mine[i], add_path, &paths);
	}
	if (paths.n < WORTH_A_CONNECTION) {
		for (size_t i = 0; i < paths.n_slow; i++)
			add_path(&paths, paths.slow[i], false);
		paths.n_slow = 0;
	}
	docker_ask_ahead(docker, paths.items, paths.n, paths.slow, paths.n_slow);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		observe_type(docker, types[i], &mine[i], all);
}

/* The engine that something recorded was found on again, with our mark and an id that is given only
   once. NULL: nothing tells. */
static const char *proven_id(const struct observe_request *request)
{
	for (size_t i = 0; i < request->n; i++) {
		const struct observation *item = &request->items[i];
		const struct record *record = item->record;

		if (record && record->endpoint && record->id && item->presence == PRESENCE_PRESENT &&
			item->ownership == OWNER_US && !strcmp(record->id, item->id) &&
			find(item->type->name)->unique_ids)
			return record->endpoint;
	}
	return NULL;
}

static int know_engine(struct docker *docker, const struct observe_request *request,
	struct error *err)
{
	bool matters = false;

	docker->id = proven_id(request);
	for (size_t i = 0; i < request->n && !matters; i++)
		matters = request->items[i].record || request->items[i].presence == PRESENCE_PRESENT;
	if (docker->id || !matters)
		return 0;
	return docker_identify(docker, err);
}

static void all_unknown(struct observe_request *request, const char *message)
{
	for (size_t i = 0; i < request->n; i++)
		docker_make_unknown(&request->items[i], message);
}

/* What was recorded elsewhere, and the name of this engine on the rest. */
static void put_endpoint(struct docker *docker, struct observe_request *request)
{
	for (size_t i = 0; i < request->n; i++) {
		struct observation *item = &request->items[i];
		const char *message;

		/* What is wanted is not all known yet: nobody can say that it is so already. */
		if (item->desired && !value_is_known(item->desired))
			item->matches = false;
		if (docker_is_elsewhere(docker, item->record, &message))
			docker_make_unknown(item, message);
		else if (item->presence == PRESENCE_PRESENT)
			item->endpoint = docker->id;
	}
}

/* An engine that cannot be asked is an answer, too: every item is unknown, with the reason. */
static int observe(struct provider_env *env, struct observe_request *request, struct error *err)
{
	struct docker_observe all = {0};
	struct error why = ERROR_INIT;
	struct docker docker;

	(void)err;
	all_unknown(request, NULL);
	if (docker_open(&docker, env, &why)) {
		all_unknown(request, arena_strdup(env->arena, why.msg));
		return 0;
	}
	observe_types(&docker, request, &all);
	if (know_engine(&docker, request, &why)) {
		all_unknown(request, arena_strdup(env->arena, why.msg));
	} else {
		put_endpoint(&docker, request);
		request->strays = all.strays;
		request->n_strays = all.n_strays;
	}
	docker_close(&docker);
	return 0;
}

/* --- act ---------------------------------------------------------------------------------------- */

static int apply(struct provider_env *env, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	struct docker docker;
	int rc;

	/* A create has no old thing; what is adopted was observed on the engine that answers. */
	if (docker_open_for(&docker, env, request->act == ACT_CREATE ? NULL : request->record, err))
		return -1;
	rc = find(request->type->name)->apply(&docker, request, outcome, err);
	outcome->endpoint = docker.id;
	docker_close(&docker);
	return rc;
}

static int destroy(struct provider_env *env, struct record *record, struct error *err)
{
	struct docker docker;
	int rc;

	if (docker_open_for(&docker, env, record, err))
		return -1;
	rc = find(record->type)->destroy(&docker, record, err);
	docker_close(&docker);
	return rc;
}

/* One look, or as many as it takes. */
static enum readiness look(struct provider_env *env, struct record *record,
	const struct probe *probe, const struct value *spec, bool await, const char **why)
{
	const struct docker_type *type = find(record->type);
	struct error err = ERROR_INIT;
	enum readiness readiness;
	struct docker docker;

	if (!type->ready)
		return READY_YES;
	if (docker_open_for(&docker, env, record, &err)) {
		*why = arena_strdup(env->arena, err.msg);
		return READY_WAIT;
	}
	readiness = await && type->await ? type->await(&docker, record, probe, spec, why)
					 : type->ready(&docker, record, probe, spec, why);
	docker_close(&docker);
	return readiness;
}

static enum readiness ready(struct provider_env *env, struct record *record,
	const struct probe *probe, const struct value *spec, const char **why)
{
	return look(env, record, probe, spec, false, why);
}

static enum readiness await(struct provider_env *env, struct record *record,
	const struct probe *probe, const struct value *spec, const char **why)
{
	return look(env, record, probe, spec, true, why);
}

static int probe_target(struct provider_env *env, struct record *record, const struct value *spec,
	char *host, size_t host_size, int *port, struct error *err)
{
	const struct docker_type *type = find(record->type);
	struct docker docker;
	int rc;

	if (!type->probe_target)
		return error_set(err, ERROR_INVALID, "%s has no ports", record->address);
	if (docker_open_for(&docker, env, record, err))
		return -1;
	rc = type->probe_target(&docker, record, spec, host, host_size, port, err);
	docker_close(&docker);
	return rc;
}

static int import(struct provider_env *env, const struct type *type, const char *id,
	struct observation *out, struct error *err)
{
	const struct docker_type *of = find(type->name);
	struct docker docker;
	int rc;

	if (!of->import)
		return error_set(err, ERROR_INVALID, "%s cannot be imported", type->name);
	if (docker_open_for(&docker, env, NULL, err))
		return -1;
	rc = of->import(&docker, type, id, out, err);
	if (!rc && out->presence == PRESENCE_PRESENT)
		out->endpoint = docker.id;
	docker_close(&docker);
	return rc;
}

static int logs(struct provider_env *env, struct record *record, struct log_request *request,
	struct error *err)
{
	const struct docker_type *type = find(record->type);
	struct docker docker;
	int rc;

	if (!type->logs)
		return error_set(err, ERROR_INVALID, "%s has no logs", record->address);
	if (docker_open_for(&docker, env, record, err))
		return -1;
	rc = type->logs(&docker, record, request, err);
	docker_close(&docker);
	return rc;
}

static int exec(struct provider_env *env, struct record *record, struct exec_request *request,
	struct error *err)
{
	const struct docker_type *type = find(record->type);
	struct docker docker;
	int rc;

	if (!type->exec)
		return error_set(err, ERROR_INVALID, "nothing can be run in %s", record->address);
	if (docker_open_for(&docker, env, record, err))
		return -1;
	rc = type->exec(&docker, record, request, err);
	docker_close(&docker);
	return rc;
}

static int copy(struct provider_env *env, struct record *record, const struct copy_request *request,
	struct error *err)
{
	const struct docker_type *type = find(record->type);
	struct docker docker;
	int rc;

	if (!type->copy)
		return error_set(err, ERROR_INVALID, "nothing can be copied into %s", record->address);
	if (docker_open_for(&docker, env, record, err))
		return -1;
	rc = type->copy(&docker, record, request, err);
	docker_close(&docker);
	return rc;
}

const struct provider provider_docker = {
	.name = "docker",
	.types = type_names,
	.validate = validate,
	.claims = claims,
	.digest = digest,
	.observe = observe,
	.apply = apply,
	.destroy = destroy,
	.ready = ready,
	.await = await,
	.probe_target = probe_target,
	.import = import,
	.logs = logs,
	.exec = exec,
	.copy = copy,
	.listen = docker_listen,
};
