/*
 * blame: the commits that changed lines of a file last. With FILE, of what that holds now: lines that
 * are in no commit yet belong to nobody.
 */
#include "git/git.h"

#include "base/fs.h"

#include <stdio.h>
#include <stdlib.h>

static int look(struct call *call, git_blame **out, struct error *err)
{
	const char *path = call->args[2], *file = call->args[3], *text;
	git_blame_options options;
	git_blame *committed;
	size_t len;

	git_blame_options_init(&options, GIT_BLAME_OPTIONS_VERSION);
	for (int i = 4; i < call->n && !*file; i++) {
		size_t line = strtoul(call->args[i], NULL, 10);

		if (!options.min_line || line < options.min_line)
			options.min_line = line;
		if (line > options.max_line)
			options.max_line = line;
	}
	if (git_oid_fromstr(&options.newest_commit, call->args[1]) < 0 ||
		git_blame_file(&committed, call->repo, path, &options) < 0)
		return fail_git(err, "%s", path);
	if (!*file) {
		*out = committed;
		return 0;
	}
	if (fs_read(file, &call->arena, &text, &len, err) < 0)
		return -1;
	return git_blame_buffer(out, committed, text, len) < 0 ? fail_git(err, "%s", file) : 0;
}

static void print_hunk(struct call *call, const git_blame_hunk *hunk)
{
	char oid[GIT_OID_HEXSZ + 1];
	git_commit *commit;

	if (!hunk || git_commit_lookup(&commit, call->repo, &hunk->final_commit_id) < 0)
		return;
	git_oid_tostr(oid, sizeof(oid), &hunk->final_commit_id);
	printf("commit %s\n", oid);
	print_line("author", git_commit_author(commit)->name);
	print_line("summary", git_commit_summary(commit) ? git_commit_summary(commit) : "");
	git_commit_free(commit);
}

int verb_blame(struct call *call, struct error *err)
{
	git_blame *blame;

	if (clone_open(call, call->args[0], err) < 0 || look(call, &blame, err) < 0)
		return -1;
	for (int i = 4; i < call->n; i++) {
		size_t line = strtoul(call->args[i], NULL, 10);

		printf("line %zu\n", line);
		print_hunk(call, git_blame_get_hunk_byline(blame, line));
	}
	return 0;
}
