/* Which secrets a manifest has, where they come from and who uses them. Never what they are. */
#ifndef DEVENV_MANIFEST_SECRETS_H
#define DEVENV_MANIFEST_SECRETS_H

#include "manifest/manifest.h"
#include "model/graph.h"

struct secret_info {
	const char *name;
	const char *type;    /* in the words of spec.secrets: "generated" */
	const char *from;    /* "$DB_PASSWORD, file:token"; the manifest's own words, no value */
	const char *address; /* of the resource that makes or reads it; NULL: the manifest says it */
	const char *keeper;  /* the service whose data knows this value, and would not take another; NULL */
	const char **users;  /* services by name, the rest by address, "output.NAME", "secret.NAME" */
	size_t n_users, cap_users;
};

/* Those of spec.secrets in their order, then those that only resources tell. In `arena`. */
struct secret_info *secrets_list(const struct manifest *manifest, const struct graph *graph,
	struct arena *arena, size_t *n);

#endif
