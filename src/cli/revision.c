/*
 * See revision.h. A..B with observing: what the plan of B has and that of A has not. Offline: A's desired
 * state stands for what is recorded. A private folder is locked as long as it is used; one without a
 * lock was left by a run that died, and the next run removes it.
 */
#include "cli/revision.h"

#include "base/fs.h"
#include "engine/suppose.h"
#include "base/git.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MOST = 100000 };

static const int64_t bytes_most = (int64_t)1 << 30;

/* --- private folders ------------------------------------------------------------------------------ */

static int hold(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void sweep(const char *all, struct arena *arena)
{
	const char *const *names;
	struct error err = ERROR_INIT;
	size_t n;

	if (fs_list(all, arena, &names, &n, &err) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		const char *folder = arena_printf(arena, "%s/%s", all, names[i]);
		cleanup_fd int fd = hold(folder);

		if (fd >= 0)
			fs_remove_tree(folder, &err);
	}
}

/* Between making and locking it, somebody else's sweep may have taken it: then another one. */
static int make_folder(struct revision *revision, const char *home, struct arena *arena,
	struct error *err)
{
	const char *all = arena_printf(arena, "%s/revisions", home);
	struct stat st;
	char name[17];

	if (fs_make_dirs(all, 0700, arena, NULL, err) < 0)
		return -1;
	sweep(all, arena);
	for (int i = 0; i < 100; i++) {
		random_hex(name, 16);
		revision->folder = arena_printf(arena, "%s/%s", all, name);
		if (mkdir(revision->folder, 0700) < 0)
			return error_errno(err, "make %s", revision->folder);
		revision->fd = hold(revision->folder);
		if (revision->fd >= 0 && fstat(revision->fd, &st) == 0 && st.st_nlink > 0)
			return 0;
		if (revision->fd >= 0)
			close(revision->fd);
		revision->fd = -1;
	}
	return error_set(err, ERROR_FAILED, "no folder of our own can be made in %s", all);
}

static void drop(struct revision *revision)
{
	if (revision->fd < 0)
		return;
	fs_remove_tree(revision->folder, &(struct error)ERROR_INIT);
	close(revision->fd);
	revision->fd = -1;
}

/* --- which ---------------------------------------------------------------------------------------- */

/* What lies here and in no revision: files of the command line, and the environment of the project. */
static const char *const *own_files(const struct reconcile *r, struct arena *arena)
{
	const char **own = NULL;
	const char *folder = r->input.directory;
	size_t n = 0, cap = 0;

	for (const struct variable_input *v = r->input.variables; v->argument || v->file; v++) {
		if (!v->file)
			continue;
		ARENA_GROW(arena, own, n, cap);
		own[n++] = fs_normalise(arena, fs_join(arena, folder, v->file));
	}
	for (;;) {
		ARENA_GROW(arena, own, n, cap);
		own[n++] = fs_join(arena, folder, ".env");
		if (strcmp(folder, "/") == 0)
			break;
		folder = fs_parent(arena, folder);
	}
	ARENA_GROW(arena, own, n, cap);
	own[n] = NULL;
	return own;
}

/* Writes what `name` names; `with`: only what both have in common. */
static int open_revision(const struct git *git, const struct reconcile *r, const char *name,
	const char *with, struct revision *revision, struct arena *arena, struct error *err)
{
	struct git_updated updated;
	struct git_found found;
	const char *tree;

	if (*name == '-') /* it would be an option to somebody */
		return error_set(err, ERROR_INVALID, "\"%s\" is no revision", name);
	if (git_find(git, r->input.directory, name, with, arena, &found, err) < 0 ||
		make_folder(revision, r->home, arena, err) < 0)
		return -1;
	tree = arena_printf(arena, "%s/tree", revision->folder);
	if (git_update(git, found.repository, found.commit, tree, "", FILES_MOST, bytes_most, arena,
		    &updated, err) < 0)
		return error_wrap(err, "%s (%.12s)", name, found.commit);
	revision->commit = found.commit;
	revision->repository = found.repository;
	revision->staged = (struct staged){.root = fs_normalise(arena, found.root), .tree = tree,
		.own = own_files(r, arena)};
	return 0;
}

/* "A..B", "A...B" (from where B left A), or B alone. Nothing between the dots is HEAD. */
static void split(const char *text, struct arena *arena, const char **from, const char **to,
	const char **with)
{
	const char *dots = strstr(text, "..");

	*from = *with = NULL;
	*to = text;
	if (!dots)
		return;
	*from = dots == text ? "HEAD" : arena_strndup(arena, text, (size_t)(dots - text));
	*to = dots + 2;
	if (**to == '.') {
		++*to;
		*with = **to ? *to : "HEAD";
	}
	if (!**to)
		*to = "HEAD";
}

static const char *title_of(const struct revisions *all, struct arena *arena)
{
	const char *to = all->to.commit ? arena_printf(arena, "%.12s", all->to.commit) : "working tree";

	return all->two ? arena_printf(arena, "%.12s..%s", all->from.commit, to) : to;
}

static int open_all(struct cli *cli, struct reconcile *r, struct revisions *all, struct error *err)
{
	const char *text = args_text(&cli->args, "rev"), *from = NULL, *to = NULL, *with = NULL;
	bool offline = args_flag(&cli->args, "offline");
	struct git git = {.clock = cli->clock};

	if (text)
		split(text, &cli->arena, &from, &to, &with);
	if (!from && offline)
		from = "HEAD";
	all->two = from != NULL;
	if (git_helper(r->self, &cli->arena, &git.helper, err) < 0)
		return -1;
	if (from && open_revision(&git, r, from, with, &all->from, &cli->arena, err) < 0)
		return -1;
	if (to && open_revision(&git, r, to, NULL, &all->to, &cli->arena, err) < 0)
		return -1;
	all->title = title_of(all, &cli->arena);
	return 0;
}

/* --- planning ------------------------------------------------------------------------------------- */

static int load(struct reconcile *r, struct revision *revision, struct error *err)
{
	if (revision->commit)
		staged_use(&revision->staged, r);
	if (reconcile_load(r, err) < 0)
		return -1;
	if (revision->commit)
		staged_content(&revision->staged, r);
	return 0;
}

/* A revision without a manifest is where everything began. */
static int load_before(struct cli *cli, struct revisions *all, bool *empty)
{
	struct error err = ERROR_INIT;

	if (session_init(cli, &all->before, &err) < 0)
		return cli_fail(cli, &err);
	all->begun = true;
	all->before.input.other_variables = true;
	*empty = false;
	if (load(&all->before, &all->from, &err) == 0)
		return 0;
	*empty = err.code == ERROR_NOT_FOUND && !all->before.diags.errors;
	if (*empty)
		return 0;
	cli_note(cli, "In %.12s, which is compared with:", all->from.commit);
	return session_fail(cli, &all->before, &err);
}

static int plan_offline(struct cli *cli, struct reconcile *r, struct revisions *all, bool empty)
{
	struct error err = ERROR_INIT;

	if (reconcile_suppose(r, empty ? NULL : &all->before, &err) < 0)
		return session_fail(cli, &all->before, &err);
	if (reconcile_observe(r, &err) < 0 || reconcile_plan(r, &err) < 0)
		return session_fail(cli, r, &err);
	session_warnings(cli, r);
	return 0;
}

/* Its warnings are not those of what is planned. */
static int plan_before(struct cli *cli, struct reconcile *before)
{
	struct error err = ERROR_INIT;

	if (reconcile_open(before, STATE_READ, "plan", &err) == 0 &&
		reconcile_observe(before, &err) == 0 && reconcile_plan(before, &err) == 0)
		return 0;
	cli->out.redactor = cli->err.redactor = &before->redactor;
	return session_fail(cli, before, &err);
}

static int plan_difference(struct cli *cli, struct reconcile *r, struct revisions *all, bool empty)
{
	int status = empty ? 0 : plan_before(cli, &all->before);

	if (!status)
		status = session_plan(cli, r, STATE_READ);
	if (!status && !empty)
		plan_subtract(&r->plan, &all->before.plan);
	return status;
}

bool revisions_wanted(const struct cli *cli)
{
	return args_text(&cli->args, "rev") || args_flag(&cli->args, "offline");
}

int revisions_plan(struct cli *cli, struct reconcile *r, struct revisions *all)
{
	bool offline = args_flag(&cli->args, "offline"), empty = true;
	struct error err = ERROR_INIT;
	int status = 0;

	*all = (struct revisions){.from.fd = -1, .to.fd = -1};
	if (session_init(cli, r, &err) < 0 || open_all(cli, r, all, &err) < 0)
		return cli_fail(cli, &err);
	if (all->two)
		status = load_before(cli, all, &empty);
	if (status)
		return status;
	cli->out.redactor = cli->err.redactor = &r->redactor;
	if (load(r, &all->to, &err) < 0)
		return session_fail(cli, r, &err);
	if (offline)
		return plan_offline(cli, r, all, empty);
	return all->two ? plan_difference(cli, r, all, empty) : session_plan(cli, r, STATE_READ);
}

void revisions_end(struct revisions *all)
{
	if (all->begun)
		reconcile_release(&all->before);
	drop(&all->from);
	drop(&all->to);
}
