/* The tables in docs/docker.md: of keys, the same as the program's; of pitfalls, each with its tests. */
#include "container_room.h"

#include "base/fs.h"

#include <glob.h>
#include <stdlib.h>

/* A path of the project. */
static const char *ours(const char *name)
{
	const char *tests = strstr(__FILE__, "tests/unit/");

	assert_non_null(tests);
	return arena_printf(&arena, "%.*s%s", (int)(tests - __FILE__), __FILE__, name);
}

static const char *docs(void)
{
	struct error err = ERROR_INIT;
	const char *path = ours("docs/docker.md"), *text;
	size_t len;

	if (fs_read(path, &arena, &text, &len, &err) < 0)
		fail_msg("%s", err.msg);
	return text;
}

/* The row of a key: "| `memory` | `mem_limit` | in place | ..."; NULL: none. */
static const char *row_of(const char *name)
{
	const char *row = strstr(docs(), arena_printf(&arena, "\n| `%s` | ", name));

	return row ? row + 1 : NULL;
}

static void each_key_has_a_row_that_says_the_same(void **state)
{
	const struct container_key *key;

	(void)state;
	for (size_t i = 0; (key = container_key_at(i)); i++) {
		const char *row = row_of(key->name), *change;
		bool replaces = key->way == CONTAINER_REPLACE;

		if (!row)
			fail_msg("docs/docker.md has no row for %s", key->name);
		row = arena_strndup(&arena, row, strcspn(row, "\n"));
		change = strstr(row, replaces ? "| replace |" : "| in place |");
		if (!change)
			fail_msg("docs/docker.md is wrong about what a change of %s does", key->name);
	}
}

static void each_row_is_a_key(void **state)
{
	const char *at = strstr(docs(), "### Keys"), *end;
	size_t rows = 0, keys = 0;

	(void)state;
	assert_non_null(at);
	end = strstr(at, "### Outputs");
	assert_non_null(end);
	at = arena_strndup(&arena, at, (size_t)(end - at));
	while ((at = strstr(at, "\n| `"))) {
		const char *name = arena_strndup(&arena, at + 4, strcspn(at + 4, "`"));

		if (!container_key(name))
			fail_msg("docs/docker.md has a row for %s, which is no key", name);
		rows++;
		at++;
	}
	while (container_key_at(keys))
		keys++;
	assert_int_equal(rows, keys);
}

/* Every key of a service in the schema of Compose 2.40 is in the table, or an error that says ours. */
static void each_key_of_compose_has_an_answer(void **state)
{
	static const char *const keys[] = {"annotations", "attach", "blkio_config", "build", "cap_add",
		"cap_drop", "cgroup", "cgroup_parent", "command", "configs", "container_name", "cpu_count",
		"cpu_percent", "cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime", "cpu_shares",
		"cpus", "cpuset", "credential_spec", "deploy", "develop", "device_cgroup_rules", "devices",
		"dns", "dns_opt", "dns_search", "domainname", "entrypoint", "env_file", "environment",
		"expose", "extends", "external_links", "extra_hosts", "gpus", "group_add", "healthcheck",
		"hostname", "image", "init", "ipc", "isolation", "label_file", "labels", "links", "logging",
		"mac_address", "mem_limit", "mem_reservation", "mem_swappiness", "memswap_limit", "models",
		"network_mode", "networks", "oom_kill_disable", "oom_score_adj", "pid", "pids_limit",
		"platform", "ports", "post_start", "pre_stop", "privileged", "profiles", "provider",
		"pull_policy", "read_only", "restart", "runtime", "scale", "secrets", "security_opt",
		"shm_size", "stdin_open", "stop_grace_period", "stop_signal", "storage_opt", "sysctls",
		"tmpfs", "tty", "ulimits", "use_api_socket", "user", "userns_mode", "uts", "volumes",
		"volumes_from", "working_dir"};
	const struct type *type = type_find("docker_container");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const struct schema *schema = type_attribute(type, keys[i]);
		bool answered = schema && (schema->flags & SCHEMA_DEPRECATED) && schema->description;

		if (!answered && !strstr(docs(), arena_printf(&arena, "` | `%s` | ", keys[i])))
			fail_msg("%s has neither a row nor an answer", keys[i]);
	}
}

/* All that tests/unit and tests/docker hold, as one text. */
static const char *all_tests(void)
{
	struct strbuf all = STRBUF_INIT;
	struct error err = ERROR_INIT;
	const char *text;
	glob_t files;
	size_t len;

	assert_int_equal(glob(ours("tests/unit/test_*.c"), 0, NULL, &files), 0);
	assert_int_equal(glob(ours("tests/docker/test_*.c"), GLOB_APPEND, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		if (fs_read(files.gl_pathv[i], &arena, &text, &len, &err) < 0)
			fail_msg("%s", err.msg);
		strbuf_add(&all, text, len);
	}
	globfree(&files);
	text = arena_strdup(&arena, all.text);
	strbuf_release(&all);
	return text;
}

static void each_pitfall_has_tests_that_exist(void **state)
{
	const char *at = strstr(docs(), "## Pitfalls of engines"), *end = strstr(docs(), "Events are hints");
	const char *tests = all_tests();
	size_t rows = 0;

	(void)state;
	assert_true(at && end && at < end);
	at = arena_strndup(&arena, at, (size_t)(end - at));
	while ((at = strstr(at, "\n| "))) {
		const char *row = arena_strndup(&arena, at + 1, strcspn(at + 1, "\n"));
		const char *cell = strrchr(arena_strndup(&arena, row, strlen(row) - 1), '|');
		size_t named = 0;

		at++;
		if (!strncmp(row, "| pitfall", 9))
			continue;
		for (const char *name = strchr(cell, '`'); name; name = strchr(strchr(name, '`') + 1, '`')) {
			name++;
			if (!strstr(tests, arena_printf(&arena, "static void %.*s(void **state)",
				(int)strcspn(name, "`"), name)))
				fail_msg("no test %.*s", (int)strcspn(name, "`"), name);
			named++;
		}
		assert_true(named > 0);
		rows++;
	}
	assert_true(rows >= 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_has_a_row_that_says_the_same),
		cmocka_unit_test(each_row_is_a_key),
		cmocka_unit_test(each_key_of_compose_has_an_answer),
		cmocka_unit_test(each_pitfall_has_tests_that_exist),
	};

	return cmocka_run_group_tests(tests, NULL, room_release);
}
