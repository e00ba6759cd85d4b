/*
 * Charts of repositories and registries: fetched as an archive, which is what is installed, so that what
 * the lock file says is checked before anything happens, and an upgrade to what was fetched before needs
 * no network. Archives are kept by their content.
 *
 * Who asks is told to helm in memory that has a path; it is neither an argument nor a file.
 */
#include "providers/helm/helm.h"

#include "base/fs.h"
#include "base/process.h"
#include "model/json.h"
#include "model/yaml.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define REPOSITORY "chart" /* what the one repository is called that helm gets to know */

static const char *text(const struct value *inputs, const char *key)
{
	return value_get_text(inputs, key, NULL);
}

/* --- who asks --------------------------------------------------------------------------------------- */

static const char *certificates(struct helm *helm, const struct value *inputs)
{
	const char *path = text(inputs, "caFile");

	return path ? provider_content(helm->kube->env, path) : NULL;
}

/* As repositories.yaml. */
static struct value repository(struct helm *helm, const struct value *inputs)
{
	static const char *const keys[][2] = {
		{"repository", "url"}, {"username", "username"}, {"password", "password"}};
	struct value_builder item, list, file;

	builder_init(&item, helm->kube->arena);
	builder_put_str(&item, "name", REPOSITORY);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (text(inputs, keys[i][0]))
			builder_put_str(&item, keys[i][1], text(inputs, keys[i][0]));
	if (certificates(helm, inputs))
		builder_put_str(&item, "caFile", certificates(helm, inputs));
	builder_init(&list, helm->kube->arena);
	builder_push(&list, builder_map(&item));
	builder_init(&file, helm->kube->arena);
	builder_put(&file, "repositories", builder_list(&list));
	return builder_map(&file);
}

/* As Docker's config.json. */
static struct value registry(struct helm *helm, const struct value *inputs)
{
	struct arena *arena = helm->kube->arena;
	const char *host = text(inputs, "chart") + strlen("oci://");
	const char *who = arena_printf(arena, "%s:%s", text(inputs, "username"),
		value_get_text(inputs, "password", ""));
	size_t len = sodium_base64_ENCODED_LEN(strlen(who), sodium_base64_VARIANT_ORIGINAL);
	struct value_builder item, hosts, file;
	char *encoded = arena_alloc(arena, len);

	sodium_bin2base64(encoded, len, (const unsigned char *)who, strlen(who),
		sodium_base64_VARIANT_ORIGINAL);
	builder_init(&item, arena);
	builder_put_str(&item, "auth", encoded);
	builder_init(&hosts, arena);
	builder_put(&hosts, arena_strndup(arena, host, strcspn(host, "/")), builder_map(&item));
	builder_init(&file, arena);
	builder_put(&file, "auths", builder_map(&hosts));
	return builder_map(&file);
}

static int introduce(struct helm *helm, const struct value *inputs, struct error *err)
{
	bool remote = helm_chart_is_remote(text(inputs, "chart"));
	cleanup_strbuf struct strbuf config = STRBUF_INIT;
	struct value value;
	int rc;

	if (remote && !text(inputs, "username"))
		return 0;
	value = remote ? registry(helm, inputs) : repository(helm, inputs);
	json_write(&config, &value, JSON_CLEAR, NULL);
	helm->config = memfd_create("helm", MFD_CLOEXEC);
	rc = helm->config < 0 ? error_errno(err, "memory for helm")
		: fs_write_fd(helm->config, "memory for helm", config.text, config.len, err);
	sodium_memzero(config.text, config.len);
	return rc;
}

/* --- fetching --------------------------------------------------------------------------------------- */

/* Helm 3 says that it worked, and only in between that it did not. */
static int blame_update(const char *said, struct error *err)
{
	const char *at = strstr(said, "Unable to get an update");

	at = at ? strchr(at, '\n') : NULL;
	if (!at)
		return -1;
	at += strspn(at, " \t\n");
	return error_set(err, err && err->code == ERROR_TRANSIENT ? ERROR_TRANSIENT : ERROR_FAILED,
		"helm: %.*s%s", (int)strcspn(at, "\n"), at, strstr(at, "401")
		? ": username and password of the repository are needed" : "");
}

static int update(struct helm *helm, const char **said, struct error *err)
{
	struct helm_args args = {.n = 0};

	helm_args(&args, "repo", "update", REPOSITORY, NULL);
	if (!helm_run(helm, &args, NULL, 0, said, err))
		return 0;
	return *said ? blame_update(*said, err) : -1;
}

static int pull(struct helm *helm, const struct value *inputs, const char *folder, struct error *err)
{
	const char *chart = text(inputs, "chart"), *said = NULL;
	const char *version = value_get_text(helm_locked(inputs), "resolved", text(inputs, "version"));
	bool remote = helm_chart_is_remote(chart);
	struct helm_args args = {.n = 0};

	if (!remote && update(helm, &said, err))
		return -1;
	helm_args(&args, "pull", remote ? chart : kube_printf(helm->kube, REPOSITORY "/%s", chart),
		"--destination", folder, NULL);
	if (version)
		helm_args(&args, "--version", version, NULL);
	if (remote && value_get_bool(inputs, "plainHttp", false))
		helm_arg(&args, "--plain-http");
	if (remote && certificates(helm, inputs))
		helm_args(&args, "--ca-file", certificates(helm, inputs), NULL);
	if (!helm_run(helm, &args, NULL, 0, NULL, err))
		return 0;
	return said && strstr(said, "Unable to get an update") ? blame_update(said, err) : -1;
}

static int sha256(struct arena *arena, const char *path, const char **out, struct error *err)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char hex[2 * sizeof(hash) + 1];
	const char *content;
	size_t len;

	if (fs_read(path, arena, &content, &len, err))
		return -1;
	crypto_hash_sha256(hash, (const unsigned char *)content, len);
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	*out = arena_printf(arena, "sha256:%s", hex);
	return 0;
}

/* As its Chart.yaml says. */
static int version_of(struct helm *helm, const char *path, const char **out, struct error *err)
{
	struct helm_args args = {.items = {"show", "chart", path}, .n = 3};
	struct sources sources = {0};
	struct diags diags;
	struct value chart;
	const char *said;
	uint16_t source;

	if (helm_run(helm, &args, NULL, 0, &said, err))
		return -1;
	diags_init(&diags, helm->kube->arena);
	source = sources_add(&sources, helm->kube->arena, "Chart.yaml", "chart", said, strlen(said));
	*out = yaml_parse(&sources, source, helm->kube->arena, &chart, &diags) ? NULL
		: value_get_text(&chart, "version", NULL);
	return *out ? 0 : error_set(err, ERROR_INVALID, "its Chart.yaml names no version");
}

static int find_archive(struct arena *arena, const char *folder, const char **out, struct error *err)
{
	const char *const *names;
	size_t n;

	if (fs_list(folder, arena, &names, &n, err))
		return -1;
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(names[i]);

		if (len > 4 && !strcmp(names[i] + len - 4, ".tgz")) {
			*out = fs_join(arena, folder, names[i]);
			return 0;
		}
	}
	return error_set(err, ERROR_FAILED, "helm has fetched nothing");
}

int helm_fetch(struct helm *helm, const struct value *inputs, const char *folder,
	struct helm_chart *out, struct error *err)
{
	struct arena *arena = helm->kube->arena;
	const struct value *password = value_get(inputs, "password");
	struct helm own = *helm;
	int rc;

	if (password && !value_text(password, NULL))
		return error_set(err, ERROR_FAILED, "the password of its repository is known only after apply");
	rc = introduce(&own, inputs, err);
	helm_move(&own, folder);
	own.kubeconfig = NULL;
	rc = rc || pull(&own, inputs, folder, err) || find_archive(arena, folder, &out->path, err) ||
		sha256(arena, out->path, &out->digest, err) ||
		version_of(&own, out->path, &out->version, err) ? -1 : 0;
	if (own.config >= 0)
		close(own.config);
	return rc;
}

/* --- for an apply ----------------------------------------------------------------------------------- */

static const char *place_of(struct helm *helm, const char *digest)
{
	return kube_printf(helm->kube, "%s/charts/%s.tgz", helm->home, strchr(digest, ':') + 1);
}

static int check(const struct value *inputs, const struct helm_chart *chart, struct error *err)
{
	const char *digest = value_get_text(helm_locked(inputs), "digest", chart->digest);

	if (!strcmp(digest, chart->digest))
		return 0;
	return error_set(err, ERROR_INVALID, "chart %s %s is not what the lock file says: it has %s, not %s; "
		"if that is meant, run `devenv lock --upgrade`", text(inputs, "chart"), chart->version,
		chart->digest, digest);
}

static bool is_kept(struct helm *helm, const struct value *inputs, struct helm_chart *out)
{
	const struct value *locked = helm_locked(inputs);
	const char *digest = value_get_text(locked, "digest", ""), *found;

	if (strncmp(digest, "sha256:", 7) != 0 || strchr(digest, '/'))
		return false;
	*out = (struct helm_chart){place_of(helm, digest), value_get_text(locked, "resolved", NULL), digest};
	return !sha256(helm->kube->arena, out->path, &found, NULL) && !strcmp(found, digest);
}

static int keep(struct helm *helm, struct helm_chart *chart, struct error *err)
{
	const char *place = place_of(helm, chart->digest);

	if (fs_make_dirs(fs_parent(helm->kube->arena, place), 0700, helm->kube->arena, NULL, err))
		return -1;
	if (rename(chart->path, place))
		return error_errno(err, "%s", place);
	chart->path = place;
	return 0;
}

bool helm_chart_at_hand(struct helm *helm, const struct value *inputs, struct helm_chart *out)
{
	const char *chart = value_get_text(inputs, "chart", "");

	if (!helm_chart_is_local(chart))
		return is_kept(helm, inputs, out);
	*out = (struct helm_chart){.path = provider_content(helm->kube->env, chart)};
	return true;
}

int helm_chart(struct helm *helm, const struct value *inputs, const char *id, struct helm_chart *out,
	struct error *err)
{
	/* Of the release, so that what a run that died has left is found and swept. */
	const char *folder = kube_printf(helm->kube, "%s/fetch/%s", helm->home, id);
	int rc;

	if (helm_chart_at_hand(helm, inputs, out))
		return 0;
	rc = fs_remove_tree(folder, err) || fs_make_dirs(folder, 0700, helm->kube->arena, NULL, err) ||
		helm_fetch(helm, inputs, folder, out, err) || check(inputs, out, err) ||
		keep(helm, out, err) ? -1 : 0;
	fs_remove_tree(folder, NULL);
	return rc;
}

/* --- for the lock file ------------------------------------------------------------------------------ */

int helm_resolve(struct provider_env *env, const struct type *type, const struct value *inputs,
	struct pin *out, struct error *err)
{
	struct kube kube = {.env = env, .arena = env->arena};
	struct helm_chart chart = {0};
	const char *folder;
	struct helm helm;
	int rc;

	(void)type;
	if (helm_open(&helm, &kube, err) || fs_scratch(HELM_SCRATCH, env->arena, &folder, err))
		return -1;
	rc = helm_fetch(&helm, inputs, folder, &chart, err);
	fs_remove_tree(folder, NULL);
	out->resolved = chart.version;
	out->digest = chart.digest;
	return rc;
}
