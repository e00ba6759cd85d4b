/*
 * A world of a test's own for the scheduler: things in an array, each known by its path (a file) or by
 * its address (anything else). The registry below stands in for the real one. The attribute `content`
 * says how a thing behaves: "fail", "fail-exists", "transient", "slow", "stay" (it cannot be destroyed),
 * "lost" (made, and the answer is lost), "stuck" (until it is cancelled), anything else works.
 */
#ifndef DEVENV_TESTS_APPLY_WORLD_H
#define DEVENV_TESTS_APPLY_WORLD_H

#include "base/fs.h"
#include "engine/reconcile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- the world ---------------------------------------------------------------------------------- */

struct thing {
	char path[32], content[64], mark[17];
};

static struct world {
	pthread_mutex_t mutex;
	struct thing things[32];
	size_t n;
	char log[2048]; /* "+a -b ~c": what was done, in order */
	int running, most, transient_left, lost_left; /* under the mutex, as all above */
	atomic_int probes, unready_left;
	atomic_int looks; /* items that were observed */
	bool unseen; /* nobody can look */
	size_t awaited; /* a look lasts until there are so many things; 0: it does not last */
	const char *pattern; /* "yn": what probes say, one letter each; then unready_left decides */
	enum error_code target; /* of probe_target; ERROR_NONE: 127.0.0.1 */
	char changed[128]; /* what the last update was told */
	/* Of the provider; NULL: it cannot listen. */
	int (*listen)(struct provider_env *env, struct record *const *records, size_t n,
		const struct listener *listener, struct error *err);
} world = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static struct thing *find_marked(const struct intent *intent)
{
	for (size_t i = 0; intent && i < world.n; i++) {
		if (strcmp(world.things[i].mark, intent->id) == 0)
			return &world.things[i];
	}
	return NULL;
}

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

/* A file has a path, everything else its address. */
static const char *key_of(const struct value *inputs, const char *address)
{
	return value_get_text(inputs, "path", address);
}

static const char *content_of(const struct value *inputs)
{
	return value_get_text(inputs, "content", "x");
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
			: item->desired ? key_of(item->desired, item->address) : NULL;
		struct thing *thing;

		world.looks++;
		thing = path ? find(path) : find_marked(item->intent);
		item->presence = thing ? PRESENCE_PRESENT : PRESENCE_ABSENT;
		if (!thing)
			continue;
		item->runs = true;
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

static int decide(const char *path, const char *content, struct outcome *outcome,
	struct error *err)
{
	if (strcmp(content, "fail") == 0)
		return error_set(err, ERROR_FAILED, "it does not want to");
	if (strcmp(content, "fail-exists") == 0) {
		put_thing(path, content, "");
		outcome->exists = true;
		outcome->id = path;
		return error_set(err, ERROR_FAILED, "half-way");
	}
	if (strcmp(content, "transient") == 0 && world.transient_left-- > 0)
		return error_set(err, ERROR_TRANSIENT, "not now");
	return 0;
}

static void keep_changed(const struct request *request)
{
	pthread_mutex_lock(&world.mutex);
	world.changed[0] = '\0';
	for (const char *const *name = request->changed; request->act == ACT_UPDATE && *name; name++)
		strncat(world.changed, *name, sizeof(world.changed) - strlen(world.changed) - 1);
	pthread_mutex_unlock(&world.mutex);
}

static int world_apply(struct provider_env *env, const struct request *request,
	struct outcome *outcome, struct error *err)
{
	const char *path = key_of(request->inputs, request->address);
	const char *content = content_of(request->inputs);
	struct value_builder b;
	struct value *outputs = arena_alloc(env->arena, sizeof(*outputs));
	int result;

	pthread_mutex_lock(&world.mutex);
	if (++world.running > world.most)
		world.most = world.running;
	pthread_mutex_unlock(&world.mutex);
	if (strcmp(content, "slow") == 0)
		usleep(30000);
	while (strcmp(content, "stuck") == 0) {
		if (provider_cancelled(env))
			return error_set(err, ERROR_CANCELLED, "cancelled");
		usleep(1000);
	}
	keep_changed(request);
	pthread_mutex_lock(&world.mutex);
	world.running--;
	note(request->act == ACT_UPDATE ? "~" : "+", path);
	result = decide(path, content, outcome, err);
	if (result == 0)
		put_thing(path, content, env->intent ? env->intent : "");
	if (result == 0 && strcmp(content, "lost") == 0 && world.lost_left-- > 0)
		result = error_set(err, ERROR_FAILED, "no answer");
	if (result == 0) {
		outcome->exists = true;
		outcome->id = arena_strdup(env->arena, path);
		builder_init(&b, env->arena);
		builder_put_str(&b, "path", path);
		builder_put_str(&b, "contentHash", content);
		builder_put_str(&b, "name", path);
		*outputs = builder_map(&b);
		outcome->outputs = outputs;
		outcome->observed = seen(env->arena, find(path));
	}
	pthread_mutex_unlock(&world.mutex);
	return result;
}

static int world_destroy(struct provider_env *env, struct record *record, struct error *err)
{
	const char *path = record->id ? record->id : key_of(record_inputs(record, err), record->address);
	struct thing *thing;
	int result = 0;

	(void)env;
	pthread_mutex_lock(&world.mutex);
	note("-", path);
	thing = find(path);
	if (thing && strcmp(thing->content, "stay") == 0)
		result = error_set(err, ERROR_FAILED, "it does not want to go");
	else if (thing)
		*thing = world.things[--world.n];
	pthread_mutex_unlock(&world.mutex);
	return result;
}

static enum readiness world_ready(struct provider_env *env, struct record *record,
	const struct probe *probe, const struct value *spec, const char **why)
{
	(void)env;
	(void)record;
	(void)probe;
	(void)spec;
	*why = "still starting";
	world.probes++;
	if (world.unseen)
		return READY_UNSEEN;
	if (world.pattern && *world.pattern)
		return *world.pattern++ == 'y' ? READY_YES : READY_WAIT;
	return world.unready_left-- > 0 ? READY_WAIT : READY_YES;
}

static enum readiness world_await(struct provider_env *env, struct record *record,
	const struct probe *probe, const struct value *spec, const char **why)
{
	size_t n = 0;

	if (!world.awaited)
		return world_ready(env, record, probe, spec, why);
	*why = "still alone";
	world.probes++;
	while (n < world.awaited && !provider_cancelled(env)) {
		pthread_mutex_lock(&world.mutex);
		n = world.n;
		pthread_mutex_unlock(&world.mutex);
		usleep(1000);
	}
	return n < world.awaited ? READY_WAIT : READY_YES;
}

static int world_target(struct provider_env *env, struct record *record, const struct value *spec,
	char *host, size_t host_size, int *port, struct error *err)
{
	(void)env;
	(void)record;
	world.probes++;
	if (world.target)
		return error_set(err, world.target, "it has ended");
	snprintf(host, host_size, "127.0.0.1");
	*port = (int)value_get_int(spec, "port", 0);
	return 0;
}

/* "127.0.0.1:8080:80" claims tcp:127.0.0.1:8080. */
static void world_claims(const struct type *type, const struct value *inputs, const char *root,
	void (*claim)(void *arg, const char *what), void *arg)
{
	const struct value *ports = value_get(inputs, "ports");
	char text[64];

	(void)type;
	(void)root;
	for (uint32_t i = 0; ports && i < ports->len; i++) {
		const char *port = value_text(&ports->items[i], "");

		const char *inside = strrchr(port, ':');

		snprintf(text, sizeof(text), "tcp:%.*s",
			(int)(inside ? (size_t)(inside - port) : strlen(port)), port);
		claim(arg, text);
	}
}

static int world_listen(struct provider_env *env, struct record *const *records, size_t n,
	const struct listener *listener, struct error *err)
{
	return world.listen ? world.listen(env, records, n, listener, err) : -1;
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
	.claims = world_claims,
	.observe = world_observe,
	.apply = world_apply,
	.destroy = world_destroy,
	.ready = world_ready,
	.await = world_await,
	.probe_target = world_target,
	.listen = world_listen,
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
	world = (struct world){.mutex = PTHREAD_MUTEX_INITIALIZER};
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
	bool fail_fast, rollback, destroy, refresh_only;
	const char *replace, *allow_data_loss;
	void (*event)(void *arg, const struct event *event);
};

/* What a person would hear, when a test fails. */
static void tell(void *arg, const struct event *event)
{
	(void)arg;
	if (event->kind == EVENT_FAILED || event->kind == EVENT_BLOCKED || event->kind == EVENT_HELD)
		print_message("%s: %s\n", event->change->address, event->text);
}

static int apply(struct options options, struct apply_result *result, struct error *err)
{
	static const char *const no_env[] = {NULL};
	struct apply_options how = {
		.parallelism = options.parallelism ? options.parallelism : 4,
		.fail_fast = options.fail_fast,
		.rollback_on_failure = options.rollback,
		.event = options.event ? options.event : tell,
	};
	const char *const replaces[] = {options.replace, NULL};
	const char *const allowed[] = {options.allow_data_loss, NULL};
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
	r.options.refresh_only = options.refresh_only;
	r.options.replaces = replaces;
	r.options.allow_data_loss = allowed;
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

#endif
