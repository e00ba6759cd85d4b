/* local_value: the input becomes the output. No effect outside state. */
#include "providers/local/local.h"

static int apply(struct provider_env *env, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	const struct value *input = value_get(request->inputs, "input");
	struct value_builder outputs;
	struct value *map = arena_alloc(env->arena, sizeof(*map));

	(void)err;
	builder_init(&outputs, env->arena);
	builder_put(&outputs, "output", input ? *input : value_null);
	*map = builder_map(&outputs);
	outcome->exists = true;
	outcome->outputs = map;
	return 0;
}

const struct local_type local_value = {
	.name = "local_value",
	.apply = apply,
};
