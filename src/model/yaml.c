/*
 * libyaml's events to values, without recursion: open containers lie on a stack of frames, and what
 * they hold so far on two stacks of members and items, of which each container takes its part when
 * it closes.
 */
#include "model/yaml.h"

#include "base/error.h"
#include "model/template.h"
#include "model/yaml_parser.h"

#include <stdlib.h>
#include <string.h>

static struct yaml_frame *top(struct yaml_run *p)
{
	return p->depth ? &p->frames[p->depth - 1] : NULL;
}

static bool wants_key(struct yaml_run *p)
{
	const struct yaml_frame *frame = top(p);

	return frame && frame->is_map && !frame->has_key;
}

static void set_pos(struct value *value, struct pos pos)
{
	value->source = pos.source;
	value->line = pos.line;
	value->column = pos.column;
}

static int bad_key(struct yaml_run *p, struct pos pos, const char *what)
{
	struct yaml_frame *frame = top(p);

	diag_error(p->diags, pos, "%s", what);
	diag_hint(p->diags, "a key is a word, a number or a text in quotes");
	frame->key = NULL;
	frame->has_key = true;
	return 0;
}

static int take_key(struct yaml_run *p, const char *text, size_t len, bool plain, struct pos pos)
{
	struct yaml_frame *frame = top(p);

	if (memchr(text, '\0', len))
		return bad_key(p, pos, "a key holds a NUL byte");
	if (!len && plain)
		return bad_key(p, pos, "a key is missing before \":\"");
	frame->key = yaml_intern(p, text, len);
	frame->key_pos = pos;
	frame->has_key = true;
	if (plain && len == 2 && memcmp(text, yaml_merge_key, 2) == 0) {
		frame->merges = true;
		frame->key = yaml_merge_key;
	}
	return 0;
}

/* A finished value into the container that is open. */
static void put(struct yaml_run *p, const struct value *value, uint64_t values)
{
	struct yaml_frame *frame = top(p);

	if (!frame) {
		p->root = *value;
		return;
	}
	frame->values += values;
	frame->flags |= value->flags & VALUE_TEMPLATE;
	if (!frame->is_map) {
		VEC_GROW(p->items, p->n_items, p->cap_items);
		p->items[p->n_items++] = *value;
		return;
	}
	frame->has_key = false;
	if (!frame->key)
		return;
	VEC_GROW(p->members, p->n_members, p->cap_members);
	p->members[p->n_members++] = (struct member){
		.key = frame->key,
		.pos = frame->key_pos,
		.value = *value,
	};
}

static void set_anchor(struct yaml_run *p, const char *name, const struct value *value,
	uint64_t values)
{
	VEC_GROW(p->anchors, p->n_anchors, p->cap_anchors);
	p->anchors[p->n_anchors] = (struct yaml_anchor){name, *value, values};
	map_set(&p->anchor_index, name, (uint32_t)p->n_anchors++);
}

static bool is_open(struct yaml_run *p, const char *anchor)
{
	for (unsigned i = 0; i < p->depth; i++) {
		if (p->frames[i].anchor && strcmp(p->frames[i].anchor, anchor) == 0)
			return true;
	}
	return false;
}

static int unknown_alias(struct yaml_run *p, const char *name, struct pos pos)
{
	struct nearest nearest = {.word = name};

	if (is_open(p, name)) {
		diag_error(p->diags, pos, "the alias *%s stands inside what it names", name);
		diag_hint(p->diags, "move &%s to a part that does not hold the alias", name);
		return 0;
	}
	diag_error(p->diags, pos, "there is no anchor &%s before this alias", name);
	for (size_t i = 0; i < p->n_anchors; i++)
		nearest_try(&nearest, p->anchors[i].name);
	if (nearest.best)
		diag_hint(p->diags, "did you mean *%s?", nearest.best);
	else
		diag_hint(
			p->diags, "set it with &%s; a text that begins with * needs quotes", name);
	return 0;
}

static int on_alias(struct yaml_run *p, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	struct pos pos = yaml_place(&p->places, event->start_mark);
	uint32_t at = map_get(&p->anchor_index, name);
	const struct yaml_anchor *anchor;

	if (at == MAP_NONE) {
		unknown_alias(p, name, pos);
		if (wants_key(p))
			top(p)->has_key = true, top(p)->key = NULL;
		else
			put(p, &value_null, 1);
		return 0;
	}
	anchor = &p->anchors[at];
	if (wants_key(p)) {
		if (!value_is_scalar(&anchor->value))
			return bad_key(p, pos, "a list or map is used as a key");
		return take_key(p, anchor->value.text, anchor->value.len, false, pos);
	}
	p->aliased += anchor->values;
	if (p->aliased > YAML_MAX_ALIASED) {
		diag_error(p->diags, pos, "aliases repeat more than %d million values",
			YAML_MAX_ALIASED / 1000000);
		diag_hint(p->diags, "*%s stands for %llu values here; use fewer aliases of aliases",
			name, (unsigned long long)anchor->values);
		return -1;
	}
	put(p, &anchor->value, anchor->values);
	return 0;
}

static bool is_tag(const char *tag, const char *name)
{
	return strncmp(tag, "tag:yaml.org,2002:", 18) == 0 && strcmp(tag + 18, name) == 0;
}

static int unknown_tag(struct yaml_run *p, const char *tag, struct pos pos)
{
	diag_error(p->diags, pos, "the tag \"%s\" is not supported", tag);
	if (strcmp(tag, "!reset") == 0 || strcmp(tag, "!override") == 0) /* those of Compose */
		diag_hint(p->diags, "null removes a key, $delete: true an item; what has no names is "
			"replaced anyway");
	else
		diag_hint(p->diags, "remove it; a text that begins with ! needs quotes");
	return 0;
}

/* An explicit !!tag: the text must be what it says. */
static int apply_tag(struct yaml_run *p, struct value *value, const char *tag, struct pos pos)
{
	static const struct {
		const char *name;
		enum value_kind kind;
	} tags[] = {
		{"int", VALUE_INT},
		{"float", VALUE_REAL},
		{"bool", VALUE_BOOL},
		{"null", VALUE_NULL},
	};

	value->kind = VALUE_STRING;
	if (is_tag(tag, "str") || strcmp(tag, "!") == 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		if (!is_tag(tag, tags[i].name))
			continue;
		yaml_resolve(value);
		if (value->kind == VALUE_INT && tags[i].kind == VALUE_REAL) {
			value->kind = VALUE_REAL;
			value->real = (double)value->integer;
		}
		if (value->kind != tags[i].kind)
			diag_error(p->diags, pos, "\"%s\" is no !!%s", value->text, tags[i].name);
		return 0;
	}
	return unknown_tag(p, tag, pos);
}

static int on_scalar(struct yaml_run *p, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	const char *tag = (const char *)event->data.scalar.tag;
	const char *anchor = (const char *)event->data.scalar.anchor;
	yaml_scalar_style_t style = event->data.scalar.style;
	bool plain = style == YAML_PLAIN_SCALAR_STYLE;
	struct pos pos = yaml_place(&p->places, event->start_mark);
	struct value value = {.kind = VALUE_STRING, .len = (uint32_t)event->data.scalar.length};

	if (wants_key(p)) {
		if (anchor) {
			value.text = arena_strndup(p->arena, text, value.len);
			set_pos(&value, pos);
			set_anchor(p, arena_strdup(p->arena, anchor), &value, 1);
		}
		return take_key(p, text, value.len, plain, pos);
	}
	if (style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE)
		pos = yaml_block_place(&p->places, event->start_mark, text, value.len);
	set_pos(&value, pos);
	value.text = arena_strndup(p->arena, text, value.len);
	if (plain)
		value.flags |= VALUE_PLAIN;
	if (tag)
		apply_tag(p, &value, tag, pos);
	else if (plain)
		yaml_resolve(&value);
	if (value.kind == VALUE_STRING && template_needed(value.text, value.len))
		value.flags |= VALUE_TEMPLATE;
	if (anchor)
		set_anchor(p, arena_strdup(p->arena, anchor), &value, 1);
	put(p, &value, 1);
	return 0;
}

static int on_start(struct yaml_run *p, bool is_map, const char *anchor, const char *tag,
	yaml_mark_t mark)
{
	struct pos pos = yaml_place(&p->places, mark);

	if (p->depth == YAML_MAX_DEPTH) {
		diag_error(p->diags, pos, "lists and maps are nested more than %d deep",
			YAML_MAX_DEPTH);
		return -1;
	}
	if (tag && strcmp(tag, "!") != 0 && !is_tag(tag, is_map ? "map" : "seq"))
		unknown_tag(p, tag, pos);
	p->frames[p->depth++] = (struct yaml_frame){
		.is_map = is_map,
		.base = is_map ? p->n_members : p->n_items,
		.values = 1,
		.pos = pos,
		.anchor = anchor ? arena_strdup(p->arena, anchor) : NULL,
	};
	return 0;
}

/* Closes the container: takes it off the stack and gives it to the one around it. */
static int finish(struct yaml_run *p, struct value *value)
{
	const struct yaml_frame *frame = &p->frames[--p->depth];

	set_pos(value, frame->pos);
	if (frame->anchor)
		set_anchor(p, frame->anchor, value, frame->values);
	if (wants_key(p))
		return bad_key(p, frame->pos, "a list or map is used as a key");
	put(p, value, frame->values);
	return 0;
}

static int on_list_end(struct yaml_run *p)
{
	const struct yaml_frame *frame = top(p);
	size_t n = p->n_items - frame->base;
	struct value list = {.kind = VALUE_LIST, .flags = frame->flags, .len = (uint32_t)n};

	if (n) {
		struct value *items = arena_alloc(p->arena, n * sizeof(*items));

		memcpy(items, p->items + frame->base, n * sizeof(*items));
		list.items = items;
	}
	p->n_items = frame->base;
	return finish(p, &list);
}

static int on_map_end(struct yaml_run *p)
{
	const struct yaml_frame *frame = top(p);
	struct value map = yaml_close_map(p, frame->base, frame->merges);

	map.flags |= frame->flags;
	return finish(p, &map);
}

static int on_document(struct yaml_run *p, yaml_mark_t mark)
{
	if (p->documents++ == 0)
		return 0;
	diag_error(p->diags, yaml_place(&p->places, mark), "a second document begins here");
	diag_hint(p->diags, "put it into a file of its own and name that under include:");
	return -1;
}

/* -1 ends parsing. */
static int on_event(struct yaml_run *p, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		return on_document(p, event->start_mark);
	case YAML_ALIAS_EVENT:
		return on_alias(p, event);
	case YAML_SCALAR_EVENT:
		return on_scalar(p, event);
	case YAML_SEQUENCE_START_EVENT:
		return on_start(p, false, (const char *)event->data.sequence_start.anchor,
			(const char *)event->data.sequence_start.tag, event->start_mark);
	case YAML_MAPPING_START_EVENT:
		return on_start(p, true, (const char *)event->data.mapping_start.anchor,
			(const char *)event->data.mapping_start.tag, event->start_mark);
	case YAML_SEQUENCE_END_EVENT:
		return on_list_end(p);
	case YAML_MAPPING_END_EVENT:
		return on_map_end(p);
	default:
		return 0;
	}
}

static void read_events(struct yaml_run *p)
{
	bool more = true;

	while (more) {
		yaml_event_t event;

		if (!yaml_parser_parse(&p->yaml, &event)) {
			yaml_report(&p->yaml, &p->places, p->diags);
			return;
		}
		more = event.type != YAML_STREAM_END_EVENT && on_event(p, &event) == 0;
		yaml_event_delete(&event);
	}
}

int yaml_parse(const struct sources *sources, uint16_t source, struct arena *arena,
	struct value *out, struct diags *diags)
{
	size_t errors = diags->errors;
	struct yaml_run *p = xcalloc(1, sizeof(*p));

	p->sources = sources;
	p->arena = arena;
	p->diags = diags;
	p->root = value_null;
	set_pos(&p->root, (struct pos){.source = source});
	if (yaml_places_init(&p->places, sources_get(sources, source), source, diags) == 0) {
		if (!yaml_parser_initialize(&p->yaml))
			give_up("out of memory");
		yaml_parser_set_encoding(&p->yaml, YAML_UTF8_ENCODING);
		yaml_parser_set_input_string(&p->yaml, (const unsigned char *)p->places.text,
			(size_t)(p->places.end - p->places.text));
		read_events(p);
		yaml_parser_delete(&p->yaml);
	}
	*out = p->root;
	map_release(&p->key_index);
	map_release(&p->anchor_index);
	free(p->keys);
	free(p->anchors);
	free(p->members);
	free(p->items);
	free(p);
	return diags->errors > errors ? -1 : 0;
}
