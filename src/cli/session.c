/*
 * The steps from options to a plan that the commands share. Each stage prints what went wrong in it
 * and hands back the exit status, so a command reads as a list of stages.
 */
#include "cli/cli.h"

#include "base/fs.h"
#include "cli/names.h"
#include "cli/render/render.h"

#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool has_option(const struct cli *cli, const char *name)
{
	return option_find(cli->args.command, name) != NULL;
}

static const char *const *list_option(const struct cli *cli, const char *name)
{
	return has_option(cli, name) ? args_list(&cli->args, name) : NULL;
}

static bool flag_option(const struct cli *cli, const char *name)
{
	return has_option(cli, name) && args_flag(&cli->args, name);
}

static int working_directory(struct cli *cli, const char **out, struct error *err)
{
	char path[PATH_MAX];

	if (!getcwd(path, sizeof(path)))
		return error_errno(err, "cannot tell the working directory");
	*out = arena_strdup(&cli->arena, path);
	return 0;
}

static int find_home(struct cli *cli, const char **out, struct error *err)
{
	const char *home = option_env_get(cli->env, "DEVENV_HOME"),
		   *user = option_env_get(cli->env, "HOME");
	const char *directory;

	if (home && *home) {
		if (working_directory(cli, &directory, err) < 0)
			return -1;
		*out = fs_normalise(&cli->arena, fs_join(&cli->arena, directory, home));
		return 0;
	}
	if (!user || *user != '/') {
		const struct passwd *entry = getpwuid(geteuid());

		user = entry ? entry->pw_dir : NULL;
	}
	if (!user || *user != '/')
		return error_set(
			err, ERROR_INVALID, "no home directory is known; set HOME or DEVENV_HOME");
	*out = fs_normalise(&cli->arena, fs_join(&cli->arena, user, ".devenv"));
	return 0;
}

int session_home(struct cli *cli, const char **out, struct error *err)
{
	struct stat st;

	if (find_home(cli, out, err) < 0)
		return -1;
	if (stat(*out, &st) == 0 && !S_ISDIR(st.st_mode))
		return error_set(err, ERROR_INVALID, "the home of devenv would be %s, which is no directory: "
			"move it away, or have DEVENV_HOME name another place (it is made)", *out);
	return 0;
}

const char *session_actor(struct cli *cli)
{
	const char *user = option_env_get(cli->env, "USER");
	char host[256] = "";

	gethostname(host, sizeof(host) - 1);
	if (!user || !*user) {
		const struct passwd *entry = getpwuid(geteuid());

		user = entry ? arena_strdup(&cli->arena, entry->pw_name) : NULL;
	}
	if (!user)
		user = arena_printf(&cli->arena, "uid %u", (unsigned)geteuid());
	return arena_printf(&cli->arena, "%s@%s", user, *host ? host : "localhost");
}

static const char *own_path(struct cli *cli)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	return arena_strndup(&cli->arena, len > 0 ? path : "devenv", len > 0 ? (size_t)len : 6);
}

static void set_plan_options(struct cli *cli, struct plan_options *options)
{
	options->targets = list_option(cli, "target");
	options->excludes = list_option(cli, "exclude");
	options->replaces = list_option(cli, "replace");
	options->allow_data_loss = list_option(cli, "allow-data-loss");
	options->no_deps = flag_option(cli, "no-deps");
	options->destroy = flag_option(cli, "destroy");
	options->refresh_only = flag_option(cli, "refresh-only");
	options->no_refresh = has_option(cli, "refresh") && !args_flag(&cli->args, "refresh");
	options->full_refresh = has_option(cli, "refresh") &&
		strcmp(args_text(&cli->args, "refresh"), "full") == 0;
	options->pins = flag_option(cli, "locked") ? PINS_FROZEN
		: flag_option(cli, "offline") ? PINS_OFFLINE : PINS_WRITE;
	/* What a stranger wrote is looked at first, and run by those who say so. */
	options->distrust = has_option(cli, "rev") && args_text(&cli->args, "rev") &&
		!flag_option(cli, "trust-revision");
	options->show_manifests = flag_option(cli, "show-manifests");
	options->force_conflicts = flag_option(cli, "force-conflicts");
	options->volumes = flag_option(cli, "volumes");
	options->allow_delete = -1;
	if (has_option(cli, "allow-delete") && args_given(&cli->args, "allow-delete"))
		options->allow_delete = args_number(&cli->args, "allow-delete");
}

/* In the order of the command line; what the environment says comes before it. */
static const struct variable_input *variable_inputs(struct cli *cli)
{
	const struct args *args = &cli->args;
	const struct option *var = option_find(args->command, "var");
	const struct option *file = option_find(args->command, "var-file");
	struct variable_input *list =
		arena_zalloc(&cli->arena, (args->n_given + 1) * sizeof(*list));
	size_t n = 0;

	for (int from_env = 1; from_env >= 0; from_env--) {
		for (size_t i = 0; i < args->n_given; i++) {
			const struct given *given = &args->given[i];

			if (given->from_env != from_env)
				continue;
			if (given->option == var)
				list[n++].argument = given->text;
			else if (given->option == file)
				list[n++].file = given->text;
		}
	}
	return list;
}

/* What --set says, and before it --scale api=3 as the --set that it stands for. */
static void set_sets(struct cli *cli, struct reconcile *r)
{
	const char *const *sets = args_list(&cli->args, "set"), *const *scales = list_option(cli, "scale");
	const char **all = NULL;
	size_t n = 0, cap = 0;

	for (; scales && *scales; scales++) {
		size_t name = strcspn(*scales, "=");

		ARENA_GROW(&cli->arena, all, n, cap);
		all[n++] = arena_printf(&cli->arena, "spec.services[%.*s].replicas%s", (int)name, *scales,
			*scales + name);
	}
	for (; n && sets && *sets; sets++) {
		ARENA_GROW(&cli->arena, all, n, cap);
		all[n++] = *sets;
	}
	if (n) {
		ARENA_GROW(&cli->arena, all, n, cap);
		all[n] = NULL;
	}
	r->input.sets = n ? all : sets;
}

static void set_stop_timeout(struct cli *cli, struct reconcile *r)
{
	int64_t *ms;

	if (!has_option(cli, "stop-timeout") || !args_given(&cli->args, "stop-timeout"))
		return;
	ms = arena_zalloc(&cli->arena, sizeof(*ms));
	*ms = args_duration(&cli->args, "stop-timeout");
	r->stop_timeout = ms;
}

int session_init(struct cli *cli, struct reconcile *r, struct error *err)
{
	const struct args *args = &cli->args;

	reconcile_init(r);
	r->clock = cli->clock;
	cli->out.redactor = cli->err.redactor = &r->redactor;
	cli->stage_started = clock_monotonic(cli->clock);
	if (session_home(cli, &r->home, err) < 0 ||
		working_directory(cli, &r->input.directory, err) < 0)
		return -1;
	r->self = own_path(cli);
	r->input.files = args_list(args, "file");
	r->input.environment = args_text(args, "environment");
	r->input.variables = variable_inputs(cli);
	r->input.user_config = fs_join(&cli->arena, r->home, "config.yml");
	r->input.process_env = cli->env;
	if (has_option(cli, "lock-timeout"))
		r->lock_timeout = args_duration(args, "lock-timeout");
	set_stop_timeout(cli, r);
	set_sets(cli, r);
	set_plan_options(cli, &r->options);
	return 0;
}

void session_end(struct cli *cli, struct reconcile *r)
{
	stream_flush(&cli->out);
	stream_flush(&cli->err);
	cli->out.redactor = cli->err.redactor = NULL;
	reconcile_release(r);
}

/* --debug: how long the stage took that ends here. */
static void stage_done(struct cli *cli, const struct reconcile *r, const char *stage)
{
	int64_t now = clock_monotonic(cli->clock);

	if (cli->debug) {
		stream_add(&cli->err, "debug: %s took %lld ms; %zu KiB in use\n", stage,
			(long long)(now - cli->stage_started), arena_size(&r->arena) / 1024);
		stream_flush(&cli->err);
	}
	cli->stage_started = now;
}

static void print_diags(struct cli *cli, struct reconcile *r)
{
	diags_sort(&r->diags);
	if (cli->json) {
		render_diags_json(&cli->out.buf, &r->diags, &r->manifest.sources);
		stream_flush(&cli->out);
		return;
	}
	stream_flush(&cli->out);
	render_diags(&cli->err.buf, &cli->err.terminal, &r->diags, &r->manifest.sources);
	stream_flush(&cli->err);
}

int session_fail(struct cli *cli, struct reconcile *r, const struct error *err)
{
	if (!r->diags.errors)
		return cli_fail(cli, err);
	print_diags(cli, r);
	return EXIT_FAILED;
}

void session_warnings(struct cli *cli, struct reconcile *r)
{
	if (!r->diags.n)
		return;
	print_diags(cli, r);
	r->diags.n = 0; /* once is enough */
}

int session_load(struct cli *cli, struct reconcile *r)
{
	struct error err = ERROR_INIT;

	if (session_init(cli, r, &err) < 0)
		return cli_fail(cli, &err);
	if (reconcile_load(r, &err) < 0)
		return session_fail(cli, r, &err);
	stage_done(cli, r, "reading the manifest");
	return 0;
}

int session_load_any(struct cli *cli, struct reconcile *r)
{
	struct error err = ERROR_INIT, located = ERROR_INIT;
	struct diags mistakes;

	if (reconcile_load(r, &err) == 0)
		return 0;
	mistakes = r->diags;
	r->diags.n = r->diags.errors = 0;
	if (reconcile_locate(r, &located) == 0)
		return 0;
	r->diags = mistakes;
	return session_fail(cli, r, &err);
}

/* A typing mistake would do nothing, in silence. */
static void check_names(struct cli *cli, struct reconcile *r, const char *const *words, bool needed,
	const char *why)
{
	for (; words && *words; words++) {
		struct nearest nearest;

		if (names_find(cli, r, *words, &nearest) == 0)
			continue;
		if (needed)
			diag_error(&r->diags, POS_NONE, "there is no resource %s %s", *words, why);
		else
			diag_warning(&r->diags, POS_NONE, "there is no resource %s %s", *words, why);
		if (nearest.best)
			diag_hint(&r->diags, "did you mean %s?", nearest.best);
	}
}

/* Names become addresses. */
static int settle_names(struct cli *cli, struct reconcile *r)
{
	struct plan_options *options = &r->options;

	check_names(cli, r, options->replaces, true, "to replace");
	/* It may be gone already: what was said once may be said again. */
	check_names(cli, r, options->allow_data_loss, false, "to lose data of");
	options->targets = names_all(cli, r, options->targets);
	options->excludes = names_all(cli, r, options->excludes);
	options->replaces = names_all(cli, r, options->replaces);
	options->allow_data_loss = names_all(cli, r, options->allow_data_loss);
	return r->diags.errors ? -1 : 0;
}

int session_open(struct cli *cli, struct reconcile *r, enum state_mode mode)
{
	struct error err = ERROR_INIT;

	if (reconcile_open(r, mode, cli->args.command->name, &err) < 0)
		return session_fail(cli, r, &err);
	stage_done(cli, r, "opening state");
	return 0;
}

int session_run(struct cli *cli, enum state_mode mode,
	int (*step)(struct cli *cli, struct reconcile *r))
{
	struct reconcile r;
	int status = session_load(cli, &r);

	if (!status)
		status = session_open(cli, &r, mode);
	if (!status)
		status = step(cli, &r);
	session_end(cli, &r);
	return status;
}

int session_home_state(struct cli *cli, int (*step)(struct cli *cli, struct state *state))
{
	struct error err = ERROR_INIT;
	struct state *state;
	const char *home;
	int status;

	if (session_home(cli, &home, &err) < 0)
		return cli_fail(cli, &err);
	state = state_open(home, STATE_READ, cli->clock, &err);
	if (!state)
		return cli_fail(cli, &err);
	status = step(cli, state);
	state_free(state);
	return status;
}

int session_plan(struct cli *cli, struct reconcile *r, enum state_mode mode)
{
	struct error err = ERROR_INIT;
	int status = r->state ? 0 : session_open(cli, r, mode);

	if (status)
		return status;
	if (settle_names(cli, r) < 0)
		return session_fail(cli, r, &err);
	if (reconcile_observe(r, &err) < 0)
		return session_fail(cli, r, &err);
	stage_done(cli, r, "observing");
	if (reconcile_plan(r, &err) < 0)
		return session_fail(cli, r, &err);
	stage_done(cli, r, "planning");
	session_warnings(cli, r);
	return 0;
}

int session_records(struct cli *cli, struct reconcile *r, enum state_mode mode, bool loud)
{
	struct error err = ERROR_INIT, located = ERROR_INIT;

	if (session_init(cli, r, &err) < 0)
		return cli_fail(cli, &err);
	if (reconcile_load(r, &err) < 0) {
		struct diags mistakes = r->diags;
		struct manifest unread = r->manifest;
		bool told = loud && r->diags.errors;

		if (told)
			print_diags(cli, r);
		r->diags.n = r->diags.errors = 0;
		graph_release(&r->graph);
		r->manifest = (struct manifest){.arena = &r->arena};
		if (reconcile_locate(r, &located) < 0) { /* why there is no manifest says more */
			r->manifest = unread; /* for the lines that they stand in */
			r->diags = mistakes;
			return told ? EXIT_FAILED : session_fail(cli, r, &err);
		}
		if (loud)
			cli_note(cli, "The manifest cannot be read: this is what is recorded.");
	}
	if (reconcile_open(r, mode, cli->args.command->name, &err) < 0)
		return session_fail(cli, r, &err);
	return 0;
}
