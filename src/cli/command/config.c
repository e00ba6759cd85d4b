/* devenv config show and config schema: what the layers add up to, and what they may hold. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/jsonl.h"
#include "cli/render/render.h"
#include "cli/schemas.h"
#include "model/schema.h"

#include "base/fs.h"

#include <string.h>

/* One line a scalar: where it comes from. Goes as deep as the manifest. */
static void add_origins(struct cli *cli, const struct sources *sources, const struct value *value,
	const char *path)
{
	struct pos pos = value_pos(value);
	const struct source *source = NULL;

	if (value->kind == VALUE_MAP) {
		for (uint32_t i = 0; i < value->len; i++)
			add_origins(cli, sources, &value->members[i].value,
				arena_printf(&cli->arena, "%s%s%s", path, *path ? "." : "",
					value->members[i].key));
		return;
	}
	if (value->kind == VALUE_LIST) {
		for (uint32_t i = 0; i < value->len; i++)
			add_origins(cli, sources, &value->items[i],
				arena_printf(&cli->arena, "%s[%u]", path, i));
		return;
	}
	if (pos.source && pos.source < sources->n)
		source = sources_get(sources, pos.source);
	jsonl_begin(&cli->out.buf, "origin", "info", "%s", path);
	jsonl_text(&cli->out.buf, "path", path);
	jsonl_value(&cli->out.buf, "value", value);
	jsonl_text(&cli->out.buf, "layer", source ? source->layer : "built-in");
	jsonl_text(&cli->out.buf, "file", source ? source->path : NULL);
	if (pos.line)
		jsonl_number(&cli->out.buf, "line", pos.line);
	if (pos.column)
		jsonl_number(&cli->out.buf, "column", pos.column);
	jsonl_end(&cli->out.buf);
}

static void show(struct cli *cli, const struct reconcile *r)
{
	bool lowered = args_flag(&cli->args, "lowered"), origin = args_flag(&cli->args, "origin");
	const struct value *value = lowered ? r->manifest.lowered : r->manifest.merged;

	if (!cli->json) {
		render_yaml(&cli->out.buf, &cli->out.terminal, value,
			origin ? &r->manifest.sources : NULL);
	} else if (origin) {
		add_origins(cli, &r->manifest.sources, value, "");
	} else {
		jsonl_begin(&cli->out.buf, "config", "info", "%s", r->manifest.path);
		jsonl_value(&cli->out.buf, "config", value);
		jsonl_end(&cli->out.buf);
	}
}

static int run_show(struct cli *cli)
{
	struct reconcile r;
	int status = session_load(cli, &r);

	if (!status) {
		session_warnings(cli, &r);
		show(cli, &r);
	}
	session_end(cli, &r);
	return status;
}

const struct command command_config_show = {
	.name = "config show",
	.group = "This program",
	.summary = "Print the merged manifest",
	.description =
		"Prints what all layers add up to. --origin says for every value which layer, file "
		"and line it comes from; --lowered prints the plain resources that services and "
		"the like become.",
	.options = (const struct option[]){
		{.name = "origin", .kind = OPTION_FLAG, .help = "Where each value comes from"},
		{.name = "lowered", .kind = OPTION_FLAG, .help = "As plain resources"},
		{.name = NULL}},
	.examples = (const struct example[]){
		{"Which file sets the region?", "devenv config show --origin | grep region"},
		{"What does my service become?", "devenv config show --lowered"},
		{NULL, NULL}},
	.run = run_show,
};

int schemas_write(struct arena *arena, const char *directory, struct error *err)
{
	for (size_t i = 0; i < schema_file_count; i++) {
		const struct schema_file *file = &schema_files[i];
		const char *path = fs_join(arena, directory, file->name);

		if (fs_make_dirs(fs_parent(arena, path), 0755, arena, NULL, err) < 0 ||
			fs_write(path, arena_printf(arena, "%s.tmp", path), file->text,
				strlen(file->text), 0644, FS_VOLATILE, err) < 0)
			return -1;
	}
	return 0;
}

static const struct schema_file *find_schema(struct cli *cli, const char *name)
{
	const char *type = arena_printf(&cli->arena, "types/%s.json", name);

	for (size_t i = 0; i < schema_file_count; i++)
		if (strcmp(schema_files[i].name, name) == 0 ||
			strcmp(schema_files[i].name, type) == 0)
			return &schema_files[i];
	return NULL;
}

static int unknown_schema(struct cli *cli, const char *name)
{
	struct nearest nearest = {.word = name};

	for (size_t i = 0; i < schema_file_count; i++)
		nearest_try(&nearest, schema_files[i].name);
	for (size_t i = 0; i < type_count; i++)
		nearest_try(&nearest, type_table[i]->name);
	if (nearest.best)
		return cli_usage(
			cli, "there is no schema %s; did you mean %s?", name, nearest.best);
	return cli_usage(
		cli, "there is no schema %s; `devenv config schema --list` names all", name);
}

static int run_schema(struct cli *cli)
{
	const char *name = args_positional(&cli->args, 0);
	const char *directory = args_text(&cli->args, "write");
	const struct schema_file *file;
	struct error err = ERROR_INIT;

	if (directory)
		return schemas_write(&cli->arena, directory, &err) < 0 ? cli_fail(cli, &err)
								       : EXIT_OK;
	if (args_flag(&cli->args, "list")) {
		for (size_t i = 0; i < schema_file_count; i++)
			stream_add(&cli->out, "%s\n", schema_files[i].name);
		return EXIT_OK;
	}
	file = find_schema(cli, name ? name : "config.schema.json");
	if (!file)
		return unknown_schema(cli, name ? name : "config.schema.json");
	strbuf_addstr(&cli->out.buf, file->text);
	return EXIT_OK;
}

const struct command command_config_schema = {
	.name = "config schema",
	.group = "This program",
	.summary = "Print the JSON Schema of the manifest or of a resource type",
	.description =
		"These are the very files that this program validates with. An editor with the "
		"YAML language server uses them through a first line such as "
		"`# yaml-language-server: $schema=local/schemas/config.schema.json`.",
	.options = (const struct option[]){
		{.name = "list", .kind = OPTION_FLAG, .env = "DEVENV_SCHEMA_LIST",
			.help = "The names of all schemas"},
		{.name = "write", .kind = OPTION_TEXT, .argument = "DIR",
			.complete = COMPLETE_DIRECTORY,
			.env = "DEVENV_SCHEMA_WRITE", .help = "Write all schemas below DIR"},
		{.name = NULL}},
	.arguments = (const struct argument[]){
		{.name = "NAME", .flags = ARGUMENT_OPTIONAL, .complete = COMPLETE_SCHEMA},
		{.name = NULL}},
	.examples = (const struct example[]){
		{"For an editor", "devenv config schema --write .devenv/local/schemas"},
		{"What does a local_file take?", "devenv config schema local_file"},
		{NULL, NULL}},
	.raw = true,
	.run = run_schema,
};
