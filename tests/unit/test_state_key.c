/* The key of a home: where it is, when it is made, and what is said when it is lost. */
#include "tests/unit/state_home.h"

#include "base/secret.h"
#include "model/json.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

/* --- the key ------------------------------------------------------------------------------------- */

static const char hex_a[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
static const char hex_b[] = "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

static void put_secret(struct home *home, struct state *state, const char *id)
{
	cleanup_strbuf struct strbuf json = STRBUF_INIT;
	struct value text = value_sensitive(value_str(&home->arena, "hunter2"));
	struct member member = {.key = "password", .value = text};
	struct value inputs = value_map(&member, 1);
	struct record record = record_of("t.secret");
	struct error err = ERROR_INIT;

	json_write(&json, &inputs, JSON_SEAL, state_key(state));
	record.inputs_json = json.text;
	ok(state_begin(state, &err), &err);
	ok(state_record_put(state, id, &record, &err), &err);
	ok(state_commit(state, &err), &err);
}

/* Reads the secret back; false, with the error, when that cannot be. */
static bool read_secret(struct home *home, struct error *err)
{
	struct state *state = home_open(home, STATE_READ);
	struct environment *environments;
	struct record *records;
	size_t n;
	bool right;

	ok(state_environments(state, &home->arena, &environments, &n, err), err);
	ok(state_records(state, environments[0].id, &home->arena, &records, &n, err), err);
	state_free(state); /* records outlive the handle */
	assert_int_equal(n, 1);
	right = strcmp(value_get_text(record_inputs(&records[0], err), "password", ""), "hunter2") == 0;
	assert_true(right == (err->code == ERROR_NONE));
	return right;
}

static void make_secret(struct home *home)
{
	struct state *state = home_open(home, STATE_WRITE);

	put_secret(home, state, home_environment(home, state, ""));
	state_free(state);
}

static void a_secret_is_not_in_any_file(void **cmocka)
{
	static const char *const files[] = {"state.db", "state.db-wal"};
	struct home *home = *cmocka;
	struct error err = ERROR_INIT;
	struct state *state;
	const char *text;
	size_t len;

	make_secret(home);
	assert_true(read_secret(home, &err));
	state = home_open(home, STATE_WRITE);
	home_environment(home, state, "other"); /* so that the log holds something */
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		ok(fs_read(home_file(home, files[i]), &home->arena, &text, &len, &err), &err);
		assert_true(len > 0);
		assert_null(memmem(text, len, "hunter2", 7));
	}
	state_free(state);
}

static void a_lost_key_is_never_made_anew(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *state;
	struct error err = ERROR_INIT;
	char id[SECRET_ID_HEX];

	make_secret(home);
	state = home_open(home, STATE_READ);
	memcpy(id, state_key(state)->id, sizeof(id));
	ok(state_key_check(state, &err), &err);
	state_free(state);
	assert_int_equal(rename(home_file(home, "key"), home_file(home, "elsewhere")), 0);
	assert_false(read_secret(home, &err));
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_non_null(strstr(err.msg, id));
	for (int mode = STATE_READ; mode <= STATE_WRITE; mode++) {
		state = home_open(home, (enum state_mode)mode); /* what needs no secret works */
		assert_null(state_key(state));
		err = (struct error)ERROR_INIT;
		assert_int_equal(state_key_check(state, &err), -1);
		assert_int_equal(err.code, ERROR_CORRUPT);
		assert_non_null(strstr(err.msg, id));
		assert_non_null(strstr(err.msg, "lost"));
		state_free(state);
	}
	assert_int_equal(access(home_file(home, "key"), F_OK), -1);
	assert_int_equal(rename(home_file(home, "elsewhere"), home_file(home, "key")), 0);
	err = (struct error)ERROR_INIT;
	assert_true(read_secret(home, &err));
}

static void a_key_that_no_secret_needs_may_go(void **cmocka)
{
	struct home *home = *cmocka;
	struct error err = ERROR_INIT;
	struct state *state;

	make_home(home);
	assert_int_equal(unlink(home_file(home, "key")), 0);
	state = home_open(home, STATE_WRITE);
	assert_non_null(state_key(state));
	ok(state_key_check(state, &err), &err);
	state_free(state);
}

static void another_key_is_told_apart(void **cmocka)
{
	struct home *home = *cmocka;
	struct secret_key a, b;
	struct state *state;
	struct error err = ERROR_INIT;

	secret_key_parse(hex_a, &a, NULL);
	secret_key_parse(hex_b, &b, NULL);
	setenv("DEVENV_KEY", hex_a, 1);
	make_secret(home);
	assert_int_equal(access(home_file(home, "key"), F_OK), -1); /* none is made then */
	assert_true(read_secret(home, &err));
	setenv("DEVENV_KEY", hex_b, 1);
	assert_false(read_secret(home, &err));
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_non_null(strstr(err.msg, a.id));
	assert_non_null(strstr(err.msg, b.id));
	state = home_open(home, STATE_WRITE);
	assert_int_equal(state_key_check(state, &err), -1);
	assert_non_null(strstr(err.msg, a.id));
	{ /* a second key is not mixed in */
		struct environment *environments;
		struct record record = record_of("t.x");
		size_t n;

		record.outputs_json = "{\"a\":{\"$keyed\":\"x\"}}";
		ok(state_environments(state, &home->arena, &environments, &n, &err), &err);
		ok(state_begin(state, &err), &err);
		assert_int_equal(state_record_put(state, environments[0].id, &record, &err), -1);
		assert_int_equal(err.code, ERROR_CORRUPT);
		assert_int_equal(state_commit(state, &err), -1);
	}
	state_free(state);
	setenv("DEVENV_KEY", "no key", 1);
	err = home_open_fails(home, STATE_READ);
	assert_non_null(strstr(err.msg, "DEVENV_KEY"));
	assert_null(strstr(err.msg, "no key"));
	unsetenv("DEVENV_KEY");
}

/* The first secret was rolled back: the database does not insist on its key. */
static void a_rolled_back_secret_binds_nothing(void **cmocka)
{
	struct home *home = *cmocka;
	struct state *state = home_open(home, STATE_WRITE);
	const char *id = home_environment(home, state, "");
	struct error err = ERROR_INIT;

	ok(state_begin(state, &err), &err);
	ok(state_note_put(state, id, "outputs", "x", "{\"$keyed\":\"a:b\"}", &err), &err);
	state_rollback(state);
	assert_int_equal(number(state, "SELECT count(*) FROM meta WHERE key = 'key'"), 0);
	ok(state_begin(state, &err), &err);
	ok(state_note_put(state, id, "outputs", "x", "{\"$keyed\":\"a:b\"}", &err), &err);
	ok(state_commit(state, &err), &err);
	assert_int_equal(number(state, "SELECT count(*) FROM meta WHERE key = 'key'"), 1);
	state_free(state);
}

static void a_damaged_key_file_is_named(void **cmocka)
{
	static const char *const texts[] = {"", "xyz\n", "0011\n",
		"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00\n"};
	struct home *home = *cmocka;

	make_secret(home);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		int fd = open(home_file(home, "key"), O_WRONLY | O_TRUNC);
		struct error err = ERROR_INIT;

		ok(fs_write_fd(fd, "key", texts[i], strlen(texts[i]), &err), &err);
		close(fd);
		err = home_open_fails(home, STATE_WRITE);
		assert_int_equal(err.code, ERROR_CORRUPT);
		assert_non_null(strstr(err.msg, "/key is damaged"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_secret_is_not_in_any_file),
		TEST(a_lost_key_is_never_made_anew),
		TEST(a_key_that_no_secret_needs_may_go),
		TEST(another_key_is_told_apart),
		TEST(a_rolled_back_secret_binds_nothing),
		TEST(a_damaged_key_file_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
