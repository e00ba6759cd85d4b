/* Credentials of registries, as the `docker` command keeps them, and references to images. */
#ifndef DEVENV_DOCKER_AUTH_H
#define DEVENV_DOCKER_AUTH_H

#include "providers/docker/engine.h"

/* "registry:5000/team/app:1.0@sha256:..." in parts. */
struct image_reference {
	const char *registry;   /* "docker.io" when none is named */
	const char *repository; /* as written, with the registry, without tag and digest */
	const char *tag;        /* "latest" when neither is given; NULL: only a digest */
	const char *digest;     /* "sha256:..."; NULL: none */
};
/* ERROR_INVALID for what is no reference. */
int image_reference_parse(struct arena *arena, const char *text, struct image_reference *out,
	struct error *err);

/*
 * The value of X-Registry-Auth for one registry; "" when there are no credentials, which is fine for
 * public images. `*note` then says why, when a helper could not be asked; NULL: there simply are none.
 * From credHelpers, credsStore (docker-credential-X get) and auths of config.json. ERROR_INVALID: the
 * configuration cannot be read.
 */
int docker_auth(struct docker *docker, const char *registry, const char **header,
	const char **note, struct error *err);
/* What the registry or the way to it says as an error, by what it is worth: TRANSIENT, NOT_FOUND, INVALID when
   it refuses us. `note` as above. */
int docker_registry_failed(const char *verb, const char *reference, const char *registry,
	const char *message, const char *note, struct error *err);
/* The value of X-Registry-Config: all registries the configuration names, for a build. */
int docker_auth_all(struct docker *docker, const char **header, struct error *err);

#endif
