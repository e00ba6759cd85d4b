/*
 * Logs. Without a terminal an engine sends frames, {stream, 0, 0, 0, length} and that many bytes, and
 * they come in pieces of any size, cut anywhere, even inside a header. With a terminal it sends the
 * bytes as they are. Which of the two is known from the container: engines below 1.42 do not say.
 */
#include "providers/docker/container/type.h"

#include <string.h>

bool container_demux_feed(struct container_demux *demux, const char *data, size_t len)
{
	if (demux->raw)
		return len == 0 || demux->output(demux->arg, 1, data, len);
	while (len) {
		size_t take;

		if (!demux->left) {
			take = sizeof(demux->header) - demux->n_header;
			if (take > len)
				take = len;
			memcpy(demux->header + demux->n_header, data, take);
			demux->n_header += take;
			data += take;
			len -= take;
			if (demux->n_header < sizeof(demux->header))
				return true;
			demux->n_header = 0;
			demux->left = (size_t)demux->header[4] << 24 | (size_t)demux->header[5] << 16 |
				      (size_t)demux->header[6] << 8 | demux->header[7];
			continue;
		}
		take = demux->left < len ? demux->left : len;
		if (!demux->output(demux->arg, demux->header[0] == 2 ? 2 : 1, data, take))
			return false;
		demux->left -= take;
		data += take;
		len -= take;
	}
	return true;
}

enum { LINE_MAX_LEN = 1 << 20 }; /* a longer one is cut, not kept in memory until it ends */

static bool give(struct container_lines *lines, int stream, const char *text, size_t len)
{
	while (len && text[len - 1] == '\r') /* a terminal ends lines with CR LF */
		len--;
	return lines->line(lines->arg, stream, text, len);
}

bool container_lines_feed(void *arg, int stream, const char *data, size_t len)
{
	struct container_lines *lines = arg;
	struct strbuf *rest = &lines->rest[stream == 2];

	while (len) {
		const char *end = memchr(data, '\n', len);
		size_t take = end ? (size_t)(end - data) : len;
		bool more = true;

		if (end && !rest->len) {
			more = give(lines, stream, data, take);
		} else {
			strbuf_add(rest, data, take);
			if (end || rest->len >= LINE_MAX_LEN) {
				more = give(lines, stream, rest->text, rest->len);
				strbuf_reset(rest);
			}
		}
		if (!more)
			return false;
		take += end != NULL;
		data += take;
		len -= take;
	}
	return true;
}

void container_lines_end(struct container_lines *lines)
{
	for (int i = 0; i < 2; i++) {
		if (lines->rest[i].len)
			give(lines, i + 1, lines->rest[i].text, lines->rest[i].len);
		strbuf_release(&lines->rest[i]);
	}
}

static bool feed(void *arg, const char *data, size_t len)
{
	return container_demux_feed(arg, data, len);
}

static bool pass_on(void *arg, int stream, const char *text, size_t len)
{
	const struct log_request *request = arg;

	return request->line(request->arg, NULL, stream, text, len);
}

int container_read_log(struct docker *docker, const char *id, struct log_request *request,
	struct error *err)
{
	struct container_lines lines = {
		.line = pass_on, .arg = request, .rest = {STRBUF_INIT, STRBUF_INIT}};
	struct container_demux demux = {.output = container_lines_feed, .arg = &lines};
	struct docker_stream stream = {
		.method = "GET", .data = feed, .arg = &demux, .read_size = -1};
	struct strbuf path = STRBUF_INIT;
	const struct value *inspect;
	int result;

	if (container_inspect(docker, id, &inspect, err) < 0)
		return -1;
	demux.raw = value_get_bool(value_get(inspect, "Config"), "Tty", false);
	strbuf_addf(&path, "/containers/%s/logs?stdout=1&stderr=1&follow=%d", id,
		request->flags & LOG_FOLLOW ? 1 : 0);
	if (request->flags & LOG_TIMES)
		strbuf_addstr(&path, "&timestamps=1");
	if (request->tail >= 0)
		strbuf_addf(&path, "&tail=%ld", request->tail);
	if (request->since)
		strbuf_addf(&path, "&since=%lld.%03lld", (long long)(request->since / 1000),
			(long long)(request->since % 1000));
	stream.path = arena_strdup(docker->arena, path.text);
	strbuf_release(&path);
	result = docker_stream(docker, &stream, NULL, err);
	container_lines_end(&lines);
	return result < 0 ? error_wrap(err, "cannot read the log of container '%s'",
		value_get_text(inspect, "Name", "/") + 1) : 0;
}

int container_logs(struct docker *docker, struct record *record, struct log_request *request,
	struct error *err)
{
	if (!record->id)
		return error_set(err, ERROR_NOT_FOUND, "%s has no container", record->address);
	return container_read_log(docker, record->id, request, err);
}

static bool append_line(void *arg, const char *part, int stream, const char *text, size_t len)
{
	struct strbuf *all = arg;

	(void)part;
	(void)stream;
	if (all->len)
		strbuf_addch(all, '\n');
	strbuf_add(all, text, len);
	return true;
}

const char *container_last_lines(struct docker *docker, const char *id, int lines)
{
	cleanup_strbuf struct strbuf all = STRBUF_INIT;
	struct error ignored = ERROR_INIT;
	struct log_request request = {.tail = lines, .line = append_line, .arg = &all};

	container_read_log(docker, id, &request, &ignored);
	return arena_strndup(docker->arena, all.text, all.len);
}
