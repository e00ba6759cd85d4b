/*
 * A conversation with one Docker Engine. `struct docker` is opened by docker.c for each call of the
 * provider, with its own kept-alive connection, and handed to the code of the type.
 *
 * The version spoken is fixed when it is opened: the smaller of the engine's and ours, never below
 * 1.41. What a version does not know is never sent: ask docker_knows() before setting such a field.
 *
 * Everything returned lives in `docker->arena`, which is the arena of the call.
 */
#ifndef DEVENV_DOCKER_ENGINE_H
#define DEVENV_DOCKER_ENGINE_H

#include "base/http.h"
#include "model/value.h"
#include "provider/provider.h"

enum { DOCKER_API_MIN = 41, DOCKER_API_MAX = 56 }; /* 1.41 to 1.56 */

struct docker {
	struct provider_env *env;
	struct arena *arena;     /* env->arena */
	struct http_client *http;
	const char *where;       /* "unix:///var/run/docker.sock": for messages */
	const char *base;        /* "http://localhost/v1.41" */
	int api;                 /* 41 for 1.41 */
	bool buildkit;           /* the engine builds with BuildKit by default */
	const char *id;          /* of the engine: record.endpoint; NULL before docker_identify */
	const char *os, *arch;   /* "linux", "x86_64"; likewise */
	struct docker_ahead *ahead; /* replies that were asked for before they are wanted */
	size_t n_ahead, cap_ahead;
	/* The image that docker_image_seen looked at last: an inspect of one takes Engine 29 longer than
	   one of a container. */
	const char *image_reference; /* NULL: none, or it was pulled since */
	const struct value *image;
};

/* ERROR_UNREACHABLE when nothing answers there or it is no engine that we can speak with. */
int docker_open(struct docker *docker, struct provider_env *env, struct error *err);
/* Asks who it is. docker.c has done so before it calls anything but `observe`. (5 ms on an engine
   that answers everything else in one: while observing, docker.c asks only when nothing else tells.) */
int docker_identify(struct docker *docker, struct error *err);
void docker_close(struct docker *docker);

/* What only some versions know: the one table of it is in engine.c. */
enum docker_feature {
	DOCKER_CHECK_DUPLICATE,   /* below 1.44: networks need CheckDuplicate; from there always checked */
	DOCKER_MANY_NETWORKS,     /* 1.44: create takes more than one network */
	DOCKER_STOP_SIGNAL,       /* 1.42: stop and restart take signal= */
	DOCKER_START_INTERVAL,    /* 1.44: Healthcheck.StartInterval */
	DOCKER_STREAM_TYPE,       /* 1.42: Content-Type tells framed from raw streams */
	DOCKER_BIND_CREATE,       /* 1.42: BindOptions.CreateMountpoint */
	DOCKER_MOUNT_SUBPATH,     /* 1.45: VolumeOptions.Subpath */
	DOCKER_ANNOTATIONS,       /* 1.43: HostConfig.Annotations */
	DOCKER_ENDPOINT_MAC,      /* 1.44: MacAddress belongs to the endpoint, not to the container */
};
bool docker_knows(const struct docker *docker, enum docker_feature feature);

struct docker_reply {
	long status;              /* 0: no reply */
	const struct value *body; /* parsed JSON; value_null when there was none */
};

/*
 * One request, one JSON reply. `path` starts with '/' and has no version; escape what goes into it.
 * 304 is a success (already so). A status from 400 on is an error whose message is the engine's:
 *   400 ERROR_INVALID    404 ERROR_NOT_FOUND    409 ERROR_CONFLICT
 *   429, 502, 503, 504 ERROR_TRANSIENT          all others ERROR_FAILED
 * `reply` is filled in both cases and may be NULL. `body` NULL: an empty body.
 */
int docker_call(struct docker *docker, const char *method, const char *path,
	const struct value *body, struct docker_reply *reply, struct error *err);
int docker_get(struct docker *docker, const char *path, struct docker_reply *reply,
	struct error *err);
/*
 * Asks for all of `paths` at once, so that the engine need not wait for us between two. The replies
 * are what docker_get then returns for these paths, each once. What goes wrong here goes wrong there.
 * `slow` are asked for at the same time, on a connection of their own; NULL: none.
 */
void docker_ask_ahead(struct docker *docker, const char *const *paths, size_t n,
	const char *const *slow, size_t n_slow);
/* Formats a path into the arena. */
const char *docker_path(struct docker *docker, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* For a name or a query value in a path. '/' and ':' stay, as references to images need them. */
const char *docker_escape(struct docker *docker, const char *text);
/* {"KEY":["VALUE"], ...} as "filters=...", escaped; pairs of strings end with NULL. */
const char *docker_filters(struct docker *docker, const char *key, ...) __attribute__((sentinel));
/* A JSON value as the escaped value of a query parameter. */
const char *docker_escape_json(struct docker *docker, const struct value *value);

/* A request whose body or reply is a stream. No time limit but env->deadline and `stall`. */
struct docker_stream {
	const char *method, *path;
	const char *const *headers; /* NULL-terminated; NULL: none */
	const char *body;           /* a JSON text; NULL: none */
	ssize_t (*read)(void *arg, char *buf, size_t room, struct error *err);
	void *read_arg;
	int64_t read_size;          /* -1: unknown */
	int64_t stall;              /* ms of silence; 0: no limit */
	/* Raw bytes as they come. Return false to stop; that is a success. */
	bool (*data)(void *arg, const char *data, size_t len);
	/* Or one JSON document a line (pull, build, load, events); valid during the call only. Lines
	   that are no JSON are skipped. Set one of the two. */
	bool (*line)(void *arg, const struct value *line);
	void *arg;
};
int docker_stream(struct docker *docker, const struct docker_stream *stream,
	struct docker_reply *reply, struct error *err);
/*
 * A POST after which the connection is a plain stream in both directions: `*http`, the caller's;
 * `*early` is what has come of it already.
 */
int docker_attach(struct docker *docker, const char *path, const struct value *body,
	struct http_stream **http, const char **early, size_t *early_len, struct error *err);
/* The message of a line that reports a failure: under HTTP 200, that is the only sign of one. NULL:
   the line is none. */
const char *docker_stream_error(const struct value *line);

/*
 * Marks: the labels that say whose an object is. They are set when it is made and never change.
 */
#define DOCKER_LABEL "dev.devenv."
#define DOCKER_LABEL_ENVIRONMENT "dev.devenv.environment"
#define DOCKER_LABEL_ADDRESS "dev.devenv.address"
#define DOCKER_LABEL_GENERATION "dev.devenv.generation"
#define DOCKER_LABEL_INTENT "dev.devenv.intent"
#define DOCKER_LABEL_STATE "dev.devenv.state"
#define DOCKER_LABEL_PROJECT "dev.devenv.project" /* for people; identifies nothing */

struct docker_mark {
	const char *environment, *address, *intent, *state; /* NULL: not there */
	int generation;                                     /* 0: not there */
};

/* The labels of something made for `address` by the open intent, followed by the user's own. */
struct value docker_labels(const struct docker *docker, const char *address, int generation,
	const struct value *own);
struct docker_mark docker_mark(const struct value *labels);
/* Of our environment and our home. */
bool docker_is_ours(const struct docker *docker, const struct docker_mark *mark);
/* Made by the intent that is being carried out: by an earlier try of it. */
bool docker_is_intent(const struct docker *docker, const struct docker_mark *mark);
/* Or by one of a run that died, still open: the engine may come to what that had asked for while we are at it. */
bool docker_is_request(const struct docker *docker, const struct request *request,
	const struct docker_mark *mark);
/* Whose? OWNER_US needs our home, our environment and `address` (NULL: any of ours). For OWNER_OTHER
   `*message` names the owner. */
enum ownership docker_owner(const struct docker *docker, const struct value *labels,
	const char *address, const char **message);
/* The labels without our marks and, with `like`, only the keys that `like` has (it may be NULL). */
struct value docker_own_labels(const struct docker *docker, const struct value *labels,
	const struct value *like);
/*
 * The guard before anything is changed or removed: 0 when `labels` bear our environment's mark, or
 * `id` is what the record says (imported: recorded by id) and unmarked or taken over; else ERROR_CONFLICT naming `what`.
 */
int docker_guard(const struct docker *docker, const struct value *labels, const char *id,
	const struct record *record, const char *what, struct error *err);

/* PROJECT-NAME-SHORTID: the name of what has none of its own. Deterministic; different addresses and
   generations get different names. Chosen at create, then recorded and never computed again. */
const char *docker_default_name(const struct docker *docker, const char *address, int generation);

#endif
