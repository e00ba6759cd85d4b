/* See hash.h. */
#include "base/hash.h"

#include "base/alloc.h"
#include "base/trail.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void hash_start(void)
{
	if (sodium_init() < 0)
		BUG("libsodium does not start");
}

void hasher_init(struct hasher *hasher)
{
	hasher_init_keyed(hasher, NULL, 0);
}

void hasher_init_keyed(struct hasher *hasher, const uint8_t *key, size_t key_len)
{
	crypto_generichash_init(&hasher->state, key, key_len, HASH_SIZE);
}

void hasher_add(struct hasher *hasher, const void *data, size_t len)
{
	if (len)
		crypto_generichash_update(&hasher->state, data, len);
}

void hasher_add_str(struct hasher *hasher, const char *text, size_t len)
{
	uint64_t n = len;

	hasher_add(hasher, &n, sizeof(n));
	hasher_add(hasher, text, len);
}

void hasher_finish(struct hasher *hasher, struct hash *out)
{
	crypto_generichash_final(&hasher->state, out->bytes, HASH_SIZE);
}

void hash_bytes(const void *data, size_t len, struct hash *out)
{
	crypto_generichash(out->bytes, HASH_SIZE, data, len, NULL, 0);
}

int hash_file(const char *path, struct hash *out, struct error *err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct hasher hasher;
	char piece[16384];
	ssize_t n;

	if (fd < 0) {
		trail_name(path);
		return error_errno(err, "open %s", path);
	}
	hasher_init(&hasher);
	while ((n = read(fd, piece, sizeof(piece))) > 0)
		hasher_add(&hasher, piece, (size_t)n);
	if (n < 0)
		return error_errno(err, "read %s", path);
	hasher_finish(&hasher, out);
	trail_hash(path, fd, out);
	return 0;
}

bool hash_equal(const struct hash *a, const struct hash *b)
{
	return memcmp(a->bytes, b->bytes, HASH_SIZE) == 0;
}

char *hash_hex(const struct hash *hash, char *hex)
{
	return sodium_bin2hex(hex, HASH_HEX, hash->bytes, HASH_SIZE);
}

int hash_from_hex(const char *hex, struct hash *out)
{
	size_t len = 0;

	if (strlen(hex) != HASH_HEX - 1)
		return -1;
	if (sodium_hex2bin(out->bytes, HASH_SIZE, hex, HASH_HEX - 1, NULL, &len, NULL) < 0)
		return -1;
	return len == HASH_SIZE ? 0 : -1;
}

void random_hex(char *out, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++)
		out[i] = digits[randombytes_random() & 15];
	out[n] = '\0';
}
