/*
 * Pure: mistakes in what is written, which release two resources must not both have, how a release is
 * called, and the content behind a chart that lies in the project.
 */
#include "providers/helm/helm.h"

#include "base/fs.h"
#include "model/json.h"

#include <ctype.h>
#include <string.h>

enum { NAME_MAX_LEN = 53, DEEPEST = 32 };

bool helm_chart_is_local(const char *chart)
{
	return *chart == '.' || *chart == '/' || !strncmp(chart, "~/", 2);
}

bool helm_chart_is_remote(const char *chart)
{
	return !strncmp(chart, "oci://", 6);
}

/* --- names -------------------------------------------------------------------------------------- */

static bool is_name(const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.");

	return len && !text[len] && len <= NAME_MAX_LEN && isalnum((unsigned char)text[0]) &&
	       isalnum((unsigned char)text[len - 1]);
}

/* helm_release.api["eu"] -> api-eu */
static const char *default_name(struct arena *arena, const char *address)
{
	const char *from = strchr(address, '.');
	char *name = arena_strdup(arena, from ? from + 1 : address);
	size_t n = 0;

	for (const char *at = name; *at; at++) {
		if (isalnum((unsigned char)*at))
			name[n++] = (char)tolower((unsigned char)*at);
		else if (n && name[n - 1] != '-')
			name[n++] = '-';
	}
	while (n && (name[n - 1] == '-' || n > NAME_MAX_LEN))
		n--;
	name[n] = '\0';
	return name;
}

const char *helm_id(struct kube *kube, const struct value *inputs, const char *address,
	int suffix)
{
	const char *name = value_get_text(inputs, "releaseName", NULL);

	if (!name)
		name = default_name(kube->arena, address);
	if (suffix)
		name = kube_printf(kube, "%s-g%d", name, suffix);
	return kube_printf(kube, "%s/%s", kube_namespace(kube, inputs), name);
}

void helm_id_split(struct arena *arena, const char *id, const char **namespace, const char **name)
{
	const char *slash = strchr(id, '/');

	*namespace = slash ? arena_strndup(arena, id, (size_t)(slash - id)) : "";
	*name = slash ? slash + 1 : id;
}

/* --- values ------------------------------------------------------------------------------------- */

void helm_values(struct kube *kube, const struct value *inputs, struct helm_args *args,
	struct strbuf *text)
{
	const struct value *files = value_get(inputs, "valuesFiles"), *values = value_get(inputs, "values");

	for (uint32_t i = 0; files && files->kind == VALUE_LIST && i < files->len; i++)
		helm_args(args, "--values",
			provider_content(kube->env, value_text(&files->items[i], "")), NULL);
	if (!values)
		return;
	json_write(text, values, JSON_CLEAR, NULL);
	helm_args(args, "--values", "-", NULL);
}

/* --- what is locked --------------------------------------------------------------------------------- */

bool helm_locks(const struct type *type, const struct value *inputs, struct arena *arena,
	struct value *what)
{
	static const char *const keys[] = {"chart", "repository", "version"};
	struct value_builder out;

	(void)type;
	if (helm_chart_is_local(value_get_text(inputs, "chart", ".")))
		return false;
	builder_init(&out, arena);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const struct value *value = value_get(inputs, keys[i]);

		if (value && !value_text(value, NULL))
			return false; /* not known yet */
		if (value)
			builder_put_str(&out, keys[i], value_text(value, ""));
	}
	*what = builder_map(&out);
	return true;
}

const struct value *helm_locked(const struct value *inputs)
{
	return value_get(value_get(inputs, INPUT_DIGESTS), INPUT_LOCKED);
}

/* --- validate, claims --------------------------------------------------------------------------- */

static const char *written(const struct value *attributes, const char *key)
{
	const struct value *value = value_get(attributes, key);

	return value && !(value->flags & VALUE_TEMPLATE) ? value_text(value, NULL) : NULL;
}

static void check_chart(const struct value *attributes, const char *chart, struct diags *diags)
{
	if (helm_chart_is_local(chart) && value_get(attributes, "version")) {
		diag_error(diags, value_pos(value_get(attributes, "version")),
			"a chart in a folder or archive has the version that it has");
		diag_hint(diags, "take version out");
	}
	if (!helm_chart_is_local(chart) && !helm_chart_is_remote(chart) &&
		!value_get(attributes, "repository")) {
		diag_error(diags, value_pos(value_get(attributes, "chart")),
			"where to find the chart \"%s\" is not said", chart);
		diag_hint(diags, "a folder or archive begins with ./, ../ or /; one of a registry with oci://; "
			"REPOSITORY/CHART needs a repository of that name in spec.helm.repositories");
	}
}

/* It goes into the lock file, and into messages. */
static void check_url(const struct value *value, struct diags *diags)
{
	const char *at = value ? strstr(value_text(value, ""), "://") : NULL;

	if (!at || !memchr(at + 3, '@', strcspn(at + 3, "/")))
		return;
	diag_error(diags, value_pos(value), "a URL that names who asks can be read by everybody");
	diag_hint(diags, "set username and password instead");
}

void helm_validate(const struct resource *resource, struct diags *diags)
{
	const struct value *attributes = resource->attributes;
	const char *name = written(attributes, "releaseName"), *chart = written(attributes, "chart");

	if (name && !is_name(name)) {
		diag_error(diags, value_pos(value_get(attributes, "releaseName")),
			"\"%s\" cannot be the name of a release", name);
		diag_hint(diags, "at most %d lower case letters, digits, '-' and '.', not at an end",
			NAME_MAX_LEN);
	}
	if (chart)
		check_chart(attributes, chart, diags);
	check_url(value_get(attributes, "repository"), diags);
	check_url(value_get(attributes, "chart"), diags);
}

void helm_claims(const struct type *type, const struct value *inputs, const char *project_root,
	void (*claim)(void *arg, const char *what), void *arg)
{
	const struct value *cluster = value_get(inputs, "cluster");
	const char *path = value_get_text(cluster, "kubeconfig", NULL);
	const char *name = value_get_text(inputs, "releaseName", NULL);
	struct arena arena = ARENA_INIT;

	(void)type;
	if (path && name)
		claim(arg, arena_printf(&arena, "release %s/%s in cluster %s%s%s",
			value_get_text(inputs, "namespace", "default namespace"), name,
			fs_normalise(&arena, fs_join(&arena, project_root, path)),
			value_get(cluster, "context") ? " context " : "",
			value_get_text(cluster, "context", "")));
	arena_release(&arena);
}

/* --- content ------------------------------------------------------------------------------------ */

static int add_tree(struct hasher *hasher, struct arena *arena, const char *path,
	const char *shown, int depth, struct error *err)
{
	const char *const *names;
	struct hash hash;
	struct stat st;
	size_t n;

	if (stat(path, &st))
		return error_errno(err, "%s", path);
	if (!S_ISDIR(st.st_mode)) {
		hasher_add_str(hasher, shown, strlen(shown));
		if (!S_ISREG(st.st_mode))
			return 0;
		if (hash_file(path, &hash, err))
			return -1;
		hasher_add(hasher, hash.bytes, HASH_SIZE);
		return 0;
	}
	if (depth > DEEPEST)
		return error_set(err, ERROR_INVALID, "%s: more than %d folders deep", path, DEEPEST);
	if (fs_list(path, arena, &names, &n, err))
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *entry = fs_join(arena, path, names[i]);

		if (!strcmp(names[i], ".git") || !fs_exists(entry)) /* a link that leads nowhere */
			continue;
		if (add_tree(hasher, arena, entry, *shown ? fs_join(arena, shown, names[i]) : names[i],
				depth + 1, err))
			return -1;
	}
	return 0;
}

int helm_digest(const struct type *type, const struct value *inputs, const char *project_root,
	struct parsed *parsed, struct hash *out, struct error *err)
{
	const char *chart = value_get_text(inputs, "chart", NULL);
	struct arena arena = ARENA_INIT;
	const char *path;
	struct hasher hasher;
	int rc = 0;

	(void)type, (void)parsed;
	memset(out, 0, sizeof(*out));
	if (!chart || !helm_chart_is_local(chart))
		return 0;
	hasher_init(&hasher);
	path = fs_normalise(&arena, fs_join(&arena, project_root, chart));
	rc = add_tree(&hasher, &arena, path, "", 0, err);
	if (!rc && fs_exists(fs_join(&arena, path, ".")) && !fs_exists(fs_join(&arena, path, "Chart.yaml")))
		rc = error_set(err, ERROR_NOT_FOUND, "there is no Chart.yaml in %s", chart);
	if (!rc)
		hasher_finish(&hasher, out);
	else if (err && err->code == ERROR_NOT_FOUND)
		error_wrap(err, "chart");
	arena_release(&arena);
	return rc;
}

/* Without what was locked; false: nothing is left. */
static bool other_digests(struct arena *arena, const struct value *inputs, struct value *out)
{
	const struct value *digests = value_get(inputs, INPUT_DIGESTS);
	struct value_builder map;

	builder_init(&map, arena);
	for (uint32_t i = 0; digests && i < digests->len; i++)
		if (strcmp(digests->members[i].key, INPUT_LOCKED) != 0)
			builder_put(&map, digests->members[i].key, digests->members[i].value);
	*out = builder_map(&map);
	return map.n > 0;
}

/* Where a cluster's kubeconfig lies, and how helm goes about it, is no matter of the release; nor is what an
   archive is called whose content is known. */
static struct value essence(struct arena *arena, const struct value *inputs, bool by_content)
{
	static const char *const keys[] = {"values", "valuesFiles", "hooks", "crds", "releaseName",
		"namespace", "chart", "repository", "version"};
	struct value_builder out;
	struct value digests;

	builder_init(&out, arena);
	for (size_t i = 0; i < ARRAY_SIZE(keys) - (by_content ? 3 : 0); i++)
		if (value_get(inputs, keys[i]))
			builder_put(&out, keys[i], *value_get(inputs, keys[i]));
	if (by_content)
		builder_put(&out, INPUT_LOCKED, *helm_locked(inputs));
	if (other_digests(arena, inputs, &digests))
		builder_put(&out, INPUT_DIGESTS, digests);
	return builder_map(&out);
}

bool helm_same_inputs(const struct value *desired, const struct value *recorded,
	const struct secret_key *key)
{
	struct arena arena = ARENA_INIT;
	bool by_content = helm_locked(desired) && helm_locked(recorded);
	struct value now = essence(&arena, desired, by_content);
	struct value then = essence(&arena, recorded, by_content);
	bool same = value_matches(&now, &then, key);

	arena_release(&arena);
	return same;
}
