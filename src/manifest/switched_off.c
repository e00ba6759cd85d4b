/*
 * A resource that `when` switched off, or a forEach over nothing, is named by others nevertheless.
 * What has a default takes it, all instances of none are an empty list, and what only waits need
 * not wait; the rest is a mistake. Settled here, so that the graph need not know of it.
 */
#include "manifest/loading.h"
#include "model/template.h"

#include <string.h>

struct settling {
	struct loading *l;
	struct map index; /* into manifest->switched_off */
};

static const struct switched_off *find(const struct settling *s, const char *address)
{
	uint32_t at = map_get(&s->index, address);
	const struct switched_off *off;

	if (at == MAP_NONE)
		at = map_getn(&s->index, address, strcspn(address, "["));
	if (at == MAP_NONE)
		return NULL;
	off = &s->l->manifest->switched_off[at];
	return off;
}

static void report(struct settling *s, const struct switched_off *off, const struct part *part)
{
	const char *where = pos_str(&s->l->manifest->sources, off->pos, s->l->arena);

	if (off->empty)
		diag_error(s->l->diags, part->pos,
			"%s has no instances: its forEach (%s) is over nothing", off->address,
			where);
	else
		diag_error(s->l->diags, part->pos, "%s is switched off by its when: (%s)",
			off->address, where);
	diag_hint(s->l->diags, "give the reference a default, ${%s:-...}, or switch this off, too",
		part->text);
}

static enum lookup look_up(void *arg, const struct part *part, struct value *out)
{
	struct settling *s = arg;
	const struct switched_off *off;

	if (part->kind != PART_RESOURCE)
		return LOOKUP_KEEP;
	off = find(s, part->name);
	if (!off)
		return LOOKUP_KEEP;
	if (part->every && off->empty) {
		*out = value_empty_list;
		return LOOKUP_VALUE;
	}
	if (part->fallback) {
		*out = value_borrow(part->fallback);
		return LOOKUP_VALUE;
	}
	report(s, off, part);
	return LOOKUP_FAILED;
}

static const struct value *settle_value(struct settling *s, const struct value *value)
{
	struct value *settled;

	if (!value || !(value->flags & VALUE_TEMPLATE))
		return value;
	settled = arena_alloc(s->l->arena, sizeof(*settled));
	if (template_expand(value, s->l->arena, look_up, s, settled, s->l->diags) < 0)
		return value;
	return settled;
}

static size_t settle_dependencies(const struct settling *s, const struct dependency *list, size_t n)
{
	struct dependency *kept = (struct dependency *)list;
	size_t n_kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (!find(s, kept[i].address))
			kept[n_kept++] = kept[i];
	}
	return n_kept;
}

void switched_off_settle(struct loading *l)
{
	struct manifest *manifest = l->manifest;
	struct settling s = {.l = l};

	if (!manifest->n_switched_off)
		return;
	for (uint32_t i = 0; i < manifest->n_switched_off; i++)
		map_add(&s.index, manifest->switched_off[i].address, i);
	for (size_t i = 0; i < manifest->n_resources; i++) {
		struct resource *resource = &manifest->resources[i];
		struct lifecycle *lifecycle = &resource->lifecycle;
		size_t first_diag = l->diags->n;

		resource->attributes = settle_value(&s, resource->attributes);
		resource->readiness.spec = settle_value(&s, resource->readiness.spec);
		resource->n_depends_on =
			settle_dependencies(&s, resource->depends_on, resource->n_depends_on);
		lifecycle->n_replace_triggered_by = settle_dependencies(&s,
			lifecycle->replace_triggered_by, lifecycle->n_replace_triggered_by);
		for (size_t j = first_diag; j < l->diags->n; j++)
			l->diags->items[j].address = resource->address;
	}
	for (size_t i = 0; i < manifest->n_outputs; i++) {
		struct output_spec *output = (struct output_spec *)&manifest->outputs[i];

		output->value = settle_value(&s, output->value);
	}
	map_release(&s.index);
}
