/*
 * Arena blocks double up to ARENA_MAX_BLOCK, so that a small run touches few pages and a large one
 * makes few system calls. An allocation larger than a block gets a block of its own.
 */
#include "base/alloc.h"

#include "base/error.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	ARENA_FIRST_BLOCK = 16 * 1024,
	ARENA_MAX_BLOCK = 1024 * 1024,
	ARENA_ALIGN = 8, /* the widest member in any of our structs is 8 bytes */
};

struct arena_block {
	struct arena_block *older;
	size_t size;
	char data[];
};

static void *checked(void *ptr, size_t size)
{
	if (!ptr && size)
		give_up("out of memory (%zu bytes)", size);
	return ptr;
}

void *xmalloc(size_t size)
{
	return checked(malloc(size), size);
}

void *xcalloc(size_t count, size_t size)
{
	return checked(calloc(count, size), count * size);
}

void *xrealloc(void *ptr, size_t size)
{
	return checked(realloc(ptr, size), size);
}

char *xstrdup(const char *text)
{
	return xstrndup(text, strlen(text));
}

char *xstrndup(const char *text, size_t len)
{
	char *copy = xmalloc(len + 1);

	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

void arena_release(struct arena *arena)
{
	struct arena_block *block = arena->blocks;

	while (block) {
		struct arena_block *older = block->older;

		free(block);
		block = older;
	}
	*arena = (struct arena)ARENA_INIT;
}

void arena_join(struct arena *into, struct arena *from)
{
	struct arena_block *oldest = from->blocks;

	if (!into->blocks) {
		*into = *from;
	} else if (oldest) {
		while (oldest->older)
			oldest = oldest->older;
		oldest->older = into->blocks->older;
		into->blocks->older = from->blocks; /* behind the one that is being filled */
	}
	*from = (struct arena)ARENA_INIT;
}

static void add_block(struct arena *arena, size_t need)
{
	size_t size = arena->blocks ? arena->blocks->size * 2 : ARENA_FIRST_BLOCK;
	struct arena_block *block;

	if (size > ARENA_MAX_BLOCK)
		size = ARENA_MAX_BLOCK;
	if (size < need)
		size = need;
	block = xmalloc(sizeof(*block) + size);
	block->size = size;
	block->older = arena->blocks;
	arena->blocks = block;
	arena->next = block->data;
	arena->end = block->data + size;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	void *ptr;

	size = ((size ? size : 1) + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	if ((size_t)(arena->end - arena->next) < size)
		add_block(arena, size);
	ptr = arena->next;
	arena->next += size;
	return ptr;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
	return memset(arena_alloc(arena, size), 0, size);
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
	char *copy = arena_alloc(arena, len + 1);

	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

char *arena_vprintf(struct arena *arena, const char *fmt, va_list ap)
{
	va_list again;
	char *text;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len < 0)
		BUG("bad format '%s'", fmt);
	text = arena_alloc(arena, (size_t)len + 1);
	vsnprintf(text, (size_t)len + 1, fmt, ap);
	return text;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = arena_vprintf(arena, fmt, ap);
	va_end(ap);
	return text;
}

void *arena_regrow(struct arena *arena, void *old, size_t old_size, size_t new_size)
{
	void *ptr = arena_alloc(arena, new_size);

	if (old_size)
		memcpy(ptr, old, old_size);
	return ptr;
}

size_t arena_size(const struct arena *arena)
{
	size_t total = 0;

	for (const struct arena_block *b = arena->blocks; b; b = b->older)
		total += b->size;
	return total;
}

void cleanup_freep(void *ptr)
{
	free(*(void **)ptr);
}

void cleanup_fdp(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
