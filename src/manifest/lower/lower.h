/*
 * Lowering: cluster, services, terraform, secrets, volumes and networking become plain resources. Everything after it
 * knows only resources.
 */
#ifndef DEVENV_MANIFEST_LOWER_H
#define DEVENV_MANIFEST_LOWER_H

#include "manifest/manifest.h"

/*
 * `spec` is the merged spec, its variables, environment, files and secrets replaced; references to
 * resources and the short forms (${service.api.host}) are still text. *resources is the list under
 * spec.resources as written (forEach, when and references are dealt with later); what is made comes
 * before or behind it, with the service's place; `$service: NAME` in its map tells its origin.
 * In resources and in the map of outputs, ${service.NAME.x} is replaced, too, and a resource with one
 * depends on the service. Files of configuration are read. manifest->arena owns everything. -1: diagnostics.
 */
struct loading;
int lower_spec(struct loading *loading, const struct value *spec, struct value *resources,
	struct value *outputs, struct diags *diags);

/* Lines for a shell inside of it: the whole database to standard output, and from standard input. */
struct catalogue_copy {
	const char *out, *in;
	bool whole; /* what came in only in part was never there */
};
/* NULL: it is no database. */
const struct catalogue_copy *catalogue_copy(const char *type);
/* Does the data of such a service know the password that it was begun with, and take no other? False also
   for what is no type of the catalogue. */
bool catalogue_keeps_password(const char *type);

#endif
