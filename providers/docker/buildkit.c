/*
 * The little of protobuf that is needed: fields are a tag (number and wire type) and a varint, eight,
 * four, or a counted number of bytes. Unknown fields are skipped, so newer engines do no harm.
 */
#include "providers/docker/buildkit.h"

#include <sodium.h>
#include <stdint.h>
#include <string.h>

enum wire { WIRE_VARINT = 0, WIRE_8 = 1, WIRE_BYTES = 2, WIRE_4 = 5 };

/* Fields of StatusResponse, Vertex and VertexLog. */
enum { STATUS_VERTEX = 1, STATUS_LOG = 3, VERTEX_NAME = 3, VERTEX_STARTED = 5, VERTEX_COMPLETED = 6,
	LOG_TEXT = 4 };

struct message {
	const unsigned char *at, *end;
};

struct field {
	unsigned number;
	struct message bytes; /* of WIRE_BYTES; else empty */
};

static bool read_varint(struct message *message, uint64_t *out)
{
	*out = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		unsigned char byte;

		if (message->at == message->end)
			return false;
		byte = *message->at++;
		*out |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

static bool skip(struct message *message, uint64_t len)
{
	if (len > (uint64_t)(message->end - message->at))
		return false;
	message->at += len;
	return true;
}

/* False at the end and at a fault: then at != end. */
static bool next_field(struct message *message, struct field *field)
{
	struct message before = *message;
	uint64_t tag, len;
	bool good = false;

	*field = (struct field){0};
	if (message->at == message->end)
		return false;
	if (read_varint(message, &tag)) {
		field->number = (unsigned)(tag >> 3);
		switch (tag & 7) {
		case WIRE_VARINT:
			good = read_varint(message, &len);
			break;
		case WIRE_8:
			good = skip(message, 8);
			break;
		case WIRE_4:
			good = skip(message, 4);
			break;
		case WIRE_BYTES:
			good = read_varint(message, &len) && skip(message, len);
			if (good)
				field->bytes = (struct message){message->at - len, message->at};
			break;
		default:
			break;
		}
	}
	if (!good)
		*message = before;
	return good;
}

struct seer {
	void (*see)(void *arg, enum buildkit_kind kind, const char *text, size_t len);
	void *arg;
};

static bool read_vertex(struct message vertex, const struct seer *seer)
{
	struct message name = {0};
	bool started = false, completed = false;
	struct field field;

	while (next_field(&vertex, &field)) {
		if (field.number == VERTEX_NAME)
			name = field.bytes;
		started |= field.number == VERTEX_STARTED;
		completed |= field.number == VERTEX_COMPLETED;
	}
	/* Each is reported again when it completes. */
	if (name.at && started && !completed)
		seer->see(seer->arg, BUILDKIT_STEP, (const char *)name.at, (size_t)(name.end - name.at));
	return vertex.at == vertex.end;
}

static bool read_log(struct message log, const struct seer *seer)
{
	struct field field;

	while (next_field(&log, &field))
		if (field.number == LOG_TEXT && field.bytes.at)
			seer->see(seer->arg, BUILDKIT_LOG, (const char *)field.bytes.at,
				(size_t)(field.bytes.end - field.bytes.at));
	return log.at == log.end;
}

bool buildkit_trace(const char *base64, struct arena *arena,
	void (*see)(void *arg, enum buildkit_kind kind, const char *text, size_t len), void *arg)
{
	struct seer seer = {see, arg};
	size_t room = strlen(base64), len;
	unsigned char *bytes = arena_alloc(arena, room + 1);
	struct message status;
	struct field field;
	bool good = true;

	if (sodium_base642bin(bytes, room + 1, base64, room, NULL, &len, NULL,
			sodium_base64_VARIANT_ORIGINAL))
		return false;
	status = (struct message){bytes, bytes + len};
	while (good && next_field(&status, &field)) {
		if (field.number == STATUS_VERTEX && field.bytes.at)
			good = read_vertex(field.bytes, &seer);
		else if (field.number == STATUS_LOG && field.bytes.at)
			good = read_log(field.bytes, &seer);
	}
	return good && status.at == status.end;
}
