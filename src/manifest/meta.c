/*
 * The meta keys of a resource: what every type has, whatever its provider. Their shapes were
 * checked by the schema; here they may have come out of references, so their types are checked once
 * more.
 */
#include "base/clock.h"
#include "manifest/loading.h"
#include "model/schema.h"
#include "model/template.h"

#include <string.h>

bool meta_is_key(const char *key)
{
	switch (key[0]) {
	case '$': return strcmp(key, "$service") == 0; /* set by lower */
	case 'd': return strcmp(key, "dependsOn") == 0;
	case 'f': return strcmp(key, "forEach") == 0;
	case 'l': return strcmp(key, "lifecycle") == 0;
	case 'n': return strcmp(key, "name") == 0;
	case 'r': return strcmp(key, "retry") == 0 || strcmp(key, "readiness") == 0;
	case 's': return strcmp(key, "sync") == 0;
	case 't': return strcmp(key, "type") == 0 || strcmp(key, "timeout") == 0;
	case 'w': return strcmp(key, "when") == 0;
	default: return false;
	}
}

static void bad(struct scope *scope, const struct value *value, const char *wanted)
{
	diag_error(scope->l->diags, value_pos(value), "must be %s", wanted);
}

static int read_int(const struct value *map, const char *key)
{
	int64_t number = value_get_int(map, key, 0);

	return number > INT32_MAX ? INT32_MAX : (int)number;
}

static int64_t read_duration(struct scope *scope, const struct value *value)
{
	int64_t ms;

	if (!value || value->kind == VALUE_NULL)
		return 0;
	ms = duration_parse(value_text(value, ""));
	if (ms == DURATION_INVALID) {
		bad(scope, value, "a time such as \"90s\" or \"5m\", or a number of seconds");
		return 0;
	}
	return ms;
}

/* --- addresses */

static size_t name_len(const char *text)
{
	return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
}

static const char *canonical(struct arena *arena, const char *text)
{
	size_t type = name_len(text),
	       name = type && text[type] == '.' ? name_len(text + type + 1) : 0;
	size_t base = type + 1 + name;
	const char *key = text + base + 2, *end;

	if (!name)
		return NULL;
	if (!text[base])
		return text;
	if (text[base] != '[' || (text[base + 1] != '"' && text[base + 1] != '\''))
		return NULL;
	end = strchr(key, text[base + 1]);
	if (!end || end == key || strcmp(end + 1, "]") != 0)
		return NULL;
	return arena_printf(arena, "%.*s[\"%.*s\"]", (int)base, text, (int)(end - key), key);
}

const char *meta_address(struct loading *l, const struct value *value)
{
	const char *address = value->kind == VALUE_STRING ? canonical(l->arena, value->text) : NULL;

	if (address || !strchr(value_text(value, ""), '['))
		return address; /* the schema has said what else is wrong */
	diag_error(l->diags, value_pos(value), "the key in \"%s\" is not closed, or not in quotes",
		value->text);
	diag_hint(l->diags, "one instance of a forEach is TYPE.NAME[\"KEY\"]");
	return NULL;
}

/* --- dependsOn and replaceTriggeredBy */

static enum edge_kind read_edge_kind(struct scope *scope, const struct value *item)
{
	const struct value *type = value_get(item, "type");
	const char *text = value_text(type, "hard");

	if (strcmp(text, "soft") == 0)
		return EDGE_SOFT;
	if (strcmp(text, "ordering") == 0)
		return EDGE_ORDERING;
	if (strcmp(text, "hard") != 0)
		bad(scope, type, "hard, soft or ordering");
	return EDGE_HARD;
}

static const struct dependency *read_dependencies(struct scope *scope, const struct value *list,
	size_t *n)
{
	struct loading *l = scope->l;
	const struct value *items = list->kind == VALUE_LIST ? list->items : list;
	uint32_t count = list->kind == VALUE_LIST ? list->len : 1;
	struct dependency *dependencies = arena_alloc(l->arena, count * sizeof(*dependencies));

	*n = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct value *address = &items[i];
		const char *text;

		if (address->kind == VALUE_MAP)
			address = value_get(&items[i], "address");
		text = address ? meta_address(l, address) : NULL;
		if (!address)
			bad(scope, &items[i], "an address, or a map with \"address\"");
		if (text)
			dependencies[(*n)++] = (struct dependency){
				.address = text,
				.kind = read_edge_kind(scope, &items[i]),
				.pos = value_pos(address),
			};
	}
	return dependencies;
}

/* --- the others */

static const char *const *read_texts(struct scope *scope, const struct value *list)
{
	const char **texts;

	if (!list || list->kind == VALUE_NULL)
		return NULL;
	if (list->kind != VALUE_LIST) {
		bad(scope, list, "a list of texts");
		return NULL;
	}
	texts = arena_alloc(scope->l->arena, (list->len + 1) * sizeof(*texts));
	for (uint32_t i = 0; i < list->len; i++)
		texts[i] = value_text(&list->items[i], "");
	texts[list->len] = NULL;
	return texts;
}

static void read_lifecycle(
	struct scope *scope, const struct value *map, struct lifecycle *lifecycle)
{
	const struct value *triggers = value_get(map, "replaceTriggeredBy");

	lifecycle->prevent_destroy = value_get_bool(map, "preventDestroy", false);
	lifecycle->retain = value_get_bool(map, "retain", false);
	lifecycle->create_before_destroy = value_get_bool(map, "createBeforeDestroy", false);
	lifecycle->precedes = value_get_bool(map, "precedes", false);
	lifecycle->succeeds = value_get_bool(map, "succeeds", false);
	lifecycle->contents = value_get_text(map, "contents", NULL);
	lifecycle->begun_with = read_texts(scope, value_get(map, "begunWith"));
	lifecycle->ignore_changes = read_texts(scope, value_get(map, "ignoreChanges"));
	if (triggers && triggers->kind != VALUE_NULL)
		lifecycle->replace_triggered_by = read_dependencies(scope, triggers,
			&lifecycle->n_replace_triggered_by);
}

static void read_retry(struct scope *scope, const struct value *map, struct retry *retry)
{
	if (value_get(map, "attempts"))
		retry->attempts = read_int(map, "attempts");
	if (value_get(map, "delay"))
		retry->delay = read_duration(scope, value_get(map, "delay"));
	if (value_get(map, "maxDelay"))
		retry->max_delay = read_duration(scope, value_get(map, "maxDelay"));
}

static enum probe_kind probe_kind(const struct value *map)
{
	static const struct {
		const char *name;
		enum probe_kind kind;
	} kinds[] = {
		{"http", PROBE_HTTP},
		{"tcp", PROBE_TCP},
		{"command", PROBE_COMMAND},
		{"log", PROBE_LOG},
		{"health", PROBE_HEALTH},
		{"running", PROBE_RUNNING},
	};
	const char *type = value_get_text(map, "type", "");

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(type, kinds[i].name) == 0)
			return kinds[i].kind;
	}
	if (value_get(map, "command"))
		return PROBE_COMMAND;
	if (value_get(map, "log"))
		return PROBE_LOG;
	if (value_get_bool(map, "health", false))
		return PROBE_HEALTH;
	if (value_get(map, "path") || value_get(map, "url") || value_get(map, "scheme"))
		return PROBE_HTTP;
	if (value_get(map, "port"))
		return PROBE_TCP;
	return PROBE_RUNNING;
}

static void read_probe(struct scope *scope, const struct value *map, struct probe *probe)
{
	struct value *spec = arena_alloc(scope->l->arena, sizeof(*spec));

	*spec = *map;
	probe->kind = probe_kind(map);
	probe->spec = spec;
	probe->initial_delay = read_duration(scope, value_get(map, "initialDelaySeconds"));
	probe->period = read_duration(scope, value_get(map, "periodSeconds"));
	probe->timeout = read_duration(scope, value_get(map, "timeoutSeconds"));
	probe->failure_threshold = read_int(map, "failureThreshold");
	probe->success_threshold = read_int(map, "successThreshold");
}

static const struct value *keep_list(struct scope *scope, const struct value *value)
{
	struct value *list = arena_alloc(scope->l->arena, sizeof(*list));

	*list = *value;
	return value->kind == VALUE_LIST ? list : NULL;
}

static void read_key(struct scope *scope, const char *key, const struct value *value,
	struct resource *resource)
{
	if (*key == '$')
		resource->service = value_text(value, NULL);
	else if (strcmp(key, "dependsOn") == 0)
		resource->depends_on = read_dependencies(scope, value, &resource->n_depends_on);
	else if (strcmp(key, "timeout") == 0)
		resource->timeout = read_duration(scope, value);
	else if (strcmp(key, "sync") == 0)
		resource->sync = keep_list(scope, value);
	else if (value->kind != VALUE_MAP)
		return; /* the schema has said it */
	else if (strcmp(key, "lifecycle") == 0)
		read_lifecycle(scope, value, &resource->lifecycle);
	else if (strcmp(key, "retry") == 0)
		read_retry(scope, value, &resource->retry);
	else if (strcmp(key, "readiness") == 0)
		read_probe(scope, value, &resource->readiness);
}

/* With what is known early put in, and in the types that the schema wants. */
static int known(struct scope *scope, const struct member *member, const struct schema *schema,
	struct value *out)
{
	size_t errors = scope->l->diags->errors;

	if (scope_expand(scope, &member->value, out) < 0)
		return -1;
	*out = schema_coerce(schema, out, scope->l->arena);
	if (member->value.flags & VALUE_TEMPLATE) /* was let pass before: now it can be judged */
		schema_validate(schema, out, scope->l->diags);
	return scope->l->diags->errors > errors ? -1 : 0;
}

static const struct schema *resource_schema(void)
{
	const struct schema *spec = schema_property(&schema_manifest, "spec");

	return schema_property(spec, "resources")->items;
}

void meta_read(struct scope *scope, const struct value *map, struct resource *resource)
{
	static const char *const early[] = {"type", "name", "when", "forEach"};

	for (uint32_t i = 0; i < map->len; i++) {
		const struct member *member = &map->members[i];
		bool done = !meta_is_key(member->key);
		size_t before = scope->l->diags->n;
		const struct schema *schema;
		struct value value;

		for (size_t j = 0; j < ARRAY_SIZE(early); j++)
			done |= strcmp(member->key, early[j]) == 0;
		if (done || member->value.kind == VALUE_NULL)
			continue;
		/* a probe may refer to resources; the rest must be known before there are any */
		scope->stage = strcmp(member->key, "readiness") == 0 ? SCOPE_LATE : SCOPE_EARLY;
		scope->what = member->key;
		schema = schema_property(resource_schema(), member->key);
		if (!schema)
			read_key(scope, member->key, &member->value, resource);
		else if (known(scope, member, schema, &value) == 0)
			read_key(scope, member->key, &value, resource);
		diags_drop_repeated(scope->l->diags, before); /* the schema may have said it */
	}
}

void meta_read_defaults(struct loading *l, struct resource *defaults)
{
	const struct value *map = value_path(l->manifest->merged, "spec.defaults");
	struct scope scope = {.l = l, .stage = SCOPE_EARLY, .what = "spec.defaults"};

	if (!map || map->kind != VALUE_MAP)
		return;
	for (uint32_t i = 0; i < map->len; i++) {
		const struct member *member = &map->members[i];
		const struct schema *schema = schema_property(resource_schema(), member->key);
		struct value value;

		if (strcmp(member->key, "timeout") != 0 && strcmp(member->key, "retry") != 0)
			continue; /* the schema has said it */
		if (known(&scope, member, schema, &value) == 0)
			read_key(&scope, member->key, &value, defaults);
	}
}
