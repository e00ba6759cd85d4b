/*
 * Memory. One arena per reconcile owns manifest, graph, observations and plan, and is released in one
 * call, so a loop cannot leak. Growable buffers that live shorter use the x-functions, which end
 * the process when memory is out: nothing sensible is left to do, and every effect is journaled before.
 */
#ifndef DEVENV_BASE_ALLOC_H
#define DEVENV_BASE_ALLOC_H

#include <stdarg.h>
#include <stddef.h>

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *ptr, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t len);

struct arena_block;

/* Not thread-safe: each worker has its own. Zero-initialised is empty and ready for use. */
struct arena {
	struct arena_block *blocks; /* newest first */
	char *next, *end;           /* free room in the newest block */
};

#define ARENA_INIT {0}

void arena_release(struct arena *arena);
/* All that `from` holds lives as long as `into`; `from` is empty and ready for use afterwards. */
void arena_join(struct arena *into, struct arena *from);
/* Aligned for any type; never NULL; not zeroed. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_zalloc(struct arena *arena, size_t size);
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t len);
char *arena_printf(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *fmt, va_list ap);
/* Bytes taken from the system; for tests and --debug. */
size_t arena_size(const struct arena *arena);

/*
 * A vector is the triple (items, n, cap) in any struct:  struct node *nodes; size_t n, cap;
 * VEC_GROW makes room for one more item and keeps the items on the heap (free() them).
 * ARENA_GROW does the same in an arena; what it leaves behind goes with the arena.
 */
#define VEC_GROW(items, n, cap)                                                                      \
	do {                                                                                         \
		if ((n) == (cap)) {                                                                  \
			(cap) = (cap) ? (cap)*2 : 8;                                                 \
			(items) = xrealloc((items), (size_t)(cap) * sizeof(*(items)));               \
		}                                                                                    \
	} while (0)
#define ARENA_GROW(arena, items, n, cap)                                                             \
	do {                                                                                         \
		if ((n) == (cap)) {                                                                  \
			(cap) = (cap) ? (cap)*2 : 4;                                                 \
			(items) = arena_regrow((arena), (items), (size_t)(n) * sizeof(*(items)),     \
				(size_t)(cap) * sizeof(*(items)));                                   \
		}                                                                                    \
	} while (0)
void *arena_regrow(struct arena *arena, void *old, size_t old_size, size_t new_size);

/* Runs at the end of the scope: `cleanup_free char *text = NULL;` */
#define cleanup_free __attribute__((cleanup(cleanup_freep)))
#define cleanup_fd __attribute__((cleanup(cleanup_fdp)))
void cleanup_freep(void *ptr);
void cleanup_fdp(int *fd); /* closes when >= 0 */

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
