/*
 * The key of a home: encrypts what a later step needs, hashes what only has to be compared.
 * Sealed texts and keyed hashes carry the key's id, so that a lost key is an error that names it and
 * never looks like a change.
 */
#ifndef DEVENV_BASE_SECRET_H
#define DEVENV_BASE_SECRET_H

#include "base/hash.h"
#include "base/strbuf.h"

enum { SECRET_KEY_SIZE = 32, SECRET_ID_HEX = 9 };

struct secret_key {
	char id[SECRET_ID_HEX]; /* 8 hex digits of the key's own hash; "": lost, opens nothing */
	uint8_t bytes[SECRET_KEY_SIZE];
};

void secret_key_generate(struct secret_key *key);
/* From 64 hex digits (the key file, DEVENV_KEY). */
int secret_key_parse(const char *hex, struct secret_key *key, struct error *err);
void secret_key_hex(const struct secret_key *key, char out[2 * SECRET_KEY_SIZE + 1]);

/* "ID:base64(nonce cipher)" with XChaCha20-Poly1305, appended to `out`. Equal data gives equal text. */
void secret_seal(const struct secret_key *key, const void *data, size_t len, struct strbuf *out);
/* ERROR_CORRUPT when the key is another one (its id is named) or the text was changed. */
int secret_open(const struct secret_key *key, const char *sealed, struct strbuf *out,
	struct error *err);
/* Was a sealed text or digest made with `key`? ERROR_CORRUPT, naming the key it needs, when not. */
int secret_check(const struct secret_key *key, const char *text, struct error *err);
/* "ID:hex" of a keyed hash, appended to `out`. Equal data gives equal text. */
void secret_digest(const struct secret_key *key, const void *data, size_t len, struct strbuf *out);

#endif
