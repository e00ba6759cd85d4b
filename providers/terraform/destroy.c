/*
 * Destroying from the record alone: the private folder has the mirror and the state, the record the
 * variables. The folder goes last, when nothing real is left.
 */
#include "providers/terraform/terraform.h"

#include "base/fs.h"

#include <unistd.h>

static int is_empty(struct terraform *tf, bool *empty, struct error *err)
{
	struct state_file state;

	if (terraform_state(tf, &state, err))
		return -1;
	*empty = !state.resources->len;
	return 0;
}

/* The private folder has what was applied. */
static enum lock_file settled(struct terraform *tf)
{
	return fs_exists(fs_join(tf->arena, tf->module, TERRAFORM_LOCK)) ? LOCK_FILE_SETTLED : LOCK_FILE_NONE;
}

static int destroy(struct terraform *tf, struct error *err)
{
	struct said cleanup_said planned = SAID_INIT, said = SAID_INIT;
	bool nothing = false;
	int fd = -1, rc;

	if (tf->state && (state_restore(tf->arena, tf->state, err) || is_empty(tf, &nothing, err) || nothing))
		return nothing ? 0 : -1;
	rc = terraform_init(tf, settled(tf), err) || terraform_unlock(tf, err) || terraform_push(tf, err) ||
	     terraform_plan(tf, true, &fd, &nothing, &planned, err) ||
	     (!nothing && terraform_execute(tf, &said, err));
	if (fd >= 0)
		close(fd);
	return rc ? -1 : 0;
}

/* The backend of what went forgets all of it; nothing of the world is asked. */
static int empty_backend(struct terraform *tf, struct error *err)
{
	struct said cleanup_said said = SAID_INIT;
	struct state_file state;
	const char **args;

	if (terraform_init(tf, settled(tf), err) || terraform_unlock(tf, err) || terraform_state(tf, &state, err))
		return -1;
	if (!state.resources->len)
		return 0;
	args = arena_alloc(tf->arena, (state.resources->len + 3) * sizeof(*args));
	args[0] = "state";
	args[1] = "rm";
	for (uint32_t i = 0; i < state.resources->len; i++)
		args[i + 2] = value_text(&state.resources->items[i], "");
	args[state.resources->len + 2] = NULL;
	if (terraform_run(tf, args, &said, err))
		return -1;
	return said.status ? terraform_failed(&said, "cannot drop the state of the module", err) : 0;
}

int terraform_drop(struct provider_env *env, struct record *record, struct error *err)
{
	bool moved;

	return terraform_drop_state(env, record, &moved, err);
}

int terraform_drop_state(struct provider_env *env, struct record *record, bool *moved,
	struct error *err)
{
	const struct value *inputs = record_inputs(record, err);
	const char *folder = record->id ? terraform_folder(env, record->id) : NULL;
	const char *before = value_get_text(record_observed(record, NULL), "program", NULL);
	const char *program;
	struct terraform tf;

	*moved = false;
	if (!folder || !fs_exists(folder))
		return 0;
	if (!terraform_open(&tf, env, inputs, folder, NULL, NULL) && !tf.state) {
		if (terraform_program(env, inputs, before, &program, err))
			return -1;
		tf.program = program;
		if (empty_backend(&tf, err))
			return -1;
		*moved = true;
	}
	return fs_remove_tree(folder, err);
}

/* Where a run died while it removed the folder, the state may be there yet: that of nothing. One that cannot be
   read, or was cut off, may be of something. */
static bool has_things(struct arena *arena, const char *folder)
{
	const char *path = fs_join(arena, folder, "terraform.tfstate");
	struct state_file state;

	return fs_exists(path) &&
	       (state_read(arena, path, &state, NULL) || !state.exists || state.resources->len);
}

int terraform_destroy(struct provider_env *env, struct record *record, struct error *err)
{
	const struct value *inputs = record_inputs(record, err);
	const char *folder = record->id ? terraform_folder(env, record->id) : NULL;
	const char *before = value_get_text(record_observed(record, NULL), "program", NULL);
	const char *program;
	struct error why = ERROR_INIT;
	struct terraform tf;

	if (!folder || !fs_exists(folder))
		return 0;
	if (terraform_program(env, inputs, before, &program, err))
		return -1;
	if (terraform_open(&tf, env, inputs, folder, program, &why)) {
		if (why.code != ERROR_NOT_FOUND || has_things(env->arena, folder))
			return error_set(err, ERROR_FAILED, "%s has no module any more (%s): apply it again "
				"first, or `devenv forget` it", folder, why.msg);
	} else if (destroy(&tf, err)) {
		return -1;
	}
	return fs_remove_tree(folder, err);
}
