/*
 * Values as JSON. The writer is canonical: members in byte order of their keys, no spaces, numbers in
 * the shortest form that reads back, so equal values give equal bytes.
 */
#ifndef DEVENV_MODEL_JSON_H
#define DEVENV_MODEL_JSON_H

#include "base/error.h"
#include "model/value.h"

/* How a writer treats sensitive parts. */
enum json_secrets {
	JSON_MASK,  /* "(sensitive)"; what people and other programs get */
	JSON_SEAL,  /* {"$sealed":"..."}: encrypted; a later step needs it */
	JSON_DIGEST, /* {"$keyed":"..."}: a keyed hash only; enough to see a change */
	JSON_CLEAR, /* as it is: for the stdin of a child or the body of a request only */
};

/* `key` is needed for JSON_SEAL and JSON_DIGEST only. An unknown value writes {"$unknown":true}. */
void json_write(struct strbuf *out, const struct value *value, enum json_secrets secrets,
	const struct secret_key *key);
/* Indented by two spaces, members as they stand. Sensitive parts are masked. */
void json_write_pretty(struct strbuf *out, const struct value *value);
/* A JSON string literal with its quotes. */
void json_write_string(struct strbuf *out, const char *text, size_t len);

/*
 * Parses with jansson (duplicate keys are an error) into `arena`. With a `key`, {"$sealed":...} opens
 * into a sensitive value and {"$keyed":...} becomes a sensitive string that equals nothing but
 * itself; an unknown key id is ERROR_CORRUPT and is named. Without one they stay maps.
 */
int json_parse(const char *text, size_t len, struct arena *arena, const struct secret_key *key,
	struct value *out, struct error *err);

#endif
