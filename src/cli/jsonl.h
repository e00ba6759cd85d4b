/*
 * NDJSON: one object a line, members in the order added, after the keys that every line has:
 * "type", "@level", "@message" as in Terraform's machine-readable UI. docs/cli.md lists the types.
 *
 *	jsonl_begin(buf, "outputs", "info", "Outputs: %zu", n);
 *	jsonl_number(buf, "count", n);
 *	jsonl_end(buf);
 */
#ifndef DEVENV_CLI_JSONL_H
#define DEVENV_CLI_JSONL_H

#include "base/clock.h"
#include "base/strbuf.h"
#include "model/value.h"

#include <stdbool.h>
#include <stdint.h>

/* Grows by a minor number when something is added, by a major one when something breaks. */
#define JSONL_FORMAT "1.0"

void jsonl_version(struct strbuf *buf); /* the first line of every stream */
void jsonl_begin(struct strbuf *buf, const char *type, const char *level, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void jsonl_end(struct strbuf *buf);

void jsonl_text(struct strbuf *buf, const char *key, const char *text); /* NULL: left out */
void jsonl_number(struct strbuf *buf, const char *key, int64_t number);
void jsonl_bool(struct strbuf *buf, const char *key, bool boolean);
/* NULL: left out. Sensitive parts are masked. */
void jsonl_value(struct strbuf *buf, const char *key, const struct value *value);
/* "@timestamp": only in what happens at a time; a plan has none, so equal plans are equal bytes. */
void jsonl_time(struct strbuf *buf, const char *key, int64_t wall_ms);
/* Only the key: the caller writes the value. */
void jsonl_key(struct strbuf *buf, const char *key);
/* What follows is inside; an empty key opens an item of a list. */
void jsonl_open(struct strbuf *buf, const char *key, char bracket);
void jsonl_close(struct strbuf *buf, char bracket);
/* A string as an item of a list. */
void jsonl_item(struct strbuf *buf, const char *text);

#endif
