/* What BuildKit sends while it builds: any bytes in place of its messages, as base64 and as they are. */
#include "fuzz.h"

#include "providers/docker/buildkit.h"

#include <sodium.h>

struct seen {
	size_t bytes;
};

static void see(void *arg, enum buildkit_kind kind, const char *text, size_t len)
{
	struct seen *seen = arg;

	MUST(kind == BUILDKIT_STEP || kind == BUILDKIT_LOG);
	seen->bytes += len ? (size_t)(text[0] != text[len - 1]) : 0; /* touches both ends */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = {0};
	struct seen seen = {0};
	size_t room = sodium_base64_encoded_len(size, sodium_base64_VARIANT_ORIGINAL);
	char *text = arena_alloc(&arena, room);

	sodium_bin2base64(text, room, data, size, sodium_base64_VARIANT_ORIGINAL);
	buildkit_trace(text, &arena, see, &seen);
	buildkit_trace(arena_strndup(&arena, (const char *)data, size), &arena, see, &seen);
	arena_release(&arena);
	return 0;
}
