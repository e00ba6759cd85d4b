/*
 * kubeconfig files. Every message names the file, and the entry in it that is wrong. Relative paths
 * in such a file start at its own directory.
 */
#include "providers/kubernetes/api/kubeconfig.h"

#include "base/fs.h"
#include "model/parsed.h"

#include <stdlib.h>
#include <fnmatch.h>
#include <string.h>

struct reader {
	struct provider_env *env;
	const char *path, *directory;
	struct error *err;
};

static int parse_file(struct reader *reader, struct value *out)
{
	struct arena *arena = reader->env->arena;
	struct sources sources = {0};
	struct error own = ERROR_INIT;
	struct diags diags;
	const char *text;
	uint16_t source;
	size_t len;

	if (fs_read(reader->path, arena, &text, &len, &own))
		return error_set(reader->err, ERROR_UNREACHABLE, "cannot read the kubeconfig: %s", own.msg);
	diags_init(&diags, arena);
	source = sources_add(&sources, arena, reader->path, "kubeconfig", text, len);
	if (parsed_yaml(reader->env->parsed, &sources, source, arena, out, &diags) || out->kind != VALUE_MAP)
		return error_set(reader->err, ERROR_INVALID, "%s is no kubeconfig: %s", reader->path,
			diags.n ? diags.items[0].message : "expected a map");
	return 0;
}

/* {name: NAME, KEY: ...} of one of the three lists. */
static const struct value *find(const struct value *file, const char *list, const char *name,
	const char *key)
{
	const struct value *items = value_get(file, list);

	for (uint32_t i = 0; items && items->kind == VALUE_LIST && i < items->len; i++)
		if (!strcmp(value_get_text(&items->items[i], "name", ""), name))
			return value_get(&items->items[i], key);
	return NULL;
}

static const char *context_names(struct reader *reader, const struct value *contexts)
{
	cleanup_strbuf struct strbuf names = STRBUF_INIT;

	for (uint32_t i = 0; contexts && contexts->kind == VALUE_LIST && i < contexts->len; i++)
		strbuf_addf(&names, "%s%s", i ? ", " : "",
			value_get_text(&contexts->items[i], "name", "?"));
	return arena_strdup(reader->env->arena, names.len ? names.text : "none");
}

static int find_context(struct reader *reader, const struct value *file, const char *name,
	struct kubeconfig *out, const struct value **context)
{
	const struct value *contexts = value_get(file, "contexts");
	uint32_t n = contexts && contexts->kind == VALUE_LIST ? contexts->len : 0;

	if (!name && n == 1)
		name = value_get_text(&contexts->items[0], "name", NULL);
	if (!name)
		return error_set(reader->err, ERROR_INVALID,
			"%s has %s contexts (%s): name one with cluster.context", reader->path,
			n ? "several" : "no", context_names(reader, contexts));
	out->context = arena_strdup(reader->env->arena, name);
	*context = find(file, "contexts", name, "context");
	if (!*context)
		return error_set(reader->err, ERROR_INVALID, "%s has no context '%s' (it has: %s)",
			reader->path, name, context_names(reader, contexts));
	return 0;
}

/* PEM from KEY-data (base64) or from the file that KEY names; *out stays NULL when there is neither. */
static int read_pem(struct reader *reader, const struct value *map, const char *key, const char **out)
{
	struct arena *arena = reader->env->arena;
	const char *data = value_get_text(map, arena_printf(arena, "%s-data", key), NULL);
	const char *file = value_get_text(map, key, NULL);
	struct error own = ERROR_INIT;
	size_t len = data ? strlen(data) : 0;

	if (len) {
		char *pem = arena_alloc(arena, len + 1);

		if (sodium_base642bin((unsigned char *)pem, len, data, len, " \r\n", &len, NULL,
				sodium_base64_VARIANT_ORIGINAL))
			return error_set(reader->err, ERROR_INVALID, "%s: %s-data is no base64", reader->path,
				key);
		pem[len] = '\0';
		*out = pem;
	} else if (file && *file) {
		if (fs_read(fs_join(arena, reader->directory, file), arena, out, &len, &own))
			return error_set(reader->err, ERROR_UNREACHABLE, "%s: %s: %s", reader->path, key,
				own.msg);
	}
	return 0;
}

static int read_cluster(struct reader *reader, const struct value *cluster, struct kubeconfig *out)
{
	struct arena *arena = reader->env->arena;
	const char *server = value_get_text(cluster, "server", "");
	size_t len = strlen(server);

	while (len && server[len - 1] == '/')
		len--;
	if (strncmp(server, "https://", 8) != 0 && strncmp(server, "http://", 7) != 0)
		return error_set(reader->err, ERROR_INVALID,
			"%s: the cluster of context '%s' has no server that begins with https://", reader->path,
			out->context);
	out->server = arena_strndup(arena, server, len);
	out->server_name = value_get_text(cluster, "tls-server-name", NULL);
	out->proxy = value_get_text(cluster, "proxy-url", NULL);
	out->insecure = value_get_bool(cluster, "insecure-skip-tls-verify", false);
	return read_pem(reader, cluster, "certificate-authority", &out->ca);
}

static int read_token(struct reader *reader, const struct value *user, struct kubeconfig *out)
{
	struct arena *arena = reader->env->arena;
	const char *token = value_get_text(user, "token", NULL);
	const char *file = value_get_text(user, "tokenFile", NULL);
	struct error own = ERROR_INIT;
	size_t len = token ? strlen(token) : 0;

	/* As kubectl has it: the file, which may be renewed, before the text. */
	if (file && *file) {
		if (fs_read(fs_join(arena, reader->directory, file), arena, &token, &len, &own))
			return error_set(reader->err, ERROR_UNREACHABLE, "%s: tokenFile: %s", reader->path,
				own.msg);
	}
	while (len && strchr(" \r\n\t", token[len - 1]))
		len--;
	if (len)
		out->authorization = arena_printf(arena, "Bearer %.*s", (int)len, token);
	return 0;
}

static int read_password(struct reader *reader, const struct value *user, struct kubeconfig *out)
{
	struct arena *arena = reader->env->arena;
	const char *name = value_get_text(user, "username", NULL);
	const char *both;
	size_t len, room;
	char *text;

	if (!name)
		return 0;
	both = arena_printf(arena, "%s:%s", name, value_get_text(user, "password", ""));
	len = strlen(both);
	room = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
	text = arena_alloc(arena, room);
	sodium_bin2base64(text, room, (const unsigned char *)both, len, sodium_base64_VARIANT_ORIGINAL);
	out->authorization = arena_printf(arena, "Basic %s", text);
	return 0;
}

static int read_user(struct reader *reader, const struct value *user, struct kubeconfig *out)
{
	const struct value *exec = value_get(user, "exec");

	if (value_get(user, "auth-provider"))
		return error_set(reader->err, ERROR_INVALID,
			"%s: the user of context '%s' has an auth-provider, which Kubernetes dropped in 1.26: use "
			"exec, a token or a certificate", reader->path, out->context);
	if (read_pem(reader, user, "client-certificate", &out->cert) ||
		read_pem(reader, user, "client-key", &out->key) || read_password(reader, user, out) ||
		read_token(reader, user, out))
		return -1;
	out->as = value_get_text(user, "as", NULL);
	out->as_groups = value_get(user, "as-groups");
	if (exec && exec->kind == VALUE_MAP && !out->authorization && !out->cert &&
		kubeconfig_exec(reader->env, exec, reader->directory, out, reader->err))
		return error_wrap(reader->err, "%s: credentials of context '%s'", reader->path,
			out->context);
	if (!out->cert != !out->key)
		return error_set(reader->err, ERROR_INVALID,
			"%s: the user of context '%s' has a client %s without its %s", reader->path,
			out->context, out->cert ? "certificate" : "key", out->cert ? "key" : "certificate");
	return 0;
}

/* As a shell would: the user's own home, for "~/.kube/config". */
static const char *expand_home(struct arena *arena, const char *path)
{
	const char *home = getenv("HOME");

	if (strncmp(path, "~/", 2) != 0 || !home || !*home)
		return path;
	return fs_join(arena, home, path + 2);
}

/* A cluster of this environment's own: its kubeconfig lies in the folder that only providers write to. */
static bool is_own(const struct reader *reader)
{
	const char *folder = reader->env->work_dir;
	size_t len = folder ? strlen(folder) : 0;

	return len && !strncmp(reader->path, folder, len) && reader->path[len] == '/';
}

/* A manifest alone does not lead into a cluster: who uses this machine has to allow it. */
static int check_allowed(const struct reader *reader, const struct kubeconfig *config)
{
	const struct value *allowed = value_get(reader->env->settings, "allowContexts");

	if (is_own(reader))
		return 0;
	for (uint32_t i = 0; allowed && allowed->kind == VALUE_LIST && i < allowed->len; i++)
		if (!fnmatch(value_text(&allowed->items[i], ""), config->context, 0))
			return 0;
	return error_set(reader->err, ERROR_INVALID,
		"context '%s' of %s is not one that you allow: add it to settings.allowContexts in "
		"~/.devenv/config.yml", config->context, reader->path);
}

int kubeconfig_load(struct provider_env *env, const char *path, const char *context,
	struct kubeconfig *out, struct error *err)
{
	struct reader reader = {.env = env, .err = err};
	const struct value *found, *cluster, *user;
	const char *cluster_name, *user_name;
	struct value file;

	reader.path = provider_path(env, expand_home(env->arena, path));
	reader.directory = fs_parent(env->arena, reader.path);
	*out = (struct kubeconfig){.path = reader.path};
	if (parse_file(&reader, &file) || find_context(&reader, &file, context, out, &found))
		return -1;
	if (check_allowed(&reader, out))
		return -1;
	out->own = is_own(&reader);
	out->namespace = value_get_text(found, "namespace", NULL);
	cluster_name = value_get_text(found, "cluster", "");
	user_name = value_get_text(found, "user", "");
	cluster = find(&file, "clusters", cluster_name, "cluster");
	if (!cluster)
		return error_set(err, ERROR_INVALID, "%s: context '%s' names cluster '%s', which is not there",
			reader.path, out->context, cluster_name);
	user = find(&file, "users", user_name, "user");
	if (!user && *user_name)
		return error_set(err, ERROR_INVALID, "%s: context '%s' names user '%s', which is not there",
			reader.path, out->context, user_name);
	if (read_cluster(&reader, cluster, out))
		return -1;
	return user ? read_user(&reader, user, out) : 0;
}
