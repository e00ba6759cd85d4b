/* docker_container on a real engine: logs, exec, readiness, where probes go. */
#include "container_live.h"

#include <pthread.h>

#include <arpa/inet.h>
#include <sys/socket.h>

/* --- logs --------------------------------------------------------------------------------------- */

static void logs_are_told_by_line_and_stream(void **state)
{
	struct live *live = *state;
	struct record *record = live_create(live, CONTAINER, WEB,
		running(live, "echo one; echo bad >&2; " UNTIL_TOLD "echo two; echo end; sleep 600", ""));
	const char *all;

	/* Two streams have no order but that which the test gives them. */
	wait_for_log(live, record, "one");
	wait_for_log(live, record, "bad");
	go_on(live, record);
	wait_for_log(live, record, "end");
	all = logs_of(live, record, 0, -1, 0, -1);
	assert_non_null(strstr(all, "1:one|"));
	assert_non_null(strstr(all, "2:bad|"));
	assert_non_null(strstr(all, "1:two|"));
	assert_string_equal(all + strlen(all) - 6, "1:end|");
	assert_string_equal(logs_of(live, record, 0, 1, 0, -1), "1:end|");
	assert_string_equal(logs_of(live, record, 0, 0, 0, -1), "");
	assert_string_equal(logs_of(live, record, 0, -1, 0, 1), strncmp(all, "1:", 2) ? "2:bad|" : "1:one|");
	assert_string_equal(
		logs_of(live, record, 0, -1, clock_wall(&clock_system) + 60000, -1), "");
	/* Following ends when nobody wants more, though the container lives on. */
	assert_int_equal(strlen(logs_of(live, record, LOG_FOLLOW, -1, 0, 2)) > 0, 1);
	assert_string_equal(status_of(live, record->id), "running");
}

static void following_ends_with_the_container(void **state)
{
	struct live *live = *state;
	struct record *record = live_create(live, CONTAINER, WEB,
		running(live, "for i in 1 2 3; do echo $i; sleep 0.2; done", ",\"mustRun\":false"));

	assert_string_equal(logs_of(live, record, LOG_FOLLOW, -1, 0, -1), "1:1|1:2|1:3|");
}

static void a_terminal_is_read_without_frames(void **state)
{
	struct live *live = *state;
	struct record *record = live_create(live, CONTAINER, WEB,
		running(live, "echo one; echo bad >&2; sleep 600", ",\"tty\":true"));

	wait_for_log(live, record, "bad");
	assert_string_equal(logs_of(live, record, 0, -1, 0, -1), "1:one|1:bad|");
}

/* --- exec --------------------------------------------------------------------------------------- */

static bool collect(void *arg, int stream, const char *data, size_t len)
{
	strbuf_addf(arg, "%d:%.*s|", stream, (int)len, data);
	return true;
}

static bool gather(void *arg, int stream, const char *data, size_t len)
{
	assert_int_equal(stream, 1);
	strbuf_add(arg, data, len);
	return true;
}

static void a_command_is_run_inside(void **state)
{
	static const char *const argv[] = {"sh", "-c", "echo out $A; exit 4", NULL};
	static const char *const bad[] = {"sh", "-c", "echo err >&2", NULL};
	struct live *live = *state;
	struct record *record =
		live_create(live, CONTAINER, WEB, waiting(live, ",\"environment\":{\"A\":\"x y\"}"));
	struct strbuf text = STRBUF_INIT;
	struct exec_request request = {.argv = argv, .output = collect, .arg = &text};
	struct error err = ERROR_INIT;
	struct outcome outcome;

	assert_int_equal(provider_docker.exec(&live->env, record, &request, &err), 0);
	assert_int_equal(request.exit_status, 4);
	assert_string_equal(text.text, "1:out x y\n|");
	strbuf_reset(&text);
	request.argv = bad;
	assert_int_equal(provider_docker.exec(&live->env, record, &request, &err), 0);
	assert_int_equal(request.exit_status, 0);
	assert_string_equal(text.text, "2:err\n|");
	strbuf_reset(&text);
	request.tty = true;
	request.output = gather; /* a terminal may pass it on in pieces */
	assert_int_equal(provider_docker.exec(&live->env, record, &request, &err), 0);
	assert_string_equal(text.text, "err\r\n");
	strbuf_release(&text);

	assert_int_equal(act(live, ACT_STOP, NULL, record, NULL, &outcome, &err), 0);
	assert_int_equal(provider_docker.exec(&live->env, record, &request, &err), -1);
	assert_non_null(strstr(err.msg, "does not run: start it first"));
}

static void *fill(void *arg)
{
	int fd = *(int *)arg;
	char piece[1000];

	memset(piece, 'x', sizeof(piece));
	for (int i = 0; i < 1000; i++)
		if (write(fd, piece, sizeof(piece)) != sizeof(piece))
			break;
	close(fd);
	return NULL;
}

/* A megabyte in and out at once: neither side waits for the other, and the end is passed on. */
static void a_command_reads_our_input_to_its_end(void **state)
{
	static const char *const argv[] = {"sh", "-c", "cat; exit 3", NULL};
	struct live *live = *state;
	struct record *record = live_create(live, CONTAINER, WEB, waiting(live, ""));
	struct strbuf text = STRBUF_INIT;
	struct exec_request request = {.argv = argv, .output = gather, .arg = &text};
	struct error err = ERROR_INIT;
	pthread_t thread;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	request.input = ends[0];
	/* One that shall not read finds the end at once, and takes nothing. */
	assert_int_equal(write(ends[1], "y", 1), 1);
	assert_int_equal(provider_docker.exec(&live->env, record, &request, &err), 0);
	assert_int_equal(request.exit_status, 3);
	assert_int_equal(text.len, 0);

	request.interactive = true;
	pthread_create(&thread, NULL, fill, &ends[1]);
	if (provider_docker.exec(&live->env, record, &request, &err) < 0)
		fail_msg("%s", err.msg);
	pthread_join(thread, NULL);
	assert_int_equal(request.exit_status, 3);
	assert_int_equal(text.len, 1000001);
	assert_int_equal(text.text[0], 'y');
	close(ends[0]);
	strbuf_release(&text);
}

/* Whose input is still open: it has ended nevertheless. */
static void a_command_that_reads_nothing_ends_by_itself(void **state)
{
	static const char *const argv[] = {"sh", "-c", "echo done; exit 5", NULL};
	struct live *live = *state;
	struct record *record = live_create(live, CONTAINER, WEB, waiting(live, ""));
	struct strbuf text = STRBUF_INIT;
	struct exec_request request = {.argv = argv, .output = gather, .arg = &text,
		.interactive = true};
	struct error err = ERROR_INIT;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	request.input = ends[0];
	assert_int_equal(provider_docker.exec(&live->env, record, &request, &err), 0);
	assert_int_equal(request.exit_status, 5);
	assert_string_equal(text.text, "done\n");
	close(ends[0]);
	close(ends[1]);
	strbuf_release(&text);
}

struct watched {
	struct exec_terminal terminal;
	int raw, calls;
};

static int watch_raw(struct exec_terminal *terminal, bool on, struct error *err)
{
	struct watched *watched = (struct watched *)terminal;

	(void)err;
	watched->raw += on ? 1 : -1;
	watched->calls++;
	return 0;
}

static void watch_size(struct exec_terminal *terminal, unsigned *rows, unsigned *columns)
{
	(void)terminal;
	*rows = 33;
	*columns = 77;
}

static void a_command_on_a_terminal_has_its_size_and_its_keys(void **state)
{
	static const char *const argv[] = {"sh", "-c",
		"until [ \"$(busybox stty size)\" = '33 77' ]; do sleep 0.1; done; read -r a; echo got $a; "
		"busybox tty", NULL};
	struct live *live = *state;
	struct record *record = live_create(live, CONTAINER, WEB, waiting(live, ""));
	struct watched watched = {.terminal = {watch_raw, watch_size, -1}};
	struct strbuf text = STRBUF_INIT;
	struct exec_request request = {.argv = argv, .output = gather, .arg = &text, .tty = true,
		.interactive = true, .terminal = &watched.terminal};
	struct error err = ERROR_INIT;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	request.input = ends[0];
	assert_int_equal(write(ends[1], "hello\r", 6), 6); /* what a keyboard says */
	if (provider_docker.exec(&live->env, record, &request, &err) < 0)
		fail_msg("%s", err.msg);
	assert_non_null(strstr(text.text, "got hello\r\n"));
	assert_non_null(strstr(text.text, "/dev/pts/"));
	assert_int_equal(watched.raw, 0);
	assert_int_equal(watched.calls, 2);
	close(ends[0]);
	close(ends[1]);
	strbuf_release(&text);
}

/* --- readiness ---------------------------------------------------------------------------------- */

static enum readiness ready_within(struct live *live, struct record *record, enum probe_kind kind,
	const char *spec, int64_t timeout, const char **why)
{
	struct probe probe = {.kind = kind, .timeout = timeout};
	struct value value = live_json(live, spec);

	*why = NULL;
	return provider_docker.ready(&live->env, record, &probe, &value, why);
}

static enum readiness ready(struct live *live, struct record *record, enum probe_kind kind,
	const char *spec, const char **why)
{
	return ready_within(live, record, kind, spec, 60000, why);
}

static enum readiness wait_ready(struct live *live, struct record *record, enum probe_kind kind,
	const char *spec, const char **why)
{
	enum readiness readiness = READY_WAIT;

	for (int i = 0; i < LIVE_TRIES && readiness == READY_WAIT; i++) {
		readiness = ready(live, record, kind, spec, why);
		usleep(50000);
	}
	return readiness;
}

static void what_runs_is_ready_and_what_ended_never_will_be(void **state)
{
	struct live *live = *state;
	struct record *record =
		live_create(live, CONTAINER, WEB, running(live, UNTIL_TOLD "echo it broke >&2; exit 5", ""));
	const char *why;

	assert_int_equal(ready(live, record, PROBE_RUNNING, "{}", &why), READY_YES);
	go_on(live, record);
	wait_for_end(live, record->id);
	assert_int_equal(ready(live, record, PROBE_RUNNING, "{}", &why), READY_FAILED);
	assert_string_equal(why, "exited (5): it broke");
	assert_int_equal(ready(live, record, PROBE_LOG, "{\"log\":\"x\"}", &why), READY_FAILED);
	live_destroy(live, record);
	assert_int_equal(ready(live, record, PROBE_RUNNING, "{}", &why), READY_FAILED);
}

static void what_is_restarted_is_waited_for(void **state)
{
	struct live *live = *state;
	struct record *record = live_create(live, CONTAINER, WEB,
		running(live, "sleep 0.3; echo again; exit 5", ",\"restart\":\"always\""));
	const char *why = NULL;
	enum readiness readiness = READY_YES;
	struct observation item;

	/* The engine waits longer each time: it is met in one of these times. */
	for (int i = 0; i < 3 * LIVE_TRIES && readiness == READY_YES; i++) {
		readiness = ready(live, record, PROBE_RUNNING, "{}", &why);
		usleep(20000);
	}
	assert_int_equal(readiness, READY_WAIT);
	assert_string_equal(why, "restarting: again");
	item = look(live, NULL, record);
	assert_true(item.runs);
}

static void a_command_decides(void **state)
{
	struct live *live = *state;
	struct record *record =
		live_create(live, CONTAINER, WEB, waiting(live, ""));
	const char *why;

	assert_int_equal(ready(live, record, PROBE_COMMAND,
		"{\"command\":[\"sh\",\"-c\",\"ls /tmp/go || { echo not yet; exit 2; }\"]}", &why), READY_WAIT);
	assert_non_null(strstr(why, "the command ended with status 2: "));
	go_on(live, record);
	assert_int_equal(ready(live, record, PROBE_COMMAND,
		"{\"command\":[\"ls\",\"/tmp/go\"]}", &why), READY_YES);
	assert_int_equal(ready_within(live, record, PROBE_COMMAND, "{\"command\":[\"sleep\",\"600\"]}",
		300, &why), READY_WAIT);
	assert_string_equal(why, "the command did not end in time");
	assert_int_equal(ready(live, record, PROBE_COMMAND, "{}", &why), READY_FAILED);
}

/* A line of an earlier life proves nothing. */
static void a_line_of_the_log_decides(void **state)
{
	struct live *live = *state;
	struct record *record = live_create(live, CONTAINER, WEB, running(live,
		"[ -e /tmp/x ] && exec sleep 600; touch /tmp/x; echo listening on port 80; sleep 600", ""));
	struct outcome outcome;
	struct error err = ERROR_INIT;
	const char *why;

	assert_int_equal(wait_ready(live, record, PROBE_LOG, "{\"log\":\"^listening on .* 80$\"}", &why),
		READY_YES);
	assert_int_equal(ready(live, record, PROBE_LOG, "{\"log\":\"accepting\"}", &why), READY_WAIT);
	assert_string_equal(why, "no line of its log matches \"accepting\" yet");
	assert_int_equal(ready(live, record, PROBE_LOG, "{\"log\":\"(\"}", &why), READY_FAILED);
	/* At once, within the same second. */
	assert_int_equal(act(live, ACT_STOP, NULL, record, NULL, &outcome, &err), 0);
	assert_int_equal(act(live, ACT_START, NULL, record, NULL, &outcome, &err), 0);
	assert_int_equal(ready(live, record, PROBE_LOG, "{\"log\":\"listening\"}", &why), READY_WAIT);
}

static void its_own_health_decides(void **state)
{
	struct live *live = *state;
	const char *check = ",\"healthcheck\":{\"test\":\"echo checked; test -e /tmp/go\","
		"\"interval\":\"200ms\",\"timeout\":\"60s\",\"retries\":%d}";
	struct record *record;
	struct observation item;
	const char *why;

	record = live_create(live, CONTAINER, WEB,
		waiting(live, arena_printf(&live->arena, check, 10000)));
	assert_int_equal(ready(live, record, PROBE_HEALTH, "{}", &why), READY_WAIT);
	assert_int_equal(strncmp(why, "its health is starting", 22), 0);
	go_on(live, record);
	assert_int_equal(wait_ready(live, record, PROBE_HEALTH, "{}", &why), READY_YES);
	item = look(live, NULL, record);
	assert_string_equal(item.health, "healthy");
	live_destroy(live, record);

	live_intent(live);
	record = live_create(live, CONTAINER, WEB,
		running(live, "sleep 600", arena_printf(&live->arena, check, 2)));
	assert_int_equal(wait_ready(live, record, PROBE_HEALTH, "{}", &why), READY_FAILED);
	assert_string_equal(why, "its health is unhealthy: checked");
	live_destroy(live, record);

	live_intent(live);
	record = live_create(live, CONTAINER, WEB, waiting(live, ""));
	assert_int_equal(ready(live, record, PROBE_HEALTH, "{}", &why), READY_FAILED);
	assert_non_null(strstr(why, "it has no health check"));
}

/* --- where http and tcp go ---------------------------------------------------------------------- */

static const char *target(struct live *live, struct record *record, const char *spec,
	struct error *err)
{
	struct value value = live_json(live, spec);
	char host[256] = "";
	int port = (int)value_get_int(&value, "port", 0);

	*err = (struct error)ERROR_INIT;
	if (provider_docker.probe_target(&live->env, record, &value, host, sizeof(host), &port, err) < 0)
		return NULL;
	return arena_printf(&live->arena, "%s:%d", host, port);
}

static bool answers_now(const char *at)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	char host[64];
	int fd = socket(AF_INET, SOCK_STREAM, 0), rc;

	snprintf(host, sizeof(host), "%.*s", (int)strcspn(at, ":"), at);
	inet_pton(AF_INET, host, &address.sin_addr);
	address.sin_port = htons((uint16_t)atoi(strchr(at, ':') + 1));
	rc = connect(fd, (struct sockaddr *)&address, sizeof(address));
	close(fd);
	return rc == 0;
}

/* Polls: a busy machine takes its time to start a server. */
static bool answers(const char *at)
{
	for (int i = 0; i < LIVE_TRIES; i++) {
		if (answers_now(at))
			return true;
		usleep(50000);
	}
	return false;
}

static void probes_go_where_the_port_can_be_reached(void **state)
{
	struct live *live = *state;
	struct record *record = live_create(live, CONTAINER, WEB, running(live,
		"httpd -p 80; httpd -p 81; sleep 600", ",\"ports\":[\"127.0.0.1::80\"]"));
	long given = (long)value_get_int(value_get(record->outputs, "ports"), "80/tcp", 0);
	const char *published = arena_printf(&live->arena, "127.0.0.1:%ld", given), *inside;
	struct error err;

	assert_string_equal(target(live, record, "{\"port\":80}", &err), published);
	assert_string_equal(target(live, record, "{}", &err), published); /* there is but one */
	assert_string_equal(target(live, record,
		arena_printf(&live->arena, "{\"port\":%ld}", given), &err), published);
	assert_true(answers(published));
	inside = target(live, record, "{\"port\":81}", &err);
	assert_string_equal(inside, arena_printf(&live->arena, "%s:81", output(record, "ipAddress")));
	assert_true(answers(inside));
}

static void a_probe_of_what_ended_says_so(void **state)
{
	struct live *live = *state;
	struct record *record = live_create(live, CONTAINER, WEB,
		running(live, UNTIL_TOLD "echo no database; exit 1", ""));
	struct error err;

	go_on(live, record);
	wait_for_end(live, record->id);
	assert_null(target(live, record, "{\"port\":80}", &err));
	assert_int_equal(err.code, ERROR_FAILED);
	assert_string_equal(err.msg, "exited (1): no database");
}

static void a_probe_follows_a_shared_network(void **state)
{
	struct live *live = *state;
	struct record *owner = live_create(live, CONTAINER, "docker_container.owner", waiting(live, ""));
	struct record *record;
	struct error err;

	live_intent(live);
	record = live_create(live, CONTAINER, WEB, waiting(live, arena_printf(&live->arena,
		",\"networkMode\":\"container:%s\"", owner->id)));
	assert_string_equal(target(live, record, "{\"port\":80}", &err),
		arena_printf(&live->arena, "%s:80", output(owner, "ipAddress")));
	live_destroy(live, record);
	live_intent(live);
	record = live_create(live, CONTAINER, WEB, waiting(live, ",\"networkMode\":\"host\""));
	assert_string_equal(target(live, record, "{\"port\":80}", &err), "127.0.0.1:80");
	assert_null(target(live, record, "{}", &err));
	assert_string_equal(err.msg, "the probe names no port");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(logs_are_told_by_line_and_stream),
		live_test(following_ends_with_the_container),
		live_test(a_terminal_is_read_without_frames),
		live_test(a_command_is_run_inside),
		live_test(a_command_reads_our_input_to_its_end),
		live_test(a_command_that_reads_nothing_ends_by_itself),
		live_test(a_command_on_a_terminal_has_its_size_and_its_keys),
		live_test(what_runs_is_ready_and_what_ended_never_will_be),
		live_test(what_is_restarted_is_waited_for),
		live_test(a_command_decides),
		live_test(a_line_of_the_log_decides),
		live_test(its_own_health_decides),
		live_test(probes_go_where_the_port_can_be_reached),
		live_test(a_probe_of_what_ended_says_so),
		live_test(a_probe_follows_a_shared_network),
	};
	int missing = live_missing();

	return missing ? missing : cmocka_run_group_tests(tests, NULL, NULL);
}
