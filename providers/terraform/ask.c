/*
 * Plans of several modules at once: each is a process that mostly waits for others. Every module is asked
 * with an arena and a trail of its own, which become those of the caller when all have answered.
 */
#include "providers/terraform/terraform.h"

#include "base/fs.h"

#include <pthread.h>

enum { AT_ONCE = TERRAFORM_AT_ONCE - 1 }; /* beside the thread that asks */

void terraform_ask(struct asking *asking, const struct terraform *tf, struct observation *item, bool same)
{
	ARENA_GROW(tf->arena, asking->items, asking->n, asking->cap);
	asking->items[asking->n++] = (struct asked){.tf = *tf, .item = item, .same = same};
}

static void note_look(struct terraform *tf)
{
	const char *path = fs_join(tf->arena, tf->folder, "looked");

	fs_write(path, arena_printf(tf->arena, "%s.devenv-new", path), "", 0, 0600, FS_VOLATILE, NULL);
}

static void ask(struct terraform *tf, struct observation *item, bool same)
{
	struct prepared *prepared = NULL;
	struct error err = ERROR_INIT;

	if (terraform_prepare(tf->env, item->desired, item->id, tf->program, item, &prepared, &err)) {
		terraform_unseen(item, arena_strdup(tf->arena, err.msg));
		return;
	}
	/* With other inputs an empty plan is applied, too: destroying needs the mirror as it is now. */
	item->matches = prepared->empty && same;
	item->prepared = prepared;
	if (item->record && tf->folder && prepared->empty) /* else it is seen again until it is repaired */
		note_look(tf);
	if (same && !prepared->empty)
		item->differs = arena_printf(tf->arena, "what is inside it is not as the module says");
}

static void *ask_them(void *arg)
{
	struct asking *asking = arg;
	struct trail *before = trail_open(NULL);
	size_t i;

	while ((i = atomic_fetch_add(&asking->next, 1)) < asking->n) {
		struct asked *one = &asking->items[i];

		one->env = *one->tf.env;
		one->env.arena = one->tf.arena = &one->arena;
		one->tf.env = &one->env;
		trail_open(asking->followed ? &one->trail : NULL);
		ask(&one->tf, one->item, one->same);
	}
	trail_open(before);
	return NULL;
}

void terraform_ask_all(struct asking *asking, struct arena *arena)
{
	struct trail *trail = trail_open(NULL);
	pthread_t threads[AT_ONCE];
	size_t n = 0;

	asking->followed = trail != NULL;
	while (n < AT_ONCE && n + 1 < asking->n && !pthread_create(&threads[n], NULL, ask_them, asking))
		n++;
	ask_them(asking);
	while (n)
		pthread_join(threads[--n], NULL);
	trail_open(trail);
	for (size_t i = 0; i < asking->n; i++) {
		arena_join(arena, &asking->items[i].arena);
		if (trail)
			trail_join(trail, &asking->items[i].trail);
		trail_release(&asking->items[i].trail);
	}
}
