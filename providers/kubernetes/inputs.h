/* What can be said about the inputs of a kubernetes_manifest without a cluster. */
#ifndef DEVENV_KUBERNETES_INPUTS_H
#define DEVENV_KUBERNETES_INPUTS_H

#include "provider/provider.h"

/* The members of struct provider of these names. */
void kube_validate(const struct resource *resource, struct diags *diags);
void kube_claims(const struct type *type, const struct value *inputs, const char *project_root,
	void (*claim)(void *arg, const char *what), void *arg);
void kube_conceal_inputs(const struct type *type, struct value *inputs, struct arena *arena);
int kube_digest(const struct type *type, const struct value *inputs, const char *project_root,
	struct parsed *parsed, struct hash *out, struct error *err);

/* The inputs of an intent that a run left open. */
int kube_intent_inputs(struct arena *arena, const struct intent *intent, struct value *out);

#endif
