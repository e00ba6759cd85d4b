/*
 * What a saved plan would do, thing by thing, from `show -json`. Secrets are in clear there: what
 * the program knows to be sensitive is flagged before anybody sees it.
 */
#include "providers/terraform/terraform.h"

#include "model/json.h"

#include <stdlib.h>
#include <string.h>

struct reader {
	struct arena *arena;
	const struct value *drifted; /* resource_drift */
	struct detail *details;
	size_t n, cap;
	bool strange; /* something lacks what all of them have */
};

static bool is_list(const struct value *value)
{
	return value && value->kind == VALUE_LIST;
}

static bool has_action(const struct value *change, const char *action)
{
	const struct value *actions = value_get(change, "actions");

	for (uint32_t i = 0; actions && actions->kind == VALUE_LIST && i < actions->len; i++) {
		if (strcmp(value_text(&actions->items[i], ""), action) == 0)
			return true;
	}
	return false;
}

/* true, or a container with a true in it. */
static bool is_marked(const struct value *marks)
{
	if (!marks)
		return false;
	if (marks->kind == VALUE_BOOL)
		return marks->boolean;
	for (uint32_t i = 0; marks->kind == VALUE_LIST && i < marks->len; i++) {
		if (is_marked(&marks->items[i]))
			return true;
	}
	for (uint32_t i = 0; marks->kind == VALUE_MAP && i < marks->len; i++) {
		if (is_marked(&marks->members[i].value))
			return true;
	}
	return false;
}

static const struct value *member_of(const struct value *map, const char *key)
{
	return map && map->kind == VALUE_MAP ? value_get(map, key) : NULL;
}

/* NULL for null: not set. */
static const struct value *shown(struct arena *arena, const struct value *value,
	const struct value *sensitive)
{
	struct value *copy;

	if (!value || value->kind == VALUE_NULL)
		return NULL;
	if (!is_marked(sensitive) && !(sensitive && sensitive->kind == VALUE_BOOL && sensitive->boolean))
		return value;
	copy = arena_alloc(arena, sizeof(*copy));
	*copy = value_sensitive(*value);
	return copy;
}

static bool is_replacing(const struct value *change, const char *key)
{
	const struct value *paths = value_get(change, "replace_paths");

	for (uint32_t i = 0; paths && paths->kind == VALUE_LIST && i < paths->len; i++) {
		const struct value *path = &paths->items[i];

		if (path->kind == VALUE_LIST && path->len && strcmp(value_text(&path->items[0], ""), key) == 0)
			return true;
	}
	return false;
}

struct values {
	struct detail_value *items;
	size_t n, cap;
};

static void add_value(struct reader *r, struct values *values, const struct value *change,
	const char *key)
{
	const struct value *before = shown(r->arena, member_of(value_get(change, "before"), key),
		member_of(value_get(change, "before_sensitive"), key));
	const struct value *after = shown(r->arena, member_of(value_get(change, "after"), key),
		member_of(value_get(change, "after_sensitive"), key));

	if (is_marked(member_of(value_get(change, "after_unknown"), key)))
		after = &value_unknown;
	if ((!before && !after) || (before && after && value_equal(before, after)))
		return;
	for (size_t i = 0; i < values->n; i++) {
		if (strcmp(values->items[i].path, key) == 0)
			return;
	}
	ARENA_GROW(r->arena, values->items, values->n, values->cap);
	values->items[values->n++] = (struct detail_value){
		.path = key,
		.before = before,
		.after = after,
		.forces_replace = is_replacing(change, key),
	};
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct detail_value *)a)->path, ((const struct detail_value *)b)->path);
}

static void add_values(struct reader *r, struct detail *detail, const struct value *change)
{
	static const char *const maps[] = {"before", "after", "after_unknown"};
	struct values values = {0};

	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		const struct value *map = value_get(change, maps[i]);

		for (uint32_t k = 0; map && map->kind == VALUE_MAP && k < map->len; k++)
			add_value(r, &values, change, map->members[k].key);
	}
	if (values.n)
		qsort(values.items, values.n, sizeof(*values.items), by_path);
	detail->values = values.items;
	detail->n_values = values.n;
}

static bool is_drifted(const struct reader *r, const char *address)
{
	for (uint32_t i = 0; r->drifted && r->drifted->kind == VALUE_LIST && i < r->drifted->len; i++) {
		if (strcmp(value_get_text(&r->drifted->items[i], "address", ""), address) == 0)
			return true;
	}
	return false;
}

/* -1: nothing is done. */
static int kind_of(const struct value *resource, const struct value *change)
{
	bool creates = has_action(change, "create"), deletes = has_action(change, "delete");

	if (creates && deletes)
		return DETAIL_REPLACE;
	if (creates)
		return DETAIL_CREATE;
	if (deletes)
		return DETAIL_DELETE;
	if (has_action(change, "update"))
		return DETAIL_UPDATE;
	if (has_action(change, "forget"))
		return DETAIL_FORGET;
	if (value_get(change, "importing"))
		return DETAIL_IMPORT;
	return value_get(resource, "previous_address") ? DETAIL_MOVE : -1;
}

static struct detail *add(struct reader *r, int kind, const char *address)
{
	ARENA_GROW(r->arena, r->details, r->n, r->cap);
	r->details[r->n] = (struct detail){.kind = (enum detail_kind)kind, .address = address};
	return &r->details[r->n++];
}

static void read_resource(struct reader *r, const struct value *resource)
{
	const struct value *change = value_get(resource, "change");
	int kind = kind_of(resource, change);
	const char *address = value_get_text(resource, "address", "?");
	struct detail *detail;

	r->strange = r->strange || !is_list(value_get(change, "actions"));
	if (kind < 0 || strcmp(value_get_text(resource, "mode", "managed"), "managed") != 0)
		return;
	detail = add(r, kind, address);
	detail->previous = value_get_text(resource, "previous_address", NULL);
	detail->drift = is_drifted(r, address);
	/* A half-made one that a dead run left is made anew: nothing is lost with it. */
	detail->removes = (kind == DETAIL_DELETE || kind == DETAIL_REPLACE) &&
		strcmp(value_get_text(resource, "action_reason", ""), "replace_because_tainted") != 0;
	if (kind != DETAIL_DELETE && kind != DETAIL_FORGET)
		add_values(r, detail, change);
}

/* "output NAME", with one value. */
static void read_output(struct reader *r, const char *name, const struct value *change)
{
	int kind = kind_of(change, change);
	struct detail_value *value;
	struct detail *detail;

	r->strange = r->strange || !is_list(value_get(change, "actions"));
	if (kind < 0)
		return;
	value = arena_zalloc(r->arena, sizeof(*value));
	value->path = "value";
	value->before = shown(r->arena, value_get(change, "before"),
		value_get(change, "before_sensitive"));
	value->after = is_marked(value_get(change, "after_unknown")) ? &value_unknown
		: shown(r->arena, value_get(change, "after"), value_get(change, "after_sensitive"));
	detail = add(r, kind, arena_printf(r->arena, "output %s", name));
	detail->values = value;
	detail->n_values = value->before || value->after;
}

/* What is misread here is applied without having been shown, or held: a format of another major number, which
   may say it in other words, is refused. */
static int check_format(const struct value *plan, struct error *err)
{
	const char *format = value_get_text(plan, "format_version", NULL);
	const struct value *resources = value_get(plan, "resource_changes");
	const struct value *outputs = value_get(plan, "output_changes");

	if (!format)
		return error_set(err, ERROR_FAILED, "it says something else than a plan");
	if (strncmp(format, "1.", 2) != 0)
		return error_set(err, ERROR_FAILED, "its format %.20s is not known here, 1.x is: name an older "
			"program in `binary`", format);
	if ((resources && !is_list(resources)) || (outputs && outputs->kind != VALUE_MAP))
		return error_set(err, ERROR_FAILED, "its changes are in no list");
	return 0;
}

int terraform_read_plan(struct arena *arena, const char *text, size_t len, struct plan_told *out,
	struct error *err)
{
	struct value *plan = arena_alloc(arena, sizeof(*plan));
	const struct value *resources, *outputs, *root;
	struct reader r = {.arena = arena};

	*out = (struct plan_told){.plan = plan};
	if (json_parse(text, len, arena, NULL, plan, err) || check_format(plan, err))
		return -1;
	resources = value_get(plan, "resource_changes");
	outputs = value_get(plan, "output_changes");
	r.drifted = value_get(plan, "resource_drift");
	for (uint32_t i = 0; resources && i < resources->len; i++)
		read_resource(&r, &resources->items[i]);
	for (uint32_t i = 0; outputs && i < outputs->len; i++)
		read_output(&r, outputs->members[i].key, &outputs->members[i].value);
	if (r.strange)
		return error_set(err, ERROR_FAILED, "it does not say of every change what is done");
	out->details = r.details;
	out->n = r.n;
	root = value_path(plan, "configuration.root_module");
	if (root)
		out->offers = value_get(root, "outputs") ? value_get(root, "outputs") : &value_empty_map;
	for (size_t i = 0; i < r.n && !out->loses; i++)
		out->loses = r.details[i].removes ? r.details[i].address : NULL;
	return 0;
}

/* The program takes one that is in no block `variable` for a warning, which nobody would see. */
static int check_variables(const struct terraform *tf, const struct value *plan, struct error *err)
{
	const struct value *root = value_path(plan, "configuration.root_module");
	const struct value *declared = value_get(root, "variables"), *given = value_get(tf->inputs, "variables");

	for (uint32_t i = 0; root && given && given->kind == VALUE_MAP && i < given->len; i++) {
		struct nearest nearest = {.word = given->members[i].key};

		if (value_get(declared, nearest.word))
			continue;
		for (uint32_t k = 0; declared && k < declared->len; k++)
			nearest_try(&nearest, declared->members[k].key);
		return error_set(err, ERROR_INVALID, "the module declares no variable \"%s\"%s%s%s", nearest.word,
			nearest.best ? ": did you mean \"" : "", nearest.best ? nearest.best : "",
			nearest.best ? "\"?" : "");
	}
	return 0;
}

int terraform_details(struct terraform *tf, struct observation *item, struct prepared *prepared,
	struct error *err)
{
	const char *const args[] = {"show", "-json", tf->plan, NULL};
	struct said cleanup_said said = SAID_INIT;
	struct plan_told told;

	if (terraform_run(tf, args, &said, err))
		return -1;
	if (said.status)
		return terraform_failed(&said, "cannot read the plan of the module", err);
	if (terraform_read_plan(tf->arena, said.out, strlen(said.out), &told, err))
		return error_wrap(err, "cannot read the plan of the module as %s shows it", tf->program);
	if (check_variables(tf, told.plan, err))
		return -1;
	prepared->loses_track = terraform_loses_track(tf->inputs, told.plan);
	prepared->removes = told.loses != NULL;
	if (item) {
		item->details = told.details;
		item->n_details = told.n;
		item->loses = told.loses ? told.loses : item->loses;
		item->offers = told.offers;
	}
	return 0;
}
