/* What a resource's own tool would do inside it (provider.h, struct detail): copied, sealed, asked. */
#ifndef DEVENV_ENGINE_PLAN_DETAILS_H
#define DEVENV_ENGINE_PLAN_DETAILS_H

#include "provider/provider.h"

/* Everything of them in `arena`; those of a worker go with its task. */
const struct detail *details_copy(struct arena *arena, const struct detail *details, size_t n);
/* Everything that a person is shown of them. */
void details_hash(const struct observation *seen, const struct secret_key *key,
	struct hasher *hasher);

#endif
