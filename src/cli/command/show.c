/* devenv show ADDRESS: everything that state remembers of one resource. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/jsonl.h"
#include "cli/names.h"
#include "cli/render/render.h"
#include "engine/plan/inputs.h"
#include "engine/manage.h"

#include <string.h>

static void add_fact(struct cli *cli, const char *name, const char *text)
{
	if (!text || !*text)
		return;
	stream_add(&cli->out, "%-11s ", name);
	add_clean(&cli->out.buf, text, strlen(text));
	stream_add(&cli->out, "\n");
}

static void add_map(struct cli *cli, const char *title, const struct value *map)
{
	struct value_style style = {&cli->out.terminal, cli->out.redactor, 2};
	int width = 0;

	if (!map || map->kind != VALUE_MAP || !map->len)
		return;
	stream_add(&cli->out, "\n%s\n", title);
	for (uint32_t i = 0; i < map->len; i++) {
		int one = display_width(map->members[i].key);

		width = one > width ? one : width;
	}
	for (uint32_t i = 0; i < map->len; i++) {
		const struct member *member = &map->members[i];

		if (strcmp(member->key, INPUT_DIGESTS) == 0)
			continue;
		stream_add(&cli->out, "  %s", member->key);
		add_spaces(&cli->out.buf, width - display_width(member->key));
		stream_add(&cli->out, value_is_block(&member->value) ? " =" : " = ");
		render_value(&cli->out.buf, &style, &member->value);
		stream_add(&cli->out, "\n");
	}
}

static void add_time(struct cli *cli, const char *name, int64_t at)
{
	char text[32];

	if (at)
		add_fact(cli, name, clock_rfc3339(at, text));
}

static void print_text(struct cli *cli, struct record *record)
{
	char took[32];

	add_fact(cli, "address", record->address);
	add_fact(cli, "status", record_status_str(record->status));
	add_fact(cli, "last error", record->last_error);
	add_fact(cli, "id", record->id);
	add_fact(cli, "generation", arena_printf(&cli->arena, "%d", record->generation));
	add_fact(cli, "endpoint", record->endpoint);
	add_time(cli, "created", record->created_at);
	add_time(cli, "updated", record->updated_at);
	if (record->duration)
		add_fact(cli, "took", duration_str(record->duration, took));
	add_map(cli, "Inputs", record_inputs(record, NULL));
	add_map(cli, "Outputs", record_outputs(record, NULL));
	if (cli->verbose) {
		add_map(cli, "Observed after the last success", record_observed(record, NULL));
		add_map(cli, "Lifecycle and dependencies", record_meta(record, NULL));
	}
}

static void print_json(struct cli *cli, struct record *record)
{
	struct strbuf *buf = &cli->out.buf;

	jsonl_begin(buf, "record", "info", "%s", record->address);
	jsonl_text(buf, "address", record->address);
	jsonl_number(buf, "generation", record->generation);
	jsonl_text(buf, "resource_type", record->type);
	jsonl_text(buf, "status", record_status_str(record->status));
	jsonl_text(buf, "last_error", record->last_error);
	jsonl_text(buf, "id", record->id);
	jsonl_text(buf, "endpoint", record->endpoint);
	jsonl_time(buf, "created_at", record->created_at);
	jsonl_time(buf, "updated_at", record->updated_at);
	jsonl_number(buf, "duration_ms", record->duration);
	jsonl_value(buf, "inputs", record_inputs(record, NULL));
	jsonl_value(buf, "outputs", record_outputs(record, NULL));
	jsonl_value(buf, "observed", record_observed(record, NULL));
	jsonl_value(buf, "meta", record_meta(record, NULL));
	jsonl_end(buf);
}

static int show(struct cli *cli, struct reconcile *r, const char *address)
{
	struct error err = ERROR_INIT;
	bool found = false;

	if (!manage_record(r, address, &err))
		return cli_fail(cli, &err);
	for (size_t i = 0; i < r->n_records; i++) {
		struct record *record = &r->records[i];

		if (strcmp(record->address, address) != 0)
			continue;
		/* A damaged or sealed part with a lost key is worth an error, not an empty list. */
		if (!record_inputs(record, &err) || !record_outputs(record, &err) || err.code)
			return cli_fail(cli, &err);
		redactor_learn(&r->redactor, record_inputs(record, NULL));
		redactor_learn(&r->redactor, record_outputs(record, NULL));
		if (found && !cli->json)
			stream_add(&cli->out, "\n");
		found = true;
		if (cli->json)
			print_json(cli, record);
		else
			print_text(cli, record);
	}
	return EXIT_OK;
}

static int run_show(struct cli *cli)
{
	struct reconcile r;
	int status = session_records(cli, &r, STATE_READ, false);

	if (!status) {
		const char *name = args_positional(&cli->args, 0);
		const char *const *found = names_addresses(cli, &r, name, true);

		status = *found ? EXIT_OK : show(cli, &r, name);
		for (size_t i = 0; found[i] && !status; i++) {
			if (i && !cli->json)
				stream_add(&cli->out, "\n");
			status = show(cli, &r, found[i]);
		}
	}
	session_end(cli, &r);
	return status;
}

const struct command command_show = {
	.name = "show",
	.group = "Look",
	.summary = "Show what is recorded of a resource",
	.description =
		"Prints the record of one resource: its status, id, inputs and outputs, with -v "
		"also what was observed and its dependencies. Sensitive values are masked. Reality "
		"is not looked at; `devenv status` and `devenv plan --explain ADDRESS` do.",
	.arguments = (const struct argument[]){
		{.name = "ADDRESS", .complete = COMPLETE_RECORDED}, {.name = NULL}},
	.examples = (const struct example[]){
		{"One resource", "devenv show local_file.config"},
		{"One of a forEach", "devenv show 'local_file.config[\"eu\"]'"},
		{NULL, NULL}},
	.run = run_show,
};
