/*
 * schema-generate SCHEMADIR OUT.c
 *
 * Reads every schema file, refuses every keyword that the validator does not implement (so that an
 * editor and the program never disagree) and makes each $ref absolute, "FILE#/POINTER".
 */
#include "schemas/generate.h"

#include "base/alloc.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Under AddressSanitizer, too, what was allocated goes with the process. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

void die(const char *file, const char *path, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: %s%s", file, path, *path ? ": " : "");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

struct file *generator_file(struct generator *gen, const char *name)
{
	for (size_t i = 0; i < gen->n_files; i++)
		if (!strcmp(gen->files[i].name, name))
			return &gen->files[i];
	return NULL;
}

bool is_type_file(const struct file *file)
{
	return !strncmp(file->name, "types/", 6);
}

/* Where subschemas stand, and what else a keyword may hold. */
enum grammar {
	PLAIN,       /* no schema inside; checked where it is emitted */
	SCHEMA,
	SCHEMA_LIST_OF,
	SCHEMA_MAP_OF,
	REFERENCE,
	TYPE_ONLY, /* on the root of a type file */
	ROOT_ONLY, /* on the root of any file */
};

static const struct keyword {
	const char *name;
	enum grammar grammar;
} keywords[] = {
	{"type", PLAIN}, {"enum", PLAIN}, {"const", PLAIN}, {"required", PLAIN},
	{"minItems", PLAIN}, {"maxItems", PLAIN}, {"uniqueItems", PLAIN},
	{"minLength", PLAIN}, {"maxLength", PLAIN}, {"pattern", PLAIN},
	{"minimum", PLAIN}, {"maximum", PLAIN},
	{"default", PLAIN}, {"title", PLAIN}, {"description", PLAIN}, {"deprecated", PLAIN},
	{"examples", PLAIN},
	{"properties", SCHEMA_MAP_OF}, {"patternProperties", SCHEMA_MAP_OF},
	{"$defs", SCHEMA_MAP_OF},
	{"additionalProperties", SCHEMA}, {"items", SCHEMA},
	{"if", SCHEMA}, {"then", SCHEMA}, {"else", SCHEMA},
	{"anyOf", SCHEMA_LIST_OF}, {"oneOf", SCHEMA_LIST_OF}, {"allOf", SCHEMA_LIST_OF},
	{"$ref", REFERENCE},
	{"$schema", ROOT_ONLY}, {"$id", ROOT_ONLY},
	{"x-sensitive", PLAIN}, {"x-replace", PLAIN}, {"x-merge-key", PLAIN}, {"x-file", PLAIN},
	{"x-attached", PLAIN}, {"x-within", PLAIN}, {"x-literal", PLAIN}, {"x-public", PLAIN}, {"x-also", PLAIN},
	{"x-instead", PLAIN}, {"x-pattern-hint", PLAIN},
	{"x-type", TYPE_ONLY}, {"x-outputs", TYPE_ONLY},
};

static enum grammar keyword_grammar(const char *file, const char *path, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keywords); i++)
		if (!strcmp(keywords[i].name, name))
			return keywords[i].grammar;
	die(file, path, "the keyword \"%s\" is not supported (docs/schema-format.md)", name);
}

/* "../defs.json#/$defs/x" in types/local_file.json -> "defs.json#/$defs/x". */
static char *absolute_reference(const char *file, const char *reference)
{
	const char *slash = strrchr(file, '/');
	size_t folder = slash ? (size_t)(slash - file) + 1 : 0;
	struct strbuf out = STRBUF_INIT;

	if (*reference == '#') {
		strbuf_addf(&out, "%s%s", file, reference);
		return strbuf_detach(&out);
	}
	while (!strncmp(reference, "../", 3) && folder) {
		reference += 3;
		for (folder--; folder && file[folder - 1] != '/'; folder--)
			;
	}
	strbuf_add(&out, file, folder);
	strbuf_addstr(&out, reference);
	if (!strchr(reference, '#'))
		strbuf_addch(&out, '#');
	return strbuf_detach(&out);
}

static void check_schema(const struct file *file, const char *path, json_t *schema);

static void check_children(const struct file *file, const char *path, json_t *value,
	enum grammar grammar)
{
	const char *key;
	json_t *child;
	size_t i;

	if (grammar == SCHEMA_MAP_OF) {
		if (!json_is_object(value))
			die(file->name, path, "must be an object");
		json_object_foreach(value, key, child) {
			struct strbuf below = STRBUF_INIT;

			strbuf_addf(&below, "%s/%s", path, key);
			check_schema(file, below.text, child);
			strbuf_release(&below);
		}
	} else {
		if (!json_is_array(value) || json_array_size(value) == 0)
			die(file->name, path, "must be a list of schemas");
		json_array_foreach(value, i, child) {
			struct strbuf below = STRBUF_INIT;

			strbuf_addf(&below, "%s/%zu", path, i);
			check_schema(file, below.text, child);
			strbuf_release(&below);
		}
	}
}

static void check_keyword(const struct file *file, const char *path, json_t *schema, const char *name,
	json_t *value)
{
	struct strbuf below = STRBUF_INIT;
	bool root = !strcmp(path, "#");
	enum grammar grammar = keyword_grammar(file->name, path, name);

	strbuf_addf(&below, "%s/%s", path, name);
	switch (grammar) {
	case PLAIN:
		break;
	case SCHEMA:
		check_schema(file, below.text, value);
		break;
	case SCHEMA_LIST_OF:
	case SCHEMA_MAP_OF:
		check_children(file, below.text, value, grammar);
		break;
	case REFERENCE: {
		if (!json_is_string(value))
			die(file->name, below.text, "must be a string");
		char *absolute = absolute_reference(file->name, json_string_value(value));

		json_object_set_new(schema, "$ref", json_string(absolute));
		free(absolute);
		break;
	}
	case TYPE_ONLY:
		if (!root || !is_type_file(file))
			die(file->name, below.text, "belongs on the root of a file in types/");
		break;
	case ROOT_ONLY:
		if (!root)
			die(file->name, below.text, "belongs on the root of the file");
		break;
	}
	strbuf_release(&below);
}

static void check_schema(const struct file *file, const char *path, json_t *schema)
{
	if (json_is_boolean(schema))
		return;
	if (!json_is_object(schema))
		die(file->name, path, "must be a schema: an object, true or false");
	/* A copy of the names: setting $ref while iterating is not allowed. */
	size_t n = json_object_size(schema), i = 0;
	const char **names = xcalloc(n + 1, sizeof(*names));
	const char *key;
	json_t *value;

	json_object_foreach(schema, key, value)
		names[i++] = key;
	for (i = 0; i < n; i++)
		check_keyword(file, path, schema, names[i], json_object_get(schema, names[i]));
	free(names);
}

static char *read_text(const char *path)
{
	FILE *in = fopen(path, "rb");
	struct strbuf text = STRBUF_INIT;
	char piece[65536];
	size_t n;

	if (!in)
		die(path, "", "cannot open: %s", strerror(errno));
	while ((n = fread(piece, 1, sizeof(piece), in)) > 0)
		strbuf_add(&text, piece, n);
	if (ferror(in))
		die(path, "", "cannot read: %s", strerror(errno));
	fclose(in);
	return strbuf_detach(&text);
}

static void add_file(struct generator *gen, const char *root, const char *name)
{
	struct strbuf path = STRBUF_INIT;
	json_error_t error;
	struct file file = {.name = xstrdup(name)};

	strbuf_addf(&path, "%s/%s", root, name);
	file.text = read_text(path.text);
	file.json = json_loads(file.text, JSON_REJECT_DUPLICATES, &error);
	if (!file.json)
		die(name, "", "line %d: %s", error.line, error.text);
	VEC_GROW(gen->files, gen->n_files, gen->cap_files);
	gen->files[gen->n_files++] = file;
	strbuf_release(&path);
}

static void add_folder(struct generator *gen, const char *root, const char *folder)
{
	struct strbuf path = STRBUF_INIT;
	struct dirent *entry;

	strbuf_addf(&path, "%s/%s", root, folder);
	DIR *dir = opendir(path.text);
	if (!dir)
		die(path.text, "", "cannot open: %s", strerror(errno));
	while ((entry = readdir(dir))) {
		struct strbuf name = STRBUF_INIT;
		size_t len = strlen(entry->d_name);
		struct stat st;

		if (entry->d_name[0] == '.')
			continue;
		strbuf_addf(&name, "%s%s%s", folder, *folder ? "/" : "", entry->d_name);
		strbuf_reset(&path);
		strbuf_addf(&path, "%s/%s", root, name.text);
		if (stat(path.text, &st) == 0 && S_ISDIR(st.st_mode))
			add_folder(gen, root, name.text);
		else if (len > 5 && !strcmp(entry->d_name + len - 5, ".json"))
			add_file(gen, root, name.text);
		strbuf_release(&name);
	}
	closedir(dir);
	strbuf_release(&path);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

static void write_output(const char *path, const struct strbuf *out)
{
	FILE *file = fopen(path, "wb");

	if (!file)
		die(path, "", "cannot create: %s", strerror(errno));
	if (fwrite(out->text, 1, out->len, file) != out->len || fclose(file) != 0)
		die(path, "", "cannot write: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	struct strbuf out = STRBUF_INIT;
	struct generator gen = {.out = &out};

	if (argc != 3)
		die("usage", "", "schema-generate SCHEMADIR OUT.c");
	add_folder(&gen, argv[1], "");
	if (!gen.n_files)
		die(argv[1], "", "holds no schema");
	qsort(gen.files, gen.n_files, sizeof(*gen.files), by_name);
	for (size_t i = 0; i < gen.n_files; i++)
		check_schema(&gen.files[i], "#", gen.files[i].json);
	emit_tables(&gen);
	write_output(argv[2], &out);
	/* What was allocated goes with the process. */
	return 0;
}
