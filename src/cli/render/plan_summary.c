/*
 * The line that ends a plan: "Plan: 2 to add, ..." or "No changes. ...", the same for a person, for
 * JSON and for a review comment.
 */
#include "cli/render/render.h"

static void add_count(struct strbuf *buf, size_t n, const char *what)
{
	if (n)
		strbuf_addf(buf, ", %zu %s", n, what);
}

/* May something shown turn out weaker? A create whose inputs are not known yet is still one. */
static bool is_up_to(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n; i++) {
		if (change_is_perhaps(&plan->changes[i]))
			return true;
	}
	return false;
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

	if (!plan->has_changes) {
		if (view->destroy)
			strbuf_addstr(buf, "No changes. There is nothing to destroy.");
		else if (view->compared)
			strbuf_addstr(buf, "No changes. Both revisions want the same.");
		else if (c->unknown)
			strbuf_addf(buf, "No changes, as far as can be seen: %zu cannot be.",
				c->unknown);
		else
			paint(buf, view->terminal, STYLE_GREEN, "No changes. %s", as_wanted(view));
		add_stopped(buf, view, c->stopped);
		strbuf_addch(buf, '\n');
		return;
	}
	paint(buf, view->terminal, STYLE_BOLD, "Plan:");
	strbuf_addf(buf, " %s%zu to add, %zu to change, %zu to destroy",
		is_up_to(plan) ? "up to " : "", c->add, c->change, c->destroy);
	add_count(buf, c->start, "to start");
	add_count(buf, c->adopt, "to adopt");
	add_count(buf, c->moved, "to move");
	add_count(buf, c->forget, "to forget");
	add_count(buf, c->record, "to record");
	strbuf_addstr(buf, ".");
	if (c->held)
		paint(buf, view->terminal, STYLE_YELLOW, " %zu held: needs approval.", c->held);
	if (c->unknown)
		strbuf_addf(buf, " %zu cannot be seen.", c->unknown);
	add_stopped(buf, view, c->stopped);
	strbuf_addch(buf, '\n');
}
