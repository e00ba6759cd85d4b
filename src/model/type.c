/* Looking things up in the generated tables of types; all are sorted by name. */
#include "model/type.h"

#include <string.h>

const struct type *type_find(const char *name)
{
	size_t low = 0, high = type_count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(name, type_table[middle]->name);

		if (order == 0)
			return type_table[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct output *type_output(const struct type *type, const char *name)
{
	for (size_t i = 0; i < type->n_outputs; i++)
		if (!strcmp(type->outputs[i].name, name))
			return &type->outputs[i];
	return NULL;
}

const struct schema *type_attribute(const struct type *type, const char *name)
{
	return schema_property(type->schema, name);
}
