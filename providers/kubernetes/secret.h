/* The type kubernetes_secret: see secret.c. */
#ifndef DEVENV_KUBERNETES_SECRET_H
#define DEVENV_KUBERNETES_SECRET_H

#include "providers/kubernetes/kubernetes.h"

#define KUBE_SECRET_TYPE "kubernetes_secret"

void kube_secret_observe(struct kube *kube, struct observation *item);
int kube_secret_apply(struct kube *kube, const struct request *request, struct outcome *outcome,
	struct error *err);

#endif
