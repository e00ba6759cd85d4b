/*
 * generated_secret: random texts. One that is recorded is never made again, whatever else changes: a
 * database was initialised with it.
 */
#include "providers/secret/secret.h"

#include <sodium.h>
#include <string.h>

enum { DEFAULT_LENGTH = 32 };

/* Letters and digits go anywhere: into URLs, files, command lines of others. */
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

static struct value random_text(struct arena *arena, int64_t length)
{
	char *text = arena_alloc(arena, (size_t)length + 1);

	for (int64_t i = 0; i < length; i++)
		text[i] = alphabet[randombytes_uniform(sizeof(alphabet) - 1)];
	text[length] = '\0';
	return value_borrow(text);
}

int generated_apply(struct provider_env *env, const struct request *request,
	struct outcome *outcome, struct error *err)
{
	const struct value *keys = value_get(request->inputs, "keys");
	const struct value *old = NULL;
	struct value_builder b;

	if (request->act == ACT_UPDATE && request->record) {
		old = value_get(record_outputs(request->record, err), "data");
		if (err->code != ERROR_NONE)
			return -1; /* a lost key is no reason to make another password */
	}
	builder_init(&b, env->arena);
	for (uint32_t i = 0; i < (keys ? keys->len : 1); i++) {
		const char *key = keys ? value_text(&keys->items[i], "") : "value";
		const struct value *kept = value_get(old, key);

		builder_put(&b, key, kept ? *kept : random_text(env->arena,
			value_get_int(request->inputs, "length", DEFAULT_LENGTH)));
	}
	outcome->exists = true;
	outcome->outputs = secret_outputs(env->arena, builder_map(&b));
	outcome->observed = &value_empty_map;
	return 0;
}
