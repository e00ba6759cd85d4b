/* blame: the commit that last changed a line. */
#include "git/git.h"

#include <stdio.h>
#include <stdlib.h>

int verb_blame(struct call *call, struct error *err)
{
	git_blame_options options;
	size_t line = strtoul(call->args[3], NULL, 10);
	const git_blame_hunk *hunk;
	char oid[GIT_OID_HEXSZ + 1];
	git_commit *commit;
	git_blame *blame;

	if (clone_open(call, call->args[0], err) < 0)
		return -1;
	git_blame_options_init(&options, GIT_BLAME_OPTIONS_VERSION);
	options.min_line = options.max_line = line;
	if (git_oid_fromstr(&options.newest_commit, call->args[1]) < 0 ||
		git_blame_file(&blame, call->repo, call->args[2], &options) < 0)
		return fail_git(err, "%s:%zu", call->args[2], line);
	hunk = git_blame_get_hunk_byline(blame, line);
	if (!hunk || git_commit_lookup(&commit, call->repo, &hunk->final_commit_id) < 0)
		return fail_git(err, "%s:%zu", call->args[2], line);
	git_oid_tostr(oid, sizeof(oid), &hunk->final_commit_id);
	printf("commit %s\nauthor %s <%s>\nsummary %s\n", oid, git_commit_author(commit)->name,
		git_commit_author(commit)->email, git_commit_summary(commit));
	return 0;
}
