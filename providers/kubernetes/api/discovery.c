/*
 * Discovery. A group whose server does not answer is remembered as broken: its kinds are unknown, not
 * gone, so nothing in it may be taken for absent.
 */
#include "providers/kubernetes/api/discovery.h"

#include <string.h>

#define AGGREGATED                                                                                   \
	"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"                     \
	"application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"

static bool has_verb(const struct value *verbs, const char *verb)
{
	for (uint32_t i = 0; verbs && verbs->kind == VALUE_LIST && i < verbs->len; i++)
		if (!strcmp(value_text(&verbs->items[i], ""), verb))
			return true;
	return false;
}

static void add_kind(struct kube *kube, struct kube_kind kind, const struct value *verbs)
{
	struct kube_discovery *d = kube->discovery;

	kind.listable = has_verb(verbs, "list") && has_verb(verbs, "delete");
	ARENA_GROW(kube->arena, d->kinds, d->n, d->cap);
	d->kinds[d->n++] = kind;
}

static void add_broken(struct kube *kube, const char *group, const char *version)
{
	struct kube_discovery *d = kube->discovery;

	ARENA_GROW(kube->arena, d->broken, d->n_broken, d->cap_broken);
	d->broken[d->n_broken++] =
		*group ? kube_printf(kube, "%s/%s", group, version) : arena_strdup(kube->arena, version);
}

/* --- aggregated --------------------------------------------------------------------------------- */

static void read_aggregated_version(struct kube *kube, const char *group,
	const struct value *version, bool preferred)
{
	const struct value *resources = value_get(version, "resources");
	const char *name = value_get_text(version, "version", "");

	if (!strcmp(value_get_text(version, "freshness", "Current"), "Stale"))
		add_broken(kube, group, name);
	for (uint32_t i = 0; resources && resources->kind == VALUE_LIST && i < resources->len; i++) {
		const struct value *resource = &resources->items[i];
		const struct value *kind = value_get(resource, "responseKind");

		add_kind(kube, (struct kube_kind){
			.group = group,
			.version = name,
			.kind = value_get_text(kind, "kind", ""),
			.plural = value_get_text(resource, "resource", ""),
			.namespaced = !strcmp(value_get_text(resource, "scope", ""), "Namespaced"),
			.preferred = preferred,
		}, value_get(resource, "verbs"));
	}
}

static void read_aggregated(struct kube *kube, const struct value *list)
{
	const struct value *groups = value_get(list, "items");

	for (uint32_t i = 0; groups && groups->kind == VALUE_LIST && i < groups->len; i++) {
		const struct value *versions = value_get(&groups->items[i], "versions");
		const char *name = value_text(value_path(&groups->items[i], "metadata.name"), "");

		for (uint32_t k = 0; versions && versions->kind == VALUE_LIST && k < versions->len; k++)
			read_aggregated_version(kube, name, &versions->items[k], k == 0);
	}
}

/* --- group by group ----------------------------------------------------------------------------- */

static int read_version(struct kube *kube, const char *group, const char *version, bool preferred,
	struct error *err)
{
	const char *path = *group ? kube_printf(kube, "/apis/%s/%s", group, version)
				  : kube_printf(kube, "/api/%s", version);
	struct error own = ERROR_INIT;
	const struct value *resources;
	struct kube_reply reply;

	if (kube_get(kube, path, &reply, &own)) {
		if (!*group || !reply.status) {
			*err = own;
			return -1;
		}
		add_broken(kube, group, version); /* an aggregated server that is down */
		return 0;
	}
	resources = value_get(reply.body, "resources");
	for (uint32_t i = 0; resources && resources->kind == VALUE_LIST && i < resources->len; i++) {
		const struct value *resource = &resources->items[i];
		const char *plural = value_get_text(resource, "name", "");

		if (!strchr(plural, '/')) /* "pods/log": a part of one */
			add_kind(kube, (struct kube_kind){
				.group = group,
				.version = version,
				.kind = value_get_text(resource, "kind", ""),
				.plural = plural,
				.namespaced = value_get_bool(resource, "namespaced", false),
				.preferred = preferred,
			}, value_get(resource, "verbs"));
	}
	return 0;
}

static int read_groups(struct kube *kube, const struct value *list, struct error *err)
{
	const struct value *groups = value_get(list, "groups");

	for (uint32_t i = 0; groups && groups->kind == VALUE_LIST && i < groups->len; i++) {
		const struct value *versions = value_get(&groups->items[i], "versions");
		const char *preferred =
			value_text(value_path(&groups->items[i], "preferredVersion.version"), "");

		for (uint32_t k = 0; versions && versions->kind == VALUE_LIST && k < versions->len; k++) {
			const char *version = value_get_text(&versions->items[k], "version", "");

			if (read_version(kube, value_get_text(&groups->items[i], "name", ""), version,
					!strcmp(version, preferred), err))
				return -1;
		}
	}
	return 0;
}

static int read_core(struct kube *kube, const struct value *versions, struct error *err)
{
	const struct value *list = value_get(versions, "versions");

	for (uint32_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++)
		if (read_version(kube, "", value_text(&list->items[i], ""), i == 0, err))
			return -1;
	return 0;
}

/* --- */

static int ask(struct kube *kube, const char *path, struct error *err)
{
	struct kube_request request = {.path = path, .accept = AGGREGATED};
	struct kube_reply reply;

	if (kube_call(kube, &request, &reply, err))
		return error_wrap(err, "which kinds the cluster has");
	if (!strcmp(value_get_text(reply.body, "kind", ""), "APIGroupDiscoveryList")) {
		read_aggregated(kube, reply.body);
		return 0;
	}
	return value_get(reply.body, "groups") ? read_groups(kube, reply.body, err)
					       : read_core(kube, reply.body, err);
}

int kube_discover(struct kube *kube, struct error *err)
{
	if (kube->discovery)
		return 0;
	kube->discovery = arena_zalloc(kube->arena, sizeof(*kube->discovery));
	if (!ask(kube, "/api", err) && !ask(kube, "/apis", err))
		return 0;
	kube->discovery = NULL;
	return -1;
}

void kube_discover_again(struct kube *kube)
{
	kube->discovery = NULL;
	kube->discovered_again = false;
}

static const struct kube_kind *look(const struct kube *kube, const char *api_version,
	const char *kind)
{
	const char *slash = strchr(api_version, '/');
	size_t group = slash ? (size_t)(slash - api_version) : 0;
	const char *version = slash ? slash + 1 : api_version;

	for (size_t i = 0; i < kube->discovery->n; i++) {
		const struct kube_kind *k = &kube->discovery->kinds[i];

		if (strlen(k->group) == group && !strncmp(k->group, api_version, group) &&
			!strcmp(k->version, version) && !strcmp(k->kind, kind))
			return k;
	}
	return NULL;
}

static bool is_broken(const struct kube *kube, const char *api_version)
{
	for (size_t i = 0; i < kube->discovery->n_broken; i++)
		if (!strcmp(kube->discovery->broken[i], api_version))
			return true;
	return false;
}

int kube_kind_find(struct kube *kube, const char *api_version, const char *kind,
	const struct kube_kind **out, struct error *err)
{
	bool fresh = !kube->discovery;

	if (kube_discover(kube, err))
		return -1;
	*out = look(kube, api_version, kind);
	if (*out)
		return 0;
	if (is_broken(kube, api_version))
		return error_set(err, ERROR_TRANSIENT, "API group %s of %s cannot be read now: its server "
			"does not answer", api_version, kube->where);
	if (fresh || kube->discovered_again)
		return 0;
	kube->discovery = NULL;
	kube->discovered_again = true;
	return kube_kind_find(kube, api_version, kind, out, err);
}

int kube_kind_named(struct kube *kube, const char *name, const struct kube_kind **out,
	struct error *err)
{
	const char *dot = strchr(name, '.');
	size_t len = dot ? (size_t)(dot - name) : strlen(name);

	*out = NULL;
	if (kube_discover(kube, err))
		return -1;
	for (size_t i = 0; i < kube->discovery->n && !*out; i++) {
		const struct kube_kind *k = &kube->discovery->kinds[i];

		if (k->preferred && strlen(k->kind) == len && !strncmp(k->kind, name, len) &&
			(!dot || !strcmp(k->group, dot + 1)))
			*out = k;
	}
	return *out ? 0 : error_set(err, ERROR_NOT_FOUND, "%s has no kind %s", kube->where, name);
}
