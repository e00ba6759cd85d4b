/* Between follow.c and follow_folders.c only. */
#ifndef DEVENV_LOOP_FOLLOW_INTERNAL_H
#define DEVENV_LOOP_FOLLOW_INTERNAL_H

#include "loop/follow.h"

#define KEY_ALL UINT32_MAX

/* Whom a name concerns: "FOLDER/NAME", or "FOLDER/" for those who list it. */
struct follow_key {
	uint32_t item; /* of the trail; KEY_ALL: where things lie may change */
	uint32_t next; /* MAP_NONE: the last one */
};

struct folder {
	char *path; /* without symbolic links */
	unsigned round; /* in which it was needed last */
	bool polled;
};

/* Which folders matter for the trail, and to whom; tells the helper. */
void folders_find(struct follow *f);
void folders_forget(struct follow *f);
/* A helper that is new knows none of them. */
void folders_ask_again(struct follow *f);
void folder_is_polled(struct follow *f, const char *path);
void follow_poll_because(struct follow *f, const char *why);

#endif
