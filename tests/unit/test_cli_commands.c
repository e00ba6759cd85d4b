/*
 * Whole commands, each in a process of its own, on a manifest of values and files: what they print, how
 * they exit, and that every line of --json is as schemas/output.schema.json says.
 */
#include "cli/cli.h"

#include "base/fs.h"
#include "model/json.h"
#include "model/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
	struct arena arena;
	char root[64];
	struct strbuf out, err;
};

static const char manifest[] =
	"apiVersion: devenv/v1\n"
	"kind: Environment\n"
	"metadata: { name: test }\n"
	"spec:\n"
	"  variables:\n"
	"    password: { default: hunter2222, sensitive: true }\n"
	"    word: { default: hello }\n"
	"  resources:\n"
	"    - { type: local_value, name: a, input: \"${var.word}\" }\n"
	"    - { type: local_value, name: secret, input: \"${var.password}\" }\n"
	"    - { type: local_file, name: f, path: f.txt, content: \"${local_value.a.output}\\n\" }\n"
	"  outputs:\n"
	"    word: { value: \"${local_value.a.output}\" }\n"
	"    password: { value: \"${local_value.secret.output}\" }\n";

static void write_file(struct fixture *f, const char *name, const char *text)
{
	const char *path = arena_printf(&f->arena, "%s/work/%s", f->root, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->out = f->err = (struct strbuf)STRBUF_INIT;
	strcpy(f->root, "/tmp/devenv-test-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	assert_int_equal(mkdir(arena_printf(&f->arena, "%s/work", f->root), 0755), 0);
	assert_int_equal(mkdir(arena_printf(&f->arena, "%s/work/.devenv", f->root), 0755), 0);
	write_file(f, ".devenv/config.yml", manifest);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;

	assert_int_equal(fs_remove_tree(f->root, &err), 0);
	strbuf_release(&f->out);
	strbuf_release(&f->err);
	arena_release(&f->arena);
	free(f);
	return 0;
}

static void child(struct fixture *f, const char *line, int out, int err)
{
	char *argv[32] = {strdup("devenv")}, *env[4] = {0};
	char *text = arena_strdup(&f->arena, line), *save = NULL;
	int argc = 1;

	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	env[0] = arena_printf(&f->arena, "DEVENV_HOME=%s/home", f->root);
	env[1] = arena_strdup(&f->arena, "USER=tester");
	env[2] = arena_strdup(&f->arena, "PATH=/usr/bin:/bin");
	if (chdir(arena_printf(&f->arena, "%s/work", f->root)) < 0)
		_exit(99);
	close(0);
	dup2(out, 1);
	dup2(err, 2);
	_exit(cli_main(argc, argv, env));
}

/* Reads both to their ends. */
static void drain(int out, struct strbuf *out_text, int err, struct strbuf *err_text)
{
	struct pollfd fds[2] = {{out, POLLIN, 0}, {err, POLLIN, 0}};
	struct strbuf *texts[2] = {out_text, err_text};
	int open = 2;

	while (open && poll(fds, 2, 30000) > 0) {
		for (int i = 0; i < 2; i++) {
			char piece[4096];
			ssize_t n;

			if (!fds[i].revents)
				continue;
			n = read(fds[i].fd, piece, sizeof(piece));
			if (n > 0) {
				strbuf_add(texts[i], piece, (size_t)n);
			} else {
				close(fds[i].fd);
				fds[i].fd = -1;
				open--;
			}
		}
	}
}

static int run(struct fixture *f, const char *line)
{
	int out[2], err[2], status;
	pid_t pid;

	strbuf_reset(&f->out);
	strbuf_reset(&f->err);
	assert_int_equal(pipe(out), 0);
	assert_int_equal(pipe(err), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(out[0]);
		close(err[0]);
		child(f, line, out[1], err[1]);
	}
	close(out[1]);
	close(err[1]);
	drain(out[0], &f->out, err[0], &f->err);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	/* No command may let the secret out. */
	assert_null(strstr(f->out.text, "hunter2222"));
	assert_null(strstr(f->err.text, "hunter2222"));
	return WEXITSTATUS(status);
}

static void expect(struct fixture *f, const char *line, int status)
{
	int got = run(f, line);

	if (got != status)
		fail_msg("devenv %s: %d\n%s%s", line, got, f->out.text, f->err.text);
}

static void assert_has(const struct strbuf *text, const char *part)
{
	if (!strstr(text->text, part))
		fail_msg("\"%s\" is not in:\n%s", part, text->text);
}

/* --- life of an environment --------------------------------------------------------------------- */

static void test_plan_apply_plan_destroy(void **state)
{
	struct fixture *f = *state;

	expect(f, "validate", 0);
	assert_string_equal(f->out.text, "The manifest is valid: 3 resources.\n");
	expect(f, "plan --detailed-exitcode", 2);
	assert_has(&f->out, "\nPlan: 3 to add, 0 to change, 0 to destroy.\n");
	expect(f, "apply --yes", 0);
	assert_has(&f->out, "Apply complete: 3 added, 0 changed, 0 destroyed");
	assert_has(&f->out, "\nOutputs:\n  password = (sensitive)\n  word     = \"hello\"\n");
	assert_has(&f->err, "local_file.f: created in ");
	expect(f, "plan --detailed-exitcode", 0);
	assert_string_equal(f->out.text, "No changes. Your environment matches the manifest.\n");
	expect(f, "apply --yes --var word=bye", 0);
	assert_has(&f->out, "      ~ content = \"hello\\n\" -> \"bye\\n\"");
	expect(f, "outputs word", 0);
	assert_string_equal(f->out.text, "bye\n");
	expect(f, "outputs password", 0);
	assert_has(&f->out, "(sensitive)");
	expect(f, "down -y", 0);
	assert_has(&f->out, "Destroy complete: 0 added, 0 changed, 3 destroyed");
	expect(f, "destroy -y", 0);
	assert_string_equal(f->out.text, "No changes. There is nothing to destroy.\n");
}

static void test_without_a_terminal_nothing_is_done(void **state)
{
	struct fixture *f = *state;

	expect(f, "apply", 1);
	assert_has(&f->out, "Plan: 3 to add");
	assert_has(&f->err, "Error: nothing was done: there is no terminal to ask on");
	assert_false(fs_exists(arena_printf(&f->arena, "%s/home", f->root)));
	assert_false(fs_exists(arena_printf(&f->arena, "%s/work/.devenv/local", f->root)));
	expect(f, "apply --yes", 0);
	expect(f, "destroy", 1);
	assert_has(&f->err, "devenv destroy --yes");
	expect(f, "plan --detailed-exitcode", 0);
}

static void test_saved_plans(void **state)
{
	struct fixture *f = *state;
	const char *plan = arena_printf(&f->arena, "%s/work/a.plan", f->root), *text;
	struct error err = ERROR_INIT;
	struct stat st;
	size_t len;

	expect(f, "apply --yes", 0);
	expect(f, "plan -o a.plan --var word=secretword", 0);
	assert_int_equal(stat(plan, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(fs_read(plan, &f->arena, &text, &len, &err), 0);
	assert_null(strstr(text, "hunter2222"));
	expect(f, "apply a.plan", 1);
	assert_has(&f->err, "the plan was made with --var word=...");
	expect(f, "apply a.plan --var word=other", 1);
	assert_has(&f->err, "the saved plan is stale");
	expect(f, "apply a.plan --var word=secretword", 0);
	assert_has(&f->out, "Apply complete: 0 added, 2 changed");
	expect(f, "apply a.plan --var word=secretword", 1);
	assert_has(&f->err, "the saved plan is stale");
	write_file(f, "b.plan", "{}");
	expect(f, "apply b.plan", 1);
	assert_has(&f->err, "b.plan is no saved plan");
	expect(f, "apply missing.plan", 1);
	assert_has(&f->err, "missing.plan");
}

/* A secret that got into a place where nobody expects one. */
static void test_no_secret_leaves(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	const char *text;
	size_t len;

	write_file(f, ".devenv/config.yml",
		"apiVersion: devenv/v1\nkind: Environment\nmetadata: { name: test }\nspec:\n"
		"  variables: { p: { default: hunter2222, sensitive: true } }\n"
		"  resources:\n    - { type: local_value, name: leak, input: \"x hunter2222 y\" }\n");
	expect(f, "plan -o a.plan", 0); /* `run` looks at both streams */
	assert_has(&f->out, "x (sensitive) y");
	assert_int_equal(fs_read(arena_printf(&f->arena, "%s/work/a.plan", f->root), &f->arena, &text,
		&len, &err), 0);
	assert_non_null(strstr(text, "x (sensitive) y"));
	assert_null(strstr(text, "hunter2222"));
	expect(f, "plan --json -v", 0);
	assert_has(&f->out, "x (sensitive) y");
	expect(f, "apply -y", 0);
	expect(f, "show local_value.leak", 0);
	expect(f, "config show", 0);
}

static void write_values(struct fixture *f, int n)
{
	struct strbuf text = STRBUF_INIT;

	strbuf_addstr(&text, "apiVersion: devenv/v1\nkind: Environment\nmetadata: { name: test }\nspec:\n"
			     "  resources:\n");
	for (int i = 0; i < n; i++)
		strbuf_addf(&text, "    - { type: local_value, name: v%d, input: %d }\n", i, i);
	write_file(f, ".devenv/config.yml", text.text);
	strbuf_release(&text);
}

static void test_held_until_released(void **state)
{
	struct fixture *f = *state;
	const char *hash;

	write_values(f, 8);
	expect(f, "apply -y", 0);
	write_values(f, 2);
	expect(f, "apply -y", EXIT_HELD);
	assert_has(&f->out, "! held: more than half of the environment would be destroyed; release it with "
			    "--allow-delete=6");
	assert_has(&f->out, "\nThese need your approval:\n  local_value.v7,\n  local_value.v6,\n");
	assert_has(&f->out, "  local_value.v2: --allow-delete=6\n\n");
	assert_has(&f->out, "Apply complete but for what needs approval: 0 added");
	expect(f, "status -q", 0);
	assert_has(&f->out, "8 resources: 2 ready, 6 removed.");
	/* One by its hash ... */
	expect(f, "plan", 0);
	hash = strstr(f->out.text, "`devenv approve ");
	assert_non_null(hash);
	expect(f, arena_printf(&f->arena, "approve %.16s", hash + strlen("`devenv approve ")), 0);
	expect(f, "apply -y", EXIT_HELD);
	assert_has(&f->out, "1 destroyed");
	/* ... the rest by a plan that lists it. */
	expect(f, "plan -o a.plan", 0);
	expect(f, "apply a.plan", 0);
	assert_has(&f->out, "5 destroyed");
	write_values(f, 8);
	expect(f, "apply -y", 0);
	write_values(f, 1);
	expect(f, "apply -y --allow-delete=6", EXIT_HELD);
	expect(f, "apply -y --allow-delete=7", 0);
}

static void test_failures(void **state)
{
	struct fixture *f = *state;

	write_file(f, ".devenv/config.yml",
		"apiVersion: devenv/v1\nkind: Environment\nmetadata: { name: test }\nspec:\n  resources:\n"
		"    - { type: local_command, name: bad, create: [sh, -c, \"echo why >&2; exit 3\"] }\n"
		"    - { type: local_value, name: after, input: 1, dependsOn: [local_command.bad] }\n"
		"    - { type: local_value, name: free, input: 1 }\n");
	expect(f, "apply -y", 1);
	assert_has(&f->err, "local_command.bad: creating failed: ");
	assert_has(&f->err, " why\n");
	assert_has(&f->err, "local_value.after: blocked: ");
	assert_has(&f->out, "Apply incomplete: 1 added, 0 changed, 0 destroyed, 1 failed, 1 blocked in ");
	assert_has(&f->out, "See `devenv history 1` and `devenv status`.\n");
	expect(f, "status", 0);
	assert_has(&f->out, "local_command.bad  failed ");
	assert_has(&f->out, "waits for local_command.bad (failed)");
	expect(f, "history 1", 0);
	assert_has(&f->out, "local_value.after  create  blocked");
}

/* The very first plan is made before the environment has an id. */
static void test_a_saved_first_plan(void **state)
{
	struct fixture *f = *state;

	expect(f, "plan -o a.plan", 0);
	expect(f, "apply a.plan --var word=x", 1);
	assert_has(&f->err, "the saved plan is stale");
	expect(f, "apply a.plan", 0);
	assert_has(&f->out, "Apply complete: 3 added");
	expect(f, "apply a.plan", 1);
	assert_has(&f->err, "the saved plan is stale");
}

static void test_mistakes(void **state)
{
	struct fixture *f = *state;

	write_file(f, ".devenv/config.yml",
		"apiVersion: devenv/v1\nkind: Environment\nmetadata: { name: test }\nspec:\n"
		"  resources:\n    - { type: local_vlue, name: a }\n    - { type: local_value, nme: b }\n");
	expect(f, "plan", 1);
	assert_string_equal(f->out.text, "");
	assert_has(&f->err, "config.yml:6:15\n");
	assert_has(&f->err, "config.yml:7:");
	assert_has(&f->err, "6 |     - { type: local_vlue, name: a }\n  |               ^\n");
	assert_has(&f->err, " errors.\n");
	expect(f, "plna", 64);
	assert_has(&f->err, "did you mean `devenv plan`?");
	expect(f, "plan --tarjet x", 64);
	expect(f, "-C /nonexistent plan", 1);
	assert_has(&f->err, "/nonexistent");
	expect(f, "", 64);
	expect(f, "config", 64);
	expect(f, "--help", 0);
}

static void test_status_and_what_manages_it(void **state)
{
	struct fixture *f = *state;

	expect(f, "status", 0);
	assert_has(&f->out, "3 resources: 3 missing.\n");
	expect(f, "taint local_file.f", 1);
	expect(f, "apply --yes -q", 0);
	assert_string_equal(f->err.text, "");
	assert_has(&f->out, "Apply complete: 3 added");
	expect(f, "status", 0);
	assert_has(&f->out, "3 resources: 3 ready.\n");
	write_file(f, "f.txt", "changed");
	expect(f, "status -q", 0);
	assert_has(&f->out, "local_file.f  drifted");
	expect(f, "taint local_file.f", 0);
	expect(f, "plan", 0);
	assert_has(&f->out, "-/+ local_file.f will be replaced\n      # it is tainted\n");
	expect(f, "untaint local_file.f", 0);
	expect(f, "taint local_file.g", 1);
	assert_has(&f->err, "did you mean local_file.f?");
	expect(f, "show local_value.secret", 0);
	assert_has(&f->out, "input = (sensitive)");
	expect(f, "forget local_value.secret", 0);
	expect(f, "status local_value.secret", 0);
	assert_has(&f->out, "local_value.secret  missing");
	expect(f, "history", 0);
	assert_has(&f->out, "tester@");
	expect(f, "history 1", 0);
	assert_has(&f->out, "local_file.f        create  ok");
	expect(f, "history 99", 1);
	expect(f, "history x", 64);
	expect(f, "list", 0);
	assert_has(&f->out, "test     -            2          ");
	expect(f, "audit verify", 0);
	assert_has(&f->out, "The audit trail is whole: 5 entries.\n");
}

static void test_explain(void **state)
{
	struct fixture *f = *state;

	expect(f, "plan --explain local_file.f", 0);
	assert_has(&f->out, "  + local_file.f will be created");
	assert_has(&f->out, "      desired    yes\n      recorded   no\n      observed   absent\n");
	assert_has(&f->out, "      needs local_value.a (uses, .devenv/config.yml:11:");
	assert_null(strstr(f->out.text, "Plan:"));
	expect(f, "plan --explain local_file.g", 1);
	assert_has(&f->err, "did you mean local_file.f?");
}

static void test_graph_and_config(void **state)
{
	struct fixture *f = *state;

	expect(f, "graph", 0);
	assert_string_equal(f->out.text, "local_value.secret\nlocal_file.f\n`- local_value.a\n");
	expect(f, "graph --impact local_value.a", 0);
	assert_string_equal(f->out.text, "local_value.a\n`- local_file.f\n");
	expect(f, "graph --impact local_value.b", 1);
	expect(f, "config show", 0);
	assert_has(&f->out, "  variables:\n    password:\n");
	expect(f, "config show --origin --var word=x", 0);
	assert_has(&f->out, "name: test  # .devenv/config.yml:3:19 (project)");
	expect(f, "config schema local_file", 0);
	assert_has(&f->out, "\"title\": \"local_file\"");
	expect(f, "config schema local_fle", 64);
	assert_has(&f->err, "did you mean local_file?");
}

/* What config show prints is a manifest that means the same. */
static void test_config_show_reads_back(void **state)
{
	struct fixture *f = *state;
	const char *first;

	write_file(f, ".devenv/config.yml",
		"apiVersion: devenv/v1\nkind: Environment\nmetadata: { name: test, version: \"1.10\" }\nspec:\n"
		"  resources:\n"
		"    - type: local_value\n      name: a\n      input:\n"
		"        - \"yes\"\n        - 'a: b'\n        - \" x \"\n        - \"1\"\n        - 1\n"
		"        - \"tab\\t\\\"quoted\\\" \\\\ \\n\"\n        - {}\n        - []\n        - null\n"
		"        - - nested\n          - { k: v, l: [1, 2] }\n        - \"größe # no\"\n");
	expect(f, "config show", 0);
	first = arena_strdup(&f->arena, f->out.text);
	write_file(f, ".devenv/config.yml", first);
	expect(f, "config show --json", 0);
	assert_has(&f->out,
		"\"input\":[\"yes\",\"a: b\",\" x \",\"1\",1,\"tab\\t\\\"quoted\\\" \\\\ \\n\",{},[],null,"
		"[\"nested\",{\"k\":\"v\",\"l\":[1,2]}],\"größe # no\"]");
	expect(f, "config show", 0);
	assert_string_equal(f->out.text, first);
}

static void test_init(void **state)
{
	struct fixture *f = *state;

	expect(f, "init", 1);
	assert_has(&f->err, "is there already; nothing was written");
	assert_int_equal(unlink(arena_printf(&f->arena, "%s/work/.devenv/config.yml", f->root)), 0);
	expect(f, "init", 0);
	assert_true(fs_exists(arena_printf(&f->arena, "%s/work/.devenv/local/schemas/config.schema.json",
		f->root)));
	expect(f, "apply --yes", 0);
	assert_has(&f->out, "greeting = \"hello, world\"");
}

static void test_targets(void **state)
{
	struct fixture *f = *state;

	expect(f, "apply --yes -target local_value.secret", 0);
	assert_has(&f->out, "Apply complete: 1 added");
	expect(f, "apply --yes --exclude local_value.a", 0);
	assert_has(&f->out, "No changes.");
	expect(f, "plan --target local_file.g", 1);
	assert_has(&f->err, "did you mean local_file.f?");
}

static void test_completion_of_addresses(void **state)
{
	struct fixture *f = *state;

	expect(f, "__complete bash -- plan --target local_v", 0);
	assert_string_equal(f->out.text, "local_value.a\nlocal_value.secret\n");
	expect(f, "__complete bash -- plan --target = local_f", 0);
	assert_string_equal(f->out.text, "local_file.f\n");
	expect(f, "__complete fish -- plan --target=local_f", 0);
	assert_string_equal(f->out.text, "--target=local_file.f\n");
	expect(f, "apply --yes", 0);
	expect(f, "__complete zsh -- show local_value.s", 0);
	assert_has(&f->out, "local_value.secret");
	/* A broken manifest is silent. */
	write_file(f, ".devenv/config.yml", "{{{");
	expect(f, "__complete bash -- plan --target local_v", 0);
	assert_string_equal(f->out.text, "");
	assert_string_equal(f->err.text, "");
}

/* --- --json ------------------------------------------------------------------------------------- */

static const struct value *output_schema(struct fixture *f)
{
	struct value *schema = arena_alloc(&f->arena, sizeof(*schema));
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < schema_file_count; i++) {
		if (strcmp(schema_files[i].name, "output.schema.json") == 0) {
			assert_int_equal(json_parse(schema_files[i].text, strlen(schema_files[i].text),
				&f->arena, NULL, schema, &err), 0);
			return schema;
		}
	}
	fail_msg("there is no output.schema.json");
	return NULL;
}

static bool listed(const struct value *list, const char *text)
{
	for (uint32_t i = 0; list && i < list->len; i++)
		if (strcmp(value_text(&list->items[i], ""), text) == 0)
			return true;
	return false;
}

static bool fits_type(const char *type, const struct value *value)
{
	static const char *const names[] = {[VALUE_NULL] = "null", [VALUE_BOOL] = "boolean",
		[VALUE_INT] = "integer", [VALUE_STRING] = "string", [VALUE_LIST] = "array",
		[VALUE_MAP] = "object"};

	return !type || (value->kind < ARRAY_SIZE(names) && names[value->kind] &&
				strcmp(type, names[value->kind]) == 0);
}

/* The keywords that output.schema.json uses, and nothing that it does not know. */
static void check(const struct value *schema, const struct value *value, const char *line)
{
	const struct value *properties = value_get(schema, "properties");
	const struct value *required = value_get(schema, "required");
	const struct value *items = value_get(schema, "items"), *words = value_get(schema, "enum");

	if (!fits_type(value_get_text(schema, "type", NULL), value))
		fail_msg("wrong type in %s", line);
	if (words && !listed(words, value_text(value, "")))
		fail_msg("\"%s\" is none of the words in %s", value_text(value, ""), line);
	for (uint32_t i = 0; required && i < required->len; i++)
		if (!value_get(value, value_text(&required->items[i], "")))
			fail_msg("no \"%s\" in %s", value_text(&required->items[i], ""), line);
	for (uint32_t i = 0; properties && i < value->len; i++) {
		const struct value *property = value_get(properties, value->members[i].key);

		if (!property)
			fail_msg("\"%s\" is not in the schema: %s", value->members[i].key, line);
		check(property, &value->members[i].value, line);
	}
	for (uint32_t i = 0; items && i < value->len; i++)
		check(items, &value->items[i], line);
}

static void check_line(struct fixture *f, const struct value *schema, const char *line)
{
	const struct value *defs = value_get(schema, "$defs");
	struct error err = ERROR_INIT;
	struct value value;
	const char *type;

	if (json_parse(line, strlen(line), &f->arena, NULL, &value, &err) < 0)
		fail_msg("%s: %s", err.msg, line);
	type = value_get_text(&value, "type", "");
	for (uint32_t i = 0; i < defs->len; i++) {
		const struct value *def = &defs->members[i].value;
		const struct value *name = value_path(def, "properties.type");

		if (strcmp(value_get_text(name, "const", ""), type) == 0 ||
			listed(value_get(name, "enum"), type)) {
			check(def, &value, line);
			return;
		}
	}
	fail_msg("the schema does not know %s", line);
}

static void expect_json(struct fixture *f, const struct value *schema, const char *line, int status,
	const char *type)
{
	static const char version[] = "{\"type\":\"version\",\"devenv\":\"" DEVENV_VERSION "\",";
	char *text, *save = NULL;

	expect(f, line, status);
	assert_string_equal(f->err.text, "");
	assert_int_equal(strncmp(f->out.text, version, sizeof(version) - 1), 0);
	assert_has(&f->out, arena_printf(&f->arena, "\n{\"type\":\"%s\",", type));
	text = arena_strdup(&f->arena, f->out.text);
	for (char *one = strtok_r(text, "\n", &save); one; one = strtok_r(NULL, "\n", &save))
		check_line(f, schema, one);
}

static void test_json_is_as_its_schema(void **state)
{
	struct fixture *f = *state;
	const struct value *schema = output_schema(f);
	const char *plan;

	expect_json(f, schema, "validate --json", 0, "validated");
	expect_json(f, schema, "plan --json", 0, "planned_change");
	plan = arena_strdup(&f->arena, f->out.text);
	expect_json(f, schema, "plan --json", 0, "change_summary");
	assert_string_equal(f->out.text, plan); /* equal plans are equal bytes */
	expect_json(f, schema, "plan --json -o a.plan", 0, "message");
	expect_json(f, schema, "apply --json", 1, "diagnostic");
	expect_json(f, schema, "apply --json --yes", 0, "apply_summary");
	assert_has(&f->out, "{\"type\":\"apply_complete\"");
	expect_json(f, schema, "outputs --json", 0, "outputs");
	expect_json(f, schema, "outputs word --json", 0, "output");
	expect_json(f, schema, "status --json", 0, "resource");
	expect_json(f, schema, "show --json local_file.f", 0, "record");
	expect_json(f, schema, "history --json", 0, "run");
	expect_json(f, schema, "history --json 1", 0, "run_change");
	expect_json(f, schema, "list --json", 0, "environment");
	expect_json(f, schema, "graph --json", 0, "node");
	expect_json(f, schema, "config show --json", 0, "config");
	expect_json(f, schema, "config show --origin --json", 0, "origin");
	expect_json(f, schema, "audit verify --json", 0, "audit");
	write_file(f, "f.txt", "changed");
	expect_json(f, schema, "plan --json", 0, "planned_change");
	assert_has(&f->out, "\"drift\":true");
	expect_json(f, schema, "plan --json --explain local_file.f", 0, "planned_change");
	expect_json(f, schema, "plan --jsno --json", 64, "diagnostic");
	write_file(f, ".devenv/config.yml", "apiVersion: devenv/v1\nkind: Environment\nspec: 1\n");
	expect_json(f, schema, "plan --json", 1, "diagnostic");
	expect_json(f, schema, "destroy --json --yes", 0, "apply_summary");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_plan_apply_plan_destroy),
		TEST(test_without_a_terminal_nothing_is_done),
		TEST(test_saved_plans),
		TEST(test_no_secret_leaves),
		TEST(test_held_until_released),
		TEST(test_failures),
		TEST(test_a_saved_first_plan),
		TEST(test_mistakes),
		TEST(test_status_and_what_manages_it),
		TEST(test_explain),
		TEST(test_graph_and_config),
		TEST(test_config_show_reads_back),
		TEST(test_init),
		TEST(test_targets),
		TEST(test_completion_of_addresses),
		TEST(test_json_is_as_its_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
