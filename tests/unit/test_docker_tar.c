/* The build context as a stream: what is in it, that it depends on content alone, and its format. */
#include "providers/docker/tar.h"

#include "base/alloc.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct room {
	struct arena arena;
	char path[64];
};

static int setup(void **state)
{
	struct room *room = calloc(1, sizeof(*room));

	strcpy(room->path, "/tmp/test_tar.XXXXXX");
	assert_non_null(mkdtemp(room->path));
	*state = room;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	struct room *room = *state;

	nftw(room->path, remove_one, 64, FTW_DEPTH | FTW_PHYS);
	arena_release(&room->arena);
	free(room);
	return 0;
}

static const char *path_in(struct room *room, const char *name)
{
	return arena_printf(&room->arena, "%s/%s", room->path, name);
}

static void put(struct room *room, const char *name, const char *text, mode_t mode)
{
	char *path = arena_strdup(&room->arena, path_in(room, name));
	FILE *file;

	for (char *at = strchr(path + strlen(room->path) + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		if (!mkdir(path, 0755))
			chmod(path, 0755);
		*at = '/';
	}
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	chmod(path, mode);
}

/* The whole stream, read in pieces of `piece` bytes. */
static struct strbuf stream(struct room *room, const char *context, const char *dockerfile,
	size_t piece, struct hash *hash)
{
	cleanup_tar struct tar tar = {.fd = -1, .pending = STRBUF_INIT};
	struct strbuf all = STRBUF_INIT;
	struct error err = ERROR_INIT;
	const char *name;
	char buf[4096];
	ssize_t got;

	if (tar_open(&tar, &room->arena, path_in(room, context), dockerfile, &name, &err))
		fail_msg("%s", err.msg);
	while ((got = tar_read(&tar, buf, piece, &err)) > 0)
		strbuf_add(&all, buf, (size_t)got);
	if (got < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(tar_read(&tar, buf, piece, &err), 0);
	if (hash)
		tar_hash(&tar, hash);
	return all;
}

/* "d755 src|-644 src/a:content|l src/l>a|" by a reader of its own. */
static const char *list(struct room *room, const char *context)
{
	struct strbuf all = stream(room, context, "Dockerfile", 1000, NULL), out = STRBUF_INIT;
	const char *text;
	size_t at = 0;

	assert_int_equal(all.len % 512, 0);
	while (all.text[at]) {
		const unsigned char *head = (const unsigned char *)all.text + at;
		const char *field = all.text + at;
		size_t size = strtoul(field + 124, NULL, 8);
		unsigned sum = 0;

		for (size_t i = 0; i < 512; i++)
			sum += i >= 148 && i < 156 ? ' ' : head[i];
		assert_int_equal(strtoul(field + 148, NULL, 8), sum);
		assert_memory_equal(field + 257, "ustar\00000", 8);
		assert_string_equal(field + 108, "0000000"); /* uid */
		assert_string_equal(field + 116, "0000000"); /* gid */
		assert_string_equal(field + 136, "00000000000"); /* mtime */
		at += 512;
		switch (field[156]) {
		case '5':
			strbuf_addf(&out, "d%lo %.100s|", strtoul(field + 100, NULL, 8), field);
			break;
		case '2':
			strbuf_addf(&out, "l %.100s>%.100s|", field, field + 157);
			break;
		case 'x':
			strbuf_addf(&out, "x %.*s", (int)size, all.text + at);
			break;
		default:
			strbuf_addf(&out, "-%lo %.100s:%.*s|", strtoul(field + 100, NULL, 8), field, (int)size,
				all.text + at);
		}
		at += (size + 511) / 512 * 512;
	}
	assert_int_equal(all.len - at, 1024);
	text = arena_strdup(&room->arena, out.text);
	strbuf_release(&all);
	strbuf_release(&out);
	return text;
}

static void entries_are_sorted_with_their_modes_contents_and_targets(void **state)
{
	struct room *room = *state;

	put(room, "c/b/file", "two", 0640);
	put(room, "c/a", "one", 0755);
	put(room, "c/b-c", "", 0600);
	put(room, "c/Dockerfile", "FROM scratch\n", 0644);
	assert_int_equal(symlink("b/file", path_in(room, "c/link")), 0);
	assert_int_equal(symlink("/nowhere", path_in(room, "c/b/broken")), 0);
	assert_int_equal(mkfifo(path_in(room, "c/pipe"), 0644), 0);
	assert_string_equal(list(room, "c"), "-644 Dockerfile:FROM scratch\n|-755 a:one|d755 b/|"
		"-600 b-c:|l b/broken>/nowhere|-640 b/file:two|l link>b/file|");
}

static void the_hash_depends_on_what_the_engine_would_see_alone(void **state)
{
	struct room *room = *state;
	struct hash first, other;
	struct error err = ERROR_INIT;
	char hex[HASH_HEX];

	put(room, "c/Dockerfile", "FROM scratch\n", 0644);
	put(room, "c/x/y", "content", 0644);
	assert_int_equal(docker_context_digest(path_in(room, "c"), "Dockerfile", &first, &err), 0);
	/* The same elsewhere, made in another order, at another time. */
	put(room, "d/x/y", "content", 0644);
	put(room, "d/Dockerfile", "FROM scratch\n", 0644);
	utimensat(AT_FDCWD, path_in(room, "d/x/y"), (struct timespec[2]){{5, 5}, {5, 5}}, 0);
	assert_int_equal(docker_context_digest(path_in(room, "d"), "Dockerfile", &other, &err), 0);
	assert_true(hash_equal(&first, &other));
	/* On every machine and in every version: a change here builds every image again. */
	assert_string_equal(hash_hex(&first, hex),
		"d7ac1692853414423d0c00db39087dedad0919e373d2ac9e0378d1988c38e955");
	chmod(path_in(room, "d/x/y"), 0755);
	assert_int_equal(docker_context_digest(path_in(room, "d"), "Dockerfile", &other, &err), 0);
	assert_false(hash_equal(&first, &other));
	put(room, "d/x/y", "Content", 0644);
	assert_int_equal(docker_context_digest(path_in(room, "d"), "Dockerfile", &other, &err), 0);
	assert_false(hash_equal(&first, &other));
}

static void pieces_do_not_matter(void **state)
{
	struct room *room = *state;
	struct strbuf whole, bytes;
	struct hash first, other;

	put(room, "c/Dockerfile", "FROM scratch\n", 0644);
	put(room, "c/empty", "", 0644);
	whole = stream(room, "c", "Dockerfile", 4096, &first);
	bytes = stream(room, "c", "Dockerfile", 1, &other);
	assert_int_equal(whole.len, bytes.len);
	assert_memory_equal(whole.text, bytes.text, whole.len);
	assert_true(hash_equal(&first, &other));
	strbuf_release(&whole);
	strbuf_release(&bytes);
}

static void names_that_do_not_fit_go_into_a_pax_header(void **state)
{
	struct room *room = *state;
	char name[256] = "", target[256];
	const char *text;

	for (size_t i = 0; i < 10; i++)
		strcat(name, "twelve-chars");
	memset(target, 't', 150);
	target[150] = '\0';
	put(room, "c/Dockerfile", "", 0644);
	put(room, arena_printf(&room->arena, "c/%s", name), "long", 0644);
	assert_int_equal(symlink(target, path_in(room, "c/z")), 0);
	text = list(room, "c");
	assert_non_null(strstr(text, arena_printf(&room->arena, "x 130 path=%s\n-644 %.100s:long|", name,
		name)));
	assert_non_null(strstr(text, arena_printf(&room->arena, "x 164 linkpath=%s\nl z>%.100s|", target,
		target)));
	/* GNU tar reads the same out of it. */
	{
		struct strbuf all = stream(room, "c", "Dockerfile", 4096, NULL);
		FILE *file = fopen(path_in(room, "out.tar"), "w");

		fwrite(all.text, 1, all.len, file);
		fclose(file);
		strbuf_release(&all);
		mkdir(path_in(room, "out"), 0755);
		assert_int_equal(system(arena_printf(&room->arena,
			"tar -C %s/out -xf %s/out.tar && diff -r --no-dereference %s/c %s/out", room->path,
			room->path, room->path, room->path)), 0);
	}
}

static void dockerignore_applies_but_not_to_what_the_engine_needs(void **state)
{
	struct room *room = *state;

	put(room, "c/Dockerfile", "D", 0644);
	put(room, "c/.dockerignore", "*\n!keep/me\n", 0644);
	put(room, "c/keep/me/x", "1", 0644);
	put(room, "c/keep/other", "2", 0644);
	put(room, "c/drop/x", "3", 0644);
	put(room, "c/.devenv/local/id", "4", 0644);
	assert_string_equal(list(room, "c"), "-644 .dockerignore:*\n!keep/me\n|-644 Dockerfile:D|"
		"d755 keep/|d755 keep/me/|-644 keep/me/x:1|");
	/* One for this Dockerfile alone comes first. What our own runs write is never in it. */
	put(room, "c/Dockerfile.dockerignore", "keep\ndrop\n!.devenv/local\n", 0644);
	assert_string_equal(list(room, "c"), "d755 .devenv/|-644 .dockerignore:*\n!keep/me\n|"
		"-644 Dockerfile:D|-644 Dockerfile.dockerignore:keep\ndrop\n!.devenv/local\n|");
}

static int open_as_nobody(struct room *room)
{
	cleanup_tar struct tar tar = {.fd = -1, .pending = STRBUF_INIT};
	struct error err = ERROR_INIT;
	uid_t me = geteuid();
	const char *name;
	int rc;

	chmod(room->path, 0755);
	chmod(path_in(room, "c/secret"), 0);
	if (!me)
		assert_int_equal(seteuid(65534), 0); /* root may read everything */
	rc = tar_open(&tar, &room->arena, path_in(room, "c"), "Dockerfile", &name, &err);
	if (!me)
		assert_int_equal(seteuid(0), 0);
	chmod(path_in(room, "c/secret"), 0755);
	return rc;
}

static void an_excluded_folder_is_not_even_read(void **state)
{
	struct room *room = *state;

	put(room, "c/Dockerfile", "D", 0644);
	put(room, "c/.dockerignore", "secret\n!other\n", 0644);
	put(room, "c/secret/x", "", 0644);
	assert_int_equal(open_as_nobody(room), 0);
	put(room, "c/.dockerignore", "secret\n!secret/x\n", 0644);
	assert_int_equal(open_as_nobody(room), -1);
}

static void a_dockerfile_elsewhere_travels_under_a_name_of_ours(void **state)
{
	struct room *room = *state;
	cleanup_tar struct tar tar = {.fd = -1, .pending = STRBUF_INIT};
	struct error err = ERROR_INIT;
	const char *name;

	put(room, "c/x", "", 0644);
	put(room, "docker/Dev", "FROM scratch", 0644);
	assert_int_equal(tar_open(&tar, &room->arena, path_in(room, "c"), "../docker/Dev", &name, &err),
		0);
	assert_string_equal(name, TAR_DOCKERFILE);
	assert_int_equal(tar.n, 2);
	assert_string_equal(tar.entries[0]->name, TAR_DOCKERFILE);
	tar_release(&tar);
	put(room, "c/sub/Dockerfile", "FROM scratch", 0644);
	assert_int_equal(tar_open(&tar, &room->arena, path_in(room, "c"), "sub/../sub/Dockerfile", &name,
		&err), 0);
	assert_string_equal(name, "sub/Dockerfile");
}

static void what_is_missing_is_named(void **state)
{
	struct room *room = *state;
	struct hash hash;
	struct error err = ERROR_INIT;

	assert_int_equal(docker_context_digest(path_in(room, "none"), "Dockerfile", &hash, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_non_null(strstr(err.msg, "/none"));
	put(room, "c/x", "", 0644);
	assert_int_equal(docker_context_digest(path_in(room, "c"), "Dockerfile", &hash, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_non_null(strstr(err.msg, "/c/Dockerfile"));
	assert_int_equal(docker_context_digest(path_in(room, "c/x"), "Dockerfile", &hash, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	put(room, "c/Dockerfile", "", 0644);
	put(room, "c/.dockerignore", "[", 0644);
	assert_int_equal(docker_context_digest(path_in(room, "c"), "Dockerfile", &hash, &err), -1);
	assert_non_null(strstr(err.msg, "/c/.dockerignore: line 1: "));
}

static void a_file_that_changes_while_it_is_read_is_noticed(void **state)
{
	struct room *room = *state;
	cleanup_tar struct tar tar = {.fd = -1, .pending = STRBUF_INIT};
	struct error err = ERROR_INIT;
	char big[8192], buf[1024];
	const char *name;
	ssize_t got;

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	put(room, "c/Dockerfile", big, 0644);
	put(room, "c/z", "", 0644);
	assert_int_equal(tar_open(&tar, &room->arena, path_in(room, "c"), "Dockerfile", &name, &err), 0);
	for (int i = 0; i < 3; i++)
		assert_true(tar_read(&tar, buf, sizeof(buf), &err) > 0);
	assert_int_equal(truncate(path_in(room, "c/Dockerfile"), 100), 0);
	while ((got = tar_read(&tar, buf, sizeof(buf), &err)) > 0)
		;
	assert_int_equal(got, -1);
	assert_int_equal(err.code, ERROR_TRANSIENT);
	tar_release(&tar);

	/* One that is gone by the time that its turn comes. */
	put(room, "c/Dockerfile", "", 0644);
	assert_int_equal(tar_open(&tar, &room->arena, path_in(room, "c"), "Dockerfile", &name, &err), 0);
	unlink(path_in(room, "c/z"));
	while ((got = tar_read(&tar, buf, sizeof(buf), &err)) > 0)
		;
	assert_int_equal(got, -1);
	assert_int_equal(err.code, ERROR_TRANSIENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(entries_are_sorted_with_their_modes_contents_and_targets,
			setup, teardown),
		cmocka_unit_test_setup_teardown(the_hash_depends_on_what_the_engine_would_see_alone, setup,
			teardown),
		cmocka_unit_test_setup_teardown(pieces_do_not_matter, setup, teardown),
		cmocka_unit_test_setup_teardown(names_that_do_not_fit_go_into_a_pax_header, setup, teardown),
		cmocka_unit_test_setup_teardown(dockerignore_applies_but_not_to_what_the_engine_needs, setup,
			teardown),
		cmocka_unit_test_setup_teardown(an_excluded_folder_is_not_even_read, setup, teardown),
		cmocka_unit_test_setup_teardown(a_dockerfile_elsewhere_travels_under_a_name_of_ours, setup,
			teardown),
		cmocka_unit_test_setup_teardown(what_is_missing_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_changes_while_it_is_read_is_noticed, setup,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
