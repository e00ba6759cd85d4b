/*
 * devenv scale: how many of a service run, until it is taken back. The number stands in a file of the
 * checkout that git ignores, a layer above the manifest, so no later plan undoes it; then everything
 * is as with an apply. Who does not agree to the plan has the old number again.
 */
#include "base/fs.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/run.h"
#include "model/yaml.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 1000 };

static const struct value *service_of(const struct reconcile *r, const char *name,
	struct nearest *nearest)
{
	const struct value *list = value_path(r->manifest.merged, "spec.services");

	for (uint32_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++) {
		const char *other = value_get_text(&list->items[i], "name", "");

		if (!strcmp(other, name))
			return &list->items[i];
		nearest_try(nearest, other);
	}
	return NULL;
}

/* "api=3" into its halves; "-" takes the number back. */
static int split(struct cli *cli, const char *argument, const char **name, const char **number,
	struct error *err)
{
	const char *equals = strchr(argument, '=');
	char *end;
	long n;

	if (!equals || equals == argument)
		return error_set(err, ERROR_INVALID, "'%s' is no SERVICE=N: write api=3, or api=- to take it "
			"back", argument);
	*name = arena_strndup(&cli->arena, argument, (size_t)(equals - argument));
	*number = equals + 1;
	if (!strcmp(*number, "-"))
		return 0;
	n = strtol(*number, &end, 10);
	if (!**number || *end || n < 0 || n > MOST)
		return error_set(err, ERROR_INVALID, "'%s': a number from 0 to %d, or - to take it back",
			argument, MOST);
	*number = arena_printf(&cli->arena, "%ld", n);
	return 0;
}

static int check(struct cli *cli, const struct reconcile *r, struct error *err)
{
	for (size_t i = 0; i < cli->args.n_positional; i++) {
		const char *name, *number;
		struct nearest nearest;
		const struct value *service;

		if (split(cli, cli->args.positional[i], &name, &number, err) < 0)
			return -1;
		nearest = (struct nearest){.word = name};
		service = service_of(r, name, &nearest);
		if (!strcmp(number, "-"))
			continue;
		if (!service)
			return error_set(err, ERROR_NOT_FOUND, nearest.best
				? "there is no service %s; did you mean %s?"
				: "there is no service %s: replicas of other resources stand in the manifest", name,
				nearest.best);
		if (value_get(service, "chart") || !strcmp(value_get_text(service, "type", ""), "job"))
			return error_set(err, ERROR_INVALID, "service %s has no replicas: %s", name,
				value_get(service, "chart") ? "its chart says how many run" : "it is a job");
	}
	return 0;
}

/* The lines of the file, "api: 3", without those that the arguments name; then these. */
static const char *changed(struct cli *cli, const char *old)
{
	struct strbuf text = STRBUF_INIT;
	const char *out;

	for (const char *line = old; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : "") {
		size_t len = strcspn(line, ":\n");
		bool named = line[0] == '#' || line[0] == '\n';

		for (size_t i = 0; !named && i < cli->args.n_positional; i++)
			named = !strncmp(cli->args.positional[i], line, len) &&
				cli->args.positional[i][len] == '=';
		if (!named)
			strbuf_addf(&text, "%.*s\n", (int)strcspn(line, "\n"), line);
	}
	for (size_t i = 0; i < cli->args.n_positional; i++) {
		const char *name, *number;

		if (!split(cli, cli->args.positional[i], &name, &number, NULL) && strcmp(number, "-") != 0)
			strbuf_addf(&text, "%s: %s\n", name, number);
	}
	out = arena_strdup(&cli->arena, text.text ? text.text : "");
	strbuf_release(&text);
	return out;
}

static int put(struct cli *cli, const char *path, const char *text, struct error *err)
{
	static const char head[] = "# set by `devenv scale`; `devenv scale SERVICE=-` takes a line out\n";
	const char *whole = arena_printf(&cli->arena, "%s%s", head, text);

	if (!*text)
		return fs_remove(path, err);
	if (fs_make_dirs(fs_parent(&cli->arena, path), 0755, &cli->arena, NULL, err) < 0)
		return -1;
	return fs_write(path, arena_printf(&cli->arena, "%s.new", path), whole, strlen(whole), 0644, 0,
		err);
}

static int apply(struct cli *cli, bool *done)
{
	struct run_request request = {
		.kind = "scale",
		.verb = "Scale",
		.question = "Do you want to perform these actions?",
		.approved = args_flag(&cli->args, "yes"),
	};
	struct apply_result result = {0};
	struct reconcile r;
	int status = session_load(cli, &r);

	request.result = &result;
	if (!status)
		status = session_plan(cli, &r, run_may_act(cli, &request) ? STATE_WRITE : STATE_READ);
	if (!status)
		status = run_apply(cli, &r, &request);
	*done = result.run != 0 || status == EXIT_OK;
	session_end(cli, &r);
	return status;
}

static int run_scale(struct cli *cli)
{
	const char *path = NULL, *old = "";
	struct error err = ERROR_INIT;
	bool done = false;
	struct reconcile r;
	size_t len;
	int status = session_load(cli, &r);

	if (!status && check(cli, &r, &err) < 0)
		status = cli_fail(cli, &err);
	if (!status)
		path = scale_path(&cli->arena, r.manifest.root, r.manifest.environment);
	session_end(cli, &r);
	if (status)
		return status;
	if (fs_read(path, &cli->arena, &old, &len, &err) < 0 && err.code != ERROR_NOT_FOUND)
		return cli_fail(cli, &err);
	err = (struct error)ERROR_INIT;
	if (put(cli, path, changed(cli, old), &err) < 0)
		return cli_fail(cli, &err);
	status = apply(cli, &done);
	if (!done && (*old ? fs_write(path, arena_printf(&cli->arena, "%s.new", path), old, strlen(old),
			0644, 0, &err) : fs_remove(path, &err)) < 0)
		return cli_fail(cli, &err);
	return status;
}

const struct command command_scale = {
	.name = "scale",
	.group = "Operate",
	.summary = "Change how many of a service run",
	.description =
		"The number lasts: it stands in .devenv/local/scale.yml, which git ignores, above the "
		"`replicas` of the manifest (`devenv config show --origin` shows it), until N is `-`. "
		"Then the environment is planned and applied as `devenv apply` does. Who does not "
		"agree to the plan has the old number again.",
	.options = (const struct option[]){OPTION_YES, OPTIONS_ALLOW, OPTIONS_RUN, {.name = NULL}},
	.arguments = (const struct argument[]){
		{.name = "SERVICE=N", .flags = ARGUMENT_REPEATED}, {.name = NULL}},
	.examples = (const struct example[]){
		{"Three of one service", "devenv scale api=3"},
		{"As the manifest says, again", "devenv scale api=-"},
		{NULL, NULL}},
	.run = run_scale,
};
