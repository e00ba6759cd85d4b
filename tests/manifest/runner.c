/*
 * Runs manifest tests: data files of a few lines, each a rule of docs/manifest.md or a mistake.
 *
 *   manifest-runner FILE...           compares; prints "ok NAME" or both texts
 *   manifest-runner --update FILE...  writes what the program says into it (then read the diff!)
 *
 * A file has sections, each begun by a line "--- NAME". "options" is YAML: environment, files, set
 * (lists), var (a list of texts and {file: NAME}), env (a map), directory. "expect" is the result as text. Every other name is
 * the path of a file below the project root /p ("~" is the user's own configuration). What stands
 * before the first section is a sentence that says what is tested. No file outside the test is
 * looked at.
 */
#include "model/json.h"
#include "manifest/manifest.h"
#include "model/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USER_CONFIG "/home/u/.devenv/config.yml"

struct section {
	const char *name, *text;
	size_t len;
};

struct test {
	const char *path, *text;
	struct arena arena;
	struct section sections[32];
	size_t n;
	struct strbuf out;
};

static const char *read_all(struct arena *arena, const char *path)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	FILE *file = fopen(path, "r");
	char piece[4096];
	size_t n;

	if (!file)
		return NULL;
	while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
		strbuf_add(&text, piece, n);
	fclose(file);
	return arena_strndup(arena, text.text, text.len);
}

static void split(struct test *test)
{
	const char *at =
		strncmp(test->text, "--- ", 4) == 0 ? test->text : strstr(test->text, "\n--- ");

	while (at) {
		const char *name = at + (*at == '\n') + 4, *end = strchr(name, '\n'), *next;
		struct section *section = &test->sections[test->n++];

		if (!end || test->n == ARRAY_SIZE(test->sections))
			break;
		next = strstr(end, "\n--- ");
		section->name = arena_strndup(&test->arena, name, (size_t)(end - name));
		section->len = next ? (size_t)(next + 1 - end - 1) : strlen(end + 1);
		section->text = arena_strndup(&test->arena, end + 1, section->len);
		at = next;
	}
}

static const struct section *find(const struct test *test, const char *name)
{
	for (size_t i = 0; i < test->n; i++) {
		if (strcmp(test->sections[i].name, name) == 0)
			return &test->sections[i];
	}
	return NULL;
}

/* --- the files of the test as a file system */

static int read_file(void *arg, const char *path, struct arena *arena, const char **text,
	size_t *len, struct error *err)
{
	const struct section *section = NULL;

	if (strcmp(path, USER_CONFIG) == 0)
		section = find(arg, "~");
	else if (strncmp(path, "/p/", 3) == 0)
		section = find(arg, path + 3);
	if (!section)
		return error_set(err, ERROR_NOT_FOUND, "%s: no such file", path);
	*text = arena_strndup(arena, section->text, section->len);
	*len = section->len;
	return 0;
}

static int list_files(void *arg, const char *path, struct arena *arena, const char *const **names,
	size_t *n, struct error *err)
{
	const struct test *test = arg;
	const char **found = arena_alloc(arena, (test->n + 1) * sizeof(*found));
	size_t len = strlen(path);

	(void)err;
	*n = 0;
	for (size_t i = 0; i < test->n; i++) {
		const char *full = arena_printf(arena, "/p/%s", test->sections[i].name);

		if (strncmp(full, path, len) == 0 && full[len] == '/')
			found[(*n)++] = arena_strndup(arena, full + len + 1,
				strcspn(full + len + 1, "/"));
	}
	found[*n] = NULL;
	*names = found;
	return 0;
}

/* --- options */

static const char *const *texts(struct test *test, const struct value *options, const char *key)
{
	const struct value *list = value_get(options, key);
	const char **out;

	if (!list || list->kind != VALUE_LIST)
		return NULL;
	out = arena_alloc(&test->arena, (list->len + 1) * sizeof(*out));
	for (uint32_t i = 0; i < list->len; i++)
		out[i] = value_text(&list->items[i], "");
	out[list->len] = NULL;
	return out;
}

static const char *const *environment(struct test *test, const struct value *map)
{
	uint32_t n = map && map->kind == VALUE_MAP ? map->len : 0;
	const char **out = arena_alloc(&test->arena, (n + 1) * sizeof(*out));

	for (uint32_t i = 0; i < n; i++)
		out[i] = arena_printf(&test->arena, "%s=%s", map->members[i].key,
			value_text(&map->members[i].value, ""));
	out[n] = NULL;
	return out;
}

/* A text is a --var, {file: NAME} a --var-file. */
static const struct variable_input *variables(struct test *test, const struct value *list)
{
	uint32_t n = list && list->kind == VALUE_LIST ? list->len : 0;
	struct variable_input *out = arena_zalloc(&test->arena, (n + 1) * sizeof(*out));

	for (uint32_t i = 0; i < n; i++) {
		out[i].file = value_get_text(&list->items[i], "file", NULL);
		if (!out[i].file)
			out[i].argument = value_text(&list->items[i], "");
	}
	return out;
}

static void read_options(struct test *test, struct manifest_input *input)
{
	const struct section *section = find(test, "options");
	struct sources sources = {0};
	struct value options = value_empty_map;
	struct diags diags;

	diags_init(&diags, &test->arena);
	if (section) {
		uint16_t id = sources_add(&sources, &test->arena, "options", "test", section->text,
			section->len);

		yaml_parse(&sources, id, &test->arena, &options, &diags);
		if (diags.n)
			printf("%s: options: %s\n", test->path, diags.items[0].message);
	}
	*input = (struct manifest_input){
		.directory = value_get_text(&options, "directory", "/p"),
		.environment = value_get_text(&options, "environment", NULL),
		.files = texts(test, &options, "files"),
		.sets = texts(test, &options, "set"),
		.variables = variables(test, value_get(&options, "var")),
		.process_env = environment(test, value_get(&options, "env")),
		.user_config = USER_CONFIG,
		.read = read_file,
		.list = list_files,
		.read_arg = test,
	};
}

/* --- the result as text */

static void print_diag(struct test *test, const struct manifest *manifest, const struct diag *diag)
{
	strbuf_addf(&test->out, "%s %s: ", diag->severity == SEVERITY_ERROR ? "error" : "warning",
		pos_str(&manifest->sources, diag->pos, &test->arena));
	if (diag->address)
		strbuf_addf(&test->out, "%s: ", diag->address);
	strbuf_addf(&test->out, "%s\n", diag->message);
	if (diag->hint)
		strbuf_addf(&test->out, "  %s\n", diag->hint);
}

static void print_dependencies(struct test *test, const char *what, const struct dependency *list,
	size_t n)
{
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&test->out, "  %s %s %s\n", what, edge_kind_str(list[i].kind),
			list[i].address);
}

static void print_probe(struct test *test, const struct probe *probe)
{
	static const char *const kinds[] = {
		"none", "http", "tcp", "command", "log", "health", "running"};

	if (probe->kind == PROBE_NONE)
		return;
	strbuf_addf(&test->out,
		"  probe %s delay %lld period %lld timeout %lld failures %d successes %d ",
		kinds[probe->kind], (long long)probe->initial_delay, (long long)probe->period,
		(long long)probe->timeout, probe->failure_threshold, probe->success_threshold);
	json_write(&test->out, probe->spec ? probe->spec : &value_null, JSON_MASK, NULL);
	strbuf_addch(&test->out, '\n');
}

static void print_resource(struct test *test, const struct resource *resource)
{
	const struct lifecycle *life = &resource->lifecycle;

	strbuf_addf(&test->out, "%s ", resource->address);
	json_write(&test->out, resource->attributes, JSON_MASK, NULL);
	strbuf_addch(&test->out, '\n');
	print_dependencies(test, "dependsOn", resource->depends_on, resource->n_depends_on);
	if (life->prevent_destroy || life->retain || life->create_before_destroy)
		strbuf_addf(&test->out, "  lifecycle%s%s%s\n",
			life->prevent_destroy ? " preventDestroy" : "",
			life->retain ? " retain" : "",
			life->create_before_destroy ? " createBeforeDestroy" : "");
	for (const char *const *path = life->ignore_changes; path && *path; path++)
		strbuf_addf(&test->out, "  ignoreChanges %s\n", *path);
	print_dependencies(test, "replaceTriggeredBy", life->replace_triggered_by,
		life->n_replace_triggered_by);
	if (resource->timeout)
		strbuf_addf(&test->out, "  timeout %lld\n", (long long)resource->timeout);
	if (resource->retry.attempts || resource->retry.delay || resource->retry.max_delay)
		strbuf_addf(&test->out, "  retry %d %lld %lld\n", resource->retry.attempts,
			(long long)resource->retry.delay, (long long)resource->retry.max_delay);
	print_probe(test, &resource->readiness);
	if (resource->sync) {
		strbuf_addstr(&test->out, "  sync ");
		json_write(&test->out, resource->sync, JSON_MASK, NULL);
		strbuf_addch(&test->out, '\n');
	}
}

static void print_manifest(struct test *test, const struct manifest *manifest)
{
	strbuf_addf(&test->out, "name \"%s\" environment \"%s\" root %s\n", manifest->name,
		manifest->environment, manifest->root);
	for (size_t i = 0; i < manifest->n_resources; i++)
		print_resource(test, &manifest->resources[i]);
	for (size_t i = 0; i < manifest->n_switched_off; i++)
		strbuf_addf(&test->out, "off %s%s\n", manifest->switched_off[i].address,
			manifest->switched_off[i].empty ? " (empty)" : "");
	for (size_t i = 0; i < manifest->n_moved; i++)
		strbuf_addf(&test->out, "moved %s to %s\n", manifest->moved[i].from,
			manifest->moved[i].to);
	for (size_t i = 0; i < manifest->n_outputs; i++) {
		strbuf_addf(&test->out, "output %s%s = ", manifest->outputs[i].name,
			manifest->outputs[i].sensitive ? " (sensitive)" : "");
		json_write(&test->out, manifest->outputs[i].value, JSON_MASK, NULL);
		strbuf_addch(&test->out, '\n');
	}
}

static void run(struct test *test)
{
	struct manifest_input input;
	struct manifest manifest;
	struct diags diags;
	struct error err = ERROR_INIT;
	int status;

	read_options(test, &input);
	diags_init(&diags, &test->arena);
	status = manifest_load(&input, &test->arena, &manifest, &diags, &err);
	diags_sort(&diags);
	for (size_t i = 0; i < diags.n; i++)
		print_diag(test, &manifest, &diags.items[i]);
	if (status == 0)
		print_manifest(test, &manifest);
	else if (!diags.errors)
		strbuf_addf(&test->out, "failed (%s): %s\n", error_code_str(err.code), err.msg);
	if (status == 0 && diags.errors)
		strbuf_addstr(&test->out, "BUG: errors, and yet a manifest\n");
}

static int compare(struct test *test)
{
	const struct section *expect = find(test, "expect");
	const char *name = strrchr(test->path, '/') ? strrchr(test->path, '/') + 1 : test->path;

	if (expect && strcmp(expect->text, test->out.text) == 0) {
		printf("ok %s\n", name);
		return 0;
	}
	printf("not ok %s\n--- expected\n%s--- got\n%s", name, expect ? expect->text : "",
		test->out.text);
	return -1;
}

static int update(struct test *test)
{
	const char *old = strstr(test->text, "\n--- expect\n");
	size_t len = old ? (size_t)(old - test->text) + 1 : strlen(test->text);
	FILE *file = fopen(test->path, "w");

	if (!file)
		return -1;
	fwrite(test->text, 1, len, file);
	fprintf(file, "--- expect\n%s", test->out.text);
	return fclose(file) ? -1 : 0;
}

int main(int argc, char **argv)
{
	bool updating = argc > 1 && strcmp(argv[1], "--update") == 0;
	int failed = 0;

	for (int i = 1 + updating; i < argc; i++) {
		struct test test = {.path = argv[i], .out = STRBUF_INIT};

		test.text = read_all(&test.arena, argv[i]);
		if (test.text) {
			split(&test);
			run(&test);
		}
		if (!test.text || (updating ? update(&test) : compare(&test)) < 0)
			failed++;
		strbuf_release(&test.out);
		arena_release(&test.arena);
	}
	return failed ? 1 : 0;
}
