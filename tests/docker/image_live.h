/* What the tests of images on a real engine share. */
#ifndef DEVENV_TESTS_DOCKER_IMAGE_LIVE_H
#define DEVENV_TESTS_DOCKER_IMAGE_LIVE_H

#include "live.h"

#define IMAGE "docker_image"
#define ADDRESS "docker_image.app"

/* What is in the context goes into the image, and into a list. */
#define DOCKERFILE "FROM " LIVE_IMAGE "\nCOPY . /context\n" \
	"RUN [\"/bin/sh\", \"-c\", \"cd /context && find . -type f -o -type l > /list\"]\n"

static inline const struct value *inspect(struct live *live, const char *reference)
{
	const struct value *image = NULL;

	docker_image_inspect(&live->docker, reference, &image, NULL);
	return image;
}

/* What an apply of an update gives, as the next record. */
static inline struct record *update(struct live *live, struct record *record, const char *inputs)
{
	struct request request = live_request(live, ACT_UPDATE, IMAGE, record->address, inputs, record);
	struct outcome outcome = {0};
	struct error err = ERROR_INIT;

	live_intent(live);
	if (provider_docker.apply(&live->env, &request, &outcome, &err))
		fail_msg("update: %s", err.msg);
	return live_record(live, &request, &outcome);
}

#endif
