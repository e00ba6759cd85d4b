/*
 * The provider. It opens a conversation with the Docker Engine for each call, makes sure that it is
 * the engine of the record, and hands over to the code of the type.
 */
#include "providers/k3d/k3d.h"

#include <string.h>

static const char *const type_names[] = {"k3d_cluster", "k3d_image", "k3d_registry", NULL};

static const struct k3d_type *const types[] = {
	&k3d_type_cluster, &k3d_type_image, &k3d_type_registry};

static const struct k3d_type *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(types[i]->name, name))
			return types[i];
	BUG("'%s' is no type of this provider", name);
}

/* --- pure ---------------------------------------------------------------------------------------- */

static void validate(const struct resource *resource, struct diags *diags)
{
	const struct k3d_type *type = find(resource->type->name);

	if (type->validate)
		type->validate(resource, diags);
}

static void claims(const struct type *type, const struct value *inputs, const char *project_root,
	void (*claim)(void *arg, const char *what), void *arg)
{
	const struct k3d_type *of = find(type->name);

	if (of->claims)
		of->claims(type, inputs, project_root, claim, arg);
}

static int digest(const struct type *type, const struct value *inputs, const char *project_root,
	struct parsed *parsed, struct hash *out, struct error *err)
{
	const struct k3d_type *of = find(type->name);

	memset(out, 0, sizeof(*out));
	return of->digest ? of->digest(type, inputs, project_root, parsed, out, err) : 0;
}

/* --- one engine ---------------------------------------------------------------------------------- */

static int observe_types(struct docker *docker, struct observe_request *request,
	struct error *err)
{
	struct docker_observe all = {0};

	all.items = arena_alloc(docker->arena, (request->n + 1) * sizeof(*all.items));
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		all.n = 0;
		for (size_t k = 0; k < request->n; k++)
			if (!strcmp(request->items[k].type->name, types[i]->name))
				all.items[all.n++] = &request->items[k];
		if (all.n && types[i]->observe(docker, &all, err))
			return -1;
	}
	request->strays = all.strays;
	request->n_strays = all.n_strays;
	return 0;
}

static int observe(struct provider_env *env, struct observe_request *request, struct error *err)
{
	struct docker docker;
	int rc;

	if (docker_open_for(&docker, env, NULL, err))
		return -1;
	rc = observe_types(&docker, request, err);
	for (size_t i = 0; !rc && i < request->n; i++) {
		struct observation *item = &request->items[i];
		const char *message;

		if (docker_is_elsewhere(&docker, item->record, &message))
			docker_make_unknown(item, message);
		else if (item->presence == PRESENCE_PRESENT)
			item->endpoint = docker.id;
	}
	docker_close(&docker);
	return rc;
}

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

static int import(struct provider_env *env, const struct type *type, const char *id,
	struct observation *out, struct error *err)
{
	const struct k3d_type *of = find(type->name);
	struct docker docker;
	int rc;

	if (!of->import)
		return error_set(err, ERROR_INVALID, "%s cannot be imported: apply does it again, which "
			"changes nothing", type->name);
	if (docker_open_for(&docker, env, NULL, err))
		return -1;
	rc = of->import(&docker, type, id, out, err);
	out->endpoint = docker.id;
	docker_close(&docker);
	return rc;
}

static int logs(struct provider_env *env, struct record *record, struct log_request *request,
	struct error *err)
{
	const struct k3d_type *type = find(record->type);
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

const struct provider provider_k3d = {
	.name = "k3d",
	.types = type_names,
	.max_parallel = 1, /* two k3d at once share files in their home */
	.validate = validate,
	.claims = claims,
	.digest = digest,
	.observe = observe,
	.apply = apply,
	.destroy = destroy,
	.import = import,
	.logs = logs,
};
