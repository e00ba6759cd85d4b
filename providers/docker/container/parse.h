/*
 * The small languages inside a container's keys: sizes, CPUs, shell words, ports, mounts, references
 * to images. Pure; nothing here knows where a text came from, so none reports: callers do.
 */
#ifndef DEVENV_DOCKER_CONTAINER_PARSE_H
#define DEVENV_DOCKER_CONTAINER_PARSE_H

#include "model/value.h"

#include <stdbool.h>
#include <stdint.h>

/* "512m", "1Gi", "1.5g", "65536" -> bytes; every unit is a power of 1024, as Docker's are. -1: none. */
int64_t size_parse(const char *text);

/* "0.5", "2", "500m" (thousandths) -> billionths of a CPU. -1: none. */
int64_t cpus_parse(const char *text);

/*
 * Splits as a POSIX shell does, without expanding anything: blanks, '...', "..." and backslashes.
 * NULL, or what is wrong ("a quote is not closed").
 */
const char *words_split(const char *text, struct arena *arena, struct value *out);

/* "nginx" -> "nginx:latest", "docker.io/library/nginx:1" -> "nginx:1". Ids and digests stay. */
const char *image_normal(const char *reference, struct arena *arena);
/* It names content, not a tag that may move. */
bool image_is_fixed(const char *reference);

/* A published port, or a range of them. */
struct port {
	int first, last;           /* of the container */
	int host_first, host_last; /* 0: the engine picks one */
	const char *ip;            /* "": every address */
	const char *protocol;      /* "tcp", "udp" or "sctp" */
};

/* "80", "8080:80/udp", "127.0.0.1:8080:80", "[::1]::80", "3000-3005:3000-3005". NULL, or what is wrong. */
const char *port_parse(const char *text, struct arena *arena, struct port *out);
/* "80", "80-82": NULL, or what is wrong. */
const char *port_range_parse(const char *text, int *first, int *last);
/* Both ranges fit together; NULL, or what is wrong. */
const char *port_check(const struct port *port);
/* "tcp", "udp", "sctp" in any case; NULL: another word. */
const char *port_protocol(const char *text);

/* The parts of "source:target:options"; `source` is "" for an anonymous volume. */
struct mount_text {
	const char *source, *target;
	bool read_only, no_copy;
	const char *propagation; /* NULL: not said */
	const char *unsupported; /* an option that is known elsewhere and not taken here; NULL: none */
};

/* NULL, or what is wrong. */
const char *mount_parse(const char *text, struct arena *arena, struct mount_text *out);
/* The source is a path of the host and not the name of a volume. */
bool mount_is_path(const char *source);

#endif
