/*
 * A desired resource: what the manifest says, once layers are merged, services lowered and forEach
 * expanded. References in it are not resolved yet. The graph holds them in an array.
 */
#ifndef DEVENV_MODEL_RESOURCE_H
#define DEVENV_MODEL_RESOURCE_H

#include "model/type.h"
#include "model/value.h"

#include <stdbool.h>
#include <stdint.h>

/* Why one resource waits for another. The order is the strength; the strongest of several counts. */
enum edge_kind {
	EDGE_ORDERING, /* order only, when both change */
	EDGE_SOFT,     /* wait until it is ready or failed, then start anyway */
	EDGE_HARD,     /* wait until ready; its failure blocks */
	EDGE_USES,     /* a value of it is used (a reference): hard, and unknown until it is known */
	EDGE_ATTACHED, /* lives on it (container on network): destroyed before it is replaced */
	EDGE_WITHIN,   /* lives in it (object in a cluster): gone with it, unknown while it does not run */
};

const char *edge_kind_str(enum edge_kind kind);

/* One entry of dependsOn, before addresses are looked up. */
struct dependency {
	const char *address;
	enum edge_kind kind; /* ORDERING, SOFT or HARD */
	struct pos pos;
};

struct lifecycle {
	bool prevent_destroy;
	bool retain; /* forgotten instead of destroyed */
	bool create_before_destroy;
	bool precedes; /* runs again before anything changes that depends on it */
	bool succeeds; /* runs again after something has gone that it depended on */
	const char *contents; /* what wrote the data in it, "postgresql 16"; NULL: anybody may have */
	const char *const *begun_with; /* ADDRESS.ATTRIBUTE of others, which the data in it keeps as it was; or NULL */
	const char *const *ignore_changes;      /* attribute paths, NULL-terminated or NULL */
	const struct dependency *replace_triggered_by; /* addresses */
	size_t n_replace_triggered_by;
};

/* Milliseconds; 0: the default of the type or the engine (named there). */
struct retry {
	int attempts;      /* tries in all; default 3 for transient errors */
	int64_t delay;     /* before the second try; doubles, with jitter; default 500 ms */
	int64_t max_delay; /* default 30 s */
};

enum probe_kind {
	PROBE_NONE,
	PROBE_HTTP,    /* GET url (or scheme, host, port, path): 200-399 is ready */
	PROBE_TCP,     /* connects to host:port */
	PROBE_COMMAND, /* argv, exit 0 is ready; run by the provider where the thing lives */
	PROBE_LOG,     /* a line of the log matches this POSIX extended expression */
	PROBE_HEALTH,  /* the thing's own health (Docker health check) */
	PROBE_RUNNING, /* it runs */
};

/* Times in milliseconds. Zero counts mean the default: periods 1 s, timeout 3 s, thresholds 30 and 1. */
struct probe {
	enum probe_kind kind;
	const struct value *spec; /* the map as written; resolved with the attributes */
	int64_t initial_delay, period, timeout;
	int failure_threshold, success_threshold;
};

struct resource {
	const char *address; /* type.name or type.name["key"]; unique */
	const char *name;
	const char *key; /* of forEach; NULL: none */
	const struct type *type;
	const struct value *attributes; /* a map without the meta keys; unresolved */
	struct pos pos;

	const struct dependency *depends_on;
	size_t n_depends_on;
	struct lifecycle lifecycle;
	int64_t timeout; /* deadline of one action in milliseconds; 0: default */
	struct retry retry;
	struct probe readiness;
	const struct value *sync; /* a list of {path, target, action}, for watch; NULL: none */
	const char *service; /* the service it was lowered from; NULL: none */
};

#endif
