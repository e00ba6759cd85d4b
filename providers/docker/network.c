/*
 * docker_network. The engine cannot change a network, so every attribute forces replacement. Names of
 * networks are not unique on engines below 1.44, and GET /networks/X also takes prefixes of ids, so
 * everything here goes by id, and names are compared by us.
 */
#include "providers/docker/docker.h"

#include <string.h>

#define NAME_KEY "networkName"
#define BRIDGE_KEY "com.docker.network.bridge.name" /* the engine's option: of the interface */

/*
 * Below 1.44 two creates of one name at one moment both succeed, CheckDuplicate or not, and then the name
 * is ambiguous for every container. Of the names of bridges the engine lets only one through (its driver
 * looks and makes under one lock), so ours follow from the name of the network (ADR 10). As long as those
 * that the engine itself chooses. NULL: the engine chooses.
 */
static const char *bridge_of(const struct docker *docker, const struct value *inputs, const char *name)
{
	const char *parts[] = {docker->env->environment, docker->env->state_id, name};
	cleanup_strbuf struct strbuf whole = STRBUF_INIT;
	char hex[HASH_HEX];
	struct hash hash;

	if (!docker_knows(docker, DOCKER_CHECK_DUPLICATE) || !name ||
		strcmp(value_get_text(inputs, "driver", "bridge"), "bridge") != 0 ||
		value_get(value_get(inputs, "options"), BRIDGE_KEY))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		strbuf_add(&whole, parts[i], strlen(parts[i]) + 1);
	hash_bytes(whole.text, whole.len, &hash);
	hash_hex(&hash, hex);
	return arena_printf(docker->arena, "br-%.12s", hex);
}

/* --- what it is, in one normal form ------------------------------------------------------------- */

/* What is wanted of them, or all but what is ours. */
static struct value options_of(struct docker *docker, const struct value *network,
	const struct observation *item)
{
	const struct value *have = value_get(network, "Options"), *like = docker_wish(item, "options");
	const char *ours = bridge_of(docker, &value_empty_map, value_get_text(network, "Name", NULL));
	struct value_builder others;
	struct value rest;

	if (like || !ours || strcmp(value_get_text(have, BRIDGE_KEY, ""), ours) != 0)
		return docker_texts(docker, have, like);
	builder_init(&others, docker->arena);
	for (uint32_t i = 0; i < have->len; i++)
		if (strcmp(have->members[i].key, BRIDGE_KEY) != 0)
			builder_put(&others, have->members[i].key, have->members[i].value);
	rest = builder_map(&others);
	return docker_texts(docker, &rest, NULL);
}

/* Of `have`, item by item, what `like` says: the engine adds gateways and more. */
static struct value ipam_like(struct docker *docker, const struct value *have,
	const struct value *like)
{
	static const struct {
		const char *key, *field;
	} fields[] = {{"subnet", "Subnet"}, {"gateway", "Gateway"}, {"ipRange", "IPRange"}};
	const struct value *list = value_get(have, "Config"), *wanted = value_get(like, "config");
	struct value_builder ipam, config;

	builder_init(&ipam, docker->arena);
	builder_init(&config, docker->arena);
	builder_put_str(&ipam, "driver", value_get_text(have, "Driver", "default"));
	for (uint32_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++) {
		const struct value *item = NULL;
		struct value_builder entry;

		if (wanted && wanted->kind == VALUE_LIST && i < wanted->len)
			item = &wanted->items[i];
		builder_init(&entry, docker->arena);
		for (size_t k = 0; k < ARRAY_SIZE(fields); k++) {
			const char *text = value_get_text(&list->items[i], fields[k].field, "");

			if (*text && (item ? value_get(item, fields[k].key) != NULL : k == 0))
				builder_put_str(&entry, fields[k].key, text);
		}
		builder_push(&config, builder_map(&entry));
	}
	if (wanted)
		builder_put(&ipam, "config", builder_list(&config));
	return builder_map(&ipam);
}

/* As observed: what the engine says, in the terms of the manifest. */
static const struct value *attributes_of(struct docker *docker, const struct value *network,
	const struct observation *item)
{
	const struct value *ipam = docker_wish(item, "ipam");
	struct value_builder map;
	struct value *out = arena_alloc(docker->arena, sizeof(*out));

	builder_init(&map, docker->arena);
	builder_put_str(&map, NAME_KEY, value_get_text(network, "Name", ""));
	builder_put_str(&map, "driver", value_get_text(network, "Driver", ""));
	builder_put_bool(&map, "internal", value_get_bool(network, "Internal", false));
	builder_put_bool(&map, "attachable", value_get_bool(network, "Attachable", false));
	builder_put_bool(&map, "ipv6", value_get_bool(network, "EnableIPv6", false));
	builder_put(&map, "options", options_of(docker, network, item));
	builder_put(&map, "labels", docker_own_labels(docker, value_get(network, "Labels"), NULL));
	if (ipam)
		builder_put(&map, "ipam", ipam_like(docker, value_get(network, "IPAM"), ipam));
	*out = builder_map(&map);
	return out;
}

/* The same for what is desired, with defaults, so that the two can be compared. */
static struct value wanted_of(struct docker *docker, const struct value *inputs, const char *name)
{
	const struct value *ipam = value_get(inputs, "ipam");
	struct value_builder map;

	builder_init(&map, docker->arena);
	builder_put_str(&map, NAME_KEY, name);
	builder_put_str(&map, "driver", value_get_text(inputs, "driver", "bridge"));
	builder_put_bool(&map, "internal", value_get_bool(inputs, "internal", false));
	builder_put_bool(&map, "attachable", value_get_bool(inputs, "attachable", false));
	builder_put_bool(&map, "ipv6", value_get_bool(inputs, "ipv6", false));
	builder_put(&map, "options", docker_texts(docker, value_get(inputs, "options"), NULL));
	builder_put(&map, "labels", docker_texts(docker, value_get(inputs, "labels"), NULL));
	if (ipam) {
		struct value_builder copy;

		builder_init(&copy, docker->arena);
		builder_put_str(&copy, "driver", value_get_text(ipam, "driver", "default"));
		builder_put(&copy, "config", value_get(ipam, "config") ? *value_get(ipam, "config")
								       : value_empty_list);
		builder_put(&map, "ipam", builder_map(&copy));
	}
	return builder_map(&map);
}

static const struct value *outputs_of(struct docker *docker, const struct value *network)
{
	struct value_builder map;
	struct value *out = arena_alloc(docker->arena, sizeof(*out));

	builder_init(&map, docker->arena);
	builder_put_str(&map, "id", value_get_text(network, "Id", ""));
	builder_put_str(&map, "name", value_get_text(network, "Name", ""));
	builder_put_str(&map, "driver", value_get_text(network, "Driver", ""));
	*out = builder_map(&map);
	return out;
}

/* --- observe ------------------------------------------------------------------------------------ */

static void describe(struct docker *docker, struct observation *item, const struct value *network)
{
	docker_describe(docker, item, value_get_text(network, "Id", ""), value_get(network, "Labels"));
	item->attributes = attributes_of(docker, network, item);
	item->outputs = outputs_of(docker, network);
	if (item->desired && value_is_known(item->desired)) {
		struct value wanted = wanted_of(docker, item->desired,
			docker_name(docker, item, NAME_KEY));

		item->matches = value_equal(&wanted, item->attributes);
	}
}

/* All networks of exactly this name, from a list: the engine's filter takes parts of names. */
static int find_by_name(struct docker *docker, const char *name, const struct value **found,
	size_t *n, struct error *err)
{
	struct docker_reply reply;
	struct value_builder same;
	struct value *out = arena_alloc(docker->arena, sizeof(*out));

	if (docker_get(docker, docker_path(docker, "/networks?%s",
			docker_filters(docker, "name", name, NULL)), &reply, err))
		return -1;
	builder_init(&same, docker->arena);
	for (uint32_t i = 0; reply.body->kind == VALUE_LIST && i < reply.body->len; i++)
		if (!strcmp(value_get_text(&reply.body->items[i], "Name", ""), name))
			builder_push(&same, reply.body->items[i]);
	*out = builder_list(&same);
	*found = out->items;
	*n = out->len;
	return 0;
}

/* NULL in *network: there is none with this id. */
static int find_by_id(struct docker *docker, const char *id, const struct value **network,
	struct error *err)
{
	struct error own = ERROR_INIT;
	struct docker_reply reply;

	*network = NULL;
	if (docker_get(docker, docker_path(docker, "/networks/%s", docker_escape(docker, id)), &reply,
			&own)) {
		if (own.code == ERROR_NOT_FOUND)
			return 0;
		*err = own;
		return -1;
	}
	if (!strcmp(value_get_text(reply.body, "Id", ""), id)) /* or a prefix, or a name like it */
		*network = reply.body;
	return 0;
}

/* Not among the marked ones: imported, gone, or its name is taken. */
static int observe_other(struct docker *docker, struct observation *item, struct error *err)
{
	const struct value *network = NULL;
	const char *name;
	size_t n = 0;

	item->presence = PRESENCE_ABSENT;
	if (item->record && item->record->id) {
		if (find_by_id(docker, item->record->id, &network, err))
			return -1;
	} else if (item->desired) {
		name = docker_name(docker, item, NAME_KEY);
		if (name && find_by_name(docker, name, &network, &n, err))
			return -1;
		if (!n)
			network = NULL;
	}
	if (network)
		describe(docker, item, network);
	return 0;
}

static void ahead(struct docker *docker, const struct docker_observe *observe,
	void (*ask)(void *arg, const char *path, bool slow), void *arg)
{
	(void)observe;
	ask(arg, docker_path_ours(docker, "/networks"), false);
}

/* Of two with its mark, of which neither is recorded, it is that of its intent; making removes the other. */
static bool is_first_choice(const struct observation *item, const struct docker_mark *mark)
{
	return item->presence != PRESENCE_PRESENT || (item->intent && mark->intent &&
		strcmp(item->intent->id, mark->intent) == 0);
}

static int observe(struct docker *docker, struct docker_observe *observe, struct error *err)
{
	struct docker_reply reply;

	if (docker_list_ours(docker, "/networks", &reply, err))
		return -1;
	for (uint32_t i = 0; reply.body->kind == VALUE_LIST && i < reply.body->len; i++) {
		const struct value *network = &reply.body->items[i];
		const char *id = value_get_text(network, "Id", "");
		struct docker_mark mark = docker_mark(value_get(network, "Labels"));
		struct observation *item = docker_match(docker, observe, id, &mark);

		if (item && is_first_choice(item, &mark))
			describe(docker, item, network);
		else if (!item)
			docker_stray(docker, observe, "docker_network", &mark, id,
				value_get_text(network, "Name", NULL));
	}
	for (size_t i = 0; i < observe->n; i++)
		if (observe->items[i]->presence == PRESENCE_UNKNOWN &&
			observe_other(docker, observe->items[i], err))
			return -1;
	return 0;
}

/* --- apply -------------------------------------------------------------------------------------- */

static struct value create_body(struct docker *docker, const struct request *request,
	const char *name)
{
	const struct value *inputs = request->inputs, *ipam = value_get(inputs, "ipam");
	const struct value *list = value_get(ipam, "config"), *given = value_get(inputs, "options");
	const char *bridge = bridge_of(docker, inputs, name);
	struct value_builder body, options, pool, config;

	builder_init(&body, docker->arena);
	builder_init(&options, docker->arena);
	for (uint32_t i = 0; given && i < given->len; i++)
		builder_put_str(&options, given->members[i].key, value_text(&given->members[i].value, ""));
	if (bridge)
		builder_put_str(&options, BRIDGE_KEY, bridge);
	builder_put_str(&body, "Name", name);
	builder_put_str(&body, "Driver", value_get_text(inputs, "driver", "bridge"));
	builder_put_bool(&body, "Internal", value_get_bool(inputs, "internal", false));
	builder_put_bool(&body, "Attachable", value_get_bool(inputs, "attachable", false));
	builder_put_bool(&body, "EnableIPv6", value_get_bool(inputs, "ipv6", false));
	builder_put(&body, "Options", builder_map(&options));
	builder_put(&body, "Labels", docker_labels(docker, request->address, request->generation,
		value_get(inputs, "labels")));
	if (docker_knows(docker, DOCKER_CHECK_DUPLICATE))
		builder_put_bool(&body, "CheckDuplicate", true);
	if (!ipam)
		return builder_map(&body);
	builder_init(&pool, docker->arena);
	builder_init(&config, docker->arena);
	builder_put_str(&pool, "Driver", value_get_text(ipam, "driver", "default"));
	for (uint32_t i = 0; list && i < list->len; i++) {
		const struct value *item = &list->items[i];
		struct value_builder entry;

		builder_init(&entry, docker->arena);
		builder_put_str(&entry, "Subnet", value_get_text(item, "subnet", ""));
		if (value_get(item, "gateway"))
			builder_put_str(&entry, "Gateway", value_get_text(item, "gateway", ""));
		if (value_get(item, "ipRange"))
			builder_put_str(&entry, "IPRange", value_get_text(item, "ipRange", ""));
		builder_push(&config, builder_map(&entry));
	}
	builder_put(&pool, "Config", builder_list(&config));
	builder_put(&body, "IPAM", builder_map(&pool));
	return builder_map(&body);
}

/*
 * What a run had asked for that died, before we asked for our own: the engine may come to it only now. A
 * container or volume is taken over then, but of networks there may be two of one name.
 */
static bool is_debris(const struct docker *docker, const struct request *request,
	const struct value *network)
{
	struct docker_mark mark = docker_mark(value_get(network, "Labels"));

	return docker_is_request(docker, request, &mark) && !docker_is_intent(docker, &mark);
}

/* The engine keeps what is used. */
static int remove_debris(struct docker *docker, const struct value *network)
{
	return docker_call(docker, "DELETE", docker_path(docker, "/networks/%s",
		value_get_text(network, "Id", "")), NULL, NULL, NULL);
}

/*
 * Is the name free? A network made by the same intent (the connection broke after the engine had
 * done it, or a run died) is ours to finish: *id is it.
 */
static int check_name(struct docker *docker, const struct request *request, const char *name,
	const char **id, struct error *err)
{
	const struct value *found;
	size_t n;

	*id = NULL;
	if (find_by_name(docker, name, &found, &n, err))
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *message = "nothing of ours";
		struct docker_mark mark = docker_mark(value_get(&found[i], "Labels"));

		if (docker_is_intent(docker, &mark)) {
			*id = value_get_text(&found[i], "Id", "");
			continue;
		}
		if (is_debris(docker, request, &found[i]) && !remove_debris(docker, &found[i]))
			continue;
		if (docker_owner(docker, value_get(&found[i], "Labels"), NULL, &message) == OWNER_US)
			message = mark.address;
		return error_set(err, ERROR_CONFLICT,
			"a network '%s' exists already (%.12s, belongs to %s): import it, or choose another "
			NAME_KEY, name, value_get_text(&found[i], "Id", ""), message);
	}
	return 0;
}

/* Whether there are others of this name, debris apart, which goes. Only engines below 1.44 have some. */
static int has_others(struct docker *docker, const struct request *request, const char *name,
	const char *id, bool *has, struct error *err)
{
	const struct value *found;
	size_t n = 0;

	*has = false;
	if (docker_knows(docker, DOCKER_CHECK_DUPLICATE) && find_by_name(docker, name, &found, &n, err))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (strcmp(value_get_text(&found[i], "Id", ""), id) != 0 &&
			!(is_debris(docker, request, &found[i]) && !remove_debris(docker, &found[i])))
			*has = true;
	return 0;
}

/* Two creates at one time may both succeed, CheckDuplicate or not: the later gives way. */
static int check_alone(struct docker *docker, const struct request *request, const char *name,
	const char *id, struct error *err)
{
	bool has;

	if (has_others(docker, request, name, id, &has, err))
		return -1;
	if (!has)
		return 0;
	docker_call(docker, "DELETE", docker_path(docker, "/networks/%s", id), NULL, NULL, NULL);
	return error_set(err, ERROR_TRANSIENT,
		"another network '%s' was made at the same moment: ours is removed again", name);
}

static int create(struct docker *docker, const struct request *request, const char **id,
	struct error *err)
{
	const char *name = docker_request_name(docker, request, NAME_KEY);
	struct docker_reply reply;
	struct value body;

	if (check_name(docker, request, name, id, err))
		return -1;
	if (*id)
		return 0;
	body = create_body(docker, request, name);
	if (docker_call(docker, "POST", "/networks/create", &body, &reply, err)) {
		/* The name was free just now: what has it is being made, and is looked at by the next try. */
		if (reply.status == 409 || strstr(err->msg, "networks have same bridge name"))
			err->code = ERROR_TRANSIENT;
		return error_wrap(err, "cannot create network '%s'", name);
	}
	*id = value_get_text(reply.body, "Id", "");
	return check_alone(docker, request, name, *id, err);
}

static int apply(struct docker *docker, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	struct observation item = {.address = request->address, .type = request->type,
		.desired = request->inputs, .record = request->record};
	const struct value *network;
	const char *id = docker_request_id(request);
	bool others;

	if (request->act == ACT_START || request->act == ACT_STOP)
		return error_set(err, ERROR_INVALID, "a network cannot be started or stopped");
	if (!id && create(docker, request, &id, err))
		return -1;
	/* From here on it exists, whatever else fails. */
	outcome->exists = true;
	outcome->id = id;
	if (find_by_id(docker, id, &network, err))
		return -1;
	if (!network) {
		outcome->exists = false;
		return error_set(err, ERROR_FAILED, "network %.12s is gone again", id);
	}
	if (request->adopt && has_others(docker, request, value_get_text(network, "Name", ""), id, &others, err))
		return -1;
	describe(docker, &item, network);
	outcome->outputs = item.outputs;
	outcome->observed = item.attributes;
	return 0;
}

/* --- destroy ------------------------------------------------------------------------------------ */

static const char *users_of(struct docker *docker, const struct value *network)
{
	const struct value *containers = value_get(network, "Containers");
	cleanup_strbuf struct strbuf names = STRBUF_INIT;

	for (uint32_t i = 0; containers && containers->kind == VALUE_MAP && i < containers->len; i++)
		strbuf_addf(&names, "%s%s", i ? ", " : "",
			value_get_text(&containers->members[i].value, "Name", containers->members[i].key));
	return arena_strdup(docker->arena, names.len ? names.text : "containers that it does not name");
}

static int destroy(struct docker *docker, struct record *record, struct error *err)
{
	const struct value *network;
	struct docker_reply reply;
	const char *name;

	if (!record->id)
		return 0;
	if (find_by_id(docker, record->id, &network, err))
		return -1;
	if (!network)
		return 0;
	name = value_get_text(network, "Name", record->id);
	if (docker_guard(docker, value_get(network, "Labels"), record->id, record,
			arena_printf(docker->arena, "network '%s'", name), err))
		return -1;
	if (!docker_call(docker, "DELETE", docker_path(docker, "/networks/%s", record->id), NULL,
			&reply, err) || reply.status == 404)
		return 0;
	if (reply.status == 403)
		return error_set(err, ERROR_FAILED,
			"network '%s' is still used by %s: stop or disconnect them first", name,
			users_of(docker, network));
	return error_wrap(err, "cannot remove network '%s'", name);
}

/* --- the rest ----------------------------------------------------------------------------------- */

static int import(struct docker *docker, const struct type *type, const char *id,
	struct observation *out, struct error *err)
{
	struct docker_reply reply;

	out->type = type;
	if (docker_get(docker, docker_path(docker, "/networks/%s", docker_escape(docker, id)), &reply,
			err))
		return -1;
	describe(docker, out, reply.body);
	return 0;
}

static void validate(const struct resource *resource, struct diags *diags)
{
	static const char *const builtin[] = {"bridge", "host", "none", "default"};
	const struct value *name = value_get(resource->attributes, NAME_KEY);

	docker_validate_labels(resource->attributes, diags);
	for (size_t i = 0; i < ARRAY_SIZE(builtin); i++) {
		if (strcmp(value_text(name, ""), builtin[i]) != 0)
			continue;
		diag_error(diags, value_pos(name), "the engine has a network '%s' of its own", builtin[i]);
		diag_hint(diags, "choose another " NAME_KEY ", or leave it out");
	}
}

const struct docker_type docker_type_network = {
	.name = "docker_network",
	.validate = validate,
	.unique_ids = true,
	.ahead = ahead,
	.observe = observe,
	.apply = apply,
	.destroy = destroy,
	.import = import,
};
