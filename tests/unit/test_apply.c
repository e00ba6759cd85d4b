/*
 * The scheduler against a world of the test's own: what fails, what waits, what is held, in which
 * order. The registry below stands in for the real one; `local_file` is a thing in an array, its
 * `content` says how it behaves: "fail", "fail-exists", "transient", "slow", anything else works.
 */
#include "base/fs.h"
#include "engine/reconcile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- the world ---------------------------------------------------------------------------------- */

struct thing {
	char path[32], content[64], mark[17];
};

static struct {
	pthread_mutex_t mutex;
	struct thing things[32];
	size_t n;
	char log[2048]; /* "+a -b ~c": what was done, in order */
	int running, most, transient_left, unready_left;
} world = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void note(const char *what, const char *path)
{
	size_t len = strlen(world.log);

	snprintf(world.log + len, sizeof(world.log) - len, "%s%s%s", len ? " " : "", what, path);
}

static struct thing *find(const char *path)
{
	for (size_t i = 0; i < world.n; i++) {
		if (strcmp(world.things[i].path, path) == 0)
			return &world.things[i];
	}
	return NULL;
}

static const struct value *seen(struct arena *arena, const struct thing *thing)
{
	struct value_builder b;
	struct value *map = arena_alloc(arena, sizeof(*map));

	builder_init(&b, arena);
	builder_put_str(&b, "content", thing->content);
	*map = builder_map(&b);
	return map;
}

static int world_observe(struct provider_env *env, struct observe_request *request,
	struct error *err)
{
	(void)err;
	for (size_t i = 0; i < request->n; i++) {
		struct observation *item = &request->items[i];
		const char *path = item->record ? item->record->id
			: item->desired ? value_get_text(item->desired, "path", NULL) : NULL;
		struct thing *thing;

		thing = path ? find(path) : NULL;
		item->presence = thing ? PRESENCE_PRESENT : PRESENCE_ABSENT;
		if (!thing)
			continue;
		item->ownership = OWNER_US;
		item->mark_intent = arena_strdup(env->arena, thing->mark);
		item->id = arena_strdup(env->arena, thing->path);
		item->attributes = seen(env->arena, thing);
	}
	return 0;
}

static void put_thing(const char *path, const char *content, const char *mark)
{
	struct thing *thing = find(path);

	if (!thing)
		thing = &world.things[world.n++];
	snprintf(thing->path, sizeof(thing->path), "%s", path);
	snprintf(thing->content, sizeof(thing->content), "%s", content);
	snprintf(thing->mark, sizeof(thing->mark), "%s", mark);
}

static int decide(const struct request *request, const char *content, struct outcome *outcome,
	struct error *err)
{
	if (strcmp(content, "fail") == 0)
		return error_set(err, ERROR_FAILED, "it does not want to");
	if (strcmp(content, "fail-exists") == 0) {
		put_thing(value_get_text(request->inputs, "path", ""), content, "");
		outcome->exists = true;
		outcome->id = value_get_text(request->inputs, "path", "");
		return error_set(err, ERROR_FAILED, "half-way");
	}
	if (strcmp(content, "transient") == 0 && world.transient_left-- > 0)
		return error_set(err, ERROR_TRANSIENT, "not now");
	return 0;
}

static int world_apply(struct provider_env *env, const struct request *request,
	struct outcome *outcome, struct error *err)
{
	const char *path = value_get_text(request->inputs, "path", "");
	const char *content = value_get_text(request->inputs, "content", "");
	struct value_builder b;
	struct value *outputs = arena_alloc(env->arena, sizeof(*outputs));
	int result;

	pthread_mutex_lock(&world.mutex);
	if (++world.running > world.most)
		world.most = world.running;
	pthread_mutex_unlock(&world.mutex);
	if (strcmp(content, "slow") == 0)
		usleep(30000);
	pthread_mutex_lock(&world.mutex);
	world.running--;
	note(request->act == ACT_UPDATE ? "~" : "+", path);
	result = decide(request, content, outcome, err);
	if (result == 0) {
		put_thing(path, content, env->intent ? env->intent : "");
		outcome->exists = true;
		outcome->id = arena_strdup(env->arena, path);
		builder_init(&b, env->arena);
		builder_put_str(&b, "path", path);
		builder_put_str(&b, "contentHash", content);
		*outputs = builder_map(&b);
		outcome->outputs = outputs;
		outcome->observed = seen(env->arena, find(path));
	}
	pthread_mutex_unlock(&world.mutex);
	return result;
}

static int world_destroy(struct provider_env *env, struct record *record, struct error *err)
{
	const char *path = record->id ? record->id : value_get_text(record_inputs(record, err), "path", "");
	struct thing *thing;

	(void)env;
	pthread_mutex_lock(&world.mutex);
	note("-", path);
	thing = find(path);
	if (thing)
		*thing = world.things[--world.n];
	pthread_mutex_unlock(&world.mutex);
	return 0;
}

static enum readiness world_ready(struct provider_env *env, struct record *record,
	const struct probe *probe, const struct value *spec, const char **why)
{
	(void)env;
	(void)record;
	(void)probe;
	(void)spec;
	*why = "still starting";
	return world.unready_left-- > 0 ? READY_WAIT : READY_YES;
}

static int value_apply(struct provider_env *env, const struct request *request,
	struct outcome *outcome, struct error *err)
{
	struct value_builder b;
	struct value *outputs = arena_alloc(env->arena, sizeof(*outputs));

	(void)err;
	builder_init(&b, env->arena);
	builder_put(&b, "output", *value_get(request->inputs, "input"));
	*outputs = builder_map(&b);
	outcome->outputs = outputs;
	return 0;
}

static const char *const value_types[] = {"local_value", NULL};
static const char *const thing_types[] = {"local_file", NULL};
static const struct provider values = {.name = "values", .types = value_types, .apply = value_apply};
static const struct provider things = {
	.name = "things",
	.types = thing_types,
	.observe = world_observe,
	.apply = world_apply,
	.destroy = world_destroy,
	.ready = world_ready,
};

const struct provider *const provider_table[] = {&values, &things};
const size_t provider_count = 2;

const struct provider *provider_by_type(const char *type)
{
	return strcmp(type, "local_value") == 0 ? &values : &things;
}

const struct provider *provider_of(const struct type *type)
{
	return provider_by_type(type->name);
}

/* --- a project on disk -------------------------------------------------------------------------- */

static char folder[64];

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/test-apply-XXXXXX");
	assert_non_null(mkdtemp(folder));
	memset(world.things, 0, sizeof(world.things));
	world.n = 0;
	world.log[0] = '\0';
	world.running = world.most = world.transient_left = world.unready_left = 0;
	return 0;
}

static int teardown(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	return fs_remove_tree(folder, &err);
}

static void manifest(const char *resources)
{
	struct arena arena = ARENA_INIT;
	const char *path = arena_printf(&arena, "%s/devenv.yml", folder);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fprintf(file, "apiVersion: devenv/v1\nkind: Environment\nmetadata: {name: t}\nspec:\n  resources:\n"
		"%s", resources);
	fclose(file);
	arena_release(&arena);
	world.log[0] = '\0';
}

struct options {
	int parallelism;
	bool fail_fast, rollback, destroy;
};

static int apply(struct options options, struct apply_result *result, struct error *err)
{
	static const char *const no_env[] = {NULL};
	struct apply_options how = {
		.parallelism = options.parallelism ? options.parallelism : 4,
		.fail_fast = options.fail_fast,
		.rollback_on_failure = options.rollback,
	};
	struct reconcile r;
	char file[96], home[96];
	const char *const files[] = {file, NULL};
	int status;

	snprintf(file, sizeof(file), "%s/devenv.yml", folder);
	snprintf(home, sizeof(home), "%s/home", folder);
	reconcile_init(&r);
	r.input.directory = folder;
	r.input.files = files;
	r.input.process_env = no_env;
	r.home = home;
	r.self = "/proc/self/exe";
	r.options.destroy = options.destroy;
	*err = (struct error)ERROR_INIT;
	status = reconcile_load(&r, err) || reconcile_open(&r, STATE_WRITE, "test", err) ||
		 reconcile_observe(&r, err) || reconcile_plan(&r, err);
	if (status == 0)
		status = reconcile_apply(&r, &how, result, err);
	for (size_t i = 0; i < r.diags.n; i++)
		print_message("diagnostic: %s\n", r.diags.items[i].message);
	reconcile_release(&r);
	return status;
}

static struct apply_result must_apply(void)
{
	struct apply_result result = {0};
	struct error err;

	if (apply((struct options){0}, &result, &err) != 0)
		fail_msg("%s", err.msg);
	return result;
}

#define FILE_LINE(name, content, more) \
	"    - {type: local_file, name: " name ", path: " name ", content: \"" content "\"" more "}\n"

/* --- what is promised --------------------------------------------------------------------------- */

static void test_dependencies_first(void **state)
{
	struct apply_result result;

	(void)state;
	manifest(FILE_LINE("c", "x", ", dependsOn: [local_file.b]")
		FILE_LINE("b", "x", ", dependsOn: [local_file.a]") FILE_LINE("a", "x", ""));
	result = must_apply();
	assert_int_equal(result.added, 3);
	assert_string_equal(world.log, "+a +b +c");
	world.log[0] = '\0';
	result = must_apply();
	assert_string_equal(world.log, "");
	assert_int_equal(result.added + result.changed, 0);
}

static void test_destroy_dependents_first(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FILE_LINE("c", "x", ", dependsOn: [local_file.b]")
		FILE_LINE("b", "x", ", dependsOn: [local_file.a]") FILE_LINE("a", "x", ""));
	must_apply();
	world.log[0] = '\0';
	assert_int_equal(apply((struct options){.destroy = true}, &result, &err), 0);
	assert_string_equal(world.log, "-c -b -a");
	assert_int_equal(world.n, 0);
}

static void test_failure_holds_back_only_descendants(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FILE_LINE("a", "fail", "") FILE_LINE("b", "x", ", dependsOn: [local_file.a]")
		FILE_LINE("c", "x", ", dependsOn: [local_file.b]") FILE_LINE("d", "x", ""));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_int_equal(result.failed, 1);
	assert_int_equal(result.blocked, 2);
	assert_int_equal(result.added, 1);
	assert_non_null(find("d"));
	assert_null(find("b"));
}

static void test_soft_dependency_lets_go_on(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FILE_LINE("a", "fail", "")
		FILE_LINE("b", "x", ", dependsOn: [{address: local_file.a, type: soft}]"));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_int_equal(result.blocked, 0);
	assert_non_null(find("b"));
	assert_string_equal(world.log, "+a +b");
}

static void test_fail_fast(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FILE_LINE("a", "fail", "") FILE_LINE("b", "slow", "") FILE_LINE("c", "x", ""));
	assert_int_equal(apply((struct options){.fail_fast = true, .parallelism = 1}, &result, &err), -1);
	assert_string_equal(world.log, "+a");
	assert_int_equal(result.blocked, 2);
}

static void test_failed_create_that_exists_is_tainted(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FILE_LINE("a", "fail-exists", ""));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	manifest(FILE_LINE("a", "x", ""));
	must_apply();
	assert_string_equal(world.log, "-a +a"); /* replaced */
}

static void test_failed_update_is_done_again(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FILE_LINE("a", "x", ""));
	must_apply();
	manifest(FILE_LINE("a", "fail", ""));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	manifest(FILE_LINE("a", "x", ""));
	result = must_apply();
	assert_string_equal(world.log, "~a"); /* its fingerprint was forgotten */
	assert_int_equal(result.changed, 1);
}

static void test_transient_errors_are_tried_again(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	world.transient_left = 2;
	manifest(FILE_LINE("a", "transient", ", retry: {attempts: 3, delay: 10ms}"));
	must_apply();
	assert_string_equal(world.log, "+a +a +a");
	world.transient_left = 9;
	manifest(FILE_LINE("a", "transient", ", retry: {attempts: 3, delay: 10ms}")
		FILE_LINE("b", "transient", ", retry: {attempts: 2, delay: 10ms}"));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_string_equal(world.log, "+b +b");
}

static void test_parallelism_is_a_limit(void **state)
{
	(void)state;
	manifest(FILE_LINE("a", "slow", "") FILE_LINE("b", "slow", "") FILE_LINE("c", "slow", "")
		FILE_LINE("d", "slow", "") FILE_LINE("e", "slow", "") FILE_LINE("f", "slow", ""));
	must_apply();
	assert_in_range(world.most, 2, 4);
}

static void test_waits_until_ready(void **state)
{
	(void)state;
	world.unready_left = 3;
	manifest(FILE_LINE("a", "x", ", readiness: {type: running, periodSeconds: 0.01}")
		FILE_LINE("b", "x", ", dependsOn: [local_file.a]"));
	must_apply();
	assert_string_equal(world.log, "+a +b");
	assert_in_range(-world.unready_left, 1, 1); /* probed until it said yes, and no more */
}

static void test_not_ready_in_time(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	world.unready_left = 1000;
	manifest(FILE_LINE("a", "x", ", readiness: {type: running, periodSeconds: 0.01, failureThreshold: 3}")
		FILE_LINE("b", "x", ", dependsOn: [local_file.a]"));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_int_equal(result.unready, 1);
	assert_int_equal(result.blocked, 1);
	world.unready_left = 0;
	world.log[0] = '\0';
	must_apply();
	assert_string_equal(world.log, "+b"); /* probed again, never replaced for it */
}

static void test_replace_is_destroy_then_create(void **state)
{
	(void)state;
	manifest("    - {type: local_file, name: a, path: a1, content: x}\n");
	must_apply();
	manifest("    - {type: local_file, name: a, path: a2, content: x}\n");
	must_apply();
	assert_string_equal(world.log, "-a1 +a2");
}

static void test_create_before_destroy(void **state)
{
	(void)state;
	manifest("    - {type: local_file, name: a, path: a1, content: x, lifecycle: {createBeforeDestroy: true}}\n"
		 "    - {type: local_file, name: b, path: b, content: \"${local_file.a.path}\"}\n");
	must_apply();
	manifest("    - {type: local_file, name: a, path: a2, content: x, lifecycle: {createBeforeDestroy: true}}\n"
		 "    - {type: local_file, name: b, path: b, content: \"${local_file.a.path}\"}\n");
	must_apply();
	assert_string_equal(world.log, "+a2 ~b -a1"); /* the user has moved over before the old one goes */
	assert_string_equal(find("b")->content, "a2");
}

static void test_deferred_turns_out_to_be_nothing(void **state)
{
	struct apply_result result;

	(void)state;
	manifest(FILE_LINE("a", "same", "") "    - {type: local_file, name: b, path: b, content: "
		"\"${local_file.a.contentHash}\"}\n");
	must_apply();
	find("a")->content[0] = 'S'; /* drift: its outputs become unknown, and come back the same */
	world.log[0] = '\0';
	result = must_apply();
	assert_string_equal(world.log, "~a");
	assert_int_equal(result.changed, 1);
	assert_int_equal(result.noop, 1);
}

static void test_deferred_replace_destroys_nothing_early(void **state)
{
	struct apply_result result;

	(void)state;
	manifest(FILE_LINE("a", "same", "") "    - {type: local_file, name: b, path: "
		"\"${local_file.a.contentHash}\", content: x}\n");
	must_apply();
	find("a")->content[0] = 'S';
	world.log[0] = '\0';
	result = must_apply();
	assert_string_equal(world.log, "~a");
	assert_int_equal(result.destroyed, 0);
	assert_non_null(find("same"));
}

static void test_deferred_replace_happens_when_it_is_one(void **state)
{
	(void)state;
	manifest(FILE_LINE("a", "one", "") "    - {type: local_file, name: b, path: "
		"\"${local_file.a.contentHash}\", content: x}\n");
	must_apply();
	manifest(FILE_LINE("a", "two", "") "    - {type: local_file, name: b, path: "
		"\"${local_file.a.contentHash}\", content: x}\n");
	must_apply();
	assert_string_equal(world.log, "~a -one +two");
}

static void test_rollback(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FILE_LINE("a", "old", ""));
	must_apply();
	manifest(FILE_LINE("a", "new", "") FILE_LINE("b", "x", ", dependsOn: [local_file.a]")
		FILE_LINE("c", "fail", ", dependsOn: [local_file.b]"));
	assert_int_equal(apply((struct options){.rollback = true}, &result, &err), -1);
	assert_string_equal(find("a")->content, "old");
	assert_null(find("b"));
	assert_int_equal(result.rolled_back, 2);
	manifest(FILE_LINE("a", "old", ""));
	must_apply();
	assert_string_equal(world.log, "");
}

static void test_own_mark_is_adopted(void **state)
{
	struct apply_result result;
	struct error err;
	struct thing made;

	(void)state;
	manifest(FILE_LINE("a", "fail", ""));
	assert_int_equal(apply((struct options){0}, &result, &err), -1); /* leaves its intent open */
	manifest(FILE_LINE("a", "x", ""));
	must_apply();
	made = *find("a");
	assert_int_equal(strlen(made.mark), 16);
}

static void test_mass_delete_is_held(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FILE_LINE("a", "x", "") FILE_LINE("b", "x", "") FILE_LINE("c", "x", "")
		FILE_LINE("d", "x", "") FILE_LINE("e", "x", ""));
	must_apply();
	manifest(FILE_LINE("e", "y", ""));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_int_equal(result.held, 4);
	assert_string_equal(world.log, "~e"); /* the rest proceeds */
	assert_int_equal(world.n, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_dependencies_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_destroy_dependents_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failure_holds_back_only_descendants, setup, teardown),
		cmocka_unit_test_setup_teardown(test_soft_dependency_lets_go_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fail_fast, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failed_create_that_exists_is_tainted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failed_update_is_done_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_transient_errors_are_tried_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parallelism_is_a_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waits_until_ready, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_ready_in_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replace_is_destroy_then_create, setup, teardown),
		cmocka_unit_test_setup_teardown(test_create_before_destroy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deferred_turns_out_to_be_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deferred_replace_destroys_nothing_early, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deferred_replace_happens_when_it_is_one, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rollback, setup, teardown),
		cmocka_unit_test_setup_teardown(test_own_mark_is_adopted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mass_delete_is_held, setup, teardown),
	};

	return cmocka_run_group_tests_name("apply", tests, NULL, NULL);
}
