/*
 * plan --show-manifests: what an upgrade would do to the objects of a release, as its chart renders them
 * for this cluster (its version, its kinds), beside those of the revision that is there. Nothing is sent to
 * the cluster. It is told, and not part of what is agreed to: charts may draw lots.
 */
#include "providers/helm/helm.h"

#include "base/fs.h"
#include "base/texts.h"
#include "model/redact.h"

#include <string.h>

struct difference {
	struct arena *arena;
	struct detail_value *items;
	size_t n, cap;
};

/* --- two objects ------------------------------------------------------------------------------------ */

static void differ(struct difference *d, const char *path, const struct value *before,
	const struct value *after);

static void differ_maps(struct difference *d, const char *path, const struct value *before,
	const struct value *after)
{
	uint32_t of_before = before ? before->len : 0, of_after = after ? after->len : 0;
	const char **keys = arena_alloc(d->arena, (of_before + of_after + 1) * sizeof(*keys));
	size_t n = 0;

	for (uint32_t i = 0; i < of_before; i++)
		keys[n++] = before->members[i].key;
	for (uint32_t i = 0; i < of_after; i++)
		keys[n++] = after->members[i].key;
	texts_sort(keys, n);
	for (size_t i = 0; i < n; i++) {
		if (i && !strcmp(keys[i], keys[i - 1]))
			continue;
		differ(d, *path ? arena_printf(d->arena, "%s.%s", path, keys[i]) : keys[i],
			before ? value_get(before, keys[i]) : NULL, after ? value_get(after, keys[i]) : NULL);
	}
}

static void differ_lists(struct difference *d, const char *path, const struct value *before,
	const struct value *after)
{
	uint32_t of_before = before ? before->len : 0, of_after = after ? after->len : 0;

	for (uint32_t i = 0; i < of_before || i < of_after; i++)
		differ(d, arena_printf(d->arena, "%s[%u]", path, i),
			i < of_before ? &before->items[i] : NULL, i < of_after ? &after->items[i] : NULL);
}

static bool is_or_none(const struct value *value, enum value_kind kind)
{
	return !value || (value->kind == kind && value->len && !(value->flags & VALUE_SENSITIVE));
}

static void differ(struct difference *d, const char *path, const struct value *before,
	const struct value *after)
{
	if (before && after && value_equal(before, after))
		return;
	if (is_or_none(before, VALUE_MAP) && is_or_none(after, VALUE_MAP)) {
		differ_maps(d, path, before, after);
	} else if (is_or_none(before, VALUE_LIST) && is_or_none(after, VALUE_LIST)) {
		differ_lists(d, path, before, after);
	} else {
		ARENA_GROW(d->arena, d->items, d->n, d->cap);
		d->items[d->n++] = (struct detail_value){.path = path, .before = before, .after = after};
	}
}

/* With what it conceals taken out of its texts. */
static struct value redacted(struct arena *arena, const struct redactor *redactor, const struct value *value)
{
	struct value_builder b;

	builder_init(&b, arena);
	if (value->kind == VALUE_MAP) {
		for (uint32_t i = 0; i < value->len; i++)
			builder_put(&b, value->members[i].key, redacted(arena, redactor, &value->members[i].value));
		return builder_map(&b);
	}
	if (value->kind == VALUE_LIST) {
		for (uint32_t i = 0; i < value->len; i++)
			builder_push(&b, redacted(arena, redactor, &value->items[i]));
		return builder_list(&b);
	}
	return value->kind == VALUE_STRING && !(value->flags & VALUE_SENSITIVE)
		? value_str(arena, redact(redactor, value->text, arena)) : *value;
}

/* Values of Secrets are where the server keeps them, and concealed. */
static const struct value *shown(struct arena *arena, const struct redactor *redactor,
	const struct kube_object *object)
{
	struct value *value;

	if (!object)
		return NULL;
	value = arena_alloc(arena, sizeof(*value));
	*value = kube_is_secret(object->value) ? kube_plain_secret(arena, object->value) : *object->value;
	*value = kube_conceal(arena, value);
	if (redactor->n)
		*value = redacted(arena, redactor, value);
	return value;
}

/* --- two releases ----------------------------------------------------------------------------------- */

struct details {
	struct arena *arena;
	const struct redactor *redactor;
	struct detail *items;
	size_t n, cap;
};

static void add(struct details *list, const char *ref, enum detail_kind kind,
	const struct kube_object *before, const struct kube_object *after)
{
	struct difference d = {.arena = list->arena};

	if (kind != DETAIL_DELETE)
		differ(&d, "", shown(list->arena, list->redactor, before),
			shown(list->arena, list->redactor, after));
	if (kind == DETAIL_UPDATE && !d.n)
		return;
	ARENA_GROW(list->arena, list->items, list->n, list->cap);
	list->items[list->n++] = (struct detail){.kind = kind, .address = ref, .values = d.items,
		.n_values = d.n, .removes = kind == DETAIL_DELETE};
}

static void compare(struct details *list, const struct kube_objects *before,
	const struct kube_objects *after)
{
	for (size_t i = 0; i < after->n; i++) {
		const struct kube_object *now = &after->items[i];
		const struct kube_object *then = kube_objects_find(before, now->ref);

		add(list, now->ref, then ? DETAIL_UPDATE : DETAIL_CREATE, then, now);
	}
	for (size_t i = 0; i < before->n; i++)
		if (!kube_objects_find(after, before->items[i].ref))
			add(list, before->items[i].ref, DETAIL_DELETE, &before->items[i], NULL);
}

/* --- rendering -------------------------------------------------------------------------------------- */

/* What a chart asks of .Capabilities; what cannot be asked is as helm assumes. */
static void add_capabilities(struct kube *kube, struct helm_args *args)
{
	cleanup_strbuf struct strbuf kinds = STRBUF_INIT;
	struct kube_reply reply;
	const char *version;

	if (kube_get(kube, "/version", &reply, NULL) || kube_discover(kube, NULL))
		return;
	version = value_get_text(reply.body, "gitVersion", NULL);
	if (version)
		helm_args(args, "--kube-version", version, NULL);
	for (size_t i = 0; i < kube->discovery->n; i++) {
		const struct kube_kind *kind = &kube->discovery->kinds[i];
		const char *slash = *kind->group ? "/" : "";

		strbuf_addf(&kinds, "%s%s%s%s,%s%s%s/%s", i ? "," : "", kind->group, slash, kind->version,
			kind->group, slash, kind->version, kind->kind);
	}
	if (kinds.len)
		helm_args(args, "--api-versions", arena_strdup(kube->arena, kinds.text), NULL);
}

static int render(struct helm *helm, const struct helm_wanted *wanted, const char *chart,
	struct kube_objects *out, struct error *err)
{
	cleanup_strbuf struct strbuf values = STRBUF_INIT;
	struct helm_args args = {.n = 0};
	struct helm own = *helm;
	const char *text;
	int rc;

	helm_args(&args, "template", wanted->name, chart, "--namespace", wanted->namespace, "--no-hooks",
		NULL);
	if (wanted->upgrades)
		helm_arg(&args, "--is-upgrade");
	helm_values(helm->kube, wanted->inputs, &args, &values);
	add_capabilities(helm->kube, &args);
	own.kubeconfig = NULL;
	rc = helm_run(&own, &args, values.len ? values.text : NULL, 0, &text, err);
	if (values.len)
		sodium_memzero(values.text, values.len);
	if (rc)
		return -1;
	kube_objects_read(helm->kube->arena, NULL, "manifest", text, strlen(text), out, NULL);
	for (size_t i = 0; i < out->n; i++)
		if (kube_object_place(helm->kube, &out->items[i], wanted->namespace, err))
			return -1;
	return 0;
}

static int render_fetched(struct helm *helm, const struct helm_wanted *wanted,
	struct kube_objects *out, struct error *err)
{
	struct helm_chart chart;
	const char *folder;
	int rc;

	if (helm_chart_at_hand(helm, wanted->inputs, &chart))
		return render(helm, wanted, chart.path, out, err);
	if (fs_scratch(HELM_SCRATCH, helm->kube->arena, &folder, err))
		return -1;
	rc = helm_fetch(helm, wanted->inputs, folder, &chart, err) ||
		render(helm, wanted, chart.path, out, err) ? -1 : 0;
	fs_remove_tree(folder, NULL);
	return rc;
}

void helm_details(struct helm *helm, const struct helm_wanted *wanted,
	const struct kube_objects *before, const struct redactor *redactor, struct observation *o)
{
	struct details list = {.arena = helm->kube->arena, .redactor = redactor};
	struct kube_objects after = {0};
	struct error err = ERROR_INIT;

	if (render_fetched(helm, wanted, &after, &err)) {
		ARENA_GROW(list.arena, list.items, list.n, list.cap);
		list.items[list.n++] = (struct detail){.kind = DETAIL_UPDATE,
			.address = kube_printf(helm->kube, "its objects cannot be told: %s", err.msg)};
	} else {
		compare(&list, before, &after);
	}
	o->details = list.items;
	o->n_details = list.n;
	o->only_told = true;
}
