/*
 * Processes of one test. Every one that it starts carries ROOM=... in its environment, so that "exactly
 * one" and "none" can be counted. The program is its own shim: env->self is the test.
 */
#ifndef TESTS_PROCESS_ROOM_H
#define TESTS_PROCESS_ROOM_H

#include "local_room.h"

#include "providers/local/folder.h"
#include "providers/local/shim.h"

#include <ctype.h>
#include <poll.h>
#include <time.h>

#define TYPE "local_process"

static inline struct value *service(struct room *room, const char *script, const char *more)
{
	return json(room, arena_printf(&room->arena,
		"{'command':['sh','-c','%s'],'environment':{'ROOM':'%s'},'stopTimeout':'60s'%s}", script,
		room->root, more));
}

static inline struct value *sleeper(struct room *room)
{
	return service(room, "exec sleep 1000", "");
}

static inline bool mentions(struct room *room, const char *pid, const char *file, const char *what)
{
	const char *text;
	size_t len;

	return fs_read(arena_printf(&room->arena, "/proc/%s/%s", pid, file), &room->arena, &text,
		&len, NULL) == 0 && memmem(text, len, what, strlen(what));
}

static inline size_t alive_now(struct room *room, pid_t *last)
{
	const char *mark = arena_printf(&room->arena, "ROOM=%s", room->root);
	const char *const *names;
	struct identity identity;
	size_t n, found = 0;

	assert_int_equal(fs_list("/proc", &room->arena, &names, &n, &room->err), 0);
	for (size_t i = 0; i < n; i++) {
		if (isdigit((unsigned char)names[i][0]) && identity_of(atoi(names[i]), &identity) &&
			mentions(room, names[i], "environ", mark)) {
			found++;
			if (last)
				*last = identity.pid;
		}
	}
	return found;
}

/* Processes of this room, without us; `last` gets one of them. In exec one has no environment for a moment. */
static inline size_t alive(struct room *room, pid_t *last)
{
	size_t found = alive_now(room, last);

	if (found)
		return found;
	poll(NULL, 0, 20);
	return alive_now(room, last);
}

/* As many are alive, sooner or later; returns one of them. */
static inline pid_t wait_until_alive(struct room *room, size_t want)
{
	pid_t last = 0;

	for (int i = 0; i < 6000; i++) {
		if (alive(room, &last) == want)
			return last;
		poll(NULL, 0, 10);
	}
	fail_msg("not %zu are alive", want);
	return 0;
}

/* What it runs until `put(room, "go", "")`. */
#define UNTIL_GO "until [ -e go ]; do sleep 0.02; done; "

static inline size_t shims(struct room *room, int number)
{
	const char *const *names;
	size_t n, found = 0;

	assert_int_equal(fs_list("/proc", &room->arena, &names, &n, &room->err), 0);
	for (size_t i = 0; i < n; i++) {
		struct identity identity;

		if (isdigit((unsigned char)names[i][0]) && identity_of(atoi(names[i]), &identity) &&
			mentions(room, names[i], "cmdline", SHIM_VERB) &&
			mentions(room, names[i], "cmdline", room->env.work_dir)) {
			found++;
			if (number)
				kill(identity.pid, number);
		}
	}
	return found;
}

/* Also a test that failed leaves nothing running. */
static inline int end_all(void **state)
{
	struct room *room = *state;
	pid_t pid = 0;

	shims(room, SIGKILL);
	for (int i = 0; i < 20 && alive(room, &pid); i++) {
		kill(pid, SIGKILL);
		poll(NULL, 0, 5);
	}
	return room_teardown(state);
}

static inline const char *folder_of(struct room *room, const char *id)
{
	return arena_printf(&room->arena, "%s/processes/%s", room->env.work_dir, id);
}

static inline struct folder state_of(struct room *room, const char *id)
{
	struct folder folder;

	assert_int_equal(folder_look(folder_of(room, id), &room->arena, &folder, &room->err), 0);
	return folder;
}

static inline struct observation wait_for_health(struct room *room, const struct value *inputs,
	struct record *record, const char *health)
{
	struct observation seen;

	for (int i = 0; i < 6000; i++) {
		seen = look(room, TYPE, inputs, record, NULL);
		if (seen.health && !strcmp(seen.health, health))
			return seen;
		poll(NULL, 0, 10);
	}
	fail_msg("%s, not %s", seen.health ? seen.health : "nothing", health);
	return seen;
}

static inline bool add_log(void *arg, const char *part, int stream, const char *text, size_t len)
{
	(void)part;
	strbuf_addf(arg, "%d:%.*s|", stream, (int)len, text);
	return true;
}

static inline const char *logs(struct room *room, struct record *record, int64_t since, long tail)
{
	struct strbuf text = STRBUF_INIT;
	struct log_request request = {.since = since, .tail = tail, .line = add_log, .arg = &text};
	const char *copy;

	if (provider_local.logs(&room->env, record, &request, &room->err) < 0)
		fail_msg("%s", room->err.msg);
	copy = arena_strdup(&room->arena, text.text);
	strbuf_release(&text);
	return copy;
}

static inline void wait_for_log(struct room *room, struct record *record, const char *what)
{
	for (int i = 0; i < 6000 && !strstr(logs(room, record, 0, -1), what); i++)
		poll(NULL, 0, 10);
	assert_non_null(strstr(logs(room, record, 0, -1), what));
}

static inline void act_on(struct room *room, enum act act, struct record *record,
	const struct value *inputs)
{
	struct request request = create_of(room, TYPE, inputs);

	request.act = act;
	request.record = record;
	if (apply_with(room, INTENT("aa"), &request) < 0)
		fail_msg("%s", room->err.msg);
}

/* Of a program with these tests: main is `return process_tests(argc, argv, tests)`. */
#undef T
#define T(name) cmocka_unit_test_setup_teardown(name, room_setup, end_all)

#define PROCESS_TESTS(argc, argv, tests)                                                           \
	do {                                                                                       \
		if ((argc) > 1 && !strcmp((argv)[1], SHIM_VERB))                                   \
			return local_shim_main(argc, argv);                                        \
		if ((argc) > 1)                                                                    \
			cmocka_set_test_filter((argv)[1]);                                         \
		return cmocka_run_group_tests(tests, NULL, NULL);                                  \
	} while (0)

#endif
