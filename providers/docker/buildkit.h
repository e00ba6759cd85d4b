/*
 * What BuildKit says while it builds: protobuf messages (moby.buildkit.v1.StatusResponse) in base64,
 * in lines with the id "moby.buildkit.trace". Only what a person reads is taken out of them.
 */
#ifndef DEVENV_DOCKER_BUILDKIT_H
#define DEVENV_DOCKER_BUILDKIT_H

#include "base/alloc.h"

#include <stdbool.h>
#include <stddef.h>

enum buildkit_kind {
	BUILDKIT_STEP, /* a step began: "[2/3] RUN make" */
	BUILDKIT_LOG,  /* bytes of a step's output, with newlines */
};

/* Calls `see` for each step that began and each piece of output, in their order. False: `base64` is
   no such message (what was readable before the fault was seen). Never reads beyond its input. */
bool buildkit_trace(const char *base64, struct arena *arena,
	void (*see)(void *arg, enum buildkit_kind kind, const char *text, size_t len), void *arg);

#endif
