/*
 * devenv apply [FILE]. A saved plan counts as approval of exactly what it lists: the plan is made
 * again under the lock and has to have the same hash.
 */
#include "base/texts.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/names.h"
#include "cli/planfile.h"
#include "cli/run.h"

#include <string.h>
#include <sys/stat.h>

static int stale(struct cli *cli, const struct reconcile *r, const struct planfile *file)
{
	const char *id = r->environment.id ? r->environment.id : "";
	struct error err = ERROR_INIT;

	if (*file->environment && strcmp(file->environment, id) != 0)
		error_set(&err, ERROR_INVALID,
			"the saved plan belongs to another environment (%s); nothing was done",
			file->environment);
	else
		error_set(&err, ERROR_INVALID,
			"the saved plan is stale: the manifest, state or reality changed since; "
			"nothing was done. Plan again with `devenv plan -o FILE`");
	return cli_fail(cli, &err);
}

/* The plan is the one that was saved. What it lists is approved: release that, and only that. */
static int release(struct cli *cli, struct reconcile *r, const struct planfile *file)
{
	struct error err = ERROR_INIT;

	if (!r->plan.counts.held)
		return 0;
	if (file->data_loss)
		r->options.allow_data_loss = file->data_loss;
	if (r->options.allow_delete < file->deletes)
		r->options.allow_delete = file->deletes;
	return reconcile_plan(r, &err) < 0 ? session_fail(cli, r, &err) : 0;
}

/* Every change in a few words. */
static const char *outline(struct cli *cli, const struct plan *plan)
{
	struct strbuf text = STRBUF_INIT;
	const char *out;

	for (size_t i = 0; i < plan->n; i++)
		strbuf_addf(&text, "%s %s\n", plan->changes[i].address,
			action_str(plan->changes[i].action));
	out = arena_strdup(&cli->arena, text.text);
	strbuf_release(&text);
	return out;
}

static int plan_file(struct cli *cli, struct reconcile *r, enum state_mode mode,
	const struct planfile *file)
{
	struct error err = ERROR_INIT;

	if (session_init(cli, r, &err) < 0)
		return cli_fail(cli, &err);
	planfile_use(cli, r, file);
	if (r->options.destroy) {
		if (session_load_any(cli, r))
			return EXIT_FAILED;
	} else if (reconcile_load(r, &err) < 0) {
		return session_fail(cli, r, &err);
	}
	return session_plan(cli, r, mode);
}

/*
 * A plan made before the environment had an id cannot have the hash of one made now, under the
 * lock: it is compared as it was made, without state; what follows must then begin from nothing,
 * too.
 */
static int check_first(struct cli *cli, const struct planfile *file, const char **out)
{
	struct reconcile r;
	int status = plan_file(cli, &r, STATE_READ, file);

	if (!status && !hash_equal(&r.plan.hash, &file->hash))
		status = stale(cli, &r, file);
	if (!status)
		*out = outline(cli, &r.plan);
	session_end(cli, &r);
	return status;
}

static bool is_same(struct cli *cli, const struct reconcile *r, const struct planfile *file,
	const char *first)
{
	if (!first)
		return hash_equal(&r->plan.hash, &file->hash);
	return !r->n_records && !r->n_intents && strcmp(outline(cli, &r->plan), first) == 0;
}

static int apply_planned(struct cli *cli, struct reconcile *r, const struct planfile *file,
	const char *first, struct run_request *request)
{
	int status = plan_file(cli, r, STATE_WRITE, file);

	if (status)
		return status;
	if (!is_same(cli, r, file, first))
		return stale(cli, r, file);
	status = release(cli, r, file);
	if (status)
		return status;
	request->approved = true;
	request->destroy = r->options.destroy;
	request->outputs = !r->options.destroy;
	return run_apply(cli, r, request);
}

static int apply_file(struct cli *cli, const char *path, struct run_request *request)
{
	struct error err = ERROR_INIT;
	const char *first = NULL;
	struct planfile file;
	struct reconcile r;
	int status = EXIT_OK;

	if (planfile_read(cli, path, &file, &err) < 0)
		return cli_fail(cli, &err);
	if (!*file.environment)
		status = check_first(cli, &file, &first);
	if (status)
		return status;
	status = apply_planned(cli, &r, &file, first, request);
	session_end(cli, &r);
	return status;
}

/* `devenv up api` is --target api. */
static int take_names(struct cli *cli, struct reconcile *r)
{
	struct error err = ERROR_INIT;
	struct nearest nearest;

	if (names_take_targets(cli, r, &nearest) == 0)
		return EXIT_OK;
	error_set(&err, ERROR_NOT_FOUND, nearest.best
		? "%s is neither a saved plan nor a resource; did you mean %s?"
		: "%s is neither a saved plan nor a resource", nearest.word, nearest.best);
	return cli_fail(cli, &err);
}

/* --force-recreate: --replace for each target that runs by itself; without targets for all that do. */
static void recreate(struct cli *cli, struct reconcile *r)
{
	const char *const *targets = names_all(cli, r, r->options.targets);
	const char *const *given = r->options.replaces;
	const char **replaces = NULL;
	size_t n = 0, cap = 0;

	for (size_t i = 0; i < r->n_records; i++) {
		struct record *record = &r->records[i];

		if (record->status == RECORD_DEPOSED || !provider_can(record, CAN_TALK) ||
			!provider_can(record, CAN_STOP) ||
			graph_find(&r->graph, record->address) == UINT32_MAX ||
			(targets && !texts_have(targets, record->address)))
			continue;
		ARENA_GROW(&cli->arena, replaces, n, cap);
		replaces[n++] = record->address;
	}
	for (; given && *given; given++) {
		ARENA_GROW(&cli->arena, replaces, n, cap);
		replaces[n++] = *given;
	}
	if (!n)
		return;
	ARENA_GROW(&cli->arena, replaces, n, cap);
	replaces[n] = NULL;
	r->options.replaces = replaces;
}

static int apply_manifest(struct cli *cli, const struct run_request *request)
{
	enum state_mode mode = run_may_act(cli, request) ? STATE_WRITE : STATE_READ;
	struct reconcile r;
	int status = session_load(cli, &r);

	if (!status)
		status = session_open(cli, &r, mode);
	if (!status)
		status = take_names(cli, &r);
	if (!status && args_flag(&cli->args, "force-recreate"))
		recreate(cli, &r);
	if (!status)
		status = session_plan(cli, &r, mode);
	if (!status)
		status = run_apply(cli, &r, request);
	session_end(cli, &r);
	return status;
}

/* A folder may be called as the service that is built from it. */
static bool is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

static bool is_scale(const char *text)
{
	const char *number = strchr(text, '=');

	return number && number != text && number[1] && !number[1 + strspn(number + 1, "0123456789")];
}

static int run_command(struct cli *cli)
{
	const char *path = args_positional(&cli->args, 0);
	struct run_request request = {
		.kind = "apply",
		.verb = "Apply",
		.question = "Do you want to perform these actions?",
		.approved = args_flag(&cli->args, "yes"),
		.outputs = true,
	};

	for (const char *const *scale = args_list(&cli->args, "scale"); scale && *scale; scale++)
		if (!is_scale(*scale))
			return cli_usage(cli, "--scale %s: write SERVICE=N, e.g. api=3", *scale);
	if (args_flag(&cli->args, "no-deps") && !path && !args_given(&cli->args, "target"))
		return cli_usage(cli, "--no-deps needs names: which ones without what they need?");
	if (path && cli->args.n_positional == 1 && is_file(path))
		return apply_file(cli, path, &request);
	return apply_manifest(cli, &request);
}

const struct command command_apply = {
	.name = "apply",
	.accepted = (const char *const[]){
		"-d", "--detach", "--build", "--wait", "--remove-orphans", NULL},
	.aliases = (const char *const[]){"up", NULL},
	.group = "Reconcile",
	.summary = "Make reality as the manifest says",
	.description =
		"Plans, shows the plan, asks, and does it: each resource starts the moment its own "
		"dependencies are ready; a failure holds back only what depends on it. What is "
		"about to be done is committed to state before, and what came of it after, so an "
		"apply that is killed is continued by the next one.\n\n"
		"With FILE, a plan saved by `devenv plan -o FILE`, nothing is asked: exactly this "
		"plan is done, or nothing when anything changed since. With NAME, a service or "
		"resource that is no file here, it is as with --target.\n\n"
		"Without a terminal to ask on, --yes or a FILE is needed; else the plan is shown "
		"and the exit status is 1. --yes does not release what would lose data or destroy "
		"more than half of the environment: such resources are held, the rest is done, and "
		"the exit status is 3. --allow-data-loss, --allow-delete and `devenv approve` "
		"release them.\n\n"
		"Ctrl-C once: nothing new starts, what runs is finished and recorded. Twice: it is "
		"stopped; the next run looks at what came of it.\n\n"
		"Of Compose, -d, --detach, --build, --wait and --remove-orphans are accepted: they ask "
		"for what is done anyway. --scale is for this run, as --set is: the next apply goes back to "
		"what the manifest says; `devenv scale` lasts.",
	.refused = (const struct refusal[]){
		{"--no-recreate", "what exists is made anew only where the manifest changed; leave a resource out "
			"with --exclude NAME"},
		{"--always-recreate-deps", "name them, too: --replace NAME"},
		{"--no-start", "what is made is started; `devenv stop NAME` stops it, and it stays so"},
		{"--no-build", "an image is built only when its files changed; leave it out with --exclude NAME"},
		{"--pull", "write `pull: always` to the service in the manifest"},
		{"--attach", "apply ends when all is ready; then: devenv logs -f NAME"},
		{"--abort-on-container-exit", "apply ends when all is ready; what has to end is a `type: job`"},
		{"--exit-code-from", "let that service be a `type: job`: when it fails, so does the apply"},
		{"--watch", "devenv watch"},
		{"-w", "devenv watch"},
		{"--wait-timeout", "how long a service may take stands in the manifest, as its `readiness`"},
		{"--renew-anon-volumes", "with --force-recreate anonymous volumes are new anyway"},
		{"-V", "with --force-recreate anonymous volumes are new anyway"},
		{"--dry-run", "devenv plan"},
		{NULL, NULL}},
	.options = (const struct option[]){
		OPTION_YES,
		OPTIONS_SELECT,
		{.name = "replace", .kind = OPTION_TEXT, .argument = "ADDRESS", .repeatable = true,
			.complete = COMPLETE_RECORDED, .help = "Replace this resource"},
		{.name = "force-recreate", .kind = OPTION_FLAG,
			.help = "Replace all containers, processes and workloads, or those that are named"},
		{.name = "no-deps", .kind = OPTION_FLAG,
			.help = "Of what a named one needs, leave alone whatever runs by itself"},
		{.name = "scale", .kind = OPTION_TEXT, .argument = "SERVICE=N", .repeatable = true,
			.help = "How many of a service run, for this time"},
		OPTION_REFRESH,
		OPTION_LOCKED,
		OPTION_MANIFESTS,
		OPTION_FORCE_CONFLICTS,
		{.name = "refresh-only", .kind = OPTION_FLAG,
			.help = "Only drop the records of what is gone; nothing is touched"},
		OPTIONS_ALLOW,
		OPTION_STOP_TIMEOUT,
		OPTIONS_RUN,
		{.name = "rollback-on-failure", .kind = OPTION_FLAG,
			.help = "After a failure undo what this run created and updated"},
		{.name = NULL}},
	.arguments = (const struct argument[]){
		{.name = "FILE|NAME", .flags = ARGUMENT_OPTIONAL | ARGUMENT_REPEATED,
			.complete = COMPLETE_FILE},
		{.name = NULL}},
	.examples = (const struct example[]){
		{"Plan, ask, apply", "devenv apply"},
		{"In a script", "devenv apply --yes"},
		{"Only the database and what it needs",
			"devenv apply --target docker_container.database"},
		{"The same, as Compose says it", "devenv up -d database"},
		{"Another environment of the same manifest", "devenv apply -e staging"},
		{"What was reviewed, and nothing else",
			"devenv plan -o change.plan && devenv apply change.plan"},
		{"Make one resource anew", "devenv apply --replace local_process.api"},
		{"One service anew, and nothing besides", "devenv up -d --force-recreate --no-deps api"},
		{NULL, NULL}},
	.run = run_command,
};
