/* Packed fields come back; a damaged or shorter blob never leads outside of it. */
#include "base/alloc.h"
#include "state/pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void pack_all(struct strbuf *out)
{
	pack_bytes(out, "abc", 3);
	pack_int(out, -2);
	pack_text(out, "hello");
	pack_text(out, NULL);
	pack_text(out, "");
	pack_int(out, INT64_MIN);
}

static void fields_come_back(void **state)
{
	cleanup_strbuf struct strbuf blob = STRBUF_INIT;
	struct unpack unpack;
	char bytes[3];

	(void)state;
	pack_all(&blob);
	unpack = (struct unpack){.at = blob.text, .end = blob.text + blob.len};
	unpack_bytes(&unpack, bytes, 3);
	assert_memory_equal(bytes, "abc", 3);
	assert_true(unpack_int(&unpack) == -2);
	assert_string_equal(unpack_text(&unpack), "hello");
	assert_null(unpack_text(&unpack));
	assert_string_equal(unpack_text(&unpack), "");
	assert_true(unpack_int(&unpack) == INT64_MIN);
	assert_false(unpack.damaged || unpack.ended);
	/* A field that this blob was written without. */
	assert_null(unpack_text(&unpack));
	assert_int_equal(unpack_int(&unpack), 0);
	assert_true(unpack.ended && !unpack.damaged);
}

/* Reads everything; the sanitizer says whether it stayed inside. */
static bool read_all(const char *from, size_t len)
{
	char *copy = malloc(len ? len : 1), bytes[3];
	struct unpack unpack = {.at = copy, .end = copy + len};
	const char *text;
	size_t total = 0;

	memcpy(copy, from, len);
	unpack_bytes(&unpack, bytes, 3);
	unpack_int(&unpack);
	for (int i = 0; i < 3; i++) {
		text = unpack_text(&unpack);
		total += text ? strlen(text) : 0;
	}
	unpack_int(&unpack);
	assert_true(total <= len);
	free(copy);
	return !unpack.damaged;
}

static void a_cut_is_noticed(void **state)
{
	cleanup_strbuf struct strbuf blob = STRBUF_INIT;
	size_t whole = 0;

	(void)state;
	pack_all(&blob);
	for (size_t len = 0; len <= blob.len; len++)
		whole += read_all(blob.text, len);
	/* Only cuts between two fields read as an older, shorter format. */
	assert_int_equal(whole, 7);
}

static void damage_stays_inside(void **state)
{
	cleanup_strbuf struct strbuf blob = STRBUF_INIT;
	unsigned seed = 1;

	(void)state;
	pack_all(&blob);
	for (int i = 0; i < 100000; i++) {
		cleanup_free char *copy = xmalloc(blob.len);

		memcpy(copy, blob.text, blob.len);
		for (int hits = 0; hits < 4; hits++)
			copy[(size_t)rand_r(&seed) % blob.len] = (char)rand_r(&seed);
		read_all(copy, blob.len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_come_back),
		cmocka_unit_test(a_cut_is_noticed),
		cmocka_unit_test(damage_stays_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
