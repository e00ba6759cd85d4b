/* An entry of the catalogue, between its table (catalogue_entries.c) and what is made of it (catalogue.c). */
#ifndef DEVENV_MANIFEST_LOWER_CATALOGUE_H
#define DEVENV_MANIFEST_LOWER_CATALOGUE_H

#include "manifest/lower/internal.h"

/* In texts: %n the service's name, %u %p %d its username, password and database, %s %v size and claim of its data. */
struct catalogue_pair {
	const char *name, *text;
};

struct catalogue_entry {
	const char *type, *image, *version, *scheme, *suffix;
	const char *port;
	const char *username, *database; /* defaults; NULL: it has none */
	bool password;                   /* it has one, generated when it is not said */
	bool follows;                    /* its data takes another password; else it keeps its first */
	const char *begun[3];            /* of env: read when its data is begun, and never again */
	const char *data;                /* where its data lies; NULL: it keeps none */
	const char *seeds;               /* where its image looks for files to begin with */
	struct catalogue_pair env[12];
	const char *command[5];
	const char *health;
	struct catalogue_copy copy;      /* its whole database out, and in again */
	const char *user;                /* "UID:GID", for its security context; NULL: root */
	const char *capabilities[5];     /* beside those of nobody */
	const char *path;                /* http: where it says that it is well */
	struct catalogue_pair values[6];           /* of its chart; the name is a path */
};

/* Has it anything that the key of a service could mean: a username, a database? */
bool catalogue_takes(const struct catalogue_entry *entry, const char *word);

#endif
