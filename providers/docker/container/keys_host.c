/*
 * Keys of limits, rights and the rest of HostConfig. An engine shows an unset limit as 0, null, -1 or
 * its default, depending on its version; each row has one normal form for all of them.
 */
#include "providers/docker/container/container.h"

#include "providers/docker/container/parse.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MEMORY_MINIMUM = 6 << 20 }; /* what an engine accepts */

static int memory_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	int64_t bytes = size_parse(value_text(in, ""));

	if (bytes >= MEMORY_MINIMUM) {
		*out = value_int(context->arena, bytes);
		return 0;
	}
	if (bytes < 0)
		diag_error(context->diags, value_pos(in), "\"%s\" is no size", container_shown(in));
	else
		diag_error(context->diags, value_pos(in),
			"%s of memory is less than the 6 MB that an engine demands",
			container_shown(in));
	diag_hint(context->diags, "write bytes or a unit: 512m, 1g, 256Mi");
	return -1;
}

/* -1: as much swap as there is. */
static int swap_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	if (!strcmp(value_text(in, ""), "-1")) {
		*out = value_int(context->arena, -1);
		return 0;
	}
	return memory_to_normal(context, in, out);
}

static int cpus_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	int64_t nano = cpus_parse(value_text(in, ""));

	if (nano < 10000000) {
		diag_error(context->diags, value_pos(in), "\"%s\" is no number of CPUs",
			container_shown(in));
		diag_hint(context->diags, "write 0.5, 2 or 500m (thousandths); at least 0.01");
		return -1;
	}
	*out = value_real(context->arena, (double)nano / 1e9);
	return 0;
}

static void cpus_body(struct container_body *body, const struct value *normal)
{
	builder_put_int(&body->host, "NanoCpus", cpus_parse(value_text(normal, "0")));
}

static bool cpus_observe(const struct container_view *view, const struct value *asked,
	struct value *out)
{
	int64_t nano = value_get_int(view->host, "NanoCpus", 0);

	*out = value_real(view->arena, (double)nano / 1e9);
	return asked || nano;
}

/* 0, -1 and null all mean that there is no limit. */
static int pids_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	long limit = strtol(value_text(in, ""), NULL, 10);

	*out = value_int(context->arena, limit > 0 ? limit : -1);
	return 0;
}

static bool pids_observe(const struct container_view *view, const struct value *asked,
	struct value *out)
{
	int64_t limit = value_get_int(view->host, "PidsLimit", 0);

	*out = value_int(view->arena, limit > 0 ? limit : -1);
	return asked || limit > 0;
}

static int restart_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	const char *text = value_text(in, "");

	if (!strcmp(text, "false")) /* `no` of the older YAML, when a template gave it */
		text = "no";
	if (!strcmp(text, "no") || !strcmp(text, "always") || !strcmp(text, "unless-stopped") ||
		!strcmp(text, "on-failure") ||
		(!strncmp(text, "on-failure:", 11) && text[11] &&
			!text[11 + strspn(text + 11, "0123456789")])) {
		*out = value_str(context->arena, strcmp(text, "on-failure:0") ? text : "on-failure");
		return 0;
	}
	diag_error(context->diags, value_pos(in), "\"%s\" is no restart policy", container_shown(in));
	diag_hint(context->diags, "write no, always, on-failure, on-failure:3 or unless-stopped");
	return -1;
}

static void restart_body(struct container_body *body, const struct value *normal)
{
	const char *text = value_text(normal, "no"), *colon = strchr(text, ':');
	struct value_builder map;

	builder_init(&map, body->arena);
	builder_put(&map, "Name",
		value_strn(body->arena, text, colon ? (size_t)(colon - text) : strlen(text)));
	if (colon)
		builder_put_int(&map, "MaximumRetryCount", atol(colon + 1));
	builder_put(&body->host, "RestartPolicy", builder_map(&map));
}

static bool restart_observe(const struct container_view *view, const struct value *asked,
	struct value *out)
{
	const struct value *policy = value_get(view->host, "RestartPolicy");
	const char *name = value_get_text(policy, "Name", "");
	int64_t count = value_get_int(policy, "MaximumRetryCount", 0);

	if (!*name)
		name = "no";
	if (!strcmp(name, "on-failure") && count > 0)
		name = arena_printf(view->arena, "on-failure:%lld", (long long)count);
	*out = value_str(view->arena, name);
	return asked || strcmp(name, "no") != 0;
}

/* NAME: limit, or NAME: {soft, hard}. */
static int ulimits_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	struct value_builder map;

	if (in->kind != VALUE_MAP)
		return diag_error(context->diags, value_pos(in), "ulimits must be a map");
	builder_init(&map, context->arena);
	for (size_t i = 0; i < in->len; i++) {
		const struct value *limit = &in->members[i].value;
		const char *soft = value_get_text(limit, "soft", value_text(limit, ""));
		const char *hard = value_get_text(limit, "hard", soft);
		struct value_builder pair;

		if (container_skips(context, limit))
			continue;
		if (!*soft || soft[strspn(soft, "-0123456789")] || hard[strspn(hard, "-0123456789")])
			return diag_error(context->diags, value_pos(limit),
				"the limit %s must be a number, or {soft: number, hard: number}",
				in->members[i].key);
		builder_init(&pair, context->arena);
		builder_put_int(&pair, "soft", atoll(soft));
		builder_put_int(&pair, "hard", atoll(hard));
		builder_put(&map, in->members[i].key, builder_map(&pair));
	}
	*out = builder_map(&map);
	return 0;
}

static void ulimits_body(struct container_body *body, const struct value *normal)
{
	struct value_builder list;

	builder_init(&list, body->arena);
	for (size_t i = 0; i < normal->len; i++) {
		const struct value *limit = &normal->members[i].value;
		struct value_builder map;

		builder_init(&map, body->arena);
		builder_put_str(&map, "Name", normal->members[i].key);
		builder_put_int(&map, "Soft", value_get_int(limit, "soft", 0));
		builder_put_int(&map, "Hard", value_get_int(limit, "hard", 0));
		builder_push(&list, builder_map(&map));
	}
	builder_put(&body->host, "Ulimits", builder_list(&list));
}

static bool ulimits_observe(const struct container_view *view, const struct value *asked,
	struct value *out)
{
	const struct value *seen = value_get(view->host, "Ulimits");
	struct value_builder map;

	builder_init(&map, view->arena);
	for (size_t i = 0; seen && seen->kind == VALUE_LIST && i < seen->len; i++) {
		const struct value *limit = &seen->items[i];
		const char *name = value_get_text(limit, "Name", "");
		struct value_builder pair;

		if (asked && !value_get(asked, name)) /* default-ulimits of the engine */
			continue;
		builder_init(&pair, view->arena);
		builder_put_int(&pair, "soft", value_get_int(limit, "Soft", 0));
		builder_put_int(&pair, "hard", value_get_int(limit, "Hard", 0));
		builder_put(&map, name, builder_map(&pair));
	}
	*out = builder_map(&map);
	return asked || out->len;
}

/* "CAP_NET_ADMIN", "net_admin" -> "NET_ADMIN": engines show what they were told, or add CAP_. */
static struct value capabilities(struct arena *arena, const struct value *in)
{
	struct value_builder list;

	builder_init(&list, arena);
	for (size_t i = 0; in && in->kind == VALUE_LIST && i < in->len; i++) {
		const char *text = value_text(&in->items[i], "");
		char *upper = arena_strdup(arena, text + (strncasecmp(text, "CAP_", 4) ? 0 : 4));

		for (char *c = upper; *c; c++)
			*c = (char)toupper((unsigned char)*c);
		builder_push(&list, value_str(arena, upper));
	}
	return container_sorted(arena, builder_list(&list));
}

static int capabilities_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	if (container_strings(context, in, false, out) < 0)
		return -1;
	*out = capabilities(context->arena, out);
	return 0;
}

static bool cap_add_observe(const struct container_view *view, const struct value *asked,
	struct value *out)
{
	*out = capabilities(view->arena, value_get(view->host, "CapAdd"));
	return asked || out->len;
}

static bool cap_drop_observe(const struct container_view *view, const struct value *asked,
	struct value *out)
{
	*out = capabilities(view->arena, value_get(view->host, "CapDrop"));
	return asked || out->len;
}

static int security_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	if (container_strings(context, in, true, out) < 0)
		return -1;
	for (size_t i = 0; i < out->len; i++) {
		const char *text = value_text(&out->items[i], "");

		if (!strncmp(text, "seccomp", 7) && strpbrk(text, "=:") &&
			strcmp(strpbrk(text, "=:") + 1, "unconfined") != 0 &&
			strpbrk(text, "=:")[1] != '{') {
			diag_error(context->diags, value_pos(&out->items[i]),
				"\"%s\": an engine takes the profile itself, not its path", text);
			diag_hint(context->diags, "write \"seccomp=${file:profile.json}\"");
			return -1;
		}
	}
	return 0;
}

/* A privileged container, and one in the host's pid or ipc space, gets label=disable by itself. */
static bool security_observe(const struct container_view *view, const struct value *asked,
	struct value *out)
{
	const struct value *seen = value_get(view->host, "SecurityOpt");
	struct value_builder list;

	builder_init(&list, view->arena);
	for (size_t i = 0; seen && seen->kind == VALUE_LIST && i < seen->len; i++)
		if (strcmp(value_text(&seen->items[i], ""), "label=disable") != 0 ||
			container_list_has(asked, "label=disable"))
			builder_push(&list, seen->items[i]);
	*out = container_sorted(view->arena, builder_list(&list));
	return asked || out->len;
}

static bool mode_of(const struct container_view *view, const char *field, const struct value *asked,
	struct value *out)
{
	const char *seen = value_get_text(view->host, field, "");

	*out = value_str(view->arena, container_mode(view, seen, value_text(asked, NULL)));
	return asked || !strcmp(seen, "host") || !strncmp(seen, "container:", 10);
}

static bool pid_observe(const struct container_view *view, const struct value *asked,
	struct value *out)
{
	return mode_of(view, "PidMode", asked, out);
}

static bool ipc_observe(const struct container_view *view, const struct value *asked,
	struct value *out)
{
	return mode_of(view, "IpcMode", asked, out);
}

static int logging_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	const struct value *options = value_get(in, "options");
	struct value_builder map, texts;

	builder_init(&map, context->arena);
	builder_init(&texts, context->arena);
	if (value_get(in, "driver"))
		builder_put(&map, "driver", container_text(context->arena, value_get(in, "driver")));
	for (size_t i = 0; options && options->kind == VALUE_MAP && i < options->len; i++)
		if (!container_skips(context, &options->members[i].value))
			builder_put(&texts, options->members[i].key,
				container_text(context->arena, &options->members[i].value));
	if (options)
		builder_put(&map, "options", builder_map(&texts));
	*out = builder_map(&map);
	return 0;
}

static void logging_body(struct container_body *body, const struct value *normal)
{
	struct value_builder map;

	builder_init(&map, body->arena);
	if (value_get(normal, "driver"))
		builder_put(&map, "Type", *value_get(normal, "driver"));
	if (value_get(normal, "options"))
		builder_put(&map, "Config", *value_get(normal, "options"));
	builder_put(&body->host, "LogConfig", builder_map(&map));
}

static bool logging_observe(const struct container_view *view, const struct value *asked,
	struct value *out)
{
	const struct value *seen = value_get(view->host, "LogConfig");
	const struct value *options = value_get(seen, "Config");
	struct value_builder map;

	if (!asked && container_empty(options))
		return false; /* the engine's default driver is no one's wish */
	builder_init(&map, view->arena);
	if (!asked || value_get(asked, "driver"))
		builder_put_str(&map, "driver", value_get_text(seen, "Type", ""));
	if (!asked || value_get(asked, "options"))
		builder_put(&map, "options",
			options && options->kind == VALUE_MAP ? *options : value_empty_map);
	*out = builder_map(&map);
	return true;
}

/* "all" or a number. */
static int gpus_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	const char *text = value_text(in, "");

	if (strcmp(text, "all") && (!*text || text[strspn(text, "0123456789")])) {
		diag_error(context->diags, value_pos(in), "gpus must be \"all\" or a number");
		return -1;
	}
	*out = value_str(context->arena, text);
	return 0;
}

static void gpus_body(struct container_body *body, const struct value *normal)
{
	const char *text = value_text(normal, "");
	struct value_builder requests, request, either, all;

	builder_init(&requests, body->arena);
	builder_init(&request, body->arena);
	builder_init(&either, body->arena);
	builder_init(&all, body->arena);
	builder_push(&all, value_borrow("gpu"));
	builder_push(&either, builder_list(&all));
	builder_put_int(&request, "Count", strcmp(text, "all") ? atol(text) : -1);
	builder_put(&request, "Capabilities", builder_list(&either));
	builder_push(&requests, builder_map(&request));
	builder_put(&body->host, "DeviceRequests", builder_list(&requests));
}

static bool gpus_observe(const struct container_view *view, const struct value *asked,
	struct value *out)
{
	int64_t count = 0;
	const struct value *requests = value_get(view->host, "DeviceRequests");

	if (requests && requests->kind == VALUE_LIST && requests->len)
		count = value_get_int(&requests->items[0], "Count", 0);
	*out = value_str(view->arena,
		count < 0 ? "all" : arena_printf(view->arena, "%lld", (long long)count));
	return asked || count;
}

static int name_to_normal(struct container_context *context, const struct value *in,
	struct value *out)
{
	const char *text = value_text(in, "");
	size_t len = strlen(text);

	if (len >= 2 && isalnum((unsigned char)*text) &&
		len == strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")) {
		*out = container_text(context->arena, in);
		return 0;
	}
	diag_error(context->diags, value_pos(in), "\"%s\" cannot be the name of a container",
		container_shown(in));
	diag_hint(context->diags, "two or more letters, digits, \"_\", \".\" and \"-\"; the first a letter or digit");
	return -1;
}

static void name_body(struct container_body *body, const struct value *normal)
{
	(void)body, (void)normal; /* a parameter of the create */
}

static bool name_observe(const struct container_view *view, const struct value *asked,
	struct value *out)
{
	const char *name = value_get_text(view->inspect, "Name", "");

	(void)asked;
	*out = value_str(view->arena, *name == '/' ? name + 1 : name);
	return true;
}

const struct container_key container_keys_host[] = {
	{.name = "containerName", .way = CONTAINER_IN_PLACE, .normal = name_to_normal,
		.body = name_body, .observe = name_observe},
	{.name = "restart", .way = CONTAINER_IN_PLACE, .normal = restart_to_normal,
		.body = restart_body, .observe = restart_observe},
	{.name = "memory", .way = CONTAINER_IN_PLACE, .form = FORM_SIZE,
		.field = "HostConfig.Memory", .normal = memory_to_normal},
	{.name = "memorySwap", .way = CONTAINER_IN_PLACE, .form = FORM_SIZE,
		.field = "HostConfig.MemorySwap", .normal = swap_to_normal},
	{.name = "memoryReservation", .form = FORM_SIZE, .field = "HostConfig.MemoryReservation",
		.normal = memory_to_normal},
	{.name = "cpus", .way = CONTAINER_IN_PLACE, .normal = cpus_to_normal, .body = cpus_body,
		.observe = cpus_observe},
	{.name = "cpuShares", .way = CONTAINER_IN_PLACE, .form = FORM_INT,
		.field = "HostConfig.CpuShares"},
	{.name = "cpuset", .way = CONTAINER_IN_PLACE, .field = "HostConfig.CpusetCpus"},
	{.name = "pidsLimit", .way = CONTAINER_IN_PLACE, .form = FORM_INT,
		.field = "HostConfig.PidsLimit", .normal = pids_to_normal,
		.observe = pids_observe},
	{.name = "shmSize", .form = FORM_SIZE, .field = "HostConfig.ShmSize"},
	{.name = "oomScoreAdj", .form = FORM_INT, .field = "HostConfig.OomScoreAdj"},
	{.name = "ulimits", .normal = ulimits_to_normal, .body = ulimits_body,
		.observe = ulimits_observe},
	{.name = "gpus", .normal = gpus_to_normal, .body = gpus_body, .observe = gpus_observe},
	{.name = "capAdd", .field = "HostConfig.CapAdd", .form = FORM_SET,
		.normal = capabilities_to_normal, .observe = cap_add_observe},
	{.name = "capDrop", .field = "HostConfig.CapDrop", .form = FORM_SET,
		.normal = capabilities_to_normal, .observe = cap_drop_observe},
	{.name = "privileged", .field = "HostConfig.Privileged", .form = FORM_BOOL},
	{.name = "securityOpt", .field = "HostConfig.SecurityOpt", .form = FORM_SET,
		.normal = security_to_normal, .observe = security_observe},
	{.name = "sysctls", .field = "HostConfig.Sysctls", .form = FORM_MAP},
	{.name = "pid", .field = "HostConfig.PidMode", .observe = pid_observe},
	{.name = "ipc", .field = "HostConfig.IpcMode", .observe = ipc_observe},
	{.name = "uts", .field = "HostConfig.UTSMode"},
	{.name = "usernsMode", .field = "HostConfig.UsernsMode"},
	{.name = "cgroupParent", .field = "HostConfig.CgroupParent"},
	{.name = "runtime", .field = "HostConfig.Runtime"},
	{.name = "logging", .normal = logging_to_normal, .body = logging_body,
		.observe = logging_observe},
	{.name = NULL},
};
