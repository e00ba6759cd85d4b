/*
 * From the list of resources in the manifest to an array of them: `when` switches off, `forEach`
 * multiplies, attributes lose everything that is known already, and only references to resources
 * remain. A resource without meta keys shares its members with the manifest; nothing is copied.
 */
#include "manifest/loading.h"
#include "model/template.h"

#include <string.h>

struct expander {
	struct loading *l;
	struct manifest *manifest;
	size_t cap, cap_off;
	struct resource defaults; /* what every resource begins with */
	const struct type *type; /* of the resource before: lists are often of one type */
	bool type_has_template;
	bool lowered; /* not all of them stand in the manifest as they are */
};

/* One item of the list, before it is known how often it exists. */
struct declaration {
	const struct value *map;
	const struct value *when, *for_each;
	const char *name;
	struct value attributes;
	const char *base; /* type.name */
};

static const struct type *find_type(struct expander *x, const char *name)
{
	if (!x->type || strcmp(x->type->name, name) != 0) {
		x->type = type_find(name);
		x->type_has_template = x->type && type_attribute(x->type, "template") &&
			type_attribute(x->type, "content");
	}
	return x->type;
}

static char *join_address(struct arena *arena, const char *type, const char *name)
{
	size_t type_len = strlen(type), name_len = strlen(name);
	char *address = arena_alloc(arena, type_len + name_len + 2);

	memcpy(address, type, type_len);
	address[type_len] = '.';
	memcpy(address + type_len + 1, name, name_len + 1);
	return address;
}

/* The members that are no meta keys; shared with `map` when they stand together. */
static struct value attributes_of(struct arena *arena, const struct value *map)
{
	struct value attributes = *map;
	uint32_t first = map->len, last = 0, n = 0;
	struct member *members;

	for (uint32_t i = 0; i < map->len; i++) {
		if (meta_is_key(map->members[i].key))
			continue;
		if (!n++)
			first = i;
		last = i;
	}
	attributes.len = n;
	attributes.members = n ? map->members + first : NULL;
	if (!n)
		attributes.flags &= (uint8_t)~VALUE_TEMPLATE;
	if (!n || last - first + 1 == n)
		return attributes;
	members = arena_alloc(arena, n * sizeof(*members));
	n = 0;
	for (uint32_t i = first; i <= last; i++) {
		if (!meta_is_key(map->members[i].key))
			members[n++] = map->members[i];
	}
	attributes.members = members;
	return attributes;
}

static void switch_off(struct expander *x, const char *address, bool empty, struct pos pos)
{
	struct manifest *manifest = x->manifest;

	ARENA_GROW(x->l->arena, manifest->switched_off, manifest->n_switched_off, x->cap_off);
	manifest->switched_off[manifest->n_switched_off++] =
		(struct switched_off){.address = address, .empty = empty, .pos = pos};
}

/* --- when */

/* What comes from the environment is text: "3" there is 3 here. */
static bool is_like(const struct value *a, const struct value *b)
{
	if (value_equal(a, b))
		return true;
	return value_is_scalar(a) && value_is_scalar(b) && a->kind != VALUE_NULL &&
		b->kind != VALUE_NULL && a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static bool is_among(const struct value *value, const struct value *list)
{
	if (list->kind != VALUE_LIST)
		return is_like(value, list);
	for (uint32_t i = 0; i < list->len; i++) {
		if (is_like(value, &list->items[i]))
			return true;
	}
	return false;
}

static int bad_when(struct expander *x, const struct value *when, const char *what)
{
	diag_error(x->l->diags, value_pos(when), "%s", what);
	diag_hint(x->l->diags, "when: takes true, false, a reference to one of them, or "
		"{value: ..., equals: ...}, {value: ..., in: [...]}, {value: ..., not: ...}");
	return -1;
}

static int compare(struct expander *x, const struct value *when, bool referred)
{
	const struct value *value = value_get(when, "value");
	const struct value *equals = value_get(when, "equals"), *in = value_get(when, "in"),
			   *not = value_get(when, "not");

	if (!value || when->len != 2 || !(equals || in || not))
		return -1; /* the schema has said it */
	if (in && in->kind != VALUE_LIST)
		return referred ? bad_when(x, in, "in: needs a list") : -1;
	if (equals)
		return is_like(value, equals);
	return in ? is_among(value, in) : !is_among(value, not);
}

/* 1: on, 0: off, -1: a mistake. */
static int is_on(struct expander *x, struct scope *scope, const struct value *when)
{
	struct value value;

	scope->stage = SCOPE_EARLY;
	scope->what = "when";
	if (scope_expand(scope, when, &value) < 0)
		return -1;
	if (value.kind == VALUE_BOOL)
		return value.boolean;
	if (value.flags & (VALUE_SENSITIVE | VALUE_HAS_SENSITIVE)) {
		diag_error(x->l->diags, value_pos(when), "a sensitive value cannot decide whether "
			"something exists: a plan would tell it");
		return -1;
	}
	if (value.kind == VALUE_MAP)
		return compare(x, &value, when->flags & VALUE_TEMPLATE);
	if (value.kind == VALUE_STRING && strcmp(value.text, "true") == 0)
		return 1;
	if (value.kind == VALUE_STRING && strcmp(value.text, "false") == 0)
		return 0;
	if (!(when->flags & VALUE_TEMPLATE))
		return -1; /* the schema has said it */
	return bad_when(x, &value,
		value_is_scalar(&value) && !(value.flags & VALUE_SENSITIVE)
			? arena_printf(
				  x->l->arena, "when: \"%s\" is neither true nor false", value.text)
			: "when: is neither true nor false");
}

/* --- one resource */

/* `template: path` becomes `content`, with the references of the file. */
static int apply_template(struct expander *x, struct value *attributes)
{
	const struct member *path = value_member(attributes, "template");
	const struct value *text;
	struct member *members, *content;
	const char *why;

	if (!path || path->value.kind != VALUE_STRING || path->value.flags & VALUE_TEMPLATE ||
		value_get(attributes, "content"))
		return 0; /* the schema says that both cannot be */
	text = scope_file(x->l, path->value.text, "template", &why);
	if (!text) {
		diag_error(x->l->diags, value_pos(&path->value),
			"cannot use the template \"%s\": %s", path->value.text, why);
		diag_hint(x->l->diags, "paths start at the project root");
		return -1;
	}
	members = arena_alloc(x->l->arena, attributes->len * sizeof(*members));
	memcpy(members, attributes->members, attributes->len * sizeof(*members));
	content = &members[path - attributes->members];
	content->key = "content";
	content->value = *text;
	attributes->members = members;
	if (template_needed(text->text, text->len)) {
		content->value.flags |= VALUE_TEMPLATE;
		attributes->flags |= VALUE_TEMPLATE;
	}
	return 0;
}

/* What was a reference, or stood elsewhere, can be judged only now. Of the rest all was said when it was
   judged as written: in another type it would be said again in other words. */
static void judge(struct diags *diags, const struct schema *schema, const struct value *attributes)
{
	size_t before = diags->n;

	schema_validate(schema, attributes, diags);
	diags_drop_repeated(diags, before);
}

static void add_resource(struct expander *x, const struct declaration *d, struct scope *scope,
	const char *address, const char *key)
{
	struct loading *l = x->l;
	struct value *attributes = arena_alloc(l->arena, sizeof(*attributes));
	const struct type *type = x->type;
	size_t first_diag = l->diags->n;
	struct resource *resource;

	ARENA_GROW(l->arena, x->manifest->resources, x->manifest->n_resources, x->cap);
	resource = &x->manifest->resources[x->manifest->n_resources++];
	*resource = x->defaults;
	resource->address = address;
	resource->name = d->name;
	resource->key = key;
	resource->type = type;
	resource->pos = value_pos(d->map);
	scope->stage = SCOPE_LATE;
	scope->what = "an attribute";
	*attributes = d->attributes;
	if (scope_expand(scope, &d->attributes, attributes) == 0 && x->type_has_template &&
		apply_template(x, attributes) == 0) {
		struct value content = *attributes;

		scope_expand(scope, &content, attributes);
	}
	*attributes = schema_coerce(type->schema, attributes, l->arena);
	if ((x->lowered || attributes->members != d->attributes.members) && l->diags->n == first_diag)
		judge(l->diags, type->schema, attributes);
	resource->attributes = attributes;
	if (d->map->len > d->attributes.len + 2)
		meta_read(scope, d->map, resource);
	if (type->flags & TYPE_HEALTH && resource->readiness.kind == PROBE_NONE)
		resource->readiness.kind = PROBE_HEALTH;
	for (size_t i = first_diag; i < l->diags->n; i++) {
		if (!l->diags->items[i].address)
			l->diags->items[i].address = address;
	}
}

/* --- forEach */

static const char *check_key(struct expander *x, const struct value *key)
{
	const char *wrong = NULL;

	if (key->flags & VALUE_SENSITIVE)
		wrong = "a sensitive value cannot be a key of forEach: it would stand in addresses";
	else if (!value_is_scalar(key) || key->kind == VALUE_NULL)
		wrong = "the items of a forEach are texts or numbers, or maps with a \"name\"";
	else if (!key->len)
		wrong = "a key of forEach is empty";
	else if (template_needed(key->text, key->len))
		wrong = "a reference in a key of a map is not replaced: give forEach a list, or a variable";
	for (uint32_t i = 0; !wrong && i < key->len; i++) {
		if ((unsigned char)key->text[i] < ' ' || strchr("\"\\'", key->text[i]))
			wrong = "quotes, backslashes and control characters cannot stand in a key "
				"of forEach";
	}
	if (!wrong)
		return key->text;
	diag_error(x->l->diags, value_pos(key), "%s", wrong);
	return NULL;
}

static void add_instance(struct expander *x, const struct declaration *d, struct map *seen,
	const struct value *key, const struct value *value)
{
	const char *text = check_key(x, key), *address;
	struct value key_text;
	struct scope scope = {.l = x->l, .key = &key_text, .value = value};
	int on = 1;

	if (!text)
		return;
	if (!map_add(seen, text, 0)) {
		diag_error(x->l->diags, value_pos(key),
			"the key \"%s\" stands twice in this forEach", text);
		diag_hint(x->l->diags, "each key makes one instance, %s[\"%s\"]", d->base, text);
		return;
	}
	key_text = *key;
	key_text.kind = VALUE_STRING;
	address = arena_printf(x->l->arena, "%s[\"%s\"]", d->base, text);
	if (d->when)
		on = is_on(x, &scope, d->when);
	if (on > 0)
		add_resource(x, d, &scope, address, text);
	else if (on == 0)
		switch_off(x, address, false, value_pos(d->when));
}

static void for_each(struct expander *x, const struct declaration *d)
{
	struct scope scope = {.l = x->l, .stage = SCOPE_EARLY, .what = "forEach"};
	size_t before = x->manifest->n_resources, errors = x->l->diags->errors;
	struct map seen = MAP_INIT;
	struct value over;

	if (scope_expand(&scope, d->for_each, &over) < 0)
		return;
	if (over.flags & VALUE_SENSITIVE && !over.len) {
		diag_error(x->l->diags, value_pos(d->for_each), "a sensitive value cannot decide how "
			"often something exists");
		return;
	}
	if (over.kind != VALUE_LIST && over.kind != VALUE_MAP) {
		if (!(d->for_each->flags & VALUE_TEMPLATE))
			return; /* the schema has said it */
		diag_error(x->l->diags, value_pos(d->for_each),
			"forEach needs a list or a map, not a %s", value_kind_str(over.kind));
		diag_hint(x->l->diags,
			"write forEach: [a, b], or name a variable of type list or map");
		return;
	}
	for (uint32_t i = 0; i < over.len; i++) {
		if (over.kind == VALUE_MAP) {
			struct value key = value_borrow(over.members[i].key);

			key.source = over.members[i].pos.source;
			key.line = over.members[i].pos.line;
			key.column = over.members[i].pos.column;
			key.flags |= over.flags & VALUE_SENSITIVE;
			add_instance(x, d, &seen, &key, &over.members[i].value);
		} else {
			const struct value *name = value_get(&over.items[i], "name");

			add_instance(x, d, &seen, name ? name : &over.items[i], &over.items[i]);
		}
	}
	map_release(&seen);
	if (x->manifest->n_resources == before && x->l->diags->errors == errors)
		switch_off(x, d->base, true, value_pos(d->for_each));
}

static void declare(struct expander *x, const struct value *map)
{
	const char *type_name = value_get_text(map, "type", NULL);
	struct declaration d = {.map = map, .name = value_get_text(map, "name", NULL)};
	struct scope scope = {.l = x->l};
	int on;

	if (!type_name || !d.name || !find_type(x, type_name))
		return; /* the schema has said it */
	d.base = join_address(x->l->arena, type_name, d.name);
	d.attributes = attributes_of(x->l->arena, map);
	if (map->len > d.attributes.len + 2) {
		d.when = value_get(map, "when");
		d.for_each = value_get(map, "forEach");
	}
	if (d.for_each && d.for_each->kind != VALUE_NULL) {
		for_each(x, &d);
		return;
	}
	on = d.when ? is_on(x, &scope, d.when) : 1;
	if (on > 0)
		add_resource(x, &d, &scope, d.base, NULL);
	else if (on == 0)
		switch_off(x, d.base, false, value_pos(d.when));
}

void expand_resources(struct loading *l, const struct value *list, bool lowered)
{
	struct expander x = {.l = l, .manifest = l->manifest, .lowered = lowered};

	meta_read_defaults(l, &x.defaults);
	if (!list || list->kind != VALUE_LIST || !list->len)
		return;
	x.cap = list->len;
	l->manifest->resources = arena_alloc(l->arena, x.cap * sizeof(*l->manifest->resources));
	for (uint32_t i = 0; i < list->len; i++)
		declare(&x, &list->items[i]);
}
