/*
 * devenv backup | restore: a whole database out of a service of the catalogue, and in again. Its own
 * tools do it inside of it, connected to a file through our standard streams, so that nothing of it is held in
 * memory. The file has no name before it is whole: a dump that fails, or that is killed, leaves none.
 */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/names.h"
#include "base/fs.h"
#include "engine/manage.h"
#include "engine/observe.h"
#include "manifest/lower/lower.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is copied: a service, what it runs as, and how its tools are called. */
struct database {
	const char *name;
	struct record *record;
	const struct provider *provider;
	const struct catalogue_copy *copy;
};

static int find_copy(struct cli *cli, struct reconcile *r, struct database *db, struct error *err)
{
	const struct value *services = value_path(r->manifest.merged, "spec.services");
	const struct value *service = NULL;
	struct nearest nearest = {.word = db->name};

	for (uint32_t i = 0; services && services->kind == VALUE_LIST && i < services->len; i++) {
		const char *name = value_get_text(&services->items[i], "name", "");

		if (strcmp(name, db->name) == 0)
			service = &services->items[i];
		nearest_try(&nearest, name);
	}
	if (!service)
		return error_set(err, ERROR_NOT_FOUND, "there is no service %s%s%s", db->name,
			nearest.best ? "; did you mean " : "",
			nearest.best ? arena_printf(&cli->arena, "%s?", nearest.best) : "");
	db->copy = catalogue_copy(value_get_text(service, "type", NULL));
	if (!db->copy)
		return error_set(err, ERROR_INVALID, "%s is no database: it takes type: postgresql, mysql or "
			"mongodb", db->name);
	return 0;
}

static int find(struct cli *cli, struct reconcile *r, struct database *db, struct error *err)
{
	const char *const *addresses;

	db->name = args_positional(&cli->args, 0);
	if (find_copy(cli, r, db, err) < 0)
		return -1;
	addresses = names_running(cli, r, 0, 1, CAN_TALK, err);
	if (!addresses)
		return -1;
	if (addresses[0] && addresses[1])
		return error_set(err, ERROR_INVALID, "%s is several: their data is not one", db->name);
	db->record = addresses[0] ? manage_record(r, addresses[0], err) : NULL;
	if (!db->record)
		return -1;
	db->provider = provider_by_type(db->record->type);
	if (!db->provider || !db->provider->exec)
		return error_set(err, ERROR_INVALID, "nothing can be executed inside a %s", db->record->type);
	return 0;
}

/* Runs `line` inside with `fd` in the place of our own stream `stream` (0 or 1). */
static int run_inside(struct reconcile *r, const struct database *db, const char *line, int fd,
	int stream, int *exit_status, struct error *err)
{
	const char *const argv[] = {"sh", "-c", line, NULL};
	struct exec_request request = {.argv = argv, .interactive = stream == STDIN_FILENO,
		.input = STDIN_FILENO};
	struct provider_env env = reconcile_env(r, &r->arena);
	int own = fcntl(stream, F_DUPFD_CLOEXEC, 3), rc;

	if (own < 0 || dup2(fd, stream) < 0)
		return error_errno(err, "cannot connect the file");
	env.deadline = INT64_MAX;
	rc = db->provider->exec(&env, db->record, &request, err);
	dup2(own, stream);
	close(own);
	*exit_status = request.exit_status;
	return rc;
}

static const char *tool_of(struct cli *cli, const char *line)
{
	const char *at = strstr(line, "exec ");

	at = at ? at + 5 : line;
	return arena_strndup(&cli->arena, at, strcspn(at, " "));
}

/* --- out ----------------------------------------------------------------------------------------- */

/* A file without a name: it is gone when this program is, however that ends. */
static int open_nameless(struct cli *cli, const char *path, struct error *err)
{
	const char *folder = fs_parent(&cli->arena, path);
	int fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_errno(err, "cannot make a file in %s", folder);
	return fd;
}

/* The whole file under its name, in place of one that had it. */
static int name_it(struct cli *cli, int fd, const char *path, struct error *err)
{
	const char *self = arena_printf(&cli->arena, "/proc/self/fd/%d", fd);
	const char *beside = arena_printf(&cli->arena, "%s.devenv-new", path);

	if (fsync(fd) < 0)
		return error_errno(err, "cannot write %s", path);
	if (linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0)
		return fs_sync_dir(fs_parent(&cli->arena, path), err);
	if (errno != EEXIST)
		return error_errno(err, "cannot name %s", path);
	unlink(beside); /* of one that died at this line */
	if (linkat(AT_FDCWD, self, AT_FDCWD, beside, AT_SYMLINK_FOLLOW) < 0 || rename(beside, path) < 0)
		return error_errno(err, "cannot name %s", path);
	return fs_sync_dir(fs_parent(&cli->arena, path), err);
}

static int dump_into(struct cli *cli, struct reconcile *r, const struct database *db, int fd,
	struct error *err)
{
	int status = 0;

	if (run_inside(r, db, db->copy->out, fd, STDOUT_FILENO, &status, err) < 0)
		return -1;
	return status ? error_set(err, ERROR_FAILED, "%s inside %s exited with status %d: there is no backup",
		tool_of(cli, db->copy->out), db->name, status) : 0;
}

static int dump_file(struct cli *cli, struct reconcile *r, const struct database *db,
	const char *path, struct error *err)
{
	int fd = open_nameless(cli, path, err), rc;
	struct stat st;

	if (fd < 0)
		return -1;
	rc = dump_into(cli, r, db, fd, err);
	if (!rc && fstat(fd, &st) == 0 && !st.st_size)
		rc = error_set(err, ERROR_FAILED, "%s inside %s printed nothing: there is no backup",
			tool_of(cli, db->copy->out), db->name);
	if (!rc)
		rc = name_it(cli, fd, path, err);
	if (!rc)
		cli_note(cli, "%s: %lld bytes in %s", db->name, (long long)st.st_size, path);
	close(fd);
	return rc;
}

/* "database-20260131-120000.dump" */
static const char *file_name(struct cli *cli, const char *name)
{
	char at[32], *to = at;

	clock_rfc3339(clock_wall(cli->clock), at);
	for (const char *from = at; *from && *from != '.' && *from != 'Z'; from++) {
		if (*from != '-' && *from != ':')
			*to++ = *from == 'T' ? '-' : *from;
	}
	*to = '\0';
	return arena_printf(&cli->arena, "%s-%s.dump", name, at);
}

static int backup(struct cli *cli, struct reconcile *r)
{
	const char *path = args_text(&cli->args, "out");
	struct error err = ERROR_INIT;
	struct database db = {0};
	int rc = find(cli, r, &db, &err);

	if (rc == 0 && path && strcmp(path, "-") == 0)
		rc = isatty(STDOUT_FILENO)
			? error_set(&err, ERROR_INVALID, "a backup is nothing to read: name a file, or a pipe")
			: dump_into(cli, r, &db, STDOUT_FILENO, &err);
	else if (rc == 0)
		rc = dump_file(cli, r, &db, path ? path : file_name(cli, db.name), &err);
	return rc < 0 ? cli_fail(cli, &err) : EXIT_OK;
}

static int run_backup(struct cli *cli)
{
	return session_run(cli, STATE_READ, backup);
}

const struct command command_backup = {
	.name = "backup",
	.group = "Operate",
	.summary = "Write the whole database of a service into a file",
	.description =
		"For services of type postgresql (pg_dump, custom format), mysql (mysqldump) and mongodb "
		"(mongodump, an archive): the tool of the service itself runs inside of it. The file, of mode 0600, "
		"appears when it is whole; a dump that fails leaves none.",
	.options = (const struct option[]){
		{.name = "out", .letter = 'o', .kind = OPTION_TEXT, .argument = "FILE",
			.env = "DEVENV_BACKUP_OUT", .complete = COMPLETE_FILE,
			.help = "Where to, instead of SERVICE-TIME.dump here; - is standard output"},
		{.name = NULL}},
	.arguments = (const struct argument[]){
		{.name = "SERVICE", .complete = COMPLETE_RUNNING},
		{.name = NULL}},
	.examples = (const struct example[]){
		{"A database of the catalogue", "devenv backup database"},
		{"Into a certain file", "devenv backup database -o shop.dump"},
		{"To where backups are kept", "devenv backup database -o - | restic backup --stdin"},
		{NULL, NULL}},
	.run = run_backup,
};

/* --- in ------------------------------------------------------------------------------------------ */

static int note_in_audit(struct cli *cli, struct reconcile *r, const struct database *db,
	const char *event, struct error *err)
{
	if (state_begin(r->state, err) < 0)
		return -1;
	if (state_audit(r->state, r->environment.id, session_actor(cli), event, db->record->address,
		    err) == 0)
		return state_commit(r->state, err);
	state_rollback(r->state);
	return -1;
}

static int pour(struct cli *cli, struct reconcile *r, const struct database *db, int fd,
	struct error *err)
{
	int status = 0;

	if (note_in_audit(cli, r, db, "restore begun", err) < 0)
		return -1;
	if (run_inside(r, db, db->copy->in, fd, STDIN_FILENO, &status, err) < 0)
		return -1;
	if (status)
		return error_set(err, ERROR_FAILED, "%s inside %s exited with status %d: %s",
			tool_of(cli, db->copy->in), db->name, status, db->copy->whole
			? "the database is as it was before"
			: "what came in stays; restore it again from a file that is whole");
	return note_in_audit(cli, r, db, "restored", err);
}

static bool is_approved(struct cli *cli, const struct database *db, const char *path)
{
	if (args_flag(&cli->args, "yes"))
		return true;
	return cli_interactive(cli) && cli_confirm(cli, arena_printf(&cli->arena,
		"What %s holds of the tables in %s is replaced by what they were then. Go on?", db->name,
		path));
}

static int restore(struct cli *cli, struct reconcile *r)
{
	const char *path = args_positional(&cli->args, 1);
	struct error err = ERROR_INIT;
	struct database db = {0};
	int fd, rc;

	if (find(cli, r, &db, &err) < 0)
		return cli_fail(cli, &err);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		error_errno(&err, "cannot open %s", path);
		return cli_fail(cli, &err);
	}
	if (!is_approved(cli, &db, path)) {
		close(fd);
		cli_note(cli, "Nothing was restored%s.", cli_interactive(cli) ? "" : ": --yes confirms it");
		return EXIT_FAILED;
	}
	rc = pour(cli, r, &db, fd, &err);
	close(fd);
	if (rc < 0)
		return cli_fail(cli, &err);
	cli_note(cli, "%s: restored from %s", db.name, path);
	return EXIT_OK;
}

static int run_restore(struct cli *cli)
{
	/* Under the lock: no apply goes on meanwhile. */
	return session_run(cli, STATE_WRITE, restore);
}

const struct command command_restore = {
	.name = "restore",
	.group = "Operate",
	.summary = "Take the database of a service back to what a backup holds",
	.description =
		"FILE is one that `devenv backup` wrote. The tables in it are replaced, others stay. It is asked for "
		"before; no apply goes on meanwhile. A postgresql takes it in one transaction: what fails or is killed "
		"leaves the database as it was. A mysql or mongodb keeps what came in until then: restore again.",
	.options = (const struct option[]){
		{.name = "yes", .alias = "auto-approve", .letter = 'y', .kind = OPTION_FLAG,
			.help = "Do not ask"},
		OPTION_LOCK_TIMEOUT,
		{.name = NULL}},
	.arguments = (const struct argument[]){
		{.name = "SERVICE", .complete = COMPLETE_RUNNING},
		{.name = "FILE", .complete = COMPLETE_FILE},
		{.name = NULL}},
	.examples = (const struct example[]){
		{"Back to a backup", "devenv restore database shop.dump"},
		{NULL, NULL}},
	.run = run_restore,
};
