/* Progress in its three forms, with a simulated clock and a pipe instead of a terminal. */
#include "cli/progress/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int64_t now;

static int64_t simulated(void *arg)
{
	(void)arg;
	return now;
}

static const struct clock clock_simulated = {simulated, simulated, NULL};

struct fixture {
	struct stream stream;
	struct redactor redactor;
	int read_fd;
	struct plan plan;
	struct graph graph;
	struct node nodes[3];
	struct resource resources[3];
	struct edge feeds[2], needs[2][1];
	uint32_t order[3];
	struct change changes[3];
	struct progress progress;
	char text[8192];
};

/* a <- b, a <- c. */
static void setup(struct fixture *f, enum progress_kind kind, int width)
{
	static const char *const addresses[] = {"local_file.a", "local_file.b", "local_file.c"};
	int pipes[2];

	*f = (struct fixture){0};
	now = 1000;
	assert_int_equal(pipe2(pipes, O_NONBLOCK), 0);
	f->read_fd = pipes[0];
	stream_init(&f->stream, pipes[1], COLOUR_NEVER, NULL);
	f->stream.redactor = &f->redactor;
	f->stream.terminal.unicode = true;
	f->stream.terminal.width = width;
	for (uint32_t i = 0; i < 3; i++) {
		f->resources[i].address = addresses[i];
		f->nodes[i].resource = &f->resources[i];
		f->order[i] = i;
		f->changes[i] = (struct change){
			.address = addresses[i], .action = ACTION_CREATE, .node = i, .generation = 1};
	}
	f->feeds[0] = (struct edge){.node = 1, .kind = EDGE_HARD};
	f->feeds[1] = (struct edge){.node = 2, .kind = EDGE_HARD};
	f->nodes[0].feeds = f->feeds;
	f->nodes[0].n_feeds = 2;
	for (int i = 0; i < 2; i++) {
		f->needs[i][0] = (struct edge){.node = 0, .kind = EDGE_HARD};
		f->nodes[i + 1].needs = f->needs[i];
		f->nodes[i + 1].n_needs = 1;
	}
	f->graph = (struct graph){.nodes = f->nodes, .n = 3, .order = f->order};
	f->plan = (struct plan){.graph = &f->graph, .changes = f->changes, .n = 3};
	progress_init(&f->progress, kind, &f->stream, &clock_simulated, &f->plan, false);
}

static void teardown(struct fixture *f)
{
	progress_release(&f->progress);
	close(f->stream.fd);
	close(f->read_fd);
	stream_release(&f->stream);
	redactor_release(&f->redactor);
}

static void send(struct fixture *f, enum event_kind kind, int change, int64_t elapsed, const char *text)
{
	struct event event = {
		.kind = kind,
		.change = change < 0 ? NULL : &f->changes[change],
		.action = change < 0 ? ACTION_NOOP : f->changes[change].action,
		.step = change < 0 ? NULL : "create",
		.text = text,
		.elapsed = elapsed,
		.total = 3,
		.waiting = 2,
	};

	if (kind == EVENT_FAILED)
		event.output = "line 1\nline\t2\033[2J\n";
	progress_event(&f->progress, &event);
}

static const char *said(struct fixture *f)
{
	ssize_t n = read(f->read_fd, f->text, sizeof(f->text) - 1);

	f->text[n > 0 ? n : 0] = '\0';
	return f->text;
}

static void test_plain_lines(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, PROGRESS_PLAIN, 80);
	send(&f, EVENT_STARTED, 0, 0, NULL);
	assert_string_equal(said(&f), "local_file.a: creating...\n");
	now += 9999;
	send(&f, EVENT_TICK, -1, 0, NULL);
	assert_string_equal(said(&f), "");
	now += 1;
	send(&f, EVENT_PROGRESS, 0, 10000, "pulling 40%");
	send(&f, EVENT_TICK, -1, 0, NULL);
	assert_string_equal(said(&f), "local_file.a: still creating... 10.0s elapsed (pulling 40%)\n");
	send(&f, EVENT_TICK, -1, 0, NULL);
	assert_string_equal(said(&f), "");
	send(&f, EVENT_RETRY, 0, 10000, "connection reset; again in 0.5s");
	send(&f, EVENT_DONE, 0, 12300, NULL);
	assert_string_equal(said(&f),
		"local_file.a: trying again: connection reset; again in 0.5s\n"
		"local_file.a: created in 12.3s\n");
	send(&f, EVENT_FAILED, 1, 100, "disk full");
	send(&f, EVENT_BLOCKED, 2, 0, "local_file.b failed");
	assert_string_equal(said(&f),
		"✗ local_file.b: creating failed: disk full\n"
		"    │ line 1\n"
		"    │ line\t2\\x1b[2J\n"
		"· local_file.c: blocked: local_file.b failed\n");
	send(&f, EVENT_CANCELLING, -1, 0, NULL);
	assert_non_null(strstr(said(&f), "interrupted"));
	teardown(&f);
}

static void test_a_replacement_is_two_steps(void **state)
{
	struct fixture f;
	struct event event;

	(void)state;
	setup(&f, PROGRESS_PLAIN, 80);
	f.changes[0].action = ACTION_REPLACE;
	event = (struct event){.kind = EVENT_STARTED, .change = &f.changes[0],
		.action = ACTION_REPLACE, .step = "destroying"};
	progress_event(&f.progress, &event);
	event.kind = EVENT_DONE;
	progress_event(&f.progress, &event);
	event.step = "replace";
	event.kind = EVENT_STARTED;
	progress_event(&f.progress, &event);
	event.kind = EVENT_DONE;
	progress_event(&f.progress, &event);
	assert_string_equal(said(&f),
		"local_file.a: destroying...\n"
		"local_file.a: destroyed in 0.0s\n"
		"local_file.a: replacing...\n"
		"local_file.a: replaced in 0.0s\n");
	teardown(&f);
}

static void test_quiet_says_failures_only(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, PROGRESS_NONE, 80);
	send(&f, EVENT_STARTED, 0, 0, NULL);
	send(&f, EVENT_DONE, 0, 0, NULL);
	send(&f, EVENT_TICK, -1, 0, NULL);
	assert_string_equal(said(&f), "");
	send(&f, EVENT_HELD, 1, 0, "it loses data");
	assert_string_equal(said(&f), "‖ local_file.b: held: it loses data\n");
	teardown(&f);
}

static void test_secrets_in_what_providers_say(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, PROGRESS_PLAIN, 80);
	redactor_learn_text(&f.redactor, "hunter22", 8);
	f.progress.verbose = true;
	send(&f, EVENT_STARTED, 0, 0, NULL);
	send(&f, EVENT_PROGRESS, 0, 0, "password hunter22");
	assert_string_equal(said(&f),
		"local_file.a: creating...\nlocal_file.a: password (sensitive)\n");
	teardown(&f);
}

static void test_json_lines(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, PROGRESS_JSON, 80);
	send(&f, EVENT_STARTED, 0, 0, NULL);
	send(&f, EVENT_TICK, -1, 0, NULL);
	assert_string_equal(said(&f),
		"{\"type\":\"apply_start\",\"@level\":\"info\",\"@message\":\"local_file.a: creating...\","
		"\"@timestamp\":\"1970-01-01T00:00:01Z\",\"address\":\"local_file.a\","
		"\"action\":\"create\",\"step\":\"create\",\"elapsed_ms\":0,\"done\":0,\"total\":3}\n");
	send(&f, EVENT_FAILED, 0, 5, "disk full");
	assert_string_equal(said(&f),
		"{\"type\":\"apply_errored\",\"@level\":\"error\",\"@message\":\"local_file.a: creating "
		"failed: disk full\",\"@timestamp\":\"1970-01-01T00:00:01Z\",\"address\":\"local_file.a\","
		"\"action\":\"create\",\"step\":\"create\",\"text\":\"disk full\","
		"\"output\":\"line 1\\nline\\t2\\u001b[2J\\n\",\"elapsed_ms\":5,\"done\":0,\"total\":3}\n");
	teardown(&f);
}

/* The same from the beginning, with the first frame drawn. */
static void setup_again(struct fixture *f)
{
	teardown(f);
	setup(f, PROGRESS_LIVE, 80);
	send(f, EVENT_STARTED, 0, 0, NULL);
	said(f);
}

static void test_live_tree(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, PROGRESS_LIVE, 80);
	send(&f, EVENT_STARTED, 0, 0, NULL);
	assert_string_equal(said(&f),
		"\033[?25l"
		"⣾ local_file.a creating 0.0s\n"
		"  └─ then local_file.b, local_file.c\n"
		"░░░░░░░░░░░░░░░░░░░░ 0 of 3 done, 1 running, 2 waiting, 0.0s\n"
		"\033[?25h");
	/* What is done waits no more. */
	now += 100;
	send(&f, EVENT_DONE, 2, 100, NULL);
	assert_non_null(strstr(said(&f), "  └─ then local_file.b\n"));
	setup_again(&f);
	/* Not more than ten frames a second. */
	now += 50;
	send(&f, EVENT_PROGRESS, 0, 50, "half");
	assert_string_equal(said(&f), "");
	now += 1450;
	send(&f, EVENT_TICK, -1, 0, NULL);
	assert_string_equal(said(&f),
		"\033[?25l\r\033[3A\033[J"
		"⣽ local_file.a creating 1.5s  half\n"
		"  └─ then local_file.b, local_file.c\n"
		"░░░░░░░░░░░░░░░░░░░░ 0 of 3 done, 1 running, 2 waiting, 1.5s\n"
		"\033[?25h");
	send(&f, EVENT_DONE, 0, 1500, NULL);
	send(&f, EVENT_FAILED, 1, 100, "disk full");
	progress_end(&f.progress);
	assert_string_equal(said(&f),
		"\033[?25l\r\033[3A\033[J"
		"✓ local_file.a: created in 1.5s\n"
		"✗ local_file.b: creating failed: disk full\n"
		"    │ line 1\n"
		"    │ line\t2\\x1b[2J\n"
		"\033[?25h");
	teardown(&f);
}

/* Lines of the tree never wrap; the terminal here is no terminal, so its width is 80 for each frame. */
static void test_live_lines_are_cut(void **state)
{
	struct fixture f;
	char text[200];
	const char *line;

	(void)state;
	setup(&f, PROGRESS_LIVE, 80);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	send(&f, EVENT_STARTED, 0, 0, NULL);
	send(&f, EVENT_PROGRESS, 0, 0, text);
	said(&f);
	now += 100;
	send(&f, EVENT_TICK, -1, 0, NULL);
	line = strstr(said(&f), "⣽ local_file.a creating 0.1s  xxx");
	assert_non_null(line);
	f.text[line - f.text + (long)strcspn(line, "\n")] = '\0';
	assert_int_equal(display_width(line), 79);
	assert_string_equal(line + strlen(line) - 3, "…");
	teardown(&f);
}

static void test_why_it_is_not_ready_gets_lines_of_its_own(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, PROGRESS_LIVE, 80);
	send(&f, EVENT_STARTED, 0, 0, NULL);
	send(&f, EVENT_WAITING, 0, 0, "short");
	said(&f);
	now += 100;
	send(&f, EVENT_TICK, -1, 0, NULL);
	assert_non_null(strstr(said(&f), "⣽ local_file.a waiting until ready 0.1s  short\n  └─ then"));
	send(&f, EVENT_WAITING, 0, 0, "Deployment.apps/shop/web: 0 of 1 pods are available (no node takes pod "
		"web-77646dcf78-bwmvx: Unschedulable: 0/1 nodes are available: 1 node(s) didn't match Pod's node "
		"affinity/selector. preemption: 0/1 nodes are available: 1 Preemption is not helpful.)");
	now += 100;
	send(&f, EVENT_TICK, -1, 0, NULL);
	assert_non_null(strstr(said(&f), "⣻ local_file.a waiting until ready 0.2s\n"
		"    Deployment.apps/shop/web: 0 of 1 pods are available (no node takes pod\n"
		"    web-77646dcf78-bwmvx: Unschedulable: 0/1 nodes are available: 1 node(s)\n"
		"    didn't match Pod's node affinity/selector. preemption: 0/1 nodes are avail…\n"
		"  └─ then"));
	teardown(&f);
}

static void test_durations_of_the_last_time(void **state)
{
	struct fixture f;
	struct record records[3] = {{.duration = 4000}, {.duration = 30000}, {.duration = 2000}};
	struct event event;

	(void)state;
	setup(&f, PROGRESS_LIVE, 80);
	for (int i = 0; i < 3; i++)
		f.changes[i].record = &records[i];
	event = (struct event){.kind = EVENT_STARTED, .change = &f.changes[0],
		.action = ACTION_UPDATE, .expected = 4000, .total = 3, .waiting = 2};
	progress_event(&f.progress, &event);
	assert_non_null(strstr(said(&f), "updating 0.0s of about 4.0s"));
	assert_non_null(strstr(f.text, "about 34.0s left")); /* a, then b */
	now += 3000;
	send(&f, EVENT_TICK, -1, 0, NULL);
	assert_non_null(strstr(said(&f), "about 31.0s left"));
	teardown(&f);
}

/* b and c both wait for a; one at a time they take as long as both. */
static void test_what_is_left_is_shared_by_as_many_as_run(void **state)
{
	struct fixture f;
	struct record records[3] = {{.duration = 4000}, {.duration = 30000}, {.duration = 20000}};
	struct event event;

	(void)state;
	setup(&f, PROGRESS_LIVE, 80);
	f.progress.parallelism = 1;
	for (int i = 0; i < 3; i++)
		f.changes[i].record = &records[i];
	event = (struct event){.kind = EVENT_STARTED, .change = &f.changes[0],
		.action = ACTION_UPDATE, .expected = 4000, .total = 3, .waiting = 2};
	progress_event(&f.progress, &event);
	assert_non_null(strstr(said(&f), "about 54.0s left"));
	f.progress.parallelism = 2;
	now += 1000;
	send(&f, EVENT_TICK, -1, 0, NULL);
	assert_non_null(strstr(said(&f), "about 33.0s left")); /* the longest chain */
	teardown(&f);
}

static void test_many_at_once_stay_within_the_screen(void **state)
{
	struct fixture f;
	struct change changes[60];
	int lines = 0;

	(void)state;
	setup(&f, PROGRESS_LIVE, 80);
	for (int i = 0; i < 60; i++) {
		struct event event = {.kind = EVENT_STARTED, .change = &changes[i],
			.action = ACTION_CREATE, .total = 60};

		changes[i] = (struct change){.address = "x.y", .node = NODE_NONE};
		progress_event(&f.progress, &event);
	}
	said(&f);
	now += 100;
	send(&f, EVENT_TICK, -1, 0, NULL);
	for (const char *c = said(&f); *c; c++)
		lines += *c == '\n';
	assert_int_equal(lines, 24 - 5 + 2); /* rows of activities, "and 41 more", the bar */
	assert_non_null(strstr(f.text, "… and 41 more"));
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_lines),
		cmocka_unit_test(test_a_replacement_is_two_steps),
		cmocka_unit_test(test_quiet_says_failures_only),
		cmocka_unit_test(test_secrets_in_what_providers_say),
		cmocka_unit_test(test_json_lines),
		cmocka_unit_test(test_live_tree),
		cmocka_unit_test(test_live_lines_are_cut),
		cmocka_unit_test(test_why_it_is_not_ready_gets_lines_of_its_own),
		cmocka_unit_test(test_durations_of_the_last_time),
		cmocka_unit_test(test_what_is_left_is_shared_by_as_many_as_run),
		cmocka_unit_test(test_many_at_once_stay_within_the_screen),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
