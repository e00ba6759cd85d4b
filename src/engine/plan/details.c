/* See details.h. Pure. */
#include "engine/plan/details.h"

#include <string.h>

static const struct value *copy_value(struct arena *arena, const struct value *value)
{
	struct value *copy;

	if (!value)
		return NULL;
	copy = arena_alloc(arena, sizeof(*copy));
	*copy = value_copy(arena, value);
	return copy;
}

static const struct detail_value *copy_values(struct arena *arena, const struct detail *from)
{
	struct detail_value *values = arena_alloc(arena, (from->n_values + 1) * sizeof(*values));

	for (size_t i = 0; i < from->n_values; i++) {
		values[i] = from->values[i];
		values[i].path = arena_strdup(arena, values[i].path);
		values[i].before = copy_value(arena, values[i].before);
		values[i].after = copy_value(arena, values[i].after);
	}
	return values;
}

const struct detail *details_copy(struct arena *arena, const struct detail *details, size_t n)
{
	struct detail *copy = arena_alloc(arena, (n + 1) * sizeof(*copy));

	for (size_t i = 0; i < n; i++) {
		copy[i] = details[i];
		copy[i].address = arena_strdup(arena, copy[i].address);
		if (copy[i].previous)
			copy[i].previous = arena_strdup(arena, copy[i].previous);
		copy[i].values = copy_values(arena, &details[i]);
	}
	return copy;
}

static void hash_text(struct hasher *hasher, const char *text)
{
	hasher_add_str(hasher, text ? text : "", text ? strlen(text) : 0);
}

static void hash_value(struct hasher *hasher, const struct value *value,
	const struct secret_key *key)
{
	if (value)
		value_hash(value, key, hasher);
	else
		hasher_add(hasher, "-", 1);
}

void details_hash(const struct observation *seen, const struct secret_key *key,
	struct hasher *hasher)
{
	for (size_t i = 0; seen && !seen->only_told && i < seen->n_details; i++) {
		const struct detail *detail = &seen->details[i];

		hasher_add(hasher, &detail->kind, sizeof(detail->kind));
		hash_text(hasher, detail->address);
		hash_text(hasher, detail->previous);
		for (size_t k = 0; k < detail->n_values; k++) {
			hash_text(hasher, detail->values[k].path);
			hash_value(hasher, detail->values[k].before, key);
			hash_value(hasher, detail->values[k].after, key);
		}
	}
}
