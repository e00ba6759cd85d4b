/*
 * The plan for programs. No timestamps: equal plans are equal bytes. What needs nothing is left out
 * unless asked for; what is sensitive is masked.
 */
#include "cli/jsonl.h"
#include "cli/render/render.h"

#include <string.h>

static void add_place(struct strbuf *buf, const struct plan_view *view, struct pos pos)
{
	const struct source *source;

	if (!pos.source || !view->sources || pos.source >= view->sources->n)
		return;
	source = sources_get(view->sources, pos.source);
	jsonl_text(buf, "file", source->path);
	jsonl_text(buf, "layer", source->layer);
	if (pos.line)
		jsonl_number(buf, "line", pos.line);
	if (pos.column)
		jsonl_number(buf, "column", pos.column);
}

/* Where the variables in it are set. */
static void add_origins(struct strbuf *buf, const struct plan_view *view, struct pos pos)
{
	struct pos from;

	if (!view->sources || !sources_origin(view->sources, pos, 0).source)
		return;
	jsonl_open(buf, "from", '[');
	for (size_t k = 0; (from = sources_origin(view->sources, pos, k)).source; k++) {
		jsonl_open(buf, NULL, '{');
		add_place(buf, view, from);
		jsonl_close(buf, '}');
	}
	jsonl_close(buf, ']');
}

static void add_reasons(
	struct strbuf *buf, const struct plan_view *view, const struct change *change)
{
	jsonl_open(buf, "reasons", '[');
	for (size_t i = 0; i < change->n_reasons; i++) {
		const struct reason *reason = &change->reasons[i];

		jsonl_open(buf, NULL, '{');
		jsonl_text(buf, "kind", reason_kind_str(reason->kind));
		jsonl_text(buf, "text", reason->text);
		jsonl_text(buf, "path", reason->path);
		add_place(buf, view, reason->pos);
		jsonl_text(buf, "by", reason->by);
		jsonl_close(buf, '}');
	}
	jsonl_close(buf, ']');
}

static void add_attributes(struct strbuf *buf, const struct plan_view *view,
	const struct change *change)
{
	jsonl_open(buf, "attributes", '[');
	for (size_t i = 0; i < change->n_attributes; i++) {
		const struct attribute_change *attribute = &change->attributes[i];

		jsonl_open(buf, NULL, '{');
		jsonl_text(buf, "path", attribute->path);
		jsonl_value(buf, "before", attribute->before);
		jsonl_value(buf, "after", attribute->after);
		if (attribute->drift)
			jsonl_bool(buf, "drift", true);
		if (attribute->forces_replace)
			jsonl_bool(buf, "forces_replacement", true);
		add_place(buf, view, attribute->pos);
		jsonl_text(buf, "by", attribute->by);
		add_origins(buf, view, attribute->pos);
		jsonl_close(buf, '}');
	}
	jsonl_close(buf, ']');
}

static void add_hold(struct strbuf *buf, const struct plan *plan, const struct change *change)
{
	struct arena arena = ARENA_INIT;

	if (change->hold) {
		jsonl_open(buf, "hold", '{');
		jsonl_text(buf, "reason", hold_str(change->hold));
		jsonl_text(buf, "release", hold_release(change, plan, &arena));
		if (change->approval[0])
			jsonl_text(buf, "approval", change->approval);
		jsonl_close(buf, '}');
	}
	arena_release(&arena);
}

void render_change_json(struct strbuf *buf, const struct plan_view *view, const struct plan *plan,
	const struct change *change)
{
	jsonl_text(buf, "address", change->address);
	jsonl_number(buf, "generation", change->generation);
	jsonl_text(buf, "action", action_str(change->action));
	jsonl_text(buf, "previous_address", change->previous);
	if (change->deferred || change->uncertain)
		jsonl_bool(buf, "deferred", true);
	if (change->record)
		jsonl_text(buf, "id", change->record->id);
	add_reasons(buf, view, change);
	add_attributes(buf, view, change);
	render_details_json(buf, change);
	add_hold(buf, plan, change);
}

static void add_change(struct strbuf *buf, const struct plan_view *view, const struct plan *plan,
	const struct change *change)
{
	jsonl_begin(buf, "planned_change", "info", "%s: plan to %s%s", change->address,
		change_is_perhaps(change) ? "perhaps " : "", action_str(change->action));
	jsonl_open(buf, "change", '{');
	render_change_json(buf, view, plan, change);
	jsonl_close(buf, '}');
	jsonl_end(buf);
}

static void add_outputs(struct strbuf *buf, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_outputs; i++) {
		const struct output_change *output = &plan->outputs[i];

		jsonl_begin(buf, "planned_output", "info", "output %s", output->name);
		jsonl_text(buf, "name", output->name);
		jsonl_value(buf, "before", output->before);
		jsonl_value(buf, "after", output->after);
		jsonl_end(buf);
	}
}

static void add_strays(struct strbuf *buf, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_strays; i++) {
		const struct stray *stray = &plan->strays[i];

		jsonl_begin(buf, "stray", "warn", "%s: not recorded, but with our mark",
			stray->address);
		jsonl_text(buf, "address", stray->address);
		jsonl_text(buf, "resource_type", stray->type ? stray->type->name : NULL);
		jsonl_text(buf, "id", stray->id);
		jsonl_text(buf, "name", stray->name);
		jsonl_end(buf);
	}
}

static void add_summary(struct strbuf *buf, const struct plan_view *view, const struct plan *plan)
{
	const struct plan_counts *c = &plan->counts;
	struct terminal plain = {.width = 80};
	struct plan_view bare = *view;
	struct strbuf text = STRBUF_INIT;
	char hex[HASH_HEX];

	bare.terminal = &plain;
	render_plan_summary(&text, &bare, plan);
	strbuf_setlen(&text, text.len - 1);
	jsonl_begin(buf, "change_summary", "info", "%s", text.text);
	jsonl_text(buf, "operation", view->destroy ? "destroy" : "plan");
	jsonl_bool(buf, "has_changes", plan->has_changes);
	jsonl_open(buf, "changes", '{');
	jsonl_number(buf, "add", (int64_t)c->add);
	jsonl_number(buf, "change", (int64_t)c->change);
	jsonl_number(buf, "destroy", (int64_t)c->destroy);
	jsonl_number(buf, "start", (int64_t)c->start);
	jsonl_number(buf, "adopt", (int64_t)c->adopt);
	jsonl_number(buf, "forget", (int64_t)c->forget);
	jsonl_number(buf, "record", (int64_t)c->record);
	jsonl_number(buf, "move", (int64_t)c->moved);
	jsonl_number(buf, "deferred", (int64_t)c->deferred);
	jsonl_number(buf, "noop", (int64_t)c->noop);
	jsonl_number(buf, "drifted", (int64_t)c->drifted);
	jsonl_number(buf, "unknown", (int64_t)c->unknown);
	jsonl_number(buf, "held", (int64_t)c->held);
	jsonl_number(buf, "stopped", (int64_t)c->stopped);
	jsonl_close(buf, '}');
	jsonl_text(buf, "plan_hash", hash_hex(&plan->hash, hex));
	jsonl_end(buf);
	strbuf_release(&text);
}

void render_plan_json(struct strbuf *buf, const struct plan_view *view, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n && !view->brief; i++)
		if (change_is_shown(view, &plan->changes[i]))
			add_change(buf, view, plan, &plan->changes[i]);
	if (!view->brief && !view->explain) {
		add_outputs(buf, plan);
		add_strays(buf, plan);
	}
	add_summary(buf, view, plan);
}
