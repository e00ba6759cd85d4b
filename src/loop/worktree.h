/* A git worktree that is being switched: nothing starts while its index is locked. */
#ifndef DEVENV_LOOP_WORKTREE_H
#define DEVENV_LOOP_WORKTREE_H

#include "base/alloc.h"

/* The path of the lock file of the worktree that holds `folder`, there or not; NULL: it is in none. */
const char *worktree_lock(const char *folder, struct arena *arena);

#endif
