/*
 * The objects of one resource: as the manifest says (parsed), and as the record remembers (inventory).
 *
 * An object is known by its reference, "Deployment.apps/default/web": kind and group, namespace (none
 * for cluster-wide ones), name. Its version is not part of it: the same object answers in several.
 */
#ifndef DEVENV_KUBERNETES_OBJECTS_H
#define DEVENV_KUBERNETES_OBJECTS_H

#include "providers/kubernetes/api/discovery.h"

struct kube_object {
	const char *api_version, *kind, *name;
	const char *namespace;     /* as written; NULL: none, so that of the resource or of the cluster */
	const struct value *value; /* as desired; NULL in an inventory */
	const char *where;         /* "deploy.yml:3": for messages */
	bool sensitive;            /* holds what must not be shown */
	const char *digest;        /* of `value`, marks and all that varies left out */

	/* Once the cluster was asked (kube_object_place), or from the inventory. */
	const char *plural;        /* NULL: the cluster does not know the kind (yet) */
	bool namespaced;
	const char *ref;
	const char *uid;           /* NULL: not made */
	const char *version;       /* its resourceVersion right after the last apply; NULL: not known */
	const char *state;         /* what was observed right after the last apply; see observe.c */
};
/* Copies what placing and applying have filled. */
void kube_object_keep(struct arena *arena, struct kube_object *object);

struct kube_objects {
	struct kube_object *items;
	size_t n, cap;
};

/*
 * The inputs `manifest`, `file`, `directory` or `kustomize` as objects, in the order written. A List is
 * its items. `ignore` (JSON pointers, NULL-terminated or NULL) is taken out of each. What is not an
 * object, or stands twice, is ERROR_INVALID.
 */
int kube_objects_parse(struct provider_env *env, const struct value *inputs,
	const char *const *ignore, struct kube_objects *out, struct error *err);
/* What one document says, appended; `where` names it. */
int kube_objects_add(struct arena *arena, const struct value *value, const char *where,
	struct kube_objects *out, struct error *err);
/* All documents of a YAML or JSON text, appended. `parsed` as in provider_env. `err` NULL: what cannot be
   read is left out. */
int kube_objects_read(struct arena *arena, struct parsed *parsed, const char *path, const char *text,
	size_t len, struct kube_objects *out, struct error *err);

/* Is its value a secret's? Then its values never appear anywhere. */
bool kube_is_secret(const struct value *object);
/* An object, a List, or a list of them: is there a Secret in it? */
bool kube_has_secret(const struct value *objects);
/* The same with the values of Secrets flagged sensitive. */
struct value kube_conceal(struct arena *arena, const struct value *objects);
/* A Secret with its stringData in data, where the server keeps it: what is applied as stringData is
   nobody's field afterwards, so a change of it would not be seen, nor a key that is taken out go. */
struct value kube_plain_secret(struct arena *arena, const struct value *secret);
/* `value` without what a JSON pointer leads to. */
struct value kube_without(struct arena *arena, const struct value *value, const char *pointer);

/* Fills plural, namespaced, namespace and ref. Without its kind on the cluster, plural stays NULL and
   the reference is the one that it would most likely have. */
int kube_object_place(struct kube *kube, struct kube_object *object, const char *namespace,
	struct error *err);
/* "/apis/apps/v1/namespaces/default/deployments/web"; `name` NULL: the collection. */
const char *kube_object_path(struct kube *kube, const struct kube_object *object,
	const char *name);
const char *kube_object_group(struct arena *arena, const char *api_version); /* "": core */
/*
 * GET of one object. *there is false when it is not there, which is no error. Where its version is not
 * served any more, but its kind is in another, `object` is brought up to that one.
 */
int kube_object_get(struct kube *kube, struct kube_object *object, const char *accept,
	struct kube_reply *reply, bool *there, struct error *err);
struct kube_object *kube_objects_find(const struct kube_objects *objects, const char *ref);

/* Namespaces, definitions, what others use, workloads, what lets others in. Destroying goes backwards. */
int kube_rank(const char *api_version, const char *kind);
/* Groups of ranks: objects of one group do not wait for each other. */
int kube_rank_group(int rank);
void kube_objects_sort(struct kube_objects *objects);
enum { KUBE_RANK_NAMESPACE = 0, KUBE_RANK_DEFINITION = 1 };

/* The output `objects`, and back. */
struct value kube_inventory_write(struct arena *arena, const struct kube_objects *objects);
/* The output `revision`: another one after each apply that changed something. It is made of versions,
   not of content: a hash of a secret would tell whether a guess is right. */
const char *kube_revision(struct arena *arena, const struct kube_objects *objects);
void kube_inventory_read(struct arena *arena, const struct value *outputs,
	struct kube_objects *out);

#endif
