/*
 * The provider `kubernetes` and its type kubernetes_manifest: any objects of an existing cluster,
 * straight over its API. kubernetes.c opens the conversation and hands over to one file a stage. The
 * contracts are those of provider.h; only what differs is said here.
 *
 * Objects are applied by the server (server-side apply, field manager "devenv"), so that only what the
 * manifest sets is ours. What was applied is known by the inventory in the record (output `objects`:
 * references and uids); marks only serve to find what a run that died has made.
 */
#ifndef DEVENV_KUBERNETES_KUBERNETES_H
#define DEVENV_KUBERNETES_KUBERNETES_H

#include "providers/kubernetes/objects.h"

#define KUBE_MANAGER "devenv"
#define KUBE_POWER_MANAGER "devenv-power" /* of what `devenv start`, `stop` and `restart` set */

/* --- marks.c: whose is it? ---------------------------------------------------------------------- */

#define KUBE_LABEL_MANAGED "app.kubernetes.io/managed-by"
#define KUBE_LABEL_ENVIRONMENT "dev.devenv/environment" /* the rest are annotations */
#define KUBE_NOTE "dev.devenv/"
#define KUBE_NOTE_ADDRESS "dev.devenv/address"
#define KUBE_NOTE_GENERATION "dev.devenv/generation"
#define KUBE_NOTE_INTENT "dev.devenv/intent"
#define KUBE_NOTE_STATE "dev.devenv/state"
#define KUBE_NOTE_PROJECT "dev.devenv/project"

struct kube_mark {
	const char *environment, *address, *intent, *state, *project; /* NULL: not there */
};

/* What is sent for an object: with its namespace and the marks of `address`. */
struct value kube_marked(struct kube *kube, const struct kube_object *object, const char *address,
	int generation);
/* Of an object, or of its PartialObjectMetadata. */
struct kube_mark kube_mark(const struct value *object);
bool kube_is_ours(const struct kube *kube, const struct kube_mark *mark);
/* As docker_owner. */
enum ownership kube_owner(const struct kube *kube, const struct value *object,
	const char *address, const char **message);
/* The address in the marks of what a record remembers: its own, unless it moved since. */
const char *kube_marked_as(struct record *record);

/* --- state.c: is it still as we applied it? ----------------------------------------------------- */

/*
 * One line that is equal as long as nobody else changed a field that we set: a hash over the uid and
 * over the fields that the server says `devenv` owns. A field that someone else sets is no longer ours.
 * With KUBE_OWNS_REPLICAS at its end when `spec.replicas` is among them, which stays out of the hash.
 */
const char *kube_state(struct arena *arena, const struct value *object);
/* The same for fields that another tool sets for us, by applying or by updating; NULL: that anyone sets. */
const char *kube_state_by(struct arena *arena, const struct value *object, const char *manager);
#define KUBE_OWNS_REPLICAS " with replicas"

/* What differs between two forms of an object, in words ("spec.replicas: 5, wanted 2"); NULL: nothing.
   Values of sensitive objects are not told. */
const char *kube_differences(struct arena *arena, const struct value *live,
	const struct value *wanted, bool sensitive);

/* Who holds the fields of a conflict: ".spec.replicas is set by kubectl-edit". */
const char *kube_conflicts(struct arena *arena, const struct value *status);
/* Is it a conflict with nobody but this manager? */
bool kube_conflicts_only_with(const struct value *status, const char *manager);
/* Does the server refuse to change this in place? */
bool kube_is_immutable(const struct kube_reply *reply);

/* The fields that it does not let be changed: "spec.selector, spec.template". */
const char *kube_immutable_fields(struct arena *arena, const struct value *status);

/* --- parallel.c --------------------------------------------------------------------------------- */

/*
 * Calls `work` for 0 to n - 1, over a few connections at once when there are many, each with a kube and an
 * arena of its own; then `keep` for each, which copies into `arena` what is to last. Nothing new begins
 * after a failure; the error is that of the first in order.
 */
int kube_each(struct kube *kube, size_t n,
	int (*work)(struct kube *kube, size_t i, void *arg, struct error *err),
	void (*keep)(struct arena *arena, size_t i, void *arg), void *arg, struct error *err);

/* --- guard.c ------------------------------------------------------------------------------------ */

/* The claims whose data goes with these objects, in words, and with `others` what others have of a kind or
   in a namespace that goes; NULL: none. */
const char *kube_losses(struct kube *kube, const struct kube_objects *going, bool others);
/* others.c: of a definition or namespace, what others have; what cannot be listed is among it. */
const char *const *kube_others(struct kube *kube, const struct kube_object *object, size_t *n);
/* The text of observation.remakes with one more object; is this one in it? */
const char *kube_remakes_add(struct arena *arena, const char *remakes, const char *ref,
	const char *fields);
bool kube_remakes(const char *remakes, const char *ref);

/* --- apply.c ------------------------------------------------------------------------------------ */

enum kube_patch { /* a set */
	KUBE_DRY_RUN = 1 << 0,
	KUBE_FORCE = 1 << 1,
	KUBE_LENIENT = 1 << 2, /* fields that its kind does not have are dropped, not refused */
};

/* One server-side apply. ERROR_CONFLICT names the fields and who holds them. */
int kube_patch(struct kube *kube, const struct kube_object *object, const struct value *body,
	unsigned flags, struct kube_reply *reply, struct error *err);
/* Would the server also refuse to make it if it were not there? What it says then is in `err`. It looks at that
   before it looks whether the name is free. */
bool kube_refuses_anew(struct kube *kube, const struct kube_object *object, const struct value *body,
	struct error *err);
/* `known` from the inventory (or NULL), `object` as desired: is its apply only to undo what others did? */
bool kube_must_force(const struct kube_object *known, const struct kube_object *object);
/* Is its `spec.replicas` looked after by an autoscaler, and not by us? Then it is not sent. */
bool kube_is_autoscaled(struct kube *kube, const struct kube_object *object);
int kube_apply(struct kube *kube, const struct request *request, struct outcome *outcome,
	struct error *err);

/* --- see.c: looking at many objects with few requests ------------------------------------------- */

struct kube_sight;
/* `label` ("KEY=VALUE") is borne by everything that will be wanted as ours. */
struct kube_sight *kube_sight_new(struct kube *kube, const char *label);
void kube_sight_free(struct kube_sight *sight);
/* Notes that an object is to be looked at. `ours`: it is in an inventory, so it bears the label. */
void kube_sight_want(struct kube_sight *sight, const struct kube_object *object, bool ours);
/* One list a kind and namespace, metadata only. */
void kube_sight_look(struct kube_sight *sight);
/* The metadata of an object that was wanted; NULL in *live: it is not there. -1: it cannot be seen,
   `*why` says why. */
int kube_sight_find(const struct kube_sight *sight, const struct kube_object *object,
	const struct value **live, const char **why);
/* KUBE_LABEL_ENVIRONMENT of ours. */
const char *kube_own_label(struct kube *kube);
/* Everything with our environment's and home's mark for `address` (NULL: any), whatever its kind. */
int kube_sweep(struct kube *kube, const char *address, const char *namespace,
	struct kube_objects *out, struct error *err);

/* --- observe.c ---------------------------------------------------------------------------------- */

/* `kube` answers and said who it is; all `items` are on it and PRESENCE_UNKNOWN. */
void kube_observe(struct kube *kube, struct observation **items, size_t n);
/* The namespace of objects that name none. */
const char *kube_namespace(const struct kube *kube, const struct value *inputs);
int kube_import(struct kube *kube, const char *id, struct observation *out, struct error *err);

/* --- destroy.c ---------------------------------------------------------------------------------- */

/* Deletes, last first, and waits until they are gone. Another object of that name (another uid) and one
   that another resource has taken over stay. */
int kube_remove(struct kube *kube, struct kube_objects *objects, const char *address,
	struct error *err);
int kube_destroy(struct kube *kube, struct record *record, struct error *err);

/* dependents.c: the pods of workloads, which go in their own time. */
struct kube_dependent {
	const char *namespace, *uid; /* of an owner */
};
struct kube_dependents {
	struct kube_dependent *items;
	size_t n, cap;
};
/* Before a workload is deleted: who owns its pods. */
void kube_dependents_note(struct kube *kube, const struct kube_object *object,
	struct kube_dependents *dependents);
/* Until no pod is owned by any of them. */
int kube_dependents_wait(struct kube *kube, const struct kube_dependents *dependents,
	struct error *err);

/* --- ready.c ------------------------------------------------------------------------------------ */

/* Pure: by kind, from the object as the API gives it. `*why` says what is missing. */
enum readiness kube_object_ready(struct arena *arena, const struct value *object, const char **why);
/* Has an update of it made no pod yet, so that all there are were before it? */
bool kube_waits_for_pods(const struct value *object);
/* What is waited for: the first object that is not ready. */
struct kube_waiting {
	struct kube_object object;
	const char *version; /* in which it was seen: a watch begins behind it; NULL: nothing to watch */
};
/* Of all objects of a record; asks for events, pods and their last lines when something fails. `waiting`
   may be NULL. */
enum readiness kube_ready(struct kube *kube, struct record *record, struct kube_waiting *waiting,
	const char **why);
/* Of the first of them that is there and not ready; NULL: there is none. */
const char *kube_why(struct kube *kube, struct kube_objects *objects);
/* watch.c: the same as kube_ready, but lasts until they are ready, one has failed, or `until`. */
enum readiness kube_await(struct kube *kube, struct record *record, int64_t until,
	const char **why);
/* listen.c: the member of the provider. */
int kube_listen(struct provider_env *env, struct record *const *records, size_t n,
	const struct listener *listener, struct error *err);
/* The pods of a workload, {matchLabels: {a: b}} as "a=b,...", escaped; NULL: it selects otherwise. */
const char *kube_selector(struct kube *kube, const struct value *object);
/* Why an object is not ready, from events and pods; NULL: they do not say. `*hopeless`: it will not
   become ready by itself. */
const char *kube_reason(struct kube *kube, const struct value *object, bool *hopeless);

#endif
