/*
 * The validator: any value against the schema of the manifest or of a type (the first byte says which).
 * What is valid as written is valid once it is coerced, and coercing twice changes nothing more.
 */
#include "fuzz.h"

#include "model/type.h"
#include "model/yaml.h"

static const struct schema *chosen(uint8_t byte)
{
	size_t which = byte % (type_count + 1);

	return which ? type_table[which - 1]->schema : &schema_manifest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = {0};
	struct sources sources = {0};
	struct value value, once, twice;
	struct diags diags, again;
	const struct schema *schema;
	uint16_t source;

	if (!size)
		return 0;
	schema = chosen(data[0]);
	diags_init(&diags, &arena);
	diags_init(&again, &arena);
	source = sources_add(&sources, &arena, "fuzz.yml", "fuzz",
		arena_strndup(&arena, (const char *)data + 1, size - 1), size - 1);
	if (yaml_parse(&sources, source, &arena, &value, &diags) == 0) {
		schema_validate(schema, &value, &diags);
		once = schema_coerce(schema, &value, &arena);
		schema_validate(schema, &once, &again);
		MUST(diags.errors || !again.errors);
		twice = schema_coerce(schema, &once, &arena);
		MUST(value_equal(&once, &twice));
		diags_sort(&diags);
	}
	arena_release(&arena);
	return 0;
}
