/* docker_image, inside: image.c looks, image_apply.c acts. */
#ifndef DEVENV_DOCKER_IMAGE_H
#define DEVENV_DOCKER_IMAGE_H

#include "providers/docker/docker.h"

/* The resource in terms of images. */
struct image_wish {
	const struct value *inputs; /* a map */
	const char *pull, *load;    /* reference, path; NULL: not that way */
	bool build;
	const char *const *tags;    /* NULL-terminated */
};

/* `record` NULL: none; it keeps a default name that was chosen before. */
struct image_wish image_wish(struct docker *docker, const struct value *inputs,
	const char *address, struct record *record);
/* The same for what is recorded. */
struct image_wish image_recorded_wish(struct docker *docker, struct record *record);
const char *image_recorded_name(struct record *record);
bool image_was_pulled(struct record *record); /* NULL: no */

/* NULL in *image: there is none. */
int image_find(struct docker *docker, const char *reference, const struct value **image,
	struct error *err);
const char *image_id(const struct value *image);
const char *image_content(const struct value *image); /* of the label; "" */
const struct value *image_labels(const struct value *image); /* of an inspect; may be NULL */
bool image_has_all(struct docker *docker, const struct value *image,
	const struct image_wish *wish);

const struct value *image_attributes(struct docker *docker, const struct value *image,
	const struct image_wish *wish);
const struct value *image_outputs(struct docker *docker, const struct value *image,
	const char *name, bool pulled);

int image_apply(struct docker *docker, const struct request *request, struct outcome *outcome,
	struct error *err);
int image_destroy(struct docker *docker, struct record *record, struct error *err);

#endif
