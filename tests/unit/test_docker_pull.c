/*
 * References, credentials, pulls, builds and BuildKit's messages, against an engine that says what it
 * is told to; what a real one says is in tests/docker.
 */
#include "docker_mock.h"
#include "providers/docker/auth.h"
#include "providers/docker/build.h"
#include "providers/docker/buildkit.h"

#include <sys/stat.h>

/* --- references --------------------------------------------------------------------------------- */

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void references_come_apart(void **state)
{
	static const struct {
		const char *text, *registry, *repository, *tag, *digest;
	} cases[] = {
		{"nginx", "docker.io", "nginx", "latest", NULL},
		{"nginx:1.25", "docker.io", "nginx", "1.25", NULL},
		{"library/nginx", "docker.io", "library/nginx", "latest", NULL},
		{"team/app:x", "docker.io", "team/app", "x", NULL},
		{"localhost/app", "localhost", "localhost/app", "latest", NULL},
		{"localhost:5000/app", "localhost:5000", "localhost:5000/app", "latest", NULL},
		{"reg.example/team/app:1", "reg.example", "reg.example/team/app", "1", NULL},
		{"127.0.0.1:5000/a@sha256:" HEX64, "127.0.0.1:5000", "127.0.0.1:5000/a", NULL,
			"sha256:" HEX64},
		{"app:1@sha256:" HEX64, "docker.io", "app", "1", "sha256:" HEX64},
	};
	static const char *const bad[] = {"", ":1", "app:", "a b", "a//b", "/app", "app@sha256:123",
		"app@md5:" HEX64, "app:1?x"};
	struct arena arena = ARENA_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct image_reference parts;
		struct error err = ERROR_INIT;

		assert_int_equal(image_reference_parse(&arena, cases[i].text, &parts, &err), 0);
		assert_string_equal(parts.registry, cases[i].registry);
		assert_string_equal(parts.repository, cases[i].repository);
		if (cases[i].tag)
			assert_string_equal(parts.tag, cases[i].tag);
		else
			assert_null(parts.tag);
		if (cases[i].digest)
			assert_string_equal(parts.digest, cases[i].digest);
		else
			assert_null(parts.digest);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct image_reference parts;
		struct error err = ERROR_INIT;

		if (!image_reference_parse(&arena, bad[i], &parts, &err))
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(err.code, ERROR_INVALID);
	}
	arena_release(&arena);
}

/* --- credentials -------------------------------------------------------------------------------- */

static const char *folder(struct mock *mock)
{
	static char path[64];

	strcpy(path, "/tmp/test_pull.XXXXXX");
	assert_non_null(mkdtemp(path));
	setenv("DOCKER_CONFIG", path, 1);
	mock->env.project_root = path;
	return path;
}

static void put(struct mock *mock, const char *name, const char *text)
{
	const char *path = arena_printf(&mock->arena, "%s/%s", mock->env.project_root, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	chmod(path, 0755);
}

static void clear(struct mock *mock)
{
	assert_int_equal(system(arena_printf(&mock->arena, "rm -r %s", mock->env.project_root)), 0);
}

/* What is in the header for a registry, as JSON. */
static const char *auth(struct mock *mock, const char *registry, const char **note)
{
	struct docker docker = {.env = &mock->env, .arena = &mock->arena};
	struct error err = ERROR_INIT;
	unsigned char *plain;
	const char *header;
	size_t len;

	if (docker_auth(&docker, registry, &header, note, &err))
		return arena_strdup(&mock->arena, err.msg);
	plain = arena_zalloc(&mock->arena, strlen(header) + 1);
	assert_int_equal(sodium_base642bin(plain, strlen(header), header, strlen(header), NULL, &len,
		NULL, sodium_base64_VARIANT_URLSAFE), 0);
	return (const char *)plain;
}

static void credentials_are_found_as_docker_keeps_them(void **state)
{
	const char *note;
	struct mock mock;

	(void)state;
	mock_start(&mock, "1.41", NULL);
	assert_string_equal(auth(&mock, "docker.io", &note), "");
	folder(&mock);
	assert_string_equal(auth(&mock, "docker.io", &note), "");
	/* "me:se:cret" and "other:x" */
	put(&mock, "config.json", "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":"
		"\"bWU6c2U6Y3JldA==\"},\"https://reg.example/v2/\":{\"auth\":\"b3RoZXI6eA==\"},"
		"\"token.example\":{\"identitytoken\":\"abc\",\"auth\":\"b3RoZXI6eA==\"},"
		"\"url.example\":{\"auth\":\"bWU6fn5+fn5+\"},"
		"\"empty.example\":{},\"bad.example\":{\"auth\":\"%%%\"}}}");
	assert_string_equal(auth(&mock, "docker.io", &note), "{\"password\":\"se:cret\","
		"\"serveraddress\":\"https://index.docker.io/v1/\",\"username\":\"me\"}");
	assert_string_equal(auth(&mock, "reg.example", &note), "{\"password\":\"x\","
		"\"serveraddress\":\"reg.example\",\"username\":\"other\"}");
	assert_string_equal(auth(&mock, "token.example", &note),
		"{\"identitytoken\":\"abc\",\"serveraddress\":\"token.example\"}");
	/* Base64 for URLs, or the engine could not read it. */
	assert_non_null(strstr(auth(&mock, "url.example", &note), "\"password\":\"~~~~~~\""));
	assert_string_equal(auth(&mock, "empty.example", &note), "");
	assert_string_equal(auth(&mock, "bad.example", &note), "");
	assert_string_equal(auth(&mock, "reg.example:5000", &note), "");
	assert_null(note);
	put(&mock, "config.json", "{\"auths\":");
	assert_non_null(strstr(auth(&mock, "docker.io", &note), "config.json"));
	clear(&mock);
	mock_stop(&mock);
}

static void helpers_are_asked_first(void **state)
{
	const char *note, *path;
	struct mock mock;

	(void)state;
	mock_start(&mock, "1.41", NULL);
	path = folder(&mock);
	setenv("PATH", arena_printf(&mock.arena, "%s:/usr/bin:/bin", path), 1);
	put(&mock, "docker-credential-all", "#!/bin/sh\nread key\ncase $key in\n"
		"token.example) echo '{\"Username\":\"<token>\",\"Secret\":\"t0k\"}' ;;\n"
		"broken.example) echo 'no json' ;;\nlocked.example) exit 3 ;;\n"
		"https://index.docker.io/v1/) echo '{\"Username\":\"hub\",\"Secret\":\"p\"}' ;;\n"
		"*) echo 'credentials not found in native keychain'; exit 1 ;;\nesac\n");
	put(&mock, "docker-credential-one", "#!/bin/sh\necho '{\"Username\":\"one\",\"Secret\":\"p\"}'\n");
	put(&mock, "config.json", "{\"credsStore\":\"all\",\"credHelpers\":{\"one.example\":\"one\","
		"\"gone.example\":\"absent\"},\"auths\":{\"none.example\":{\"auth\":\"b3RoZXI6eA==\"},"
		"\"docker.io\":{\"auth\":\"b3RoZXI6eA==\"}}}");
	assert_non_null(strstr(auth(&mock, "docker.io", &note), "\"username\":\"hub\""));
	assert_non_null(strstr(auth(&mock, "one.example", &note), "\"username\":\"one\""));
	assert_non_null(strstr(auth(&mock, "token.example", &note), "\"identitytoken\":\"t0k\""));
	/* It knows none: what the file has; no fault of anybody. */
	assert_non_null(strstr(auth(&mock, "none.example", &note), "\"username\":\"other\""));
	assert_null(note);
	/* One that fails does not keep a public image away, but is remembered. */
	assert_string_equal(auth(&mock, "broken.example", &note), "");
	assert_non_null(strstr(note, "is no JSON"));
	assert_string_equal(auth(&mock, "locked.example", &note), "");
	assert_non_null(strstr(note, "status 3"));
	assert_string_equal(auth(&mock, "gone.example", &note), "");
	assert_non_null(strstr(note, "docker-credential-absent"));
	clear(&mock);
	mock_stop(&mock);
}

/* --- pulls -------------------------------------------------------------------------------------- */

static enum error_code pull(struct mock *mock, const char *reference, const char *platform,
	struct error *err)
{
	struct docker docker = mock_open(mock);
	int rc;

	*err = (struct error)ERROR_INIT;
	rc = docker_pull(&docker, reference, platform, err);
	docker_close(&docker);
	return rc ? err->code : ERROR_NONE;
}

static void a_pull_asks_for_one_tag_and_looks_afterwards(void **state)
{
	static struct route routes[] = {
		{"POST /images/create", 200,
			"{\"status\":\"Downloading\",\"id\":\"a\",\"progressDetail\":{\"current\":1000000,"
			"\"total\":4000000}}\r\n"
			"{\"status\":\"Download complete\",\"id\":\"a\"}\r\n{\"status\":\"Done\"}\r\n", 0},
		{"GET /images/nginx/json", 200, "{\"Id\":\"sha256:1\"}", 0},
		{"GET /images/reg.example/a:1@sha256:" HEX64 "/json", 200, "{\"Id\":\"sha256:1\"}", 0},
		{NULL, 0, NULL, 0},
	};
	struct error err;
	struct mock mock;

	(void)state;
	mock_start(&mock, "1.41", routes);
	assert_int_equal(pull(&mock, "nginx", NULL, &err), ERROR_NONE);
	assert_int_equal(mock_asked(&mock,
		"POST /v1.41/images/create?fromImage=nginx&tag=latest HTTP/1.1\r\n"), 1);
	assert_int_equal(mock_asked(&mock, "X-Registry-Auth"), 0);
	assert_int_equal(mock_asked(&mock, "GET /v1.41/images/nginx/json"), 1);
	assert_non_null(strstr(mock.progress.text, "pulling nginx\n"));
	assert_non_null(strstr(mock.progress.text, "pulling nginx: 1.0 of 4.0 MB (25%)\n"));
	assert_int_equal(pull(&mock, "reg.example/a:1@sha256:" HEX64, "linux/arm64", &err), ERROR_NONE);
	assert_int_equal(mock_asked(&mock, "fromImage=reg.example%2Fa&tag=sha256%3A" HEX64
		"&platform=linux%2Farm64 HTTP"), 1);
	mock_stop(&mock);
}

static void what_fails_under_status_200_has_failed(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum error_code code;
		const char *message;
	} cases[] = {
		{200, "{\"status\":\"Pulling\",\"id\":\"a\"}\n{\"errorDetail\":{\"message\":"
			"\"manifest unknown\"},\"error\":\"manifest unknown\"}\n", ERROR_NOT_FOUND,
			"cannot pull 'nginx': manifest unknown"},
		{200, "{\"error\":\"old engines say only this\"}\n", ERROR_FAILED, "old engines"},
		{200, "{\"errorDetail\":{\"message\":\"dial tcp: i/o timeout\"}}\n", ERROR_TRANSIENT,
			"i/o timeout"},
		{200, "{\"errorDetail\":{\"message\":\"toomanyrequests: rate limit\"}}\n", ERROR_TRANSIENT,
			"rate limit"},
		{200, "{\"errorDetail\":{\"message\":\"unauthorized: who are you\"}}\n", ERROR_INVALID,
			"try `docker login`"},
		{200, "{\"status\":\"all is well\"}\n", ERROR_NOT_FOUND, "was pulled, but is not there"},
		{404, "{\"message\":\"pull access denied for nginx\"}", ERROR_INVALID, "access denied"},
		{500, "{\"message\":\"Get https://reg/v2/: no such host\"}", ERROR_TRANSIENT,
			"no such host"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct route routes[] = {
			{"POST /images/create", cases[i].status, cases[i].body, 0},
			{NULL, 0, NULL, 0},
		};
		struct error err;
		struct mock mock;

		mock_start(&mock, "1.41", routes);
		assert_int_equal(pull(&mock, "nginx", NULL, &err), cases[i].code);
		if (!strstr(err.msg, cases[i].message))
			fail_msg("case %zu: %s", i, err.msg);
		mock_stop(&mock);
	}
}

/* --- builds ------------------------------------------------------------------------------------- */

static int build(struct mock *mock, const char *inputs, const char **output, struct error *err)
{
	static const char *const tags[] = {"app:1", NULL};
	struct docker docker = mock_open(mock);
	struct build request = {.inputs = mock_json(mock, inputs), .address = "docker_image.a",
		.generation = 1, .tags = tags};
	int rc;

	*err = (struct error)ERROR_INIT;
	rc = build_image(&docker, &request, err);
	*output = request.output;
	docker_close(&docker);
	return rc;
}

static void the_builder_is_the_one_that_the_engine_or_the_dockerfile_wants(void **state)
{
	static struct route routes[] = {{"POST /build?", 200, "{\"stream\":\"ok\\n\"}\n", 0},
		{NULL, 0, NULL, 0}};
	static const struct {
		bool default_buildkit;
		const char *dockerfile, *said;
		bool buildkit;
	} cases[] = {
		{false, "FROM scratch\n", NULL, false},
		{true, "FROM scratch\n", NULL, true},
		{false, "FROM scratch\nRUN --mount=type=cache,target=/c true\n", NULL, true},
		{false, "FROM scratch\nCOPY --chmod=755 a b\n", NULL, true},
		{false, "FROM scratch\nCOPY <<EOF /f\nx\nEOF\n", NULL, true},
		{true, "FROM scratch\n", "0", false},
		{false, "FROM scratch\n", "1", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err;
		struct mock mock;
		const char *output;

		mock_start(&mock, "1.41", routes);
		mock.buildkit = cases[i].default_buildkit;
		folder(&mock);
		put(&mock, "Dockerfile", cases[i].dockerfile);
		unsetenv("DOCKER_BUILDKIT");
		if (cases[i].said)
			setenv("DOCKER_BUILDKIT", cases[i].said, 1);
		if (build(&mock, "{\"build\":{\"context\":\".\"}}", &output, &err))
			fail_msg("%s", err.msg);
		if (mock_asked(&mock, "&version=2 ") != cases[i].buildkit)
			fail_msg("case %zu", i);
		unsetenv("DOCKER_BUILDKIT");
		clear(&mock);
		mock_stop(&mock);
	}
}

static void a_build_says_all_that_it_was_told(void **state)
{
	static struct route routes[] = {{"POST /build?", 200, "{\"stream\":\"ok\\n\"}\n", 0},
		{NULL, 0, NULL, 0}};
	struct error err;
	struct mock mock;
	const char *output;

	(void)state;
	mock_start(&mock, "1.41", routes);
	folder(&mock);
	put(&mock, "Dev", "FROM scratch\n");
	put(&mock, "config.json", "{\"auths\":{\"reg.example\":{\"auth\":\"b3RoZXI6eA==\"}}}");
	assert_int_equal(build(&mock, "{\"platform\":\"linux/arm64\",\"build\":{\"context\":\".\","
		"\"dockerfile\":\"Dev\",\"target\":\"t\",\"noCache\":true,\"pull\":true,"
		"\"args\":{\"A\":\"1&2\"},\"labels\":{\"l\":\"v\"}}}", &output, &err), 0);
	assert_int_equal(mock_asked(&mock, "/build?rm=1&forcerm=1&t=app%3A1&dockerfile=Dev&target=t&"
		"platform=linux%2Farm64&nocache=1&pull=1&labels=%7B"), 1);
	assert_int_equal(mock_asked(&mock, "&buildargs=%7B%22A%22%3A%221%262%22%7D"), 1);
	assert_int_equal(mock_asked(&mock, "%22l%22%3A%22v%22"), 1);
	assert_int_equal(mock_asked(&mock, "%22dev.devenv.content%22"), 1);
	assert_int_equal(mock_asked(&mock, "dev.devenv.intent"), 0);
	assert_int_equal(mock_asked(&mock, "Content-Type: application/x-tar"), 1);
	/* {"reg.example":{"password":"x",...}} */
	assert_int_equal(mock_asked(&mock, "X-Registry-Config: eyJyZWcuZXhhbXBsZSI6ey"), 1);
	clear(&mock);
	mock_stop(&mock);
}

static const char *last_lines(struct mock *mock)
{
	cleanup_strbuf struct strbuf body = STRBUF_INIT;

	for (int i = 1; i <= 50; i++)
		strbuf_addf(&body, "{\"stream\":\"line \"}\n{\"stream\":\"%d\\n\"}\n", i);
	strbuf_addstr(&body, "{\"stream\":\"no newline\"}\n"
		"{\"errorDetail\":{\"code\":7,\"message\":\"returned a non-zero code: 7\"}}\n");
	return arena_strdup(&mock->arena, body.text);
}

static void a_failed_build_keeps_its_last_twenty_lines(void **state)
{
	static struct route routes[] = {{"POST /build?", 200, NULL, 0}, {NULL, 0, NULL, 0}};
	struct error err;
	struct mock mock;
	const char *output;

	(void)state;
	mock_start(&mock, "1.41", routes);
	routes[0].body = last_lines(&mock);
	folder(&mock);
	put(&mock, "Dockerfile", "FROM scratch\n");
	assert_int_equal(build(&mock, "{\"build\":{\"context\":\".\"}}", &output, &err), -1);
	assert_int_equal(err.code, ERROR_FAILED);
	assert_string_equal(err.msg, "cannot build 'app:1': returned a non-zero code: 7");
	assert_ptr_equal(strstr(output, "line 32\nline 33\n"), output);
	assert_non_null(strstr(output, "line 50\nno newline\n"));
	clear(&mock);
	mock_stop(&mock);
}

/* The label says what was hashed before: a file that changed since must not get the name. A helper for
   credentials, which is asked in between, does it here. */
static void a_context_that_changes_meanwhile_gets_no_name(void **state)
{
	static struct route routes[] = {{"POST /build?", 200, "{\"stream\":\"ok\\n\"}\n", 0},
		{"DELETE /images/app:1", 200, "[]", 0}, {NULL, 0, NULL, 0}};
	struct error err;
	struct mock mock;
	const char *output, *path;

	(void)state;
	mock_start(&mock, "1.41", routes);
	path = folder(&mock);
	setenv("PATH", arena_printf(&mock.arena, "%s:/usr/bin:/bin", path), 1);
	put(&mock, "Dockerfile", "FROM scratch\n");
	put(&mock, "file", "one");
	put(&mock, "config.json", "{\"credHelpers\":{\"reg.example\":\"change\"}}");
	put(&mock, "docker-credential-change", arena_printf(&mock.arena,
		"#!/bin/sh\necho two >%s/file\necho '{}'\n", path));
	assert_int_equal(build(&mock, "{\"build\":{\"context\":\".\"}}", &output, &err), -1);
	assert_int_equal(err.code, ERROR_TRANSIENT);
	assert_non_null(strstr(err.msg, "changed while it was sent"));
	assert_int_equal(mock_asked(&mock, "DELETE /v1.41/images/app:1 "), 1);
	/* The next try sends what is there now. */
	assert_int_equal(build(&mock, "{\"build\":{\"context\":\".\"}}", &output, &err), 0);
	clear(&mock);
	mock_stop(&mock);
}

/* --- BuildKit ----------------------------------------------------------------------------------- */

static void see(void *arg, enum buildkit_kind kind, const char *text, size_t len)
{
	strbuf_addf(arg, "%s<%.*s>", kind == BUILDKIT_STEP ? "step" : "log", (int)len, text);
}

static void field(struct strbuf *out, unsigned number, const char *bytes, size_t len)
{
	strbuf_addch(out, (char)(number << 3 | 2));
	if (len >= 128)
		strbuf_addch(out, (char)((len & 0x7f) | 0x80));
	strbuf_addch(out, (char)(len >= 128 ? len >> 7 : len));
	strbuf_add(out, bytes, len);
}

static const char *base64(struct arena *arena, const struct strbuf *bytes)
{
	size_t room = sodium_base64_encoded_len(bytes->len, sodium_base64_VARIANT_ORIGINAL);
	char *out = arena_alloc(arena, room);

	return sodium_bin2base64(out, room, (const unsigned char *)bytes->text, bytes->len,
		sodium_base64_VARIANT_ORIGINAL);
}

/* Two vertices (one begins, one is complete), a log, and fields of every wire type unknown to us. */
static struct strbuf trace(void)
{
	struct strbuf all = STRBUF_INIT, vertex = STRBUF_INIT, log = STRBUF_INIT;
	char text[300];

	field(&vertex, 1, "sha256:1", 8);
	field(&vertex, 3, "[1/2] RUN make", 14);
	field(&vertex, 5, "\010\001", 2);
	field(&all, 1, vertex.text, vertex.len);
	field(&vertex, 6, "\010\002", 2);
	field(&all, 1, vertex.text, vertex.len);
	memset(text, 'x', sizeof(text));
	field(&log, 1, "sha256:1", 8);
	strbuf_add(&log, "\x18\x01", 2);                 /* stream: a varint */
	strbuf_add(&log, "\x99\x01" "12345678", 10);     /* 19: eight bytes */
	strbuf_add(&log, "\xa5\x01" "1234", 6);          /* 20: four */
	field(&log, 4, text, sizeof(text));
	field(&all, 3, log.text, log.len);
	field(&all, 9, "from the future", 15);
	strbuf_release(&vertex);
	strbuf_release(&log);
	return all;
}

static void steps_and_output_are_read_out_of_buildkit(void **state)
{
	struct arena arena = ARENA_INIT;
	struct strbuf seen = STRBUF_INIT, bytes = trace();

	(void)state;
	assert_true(buildkit_trace(base64(&arena, &bytes), &arena, see, &seen));
	assert_ptr_equal(strstr(seen.text, "step<[1/2] RUN make>log<xxxxx"), seen.text);
	assert_int_equal(seen.len, strlen("step<[1/2] RUN make>log<>") + 300);
	assert_false(buildkit_trace("%%%", &arena, see, &seen));
	assert_true(buildkit_trace("", &arena, see, &seen));
	strbuf_release(&bytes);
	strbuf_release(&seen);
	arena_release(&arena);
}

static void a_message_cut_anywhere_is_survived(void **state)
{
	struct strbuf bytes = trace();
	size_t good = 0;

	(void)state;
	for (size_t len = 0; len < bytes.len; len++) {
		struct arena arena = ARENA_INIT;
		struct strbuf cut = STRBUF_INIT, seen = STRBUF_INIT;

		strbuf_add(&cut, bytes.text, len);
		good += buildkit_trace(base64(&arena, &cut), &arena, see, &seen);
		strbuf_release(&cut);
		strbuf_release(&seen);
		arena_release(&arena);
	}
	assert_int_equal(good, 4); /* nothing, and behind each whole field but the last */
	/* A length that runs around the end of memory. */
	{
		struct arena arena = ARENA_INIT;
		struct strbuf huge = STRBUF_INIT, seen = STRBUF_INIT;

		strbuf_add(&huge, "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);
		assert_false(buildkit_trace(base64(&arena, &huge), &arena, see, &seen));
		assert_int_equal(seen.len, 0);
		strbuf_release(&huge);
		arena_release(&arena);
	}
	strbuf_release(&bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_come_apart),
		cmocka_unit_test(credentials_are_found_as_docker_keeps_them),
		cmocka_unit_test(helpers_are_asked_first),
		cmocka_unit_test(a_pull_asks_for_one_tag_and_looks_afterwards),
		cmocka_unit_test(what_fails_under_status_200_has_failed),
		cmocka_unit_test(the_builder_is_the_one_that_the_engine_or_the_dockerfile_wants),
		cmocka_unit_test(a_build_says_all_that_it_was_told),
		cmocka_unit_test(a_failed_build_keeps_its_last_twenty_lines),
		cmocka_unit_test(a_context_that_changes_meanwhile_gets_no_name),
		cmocka_unit_test(steps_and_output_are_read_out_of_buildkit),
		cmocka_unit_test(a_message_cut_anywhere_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
