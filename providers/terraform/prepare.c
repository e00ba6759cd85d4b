/*
 * A plan: mirror, init and plan in a scratch folder, so that planning leaves neither the user's tree nor
 * the private folder changed and takes no lock. The saved plan lies in a memfd; the program reaches it
 * through /proc, and it is gone with this process, whatever ends it.
 */
#include "providers/terraform/terraform.h"

#include "base/fs.h"
#include "base/process.h"
#include "model/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void terraform_release(void *prepared)
{
	struct prepared *p = prepared;

	if (!p)
		return;
	if (p->fd >= 0)
		close(p->fd);
	fs_remove_tree(p->folder, NULL);
	free(p->folder);
	free(p);
}

const char *terraform_folder(struct provider_env *env, const char *id)
{
	return arena_printf(env->arena, "%s/terraform/%s", env->work_dir, id);
}

/* Names the process, so that what a killed one left can be told from what is in use. */
#define SCRATCH "devenv-terraform-"

/* --- init ---------------------------------------------------------------------------------------- */

/* The backend that the manifest names, as an override of what the module says. */
static int write_backend(struct terraform *tf, struct error *err)
{
	const struct value *backend = value_get(tf->inputs, "backend");
	const char *type = value_get_text(backend, "type", NULL);
	const struct value *config = value_get(backend, "config");
	const char *path = fs_join(tf->arena, tf->module, "devenv_override.tf.json");
	struct strbuf cleanup_strbuf text = STRBUF_INIT;
	struct value_builder settings;
	struct value map;

	if (!type)
		return fs_remove(path, err);
	builder_init(&settings, tf->arena);
	for (uint32_t i = 0; config && config->kind == VALUE_MAP && i < config->len; i++) {
		const struct member *one = &config->members[i];

		if (strcmp(type, "local") == 0 && strcmp(one->key, "path") == 0)
			builder_put_str(&settings, "path",
				provider_path(tf->env, value_text(&one->value, "")));
		else
			builder_put(&settings, one->key, one->value);
	}
	map = builder_map(&settings);
	strbuf_addstr(&text, "{\"terraform\":{\"backend\":{");
	json_write_string(&text, type, strlen(type));
	strbuf_addch(&text, ':');
	json_write(&text, &map, JSON_CLEAR, NULL);
	strbuf_addstr(&text, "}}}\n");
	return fs_write(path, arena_printf(tf->arena, "%s.devenv-new", path), text.text, text.len, 0600,
		FS_VOLATILE, err);
}

/* Settings for the backend of the module, in a file; NULL: none. */
static int write_backend_config(struct terraform *tf, const char **path, struct error *err)
{
	const struct value *backend = value_get(tf->inputs, "backend");
	const struct value *config = value_get(backend, "config");
	struct strbuf cleanup_strbuf text = STRBUF_INIT;

	*path = NULL;
	if (!config || value_get(backend, "type"))
		return 0;
	json_write(&text, config, JSON_CLEAR, NULL);
	*path = fs_join(tf->arena, tf->folder, "backend.tfvars.json");
	return fs_write(*path, arena_printf(tf->arena, "%s.devenv-new", *path), text.text, text.len, 0600,
		FS_VOLATILE, err);
}

/* The inputs with the cache in their environment; what that says itself wins. */
static struct value with_cache(struct terraform *tf, const struct cache *cache, bool workspace)
{
	const struct value *given = value_get(tf->inputs, "environment");
	struct value_builder environment, inputs;

	builder_init(&environment, tf->arena);
	cache_variables(cache, &environment);
	for (uint32_t i = 0; given && given->kind == VALUE_MAP && i < given->len; i++)
		builder_put(&environment, given->members[i].key, given->members[i].value);
	builder_init(&inputs, tf->arena);
	for (uint32_t i = 0; i < tf->inputs->len; i++) {
		const struct member *one = &tf->inputs->members[i];

		if (strcmp(one->key, "environment") != 0 && (workspace || strcmp(one->key, "workspace") != 0))
			builder_put(&inputs, one->key, one->value);
	}
	builder_put(&inputs, "environment", builder_map(&environment));
	return builder_map(&inputs);
}

static int run_init(struct terraform *tf, const char *const *args, const struct cache *cache,
	bool workspace, struct said *said, struct error *err)
{
	struct terraform with = *tf;
	struct value inputs = with_cache(tf, cache, workspace);

	with.inputs = &inputs;
	return terraform_run(&with, args, said, err);
}

int terraform_moved(struct error *err)
{
	return error_set(err, ERROR_UNREACHABLE, "its backend is another one than before: put it back, or "
		"move the state with the program, `devenv forget` the module and import it");
}

/* What it lacks for this platform; the mirror's is ours to write. */
static int complete_lock_file(struct terraform *tf, struct error *err)
{
	const char *path = fs_join(tf->arena, tf->module, TERRAFORM_LOCK), *text, *whole;
	size_t len;

	if (fs_read(path, tf->arena, &text, &len, err))
		return -1;
	whole = lock_file_complete(tf->arena, text, fs_join(tf->arena, tf->folder, "data/providers"));
	return whole ? fs_write(path, arena_printf(tf->arena, "%s.devenv-new", path), whole, strlen(whole),
			       0600, FS_VOLATILE, err)
		     : 0;
}

int terraform_init(struct terraform *tf, enum lock_file lock_file, struct error *err)
{
	const char *args[8] = {"init", "-input=false", "-no-color"}, *config;
	struct said cleanup_said said = SAID_INIT, again = SAID_INIT;
	struct said *last = &said;
	struct cache cache;
	size_t n = 3;
	int rc;

	if (write_backend(tf, err) || write_backend_config(tf, &config, err))
		return -1;
	if (lock_file != LOCK_FILE_NONE)
		args[n++] = "-lockfile=readonly";
	if (config)
		args[n++] = arena_printf(tf->arena, "-backend-config=%s", config);
	cache_open(&cache, tf, lock_file);
	rc = run_init(tf, args, &cache, true, &said, err);
	/* A workspace that is not there yet is made by the plan. */
	if (!rc && said.status && strstr(said.text.text, "Currently selected workspace")) {
		last = &again;
		rc = run_init(tf, args, &cache, false, &again, err);
	}
	cache_close(&cache);
	if (rc)
		return -1;
	if (!last->status)
		return lock_file == LOCK_FILE_NEW ? complete_lock_file(tf, err) : 0;
	return strstr(last->text.text, "Backend configuration changed") ||
			       strstr(last->text.text, "Backend type changed")
		? terraform_moved(err) : terraform_failed(last, "cannot initialise the module", err);
}

/* --- plan ---------------------------------------------------------------------------------------- */

/* The copy of a variable file: destroying needs it when the manifest and its files are gone. */
static const char *variable_copy(const struct terraform *tf, const char *folder, size_t i,
	const char *path)
{
	return arena_printf(tf->arena, "%s/%zu-%s", folder, i, fs_name(path));
}

static int copy_variable_files(struct terraform *tf, struct error *err)
{
	const struct value *files = value_get(tf->inputs, "variableFiles");

	for (uint32_t i = 0; files && files->kind == VALUE_LIST && i < files->len; i++) {
		const char *path = provider_content(tf->env, value_text(&files->items[i], ""));

		if (mirror_file(tf->arena, path, variable_copy(tf, tf->folder, i, path), err))
			return -1;
	}
	return 0;
}

static const char *const *plan_arguments(struct terraform *tf, bool destroy, const char *variables)
{
	const struct value *files = value_get(tf->inputs, "variableFiles");
	size_t n_files = files && files->kind == VALUE_LIST ? files->len : 0, n = 0;
	const char **args = arena_alloc(tf->arena, (n_files + 12) * sizeof(*args));

	args[n++] = "plan";
	args[n++] = "-input=false";
	args[n++] = "-json";
	args[n++] = "-detailed-exitcode";
	args[n++] = "-lock=false";
	args[n++] = arena_printf(tf->arena, "-out=%s", tf->plan);
	args[n++] = arena_printf(tf->arena, "-parallelism=%lld",
		(long long)value_get_int(tf->inputs, "parallelism", 10));
	if (tf->state)
		args[n++] = arena_printf(tf->arena, "-state=%s", state_sound(tf->arena, tf->state));
	if (destroy)
		args[n++] = "-destroy";
	for (size_t i = 0; i < n_files; i++)
		args[n++] = arena_printf(tf->arena, "-var-file=%s",
			variable_copy(tf, tf->folder, i, value_text(&files->items[i], "")));
	args[n++] = arena_printf(tf->arena, "-var-file=%s", variables);
	args[n] = NULL;
	return args;
}

int terraform_plan(struct terraform *tf, bool destroy, int *fd, bool *empty, struct said *said,
	struct error *err)
{
	const char *variables;

	*fd = memfd_create("plan", MFD_CLOEXEC);
	if (*fd < 0)
		return error_errno(err, "no memory for a plan");
	tf->plan = arena_printf(tf->arena, "/proc/%ld/fd/%d", (long)getpid(), *fd);
	if (terraform_variable_file(tf, &variables, err) ||
		terraform_run(tf, plan_arguments(tf, destroy, variables), said, err))
		return -1;
	if (said->status != 0 && said->status != 2)
		return terraform_failed(said, "cannot plan the module", err);
	*empty = said->status == 0;
	return 0;
}

/* Where the state is, once it is known whether the module names a backend. */
static const char *own_state(struct provider_env *env, const struct value *inputs, bool has_backend,
	const char *folder)
{
	if (has_backend || value_get(value_get(inputs, "backend"), "type"))
		return NULL;
	return fs_join(env->arena, folder, "terraform.tfstate");
}

static int open_tree(struct terraform *tf, const char *module, bool has_backend,
	const char *state_folder, struct error *err)
{
	const char *text = arena_printf(tf->arena, "%s\n%s\n", module, has_backend ? "backend" : "");
	const char *path = fs_join(tf->arena, tf->folder, "module");

	tf->module = fs_normalise(tf->arena, arena_printf(tf->arena, "%s/tree/%s", tf->folder, module));
	tf->state = own_state(tf->env, tf->inputs, has_backend, state_folder);
	return fs_write(path, arena_printf(tf->arena, "%s.devenv-new", path), text, strlen(text), 0600,
		FS_VOLATILE, err);
}

int terraform_open(struct terraform *tf, struct provider_env *env, const struct value *inputs,
	const char *folder, const char *program, struct error *err)
{
	const char *text, *rest;
	size_t len;

	*tf = (struct terraform){.env = env, .arena = env->arena, .inputs = inputs, .folder = folder,
		.program = program, .deadline = env->deadline};
	if (fs_read(fs_join(env->arena, folder, "module"), env->arena, &text, &len, err))
		return -1;
	rest = strchr(text, '\n');
	if (!rest)
		return error_set(err, ERROR_CORRUPT, "%s/module is damaged", folder);
	tf->module = fs_normalise(env->arena, arena_printf(env->arena, "%s/tree/%.*s", folder,
		(int)(rest - text), text));
	tf->state = own_state(env, inputs, strncmp(rest, "\nbackend", 8) == 0, folder);
	return 0;
}

/* A module whose backend came or went would look as if nothing of it were there. What changed in it, init
   says. */
static int check_backend(struct terraform *tf, const char *private, const struct scan *scan,
	struct error *err)
{
	struct terraform before;

	if (value_get(value_get(tf->inputs, "backend"), "type") ||
		terraform_open(&before, tf->env, tf->inputs, private, tf->program, NULL))
		return 0;
	return (before.state == NULL) == (scan->backend != NULL) ? 0 : terraform_moved(err);
}

/* The lock file of a plan before goes on where it is the committed one, completed. */
static int keep_lock_file(struct terraform *tf, const char *private, const char *committed,
	const char *module, enum lock_file *lock_file, struct error *err)
{
	const char *kept, *text, *source;
	size_t len;

	*lock_file = fs_exists(committed) ? LOCK_FILE_NEW : LOCK_FILE_NONE;
	if (*lock_file == LOCK_FILE_NONE || !private)
		return 0;
	kept = arena_printf(tf->arena, "%s/tree/%s/" TERRAFORM_LOCK, private, module);
	if (fs_read(committed, tf->arena, &source, &len, err))
		return -1;
	if (fs_read(kept, tf->arena, &text, &len, NULL) || !lock_file_is_completed(text, source))
		return 0;
	*lock_file = LOCK_FILE_SETTLED;
	return mirror_file(tf->arena, kept, fs_join(tf->arena, tf->module, TERRAFORM_LOCK), err);
}

/* The mirror in a scratch folder: over a copy of the private one, where there is one, because modules
   keep files of theirs in it. */
static int fill(struct terraform *tf, const char *id, const struct scan *scan, enum lock_file *lock_file,
	struct error *err)
{
	const char *private = id ? terraform_folder(tf->env, id) : NULL;
	const char *module = fs_relative(scan->root, scan->module);
	const char *const *files;
	size_t n;

	if (private && (check_backend(tf, private, scan, err) ||
			mirror_copy(tf->arena, fs_join(tf->arena, private, "tree"),
				fs_join(tf->arena, tf->folder, "tree"), err) ||
			mirror_copy(tf->arena, fs_join(tf->arena, private, "data"),
				fs_join(tf->arena, tf->folder, "data"), err) ||
			mirror_files(tf->arena, private, &files, &n, err)))
		return -1;
	if (private && n && mirror_sync(tf->arena, fs_join(tf->arena, private, "tree"), files, n,
				tf->folder, err))
		return -1;
	if (mirror_list(scan, &files, &n, err) ||
		mirror_sync(tf->arena, scan->root, files, n, tf->folder, err))
		return -1;
	return open_tree(tf, module, scan->backend != NULL, private ? private : tf->folder, err) ||
	       keep_lock_file(tf, private, fs_join(tf->arena, scan->module, TERRAFORM_LOCK), module,
		       lock_file, err) ? -1 : 0;
}

static int prepare(struct terraform *tf, const char *id, struct observation *item,
	struct prepared *p, struct error *err)
{
	const char *source = value_get_text(tf->inputs, "source", "");
	struct said cleanup_said said = SAID_INIT;
	struct scan scan = {0};
	enum lock_file lock_file;

	if (fs_scratch(SCRATCH, tf->arena, &tf->folder, err))
		return -1;
	p->folder = xstrdup(tf->folder);
	if (scan_module(&scan, tf->arena, provider_content(tf->env, "."), source, err) ||
		fill(tf, id, &scan, &lock_file, err) || copy_variable_files(tf, err) ||
		terraform_init(tf, lock_file, err) ||
		terraform_plan(tf, false, &p->fd, &p->empty, &said, err))
		return -1;
	return terraform_details(tf, item, p, err);
}

int terraform_prepare(struct provider_env *env, const struct value *inputs, const char *id,
	const char *program, struct observation *item, struct prepared **prepared, struct error *err)
{
	struct terraform tf = {.env = env, .arena = env->arena, .inputs = inputs, .program = program};
	struct prepared *p = xcalloc(1, sizeof(*p));

	p->fd = -1;
	tf.deadline = clock_monotonic(env->clock) + TERRAFORM_TIMEOUT;
	if (env->intent && env->deadline < tf.deadline)
		tf.deadline = env->deadline;
	if (prepare(&tf, id, item, p, err)) {
		terraform_release(p);
		return -1;
	}
	*prepared = p;
	return 0;
}
