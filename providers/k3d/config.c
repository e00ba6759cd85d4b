/*
 * The inputs in the words of k3d: a SimpleConfig (k3d.io/v1alpha5). Our marks go on every server and
 * agent as labels of their containers, because k3d puts them on nothing else.
 */
#include "providers/k3d/k3d.h"

#include "model/json.h"

#include <string.h>

struct value k3d_filtered(struct arena *arena, const struct value *item, const char *key)
{
	struct value_builder map, filters;
	const char *text, *at;

	if (item->kind == VALUE_MAP)
		return *item;
	text = value_text(item, "");
	at = strrchr(text, '@');
	builder_init(&map, arena);
	builder_init(&filters, arena);
	builder_put(&map, key, value_strn(arena, text, at ? (size_t)(at - text) : strlen(text)));
	for (const char *from = at ? at + 1 : ""; *from;) {
		size_t len = strcspn(from, ";");

		builder_push(&filters, value_strn(arena, from, len));
		from += len + (from[len] == ';');
	}
	if (at)
		builder_put(&map, "nodeFilters", builder_list(&filters));
	return builder_map(&map);
}

/* A list of "WHAT@FILTER". */
static void put_filtered(struct value_builder *out, struct arena *arena, const struct value *list,
	const char *name, const char *key)
{
	struct value_builder items;

	if (!list || list->kind != VALUE_LIST || !list->len)
		return;
	builder_init(&items, arena);
	for (uint32_t i = 0; i < list->len; i++)
		builder_push(&items, k3d_filtered(arena, &list->items[i], key));
	builder_put(out, name, builder_list(&items));
}

/* As it is, under the name that k3d has for it. */
static void put(struct value_builder *out, const struct value *map, const char *key, const char *name)
{
	const struct value *value = value_get(map, key);

	if (value && value->kind != VALUE_NULL)
		builder_put(out, name, *value);
}

static struct value api(struct arena *arena, const struct value *inputs)
{
	const struct value *written = value_get(inputs, "kubeApi"), *port;
	struct value_builder map;

	builder_init(&map, arena);
	put(&map, written, "host", "host");
	put(&map, written, "hostIp", "hostIP");
	port = value_get(written, "hostPort");
	if (port) /* k3d wants text */
		builder_put_str(&map, "hostPort", value_text(port, ""));
	return builder_map(&map);
}

static struct value mark_labels(struct docker *docker, const struct request *request,
	const struct value *own)
{
	static const char *const all[] = {"server:*", "agent:*"};
	struct value marks = docker_labels(docker, request->address, request->generation, NULL);
	struct value_builder list, filters;

	builder_init(&list, docker->arena);
	builder_init(&filters, docker->arena);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (i == 0 || value_get_int(request->inputs, "agents", 0) > 0)
			builder_push(&filters, value_str(docker->arena, all[i]));
	for (uint32_t i = 0; i < marks.len; i++) {
		struct value_builder label;

		builder_init(&label, docker->arena);
		builder_put_str(&label, "label", arena_printf(docker->arena, "%s=%s",
			marks.members[i].key, value_text(&marks.members[i].value, "")));
		builder_put(&label, "nodeFilters", builder_list(&filters));
		builder_push(&list, builder_map(&label));
	}
	for (uint32_t i = 0; own && own->kind == VALUE_LIST && i < own->len; i++)
		builder_push(&list, k3d_filtered(docker->arena, &own->items[i], "label"));
	return builder_list(&list);
}

static struct value runtime(struct docker *docker, const struct request *request)
{
	const struct value *written = value_get(request->inputs, "runtime");
	struct value_builder map;

	builder_init(&map, docker->arena);
	put(&map, written, "gpuRequest", "gpuRequest");
	put(&map, written, "serversMemory", "serversMemory");
	put(&map, written, "agentsMemory", "agentsMemory");
	put(&map, written, "hostPidMode", "hostPidMode");
	put(&map, written, "ulimits", "ulimits");
	builder_put(&map, "labels", mark_labels(docker, request, value_get(written, "labels")));
	return builder_map(&map);
}

static struct value k3s(struct arena *arena, const struct value *inputs)
{
	struct value_builder map;

	builder_init(&map, arena);
	put_filtered(&map, arena, value_get(inputs, "k3sArgs"), "extraArgs", "arg");
	put_filtered(&map, arena, value_get(inputs, "nodeLabels"), "nodeLabels", "label");
	return builder_map(&map);
}

/* In seconds. As long as the action may last, but for a tenth, in which k3d takes back what it made: killed by
   the deadline it would leave it. */
static int64_t patience(const struct docker *docker)
{
	int64_t left = docker->env->deadline - clock_monotonic(docker->env->clock);

	return left > 10000 ? left * 9 / 10000 : 9;
}

/* A failure leaves nothing behind (disableRollback false), and no home of anybody is touched. */
static struct value options(struct docker *docker, const struct request *request)
{
	const struct value *inputs = request->inputs;
	struct value_builder map, own, balancer, kubeconfig;

	builder_init(&own, docker->arena);
	builder_put_bool(&own, "wait", true);
	builder_put_str(&own, "timeout", arena_printf(docker->arena, "%llds",
		(long long)patience(docker)));
	builder_put_bool(&own, "disableRollback", false);
	builder_put_bool(&own, "disableLoadbalancer", !value_get_bool(inputs, "loadBalancer", true));
	if (value_get(inputs, "loadBalancerConfig")) {
		builder_init(&balancer, docker->arena);
		put(&balancer, inputs, "loadBalancerConfig", "configOverrides");
		builder_put(&own, "loadbalancer", builder_map(&balancer));
	}
	builder_init(&kubeconfig, docker->arena);
	builder_put_bool(&kubeconfig, "updateDefaultKubeconfig", false);
	builder_put_bool(&kubeconfig, "switchCurrentContext", false);
	builder_init(&map, docker->arena);
	builder_put(&map, "k3d", builder_map(&own));
	builder_put(&map, "k3s", k3s(docker->arena, inputs));
	builder_put(&map, "kubeconfig", builder_map(&kubeconfig));
	builder_put(&map, "runtime", runtime(docker, request));
	return builder_map(&map);
}

static struct value proxy(struct arena *arena, const struct value *written)
{
	struct value_builder map;

	builder_init(&map, arena);
	put(&map, written, "remoteUrl", "remoteURL");
	put(&map, written, "username", "username");
	put(&map, written, "password", "password");
	return builder_map(&map);
}

static struct value registries(struct docker *docker, const struct value *written)
{
	struct arena *arena = docker->arena;
	const struct value *create = value_get(written, "create"), *port = value_get(create, "hostPort");
	struct value_builder map, made;

	builder_init(&map, arena);
	put(&map, written, "use", "use");
	if (value_get(written, "config"))
		builder_put_str(&map, "config", k3d_text_or_path(docker, value_get(written, "config")));
	if (!create || create->kind != VALUE_MAP)
		return builder_map(&map);
	builder_init(&made, arena);
	put(&made, create, "name", "name");
	put(&made, create, "host", "host");
	put(&made, create, "image", "image");
	put(&made, create, "volumes", "volumes");
	if (port)
		builder_put_str(&made, "hostPort", value_text(port, ""));
	if (value_get(create, "proxy"))
		builder_put(&made, "proxy", proxy(arena, value_get(create, "proxy")));
	builder_put(&map, "create", builder_map(&made));
	return builder_map(&map);
}

/* Mounts whose source starts with a dot start in the project root. */
static struct value mounts(struct docker *docker, const struct value *list)
{
	struct value_builder out;

	builder_init(&out, docker->arena);
	for (uint32_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++) {
		struct value mount = k3d_filtered(docker->arena, &list->items[i], "volume");
		struct value_builder map;

		builder_init(&map, docker->arena);
		if (value_get(&mount, "nodeFilters"))
			builder_put(&map, "nodeFilters", *value_get(&mount, "nodeFilters"));
		builder_put_str(&map, "volume",
			k3d_mount(docker, value_get_text(&mount, "volume", "")));
		builder_push(&out, builder_map(&map));
	}
	return builder_list(&out);
}

/* k3d expands $NAME in the text of its configuration, and has no way to write a `$` but this. */
static const char *without_dollars(struct arena *arena, const struct strbuf *json)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	for (size_t i = 0; i < json->len; i++)
		if (json->text[i] == '$')
			strbuf_addf(&out, "\\u0024");
		else
			strbuf_addch(&out, json->text[i]);
	return arena_strndup(arena, out.text, out.len);
}

const char *k3d_config(struct docker *docker, const struct request *request, const char *name,
	const char *folder)
{
	const struct value *inputs = request->inputs;
	struct arena *arena = docker->arena;
	cleanup_strbuf struct strbuf json = STRBUF_INIT;
	struct value_builder map, metadata;
	struct value config;

	builder_init(&metadata, arena);
	builder_put_str(&metadata, "name", name);
	builder_init(&map, arena);
	builder_put_str(&map, "apiVersion", "k3d.io/v1alpha5");
	builder_put_str(&map, "kind", "Simple");
	builder_put(&map, "metadata", builder_map(&metadata));
	builder_put_int(&map, "servers", value_get_int(inputs, "servers", 1));
	builder_put_int(&map, "agents", value_get_int(inputs, "agents", 0));
	put(&map, inputs, "image", "image");
	put(&map, inputs, "network", "network");
	put(&map, inputs, "subnet", "subnet");
	put(&map, inputs, "token", "token");
	if (value_get(inputs, "files"))
		builder_put(&map, "files", k3d_files(docker, value_get(inputs, "files"), folder));
	put(&map, inputs, "hostAliases", "hostAliases");
	put_filtered(&map, arena, value_get(inputs, "ports"), "ports", "port");
	if (value_get(inputs, "volumes"))
		builder_put(&map, "volumes", mounts(docker, value_get(inputs, "volumes")));
	put_filtered(&map, arena, value_get(inputs, "env"), "env", "envVar");
	builder_put(&map, "kubeAPI", api(arena, inputs));
	if (value_get(inputs, "registries"))
		builder_put(&map, "registries", registries(docker, value_get(inputs, "registries")));
	builder_put(&map, "options", options(docker, request));
	config = builder_map(&map);
	json_write(&json, &config, JSON_CLEAR, NULL);
	return without_dollars(arena, &json);
}
