/*
 * Watches on what is recorded, one a kind and namespace, by the label of ours: what is deleted, or is not
 * as it was right after the last apply, is a hint to look. A watch goes on from a list of what is there, so
 * nothing that moved or went before it is missed. Each has a thread and a connection; what cannot be watched is
 * left out.
 */
#include "providers/kubernetes/kubernetes.h"

#include "model/json.h"
#include "providers/kubernetes/place.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
	WATCHES_MOST = 32,
	LIST_MOST = 60 * 1000,   /* ms for the list before a watch */
	WATCH_SECONDS = 300,     /* then it is begun anew: a connection that broke unnoticed says nothing */
	AGAIN_LEAST = 1000,      /* ms between two tries, doubled up to ... */
	AGAIN_MOST = 60 * 1000,
};

struct watched {
	struct kube_object object;
	const char *address;
	const char *state;       /* right after the last apply; NULL: not known */
	struct hash told;        /* the state that was told as another */
	bool there;              /* in the last list */
};

/* Those of one kind in one namespace. */
struct collection {
	const char *path;
	struct watched *items;
	size_t n, cap;
	const struct listener *listener;
	const struct kube *beside; /* the conversation with its cluster */
	struct provider_env env;
	struct arena arena;        /* of one watch */
	struct kube kube;
	struct strbuf line;
	char version[64];          /* of what was listed: a watch begins there; "": nothing was */
	bool heard;                /* the watch that is open has said something, or was for long */
	pthread_t thread;
};

struct listening {
	struct provider_env *env;
	struct kube *clusters;
	size_t n_clusters;
	struct collection collections[WATCHES_MOST];
	size_t n;
};

/* --- what a watch says -------------------------------------------------------------------------- */

static void tell(struct collection *c, const char *address)
{
	c->listener->moved(c->listener->arg, address, clock_wall(c->env.clock));
}

static struct watched *find(struct collection *c, const struct value *object)
{
	const char *name = value_text(value_path(object, "metadata.name"), "");

	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->items[i].object.name, name))
			return &c->items[i];
	return NULL;
}

static void compare(struct collection *c, struct watched *watched, const struct value *object,
	struct arena *arena)
{
	const char *uid = value_text(value_path(object, "metadata.uid"), "");
	const char *state = kube_state(arena, object);
	struct hash hash;

	if (watched->object.uid && strcmp(uid, watched->object.uid) != 0)
		state = uid;
	if (watched->state && !strcmp(state, watched->state))
		return;
	hash_bytes(state, strlen(state), &hash);
	if (hash_equal(&hash, &watched->told))
		return; /* each change of its status comes here, too */
	watched->told = hash;
	tell(c, watched->address);
}

/* One line {"type": ..., "object": {...}}. False: the watch is over. */
static bool take_event(struct collection *c, const char *text, size_t len)
{
	struct arena arena = ARENA_INIT;
	struct value event;
	bool go_on = false;

	if (!json_parse(text, len, &arena, NULL, &event, NULL)) {
		const char *type = value_get_text(&event, "type", "");
		const struct value *object = value_get(&event, "object");
		struct watched *watched = find(c, object);

		go_on = strcmp(type, "ERROR") != 0;
		c->heard |= go_on;
		if (go_on && watched && !strcmp(type, "DELETED"))
			tell(c, watched->address);
		else if (go_on && watched)
			compare(c, watched, object, &arena);
	}
	arena_release(&arena);
	return go_on;
}

static bool take_piece(void *arg, const char *data, size_t len)
{
	struct collection *c = arg;

	while (len) {
		const char *end = memchr(data, '\n', len);
		size_t part = end ? (size_t)(end - data) : len;

		strbuf_add(&c->line, data, part);
		if (end && !take_event(c, c->line.text, c->line.len))
			return false;
		if (end)
			strbuf_reset(&c->line);
		part += end != NULL;
		data += part;
		len -= part;
	}
	return true;
}

/* --- one thread a collection -------------------------------------------------------------------- */

/* What is there, and the version since which a watch tells the rest; "": it cannot be listed. */
static void list(struct collection *c)
{
	struct kube_request request = {.accept = KUBE_METADATA_LIST,
		.path = kube_printf(&c->kube, "%s?labelSelector=%s", c->path,
			http_escape(c->kube.arena, kube_own_label(&c->kube), ""))};
	struct error err = ERROR_INIT;
	struct kube_reply reply;
	const struct value *objects;
	const char *version;
	int rc;

	c->version[0] = '\0';
	c->env.deadline = clock_monotonic(c->env.clock) + LIST_MOST;
	rc = kube_call(&c->kube, &request, &reply, &err);
	c->env.deadline = 0;
	if (rc)
		return;
	objects = value_get(reply.body, "items");
	version = value_text(value_path(reply.body, "metadata.resourceVersion"), "");
	if (!objects || objects->kind != VALUE_LIST || strlen(version) >= sizeof(c->version))
		return;
	strcpy(c->version, version);
	for (size_t i = 0; i < c->n; i++)
		c->items[i].there = false;
	for (uint32_t i = 0; i < objects->len; i++) {
		struct watched *watched = find(c, &objects->items[i]);

		if (!watched)
			continue;
		watched->there = true;
		compare(c, watched, &objects->items[i], c->kube.arena);
	}
	for (size_t i = 0; i < c->n; i++)
		if (!c->items[i].there)
			tell(c, c->items[i].address);
}

/* False: it will never be told. */
static bool watch_once(struct collection *c)
{
	const char *path = kube_printf(&c->kube, "%s?watch=1&timeoutSeconds=%d&labelSelector=%s%s%s", c->path,
		WATCH_SECONDS, http_escape(c->kube.arena, kube_own_label(&c->kube), ""),
		*c->version ? "&resourceVersion=" : "", c->version);
	int64_t begun = clock_monotonic(c->env.clock), deadline = begun + (WATCH_SECONDS + 30) * 1000;
	struct error err = ERROR_INIT;
	struct kube_reply reply;
	int status = kube_stream(&c->kube, path, take_piece, c, deadline, &reply, &err);

	c->heard |= clock_monotonic(c->env.clock) - begun > AGAIN_MOST;
	strbuf_reset(&c->line);
	return !status || reply.status < 400 || reply.status == 410 || reply.status == 429 ||
	       reply.status >= 500;
}

static void *run(void *arg)
{
	struct collection *c = arg;
	int64_t pause = AGAIN_LEAST;
	bool again = c->listener->again;

	while (!provider_cancelled(&c->env)) {
		struct error err = ERROR_INIT;

		c->heard = false;
		list(c);
		arena_release(&c->arena);
		if (again && !*c->version) /* what was deleted meanwhile is not told */
			tell(c, NULL);
		if (!watch_once(c))
			break;
		again = true;
		pause = c->heard ? AGAIN_LEAST : pause * 2 < AGAIN_MOST ? pause * 2 : AGAIN_MOST;
		if (kube_pause(&c->kube, pause, &err))
			break;
		arena_release(&c->arena);
	}
	return NULL;
}

static bool start(struct listening *l, struct collection *c)
{
	c->env = *l->env;
	c->env.arena = &c->arena;
	c->line = (struct strbuf)STRBUF_INIT;
	if (kube_open_beside(&c->kube, c->beside, &c->env))
		return false;
	if (!pthread_create(&c->thread, NULL, run, c))
		return true;
	kube_close(&c->kube);
	return false;
}

static void run_all(struct listening *l)
{
	bool runs[WATCHES_MOST];

	for (size_t i = 0; i < l->n; i++)
		runs[i] = start(l, &l->collections[i]);
	for (size_t i = 0; i < l->n; i++) {
		struct collection *c = &l->collections[i];

		if (!runs[i])
			continue;
		pthread_join(c->thread, NULL);
		kube_close(&c->kube);
		strbuf_release(&c->line);
		arena_release(&c->arena);
	}
}

/* --- what is watched ---------------------------------------------------------------------------- */

static void add_object(struct listening *l, struct kube *kube, const struct listener *listener,
	const struct kube_object *object, struct record *record)
{
	const char *path = kube_object_path(kube, object, NULL);
	struct collection *c = NULL;

	for (size_t i = 0; !c && i < l->n; i++)
		if (l->collections[i].beside == kube && !strcmp(l->collections[i].path, path))
			c = &l->collections[i];
	if (!c && l->n == WATCHES_MOST)
		return; /* the interval has to do */
	if (!c) {
		c = &l->collections[l->n++];
		*c = (struct collection){.path = path, .listener = listener, .beside = kube};
	}
	ARENA_GROW(l->env->arena, c->items, c->n, c->cap);
	c->items[c->n++] = (struct watched){.object = *object, .address = record->address,
		.state = value_get_text(record_observed(record, NULL), object->ref, NULL)};
}

static void add_record(struct listening *l, struct kube *kube, const struct listener *listener,
	struct record *record)
{
	struct kube_objects objects = {0};

	kube_inventory_read(l->env->arena, record_outputs(record, NULL), &objects);
	for (size_t i = 0; i < objects.n; i++)
		if (*objects.items[i].plural)
			add_object(l, kube, listener, &objects.items[i], record);
}

/* A cluster that does not answer is tried again with all of them. */
static int add_clusters(struct listening *l, struct record *const *records, size_t n,
	const struct listener *listener, struct error *err)
{
	l->clusters = arena_alloc(l->env->arena, (n + 1) * sizeof(*l->clusters));
	for (size_t i = 0; i < n; i++) {
		const struct value *cluster = kube_cluster_of(records[i]);
		bool first = true;

		for (size_t k = 0; k < i; k++)
			first &= !value_equal(kube_cluster_of(records[k]), cluster);
		if (!first || !kube_cluster_is_known(cluster))
			continue;
		if (kube_open_for(&l->clusters[l->n_clusters], l->env, cluster, records[i], err))
			return -1;
		for (size_t k = i; k < n; k++)
			if (value_equal(kube_cluster_of(records[k]), cluster))
				add_record(l, &l->clusters[l->n_clusters], listener, records[k]);
		l->n_clusters++;
	}
	return 0;
}

int kube_listen(struct provider_env *env, struct record *const *records, size_t n,
	const struct listener *listener, struct error *err)
{
	struct listening *l = arena_zalloc(env->arena, sizeof(*l));
	int status;

	l->env = env;
	status = add_clusters(l, records, n, listener, err);
	if (!status)
		run_all(l);
	for (size_t i = 0; i < l->n_clusters; i++)
		kube_close(&l->clusters[i]);
	return status;
}
