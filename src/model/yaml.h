/*
 * YAML, and JSON as its subset, to values: one document a file, through libyaml's events.
 *
 * Scalars follow the YAML 1.2 core schema (true false null ~, 12, 0x1f, 0o17, 1.5e3, .inf, .nan)
 * with two deviations: the merge key `<<` works, and a number with a leading zero is a string (0123
 * is a postal code more often than octal). So `yes`, `on`, 12:30 and 2026-01-31 are strings.
 *
 * Refused, each with a diagnostic that names the place: a key that stands twice in a map, a key
 * that is a list or map, a second document, unknown tags and aliases, invalid UTF-8 and control
 * characters, tabs as indentation, and what exceeds the limits below. A file of 64 MiB has at most
 * some ten million values, so aliases may add as many again and no more.
 */
#ifndef DEVENV_MODEL_YAML_H
#define DEVENV_MODEL_YAML_H

#include "base/diag.h"
#include "model/value.h"

enum {
	YAML_MAX_SIZE = 64 << 20,
	YAML_MAX_DEPTH = 200,
	YAML_MAX_ALIASED = 10 * 1000 * 1000, /* values that stand again because of aliases */
};

/*
 * Parses the text of sources[source]; every value carries its place. An empty document is
 * VALUE_NULL. Values share what aliases name. Keys are unique pointers within one document. -1:
 * diagnostics were reported, as many as can be found after each other, and *out is what could be
 * read. A block scalar stands where its first line of text does.
 */
int yaml_parse(const struct sources *sources, uint16_t source, struct arena *arena,
	struct value *out, struct diags *diags);

/* Types an unquoted scalar: `value` has text and len, and gets its kind. */
void yaml_resolve(struct value *value);

#endif
