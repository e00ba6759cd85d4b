/*
 * A record: what state remembers of one resource, with everything that a later run may need when the
 * manifest no longer says it. Plain data; state/ reads and writes it, providers destroy from it alone.
 */
#ifndef DEVENV_MODEL_RECORD_H
#define DEVENV_MODEL_RECORD_H

#include "base/hash.h"
#include "model/value.h"

#include <stdbool.h>
#include <stdint.h>

enum record_status {
	RECORD_OK,
	RECORD_UNREADY, /* made, but not ready in time: probed again by the next run */
	RECORD_TAINTED, /* replaced by the next run */
	RECORD_STOPPED, /* stopped by `devenv stop`: not started by apply */
	RECORD_DEPOSED, /* an old generation that is still to be destroyed */
};

const char *record_status_str(enum record_status status);

/* A recorded edge, so that destroying has an order when the manifest is gone. */
struct record_edge {
	const char *address;
	int kind; /* enum edge_kind */
};

enum { RECORD_DAMAGED = -1 }; /* as type_version: nothing but its key and type can be read */

struct record {
	const char *address;
	int generation; /* 1, 2 ...; the key is (address, generation) */
	const char *type;
	int type_version;
	enum record_status status;

	const char *id;       /* what the provider calls it: container id, absolute path ... */
	const char *identity; /* of the type's identity attributes, e.g. "local_file:/a/b"; NULL: none */
	const char *endpoint; /* identity of what answered: engine id, boot id; NULL: none */

	/* Of the inputs at the last success. All zero: forgotten (an update failed half-way). */
	struct hash fingerprint;

	/* JSON as stored (canonical, secrets sealed or keyed); values are parsed by record_inputs() etc. */
	const char *inputs_json, *outputs_json, *observed_json;
	/* Lifecycle flags, edges, timeout, readiness: compared as text, shown as metadata. */
	const char *meta_json;

	int64_t created_at, updated_at; /* wall clock */
	int64_t duration;               /* of the last create, for the ETA */
	const char *last_error;         /* NULL: none */
	bool supposed; /* nothing was made: a desired state that stands for a recorded one (engine/suppose.h) */

	/* Filled on first use by the functions below; NULL before. */
	const struct value *inputs, *outputs, *observed, *meta;
	struct arena *arena;
	const struct secret_key *key;
};

/* Parsed on first use and kept in the record. An unreadable one (damaged, key lost) is an
   empty map with `err` set to ERROR_CORRUPT, each time it is asked for. */
const struct value *record_inputs(struct record *record, struct error *err);
const struct value *record_outputs(struct record *record, struct error *err);
const struct value *record_observed(struct record *record, struct error *err);
const struct value *record_meta(struct record *record, struct error *err);
bool record_has_fingerprint(const struct record *record);

/* What a run was about to do when it died (or is doing now). */
enum intent_action {
	INTENT_CREATE,
	INTENT_UPDATE,
	INTENT_DELETE,
	INTENT_START,
	INTENT_STOP,
};

const char *intent_action_str(enum intent_action action);

struct intent {
	const char *id; /* 16 hex digits; in the mark of what it makes */
	int64_t run;
	const char *address;
	int generation;
	enum intent_action action;
	const char *type;
	int type_version;
	const char *identity; /* NULL: none */
	const char *inputs_json; /* resolved, secrets sealed: enough to find and finish it */
	const char *meta_json;
	int64_t started_at;
	const struct secret_key *key; /* of the home, for inputs_json; NULL: none, secrets stay closed */
	const struct intent *older;   /* another open one of the same address; NULL: none */
};

#endif
