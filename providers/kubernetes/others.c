/*
 * What others have where something of ours goes: objects of a kind whose definition goes, and whatever is
 * in a namespace that goes. Asked for only where one may go, by metadata alone: of the kind one list, of a
 * namespace one list a kind. What cannot be listed is named: not seen is not absent.
 */
#include "providers/kubernetes/kubernetes.h"

#include "base/texts.h"

#include <string.h>

enum { PAGE = 500 };

/* What comes by itself, or is but a shadow of something that counts. Claims are told by guard.c: those of
   ours count, too. */
static const char *const passing[] = {"Event", "Endpoints", "EndpointSlice", "Lease",
	"PersistentVolumeClaim", NULL};

/* What Kubernetes puts into every namespace. */
static bool comes_with_a_namespace(const struct kube_kind *kind, const struct value *metadata)
{
	const char *name = value_get_text(metadata, "name", "");

	if (*kind->group)
		return false;
	return (!strcmp(kind->kind, "ConfigMap") && !strcmp(name, "kube-root-ca.crt")) ||
	       (!strcmp(kind->kind, "ServiceAccount") && !strcmp(name, "default")) ||
	       (!strcmp(kind->kind, "Secret") && value_get(value_get(metadata, "annotations"),
		       "kubernetes.io/service-account.name"));
}

/* The marks of a release are labels, on what helm keeps of it. */
static bool is_our_release(const struct kube *kube, const struct value *labels)
{
	return !strcmp(value_get_text(labels, KUBE_LABEL_ENVIRONMENT, ""), kube->env->environment) &&
	       !strcmp(value_get_text(labels, KUBE_NOTE_STATE, ""), kube->env->state_id);
}

/* The name that it counts under; NULL: it does not. The objects of a release do not, but the release does;
   nor does what a controller makes of another object. */
static const char *name_of(struct kube *kube, const struct kube_kind *kind,
	const struct value *object)
{
	const struct value *metadata = value_get(object, "metadata");
	const struct value *labels = value_get(metadata, "labels");
	const char *name = value_get_text(metadata, "name", "?");
	const char *namespace = value_get_text(metadata, "namespace", NULL);
	struct kube_mark mark = kube_mark(object);

	if (kube_is_ours(kube, &mark) || value_get(metadata, "ownerReferences") ||
		value_get(metadata, "deletionTimestamp") || comes_with_a_namespace(kind, metadata))
		return NULL;
	if (!strcmp(value_get_text(labels, "owner", ""), "helm") && value_get(labels, "name")) {
		if (is_our_release(kube, labels) ||
			!strcmp(value_get_text(labels, "status", ""), "superseded"))
			return NULL;
		return kube_printf(kube, "release %s/%s", namespace ? namespace : "",
			value_get_text(labels, "name", "?"));
	}
	if (!strcmp(value_get_text(labels, KUBE_LABEL_MANAGED, ""), "Helm") ||
		value_get(value_get(metadata, "annotations"), "helm.sh/hook"))
		return NULL;
	return kube_printf(kube, "%s%s%s%s%s/%s", kind->kind, *kind->group ? "." : "", kind->group,
		namespace ? "/" : "", namespace ? namespace : "", name);
}

struct names {
	const char **items;
	size_t n, cap;
};

static void names_add(struct arena *arena, struct names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (!strcmp(names->items[i], name))
			return;
	ARENA_GROW(arena, names->items, names->n, names->cap);
	names->items[names->n++] = name;
}

/* All of a kind, everywhere or in one namespace. */
static void list(struct kube *kube, const struct kube_kind *kind, const char *namespace,
	struct names *out)
{
	const char *path = kube_printf(kube, "%s%s/%s%s%s", *kind->group ? "/apis/" : "/api",
		kind->group, kind->version, namespace ? "/namespaces/" : "",
		namespace ? http_escape(kube->arena, namespace, "") : "");
	const char *next = "";

	do {
		struct kube_request request = {.accept = KUBE_METADATA_LIST,
			.path = kube_printf(kube, "%s/%s?limit=%d%s%s", path, kind->plural, PAGE,
				*next ? "&continue=" : "", next)};
		const struct value *items;
		struct error err = ERROR_INIT;
		struct kube_reply reply;

		if (kube_call(kube, &request, &reply, &err)) {
			/* Who may not look is not stopped; where there is no such list, there is nothing. */
			if (reply.status != 403 && reply.status != 404 && reply.status != 405)
				names_add(kube->arena, out, kube_printf(kube,
					"%s objects that cannot be listed: %s", kind->kind, err.msg));
			return;
		}
		items = value_get(reply.body, "items");
		for (uint32_t i = 0; items && items->kind == VALUE_LIST && i < items->len; i++) {
			const char *name = name_of(kube, kind, &items->items[i]);

			if (name)
				names_add(kube->arena, out, name);
		}
		next = http_escape(kube->arena,
			value_text(value_path(reply.body, "metadata.continue"), ""), "");
	} while (*next);
}

/* --- a namespace -------------------------------------------------------------------------------- */

struct search {
	const char *namespace;
	const struct kube_kind **kinds;
	struct names *found; /* of each */
	struct names all;
};

static int list_nth(struct kube *kube, size_t i, void *arg, struct error *err)
{
	struct search *search = arg;

	(void)err;
	list(kube, search->kinds[i], search->namespace, &search->found[i]);
	return 0;
}

static void keep_nth(struct arena *arena, size_t i, void *arg)
{
	struct search *search = arg;

	for (size_t k = 0; k < search->found[i].n; k++)
		names_add(arena, &search->all, arena_strdup(arena, search->found[i].items[k]));
}

/* Of what is served in several versions, the first one is enough. */
static bool is_first(const struct kube_discovery *discovery, size_t at)
{
	const struct kube_kind *kind = &discovery->kinds[at];

	for (size_t i = 0; i < at; i++)
		if (!strcmp(discovery->kinds[i].group, kind->group) &&
			!strcmp(discovery->kinds[i].plural, kind->plural))
			return false;
	return true;
}

static void search_namespace(struct kube *kube, struct search *search)
{
	const struct kube_discovery *discovery = kube->discovery;
	struct error err = ERROR_INIT;
	size_t n = 0;

	search->kinds = arena_alloc(kube->arena, (discovery->n + 1) * sizeof(*search->kinds));
	search->found = arena_zalloc(kube->arena, (discovery->n + 1) * sizeof(*search->found));
	for (size_t i = 0; i < discovery->n; i++) {
		const struct kube_kind *kind = &discovery->kinds[i];

		if (kind->namespaced && kind->listable && !texts_have(passing, kind->kind) && is_first(discovery, i))
			search->kinds[n++] = kind;
	}
	kube_each(kube, n, list_nth, keep_nth, search, &err);
}

/* --- a definition ------------------------------------------------------------------------------- */

/* It is called PLURAL.GROUP. */
static void search_kind(struct kube *kube, const char *definition, struct names *out)
{
	const struct kube_discovery *discovery = kube->discovery;
	size_t len = strcspn(definition, ".");

	for (size_t i = 0; i < discovery->n; i++) {
		const struct kube_kind *kind = &discovery->kinds[i];

		if (kind->listable && is_first(discovery, i) && definition[len] &&
			!strcmp(kind->group, definition + len + 1) &&
			strlen(kind->plural) == len && !strncmp(kind->plural, definition, len))
			list(kube, kind, NULL, out);
	}
}

const char *const *kube_others(struct kube *kube, const struct kube_object *object, size_t *n)
{
	struct search search = {.namespace = object->name};
	struct error err = ERROR_INIT;

	*n = 0;
	if (kube_discover(kube, &err)) {
		names_add(kube->arena, &search.all, kube_printf(kube, "what is in %s: %s", object->ref, err.msg));
	} else if (kube_rank(object->api_version, object->kind) == KUBE_RANK_DEFINITION) {
		search_kind(kube, object->name, &search.all);
	} else {
		search_namespace(kube, &search);
	}
	*n = search.all.n;
	return search.all.items;
}
