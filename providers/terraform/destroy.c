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

static int destroy(struct terraform *tf, struct error *err)
{
	struct said cleanup_said planned = SAID_INIT, said = SAID_INIT;
	bool nothing = false, lock;
	int fd = -1, rc;

	if (tf->state && (state_restore(tf->arena, tf->state, err) || is_empty(tf, &nothing, err) || nothing))
		return nothing ? 0 : -1;
	lock = fs_exists(fs_join(tf->arena, tf->module, ".terraform.lock.hcl"));
	rc = terraform_init(tf, lock, err) || terraform_push(tf, err) ||
	     terraform_plan(tf, true, &fd, &nothing, &planned, err) ||
	     (!nothing && terraform_execute(tf, &said, err));
	if (fd >= 0)
		close(fd);
	return rc ? -1 : 0;
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
		if (why.code != ERROR_NOT_FOUND || fs_exists(fs_join(env->arena, folder, "terraform.tfstate")))
			return error_set(err, ERROR_FAILED, "%s has no module any more (%s): apply it again "
				"first, or `devenv forget` it", folder, why.msg);
	} else if (destroy(&tf, err)) {
		return -1;
	}
	return fs_remove_tree(folder, err);
}
