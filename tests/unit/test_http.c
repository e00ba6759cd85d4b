/*
 * base/http against a small server in this process: what goes over the wire is looked at byte for
 * byte, and the server misbehaves in each way that has an error code of its own. What both ways of it
 * promise (a unix socket by our own code, TCP by libcurl) is tested on both.
 */
#include "base/http.h"

#include "http_server.h"

static int on_unix, on_tcp; /* the state of a test is one of these two */

/* A server of the kind that the test is about, and the URL of a path on it. */
static void serve_on(struct server *server, const char *reply, void **state)
{
	if (*state == &on_tcp)
		start_tcp(server, reply);
	else
		start_unix(server, reply);
}

static const char *url_of(const struct server *server, struct arena *arena, const char *path)
{
	if (*server->socket)
		return arena_printf(arena, "http://localhost/%s", path);
	return arena_printf(arena, "%s%s", server->url, path);
}

static struct http_client *client_to(const struct server *server)
{
	struct http_options options = {.unix_socket = server->socket[0] ? server->socket : NULL};
	struct error err = ERROR_INIT;
	struct http_client *client = http_client_new(&options, &err);

	if (!client)
		fail_msg("%s", err.msg);
	return client;
}

#define OK_REPLY "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Word: one\r\n\r\nOK"

static void a_reply_has_status_headers_and_body(void **state)
{
	static const char *const headers[] = {"X-Registry-Auth: e30=", NULL};
	struct http_request request = {.headers = headers};
	struct http_response response;
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct server server;
	struct http_client *client;

	serve_on(&server, OK_REPLY, state);
	request.url = url_of(&server, &arena, "v1.41/info?a=b");
	client = client_to(&server);
	assert_int_equal(http_perform(client, &request, &arena, &response, &err), 0);
	assert_int_equal(response.status, 200);
	assert_string_equal(response.body, "OK");
	assert_int_equal(response.body_len, 2);
	assert_string_equal(http_header(&response, "x-word"), "one");
	assert_null(http_header(&response, "X-Wor"));
	assert_ptr_equal(strstr(server.seen.text, "GET /v1.41/info?a=b HTTP/1.1\r\n"), server.seen.text);
	assert_non_null(strstr(server.seen.text, arena_printf(&arena, "\r\nHost: %.*s\r\n",
		(int)strcspn(request.url + 7, "/"), request.url + 7)));
	assert_non_null(strstr(server.seen.text, "\r\nX-Registry-Auth: e30=\r\n"));
	http_client_free(client);
	stop_server(&server);
	arena_release(&arena);
}

static void requests_share_a_kept_connection_but_a_post_has_its_own(void **state)
{
	struct http_request request = {0};
	struct http_response response;
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct server server;
	struct http_client *client;

	serve_on(&server, OK_REPLY, state);
	request.url = url_of(&server, &arena, "");
	client = client_to(&server);
	for (int i = 0; i < 20; i++)
		assert_int_equal(http_perform(client, &request, &arena, &response, &err), 0);
	assert_int_equal(atomic_load(&server.requests), 20);
	assert_int_equal(atomic_load(&server.connections), 1);
	request.method = "POST";
	assert_int_equal(http_perform(client, &request, &arena, &response, &err), 0);
	assert_int_equal(atomic_load(&server.connections), 2);
	http_client_free(client);
	stop_server(&server);
	arena_release(&arena);
}

/* The server closes each kept connection after one reply, without saying so beforehand. */
static void a_connection_that_died_while_kept_is_no_error(void **state)
{
	struct http_request request = {0};
	struct http_response response;
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct server server;
	struct http_client *client;

	serve_on(&server, OK_REPLY, state);
	request.url = url_of(&server, &arena, "");
	server.close_after = 1;
	client = client_to(&server);
	for (int i = 0; i < 5; i++) {
		request.method = i % 2 ? "POST" : "GET";
		assert_int_equal(http_perform(client, &request, &arena, &response, &err), 0);
		while (atomic_load(&server.closed) <= i)
			usleep(1000);
	}
	assert_int_equal(atomic_load(&server.requests), 5); /* and none was sent twice */
	http_client_free(client);
	stop_server(&server);
	arena_release(&arena);
}

static void an_empty_post_says_that_it_is_empty(void **state)
{
	struct http_request request = {.method = "POST"};
	struct http_response response;
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct server server;
	struct http_client *client;

	serve_on(&server, "HTTP/1.1 304 Not Modified\r\n\r\n", state);
	request.url = url_of(&server, &arena, "start");
	client = client_to(&server);
	assert_int_equal(http_perform(client, &request, &arena, &response, &err), 0);
	assert_int_equal(response.status, 304);
	assert_string_equal(response.body, "");
	assert_non_null(strstr(server.seen.text, "POST /start HTTP/1.1\r\n"));
	assert_non_null(strstr(server.seen.text, "\r\nContent-Length: 0\r\n"));
	assert_null(strcasestr(server.seen.text, "Content-Type"));
	http_client_free(client);
	stop_server(&server);
	arena_release(&arena);
}

static void a_large_body_is_sent_at_once_without_expect(void **state)
{
	static const char *const headers[] = {"Content-Type: application/json", NULL};
	static char big[1200000];
	struct http_request request = {.method = "POST",
		.headers = headers, .body = big, .body_len = sizeof(big)};
	struct http_response response;
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct server server;
	struct http_client *client;

	memset(big, 'x', sizeof(big));
	serve_on(&server, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", state);
	request.url = url_of(&server, &arena, "create");
	client = client_to(&server);
	assert_int_equal(http_perform(client, &request, &arena, &response, &err), 0);
	assert_int_equal(response.status, 201);
	assert_null(strcasestr(server.seen.text, "Expect:"));
	assert_non_null(strstr(server.seen.text, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(server.seen.text, "\r\nContent-Length: 1200000\r\n"));
	http_client_free(client);
	stop_server(&server);
	arena_release(&arena);
}

struct feed {
	int left;
	bool fails;
};

static ssize_t feed_read(void *arg, char *buf, size_t room, struct error *err)
{
	struct feed *feed = arg;

	if (feed->left-- > 0) {
		assert_true(room >= 5);
		memcpy(buf, "piece", 5);
		return 5;
	}
	if (feed->fails)
		return error_set(err, ERROR_INVALID, "cannot read /context/file");
	return 0;
}

static void a_body_can_be_streamed_in_chunks(void **state)
{
	struct feed feed = {.left = 3};
	struct http_request request = {.method = "POST",
		.read = feed_read, .read_arg = &feed, .read_size = -1};
	struct http_response response;
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct server server;
	struct http_client *client;

	serve_on(&server, OK_REPLY, state);
	request.url = url_of(&server, &arena, "build");
	client = client_to(&server);
	assert_int_equal(http_perform(client, &request, &arena, &response, &err), 0);
	assert_int_equal(response.status, 200);
	assert_non_null(strstr(server.seen.text, "POST /build HTTP/1.1\r\n"));
	assert_non_null(strstr(server.seen.text, "Transfer-Encoding: chunked\r\n"));
	assert_non_null(strstr(server.seen.text, "piece"));
	assert_non_null(strstr(server.seen.text, "\r\n0\r\n\r\n"));
	assert_null(strcasestr(server.seen.text, "Expect:"));
	http_client_free(client);
	stop_server(&server);
	arena_release(&arena);
}

static void an_error_of_the_reader_ends_the_exchange_with_that_error(void **state)
{
	struct feed feed = {.left = 1, .fails = true};
	struct http_request request = {.method = "POST",
		.read = feed_read, .read_arg = &feed, .read_size = -1};
	struct http_response response;
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct server server;
	struct http_client *client;

	serve_on(&server, OK_REPLY, state);
	request.url = url_of(&server, &arena, "build");
	client = client_to(&server);
	assert_int_equal(http_perform(client, &request, &arena, &response, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_string_equal(err.msg, "cannot read /context/file");
	http_client_free(client);
	stop_server(&server);
	arena_release(&arena);
}

struct sink {
	struct strbuf text;
	size_t enough;
};

static bool sink_write(void *arg, const char *data, size_t len)
{
	struct sink *sink = arg;

	strbuf_add(&sink->text, data, len);
	return !sink->enough || sink->text.len < sink->enough;
}

static void a_body_can_be_received_as_a_stream_and_stopped(void **state)
{
	struct sink sink = {.text = STRBUF_INIT};
	struct http_request request = {.write = sink_write,
		.write_arg = &sink};
	struct http_response response;
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct server server;
	struct http_client *client;

	serve_on(&server, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		       "4\r\nline\r\n0\r\n\r\n", state);
	request.url = url_of(&server, &arena, "logs");
	client = client_to(&server);
	assert_int_equal(http_perform(client, &request, &arena, &response, &err), 0);
	assert_string_equal(sink.text.text, "line");
	assert_string_equal(response.body, "");
	assert_false(response.stopped);

	/* This one never ends by itself. */
	server.reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nline\r\n";
	strbuf_reset(&sink.text);
	sink.enough = 4;
	assert_int_equal(http_perform(client, &request, &arena, &response, &err), 0);
	assert_true(response.stopped);
	assert_int_equal(response.status, 200);
	assert_string_equal(sink.text.text, "line");

	/* And the client is good for another one. */
	server.reply = OK_REPLY;
	request.write = NULL;
	assert_int_equal(http_perform(client, &request, &arena, &response, &err), 0);
	assert_string_equal(response.body, "OK");
	strbuf_release(&sink.text);
	http_client_free(client);
	stop_server(&server);
	arena_release(&arena);
}

static void the_body_of_an_error_is_collected_also_for_a_stream(void **state)
{
	struct sink sink = {.text = STRBUF_INIT};
	struct http_request request = {.write = sink_write,
		.write_arg = &sink};
	struct http_response response;
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct server server;
	struct http_client *client;

	serve_on(&server, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope", state);
	request.url = url_of(&server, &arena, "logs");
	client = client_to(&server);
	assert_int_equal(http_perform(client, &request, &arena, &response, &err), 0);
	assert_int_equal(response.status, 404);
	assert_string_equal(response.body, "nope");
	assert_int_equal(sink.text.len, 0);
	http_client_free(client);
	stop_server(&server);
	arena_release(&arena);
}

static void a_body_that_is_too_long_is_refused(void **state)
{
	struct http_request request = {.max_body = 1};
	struct http_response response;
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct server server;
	struct http_client *client;

	serve_on(&server, OK_REPLY, state);
	request.url = url_of(&server, &arena, "");
	client = client_to(&server);
	assert_int_equal(http_perform(client, &request, &arena, &response, &err), -1);
	assert_int_equal(err.code, ERROR_FAILED);
	assert_non_null(strstr(err.msg, "longer than 1 bytes"));
	http_client_free(client);
	stop_server(&server);
	arena_release(&arena);
}

static void redirects_are_followed_only_when_asked_for(void **state)
{
	struct server target, server;
	struct http_request request;
	struct http_response response;
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct http_client *client;

	(void)state;
	start_tcp(&target, OK_REPLY);
	start_tcp(&server, NULL);
	server.reply = arena_printf(&arena,
		"HTTP/1.1 302 Found\r\nLocation: %s\r\nX-First: yes\r\nContent-Length: 0\r\n\r\n",
		target.url);
	client = client_to(&server);
	request = (struct http_request){.url = server.url};
	assert_int_equal(http_perform(client, &request, &arena, &response, &err), 0);
	assert_int_equal(response.status, 302);
	assert_string_equal(http_header(&response, "Location"), target.url);
	request.redirects = 1;
	assert_int_equal(http_perform(client, &request, &arena, &response, &err), 0);
	assert_int_equal(response.status, 200);
	assert_string_equal(response.body, "OK");
	assert_null(http_header(&response, "X-First")); /* headers are those of the last reply */
	http_client_free(client);
	stop_server(&server);
	stop_server(&target);
	arena_release(&arena);
}

static enum error_code code_of(const struct server *server, const struct http_request *request)
{
	struct http_client *client = client_to(server);
	struct http_response response;
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;

	if (http_perform(client, request, &arena, &response, &err) < 0)
		assert_true(err.msg[0] != '\0');
	http_client_free(client);
	arena_release(&arena);
	return err.code;
}

static void no_connection_is_unreachable(void **state)
{
	struct http_options options = {.unix_socket = "/nowhere/docker.sock"};
	struct http_request request = {.url = "http://localhost/_ping"};
	struct http_response response;
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct http_client *client = http_client_new(&options, &err);
	struct server server;
	char url[64];

	(void)state;
	assert_int_equal(http_perform(client, &request, &arena, &response, &err), -1);
	assert_int_equal(err.code, ERROR_UNREACHABLE);
	assert_string_equal(err.msg,
		"cannot connect to /nowhere/docker.sock: No such file or directory");
	assert_int_equal(response.status, 0);
	http_client_free(client);

	start_tcp(&server, OK_REPLY);
	strcpy(url, server.url);
	stop_server(&server);
	memset(&server, 0, sizeof(server));
	request.url = url; /* nobody listens there any more */
	assert_int_equal(code_of(&server, &request), ERROR_UNREACHABLE);
	request.url = "http://nowhere.invalid/";
	assert_int_equal(code_of(&server, &request), ERROR_UNREACHABLE);
	arena_release(&arena);
}

static void a_connection_that_breaks_is_transient(void **state)
{
	struct http_request request = {0};
	struct arena arena = ARENA_INIT;
	struct server server;

	serve_on(&server, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf", state);
	request.url = url_of(&server, &arena, "");
	server.close_after = 1;
	assert_int_equal(code_of(&server, &request), ERROR_TRANSIENT);
	server.reply = "";
	assert_int_equal(code_of(&server, &request), ERROR_TRANSIENT);
	stop_server(&server);
	arena_release(&arena);
}


static void deadline_stall_and_cancel_end_a_silent_exchange(void **state)
{
	struct http_request request = {0};
	atomic_bool cancel = false;
	int64_t start = clock_monotonic(&clock_system);
	struct arena arena = ARENA_INIT;
	struct server server;

	serve_on(&server, NULL, state);
	request.url = url_of(&server, &arena, "");
	request.deadline = start + 150;
	assert_int_equal(code_of(&server, &request), ERROR_TIMEOUT);
	assert_true(clock_monotonic(&clock_system) - start < 60000);

	request.deadline = 0;
	request.stall = 150;
	assert_int_equal(code_of(&server, &request), ERROR_TRANSIENT);

	request.stall = 0;
	request.cancel = &cancel;
	atomic_store(&cancel, true);
	assert_int_equal(code_of(&server, &request), ERROR_CANCELLED);
	stop_server(&server);
	arena_release(&arena);
}


static void *cancel_soon(void *arg)
{
	usleep(50000);
	atomic_store((atomic_bool *)arg, true);
	return NULL;
}

static void cancelling_from_another_thread_takes_effect_at_once(void **state)
{
	atomic_bool cancel = false;
	struct http_request request = {.cancel = &cancel};
	int64_t start = clock_monotonic(&clock_system);
	struct arena arena = ARENA_INIT;
	struct server server;
	pthread_t thread;

	serve_on(&server, NULL, state);
	request.url = url_of(&server, &arena, "");
	pthread_create(&thread, NULL, cancel_soon, &cancel);
	assert_int_equal(code_of(&server, &request), ERROR_CANCELLED);
	assert_true(clock_monotonic(&clock_system) - start < 60000);
	pthread_join(thread, NULL);
	stop_server(&server);
	arena_release(&arena);
}


static void a_slow_but_living_stream_does_not_stall(void **state)
{
	struct http_request request = {.stall = 1000};
	enum error_code code = ERROR_TRANSIENT;
	struct arena arena = ARENA_INIT;
	struct server server;

	serve_on(&server, OK_REPLY, state);
	request.url = url_of(&server, &arena, "");
	server.delay_ms = 200;
	/* A server that was stopped for a second has stalled. */
	for (int i = 0; i < 10 && (code = code_of(&server, &request)) != ERROR_NONE; i++)
		;
	assert_int_equal(code, ERROR_NONE);
	stop_server(&server);
	arena_release(&arena);
}


static void messages_show_neither_query_nor_password(void **state)
{
	struct http_request request = {.url = "ftp://user:hunter2@host/path?buildargs=hunter2"};
	struct http_response response;
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct http_client *client = http_client_new(NULL, &err);

	(void)state;
	assert_int_equal(http_perform(client, &request, &arena, &response, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_string_equal(err.msg, "'ftp://host/path' is no http or https URL");
	request.url = "http://user:hunter2@127.0.0.1:1/path?buildargs=hunter2";
	assert_int_equal(http_perform(client, &request, &arena, &response, &err), -1);
	assert_int_equal(err.code, ERROR_UNREACHABLE);
	assert_null(strstr(err.msg, "hunter2"));
	assert_non_null(strstr(err.msg, "http://127.0.0.1:1/path"));
	http_client_free(client);
	arena_release(&arena);
}

static void a_proxy_of_the_environment_is_not_used_for_this_machine(void **state)
{
	struct http_request request = {.url = "http://localhost/"};
	struct server server;

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	start_unix(&server, OK_REPLY);
	assert_int_equal(code_of(&server, &request), ERROR_NONE);
	stop_server(&server);
	start_tcp(&server, OK_REPLY);
	request.url = server.url;
	assert_int_equal(code_of(&server, &request), ERROR_NONE);
	stop_server(&server);
	unsetenv("http_proxy");
}

static void *many_requests(void *arg)
{
	struct server *server = arg;
	struct http_client *client = client_to(server);
	struct arena arena = ARENA_INIT;
	struct http_request request = {.url = url_of(server, &arena, "")};
	struct http_response response;
	struct error err = ERROR_INIT;
	long bad = 0;

	for (int i = 0; i < 50; i++)
		if (http_perform(client, &request, &arena, &response, &err) < 0 ||
			strcmp(response.body, "OK") != 0)
			bad++;
	http_client_free(client);
	arena_release(&arena);
	return (void *)bad;
}

static void clients_of_many_threads_do_not_disturb_each_other(void **state)
{
	struct server server;
	pthread_t threads[8];

	serve_on(&server, OK_REPLY, state);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_create(&threads[i], NULL, many_requests, &server);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		void *bad;

		pthread_join(threads[i], &bad);
		assert_null(bad);
	}
	assert_int_equal(atomic_load(&server.connections), 8);
	assert_int_equal(atomic_load(&server.requests), 400);
	stop_server(&server);
}

static void escaping_keeps_only_what_is_safe(void **state)
{
	struct arena arena = ARENA_INIT;

	(void)state;
	assert_string_equal(http_escape(&arena, "{\"a\":[\"k=v\"]}", ""),
		"%7B%22a%22%3A%5B%22k%3Dv%22%5D%7D");
	assert_string_equal(http_escape(&arena, "reg:5000/a/b:1.0", "/:"), "reg:5000/a/b:1.0");
	assert_string_equal(http_escape(&arena, "\xc3\xa4 +", ""), "%C3%A4%20%2B");
	arena_release(&arena);
}

#define on_both(test)                                                                               \
	{#test " (unix)", test, NULL, NULL, &on_unix}, {#test " (tcp)", test, NULL, NULL, &on_tcp}

int main(void)
{
	const struct CMUnitTest tests[] = {
		on_both(a_reply_has_status_headers_and_body),
		on_both(requests_share_a_kept_connection_but_a_post_has_its_own),
		on_both(a_connection_that_died_while_kept_is_no_error),
		on_both(an_empty_post_says_that_it_is_empty),
		on_both(a_large_body_is_sent_at_once_without_expect),
		on_both(a_body_can_be_streamed_in_chunks),
		on_both(an_error_of_the_reader_ends_the_exchange_with_that_error),
		on_both(a_body_can_be_received_as_a_stream_and_stopped),
		on_both(the_body_of_an_error_is_collected_also_for_a_stream),
		on_both(a_body_that_is_too_long_is_refused),
		cmocka_unit_test(redirects_are_followed_only_when_asked_for),
		cmocka_unit_test(no_connection_is_unreachable),
		on_both(a_connection_that_breaks_is_transient),
		on_both(deadline_stall_and_cancel_end_a_silent_exchange),
		on_both(cancelling_from_another_thread_takes_effect_at_once),
		on_both(a_slow_but_living_stream_does_not_stall),
		cmocka_unit_test(messages_show_neither_query_nor_password),
		cmocka_unit_test(a_proxy_of_the_environment_is_not_used_for_this_machine),
		on_both(clients_of_many_threads_do_not_disturb_each_other),
		cmocka_unit_test(escaping_keeps_only_what_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
