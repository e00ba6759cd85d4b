/*
 * The generator: what it refuses, in words that name file and place, and that the same files give the
 * same bytes. Each case is a folder of schemas of its own; the program runs as the build runs it.
 */
#include "base/alloc.h"
#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct bench {
	char folder[64], generator[512];
};

static void write_file(const struct bench *bench, const char *name, const char *text)
{
	char path[256];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", bench->folder, name);
	out = fopen(path, "wb");
	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

static char *read_file(const struct bench *bench, const char *name)
{
	struct strbuf text = STRBUF_INIT;
	char path[256], piece[65536];
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", bench->folder, name);
	FILE *in = fopen(path, "rb");
	if (!in)
		return strbuf_detach(&text);
	while ((n = fread(piece, 1, sizeof(piece), in)) > 0)
		strbuf_add(&text, piece, n);
	fclose(in);
	return strbuf_detach(&text);
}

/* Runs the generator over `schemas`; its messages are in messages.txt. Returns its exit status. */
static int generate(const struct bench *bench, const char *schemas, const char *out)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		int fd = -1;

		if (chdir(bench->folder) == 0)
			fd = open("messages.txt", O_WRONLY | O_CREAT | O_TRUNC, 0600);
		if (fd >= 0 && dup2(fd, 2) == 2)
			execl(bench->generator, bench->generator, schemas, out, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	char self[400], path[128];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *temporary = getenv("TMPDIR");

	if (n < 0)
		return -1;
	self[n] = 0;
	*strrchr(self, '/') = 0;
	snprintf(bench->generator, sizeof(bench->generator), "%s/../tools/schema-generate", self);
	snprintf(bench->folder, sizeof(bench->folder), "%.40s/schemas.XXXXXX",
		temporary ? temporary : "/tmp");
	if (!mkdtemp(bench->folder))
		return -1;
	snprintf(path, sizeof(path), "%s/s", bench->folder);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/s/types", bench->folder);
	mkdir(path, 0700);
	*state = bench;
	return access(bench->generator, X_OK);
}

static int teardown(void **state)
{
	static const char *const names[] = {"s/types/thing.json", "s/config.schema.json",
		"s/other.json", "s/types", "s", "messages.txt", "out.c", "again.c"};
	struct bench *bench = *state;
	char path[256];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", bench->folder, names[i]);
		remove(path);
	}
	rmdir(bench->folder);
	free(bench);
	return 0;
}

#define RESOURCE                                                                                     \
	"\"$defs\": {\"resource\": {\"type\": \"object\", \"properties\": {\"name\": true, "          \
	"\"type\": {\"enum\": [\"thing\"]}}, \"allOf\": [{\"if\": {\"properties\": {\"type\": "       \
	"{\"const\": \"thing\"}}, \"required\": [\"type\"]}, \"then\": {\"$ref\": "                   \
	"\"types/thing.json\"}}]}}"
#define THING(more)                                                                                  \
	"{\"title\": \"thing\", \"type\": \"object\", \"patternProperties\": {\"^(name|type)$\": "    \
	"true}, \"additionalProperties\": false, " more "}"
#define GOOD_THING                                                                                   \
	THING("\"x-type\": {\"version\": 1}, \"properties\": {\"a\": {\"type\": \"string\"}}")

static void write_schemas(const struct bench *bench, const char *config, const char *thing)
{
	struct strbuf text = STRBUF_INIT;

	strbuf_addf(&text, "{\"properties\": {\"x\": %s}, " RESOURCE "}", config);
	write_file(bench, "s/config.schema.json", text.text);
	write_file(bench, "s/types/thing.json", thing);
	write_file(bench, "s/other.json", "{\"$defs\": {\"x\": {\"type\": \"string\"}}}");
	strbuf_release(&text);
}

/* What stands at x in the manifest's schema, and what is said about it; NULL: nothing. */
static const struct {
	const char *schema, *message;
} cases[] = {
	{"{\"type\": \"string\"}", NULL},
	{"{\"$ref\": \"other.json#/$defs/x\", \"minLength\": 1}", NULL},
	{"{\"anyOf\": [{\"type\": \"null\"}, {\"type\": \"object\", \"additionalProperties\": "
	 "{\"$ref\": \"#/properties/x\"}}]}", NULL}, /* recursion through a map */
	{"{\"format\": \"uri\"}",
		"config.schema.json: #/properties/x: the keyword \"format\" is not supported"},
	{"{\"items\": {\"contains\": true}}", "#/properties/x/items: the keyword \"contains\""},
	{"{\"anyOf\": [true, {\"unevaluatedProperties\": false}]}",
		"#/properties/x/anyOf/1: the keyword \"unevaluatedProperties\""},
	{"{\"patternProperties\": {\"a\": {\"nope\": 1}}}", "/patternProperties/a: the keyword"},
	{"{\"$defs\": {\"unused\": {\"nope\": 1}}}", "/$defs/unused: the keyword"},
	{"{\"x-type\": {\"version\": 1}}", "belongs on the root of a file in types/"},
	{"{\"$ref\": \"missing.json\"}", "there is no such file"},
	{"{\"$ref\": \"other.json#/$defs/y\"}", "leads nowhere"},
	{"{\"$ref\": \"#/properties/x\"}", "refers to itself"},
	{"{\"$ref\": \"other.json#/$defs/x\", \"type\": \"object\"}", "\"type\" stands both here and"},
	{"{\"type\": \"text\"}", "there is no type \"text\""},
	{"{\"enum\": [1.5]}", "only strings, whole numbers"},
	{"{\"enum\": [\"a b\"]}", "blanks, quotes and backslashes"},
	{"{\"minItems\": 1, \"minLength\": 1}", "split it with anyOf"},
	{"{\"patternProperties\": {\"a\": true, \"b\": true}}", "only one pattern"},
	{"{\"pattern\": \"(?=a)\"}", "this group is not supported"},
	{"{\"pattern\": \"(a\"}", "\")\" is missing"},
	{"{\"pattern\": \"[a\"}", "this class is not supported"},
	{"{\"pattern\": \"a\\\\\"}", "this escape is not supported"},
	{"{\"pattern\": \"[[:alpha:]]\"}", "this class is not supported"},
	{"{\"pattern\": \"\\\\w+\"}", "this escape is not supported"},
	{"{\"pattern\": \"a+?\"}", "lazy repetition"},
	{"{\"pattern\": \"^a|b$\"}", "need parentheses"},
	{"{\"pattern\": \"a^b\"}", "is not supported here"},
	{"{\"pattern\": \"a{3,2}\"}", "these counts"},
	{"{\"pattern\": \"(a{1000}){1000}\"}", "too many states"},
	{"{\"x-sensitive\": 1}", "must be true or false"},
	{"false", "\"false\" is supported for additionalProperties only"},
	{"7", "must be a schema"},
	{"{\"type\": \"string\", \"type\": \"null\"}", "duplicate object key"},
};

static void what_the_validator_does_not_know_is_refused(void **state)
{
	const struct bench *bench = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		write_schemas(bench, cases[i].schema, GOOD_THING);
		int status = generate(bench, "s", "out.c");
		cleanup_free char *said = read_file(bench, "messages.txt");

		if (cases[i].message ? status != 1 || !strstr(said, cases[i].message)
				     : status != 0 || *said)
			fail_msg("%s: exit status %d, said: %s", cases[i].schema, status, said);
	}
}

static const struct {
	const char *thing, *message;
} types[] = {
	{GOOD_THING, NULL},
	{"{\"title\": \"thing\"}", "types/thing.json: #/type: must be \"object\""},
	{"{\"title\": \"other\"}", "#/title: must be \"thing\""},
	{"{\"title\": \"thing\", \"type\": \"object\", \"additionalProperties\": false}",
		"#/patternProperties: must be {\"^(name|type)$\": true}"},
	{"{\"title\": \"thing\", \"type\": \"object\"}", "#/additionalProperties: must be false"},
	{THING("\"properties\": {\"a\": true}"), "#/x-type: must be an object"},
	{THING("\"x-type\": {\"version\": 0}"), "#/x-type/version"},
	{THING("\"x-type\": {\"version\": 1, \"flag\": []}"), "\"flag\" is not known here"},
	{THING("\"x-type\": {\"version\": 1, \"flags\": [\"fast\"]}"), "there is no flag \"fast\""},
	{THING("\"x-type\": {\"version\": 1, \"identity\": [\"b\"]}"), "\"b\" is not a property"},
	{THING("\"x-type\": {\"version\": 1}, \"properties\": {\"name\": true}"),
		"\"name\" is a key of every resource"},
	{THING("\"x-type\": {\"version\": 1}, \"x-outputs\": {\"o\": {\"stability\": \"solid\"}}"),
		"#/x-outputs/o: \"stability\" must be"},
	{THING("\"x-type\": {\"version\": 1}, \"x-outputs\": {\"o\": {\"stability\": \"derived\"}}"),
		"\"derived\" has \"from\""},
	{THING("\"x-type\": {\"version\": 1}, \"x-outputs\": {\"o\": {\"stability\": \"changes\", "
	       "\"with\": [\"z\"]}}"), "\"z\" is not a property"},
};

static void a_type_has_what_every_type_must_have(void **state)
{
	const struct bench *bench = *state;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		write_schemas(bench, "true", types[i].thing);
		int status = generate(bench, "s", "out.c");
		cleanup_free char *said = read_file(bench, "messages.txt");

		if (types[i].message ? status != 1 || !strstr(said, types[i].message)
				     : status != 0 || *said)
			fail_msg("%s: exit status %d, said: %s", types[i].thing, status, said);
	}
}

static void a_type_that_no_manifest_can_use_is_a_warning(void **state)
{
	const struct bench *bench = *state;

	write_schemas(bench, "true", GOOD_THING);
	write_file(bench, "s/config.schema.json",
		"{\"$defs\": {\"resource\": {\"properties\": {\"name\": true, \"type\": true}}}}");
	assert_int_equal(generate(bench, "s", "out.c"), 0);
	cleanup_free char *said = read_file(bench, "messages.txt");

	assert_non_null(strstr(said, "warning: types/thing.json: no manifest can use it"));
}

static void the_same_files_give_the_same_bytes(void **state)
{
	const struct bench *bench = *state;
	const char *slash = strrchr(__FILE__, '/');
	char schemas[512];

	/* an absolute path, because the program runs elsewhere */
	snprintf(schemas, sizeof(schemas), "%.*s/../../schemas", (int)(slash - __FILE__), __FILE__);
	cleanup_free char *absolute = realpath(schemas, NULL);

	assert_non_null(absolute);
	assert_int_equal(generate(bench, absolute, "out.c"), 0);
	assert_int_equal(generate(bench, absolute, "again.c"), 0);
	cleanup_free char *first = read_file(bench, "out.c"), *second = read_file(bench, "again.c");

	assert_true(strlen(first) > 10000);
	assert_string_equal(first, second);
	assert_null(strstr(first, absolute));
}

static void what_cannot_be_read_or_written_is_named(void **state)
{
	const struct bench *bench = *state;

	write_schemas(bench, "true", "{\"title\": ");
	assert_int_equal(generate(bench, "s", "out.c"), 1);
	cleanup_free char *said = read_file(bench, "messages.txt");
	assert_non_null(strstr(said, "types/thing.json: line 1"));

	write_schemas(bench, "true", GOOD_THING);
	assert_int_equal(generate(bench, "s", "missing/out.c"), 1);
	cleanup_free char *unwritable = read_file(bench, "messages.txt");
	assert_non_null(strstr(unwritable, "missing/out.c: cannot create"));

	assert_int_equal(generate(bench, "nowhere", "out.c"), 1);
	cleanup_free char *unreadable = read_file(bench, "messages.txt");
	assert_non_null(strstr(unreadable, "nowhere/: cannot open"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_validator_does_not_know_is_refused),
		cmocka_unit_test(a_type_has_what_every_type_must_have),
		cmocka_unit_test(a_type_that_no_manifest_can_use_is_a_warning),
		cmocka_unit_test(the_same_files_give_the_same_bytes),
		cmocka_unit_test(what_cannot_be_read_or_written_is_named),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
