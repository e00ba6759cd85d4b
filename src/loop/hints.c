/*
 * See hints.h. A thread shares nothing with the loop but the queue and its own `cancel`: what it listens
 * for is read from state into an arena of its own. One that is not needed any more is told so and
 * collected later, because a provider may take a moment to hear it.
 */
#include "loop/hints.h"

#include "engine/observe.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	QUEUE_MOST = 256,        /* hints that wait; beyond them one stands for all */
	AGAIN_LEAST = 1000,      /* ms between two tries to listen, doubled ... */
	AGAIN_MOST = 60 * 1000,  /* ... up to here */
};

#define UNTIL_THE_END (MAP_NONE - 1)

struct hint {
	char *address; /* NULL: of which is not known */
	int64_t at;
};

struct hint_queue {
	pthread_mutex_t mutex;
	struct hint items[QUEUE_MOST];
	size_t n;
	bool more; /* than fit */
	int fd;
};

struct ear {
	const struct provider *provider;
	struct hint_queue *queue;
	struct arena arena;       /* env and records */
	struct provider_env env;
	struct record **records;
	size_t n;
	struct hash hash;         /* of the records: they are the same as long as it is */
	struct listener listener;
	atomic_bool cancel, ended;
	int wake;                 /* readable when `cancel` is set */
	pthread_t thread;
};

/* --- in the thread ----------------------------------------------------------------------------- */

static void ring(int fd)
{
	uint64_t one = 1;
	ssize_t written;

	do {
		written = write(fd, &one, sizeof(one));
	} while (written < 0 && errno == EINTR);
}

static void moved(void *arg, const char *address, int64_t at)
{
	struct ear *ear = arg;
	struct hint_queue *queue = ear->queue;

	if (atomic_load(&ear->cancel))
		return; /* whoever comes after it knows better */
	pthread_mutex_lock(&queue->mutex);
	if (queue->n < QUEUE_MOST)
		queue->items[queue->n++] = (struct hint){address ? xstrdup(address) : NULL, at};
	else
		queue->more = true;
	pthread_mutex_unlock(&queue->mutex);
	ring(queue->fd);
}

static void *run(void *arg)
{
	struct ear *ear = arg;
	const struct clock *clock = ear->env.clock;
	int64_t pause = AGAIN_LEAST;

	while (!atomic_load(&ear->cancel)) {
		struct arena arena = ARENA_INIT;
		struct error err = ERROR_INIT;
		int64_t begun = clock_monotonic(clock);
		struct pollfd wake = {.fd = ear->wake, .events = POLLIN};

		ear->env.arena = &arena;
		ear->provider->listen(&ear->env, ear->records, ear->n, &ear->listener, &err);
		arena_release(&arena);
		if (clock_monotonic(clock) - begun > AGAIN_MOST)
			pause = AGAIN_LEAST;
		ear->listener.again = true;
		poll(&wake, 1, (int)pause);
		pause = pause * 2 < AGAIN_MOST ? pause * 2 : AGAIN_MOST;
	}
	atomic_store(&ear->ended, true);
	return NULL;
}

/* --- in the loop ------------------------------------------------------------------------------- */

static void ear_free(struct ear *ear)
{
	pthread_join(ear->thread, NULL);
	close(ear->wake);
	arena_release(&ear->arena);
	free(ear);
}

static void ear_retire(struct ear *ear)
{
	atomic_store(&ear->cancel, true);
	ring(ear->wake);
}

static const char *keep(struct arena *arena, const char *text)
{
	return text ? arena_strdup(arena, text) : NULL;
}

/* The same surroundings, in memory that outlives the reconcile. */
static struct provider_env env_of(struct ear *ear, struct reconcile *r)
{
	struct provider_env env = reconcile_env(r, &ear->arena);
	struct value *settings;

	env.project_root = keep(&ear->arena, env.project_root);
	env.environment = keep(&ear->arena, env.environment);
	env.state_id = keep(&ear->arena, env.state_id);
	env.project = keep(&ear->arena, env.project);
	env.self = keep(&ear->arena, env.self);
	env.taken = NULL;
	env.parsed = NULL; /* it outlives the load */
	if (env.settings) {
		settings = arena_alloc(&ear->arena, sizeof(*settings));
		*settings = value_copy(&ear->arena, env.settings);
		env.settings = settings;
	}
	env.deadline = 0;
	env.cancel = &ear->cancel;
	return env;
}

static bool is_for(const struct record *record, const struct provider *provider)
{
	return record->id && record->status != RECORD_STOPPED &&
	       provider_by_type(record->type) == provider;
}

static struct hash hash_of(const struct record *records, size_t n, const struct provider *provider,
	size_t *count)
{
	struct hasher hasher;
	struct hash hash;

	*count = 0;
	hasher_init(&hasher);
	for (size_t i = 0; i < n; i++) {
		const struct record *record = &records[i];

		if (!is_for(record, provider))
			continue;
		++*count;
		hasher_add_str(&hasher, record->address, strlen(record->address));
		hasher_add_str(&hasher, record->id, strlen(record->id));
		hasher_add(&hasher, &record->updated_at, sizeof(record->updated_at));
	}
	hasher_finish(&hasher, &hash);
	return hash;
}

static int read_records(struct ear *ear, struct reconcile *r, struct error *err)
{
	struct record *records;
	size_t n;

	if (state_records(r->state, r->environment.id, &ear->arena, &records, &n, err) < 0)
		return -1;
	ear->records = arena_alloc(&ear->arena, (n + 1) * sizeof(struct record *));
	for (size_t i = 0; i < n; i++)
		if (is_for(&records[i], ear->provider))
			ear->records[ear->n++] = &records[i];
	return 0;
}

static bool open_queue(struct hints *h)
{
	if (h->queue)
		return true;
	h->queue = xcalloc(1, sizeof(*h->queue));
	h->queue->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&h->queue->mutex, NULL);
	return h->queue->fd >= 0;
}

/* Without a thread or a descriptor, the interval has to do. */
static void start(struct hints *h, struct reconcile *r, const struct provider *provider,
	const struct hash *hash, int64_t since)
{
	struct ear *ear = xcalloc(1, sizeof(*ear));
	struct error err = ERROR_INIT;

	ear->provider = provider;
	ear->hash = *hash;
	ear->wake = open_queue(h) ? eventfd(0, EFD_CLOEXEC) : -1;
	ear->queue = h->queue;
	ear->env = env_of(ear, r);
	ear->listener = (struct listener){.since = since, .moved = moved, .arg = ear};
	if (ear->wake >= 0 && read_records(ear, r, &err) == 0 &&
		pthread_create(&ear->thread, NULL, run, ear) == 0) {
		VEC_GROW(h->ears, h->n, h->cap);
		h->ears[h->n++] = ear;
		return;
	}
	cleanup_fdp(&ear->wake);
	arena_release(&ear->arena);
	free(ear);
}

static void collect(struct hints *h, bool all)
{
	size_t kept = 0;

	for (size_t i = 0; i < h->n; i++) {
		if (all || atomic_load(&h->ears[i]->ended))
			ear_free(h->ears[i]);
		else
			h->ears[kept++] = h->ears[i];
	}
	h->n = kept;
}

static struct ear *ear_of(const struct hints *h, const struct provider *provider)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->ears[i]->provider == provider && !atomic_load(&h->ears[i]->cancel))
			return h->ears[i];
	return NULL;
}

static void take(struct hints *h, struct reconcile *r, const struct provider *provider,
	const struct record *records, size_t n, int64_t since)
{
	size_t count;
	struct hash hash = hash_of(records, n, provider, &count);
	struct ear *ear = ear_of(h, provider);

	if (ear && count && hash_equal(&ear->hash, &hash))
		return;
	if (ear)
		ear_retire(ear);
	if (count)
		start(h, r, provider, &hash, since);
}

static bool is_own(const struct hints *h, const struct hint *hint)
{
	uint32_t after = hint->address ? map_get(&h->did_index, hint->address) : UNTIL_THE_END;

	return hint->at <= h->did_until && after != MAP_NONE &&
	       (after == UNTIL_THE_END || hint->at <= h->did_from + after);
}

/* Those who listened before the run saw its own doings on what it replaced, too: all of it is its own. */
static void forget_own(struct hints *h)
{
	struct hint_queue *queue = h->queue;
	size_t kept = 0;

	if (!queue)
		return;
	pthread_mutex_lock(&queue->mutex);
	for (size_t i = 0; i < queue->n; i++) {
		if (is_own(h, &queue->items[i]))
			free(queue->items[i].address);
		else
			queue->items[kept++] = queue->items[i];
	}
	queue->n = kept;
	pthread_mutex_unlock(&queue->mutex);
}

static void note_results(struct hints *h, const struct record *records, size_t n, int64_t since)
{
	h->did_from = since;
	for (size_t i = 0; i < n; i++) {
		int64_t after = records[i].updated_at - since;

		if (after >= 0 && after < UNTIL_THE_END &&
			map_get(&h->did_index, records[i].address) == UNTIL_THE_END)
			map_set(&h->did_index, records[i].address, (uint32_t)after); /* it has its key */
	}
}

void hints_take(struct hints *h, struct reconcile *r, bool stale, int64_t since)
{
	struct arena arena = ARENA_INIT;
	struct record *records = r->records;
	size_t n = r->n_records;
	struct error err = ERROR_INIT;
	bool known = !stale;

	collect(h, false);
	if (stale)
		forget_own(h);
	for (size_t i = 0; i < provider_count && r->environment.id; i++) {
		if (!provider_table[i]->listen)
			continue;
		if (!known && state_records(r->state, r->environment.id, &arena, &records, &n, &err) < 0)
			break;
		if (!known)
			note_results(h, records, n, since);
		known = true;
		take(h, r, provider_table[i], records, n, since);
	}
	arena_release(&arena);
}

void hints_did(struct hints *h, const char *address)
{
	if (h->did_until != INT64_MAX) {
		map_release(&h->did_index);
		arena_release(&h->did);
		h->did_until = INT64_MAX;
	}
	map_add(&h->did_index, arena_strdup(&h->did, address), UNTIL_THE_END);
}

void hints_did_end(struct hints *h, int64_t now)
{
	h->did_until = now;
}

int hints_fd(const struct hints *h)
{
	return h->queue ? h->queue->fd : -1;
}

bool hints_read(struct hints *h)
{
	struct hint_queue *queue = h->queue;
	uint64_t rung;
	bool any;

	if (!queue || read(queue->fd, &rung, sizeof(rung)) != sizeof(rung))
		return false;
	pthread_mutex_lock(&queue->mutex);
	any = queue->more;
	for (size_t i = 0; i < queue->n; i++) {
		any |= !is_own(h, &queue->items[i]);
		free(queue->items[i].address);
	}
	queue->n = 0;
	queue->more = false;
	pthread_mutex_unlock(&queue->mutex);
	return any;
}

void hints_release(struct hints *h)
{
	for (size_t i = 0; i < h->n; i++)
		ear_retire(h->ears[i]);
	collect(h, true);
	free(h->ears);
	if (h->queue) {
		hints_read(h);
		cleanup_fdp(&h->queue->fd);
		pthread_mutex_destroy(&h->queue->mutex);
		free(h->queue);
	}
	map_release(&h->did_index);
	arena_release(&h->did);
	*h = (struct hints){0};
}
