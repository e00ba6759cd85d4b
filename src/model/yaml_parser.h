/*
 * The state of one run of the YAML parser, shared by yaml.c (events) and yaml_map.c (what a map is
 * made of when it closes). Internal to both.
 */
#ifndef DEVENV_MODEL_YAML_PARSER_H
#define DEVENV_MODEL_YAML_PARSER_H

#include "base/map.h"
#include "model/yaml.h"
#include "model/yaml_text.h"

struct yaml_key {
	uint32_t map; /* the map that saw it last ... */
	uint32_t at;  /* ... and where */
	char text[];
};

struct yaml_frame {
	bool is_map;
	bool has_key;       /* map: the value comes next */
	bool merges;        /* map: it has a "<<" */
	size_t base;        /* its first member or item on the stack */
	uint64_t values;    /* in it, with what aliases repeat */
	struct pos pos;
	const char *key;    /* NULL: was no scalar; the value is dropped */
	struct pos key_pos;
	const char *anchor; /* NULL: none */
	uint8_t flags;
};

struct yaml_anchor {
	const char *name;
	struct value value;
	uint64_t values;
};

struct yaml_run {
	yaml_parser_t yaml;
	struct yaml_places places;
	const struct sources *sources;
	struct arena *arena;
	struct diags *diags;
	struct value root;

	struct yaml_frame frames[YAML_MAX_DEPTH];
	unsigned depth;
	struct member *members;
	size_t n_members, cap_members;
	struct value *items;
	size_t n_items, cap_items;

	struct map key_index;
	struct yaml_key **keys;
	size_t n_keys, cap_keys;
	uint32_t n_maps; /* numbers maps, for struct yaml_key */
	struct map anchor_index;
	struct yaml_anchor *anchors;
	size_t n_anchors, cap_anchors;
	uint64_t aliased;
	unsigned documents;
};

/* What the key "<<" is interned as when it stands without quotes. */
extern const char yaml_merge_key[];

const char *yaml_intern(struct yaml_run *p, const char *text, size_t len);
/* Takes the members from `base` on off the stack and makes them a map: duplicates are reported,
   "<<" is replaced by what it names. */
struct value yaml_close_map(struct yaml_run *p, size_t base, bool merges);

#endif
