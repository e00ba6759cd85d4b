/*
 * Desired and not recorded: made, taken over because an earlier run of ours made it, or refused because
 * somebody else did.
 */
#include "engine/plan/diff_internal.h"
#include "engine/plan/within.h"

#include <string.h>

/* An interrupted command that nobody can look at: the user said what to do then. */
static void diff_interrupted_blind(const struct diff_input *in, struct change *change)
{
	const char *what = value_get_text(in->inputs, "onInterrupt", "rerun");

	diff_create(in, change);
	if (strcmp(what, "fail") == 0) {
		diff_problem(in, change,
			"find out what it did; then set onInterrupt: assumeDone takes it for done, rerun does it again",
			"%s was interrupted and cannot be observed (onInterrupt: fail)", change->address);
	} else if (strcmp(what, "assumeDone") == 0) {
		change->action = ACTION_RECORD;
		change_reason(change, in->arena, REASON_INTERRUPTED, NULL, POS_NONE,
			"its last run was interrupted; onInterrupt: assumeDone takes it for done");
	} else {
		change_reason(change, in->arena, REASON_INTERRUPTED, NULL, POS_NONE,
			"its last run was interrupted and cannot be observed: it runs again");
	}
}

/* The command that takes what is there, ready to be pasted into a shell. */
static const char *import_command(const struct diff_input *in, const struct change *change,
	const char *option)
{
	const char *id = in->observed->id ? in->observed->id : "ID";
	const char *quote = strpbrk(change->address, "[\" ") ? "'" : "";
	const char *id_quote = strpbrk(id, " \"$&;()<>|*?") ? "'" : "";

	return arena_printf(in->arena, "devenv import %s%s%s%s %s%s%s", option, quote, change->address,
		quote, id_quote, id, id_quote);
}

static void diff_foreign(const struct diff_input *in, struct change *change)
{
	const struct observation *seen = in->observed;

	change->action = ACTION_CREATE;
	if (seen->ownership == OWNER_OTHER) {
		diff_problem(in, change,
			arena_printf(in->arena, "choose another name, or take it over with `%s`",
				import_command(in, change, "--take-over ")),
			"%s exists already and belongs to %s", change->address,
			seen->message ? seen->message : "another environment");
	} else if (seen->ownership == OWNER_US) {
		diff_problem(in, change,
			arena_printf(in->arena, "take it back with `%s`", import_command(in, change, "")),
			"%s exists with our mark but is not recorded (%s)", change->address,
			seen->id ? seen->id : "no id");
	} else {
		diff_problem(in, change, seen->id ? arena_printf(in->arena, "import it (`%s`), set `adopt: true` "
				"where the type has it, or choose another name", import_command(in, change, ""))
			: "set `adopt: true` where the type has it, or choose another name",
			"%s exists already and is not ours (%s)", change->address,
			seen->id ? seen->id : diff_seen(in));
	}
}

static bool is_from_open_intent(const struct diff_input *in)
{
	for (const struct intent *intent = in->intent; intent; intent = intent->older) {
		if (in->observed->mark_intent && strcmp(in->observed->mark_intent, intent->id) == 0)
			return true;
	}
	return false;
}

void diff_new(const struct diff_input *in, struct change *change)
{
	const struct observation *seen = in->observed;

	switch (diff_presence(in)) {
	case PRESENCE_UNTRACKED:
		if (in->intent && in->intent->action == INTENT_CREATE) {
			diff_interrupted_blind(in, change);
			return;
		}
		break;
	case PRESENCE_ABSENT:
		break;
	case PRESENCE_UNKNOWN:
		if (in->home && within_wakes(in->home)) {
			diff_create(in, change);
			change->deferred = true; /* looked at when its home runs */
			change_reason(change, in->arena, REASON_NEW, NULL, diff_resource(in)->pos,
				"it is in the manifest and not recorded; it is looked for when %s runs",
				in->home->address);
			return;
		}
		change->action = ACTION_CREATE;
		diff_problem(in, change, "make it reachable, or leave it out with --exclude",
			"%s cannot be planned: it cannot be seen whether it exists: %s", change->address,
			diff_seen(in));
		diag_cause(in->diags, diff_seen(in));
		return;
	case PRESENCE_PRESENT:
		if (seen->ownership == OWNER_US && is_from_open_intent(in)) {
			diff_create(in, change);
			change->action = ACTION_ADOPT;
			change_reason(change, in->arena, REASON_INTERRUPTED, NULL, POS_NONE,
				"an earlier run made it and did not come to record it");
		} else if (seen->ownership != OWNER_OTHER && value_get_bool(in->inputs, "adopt", false)) {
			diff_create(in, change);
			change->action = ACTION_ADOPT;
			change_reason(change, in->arena, REASON_NEW, NULL, diff_resource(in)->pos,
				"it exists, and `adopt: true` takes it over");
		} else {
			diff_foreign(in, change);
		}
		return;
	}
	diff_create(in, change);
	change_reason(change, in->arena, in->intent ? REASON_INTERRUPTED : REASON_NEW, NULL,
		diff_resource(in)->pos,
		in->intent ? "an earlier run did not come to make it"
			   : "it is in the manifest and not recorded");
}
