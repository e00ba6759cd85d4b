/*
 * The machine's own file: which remotes it follows. YAML with one key, `syncs`, a list; unknown keys are
 * mistakes. Secrets stand in files that it names, never in it.
 */
#include "cli/sync.h"

#include "base/fs.h"
#include "base/texts.h"
#include "cli/render/render.h"
#include "model/yaml.h"

#include <string.h>

struct reading {
	struct cli *cli;
	struct sources sources;
	struct diags diags;
	const char *folder; /* relative paths start there */
};

static const char *const keys_known[] = {"name", "url", "branch", "tag", "commit", "path", "environment",
	"envFile", "interval", "verify", "keys", "scope", "allowRewrite", "dependsOn", "tokenFile", "user",
	"sshKey", "knownHosts", "caFile", "maxFiles", "maxSize", "reports", "reportLink", NULL};
static const char *const report_keys[] = {"kind", "url", "tokenFile", NULL};

static void check_keys(struct reading *reading, const struct value *map, const char *const *known)
{
	for (uint32_t i = 0; i < map->len; i++) {
		struct nearest nearest = {.word = map->members[i].key};

		if (texts_have(known, nearest.word))
			continue;
		for (const char *const *k = known; *k; k++)
			nearest_try(&nearest, *k);
		diag_error(&reading->diags, map->members[i].pos, "unknown key \"%s\"", nearest.word);
		if (nearest.best)
			diag_hint(&reading->diags, "did you mean \"%s\"?", nearest.best);
	}
}

static const char *text_of(struct reading *reading, const struct value *map, const char *key)
{
	const struct value *value = value_get(map, key);

	if (!value || value->kind == VALUE_NULL)
		return NULL;
	if (value_is_scalar(value))
		return value->text;
	diag_error(&reading->diags, value_pos(value), "%s is a text, not a %s", key,
		value_kind_str(value->kind));
	return NULL;
}

static const char *path_of(struct reading *reading, const struct value *map, const char *key)
{
	const char *text = text_of(reading, map, key);

	return text ? fs_normalise(&reading->cli->arena,
			      fs_join(&reading->cli->arena, reading->folder, text)) : NULL;
}

static const char *const *list_of(struct reading *reading, const struct value *map, const char *key,
	bool paths)
{
	const struct value *value = value_get(map, key);
	struct arena *arena = &reading->cli->arena;
	const char **list;

	if (!value || value->kind == VALUE_NULL)
		return NULL;
	if (value->kind != VALUE_LIST) {
		diag_error(&reading->diags, value_pos(value), "%s is a list, not a %s", key,
			value_kind_str(value->kind));
		return NULL;
	}
	list = arena_zalloc(arena, (value->len + 1) * sizeof(*list));
	for (uint32_t i = 0; i < value->len; i++) {
		list[i] = value_text(&value->items[i], "");
		if (paths)
			list[i] = fs_normalise(arena, fs_join(arena, reading->folder, list[i]));
	}
	return list;
}

static void read_ref(struct reading *reading, const struct value *map, struct sync_spec *spec)
{
	static const char *const kinds[] = {"branch", "tag", "commit"};
	int given = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const char *value = text_of(reading, map, kinds[i]);

		if (!value)
			continue;
		given++;
		spec->kind = kinds[i];
		spec->value = value;
	}
	if (given > 1)
		diag_error(&reading->diags, value_pos(map), "only one of branch, tag and commit can be followed");
}

static void read_verify(struct reading *reading, const struct value *map, struct sync_spec *spec)
{
	const char *what = text_of(reading, map, "verify"), *scope = text_of(reading, map, "scope");

	spec->keys = list_of(reading, map, "keys", true);
	if (what && strcmp(what, "commits") == 0)
		spec->verify = SYNC_VERIFY_COMMITS;
	else if (what && strcmp(what, "tags") == 0)
		spec->verify = SYNC_VERIFY_TAGS;
	else if (what)
		diag_error(&reading->diags, value_pos(value_get(map, "verify")),
			"verify is commits or tags, not \"%s\"", what);
	spec->range = scope && strcmp(scope, "range") == 0;
	if (scope && !spec->range && strcmp(scope, "head") != 0)
		diag_error(&reading->diags, value_pos(value_get(map, "scope")),
			"scope is head or range, not \"%s\"", scope);
}

static void read_numbers(struct reading *reading, const struct value *map, struct sync_spec *spec)
{
	const char *interval = text_of(reading, map, "interval"), *size = text_of(reading, map, "maxSize");

	if (interval)
		spec->interval = duration_parse(interval);
	if (spec->interval <= 0)
		diag_error(&reading->diags, value_pos(value_get(map, "interval")),
			"\"%s\" is not a duration such as 30s, 5m or 1h30m", interval);
	if (size)
		spec->max_bytes = sync_size_parse(size);
	if (spec->max_bytes < 0)
		diag_error(&reading->diags, value_pos(value_get(map, "maxSize")),
			"\"%s\" is no size such as 500M", size);
	spec->max_files = (size_t)value_get_int(map, "maxFiles", (int64_t)spec->max_files);
	spec->allow_rewrite = value_get_bool(map, "allowRewrite", false);
}

static const char *token_of(struct reading *reading, const struct value *map)
{
	const char *path = path_of(reading, map, "tokenFile"), *text;
	struct error err = ERROR_INIT;
	size_t len;

	if (!path)
		return NULL;
	if (fs_read(path, &reading->cli->arena, &text, &len, &err) == 0)
		return arena_strndup(&reading->cli->arena, text, strcspn(text, "\r\n"));
	diag_error(&reading->diags, value_pos(value_get(map, "tokenFile")), "%s", err.msg);
	return NULL;
}

static void read_reports(struct reading *reading, const struct value *map, struct sync_spec *spec)
{
	const struct value *list = value_get(map, "reports");
	struct sync_report *reports;

	spec->report_url = text_of(reading, map, "reportLink");
	if (!list || list->kind != VALUE_LIST)
		return;
	reports = arena_zalloc(&reading->cli->arena, (list->len + 1) * sizeof(*reports));
	for (uint32_t i = 0; i < list->len; i++) {
		const struct value *item = &list->items[i];

		check_keys(reading, item, report_keys);
		reports[i] = (struct sync_report){value_get_text(item, "kind", ""),
			value_get_text(item, "url", ""), token_of(reading, item)};
	}
	spec->reports = reports;
	spec->n_reports = list->len;
}

static void read_spec(struct reading *reading, const struct value *map, struct sync_spec *spec)
{
	*spec = sync_spec_default();
	if (map->kind != VALUE_MAP) {
		diag_error(&reading->diags, value_pos(map), "a sync is a map, not a %s",
			value_kind_str(map->kind));
		return;
	}
	check_keys(reading, map, keys_known);
	spec->url = text_of(reading, map, "url");
	if (!spec->url) {
		diag_error(&reading->diags, value_pos(map), "a sync needs a url");
		return;
	}
	read_ref(reading, map, spec);
	read_verify(reading, map, spec);
	read_numbers(reading, map, spec);
	read_reports(reading, map, spec);
	if (text_of(reading, map, "path"))
		spec->path = text_of(reading, map, "path");
	spec->environment = text_of(reading, map, "environment");
	spec->env_file = path_of(reading, map, "envFile");
	spec->depends_on = list_of(reading, map, "dependsOn", false);
	spec->access = (struct git_access){
		.token_file = path_of(reading, map, "tokenFile"),
		.user = text_of(reading, map, "user"),
		.ssh_key = path_of(reading, map, "sshKey"),
		.known_hosts = path_of(reading, map, "knownHosts"),
		.ca_file = path_of(reading, map, "caFile"),
	};
	spec->name = text_of(reading, map, "name");
	if (!spec->name)
		spec->name = sync_name(&reading->cli->arena, spec);
}

static void read_all(struct reading *reading, const struct value *root, struct sync_spec **out,
	size_t *n)
{
	const struct value *list = root->kind == VALUE_MAP ? value_get(root, "syncs") : NULL;

	if (!list || list->kind != VALUE_LIST || !list->len) {
		diag_error(&reading->diags, value_pos(root), "the file lists nothing to follow");
		diag_hint(&reading->diags, "write syncs: and a list of maps with a url");
		return;
	}
	check_keys(reading, root, (const char *const[]){"syncs", NULL});
	*out = arena_zalloc(&reading->cli->arena, list->len * sizeof(**out));
	*n = list->len;
	for (uint32_t i = 0; i < list->len; i++)
		read_spec(reading, &list->items[i], &(*out)[i]);
}

static int print_mistakes(struct reading *reading)
{
	struct cli *cli = reading->cli;

	diags_sort(&reading->diags);
	if (cli->json)
		render_diags_json(&cli->out.buf, &reading->diags, &reading->sources);
	else
		render_diags(&cli->err.buf, &cli->err.terminal, &reading->diags, &reading->sources);
	return EXIT_FAILED;
}

int sync_file_read(struct cli *cli, const char *path, const char *home, struct sync_spec **out,
	size_t *n)
{
	struct reading reading = {.cli = cli, .folder = fs_parent(&cli->arena, path)};
	struct error err = ERROR_INIT;
	const char *text;
	struct value root;
	uint16_t source;
	size_t len;

	(void)home;
	diags_init(&reading.diags, &cli->arena);
	if (fs_read(path, &cli->arena, &text, &len, &err) < 0) {
		if (err.code == ERROR_NOT_FOUND)
			return cli_usage(cli, "there is nothing to follow: name a URL, or write %s", path);
		return cli_fail(cli, &err);
	}
	source = sources_add(&reading.sources, &cli->arena, path, "machine", text, len);
	if (yaml_parse(&reading.sources, source, &cli->arena, &root, &reading.diags) == 0)
		read_all(&reading, &root, out, n);
	return reading.diags.errors ? print_mistakes(&reading) : 0;
}
