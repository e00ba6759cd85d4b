/*
 * Runs plan tests: data files of a few lines, each a row of docs/lifecycle.md or a variant of one.
 *
 *   plan-runner FILE...           compares; prints "ok NAME" or the difference
 *   plan-runner --update FILE...  writes what the planner says into the file (then read the diff!)
 *
 * A file has sections, each begun by a line "--- NAME": manifest (the text of .devenv/config.yml),
 * recorded, observed, strays, intents, options, files (all YAML), expect (the plan as text). What stands before
 * the first section is a sentence that says what is tested.
 */
#include "base/secret.h"
#include "engine/plan/planner.h"
#include "model/json.h"
#include "model/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct section {
	const char *name, *text;
	size_t len;
};

struct test {
	const char *path;
	struct arena arena;
	struct sources sources; /* of the sections other than the manifest */
	struct diags diags;
	struct section sections[16];
	size_t n;
	struct secret_key key;
	struct manifest manifest;
	struct graph graph;
	struct value files, options;
	struct record *records;
	size_t n_records;
	struct intent *intents;
	size_t n_intents;
	struct observation *observations;
	size_t n_observations;
	struct stray *strays;
	size_t n_strays;
};

static const char *read_all(struct arena *arena, const char *path)
{
	struct strbuf text = STRBUF_INIT;
	FILE *file = fopen(path, "r");
	char piece[4096];
	size_t n;
	const char *copy;

	if (!file)
		return NULL;
	while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
		strbuf_add(&text, piece, n);
	fclose(file);
	copy = arena_strndup(arena, text.text, text.len);
	strbuf_release(&text);
	return copy;
}

static void split(struct test *t, const char *text)
{
	for (const char *at = text; at && *at;) {
		const char *end = strchr(at, '\n');
		size_t len = end ? (size_t)(end - at) : strlen(at);

		if (strncmp(at, "--- ", 4) == 0 && t->n < ARRAY_SIZE(t->sections)) {
			if (t->n)
				t->sections[t->n - 1].len =
					(size_t)(at - t->sections[t->n - 1].text);
			t->sections[t->n++] = (struct section){
				.name = arena_strndup(&t->arena, at + 4, len - 4),
				.text = end ? end + 1 : at + len,
			};
		}
		at = end ? end + 1 : NULL;
	}
	if (t->n)
		t->sections[t->n - 1].len = strlen(t->sections[t->n - 1].text);
}

static const struct section *section(const struct test *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++) {
		if (strcmp(t->sections[i].name, name) == 0)
			return &t->sections[i];
	}
	return NULL;
}

static struct value parse(struct test *t, const char *name)
{
	const struct section *s = section(t, name);
	struct value value = value_null;
	const char *text;

	if (!s)
		return value;
	text = arena_strndup(&t->arena, s->text, s->len);
	yaml_parse(&t->sources, sources_add(&t->sources, &t->arena, name, "test", text, s->len),
		&t->arena, &value, &t->diags);
	return value;
}

static int read_manifest(void *arg, const char *path, struct arena *arena, const char **text,
	size_t *len, struct error *err)
{
	struct test *t = arg;
	const struct section *s = section(t, "manifest");
	const struct value *file;

	if (strcmp(path, "/project/.devenv/config.yml") == 0) {
		*text = arena_strndup(arena, s->text, s->len);
		*len = s->len;
		return 0;
	}
	file = strncmp(path, "/project/", 9) == 0 ? value_get(&t->files, path + 9) : NULL;
	if (!file)
		return error_set(err, ERROR_NOT_FOUND, "open %s: no such file", path);
	*text = file->text;
	*len = file->len;
	return 0;
}

static int digest(void *arg, const char *path, struct hash *out, struct error *err)
{
	struct test *t = arg;
	const struct value *file = value_get(&t->files, path);

	if (!file)
		return error_set(err, ERROR_NOT_FOUND, "open %s: no such file", path);
	hash_bytes(file->text, file->len, out);
	return 0;
}

static const char *json(struct test *t, const struct value *value, enum json_secrets secrets)
{
	struct strbuf text = STRBUF_INIT;
	const char *copy;

	if (!value)
		return NULL;
	json_write(&text, value, secrets, &t->key);
	copy = arena_strdup(&t->arena, text.text);
	strbuf_release(&text);
	return copy;
}

/* {sensitive: x} in a section stands for the sensitive value x. */
static struct value mark_secrets(struct test *t, const struct value *value)
{
	struct value_builder b;

	builder_init(&b, &t->arena);
	if (value->kind == VALUE_LIST) {
		for (uint32_t i = 0; i < value->len; i++)
			builder_push(&b, mark_secrets(t, &value->items[i]));
		return builder_list(&b);
	}
	if (value->kind != VALUE_MAP)
		return *value;
	if (value->len == 1 && strcmp(value->members[0].key, "sensitive") == 0)
		return value_sensitive(value->members[0].value);
	for (uint32_t i = 0; i < value->len; i++)
		builder_put(&b, value->members[i].key, mark_secrets(t, &value->members[i].value));
	return builder_map(&b);
}

static const struct value *marked(struct test *t, const struct value *value)
{
	struct value *copy;

	if (!value)
		return NULL;
	copy = arena_alloc(&t->arena, sizeof(*copy));
	*copy = mark_secrets(t, value);
	return copy;
}

static const char *default_meta(struct test *t, const char *address)
{
	uint32_t node = graph_find(&t->graph, address);
	struct strbuf text = STRBUF_INIT;
	const char *copy;

	if (node == MAP_NONE)
		return "{}";
	meta_write(&t->graph, node, &text);
	copy = arena_strdup(&t->arena, text.text);
	strbuf_release(&text);
	return copy;
}

static enum record_status status_of(const char *text)
{
	for (int i = RECORD_OK; i <= RECORD_DEPOSED; i++) {
		if (strcmp(record_status_str(i), text) == 0)
			return i;
	}
	return RECORD_OK;
}

static void read_records(struct test *t)
{
	struct value list = parse(t, "recorded");

	if (list.kind != VALUE_LIST)
		return;
	t->records = arena_zalloc(&t->arena, list.len * sizeof(*t->records));
	for (uint32_t i = 0; i < list.len; i++) {
		const struct value *v = &list.items[i];
		struct record *record = &t->records[t->n_records++];
		const struct value *inputs = marked(t, value_get(v, "inputs"));
		const char *address = value_get_text(v, "address", "");

		*record = (struct record){
			.address = address,
			.generation = (int)value_get_int(v, "generation", 1),
			.type = arena_strndup(&t->arena, address, strcspn(address, ".")),
			.type_version = (int)value_get_int(v, "typeVersion", 1),
			.status = status_of(value_get_text(v, "status", "ok")),
			.id = value_get_text(v, "id", NULL),
			.identity = value_get_text(v, "identity", NULL),
			.inputs_json = json(t, inputs ? inputs : &value_empty_map, JSON_DIGEST),
			.outputs_json = json(t, marked(t, value_get(v, "outputs")), JSON_SEAL),
			.observed_json = json(t, marked(t, value_get(v, "observed")), JSON_DIGEST),
			.meta_json = value_get(v, "meta") ? json(t, value_get(v, "meta"), JSON_MASK)
							  : default_meta(t, address),
			.last_error = value_get_text(v, "error", NULL),
			.created_at = value_get_int(v, "created", 0),
			.arena = &t->arena,
			.key = &t->key,
		};
		if (!value_get_bool(v, "forgotten", false))
			inputs_fingerprint(inputs ? inputs : &value_empty_map, &t->key,
				&record->fingerprint);
	}
}

static void read_intents(struct test *t)
{
	static const char *const actions[] = {"create", "update", "delete", "start", "stop"};
	struct value list = parse(t, "intents");

	if (list.kind != VALUE_LIST)
		return;
	t->intents = arena_zalloc(&t->arena, list.len * sizeof(*t->intents));
	for (uint32_t i = 0; i < list.len; i++) {
		const struct value *v = &list.items[i];
		struct intent *intent = &t->intents[t->n_intents++];
		const char *action = value_get_text(v, "action", "create");

		intent->address = value_get_text(v, "address", "");
		intent->id = value_get_text(v, "id", "i1");
		intent->generation = (int)value_get_int(v, "generation", 1);
		intent->type = arena_strndup(&t->arena, intent->address, strcspn(intent->address, "."));
		for (size_t k = 0; k < i; k++) {
			if (strcmp(t->intents[k].address, intent->address) == 0)
				intent->older = &t->intents[k];
		}
		for (size_t k = 0; k < ARRAY_SIZE(actions); k++) {
			if (strcmp(actions[k], action) == 0)
				intent->action = (enum intent_action)k;
		}
	}
}

static enum presence presence_of(const char *text)
{
	return strcmp(text, "absent") == 0 ? PRESENCE_ABSENT
		: strcmp(text, "unknown") == 0 ? PRESENCE_UNKNOWN
		: strcmp(text, "untracked") == 0 ? PRESENCE_UNTRACKED : PRESENCE_PRESENT;
}

static enum ownership owner_of(const char *text)
{
	return strcmp(text, "us") == 0 ? OWNER_US : strcmp(text, "other") == 0 ? OWNER_OTHER : OWNER_NONE;
}

static struct record *record_at(struct test *t, const char *address, int64_t generation)
{
	for (size_t i = 0; i < t->n_records; i++) {
		if (strcmp(t->records[i].address, address) == 0 &&
			(!generation || t->records[i].generation == generation))
			return &t->records[i];
	}
	return NULL;
}

/* Names of what is made; "-NAME" is what goes. */
static const struct detail *details_of(struct test *t, const struct value *list)
{
	struct detail *details = arena_zalloc(&t->arena, ((list ? list->len : 0) + 1) * sizeof(*details));

	for (uint32_t i = 0; list && i < list->len; i++) {
		details[i].address = value_text(&list->items[i], "");
		details[i].removes = details[i].address[0] == '-';
		details[i].kind = details[i].removes ? DETAIL_DELETE : DETAIL_CREATE;
	}
	return details;
}

static void read_observed(struct test *t)
{
	struct value list = parse(t, "observed");

	if (list.kind != VALUE_LIST)
		return;
	t->observations = arena_zalloc(&t->arena, list.len * sizeof(*t->observations));
	for (uint32_t i = 0; i < list.len; i++) {
		const struct value *v = &list.items[i];
		const char *address = value_get_text(v, "address", "");

		t->observations[t->n_observations++] = (struct observation){
			.address = address,
			.type = type_find(arena_strndup(&t->arena, address, strcspn(address, "."))),
			.record = record_at(t, address, value_get_int(v, "generation", 0)),
			.presence = presence_of(value_get_text(v, "presence", "present")),
			.ownership = owner_of(value_get_text(v, "owner", "none")),
			.mark_intent = value_get_text(v, "intent", NULL),
			.id = value_get_text(v, "id", NULL),
			.message = value_get_text(v, "message", NULL),
			.attributes = marked(t, value_get(v, "attributes")),
			.runs = value_get_bool(v, "runs", true),
			.matches = value_get_bool(v, "matches", false),
			.health = value_get_text(v, "health", NULL),
			.replace = value_get_text(v, "replace", NULL),
			.differs = value_get_text(v, "differs", NULL),
			.later = value_get_bool(v, "later", false),
			.offers = value_get(v, "offers"),
			.details = details_of(t, value_get(v, "details")),
			.n_details = value_get(v, "details") ? value_get(v, "details")->len : 0,
			.blocked = value_get_text(v, "blocked", NULL),
			.remakes = value_get_text(v, "remakes", NULL),
			.holds = value_get_text(v, "holds", NULL),
			.loses = value_get_text(v, "loses", NULL),
		};
	}
}

static void read_strays(struct test *t)
{
	struct value list = parse(t, "strays");

	if (list.kind != VALUE_LIST)
		return;
	t->strays = arena_zalloc(&t->arena, list.len * sizeof(*t->strays));
	for (uint32_t i = 0; i < list.len; i++) {
		const char *address = value_get_text(&list.items[i], "address", "");

		t->strays[t->n_strays++] = (struct stray){
			.type = type_find(arena_strndup(&t->arena, address, strcspn(address, "."))),
			.address = address,
			.id = value_get_text(&list.items[i], "id", NULL),
			.name = value_get_text(&list.items[i], "name", NULL),
		};
	}
}

static const char *const *strings(struct test *t, const char *name)
{
	const struct value *list = value_get(&t->options, name);
	const char **out;

	if (!list || list->kind != VALUE_LIST)
		return NULL;
	out = arena_alloc(&t->arena, (list->len + 1) * sizeof(*out));
	for (uint32_t i = 0; i < list->len; i++)
		out[i] = value_text(&list->items[i], "");
	out[list->len] = NULL;
	return out;
}

/* --- the plan as text --------------------------------------------------------------------------- */

static void print_value(struct strbuf *out, const struct value *value)
{
	if (!value)
		strbuf_addstr(out, "(none)");
	else if (value->kind == VALUE_UNKNOWN)
		strbuf_addstr(out, "(known after apply)");
	else
		json_write(out, value, JSON_MASK, NULL);
}

static void print_attribute(struct strbuf *out, const struct attribute_change *a)
{
	strbuf_addf(out, "    %s: ", a->path);
	print_value(out, a->before);
	strbuf_addstr(out, " -> ");
	print_value(out, a->after);
	strbuf_addf(out, "%s%s\n", a->drift ? " [drift]" : "", a->forces_replace ? " [replaces]" : "");
}

static const char *hold_str(enum hold hold)
{
	return hold == HOLD_DATA_LOSS ? " [held: data loss]"
		: hold == HOLD_MASS_DELETE ? " [held: mass delete]" : hold ? " [held]" : "";
}

static void print_change(struct strbuf *out, const struct change *change)
{
	if (change->action == ACTION_NOOP && !change->n_reasons)
		return;
	strbuf_addf(out, "%s %s%s%s%s\n", action_str(change->action), change->address,
		change->deferred ? " [deferred]" : "", change->uncertain ? " [uncertain]" : "",
		hold_str(change->hold));
	for (size_t i = 0; i < change->n_attributes; i++)
		print_attribute(out, &change->attributes[i]);
	for (size_t i = 0; i < change->n_reasons; i++)
		strbuf_addf(out, "    because %s\n", change->reasons[i].text);
}

static void print_diags(struct strbuf *out, const struct diags *diags, const struct sources *sources,
	struct arena *arena)
{
	for (size_t i = 0; i < diags->n; i++) {
		const struct diag *diag = &diags->items[i];

		strbuf_addf(out, "%s: %s", diag->severity == SEVERITY_ERROR ? "error" : "warning",
			diag->message);
		if (diag->pos.line)
			strbuf_addf(out, " (%s)", pos_str(sources, diag->pos, arena));
		strbuf_addch(out, '\n');
		if (diag->hint)
			strbuf_addf(out, "    help: %s\n", diag->hint);
	}
}

static void print_outputs(struct strbuf *out, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_outputs; i++) {
		strbuf_addf(out, "output %s = ", plan->outputs[i].name);
		print_value(out, plan->outputs[i].after);
		strbuf_addch(out, '\n');
	}
}

static void print_plan(struct strbuf *out, const struct plan *plan)
{
	const struct plan_counts *c = &plan->counts;

	for (size_t i = 0; i < plan->n; i++)
		print_change(out, &plan->changes[i]);
	print_outputs(out, plan);
	for (size_t i = 0; i < plan->n_strays; i++)
		strbuf_addf(out, "stray %s (%s)\n", plan->strays[i].address, plan->strays[i].id);
	strbuf_addf(out, "plan: %zu to add, %zu to change, %zu to destroy\n", c->add, c->change,
		c->destroy);
}

static void run(struct test *t, struct strbuf *out)
{
	static const char *const no_env[] = {NULL};
	struct manifest_input input = {
		.directory = "/project",
		.read = read_manifest,
		.read_arg = t,
		.process_env = no_env,
	};
	struct digester digester = {.file = digest, .arg = t, .project_root = "/project", .graph = &t->graph};
	struct plan_options options = {.allow_delete = -1};
	struct planner_input in = {0};
	struct view *views = NULL;
	struct plan plan;
	struct error err = ERROR_INIT;

	t->files = parse(t, "files");
	t->options = parse(t, "options");
	if (manifest_load(&input, &t->arena, &t->manifest, &t->diags, &err) < 0 && !t->diags.errors)
		strbuf_addf(out, "error: %s\n", err.msg);
	manifest_graph(&t->manifest, &t->graph, &t->arena, &t->diags);
	if (t->diags.errors || err.code) {
		print_diags(out, &t->diags, &t->manifest.sources, &t->arena);
		return;
	}
	read_records(t);
	read_intents(t);
	read_observed(t);
	read_strays(t);
	options.targets = strings(t, "targets");
	options.no_deps = value_get_bool(&t->options, "noDeps", false);
	options.excludes = strings(t, "excludes");
	options.replaces = strings(t, "replaces");
	options.allow_data_loss = strings(t, "allowDataLoss");
	options.approvals = strings(t, "approvals");
	options.destroy = value_get_bool(&t->options, "destroy", false);
	options.volumes = value_get_bool(&t->options, "volumes", false);
	options.only_strays = value_get_bool(&t->options, "onlyStrays", false);
	options.refresh_only = value_get_bool(&t->options, "refreshOnly", false);
	options.allow_delete = (long)value_get_int(&t->options, "allowDelete", -1);
	in = (struct planner_input){
		.arena = &t->arena, .diags = &t->diags, .manifest = &t->manifest, .graph = &t->graph,
		.records = t->records, .n_records = t->n_records,
		.intents = t->intents, .n_intents = t->n_intents,
		.observations = t->observations, .n_observations = t->n_observations,
		.strays = t->strays, .n_strays = t->n_strays,
		.key = &t->key, .digester = &digester, .options = &options, .environment = "test",
	};
	if (plan_resolve(&in, &views) == 0) {
		plan_make(&in, views, &plan);
		print_plan(out, &plan);
	}
	print_diags(out, &t->diags, &t->manifest.sources, &t->arena);
}

static int update(const struct test *t, const char *text, const struct strbuf *got)
{
	const struct section *expect = section(t, "expect");
	size_t head = expect ? (size_t)(expect->text - text) : strlen(text);
	FILE *file = fopen(t->path, "w");

	if (!file)
		return -1;
	fwrite(text, 1, head, file);
	if (!expect)
		fputs("--- expect\n", file);
	fwrite(got->text, 1, got->len, file);
	return fclose(file);
}

static int run_file(const char *path, bool updating)
{
	struct test t = {.path = path};
	struct strbuf got = STRBUF_INIT;
	const char *text = read_all(&t.arena, path);
	const struct section *expect;
	int failed;

	if (!text) {
		printf("not ok %s: cannot be read\n", path);
		return 1;
	}
	hash_start();
	diags_init(&t.diags, &t.arena);
	memset(t.key.bytes, 7, sizeof(t.key.bytes));
	memcpy(t.key.id, "00000007", 9);
	split(&t, text);
	run(&t, &got);
	expect = section(&t, "expect");
	failed = !expect || expect->len != got.len || memcmp(expect->text, got.text, got.len) != 0;
	if (failed && updating)
		failed = update(&t, text, &got);
	printf("%s %s\n", failed ? "not ok" : "ok", path);
	if (failed)
		printf("expected:\n%.*sgot:\n%s", expect ? (int)expect->len : 0,
			expect ? expect->text : "", got.text);
	graph_release(&t.graph);
	strbuf_release(&got);
	arena_release(&t.arena);
	return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
	bool updating = argc > 1 && strcmp(argv[1], "--update") == 0;
	int failed = 0, n = 0;

	for (int i = updating ? 2 : 1; i < argc; i++, n++)
		failed += run_file(argv[i], updating);
	printf("%d passed, %d failed\n", n - failed, failed);
	return failed ? 1 : 0;
}
