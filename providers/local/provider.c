/*
 * The family: finds the type of an item and hands on. Everything that is not alike for all types
 * stands in the file of the type.
 */
#include "providers/local/local.h"

#include "providers/local/process.h"

#include <string.h>

static const struct local_type *const types[] = {
	&local_value, &local_file, &local_directory, &local_command, &local_process,
};

static const struct local_type *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (strcmp(types[i]->name, name) == 0)
			return types[i];
	}
	BUG("%s is no type of the local provider", name);
}

static void validate(const struct resource *resource, struct diags *diags)
{
	const struct local_type *type = find(resource->type->name);

	if (type->validate)
		type->validate(resource, diags);
}

static void claims(const struct type *type, const struct value *inputs, const char *project_root,
	void (*claim)(void *arg, const char *what), void *arg)
{
	const struct local_type *local = find(type->name);

	if (local->claims)
		local->claims(inputs, project_root, claim, arg);
}

static int observe(struct provider_env *env, struct observe_request *request, struct error *err)
{
	(void)err;
	for (size_t i = 0; i < request->n; i++) {
		struct observation *item = &request->items[i];
		const struct local_type *type = find(item->type->name);
		struct error why = ERROR_INIT;

		item->presence = PRESENCE_ABSENT;
		if (type->observe && type->observe(env, request, item, &why) < 0) {
			item->presence = PRESENCE_UNKNOWN;
			item->message = arena_strdup(env->arena, why.msg);
		}
	}
	process_strays(env, request);
	return 0;
}

static int apply(struct provider_env *env, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	return find(request->type->name)->apply(env, request, outcome, err);
}

static int destroy(struct provider_env *env, struct record *record, struct error *err)
{
	const struct local_type *type = find(record->type);

	return type->destroy ? type->destroy(env, record, err) : 0;
}

static int import(struct provider_env *env, const struct type *type, const char *id,
	struct observation *out, struct error *err)
{
	const struct local_type *local = find(type->name);

	out->presence = PRESENCE_ABSENT;
	if (!local->import)
		return error_set(err, ERROR_INVALID, "a %s cannot be imported", type->name);
	return local->import(env, id, out, err);
}

static const char *const names[] = {
	"local_value", "local_file", "local_directory", "local_command", "local_process", NULL,
};

const struct provider provider_local = {
	.name = "local",
	.types = names,
	.validate = validate,
	.claims = claims,
	.observe = observe,
	.apply = apply,
	.destroy = destroy,
	.ready = process_ready,
	.probe_target = process_probe_target,
	.import = import,
	.logs = process_logs,
	.exec = process_exec,
};
