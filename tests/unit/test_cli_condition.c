/* The word that status has for a resource, question by question. */
#include "cli/condition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static const struct type file = {.name = "local_file"};
static const struct type process = {.name = "local_process", .flags = TYPE_RUNS};
static const struct type job = {.name = "local_command", .flags = TYPE_JOB};

struct fixture {
	struct arena arena;
	struct resource resource;
	struct node node;
	uint32_t order;
	struct graph graph;
	struct record record;
	struct observation seen;
	struct attribute_change attribute;
	struct reason reason;
	struct change change;
	struct plan plan;
	struct run_change last;
	bool unread; /* the manifest */
	struct condition condition;
};

/* Recorded, desired, there, as it should be. */
static void setup(struct fixture *f, const struct type *type)
{
	*f = (struct fixture){0};
	f->resource = (struct resource){.address = "t.n", .type = type};
	f->node.resource = &f->resource;
	f->graph = (struct graph){.nodes = &f->node, .n = 1, .order = &f->order};
	f->record = (struct record){.address = "t.n", .type = type->name, .status = RECORD_OK};
	f->seen = (struct observation){.address = "t.n", .type = type, .presence = PRESENCE_PRESENT,
		.runs = true};
	f->change = (struct change){.address = "t.n", .record = &f->record, .observed = &f->seen};
	f->plan = (struct plan){.graph = &f->graph, .changes = &f->change, .n = 1};
}

static void assert_condition(struct fixture *f, enum condition_kind kind, const char *detail)
{
	conditions_find(&f->plan, &f->last, f->last.address ? 1 : 0, f->unread, &f->arena, &f->condition);
	assert_string_equal(condition_str(f->condition.kind), condition_str(kind));
	assert_string_equal(f->condition.detail, detail);
	arena_release(&f->arena);
}

static void test_good(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, &file);
	assert_condition(&f, CONDITION_READY, "");
	setup(&f, &process);
	f.seen.health = "healthy";
	assert_condition(&f, CONDITION_RUNNING, "healthy");
	setup(&f, &job);
	assert_condition(&f, CONDITION_READY, "");
	f.resource.service = "migrate"; /* a command is a job where a service says so */
	assert_condition(&f, CONDITION_COMPLETED, "");
	assert_true(condition_is_good(CONDITION_COMPLETED));
	assert_false(condition_is_good(CONDITION_CHANGED));
}

static void test_recorded_and_not_well(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, &process);
	f.seen.runs = false;
	f.seen.health = "exited (1)";
	f.change.action = ACTION_START;
	assert_condition(&f, CONDITION_DOWN, "exited (1)");
	f.record.status = RECORD_STOPPED;
	f.change.action = ACTION_NOOP;
	assert_condition(&f, CONDITION_STOPPED, "");
	f.record.status = RECORD_UNREADY;
	f.change.action = ACTION_RECORD;
	assert_condition(&f, CONDITION_UNREADY, "exited (1)");
	f.record.last_error = "disk full";
	assert_condition(&f, CONDITION_FAILED, "disk full"); /* an update: it forgot the fingerprint */
	f.record.fingerprint.bytes[0] = 1;
	assert_condition(&f, CONDITION_UNREADY, "disk full");
	f.resource.service = "migrate"; /* nobody waits for a job that ended */
	f.resource.type = &job;
	assert_condition(&f, CONDITION_FAILED, "disk full");
	f.seen.presence = PRESENCE_ABSENT;
	f.seen.message = "no such file";
	assert_condition(&f, CONDITION_GONE, "no such file");
	f.record.status = RECORD_TAINTED;
	assert_condition(&f, CONDITION_FAILED, "disk full");
	f.seen.presence = PRESENCE_UNKNOWN;
	f.seen.message = "no engine answers";
	assert_condition(&f, CONDITION_UNKNOWN, "no engine answers");
}

static void test_changed_drifted_removed(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, &file);
	f.attribute = (struct attribute_change){.path = "$digests.source"};
	f.change.attributes = &f.attribute;
	f.change.n_attributes = 1;
	f.change.action = ACTION_UPDATE;
	assert_condition(&f, CONDITION_CHANGED, "source");
	f.attribute.drift = true;
	assert_condition(&f, CONDITION_DRIFTED, "source");
	setup(&f, &file);
	f.change.node = NODE_NONE;
	f.graph.n = 0;
	f.change.action = ACTION_DELETE;
	f.reason = (struct reason){.kind = REASON_REMOVED, .text = "it is no longer in the manifest"};
	f.change.reasons = &f.reason;
	f.change.n_reasons = 1;
	assert_condition(&f, CONDITION_REMOVED, "it is no longer in the manifest");
	f.unread = true;
	assert_condition(&f, CONDITION_READY, "");
}

static void test_missing_and_tried(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, &file);
	f.change.record = NULL;
	f.seen.presence = PRESENCE_ABSENT;
	f.change.action = ACTION_CREATE;
	assert_condition(&f, CONDITION_MISSING, "");
	f.last = (struct run_change){.address = "t.n", .status = "failed", .error = "disk full"};
	assert_condition(&f, CONDITION_FAILED, "disk full");
	f.last.status = "held";
	f.last.error = "it loses data";
	assert_condition(&f, CONDITION_BLOCKED, "it loses data");
	f.last.status = "ok"; /* made then, forgotten since */
	assert_condition(&f, CONDITION_MISSING, "");
	f.seen.presence = PRESENCE_UNKNOWN;
	f.seen.message = "no engine answers";
	assert_condition(&f, CONDITION_UNKNOWN, "no engine answers");
}

/* 0 failed; 1 needs 0; 2 needs 1; 3 needs 0 only softly. */
static void test_blocked_and_by_what(void **state)
{
	struct arena arena = ARENA_INIT;
	struct resource resources[4];
	struct edge edges[4] = {{.kind = EDGE_HARD}, {.kind = EDGE_HARD}, {.node = 1, .kind = EDGE_HARD},
		{.kind = EDGE_SOFT}};
	struct node nodes[4] = {0};
	uint32_t order[4] = {0, 1, 2, 3};
	struct change changes[4];
	struct condition conditions[4];
	struct record record = {.status = RECORD_TAINTED, .last_error = "disk full", .type = "local_file"};
	struct graph graph = {.nodes = nodes, .n = 4, .order = order};
	struct plan plan = {.graph = &graph, .changes = changes, .n = 4};

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		static const char *const addresses[] = {"t.0", "t.1", "t.2", "t.3"};

		resources[i] = (struct resource){.address = addresses[i], .type = &file};
		nodes[i].resource = &resources[i];
		nodes[i].needs = &edges[i];
		nodes[i].n_needs = i ? 1 : 0;
		changes[i] = (struct change){
			.address = addresses[i], .node = i, .action = ACTION_CREATE};
	}
	changes[0].record = &record;
	conditions_find(&plan, NULL, 0, false, &arena, conditions);
	assert_int_equal(conditions[0].kind, CONDITION_FAILED);
	assert_int_equal(conditions[1].kind, CONDITION_BLOCKED);
	assert_string_equal(conditions[1].detail, "waits for t.0 (failed)");
	assert_int_equal(conditions[2].kind, CONDITION_BLOCKED);
	assert_string_equal(conditions[2].detail, "waits for t.1 (blocked)");
	assert_int_equal(conditions[3].kind, CONDITION_MISSING);
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_recorded_and_not_well),
		cmocka_unit_test(test_changed_drifted_removed),
		cmocka_unit_test(test_missing_and_tried),
		cmocka_unit_test(test_blocked_and_by_what),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
