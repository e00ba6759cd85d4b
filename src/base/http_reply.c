/*
 * The reply as a state machine over bytes. Lines are gathered until they are whole; bodies are passed
 * on without a copy. The framing is decided once, when the head is complete.
 */
#include "base/http_reply.h"

#include "base/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int bad(struct error *err, const char *what)
{
	return error_set(err, ERROR_FAILED, "what came is no reply of HTTP: %s", what);
}

/* --- heads -------------------------------------------------------------------------------------- */

/* "HTTP/1.1 200 OK" */
static int read_status(struct http_reply *reply, const char *line, struct error *err)
{
	const char *at = line;

	if (strncmp(at, "HTTP/1.", 7) != 0 || (at[7] != '0' && at[7] != '1') || at[8] != ' ')
		return bad(err, "no status line");
	reply->close = at[7] == '0';
	at += 9;
	for (int i = 0; i < 3; i++)
		if (at[i] < '0' || at[i] > '9')
			return bad(err, "no status");
	if ((at[3] && at[3] != ' ') || *at == '0')
		return bad(err, "no status");
	reply->status = strtol(at, NULL, 10);
	reply->chunked = reply->has_length = false;
	reply->left = 0;
	if (reply->start)
		reply->start(reply->arg);
	reply->state = HTTP_REPLY_HEADERS;
	return 0;
}

static int read_length(struct http_reply *reply, const char *value, struct error *err)
{
	unsigned long long length;
	char *end;

	errno = 0;
	length = strtoull(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || errno || length > INT64_MAX)
		return bad(err, "the length of its body is no number");
	if (reply->has_length && reply->left != length)
		return bad(err, "it gives two lengths");
	reply->has_length = true;
	reply->left = length;
	return 0;
}

static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (*list) {
		list += strspn(list, ", \t");
		if (!strncasecmp(list, word, len) && strchr(", \t", list[len]))
			return true; /* strchr finds the NUL at the end, too */
		list += strcspn(list, ",");
	}
	return false;
}

static int read_header(struct http_reply *reply, char *line, struct error *err)
{
	char *value = strchr(line, ':'), *end;

	if (!value || value == line || value[-1] == ' ' || value[-1] == '\t')
		return bad(err, "a header without a name");
	*value++ = '\0';
	value += strspn(value, " \t");
	for (end = value + strlen(value); end > value && strchr(" \t", end[-1]); end--)
		end[-1] = '\0';
	if (!strcasecmp(line, "Content-Length") && read_length(reply, value, err))
		return -1;
	if (!strcasecmp(line, "Transfer-Encoding")) {
		if (strcasecmp(value, "chunked") != 0)
			return bad(err, "a coding other than chunked");
		reply->chunked = true;
	}
	if (!strcasecmp(line, "Connection")) {
		if (has_word(value, "close"))
			reply->close = true;
		else if (has_word(value, "keep-alive"))
			reply->close = false;
	}
	if (reply->header)
		reply->header(reply->arg, line, value);
	return 0;
}

/* The head is whole: what follows it? */
static void end_head(struct http_reply *reply)
{
	bool taken = reply->takes_over && (reply->status == 101 || reply->status / 100 == 2);

	if (reply->status / 100 == 1 && reply->status != 101)
		reply->state = HTTP_REPLY_STATUS; /* only an interim one */
	else if (taken || reply->status == 101 || reply->without_body || reply->status == 204 ||
		 reply->status == 304)
		reply->state = HTTP_REPLY_DONE;
	else if (reply->chunked) /* it wins over a length, says RFC 9112 */
		reply->state = HTTP_REPLY_CHUNK_SIZE;
	else if (!reply->has_length)
		reply->state = HTTP_REPLY_TO_THE_END;
	else
		reply->state = reply->left ? HTTP_REPLY_LENGTH : HTTP_REPLY_DONE;
	reply->close = reply->close || reply->state == HTTP_REPLY_TO_THE_END ||
		       reply->status == 101 || taken;
}

/* --- lines -------------------------------------------------------------------------------------- */

/* "1a2b" or "1a2b;extension" */
static int read_chunk_size(struct http_reply *reply, const char *line, struct error *err)
{
	size_t digits = strspn(line, "0123456789abcdefABCDEF");

	if (!digits || digits > 15 || !strchr("; \t", line[digits]))
		return bad(err, "the size of a chunk is no number");
	reply->left = strtoull(line, NULL, 16);
	reply->state = reply->left ? HTTP_REPLY_CHUNK : HTTP_REPLY_TRAILERS;
	return 0;
}

static int read_line(struct http_reply *reply, char *line, struct error *err)
{
	switch (reply->state) {
	case HTTP_REPLY_STATUS:
		return read_status(reply, line, err);
	case HTTP_REPLY_HEADERS:
		if (*line)
			return read_header(reply, line, err);
		end_head(reply);
		return 0;
	case HTTP_REPLY_CHUNK_SIZE:
		return read_chunk_size(reply, line, err);
	case HTTP_REPLY_CHUNK_END:
		if (*line)
			return bad(err, "a chunk is longer than it says");
		reply->state = HTTP_REPLY_CHUNK_SIZE;
		return 0;
	case HTTP_REPLY_TRAILERS:
		if (!*line)
			reply->state = HTTP_REPLY_DONE;
		return 0;
	default:
		BUG("no line is read in state %d", reply->state);
	}
}

/* The bytes taken, up to the end of a line. */
static ssize_t feed_line(struct http_reply *reply, const char *data, size_t len, struct error *err)
{
	const char *end = memchr(data, '\n', len);
	size_t taken = end ? (size_t)(end - data) + 1 : len;
	struct strbuf *line = &reply->line;
	int rc;

	/* The sizes of chunks are lines, too, but of those there may be any number. */
	if (reply->state != HTTP_REPLY_CHUNK_SIZE && reply->state != HTTP_REPLY_CHUNK_END)
		reply->head_bytes += taken;
	if (reply->head_bytes > HTTP_HEAD_MAX || line->len + taken > HTTP_HEAD_MAX)
		return bad(err, "its head has no end");
	strbuf_add(line, data, taken);
	if (!end)
		return (ssize_t)taken;
	strbuf_setlen(line, line->len - 1);
	if (line->len && line->text[line->len - 1] == '\r')
		strbuf_setlen(line, line->len - 1);
	if (memchr(line->text, '\0', line->len))
		return bad(err, "a NUL in its head");
	rc = read_line(reply, line->text, err);
	strbuf_reset(line);
	return rc ? -1 : (ssize_t)taken;
}

/* --- bodies ------------------------------------------------------------------------------------- */

static ssize_t feed_body(struct http_reply *reply, const char *data, size_t len)
{
	bool bounded = reply->state != HTTP_REPLY_TO_THE_END;
	size_t taken = bounded && reply->left < len ? (size_t)reply->left : len;

	if (bounded)
		reply->left -= taken;
	if (reply->body && !reply->body(reply->arg, data, taken))
		reply->state = HTTP_REPLY_STOPPED;
	else if (reply->state == HTTP_REPLY_LENGTH && !reply->left)
		reply->state = HTTP_REPLY_DONE;
	else if (reply->state == HTTP_REPLY_CHUNK && !reply->left)
		reply->state = HTTP_REPLY_CHUNK_END;
	return (ssize_t)taken;
}

ssize_t http_reply_feed(struct http_reply *reply, const char *data, size_t len, struct error *err)
{
	size_t at = 0;

	if (!reply->line.text)
		reply->line = (struct strbuf)STRBUF_INIT;
	while (at < len && reply->state < HTTP_REPLY_DONE) {
		bool body = reply->state == HTTP_REPLY_LENGTH || reply->state == HTTP_REPLY_CHUNK ||
			    reply->state == HTTP_REPLY_TO_THE_END;
		ssize_t taken = body ? feed_body(reply, data + at, len - at)
				     : feed_line(reply, data + at, len - at, err);

		if (taken < 0)
			return -1;
		at += (size_t)taken;
	}
	return (ssize_t)at;
}

bool http_reply_ends(struct http_reply *reply)
{
	if (reply->state == HTTP_REPLY_TO_THE_END)
		reply->state = HTTP_REPLY_DONE;
	return reply->state >= HTTP_REPLY_DONE;
}

void http_reply_release(struct http_reply *reply)
{
	if (reply->line.text)
		strbuf_release(&reply->line);
}
