/*
 * The lock file, .devenv/lock.yml: what ranges of versions and names of branches stood for when they
 * were looked up, with a digest of what they led to. It is committed, so its bytes follow from its
 * entries alone: sorted by what was asked for.
 *
 *	apiVersion: devenv/v1
 *	kind: Lock
 *	locked:
 *	  - chart: "web"                            what was asked for: texts, as the provider names them
 *	    repository: "https://charts.example"
 *	    version: "1.x"
 *	    resolved: "1.3.0"                       what it was
 *	    digest: "sha256:..."
 */
#ifndef DEVENV_MODEL_PINS_H
#define DEVENV_MODEL_PINS_H

#include "base/diag.h"
#include "base/strbuf.h"
#include "model/value.h"

struct pin {
	const struct value *what; /* a map of texts, by key; neither "resolved" nor "digest" is one */
	const char *key;          /* the same as one text, to compare */
	const char *resolved;
	const char *digest;       /* NULL: none */
	bool fresh;               /* looked up now: the file does not say so */
	bool used;
};

struct pins {
	struct pin *items; /* sorted */
	size_t n, cap;
};

#define PINS_PATH ".devenv/lock.yml"

/* Of a parsed file. -1: diagnostics. */
int pins_read(const struct value *file, struct arena *arena, struct pins *out, struct diags *diags);
void pins_write(const struct pins *pins, struct strbuf *out);

/* "chart web, version 1.x": for people. */
const char *pins_told(const struct value *what, struct arena *arena);
/* The key of `what`. */
const char *pins_key(const struct value *what, struct arena *arena);
struct pin *pins_find(const struct pins *pins, const char *key); /* NULL: none */
/* Another one of the same entries: what is put into it is not put into `pins`. */
struct pins pins_copy(const struct pins *pins, struct arena *arena);
/* Adds it, or puts it in the place of the one with its key. `what` and the texts are borrowed. */
struct pin *pins_put(struct pins *pins, struct arena *arena, const struct pin *pin);

#endif
