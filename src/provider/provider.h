/*
 * The contract between the engine and everything that touches the world.
 *
 * A provider is one `const struct provider`, listed in registry.c. It has no globals and keeps no
 * handle between calls: what must last is in the outcome, which the engine records. Calls block; the
 * engine runs them on worker threads, several at once, each with its own `struct provider_env`.
 *
 * The rule behind every member: the process may die right after any system call. Before `apply` or
 * `destroy` is called, an intent with the id `env->intent` is committed to disk; put that id into the
 * mark of what you make (a label, a name, a file), and `observe` of the next run finds it again.
 *
 * Memory: everything returned is allocated in `env->arena`; the engine copies what it keeps.
 * Errors: 0, or -1 with the error. ERROR_TRANSIENT is tried again (resource.retry), ERROR_UNREACHABLE
 * means "cannot see": never report as absent what you could not ask for.
 * Programs run through base/process, HTTP through base/http: one seam for cancelling and tracing.
 */
#ifndef DEVENV_PROVIDER_PROVIDER_H
#define DEVENV_PROVIDER_PROVIDER_H

#include "base/alloc.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/error.h"
#include "model/pins.h"
#include "model/record.h"
#include "model/resource.h"
#include "model/type.h"

#include <stdatomic.h>
#include <stdbool.h>

/* How closely observe looks. */
enum refresh {
	REFRESH_QUICK, /* asks no more than is needed to see that something moved or is to be changed */
	REFRESH_FULL,  /* --refresh=full: also where nothing says so */
	REFRESH_BRIEF, /* whether it is there and runs: it is to be destroyed, started or stopped */
};

/* What a provider may use. One per call; never kept. */
struct provider_env {
	struct arena *arena;
	const struct clock *clock;
	const char *project_root;   /* absolute; relative paths of the manifest start here */
	const char *content_root;   /* where the files below it are read from that are only read: another
	                               revision's while that one is planned. NULL: project_root */
	const char *work_dir;       /* absolute, private to this environment, below the home; made on use
	                               (fs_make_dirs); may be removed when the environment is gone */
	const char *environment;    /* id of the environment: goes into marks */
	const char *short_id;       /* 6 hex digits of it: goes into default physical names */
	const char *state_id;       /* id of the home: another home's mark is not ours */
	const char *project;        /* metadata.name: a label for people */
	const char *const *taken;   /* ids of things that were taken over: their marks name another owner and
	                               cannot be changed. NULL-terminated, or NULL */
	const struct value *settings; /* of the user's own configuration: a map; NULL: none */
	struct parsed *parsed;      /* of a loop (model/parsed.h): what has not changed is not parsed again.
	                               NULL: everything is */
	const char *self;           /* path of this program, for shims */
	const char *intent;         /* id of the open intent; NULL while observing */
	int intent_fd;              /* a file the intent's children keep open (lock); -1: none. Pass it on to
	                               children that act; a detached service closes it. */
	enum refresh refresh;       /* of observe */
	bool manifests;             /* of observe: what an apply would do inside is to be told (details) where that
	                               is not told anyhow */
	bool force_conflicts;       /* what others set in a thing that is shared with them is taken over */
	bool distrust;              /* of observe: what the manifest brings is not to be run; see provider_may_run */
	int64_t deadline;           /* monotonic; give up then with ERROR_TIMEOUT */
	const int64_t *stop_timeout; /* ms that what is stopped gets before it is killed, where that can be said;
	                               NULL: what its inputs say */
	const atomic_bool *cancel;  /* set: stop as soon as it is safe, with ERROR_CANCELLED */
	/* A line of output or progress for the person who watches ("pulling 40%"); may be NULL. */
	void (*progress)(void *arg, const char *line);
	/* One that is to be read although all went well ("left: ..."). With progress_arg; may be NULL. */
	void (*note)(void *arg, const char *line);
	void *progress_arg;
};

void provider_progress(const struct provider_env *env, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void provider_note(const struct provider_env *env, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
bool provider_cancelled(const struct provider_env *env); /* cancelled or past the deadline */
/* `path` made absolute against the project root, in the arena. */
const char *provider_path(const struct provider_env *env, const char *path);
/* The same for a file that observe reads and nobody else hears of. */
const char *provider_content(const struct provider_env *env, const char *path);

struct observation;

/* To be asked by observe before it runs what the manifest brings (`what`: "its `read` command"), or gives it
   what this machine knows. False: the revision that is planned is not trusted; the item is done with,
   and counts as it is recorded. */
bool provider_may_run(const struct provider_env *env, struct observation *item, const char *what);

/* The member of resolved inputs that holds the digests of files, and in it as "content" that of
   provider.digest; no attribute can have this name. */
#define INPUT_DIGESTS "$digests"
/* A member of that: what `locks` names was resolved to, {resolved, digest}. Not there: it is not locked. */
#define INPUT_LOCKED "locked"

enum presence {
	PRESENCE_UNKNOWN,   /* could not be seen; `message` says why. Never the same as absent. */
	PRESENCE_ABSENT,
	PRESENCE_PRESENT,
	PRESENCE_UNTRACKED, /* this type cannot be observed: what is recorded is taken for true */
};

/* Whose is it? From the marks of the real thing. */
enum ownership {
	OWNER_NONE,    /* no mark: not ours, or it cannot carry one */
	OWNER_US,      /* our environment's mark for this address */
	OWNER_OTHER,   /* the mark of another home, environment or address: named in `message` */
};

/* One thing inside a resource that an apply of it would touch, as the resource's own tool plans it. */
enum detail_kind {
	DETAIL_CREATE,
	DETAIL_UPDATE,
	DETAIL_REPLACE,
	DETAIL_DELETE,
	DETAIL_FORGET, /* it stays, and is no longer looked after */
	DETAIL_MOVE,   /* only its name changes */
	DETAIL_IMPORT, /* it exists and is taken over */
};

struct detail_value {
	const char *path;
	const struct value *before, *after; /* NULL: not set; VALUE_UNKNOWN: known after apply */
	bool forces_replace;
};

struct detail {
	enum detail_kind kind;
	const char *address;  /* as the tool calls it */
	const char *previous; /* its name before; NULL: the same */
	bool removes;         /* something that stands goes: the guards ask */
	bool drift;           /* it changed outside */
	const struct detail_value *values; /* by path; secrets are flagged so */
	size_t n_values;
};

struct observation {
	/* In: what to look for. At least one of the three is set. */
	const char *address;
	const struct type *type;
	const struct value *desired; /* resolved inputs, perhaps with unknowns; NULL: not desired */
	struct record *record;       /* NULL: not recorded. Its parts by record_inputs() and the like */
	const struct intent *intent; /* an open intent of a run that died; NULL: none */
	const char *const *ignore;   /* lifecycle.ignoreChanges, as written; NULL: nothing */
	bool stays;                  /* it lives, or shall live, in what it is recorded to live in (x-within) */
	bool may_go;                 /* it may be destroyed or replaced for more than what it is and shall be:
	                                not desired any more, `destroy`, --replace, tainted, what it follows */
	bool early;                  /* something it needs was never made: what it would ask may not be there.
	                                Said to providers that have `release` only */

	bool follows;                /* it waits, perhaps through others, for something of another type: what that will
	                                bring is not known */

	/* Out. */
	enum presence presence;
	enum ownership ownership;
	const char *mark_intent;    /* the intent id in its mark; NULL: none */
	const char *id;             /* as in record.id */
	const char *endpoint;       /* as in record.endpoint */
	const char *message;        /* why unknown, who owns it, what is wrong with it */
	const char *unevaluated;    /* what would have had to run to see it, and was not: provider_may_run */
	/* The attributes as they are in reality, in the same normal form each time, so that equal means
	   unchanged; at least those that `desired` or the record set and that can be seen. A map. */
	const struct value *attributes;
	/* Attributes that are as `desired` says although `attributes` differs textually need no mention:
	   the engine compares `attributes` with what was observed right after the last success. */
	const struct value *outputs; /* a map; NULL: those of the record still hold */
	const struct value *offers;  /* of TYPE_OPEN_OUTPUTS: a map with a member for each output that an apply of
	                                `desired` may bring, whatever its value. NULL: not known */
	bool runs;                   /* for TYPE_RUNS: it runs now */
	const char *replace;         /* why what is desired cannot be had in place, where only the thing itself
	                                can say so: an update becomes a replace. NULL: it can */
	const char *remakes;         /* which part of it an update makes anew, and why; NULL: none */
	/* The data that would be lost with all of it, and with what an update takes out or makes anew:
	   asked for, as for a persistent type. NULL: none. */
	const char *holds, *loses;
	bool matches;                /* reality is already as `desired` says (used when nothing is recorded
	                                or the inputs changed): record only, no action */
	const char *differs;         /* why it is not as it shall be although inputs and attributes are the
	                                same: it is updated. NULL: it is */
	bool later;                  /* what is to be done shows only when its needs are there: looked at again
	                                at its turn */
	/* What an apply of `desired` would do inside it, in the tool's order; shown below the change. */
	const struct detail *details;
	size_t n_details;
	bool only_told;              /* they are not part of what is agreed to */
	/* What apply needs to do exactly that (a saved plan); comes back in request.observed. Ends with
	   provider.release, whether there was an apply or not. NULL: nothing. */
	void *prepared;
	const char *health;          /* a word for status: "healthy", "exited (1)"; NULL: none */
	/* What it wants and something else holds ("port 8080 is taken by container web"), or why it would be
	   refused; NULL: nothing. Holders with our environment's mark are not told. `blocked_claim` is the claim concerned (see
	   `claims`): when a change of the same plan frees it, it does not block. */
	const char *blocked, *blocked_claim;
};

/* Something with our environment's mark that neither desired, recorded nor any open intent names. */
struct stray {
	const struct type *type;
	const char *address; /* from its mark */
	const char *id;
	const char *name;
};

struct observe_request {
	struct observation *items;
	size_t n;
	struct stray *strays; /* out, in the arena */
	size_t n_strays;
};

enum act {
	ACT_CREATE,
	ACT_UPDATE,
	ACT_START,
	ACT_STOP,
};

/* One thing to do. Everything in it is immutable and outlives the call. */
struct request {
	enum act act;
	const char *address;
	int generation;
	const struct type *type;
	const struct value *inputs;  /* desired, fully resolved; NULL for START and STOP of a record */
	struct record *record;       /* NULL for a create */
	struct record *gone;         /* create: what is recorded of the one that vanished, or went with what it
	                                lived in; NULL: there was none */
	const struct observation *observed; /* what the plan saw; NULL: nothing known */
	const char *const *ignore;   /* lifecycle.ignoreChanges, as written; NULL: nothing */
	/* Update only: names of the attributes that changed or drifted, NULL-terminated. */
	const char *const *changed;
	bool beside;                 /* create: an older generation still stands; a name that we choose gets
	                                the suffix "-gN" with N the generation */
	bool adopt;                  /* create: the thing exists and is ours (open intent): finish it */
};

/* What came of it; becomes the record. Also filled as far as possible when the call fails half-way. */
struct outcome {
	bool exists;                 /* on failure: the thing is there nevertheless (tainted) */
	const char *id;
	const char *endpoint;
	const struct value *outputs; /* a map, or NULL for none */
	bool rests;                  /* `devenv stop` had stopped it, and an update left it so */
	/* Reality right after: what `observe` would report as attributes. NULL: nothing to compare. */
	const struct value *observed;
	/* Lines that a person wants to see when it failed; the engine keeps the last 20. */
	const char *output;
};

enum readiness {
	READY_WAIT,
	READY_YES,
	READY_FAILED, /* will not become ready: stop waiting */
	READY_UNSEEN, /* nobody can look at it now: waited for, but not as long as for a slow start */
};

enum log_flag {
	LOG_FOLLOW = 1 << 0,
	LOG_TIMES = 1 << 1, /* each line begins with when it was said, as RFC 3339 has it, and a space */
};

struct log_request {
	unsigned flags;
	int64_t since; /* wall clock ms; 0: all */
	long tail;     /* last lines; -1: all */
	/* One line without newline; `stream` is 1 or 2; `part`: which part of the thing says it
	   ("web-5d8/main"), NULL where it has none. Return false to stop. With LOG_FOLLOW it may be called
	   from several threads at once. */
	bool (*line)(void *arg, const char *part, int stream, const char *text, size_t len);
	void *arg;
};

/* Our terminal, for a provider that has to pass every key on itself. */
struct exec_terminal {
	/* Raw while the command runs: called in pairs. */
	int (*raw)(struct exec_terminal *terminal, bool on, struct error *err);
	void (*size)(struct exec_terminal *terminal, unsigned *rows, unsigned *columns);
	int resized; /* while raw: readable when the size has changed, until `size` is called; -1: never */
};

struct exec_request {
	const char *const *argv;
	const char *part;        /* which part of it, by the thing's own name for it; NULL: its first */
	const char *user, *directory; /* there; NULL: as it runs itself */
	const char *const *environment; /* "NAME=VALUE", besides what it has; NULL-terminated, or NULL */
	bool tty;                /* it gets a terminal, and all that it prints is stream 1 */
	bool interactive;        /* it reads `input`, a descriptor, to its end; else it reads nothing */
	int input;
	struct exec_terminal *terminal; /* that `input` is, with tty; NULL: it is left as it is */
	/* What it prints, as it comes; `stream` is 1 or 2. Return false to stop. NULL: it goes to the
	   standard output and error of this program. */
	bool (*output)(void *arg, int stream, const char *data, size_t len);
	void *arg;
	int exit_status; /* out */
};

/* Ports of this machine that lead into something that runs, as long as the call lasts. */
struct forward_request {
	const char *address;      /* here */
	const char *const *ports; /* "8080:80" (here, there) or "80"; NULL-terminated */
};

/* Files for something that runs, as `sync` of the manifest says. */
struct copy_item {
	const char *from; /* absolute, here; NULL: it is removed there */
	const char *to;   /* absolute, there */
};

struct copy_request {
	const struct copy_item *items;
	size_t n;
	const char *place; /* one of `places`; NULL: the provider has none */
	bool restart;      /* afterwards */
};

/* Who hears of changes as they happen. */
struct listener {
	int64_t since; /* wall clock ms: what happened before is known */
	bool again;    /* it listened before: what happened meanwhile may be lost, so it is told at once */
	/* Reality may have moved at `at` (wall clock ms). `address`: of a record; NULL: of which is not known. */
	void (*moved)(void *arg, const char *address, int64_t at);
	void *arg;
};

/* What of a type one resource of it may lack. */
enum ability {
	CAN_TALK, /* it has logs, can be executed in and forwarded to */
	CAN_STOP, /* it can be stopped, started and restarted */
};

struct provider {
	const char *name;          /* "local" */
	const char *const *types;  /* names of its types, NULL-terminated */
	int max_parallel;          /* actions at once; 0: no limit of its own */

	/* Pure. Reports every problem that the schema cannot say. Inputs may hold templates. Optional. */
	void (*validate)(const struct resource *resource, struct diags *diags);

	/* Pure. Calls `claim` for every exclusive thing the inputs would take ("tcp:8080", "name:web"),
	   so that two resources cannot take one, and a delete that frees it goes first. Optional. */
	void (*claims)(const struct type *type, const struct value *inputs, const char *project_root,
		void (*claim)(void *arg, const char *what), void *arg);

	/* Of types with TYPE_DIGEST: extra content that belongs to the fingerprint and that no single path
	   names (a build context). `parsed` as in struct provider_env. Leaves `out` all zero when there is
	   none. ERROR_NOT_FOUND names the missing path. Optional. */
	int (*digest)(const struct type *type, const struct value *inputs, const char *project_root,
		struct parsed *parsed, struct hash *out, struct error *err);

	/* Pure. What the inputs name that others may move (a range of versions, a branch): a map of texts, for
	   the lock file. False: nothing, or it is not known yet. Optional, with `resolve`. */
	bool (*locks)(const struct type *type, const struct value *inputs, struct arena *arena,
		struct value *what);
	/* What that is now: fills resolved and digest. Leaves nothing behind. */
	int (*resolve)(struct provider_env *env, const struct type *type, const struct value *inputs,
		struct pin *out, struct error *err);
	/* Pure. Whether what is recorded has anything that runs, where that is not said by its type: objects
	   of a cluster may be no more than settings. Optional: all of TYPE_RUNS can. Ask provider_can. */
	bool (*can)(struct record *record, enum ability ability);
	/* It makes several things that run by themselves. observation.runs: all of them do; so what does
	   not "run" can be stopped, too, and ACT_START of what runs starts it anew, part by part, with no stop
	   before it. */
	bool parts;

	/* Pure. Of types with TYPE_CONCEALS: flags as sensitive what the schema cannot know to be (the
	   values of a Secret). */
	void (*conceal)(const struct type *type, struct value *inputs, struct arena *arena);

	/* Fills every item of the request. One batch per plan: list once, not once per item. Never
	   changes anything. -1 only when nothing at all can be said; then every item is unknown. */
	int (*observe)(struct provider_env *env, struct observe_request *request, struct error *err);

	/* Frees what observe has prepared. Optional. */
	void (*release)(void *prepared);

	/* Safe to repeat after a crash at any point: a create that finds its own half-made thing finishes
	   it. Optional only for types that are TYPE_EFFECTLESS. */
	int (*apply)(struct provider_env *env, const struct request *request, struct outcome *outcome,
		struct error *err);

	/* From the record alone. Already gone is success. */
	int (*destroy)(struct provider_env *env, struct record *record, struct error *err);

	/* It went with what it lived in, or is gone already: of what was kept for it elsewhere nothing stays.
	   Safe to repeat. Optional. */
	int (*drop)(struct provider_env *env, struct record *record, struct error *err);

	/* One probe, without waiting: the engine owns the waiting. `why` says what is missing. The engine
	   probes http and tcp itself unless `endpoint_of` below maps them. Optional. */
	enum readiness (*ready)(struct provider_env *env, struct record *record,
		const struct probe *probe, const struct value *spec, const char **why);

	/* As `ready`, but what is not ready yet is looked at until it is, or has failed, or env->deadline
	   comes; then it is what is missing at that moment. May come back with READY_WAIT at any time: how long
	   is waited in all, and whether this is asked at all, is the engine's decision. Optional. */
	enum readiness (*await)(struct provider_env *env, struct record *record,
		const struct probe *probe, const struct value *spec, const char **why);

	/* Where an http or tcp probe without a `host` goes: maps spec's `port` (as the thing sees it) to a
	   host and port that we can reach. ERROR_TRANSIENT when there is none yet, ERROR_FAILED when there
	   will be none (it ended). Optional: 127.0.0.1. */
	int (*probe_target)(struct provider_env *env, struct record *record, const struct value *spec,
		char *host, size_t host_size, int *port, struct error *err);

	/* Finds an existing thing by the user's id and describes it as an observation (record NULL);
	   apply with `adopt` then takes it over. `out->desired`: the attributes as written, references
	   not resolved. Optional. */
	int (*import)(struct provider_env *env, const struct type *type, const char *id,
		struct observation *out, struct error *err);

	int (*logs)(struct provider_env *env, struct record *record, struct log_request *request,
		struct error *err); /* optional */
	int (*exec)(struct provider_env *env, struct record *record, struct exec_request *request,
		struct error *err); /* optional */
	/* Where it runs now, each place with files of its own: one that is not known yet has none of what was
	   copied. Ids for people and for `copy`, in the arena. A restart empties it and makes another; `copy`
	   waits for that. Optional: one place, which a restart leaves as it is. */
	int (*places)(struct provider_env *env, struct record *record, const char *const **out,
		size_t *n, struct error *err);
	/* Lasts until it is cancelled, or what it leads to ends. Optional. */
	int (*forward)(struct provider_env *env, struct record *record,
		const struct forward_request *request, struct error *err);
	/* Into what runs, without making it anew; safe to repeat. Optional. */
	int (*copy)(struct provider_env *env, struct record *record, const struct copy_request *request,
		struct error *err);

	/* Tells each change of what these records stand for, whoever makes it: a hint to observe, so one too
	   many does no harm, and one that is lost is found later. Lasts until env->cancel is set, or it
	   cannot hear any more; the caller then begins again. Runs beside everything else. Optional. */
	int (*listen)(struct provider_env *env, struct record *const *records, size_t n,
		const struct listener *listener, struct error *err);
};

/* registry.c: every provider, and the one that owns a type. */
extern const struct provider *const provider_table[];
extern const size_t provider_count;
const struct provider *provider_of(const struct type *type);
/* The type's provider by name of the type; NULL: unknown type. */
const struct provider *provider_by_type(const char *type);
bool provider_can(struct record *record, enum ability ability);

#endif
