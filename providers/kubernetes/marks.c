/*
 * Marks. The environment is a label, because labels can be searched for; the rest are annotations,
 * because an address has characters that a label must not have. They change with each apply: `intent`
 * names the last one that touched the object.
 */
#include "providers/kubernetes/kubernetes.h"

#include <string.h>

/* `map` with `texts` put over it. */
static struct value with_texts(struct arena *arena, const struct value *map,
	const struct value *texts)
{
	struct value_builder out;

	builder_init(&out, arena);
	for (uint32_t i = 0; map && map->kind == VALUE_MAP && i < map->len; i++)
		if (!value_get(texts, map->members[i].key))
			builder_put(&out, map->members[i].key, map->members[i].value);
	for (uint32_t i = 0; i < texts->len; i++)
		builder_put(&out, texts->members[i].key, texts->members[i].value);
	return builder_map(&out);
}

static struct value labels_of(struct kube *kube, const struct value *own)
{
	struct value_builder labels;
	struct value mark;

	builder_init(&labels, kube->arena);
	builder_put_str(&labels, KUBE_LABEL_ENVIRONMENT, kube->env->environment);
	if (!value_get(own, KUBE_LABEL_MANAGED)) /* a chart's output says "Helm": that is its word */
		builder_put_str(&labels, KUBE_LABEL_MANAGED, KUBE_MANAGER);
	mark = builder_map(&labels);
	return with_texts(kube->arena, own, &mark);
}

static struct value notes_of(struct kube *kube, const struct value *own, const char *address,
	int generation)
{
	const struct provider_env *env = kube->env;
	struct value_builder notes;
	struct value mark;

	builder_init(&notes, kube->arena);
	builder_put_str(&notes, KUBE_NOTE_ADDRESS, address);
	builder_put_str(&notes, KUBE_NOTE_GENERATION, kube_printf(kube, "%d", generation));
	if (env->intent)
		builder_put_str(&notes, KUBE_NOTE_INTENT, env->intent);
	builder_put_str(&notes, KUBE_NOTE_STATE, env->state_id);
	builder_put_str(&notes, KUBE_NOTE_PROJECT, env->project);
	mark = builder_map(&notes);
	return with_texts(kube->arena, own, &mark);
}

struct value kube_marked(struct kube *kube, const struct kube_object *object, const char *address,
	int generation)
{
	const struct value *metadata = value_get(object->value, "metadata");
	struct value_builder part;
	struct value changed, whole;

	builder_init(&part, kube->arena);
	if (object->namespaced)
		builder_put_str(&part, "namespace", object->namespace);
	builder_put(&part, "labels", labels_of(kube, value_get(metadata, "labels")));
	builder_put(&part, "annotations", notes_of(kube, value_get(metadata, "annotations"), address,
		generation));
	changed = builder_map(&part);
	whole = with_texts(kube->arena, metadata, &changed);
	builder_init(&part, kube->arena);
	builder_put(&part, "metadata", whole);
	changed = builder_map(&part);
	return with_texts(kube->arena, object->value, &changed);
}

struct kube_mark kube_mark(const struct value *object)
{
	const struct value *metadata = value_get(object, "metadata");
	const struct value *labels = value_get(metadata, "labels");
	const struct value *notes = value_get(metadata, "annotations");

	return (struct kube_mark){
		.environment = value_get_text(labels, KUBE_LABEL_ENVIRONMENT, NULL),
		.address = value_get_text(notes, KUBE_NOTE_ADDRESS, NULL),
		.intent = value_get_text(notes, KUBE_NOTE_INTENT, NULL),
		.state = value_get_text(notes, KUBE_NOTE_STATE, NULL),
		.project = value_get_text(notes, KUBE_NOTE_PROJECT, NULL),
	};
}

bool kube_is_ours(const struct kube *kube, const struct kube_mark *mark)
{
	return mark->environment && mark->address && mark->state && *mark->environment &&
	       !strcmp(mark->environment, kube->env->environment) &&
	       !strcmp(mark->state, kube->env->state_id);
}

enum ownership kube_owner(const struct kube *kube, const struct value *object,
	const char *address, const char **message)
{
	struct kube_mark mark = kube_mark(object);
	const char *what = mark.address ? mark.address : "something";

	if (!mark.environment)
		return OWNER_NONE;
	if (kube_is_ours(kube, &mark)) {
		if (!address || !strcmp(mark.address, address))
			return OWNER_US;
		*message = arena_printf(kube->arena, "%s of this environment", what);
	} else if (!strcmp(mark.environment, kube->env->environment)) {
		*message = arena_printf(kube->arena,
			"%s of this environment as another home (state %s) knows it", what,
			mark.state ? mark.state : "unknown");
	} else {
		*message = arena_printf(kube->arena, "%s of environment %s (project %s)", what,
			mark.environment, mark.project ? mark.project : "?");
	}
	return OWNER_OTHER;
}

const char *kube_marked_as(struct record *record)
{
	return value_get_text(record_outputs(record, NULL), "address", record->address);
}
