/* The outputs of the environment, from state: what the last run knew. */
#include "cli/outputs.h"

#include "cli/commands.h"
#include "cli/jsonl.h"
#include "cli/render/render.h"
#include "model/json.h"

#include <string.h>

/* A map, perhaps an empty one. */
static int read_outputs(struct cli *cli, struct reconcile *r, struct value *out, struct error *err)
{
	const char *const *keys, *const *values;
	size_t n = 0;

	*out = value_empty_map;
	if (!r->environment.id)
		return 0;
	if (state_notes(r->state, r->environment.id, "outputs", &cli->arena, &keys, &values, &n,
		    err) < 0)
		return -1;
	if (!n)
		return 0;
	if (json_parse(values[0], strlen(values[0]), &cli->arena, state_key(r->state), out, err) <
		0)
		return error_wrap(err, "the recorded outputs cannot be read");
	redactor_learn(&r->redactor, out);
	return 0;
}

static void print_json(struct cli *cli, const struct value *outputs)
{
	struct strbuf *buf = &cli->out.buf;

	jsonl_begin(buf, "outputs", "info", "Outputs: %u", outputs->len);
	jsonl_value(buf, "outputs", outputs);
	jsonl_end(buf);
}

static void print_lines(struct cli *cli, const struct value *outputs, int indent)
{
	struct value_style style = {&cli->out.terminal, cli->out.redactor, indent};
	int width = 0;

	for (uint32_t i = 0; i < outputs->len; i++) {
		int one = display_width(outputs->members[i].key);

		width = one > width ? one : width;
	}
	for (uint32_t i = 0; i < outputs->len; i++) {
		const struct member *member = &outputs->members[i];

		add_spaces(&cli->out.buf, indent);
		stream_add(&cli->out, "%s", member->key);
		add_spaces(&cli->out.buf, width - display_width(member->key));
		stream_add(&cli->out, value_is_block(&member->value) ? " =" : " = ");
		render_value(&cli->out.buf, &style, &member->value);
		stream_add(&cli->out, "\n");
	}
}

void outputs_print(struct cli *cli, struct reconcile *r)
{
	struct error err = ERROR_INIT;
	struct value outputs;

	if (read_outputs(cli, r, &outputs, &err) < 0) {
		cli_fail(cli, &err);
		return;
	}
	if (!outputs.len || cli->quiet)
		return;
	if (cli->json) {
		print_json(cli, &outputs);
	} else {
		stream_add(&cli->out, "\nOutputs:\n");
		print_lines(cli, &outputs, 2);
	}
	stream_flush(&cli->out);
}

/* Asked for by name: the bare value, for scripts; a secret only with --reveal. */
static int print_one(struct cli *cli, const struct value *outputs, const char *name)
{
	const struct value *value = value_get(outputs, name);
	struct nearest nearest = {.word = name};
	struct error err = ERROR_INIT;
	bool reveal = args_flag(&cli->args, "reveal");

	if (!value) {
		for (uint32_t i = 0; i < outputs->len; i++)
			nearest_try(&nearest, outputs->members[i].key);
		error_set(&err, ERROR_NOT_FOUND,
			nearest.best ? "there is no output %s; did you mean %s?"
				     : "there is no output %s; `devenv outputs` lists them",
			name, nearest.best);
		return cli_fail(cli, &err);
	}
	if (reveal)
		cli->out.redactor = NULL;
	if (cli->json) {
		jsonl_begin(&cli->out.buf, "output", "info", "%s", name);
		jsonl_text(&cli->out.buf, "name", name);
		if (reveal) {
			jsonl_key(&cli->out.buf, "value");
			json_write(&cli->out.buf, value, JSON_CLEAR, NULL);
		} else {
			jsonl_value(&cli->out.buf, "value", value);
		}
		jsonl_end(&cli->out.buf);
	} else if (value_is_scalar(value) && (reveal || !(value->flags & VALUE_SENSITIVE))) {
		strbuf_add(&cli->out.buf, value->text, strlen(value->text));
		stream_add(&cli->out, "\n");
	} else {
		json_write(&cli->out.buf, value, reveal ? JSON_CLEAR : JSON_MASK, NULL);
		stream_add(&cli->out, "\n");
	}
	stream_flush(&cli->out);
	return EXIT_OK;
}

static int print_asked(struct cli *cli, struct reconcile *r)
{
	const char *name = args_positional(&cli->args, 0);
	struct error err = ERROR_INIT;
	struct value outputs;

	if (read_outputs(cli, r, &outputs, &err) < 0)
		return cli_fail(cli, &err);
	if (name)
		return print_one(cli, &outputs, name);
	if (cli->json)
		print_json(cli, &outputs);
	else if (outputs.len)
		print_lines(cli, &outputs, 0);
	else
		cli_note(cli,
			"There are no outputs: spec.outputs names them, an apply records them.");
	return EXIT_OK;
}

static int run_outputs(struct cli *cli)
{
	struct reconcile r;
	int status = session_records(cli, &r, STATE_READ, false);

	if (!status)
		status = print_asked(cli, &r);
	session_end(cli, &r);
	return status;
}

const struct command command_outputs = {
	.name = "outputs",
	.aliases = (const char *const[]){"output", NULL},
	.group = "Look",
	.summary = "Print the outputs that the last apply recorded",
	.description =
		"With a NAME only its value is printed, without quotes, for use in scripts. "
		"Sensitive values are masked; --reveal prints one.",
	.options = (const struct option[]){
		{.name = "reveal", .kind = OPTION_FLAG,
			.help = "Print a sensitive value as it is; needs NAME"},
		{.name = NULL}},
	.arguments = (const struct argument[]){
		{.name = "NAME", .flags = ARGUMENT_OPTIONAL, .complete = COMPLETE_OUTPUT},
		{.name = NULL}},
	.examples = (const struct example[]){
		{"All of them", "devenv outputs"},
		{"One, in a script", "curl \"$(devenv outputs url)\""},
		{NULL, NULL}},
	.run = run_outputs,
};
