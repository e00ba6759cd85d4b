/*
 * resolve: from what was asked for (a branch, a pattern of tags, a commit, whatever the server calls
 * its own) to one commit, with who wrote it and whether it descends from BASE. find: the same for any
 * revision of the repository that a folder lies in, or for what it has in common with another.
 */
#include "git/git.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- tags --------------------------------------------------------------------------------------- */

struct version {
	bool valid;
	unsigned long part[3];
	const char *rest; /* behind "-": a release to be; "" for a release */
};

/* "v1.2.3-rc.1+build"; missing numbers are 0. */
static struct version version_parse(const char *name)
{
	struct version v = {.rest = ""};
	const char *at = name + (*name == 'v' || *name == 'V');

	for (int i = 0; i < 3; i++) {
		char *end;

		if (!isdigit((unsigned char)*at))
			return v;
		v.part[i] = strtoul(at, &end, 10);
		at = end;
		if (*at != '.')
			break;
		at++;
	}
	if (*at == '-')
		v.rest = at + 1;
	v.valid = !*at || *at == '-' || *at == '+';
	return v;
}

/* The identifiers behind the dash: numbers by value and before words, fewer before more. */
static int rest_compare(const char *a, const char *b)
{
	while (*a && *b && *a != '+' && *b != '+') {
		size_t na = strcspn(a, ".+"), nb = strcspn(b, ".+");
		bool da = strspn(a, "0123456789") >= na, db = strspn(b, "0123456789") >= nb;
		int order;

		if (da && db)
			order = na != nb ? (na < nb ? -1 : 1) : strncmp(a, b, na);
		else if (da != db)
			order = da ? -1 : 1;
		else
			order = strncmp(a, b, na > nb ? na : nb);
		if (order)
			return order;
		a += na + (a[na] == '.');
		b += nb + (b[nb] == '.');
	}
	return (*a && *a != '+') - (*b && *b != '+');
}

/* Semantic versions by their rules, above everything else; the rest by name. */
static int version_compare(const char *a, const char *b)
{
	struct version x = version_parse(a), y = version_parse(b);

	if (x.valid != y.valid)
		return x.valid ? 1 : -1;
	if (!x.valid)
		return strverscmp(a, b);
	for (int i = 0; i < 3; i++) {
		if (x.part[i] != y.part[i])
			return x.part[i] < y.part[i] ? -1 : 1;
	}
	if (!*x.rest != !*y.rest)
		return *x.rest ? -1 : 1;
	return rest_compare(x.rest, y.rest);
}

const char *newest_tag(struct call *call, char *const *names, size_t n, const char *pattern)
{
	const char *best = NULL;

	for (size_t i = 0; i < n; i++) {
		const char *name = names[i];
		struct version v = version_parse(name);

		if (fnmatch(pattern, name, 0) != 0 || strchr(name, '\n'))
			continue;
		/* A release to be is taken by those only who ask for one. */
		if (v.valid && *v.rest && !strchr(pattern, '-'))
			continue;
		if (!best || version_compare(name, best) > 0)
			best = arena_strdup(&call->arena, name);
	}
	return best;
}

static const char *newest_here(struct call *call, const char *pattern)
{
	git_strarray names;
	const char *best;

	if (git_tag_list(&names, call->repo) < 0)
		return NULL;
	best = newest_tag(call, names.strings, names.count, pattern);
	git_strarray_dispose(&names);
	return best;
}

/* --- any ---------------------------------------------------------------------------------------- */

static int look_up(struct call *call, const char *name, git_object **out, struct error *err)
{
	if (git_revparse_single(out, call->repo, name) == 0)
		return 0;
	call->status = GIT_MISSING;
	return fail_git(err, "%s", name);
}

static int find_ref(struct call *call, const char *kind, const char *value, const char **ref,
	struct error *err)
{
	if (strcmp(kind, "branch") == 0) {
		*ref = arena_printf(&call->arena, "refs/remotes/origin/%s", value);
		return 0;
	}
	if (strcmp(kind, "head") == 0) {
		*ref = "refs/remotes/origin/HEAD";
		return 0;
	}
	if (strcmp(kind, "commit") == 0) {
		size_t len = strlen(value);

		*ref = value;
		if (len < 7 || len > 40 || strspn(value, "0123456789abcdefABCDEF") != len)
			return error_set(err, ERROR_INVALID, "\"%s\" is no id of a commit", value);
		return 0;
	}
	value = newest_here(call, value);
	call->status = GIT_MISSING;
	if (!value)
		return error_set(err, ERROR_NOT_FOUND, "no tag matches the pattern");
	*ref = arena_printf(&call->arena, "refs/tags/%s", value);
	return 0;
}

void print_line(const char *name, const char *text)
{
	printf("%s ", name);
	for (; *text; text++)
		putchar((unsigned char)*text < ' ' || *text == 127 ? ' ' : *text);
	putchar('\n');
}

static void print_commit(git_commit *commit)
{
	const git_signature *author = git_commit_author(commit);
	char oid[GIT_OID_HEXSZ + 1], name[512];

	git_oid_tostr(oid, sizeof(oid), git_commit_id(commit));
	printf("commit %s\n", oid);
	snprintf(name, sizeof(name), "%s <%s>", author->name, author->email);
	print_line("author", name);
	printf("time %lld\n", (long long)git_commit_time(commit));
	print_line("summary", git_commit_summary(commit) ? git_commit_summary(commit) : "");
}

static bool descends(git_repository *repo, const git_oid *commit, const char *base)
{
	git_oid from;

	if (git_oid_fromstr(&from, base) < 0)
		return false;
	return git_oid_equal(commit, &from) || git_graph_descendant_of(repo, commit, &from) == 1;
}

static int print_object(struct call *call, const char *ref, const char *base, struct error *err)
{
	char oid[GIT_OID_HEXSZ + 1];
	git_object *object, *commit;
	git_reference *named;

	if (git_reference_lookup(&named, call->repo, ref) == 0) {
		git_reference *direct;

		if (git_reference_resolve(&direct, named) == 0)
			ref = arena_strdup(&call->arena, git_reference_name(direct));
	}
	if (look_up(call, ref, &object, err) < 0)
		return -1;
	git_oid_tostr(oid, sizeof(oid), git_object_id(object));
	if (git_object_peel(&commit, object, GIT_OBJECT_COMMIT) < 0)
		return fail_git(err, "%s is no commit", ref);
	print_line("ref", ref);
	printf("object %s\n", oid);
	print_commit((git_commit *)commit);
	if (base && *base)
		printf("descends %s\n",
			descends(call->repo, git_object_id(commit), base) ? "yes" : "no");
	return 0;
}

int print_resolved(struct call *call, const char *kind, const char *value, const char *base,
	struct error *err)
{
	const char *ref = NULL;

	if (find_ref(call, kind, value, &ref, err) < 0)
		return -1;
	call->status = GIT_FAILED;
	return print_object(call, ref, base, err);
}

int verb_resolve(struct call *call, struct error *err)
{
	if (clone_open(call, call->args[0], err) < 0)
		return -1;
	return print_resolved(call, call->args[1], call->args[2], call->n > 3 ? call->args[3] : NULL, err);
}

/* Of two revisions what both descend from: where a branch began. */
static int meet(struct call *call, const char *name, const char *with, const char **out,
	struct error *err)
{
	char *oid = arena_alloc(&call->arena, GIT_OID_HEXSZ + 1);
	git_object *one, *other;
	git_oid base;

	if (look_up(call, name, &one, err) < 0 || look_up(call, with, &other, err) < 0)
		return -1;
	if (git_merge_base(&base, call->repo, git_object_id(one), git_object_id(other)) < 0)
		return fail_git(err, "%s and %s have no common commit", name, with);
	*out = git_oid_tostr(oid, GIT_OID_HEXSZ + 1, &base);
	return 0;
}

int verb_find(struct call *call, struct error *err)
{
	const char *directory = call->args[0], *revision = call->args[1], *root;

	call->status = GIT_MISSING;
	if (git_repository_open_ext(&call->repo, directory, 0, NULL) < 0)
		return fail_git(err, "%s lies in no git repository", directory);
	root = git_repository_workdir(call->repo);
	if (!root)
		return error_set(err, ERROR_INVALID, "%s has no working tree", directory);
	if (call->n > 2 && meet(call, revision, call->args[2], &revision, err) < 0)
		return -1;
	print_line("root", root);
	print_line("repository", git_repository_commondir(call->repo));
	return print_object(call, revision, NULL, err);
}
