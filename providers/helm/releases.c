/*
 * What helm keeps: a Secret a revision, with its state in labels. They are listed without their content,
 * which holds the values of the release. Whose a revision is, is told by the marks among those labels.
 */
#include "providers/helm/helm.h"

#include <string.h>

enum { PAGE = 2000 };

/* --- listing ------------------------------------------------------------------------------------ */

static void take(struct kube *kube, const struct value *items, struct helm_revisions *out)
{
	for (uint32_t i = 0; items && items->kind == VALUE_LIST && i < items->len; i++) {
		const struct value *metadata = value_get(&items->items[i], "metadata");
		const struct value *labels = value_get(metadata, "labels");
		const char *number = value_get_text(labels, "version", "0");

		ARENA_GROW(kube->arena, out->items, out->n, out->cap);
		out->items[out->n++] = (struct helm_revision){
			.namespace = value_get_text(metadata, "namespace", ""),
			.name = value_get_text(labels, "name", ""),
			.number = strtoll(number, NULL, 10),
			.status = value_get_text(labels, "status", "unknown"),
			.uid = value_get_text(metadata, "uid", ""),
			.created = value_get_text(metadata, "creationTimestamp", "an unknown time"),
			.labels = labels,
		};
	}
}

int helm_list(struct kube *kube, const char *namespace, const char *name,
	struct helm_revisions *out, struct error *err)
{
	/* What a newer revision has put aside is history: there can be much of it. */
	const char *selector = http_escape(kube->arena, kube_printf(kube,
		"owner=helm,status!=superseded%s%s", name ? ",name=" : "", name ? name : ""), "");
	const char *where = namespace ? kube_printf(kube, "/namespaces/%s",
		http_escape(kube->arena, namespace, "")) : "", *next = "";

	do {
		struct kube_request request = {.accept = KUBE_METADATA_LIST,
			.path = kube_printf(kube, "/api/v1%s/secrets?limit=%d&labelSelector=%s%s%s", where,
				PAGE, selector, *next ? "&continue=" : "", next)};
		struct kube_reply reply;

		if (kube_call(kube, &request, &reply, err))
			return -1;
		take(kube, value_get(reply.body, "items"), out);
		next = http_escape(kube->arena,
			value_text(value_path(reply.body, "metadata.continue"), ""), "");
	} while (*next);
	return 0;
}

/* --- finding ------------------------------------------------------------------------------------ */

static bool is_of(const struct helm_revision *revision, const char *namespace, const char *name)
{
	return !strcmp(revision->name, name) && !strcmp(revision->namespace, namespace);
}

static const struct helm_revision *greatest(const struct helm_revisions *all,
	const char *namespace, const char *name, const char *status)
{
	const struct helm_revision *found = NULL;

	for (size_t i = 0; i < all->n; i++) {
		const struct helm_revision *revision = &all->items[i];

		if (is_of(revision, namespace, name) && (!status || !strcmp(revision->status, status)) &&
			(!found || revision->number > found->number))
			found = revision;
	}
	return found;
}

const struct helm_revision *helm_newest(const struct helm_revisions *all, const char *namespace,
	const char *name)
{
	const struct helm_revision *found = greatest(all, namespace, name, NULL);

	return found && strcmp(found->status, "uninstalled") != 0 ? found : NULL;
}

const struct helm_revision *helm_deployed(const struct helm_revisions *all, const char *namespace,
	const char *name)
{
	return greatest(all, namespace, name, "deployed");
}

bool helm_is_pending(const struct helm_revision *revision)
{
	return !strncmp(revision->status, "pending-", 8) || !strcmp(revision->status, "uninstalling");
}

const char *helm_told(struct kube *kube, const struct helm_revision *revision)
{
	return kube_printf(kube, "%s, revision %lld, since %s", revision->status,
		(long long)revision->number, revision->created);
}

/* --- marks -------------------------------------------------------------------------------------- */

static const char *mark(const struct helm_revision *revision, const char *label)
{
	return value_get_text(revision->labels, label, NULL);
}

const char *helm_intent_of(const struct helm_revision *revision)
{
	return mark(revision, HELM_LABEL_INTENT);
}

/* An address as a label: as it is where that is allowed, as most are. */
static const char *address_label(struct arena *arena, const char *address)
{
	struct hash hash;
	char hex[HASH_HEX];
	size_t len = strspn(address, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	if (len && !address[len] && len <= 63 && !strchr("_.-", address[len - 1]))
		return address;
	hash_bytes(address, strlen(address), &hash);
	return arena_printf(arena, "address-%.40s", hash_hex(&hash, hex));
}

const char *helm_labels(struct kube *kube, const char *address)
{
	const struct provider_env *env = kube->env;

	return kube_printf(kube, HELM_LABEL_ENVIRONMENT "=%s," HELM_LABEL_STATE "=%s,"
		HELM_LABEL_ADDRESS "=%s," HELM_LABEL_INTENT "=%s", env->environment, env->state_id,
		address_label(kube->arena, address), env->intent ? env->intent : "none");
}

static bool bears_our_mark(const struct kube *kube, const struct helm_revision *revision)
{
	const char *environment = mark(revision, HELM_LABEL_ENVIRONMENT);
	const char *state = mark(revision, HELM_LABEL_STATE);

	return environment && state && *environment && !strcmp(environment, kube->env->environment) &&
	       !strcmp(state, kube->env->state_id);
}

enum ownership helm_owner(const struct kube *kube, const struct helm_revision *revision,
	const char *address, const char **message)
{
	const char *environment = mark(revision, HELM_LABEL_ENVIRONMENT);
	const char *what = mark(revision, HELM_LABEL_ADDRESS);

	if (!environment)
		return OWNER_NONE;
	if (!what)
		what = "something";
	if (bears_our_mark(kube, revision)) {
		if (!address || !strcmp(what, address_label(kube->arena, address)))
			return OWNER_US;
		*message = arena_printf(kube->arena, "%s of this environment", what);
	} else if (!strcmp(environment, kube->env->environment)) {
		*message = arena_printf(kube->arena,
			"%s of this environment as another home (state %s) knows it", what,
			mark(revision, HELM_LABEL_STATE) ? mark(revision, HELM_LABEL_STATE) : "unknown");
	} else {
		*message = arena_printf(kube->arena, "%s of environment %s", what, environment);
	}
	return OWNER_OTHER;
}

/* Helm copies labels from the revision before: a mark that stood there already tells nothing. */
static bool is_copied(const struct helm_revisions *all, const struct helm_revision *revision,
	const char *intent)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct helm_revision *other = &all->items[i];
		const char *mine = helm_intent_of(other);

		if (is_of(other, revision->namespace, revision->name) &&
			other->number < revision->number && mine && !strcmp(mine, intent))
			return true;
	}
	return false;
}

bool helm_is_left_by_us(const struct kube *kube, const struct helm_revisions *all,
	const struct helm_revision *pending, const struct intent *intent, const char *recorded)
{
	const char *mine = helm_intent_of(pending);

	if (!bears_our_mark(kube, pending) || !mine)
		return false;
	/* The labels of these two are older than what is going on: only an open intent tells. */
	if (!strcmp(pending->status, "pending-rollback") || !strcmp(pending->status, "uninstalling"))
		return intent != NULL;
	for (; intent; intent = intent->older)
		if (!strcmp(intent->id, mine))
			return true;
	if (kube->env->intent && !strcmp(kube->env->intent, mine))
		return true;
	return !(recorded && !strcmp(recorded, mine)) && !is_copied(all, pending, mine);
}
