/*
 * A hash map from borrowed NUL-terminated strings to a number (usually an index into an array).
 * Keys are not copied: they must live as long as the map. Iterate over your array, not over the map,
 * so that order never depends on hashing.
 */
#ifndef DEVENV_BASE_MAP_H
#define DEVENV_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot {
	const char *key; /* NULL: free */
	uint32_t hash;
	uint32_t value;
};

struct map {
	struct map_slot *slots;
	size_t n, cap; /* cap is zero or a power of two */
};

#define MAP_INIT {0}
#define MAP_NONE UINT32_MAX

void map_release(struct map *map);
/* Makes room for `n` keys at once. */
void map_reserve(struct map *map, size_t n);
/* False, and changes nothing, when the key is there already. */
bool map_add(struct map *map, const char *key, uint32_t value);
void map_set(struct map *map, const char *key, uint32_t value);
/* MAP_NONE when absent. */
uint32_t map_get(const struct map *map, const char *key);
uint32_t map_getn(const struct map *map, const char *key, size_t len);

/* FNV-1a: short keys, no adversary (keys come from the user's own manifest). */
uint32_t map_hash(const char *key, size_t len);

#endif
