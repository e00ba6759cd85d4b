/*
 * spec.secrets: those that are made or read become a resource of their own, so that a missing one
 * holds up only what uses it; those of type kubernetes-secret and docker-registry are also a Secret of
 * the namespace.
 */
#include "manifest/lower/internal.h"

#include "model/json.h"

#include <string.h>

/* --- Secrets of the cluster ---------------------------------------------------------------------- */

static void make_secret(struct lowering *l, const struct value *secret, const char *type,
	struct value texts)
{
	const char *name = value_get_text(secret, "name", "");
	struct service nobody = {.spec = secret};
	struct value_builder b, objects;

	object_begin(l, &b, &nobody, "v1", "Secret", name);
	if (type)
		builder_put(&b, "type", lower_text(l, type, secret));
	builder_put(&b, "stringData", value_sensitive(texts));
	builder_init(&objects, l->arena);
	builder_push(&objects, lower_map(&b, secret));
	object_resource(l, &nobody, arena_printf(l->arena, "secret-%s", name), &objects);
}

static const struct value *data_of(struct lowering *l, const struct value *secret)
{
	const struct value *data = value_get(secret, "data");

	return data ? lower_references(l, NULL, VIEW_CLUSTER, data) : &value_empty_map;
}

/* {"auths": {SERVER: {username, password, email}}}. A text with a reference in it cannot be escaped
   before it is known: it is put between the quotes as it is. */
static struct value registry_config(struct lowering *l, const struct value *data)
{
	static const char *const keys[] = {"username", "password", "email"};
	const struct value *server = value_get(data, "server");
	struct strbuf text = STRBUF_INIT;
	struct value whole, fallback = value_borrow("https://index.docker.io/v1/");
	const char *comma = "";

	strbuf_addstr(&text, "{\"auths\":{");
	json_write(&text, server ? server : &fallback, JSON_CLEAR, NULL);
	strbuf_addstr(&text, ":{");
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const struct value *said = value_get(data, keys[i]);

		if (!said)
			continue;
		strbuf_addf(&text, "%s\"%s\":", comma, keys[i]);
		if (said->flags & VALUE_TEMPLATE)
			strbuf_addf(&text, "\"%s\"", value_text(said, ""));
		else
			json_write(&text, said, JSON_CLEAR, NULL);
		comma = ",";
	}
	strbuf_addstr(&text, "}}}");
	whole = lower_part(l, text.text, data);
	strbuf_release(&text);
	return whole;
}

static void lower_registry(struct lowering *l, const struct value *secret)
{
	const struct value *data = data_of(l, secret);

	if (!value_get(data, "username") || !value_get(data, "password")) {
		diag_error(l->diags, value_pos(secret), "secret %s of type docker-registry needs a username "
			"and a password", value_get_text(secret, "name", ""));
		diag_hint(l->diags, "data: {server: registry.example.com, username: ..., password: ...}");
		return;
	}
	if (l->cluster.spec)
		make_secret(l, secret, "kubernetes.io/dockerconfigjson",
			lower_wrap(l, ".dockerconfigjson", registry_config(l, data)));
}

void lower_pull_secrets(struct lowering *l, struct service *service, struct value_builder *account)
{
	const struct value *secrets = value_get(l->spec, "secrets");
	struct value_builder list;

	builder_init(&list, l->arena);
	for (uint32_t i = 0; secrets && secrets->kind == VALUE_LIST && i < secrets->len; i++) {
		const char *name = value_get_text(&secrets->items[i], "name", "");

		if (strcmp(value_get_text(&secrets->items[i], "type", ""), "docker-registry") != 0)
			continue;
		builder_push(&list, lower_texts(l, service->spec, "name", name, NULL));
		lower_need(l, service, arena_printf(l->arena, "kubernetes_manifest.secret-%s", name));
	}
	if (list.n)
		builder_put(account, "imagePullSecrets", lower_list(&list, service->spec));
}

/* --- those that are a resource ------------------------------------------------------------------- */

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

/* A Secret that somebody else put into the cluster. */
static void lower_existing(struct lowering *l, const struct value *secret)
{
	const char *name = value_get_text(secret, "name", "");
	const struct value *namespace = value_get(secret, "namespace");
	struct service nobody = {.spec = secret};
	struct value_builder b;

	if (!l->cluster.spec) {
		diag_error(l->diags, value_pos(secret), "secret %s is to be a Secret of the cluster, and there "
			"is no cluster", name);
		diag_hint(l->diags, "name the file that holds it (source:), or declare spec.cluster");
		return;
	}
	lower_begin(l, &b, &nobody, "kubernetes_secret", name);
	builder_put(&b, "cluster", l->cluster.where);
	builder_put(&b, "namespace", namespace ? *namespace
		: lower_text(l, l->cluster.namespace, secret));
	builder_put(&b, "secret", value_get(secret, "secret") ? *value_get(secret, "secret")
		: lower_text(l, name, secret));
	if (!namespace)
		builder_put(&b, "dependsOn", lower_one(l,
			lower_text(l, "kubernetes_manifest.namespace", secret)));
	lower_end(l, &b, &nobody);
}

/* Says it in the words of the manifest: those of the resource that it becomes nobody has written. */
static bool has(struct lowering *l, const struct value *secret, const char *key, const char *help)
{
	const struct value *value = value_get(secret, key);

	if (value && value->kind != VALUE_NULL)
		return true;
	diag_error(l->diags, value_pos(secret), "secret %s of type %s needs \"%s\"",
		value_get_text(secret, "name", ""), value_get_text(secret, "type", ""), key);
	diag_hint(l->diags, "write %s", help);
	return false;
}

static bool has_provider(struct lowering *l, const struct value *secret)
{
	const char *provider = value_get_text(secret, "provider", "");

	if (strcmp(provider, "vault") == 0)
		return has(l, secret, "vault", "vault: {address: \"https://...\", path: ...}");
	if (strcmp(provider, "command") == 0)
		return has(l, secret, "command", "command: [PROGRAM, ARGUMENT, ...]");
	return value_get(secret, "vault") || value_get(secret, "command") ||
		has(l, secret, "provider", "provider: vault, or provider: command");
}

static void lower_secret(struct lowering *l, const struct value *secret)
{
	static const char file_of_it[] = "source: FILE";
	static const char *const generated[][2] = {
		{"keys", "keys"}, {"length", "length"}, {NULL, NULL}};
	static const char *const sops[][2] = {{"source", "sops"}, {NULL, NULL}};
	static const char *const age[][2] = {
		{"source", "age"}, {"identity", "identity"}, {"format", "format"}, {NULL, NULL}};
	static const char *const file[][2] = {{"source", "file"}, {"format", "format"}, {NULL, NULL}};
	static const char *const external[][2] = {
		{"vault", "vault"}, {"command", "command"}, {"format", "format"}, {NULL, NULL}};
	const char *type = value_get_text(secret, "type", "variables");

	if (strcmp(type, "kubernetes-secret") == 0 && l->cluster.spec)
		make_secret(l, secret, NULL, *data_of(l, secret)); /* elsewhere it is only a value */
	else if (strcmp(type, "docker-registry") == 0)
		lower_registry(l, secret);
	else if (strcmp(type, "generated") == 0)
		lower_resource(l, secret, "generated_secret", generated);
	else if (strcmp(type, "sops") == 0 && has(l, secret, "source", file_of_it))
		lower_resource(l, secret, "external_secret", sops);
	else if (strcmp(type, "age") == 0 && has(l, secret, "source", file_of_it))
		lower_resource(l, secret, "external_secret", age);
	else if (strcmp(type, "external-secret") == 0 && has_provider(l, secret))
		lower_resource(l, secret, "external_secret", external);
	else if (strcmp(type, "existing") == 0 && value_get(secret, "source"))
		lower_resource(l, secret, "external_secret", file);
	else if (strcmp(type, "existing") == 0)
		lower_existing(l, secret);
}

void lower_secrets(struct lowering *l)
{
	const struct value *secrets = value_get(l->spec, "secrets");

	for (uint32_t i = 0; secrets && secrets->kind == VALUE_LIST && i < secrets->len; i++)
		lower_secret(l, &secrets->items[i]);
}
