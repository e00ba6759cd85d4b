/* Ports are found by protocol and number; then their addresses decide. */
#include "engine/plan/claims.h"

#include <stdlib.h>
#include <string.h>

/* The address in "tcp:127.0.0.1:8080" or "udp:[::1]:53": its length, 0 for every address, -1 for what is
   no port. */
static int address_of(const char *what, const char **address)
{
	static const char *const protocols[] = {"tcp:", "udp:", "sctp:"};
	const char *last = strrchr(what, ':');

	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		size_t len = strlen(protocols[i]);

		if (strncmp(what, protocols[i], len) != 0)
			continue;
		*address = what + len;
		return last < *address ? 0 : (int)(last - *address);
	}
	return -1;
}

static const char *key_of(struct arena *arena, const char *what)
{
	const char *address;
	int len = address_of(what, &address);

	return len > 0 ? arena_printf(arena, "%.*s%s", (int)(address - what), what, address + len + 1)
		       : what;
}

bool claims_collide(const char *a, const char *b)
{
	const char *at_a = a, *at_b = b;
	int len_a = address_of(a, &at_a), len_b = address_of(b, &at_b);

	if (strcmp(a, b) == 0)
		return true;
	if (len_a < 0 || len_b < 0 || (len_a > 0) == (len_b > 0))
		return false;
	return at_a - a == at_b - b && strncmp(a, b, (size_t)(at_a - a)) == 0 &&
	       strcmp(at_a + len_a + (len_a > 0), at_b + len_b + (len_b > 0)) == 0;
}

void claims_release(struct claims *claims)
{
	map_release(&claims->heads);
	free(claims->items);
	claims->items = NULL;
}

void claims_add(struct claims *claims, const char *what, uint32_t owner)
{
	const char *kept = arena_strdup(claims->arena, what), *key = key_of(claims->arena, kept);
	uint32_t head = map_get(&claims->heads, key);

	VEC_GROW(claims->items, claims->n, claims->cap);
	claims->items[claims->n] = (struct claim){kept, owner, head};
	map_set(&claims->heads, key, (uint32_t)claims->n++);
}

const struct claim *claims_next(const struct claims *claims, const char *what,
	const struct claim *at)
{
	struct arena arena = ARENA_INIT;
	uint32_t next = at ? at->next : map_get(&claims->heads, key_of(&arena, what));

	arena_release(&arena);
	while (next != MAP_NONE && !claims_collide(claims->items[next].what, what))
		next = claims->items[next].next;
	return next == MAP_NONE ? NULL : &claims->items[next];
}
