/* Between the files of lowering: lower.c, lower_docker.c, lower_process.c. */
#ifndef DEVENV_MODEL_LOWER_INTERNAL_H
#define DEVENV_MODEL_LOWER_INTERNAL_H

#include "base/map.h"
#include "model/lower.h"

enum service_kind {
	SERVICE_BAD,       /* was diagnosed */
	SERVICE_CONTAINER, /* image, build or source: docker_container */
	SERVICE_PROCESS,   /* a command and no image: local_process */
	SERVICE_COMMAND,   /* the same of type job: local_command */
};

struct service {
	const char *name;
	const struct value *spec;    /* its map, references to other services replaced */
	enum service_kind kind;
	bool job;
	const char *address;         /* of the resource that others wait for */
	bool uses_host;              /* a container that refers to what runs on this machine */
	const char **uses;           /* names of services that its references name */
	size_t n_uses, cap_uses;
};

struct lowering {
	struct manifest *manifest;
	struct arena *arena;
	struct diags *diags;
	const struct value *spec;      /* the whole merged spec */
	const struct value *resources; /* as written */
	struct service *services;
	size_t n;
	struct map by_name;            /* -> index into services */
	struct value_builder made;     /* the new resources */
	struct map volumes;            /* named volumes that were lowered already */
	struct map networks;
};

/* A resource under construction, with type, name and $service, at the place of the service. */
void lower_begin(struct lowering *l, struct value_builder *b, const struct service *service,
	const char *type, const char *name);
/* Adds it to l->made. */
void lower_end(struct lowering *l, struct value_builder *b, const struct service *service);
/* The member `from` of the service under the name `to`, when it is there. */
void lower_copy(struct value_builder *b, const struct service *service, const char *from,
	const char *to);
/* More than one, or none: forEach over "1", "2", ... */
void lower_replicas(struct lowering *l, struct value_builder *b, const struct service *service);
/* dependsOn and lifecycle: dependencies, references to services, triggers. */
void lower_order(struct lowering *l, struct value_builder *b, const struct service *service);
/* A map, or a list of KEY=VALUE, as a map. */
struct value lower_key_values(struct lowering *l, const struct value *value);
/* "a b 'c d'" -> [a, b, c d]; a list stays. */
struct value lower_words(struct lowering *l, const struct value *value);
/* A string with `text`, at the place of `at`. */
struct value lower_text(struct lowering *l, const char *text, const struct value *at);
/* A piece cut out of `whole`: as sensitive as that, and with references only where it has some. */
struct value lower_part(struct lowering *l, const char *text, const struct value *whole);
bool lower_is_declared(const struct lowering *l, const char *type, const char *name);

void lower_container(struct lowering *l, const struct service *service);
void lower_process(struct lowering *l, const struct service *service);
void lower_command(struct lowering *l, const struct service *service);

#endif
