/*
 * A view of SQLite's file layer that cannot change anything. SQLite opens a -wal file for writing, and
 * creates it, even for a read-only database; through this view every file is opened read-only and
 * none is made or deleted. The rest is that of the layer beneath.
 */
#include "state/db.h"

#include <sys/stat.h>
#include <unistd.h>

/* Run by root, SQLite gives the companions the owner of the database, also where they have it. */
static int change_owner(int fd, uid_t user, gid_t group)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && st.st_uid == user && st.st_gid == group)
		return 0;
	return fchown(fd, user, group);
}

static int open_read_only(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
	int *out_flags)
{
	sqlite3_vfs *beneath = sqlite3_vfs_find(NULL);
	const int writing = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXCLUSIVE |
			    SQLITE_OPEN_DELETEONCLOSE;

	(void)vfs;
	if (!name) /* a temporary file of SQLite's own; ours are in memory */
		return SQLITE_CANTOPEN;
	return beneath->xOpen(beneath, name, file, (flags & ~writing) | SQLITE_OPEN_READONLY,
		out_flags);
}

static int delete_nothing(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	(void)name;
	(void)sync;
	return SQLITE_READONLY;
}

const char *readonly_vfs(void)
{
	static const char name[] = "devenv-readonly";
	static sqlite3_vfs view; /* SQLite keeps the pointer; every start writes the same into it */
	sqlite3_vfs *beneath;

	sqlite3_initialize();
	if (sqlite3_vfs_find(name))
		return name;
	beneath = sqlite3_vfs_find(NULL);
	view = *beneath;
	view.zName = name;
	view.pNext = NULL;
	view.xOpen = open_read_only;
	view.xDelete = delete_nothing;
	if (beneath->iVersion >= 3 && beneath->xSetSystemCall)
		beneath->xSetSystemCall(beneath, "fchown", (sqlite3_syscall_ptr)change_owner);
	sqlite3_vfs_register(&view, 0);
	return name;
}
