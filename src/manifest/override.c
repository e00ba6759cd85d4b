/*
 * --set path=value as a layer of its own: the path becomes maps around the value, so that merging
 * treats it like any other layer. An item of a list with a merge key is addressed by that key:
 * spec.resources[local_file.motd].content, spec.services[api].replicas. What only leads to the
 * value has line 0, by which merging tells it from what the user wrote.
 */
#include "manifest/loading.h"
#include "model/schema.h"
#include "model/template.h"
#include "model/yaml.h"

#include <string.h>

enum { MAX_STEPS = 64 };

struct override {
	struct loading *l;
	const char *path; /* all of it, without the value */
	uint16_t source;
	struct value value;
	unsigned steps;
};

static int build(struct override *o, const struct schema *schema, const struct value *in,
	const char *at, struct value *out);

struct value override_value(struct loading *l, const char *shown, const char *layer,
	const char *text)
{
	uint16_t id =
		sources_add(&l->manifest->sources, l->arena, shown, layer, text, strlen(text));
	struct value value = {.text = text, .len = (uint32_t)strlen(text), .source = id};

	if (!*text) {
		value.kind = VALUE_STRING; /* nothing is an empty text; null is written out */
	} else if (strchr("[{\"'", *text)) {
		yaml_parse(&l->manifest->sources, id, l->arena, &value, l->diags);
	} else {
		yaml_resolve(&value);
		value.flags |= VALUE_PLAIN;
		value.flags |= template_needed(text, value.len) ? VALUE_TEMPLATE : 0;
	}
	value.line = value.column = 1;
	l->manifest->sources.items[id].text = NULL;
	l->manifest->sources.items[id].len = 0;
	return value;
}

static struct pos place(const struct override *o, const char *at)
{
	size_t column = (size_t)(at - o->path) + 1;

	return (struct pos){
		.source = o->source,
		.line = 1,
		.column = column > UINT16_MAX ? UINT16_MAX : (uint16_t)column,
	};
}

static int bad_path(struct override *o, const char *at, const char *what)
{
	diag_error(o->l->diags, place(o, at), "%s", what);
	diag_hint(o->l->diags, "a path is like metadata.name, spec.variables.region.default or "
		"spec.resources[TYPE.NAME].ATTRIBUTE");
	return -1;
}

static struct value map_of(const struct override *o, struct member *members, size_t n)
{
	struct value map = value_map(members, n);

	map.source = o->source;
	return map;
}

static int build_key(struct override *o, const struct schema *schema, const struct value *in,
	const char *at, const char *key, const char *rest, struct value *out)
{
	struct member *member = arena_alloc(o->l->arena, sizeof(*member));

	*member = (struct member){.key = key, .pos = place(o, at)};
	if (build(o, schema ? schema_member(schema, in, key) : NULL, &value_empty_map, rest,
		&member->value) < 0)
		return -1;
	*out = map_of(o, member, 1);
	return 0;
}

/* "local_file.motd" for the merge key "type+name". The last part takes what is left. */
static int key_members(struct override *o, const char *merge_key, const char *at, const char *text,
	struct member *members)
{
	int n = 0;

	while (*merge_key) {
		size_t len = strcspn(merge_key, "+"), part;
		bool last = !merge_key[len];

		part = last ? strlen(text) : strcspn(text, ".");
		if (!part || (!last && !text[part]) || n == 4)
			return bad_path(o, at,
				"an item is missing its name: the brackets hold TYPE.NAME, "
				"or the NAME");
		members[n++] = (struct member){
			.key = arena_strndup(o->l->arena, merge_key, len),
			.pos = place(o, at),
			.value = value_strn(o->l->arena, text, part),
		};
		members[n - 1].value.source = o->source;
		text += part + !last;
		merge_key += len + !last;
	}
	return n;
}

static int build_item(struct override *o, const struct schema *schema, const char *at,
	const char *text, const char *rest, struct value *out)
{
	struct member keys[4], *members;
	struct value inner, in, *item = arena_alloc(o->l->arena, sizeof(*item));
	int n = key_members(o, schema->merge_key, at, text, keys);

	if (n < 0)
		return -1;
	in = value_map(keys, (size_t)n);
	if (build(o, schema->items, &in, rest, &inner) < 0)
		return -1;
	if (inner.kind == VALUE_NULL) { /* set to null: gone */
		struct member *delete = arena_alloc(o->l->arena, sizeof(*delete));

		*delete = (struct member){.key = "$delete", .value = value_bool(true)};
		inner = map_of(o, delete, 1);
		inner.flags |= VALUE_DELETE;
	}
	if (inner.kind != VALUE_MAP)
		return bad_path(o, at, "an item of this list is a map: name one of its keys");
	members = arena_alloc(o->l->arena, ((size_t)n + inner.len) * sizeof(*members));
	memcpy(members, keys, (size_t)n * sizeof(*members));
	memcpy(members + n, inner.members, inner.len * sizeof(*members));
	*item = map_of(o, members, (size_t)n + inner.len);
	item->flags |= inner.flags & VALUE_DELETE;
	*out = value_list(item, 1);
	out->source = o->source;
	return 0;
}

static int build_bracket(struct override *o, const struct schema *schema, const struct value *in,
	const char *at, struct value *out)
{
	char quote = at[1] == '"' || at[1] == '\'' ? at[1] : '\0';
	const char *start = at + 1 + (quote != '\0');
	const char *end = quote ? strchr(start, quote) : strchr(start, ']');
	const char *text, *rest;

	if (!end || (quote && end[1] != ']'))
		return bad_path(o, at, "the bracket is not closed");
	text = arena_strndup(o->l->arena, start, (size_t)(end - start));
	rest = end + 1 + (quote != '\0');
	if (schema && schema->merge_key)
		return build_item(o, schema, at, text, rest, out);
	if (quote)
		return build_key(o, schema, in, at, text, rest, out);
	return bad_path(o, at, "the items of this list have no names: set all of it, path=[...]");
}

/* What stands at `at` and behind it; `in` is as much of the map around it as is known. */
static int build(struct override *o, const struct schema *schema, const struct value *in,
	const char *at, struct value *out)
{
	size_t len;

	if (!*at) {
		*out = o->value;
		return 0;
	}
	if (++o->steps > MAX_STEPS)
		return bad_path(o, at, "the path is too long");
	if (*at == '[')
		return build_bracket(o, schema, in, at, out);
	if (*at == '.' && at > o->path)
		at++;
	len = strcspn(at, ".[");
	if (!len)
		return bad_path(o, at, "a name is missing in the path");
	return build_key(o, schema, in, at, arena_strndup(o->l->arena, at, len), at + len, out);
}

/* The "=" behind the path: not one in a bracket. */
static const char *find_equals(const char *argument)
{
	bool inside = false;

	for (; *argument; argument++) {
		if (*argument == '[')
			inside = true;
		else if (*argument == ']')
			inside = false;
		else if (*argument == '=' && !inside)
			return argument;
	}
	return NULL;
}

static void read_set(struct loading *l, const char *argument)
{
	const char *equals = find_equals(argument);
	size_t len = equals ? (size_t)(equals - argument) : strlen(argument);
	struct override o = {.l = l, .path = arena_strndup(l->arena, argument, len)};
	const char *shown = arena_printf(l->arena, "--set %s", o.path);
	struct value layer;

	o.source = sources_add(&l->manifest->sources, l->arena, shown, "command line", o.path, len);
	if (!equals || !len) {
		bad_path(&o, o.path, "--set takes PATH=VALUE");
		return;
	}
	o.value = override_value(l, shown, "command line", equals + 1);
	if (build(&o, &schema_manifest, &value_empty_map, o.path, &layer) < 0)
		return;
	ARENA_GROW(l->arena, l->layers, l->n_layers, l->cap_layers);
	l->layers[l->n_layers++] =
		(struct layer){.value = layer, .source = o.source, .override = true};
}

void overrides_read(struct loading *l)
{
	for (const char *const *argument = l->input->sets; argument && *argument; argument++) {
		if (!files_room(l))
			break;
		read_set(l, *argument);
	}
}
