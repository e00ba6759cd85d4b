/* YAML: any bytes give a value or a diagnostic; what is read survives a way through JSON. */
#include "fuzz.h"

#include "model/json.h"
#include "model/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = {0};
	struct sources sources = {0};
	struct strbuf first = STRBUF_INIT, second = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct value value, again;
	struct diags diags;
	uint16_t source;

	diags_init(&diags, &arena);
	source = sources_add(&sources, &arena, "fuzz.yml", "fuzz", arena_strndup(&arena, (const char *)data, size),
		size);
	if (yaml_parse(&sources, source, &arena, &value, &diags) < 0) {
		MUST(diags.errors > 0);
	} else {
		json_write(&first, &value, JSON_CLEAR, NULL);
		if (json_parse(first.text, first.len, &arena, NULL, &again, &err) == 0) {
			json_write(&second, &again, JSON_CLEAR, NULL);
			MUST(first.len == second.len && memcmp(first.text, second.text, first.len) == 0);
		}
	}
	strbuf_release(&first);
	strbuf_release(&second);
	arena_release(&arena);
	return 0;
}
