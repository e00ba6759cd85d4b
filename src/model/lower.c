/* See lower.h. Resources pass through. */
#include "model/lower.h"

int lower_services(struct manifest *manifest, const struct value *spec, struct value *resources,
	struct diags *diags)
{
	const struct member *services = value_member(spec, "services");

	(void)manifest;
	(void)resources;
	if (!services || !services->value.len)
		return 0;
	diag_error(diags, services->pos, "services are not supported yet");
	diag_hint(diags, "declare docker_container resources under spec.resources");
	return -1;
}
