/* Recorded and no longer desired: destroyed, dropped, forgotten or kept. */
#include "engine/plan/diff_internal.h"

static void removed_reason(const struct diff_input *in, struct change *change)
{
	if (in->record->status == RECORD_DEPOSED)
		change_reason(change, in->arena, REASON_DEPOSED, NULL, POS_NONE,
			"it is an old generation that was replaced");
	else if (in->options->destroy)
		change_reason(change, in->arena, REASON_REQUESTED, NULL, POS_NONE, "%s",
			in->options->targets ? "--target names it, or what it needs"
			: in->options->excludes ? "everything but what --exclude keeps is destroyed"
			: "everything is destroyed");
	else
		change_reason(change, in->arena, REASON_REMOVED, NULL, POS_NONE,
			"it is no longer in the manifest");
}

static void diff_delete(const struct diff_input *in, struct change *change)
{
	const struct type *type = type_find(in->record->type);

	if (meta_flag(in->record, "retain") && in->record->status != RECORD_DEPOSED) {
		change->action = ACTION_FORGET;
		change_reason(change, in->arena, REASON_METADATA, NULL, POS_NONE,
			"lifecycle.retain: it stays and is forgotten");
		return;
	}
	if (in->options->destroy && !in->options->volumes && in->observed && in->observed->holds) {
		change->action = ACTION_KEEP;
		change_reason(change, in->arena, REASON_DATA_LOSS, NULL, POS_NONE,
			"it holds data (%s) and is kept; --volumes destroys it too", in->observed->holds);
		return;
	}
	if (in->options->destroy && type && type->flags & TYPE_PERSISTENT && !in->options->volumes) {
		change->action = ACTION_KEEP;
		change_reason(change, in->arena, REASON_DATA_LOSS, NULL, POS_NONE,
			"it holds data and is kept; --volumes destroys it too");
		return;
	}
	change->action = ACTION_DELETE;
	if (meta_flag(in->record, "preventDestroy"))
		diff_problem(in, change,
			"take preventDestroy out and apply, then remove it; or `devenv forget` it",
			"%s would be destroyed, but lifecycle.preventDestroy forbids it", change->address);
}

void diff_removed(const struct diff_input *in, struct change *change)
{
	removed_reason(in, change);
	if (diff_unreadable(in->record)) {
		diff_keep(in, change, ACTION_KEEP);
		return;
	}
	switch (diff_presence(in)) {
	case PRESENCE_ABSENT:
		change->action = ACTION_DROP;
		if (!diff_home_goes(in))
			change_reason(change, in->arena, REASON_VANISHED, NULL, POS_NONE, "it is gone already");
		else
			change_reason(change, in->arena, REASON_DEPENDENCY, in->home->address, POS_NONE,
				"it goes with %s", in->home->address);
		if (diff_home_goes(in) && meta_flag(in->record, "preventDestroy") &&
			in->home->action != ACTION_CREATE && in->home->action != ACTION_DROP)
			diff_problem(in, change, "take preventDestroy out and apply, then try again",
				"%s would go with %s, but lifecycle.preventDestroy forbids it", change->address,
				in->home->address);
		return;
	case PRESENCE_UNKNOWN:
		change->action = ACTION_KEEP;
		change_reason(change, in->arena, REASON_UNKNOWN, NULL, POS_NONE,
			"it cannot be seen: %s; the delete is pending", diff_seen(in));
		return;
	case PRESENCE_PRESENT:
	case PRESENCE_UNTRACKED:
		diff_delete(in, change);
		return;
	}
}
