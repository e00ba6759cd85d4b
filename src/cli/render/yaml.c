/*
 * A value as YAML that reads back as the same value. With origins, every scalar's line ends with
 * the place that it came from. Goes as deep as the value does: the reader of manifests bounds that.
 */
#include "cli/render/render.h"

#include <string.h>
#include <strings.h>

struct yaml {
	struct strbuf *buf;
	const struct terminal *terminal;
	const struct sources *sources; /* NULL: no origins */
	struct arena arena;
};

static bool is_word(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcasecmp(text, *words) == 0)
			return true;
	return false;
}

/* May the text of a string stand without quotes? */
static bool is_bare(const char *text, size_t len)
{
	static const char *const words[] = {
		"null", "~", "true", "false", "yes", "no", "on", "off", NULL};

	if (!len || is_word(text, words) ||
		strchr("-?:,[]{}#&*!|>'\"%@`. \t+0123456789=<", text[0]))
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c >= 0x7f)
			return false;
		if ((c == ':' && (i + 1 == len || text[i + 1] == ' ')) ||
			(c == '#' && text[i - 1] == ' '))
			return false;
	}
	return text[len - 1] != ' ';
}

static void add_string(struct strbuf *buf, const char *text, size_t len)
{
	if (is_bare(text, len)) {
		strbuf_add(buf, text, len);
		return;
	}
	strbuf_addch(buf, '"');
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '\n')
			strbuf_addstr(buf, "\\n");
		else if (c == '\t')
			strbuf_addstr(buf, "\\t");
		else if (c < 0x20 || c == 0x7f)
			strbuf_addf(buf, "\\x%02x", c);
		else if (c == '"' || c == '\\')
			strbuf_addf(buf, "\\%c", c);
		else
			strbuf_addch(buf, (char)c);
	}
	strbuf_addch(buf, '"');
}

static void add_scalar(struct strbuf *buf, const struct value *value)
{
	if (value->flags & VALUE_SENSITIVE)
		strbuf_addstr(buf, "(sensitive)");
	else if (value->kind == VALUE_UNKNOWN)
		strbuf_addstr(buf, "(known after apply)");
	else if (value->kind == VALUE_NULL)
		strbuf_addstr(buf, "null");
	else if (value->kind == VALUE_STRING)
		add_string(buf, value->text, value->len);
	else if (value->kind == VALUE_MAP)
		strbuf_addstr(buf, "{}");
	else if (value->kind == VALUE_LIST)
		strbuf_addstr(buf, "[]");
	else
		strbuf_addstr(buf, value->text);
}

static bool is_flat(const struct value *value)
{
	return value_is_scalar(value) || value->kind == VALUE_UNKNOWN || !value->len ||
	       value->flags & VALUE_SENSITIVE;
}

static void add_origin(struct yaml *y, const struct value *value)
{
	struct pos pos = value_pos(value);
	const struct source *source;

	if (!y->sources)
		return;
	if (!pos.source || pos.source >= y->sources->n) {
		paint(y->buf, y->terminal, STYLE_DIM, "  # built-in");
		return;
	}
	source = sources_get(y->sources, pos.source);
	paint(y->buf, y->terminal, STYLE_DIM, "  # %s (%s)", pos_str(y->sources, pos, &y->arena),
		source->layer ? source->layer : "");
}

static void add_value(struct yaml *y, const struct value *value, int indent, bool in_list);

static void add_end(struct yaml *y, const struct value *value)
{
	add_origin(y, value);
	strbuf_addch(y->buf, '\n');
}

static void add_member(struct yaml *y, const struct member *member, int indent)
{
	add_string(y->buf, member->key, strlen(member->key));
	strbuf_addch(y->buf, ':');
	if (is_flat(&member->value)) {
		strbuf_addch(y->buf, ' ');
		add_scalar(y->buf, &member->value);
		add_end(y, &member->value);
	} else {
		strbuf_addch(y->buf, '\n');
		add_value(y, &member->value, indent + 2, false);
	}
}

/* The first line of a map in a list stands behind its dash. */
static void add_value(struct yaml *y, const struct value *value, int indent, bool in_list)
{
	for (uint32_t i = 0; i < value->len; i++) {
		if (i || !in_list)
			add_spaces(y->buf, indent);
		if (value->kind == VALUE_MAP) {
			add_member(y, &value->members[i], indent);
			continue;
		}
		strbuf_addstr(y->buf, "- ");
		if (is_flat(&value->items[i])) {
			add_scalar(y->buf, &value->items[i]);
			add_end(y, &value->items[i]);
		} else {
			add_value(y, &value->items[i], indent + 2, true);
		}
	}
}

void render_yaml(struct strbuf *buf, const struct terminal *terminal, const struct value *value,
	const struct sources *sources)
{
	struct yaml y = {.buf = buf, .terminal = terminal, .sources = sources};

	if (is_flat(value)) {
		add_scalar(buf, value);
		add_end(&y, value);
	} else {
		add_value(&y, value, 0, false);
	}
	arena_release(&y.arena);
}
