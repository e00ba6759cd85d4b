/* KV version 2 over HTTP: GET ADDRESS/v1/MOUNT/data/PATH. The token travels in a header only. */
#include "providers/secret/secret.h"

#include "base/fs.h"
#include "base/http.h"
#include "model/json.h"

#include <string.h>

/* Given outright, or the content of a file such as ~/.vault-token. */
static int token_of(struct provider_env *env, const struct value *vault, const char **token,
	struct error *err)
{
	const char *path = value_get_text(vault, "tokenFile", NULL), *text;
	size_t len;

	*token = value_get_text(vault, "token", NULL);
	if (*token || !path)
		return 0;
	if (fs_read(provider_path(env, path), env->arena, &text, &len, err) < 0)
		return -1;
	*token = arena_strndup(env->arena, text, strcspn(text, "\r\n"));
	return 0;
}

static int refused(const struct http_response *reply, const char *path, struct error *err)
{
	if (reply->status == 404)
		return error_set(err, ERROR_NOT_FOUND, "vault has no secret %s", path);
	if (reply->status == 403)
		return error_set(err, ERROR_FAILED, "vault does not let this token read %s", path);
	return error_set(err, reply->status >= 500 || reply->status == 429 ? ERROR_TRANSIENT : ERROR_FAILED,
		"vault answers %ld for %s", reply->status, path);
}

int vault_read(struct provider_env *env, const struct value *vault, struct value *data,
	struct error *err)
{
	const char *address = value_get_text(vault, "address", "");
	const char *path = value_get_text(vault, "path", ""), *token;
	const char *namespace = value_get_text(vault, "namespace", NULL);
	const char *ca_file = value_get_text(vault, "caFile", NULL);
	struct http_options options = {.ca_file = ca_file ? provider_path(env, ca_file) : NULL};
	cleanup_http struct http_client *client = http_client_new(&options, err);
	const char *headers[3] = {NULL};
	struct http_request request = {.headers = headers, .clock = env->clock,
		.deadline = env->deadline, .stall = 10000, .cancel = env->cancel};
	struct http_response reply;
	const struct value *found;
	struct value body;
	size_t n = 0;

	if (!client || token_of(env, vault, &token, err) < 0)
		return -1;
	if (token)
		headers[n++] = arena_printf(env->arena, "X-Vault-Token: %s", token);
	if (namespace)
		headers[n++] = arena_printf(env->arena, "X-Vault-Namespace: %s", namespace);
	request.url = arena_printf(env->arena, "%.*s/v1/%s/data/%s",
		(int)strlen(address) - (strlen(address) && address[strlen(address) - 1] == '/'), address,
		value_get_text(vault, "mount", "secret"), path);
	if (http_perform(client, &request, env->arena, &reply, err) < 0)
		return -1;
	if (reply.status != 200)
		return refused(&reply, path, err);
	if (json_parse(reply.body, reply.body_len, env->arena, NULL, &body, err) < 0)
		return error_set(err, ERROR_FAILED, "vault answers no JSON for %s", path);
	found = value_path(&body, "data.data");
	if (!found || found->kind != VALUE_MAP)
		return error_set(err, ERROR_NOT_FOUND, "vault has no values at %s: was it deleted?", path);
	*data = *found;
	return 0;
}
