/*
 * What the tests of the local provider share: a project and a work directory of their own, an env
 * that stands for the engine's, and shorthands that do what the engine does around a call.
 */
#ifndef DEVENV_TESTS_LOCAL_ROOM_H
#define DEVENV_TESTS_LOCAL_ROOM_H

#include "base/fs.h"
#include "base/secret.h"
#include "model/json.h"
#include "provider/provider.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAYBE __attribute__((unused))
#define INTENT(n) "00000000000000" n

extern const struct provider provider_local;

struct room {
	struct arena arena;
	struct error err;
	struct secret_key key;
	atomic_bool cancel;
	struct provider_env env;
	struct outcome outcome; /* of the last apply */
	const char *root;       /* the project */
	const char *self;
};

static MAYBE int room_setup(void **state)
{
	struct room *room = xcalloc(1, sizeof(*room));
	char dir[] = "/tmp/test-local-XXXXXX", self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(n > 0);
	self[n] = '\0';
	assert_non_null(mkdtemp(dir));
	hash_start();
	secret_key_generate(&room->key);
	room->root = arena_printf(&room->arena, "%s/project", dir);
	room->env = (struct provider_env){
		.arena = &room->arena,
		.clock = &clock_system,
		.project_root = room->root,
		.work_dir = arena_printf(&room->arena, "%s/work", dir),
		.environment = "0123456789abcdef0123456789abcdef",
		.short_id = "012345",
		.state_id = "home",
		.project = "test",
		.self = arena_strdup(&room->arena, self),
		.intent_fd = -1,
		.cancel = &room->cancel,
	};
	assert_int_equal(mkdir(room->root, 0755), 0);
	*state = room;
	return 0;
}

static MAYBE int room_teardown(void **state)
{
	struct room *room = *state;

	assert_int_equal(fs_remove_tree(fs_parent(&room->arena, room->root), NULL), 0);
	arena_release(&room->arena);
	free(room);
	return 0;
}

static MAYBE const char *in(struct room *room, const char *path)
{
	return fs_join(&room->arena, room->root, path);
}

static MAYBE void put(struct room *room, const char *path, const char *text)
{
	FILE *file = fopen(in(room, path), "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static MAYBE void assert_content(struct room *room, const char *path, const char *want)
{
	const char *text;
	size_t len;

	if (fs_read(in(room, path), &room->arena, &text, &len, &room->err) < 0)
		fail_msg("%s", room->err.msg);
	assert_string_equal(text, want);
}

/* Entries below `path`, with everything in it. */
static MAYBE size_t count_below(struct room *room, const char *path)
{
	const char *const *names;
	size_t n, sum;

	if (fs_list(path, &room->arena, &names, &n, NULL) < 0)
		return 0;
	sum = n;
	for (size_t i = 0; i < n; i++)
		sum += count_below(room, fs_join(&room->arena, path, names[i]));
	return sum;
}

/* For the eye: ' stands for ", and ` for '. */
static MAYBE struct value *json(struct room *room, const char *text)
{
	struct value *value = arena_alloc(&room->arena, sizeof(*value));
	char *copy = arena_strdup(&room->arena, text);

	for (char *at = copy; *at; at++)
		*at = *at == '\'' ? '"' : *at == '`' ? '\'' : *at;
	if (json_parse(copy, strlen(copy), &room->arena, NULL, value, &room->err) < 0)
		fail_msg("%s: %s", copy, room->err.msg);
	return value;
}

/* The same with one member of it sensitive. */
static MAYBE const struct value *json_secret(struct room *room, const char *text, const char *name)
{
	struct value *value = json(room, text);
	struct member *members = arena_alloc(&room->arena, value->len * sizeof(*members));
	struct value *map = arena_alloc(&room->arena, sizeof(*map));

	memcpy(members, value->members, value->len * sizeof(*members));
	for (uint32_t i = 0; i < value->len; i++) {
		if (!strcmp(members[i].key, name))
			members[i].value = value_sensitive(members[i].value);
	}
	*map = value_map(members, value->len);
	return map;
}

static MAYBE const char *stored(struct room *room, const struct value *value,
	enum json_secrets secrets)
{
	struct strbuf text = STRBUF_INIT;
	const char *copy;

	if (!value)
		return NULL;
	json_write(&text, value, secrets, &room->key);
	copy = arena_strdup(&room->arena, text.text);
	strbuf_release(&text);
	return copy;
}

/* What the engine would write down after `outcome`. */
static MAYBE struct record *recorded(struct room *room, const char *type, const struct value *inputs,
	const struct outcome *outcome)
{
	struct record *record = arena_zalloc(&room->arena, sizeof(*record));
	bool remember = type_find(type)->flags & TYPE_REMEMBER;

	*record = (struct record){
		.address = arena_printf(&room->arena, "%s.x", type),
		.generation = 1,
		.type = type,
		.id = outcome->id,
		.endpoint = outcome->endpoint,
		.inputs_json = stored(room, inputs, remember ? JSON_SEAL : JSON_DIGEST),
		.outputs_json = stored(room, outcome->outputs, JSON_SEAL),
		.observed_json = stored(room, outcome->observed, JSON_DIGEST),
		.arena = &room->arena,
		.key = &room->key,
	};
	return record;
}

static MAYBE struct intent *open_intent(struct room *room, const char *type, const char *id,
	enum intent_action action, const struct value *inputs)
{
	struct intent *intent = arena_zalloc(&room->arena, sizeof(*intent));
	bool remember = type_find(type)->flags & TYPE_REMEMBER;

	*intent = (struct intent){
		.id = id,
		.address = arena_printf(&room->arena, "%s.x", type),
		.generation = 1,
		.action = action,
		.type = type,
		.inputs_json = stored(room, inputs, remember ? JSON_SEAL : JSON_DIGEST),
		.key = &room->key,
	};
	return intent;
}

static MAYBE struct observation look(struct room *room, const char *type,
	const struct value *desired, struct record *record, const struct intent *intent)
{
	struct observation item = {
		.address = arena_printf(&room->arena, "%s.x", type),
		.type = type_find(type),
		.desired = desired,
		.record = record,
		.intent = intent,
	};
	struct observe_request request = {.items = &item, .n = 1};

	room->env.intent = NULL;
	assert_int_equal(provider_local.observe(&room->env, &request, &room->err), 0);
	return item;
}

static MAYBE int apply_with(struct room *room, const char *intent, const struct request *request)
{
	room->env.intent = intent;
	room->outcome = (struct outcome){0};
	room->err = (struct error)ERROR_INIT;
	return provider_local.apply(&room->env, request, &room->outcome, &room->err);
}

static MAYBE struct request create_of(struct room *room, const char *type,
	const struct value *inputs)
{
	return (struct request){
		.act = ACT_CREATE,
		.address = arena_printf(&room->arena, "%s.x", type),
		.generation = 1,
		.type = type_find(type),
		.inputs = inputs,
	};
}

static MAYBE struct record *create(struct room *room, const char *type, const char *intent,
	const struct value *inputs)
{
	struct request request = create_of(room, type, inputs);

	if (apply_with(room, intent, &request) < 0)
		fail_msg("%s", room->err.msg);
	assert_true(room->outcome.exists);
	return recorded(room, type, inputs, &room->outcome);
}

static MAYBE struct record *update(struct room *room, const char *intent, struct record *record,
	const struct value *inputs)
{
	struct request request = create_of(room, record->type, inputs);

	request.act = ACT_UPDATE;
	request.record = record;
	if (apply_with(room, intent, &request) < 0)
		fail_msg("%s", room->err.msg);
	return recorded(room, record->type, inputs, &room->outcome);
}

static MAYBE int destroy(struct room *room, const char *intent, struct record *record)
{
	room->env.intent = intent;
	room->err = (struct error)ERROR_INIT;
	return provider_local.destroy(&room->env, record, &room->err);
}

static MAYBE void assert_destroyed(struct room *room, const char *intent, struct record *record)
{
	if (destroy(room, intent, record) < 0)
		fail_msg("%s", room->err.msg);
}

/* Not a textual drift: what the engine compares between two runs. */
static MAYBE bool same_as_recorded(struct room *room, const struct observation *seen,
	struct record *record)
{
	const struct value *then = record_observed(record, &room->err);

	for (uint32_t i = 0; i < then->len; i++) {
		const struct value *now = value_get(seen->attributes, then->members[i].key);

		if (!now || !value_matches(now, &then->members[i].value, &room->key))
			return false;
	}
	return true;
}

/*
 * Runs `action` in a child and kills it at its n-th system call (entries and returns count). False
 * once the child ends before that: then every point has been tried.
 */
static MAYBE bool die_at(struct room *room, long n, void (*action)(struct room *room))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		action(room);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status));
	ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)PTRACE_O_TRACESYSGOOD);
	for (long i = 0; i < n;) {
		int deliver = WIFSTOPPED(status) && WSTOPSIG(status) != (SIGTRAP | 0x80) &&
			WSTOPSIG(status) != SIGSTOP && WSTOPSIG(status) != SIGTRAP ? WSTOPSIG(status) : 0;

		ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)deliver);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			assert_true(WIFEXITED(status));
			assert_int_equal(WEXITSTATUS(status), 0);
			return false;
		}
		i += WSTOPSIG(status) == (SIGTRAP | 0x80);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return true;
}

#define T(name) cmocka_unit_test_setup_teardown(name, room_setup, room_teardown)

#endif
