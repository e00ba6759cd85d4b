/*
 * The provider `secret`: values that nobody writes into a manifest. A generated_secret is made once and
 * lives in state, encrypted; an external_secret is read from where it is kept, each time that a plan is
 * made, and never written. Both have one output, `data`: texts by name, sensitive. A
 * generated_certificate is made once for as long as it lasts.
 */
#ifndef DEVENV_PROVIDERS_SECRET_SECRET_H
#define DEVENV_PROVIDERS_SECRET_SECRET_H

#include "provider/provider.h"

/* What `data` is then: {"data": map}, all of it sensitive. */
const struct value *secret_outputs(struct arena *arena, struct value data);

/* --- generated.c -------------------------------------------------------------------------------- */

int generated_apply(struct provider_env *env, const struct request *request,
	struct outcome *outcome, struct error *err);

/* --- certificate.c ------------------------------------------------------------------------------ */

void certificate_validate(const struct resource *resource, struct diags *diags);
/* Says of what is recorded whether it ends soon. */
void certificate_observe(struct provider_env *env, struct observation *item);
int certificate_apply(struct provider_env *env, const struct request *request,
	struct outcome *outcome, struct error *err);

/* --- external.c, vault.c: the values of an external_secret by its inputs ------------------------- */

int external_read(struct provider_env *env, const struct value *inputs, struct value *data,
	struct error *err);
/* KV version 2 of Vault, and of what speaks like it. */
int vault_read(struct provider_env *env, const struct value *vault, struct value *data,
	struct error *err);

#endif
