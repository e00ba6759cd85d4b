/*
 * Work on many objects over a few connections at once. Each thread has a conversation and an arena of its
 * own; what it found is kept in the caller's arena when all have ended, on the caller's thread.
 */
#include "providers/kubernetes/kubernetes.h"

#include <pthread.h>

enum {
	CONNECTIONS = 4,
	WORTH_IT = 8, /* fewer are done before another connection stands */
};

struct crew {
	struct kube *kube;
	size_t n;
	int (*work)(struct kube *kube, size_t i, void *arg, struct error *err);
	void *arg;
	atomic_size_t next;
	atomic_bool stop;
};

struct hand {
	struct crew *crew;
	struct kube kube;
	struct provider_env env;
	struct arena arena;
	size_t failed; /* which; SIZE_MAX: none */
	struct error err;
	pthread_t thread;
};

static void work_on(struct hand *hand, struct kube *kube)
{
	struct crew *crew = hand->crew;
	size_t i;

	while (!atomic_load(&crew->stop) && (i = atomic_fetch_add(&crew->next, 1)) < crew->n) {
		if (!crew->work(kube, i, crew->arg, &hand->err))
			continue;
		hand->failed = i;
		atomic_store(&crew->stop, true);
	}
}

static void *run(void *arg)
{
	struct hand *hand = arg;

	work_on(hand, &hand->kube);
	return NULL;
}

/* Who cannot begin is missed by nobody: the others do the work. */
static bool join_crew(struct hand *hand)
{
	struct kube *kube = hand->crew->kube;

	hand->env = *kube->env;
	hand->env.arena = &hand->arena;
	if (kube_open_beside(&hand->kube, kube, &hand->env))
		return false;
	if (!pthread_create(&hand->thread, NULL, run, hand))
		return true;
	kube_close(&hand->kube);
	return false;
}

int kube_each(struct kube *kube, size_t n,
	int (*work)(struct kube *kube, size_t i, void *arg, struct error *err),
	void (*keep)(struct arena *arena, size_t i, void *arg), void *arg, struct error *err)
{
	struct crew crew = {.kube = kube, .n = n, .work = work, .arg = arg};
	struct hand hands[CONNECTIONS];
	size_t n_hands = 1, failed = SIZE_MAX;

	for (size_t i = 0; i < CONNECTIONS; i++)
		hands[i] = (struct hand){.crew = &crew, .failed = SIZE_MAX};
	while (n >= WORTH_IT && n_hands < CONNECTIONS && join_crew(&hands[n_hands]))
		n_hands++;
	work_on(&hands[0], kube);
	for (size_t i = 1; i < n_hands; i++) {
		pthread_join(hands[i].thread, NULL);
		kube_close(&hands[i].kube);
	}
	for (size_t i = 0; i < n; i++)
		keep(kube->arena, i, arg);
	for (size_t i = 0; i < CONNECTIONS; i++) {
		if (hands[i].failed < failed) {
			failed = hands[i].failed;
			*err = hands[i].err;
		}
		arena_release(&hands[i].arena);
	}
	return failed == SIZE_MAX ? 0 : -1;
}
