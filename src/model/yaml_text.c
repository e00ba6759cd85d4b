/*
 * See yaml_text.h. libyaml's messages describe its own states; the table below adds what a person
 * can do about each. The place is always the one that libyaml stopped at, or where the construct
 * began when the end of the file is what is wrong.
 */
#include "model/yaml_text.h"

#include "base/error.h"
#include "model/yaml.h"

#include <string.h>

static bool is_ascii(const char *text, size_t len)
{
	size_t at = 0;

	for (; at + 8 <= len; at += 8) {
		uint64_t word;

		memcpy(&word, text + at, 8);
		if (word & 0x8080808080808080u)
			return false;
	}
	for (; at < len; at++) {
		if (text[at] & 0x80)
			return false;
	}
	return true;
}

int yaml_places_init(struct yaml_places *places, const struct source *source, uint16_t id,
	struct diags *diags)
{
	struct pos whole = {.source = id};
	const char *text = source->text;
	size_t len = source->len;

	if (len > YAML_MAX_SIZE) {
		diag_error(diags, whole, "the file has %zu MiB, more than the limit of %d MiB",
			len >> 20, YAML_MAX_SIZE >> 20);
		diag_hint(diags, "split it with include:");
		return -1;
	}
	if (len >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0)) {
		diag_error(diags, whole, "the file is UTF-16");
		diag_hint(diags, "save it as UTF-8");
		return -1;
	}
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	*places = (struct yaml_places){
		.text = text,
		.end = text + len,
		.source = id,
		.ascii = is_ascii(text, len),
		.line_start = text,
		.at = text,
	};
	return 0;
}

/* The start of the line after the one that `at` is in; the end when there is none. */
static const char *next_line(const char *at, const char *end)
{
	while (at < end && *at != '\n' && *at != '\r')
		at++;
	if (at < end && *at == '\r' && at + 1 < end && at[1] == '\n')
		at++;
	return at < end ? at + 1 : end;
}

static void seek_line(struct yaml_places *places, size_t line)
{
	if (line < places->line) {
		places->line = 0;
		places->line_start = places->text;
	} else if (line == places->line) {
		return;
	}
	while (places->line < line) {
		places->line_start = next_line(places->line_start, places->end);
		places->line++;
	}
	places->chars = 0;
	places->at = places->line_start;
}

static size_t bytes_into_line(struct yaml_places *places, size_t line, size_t chars)
{
	seek_line(places, line);
	if (chars < places->chars) {
		places->chars = 0;
		places->at = places->line_start;
	}
	while (places->chars < chars && places->at < places->end) {
		places->at++;
		while (places->at < places->end && (*places->at & 0xc0) == 0x80)
			places->at++;
		places->chars++;
	}
	return (size_t)(places->at - places->line_start);
}

static struct pos make_pos(const struct yaml_places *places, size_t line, size_t column)
{
	return (struct pos){
		.line = (uint32_t)line + 1,
		.column = column >= UINT16_MAX ? UINT16_MAX : (uint16_t)(column + 1),
		.source = places->source,
	};
}

struct pos yaml_place(struct yaml_places *places, yaml_mark_t mark)
{
	if (places->ascii)
		return make_pos(places, mark.line, mark.column);
	return make_pos(places, mark.line, bytes_into_line(places, mark.line, mark.column));
}

static size_t spaces_at(const char *at, const char *end)
{
	const char *start = at;

	while (at < end && *at == ' ')
		at++;
	return (size_t)(at - start);
}

struct pos yaml_block_place(struct yaml_places *places, yaml_mark_t mark, const char *text,
	size_t len)
{
	const char *end = text + len, *line;
	size_t in_text, in_file;

	while (text < end && *text == '\n')
		text++;
	if (text == end)
		return yaml_place(places, mark);
	in_text = spaces_at(text, end);
	seek_line(places, mark.line);
	line = places->line_start;
	do {
		line = next_line(line, places->end);
		in_file = spaces_at(line, places->end);
	} while (line + in_file < places->end && strchr("\r\n", line[in_file]));
	return make_pos(places, mark.line + 1, in_file > in_text ? in_file - in_text : 0);
}

static const struct {
	const char *problem, *hint;
} hints[] = {
	{"mapping values are not allowed in this context",
		"put text that contains \": \" into quotes, or correct the indentation"},
	{"did not find expected key", "all keys of a map begin in the same column; put text with "
				      "special characters into quotes"},
	{"did not find expected '-' indicator", "all items of a list begin in the same column"},
	{"block sequence entries are not allowed in this context",
		"begin the list on a line of its own"},
	{"could not find expected ':'", "a key is followed by \": \"; check the line above, too"},
	{"did not find expected ',' or '}'",
		"a comma or \"}\" is missing; text with ${...} inside { } needs quotes"},
	{"did not find expected ',' or ']'",
		"a comma or \"]\" is missing; text with ${...} inside [ ] needs quotes"},
	{"did not find expected node content",
		"a value is missing; text with ${...} inside { } or [ ] needs quotes"},
	{"found character that cannot start any token", "put the text into quotes"},
	{"found unknown escape character", "between double quotes a backslash begins an escape: "
					   "write \\\\, or use single quotes"},
	{"found unexpected end of stream", "the closing quote is missing"},
	{"found unexpected document indicator", "the closing quote is missing"},
	{"found undefined tag handle", "remove the tag"},
	{"did not find expected <document start>", "only one document may stand in a file"},
	{"did not find URI escaped octet", "put the text into quotes"},
};

static bool is_at_end(const char *problem)
{
	return strcmp(problem, "found unexpected end of stream") == 0 ||
		strcmp(problem, "found unexpected document indicator") == 0;
}

static void report_reader(const yaml_parser_t *parser, struct yaml_places *places,
	struct diags *diags)
{
	const char *bad = places->text + parser->problem_offset, *line = places->text, *next;
	size_t n = 0;

	if (bad > places->end)
		bad = places->end;
	while ((next = next_line(line, places->end)) <= bad && next > line && next < places->end) {
		line = next;
		n++;
	}
	if (strcmp(parser->problem, "control characters are not allowed") == 0) {
		diag_error(diags, make_pos(places, n, (size_t)(bad - line)),
			"a control character (byte 0x%02x) stands in the file",
			(unsigned char)*bad);
		diag_hint(diags, "remove it, or write it as an escape between double quotes");
	} else {
		diag_error(diags, make_pos(places, n, (size_t)(bad - line)),
			"the file is not valid UTF-8: %s (byte 0x%02x)", parser->problem,
			(unsigned char)*bad);
		diag_hint(diags, "save it as UTF-8");
	}
}

static char byte_at(struct yaml_places *places, yaml_mark_t mark)
{
	size_t column = bytes_into_line(places, mark.line, mark.column);

	return places->line_start + column < places->end ? places->line_start[column] : '\0';
}

void yaml_report(const yaml_parser_t *parser, struct yaml_places *places, struct diags *diags)
{
	yaml_mark_t mark = parser->problem_mark;
	const char *problem = parser->problem ? parser->problem : "unreadable";

	if (parser->error == YAML_READER_ERROR) {
		report_reader(parser, places, diags);
		return;
	}
	if (parser->error == YAML_MEMORY_ERROR)
		give_up("out of memory");
	if (is_at_end(problem) && parser->context)
		mark = parser->context_mark;
	if (byte_at(places, mark) == '\t' || strstr(problem, "found a tab character")) {
		diag_error(diags, yaml_place(places, mark), "a tab is used as indentation");
		diag_hint(diags, strstr(problem, "found a tab character")
					 ? "indent with spaces; a text that itself begins with a "
					   "tab needs its "
					   "indentation said: |2"
					 : "indent with spaces");
		return;
	}
	diag_error(diags, yaml_place(places, mark), parser->context ? "YAML: %s %s" : "YAML: %s%s",
		problem, parser->context ? parser->context : "");
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		if (strcmp(problem, hints[i].problem) == 0)
			diag_hint(diags, "%s", hints[i].hint);
	}
}
