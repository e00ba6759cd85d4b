/* Building, loading and tagging images. image.c decides when; this does it. */
#ifndef DEVENV_DOCKER_BUILD_H
#define DEVENV_DOCKER_BUILD_H

#include "providers/docker/docker.h"

/* The label that says what an image was built from: the hash of build_digest(), in hex. */
#define DOCKER_LABEL_CONTENT "dev.devenv.content"

/* Everything that makes the image what it is: context, Dockerfile, arguments, target, labels and
   platform. `inputs` are those of docker_image with `build`, resolved. */
int build_digest(const struct value *inputs, const char *project_root, struct hash *out,
	struct error *err);

struct build {
	const struct value *inputs;
	const char *address;
	int generation;
	const char *const *tags; /* NULL-terminated, at least one */
	struct hash content;     /* out: what was sent, and stands in the label */
	const char *output;      /* out: the last lines */
};

/* ERROR_TRANSIENT when a file changed while it was sent; the next try builds what is there then. */
int build_image(struct docker *docker, struct build *build, struct error *err);

/* `docker load` of an archive; *reference is what it says it loaded. */
int load_image(struct docker *docker, const char *path, const char **reference, struct error *err);

/* Gives the image `id` one more name. One that another image has is ERROR_CONFLICT, unless that bears
   our mark for `address` or `take` is set. */
int tag_image(struct docker *docker, const char *id, const char *tag, const char *address,
	bool take, struct error *err);

#endif
