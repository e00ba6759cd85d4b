/*
 * The provider `helm` and its type helm_release: charts, installed by the helm program, 3 or 4. helm.c
 * opens the conversation with the cluster and hands over to one file a stage.
 *
 * What there is, is read from the cluster without helm: one list of the metadata of helm's own secrets
 * for all releases, one list a kind and namespace for their objects. Helm is started to change
 * something, and by a plan only to say in words what somebody else has changed.
 *
 * Our marks are labels of the release, which helm copies from one revision to the next whoever makes
 * it: so a label alone does not tell who made a revision; its intent and its number do.
 */
#ifndef DEVENV_HELM_HELM_H
#define DEVENV_HELM_HELM_H

#include "providers/kubernetes/inputs.h"
#include "providers/kubernetes/kubernetes.h"
#include "providers/kubernetes/place.h"

/* Labels have room for 63 bytes of [A-Za-z0-9._-]. */
#define HELM_LABEL_ENVIRONMENT "dev.devenv/environment"
#define HELM_LABEL_ADDRESS "dev.devenv/address"
#define HELM_LABEL_INTENT "dev.devenv/intent"
#define HELM_LABEL_STATE "dev.devenv/state"

/* What helm calls itself among those who set fields, and the label it puts on every object. */
#define HELM_MANAGER "helm"
#define HELM_OWN_LABEL "app.kubernetes.io/managed-by=Helm"

/* --- releases.c: what helm keeps about releases, as the cluster tells it -------------------------- */

struct helm_revision {
	const char *namespace, *name;
	int64_t number;
	const char *status;         /* "deployed", "pending-upgrade" ... */
	const char *uid;            /* of its secret */
	const char *created;        /* when */
	const struct value *labels;
};

struct helm_revisions {
	struct helm_revision *items;
	size_t n, cap;
};

/* All revisions of all releases, or of one namespace or one release (NULL: any): metadata only. */
int helm_list(struct kube *kube, const char *namespace, const char *name,
	struct helm_revisions *out, struct error *err);
/* The newest one of a release; NULL: it is not installed (or uninstalled with its history kept). */
const struct helm_revision *helm_newest(const struct helm_revisions *all, const char *namespace,
	const char *name);
/* The newest one that is in force; NULL: there never was one. */
const struct helm_revision *helm_deployed(const struct helm_revisions *all, const char *namespace,
	const char *name);
bool helm_is_pending(const struct helm_revision *revision); /* also while it is uninstalled */
enum ownership helm_owner(const struct kube *kube, const struct helm_revision *revision,
	const char *address, const char **message);
/* Was this unfinished revision begun by a run of ours that did not end it? `intent`: the open ones. */
bool helm_is_left_by_us(const struct kube *kube, const struct helm_revisions *all,
	const struct helm_revision *pending, const struct intent *intent, const char *recorded);
const char *helm_intent_of(const struct helm_revision *revision);
/* "pending-upgrade, revision 4, since 2026-...": for messages. */
const char *helm_told(struct kube *kube, const struct helm_revision *revision);
/* For --labels. */
const char *helm_labels(struct kube *kube, const char *address);

/* --- command.c: running helm ---------------------------------------------------------------------- */

struct helm {
	struct kube *kube;
	int major;              /* 3 or 4 */
	int minor;
	const char *const *env; /* of the child */
	const char *directory;  /* where it runs: nothing lies there */
	const char *context, *kubeconfig;
};

/* Finds helm and asks for its version. Writes nothing. */
int helm_open(struct helm *helm, struct kube *kube, struct error *err);

/* An argument vector under construction. */
struct helm_args {
	const char *items[64];
	size_t n;
};
void helm_arg(struct helm_args *args, const char *arg);
void helm_args(struct helm_args *args, ...) __attribute__((sentinel));

enum helm_run_flag { /* a set */
	HELM_TELLS = 1 << 0, /* its lines are progress */
	HELM_ACTS = 1 << 1,  /* it changes something: it holds the lock of the intent */
};

/*
 * Runs helm with these arguments, and --kubeconfig and --kube-context. `input` (or NULL) is its stdin:
 * the place for what is secret. *out (or NULL) is its stdout, in the arena.
 * ERROR_TRANSIENT: what it complains about may pass by itself.
 */
int helm_run(struct helm *helm, const struct helm_args *args, const char *input, unsigned flags,
	const char **out, struct error *err);
/* "287s": what is left of the time of this action, for --timeout. */
const char *helm_timeout(struct helm *helm);

/* --- names.c: what can be said from inputs alone ---------------------------------------------------- */

/* The members of struct provider of these names. */
void helm_validate(const struct resource *resource, struct diags *diags);
void helm_claims(const struct type *type, const struct value *inputs, const char *project_root,
	void (*claim)(void *arg, const char *what), void *arg);
int helm_digest(const struct type *type, const struct value *inputs, const char *project_root,
	struct hash *out, struct error *err);

/* "NAMESPACE/NAME" of a new release. */
const char *helm_id(struct kube *kube, const struct value *inputs, const char *address,
	int suffix);
/* Its parts. */
void helm_id_split(struct arena *arena, const char *id, const char **namespace, const char **name);
bool helm_chart_is_local(const char *chart);
/* What names the chart to helm: an absolute path, or where to fetch it from. */
void helm_chart_args(struct kube *kube, const struct value *inputs, struct helm_args *args);
/* Are the parts of the inputs that helm gets to see the same? */
bool helm_same_inputs(const struct value *desired, const struct value *recorded,
	const struct secret_key *key);

/* --- release.c: a release as a whole ---------------------------------------------------------------- */

/* What `helm get` says of a release. */
struct helm_release {
	int64_t revision;
	const char *chart, *chart_version, *app_version;
	struct kube_objects objects;  /* of its manifest, placed */
	const char *const *definitions; /* names of those in crds/, NULL-terminated */
};

int helm_read(struct helm *helm, const char *namespace, const char *name,
	struct helm_release *out, struct error *err);
/* Looks at the objects and fills uid and state of each; then the outcome. */
int helm_describe(struct kube *kube, const struct helm_release *release,
	const struct helm_revision *revision, const char *address,
	struct outcome *outcome, struct error *err);
/* See kube_state. */
const char *helm_object_state(struct kube *kube, const struct kube_object *object,
	const struct value *live);
/* The attribute `release`, as it is right after a success. */
const char *helm_release_text(struct kube *kube, const struct helm_revision *revision);

/* --- observe.c, apply.c, recover.c, destroy.c --------------------------------------------------------- */

void helm_observe(struct kube *kube, struct observation **items, size_t n);
int helm_import(struct kube *kube, const char *id, struct observation *out, struct error *err);
int helm_apply(struct kube *kube, const struct request *request, struct outcome *outcome,
	struct error *err);
/* Ends what a run of ours left unfinished: goes back to what was in force, or uninstalls it. */
int helm_recover(struct helm *helm, const struct helm_revisions *all,
	const struct helm_revision *pending, bool hooks, struct error *err);
int helm_destroy(struct kube *kube, struct record *record, struct error *err);

#endif
