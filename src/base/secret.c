/*
 * The key never works directly: sealing, nonces and digests each use a key derived from it, so that
 * no two uses can meet. The nonce is a keyed hash of the data (a synthetic nonce): equal data gives
 * equal text, so a record that did not change has the same bytes, and no nonce can ever repeat for
 * different data. What that tells (that two secrets are equal) the digests tell anyway.
 */
#include "base/secret.h"

#include "base/alloc.h"

#include <string.h>

enum {
	NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
	TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES,
	ID_LEN = SECRET_ID_HEX - 1,
	BASE64 = sodium_base64_VARIANT_ORIGINAL,
};

static void set_id(struct secret_key *key)
{
	struct hash hash;
	char hex[HASH_HEX];

	hash_bytes(key->bytes, SECRET_KEY_SIZE, &hash);
	hash_hex(&hash, hex);
	memcpy(key->id, hex, ID_LEN);
	key->id[ID_LEN] = '\0';
}

void secret_key_generate(struct secret_key *key)
{
	hash_start();
	randombytes_buf(key->bytes, SECRET_KEY_SIZE);
	set_id(key);
}

int secret_key_parse(const char *hex, struct secret_key *key, struct error *err)
{
	struct hash bytes;

	_Static_assert((int)SECRET_KEY_SIZE == (int)HASH_SIZE, "a key is read like a hash");
	if (hash_from_hex(hex, &bytes) < 0)
		return error_set(err, ERROR_INVALID, "a key is 64 hexadecimal digits");
	memcpy(key->bytes, bytes.bytes, SECRET_KEY_SIZE);
	sodium_memzero(&bytes, sizeof(bytes));
	set_id(key);
	return 0;
}

void secret_key_hex(const struct secret_key *key, char out[2 * SECRET_KEY_SIZE + 1])
{
	sodium_bin2hex(out, 2 * SECRET_KEY_SIZE + 1, key->bytes, SECRET_KEY_SIZE);
}

/* The key of one use. */
static struct hash derive(const struct secret_key *key, const char *use)
{
	struct hasher hasher;
	struct hash out;

	hasher_init_keyed(&hasher, key->bytes, SECRET_KEY_SIZE);
	hasher_add_str(&hasher, use, strlen(use));
	hasher_finish(&hasher, &out);
	return out;
}

static struct hash keyed_hash(const struct secret_key *key, const char *use, const void *data,
	size_t len)
{
	struct hash use_key = derive(key, use);
	struct hasher hasher;
	struct hash out;

	hasher_init_keyed(&hasher, use_key.bytes, HASH_SIZE);
	hasher_add(&hasher, data, len);
	hasher_finish(&hasher, &out);
	sodium_memzero(&use_key, sizeof(use_key));
	return out;
}

static void add_id(const struct secret_key *key, struct strbuf *out)
{
	strbuf_add(out, key->id, ID_LEN);
	strbuf_addch(out, ':');
}

void secret_seal(const struct secret_key *key, const void *data, size_t len, struct strbuf *out)
{
	size_t size = NONCE + len + TAG, room = sodium_base64_encoded_len(size, BASE64);
	cleanup_free uint8_t *box = xmalloc(size);
	struct hash nonce = keyed_hash(key, "nonce", data, len), seal = derive(key, "seal");

	memcpy(box, nonce.bytes, NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(box + NONCE, NULL, data, len,
		(const uint8_t *)key->id, ID_LEN, NULL, box, seal.bytes);
	sodium_memzero(&seal, sizeof(seal));
	add_id(key, out);
	sodium_bin2base64(strbuf_grow(out, room), room, box, size, BASE64);
	strbuf_setlen(out, out->len + room - 1); /* `room` counts the NUL */
}

int secret_check(const struct secret_key *key, const char *sealed, struct error *err)
{
	const char *colon = strchr(sealed, ':');

	if (!colon || colon - sealed != ID_LEN || strspn(sealed, "0123456789abcdef") != ID_LEN)
		return error_set(err, ERROR_CORRUPT, "a stored secret is damaged");
	if (!key->id[0])
		return error_set(err, ERROR_CORRUPT,
			"a stored secret needs the key %.8s, which is lost: restore the key file "
			"or set DEVENV_KEY", sealed);
	if (memcmp(key->id, sealed, ID_LEN) != 0)
		return error_set(err, ERROR_CORRUPT,
			"a stored secret needs the key %.8s, but the key here is %s: restore the "
			"key file or set DEVENV_KEY", sealed, key->id);
	return 0;
}

int secret_open(const struct secret_key *key, const char *sealed, struct strbuf *out,
	struct error *err)
{
	const char *text;
	cleanup_free uint8_t *box = NULL;
	struct hash seal;
	size_t room, size;
	int bad;

	if (secret_check(key, sealed, err) < 0)
		return -1;
	text = sealed + ID_LEN + 1;
	room = strlen(text) / 4 * 3 + 3;
	box = xmalloc(room);
	if (sodium_base642bin(box, room, text, strlen(text), NULL, &size, NULL, BASE64) < 0 ||
		size < NONCE + TAG)
		return error_set(err, ERROR_CORRUPT, "a stored secret is damaged");
	seal = derive(key, "seal");
	bad = crypto_aead_xchacha20poly1305_ietf_decrypt((uint8_t *)strbuf_grow(out, size), NULL,
		NULL, box + NONCE, size - NONCE, (const uint8_t *)key->id, ID_LEN, box, seal.bytes);
	sodium_memzero(&seal, sizeof(seal));
	if (bad)
		return error_set(err, ERROR_CORRUPT,
			"a stored secret was changed (it does not fit the key %s)", key->id);
	strbuf_setlen(out, out->len + size - NONCE - TAG);
	return 0;
}

void secret_digest(const struct secret_key *key, const void *data, size_t len, struct strbuf *out)
{
	struct hash hash = keyed_hash(key, "digest", data, len);
	char hex[HASH_HEX];

	add_id(key, out);
	strbuf_addstr(out, hash_hex(&hash, hex));
}
