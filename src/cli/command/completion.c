/*
 * devenv completion SHELL prints a script; the script asks `devenv __complete` each time, so what
 * it offers never goes stale. Mistakes in the manifest are of no interest here: what can be known
 * is offered, silently.
 */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/complete.h"
#include "cli/names.h"

#include "base/fs.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char bash_script[] =
	"# bash completion of devenv:  source <(devenv completion bash)\n"
	"_devenv() {\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} line value IFS=$'\\n'\n"
	"\tCOMPREPLY=()\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tcase $line in\n"
	"\t\t:file) compopt -o filenames; COMPREPLY+=($(compgen -f -- \"${cur#=}\")) ;;\n"
	"\t\t:directory) compopt -o filenames; COMPREPLY+=($(compgen -d -- \"${cur#=}\")) ;;\n"
	"\t\t*) value=${line%%$'\\t'*}; COMPREPLY+=(\"$(printf %q \"$value\")\") ;;\n"
	"\t\tesac\n"
	"\tdone < <(devenv __complete bash -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
	"}\n"
	"complete -F _devenv devenv\n";

static const char zsh_script[] =
	"#compdef devenv\n"
	"# zsh completion of devenv:  source <(devenv completion zsh)\n"
	"_devenv() {\n"
	"\tlocal line value\n"
	"\tlocal -a values\n"
	"\tfor line in \"${(@f)$(devenv __complete zsh -- \"${(@Q)words[2,CURRENT]}\" 2>/dev/null)}\"\n"
	"\tdo\n"
	"\t\tcase $line in\n"
	"\t\t'') ;;\n"
	"\t\t:file) _files ;;\n"
	"\t\t:directory) _files -/ ;;\n"
	"\t\t*) value=${line%%$'\\t'*}\n"
	"\t\t\tif [[ $line == *$'\\t'* ]]; then values+=(\"${value//:/\\\\:}:${line#*$'\\t'}\")\n"
	"\t\t\telse values+=(\"${value//:/\\\\:}\"); fi ;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\t(( $#values )) && _describe -t values devenv values\n"
	"}\n"
	"if [[ $funcstack[1] == _devenv ]]; then _devenv \"$@\"; else compdef _devenv devenv; fi\n";

static const char fish_script[] =
	"# fish completion of devenv:  devenv completion fish | source\n"
	"function __devenv_complete\n"
	"\tset -l words (commandline -opc) (commandline -ct)\n"
	"\tfor line in (devenv __complete fish -- $words[2..-1] 2>/dev/null)\n"
	"\t\tswitch $line\n"
	"\t\tcase :file\n"
	"\t\t\t__fish_complete_path (commandline -ct)\n"
	"\t\tcase :directory\n"
	"\t\t\t__fish_complete_directories (commandline -ct)\n"
	"\t\tcase '*'\n"
	"\t\t\techo $line\n"
	"\t\tend\n"
	"\tend\n"
	"end\n"
	"complete -c devenv -f -a '(__devenv_complete)'\n";

static const char *const shells[] = {"bash", "zsh", "fish", NULL};

static int run_completion(struct cli *cli)
{
	const char *shell = args_positional(&cli->args, 0);
	struct nearest nearest = {.word = shell};

	if (strcmp(shell, "bash") == 0)
		strbuf_addstr(&cli->out.buf, bash_script);
	else if (strcmp(shell, "zsh") == 0)
		strbuf_addstr(&cli->out.buf, zsh_script);
	else if (strcmp(shell, "fish") == 0)
		strbuf_addstr(&cli->out.buf, fish_script);
	else {
		for (const char *const *one = shells; *one; one++)
			nearest_try(&nearest, *one);
		return cli_usage(cli, "there is no completion for %s; %s%s", shell,
			nearest.best ? "did you mean " : "bash, zsh and fish have one",
			nearest.best ? nearest.best : "");
	}
	return EXIT_OK;
}

const struct command command_completion = {
	.name = "completion",
	.group = "This program",
	.summary = "Print a completion script for bash, zsh or fish",
	.description = "Completes commands, options, environments, services and addresses, of the "
		       "manifest and of state.",
	.arguments = (const struct argument[]){
		{.name = "SHELL", .complete = COMPLETE_CHOICES, .choices = shells}, {.name = NULL}},
	.examples = (const struct example[]){
		{"bash, for this session", "source <(devenv completion bash)"},
		{"bash, for good",
			"devenv completion bash > "
			"~/.local/share/bash-completion/completions/devenv"},
		{"zsh, for good (a folder of $fpath)", "devenv completion zsh > ~/.zfunc/_devenv"},
		{"fish, for good",
			"devenv completion fish > ~/.config/fish/completions/devenv.fish"},
		{NULL, NULL}},
	.raw = true,
	.run = run_completion,
};

/* --- values that only the manifest and state know --------------------------------------------- */

typedef void offer_value(void *arg, const char *value, const char *description);

static void offer_recorded(struct cli *cli, offer_value *offer, void *arg)
{
	struct reconcile r;
	struct error err = ERROR_INIT;

	if (session_init(cli, &r, &err) == 0 && reconcile_locate(&r, &err) == 0 &&
		reconcile_open(&r, STATE_READ, "complete", &err) == 0)
		for (size_t i = 0; i < r.n_records; i++)
			offer(arg, r.records[i].address, r.records[i].id);
	session_end(cli, &r);
}

/* "api", then docker_container.api["1"] and ["2"]: records come by address. */
static void offer_running(struct cli *cli, offer_value *offer, void *arg)
{
	struct reconcile r;
	struct error err = ERROR_INIT;
	const char *last = "";

	if (session_init(cli, &r, &err) == 0 && reconcile_locate(&r, &err) == 0)
		reconcile_open(&r, STATE_READ, "complete", &err);
	for (size_t i = 0; i < r.n_records; i++) {
		const char *address = r.records[i].address, *dot = strchr(address, '.');
		const char *name;

		if (!provider_can(&r.records[i], CAN_TALK) || !dot)
			continue;
		name = arena_strndup(&cli->arena, dot + 1, strcspn(dot + 1, "["));
		if (strcmp(name, last) != 0)
			offer(arg, name, address);
		last = name;
		offer(arg, address, r.records[i].id);
	}
	session_end(cli, &r);
}

static void offer_desired(struct cli *cli, offer_value *offer, void *arg, enum complete kind)
{
	struct reconcile r;
	struct error err = ERROR_INIT;

	if (session_init(cli, &r, &err) == 0)
		reconcile_load(&r, &err);
	for (size_t i = 0; i < r.manifest.n_resources && kind == COMPLETE_ADDRESS; i++)
		offer(arg, r.manifest.resources[i].address, r.manifest.resources[i].service);
	for (size_t i = 0; i < r.manifest.n_outputs && kind == COMPLETE_OUTPUT; i++)
		offer(arg, r.manifest.outputs[i].name, NULL);
	for (size_t i = 0; i < r.manifest.n_resources && kind == COMPLETE_SECRET; i++) {
		const struct resource *resource = &r.manifest.resources[i];

		if (strcmp(resource->type->name, "generated_secret") == 0)
			offer(arg, resource->key ? resource->address : resource->name, resource->address);
	}
	session_end(cli, &r);
}

/* Names below .devenv/environments of the nearest folder that has one. */
static void offer_environments(struct cli *cli, offer_value *offer, void *arg)
{
	const char *directory = arena_strdup(&cli->arena, ".");
	struct error err = ERROR_INIT;
	const char *const *names;
	size_t n;

	for (int up = 0; up < 64; up++) {
		const char *folder = fs_join(&cli->arena, directory, ".devenv/environments");

		if (fs_exists(folder)) {
			if (fs_list(folder, &cli->arena, &names, &n, &err) < 0)
				return;
			for (size_t i = 0; i < n; i++) {
				size_t len = strlen(names[i]);

				if (len > 4 && strcmp(names[i] + len - 4, ".yml") == 0)
					offer(arg, arena_strndup(&cli->arena, names[i], len - 4),
						NULL);
			}
			return;
		}
		directory = arena_printf(&cli->arena, "%s/..", directory);
	}
}

static void offer_values(void *arg, enum complete kind, offer_value *offer, void *offer_arg)
{
	struct cli *cli = arg;

	switch (kind) {
	case COMPLETE_ENVIRONMENT:
		offer_environments(cli, offer, offer_arg);
		return;
	case COMPLETE_ADDRESS:
	case COMPLETE_OUTPUT:
	case COMPLETE_SECRET:
		offer_desired(cli, offer, offer_arg, kind);
		return;
	case COMPLETE_RECORDED:
		offer_recorded(cli, offer, offer_arg);
		return;
	case COMPLETE_RUNNING:
		offer_running(cli, offer, offer_arg);
		return;
	case COMPLETE_COMMAND:
		for (const struct command *const *c = command_table; *c; c++)
			if ((*c)->group)
				offer(offer_arg, (*c)->name, (*c)->summary);
		return;
	case COMPLETE_SCHEMA:
		for (size_t i = 0; i < type_count; i++)
			offer(offer_arg, type_table[i]->name, NULL);
		return;
	default:
		return;
	}
}

/* bash splits "--x=y" into three words; here they are one again. */
static const char **join_equals(struct cli *cli, const char *const *words, size_t *n)
{
	const char **out = arena_zalloc(&cli->arena, (*n + 2) * sizeof(*out));
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++) {
		bool tail = kept && strncmp(out[kept - 1], "--", 2) == 0 &&
			    out[kept - 1][strlen(out[kept - 1]) - 1] == '=';

		if (kept && strcmp(words[i], "=") == 0 && strncmp(out[kept - 1], "--", 2) == 0)
			out[kept - 1] = arena_printf(&cli->arena, "%s=", out[kept - 1]);
		else if (tail)
			out[kept - 1] = arena_printf(&cli->arena, "%s%s", out[kept - 1], words[i]);
		else
			out[kept++] = words[i];
	}
	*n = kept;
	return out;
}

static int run_complete(struct cli *cli)
{
	bool bash = strcmp(args_positional(&cli->args, 0), "bash") == 0;
	struct complete_source source = {offer_values, cli};
	size_t n = cli->args.n_positional - 1;
	const char *const *words = cli->args.positional + 1;
	struct strbuf lines = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct args typed;
	const char *directory;

	if (bash)
		words = join_equals(cli, words, &n);
	/* -C, -f and -e on the line typed so far decide whose addresses these are. */
	args_parse(&typed, &cli->arena, n ? (int)n - 1 : 0, words, cli->env, &err);
	typed.command = NULL;
	directory = args_text(&typed, "chdir");
	if (directory && chdir(directory) < 0)
		return EXIT_FAILED;
	cli->args = typed;
	complete_words(&lines, words, n, bash, &source);
	strbuf_add(&cli->out.buf, lines.text, lines.len);
	strbuf_release(&lines);
	return EXIT_OK;
}

const struct command command_complete_words = {
	.name = "__complete",
	.summary = "Candidates for a shell",
	.arguments = (const struct argument[]){
		{.name = "SHELL"}, {.name = "WORD", .flags = ARGUMENT_REST | ARGUMENT_OPTIONAL},
		{.name = NULL}},
	.raw = true,
	.run = run_complete,
};
