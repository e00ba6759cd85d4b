/*
 * Applying exactly the plan that was shown: its tree and data move into the private folder, the saved
 * plan is read from memory. Killed anywhere: `begun` lets the next run find the folder by the intent, the
 * program keeps its state by itself, and a new plan says what is left to do.
 */
#include "providers/terraform/terraform.h"

#include "base/fs.h"

#include <string.h>
#include <unistd.h>

/* What lies in the scratch folder beside tree and data: variable files, the path of the module. */
static int move_files(struct arena *arena, const char *from, const char *to, struct error *err)
{
	const char *const *names;
	size_t n;

	if (fs_list(from, arena, &names, &n, err))
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *path = fs_join(arena, from, names[i]);
		enum fs_kind kind;

		if (fs_look(path, &kind, NULL, err))
			return -1;
		if (kind == FS_FILE && strcmp(names[i], "files") != 0 && !strstr(names[i], ".tfstate") &&
			mirror_file(arena, path, fs_join(arena, to, names[i]), err))
			return -1;
	}
	return 0;
}

/* What init wrote beside the source, where the source has none. */
static int move_made(struct terraform *scratch, struct terraform *tf, struct error *err)
{
	static const char *const names[] = {TERRAFORM_LOCK, "devenv_override.tf.json"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *from = fs_join(tf->arena, scratch->module, names[i]);
		const char *to = fs_join(tf->arena, tf->module, names[i]);

		if (fs_exists(from) ? mirror_file(tf->arena, from, to, err) : fs_remove(to, err))
			return -1;
	}
	return 0;
}

static int settle_in(struct terraform *tf, const struct prepared *prepared, struct error *err)
{
	const char *tree = fs_join(tf->arena, prepared->folder, "tree");
	const char *data = fs_join(tf->arena, tf->folder, "data");
	const char *const *files;
	struct terraform scratch;
	size_t n;

	if (fs_make_dirs(tf->folder, 0700, tf->arena, NULL, err) ||
		mirror_files(tf->arena, prepared->folder, &files, &n, err) ||
		mirror_sync(tf->arena, tree, files, n, tf->folder, err) || fs_remove_tree(data, err) ||
		mirror_copy(tf->arena, fs_join(tf->arena, prepared->folder, "data"), data, err) ||
		move_files(tf->arena, prepared->folder, tf->folder, err) ||
		terraform_open(tf, tf->env, tf->inputs, tf->folder, tf->program, err) ||
		terraform_open(&scratch, tf->env, tf->inputs, prepared->folder, tf->program, err) ||
		move_made(&scratch, tf, err))
		return -1;
	tf->plan = arena_printf(tf->arena, "/proc/%ld/fd/%d", (long)getpid(), prepared->fd);
	return 0;
}

static int mark(struct terraform *tf, struct error *err)
{
	const char *path = fs_join(tf->arena, tf->folder, "begun");

	return fs_exists(path) ? 0
		: fs_write(path, arena_printf(tf->arena, "%s.devenv-new", path), "", 0, 0600, 0, err);
}

/* --- a state that could not be saved ------------------------------------------------------------- */

const char *terraform_unsaved(struct terraform *tf)
{
	const char *path = tf->module ? fs_join(tf->arena, tf->module, "errored.tfstate") : NULL;

	return path && fs_exists(path) ? path : NULL;
}

/* Our own state file: the newer one of the two, if they are about the same. */
static int push_own(struct terraform *tf, const char *unsaved, struct error *err)
{
	struct state_file ours, theirs;
	const char *text;
	size_t len;

	if (state_read(tf->arena, unsaved, &theirs, err) || state_read(tf->arena, tf->state, &ours, err))
		return -1;
	if (ours.exists && (!ours.lineage || !theirs.lineage || strcmp(ours.lineage, theirs.lineage) != 0))
		return error_set(err, ERROR_CONFLICT, "%s is not of the same state as %s: look at both",
			unsaved, tf->state);
	if (ours.exists && ours.serial >= theirs.serial)
		return fs_remove(unsaved, err);
	if (fs_read(unsaved, tf->arena, &text, &len, err) ||
		fs_write(tf->state, arena_printf(tf->arena, "%s.devenv-new", tf->state), text, len, 0600, 0,
			err))
		return -1;
	return fs_remove(unsaved, err);
}

int terraform_push(struct terraform *tf, struct error *err)
{
	const char *unsaved = terraform_unsaved(tf);
	const char *const args[] = {"state", "push", unsaved, NULL};
	struct said cleanup_said said = SAID_INIT;

	if (!unsaved)
		return 0;
	provider_progress(tf->env, "an earlier run could not save its state: saving it now");
	if (tf->state)
		return push_own(tf, unsaved, err);
	if (terraform_run(tf, args, &said, err))
		return -1;
	if (said.status)
		return terraform_failed(&said, "cannot save the state of an earlier run", err);
	return fs_remove(unsaved, err);
}

/* --- apply --------------------------------------------------------------------------------------- */

static int describe(struct terraform *tf, const struct prepared *prepared, const char *id,
	struct outcome *outcome, struct error *err)
{
	const char *version;
	struct state_file state;

	if (terraform_version(tf, &version, err) || terraform_state(tf, &state, err))
		return -1;
	outcome->exists = true;
	outcome->id = id;
	outcome->outputs = terraform_mark_outputs(tf, state.outputs, prepared->loses_track);
	outcome->observed = state_attributes(tf, &state, version);
	return 0;
}

static int execute(struct terraform *tf, const struct prepared *prepared, const char *id,
	struct outcome *outcome, struct error *err)
{
	struct said cleanup_said said = SAID_INIT;
	int rc = settle_in(tf, prepared, err) || mark(tf, err) ||
		 (tf->state && state_restore(tf->arena, tf->state, err)) ||
		 terraform_execute(tf, &said, err);

	outcome->output = arena_strdup(tf->arena, said.text.text);
	if (tf->state)
		state_keep(tf->state);
	if (rc)
		return -1;
	return describe(tf, prepared, id, outcome, err);
}

/* No plan was made before, or the state moved since. */
static int prepare_now(struct terraform *tf, const struct request *request, const char *id,
	struct prepared **own, struct error *err)
{
	if (terraform_prepare(tf->env, request->inputs, id, tf->program, NULL, own, err))
		return -1;
	if (!(*own)->removes)
		return 0;
	terraform_release(*own);
	*own = NULL;
	return error_set(err, ERROR_FAILED, "it would remove things that no plan has shown: plan and apply "
		"again, with --refresh=full");
}

/* Of a create only what a dead run began is known already. */
static const char *id_of(const struct provider_env *env, const struct request *request)
{
	const char *seen = request->observed ? request->observed->id : NULL;

	if (request->record && request->record->id)
		return request->record->id;
	return seen && (request->adopt || request->act == ACT_CREATE) ? seen : env->intent;
}

int terraform_apply(struct provider_env *env, const struct request *request,
	struct outcome *outcome, struct error *err)
{
	const struct observation *seen = request->observed;
	const struct value *before = request->record ? record_observed(request->record, NULL) : NULL;
	const char *id = id_of(env, request), *folder = terraform_folder(env, id);
	struct prepared *prepared = seen ? seen->prepared : NULL, *own = NULL;
	struct terraform tf = {.env = env, .arena = env->arena, .inputs = request->inputs,
		.folder = folder, .deadline = env->deadline};
	bool moved = false;
	int rc;

	if (request->gone && terraform_drop_state(env, request->gone, &moved, err))
		return -1;
	if (moved)
		prepared = NULL;
	if (terraform_program(env, request->inputs, value_get_text(before, "program", NULL), &tf.program,
			err))
		return -1;
	if (!terraform_open(&tf, env, request->inputs, folder, tf.program, NULL)) {
		if (terraform_unsaved(&tf))
			prepared = NULL; /* it was made without what is saved now */
		if (terraform_unlock(&tf, err) || terraform_push(&tf, err))
			return -1;
	}
	tf.folder = folder;
	if (!prepared && prepare_now(&tf, request, id, &own, err))
		return -1;
	rc = execute(&tf, prepared ? prepared : own, id, outcome, err);
	terraform_release(own);
	return rc;
}
