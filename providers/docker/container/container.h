/*
 * docker_container, inside: from the manifest's keys to the engine's body, and from what the engine
 * shows back to the keys.
 *
 * Each key has one row in a table and one normal form. What is desired is brought into it
 * (`normal`), the body of a create is written from it (`body`), and what an inspect shows is read back
 * into it (`observe`), so that equal means unchanged, on every version of the engine. docs/docker.md
 * has the same table for people; a test compares the two.
 */
#ifndef DEVENV_DOCKER_CONTAINER_H
#define DEVENV_DOCKER_CONTAINER_H

#include "base/diag.h"
#include "providers/docker/docker.h"

/* What bringing into normal form may know. */
struct container_context {
	struct arena *arena;
	const char *project_root; /* absolute; "" while validating: nothing is compared with it then */
	struct diags *diags;
	bool partial;             /* parts that are not known yet are left out */
};

/* The body of a create under construction. */
struct container_body {
	struct arena *arena;
	const char *project_root;
	struct value_builder config;  /* the top level */
	struct value_builder host;    /* HostConfig */
	struct value_builder exposed; /* ExposedPorts: of `ports` and of `expose` */
};

/* An inspected container, and what reading it takes. */
struct container_view {
	struct arena *arena;
	const char *project_root;
	const struct value *inspect, *config, *host; /* maps, never NULL */
	const char *image_id;   /* what its reference names now; NULL: not known */
	const char *peer, *peer_id; /* a container named in container:NAME, and its id; NULL: none */
};

enum container_way {
	CONTAINER_REPLACE,  /* the engine cannot change it: a new container */
	CONTAINER_IN_PLACE, /* by /update, connect, disconnect, rename */
	CONTAINER_OURS,     /* the engine does not know it: how we treat the container */
};

/* Generic forms; the functions of a row override them. */
enum container_form {
	FORM_TEXT,
	FORM_BOOL,
	FORM_INT,
	FORM_SIZE, /* bytes */
	FORM_LIST, /* of strings, in order */
	FORM_SET,  /* of strings, sorted, each once */
	FORM_MAP,  /* of strings */
};

struct container_key {
	const char *name;
	enum container_way way;
	enum container_form form;
	const char *field; /* in the body and in inspect: "User", "HostConfig.Memory"; NULL: functions */

	/* 0, or -1 with diagnostics. */
	int (*normal)(struct container_context *context, const struct value *in, struct value *out);
	void (*body)(struct container_body *body, const struct value *normal);
	/* False: not set in reality. `asked`: as recorded or desired, in its normal form as far as it
	   could be read; NULL: everything is wanted (import). */
	bool (*observe)(const struct container_view *view, const struct value *asked,
		struct value *out);
};

/* By topic, each ended by a row without a name. A row is static where its functions are. */
extern const struct container_key container_keys_process[]; /* what runs, and as whom */
extern const struct container_key container_keys_net[];     /* ports, networks, names */
extern const struct container_key container_keys_mounts[];  /* volumes, tmpfs, devices */
extern const struct container_key container_keys_host[];    /* limits, rights, the rest */

const struct container_key *container_key(const char *name); /* NULL: none */
const struct container_key *container_key_at(size_t index); /* NULL: behind the last */

/* Help for the rows. */
/* A part that cannot be read yet: a template or unknown. */
bool container_skips(const struct container_context *context, const struct value *value);
/* The text of a value for a message: a sensitive one is not shown. */
const char *container_shown(const struct value *value);
/* A scalar as a string that keeps the flags and the position of `from`. */
struct value container_text(struct arena *arena, const struct value *from);
struct value container_text_as(struct arena *arena, const struct value *from, const char *text);
int container_strings(struct container_context *context, const struct value *in, bool sorted,
	struct value *out);
struct value container_sorted(struct arena *arena, struct value list); /* strings, each once */
bool container_list_has(const struct value *list, const char *text);
bool container_empty(const struct value *value); /* NULL, null, "", an empty list or map */

/*
 * The keys of `inputs` in their normal form, a map; 0, or -1 with diagnostics. Keys that cannot be
 * seen on a container (pull, job, platform, envFile ...) are not in it.
 */
int container_normalise(struct container_context *context, const struct value *inputs,
	struct value *out);
/* Writes one key into the body. */
void container_put(struct container_body *body, const struct container_key *key,
	const struct value *normal);
/* What two keys together make impossible; reports into context->diags. `normal` is of `inputs`. */
void container_check(struct container_context *context, const struct value *normal,
	const struct value *inputs);

/* The keys of `asked` (normal form; NULL: every key that is set) as they are in reality. */
struct value container_attributes(const struct container_view *view, const struct value *asked);
/* Every key of `normal` is so in reality. */
bool container_matches(const struct value *normal, const struct value *attributes);

/* The body of a create: `labels` with the marks; the first of the networks only: the others are
   connected afterwards. */
struct value container_create_body(struct arena *arena, const char *project_root,
	const struct value *normal, const struct value *labels);
/*
 * The body of /update for what of `names` it can change; an empty map: nothing. `normal` is what shall
 * be. `cpus` and `memory` (bytes) are the engine's own: what a limit that was taken out becomes.
 */
struct value container_update_body(struct arena *arena, const struct value *normal,
	const char *const *names, int64_t cpus, int64_t memory);
/* The endpoint of one of key_networks's items, for create and connect. */
struct value container_endpoint(struct arena *arena, const struct value *network);

/* The member of NetworkSettings.Networks with this name or id; NULL: not connected. */
const struct member *container_network_find(const struct value *networks, const char *name);
/* One item of `ports`; -1 with a diagnostic. */
struct port;
int container_port(const struct value *in, struct arena *arena, struct port *out,
	struct diags *diags);

/* One item of `volumes`, short or long. `source` of a bind is as written, normalised. */
struct container_mount {
	const char *type, *source, *target;
	bool read_only, no_copy;
	bool create;              /* createHostPath */
	const char *propagation, *subpath; /* NULL: not said */
	int64_t size;
	long mode;
};
/* -1 with a diagnostic. */
int container_mount(const struct value *in, struct arena *arena, struct container_mount *out,
	struct diags *diags);
/* The absolute path of a bind's source. */
const char *container_host_path(struct arena *arena, const char *project_root, const char *source);

/* "container:ID" as it was asked for, when the view knows whose id it is. */
const char *container_mode(const struct container_view *view, const char *seen, const char *asked);

#endif
