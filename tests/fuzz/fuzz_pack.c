/* Blobs of state: any bytes unpack without reading beyond them; what is packed comes back. */
#include "fuzz.h"

#include "state/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct unpack unpack = {.at = (const char *)data, .end = (const char *)data + size};
	struct strbuf out = STRBUF_INIT;
	char bytes[32];

	for (int i = 0; i < 8; i++) {
		int64_t number = unpack_int(&unpack);
		const char *text = unpack_text(&unpack);

		unpack_bytes(&unpack, bytes, sizeof(bytes));
		if (unpack.damaged || unpack.ended)
			break;
		pack_int(&out, number);
		pack_text(&out, text);
		pack_bytes(&out, bytes, sizeof(bytes));
	}
	unpack = (struct unpack){.at = out.text, .end = out.text + out.len};
	while (!unpack.damaged && !unpack.ended && unpack.at < unpack.end) {
		unpack_int(&unpack);
		unpack_text(&unpack);
		unpack_bytes(&unpack, bytes, sizeof(bytes));
		MUST(!unpack.damaged && !unpack.ended);
	}
	strbuf_release(&out);
	return 0;
}
