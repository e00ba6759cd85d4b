/* What a manifest is beside its resources: places, files, sharing, what is marked, the real file
   system. Rules and mistakes are data, in tests/manifest. */
#include "base/fs.h"
#include "model/json.h"
#include "manifest/manifest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HEADER "apiVersion: devenv/v1\nkind: Environment\nmetadata: {name: t}\n"

struct fixture {
	char root[64];
	struct arena arena;
	struct diags diags;
	struct error err;
	struct manifest_input input;
	struct manifest manifest;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	snprintf(f->root, sizeof(f->root), "%s/manifest-XXXXXX",
		getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(f->root));
	f->input.directory = f->root;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fs_remove_tree(f->root, NULL);
	arena_release(&f->arena);
	free(f);
	return 0;
}

static void put(struct fixture *f, const char *name, const char *text)
{
	const char *path = fs_join(&f->arena, f->root, name);
	FILE *file;

	assert_int_equal(fs_make_dirs(fs_parent(&f->arena, path), 0755, &f->arena, NULL, NULL), 0);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int load(struct fixture *f)
{
	diags_init(&f->diags, &f->arena);
	f->err = (struct error)ERROR_INIT;
	return manifest_load(&f->input, &f->arena, &f->manifest, &f->diags, &f->err);
}

static void assert_loaded(struct fixture *f)
{
	if (load(f) < 0)
		fail_msg("%s: %s", f->err.msg, f->diags.n ? f->diags.items[0].message : "");
}

static const char *place(struct fixture *f, const char *path)
{
	const struct value *value = value_path(f->manifest.merged, path);

	assert_non_null(value);
	return pos_str(&f->manifest.sources, value_pos(value), &f->arena);
}

static void test_every_value_keeps_its_place(void **state)
{
	static const char *const sets[] = {"spec.variables.c.default=3", NULL};
	struct fixture *f = *state;

	put(f, ".devenv/config.yml", HEADER "include: ../base.yml\nspec:\n  variables:\n"
		"    b: {default: 1}\n    c: {default: 1}\n  resources:\n"
		"    - {type: local_value, name: v, input: {x: 1, y: 1}}\n");
	put(f, "base.yml", "spec: {variables: {a: {default: 1}}}\n");
	put(f, ".devenv/environments/dev.yml",
		"spec: {resources: [{type: local_value, name: v, input: {y: 2}}]}\n");
	f->input.environment = "dev";
	f->input.sets = sets;
	assert_loaded(f);
	assert_string_equal(place(f, "spec.variables.a.default"), "base.yml:1:33");
	assert_string_equal(place(f, "spec.variables.b.default"), ".devenv/config.yml:7:18");
	assert_string_equal(
		place(f, "spec.variables.c.default"), "--set spec.variables.c.default:1:1");
	assert_string_equal(place(f, "spec.resources[0].input.x"), ".devenv/config.yml:10:47");
	assert_string_equal(
		place(f, "spec.resources[0].input.y"), ".devenv/environments/dev.yml:1:60");
	assert_string_equal(place(f, "spec.resources[0]"), ".devenv/config.yml:10:7");
	assert_string_equal(place(f, "spec.resources"), ".devenv/config.yml:10:5");
	/* layers have names */
	assert_string_equal(
		sources_get(&f->manifest.sources,
			value_path(f->manifest.merged, "spec.resources[0].input.y")->source)
			->layer,
		"environment");
	assert_string_equal(
		sources_get(&f->manifest.sources,
			value_path(f->manifest.merged, "spec.variables.a.default")->source)
			->layer,
		"include");
}

static bool followed(struct fixture *f, const char *name)
{
	const char *path = fs_join(&f->arena, f->root, name);

	for (size_t i = 0; i < f->manifest.n_files; i++) {
		if (strcmp(f->manifest.files[i], path) == 0)
			return true;
	}
	return false;
}

static void test_files_that_were_looked_for(void **state)
{
	static const struct variable_input variables[] = {{.file = "v.yml"}, {.file = "v.yml"}, {0}};
	struct fixture *f = *state;

	put(f, "devenv.yml",
		HEADER
		"include: more/inc.yml\nspec:\n  variables: {a: {}}\n  resources:\n"
		"    - {type: local_value, name: v, input: \"${file:note.txt} ${file:no.txt:-}\"}\n"
		"    - {type: local_file, name: f, path: x, template: t.txt}\n");
	put(f, "more/inc.yml", "spec: {}\n");
	put(f, "note.txt", "n");
	put(f, "t.txt", "t");
	put(f, "v.yml", "a: 1\n");
	f->input.variables = variables;
	assert_loaded(f);
	/* also those that are not there: when one appears, the manifest is another */
	assert_true(followed(f, ".devenv/config.yml"));
	assert_true(followed(f, "devenv.yml"));
	assert_true(followed(f, "more/inc.yml"));
	assert_true(followed(f, ".env"));
	assert_true(followed(f, "v.yml"));
	assert_true(followed(f, "note.txt"));
	assert_true(followed(f, "no.txt"));
	assert_true(followed(f, "t.txt"));
	for (size_t i = 0; i < f->manifest.n_files; i++) {
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(f->manifest.files[i], f->manifest.files[j]);
	}
	/* a failed load tells them, too */
	put(f, "devenv.yml", HEADER "spec: [\n");
	assert_int_equal(load(f), -1);
	assert_true(followed(f, "devenv.yml"));
}

static void test_errors_and_diagnostics(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f), -1);
	assert_int_equal(f->err.code, ERROR_NOT_FOUND);
	assert_int_equal(f->diags.n, 0);
	put(f, ".devenv/config.yml", "");
	assert_int_equal(load(f), -1);
	assert_int_equal(f->err.code, ERROR_INVALID);
	assert_int_equal(f->diags.errors, 1);
	assert_int_equal(f->manifest.n_resources, 0);
	unlink(fs_join(&f->arena, f->root, ".devenv/config.yml"));
	mkdir(fs_join(&f->arena, f->root, ".devenv/config.yml"), 0755);
	assert_int_equal(load(f), -1); /* there, but no file: never "no manifest" */
	assert_int_equal(f->diags.n, 0);
	assert_int_not_equal(f->err.code, ERROR_NOT_FOUND);
}

static void test_discovery_in_the_file_system(void **state)
{
	struct fixture *f = *state;

	put(f, "devenv.yml", HEADER);
	put(f, "a/b/c/x", "");
	f->input.directory = fs_join(&f->arena, f->root, "a/b/c");
	assert_loaded(f);
	assert_string_equal(f->manifest.root, f->root);
	assert_string_equal(f->manifest.path, fs_join(&f->arena, f->root, "devenv.yml"));
	put(f, "a/b/.devenv/config.yml", HEADER); /* the nearest counts */
	assert_loaded(f);
	assert_string_equal(f->manifest.root, fs_join(&f->arena, f->root, "a/b"));
	put(f, "a/b/.devenv/config.yml", "spec: {}\n"); /* unless it is the user's own */
	f->input.user_config = fs_join(&f->arena, f->root, "a/b/.devenv/config.yml");
	assert_loaded(f);
	assert_string_equal(f->manifest.root, f->root);
}

static void test_a_loop_of_links_ends(void **state)
{
	struct fixture *f = *state;

	put(f, "devenv.yml", HEADER "include: loop/devenv.yml\n");
	assert_int_equal(symlink(".", fs_join(&f->arena, f->root, "loop")), 0);
	assert_int_equal(load(f), -1);
	assert_string_equal(f->diags.items[0].message, "includes are nested more than 32 deep");
	/* two ways at every step would be 2^32 files */
	put(f, "devenv.yml", HEADER "include: [loop/devenv.yml, twin/devenv.yml]\n");
	assert_int_equal(symlink(".", fs_join(&f->arena, f->root, "twin")), 0);
	assert_int_equal(load(f), -1);
	assert_true(f->diags.n < 100);
}

static void test_one_layer_is_not_copied(void **state)
{
	struct fixture *f = *state;
	const struct value *list;

	put(f, "devenv.yml", HEADER "spec:\n  resources:\n"
		"    - {type: local_value, name: a, input: \"${local_value.b.output}\"}\n"
		"    - {type: local_value, name: b, input: {x: [1]}}\n");
	assert_loaded(f);
	list = value_path(f->manifest.merged, "spec.resources");
	for (unsigned i = 0; i < 2; i++) {
		const struct value *attributes = f->manifest.resources[i].attributes;

		assert_int_equal(attributes->len, 1);
		assert_ptr_equal(attributes->members, list->items[i].members + 2);
	}
	assert_ptr_equal(f->manifest.lowered, f->manifest.merged);
}

static void test_what_is_sensitive_is_marked(void **state)
{
	struct fixture *f = *state;
	const struct value *merged;

	put(f, "devenv.yml", HEADER "spec:\n  variables:\n    pw: {default: x, sensitive: true}\n"
		"    open: {default: y}\n  secrets:\n    - {name: s, data: {k: v}}\n");
	assert_loaded(f);
	merged = f->manifest.merged;
	assert_true(value_path(merged, "spec.variables.pw.default")->flags & VALUE_SENSITIVE);
	assert_false(value_path(merged, "spec.variables.open.default")->flags & VALUE_SENSITIVE);
	assert_true(value_path(merged, "spec.secrets[0].data")->flags & VALUE_SENSITIVE);
	assert_true(merged->flags & VALUE_HAS_SENSITIVE);
	assert_int_equal(value_path(merged, "spec.secrets[0]")->line, 9);
	assert_true(f->manifest.variables[0].value->flags & VALUE_SENSITIVE);
}

static void test_command_line_values_are_never_shown(void **state)
{
	static const struct variable_input variables[] = {{.argument = "pw=hunter2"}, {0}};
	static const char *const sets[] = {"spec.variables.q.default=hunter2", NULL};
	struct fixture *f = *state;

	put(f, "devenv.yml", HEADER "spec: {variables: {pw: {type: integer}, q: {}}}\n");
	f->input.variables = variables;
	f->input.sets = sets;
	assert_int_equal(load(f), -1);
	for (uint32_t i = 0; i < f->manifest.sources.n; i++) {
		const struct source *source = &f->manifest.sources.items[i];

		assert_null(strstr(source->path, "hunter2"));
		assert_true(!source->text || !strstr(source->text, "hunter2"));
	}
	assert_null(strstr(f->diags.items[0].message, "hunter2"));
}

static void assert_input(const struct fixture *f, size_t i, const char *path, const char *wanted)
{
	const struct value *value = value_path(f->manifest.resources[i].attributes, path);

	assert_non_null(value);
	assert_false(value->flags & VALUE_TEMPLATE);
	assert_string_equal(value->text, wanted);
}

static void test_a_lowered_manifest_is_one(void **state)
{
	struct fixture *f = *state;
	struct strbuf text = STRBUF_INIT;

	put(f, "devenv.yml",
		HEADER "spec:\n  variables: {home: {default: \"$${HOME}\"}}\n"
		       "  services:\n    - name: api\n      ports: [8080]\n"
		       "      command: [run, \"$${NAME}\", \"${var.home}\", \"a$$${x\"]\n"
		       "      env: {URL: \"$${A}${var.home}\", B: \"$b\"}\n"
		       "  resources:\n"
		       "    - {type: local_value, name: v, input: \"${service.api.port} $${X}\"}\n");
	assert_loaded(f);
	assert_int_equal(f->manifest.n_resources, 2);
	assert_null(value_path(f->manifest.lowered, "spec.services"));
	json_write_pretty(&text, f->manifest.lowered);
	put(f, "devenv.yml", text.text);
	strbuf_release(&text);
	assert_loaded(f);
	assert_int_equal(f->manifest.n_resources, 2);
	assert_string_equal(f->manifest.resources[1].address, "local_process.api");
	assert_int_equal(f->manifest.resources[0].n_depends_on, 1);
	assert_input(f, 1, "command[1]", "${NAME}");
	assert_input(f, 1, "command[2]", "${HOME}");
	assert_input(f, 1, "command[3]", "a$${x");
	assert_input(f, 1, "environment.URL", "${A}${HOME}");
	assert_input(f, 1, "environment.B", "$b");
}

/* Every whole example in docs/manifest.md is a manifest without a mistake. */
static void test_examples_of_the_documentation(void **state)
{
	struct fixture *f = *state;
	const char *file = strstr(__FILE__, "tests/unit/"), *path, *text, *at, *end;
	struct error err = ERROR_INIT;
	unsigned n = 0;
	size_t len;

	assert_non_null(file);
	path = arena_printf(&f->arena, "%.*sdocs/manifest.md", (int)(file - __FILE__), __FILE__);
	if (fs_read(path, &f->arena, &text, &len, &err) < 0)
		fail_msg("%s", err.msg);
	for (at = text; (at = strstr(at, "```yaml\n")); at = end) {
		at += strlen("```yaml\n");
		end = strstr(at, "```\n");
		assert_non_null(end);
		put(f, "devenv.yml", arena_strndup(&f->arena, at, (size_t)(end - at)));
		assert_loaded(f);
		assert_int_equal(f->diags.n, 0);
		n++;
	}
	assert_true(n >= 4);
}

static void test_memory_grows_with_the_file(void **state)
{
	struct fixture *f = *state;
	struct strbuf text = STRBUF_INIT;

	strbuf_addstr(&text, HEADER "spec:\n  resources:\n");
	for (int i = 0; i < 10000; i++)
		strbuf_addf(&text,
			"  - {type: local_value, name: n%d, input: "
			"\"${local_value.n%d.output}\"}\n",
			i, i ? (i - 1) / 2 : 1);
	put(f, "devenv.yml", text.text);
	strbuf_release(&text);
	assert_loaded(f);
	assert_int_equal(f->manifest.n_resources, 10000);
	assert_string_equal(f->manifest.resources[9999].address, "local_value.n9999");
	assert_true(arena_size(&f->arena) < 12 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_value_keeps_its_place, setup, teardown),
		cmocka_unit_test_setup_teardown(test_files_that_were_looked_for, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors_and_diagnostics, setup, teardown),
		cmocka_unit_test_setup_teardown(test_discovery_in_the_file_system, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_loop_of_links_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_layer_is_not_copied, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_sensitive_is_marked, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_command_line_values_are_never_shown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_lowered_manifest_is_one, setup, teardown),
		cmocka_unit_test_setup_teardown(test_examples_of_the_documentation, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory_grows_with_the_file, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
