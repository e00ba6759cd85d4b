/*
 * The line that ends a plan: "Plan: 2 to add, ..." or "No changes. ...", the same for a person, for
 * JSON and for a review comment.
 */
#include "cli/render/render.h"

/* Before a count of which something may turn out weaker than it is shown. */
static const char *up_to(const struct plan *plan, enum action action)
{
	for (size_t i = 0; i < plan->n; i++) {
		if (plan->changes[i].action == action && change_is_perhaps(&plan->changes[i]))
			return "up to ";
	}
	return "";
}

static void add_count(struct strbuf *buf, const char *some, size_t n, const char *what)
{
	if (n)
		strbuf_addf(buf, ", %s%zu %s", some, n, what);
}

/* It is said of what was looked at, and of no more. */
static const char *as_wanted(const struct plan_view *view)
{
	if (view->refresh_only)
		return "What is recorded is still there.";
	if (view->part)
		return "This part of your environment matches the manifest.";
	return "Your environment matches the manifest.";
}

static void add_stopped(struct strbuf *buf, const struct plan_view *view, size_t n)
{
	if (n && !view->destroy && !view->refresh_only)
		strbuf_addf(buf, " %zu stay%s stopped until `devenv start`.", n, n == 1 ? "s" : "");
}

void render_plan_summary(struct strbuf *buf, const struct plan_view *view, const struct plan *plan)
{
	const struct plan_counts *c = &plan->counts;
	const char *replaced;

	if (!plan->has_changes) {
		if (view->compared)
			strbuf_addstr(buf, "No changes. Both revisions want the same.");
		else if (c->unknown)
			strbuf_addf(buf, "No changes, as far as can be seen: %zu cannot be.",
				c->unknown);
		else if (view->destroy)
			strbuf_addstr(buf, "No changes. There is nothing to destroy.");
		else
			paint(buf, view->terminal, STYLE_GREEN, "No changes. %s", as_wanted(view));
		add_stopped(buf, view, c->stopped);
		strbuf_addch(buf, '\n');
		return;
	}
	paint(buf, view->terminal, STYLE_BOLD, "Plan:");
	replaced = up_to(plan, ACTION_REPLACE);
	strbuf_addf(buf, " %s%zu to add, %s%zu to change, %s%zu to destroy", replaced, c->add,
		up_to(plan, ACTION_UPDATE), c->change, replaced, c->destroy);
	add_count(buf, up_to(plan, ACTION_START), c->start, "to start");
	add_count(buf, up_to(plan, ACTION_ADOPT), c->adopt, "to adopt");
	add_count(buf, "", c->moved, "to move");
	add_count(buf, "", c->forget, "to forget");
	add_count(buf, "", c->record, "to record");
	strbuf_addstr(buf, ".");
	if (c->held)
		paint(buf, view->terminal, STYLE_YELLOW, " %zu held: needs approval.", c->held);
	if (c->unknown)
		strbuf_addf(buf, " %zu cannot be seen.", c->unknown);
	add_stopped(buf, view, c->stopped);
	strbuf_addch(buf, '\n');
}
