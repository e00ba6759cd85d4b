/* devenv init: a first manifest that applies as it stands. Never overwrites anything. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/schemas.h"

#include "base/fs.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char template[] =
	"# yaml-language-server: $schema=local/schemas/config.schema.json\n"
	"#\n"
	"# What this environment is made of. `devenv plan` shows what would change, `devenv apply`\n"
	"# does it. The line above gives an editor the schema, which lies in .devenv/local and is\n"
	"# ignored by git (after a fresh clone: devenv config schema --write .devenv/local/schemas).\n"
	"apiVersion: devenv/v1\n"
	"kind: Environment\n"
	"metadata:\n"
	"  name: %s\n"
	"spec:\n"
	"  # Values that differ from place to place: --var greeting=hi, DEVENV_VAR_greeting=hi, or\n"
	"  # a file .devenv/environments/NAME.yml that `devenv apply -e NAME` adds.\n"
	"  variables:\n"
	"    greeting: { default: hello, description: The first word }\n"
	"\n"
	"  resources:\n"
	"    # A value that others may use: ${local_value.greeting.output}\n"
	"    - type: local_value\n"
	"      name: greeting\n"
	"      input: \"${var.greeting}, world\"\n"
	"\n"
	"    # A file, made again whenever it or what it holds changes.\n"
	"    # - type: local_file\n"
	"    #   name: config\n"
	"    #   path: build/config.txt\n"
	"    #   content: \"${local_value.greeting.output}\\n\"\n"
	"\n"
	"    # A process that keeps running, and is restarted when its command changes.\n"
	"    # - type: local_process\n"
	"    #   name: web\n"
	"    #   command: [python3, -m, http.server, \"8080\"]\n"
	"    #   dependsOn: [local_file.config]\n"
	"    #   readiness: { path: /, port: 8080 }\n"
	"\n"
	"  # What `devenv outputs` prints.\n"
	"  outputs:\n"
	"    greeting: { value: \"${local_value.greeting.output}\" }\n";

/* The folder's name as a name that the schema accepts. */
static const char *project_name(struct cli *cli, const char *directory)
{
	char *name = arena_strdup(&cli->arena, fs_name(directory));
	size_t n = 0;

	for (const char *c = name; *c && n < 63; c++) {
		if (isalnum((unsigned char)*c))
			name[n++] = (char)tolower((unsigned char)*c);
		else if (n && name[n - 1] != '-')
			name[n++] = '-';
	}
	while (n && name[n - 1] == '-')
		n--;
	name[n] = '\0';
	return n ? name : "my-project";
}

static int write_new(struct cli *cli, const char *path, const char *text, struct error *err)
{
	const char *temporary = arena_printf(&cli->arena, "%s.%ld.tmp", path, (long)getpid());

	return fs_write(path, temporary, text, strlen(text), 0644, FS_EXCLUSIVE, err);
}

static int write_all(struct cli *cli, const char *directory, struct error *err)
{
	const char *folder = fs_join(&cli->arena, directory, ".devenv");
	const char *local = fs_join(&cli->arena, folder, "local");
	const char *config = fs_join(&cli->arena, folder, "config.yml");
	const char *ignore = fs_join(&cli->arena, local, ".gitignore");
	struct strbuf text = STRBUF_INIT;
	int result;

	if (fs_exists(config))
		return error_set(
			err, ERROR_CONFLICT, "%s is there already; nothing was written", config);
	if (fs_make_dirs(local, 0755, &cli->arena, NULL, err) < 0)
		return -1;
	if (write_new(cli, ignore, "*\n", err) < 0 && err->code != ERROR_CONFLICT)
		return -1;
	*err = (struct error)ERROR_INIT;
	if (schemas_write(&cli->arena, fs_join(&cli->arena, local, "schemas"), err) < 0)
		return -1;
	strbuf_addf(&text, template, project_name(cli, directory));
	result = write_new(cli, config, text.text, err);
	strbuf_release(&text);
	return result;
}

/* The line of a .gitignore that takes the manifest with it; NULL: none does. */
static const char *ignored_by(struct arena *arena, const char *text)
{
	static const char *const patterns[] = {
		".devenv", ".devenv/", ".devenv*", ".devenv/*", ".devenv/**", ".*"};

	while (*text) {
		size_t len = strcspn(text, "\r\n");
		const char *line = arena_strndup(arena, text, len);

		for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
			if (strcmp(line + (line[0] == '/'), patterns[i]) == 0)
				return line;
		text += len;
		text += strspn(text, "\r\n");
	}
	return NULL;
}

/* Another tool of the same name ignores every .devenv* in git. */
static void warn_ignored(struct cli *cli, const char *directory)
{
	struct error err = ERROR_INIT;
	const char *text, *line = NULL;
	size_t len;

	if (fs_read(fs_join(&cli->arena, directory, ".gitignore"), &cli->arena, &text, &len,
		    &err) == 0)
		line = ignored_by(&cli->arena, text);
	if (line)
		cli_note(cli,
			"Warning: git ignores the manifest, because .gitignore says \"%s\". Take that "
			"out (.devenv/local has a .gitignore of its own), or rename it to devenv.yml.",
			line);
	if (fs_exists(fs_join(&cli->arena, directory, "devenv.nix")))
		cli_note(cli,
			"Warning: devenv.nix belongs to another tool, which uses .devenv/, too.");
}

static int run_init(struct cli *cli)
{
	struct error err = ERROR_INIT;
	char directory[4096];

	if (!getcwd(directory, sizeof(directory))) {
		error_errno(&err, "cannot tell the working directory");
		return cli_fail(cli, &err);
	}
	if (write_all(cli, directory, &err) < 0)
		return cli_fail(cli, &err);
	warn_ignored(cli, directory);
	cli_note(cli, "Wrote .devenv/config.yml. Next: devenv plan");
	return EXIT_OK;
}

const struct command command_init = {
	.name = "init",
	.group = "Reconcile",
	.summary = "Write a first manifest",
	.description = "Writes .devenv/config.yml, with comments, and the schemas for your editor "
		       "to .devenv/local, which git ignores. Never overwrites a manifest.",
	.examples = (const struct example[]){
		{"Begin", "devenv init && devenv plan"},
		{"In another folder", "devenv -C ../project init"},
		{NULL, NULL}},
	.run = run_init,
};
