/*
 * Plugins for credentials (client.authentication.k8s.io): a child that prints an ExecCredential. Its
 * output holds a secret, so it is captured here and never shown, not even when it cannot be read.
 */
#include "providers/kubernetes/api/kubeconfig.h"

#include "base/fs.h"
#include "base/process.h"
#include "model/json.h"

#include <string.h>

enum { EXEC_DEADLINE = 60 * 1000 };

static const char *const *argv_of(struct arena *arena, const struct value *exec,
	const char *directory)
{
	const struct value *args = value_get(exec, "args");
	uint32_t n = args && args->kind == VALUE_LIST ? args->len : 0;
	const char **argv = arena_alloc(arena, (n + 2) * sizeof(*argv));
	const char *command = value_get_text(exec, "command", "");

	argv[0] = strchr(command, '/') ? fs_join(arena, directory, command) : command;
	for (uint32_t i = 0; i < n; i++)
		argv[i + 1] = value_text(&args->items[i], "");
	argv[n + 1] = NULL;
	return argv;
}

static const char *base64(struct arena *arena, const char *text)
{
	size_t len = strlen(text);
	size_t room = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
	char *out = arena_alloc(arena, room);

	return sodium_bin2base64(out, room, (const unsigned char *)text, len,
		sodium_base64_VARIANT_ORIGINAL);
}

/* What the plugin is told: the version to answer in, that nobody can be asked, and the cluster. */
static const char *info_of(struct arena *arena, const struct value *exec,
	const struct kubeconfig *config)
{
	struct value_builder info, spec, cluster;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct value whole;

	builder_init(&info, arena);
	builder_init(&spec, arena);
	builder_init(&cluster, arena);
	if (value_get_bool(exec, "provideClusterInfo", false)) {
		builder_put_str(&cluster, "server", config->server);
		builder_put_bool(&cluster, "insecure-skip-tls-verify", config->insecure);
		if (config->server_name)
			builder_put_str(&cluster, "tls-server-name", config->server_name);
		if (config->ca)
			builder_put_str(&cluster, "certificate-authority-data",
				base64(arena, config->ca));
		builder_put(&spec, "cluster", builder_map(&cluster));
	}
	builder_put_bool(&spec, "interactive", false);
	builder_put_str(&info, "apiVersion", value_get_text(exec, "apiVersion", ""));
	builder_put_str(&info, "kind", "ExecCredential");
	builder_put(&info, "spec", builder_map(&spec));
	whole = builder_map(&info);
	json_write(&text, &whole, JSON_CLEAR, NULL);
	return arena_strdup(arena, text.text);
}

static const char *const *env_of(struct arena *arena, const struct value *exec,
	const struct kubeconfig *config)
{
	const struct value *list = value_get(exec, "env");
	struct process_env env;

	process_env_init(&env, arena, NULL);
	for (uint32_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++)
		process_env_set(&env, value_get_text(&list->items[i], "name", ""),
			value_get_text(&list->items[i], "value", ""));
	process_env_set(&env, "KUBERNETES_EXEC_INFO", info_of(arena, exec, config));
	return process_env_vector(&env);
}

static int take(struct arena *arena, const struct process_result *result, struct kubeconfig *out,
	struct error *err)
{
	const struct value *status;
	const char *token, *cert, *key;
	struct value credential;

	if (json_parse(result->out.text, result->out.len, arena, NULL, &credential, NULL))
		return error_set(err, ERROR_UNREACHABLE, "what it prints is no ExecCredential");
	status = value_get(&credential, "status");
	token = value_get_text(status, "token", NULL);
	cert = value_get_text(status, "clientCertificateData", NULL);
	key = value_get_text(status, "clientKeyData", NULL);
	if (!token && (!cert || !key))
		return error_set(err, ERROR_UNREACHABLE,
			"its ExecCredential has neither a token nor a certificate with its key");
	if (token)
		out->authorization = arena_printf(arena, "Bearer %s", token);
	if (cert && key) {
		out->cert = arena_strdup(arena, cert);
		out->key = arena_strdup(arena, key);
	}
	return 0;
}

int kubeconfig_exec(struct provider_env *env, const struct value *exec, const char *directory,
	struct kubeconfig *out, struct error *err)
{
	int64_t deadline = clock_monotonic(env->clock) + EXEC_DEADLINE;
	const char *root = env->project_root;
	struct process_request request = {
		.argv = argv_of(env->arena, exec, directory),
		.env = env_of(env->arena, exec, out),
		.directory = env->project_root,
		.deadline = env->deadline && env->deadline < deadline ? env->deadline : deadline,
		.clock = env->clock,
		.cancel = env->cancel,
	};
	cleanup_process struct process_result result = PROCESS_RESULT_INIT;
	const char *hint = value_get_text(exec, "installHint", "");

	if (!*request.argv[0])
		return error_set(err, ERROR_INVALID, "its exec names no command");
	/* One that lies outside is the user's own. */
	if (env->distrust && root && fs_relative(root, directory) != directory)
		return error_set(err, ERROR_UNREACHABLE, "(not evaluated): plugin %s is named by the repository, "
			"whose revision is not trusted; --trust-revision runs it", request.argv[0]);
	if (process_run(&request, &result, err)) {
		if (err && err->code == ERROR_NOT_FOUND) {
			err->code = ERROR_UNREACHABLE;
			if (*hint)
				return error_wrap(err, "%s", hint);
		}
		return -1;
	}
	if (process_check(&request, &result, err)) {
		if (err)
			err->code = ERROR_UNREACHABLE;
		return -1;
	}
	if (take(env->arena, &result, out, err))
		return error_wrap(err, "plugin %s", request.argv[0]);
	return 0;
}
