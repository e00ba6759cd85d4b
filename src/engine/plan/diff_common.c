/* What every decision says in the same way: reasons, mistakes, what is seen, what is made. */
#include "engine/plan/diff_internal.h"
#include "engine/plan/within.h"

#include <stdarg.h>
#include <string.h>

void change_reason(struct change *change, struct arena *arena, enum reason_kind kind,
	const char *path, struct pos pos, const char *fmt, ...)
{
	struct reason *reasons = arena_alloc(arena, (change->n_reasons + 1) * sizeof(*reasons));
	va_list ap;

	if (change->n_reasons)
		memcpy(reasons, change->reasons, change->n_reasons * sizeof(*reasons));
	va_start(ap, fmt);
	reasons[change->n_reasons] = (struct reason){
		.kind = kind,
		.text = arena_vprintf(arena, fmt, ap),
		.path = path,
		.pos = pos,
	};
	va_end(ap);
	change->reasons = reasons;
	change->n_reasons++;
}

const struct resource *diff_resource(const struct diff_input *in)
{
	return in->graph->nodes[in->node].resource;
}

void diff_problem(const struct diff_input *in, const struct change *change, const char *hint,
	const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	diag_error(in->diags, in->node == NODE_NONE ? POS_NONE : diff_resource(in)->pos, "%s",
		arena_vprintf(in->arena, fmt, ap));
	va_end(ap);
	diag_address(in->diags, change->address);
	if (hint)
		diag_hint(in->diags, "%s", hint);
}

const char *diff_seen(const struct diff_input *in)
{
	return in->observed && in->observed->message ? in->observed->message : "no reason was given";
}

bool diff_unreadable(const struct record *record)
{
	const struct type *type = type_find(record->type);

	return !type || record->type_version == RECORD_DAMAGED || record->type_version > type->version;
}

void diff_keep(const struct diff_input *in, struct change *change, enum action action)
{
	bool damaged = in->record->type_version == RECORD_DAMAGED;

	change->action = action;
	change->unreadable = true;
	if (damaged)
		change_reason(change, in->arena, REASON_UNKNOWN, NULL, POS_NONE, "its record is damaged");
	else
		change_reason(change, in->arena, REASON_UNKNOWN, NULL, POS_NONE,
			"this version of devenv does not know how it was recorded (%s, version %d)",
			in->record->type, in->record->type_version);
	diag_warning(in->diags, in->node == NODE_NONE ? POS_NONE : diff_resource(in)->pos,
		damaged ? "the record of %s is damaged: it is left alone"
			: "%s was recorded by another version of devenv: it is left alone",
		in->record->address);
	diag_hint(in->diags, damaged ? "`devenv forget %s`, then import it, or put a copy of the database back"
		: "use that version, or `devenv forget %s`", in->record->address);
	diag_address(in->diags, change->address);
}

bool diff_home_goes(const struct diff_input *in)
{
	return in->home && within_goes(in->home);
}

enum presence diff_presence(const struct diff_input *in)
{
	if (diff_home_goes(in))
		return PRESENCE_ABSENT;
	return in->observed ? in->observed->presence : PRESENCE_UNTRACKED;
}

/* All attributes of something that is to be made, so that the plan shows them. */
static void list_all(const struct diff_input *in, struct change *change)
{
	struct attribute_list list = {
		.arena = in->arena, .type = diff_resource(in)->type, .key = in->key};

	inputs_compare(&list, NULL, in->inputs);
	for (size_t i = 0; i < list.n; i++)
		list.items[i].forces_replace = false;
	change->attributes = list.items;
	change->n_attributes = list.n;
}

void diff_create(const struct diff_input *in, struct change *change)
{
	change->action = ACTION_CREATE;
	list_all(in, change);
}
