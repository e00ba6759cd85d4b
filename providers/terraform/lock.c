/*
 * The lock of a backend outlives who took it. Nothing in it says who that was beyond a user and a host,
 * so while our program works, what it holds is asked for by a try to lock, and the id is noted in
 * the private folder. A later run releases exactly that id, and only as long as it is the one that holds.
 */
#include "providers/terraform/terraform.h"

#include "base/fs.h"

#include <ctype.h>
#include <string.h>

static const char *note_of(struct terraform *tf)
{
	return fs_join(tf->arena, tf->folder, "lock");
}

/* Of the text of an error. The backend `http` names the holder in the message, and in the information below
   it who asked; others name the holder there. */
static const char *id_in(struct arena *arena, const char *text)
{
	const char *held = strstr(text, "already locked:"), *info = strstr(text, "Lock Info:");
	const char *at = held ? strstr(held, "ID=") : NULL; /* perhaps on the next line */
	size_t len = 0;

	if (at && (!info || at < info)) {
		at += strlen("ID=");
	} else if (info && (at = strstr(info, "ID:")) != NULL) {
		at += strlen("ID:");
		at += strspn(at, " \t");
	} else {
		return NULL;
	}
	while (isalnum((unsigned char)at[len]) || at[len] == '-')
		len++;
	return len ? arena_strndup(arena, at, len) : NULL;
}

/* The id that holds the lock; NULL: nobody does, or it cannot be seen. Changes nothing: marks a thing that
   does not exist. */
static const char *holder(struct terraform *tf)
{
	static const char *const args[] = {"taint", "-no-color", "-allow-missing", "-lock-timeout=0s",
		"terraform_data.none_of_this_name", NULL};
	struct said cleanup_said said = SAID_INIT;

	if (terraform_run(tf, args, &said, NULL) || !said.status)
		return NULL;
	return id_in(tf->arena, said.text.text);
}

void terraform_note_lock(struct terraform *tf)
{
	const char *path = note_of(tf), *id = holder(tf);

	if (id)
		fs_write(path, arena_printf(tf->arena, "%s.devenv-new", path), id, strlen(id), 0600, 0,
			NULL);
}

void terraform_forget_lock(struct terraform *tf)
{
	fs_remove(note_of(tf), NULL);
}

int terraform_unlock(struct terraform *tf, struct error *err)
{
	const char *args[] = {"force-unlock", "-force", NULL, NULL}, *id;
	struct said cleanup_said said = SAID_INIT;
	size_t len;

	if (tf->state || fs_read(note_of(tf), tf->arena, &args[2], &len, NULL))
		return 0;
	id = holder(tf);
	if (id && strcmp(id, args[2]) == 0) {
		provider_progress(tf->env, "a run that died left its lock %s: releasing it", id);
		if (terraform_run(tf, args, &said, err))
			return -1;
		if (said.status)
			return terraform_failed(&said, "cannot release the lock of a run that died", err);
	}
	terraform_forget_lock(tf);
	return 0;
}
