/*
 * Replies of HTTP in the forms that servers send, whole and byte by byte, and in those that are
 * refused; then what the unix socket can do beside: requests that go out together, and connections
 * that become streams.
 */
#include "base/http.h"
#include "base/http_reply.h"

#include "http_server.h"

#include <poll.h>

/* --- the parser --------------------------------------------------------------------------------- */

struct taken {
	struct http_reply reply;
	struct strbuf body, headers;
	int heads;
	size_t enough; /* bytes of the body; 0: all */
	ssize_t used;  /* bytes of the input; -1: refused */
	struct error err;
};

static void on_start(void *arg)
{
	struct taken *taken = arg;

	taken->heads++;
	strbuf_reset(&taken->headers);
}

static void on_header(void *arg, const char *name, const char *value)
{
	strbuf_addf(&((struct taken *)arg)->headers, "%s=%s;", name, value);
}

static bool on_body(void *arg, const char *data, size_t len)
{
	struct taken *taken = arg;

	strbuf_add(&taken->body, data, len);
	return !taken->enough || taken->body.len < taken->enough;
}

static void feed(struct taken *taken, const char *text, size_t len, size_t piece)
{
	taken->reply.start = on_start;
	taken->reply.header = on_header;
	taken->reply.body = on_body;
	taken->reply.arg = taken;
	taken->body = taken->headers = (struct strbuf)STRBUF_INIT;
	taken->err = (struct error)ERROR_INIT;
	taken->used = 0;
	while ((size_t)taken->used < len && taken->reply.state < HTTP_REPLY_DONE) {
		size_t left = len - (size_t)taken->used;
		ssize_t n = http_reply_feed(&taken->reply, text + taken->used,
			left < piece ? left : piece, &taken->err);

		if (n < 0) {
			taken->used = -1;
			return;
		}
		taken->used += n;
	}
}

static void taken_free(struct taken *taken)
{
	http_reply_release(&taken->reply);
	strbuf_release(&taken->body);
	strbuf_release(&taken->headers);
}

struct form {
	const char *text;
	long status;
	const char *body;
	size_t behind;      /* bytes that belong to what comes next */
	bool close, head, takes_over, ends; /* ends: complete only when the connection ends */
};

static const struct form forms[] = {
	{.text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/", .status = 200,
		.body = "hello", .behind = 5},
	{.text = "HTTP/1.1 200\nContent-Length:  5 \n\nhello", .status = 200, .body = "hello"},
	{.text = "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n3\r\nhel\r\n02;x=y\r\nlo\r\n"
		 "0\r\nX-Trailer: 1\r\n\r\nHTTP", .status = 200, .body = "hello", .behind = 4},
	{.text = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
		 "5\r\nhello\r\n0\r\n\r\n", .status = 200, .body = "hello"},
	{.text = "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nHTTP/", .status = 204,
		.body = "", .behind = 5},
	{.text = "HTTP/1.1 304 Not Modified\r\n\r\nHTTP/", .status = 304, .body = "", .behind = 5},
	{.text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/", .status = 200, .body = "",
		.behind = 5, .head = true},
	{.text = "HTTP/1.1 100 Continue\r\nX-Old: 1\r\n\r\nHTTP/1.1 201 Created\r\nX-New: 1\r\n"
		 "Content-Length: 2\r\n\r\nok", .status = 201, .body = "ok"},
	{.text = "HTTP/1.1 200 OK\r\nConnection: foo, Close\r\nContent-Length: 2\r\n\r\nok",
		.status = 200, .body = "ok", .close = true},
	{.text = "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", .status = 200, .body = "ok",
		.close = true},
	{.text = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
		.status = 200, .body = "ok"},
	{.text = "HTTP/1.1 200 OK\r\n\r\nto the end", .status = 200, .body = "to the end",
		.close = true, .ends = true},
	{.text = "HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\nstream", .status = 101, .body = "",
		.behind = 6, .close = true, .takes_over = true},
	{.text = "HTTP/1.1 200 OK\r\n\r\nstream", .status = 200, .body = "", .behind = 6,
		.close = true, .takes_over = true},
	{.text = "HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\nno", .status = 409, .body = "no",
		.takes_over = true},
};

static void every_form_of_a_reply_is_read_in_pieces_of_any_size(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		const struct form *form = &forms[i];
		size_t len = strlen(form->text);

		for (size_t piece = 1; piece <= len; piece++) {
			struct taken taken = {.reply = {.without_body = form->head,
				.takes_over = form->takes_over}};

			feed(&taken, form->text, len, piece);
			if (taken.used < 0)
				fail_msg("form %zu: %s", i, taken.err.msg);
			assert_int_equal(taken.reply.state == HTTP_REPLY_DONE, !form->ends);
			assert_true(http_reply_ends(&taken.reply));
			assert_int_equal(taken.used, len - form->behind);
			assert_int_equal(taken.reply.status, form->status);
			assert_string_equal(taken.body.text, form->body);
			assert_int_equal(taken.reply.close, form->close);
			if (form->status == 201) /* only the headers of the last head count */
				assert_string_equal(taken.headers.text, "X-New=1;Content-Length=2;");
			taken_free(&taken);
		}
	}
}

static void what_has_no_sure_end_is_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} replies[] = {
		{"SSH-2.0-OpenSSH_9.2\r\n", "no status line"},
		{"HTTP/2 200\r\n", "no status line"},
		{"HTTP/1.1 20 OK\r\n", "no status"},
		{"HTTP/1.1 2000 OK\r\n", "no status"},
		{"HTTP/1.1 099 OK\r\n", "no status"},
		{"HTTP/1.1 200 OK\r\nno header\r\n", "without a name"},
		{"HTTP/1.1 200 OK\r\n: x\r\n", "without a name"},
		{"HTTP/1.1 200 OK\r\nContent-Length : 3\r\n", "without a name"},
		{"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n", "no number"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 3x\r\n", "no number"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n", "no number"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n", "two lengths"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n", "coding"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "size of a chunk"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", "size of a chunk"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1234567890abcdef\r\n",
			"size of a chunk"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", "longer"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(replies); i++) {
		for (size_t piece = 1; piece < 9; piece += 7) {
			struct taken taken = {0};

			feed(&taken, replies[i].text, strlen(replies[i].text), piece);
			if (taken.used >= 0)
				fail_msg("taken: %s", replies[i].text);
			assert_int_equal(taken.err.code, ERROR_FAILED);
			if (!strstr(taken.err.msg, replies[i].why))
				fail_msg("%s: %s", replies[i].text, taken.err.msg);
			taken_free(&taken);
		}
	}
}

static void a_head_without_end_is_refused(void **state)
{
	struct strbuf text = STRBUF_INIT;
	struct taken one = {0}, many = {0}, nul = {0};

	(void)state;
	strbuf_addstr(&text, "HTTP/1.1 200 OK\r\nX: ");
	while (text.len < HTTP_HEAD_MAX + 100)
		strbuf_addstr(&text, "yyyyyyyyyyyyyyyy");
	feed(&one, text.text, text.len, 4096);
	assert_int_equal(one.used, -1);
	assert_non_null(strstr(one.err.msg, "no end"));
	strbuf_reset(&text);
	strbuf_addstr(&text, "HTTP/1.1 200 OK\r\n");
	while (text.len < HTTP_HEAD_MAX + 100)
		strbuf_addstr(&text, "X: y\r\n");
	feed(&many, text.text, text.len, text.len);
	assert_int_equal(many.used, -1);
	feed(&nul, "HTTP/1.1 200 OK\r\nX: \0y\r\n", 24, 24);
	assert_int_equal(nul.used, -1);
	strbuf_release(&text);
	taken_free(&one);
	taken_free(&many);
	taken_free(&nul);
}

static void a_body_that_is_enough_stops_the_reply(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
	struct taken taken = {.enough = 4};

	(void)state;
	feed(&taken, text, strlen(text), 1);
	assert_int_equal(taken.reply.state, HTTP_REPLY_STOPPED);
	assert_string_equal(taken.body.text, "0123");
	taken_free(&taken);
}

/* --- together ----------------------------------------------------------------------------------- */

enum { TOGETHER = 400 };

struct together {
	struct http_client *client;
	struct http_request requests[TOGETHER];
	struct http_response responses[TOGETHER];
	struct arena arena;
	struct server server;
	struct error err;
};

static void together_start(struct together *t, const char *(*answer)(struct server *, const char *))
{
	struct http_options options = {0};

	memset(t, 0, sizeof(*t));
	start_unix(&t->server, NULL);
	t->server.answer = answer;
	t->server.arg = t;
	options.unix_socket = t->server.socket;
	t->client = http_client_new(&options, &t->err);
	assert_non_null(t->client);
	for (size_t i = 0; i < TOGETHER; i++)
		t->requests[i].url = arena_printf(&t->arena, "http://localhost/%zu", i);
}

static void together_stop(struct together *t)
{
	http_client_free(t->client);
	stop_server(&t->server);
	arena_release(&t->arena);
}

/* The path back, in a body of a kilobyte: more than the sockets hold if nobody reads. */
static const char *path_back(struct server *server, const char *request)
{
	static _Thread_local char reply[2048];
	int number = atoi(request + 5);

	(void)server;
	snprintf(reply, sizeof(reply), "HTTP/1.1 %d OK\r\nContent-Length: 1024\r\n\r\n%-1024d",
		number % 7 ? 200 : 404, number);
	return reply;
}

static int check_together(struct together *t, size_t n)
{
	int rc = http_perform_all(t->client, t->requests, n, &t->arena, t->responses, &t->err);

	for (size_t i = 0; !rc && i < n; i++) {
		assert_int_equal(t->responses[i].status, i % 7 ? 200 : 404);
		assert_int_equal(atoi(t->responses[i].body), i);
		assert_int_equal(t->responses[i].body_len, 1024);
	}
	return rc;
}

static void requests_that_go_out_together_are_answered_in_order(void **state)
{
	static struct together t;

	(void)state;
	together_start(&t, path_back);
	assert_int_equal(check_together(&t, TOGETHER), 0);
	assert_int_equal(check_together(&t, 0), 0);
	assert_int_equal(check_together(&t, 1), 0);
	assert_int_equal(atomic_load(&t.server.connections), 1);
	together_stop(&t);
}

static const char *three_a_connection(struct server *server, const char *request)
{
	if (atomic_load(&server->requests) % 3 == 0)
		atomic_store(&server->close_now, true);
	return path_back(server, request);
}

/* Each gets its reply, whatever the server thinks a connection is good for. */
static void what_a_closed_connection_left_unanswered_is_asked_again(void **state)
{
	static struct together t;

	(void)state;
	together_start(&t, three_a_connection);
	assert_int_equal(check_together(&t, 20), 0);
	assert_int_equal(atomic_load(&t.server.requests), 20);
	together_stop(&t);
}

static const char *closes(struct server *server, const char *request)
{
	(void)server, (void)request;
	return NULL;
}

static void a_server_that_never_answers_is_not_asked_forever(void **state)
{
	static struct together t;

	(void)state;
	together_start(&t, closes);
	assert_int_equal(check_together(&t, 20), -1);
	assert_int_equal(t.err.code, ERROR_TRANSIENT);
	assert_true(atomic_load(&t.server.connections) <= 2);
	together_stop(&t);
}

/* --- streams ------------------------------------------------------------------------------------ */

static const char *upgrades(struct server *server, const char *request)
{
	(void)server;
	if (strncmp(request, "POST ", 5) != 0)
		return "the rest";
	return strstr(request, "/no") ? "HTTP/1.1 409 Conflict\r\nContent-Length: 4\r\n\r\nnope"
				      : "HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\nearly";
}

static void a_connection_that_is_taken_over_is_a_stream(void **state)
{
	static struct together t;
	struct http_response response;
	struct pollfd wait;
	char text[64] = "";
	size_t len = 0;
	struct http_stream *stream;

	(void)state;
	together_start(&t, upgrades);
	t.requests[0].method = "POST";
	assert_int_equal(http_take_over(t.client, &t.requests[0], &t.arena, &response, &stream,
		&t.err), 0);
	assert_int_equal(response.status, 101);
	assert_non_null(stream);
	memcpy(text, response.body, len = response.body_len);
	assert_int_equal(http_stream_write(stream, "any\r\n\r\n", 7), 7);
	for (wait = (struct pollfd){.fd = http_stream_fd(stream), .events = POLLIN}; len < 13;) {
		assert_int_equal(poll(&wait, 1, 60000), 1);
		len += (size_t)http_stream_read(stream, text + len, sizeof(text) - len - 1);
	}
	assert_string_equal(text, "earlythe rest");
	http_stream_close(stream);
	t.requests[1] = (struct http_request){.method = "POST", .url = "http://localhost/no"};
	assert_int_equal(http_take_over(t.client, &t.requests[1], &t.arena, &response, &stream,
		&t.err), 0);
	assert_null(stream);
	assert_int_equal(response.status, 409);
	assert_string_equal(response.body, "nope");
	together_stop(&t);
}

static void a_stream_to_nobody_is_unreachable(void **state)
{
	struct http_client *client = http_client_new(NULL, NULL);
	struct http_request request = {.method = "POST", .url = "http://127.0.0.1:1/"};
	struct http_response response;
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct http_stream *stream;

	(void)state;
	assert_non_null(client);
	assert_int_equal(http_take_over(client, &request, &arena, &response, &stream, &err), -1);
	assert_int_equal(err.code, ERROR_UNREACHABLE);
	assert_null(stream);
	http_client_free(client);
	arena_release(&arena);
}

/* --- requests ----------------------------------------------------------------------------------- */

static ssize_t endless(void *arg, char *buf, size_t room, struct error *err)
{
	(void)err;
	memset(buf, 'x', room);
	*(size_t *)arg += room;
	return (ssize_t)room;
}

static const char *refuses(struct server *server, const char *request)
{
	(void)request;
	atomic_store(&server->close_now, true);
	return "HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nbad";
}

static void a_refusal_before_the_body_was_sent_is_heard(void **state)
{
	static struct together t;
	struct http_response response;
	size_t sent = 0;

	(void)state;
	together_start(&t, refuses);
	t.server.hasty = true;
	t.requests[0] = (struct http_request){.method = "POST", .url = "http://localhost/build",
		.read = endless, .read_arg = &sent, .read_size = -1,
		.deadline = clock_monotonic(&clock_system) + 60000};
	assert_int_equal(http_perform(t.client, &t.requests[0], &t.arena, &response, &t.err), 0);
	assert_int_equal(response.status, 400);
	assert_string_equal(response.body, "bad");
	together_stop(&t);
}

static void a_path_that_no_socket_can_have_is_unreachable(void **state)
{
	char path[200];
	struct http_options options = {.unix_socket = path};
	struct http_request request = {.url = "http://localhost/"};
	struct http_response response;
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct http_client *client;

	(void)state;
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	client = http_client_new(&options, &err);
	assert_int_equal(http_perform(client, &request, &arena, &response, &err), -1);
	assert_int_equal(err.code, ERROR_UNREACHABLE);
	assert_non_null(strstr(err.msg, "too long"));
	http_client_free(client);
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_of_a_reply_is_read_in_pieces_of_any_size),
		cmocka_unit_test(what_has_no_sure_end_is_refused),
		cmocka_unit_test(a_head_without_end_is_refused),
		cmocka_unit_test(a_body_that_is_enough_stops_the_reply),
		cmocka_unit_test(requests_that_go_out_together_are_answered_in_order),
		cmocka_unit_test(what_a_closed_connection_left_unanswered_is_asked_again),
		cmocka_unit_test(a_server_that_never_answers_is_not_asked_forever),
		cmocka_unit_test(a_connection_that_is_taken_over_is_a_stream),
		cmocka_unit_test(a_stream_to_nobody_is_unreachable),
		cmocka_unit_test(a_refusal_before_the_body_was_sent_is_heard),
		cmocka_unit_test(a_path_that_no_socket_can_have_is_unreachable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
