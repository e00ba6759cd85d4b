/*
 * Starting k3d, and commands in a node. k3d gets a home of its own below the work folder: it edits
 * the kubeconfig of whatever home it finds. It is told the engine that this conversation is with.
 */
#include "providers/k3d/k3d.h"

#include "base/fs.h"
#include "base/process.h"

#include <string.h>

int k3d_folder(struct provider_env *env, const char *name, const char **path, struct error *err)
{
	*path = arena_printf(env->arena, "%s/k3d/%s", env->work_dir, name);
	return fs_make_dirs(*path, 0700, env->arena, NULL, err);
}

/* Of `time="..." level=info msg="..."` what it says. */
static void show(void *arg, int stream, const char *text, size_t len)
{
	static const char before[] = " msg=\"";
	const char *msg = memmem(text, len, before, strlen(before));

	(void)stream;
	if (msg) {
		msg += strlen(before);
		len -= (size_t)(msg - text);
		text = msg;
		len -= len && text[len - 1] == '"';
	}
	provider_progress(arg, "%.*s", (int)len, text);
}

static const char *const *environment(struct docker *docker, const char *home)
{
	struct process_env env;

	process_env_init(&env, docker->arena, NULL);
	process_env_set(&env, "HOME", home);
	process_env_set(&env, "KUBECONFIG", fs_join(docker->arena, home, "kubeconfig"));
	process_env_set(&env, "TMPDIR", fs_join(docker->arena, home, "tmp"));
	process_env_set(&env, "DOCKER_HOST", docker->where);
	process_env_set(&env, "LOG_COLORS", "false");
	process_env_set(&env, "LOG_LEVEL", "info");
	return process_env_vector(&env);
}

/* k3d leaves a copy of its configuration, with the token, where temporary files go: that is here. */
static int renew(struct docker *docker, const char *home, struct error *err)
{
	const char *folder = fs_join(docker->arena, home, "tmp");

	return fs_remove_tree(folder, err) ||
	       fs_make_dirs(folder, 0700, docker->arena, NULL, err) ? -1 : 0;
}

/* `out` and `said` may be NULL; with neither, what it prints is progress. */
static int run(struct docker *docker, const char *const *args, const char **out, const char **said,
	struct error *err)
{
	struct provider_env *env = docker->env;
	struct process_result cleanup_process result = PROCESS_RESULT_INIT;
	struct process_request request = {
		.flags = PROCESS_OUTLIVES,
		.keep_fd = env->intent_fd,
		.deadline = env->deadline,
		.clock = env->clock,
		.cancel = env->cancel,
		.line = out ? NULL : show,
		.arg = env,
	};
	const char **argv, *home;
	size_t n = 0;
	int rc;

	while (args[n])
		n++;
	argv = arena_alloc(docker->arena, (n + 2) * sizeof(*argv));
	argv[0] = "k3d";
	memcpy(argv + 1, args, (n + 1) * sizeof(*argv));
	request.argv = argv;
	if (k3d_folder(env, "home", &home, err) || renew(docker, home, err))
		return -1;
	request.env = environment(docker, home);
	request.directory = home;
	rc = process_run(&request, &result, err);
	fs_remove_tree(fs_join(docker->arena, home, "tmp"), NULL);
	if (rc < 0)
		return err->code == ERROR_NOT_FOUND
			? error_wrap(err, "clusters of k3d need the program k3d (https://k3d.io)")
			: -1;
	if (out)
		*out = arena_strndup(docker->arena, result.out.text, result.out.len);
	if (said)
		*said = arena_strndup(docker->arena, result.err.text, result.err.len);
	return process_check(&request, &result, err);
}

int k3d_run(struct docker *docker, const char *const *args, const char **out, struct error *err)
{
	return run(docker, args, out, NULL, err);
}

int k3d_run_noting(struct docker *docker, const char *const *args, const char **said,
	struct error *err)
{
	return run(docker, args, NULL, said, err);
}

int k3d_version(struct docker *docker, const char **out, struct error *err)
{
	static const char *const argv[] = {"k3d", "version", "--output", "json", NULL};
	struct process_result cleanup_process result = PROCESS_RESULT_INIT;
	const struct process_request request = {
		.argv = argv,
		.env = environment(docker, "/nonexistent"),
		.deadline = docker->env->deadline,
		.clock = docker->env->clock,
		.cancel = docker->env->cancel,
	};

	if (process_run(&request, &result, err) || process_check(&request, &result, err))
		return -1;
	*out = arena_strndup(docker->arena, result.out.text, result.out.len);
	return 0;
}

struct capture {
	struct strbuf out, all;
};

static bool keep(void *arg, int stream, const char *data, size_t len)
{
	struct capture *capture = arg;

	if (stream == 1)
		strbuf_add(&capture->out, data, len);
	strbuf_add(&capture->all, data, len);
	return true;
}

static const char *last_line(struct arena *arena, const struct strbuf *text)
{
	size_t end = text->len, from;

	while (end && strchr("\r\n ", text->text[end - 1]))
		end--;
	for (from = end; from && text->text[from - 1] != '\n';)
		from--;
	return end > from ? arena_strndup(arena, text->text + from, end - from) : "it says nothing";
}

int k3d_exec(struct docker *docker, const char *container, const char *const *argv,
	const char **out, struct error *err)
{
	struct capture capture = {STRBUF_INIT, STRBUF_INIT};
	struct record node = {.id = container};
	struct exec_request request = {.argv = argv, .output = keep, .arg = &capture};
	int rc = docker_type_container.exec(docker, &node, &request, err);

	if (!rc && out)
		*out = arena_strndup(docker->arena, capture.out.text, capture.out.len);
	if (!rc && request.exit_status)
		rc = error_set(err, ERROR_FAILED, "%s in the node: %s", argv[0],
			last_line(docker->arena, &capture.all));
	strbuf_release(&capture.out);
	strbuf_release(&capture.all);
	return rc;
}
