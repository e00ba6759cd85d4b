/*
 * Where a cluster is and who we are there, from one kubeconfig file that the manifest names. The
 * ambient KUBECONFIG, ~/.kube/config and current-context are never looked at: a plan must not depend
 * on what a shell happens to point to.
 */
#ifndef DEVENV_KUBERNETES_KUBECONFIG_H
#define DEVENV_KUBERNETES_KUBECONFIG_H

#include "provider/provider.h"

/* In the arena of the call, or in what a loop keeps parsed. Secrets (key, token, password) go into memory
   and headers only. */
struct kubeconfig {
	const char *path;        /* of the file, absolute */
	const char *context;     /* its name */
	const char *server;      /* "https://127.0.0.1:6443", no slash at the end */
	const char *server_name; /* the name its certificate bears, when not that of `server`; or NULL */
	const char *ca, *cert, *key; /* PEM; NULL: none */
	const char *authorization;   /* "Bearer ...", "Basic ..."; NULL: none */
	const char *as;          /* impersonated user; NULL: none */
	const struct value *as_groups; /* a list; NULL: none */
	const char *proxy;       /* NULL: what the environment says */
	const char *namespace;   /* of the context; NULL: none */
	bool insecure;
	bool own;                /* of a cluster that this environment has made */
};

/*
 * Reads `path` (relative: from the project root). `context` NULL: the file's only one; several are
 * ERROR_INVALID, naming them. A plugin for credentials (`exec`) is run. ERROR_UNREACHABLE when the
 * file is not there or a plugin fails: the cluster cannot be seen then.
 */
int kubeconfig_load(struct provider_env *env, const char *path, const char *context,
	struct kubeconfig *out, struct error *err);

/* The credentials that a user's `exec` gives, run in `directory`: fills token or certificate. */
int kubeconfig_exec(struct provider_env *env, const struct value *exec, const char *directory,
	struct kubeconfig *out, struct error *err);

#endif
