/*
 * Values as JSON. The writer is canonical: members in byte order of their keys, no spaces, numbers in
 * the shortest form that reads back, so equal values give equal bytes.
 */
#ifndef DEVENV_MODEL_JSON_H
#define DEVENV_MODEL_JSON_H

#include "base/error.h"
#include "model/value.h"

/* How a writer treats sensitive parts. SEAL and DIGEST are the stored forms: what has no JSON of its
   own (a number that is infinite, bytes that are not UTF-8) is kept in a map {"$...":...}, and a user's
   map that looks like one is escaped, so that json_parse with a key gives back what was written. */
enum json_secrets {
	JSON_MASK,  /* "(sensitive)"; what people and other programs get */
	JSON_SEAL,  /* {"$sealed":"..."}: encrypted; a later step needs it */
	JSON_DIGEST, /* {"$keyed":"..."}: a keyed hash only; enough to see a change */
	JSON_CLEAR, /* as it is: for the stdin of a child or the body of a request only */
};

/* `key` is needed for JSON_SEAL and JSON_DIGEST only. An unknown value writes {"$unknown":true}. A
   VALUE_KEYED one stays {"$keyed":...} in the stored forms and is masked in the others. */
void json_write(struct strbuf *out, const struct value *value, enum json_secrets secrets,
	const struct secret_key *key);
/* Indented by two spaces, members as they stand. Sensitive parts are masked. */
void json_write_pretty(struct strbuf *out, const struct value *value);
/* A JSON string literal with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void json_write_string(struct strbuf *out, const char *text, size_t len);

/*
 * Parses strictly (RFC 8259; duplicate keys, NUL in a key and invalid UTF-8 are errors) into `arena`,
 * nothing of `text` is borrowed. Scalars keep their source text; a whole number beyond 64 bits is a
 * real. With a `key`, the stored forms are undone: {"$sealed":...} opens into a sensitive value,
 * {"$keyed":...} becomes a VALUE_KEYED string that equals nothing but itself; another key's id is
 * ERROR_CORRUPT and is named. Without one they stay maps. Other errors are ERROR_INVALID.
 */
int json_parse(const char *text, size_t len, struct arena *arena, const struct secret_key *key,
	struct value *out, struct error *err);

/* Is `fresh` what was stored? As value_equal, but a stored keyed hash is compared with the keyed hash
   of the fresh part. `stored` comes from json_parse with a key. */
bool value_matches(const struct value *fresh, const struct value *stored,
	const struct secret_key *key);

#endif
