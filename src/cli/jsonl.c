/* See jsonl.h. A comma is needed exactly when the byte before does not open something. */
#include "cli/jsonl.h"

#include "model/json.h"

#include <string.h>

static void comma(struct strbuf *buf)
{
	char last = buf->len ? buf->text[buf->len - 1] : '\n';

	if (last != '{' && last != '[' && last != '\n')
		strbuf_addch(buf, ',');
}

void jsonl_key(struct strbuf *buf, const char *name)
{
	comma(buf);
	json_write_string(buf, name, strlen(name));
	strbuf_addch(buf, ':');
}

void jsonl_version(struct strbuf *buf)
{
	strbuf_addstr(buf, "{\"type\":\"version\",\"devenv\":\"" DEVENV_VERSION
			   "\",\"format\":\"" JSONL_FORMAT "\"}\n");
}

void jsonl_begin(struct strbuf *buf, const char *type, const char *level, const char *fmt, ...)
{
	struct strbuf message = STRBUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&message, fmt, ap);
	va_end(ap);
	strbuf_addch(buf, '{');
	jsonl_text(buf, "type", type);
	jsonl_text(buf, "@level", level);
	jsonl_text(buf, "@message", message.text);
	strbuf_release(&message);
}

void jsonl_end(struct strbuf *buf)
{
	strbuf_addstr(buf, "}\n");
}

void jsonl_text(struct strbuf *buf, const char *name, const char *text)
{
	if (!text)
		return;
	jsonl_key(buf, name);
	json_write_string(buf, text, strlen(text));
}

void jsonl_number(struct strbuf *buf, const char *name, int64_t number)
{
	jsonl_key(buf, name);
	strbuf_addf(buf, "%lld", (long long)number);
}

void jsonl_bool(struct strbuf *buf, const char *name, bool boolean)
{
	jsonl_key(buf, name);
	strbuf_addstr(buf, boolean ? "true" : "false");
}

void jsonl_value(struct strbuf *buf, const char *name, const struct value *value)
{
	if (!value)
		return;
	jsonl_key(buf, name);
	json_write(buf, value, JSON_MASK, NULL);
}

void jsonl_time(struct strbuf *buf, const char *name, int64_t wall_ms)
{
	char text[32];

	if (wall_ms)
		jsonl_text(buf, name, clock_rfc3339(wall_ms, text));
}

void jsonl_open(struct strbuf *buf, const char *name, char bracket)
{
	if (name && *name)
		jsonl_key(buf, name);
	else
		comma(buf);
	strbuf_addch(buf, bracket);
}

void jsonl_close(struct strbuf *buf, char bracket)
{
	strbuf_addch(buf, bracket);
}

void jsonl_item(struct strbuf *buf, const char *text)
{
	comma(buf);
	json_write_string(buf, text, strlen(text));
}
