/* Log frames of an engine: cut into pieces of any size, the same bytes come out. */
#include "fuzz.h"

#include "providers/docker/container/type.h"

struct seen {
	struct strbuf streams[3];
};

static bool take(void *arg, int stream, const char *data, size_t len)
{
	struct seen *seen = arg;

	MUST(stream == 1 || stream == 2);
	strbuf_add(&seen->streams[stream], data, len);
	return true;
}

static void feed(struct seen *seen, const char *data, size_t size, size_t piece)
{
	struct container_demux demux = {.output = take, .arg = seen};

	*seen = (struct seen){{STRBUF_INIT, STRBUF_INIT, STRBUF_INIT}};
	while (size) {
		size_t len = piece < size ? piece : size;

		container_demux_feed(&demux, data, len);
		data += len;
		size -= len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole, pieces;

	if (size < 2)
		return 0;
	feed(&whole, (const char *)data + 1, size - 1, size);
	feed(&pieces, (const char *)data + 1, size - 1, 1 + data[0] % 19);
	for (int i = 1; i <= 2; i++) {
		MUST(whole.streams[i].len == pieces.streams[i].len);
		MUST(memcmp(whole.streams[i].text, pieces.streams[i].text, whole.streams[i].len) == 0);
		strbuf_release(&whole.streams[i]);
		strbuf_release(&pieces.streams[i]);
	}
	return 0;
}
