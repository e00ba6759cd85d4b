/*
 * The conversation with an engine, and what the provider makes of one that misbehaves: versions,
 * errors, streams, one that is another, one that dies in the middle.
 */
#include "docker_mock.h"

static enum error_code open_code(struct mock *mock, struct docker *docker, struct error *err)
{
	*err = (struct error)ERROR_INIT;
	if (docker_open(docker, &mock->env, err))
		return err->code;
	docker_close(docker);
	return ERROR_NONE;
}

/* --- versions ----------------------------------------------------------------------------------- */

static void the_smaller_version_is_spoken(void **state)
{
	static const struct {
		const char *theirs, *pinned;
		int api; /* 0: an error ... */
		enum error_code code; /* ... of this kind */
	} cases[] = {
		{"1.41", NULL, 41, 0},
		{"1.47", NULL, 47, 0},
		{"1.56", NULL, 56, 0},
		{"1.99", NULL, 56, 0},
		{"1.100", NULL, 56, 0},
		{"1.40", NULL, 0, ERROR_UNREACHABLE},
		{NULL, NULL, 0, ERROR_UNREACHABLE},
		{"2.0", NULL, 0, ERROR_UNREACHABLE},
		{"1.4x", NULL, 0, ERROR_UNREACHABLE},
		{"1.52", "1.44", 44, 0},
		{"1.44", "1.52", 44, 0},
		{"1.52", "1.40", 0, ERROR_INVALID},
		{"1.52", "latest", 0, ERROR_INVALID},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mock mock;
		struct docker docker;
		struct error err;
		enum error_code code;

		mock_start(&mock, cases[i].theirs, NULL);
		if (cases[i].pinned)
			setenv("DOCKER_API_VERSION", cases[i].pinned, 1);
		code = open_code(&mock, &docker, &err);
		if (cases[i].api) {
			assert_int_equal(code, ERROR_NONE);
			assert_int_equal(docker.api, cases[i].api);
			assert_string_equal(docker.base, arena_printf(&mock.arena, "http://localhost/v1.%d",
				cases[i].api));
		} else {
			assert_int_equal(code, cases[i].code);
		}
		mock_stop(&mock);
	}
}

static void an_engine_that_is_too_old_is_told_from_nothing_there(void **state)
{
	struct mock mock;
	struct docker docker;
	struct error err;

	(void)state;
	mock_start(&mock, "1.40", NULL);
	open_code(&mock, &docker, &err);
	assert_non_null(strstr(err.msg, "speaks API 1.40; 1.41 is needed (Docker Engine 20.10"));
	mock_stop(&mock);
	mock_start(&mock, NULL, NULL);
	open_code(&mock, &docker, &err);
	assert_non_null(strstr(err.msg, "is no Docker engine"));
	setenv("DOCKER_HOST", "unix:///nowhere/docker.sock", 1);
	assert_int_equal(open_code(&mock, &docker, &err), ERROR_UNREACHABLE);
	assert_string_equal(err.msg, "no Docker engine (DOCKER_HOST): cannot connect to "
		"/nowhere/docker.sock: No such file or directory");
	mock_stop(&mock);
}

static void what_a_version_does_not_know_is_in_one_table(void **state)
{
	struct docker old = {.api = 41}, middle = {.api = 44}, newest = {.api = 56};

	(void)state;
	assert_true(docker_knows(&old, DOCKER_CHECK_DUPLICATE));
	assert_false(docker_knows(&middle, DOCKER_CHECK_DUPLICATE));
	assert_false(docker_knows(&old, DOCKER_MANY_NETWORKS));
	assert_true(docker_knows(&middle, DOCKER_MANY_NETWORKS));
	assert_false(docker_knows(&old, DOCKER_STOP_SIGNAL));
	assert_false(docker_knows(&middle, DOCKER_MOUNT_SUBPATH));
	assert_true(docker_knows(&newest, DOCKER_MOUNT_SUBPATH));
}

static void every_path_carries_the_version(void **state)
{
	struct mock mock;
	struct docker docker;

	(void)state;
	mock_start(&mock, "1.43", NULL);
	docker = mock_open(&mock);
	assert_string_equal(docker.id, "MOCK");
	assert_int_equal(mock_asked(&mock, "GET /v1.43/info HTTP/1.1"), 1);
	docker_close(&docker);
	mock_stop(&mock);
}

/* --- calls -------------------------------------------------------------------------------------- */

static void each_status_has_its_error(void **state)
{
	static struct route routes[] = {
		{"GET /400", 400, "client version 1.41 is too old. Minimum supported is 1.44\n", 0},
		{"GET /404", 404, "{\"message\":\"No such image: x\"}", 0},
		{"GET /409", 409, "{\"message\":\"in use\"}", 0},
		{"GET /429", 429, "{\"message\":\"slowly\"}", 0},
		{"GET /503", 503, "", 0},
		{"GET /500", 500, "{\"message\":\"port is already allocated\"}", 0},
		{"GET /403", 403, "{\"no\":\"message\"}", 0},
		{"GET /301", 301, "", 0},
		{"GET /bad", 200, "{\"cut", 0},
		{NULL, 0, NULL, 0},
	};
	static const struct {
		const char *path;
		enum error_code code;
		const char *message;
	} cases[] = {
		{"/400", ERROR_INVALID, "client version 1.41 is too old. Minimum supported is 1.44"},
		{"/404", ERROR_NOT_FOUND, "No such image: x"},
		{"/409", ERROR_CONFLICT, "in use"},
		{"/429", ERROR_TRANSIENT, "slowly"},
		{"/503", ERROR_TRANSIENT, "the Docker engine answers 503"},
		{"/500", ERROR_FAILED, "port is already allocated"},
		{"/403", ERROR_FAILED, "{\"no\":\"message\"}"},
		{"/301", ERROR_FAILED, "the Docker engine answers 301"},
		{"/bad", ERROR_FAILED, NULL},
	};
	struct mock mock;
	struct docker docker;

	(void)state;
	mock_start(&mock, "1.41", routes);
	docker = mock_open(&mock);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_INIT;
		struct docker_reply reply;

		assert_int_equal(docker_get(&docker, cases[i].path, &reply, &err), -1);
		assert_int_equal(err.code, cases[i].code);
		if (cases[i].message) {
			assert_string_equal(err.msg, cases[i].message);
			assert_int_equal(reply.status, atoi(cases[i].path + 1));
		}
	}
	docker_close(&docker);
	mock_stop(&mock);
}

static void already_so_is_success_and_bodies_are_json(void **state)
{
	static struct route routes[] = {
		{"POST /start", 304, "", 0},
		{"DELETE /x", 204, "", 0},
		{"POST /create", 201, "{\"Id\":\"abc\",\"Warnings\":null}", 0},
		{NULL, 0, NULL, 0},
	};
	struct mock mock;
	struct docker docker;
	struct docker_reply reply;
	struct error err = ERROR_INIT;

	(void)state;
	mock_start(&mock, "1.41", routes);
	docker = mock_open(&mock);
	assert_int_equal(docker_call(&docker, "POST", "/start", NULL, &reply, &err), 0);
	assert_int_equal(reply.status, 304);
	assert_int_equal(reply.body->kind, VALUE_NULL);
	assert_int_equal(docker_call(&docker, "DELETE", "/x", NULL, NULL, &err), 0);
	assert_int_equal(docker_call(&docker, "POST", "/create",
		mock_json(&mock, "{\"b\":[1,true],\"a\":\"\\u00e4\"}"), &reply, &err), 0);
	assert_string_equal(value_get_text(reply.body, "Id", ""), "abc");
	assert_int_equal(mock_asked(&mock, "Content-Type: application/json\r\n"), 1);
	assert_int_equal(mock_asked(&mock, "\r\n\r\n{\"a\":\"\xc3\xa4\",\"b\":[1,true]}"), 1);
	docker_close(&docker);
	mock_stop(&mock);
}

static void filters_are_lists_by_key(void **state)
{
	struct arena arena = ARENA_INIT;
	struct docker docker = {.arena = &arena};

	(void)state;
	assert_string_equal(docker_filters(&docker, "label", "a=b", "label", "c", "name", "^/x$", NULL),
		"filters=%7B%22label%22%3A%5B%22a%3Db%22%2C%22c%22%5D%2C%22name%22%3A%5B%22%5E%2Fx%24%22"
		"%5D%7D");
	assert_string_equal(docker_escape(&docker, "reg:5000/a b?c"), "reg:5000/a%20b%3Fc");
	arena_release(&arena);
}

/* --- streams ------------------------------------------------------------------------------------ */

struct lines {
	struct strbuf text;
	int stop_after;
	int n;
};

static bool see_line(void *arg, const struct value *line)
{
	struct lines *lines = arg;

	strbuf_addf(&lines->text, "%s;", value_get_text(line, "status", "?"));
	return ++lines->n != lines->stop_after;
}

static int stream_lines(const char *reply, int stop_after, struct lines *lines, struct error *err)
{
	struct route routes[] = {{"POST /images/create", -1, reply, 0}, {NULL, 0, NULL, 0}};
	struct docker_stream stream = {.method = "POST", .path = "/images/create", .line = see_line,
		.arg = lines};
	struct mock mock;
	struct docker docker;
	int rc;

	*lines = (struct lines){.text = STRBUF_INIT, .stop_after = stop_after};
	mock_start(&mock, "1.41", routes);
	docker = mock_open(&mock);
	*err = (struct error)ERROR_INIT;
	rc = docker_stream(&docker, &stream, NULL, err);
	docker_close(&docker);
	mock_stop(&mock);
	return rc;
}

static void lines_may_be_cut_anywhere(void **state)
{
	struct lines lines;
	struct error err;

	(void)state;
	assert_int_equal(stream_lines("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		"5\r\n{\"sta\r\n9\r\ntus\":\"a\"}\r\n16\r\n\r\n{\"status\":\"b\"}\nhello\r\n"
		"1\r\n\n\r\n10\r\n\n{\"status\":\"c\"}\n\r\ne\r\n{\"status\":\"d\"}\r\n0\r\n\r\n", 0, &lines,
		&err), 0);
	assert_string_equal(lines.text.text, "a;b;c;d;"); /* what is no JSON is passed over */
	strbuf_release(&lines.text);
}

static void a_stream_can_be_stopped(void **state)
{
	struct lines lines;
	struct error err;

	(void)state;
	assert_int_equal(stream_lines("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		"1e\r\n{\"status\":\"a\"}\n{\"status\":\"b\"}\n\r\n", 1, &lines, &err), 0);
	assert_string_equal(lines.text.text, "a;");
	strbuf_release(&lines.text);
}

static void a_stream_that_breaks_or_is_refused_is_an_error(void **state)
{
	struct lines lines;
	struct error err;

	(void)state;
	assert_int_equal(stream_lines("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		"f\r\n{\"status\":\"a\"}\n\r\n", 0, &lines, &err), -1);
	assert_int_equal(err.code, ERROR_TRANSIENT);
	assert_string_equal(lines.text.text, "a;");
	strbuf_release(&lines.text);
	assert_int_equal(stream_lines("HTTP/1.1 500 x\r\nContent-Length: 17\r\n\r\n"
		"{\"message\":\"why\"}", 0, &lines, &err), -1);
	assert_string_equal(err.msg, "why");
	assert_string_equal(lines.text.text, "");
	strbuf_release(&lines.text);
}

/* --- the provider on an engine that misbehaves -------------------------------------------------- */

enum { ITEMS = 3 };

static void observe_three(struct mock *mock, struct observation *items)
{
	static struct record network = {.address = "docker_network.a", .type = "docker_network",
		.generation = 1, .id = "n1", .endpoint = "MOCK", .inputs = &value_empty_map,
		.outputs = &value_empty_map, .observed = &value_empty_map, .meta = &value_empty_map};
	struct observe_request request = {.items = items, .n = ITEMS};
	struct error err = ERROR_INIT;

	items[0] = (struct observation){.address = "docker_network.a",
		.type = type_find("docker_network"), .desired = &value_empty_map, .record = &network};
	items[1] = (struct observation){.address = "docker_volume.v",
		.type = type_find("docker_volume"), .desired = &value_empty_map};
	items[2] = (struct observation){.address = "docker_container.c",
		.type = type_find("docker_container"),
		.desired = mock_json(mock, "{\"image\":\"x\"}")};
	assert_int_equal(provider_docker.observe(&mock->env, &request, &err), 0);
}

static void an_engine_that_cannot_be_reached_leaves_everything_unknown(void **state)
{
	struct mock mock;
	struct observation items[ITEMS];

	(void)state;
	mock_start(&mock, "1.41", NULL);
	setenv("DOCKER_HOST", "unix:///nowhere/docker.sock", 1);
	observe_three(&mock, items);
	for (size_t i = 0; i < ITEMS; i++) {
		assert_int_equal(items[i].presence, PRESENCE_UNKNOWN);
		assert_non_null(strstr(items[i].message, "/nowhere/docker.sock"));
	}
	mock_stop(&mock);
}

#define NETWORK(id) "{\"Id\":\"" id "\",\"Name\":\"net\",\"Driver\":\"bridge\",\"Labels\":{" \
	"\"dev.devenv.environment\":\"0123456789abcdef\",\"dev.devenv.state\":\"home\"," \
	"\"dev.devenv.address\":\"docker_network.a\",\"dev.devenv.intent\":\"cafecafecafecafe\"}}"

/* One kind cannot be listed: only that one is unknown. */
static void a_list_that_fails_makes_only_its_kind_unknown(void **state)
{
	static struct route routes[] = {
		{"GET /networks?", 200, "[" NETWORK("n1") "]", 0},
		{"GET /volumes?", 500, "{\"message\":\"the plugin is dead\"}", 0},
		{"GET /containers/json", 200, "[]", 0},
		{"GET /images", 200, "[]", 0},
		{NULL, 0, NULL, 0},
	};
	struct mock mock;
	struct observation items[ITEMS];

	(void)state;
	mock_start(&mock, "1.41", routes);
	observe_three(&mock, items);
	assert_int_equal(items[0].presence, PRESENCE_PRESENT);
	assert_string_equal(items[0].endpoint, "MOCK");
	assert_int_equal(items[1].presence, PRESENCE_UNKNOWN);
	assert_string_equal(items[1].message, "the plugin is dead");
	assert_int_equal(items[2].presence, PRESENCE_ABSENT);
	mock_stop(&mock);
}

static void an_engine_that_dies_in_the_middle_is_unknown_not_gone(void **state)
{
	static struct route routes[] = {
		{"GET /networks?", 200, "[]", 0},
		{"GET /networks/n1", 0, NULL, 0}, /* not in the list: asked for, but no answer */
		{"GET /volumes", 0, NULL, 0},
		{"GET /containers", 0, NULL, 0},
		{NULL, 0, NULL, 0},
	};
	struct mock mock;
	struct observation items[ITEMS];

	(void)state;
	mock_start(&mock, "1.41", routes);
	observe_three(&mock, items);
	for (size_t i = 0; i < ITEMS; i++) {
		assert_int_equal(items[i].presence, PRESENCE_UNKNOWN);
		assert_non_null(items[i].message);
		assert_null(items[i].attributes);
	}
	mock_stop(&mock);
}

static void an_engine_that_does_not_say_who_it_is_is_not_believed(void **state)
{
	static struct route routes[] = {
		{"GET /networks?", 200, "[]", 0}, /* what is recorded is not there: is it gone? */
		{"GET /volumes?", 200, "{\"Volumes\":null}", 0},
		{"GET /containers/json", 200, "[]", 0},
		{NULL, 0, NULL, 0},
	};
	struct mock mock;
	struct observation items[ITEMS];

	(void)state;
	mock_start(&mock, "1.41", routes);
	mock.id = "";
	observe_three(&mock, items);
	for (size_t i = 0; i < ITEMS; i++)
		assert_int_equal(items[i].presence, PRESENCE_UNKNOWN);
	assert_non_null(strstr(items[0].message, "has no id"));

	mock.id = "ANOTHER";
	observe_three(&mock, items);
	assert_int_equal(items[0].presence, PRESENCE_UNKNOWN);
	assert_non_null(strstr(items[0].message, "recorded on Docker engine MOCK, now ANOTHER answers"));
	assert_int_equal(items[1].presence, PRESENCE_ABSENT); /* not recorded anywhere */
	mock_stop(&mock);
}

/* A network or container with our mark and the id that was recorded is on one engine only. */
static void what_is_found_again_says_which_engine_it_is(void **state)
{
	static struct route routes[] = {
		{"GET /networks?", 200, "[" NETWORK("n1") "]", 0},
		{"GET /volumes?", 200, "{\"Volumes\":null}", 0},
		{"GET /containers/json", 200, "[]", 0},
		{NULL, 0, NULL, 0},
	};
	struct mock mock;
	struct observation items[ITEMS];

	(void)state;
	mock_start(&mock, "1.41", routes);
	observe_three(&mock, items);
	assert_int_equal(items[0].presence, PRESENCE_PRESENT);
	assert_string_equal(items[0].endpoint, "MOCK");
	assert_int_equal(mock_asked(&mock, "/info"), 0);
	mock_stop(&mock);
}

static void observing_only_asks(void **state)
{
	static struct route routes[] = {
		{"GET /networks?", 200, "[" NETWORK("n1") "]", 0},
		{"GET /volumes?", 200, "{\"Volumes\":null}", 0},
		{"GET /volumes/", 404, "{\"message\":\"no such volume\"}", 0},
		{"GET /containers", 200, "[]", 0},
		{NULL, 0, NULL, 0},
	};
	struct mock mock;
	struct observation items[ITEMS];

	(void)state;
	mock_start(&mock, "1.41", routes);
	observe_three(&mock, items);
	assert_int_equal(mock_asked(&mock, "POST "), 0);
	assert_int_equal(mock_asked(&mock, "DELETE "), 0);
	assert_int_equal(mock_asked(&mock, "PUT "), 0);
	assert_int_equal(mock_asked(&mock, "/networks"), 1); /* one list, and nothing by name or id */
	assert_int_equal(mock_asked(&mock, "/images"), 0);   /* none is asked about */
	assert_int_equal(mock_asked(&mock, "/info"), 0);     /* the network tells who it is */
	assert_int_equal(atomic_load(&mock.server.connections), 1);
	mock_stop(&mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_smaller_version_is_spoken),
		cmocka_unit_test(an_engine_that_is_too_old_is_told_from_nothing_there),
		cmocka_unit_test(what_a_version_does_not_know_is_in_one_table),
		cmocka_unit_test(every_path_carries_the_version),
		cmocka_unit_test(each_status_has_its_error),
		cmocka_unit_test(already_so_is_success_and_bodies_are_json),
		cmocka_unit_test(filters_are_lists_by_key),
		cmocka_unit_test(lines_may_be_cut_anywhere),
		cmocka_unit_test(a_stream_can_be_stopped),
		cmocka_unit_test(a_stream_that_breaks_or_is_refused_is_an_error),
		cmocka_unit_test(an_engine_that_cannot_be_reached_leaves_everything_unknown),
		cmocka_unit_test(a_list_that_fails_makes_only_its_kind_unknown),
		cmocka_unit_test(an_engine_that_dies_in_the_middle_is_unknown_not_gone),
		cmocka_unit_test(an_engine_that_does_not_say_who_it_is_is_not_believed),
		cmocka_unit_test(what_is_found_again_says_which_engine_it_is),
		cmocka_unit_test(observing_only_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
