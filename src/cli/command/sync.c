/*
 * devenv sync URL: this machine follows a git remote. What it follows and whom it trusts is said here
 * or in the machine's own file, never in the tree.
 */
#include "cli/commands.h"
#include "cli/sync.h"

#include "base/fs.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILES_MOST = 100000 };

struct sync_spec sync_spec_default(void)
{
	return (struct sync_spec){.kind = "head", .value = "", .path = "", .interval = 30000,
		.max_files = FILES_MOST, .max_bytes = (int64_t)1 << 30};
}

int64_t sync_size_parse(const char *text)
{
	char *end;
	double number = strtod(text, &end);
	int64_t unit = 1;

	if (end == text || number < 0 || number > 1e15)
		return -1;
	switch (toupper((unsigned char)*end)) {
	case '\0': break;
	case 'K': unit = 1 << 10; break;
	case 'M': unit = 1 << 20; break;
	case 'G': unit = 1 << 30; break;
	default: return -1;
	}
	return *end && end[1] ? -1 : (int64_t)(number * (double)unit);
}

/* --- one sync from the command line --------------------------------------------------------------- */

static int set_ref(struct cli *cli, struct sync_spec *spec, struct error *err)
{
	static const char *const kinds[] = {"branch", "tag", "commit"};
	int given = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const char *value = args_text(&cli->args, kinds[i]);

		if (!value)
			continue;
		given++;
		spec->kind = kinds[i];
		spec->value = value;
	}
	if (given > 1)
		return error_set(err, ERROR_INVALID, "only one of --branch, --tag and --commit can be followed");
	return 0;
}

static void set_verify(struct cli *cli, struct sync_spec *spec)
{
	const char *what = args_text(&cli->args, "verify");

	spec->keys = args_list(&cli->args, "keys");
	spec->range = strcmp(args_text(&cli->args, "scope"), "range") == 0;
	if (what)
		spec->verify = strcmp(what, "tags") == 0 ? SYNC_VERIFY_TAGS : SYNC_VERIFY_COMMITS;
}

/* Taken out of our own environment: what we start, and what a manifest reads, need not know it. */
static const char *take_secret(struct cli *cli, const char *name)
{
	const char *text = option_env_get(cli->env, name);
	const char *copy = text && *text ? arena_strdup(&cli->arena, text) : NULL;

	unsetenv(name);
	return copy;
}

static void set_access(struct cli *cli, struct git_access *access)
{
	*access = (struct git_access){
		.token = take_secret(cli, "DEVENV_SYNC_TOKEN"),
		.token_file = args_text(&cli->args, "token-file"),
		.user = args_text(&cli->args, "user"),
		.ssh_key = args_text(&cli->args, "ssh-key"),
		.known_hosts = args_text(&cli->args, "known-hosts"),
		.ca_file = args_text(&cli->args, "ca-file"),
	};
}

static int set_reports(struct cli *cli, struct sync_spec *spec, struct error *err)
{
	const char *const *list = args_list(&cli->args, "report");
	const char *token = take_secret(cli, "DEVENV_SYNC_REPORT_TOKEN");
	struct sync_report *reports;
	size_t n = 0;

	while (list && list[n])
		n++;
	reports = arena_zalloc(&cli->arena, (n + 1) * sizeof(*reports));
	for (size_t i = 0; i < n; i++) {
		const char *equals = strchr(list[i], '=');

		if (!equals)
			return error_set(err, ERROR_INVALID, "--report takes KIND=URL, not \"%s\"", list[i]);
		reports[i] = (struct sync_report){
			arena_strndup(&cli->arena, list[i], (size_t)(equals - list[i])), equals + 1, token};
	}
	spec->reports = reports;
	spec->n_reports = n;
	spec->report_url = args_text(&cli->args, "report-link");
	return 0;
}

static int spec_of_options(struct cli *cli, const char *url, struct sync_spec *spec, struct error *err)
{
	const struct args *args = &cli->args;

	*spec = sync_spec_default();
	spec->url = url;
	if (url[0] == '/') /* a folder of this machine */
		spec->url = arena_printf(&cli->arena, "file://%s", url);
	if (set_ref(cli, spec, err) < 0 || set_reports(cli, spec, err) < 0)
		return -1;
	set_verify(cli, spec);
	set_access(cli, &spec->access);
	spec->path = args_text(args, "path");
	spec->environment = args_text(args, "environment");
	spec->env_file = args_text(args, "env-file");
	spec->interval = args_duration(args, "interval");
	spec->allow_rewrite = args_flag(args, "allow-rewrite");
	spec->max_files = (size_t)args_number(args, "max-files");
	spec->max_bytes = sync_size_parse(args_text(args, "max-size"));
	if (spec->max_bytes < 0)
		return error_set(err, ERROR_INVALID, "--max-size: \"%s\" is no size such as 500M",
			args_text(args, "max-size"));
	spec->name = args_text(args, "name");
	if (!spec->name)
		spec->name = sync_name(&cli->arena, spec);
	return 0;
}

/* --- push events ---------------------------------------------------------------------------------- */

enum { SECRET_LEAST = 16 };

/* Whoever can reach the port may ask: without a secret that cannot be guessed there is no listening. */
static int set_listen(struct cli *cli, struct sync_options *options, struct error *err)
{
	const char *file = args_text(&cli->args, "listen-secret-file"), *text;
	size_t len;

	options->listen = args_text(&cli->args, "listen");
	options->listen_secret = take_secret(cli, "DEVENV_SYNC_LISTEN_SECRET");
	if (!options->listen)
		return 0;
	if (options->once)
		return error_set(err, ERROR_INVALID, "--once looks once: there is nothing to listen for");
	if (!options->listen_secret && file) {
		if (fs_read(file, &cli->arena, &text, &len, err) < 0)
			return -1;
		options->listen_secret = arena_strndup(&cli->arena, text, strcspn(text, "\r\n"));
	}
	if (!options->listen_secret)
		return error_set(err, ERROR_INVALID, "--listen needs the secret that the events are signed with: "
			"DEVENV_SYNC_LISTEN_SECRET or --listen-secret-file");
	if (strlen(options->listen_secret) < SECRET_LEAST || strchr(options->listen_secret, '\n'))
		return error_set(err, ERROR_INVALID, "the secret of --listen is one line of at least %d "
			"characters, so that it cannot be guessed: `openssl rand -hex 32`", SECRET_LEAST);
	return 0;
}

/* --- running -------------------------------------------------------------------------------------- */

static int status_of(enum sync_result worst)
{
	switch (worst) {
	case SYNC_UNCHANGED:
	case SYNC_OK:
	case SYNC_SEEN:
		return EXIT_OK;
	case SYNC_HELD: return EXIT_HELD;
	case SYNC_INTERRUPTED: return EXIT_INTERRUPTED;
	default: return EXIT_FAILED;
	}
}

static int follow(struct cli *cli, const char *home, const struct sync_spec *specs, size_t n)
{
	struct sync_hooks hooks = sync_hooks_of(cli);
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct sync_options options = {
		.clock = cli->clock, .self = self, .home = home, .actor = session_actor(cli),
		.specs = specs, .n_specs = n, .once = args_flag(&cli->args, "once"),
	};
	enum sync_result worst = SYNC_UNCHANGED;
	struct error err = ERROR_INIT;

	self[len > 0 ? len : 0] = '\0';
	if (set_listen(cli, &options, &err) < 0)
		return cli_fail(cli, &err);
	for (size_t i = 0; i < n; i++) {
		if (sync_spec_check(&specs[i], home, &err) < 0)
			return cli_fail(cli, &err);
	}
	if (sync_run(&options, &hooks, &worst, &err) < 0)
		return cli_fail(cli, &err);
	/* A loop ends when it is told to; what became of the last commit stands in the status file. */
	return options.once ? status_of(worst) : EXIT_OK;
}

static int run_sync(struct cli *cli)
{
	const char *url = args_positional(&cli->args, 0), *home, *file;
	struct error err = ERROR_INIT;
	struct sync_spec one, *specs = &one;
	size_t n = 1;
	int status = 0;

	if (args_list(&cli->args, "file"))
		return cli_usage(cli, "sync reads the manifest of the repository: -f has no meaning here");
	if (session_home(cli, &home, &err) < 0)
		return cli_fail(cli, &err);
	file = args_text(&cli->args, "config");
	if (url && file)
		return cli_usage(cli, "either a URL or --config FILE");
	if (url)
		status = spec_of_options(cli, url, &one, &err) < 0 ? cli_usage(cli, "%s", err.msg) : 0;
	else
		status = sync_file_read(cli, file ? file : fs_join(&cli->arena, home, "sync.yml"), home, &specs,
			&n);
	return status ? status : follow(cli, home, specs, n);
}

static const char *const verify_choices[] = {"commits", "tags", NULL};
static const char *const scope_choices[] = {"head", "range", NULL};

const struct command command_sync = {
	.name = "sync",
	.group = "Follow",
	.summary = "Follow a git remote: apply what is pushed",
	.description =
		"Fetches the remote at an interval. A new commit is checked (signature, ancestry, what "
		"its tree holds, whether its manifest is valid) before it is put into the live folder, "
		"and then planned and applied as by hand; what would lose data is held. A commit that "
		"fails a check is skipped, and the last good one stays.\n\n"
		"Without URL, the syncs that the machine's own file lists (--config, else sync.yml in the "
		"home). The tree cannot change what is followed or who is trusted.\n\n"
		"A token comes from DEVENV_SYNC_TOKEN, --token-file or git's credential helper; SSH from "
		"the agent, --ssh-key and what ssh(1) is set up for. Nothing is asked.\n\n"
		"SIGHUP and `devenv sync now` look at once. Exit status: 0 when told to end; with --once 0 "
		"for applied or nothing new, 3 when something needs approval, 1 for everything else.",
	.options = (const struct option[]){
		{.name = "once", .kind = OPTION_FLAG, .env = "DEVENV_SYNC_ONCE",
			.help = "Look once, then end"},
		{.name = "branch", .kind = OPTION_TEXT, .argument = "NAME", .env = "DEVENV_SYNC_BRANCH",
			.help = "Follow this branch; without any of the three the one that the server calls its own"},
		{.name = "tag", .kind = OPTION_TEXT, .argument = "PATTERN", .env = "DEVENV_SYNC_TAG",
			.help = "Follow the highest version among these tags, e.g. 'v1.*'"},
		{.name = "commit", .kind = OPTION_TEXT, .argument = "ID", .env = "DEVENV_SYNC_COMMIT",
			.help = "Stay at this commit"},
		{.name = "path", .kind = OPTION_TEXT, .argument = "DIR", .fallback = "",
			.env = "DEVENV_SYNC_PATH", .help = "The folder of the project in the repository"},
		{.name = "name", .kind = OPTION_TEXT, .argument = "NAME", .env = "DEVENV_SYNC_NAME",
			.help = "What the sync is called; without it a name is made from the URL"},
		{.name = "env-file", .kind = OPTION_TEXT, .argument = "FILE", .complete = COMPLETE_FILE,
			.env = "DEVENV_SYNC_ENV_FILE",
			.help = "Environment variables for the manifest, NAME=VALUE a line"},
		{.name = "interval", .kind = OPTION_DURATION, .argument = "DURATION", .fallback = "30s",
			.env = "DEVENV_SYNC_INTERVAL", .help = "How often the remote is asked"},
		{.name = "verify", .kind = OPTION_TEXT, .argument = "WHAT", .choices = verify_choices,
			.complete = COMPLETE_CHOICES, .env = "DEVENV_SYNC_VERIFY",
			.help = "Take only what is signed by one of --keys: commits, or tags"},
		{.name = "keys", .kind = OPTION_TEXT, .argument = "FILE", .repeatable = true,
			.complete = COMPLETE_FILE, .env = "DEVENV_SYNC_KEYS",
			.help = "Who may sign: allowed_signers of SSH, or public keys of OpenPGP"},
		{.name = "scope", .kind = OPTION_TEXT, .argument = "SCOPE", .choices = scope_choices,
			.complete = COMPLETE_CHOICES, .fallback = "head", .env = "DEVENV_SYNC_SCOPE",
			.help = "head: the newest commit is signed; range: every one since the last applied"},
		{.name = "allow-rewrite", .kind = OPTION_FLAG, .env = "DEVENV_SYNC_ALLOW_REWRITE",
			.help = "Take a branch that was rewritten or set back"},
		{.name = "token-file", .kind = OPTION_TEXT, .argument = "FILE", .complete = COMPLETE_FILE,
			.env = "DEVENV_SYNC_TOKEN_FILE", .help = "The token for https is the first line of it"},
		{.name = "user", .kind = OPTION_TEXT, .argument = "NAME", .env = "DEVENV_SYNC_USER",
			.help = "The user that goes with the token; most servers do not care"},
		{.name = "ssh-key", .kind = OPTION_TEXT, .argument = "FILE", .complete = COMPLETE_FILE,
			.env = "DEVENV_SYNC_SSH_KEY", .help = "The key for ssh, instead of the agent's"},
		{.name = "known-hosts", .kind = OPTION_TEXT, .argument = "FILE", .complete = COMPLETE_FILE,
			.env = "DEVENV_SYNC_KNOWN_HOSTS", .help = "Host keys for ssh, instead of the user's"},
		{.name = "ca-file", .kind = OPTION_TEXT, .argument = "FILE", .complete = COMPLETE_FILE,
			.env = "DEVENV_SYNC_CA_FILE", .help = "Certificates for https, instead of the system's"},
		{.name = "max-files", .kind = OPTION_NUMBER, .argument = "N", .fallback = "100000",
			.env = "DEVENV_SYNC_MAX_FILES", .help = "Refuse a tree with more files"},
		{.name = "max-size", .kind = OPTION_TEXT, .argument = "SIZE", .fallback = "1G",
			.env = "DEVENV_SYNC_MAX_SIZE", .help = "Refuse a tree with more bytes"},
		{.name = "report", .kind = OPTION_TEXT, .argument = "KIND=URL", .repeatable = true,
			.env = "DEVENV_SYNC_REPORT",
			.help = "Tell what became of a commit: github, gitlab, gitea, azure, webhook or slack"},
		{.name = "report-link", .kind = OPTION_TEXT, .argument = "URL", .env = "DEVENV_SYNC_REPORT_LINK",
			.help = "What a commit status links to"},
		{.name = "listen", .kind = OPTION_TEXT, .argument = "ADDRESS", .env = "DEVENV_SYNC_LISTEN",
			.help = "Take signed push events there, e.g. 127.0.0.1:9000, and look at once"},
		{.name = "listen-secret-file", .kind = OPTION_TEXT, .argument = "FILE",
			.complete = COMPLETE_FILE, .env = "DEVENV_SYNC_LISTEN_SECRET_FILE",
			.help = "The first line is the secret of the events; else DEVENV_SYNC_LISTEN_SECRET"},
		{.name = "config", .kind = OPTION_TEXT, .argument = "FILE", .complete = COMPLETE_FILE,
			.env = "DEVENV_SYNC_CONFIG", .help = "The machine's file with several syncs"},
		{.name = NULL}},
	.arguments = (const struct argument[]){
		{.name = "URL", .flags = ARGUMENT_OPTIONAL}, {.name = NULL}},
	.examples = (const struct example[]){
		{"Follow the main branch", "devenv sync https://git.example.com/shop.git --branch main"},
		{"Releases of one line, signed ones only",
			"devenv sync ssh://git@git.example.com/shop.git --tag 'v2.*' --verify tags --keys signers"},
		{"At once when something is pushed",
			"devenv sync https://git.example.com/shop.git --listen 127.0.0.1:9000 --listen-secret-file secret"},
		{"From cron", "devenv sync file:///srv/git/shop.git --once"},
		{"Everything that the machine's file lists", "devenv sync"},
		{NULL, NULL}},
	.run = run_sync,
};
