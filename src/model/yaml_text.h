/* The text below yaml.c: checks before parsing, places in bytes, libyaml's errors in our words. */
#ifndef DEVENV_MODEL_YAML_TEXT_H
#define DEVENV_MODEL_YAML_TEXT_H

#include "base/diag.h"

#include <yaml.h>

/* libyaml counts characters, we count bytes. Asked in the order of the text, it costs one pass. */
struct yaml_places {
	const char *text, *end; /* without a byte order mark */
	uint16_t source;
	bool ascii;             /* characters are bytes: nothing to do */
	size_t line;            /* from 0: the cursor */
	const char *line_start;
	size_t chars;           /* into that line, and the byte there */
	const char *at;
};

/* -1 with a diagnostic when the text is too large or not UTF-8 at all. */
int yaml_places_init(struct yaml_places *places, const struct source *source, uint16_t id,
	struct diags *diags);
struct pos yaml_place(struct yaml_places *places, yaml_mark_t mark);
/* The place of the text of a block scalar that begins (with its "|") at `mark`. */
struct pos yaml_block_place(struct yaml_places *places, yaml_mark_t mark, const char *text,
	size_t len);

/* Why the parser stopped. */
void yaml_report(const yaml_parser_t *parser, struct yaml_places *places, struct diags *diags);

#endif
