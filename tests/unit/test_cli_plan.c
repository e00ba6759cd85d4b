/* Plans as people read them, from hand-built structs; goldens. */
#include "cli/render/render.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

static const struct terminal ascii = {.width = 80};
static const struct terminal fancy = {.width = 80, .unicode = true, .colour = true};

struct fixture {
	struct arena arena;
	struct sources sources;
	struct redactor redactor;
	struct plan plan;
	struct change changes[16];
	struct plan_view view;
	struct strbuf out;
};

static void setup(struct fixture *f)
{
	*f = (struct fixture){.out = STRBUF_INIT};
	sources_add(&f->sources, &f->arena, ".devenv/config.yml", "project", "", 0);
	sources_add(&f->sources, &f->arena, "environments/ci.yml", "environment", "", 0);
	f->plan.changes = f->changes;
	f->plan.has_changes = true;
	f->view = (struct plan_view){
		.terminal = &ascii, .sources = &f->sources, .redactor = &f->redactor};
}

static void teardown(struct fixture *f)
{
	strbuf_release(&f->out);
	redactor_release(&f->redactor);
	arena_release(&f->arena);
}

static struct change *add(struct fixture *f, const char *address, enum action action)
{
	struct change *change = &f->changes[f->plan.n++];

	*change = (struct change){
		.address = address, .action = action, .node = NODE_NONE, .generation = 1};
	return change;
}

static void because(struct fixture *f, struct change *change, enum reason_kind kind, const char *text,
	const char *path, struct pos pos)
{
	struct reason *reasons = arena_alloc(&f->arena, (change->n_reasons + 1) * sizeof(*reasons));

	if (change->n_reasons)
		memcpy(reasons, change->reasons, change->n_reasons * sizeof(*reasons));
	reasons[change->n_reasons++] = (struct reason){.kind = kind, .text = text, .path = path, .pos = pos};
	change->reasons = reasons;
}

static struct attribute_change *attribute(struct fixture *f, struct change *change, const char *path,
	const struct value *before, const struct value *after)
{
	struct attribute_change *all =
		arena_alloc(&f->arena, (change->n_attributes + 1) * sizeof(*all));

	if (change->n_attributes)
		memcpy(all, change->attributes, change->n_attributes * sizeof(*all));
	all[change->n_attributes] =
		(struct attribute_change){.path = path, .before = before, .after = after};
	change->attributes = all;
	return &all[change->n_attributes++];
}

static const struct value *keep(struct fixture *f, struct value value)
{
	struct value *kept = arena_alloc(&f->arena, sizeof(*kept));

	*kept = value;
	return kept;
}

static const struct value *str(struct fixture *f, const char *text)
{
	return keep(f, value_str(&f->arena, text));
}

static struct pos at(uint16_t source, uint32_t line)
{
	return (struct pos){line, 5, source};
}

static void assert_plan(struct fixture *f, const char *expected)
{
	strbuf_reset(&f->out);
	render_plan(&f->out, &f->view, &f->plan);
	assert_string_equal(f->out.text, expected);
}

static void test_create(void **state)
{
	struct fixture f;
	struct change *change;

	(void)state;
	setup(&f);
	change = add(&f, "local_file.a", ACTION_CREATE);
	because(&f, change, REASON_NEW, "it is new", NULL, at(1, 7));
	attribute(&f, change, "content", NULL, &value_unknown);
	attribute(&f, change, "mode", NULL, str(&f, "0600"));
	attribute(&f, change, "password", NULL, keep(&f, value_sensitive(value_str(&f.arena, "geheim"))));
	change->deferred = true;
	f.plan.counts = (struct plan_counts){.add = 1, .deferred = 1};
	assert_plan(&f,
		"  + local_file.a will be created  # .devenv/config.yml:7:5\n"
		"      + content  = (known after apply)\n"
		"      + mode     = \"0600\"\n"
		"      + password = (sensitive)\n"
		"\n"
		"Plan: 1 to add, 0 to change, 0 to destroy.\n");
	teardown(&f);
}

static void test_update_says_why_and_where(void **state)
{
	struct fixture f;
	struct change *change;
	struct attribute_change *a;

	(void)state;
	setup(&f);
	change = add(&f, "docker_container.web", ACTION_UPDATE);
	because(&f, change, REASON_CHANGED, "memory changed", "memory", at(2, 3));
	because(&f, change, REASON_DRIFT, "restart changed outside", "restart", POS_NONE);
	because(&f, change, REASON_FAILED, "its last update failed", NULL, POS_NONE);
	attribute(&f, change, "memory", str(&f, "1g"), str(&f, "2g"))->pos = at(2, 3);
	a = attribute(&f, change, "restart", str(&f, "no"), str(&f, "always"));
	a->drift = true;
	a->pos = at(1, 9);
	attribute(&f, change, "labels.old", str(&f, "x"), NULL);
	attribute(&f, change, "$digests.source", str(&f, "aa"), str(&f, "bb"));
	f.plan.counts.change = 1;
	assert_plan(&f,
		"  ~ docker_container.web will be updated in place\n"
		"      # its last update failed\n"
		"      ~ memory            = \"1g\" -> \"2g\"  # environments/ci.yml:3:5 (environment)\n"
		"      ~ restart           = \"no\" -> \"always\"  # drift: changed outside devenv\n"
		"      - labels.old        = \"x\"\n"
		"      ~ content of source = \"aa\" -> \"bb\"\n"
		"\n"
		"Plan: 0 to add, 1 to change, 0 to destroy.\n");
	teardown(&f);
}

static void test_replace_names_what_forces_it(void **state)
{
	struct fixture f;
	struct change *change;
	struct attribute_change *a;

	(void)state;
	setup(&f);
	change = add(&f, "docker_container.web", ACTION_REPLACE);
	because(&f, change, REASON_CHANGED, "image changed", "image", at(1, 4));
	a = attribute(&f, change, "image", str(&f, "a:1"), str(&f, "a:2"));
	a->forces_replace = true;
	a->pos = at(1, 4);
	change = add(&f, "docker_container.api", ACTION_REPLACE);
	because(&f, change, REASON_DEPENDENCY, "replaced because docker_network.n is", "docker_network.n",
		POS_NONE);
	f.plan.counts = (struct plan_counts){.add = 2, .destroy = 2};
	assert_plan(&f,
		"-/+ docker_container.web will be replaced\n"
		"      ~ image = \"a:1\" -> \"a:2\"  # forces replacement; .devenv/config.yml:4:5\n"
		"\n"
		"-/+ docker_container.api will be replaced\n"
		"      # replaced because docker_network.n is\n"
		"\n"
		"Plan: 2 to add, 0 to change, 2 to destroy.\n");
	teardown(&f);
}

static void test_texts_are_compared_by_lines(void **state)
{
	struct fixture f;
	struct change *change;

	(void)state;
	setup(&f);
	redactor_learn_text(&f.redactor, "secret1\nsecret2", 15);
	change = add(&f, "local_file.a", ACTION_UPDATE);
	attribute(&f, change, "content", str(&f, "1\n2\n3\n4\n5\nold\n6\n7\n8\n9\n"),
		str(&f, "1\n2\n3\n4\n5\nnew\nsecret1\nsecret2\n6\n7\n8\n9"));
	attribute(&f, change, "one", NULL, str(&f, "a\nb\n"));
	f.plan.counts.change = 1;
	assert_plan(&f,
		"  ~ local_file.a will be updated in place\n"
		"      ~ content =\n"
		"          ... 2 unchanged lines\n"
		"            3\n"
		"            4\n"
		"            5\n"
		"          - old\n"
		"          + new\n"
		"          + (sensitive)\n"
		"            6\n"
		"            7\n"
		"            8\n"
		"          - 9\n"
		"          + 9  (no newline at the end)\n"
		"      + one     =\n"
		"          a\n"
		"          b\n"
		"\n"
		"Plan: 0 to add, 1 to change, 0 to destroy.\n");
	teardown(&f);
}

static void test_containers(void **state)
{
	struct fixture f;
	struct change *change;
	struct value_builder list, map;

	(void)state;
	setup(&f);
	builder_init(&list, &f.arena);
	builder_init(&map, &f.arena);
	for (int i = 0; i < 3; i++)
		builder_push(&list, value_str(&f.arena, "a rather long item in a list"));
	builder_put(&map, "key", value_int(&f.arena, 1));
	builder_put(&map, "secret", value_sensitive(value_str(&f.arena, "geheim")));
	builder_put(&map, "escape", value_str(&f.arena, "\033[2J\""));
	change = add(&f, "x.y", ACTION_CREATE);
	attribute(&f, change, "list", NULL, keep(&f, builder_list(&list)));
	attribute(&f, change, "map", NULL, keep(&f, builder_map(&map)));
	f.plan.counts.add = 1;
	assert_plan(&f,
		"  + x.y will be created\n"
		"      + list = [\n"
		"          \"a rather long item in a list\"\n"
		"          \"a rather long item in a list\"\n"
		"          \"a rather long item in a list\"\n"
		"        ]\n"
		"      + map  = {key: 1, secret: (sensitive), escape: \"\\u001b[2J\\\"\"}\n"
		"\n"
		"Plan: 1 to add, 0 to change, 0 to destroy.\n");
	teardown(&f);
}

static void test_held_changes_name_their_release(void **state)
{
	struct fixture f;
	struct change *change;

	(void)state;
	setup(&f);
	change = add(&f, "docker_volume.db", ACTION_DELETE);
	because(&f, change, REASON_REMOVED, "it is no longer in the manifest", NULL, POS_NONE);
	change->hold = HOLD_DATA_LOSS;
	strcpy(change->approval, "0123456789abcdef");
	change = add(&f, "local_file.b", ACTION_DELETE);
	change->hold = HOLD_MASS_DELETE;
	change = add(&f, "local_file.c", ACTION_REPLACE);
	change->hold = HOLD_STRONGER;
	strcpy(change->approval, "fedcba9876543210");
	f.plan.counts = (struct plan_counts){.add = 1, .destroy = 3, .held = 3};
	assert_plan(&f,
		"  - docker_volume.db will be destroyed\n"
		"      # it is no longer in the manifest\n"
		"      ! held: it loses data; release it with --allow-data-loss docker_volume.db or "
		"`devenv approve 0123456789abcdef`\n"
		"\n"
		"  - local_file.b will be destroyed\n"
		"      ! held: more than half of the environment would be destroyed; release it with "
		"--allow-delete=2\n"
		"\n"
		"-/+ local_file.c will be replaced\n"
		"      ! held: it is more than the plan had shown; release it with devenv approve "
		"fedcba9876543210\n"
		"\n"
		"Plan: 1 to add, 0 to change, 3 to destroy. 3 held: needs approval.\n");
	teardown(&f);
}

static void test_the_rest_of_the_actions(void **state)
{
	struct fixture f;
	struct change *change;

	(void)state;
	setup(&f);
	add(&f, "a.start", ACTION_START);
	add(&f, "a.adopt", ACTION_ADOPT);
	add(&f, "a.record", ACTION_RECORD);
	add(&f, "a.forget", ACTION_FORGET);
	add(&f, "a.drop", ACTION_DROP);
	change = add(&f, "a.maybe", ACTION_UPDATE);
	change->deferred = true;
	change = add(&f, "a.unknown", ACTION_NOOP);
	because(&f, change, REASON_UNKNOWN, "it cannot be seen: no engine", NULL, POS_NONE);
	change = add(&f, "a.drifted", ACTION_NOOP);
	because(&f, change, REASON_CHANGED, "y changed", "y", POS_NONE);
	because(&f, change, REASON_DRIFT, "x changed outside", "x", POS_NONE);
	attribute(&f, change, "x", str(&f, "1"), str(&f, "2"))->drift = true;
	attribute(&f, change, "y", str(&f, "1"), str(&f, "2"));
	change = add(&f, "a.noop", ACTION_NOOP);
	because(&f, change, REASON_CHANGED, "y changed", "y", POS_NONE);
	attribute(&f, change, "y", str(&f, "1"), str(&f, "2"));
	f.plan.counts = (struct plan_counts){.change = 1, .start = 1, .adopt = 1, .record = 1,
		.forget = 2, .deferred = 1, .unknown = 1, .stopped = 2};
	assert_plan(&f,
		"  > a.start will be started\n"
		"  > a.adopt will be adopted\n"
		"  > a.record needs nothing but a new record\n"
		"  > a.forget will be forgotten and left as it is\n"
		"  > a.drop is gone; its record will be dropped\n"
		"  ~ a.maybe may be updated in place\n\n"
		"  ? a.unknown cannot be seen\n"
		"      # it cannot be seen: no engine\n\n"
		"    a.drifted changed outside devenv; it is left as it is\n"
		"      ~ x = \"1\" -> \"2\"  # drift: changed outside devenv\n\n"
		"Plan: 0 to add, up to 1 to change, 0 to destroy, 1 to start, 1 to adopt, 2 to forget, 1 to "
		"record. 1 cannot be seen. 2 stay stopped until `devenv start`.\n");
	teardown(&f);
}

static const char *plan_text(struct fixture *f)
{
	strbuf_reset(&f->out);
	render_plan(&f->out, &f->view, &f->plan);
	return f->out.text;
}

/* Inputs that are not known yet make no doubt of a replace that has another reason. */
static void test_only_what_is_uncertain_may_be_replaced(void **state)
{
	struct fixture f;
	struct change *change;

	(void)state;
	setup(&f);
	change = add(&f, "a.surely", ACTION_REPLACE);
	change->deferred = true;
	f.plan.counts = (struct plan_counts){.add = 1, .destroy = 1, .deferred = 1};
	assert_non_null(strstr(plan_text(&f), "a.surely will be replaced"));
	assert_non_null(strstr(plan_text(&f), "Plan: 1 to add"));
	change = add(&f, "a.perhaps", ACTION_REPLACE);
	change->uncertain = true;
	assert_non_null(strstr(plan_text(&f), "a.perhaps may be replaced"));
	assert_non_null(strstr(plan_text(&f), "Plan: up to 1 to add, 0 to change, up to 1 to destroy."));
	teardown(&f);
}

static void test_nothing_to_do(void **state)
{
	struct fixture f;
	struct output_change output = {"url", NULL, NULL};

	(void)state;
	setup(&f);
	f.plan.has_changes = false;
	add(&f, "a.noop", ACTION_NOOP);
	output.before = output.after = str(&f, "same");
	f.plan.outputs = &output;
	f.plan.n_outputs = 1;
	assert_plan(&f, "No changes. Your environment matches the manifest.\n");
	f.view.verbose = true;
	assert_plan(&f, "    a.noop needs no change\n\nNo changes. Your environment matches the manifest.\n");
	f.view.destroy = true;
	f.view.brief = true;
	assert_plan(&f, "No changes. There is nothing to destroy.\n");
	f.plan.counts.unknown = 1;
	assert_plan(&f, "No changes, as far as can be seen: 1 cannot be.\n");
	f.plan.counts.unknown = 0;
	f.view.destroy = false;
	f.view.part = true;
	assert_plan(&f, "No changes. This part of your environment matches the manifest.\n");
	f.plan.counts.stopped = 1;
	f.view.refresh_only = true;
	assert_plan(&f, "No changes. What is recorded is still there.\n");
	f.view.refresh_only = f.view.part = false;
	assert_plan(&f,
		"No changes. Your environment matches the manifest. 1 stays stopped until `devenv start`.\n");
	f.plan.counts = (struct plan_counts){.unknown = 2};
	assert_plan(&f, "No changes, as far as can be seen: 2 cannot be.\n");
	teardown(&f);
}

static void test_outputs_and_strays(void **state)
{
	struct fixture f;
	struct output_change outputs[] = {{"url", NULL, NULL}, {"old", NULL, NULL}};
	struct stray stray = {NULL, "docker_container.x", "abc", "web"};

	(void)state;
	setup(&f);
	outputs[0].before = str(&f, "http://a");
	outputs[0].after = &value_unknown;
	outputs[1].before = str(&f, "gone");
	f.plan.outputs = outputs;
	f.plan.n_outputs = 2;
	f.plan.strays = &stray;
	f.plan.n_strays = 1;
	assert_plan(&f,
		"Outputs:\n"
		"      ~ url = \"http://a\" -> (known after apply)\n"
		"      - old = \"gone\"\n"
		"\n"
		"Not recorded, but with the mark of this environment:\n"
		"      docker_container.x: web (abc)\n"
		"      Take one back with `devenv import ADDRESS ID`, or remove them with "
		"`devenv destroy --strays`.\n"
		"\n"
		"Plan: 0 to add, 0 to change, 0 to destroy.\n");
	teardown(&f);
}

static void test_colours(void **state)
{
	struct fixture f;
	struct change *change;

	(void)state;
	setup(&f);
	f.view.terminal = &fancy;
	change = add(&f, "a.b", ACTION_UPDATE);
	attribute(&f, change, "x", str(&f, "1"), str(&f, "2"));
	f.plan.counts.change = 1;
	assert_plan(&f,
		"  \033[33m~\033[0m \033[1ma.b\033[0m will be updated in place\n"
		"      \033[33m~\033[0m x = \"1\" → \"2\"\n\n"
		"\033[1mPlan:\033[0m 0 to add, 1 to change, 0 to destroy.\n");
	teardown(&f);
}

static void test_json(void **state)
{
	struct fixture f;
	struct change *change;
	struct attribute_change *a;

	(void)state;
	setup(&f);
	change = add(&f, "a.b", ACTION_REPLACE);
	because(&f, change, REASON_CHANGED, "x changed", "x", at(1, 2));
	a = attribute(&f, change, "x", keep(&f, value_sensitive(value_str(&f.arena, "geheim"))),
		&value_unknown);
	a->forces_replace = true;
	change->hold = HOLD_DATA_LOSS;
	strcpy(change->approval, "0123456789abcdef");
	add(&f, "a.noop", ACTION_NOOP);
	f.plan.counts = (struct plan_counts){.add = 1, .destroy = 1, .noop = 1, .held = 1};
	render_plan_json(&f.out, &f.view, &f.plan);
	assert_string_equal(f.out.text,
		"{\"type\":\"planned_change\",\"@level\":\"info\",\"@message\":\"a.b: plan to replace\","
		"\"change\":{\"address\":\"a.b\",\"generation\":1,\"action\":\"replace\",\"reasons\":[{"
		"\"kind\":\"changed\",\"text\":\"x changed\",\"path\":\"x\",\"file\":\".devenv/config.yml\","
		"\"layer\":\"project\",\"line\":2,\"column\":5}],\"attributes\":[{\"path\":\"x\","
		"\"before\":\"(sensitive)\",\"after\":{\"$unknown\":true},\"forces_replacement\":true}],"
		"\"hold\":{\"reason\":\"data-loss\",\"release\":\"--allow-data-loss a.b\","
		"\"approval\":\"0123456789abcdef\"}}}\n"
		"{\"type\":\"change_summary\",\"@level\":\"info\",\"@message\":\"Plan: 1 to add, 0 to change, "
		"1 to destroy. 1 held: needs approval.\",\"operation\":\"plan\",\"has_changes\":true,"
		"\"changes\":{\"add\":1,\"change\":0,\"destroy\":1,\"start\":0,\"adopt\":0,\"forget\":0,"
		"\"record\":0,\"move\":0,\"deferred\":0,\"noop\":1,\"drifted\":0,\"unknown\":0,\"held\":1,"
		"\"stopped\":0},"
		"\"plan_hash\":\"0000000000000000000000000000000000000000000000000000000000000000\"}\n");
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_update_says_why_and_where),
		cmocka_unit_test(test_replace_names_what_forces_it),
		cmocka_unit_test(test_texts_are_compared_by_lines),
		cmocka_unit_test(test_containers),
		cmocka_unit_test(test_held_changes_name_their_release),
		cmocka_unit_test(test_the_rest_of_the_actions),
		cmocka_unit_test(test_only_what_is_uncertain_may_be_replaced),
		cmocka_unit_test(test_nothing_to_do),
		cmocka_unit_test(test_outputs_and_strays),
		cmocka_unit_test(test_colours),
		cmocka_unit_test(test_json),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
