/* The contract with the engine: see secret.h. Nothing outside state is ever changed. */
#include "providers/secret/secret.h"

#include "base/fs.h"
#include "base/hash.h"

#include <string.h>

const struct value *secret_outputs(struct arena *arena, struct value data)
{
	struct value *map = arena_alloc(arena, sizeof(*map));
	struct value_builder b;

	builder_init(&b, arena);
	builder_put(&b, "data", value_sensitive(data));
	*map = builder_map(&b);
	return map;
}

static bool is_generated(const char *type)
{
	return strcmp(type, "generated_secret") == 0;
}

static bool is_certificate(const char *type)
{
	return strcmp(type, "generated_certificate") == 0;
}

/* What was generated is there as long as its record is: there is nothing else to look at. */
static void observe_generated(struct observation *item)
{
	item->presence = item->record ? PRESENCE_PRESENT : PRESENCE_ABSENT;
	item->ownership = OWNER_US;
	item->attributes = &value_empty_map;
}

/* By the manifest's word on where it is; a record without one is not asked for any more. */
static int observe_external(struct provider_env *env, struct observation *item, struct error *err)
{
	const struct value *inputs = item->desired;
	struct value data;

	item->presence = item->record ? PRESENCE_PRESENT : PRESENCE_ABSENT;
	item->ownership = OWNER_US;
	item->attributes = item->record ? record_observed(item->record, NULL) : NULL;
	if (!item->record || !inputs || !value_is_known(inputs))
		return 0;
	/* Also what tells a server, or an encrypted file, what only this machine knows. */
	if (!value_get(inputs, "file") && !provider_may_run(env, item, "what tells its data"))
		return 0;
	if (external_read(env, inputs, &data, err) < 0)
		return -1;
	item->attributes = secret_outputs(env->arena, data);
	return 0;
}

static int observe(struct provider_env *env, struct observe_request *request, struct error *err)
{
	(void)err;
	for (size_t i = 0; i < request->n; i++) {
		struct observation *item = &request->items[i];
		struct error why = ERROR_INIT;

		if (is_generated(item->type->name)) {
			observe_generated(item);
		} else if (is_certificate(item->type->name)) {
			observe_generated(item);
			certificate_observe(env, item);
		} else if (observe_external(env, item, &why) < 0) {
			item->presence = PRESENCE_UNKNOWN;
			item->message = arena_strdup(env->arena, why.msg);
		}
	}
	return 0;
}

static void validate(const struct resource *resource, struct diags *diags)
{
	if (is_certificate(resource->type->name))
		certificate_validate(resource, diags);
}

static int apply(struct provider_env *env, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	struct value data;

	if (is_generated(request->type->name))
		return generated_apply(env, request, outcome, err);
	if (is_certificate(request->type->name))
		return certificate_apply(env, request, outcome, err);
	if (external_read(env, request->inputs, &data, err) < 0)
		return -1;
	outcome->exists = true;
	outcome->outputs = outcome->observed = secret_outputs(env->arena, data);
	return 0;
}

static int destroy(struct provider_env *env, struct record *record, struct error *err)
{
	(void)env;
	(void)record;
	(void)err;
	return 0;
}

/* So that a file which is sealed anew is followed. One that is not there is missed by observe, which
   holds up only what uses it. A text in clear leaves no hash behind: it could be guessed by it. */
static int digest(const struct type *type, const struct value *inputs, const char *project_root,
	struct parsed *parsed, struct hash *out, struct error *err)
{
	static const char *const files[] = {"sops", "age", "file"};
	struct arena arena = ARENA_INIT;
	struct hash hash;

	(void)type, (void)parsed;
	*out = (struct hash){0};
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		const char *path = value_get_text(inputs, files[i], NULL);

		if (path && hash_file(fs_join(&arena, project_root, path), &hash, err) == 0 &&
			strcmp(files[i], "file") != 0)
			*out = hash;
	}
	arena_release(&arena);
	*err = (struct error)ERROR_INIT;
	return 0;
}

static const char *const names[] = {"generated_secret", "generated_certificate", "external_secret", NULL};

const struct provider provider_secret = {
	.name = "secret",
	.types = names,
	.digest = digest,
	.validate = validate,
	.observe = observe,
	.apply = apply,
	.destroy = destroy,
};
