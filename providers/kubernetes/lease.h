/*
 * Who writes on a cluster that others use, too, holds a Lease in the namespace meanwhile, so that two
 * homes never look and write at the same time. Actions of one environment share it.
 */
#ifndef DEVENV_KUBERNETES_LEASE_H
#define DEVENV_KUBERNETES_LEASE_H

#include "providers/kubernetes/api/client.h"

#include <stdatomic.h>

#define KUBE_LEASE "devenv" /* its name */

struct kube_lease {
	const char *namespace, *holder; /* holder NULL: it is not needed, or cannot be had */
	const char *version, *uid;      /* as this action wrote it */
	int fd;                         /* locked by each action of ours that needs it; -1: none */
	atomic_llong renewed;           /* monotonic ms */
};

/*
 * Waits for another holder, to the deadline. On a cluster of our own, where there is no such namespace yet,
 * and for who may not have leases, there is none, which is no error. kube_call renews it.
 */
int kube_lease_take(struct kube *kube, const char *namespace, struct kube_lease *lease,
	struct error *err);
void kube_lease_renew(struct kube *kube);
/* The last of ours removes it. */
void kube_lease_release(struct kube *kube, struct kube_lease *lease);

#endif
