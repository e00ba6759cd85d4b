/* Where the Docker Engine is, by the rules of the `docker` command. Its configuration. */
#ifndef DEVENV_DOCKER_ENDPOINT_H
#define DEVENV_DOCKER_ENDPOINT_H

#include "base/alloc.h"
#include "base/error.h"
#include "model/value.h"

struct docker_endpoint {
	const char *where;        /* as a person wrote it: "unix:///var/run/docker.sock" */
	const char *origin;       /* what said so: "DOCKER_HOST", "docker context 'lab'", "default" */
	const char *base;         /* "http://localhost", "https://host:2376" */
	const char *unix_socket;  /* NULL: TCP */
	const char *ca_file, *cert_file, *key_file; /* NULL: none */
	bool insecure;            /* the certificate of the engine is not checked */
};

/*
 * DOCKER_HOST, else the context DOCKER_CONTEXT or currentContext of config.json, else
 * /var/run/docker.sock. The configuration is in DOCKER_CONFIG or ~/.docker.
 * ERROR_INVALID says what is wrong with what the user set, and where it was set.
 */
int docker_endpoint_find(struct arena *arena, struct docker_endpoint *out, struct error *err);
/* config.json; an empty map when there is none. ERROR_INVALID: it cannot be read. */
int docker_config_read(struct arena *arena, struct value *out, struct error *err);

#endif
