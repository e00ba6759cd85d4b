/*
 * spec.secrets: those that are made or read become a resource of their own, so that a missing one
 * holds up only what uses it; those of type kubernetes-secret are also a Secret of the namespace.
 */
#include "model/lower_internal.h"

#include <string.h>

static void lower_kubernetes_secret(struct lowering *l, const struct value *secret)
{
	const char *name = value_get_text(secret, "name", "");
	const struct value *data = value_get(secret, "data");
	struct service nobody = {.spec = secret};
	struct value_builder b, objects;

	if (!l->cluster.spec)
		return; /* ${secret.NAME.KEY} means the same everywhere */
	object_begin(l, &b, &nobody, "v1", "Secret", name);
	builder_put(&b, "stringData", data
		? value_sensitive(*lower_references(l, NULL, VIEW_CLUSTER, data)) : value_empty_map);
	builder_init(&objects, l->arena);
	builder_push(&objects, lower_map(&b, secret));
	object_resource(l, &nobody, arena_printf(l->arena, "secret-%s", name), &objects);
}

static void lower_resource(struct lowering *l, const struct value *secret, const char *type,
	const char *const keys[][2])
{
	struct service nobody = {.spec = lower_references(l, NULL, VIEW_MACHINE, secret)};
	struct value_builder b;

	lower_begin(l, &b, &nobody, type, value_get_text(secret, "name", ""));
	for (; (*keys)[0]; keys++)
		lower_copy(&b, &nobody, (*keys)[0], (*keys)[1]);
	lower_end(l, &b, &nobody);
}

static void lower_secret(struct lowering *l, const struct value *secret)
{
	static const char *const generated[][2] = {
		{"keys", "keys"}, {"length", "length"}, {NULL, NULL}};
	static const char *const sops[][2] = {{"source", "sops"}, {NULL, NULL}};
	static const char *const age[][2] = {
		{"source", "age"}, {"identity", "identity"}, {"format", "format"}, {NULL, NULL}};
	static const char *const external[][2] = {
		{"vault", "vault"}, {"command", "command"}, {"format", "format"}, {NULL, NULL}};
	const char *type = value_get_text(secret, "type", "variables");

	if (strcmp(type, "kubernetes-secret") == 0)
		lower_kubernetes_secret(l, secret);
	else if (strcmp(type, "generated") == 0)
		lower_resource(l, secret, "generated_secret", generated);
	else if (strcmp(type, "sops") == 0)
		lower_resource(l, secret, "external_secret", sops);
	else if (strcmp(type, "age") == 0)
		lower_resource(l, secret, "external_secret", age);
	else if (strcmp(type, "external-secret") == 0)
		lower_resource(l, secret, "external_secret", external);
}

void lower_secrets(struct lowering *l)
{
	const struct value *secrets = value_get(l->spec, "secrets");

	for (uint32_t i = 0; secrets && secrets->kind == VALUE_LIST && i < secrets->len; i++)
		lower_secret(l, &secrets->items[i]);
}
