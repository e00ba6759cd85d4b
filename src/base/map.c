/* Open addressing with linear probing, at most half full. */
#include "base/map.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

uint32_t map_hash(const char *key, size_t len)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)key[i]) * 16777619u;
	return hash;
}

void map_release(struct map *map)
{
	free(map->slots);
	*map = (struct map)MAP_INIT;
}

static struct map_slot *find_slot(const struct map *map, const char *key, size_t len, uint32_t hash)
{
	size_t i = hash & (map->cap - 1);

	while (map->slots[i].key) {
		const struct map_slot *slot = &map->slots[i];

		if (slot->hash == hash && strncmp(slot->key, key, len) == 0 && !slot->key[len])
			break;
		i = (i + 1) & (map->cap - 1);
	}
	return &map->slots[i];
}

static void resize(struct map *map, size_t cap)
{
	struct map_slot *old = map->slots;
	size_t old_cap = map->cap;

	map->slots = xcalloc(cap, sizeof(*map->slots));
	map->cap = cap;
	for (size_t i = 0; i < old_cap; i++) {
		size_t at;

		if (!old[i].key)
			continue;
		at = old[i].hash & (cap - 1);
		while (map->slots[at].key)
			at = (at + 1) & (cap - 1);
		map->slots[at] = old[i];
	}
	free(old);
}

void map_reserve(struct map *map, size_t n)
{
	size_t cap = map->cap ? map->cap : 16;

	while (cap < n * 2)
		cap *= 2;
	if (cap > map->cap)
		resize(map, cap);
}

bool map_add(struct map *map, const char *key, uint32_t value)
{
	size_t len = strlen(key);
	uint32_t hash = map_hash(key, len);
	struct map_slot *slot;

	map_reserve(map, map->n + 1);
	slot = find_slot(map, key, len, hash);
	if (slot->key)
		return false;
	*slot = (struct map_slot){.key = key, .hash = hash, .value = value};
	map->n++;
	return true;
}

void map_set(struct map *map, const char *key, uint32_t value)
{
	if (!map_add(map, key, value))
		find_slot(map, key, strlen(key), map_hash(key, strlen(key)))->value = value;
}

uint32_t map_getn(const struct map *map, const char *key, size_t len)
{
	const struct map_slot *slot;

	if (!map->n)
		return MAP_NONE;
	slot = find_slot(map, key, len, map_hash(key, len));
	return slot->key ? slot->value : MAP_NONE;
}

uint32_t map_get(const struct map *map, const char *key)
{
	return map_getn(map, key, strlen(key));
}
