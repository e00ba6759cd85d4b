/*
 * See inputs.h. A stored secret is a keyed hash, so "before" of a sensitive attribute is never known
 * in clear; value_matches() compares it with the fresh value.
 */
#include "engine/plan/inputs.h"

#include "model/json.h"

#include <stdlib.h>
#include <string.h>

static void digest_missing(const struct node *node, const struct value *path, struct error *err,
	struct diags *diags)
{
	diag_error(diags, value_pos(path), "%s", err->msg);
	diag_address(diags, node->resource->address);
	diag_hint(diags, "create the file, or correct the path (relative paths start at the project root)");
}

/* A value, or a network: it makes no file, and waits for nobody who would. */
static bool makes_none(const struct node *node)
{
	unsigned flags = node->resource->type->flags;

	return !node->n_needs && (flags & TYPE_EFFECTLESS || (flags & TYPE_SERVED && !(flags & TYPE_RUNS)));
}

/* A file that is not there may still be made by what the node waits for. */
static bool may_appear(const struct digester *digester, const struct node *node)
{
	for (uint32_t i = 0; i < node->n_needs; i++) {
		if (!makes_none(&digester->graph->nodes[node->needs[i].node]))
			return true;
	}
	return false;
}

/* The digest of one path; unknown when something else of this plan may still make the file. */
static int digest_path(const struct digester *digester, const struct node *node,
	const struct value *path, struct value_builder *out, const char *name, struct diags *diags)
{
	struct error err = ERROR_INIT;
	struct hash hash;
	char hex[HASH_HEX];

	if (path->kind == VALUE_UNKNOWN) {
		builder_put(out, name, value_unknown);
		return 0;
	}
	if (path->kind != VALUE_STRING)
		return 0;
	if (digester->file(digester->arg, path->text, &hash, &err) == 0) {
		builder_put_str(out, name, hash_hex(&hash, hex));
		return 0;
	}
	if (err.code == ERROR_NOT_FOUND && may_appear(digester, node)) {
		builder_put(out, name, value_unknown);
		return 0;
	}
	digest_missing(node, path, &err, diags);
	return -1;
}

static int digest_attribute(const struct digester *digester, const struct node *node,
	const struct member *member, struct value_builder *out, struct arena *arena, struct diags *diags)
{
	const struct value *value = &member->value;
	int result = 0;

	if (value->kind != VALUE_LIST)
		return digest_path(digester, node, value, out, member->key, diags);
	for (uint32_t i = 0; i < value->len; i++) {
		const char *name = arena_printf(arena, "%s[%u]", member->key, i);

		if (digest_path(digester, node, &value->items[i], out, name, diags) < 0)
			result = -1;
	}
	return result;
}

static int digest_by_provider(const struct digester *digester, const struct node *node,
	const struct value *inputs, struct value_builder *out, struct diags *diags)
{
	const struct provider *provider = provider_of(node->resource->type);
	struct error err = ERROR_INIT;
	struct hash hash = {0};
	static const struct hash none;
	char hex[HASH_HEX];

	if (!(node->resource->type->flags & TYPE_DIGEST) || !provider || !provider->digest)
		return 0;
	if (!value_is_known(inputs)) {
		builder_put(out, "content", value_unknown);
		return 0;
	}
	if (provider->digest(node->resource->type, inputs, digester->project_root, digester->parsed, &hash,
		&err) < 0) {
		if (err.code == ERROR_NOT_FOUND && may_appear(digester, node)) {
			builder_put(out, "content", value_unknown);
			return 0;
		}
		diag_error(diags, node->resource->pos, "%s", err.msg);
		diag_address(diags, node->resource->address);
		return -1;
	}
	if (!hash_equal(&hash, &none))
		builder_put_str(out, "content", hash_hex(&hash, hex));
	return 0;
}

/* What others can read must not hold a secret. */
static int check_public(const struct node *node, const struct value *inputs, struct diags *diags)
{
	int result = 0;

	if (!(inputs->flags & VALUE_HAS_SENSITIVE))
		return 0;
	for (uint32_t i = 0; i < inputs->len; i++) {
		const struct member *member = &inputs->members[i];
		const struct schema *schema = type_attribute(node->resource->type, member->key);

		if (!schema || !(schema->flags & SCHEMA_PUBLIC) ||
			!(member->value.flags & (VALUE_SENSITIVE | VALUE_HAS_SENSITIVE)))
			continue;
		result = diag_error(diags, value_pos(&member->value),
			"\"%s\" of %s holds a sensitive value, and others can read it", member->key,
			node->resource->address);
		diag_hint(diags, "pass secrets by environment or stdin");
		diag_address(diags, node->resource->address);
	}
	return result;
}

int inputs_complete(const struct digester *digester, const struct node *node, struct value *inputs,
	struct arena *arena, struct diags *diags)
{
	const struct type *type = node->resource->type;
	struct value_builder digests;
	struct member *members;
	int result = check_public(node, inputs, diags);

	if (type->flags & TYPE_CONCEALS)
		provider_of(type)->conceal(type, inputs, arena);
	if (type->flags & TYPE_EFFECTLESS)
		return result;
	builder_init(&digests, arena);
	for (uint32_t i = 0; i < inputs->len; i++) {
		const struct schema *schema = type_attribute(type, inputs->members[i].key);

		if (schema && schema->flags & SCHEMA_FILE &&
			digest_attribute(digester, node, &inputs->members[i], &digests, arena, diags) < 0)
			result = -1;
	}
	if (digest_by_provider(digester, node, inputs, &digests, diags) < 0)
		result = -1;
	if (digester->locked && digester->locked(digester->arg, node, inputs, &digests, diags) < 0)
		result = -1;
	if (!digests.n)
		return result;
	members = arena_alloc(arena, (inputs->len + 1) * sizeof(*members));
	memcpy(members, inputs->members, inputs->len * sizeof(*members));
	members[inputs->len] = (struct member){.key = INPUT_DIGESTS, .value = builder_map(&digests)};
	*inputs = value_map(members, inputs->len + 1);
	return result;
}

void inputs_fingerprint(const struct value *inputs, const struct secret_key *key, struct hash *out)
{
	struct hasher hasher;

	hasher_init(&hasher);
	value_hash(inputs, key, &hasher);
	hasher_finish(&hasher, out);
}

const char *inputs_identity(const struct type *type, const struct value *inputs, struct arena *arena)
{
	const char *text = type->name;

	if (!type->identity || !type->identity[0] || !inputs)
		return NULL;
	for (const char *const *name = type->identity; *name; name++) {
		const char *part = value_get_text(inputs, *name, NULL);

		if (!part)
			return NULL;
		text = arena_printf(arena, "%s:%s", text, part);
	}
	return text;
}

/* `map` with `path` set to `value`, or without it when `value` is NULL. */
static struct value with_path(const struct value *map, const char *path, const struct value *value,
	struct arena *arena)
{
	size_t len = strcspn(path, ".");
	struct member *members = arena_alloc(arena, (map->len + 1) * sizeof(*members));
	uint32_t n = 0;
	bool found = false;

	for (uint32_t i = 0; i < map->len; i++) {
		const struct member *member = &map->members[i];
		bool here = strncmp(member->key, path, len) == 0 && !member->key[len];

		found = found || here;
		if (here && !path[len] && !value)
			continue;
		members[n] = *member;
		if (here && !path[len])
			members[n].value = *value;
		else if (here && member->value.kind == VALUE_MAP)
			members[n].value = with_path(&member->value, path + len + 1, value, arena);
		n++;
	}
	if (!found && value && !path[len])
		members[n++] = (struct member){.key = arena_strdup(arena, path), .value = *value};
	return value_map(members, n);
}

struct value inputs_ignore(const struct value *inputs, const struct value *recorded,
	const char *const *paths, struct arena *arena)
{
	struct value result = *inputs;

	for (; paths && *paths; paths++)
		result = with_path(&result, *paths, value_path(recorded, *paths), arena);
	return result;
}

static void write_flags(const struct lifecycle *lifecycle, struct strbuf *out)
{
	if (lifecycle->contents) {
		strbuf_addstr(out, ",\"contents\":");
		json_write_string(out, lifecycle->contents, strlen(lifecycle->contents));
	}
	if (lifecycle->create_before_destroy)
		strbuf_addstr(out, ",\"createBeforeDestroy\":true");
	if (lifecycle->prevent_destroy)
		strbuf_addstr(out, ",\"preventDestroy\":true");
	if (lifecycle->retain)
		strbuf_addstr(out, ",\"retain\":true");
}

void meta_write(const struct graph *graph, uint32_t index, struct strbuf *out)
{
	const struct node *node = &graph->nodes[index];
	const struct resource *resource = node->resource;

	strbuf_addstr(out, "{\"edges\":[");
	for (uint32_t i = 0; i < node->n_needs; i++) {
		const char *address = graph->nodes[node->needs[i].node].resource->address;

		strbuf_addstr(out, i ? ",[" : "[");
		json_write_string(out, address, strlen(address));
		strbuf_addf(out, ",%d]", node->needs[i].kind);
	}
	strbuf_addch(out, ']');
	write_flags(&resource->lifecycle, out);
	if (resource->readiness.kind != PROBE_NONE)
		strbuf_addf(out, ",\"probe\":%d", resource->readiness.kind);
	if (resource->service) {
		strbuf_addstr(out, ",\"service\":");
		json_write_string(out, resource->service, strlen(resource->service));
	}
	if (resource->timeout)
		strbuf_addf(out, ",\"timeout\":%lld", (long long)resource->timeout);
	strbuf_addch(out, '}');
}

struct record_edge *meta_edges(struct record *record, struct arena *arena, size_t *n)
{
	const struct value *edges = value_get(record_meta(record, NULL), "edges");
	struct record_edge *out;

	*n = 0;
	if (!edges || edges->kind != VALUE_LIST || !edges->len)
		return NULL;
	out = arena_alloc(arena, edges->len * sizeof(*out));
	for (uint32_t i = 0; i < edges->len; i++) {
		const struct value *edge = &edges->items[i];

		if (edge->kind != VALUE_LIST || edge->len != 2)
			continue;
		out[(*n)++] = (struct record_edge){
			.address = value_text(&edge->items[0], ""),
			.kind = edge->items[1].kind == VALUE_INT ? (int)edge->items[1].integer
								 : EDGE_USES,
		};
	}
	return out;
}

bool meta_flag(struct record *record, const char *flag)
{
	return value_get_bool(record_meta(record, NULL), flag, false);
}

/* Digests show under the attribute that names the file. */
static const char *shown_path(struct attribute_list *list, const char *path)
{
	static const char digests[] = INPUT_DIGESTS ".";

	if (strncmp(path, digests, strlen(digests)) != 0)
		return path;
	path += strlen(digests);
	return strcmp(path, "content") == 0 || strncmp(path, INPUT_LOCKED ".", strlen(INPUT_LOCKED ".")) == 0
		? path : arena_printf(list->arena, "%s (content)", path);
}

static void add_change(struct attribute_list *list, const char *path, const struct value *before,
	const struct value *after, bool forces_replace)
{
	if (strcmp(path, INPUT_DIGESTS) == 0 && !before)
		return; /* of something new: the attribute itself is listed */
	ARENA_GROW(list->arena, list->items, list->n, list->cap);
	list->items[list->n++] = (struct attribute_change){
		.path = shown_path(list, path),
		.before = before,
		.after = after,
		.forces_replace = forces_replace,
		.pos = after ? value_pos(after) : POS_NONE,
	};
}

static void compare(struct attribute_list *list, const char *path, const struct schema *schema,
	const struct value *before, const struct value *after, bool forces);

static const char *join(struct attribute_list *list, const char *path, const char *key)
{
	return *path ? arena_printf(list->arena, "%s.%s", path, key) : key;
}

/* Of "envFile[0]" in the map of digests: that of the attribute. */
static const struct schema *digest_schema(const struct attribute_list *list, const char *key)
{
	return type_attribute(list->type, arena_strndup(list->arena, key, strcspn(key, "[")));
}

static const struct schema *schema_of(const struct attribute_list *list, const char *path,
	const struct schema *schema, const struct value *map, const char *key)
{
	if (strcmp(path, INPUT_DIGESTS) == 0)
		return digest_schema(list, key);
	return schema ? schema_member(schema, map, key) : NULL;
}

static void compare_maps(struct attribute_list *list, const char *path, const struct schema *schema,
	const struct value *before, const struct value *after, bool forces)
{
	for (uint32_t i = 0; i < after->len; i++) {
		const struct member *member = &after->members[i];

		compare(list, join(list, path, member->key),
			schema_of(list, path, schema, after, member->key),
			value_get(before, member->key), &member->value, forces);
	}
	for (uint32_t i = 0; i < before->len; i++) {
		const struct member *member = &before->members[i];

		if (!value_get(after, member->key))
			compare(list, join(list, path, member->key),
				schema_of(list, path, schema, before, member->key),
				&member->value, NULL, forces);
	}
}

static void compare(struct attribute_list *list, const char *path, const struct schema *schema,
	const struct value *before, const struct value *after, bool forces)
{
	if (before && after && value_matches(after, before, list->key))
		return;
	if (before && after && before->kind == VALUE_UNKNOWN && after->kind == VALUE_UNKNOWN)
		return; /* of two desired states; what is recorded is known */
	forces = forces || (schema && schema->flags & SCHEMA_REPLACE);
	if (before && after && before->kind == VALUE_MAP && after->kind == VALUE_MAP &&
		!(after->flags & VALUE_SENSITIVE))
		compare_maps(list, path, schema, before, after, forces);
	else
		add_change(list, path, before, after, forces);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct attribute_change *)a)->path,
		((const struct attribute_change *)b)->path);
}

void inputs_compare(struct attribute_list *list, const struct value *before,
	const struct value *after)
{
	compare_maps(list, "", list->type->schema, before ? before : &value_empty_map,
		after ? after : &value_empty_map, list->type->flags & TYPE_NO_UPDATE);
	if (list->n)
		qsort(list->items, list->n, sizeof(*list->items), by_path);
}

/* Digests have no line of their own: they show under the attribute that names the file. */
static bool is_listed(const struct attribute_list *list, const char *key)
{
	for (size_t i = 0; i < list->n; i++) {
		size_t len = strlen(key);

		if (strncmp(list->items[i].path, key, len) == 0 &&
			(!list->items[i].path[len] || strchr(".[", list->items[i].path[len])))
			return true;
	}
	return false;
}

void inputs_drift(struct attribute_list *list, const struct value *recorded_observed,
	const struct value *observed, const struct value *desired)
{
	size_t before = list->n;

	if (!recorded_observed || !observed)
		return;
	for (uint32_t i = 0; i < recorded_observed->len; i++) {
		const struct member *then = &recorded_observed->members[i];
		const struct value *now = value_get(observed, then->key);
		const struct schema *schema = type_attribute(list->type, then->key);
		const struct value *wanted = value_get(desired, then->key);

		if (now && value_matches(now, &then->value, list->key))
			continue;
		if (is_listed(list, then->key))
			continue; /* changed in the manifest anyway: that is the better reason */
		ARENA_GROW(list->arena, list->items, list->n, list->cap);
		list->items[list->n++] = (struct attribute_change){
			.path = then->key,
			.before = now,
			.after = wanted ? wanted : &then->value,
			.drift = true,
			.forces_replace = list->type->flags & TYPE_NO_UPDATE ||
					  (schema && schema->flags & SCHEMA_REPLACE),
			.pos = wanted ? value_pos(wanted) : POS_NONE,
		};
	}
	if (list->n > before)
		qsort(list->items, list->n, sizeof(*list->items), by_path);
}
