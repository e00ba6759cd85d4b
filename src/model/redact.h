/*
 * The one redactor: everything printed or stored as text passes it. It knows the resolved secrets and
 * finds them also base64-, URL- and JSON-escaped. Values shorter than 4 bytes are not searched for:
 * they would redact ordinary words; they are masked where they stand as values.
 */
#ifndef DEVENV_MODEL_REDACT_H
#define DEVENV_MODEL_REDACT_H

#include "base/strbuf.h"
#include "model/value.h"

struct redactor {
	char **needles; /* longest first */
	size_t n, cap;
};

#define REDACTOR_INIT {0}
void redactor_release(struct redactor *redactor);
/* Every sensitive scalar anywhere in `value`. */
void redactor_learn(struct redactor *redactor, const struct value *value);
void redactor_learn_text(struct redactor *redactor, const char *text, size_t len);
/* Replaces each by "(sensitive)". The result is a text in the arena, as `text` may belong to a task. */
const char *redact(const struct redactor *redactor, const char *text, struct arena *arena);
/* The same for bytes; appends. Before a CUT_MARK the beginning of a secret is one, too. */
void redact_into(const struct redactor *redactor, const char *text, size_t len, struct strbuf *out);
/* Where `text`, which goes on, may be cut: what follows may be the beginning of a secret. */
size_t redact_cut(const struct redactor *redactor, const char *text, size_t len);

#endif
