/*
 * local_command: somebody else's programs make, change, remove and read a thing. Nothing is known
 * of it but what they say, so the contract with them is narrow: exit status 0 is success, a JSON
 * object on stdout is data, and only `read` can tell what is there. Without `read` the engine takes
 * the record for true and asks the user (onInterrupt) what a death in the middle means.
 */
#include "providers/local/local.h"

#include "model/json.h"

#include <string.h>

enum {
	STDOUT_LIMIT = 4 << 20, /* of what is parsed */
	TEXT_LIMIT = 4096,      /* longer text on stdout is a log, not an output */
};

struct call {
	const char *action; /* "create", "update", "delete", "read" */
	const char *address;
	const struct value *inputs;  /* environment, directory, stdin */
	const struct value *outputs; /* the recorded ones; NULL: none */
	const char *const *argv;
};

/* What a command said. */
struct answer {
	const struct value *data; /* a map; NULL: nothing, or null */
	const char *output;       /* its last lines */
	bool ran; /* it was started and ended by itself, whatever its status */
};

static void show_line(void *arg, int stream, const char *text, size_t len)
{
	(void)stream;
	provider_progress(arg, "%.*s", (int)len, text);
}

/* Without a `stdin` of its own, a command that follows the first learns what came before. */
static void prepare_input(struct provider_env *env, const struct call *call,
	struct process_request *request)
{
	const struct value *input = value_get(call->inputs, "stdin");
	struct value_builder document;
	struct strbuf text = STRBUF_INIT;
	struct value map;

	if (input) {
		request->input = value_text(input, "");
		request->input_len = input->len;
		return;
	}
	if (!strcmp(call->action, "create"))
		return;
	builder_init(&document, env->arena);
	builder_put_str(&document, "action", call->action);
	builder_put_str(&document, "address", call->address);
	builder_put(&document, "outputs", call->outputs ? *call->outputs : value_empty_map);
	map = builder_map(&document);
	json_write(&text, &map, JSON_CLEAR, NULL);
	request->input = arena_strndup(env->arena, text.text, text.len);
	request->input_len = text.len;
	strbuf_release(&text);
}

static struct value *one_output(struct arena *arena, const char *text, size_t len)
{
	struct value *map = arena_alloc(arena, sizeof(*map));
	struct value_builder outputs;

	builder_init(&outputs, arena);
	builder_put(&outputs, "stdout", value_strn(arena, text, len));
	*map = builder_map(&outputs);
	return map;
}

static const struct value *parse_answer(struct arena *arena, const char *text, size_t len)
{
	struct value *value = arena_alloc(arena, sizeof(*value));

	for (; len && strchr(" \t\r\n", text[len - 1]); len--)
		;
	for (; len && strchr(" \t\r\n", *text); len--)
		text++;
	if (!len || (len == 4 && !memcmp(text, "null", 4)))
		return NULL;
	if (*text == '{' && json_parse(text, len, arena, NULL, value, NULL) == 0 &&
		value->kind == VALUE_MAP)
		return value;
	return len <= TEXT_LIMIT ? one_output(arena, text, len) : &value_empty_map;
}

static int run(struct provider_env *env, const struct call *call, struct answer *answer,
	struct error *err)
{
	bool acts = strcmp(call->action, "read") != 0;
	cleanup_process struct process_result result = PROCESS_RESULT_INIT;
	struct process_request request = {
		.argv = call->argv,
		.directory = local_directory_of(env, call->inputs),
		.max_capture = STDOUT_LIMIT,
		.keep_fd = acts ? env->intent_fd : -1,
		.deadline = env->deadline,
		.clock = env->clock,
		.cancel = env->cancel,
		.line = acts ? show_line : NULL,
		.arg = env,
	};
	struct process_env variables;
	int rc;

	*answer = (struct answer){0};
	if (local_environment(&variables, env, call->inputs, !strcmp(call->action, "delete"), err) < 0)
		return -1;
	process_env_set(&variables, "DEVENV_ACTION", call->action);
	process_env_set(&variables, "DEVENV_ADDRESS", call->address);
	process_env_set(&variables, "DEVENV_ENVIRONMENT_ID", env->environment);
	process_env_set(&variables, "DEVENV_INTENT", acts ? env->intent : NULL);
	request.env = process_env_vector(&variables);
	prepare_input(env, call, &request);
	rc = process_run(&request, &result, err);
	answer->ran = rc == 0;
	answer->output = arena_strdup(env->arena, result.tail.text);
	if (rc == 0)
		rc = process_check(&request, &result, err);
	if (rc == 0 && result.out.len >= STDOUT_LIMIT)
		rc = error_set(err, ERROR_INVALID, "it prints more than %d MiB on stdout",
			STDOUT_LIMIT >> 20);
	if (rc < 0)
		return error_wrap(err, "%s", call->action);
	answer->data = parse_answer(env->arena, result.out.text, result.out.len);
	return 0;
}

/* --- observing -------------------------------------------------------------------------------- */

/* Members of `over` win. */
static const struct value *merge(struct arena *arena, const struct value *under,
	const struct value *over)
{
	struct value *map = arena_alloc(arena, sizeof(*map));
	struct value_builder both;

	if (!under || !under->len)
		return over;
	builder_init(&both, arena);
	for (uint32_t i = 0; i < under->len; i++) {
		if (!value_get(over, under->members[i].key))
			builder_put(&both, under->members[i].key, under->members[i].value);
	}
	for (uint32_t i = 0; i < over->len; i++)
		builder_put(&both, over->members[i].key, over->members[i].value);
	*map = builder_map(&both);
	return map;
}

/* Whose `read` counts: the manifest's, so that a broken one can be repaired, else the recorded. */
static const struct value *inputs_to_read(struct provider_env *env, const struct observation *item,
	struct error *err)
{
	const struct value *inputs;

	if (item->desired && (value_is_known(item->desired) || !item->record))
		return item->desired;
	if (!item->record)
		return local_intent_inputs(env, item->intent);
	inputs = record_inputs(item->record, err);
	return err->code == ERROR_NONE ? inputs : NULL;
}

static int observe(struct provider_env *env, const struct observe_request *batch,
	struct observation *item, struct error *err)
{
	const struct value *inputs = inputs_to_read(env, item, err);
	struct call call = {.action = "read", .address = item->address, .inputs = inputs};
	struct answer answer;

	(void)batch;
	if (err->code != ERROR_NONE)
		return -1;
	if (!inputs || !value_get(inputs, "read")) {
		item->presence = PRESENCE_UNTRACKED;
		return 0;
	}
	call.argv = local_argv(env->arena, inputs, "read");
	if (!call.argv || !value_is_known(inputs))
		return 0; /* known after apply; then it is asked again */
	if (!provider_may_run(env, item, "its `read` command"))
		return 0;
	call.outputs = item->record ? record_outputs(item->record, NULL) : NULL;
	if (run(env, &call, &answer, err) < 0)
		return -1;
	if (!answer.data)
		return 0;
	item->presence = PRESENCE_PRESENT;
	item->ownership = item->record || item->intent ? OWNER_US : OWNER_NONE;
	item->mark_intent = item->intent ? item->intent->id : NULL;
	item->attributes = answer.data;
	item->outputs = merge(env->arena, call.outputs, answer.data);
	if (item->ownership == OWNER_NONE)
		item->message = "its `read` command finds it";
	return 0;
}

/* --- acting ----------------------------------------------------------------------------------- */

/* What `read` says right after an action completes the outcome. */
static int read_back(struct provider_env *env, const struct request *request,
	struct outcome *outcome, struct error *err)
{
	struct call call = {
		.action = "read",
		.address = request->address,
		.inputs = request->inputs,
		.outputs = outcome->outputs,
		.argv = local_argv(env->arena, request->inputs, "read"),
	};
	struct answer answer;

	if (!call.argv)
		return 0;
	if (!call.outputs && request->record)
		call.outputs = record_outputs(request->record, NULL);
	if (run(env, &call, &answer, err) < 0) {
		outcome->exists = outcome->exists && !answer.ran;
		return -1;
	}
	if (!answer.data) {
		outcome->exists = false;
		return error_set(err, ERROR_FAILED,
			"the command succeeded, but `read` finds nothing: it has to print a JSON "
			"object (or a text) when the thing is there");
	}
	outcome->outputs = merge(env->arena, call.outputs, answer.data);
	outcome->observed = answer.data;
	return 0;
}

/* One command of a request. A failed create may have made something: only `read` can tell. */
static int act(struct provider_env *env, const struct request *request, const char *action,
	struct outcome *outcome, struct error *err)
{
	struct call call = {
		.action = action,
		.address = request->address,
		.inputs = request->inputs,
		.outputs = request->record ? record_outputs(request->record, NULL) : NULL,
		.argv = local_argv(env->arena, request->inputs, action),
	};
	struct answer answer;
	int rc = run(env, &call, &answer, err);

	outcome->output = answer.output;
	if (rc < 0) {
		struct outcome found = {.exists = true};

		if (err->code != ERROR_CANCELLED && err->code != ERROR_TIMEOUT &&
			value_get(request->inputs, "read") &&
			read_back(env, request, &found, NULL) == 0)
			outcome->exists = true;
		return -1;
	}
	outcome->exists = true;
	if (answer.data && answer.data->len)
		outcome->outputs = answer.data;
	return 0;
}

/* The commands and values of the last time remove what they made. */
static int remove_recorded(struct provider_env *env, struct record *record, const char **output,
	struct error *err)
{
	struct error unreadable = ERROR_INIT;
	struct call call = {.action = "delete", .address = record->address};
	struct answer answer;
	int rc;

	call.inputs = record_inputs(record, &unreadable);
	if (unreadable.code != ERROR_NONE) {
		*err = unreadable;
		return -1;
	}
	call.argv = local_argv(env->arena, call.inputs, "delete");
	if (!call.argv)
		return 0;
	call.outputs = record_outputs(record, NULL);
	rc = run(env, &call, &answer, err);
	*output = answer.output;
	return rc;
}

static int change(struct provider_env *env, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	outcome->exists = true;
	if (value_get(request->inputs, "update"))
		return act(env, request, "update", outcome, err);
	if (request->record && remove_recorded(env, request->record, &outcome->output, err) < 0)
		return -1;
	return act(env, request, "create", outcome, err);
}

static int apply(struct provider_env *env, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	const struct observation *seen = request->observed;
	bool there = request->adopt && seen && seen->presence == PRESENCE_PRESENT;
	int rc = 0;

	if (local_check(env, err) < 0)
		return -1;
	if (request->act == ACT_UPDATE)
		rc = change(env, request, outcome, err);
	else if (!there)
		rc = act(env, request, "create", outcome, err);
	else if (!seen->mark_intent && value_get(request->inputs, "update"))
		rc = act(env, request, "update", outcome, err); /* taken over: as we want it */
	if (rc < 0)
		return -1;
	outcome->exists = true;
	/* What could not be read is done all the same: the next plan reads again. */
	return read_back(env, request, outcome, err) < 0 && !outcome->exists ? -1 : 0;
}

static int destroy(struct provider_env *env, struct record *record, struct error *err)
{
	const char *output;

	return remove_recorded(env, record, &output, err);
}

static void validate(const struct resource *resource, struct diags *diags)
{
	static const char *const actions[] = {"create", "update", "delete", "read"};

	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		local_check_argv(resource, actions[i], diags);
}

const struct local_type local_command = {
	.name = "local_command",
	.validate = validate,
	.observe = observe,
	.apply = apply,
	.destroy = destroy,
};
