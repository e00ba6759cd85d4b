/*
 * A release as a whole: what helm says of it (its chart, the objects of its manifest), and those objects
 * as the cluster has them, which become the inventory of the record.
 */
#include "providers/helm/helm.h"

#include <stdlib.h>
#include <string.h>

/* A line of its own between what can have several. */
#define MARK "\n----- devenv -----\n"

static const char template[] =
	"{{.Release.Version}}\n{{.Release.Chart.Metadata.Name}}\n{{.Release.Chart.Metadata.Version}}\n"
	"{{.Release.Chart.Metadata.AppVersion}}\n"
	"{{range .Release.Chart.CRDObjects}}\n---\n{{printf \"%s\" .File.Data}}{{end}}" MARK
	"{{.Release.Manifest}}";

/* The line at *at, which moves behind it. */
static const char *line(struct arena *arena, const char **at)
{
	size_t len = strcspn(*at, "\n");
	const char *text = arena_strndup(arena, *at, len);

	*at += len + ((*at)[len] == '\n');
	return text;
}

/* What helm could read it has read more generously than we do: what is left out is only not watched. */
static void objects(struct kube *kube, const char *text, struct kube_objects *out)
{
	kube_objects_read(kube->arena, NULL, "manifest", text, strlen(text), out, NULL);
}

static const char *const *names_of(struct kube *kube, const char *definitions)
{
	struct kube_objects found = {0};
	const char **names;

	objects(kube, definitions, &found);
	names = arena_alloc(kube->arena, (found.n + 1) * sizeof(*names));
	for (size_t i = 0; i < found.n; i++)
		names[i] = found.items[i].name;
	names[found.n] = NULL;
	return names;
}

int helm_release_parse(struct kube *kube, const char *text, struct helm_release *out, struct error *err)
{
	const char *mark, *number = line(kube->arena, &text);
	char *end;

	*out = (struct helm_release){.revision = strtoll(number, &end, 10)};
	out->chart = line(kube->arena, &text);
	out->chart_version = line(kube->arena, &text);
	out->app_version = line(kube->arena, &text);
	mark = strstr(text, MARK);
	if (out->revision < 1 || *end || !*out->chart || !mark)
		return error_set(err, ERROR_FAILED, "helm says something else than what it was asked for%s%.60s",
			*number ? ": " : "", number);
	out->definitions = names_of(kube, arena_strndup(kube->arena, text, (size_t)(mark - text)));
	objects(kube, mark + strlen(MARK), &out->objects);
	return 0;
}

int helm_read(struct helm *helm, const char *namespace, const char *name,
	struct helm_release *out, struct error *err)
{
	struct helm_args args = {.n = 0};
	struct kube *kube = helm->kube;
	const char *text;

	helm_args(&args, "get", "all", name, "--namespace", namespace, "--template", template, NULL);
	if (helm_run(helm, &args, NULL, 0, &text, err) || helm_release_parse(kube, text, out, err))
		return error_wrap(err, "cannot read release %s/%s", namespace, name);
	for (size_t i = 0; i < out->objects.n; i++)
		if (kube_object_place(kube, &out->objects.items[i], namespace, err))
			return -1;
	return 0;
}

const char *helm_why(struct helm *helm, const char *namespace, const char *name)
{
	struct kube_objects all = {0};
	struct helm_args args = {.n = 0};
	const char *text;

	helm_args(&args, "get", "all", name, "--namespace", namespace, "--template",
		"{{range .Release.Hooks}}{{.Manifest}}\n---\n{{end}}{{.Release.Manifest}}", NULL);
	if (helm_run(helm, &args, NULL, 0, &text, NULL))
		return NULL;
	objects(helm->kube, text, &all);
	for (size_t i = 0; i < all.n; i++)
		if (kube_object_place(helm->kube, &all.items[i], namespace, NULL))
			return NULL;
	return kube_why(helm->kube, &all);
}

const char *helm_release_text(struct kube *kube, const struct helm_revision *revision)
{
	return kube_printf(kube, "revision %lld, %s", (long long)revision->number, revision->status);
}

/* What is applied as the stringData of a Secret is nobody's field afterwards: there, everyone's count. */
const char *helm_object_state(struct kube *kube, const struct kube_object *object,
	const struct value *live)
{
	return kube_state_by(kube->arena, live, strcmp(object->kind, "Secret") ? HELM_MANAGER : NULL);
}

/* --- the outcome -------------------------------------------------------------------------------- */

/* As the cluster has them now. */
static int look(struct kube *kube, struct kube_objects *objects, struct error *err)
{
	struct kube_sight *sight = kube_sight_new(kube, HELM_OWN_LABEL);
	const char *why = NULL;
	int rc = 0;

	for (size_t i = 0; i < objects->n; i++)
		kube_sight_want(sight, &objects->items[i], true);
	kube_sight_look(sight);
	for (size_t i = 0; i < objects->n && !rc; i++) {
		struct kube_object *object = &objects->items[i];
		const struct value *live = NULL;

		if (kube_sight_find(sight, object, &live, &why))
			rc = error_set(err, ERROR_TRANSIENT, "%s cannot be looked at: %s", object->ref, why);
		if (!live)
			continue; /* a job that is removed when it is done */
		object->uid = value_text(value_path(live, "metadata.uid"), NULL);
		object->state = helm_object_state(kube, object, live);
		object->digest = NULL;
	}
	kube_sight_free(sight);
	return rc;
}

static struct value texts(struct arena *arena, const char *const *names)
{
	struct value_builder list;

	builder_init(&list, arena);
	for (; *names; names++)
		builder_push(&list, value_str(arena, *names));
	return builder_list(&list);
}

static const struct value *outputs_of(struct kube *kube, const struct helm_release *release,
	const struct helm_revision *revision, const char *address)
{
	struct value *outputs = arena_alloc(kube->arena, sizeof(*outputs));
	const char *intent = helm_intent_of(revision);
	struct value_builder map;

	builder_init(&map, kube->arena);
	builder_put_str(&map, "release", revision->name);
	builder_put_str(&map, "namespace", revision->namespace);
	builder_put_int(&map, "revision", release->revision);
	builder_put_str(&map, "chart", release->chart);
	builder_put_str(&map, "chartVersion", release->chart_version);
	builder_put_str(&map, "appVersion", release->app_version);
	builder_put(&map, "objects", kube_inventory_write(kube->arena, &release->objects));
	builder_put(&map, "definitions", texts(kube->arena, release->definitions));
	builder_put_str(&map, "intent", intent ? intent : "");
	builder_put_str(&map, "cluster", kube->id);
	builder_put_str(&map, "address", address);
	*outputs = builder_map(&map);
	return outputs;
}

int helm_describe(struct kube *kube, const struct helm_release *release,
	const struct helm_revision *revision, const char *address,
	struct outcome *outcome, struct error *err)
{
	struct value *observed = arena_alloc(kube->arena, sizeof(*observed));
	struct kube_objects all = release->objects;
	struct value_builder map;

	if (look(kube, &all, err))
		return -1;
	builder_init(&map, kube->arena);
	builder_put_str(&map, "release", helm_release_text(kube, revision));
	for (size_t i = 0; i < all.n; i++)
		if (all.items[i].uid)
			builder_put_str(&map, all.items[i].ref, all.items[i].state);
	*observed = builder_map(&map);
	outcome->exists = true;
	outcome->id = kube_printf(kube, "%s/%s", revision->namespace, revision->name);
	outcome->endpoint = kube->id;
	outcome->outputs = outputs_of(kube, release, revision, address);
	outcome->observed = observed;
	return 0;
}
