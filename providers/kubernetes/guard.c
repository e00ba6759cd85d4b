/*
 * What would be lost with objects that are deleted: the data behind claims, and what others have of a kind
 * or in a namespace that is ours (others.c). A claim may be an object of its own, live in a namespace that goes, or belong to a
 * StatefulSet that takes its claims along.
 */
#include "providers/kubernetes/kubernetes.h"

#include <string.h>

#define CLAIM "PersistentVolumeClaim"

enum { TOLD = 4 };

struct losses {
	struct kube *kube;
	const struct kube_objects *going;
	struct strbuf text;
	size_t n;
};

static bool is_kind(const struct kube_object *object, const char *group, const char *kind)
{
	return !strcmp(object->kind, kind) &&
	       !strncmp(object->api_version, group, strlen(group));
}

static void add(struct losses *losses, const char *ref)
{
	const char *at = strstr(losses->text.text ? losses->text.text : "", ref);

	if (at && (!at[strlen(ref)] || at[strlen(ref)] == ','))
		return;
	if (losses->n++ < TOLD)
		strbuf_addf(&losses->text, "%s%s", losses->text.len ? ", " : "", ref);
}

static void add_claim(struct losses *losses, const char *namespace, const char *name)
{
	add(losses, kube_printf(losses->kube, CLAIM "/%s/%s", namespace, name));
}

static bool is_owned(const struct value *claim, const char *uid)
{
	const struct value *owners = value_path(claim, "metadata.ownerReferences");

	for (uint32_t i = 0; owners && owners->kind == VALUE_LIST && i < owners->len; i++)
		if (uid && !strcmp(value_get_text(&owners->items[i], "uid", ""), uid))
			return true;
	return false;
}

/* Claims in `namespace`: all of them, or those that `owner` takes along. Who may not look at them is not
   stopped by them. */
static void add_claims(struct losses *losses, const char *namespace, const char *owner)
{
	struct kube_request request = {.accept = KUBE_METADATA_LIST, .path = kube_printf(losses->kube,
		"/api/v1/namespaces/%s/persistentvolumeclaims",
		http_escape(losses->kube->arena, namespace, ""))};
	const struct value *items;
	struct kube_reply reply;

	if (kube_call(losses->kube, &request, &reply, NULL))
		return;
	items = value_get(reply.body, "items");
	for (uint32_t i = 0; items && items->kind == VALUE_LIST && i < items->len; i++)
		if (!owner || is_owned(&items->items[i], owner))
			add_claim(losses, namespace,
				value_text(value_path(&items->items[i], "metadata.name"), "?"));
}

/* Not what goes anyhow: an object that was imported has no marks yet. */
static void add_of_others(struct losses *losses, const struct kube_object *object)
{
	size_t n;
	const char *const *names = kube_others(losses->kube, object, &n);

	for (size_t i = 0; i < n; i++)
		if (!kube_objects_find(losses->going, names[i]))
			add(losses, names[i]);
}

const char *kube_losses(struct kube *kube, const struct kube_objects *going, bool others)
{
	struct losses losses = {.kube = kube, .going = going, .text = STRBUF_INIT};
	const char *text = NULL;

	for (size_t i = 0; i < going->n; i++) {
		const struct kube_object *object = &going->items[i];

		if (is_kind(object, "v1", CLAIM))
			add_claim(&losses, object->namespace, object->name);
		else if (is_kind(object, "v1", "Namespace"))
			add_claims(&losses, object->name, NULL);
		else if (is_kind(object, "apps/", "StatefulSet") && object->uid)
			add_claims(&losses, object->namespace, object->uid);
		if (others && kube_rank(object->api_version, object->kind) <= KUBE_RANK_DEFINITION)
			add_of_others(&losses, object);
	}
	if (losses.n)
		text = losses.n > TOLD ? kube_printf(kube, "%s and %zu more", losses.text.text,
				losses.n - TOLD) : arena_strdup(kube->arena, losses.text.text);
	strbuf_release(&losses.text);
	return text;
}

/* --- objects that are made anew in an update ---------------------------------------------------- */

static const char made_anew[] = " is deleted and created again: ";

const char *kube_remakes_add(struct arena *arena, const char *remakes, const char *ref,
	const char *fields)
{
	return arena_printf(arena, "%s%s%s%s%s cannot be changed in place", remakes ? remakes : "",
		remakes ? "; " : "", ref, made_anew, fields);
}

bool kube_remakes(const char *remakes, const char *ref)
{
	size_t len = strlen(ref);

	for (const char *at = remakes; at; at = strstr(at, "; "), at = at ? at + 2 : NULL)
		if (!strncmp(at, ref, len) && !strncmp(at + len, made_anew, strlen(made_anew)))
			return true;
	return false;
}
