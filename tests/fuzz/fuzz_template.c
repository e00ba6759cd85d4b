/* References: any text parses or is reported; what is expanded by itself comes back. */
#include "fuzz.h"

#include "model/template.h"

static enum lookup keep(void *arg, const struct part *part, struct value *out)
{
	(void)arg;
	if (part->kind == PART_VARIABLE) {
		*out = value_borrow("x");
		return LOOKUP_VALUE;
	}
	return part->kind == PART_ENV ? LOOKUP_FAILED : LOOKUP_KEEP;
}

static void see(void *arg, const struct part *part, const struct value *string)
{
	(void)string;
	MUST(part->kind != PART_LITERAL);
	++*(size_t *)arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = {0};
	struct value string = value_strn(&arena, (const char *)data, size), out;
	struct template template;
	struct diags diags;
	size_t seen = 0, parts = 0;

	diags_init(&diags, &arena);
	string.flags |= VALUE_TEMPLATE;
	if (template_parse(&string, &arena, &template, &diags) == 0) {
		for (size_t i = 0; i < template.n; i++)
			parts += template.parts[i].kind != PART_LITERAL;
		MUST(!template.whole || template.n == 1);
		template_visit(&string, &arena, &diags, see, &seen);
		MUST(seen == parts);
	} else {
		MUST(diags.errors > 0);
	}
	template_expand(&string, &arena, keep, NULL, &out, &diags);
	arena_release(&arena);
	return 0;
}
