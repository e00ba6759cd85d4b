/* Stopping, starting and starting anew what was applied: power.c. */
#ifndef DEVENV_KUBERNETES_POWER_H
#define DEVENV_KUBERNETES_POWER_H

#include "providers/kubernetes/kubernetes.h"

/* Of what rests: how many it had, or that it was not suspended. */
#define KUBE_NOTE_RESTING KUBE_NOTE "resting"
/* In a pod template: the intent that started it anew. */
#define KUBE_NOTE_RESTARTED KUBE_NOTE "restarted"

bool kube_can_scale(const struct kube_object *object);
/* From the metadata. */
bool kube_is_resting(const struct value *object);
/* ACT_STOP, ACT_START; ACT_START of what runs starts it anew. */
int kube_power(struct kube *kube, const struct request *request, struct outcome *outcome,
	struct error *err);

/* `body` as it is applied as long as it rests; and after that, what it will have when it wakes. */
struct value kube_at_rest(struct kube *kube, const struct kube_object *object,
	const struct value *body);
/* What it would have then, when that is not what its note says. */
const char *kube_rest_differs(struct kube *kube, const struct kube_object *object,
	const struct value *body, const struct value *live);
int kube_note_rest(struct kube *kube, const struct kube_object *object, const struct value *body,
	const struct value *live, struct error *err);

#endif
