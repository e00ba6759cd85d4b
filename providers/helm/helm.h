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
	const char *home;       /* of its caches and configuration */
	int config;             /* descriptor that it reads who it is from, as PROCESS_KEEP_FD; -1: nobody */
	const char *context, *kubeconfig;
	int64_t respite;        /* ms that what it does may go on after the deadline */
};

/* Finds helm and asks for its version. Writes nothing. Of `kube`, which may have been opened for nothing but
   env and arena, the cluster. */
int helm_open(struct helm *helm, struct kube *kube, struct error *err);
/* The folder of its caches and configuration is another one from now on. */
void helm_move(struct helm *helm, const char *home);

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
 * the place for what is secret. *out (or NULL) is its stdout, in the arena, also when it fails.
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
	struct parsed *parsed, struct hash *out, struct error *err);

/* "NAMESPACE/NAME" of a new release. */
const char *helm_id(struct kube *kube, const struct value *inputs, const char *address,
	int suffix);
/* Its parts. */
void helm_id_split(struct arena *arena, const char *id, const char **namespace, const char **name);
bool helm_chart_is_local(const char *chart);
bool helm_chart_is_remote(const char *chart); /* oci:// */
/* The member `locks` of struct provider. */
bool helm_locks(const struct type *type, const struct value *inputs, struct arena *arena,
	struct value *what);
/* Arguments for the values of the inputs; *text is what is to be stdin, and holds secrets. */
void helm_values(struct kube *kube, const struct value *inputs, struct helm_args *args,
	struct strbuf *text);
/* What the lock file says of the chart, {resolved, digest}; NULL: nothing. */
const struct value *helm_locked(const struct value *inputs);
/* Are the parts of the inputs that helm gets to see the same? */
bool helm_same_inputs(const struct value *desired, const struct value *recorded,
	const struct secret_key *key);

/* --- fetch.c: charts that lie elsewhere ------------------------------------------------------------- */

#define HELM_SCRATCH "devenv-helm-" /* fs_scratch */

struct helm_chart {
	const char *path;    /* absolute: a folder or an archive */
	const char *version; /* NULL: of one that was not fetched */
	const char *digest;  /* "sha256:..." of the archive; NULL likewise */
};

/* The chart, fetched when it is not there yet, below the folder of the environment. */
int helm_chart(struct helm *helm, const struct value *inputs, const char *id, struct helm_chart *out,
	struct error *err);
/* True: nothing is to be fetched. */
bool helm_chart_at_hand(struct helm *helm, const struct value *inputs, struct helm_chart *out);
/* The same into `folder`, which is the caller's. */
int helm_fetch(struct helm *helm, const struct value *inputs, const char *folder,
	struct helm_chart *out, struct error *err);
/* The member `resolve` of struct provider. */
int helm_resolve(struct provider_env *env, const struct type *type, const struct value *inputs,
	struct pin *out, struct error *err);

/* --- release.c: a release as a whole ---------------------------------------------------------------- */

/* What `helm get` says of a release. */
struct helm_release {
	int64_t revision;
	const char *chart, *chart_version, *app_version;
	struct kube_objects objects;  /* of its manifest, placed */
	const char *const *definitions; /* names of those in crds/, NULL-terminated */
};

/* What it says is in a template of ours. */
int helm_release_parse(struct kube *kube, const char *text, struct helm_release *out,
	struct error *err);
int helm_read(struct helm *helm, const char *namespace, const char *name,
	struct helm_release *out, struct error *err);
/* What of its hooks and its manifest is there and not ready, and why; NULL: nothing, or it cannot be seen. */
const char *helm_why(struct helm *helm, const char *namespace, const char *name);
/* Looks at the objects and fills uid and state of each; then the outcome. */
int helm_describe(struct kube *kube, const struct helm_release *release,
	const struct helm_revision *revision, const char *address,
	struct outcome *outcome, struct error *err);
/* See kube_state. */
const char *helm_object_state(struct kube *kube, const struct kube_object *object,
	const struct value *live);
/* The attribute `release`, as it is right after a success. */
const char *helm_release_text(struct kube *kube, const struct helm_revision *revision);

/* --- manifests.c: what would become of the objects ---------------------------------------------------- */

struct helm_wanted {
	const struct value *inputs;
	const char *namespace, *name;
	bool upgrades; /* it is there already */
};

/* Fills the details of `o`; `before`: the objects of what is there. What `redactor` knows is concealed. */
struct redactor;
void helm_details(struct helm *helm, const struct helm_wanted *wanted,
	const struct kube_objects *before, const struct redactor *redactor, struct observation *o);

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
