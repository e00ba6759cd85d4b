/* Sealing and keyed hashes: what goes in comes out, and nothing else opens it. */
#include "base/alloc.h"
#include "base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void key_survives_hex(void **state)
{
	struct secret_key key, again;
	struct error err = ERROR_INIT;
	char hex[2 * SECRET_KEY_SIZE + 1];

	(void)state;
	secret_key_generate(&key);
	secret_key_hex(&key, hex);
	assert_int_equal(secret_key_parse(hex, &again, &err), 0);
	assert_memory_equal(&key, &again, sizeof(key));
	assert_int_equal(strlen(key.id), 8);
	hex[63] = 'g';
	assert_int_equal(secret_key_parse(hex, &again, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	hex[63] = '\0';
	assert_int_equal(secret_key_parse(hex, &again, &err), -1);
}

static void sealed_opens_again(void **state)
{
	static const size_t lengths[] = {0, 1, 2, 3, 17, 4096, 100000};
	static char data[100000];
	struct secret_key key;

	(void)state;
	secret_key_generate(&key);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		cleanup_strbuf struct strbuf sealed = STRBUF_INIT, again = STRBUF_INIT,
					     clear = STRBUF_INIT;
		struct error err = ERROR_INIT;

		secret_seal(&key, data, lengths[i], &sealed);
		assert_memory_equal(sealed.text, key.id, 8);
		assert_int_equal(sealed.text[8], ':');
		assert_int_equal(strlen(sealed.text), sealed.len);
		if (lengths[i] >= 3)
			assert_null(memmem(sealed.text, sealed.len, data, lengths[i]));
		assert_int_equal(secret_open(&key, sealed.text, &clear, &err), 0);
		assert_int_equal(clear.len, lengths[i]);
		assert_memory_equal(clear.text, data, lengths[i]);
		/* Equal data, equal text: an unchanged record keeps its bytes. */
		secret_seal(&key, data, lengths[i], &again);
		assert_string_equal(sealed.text, again.text);
	}
}

/* The nonce stands first: different data must never share one under the same key. */
static void nonces_differ(void **state)
{
	cleanup_strbuf struct strbuf a = STRBUF_INIT, b = STRBUF_INIT;
	struct secret_key key;

	(void)state;
	secret_key_generate(&key);
	secret_seal(&key, "hunter2", 7, &a);
	secret_seal(&key, "hunter3", 7, &b);
	assert_memory_not_equal(a.text + 9, b.text + 9, 32);
}

static void every_changed_byte_is_noticed(void **state)
{
	cleanup_strbuf struct strbuf sealed = STRBUF_INIT;
	struct secret_key key;

	(void)state;
	secret_key_generate(&key);
	secret_seal(&key, "hunter2", 7, &sealed);
	for (size_t i = 0; i < sealed.len; i++) {
		cleanup_strbuf struct strbuf clear = STRBUF_INIT;
		struct error err = ERROR_INIT;
		char was = sealed.text[i];

		sealed.text[i] = was == 'A' ? 'B' : 'A';
		assert_int_equal(secret_open(&key, sealed.text, &clear, &err), -1);
		assert_int_equal(err.code, ERROR_CORRUPT);
		assert_null(strstr(err.msg, "hunter2"));
		sealed.text[i] = was;
	}
	for (size_t len = 0; len < sealed.len; len++) { /* cut short anywhere */
		cleanup_strbuf struct strbuf clear = STRBUF_INIT;
		cleanup_free char *cut = xstrndup(sealed.text, len);
		struct error err = ERROR_INIT;

		assert_int_equal(secret_open(&key, cut, &clear, &err), -1);
		assert_int_equal(err.code, ERROR_CORRUPT);
	}
}

static void another_key_is_named(void **state)
{
	cleanup_strbuf struct strbuf sealed = STRBUF_INIT, clear = STRBUF_INIT;
	struct secret_key key, other, lost = {.id = ""};
	struct error err = ERROR_INIT;

	(void)state;
	secret_key_generate(&key);
	secret_key_generate(&other);
	secret_seal(&key, "hunter2", 7, &sealed);
	assert_int_equal(secret_open(&other, sealed.text, &clear, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_non_null(strstr(err.msg, key.id));
	assert_non_null(strstr(err.msg, other.id));
	assert_int_equal(secret_open(&lost, sealed.text, &clear, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_non_null(strstr(err.msg, key.id));
	assert_non_null(strstr(err.msg, "lost"));
}

static void digests_compare(void **state)
{
	cleanup_strbuf struct strbuf a = STRBUF_INIT, same = STRBUF_INIT, b = STRBUF_INIT,
				     keyed = STRBUF_INIT;
	struct secret_key key, other;
	struct hash plain;
	char hex[HASH_HEX];

	(void)state;
	secret_key_generate(&key);
	secret_key_generate(&other);
	secret_digest(&key, "hunter2", 7, &a);
	secret_digest(&key, "hunter2", 7, &same);
	secret_digest(&key, "hunter3", 7, &b);
	secret_digest(&other, "hunter2", 7, &keyed);
	assert_int_equal(a.len, 8 + 1 + 64);
	assert_string_equal(a.text, same.text);
	assert_string_not_equal(a.text, b.text);
	assert_string_not_equal(a.text + 9, keyed.text + 9);
	/* Without the key nobody can try words: it is not the plain hash. */
	hash_bytes("hunter2", 7, &plain);
	assert_string_not_equal(a.text + 9, hash_hex(&plain, hex));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_survives_hex),
		cmocka_unit_test(sealed_opens_again),
		cmocka_unit_test(nonces_differ),
		cmocka_unit_test(every_changed_byte_is_noticed),
		cmocka_unit_test(another_key_is_named),
		cmocka_unit_test(digests_compare),
	};

	hash_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
