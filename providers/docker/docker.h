/*
 * The provider `docker`: one table a type. docker.c opens the conversation, sorts items by type,
 * refuses a record of another engine, and calls these. A member that is NULL is not supported.
 *
 * The contracts are those of provider.h; only what differs is said here. `docker` lives for the call.
 */
#ifndef DEVENV_DOCKER_DOCKER_H
#define DEVENV_DOCKER_DOCKER_H

#include "providers/docker/engine.h"

/* The items of one type, and what was found beside them. */
struct docker_observe {
	struct observation **items;
	size_t n;                /* may be 0: then only strays are wanted */
	struct stray *strays;    /* shared by all types; add with docker_stray */
	size_t n_strays, cap;
};

struct docker_type {
	const char *name;

	void (*validate)(const struct resource *resource, struct diags *diags);
	void (*claims)(const struct type *type, const struct value *inputs,
		void (*claim)(void *arg, const char *what), void *arg);
	int (*digest)(const struct type *type, const struct value *inputs, const char *project_root,
		struct parsed *parsed, struct hash *out, struct error *err);

	/* An id is never given twice, on no engine: finding what is recorded shows which engine it is. */
	bool unique_ids;
	/* What `observe` is going to ask for, as far as it is known before: calls `ask` for each path,
	   `slow` when engines take more time for it than for all the rest (lists of containers: 1 ms on
	   20.10, 20 ms on 29). */
	void (*ahead)(struct docker *docker, const struct docker_observe *observe,
		void (*ask)(void *arg, const char *path, bool slow), void *arg);
	/* All items are PRESENCE_UNKNOWN when it is called; when it fails, docker.c makes them so again and
	   puts the error into their message. docker.c sets their endpoint, and makes unknown what is
	   recorded on another engine: docker->id is not known yet here. */
	int (*observe)(struct docker *docker, struct docker_observe *observe, struct error *err);
	/* docker.c sets outcome->endpoint. */
	int (*apply)(struct docker *docker, const struct request *request, struct outcome *outcome,
		struct error *err);
	int (*destroy)(struct docker *docker, struct record *record, struct error *err);
	enum readiness (*ready)(struct docker *docker, struct record *record,
		const struct probe *probe, const struct value *spec, const char **why);
	enum readiness (*await)(struct docker *docker, struct record *record,
		const struct probe *probe, const struct value *spec, const char **why);
	/* As in provider.h. */
	int (*probe_target)(struct docker *docker, struct record *record, const struct value *spec,
		char *host, size_t host_size, int *port, struct error *err);
	int (*import)(struct docker *docker, const struct type *type, const char *id,
		struct observation *out, struct error *err);
	int (*logs)(struct docker *docker, struct record *record, struct log_request *request,
		struct error *err);
	int (*exec)(struct docker *docker, struct record *record, struct exec_request *request,
		struct error *err);
	int (*copy)(struct docker *docker, struct record *record, const struct copy_request *request,
		struct error *err);
};

extern const struct docker_type docker_type_container, docker_type_image, docker_type_network,
	docker_type_volume, docker_type_registry_image;

/* Reports something with our environment's and home's mark that no item is about. `name` may be
   NULL. Other homes' marks are ignored, and those of resources of another type. */
void docker_stray(struct docker *docker, struct docker_observe *observe, const char *type,
	const struct docker_mark *mark, const char *id, const char *name);

/*
 * Which item is a listed object? By recorded id, then by the intent of an open intent, then by its
 * mark's address when nothing is recorded there. NULL: none, so it is a stray if it is marked.
 */
struct observation *docker_match(const struct docker *docker, const struct docker_observe *observe,
	const char *id, const struct docker_mark *mark);

/* The path of a list with a filter for our environment's mark; NULL while it has no id. */
const char *docker_path_ours(struct docker *docker, const char *path);
/* GET of it; an empty list when the environment has no id yet. */
int docker_list_ours(struct docker *docker, const char *path, struct docker_reply *reply,
	struct error *err);
/* Makes the item present: id, ownership, mark_intent and message, from the labels. */
void docker_describe(const struct docker *docker, struct observation *item, const char *id,
	const struct value *labels);

/* The inputs that say what to look at: desired, or else those recorded; never NULL (an empty map). */
const struct value *docker_inputs(const struct observation *item);
/* What is wanted for one key: desired, or else recorded, so that a key that was taken out is still
   looked at; NULL: neither. */
const struct value *docker_wish(const struct observation *item, const char *key);
/* The physical name: the input `key` ("networkName": `name` is the resource's own), else outputs.name
   of the record, else the default name. NULL: not known yet. */
const char *docker_name(const struct docker *docker, const struct observation *item,
	const char *key);

/* A map as text to text. With `like`, only the keys that `like` has, sensitive where they are so
   there; `like` that is no map keeps none. Never NULL; {} for what is no map. */
struct value docker_texts(const struct docker *docker, const struct value *map,
	const struct value *like);

/* What a request is about: the id observed (adopt) or recorded (update, start, stop); NULL: it is to
   be created. */
const char *docker_request_id(const struct request *request);
/* The name that it shall have: the input `key`, else of an update the name that it has, else the
   default name; with the generation when an older one of ours still has the plain name. */
const char *docker_request_name(struct docker *docker, const struct request *request,
	const char *key);

/* Labels of ours are refused. Reports for `labels` of the given map. */
void docker_validate_labels(const struct value *attributes, struct diags *diags);
/* The conversation for everything but observing: with the engine that the record names (NULL: any). */
int docker_open_for(struct docker *docker, struct provider_env *env, const struct record *record,
	struct error *err);
/* listen.c */
int docker_listen(struct provider_env *env, struct record *const *records, size_t n,
	const struct listener *listener, struct error *err);
/* Another engine that answers is not the one where things were made: nothing is known about them.
   `*message` says so. */
bool docker_is_elsewhere(const struct docker *docker, const struct record *record,
	const char **message);
void docker_make_unknown(struct observation *item, const char *message);
/* What holds a port that the inputs of a container want: a sentence, or NULL. `list` is that of all that
   run, `own` the id of its own ("" for none); nor does what is marked as ours block. Fills `claim` then. */
const char *docker_blocked(const struct docker *docker, const struct value *list, const char *own,
	const struct value *inputs, const char **claim);

/* Images, for containers: */

const char *docker_image_path(struct docker *docker, const char *reference); /* of its inspect */
/* GET /images/REF/json. ERROR_NOT_FOUND when it is not there. */
int docker_image_inspect(struct docker *docker, const char *reference, const struct value **image,
	struct error *err);
/* The same, as it was when this conversation first asked for it. */
int docker_image_seen(struct docker *docker, const char *reference, const struct value **image,
	struct error *err);
/* Pulls with credentials of the user's Docker configuration, reports progress, and confirms that it
   is there. `platform` NULL: the engine's. */
int docker_pull(struct docker *docker, const char *reference, const char *platform,
	struct error *err);

#endif
