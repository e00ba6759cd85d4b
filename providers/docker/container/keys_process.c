/*
 * Keys of what runs in a container: image, command, environment, health. Where an image has a value
 * of its own (Env, Labels), only the members that were asked for are read back: what the image brings
 * is none of the manifest's business and must never look like drift.
 */
#include "providers/docker/container/container.h"

#include "providers/docker/container/parse.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static int image_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	const char *text = value_text(in, "");

	if (!*text || text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
					"._-/:@[]")]) {
		diag_error(context->diags, value_pos(in), "\"%s\" names no image",
			container_shown(in));
		diag_hint(context->diags, strchr(text, '$') ? "a variable is ${NAME}, in braces"
			: "write it as name:tag, registry/name:tag or sha256:...");
		return -1;
	}
	*out = container_text_as(context->arena, in, image_normal(text, context->arena));
	return 0;
}

/* When the tag has moved on, what runs is the image that it named before: its id is what is shown. */
static bool image_observe(const struct container_view *view, const struct value *asked,
	struct value *out)
{
	const char *reference = value_get_text(view->config, "Image", "");
	const char *id = value_get_text(view->inspect, "Image", "");
	const char *want = value_text(asked, "");

	if (view->image_id && strcmp(view->image_id, id) != 0)
		*out = value_str(view->arena, id);
	else if (!strcmp(want, id))
		*out = value_str(view->arena, id);
	else
		*out = value_str(view->arena, image_normal(reference, view->arena));
	return true;
}

/* A list is taken as it is; a string is split into words as a shell would. */
static int words_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	const char *wrong;

	if (in->kind == VALUE_LIST)
		return container_strings(context, in, false, out);
	wrong = words_split(value_text(in, ""), context->arena, out);
	if (wrong) {
		diag_error(context->diags, value_pos(in), "the words of the command do not end: %s",
			wrong);
		diag_hint(context->diags, "a list needs no quoting: [\"sh\", \"-c\", \"...\"]");
		return -1;
	}
	if (in->flags & VALUE_SENSITIVE)
		*out = value_sensitive(*out);
	return 0;
}

static int command_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	if (words_to_normal(context, in, out) < 0)
		return -1;
	if (out->len == 0 && (in->kind != VALUE_LIST || in->len == 0)) {
		diag_error(context->diags, value_pos(in), "the command is empty");
		diag_hint(context->diags, "leave it out to run what the image says");
		return -1;
	}
	return 0;
}

static int environment_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	struct value_builder map;

	if (in->kind != VALUE_MAP) {
		diag_error(context->diags, value_pos(in), "environment must be a map");
		diag_hint(context->diags, "write NAME: value, not - NAME=value");
		return -1;
	}
	builder_init(&map, context->arena);
	for (size_t i = 0; i < in->len; i++) {
		const struct member *member = &in->members[i];

		if (!*member->key || strchr(member->key, '='))
			return diag_error(context->diags, member->pos,
				"\"%s\" is no name of a variable", member->key);
		if (container_skips(context, &member->value))
			continue;
		if (member->value.kind == VALUE_NULL) {
			diag_error(context->diags, member->pos, "%s has no value", member->key);
			diag_hint(context->diags,
				"write %s: ${%s} to hand on the variable of that name, or \"\"",
				member->key, member->key);
			return -1;
		}
		if (!value_is_scalar(&member->value))
			return diag_error(context->diags, value_pos(&member->value),
				"%s must be a string, not a %s", member->key,
				value_kind_str(member->value.kind));
		builder_put(&map, member->key, container_text(context->arena, &member->value));
	}
	*out = builder_map(&map);
	return 0;
}

/* Written by container_create_body: sorted, with the marks. */
static void nothing_body(struct container_body *body, const struct value *normal)
{
	(void)body, (void)normal;
}

/* The value of NAME in a list of "NAME=value"; NULL: not there. */
static const char *env_find(const struct value *list, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++) {
		const char *line = value_text(&list->items[i], "");

		if (!strncmp(line, name, len) && line[len] == '=')
			return line + len + 1;
	}
	return NULL;
}

static bool environment_observe(const struct container_view *view, const struct value *asked,
	struct value *out)
{
	const struct value *list = value_get(view->config, "Env");
	struct value_builder map;

	builder_init(&map, view->arena);
	for (size_t i = 0; asked && i < asked->len; i++) {
		const char *text = env_find(list, asked->members[i].key);
		struct value seen;

		if (!text)
			continue;
		seen = value_str(view->arena, text);
		seen.flags |= asked->members[i].value.flags & VALUE_SENSITIVE;
		builder_put(&map, asked->members[i].key, seen);
	}
	for (size_t i = 0; !asked && list && list->kind == VALUE_LIST && i < list->len; i++) {
		const char *line = value_text(&list->items[i], ""), *equals = strchr(line, '=');

		if (equals)
			builder_put(&map, arena_strndup(view->arena, line, (size_t)(equals - line)),
				value_str(view->arena, equals + 1));
	}
	*out = builder_map(&map);
	return asked || out->len;
}

static int labels_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	struct value_builder map;

	if (in->kind != VALUE_MAP)
		return diag_error(context->diags, value_pos(in), "labels must be a map");
	builder_init(&map, context->arena);
	for (size_t i = 0; i < in->len; i++) {
		const struct member *member = &in->members[i];

		if (!strncmp(member->key, DOCKER_LABEL, strlen(DOCKER_LABEL))) {
			diag_error(context->diags, member->pos,
				"labels that begin with " DOCKER_LABEL " are devenv's own marks");
			diag_hint(context->diags, "choose another prefix");
			return -1;
		}
		if (container_skips(context, &member->value))
			continue;
		builder_put(&map, member->key, container_text(context->arena, &member->value));
	}
	*out = builder_map(&map);
	return 0;
}

static bool labels_observe(const struct container_view *view, const struct value *asked,
	struct value *out)
{
	const struct value *seen = value_get(view->config, "Labels");
	struct value_builder map;

	builder_init(&map, view->arena);
	for (size_t i = 0; seen && seen->kind == VALUE_MAP && i < seen->len; i++) {
		const struct member *label = &seen->members[i];

		if (asked ? value_get(asked, label->key) != NULL
			  : strncmp(label->key, DOCKER_LABEL, strlen(DOCKER_LABEL)) != 0)
			builder_put(&map, label->key, label->value);
	}
	*out = builder_map(&map);
	return asked || out->len;
}

/* "int", "INT" and "SIGINT" are one; a number stays. */
static const char *signal_normal(struct arena *arena, const char *text)
{
	char *upper;

	if (!*text || isdigit((unsigned char)*text))
		return text;
	upper = arena_printf(arena, "%s%s", strncasecmp(text, "SIG", 3) ? "SIG" : "", text);
	for (char *c = upper; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	return upper;
}

static int signal_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	*out = container_text_as(context->arena, in,
		signal_normal(context->arena, value_text(in, "")));
	return 0;
}

static bool signal_observe(const struct container_view *view, const struct value *asked,
	struct value *out)
{
	const char *text = value_get_text(view->config, "StopSignal", "");

	*out = value_str(view->arena, signal_normal(view->arena, text));
	return asked || *text;
}

static int duration_to_normal(struct container_context *context, const struct value *in,
	int64_t unit, struct value *out)
{
	int64_t ms = duration_parse(value_text(in, ""));

	if (ms == DURATION_INVALID) {
		diag_error(context->diags, value_pos(in), "\"%s\" is no duration",
			container_shown(in));
		diag_hint(context->diags, "write it as 500ms, 30s, 1m30s; a bare number is seconds");
		return -1;
	}
	*out = value_int(context->arena, (ms + unit - 1) / unit);
	return 0;
}

/* In whole seconds, as the engine counts them. */
static int grace_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	return duration_to_normal(context, in, 1000, out);
}

enum { STOP_TIMEOUT_DEFAULT = 10 };

static bool grace_observe(const struct container_view *view, const struct value *asked,
	struct value *out)
{
	const struct value *seen = value_get(view->config, "StopTimeout");

	if (!asked && (!seen || seen->kind != VALUE_INT))
		return false;
	*out = value_int(view->arena,
		value_get_int(view->config, "StopTimeout", STOP_TIMEOUT_DEFAULT));
	return true;
}

/* The times of a health check: nanoseconds for the engine, milliseconds here. */
static const struct health_time {
	const char *name, *field;
} health_times[] = {
	{"interval", "Interval"},
	{"timeout", "Timeout"},
	{"startPeriod", "StartPeriod"},
	{"startInterval", "StartInterval"},
};

static int test_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	struct value_builder list;
	const char *kind;

	builder_init(&list, context->arena);
	if (in->kind == VALUE_STRING) {
		builder_push(&list, value_borrow("CMD-SHELL"));
		builder_push(&list, container_text(context->arena, in));
		*out = builder_list(&list);
		return 0;
	}
	if (container_strings(context, in, false, out) < 0)
		return -1;
	kind = out->len ? value_text(&out->items[0], "") : "";
	if ((!strcmp(kind, "CMD") && out->len > 1) || (!strcmp(kind, "CMD-SHELL") && out->len == 2) ||
		(!strcmp(kind, "NONE") && out->len == 1) || out->len < in->len) /* not all is known yet */
		return 0;
	diag_error(context->diags, value_pos(in), "the test of a health check begins with CMD or CMD-SHELL");
	diag_hint(context->diags, "write [CMD, program, argument ...], or a string for the shell");
	return -1;
}

static int health_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	const struct value *test = value_get(in, "test"), *retries = value_get(in, "retries");
	struct value_builder map, none;
	struct value value;

	builder_init(&map, context->arena);
	if (value_get_bool(in, "disable", false)) {
		builder_init(&none, context->arena);
		builder_push(&none, value_borrow("NONE"));
		builder_put(&map, "test", builder_list(&none));
		*out = builder_map(&map);
		return 0;
	}
	if (test && !container_skips(context, test)) {
		if (test_to_normal(context, test, &value) < 0)
			return -1;
		builder_put(&map, "test", value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(health_times); i++) {
		const struct value *time = value_get(in, health_times[i].name);

		if (!time || container_skips(context, time))
			continue;
		if (duration_to_normal(context, time, 1, &value) < 0)
			return -1;
		builder_put(&map, health_times[i].name, value);
	}
	if (retries && !container_skips(context, retries))
		builder_put(&map, "retries", *retries);
	*out = builder_map(&map);
	return 0;
}

static void health_body(struct container_body *body, const struct value *normal)
{
	const struct value *test = value_get(normal, "test"), *retries = value_get(normal, "retries");
	struct value_builder map;

	builder_init(&map, body->arena);
	if (test)
		builder_put(&map, "Test", *test);
	if (retries)
		builder_put(&map, "Retries", *retries);
	for (size_t i = 0; i < ARRAY_SIZE(health_times); i++) {
		int64_t ms = value_get_int(normal, health_times[i].name, -1);

		if (ms >= 0)
			builder_put_int(&map, health_times[i].field, ms * 1000000);
	}
	builder_put(&body->config, "Healthcheck", builder_map(&map));
}

static bool health_observe(const struct container_view *view, const struct value *asked,
	struct value *out)
{
	const struct value *seen = value_get(view->config, "Healthcheck"), *test;
	struct value_builder map;

	builder_init(&map, view->arena);
	test = value_get(seen, "Test");
	if (test && test->kind == VALUE_LIST && (!asked || value_get(asked, "test")))
		builder_put(&map, "test", *test);
	if (value_get(asked, "retries") || (!asked && value_get_int(seen, "Retries", 0)))
		builder_put_int(&map, "retries", value_get_int(seen, "Retries", 0));
	for (size_t i = 0; i < ARRAY_SIZE(health_times); i++) {
		int64_t ms = value_get_int(seen, health_times[i].field, 0) / 1000000;

		if (asked ? value_get(asked, health_times[i].name) != NULL : ms != 0)
			builder_put_int(&map, health_times[i].name, ms);
	}
	*out = builder_map(&map);
	return asked || out->len;
}

const struct container_key container_keys_process[] = {
	{.name = "image", .field = "Image", .normal = image_to_normal, .observe = image_observe},
	{.name = "pull", .way = CONTAINER_OURS},
	{.name = "platform"}, /* a parameter of the create, which no inspect shows */
	{.name = "command", .field = "Cmd", .form = FORM_LIST, .normal = command_to_normal},
	/* An empty list drops the image's own; leaving the field out would not. */
	{.name = "entrypoint", .field = "Entrypoint", .form = FORM_LIST, .normal = words_to_normal},
	{.name = "environment", .normal = environment_to_normal, .body = nothing_body,
		.observe = environment_observe},
	{.name = "envFile"},
	{.name = "workingDirectory", .field = "WorkingDir"},
	{.name = "user", .field = "User"},
	{.name = "groupAdd", .field = "HostConfig.GroupAdd", .form = FORM_SET},
	{.name = "tty", .field = "Tty", .form = FORM_BOOL},
	{.name = "stdinOpen", .field = "OpenStdin", .form = FORM_BOOL},
	{.name = "init", .field = "HostConfig.Init", .form = FORM_BOOL},
	{.name = "labels", .normal = labels_to_normal, .body = nothing_body, .observe = labels_observe},
	{.name = "healthcheck", .normal = health_to_normal, .body = health_body,
		.observe = health_observe},
	{.name = "stopSignal", .field = "StopSignal", .normal = signal_to_normal,
		.observe = signal_observe},
	{.name = "stopGracePeriod", .field = "StopTimeout", .form = FORM_INT, .normal = grace_to_normal,
		.observe = grace_observe},
	{.name = "job"},
	{.name = "mustRun", .way = CONTAINER_OURS},
	{.name = NULL},
};
