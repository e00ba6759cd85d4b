/*
 * The plan as a person reads it: one block a change with its symbol, what it does and why; the
 * reason of an attribute's change stands on the attribute's line. Pure and in the order of the
 * plan.
 */
#include "cli/render/render.h"

#include <string.h>

enum { MARGIN = 6, PATH_WIDTH = 32 };

struct painter {
	struct strbuf *buf;
	const struct plan_view *view;
	const struct plan *plan;
	struct arena *arena; /* of this rendering */
	bool tight;          /* the last change was one line, and no empty one follows it yet */
};

static bool has_drift(const struct change *change)
{
	for (size_t i = 0; i < change->n_attributes; i++)
		if (change->attributes[i].drift)
			return true;
	return false;
}

/* What the manifest wants otherwise is no news where nothing is done about it (refresh, targets). */
static bool is_news(const struct change *change)
{
	for (size_t i = 0; i < change->n_reasons; i++)
		if (change->reasons[i].kind != REASON_CHANGED && change->reasons[i].kind != REASON_NEW)
			return true;
	return has_drift(change);
}

bool change_is_shown(const struct plan_view *view, const struct change *change)
{
	if (view->explain)
		return strcmp(change->address, view->explain) == 0;
	return change->action != ACTION_NOOP || change->hold || view->verbose || is_news(change);
}

/* ".devenv/config.yml:12:3", with its layer when that is not the project's. */
static const char *place(const struct painter *p, struct pos pos)
{
	const struct source *source = sources_get(p->view->sources, pos.source);
	const char *text = pos_str(p->view->sources, pos, p->arena);

	if (source && source->layer && strcmp(source->layer, "project") != 0 &&
		strcmp(source->layer, text) != 0)
		return arena_printf(p->arena, "%s (%s)", text, source->layer);
	return text;
}

static bool has_place(const struct painter *p, struct pos pos)
{
	return pos.source && p->view->sources && pos.source < p->view->sources->n;
}

/* "; .devenv/config.yml:12:3 with --var size" */
static void add_places(const struct painter *p, struct strbuf *note, struct pos pos)
{
	const struct sources *sources = p->view->sources;
	struct pos from;

	strbuf_addf(note, "; %s", place(p, pos));
	for (size_t k = 0; (from = sources_origin(sources, pos, k)).source; k++)
		strbuf_addf(note, "%s %s", k ? "," : " with",
			from.line ? place(p, from) : pos_str(sources, from, p->arena));
}

static const char *clean(const struct painter *p, const char *text)
{
	struct strbuf buf = STRBUF_INIT;
	const char *out;

	add_clean(&buf, text, strlen(text));
	out = arena_strdup(p->arena, buf.text);
	strbuf_release(&buf);
	return out;
}

static void add_header(struct painter *p, const struct change *change)
{
	const struct terminal *terminal = p->view->terminal;
	enum style style = action_style(change->action);
	bool unknown = false, unevaluated = false;
	const char *symbol = action_symbol(change->action);

	for (size_t i = 0; i < change->n_reasons; i++) {
		unknown |= change->reasons[i].kind == REASON_UNKNOWN;
		unevaluated |= change->reasons[i].kind == REASON_UNEVALUATED;
	}
	if ((unknown || unevaluated) && strcmp(symbol, " ") == 0)
		symbol = "?";
	add_spaces(p->buf, 3 - (int)strlen(symbol));
	paint(p->buf, terminal, style, "%s", symbol);
	strbuf_addch(p->buf, ' ');
	paint(p->buf, terminal, STYLE_BOLD, "%s", clean(p, change->address));
	if (change->record && change->record->status == RECORD_DEPOSED)
		strbuf_addf(p->buf, " (generation %d)", change->generation);
	if (unknown && change->action == ACTION_NOOP)
		strbuf_addstr(p->buf, " cannot be seen");
	else if (unevaluated && change->action == ACTION_NOOP)
		strbuf_addstr(p->buf, " (not evaluated)");
	else if (change->action == ACTION_NOOP && has_drift(change))
		strbuf_addstr(p->buf, " changed outside devenv; it is left as it is");
	else
		strbuf_addf(p->buf, " %s", action_phrase(change));
	if (change->n_reasons && change->reasons[0].kind == REASON_NEW &&
		has_place(p, change->reasons[0].pos)) {
		const char *by = change->reasons[0].by;

		paint(p->buf, terminal, STYLE_DIM, "  # %s%s%s", place(p, change->reasons[0].pos),
			by ? "; " : "", by ? clean(p, by) : "");
	}
	strbuf_addch(p->buf, '\n');
}

static bool told_by_attribute(const struct change *change, const struct reason *reason)
{
	if (reason->kind != REASON_CHANGED && reason->kind != REASON_DRIFT)
		return false;
	for (size_t i = 0; reason->path && i < change->n_attributes; i++)
		if (strcmp(change->attributes[i].path, reason->path) == 0)
			return true;
	return false;
}

static void add_reasons(struct painter *p, const struct change *change)
{
	for (size_t i = 0; i < change->n_reasons; i++) {
		const struct reason *reason = &change->reasons[i];

		if (!p->view->explain &&
			(told_by_attribute(change, reason) || reason->kind == REASON_NEW ||
				(p->view->destroy && reason->kind == REASON_REQUESTED))) /* who asked knows */
			continue;
		add_spaces(p->buf, MARGIN);
		paint(p->buf, p->view->terminal, STYLE_DIM, "# %s", clean(p, reason->text));
		if (has_place(p, reason->pos))
			paint(p->buf, p->view->terminal, STYLE_DIM, " (%s%s%s)", place(p, reason->pos),
				reason->by ? ", " : "", reason->by ? clean(p, reason->by) : "");
		strbuf_addch(p->buf, '\n');
	}
}

static const char *shown_path(const struct painter *p, const char *path)
{
	static const char digests[] = "$digests.";

	if (strncmp(path, digests, sizeof(digests) - 1) == 0)
		return arena_printf(
			p->arena, "content of %s", clean(p, path + sizeof(digests) - 1));
	return clean(p, path);
}

static bool is_text(const struct value *value)
{
	return value && value->kind == VALUE_STRING && !(value->flags & VALUE_SENSITIVE);
}

static void add_values(struct painter *p, const struct attribute_change *attribute)
{
	const struct terminal *terminal = p->view->terminal;
	struct value_style style = {terminal, p->view->redactor, MARGIN + 2};
	const struct value *before = attribute->before, *after = attribute->after;

	if (is_text(before) && is_text(after) &&
		(value_is_block(before) || value_is_block(after))) {
		strbuf_addstr(p->buf, " =");
		render_line_diff(p->buf, &style, before->text, after->text);
		return;
	}
	strbuf_addstr(p->buf, value_is_block(before ? before : after) ? " =" : " = ");
	if (before)
		render_value(p->buf, &style, before);
	if (!before || !after) {
		if (after)
			render_value(p->buf, &style, after);
		return;
	}
	strbuf_addf(p->buf, " %s", terminal_symbol(terminal, SYMBOL_ARROW));
	strbuf_addstr(p->buf, value_is_block(after) ? "" : " ");
	render_value(p->buf, &style, after);
}

/* "  # forces replacement; config.yml:3:5" */
static void add_note(struct painter *p, const struct change *change,
	const struct attribute_change *attribute)
{
	bool made = change->action == ACTION_CREATE || change->action == ACTION_ADOPT;
	struct strbuf note = STRBUF_INIT;

	if (attribute->forces_replace)
		strbuf_addstr(&note, "; forces replacement");
	if (attribute->drift)
		strbuf_addstr(&note, attribute->only_reported ? "; drift, left as it is"
							      : "; drift: changed outside devenv");
	if (has_place(p, attribute->pos) && !made && !attribute->drift)
		add_places(p, &note, attribute->pos);
	if (attribute->by && !made)
		strbuf_addf(&note, "; %s", clean(p, attribute->by));
	if (note.len)
		paint(p->buf, p->view->terminal,
			attribute->forces_replace ? STYLE_YELLOW : STYLE_DIM, "  # %s",
			note.text + 2);
	strbuf_release(&note);
}

static void add_attributes(struct painter *p, const struct change *change)
{
	int width = 0;

	for (size_t i = 0; i < change->n_attributes; i++) {
		int one = display_width(shown_path(p, change->attributes[i].path));

		if (one > width && one <= PATH_WIDTH)
			width = one;
	}
	for (size_t i = 0; i < change->n_attributes; i++) {
		const struct attribute_change *attribute = &change->attributes[i];
		const char *path = shown_path(p, attribute->path);
		enum action like = !attribute->before  ? ACTION_CREATE
				   : !attribute->after ? ACTION_DELETE
						       : ACTION_UPDATE;

		if (!attribute->before && !attribute->after)
			continue;
		if (change->action == ACTION_NOOP && !attribute->drift && !p->view->explain)
			continue;
		add_spaces(p->buf, MARGIN);
		paint(p->buf, p->view->terminal, action_style(like), "%s", action_symbol(like));
		strbuf_addf(p->buf, " %s", path);
		add_spaces(p->buf, width - display_width(path));
		add_values(p, attribute);
		add_note(p, change, attribute);
		strbuf_addch(p->buf, '\n');
	}
}

static void add_hold(struct painter *p, const struct change *change)
{
	const char *release = hold_release(change, p->plan, p->arena);

	if (!change->hold)
		return;
	add_spaces(p->buf, MARGIN);
	paint(p->buf, p->view->terminal, STYLE_YELLOW, "! held: %s",
		hold_why(change->hold));
	strbuf_addf(p->buf, "; release it with %s", release);
	if (change->approval[0] && change->hold != HOLD_STRONGER)
		strbuf_addf(p->buf, " or `devenv approve %s`", change->approval);
	strbuf_addch(p->buf, '\n');
}

static const struct change *change_of(const struct plan *plan, const char *address)
{
	for (size_t i = 0; i < plan->n; i++)
		if (strcmp(plan->changes[i].address, address) == 0)
			return &plan->changes[i];
	return NULL;
}

static void add_edges(struct painter *p, const char *what, const struct edge *edges, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const char *address = p->plan->graph->nodes[edges[i].node].resource->address;
		const struct change *other = change_of(p->plan, address);

		add_spaces(p->buf, MARGIN);
		strbuf_addf(
			p->buf, "%s %s (%s", what, clean(p, address), edge_kind_str(edges[i].kind));
		if (has_place(p, edges[i].pos))
			strbuf_addf(p->buf, ", %s", place(p, edges[i].pos));
		strbuf_addf(
			p->buf, "): %s\n", other ? action_str(other->action) : "not in the plan");
	}
}

static void add_fact(struct painter *p, const char *name, const char *text)
{
	if (!text || !*text)
		return;
	add_spaces(p->buf, MARGIN);
	strbuf_addf(p->buf, "%-10s %s\n", name, clean(p, text));
}

/* --explain: what the three inputs of the decision were. */
static void add_facts(struct painter *p, const struct change *change)
{
	const struct record *record = change->record;
	const struct observation *seen = change->observed;
	static const char *const presences[] = {
		[PRESENCE_UNKNOWN] = "unknown",
		[PRESENCE_ABSENT] = "absent",
		[PRESENCE_PRESENT] = "present",
		[PRESENCE_UNTRACKED] = "cannot be observed; what is recorded is taken for true",
	};

	add_fact(p, "desired", change->node == NODE_NONE ? "no" : "yes");
	add_fact(p, "recorded", record ? record_status_str(record->status) : "no");
	if (record) {
		add_fact(p, "id", record->id);
		add_fact(p, "endpoint", record->endpoint);
		add_fact(p, "last error", record->last_error);
	}
	add_fact(p, "observed", seen ? presences[seen->presence] : "not looked at");
	if (seen) {
		add_fact(p, "health", seen->health);
		add_fact(p, "message", seen->message);
	}
	if (change->intent)
		add_fact(p, "intent",
			arena_printf(p->arena, "%s, left by run %lld",
				intent_action_str(change->intent->action),
				(long long)change->intent->run));
	if (change->node != NODE_NONE && p->plan->graph) {
		const struct node *node = &p->plan->graph->nodes[change->node];

		add_edges(p, "needs", node->needs, node->n_needs);
		add_edges(p, "feeds", node->feeds, node->n_feeds);
	}
}

/* A block of its own; changes of which only the first line says something stand together. */
static void add_change(struct painter *p, const struct change *change)
{
	struct strbuf *out = p->buf, block = STRBUF_INIT;
	size_t header;

	p->buf = &block;
	add_header(p, change);
	header = block.len;
	add_reasons(p, change);
	if (p->view->explain)
		add_facts(p, change);
	add_attributes(p, change);
	render_details(p->buf, p->view, change);
	add_hold(p, change);
	p->buf = out;
	if (block.len > header && p->tight)
		strbuf_addch(out, '\n');
	strbuf_add(out, block.text, block.len);
	p->tight = block.len == header;
	if (!p->tight)
		strbuf_addch(out, '\n');
	strbuf_release(&block);
}

static bool output_changed(const struct output_change *output)
{
	if (!output->before || !output->after)
		return output->before != output->after;
	return !value_is_known(output->after) || !value_equal(output->before, output->after);
}

static void add_outputs(struct painter *p)
{
	struct change none = {.action = ACTION_CREATE};
	struct attribute_change *list;
	size_t n = 0;

	list = arena_zalloc(p->arena, (p->plan->n_outputs + 1) * sizeof(*list));
	for (size_t i = 0; i < p->plan->n_outputs; i++) {
		const struct output_change *output = &p->plan->outputs[i];

		if (output_changed(output))
			list[n++] = (struct attribute_change){.path = output->name,
				.before = output->before,
				.after = output->after};
	}
	if (!n)
		return;
	none.attributes = list;
	none.n_attributes = n;
	strbuf_addstr(p->buf, "Outputs:\n");
	add_attributes(p, &none);
	strbuf_addch(p->buf, '\n');
}

static void add_strays(struct painter *p)
{
	if (!p->plan->n_strays)
		return;
	strbuf_addstr(p->buf, "Not recorded, but with the mark of this environment:\n");
	for (size_t i = 0; i < p->plan->n_strays; i++) {
		const struct stray *stray = &p->plan->strays[i];

		add_spaces(p->buf, MARGIN);
		strbuf_addf(p->buf, "%s: %s (%s)\n", clean(p, stray->address),
			clean(p, stray->name ? stray->name : ""),
			clean(p, stray->id ? stray->id : ""));
	}
	strbuf_addstr(p->buf,
		"      Take one back with `devenv import ADDRESS ID`, or remove them with "
		"`devenv destroy --strays`.\n\n");
}

void render_plan(struct strbuf *buf, const struct plan_view *view, const struct plan *plan)
{
	struct arena arena = ARENA_INIT;
	struct painter p = {.buf = buf, .view = view, .plan = plan, .arena = &arena};

	for (size_t i = 0; i < plan->n && !view->brief; i++)
		if (change_is_shown(view, &plan->changes[i]))
			add_change(&p, &plan->changes[i]);
	if (p.tight)
		strbuf_addch(buf, '\n');
	if (!view->brief && !view->explain) {
		add_outputs(&p);
		add_strays(&p);
	}
	if (!view->explain)
		render_plan_summary(buf, view, plan);
	arena_release(&arena);
}
