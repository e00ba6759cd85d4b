/*
 * What is said of a change: to a person, and to a program that reads JSON.
 */
#include "cli/render/render.h"

const char *hold_str(enum hold hold)
{
	static const char *const words[] = {
		[HOLD_NONE] = "none",
		[HOLD_DATA_LOSS] = "data-loss",
		[HOLD_MASS_DELETE] = "mass-delete",
		[HOLD_STRONGER] = "stronger",
	};

	return words[hold];
}

const char *reason_kind_str(enum reason_kind kind)
{
	static const char *const words[] = {
		[REASON_NEW] = "new",
		[REASON_CHANGED] = "changed",
		[REASON_DRIFT] = "drift",
		[REASON_VANISHED] = "vanished",
		[REASON_TAINTED] = "tainted",
		[REASON_REMOVED] = "removed",
		[REASON_DEPENDENCY] = "dependency",
		[REASON_TRIGGERED] = "triggered",
		[REASON_INTERRUPTED] = "interrupted",
		[REASON_FAILED] = "failed",
		[REASON_STOPPED] = "stopped",
		[REASON_UNREADY] = "unready",
		[REASON_REQUESTED] = "requested",
		[REASON_METADATA] = "metadata",
		[REASON_MOVED] = "moved",
		[REASON_DEPOSED] = "deposed",
		[REASON_UNKNOWN] = "unknown",
		[REASON_DATA_LOSS] = "dataLoss",
		[REASON_UNEVALUATED] = "notEvaluated",
	};

	return words[kind];
}

const char *hold_release(const struct change *change, const struct plan *plan, struct arena *arena)
{
	size_t deletes = 0;

	switch (change->hold) {
	case HOLD_DATA_LOSS:
		return arena_printf(arena, "--allow-data-loss %s", change->address);
	case HOLD_MASS_DELETE:
		for (size_t i = 0; i < plan->n; i++)
			deletes += plan->changes[i].action == ACTION_DELETE;
		return arena_printf(arena, "--allow-delete=%zu", deletes);
	default:
		return arena_printf(arena, "devenv approve %s", change->approval);
	}
}

enum style action_style(enum action action)
{
	switch (action) {
	case ACTION_CREATE:
	case ACTION_ADOPT:
	case ACTION_START:
		return STYLE_GREEN;
	case ACTION_UPDATE:
	case ACTION_REPLACE:
	case ACTION_STOP:
		return STYLE_YELLOW;
	case ACTION_DELETE:
		return STYLE_RED;
	default:
		return STYLE_DIM;
	}
}

const char *action_phrase(const struct change *change)
{
	switch (change->action) {
	case ACTION_CREATE:
		return "will be created";
	case ACTION_UPDATE:
		return change->deferred ? "may be updated in place" : "will be updated in place";
	case ACTION_REPLACE:
		return change_is_perhaps(change) ? "may be replaced" : "will be replaced";
	case ACTION_DELETE:
		return "will be destroyed";
	case ACTION_START:
		return "will be started";
	case ACTION_STOP:
		return "will be stopped";
	case ACTION_ADOPT:
		return "will be adopted";
	case ACTION_RECORD:
		return "needs nothing but a new record";
	case ACTION_FORGET:
		return "will be forgotten and left as it is";
	case ACTION_DROP:
		return "is gone; its record will be dropped";
	case ACTION_KEEP:
		return "is kept";
	case ACTION_NOOP:
		break;
	}
	return "needs no change";
}
