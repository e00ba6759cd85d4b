/* BLAKE2b-256 (libsodium): fingerprints, digests of files, keyed hashes of secrets. */
#ifndef DEVENV_BASE_HASH_H
#define DEVENV_BASE_HASH_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sodium.h>

enum { HASH_SIZE = 32, HASH_HEX = 2 * HASH_SIZE + 1 };

struct hash {
	uint8_t bytes[HASH_SIZE];
};

struct hasher {
	crypto_generichash_state state;
};

/* Starts libsodium; safe to call often and from any thread. Call once before threads start. */
void hash_start(void);
void hasher_init(struct hasher *hasher);
void hasher_init_keyed(struct hasher *hasher, const uint8_t *key, size_t key_len);
void hasher_add(struct hasher *hasher, const void *data, size_t len);
/* Adds a length before the bytes, so that fields cannot run into each other. */
void hasher_add_str(struct hasher *hasher, const char *text, size_t len);
void hasher_finish(struct hasher *hasher, struct hash *out);
void hash_bytes(const void *data, size_t len, struct hash *out);
/* The content of a file, read in pieces. */
int hash_file(const char *path, struct hash *out, struct error *err);
bool hash_equal(const struct hash *a, const struct hash *b);
/* `hex` has room for HASH_HEX bytes. Returns `hex`. */
char *hash_hex(const struct hash *hash, char *hex);
/* -1 when `hex` is not exactly 64 hexadecimal digits. */
int hash_from_hex(const char *hex, struct hash *out);
/* `n` random lower-case hexadecimal digits and a NUL. */
void random_hex(char *out, size_t n);

#endif
