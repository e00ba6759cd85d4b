/*
 * A conversation with one Kubernetes API server: opened for each call of the provider, with a
 * kept-alive connection of its own, straight over HTTP. Everything returned lives in `kube->arena`,
 * the arena of the call.
 *
 * What may pass by itself (429 with its Retry-After, 500, 502 to 504, a connection that broke) is asked
 * again a few times: every request made here may be repeated. No request is a POST.
 */
#ifndef DEVENV_KUBERNETES_CLIENT_H
#define DEVENV_KUBERNETES_CLIENT_H

#include "base/http.h"
#include "providers/kubernetes/api/kubeconfig.h"

struct kube_discovery;
struct kube_lease;

enum { KUBE_BLOBS = 3 };

struct kube {
	struct provider_env *env;
	struct arena *arena;
	struct http_client *http;
	struct kubeconfig config;
	const char *base;          /* URL before the path */
	const char *where;         /* "context k3d-dev (https://127.0.0.1:6443)": for messages */
	const char *id;            /* uid of kube-system: record.endpoint; NULL before kube_identify */
	struct kube_discovery *discovery; /* NULL: not asked yet (discovery.h) */
	bool discovered_again;     /* because of an unknown kind: once is enough */
	struct http_options options; /* of `http` */
	struct kube_lease *lease;  /* NULL: none is held (lease.h) */
	int blobs[KUBE_BLOBS];     /* certificates and key: memory that has a path, never a file on disk */
};

/* `cluster` is the attribute {kubeconfig, context}. Connects to nothing yet. */
int kube_open(struct kube *kube, struct provider_env *env, const struct value *cluster,
	struct error *err);
/* Which cluster is it? */
int kube_identify(struct kube *kube, struct error *err);
/* Another connection to the same cluster, with nothing asked anew; `other` outlives it. */
int kube_open_beside(struct kube *kube, const struct kube *other, struct provider_env *env);
void kube_close(struct kube *kube);

/* Accept: a list without what its items say beyond their metadata. */
#define KUBE_METADATA_LIST \
	"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"

struct kube_reply {
	long status;              /* 0: no reply */
	const struct value *body; /* parsed JSON; value_null when it is none */
	const char *text;         /* as it came; never NULL */
};

struct kube_request {
	const char *method;       /* NULL: GET */
	const char *path;         /* begins with '/' */
	const char *accept;       /* NULL: application/json */
	const char *type;         /* of the body */
	const struct value *body; /* NULL: none. Sent in clear: never logged. */
	bool once;                /* 429 and 5xx are answers: not asked again */
	bool plain;               /* the reply is text, not JSON */
};

/*
 * A status from 400 on is an error with the server's message:
 *   400, 422 ERROR_INVALID   401, 403 ERROR_FAILED   404 ERROR_NOT_FOUND   409 ERROR_CONFLICT
 *   429, 5xx ERROR_TRANSIENT (501, 505 ERROR_FAILED)
 * `reply` is filled in both cases and may be NULL.
 */
int kube_call(struct kube *kube, const struct kube_request *request, struct kube_reply *reply,
	struct error *err);
int kube_get(struct kube *kube, const char *path, struct kube_reply *reply, struct error *err);
/*
 * A GET whose reply has no end of its own (a watch, a log): `write` gets it piece by piece, and returns
 * false when it has seen enough, which is no error. ERROR_TIMEOUT when `deadline` (monotonic) passed.
 */
int kube_stream(struct kube *kube, const char *path,
	bool (*write)(void *arg, const char *data, size_t len), void *arg, int64_t deadline,
	struct kube_reply *reply, struct error *err);
/* Sleeps unless the call is cancelled or its deadline comes first; then -1 with the error. */
int kube_pause(struct kube *kube, int64_t ms, struct error *err);
/* Formats into the arena. */
const char *kube_printf(struct kube *kube, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
