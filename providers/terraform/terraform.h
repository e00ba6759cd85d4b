/*
 * The provider `terraform`: root modules of Terraform and OpenTofu, run through their program.
 *
 * A module has a private folder below the work folder of the environment, named after the intent that
 * made it (that name is the record's id):
 *
 *   tree/       a mirror of the module and of the local modules that it names
 *   module      the path of the module in it
 *   files       what the mirror copied, so that what left the source leaves the mirror
 *   data/       TF_DATA_DIR
 *   terraform.tfstate   where neither module nor manifest name a backend; .kept: as it was last seen whole
 *   lock        the id of the lock that the program held in a backend, while it works
 *   begun       written before anything real is made; what an interrupted run is found by
 *   looked      its time is that of the last look for drift
 *
 * The program never runs in the user's tree. A plan is made in a scratch folder that is gone with the
 * process; the saved plan itself holds secrets in clear and lies only in memory (a memfd), where apply
 * finds exactly what was shown.
 */
#ifndef DEVENV_PROVIDER_TERRAFORM_H
#define DEVENV_PROVIDER_TERRAFORM_H

#include "base/strbuf.h"
#include "base/trail.h"
#include "provider/provider.h"

enum {
	TERRAFORM_TIMEOUT = 10 * 60 * 1000, /* ms for making a plan */
	TERRAFORM_AT_ONCE = 4, /* each is a process with providers of its own */
};

/* Beside the module: which packages of providers it takes. */
#define TERRAFORM_LOCK ".terraform.lock.hcl"

/* One module while it is worked on. Everything in the arena of env. */
struct terraform {
	struct provider_env *env;
	struct arena *arena;
	const struct value *inputs; /* desired, or recorded */
	const char *program;        /* absolute */
	const char *folder;         /* where tree and data are: the private one, or a scratch folder */
	const char *module;         /* the module in its tree */
	const char *state;          /* the state file; NULL: a backend of the module or the manifest has it */
	const char *plan;           /* the name of the plan in memory; NULL: none yet */
	int64_t deadline;
};

/* --- scan.c: what a module consists of ----------------------------------------------------------- */

struct scan {
	struct arena *arena;
	const char *module;       /* absolute */
	const char *root;         /* the folder above all of them, and above or at the project root */
	const char **directories; /* the module and the local modules that it names, at any depth */
	size_t n, cap;
	const char *backend;      /* "s3", "cloud" ...; NULL: none */
	struct value_builder outputs; /* of the module, by their names */
	bool vague;               /* it may have others */
};
/* ERROR_NOT_FOUND: there is no such folder. */
int scan_module(struct scan *scan, struct arena *arena, const char *project_root,
	const char *source, struct error *err);

/* --- hcl.c: the little of the language that this needs ------------------------------------------- */

struct hcl_found {
	void (*source)(void *arg, const char *source); /* of a module block */
	void (*backend)(void *arg, const char *type);
	void (*output)(void *arg, const char *name);
	void *arg;
};
/* False: it ends within a block, or an output has no name. */
bool hcl_scan(const char *text, size_t len, struct arena *arena, const struct hcl_found *found);

/* --- mirror.c ------------------------------------------------------------------------------------ */

/* Every file of the scan by its path below scan->root, in byte order. */
int mirror_list(const struct scan *scan, const char *const **files, size_t *n, struct error *err);
int mirror_digest(const struct scan *scan, struct hasher *hasher, struct error *err);
/* Makes folder/tree what `root` has of `files`; what an earlier call copied and is not among them goes. */
int mirror_sync(struct arena *arena, const char *root, const char *const *files, size_t n,
	const char *folder, struct error *err);
/* The list of the last mirror_sync. */
int mirror_files(struct arena *arena, const char *folder, const char *const **files, size_t *n,
	struct error *err);
int mirror_file(struct arena *arena, const char *from, const char *to, struct error *err);
/* A whole folder, links as links. A missing one is nothing to copy. */
int mirror_copy(struct arena *arena, const char *from, const char *to, struct error *err);

/* --- command.c: running the program -------------------------------------------------------------- */

/* What it said. */
struct said {
	struct arena *arena;
	struct provider_env *env;
	bool loud;            /* its progress is shown */
	const char *state;    /* kept each time that something is done; NULL: it is elsewhere */
	struct terraform *locks; /* its lock is noted when the first thing begins; NULL: not, or done */
	struct strbuf text;   /* for the person, line by line */
	const char *summary;  /* of its first error; NULL: none */
	const char *detail;
	const char *out;      /* all of stdout */
	int status;
};
#define SAID_INIT {.text = STRBUF_INIT}
#define cleanup_said __attribute__((cleanup(said_release)))
void said_release(struct said *said);

int terraform_program(struct provider_env *env, const struct value *inputs, const char *before,
	const char **program, struct error *err);
/* "1.11.4" */
int terraform_version(struct terraform *tf, const char **version, struct error *err);
/* args without the program. 0: it ran, look at said->status. */
int terraform_run(struct terraform *tf, const char *const *args, struct said *said,
	struct error *err);
/* A line of what it says; `arg`: the struct said. */
void terraform_hear(void *arg, int stream, const char *text, size_t len);
/* An error from what it said. */
int terraform_failed(const struct said *said, const char *what, struct error *err);
/* The environment that the program gets; variables.c */
struct process_env;
void terraform_variables(struct terraform *tf, struct process_env *env);
/* Writes the file of the variables that are no secrets. */
int terraform_variable_file(struct terraform *tf, const char **path, struct error *err);

/* --- lock_file.c: which packages of providers ------------------------------------------------------ */

/* Whether it has the sums of all that the folder `packages` has of the versions in it. */
bool lock_file_vouches(struct arena *arena, const char *text, const char *packages);
/* The text with the sums that it lacks; NULL: it lacks none. */
const char *lock_file_complete(struct arena *arena, const char *text, const char *packages);
/* Whether `text` is `source` completed. */
bool lock_file_is_completed(const char *text, const char *source);

/* --- cache.c: packages of providers, shared ------------------------------------------------------- */

enum lock_file {
	LOCK_FILE_NONE,    /* none is committed: that of the mirror is ours */
	LOCK_FILE_NEW,
	LOCK_FILE_SETTLED, /* the data has the packages that it names */
};

struct cache {
	const char *path; /* NULL: init goes without it */
	int fd;           /* held while init runs; -1: not */
	bool takes_all;   /* packages that no lock file vouches for, too */
};
/* Waits until no other init runs. */
void cache_open(struct cache *cache, struct terraform *tf, enum lock_file lock_file);
void cache_variables(const struct cache *cache, struct value_builder *environment);
void cache_close(struct cache *cache);

/* --- prepare.c: a plan ready to be applied ------------------------------------------------------- */

struct prepared {
	char *folder; /* scratch, with tree and data */
	int fd;       /* the plan */
	bool empty;   /* it changes nothing */
	bool removes; /* something that stands goes */
	bool loses_track; /* a secret goes in that the program does not know to be one */
};
void terraform_release(void *prepared);

/* The private folder of a module that was made, or is about to be. */
const char *terraform_folder(struct provider_env *env, const char *id);
/* Opens a private folder that has a mirror. */
int terraform_open(struct terraform *tf, struct provider_env *env, const struct value *inputs,
	const char *folder, const char *program, struct error *err);
int terraform_init(struct terraform *tf, enum lock_file lock_file, struct error *err);
int terraform_moved(struct error *err); /* the error of a backend that changed: -1 */
/* `id` NULL: it is not made yet. Fills details of `item`, which may be NULL. */
int terraform_prepare(struct provider_env *env, const struct value *inputs, const char *id,
	const char *program, struct observation *item, struct prepared **prepared, struct error *err);
/* A plan into memory; *fd is closed by the caller. */
int terraform_plan(struct terraform *tf, bool destroy, int *fd, bool *empty, struct said *said,
	struct error *err);
/* details.c: `show -json` of the plan. */
struct plan_told {
	const struct value *plan;
	struct detail *details;
	size_t n;
	const char *loses; /* the first thing that would go; NULL: none */
	const struct value *offers; /* as in struct observation */
};
int terraform_read_plan(struct arena *arena, const char *text, size_t len, struct plan_told *out,
	struct error *err);
int terraform_details(struct terraform *tf, struct observation *item, struct prepared *prepared,
	struct error *err);

/* --- secrets.c ----------------------------------------------------------------------------------- */

/* Whether any output may hold a secret without saying so. `plan` as `show -json` tells it. */
bool terraform_loses_track(const struct value *inputs, const struct value *plan);
/* Those that are secrets flagged, or all of them. */
const struct value *terraform_mark_outputs(struct terraform *tf, const struct value *outputs, bool all);

/* --- state.c ------------------------------------------------------------------------------------- */

struct state_file {
	bool exists;
	int64_t serial;
	const char *lineage;
	const struct value *outputs;   /* a map; sensitive ones are flagged */
	const struct value *resources; /* addresses */
};
int state_parse(struct arena *arena, const char *text, size_t len, struct state_file *out,
	struct error *err);
int state_read(struct arena *arena, const char *path, struct state_file *out, struct error *err);
/* The file, or where it was cut off by a death what state_keep kept of it; likewise state_read. */
const char *state_sound(struct arena *arena, const char *path);
void state_keep(const char *path);
int state_restore(struct arena *arena, const char *path, struct error *err);
/* Of the module, wherever it is. */
int terraform_state(struct terraform *tf, struct state_file *out, struct error *err);
/* Attributes as observe reports them. */
const struct value *state_attributes(struct terraform *tf, const struct state_file *state,
	const char *version);

/* --- lock.c: of a backend elsewhere ---------------------------------------------------------------- */

void terraform_note_lock(struct terraform *tf);   /* the one that our program holds now */
void terraform_forget_lock(struct terraform *tf); /* it has released it itself */
/* The one that a dead run of ours left. Of somebody else: left alone. */
int terraform_unlock(struct terraform *tf, struct error *err);

/* --- ask.c: plans of several modules at once ------------------------------------------------------- */

struct asked {
	struct terraform tf;
	struct provider_env env;
	struct arena arena;
	struct trail trail;
	struct observation *item;
	bool same; /* the inputs are those that were recorded */
};
struct asking {
	struct asked *items;
	size_t n, cap;
	atomic_size_t next;
	bool followed; /* who asks wants to know what was read */
};
void terraform_ask(struct asking *asking, const struct terraform *tf, struct observation *item,
	bool same);
/* What they answer is in the items, and lives in `arena`. */
void terraform_ask_all(struct asking *asking, struct arena *arena);

/* --- see.c, apply.c, destroy.c, execute.c ----------------------------------------------------------- */

int terraform_observe(struct provider_env *env, struct observe_request *request, struct error *err);
/* It cannot be planned. Where nothing was begun that is no riddle, but a mistake. */
void terraform_unseen(struct observation *item, const char *message);
int terraform_apply(struct provider_env *env, const struct request *request,
	struct outcome *outcome, struct error *err);
int terraform_destroy(struct provider_env *env, struct record *record, struct error *err);
/* Its cluster has gone, and all of it with that: state and folder go, too. */
int terraform_drop(struct provider_env *env, struct record *record, struct error *err);
/* Likewise. *moved: it was in a backend, and a plan that was made before is of no use. */
int terraform_drop_state(struct provider_env *env, struct record *record, bool *moved,
	struct error *err);
/* Runs the plan. */
int terraform_execute(struct terraform *tf, struct said *said, struct error *err);
/* A state that an earlier run could not save is put where it belongs. */
int terraform_push(struct terraform *tf, struct error *err);
const char *terraform_unsaved(struct terraform *tf); /* its path; NULL: there is none */

#endif
