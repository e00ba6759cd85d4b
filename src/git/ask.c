/*
 * ask: which commit of a server a branch, a tag or a pattern of tags is, or the branch that it calls its
 * own. One question: nothing is downloaded, nothing is written.
 */
#include "git/git.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct refs {
	struct call *call;
	const git_remote_head **heads;
	size_t n;
};

static const git_remote_head *find(const struct refs *refs, const char *name)
{
	for (size_t i = 0; i < refs->n; i++) {
		if (strcmp(refs->heads[i]->name, name) == 0)
			return refs->heads[i];
	}
	return NULL;
}

/* An annotated tag is an object of its own: NAME^{} is what it leads to. */
static const git_remote_head *find_tag(const struct refs *refs, const char *pattern)
{
	struct arena *arena = &refs->call->arena;
	char **names = arena_alloc(arena, (refs->n + 1) * sizeof(*names));
	const git_remote_head *peeled;
	const char *newest;
	size_t n = 0;

	for (size_t i = 0; i < refs->n; i++) {
		if (strncmp(refs->heads[i]->name, "refs/tags/", 10) == 0 &&
			!strstr(refs->heads[i]->name, "^{}"))
			names[n++] = refs->heads[i]->name + 10;
	}
	newest = newest_tag(refs->call, names, n, pattern);
	if (!newest)
		return NULL;
	peeled = find(refs, arena_printf(arena, "refs/tags/%s^{}", newest));
	return peeled ? peeled : find(refs, arena_printf(arena, "refs/tags/%s", newest));
}

static const git_remote_head *look_up(const struct refs *refs, const char *ref)
{
	const git_remote_head *branch;

	if (!ref)
		return find(refs, "HEAD");
	branch = find(refs, arena_printf(&refs->call->arena, "refs/heads/%s", ref));
	return branch ? branch : find_tag(refs, ref);
}

int verb_ask(struct call *call, struct error *err)
{
	const char *url = call->args[0], *ref = call->n > 1 ? call->args[1] : NULL;
	struct refs refs = {.call = call};
	struct credentials credentials = {0};
	char oid[GIT_OID_HEXSZ + 1];
	const git_remote_head *found;
	git_remote *remote;

	if (git_remote_create_detached(&remote, url) < 0)
		return fail_git(err, "%s", url);
	if (remote_ask(call, remote, url, &credentials, &refs.heads, &refs.n, err) < 0)
		return -1;
	alarm(0);
	found = look_up(&refs, ref);
	if (!found) {
		call->status = GIT_MISSING;
		return error_set(err, ERROR_NOT_FOUND, "%s has no %s", url, ref ? ref : "commit yet");
	}
	print_line("ref", found->name);
	printf("commit %s\n", git_oid_tostr(oid, sizeof(oid), &found->oid));
	return 0;
}
