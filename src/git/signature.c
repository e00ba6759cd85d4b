/*
 * signatures: what was signed and by what, as files that ssh-keygen and gpg can read: N.sig and N.data
 * in a folder, with a line "signed OID N" or "unsigned OID" for each commit. KIND is "head" (the tip),
 * "range" (every commit since BASE) or "tag" (the tag object REF, whose own name must be that of the
 * ref: a tag that was moved to another name is another claim).
 */
#include "git/git.h"

#include "base/fs.h"

#include <stdio.h>
#include <string.h>

struct out {
	struct call *call;
	const char *folder;
	unsigned n;
	struct error *err;
};

static int write_file(struct out *out, const char *suffix, const char *data, size_t len)
{
	const char *path = arena_printf(&out->call->arena, "%s/%u.%s", out->folder, out->n, suffix);

	return fs_write(path, arena_printf(&out->call->arena, "%s.new", path), data, len, 0600,
		FS_VOLATILE, out->err);
}

static int add(struct out *out, const char *oid, const char *sig, size_t sig_len, const char *data,
	size_t len)
{
	out->n++;
	if (write_file(out, "sig", sig, sig_len) < 0 || write_file(out, "data", data, len) < 0)
		return -1;
	printf("signed %s %u\n", oid, out->n);
	return 0;
}

static int add_commit(struct out *out, git_oid *id)
{
	git_buf signature = GIT_BUF_INIT, data = GIT_BUF_INIT;
	char oid[GIT_OID_HEXSZ + 1];
	int rc = git_commit_extract_signature(&signature, &data, out->call->repo, id, NULL);
	int result = 0;

	git_oid_tostr(oid, sizeof(oid), id);
	if (rc == GIT_ENOTFOUND)
		printf("unsigned %s\n", oid);
	else if (rc < 0)
		result = fail_git(out->err, "signature of %s", oid);
	else
		result = add(out, oid, signature.ptr, signature.size, data.ptr, data.size);
	git_buf_dispose(&signature);
	git_buf_dispose(&data);
	return result;
}

static int add_range(struct out *out, git_oid *id, const char *base)
{
	git_revwalk *walk;
	git_oid from, at;
	int result = 0;

	if (git_revwalk_new(&walk, out->call->repo) < 0 || git_revwalk_push(walk, id) < 0)
		return fail_git(out->err, "walk the commits");
	/* Without a base every commit there is counts. */
	if (base && *base && git_oid_fromstr(&from, base) == 0)
		git_revwalk_hide(walk, &from);
	while (!result && git_revwalk_next(&at, walk) == 0)
		result = add_commit(out, &at);
	git_revwalk_free(walk);
	return result;
}

/* Where the signature begins: at the start of a line. */
static const char *find_signature(const char *data, size_t len)
{
	static const char *const heads[] = {"-----BEGIN SSH SIGNATURE-----",
		"-----BEGIN PGP SIGNATURE-----"};
	const char *found = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		const char *at = data;

		while ((at = memmem(at, len - (size_t)(at - data), heads[i], strlen(heads[i])))) {
			if (at == data || at[-1] == '\n')
				found = at;
			at++;
		}
	}
	return found;
}

static bool has_name(struct arena *arena, const char *data, const char *signature, const char *name)
{
	const char *line = arena_printf(arena, "\ntag %s\n", name);
	const char *end = memmem(data, (size_t)(signature - data), "\n\n", 2);

	return end && memmem(data, (size_t)(end - data) + 1, line, strlen(line));
}

static int add_tag(struct out *out, git_oid *id, const char *ref)
{
	const char *data, *signature, *name = strncmp(ref, "refs/tags/", 10) == 0 ? ref + 10 : ref;
	char oid[GIT_OID_HEXSZ + 1];
	git_odb_object *object;
	git_odb *odb;
	size_t len;
	int result = 0;

	git_oid_tostr(oid, sizeof(oid), id);
	if (git_repository_odb(&odb, out->call->repo) < 0 || git_odb_read(&object, odb, id) < 0)
		return fail_git(out->err, "tag %s", name);
	data = git_odb_object_data(object);
	len = git_odb_object_size(object);
	signature = git_odb_object_type(object) == GIT_OBJECT_TAG ? find_signature(data, len) : NULL;
	if (!signature)
		printf("unsigned %s\n", oid);
	else if (!has_name(&out->call->arena, data, signature, name))
		result = error_set(out->err, ERROR_INVALID, "the tag object calls itself otherwise than %s",
			name);
	else
		result = add(out, oid, signature, len - (size_t)(signature - data), data,
			(size_t)(signature - data));
	git_odb_object_free(object);
	return result;
}

int verb_signatures(struct call *call, struct error *err)
{
	char **args = call->args;
	struct out out = {.call = call, .folder = args[4], .err = err};
	git_oid id;

	if (clone_open(call, args[0], err) < 0)
		return -1;
	if (git_oid_fromstr(&id, args[2]) < 0)
		return error_set(err, ERROR_INVALID, "%s is no id", args[2]);
	if (strcmp(args[1], "tag") == 0)
		return add_tag(&out, &id, args[3]);
	if (strcmp(args[1], "range") == 0)
		return add_range(&out, &id, call->n > 5 ? args[5] : NULL);
	return add_commit(&out, &id);
}
