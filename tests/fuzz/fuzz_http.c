/*
 * A reply of an engine on its socket: the first byte says what was asked and into how large pieces the
 * rest is cut. However it is cut, the same comes of it.
 */
#include "fuzz.h"

#include "base/http_reply.h"

struct seen {
	struct http_reply reply;
	struct strbuf headers, body;
	size_t used;
	bool refused;
};

static void on_start(void *arg)
{
	strbuf_reset(&((struct seen *)arg)->headers);
}

static void on_header(void *arg, const char *name, const char *value)
{
	strbuf_addf(&((struct seen *)arg)->headers, "%s: %s\n", name, value);
}

static bool on_body(void *arg, const char *data, size_t len)
{
	strbuf_add(&((struct seen *)arg)->body, data, len);
	return true;
}

static void feed(struct seen *seen, uint8_t flags, const char *data, size_t size, size_t piece)
{
	struct error err = ERROR_INIT;

	*seen = (struct seen){.headers = STRBUF_INIT, .body = STRBUF_INIT,
		.reply = {.without_body = flags & 1, .takes_over = flags & 2, .start = on_start,
			.header = on_header, .body = on_body, .arg = seen}};
	while (seen->used < size && seen->reply.state < HTTP_REPLY_DONE && !seen->refused) {
		size_t left = size - seen->used;
		ssize_t n = http_reply_feed(&seen->reply, data + seen->used,
			left < piece ? left : piece, &err);

		seen->refused = n < 0;
		if (n > 0)
			seen->used += (size_t)n;
		MUST(n != 0);
	}
	MUST(!seen->refused || err.code == ERROR_FAILED);
	http_reply_ends(&seen->reply);
}

static void release(struct seen *seen)
{
	http_reply_release(&seen->reply);
	strbuf_release(&seen->headers);
	strbuf_release(&seen->body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole, pieces;

	if (size < 2)
		return 0;
	feed(&whole, data[0], (const char *)data + 1, size - 1, size);
	feed(&pieces, data[0], (const char *)data + 1, size - 1, 1 + data[0] / 4 % 23);
	MUST(whole.refused == pieces.refused);
	MUST(whole.refused || whole.used == pieces.used);
	MUST(whole.reply.state == pieces.reply.state);
	MUST(whole.reply.status == pieces.reply.status);
	MUST(whole.reply.close == pieces.reply.close);
	MUST(strcmp(whole.headers.text, pieces.headers.text) == 0);
	MUST(whole.body.len == pieces.body.len);
	MUST(memcmp(whole.body.text, pieces.body.text, whole.body.len) == 0);
	release(&whole);
	release(&pieces);
	return 0;
}
