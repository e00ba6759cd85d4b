/* JSON, as it stands in state and in replies: what is read and written is read again as the same. */
#include "fuzz.h"

#include "base/secret.h"
#include "model/json.h"
#include "model/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct secret_key key = {.id = "01234567"};
	struct arena arena = {0};
	struct strbuf first = STRBUF_INIT, second = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct value value, again;
	struct record record = {.arena = &arena, .key = &key};

	if (json_parse((const char *)data, size, &arena, NULL, &value, &err) == 0) {
		json_write(&first, &value, JSON_CLEAR, NULL);
		MUST(json_parse(first.text, first.len, &arena, NULL, &again, &err) == 0);
		MUST(value_equal(&value, &again));
		json_write(&second, &again, JSON_CLEAR, NULL);
		MUST(strcmp(first.text, second.text) == 0);
	}
	/* As a row of state, with sealed parts. */
	json_parse((const char *)data, size, &arena, &key, &value, &err);
	record.inputs_json = record.outputs_json = record.observed_json = record.meta_json =
		arena_strndup(&arena, (const char *)data, size);
	MUST(record_inputs(&record, &err)->kind == VALUE_MAP);
	MUST(record_outputs(&record, &err)->kind == VALUE_MAP);
	MUST(record_meta(&record, &err)->kind == VALUE_MAP);
	strbuf_release(&first);
	strbuf_release(&second);
	arena_release(&arena);
	return 0;
}
