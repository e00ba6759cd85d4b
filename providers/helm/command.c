/*
 * Starting helm: with an environment that nothing of the user's own helm gets into, in a folder where
 * nothing lies (helm takes a file of the chart's name in its working directory for the chart), and never
 * with a secret among its arguments.
 */
#include "providers/helm/helm.h"

#include "base/fs.h"
#include "base/process.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	MIN_3 = 13,                    /* --labels */
	FAREWELL = 4000,               /* ms before the deadline that helm gives up by itself */
	LONGEST = 24 * 60 * 60,        /* seconds, where nothing sets a limit */
	MAX_OUTPUT = 256 << 20,
	MAX_LINES = 8,                 /* of an error */
};

void helm_arg(struct helm_args *args, const char *arg)
{
	if (args->n + 1 >= ARRAY_SIZE(args->items))
		BUG("too many arguments for helm");
	args->items[args->n++] = arg;
}

void helm_args(struct helm_args *args, ...)
{
	const char *arg;
	va_list ap;

	va_start(ap, args);
	while ((arg = va_arg(ap, const char *)))
		helm_arg(args, arg);
	va_end(ap);
}

/* --- environment -------------------------------------------------------------------------------- */

static const char *folder(const struct helm *helm, const char *name)
{
	return kube_printf(helm->kube, "%s/%s", helm->home, name);
}

/* Memory that has a path: who asks a repository or registry never lies on a disk. */
#define CONFIG "/proc/self/fd/3"
_Static_assert(PROCESS_KEEP_FD == 3, "the path of what helm reads");

static const char *const *environment(struct helm *helm)
{
	struct process_env env;

	process_env_init(&env, helm->kube->arena, NULL);
	for (size_t i = 0; i < env.n;) {
		const char *item = env.items[i];

		if (strncmp(item, "HELM_", 5) != 0) {
			i++;
			continue;
		}
		process_env_set(&env, arena_strndup(helm->kube->arena, item, strcspn(item, "=")), NULL);
		if (i < env.n && env.items[i] == item)
			i++;
	}
	process_env_set(&env, "KUBECONFIG", NULL);
	process_env_set(&env, "HELM_CACHE_HOME", folder(helm, "cache"));
	process_env_set(&env, "HELM_CONFIG_HOME", folder(helm, "config"));
	process_env_set(&env, "HELM_DATA_HOME", folder(helm, "data"));
	if (helm->config >= 0) {
		process_env_set(&env, "HELM_REPOSITORY_CONFIG", CONFIG);
		process_env_set(&env, "HELM_REGISTRY_CONFIG", CONFIG);
	}
	process_env_set(&env, "HELM_DRIVER", "secret");
	process_env_set(&env, "HELM_NO_PLUGINS", "1");
	/* What a cluster has may have changed a moment ago, and a plan leaves no files. */
	process_env_set(&env, "KUBECACHEDIR", "/dev/null/none");
	return process_env_vector(&env);
}

/* --- running ------------------------------------------------------------------------------------ */

static void show(void *arg, int stream, const char *text, size_t len)
{
	(void)stream;
	provider_progress(arg, "%.*s", (int)len, text);
}

/* What another node of this run, or a little time, will mend. */
static bool may_pass(const char *text)
{
	static const char *const phrases[] = {"failed calling webhook", "no endpoints available",
		"no matches for kind", "ensure CRDs are installed first", "cluster unreachable",
		"connection refused", "connection reset", "connection lost", "i/o timeout",
		"TLS handshake timeout", "unexpected EOF", "the server is currently unable",
		"etcdserver: ", "too many requests"};

	for (size_t i = 0; i < ARRAY_SIZE(phrases); i++)
		if (strstr(text, phrases[i]))
			return true;
	return false;
}

/* What is wrong often stands only in the lines after the first ("2 errors occurred:"). */
static void add_lines(struct strbuf *out, const char *text)
{
	size_t len, n = 0;

	for (; *text && n < MAX_LINES; text += len + (text[len] == '\n')) {
		text += strspn(text, " \t");
		len = strcspn(text, "\n");
		if (!len || strncmp(text, "Use --debug", 11) == 0)
			continue;
		strbuf_addf(out, "%s%.*s", n++ ? " " : "", (int)len, text);
	}
}

/* Helm ends with a line "Error: ..."; what stands before it are warnings. */
static int refuse(const struct process_request *request, const struct process_result *result,
	struct error *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	const char *line = NULL;

	for (const char *at = result->err.text; (at = strstr(at, "Error: ")); at += 7)
		if (at == result->err.text || at[-1] == '\n')
			line = at + 7;
	if (!line)
		return process_check(request, result, err);
	add_lines(&text, line);
	error_set(err, may_pass(line) ? ERROR_TRANSIENT : ERROR_FAILED, "helm: %s%s", text.text, strstr(line, "failed to create: namespaces")
		? ": a namespace is no part of a release: make it with a kubernetes_manifest that this "
		  "one depends on"
		: strstr(line, "cannot be imported into the current release") ? ": takeOwnership: true takes it over" : "");
	return -1;
}

int helm_run(struct helm *helm, const struct helm_args *args, const char *input, unsigned flags,
	const char **out, struct error *err)
{
	struct provider_env *env = helm->kube->env;
	struct process_result cleanup_process result = PROCESS_RESULT_INIT;
	struct helm_args all = {.items = {"helm"}, .n = 1};
	struct process_request request = {
		.argv = all.items,
		.env = helm->env,
		.directory = "/",
		.input = input,
		.input_len = input ? strlen(input) : 0,
		.keep_fd = flags & HELM_ACTS ? env->intent_fd : helm->config,
		.deadline = env->deadline ? env->deadline + helm->respite : 0,
		.clock = env->clock,
		.cancel = env->cancel,
		.max_capture = MAX_OUTPUT,
		.flags = PROCESS_OUTLIVES | (out ? 0 : PROCESS_DROP_STDOUT),
		.line = flags & HELM_TELLS ? show : NULL,
		.arg = env,
	};

	for (size_t i = 0; i < args->n; i++)
		helm_arg(&all, args->items[i]);
	if (helm->kubeconfig)
		helm_args(&all, "--kubeconfig", helm->kubeconfig, "--kube-context", helm->context, NULL);
	if (flags & HELM_ACTS) {
		request.directory = folder(helm, "empty");
		if (fs_make_dirs(request.directory, 0700, env->arena, NULL, err))
			return -1;
	}
	if (process_run(&request, &result, err)) {
		if (err && err->code == ERROR_NOT_FOUND)
			return error_wrap(err, "helm_release needs the program helm (https://helm.sh)");
		return -1;
	}
	if (out)
		*out = arena_strndup(env->arena, result.out.text, result.out.len);
	return result.status ? refuse(&request, &result, err) : 0;
}

void helm_move(struct helm *helm, const char *home)
{
	helm->home = home;
	helm->env = environment(helm);
}

int helm_open(struct helm *helm, struct kube *kube, struct error *err)
{
	struct helm_args args = {.items = {"version", "--template", "{{.Version}}"}, .n = 3};
	const char *version;

	*helm = (struct helm){.kube = kube, .config = -1};
	helm_move(helm, kube_printf(kube, "%s/helm", kube->env->work_dir));
	if (helm_run(helm, &args, NULL, 0, &version, err))
		return -1;
	if (sscanf(version, "v%d.%d", &helm->major, &helm->minor) != 2)
		return error_set(err, ERROR_INVALID, "the helm in PATH does not say its version, but '%.*s': is it "
			"helm (https://helm.sh)?", (int)strcspn(version, "\n"), version);
	if (helm->major < 3 || (helm->major == 3 && helm->minor < MIN_3))
		return error_set(err, ERROR_INVALID, "helm %.40s is not supported: 3.%d or newer is needed",
			version, MIN_3);
	helm->kubeconfig = kube->config.path;
	helm->context = kube->config.context;
	return 0;
}

const char *helm_timeout(struct helm *helm)
{
	const struct provider_env *env = helm->kube->env;
	int64_t left = (env->deadline - clock_monotonic(env->clock) - FAREWELL) / 1000;

	return kube_printf(helm->kube, "%llds", (long long)(!env->deadline ? LONGEST : left > 1 ? left : 1));
}
