/*
 * docker_container, the members of its docker_type and what they share. One file each: validate,
 * observe, blocked, create (container.c), update, job, logs, exec, ready.
 */
#ifndef DEVENV_DOCKER_CONTAINER_TYPE_H
#define DEVENV_DOCKER_CONTAINER_TYPE_H

#include "providers/docker/container/container.h"

struct port;

/* validate.c */
void container_validate(const struct resource *resource, struct diags *diags);
void container_claims(const struct type *type, const struct value *inputs,
	void (*claim)(void *arg, const char *what), void *arg);
/* Each port of the host that the inputs take; not those that the engine picks. */
void container_each_port(const struct value *inputs, struct arena *arena,
	void (*see)(void *arg, const struct port *port, int number), void *arg);
const char *container_claim(const struct port *port, int number, char *out, size_t size);

/* see.c: what an inspect says */

/* What references to images mean, asked once per call of the provider. Zero-initialised is empty. */
struct container_images {
	struct container_image {
		const char *reference, *id; /* id NULL: not there, or the engine did not say */
	} *items;
	size_t n, cap;
};

/* GET /containers/ID/json; ERROR_NOT_FOUND when there is none. `id` may be a name. */
const char *container_path(struct docker *docker, const char *id); /* of its inspect */
int container_inspect(struct docker *docker, const char *id, const struct value **inspect,
	struct error *err);
/* Normal form of inputs that were validated; ERROR_INVALID with the first mistake. */
int container_normal(struct docker *docker, const struct value *inputs, struct value *out,
	struct error *err);
/* The same with the lines of environment files in `environment`: what is created and compared. */
int container_wanted(struct docker *docker, const struct value *inputs, struct value *out,
	struct error *err);
/* The attributes of `inputs` (as written; NULL: every one that is set) as they are in reality. */
struct value container_see(struct docker *docker, struct container_images *images,
	const struct value *inspect, const struct value *inputs);
/* The same for keys in their normal form. */
struct value container_see_normal(struct docker *docker, struct container_images *images,
	const struct value *inspect, const struct value *asked);
/* Reality is as `inputs` say, and nothing of what was recorded (may be NULL) was taken out. */
bool container_is_as(struct docker *docker, struct container_images *images,
	const struct value *inspect, const struct value *inputs, const struct value *recorded);
/* Something that cannot change in place differs from what `inputs` say. */
bool container_needs_replacing(struct docker *docker, struct container_images *images,
	const struct value *inspect, const struct value *inputs);
struct value container_outputs(struct arena *arena, const struct value *inspect,
	const struct value *inputs);
/* "running", "healthy", "restarting", "exited (137)" ... */
const char *container_health(struct arena *arena, const struct value *inspect);
bool container_is_running(const struct value *inspect);
/* It is as it should be: it runs, or it ended and may have. */
bool container_runs(const struct value *inspect, const struct value *inputs);

/* observe.c */
void container_ahead(struct docker *docker, const struct docker_observe *observe,
	void (*ask)(void *arg, const char *path, bool slow), void *arg);
int container_observe(struct docker *docker, struct docker_observe *observe, struct error *err);
int container_import(struct docker *docker, const struct type *type, const char *id,
	struct observation *out, struct error *err);

/* blocked.c */
/* The listening sockets in the text of a /proc/net file that are in the way of ip:port. 0: none. */
unsigned long container_socket(const char *text, bool udp, const char *ip, int port);

/* life.c */
int container_destroy(struct docker *docker, struct record *record, struct error *err);
/* `inspect` as last seen; NULL: it was made just now, so there is nothing to be asked. */
int container_start(struct docker *docker, const char *id, const struct value *inspect,
	const struct value *inputs, struct error *err);
int container_stop(struct docker *docker, const char *id, const struct value *inputs,
	struct error *err);
/* Stops and removes it with its anonymous volumes; gone already is success. */
int container_remove(struct docker *docker, const char *id, const struct value *inputs,
	struct error *err);
/* Fills the outcome from reality: outputs and observed. `container_fill` from an inspect that was just made. */
void container_fill(struct docker *docker, struct container_images *images,
	const struct value *inspect, const struct value *inputs, struct outcome *outcome);
int container_finish(struct docker *docker, const char *id, const struct value *inputs,
	struct outcome *outcome, struct error *err);

/* create.c: made, connected and started, or found and finished. */
int container_create(struct docker *docker, const struct request *request,
	struct outcome *outcome, struct error *err);

/* needs.c: what must be there before. `wanted` is the normal form. */
int container_needs_image(struct docker *docker, const struct value *inputs, const char *reference,
	struct error *err);
int container_needs(struct docker *docker, const struct request *request,
	const struct value *wanted, struct error *err);

/* update.c */
int container_update(struct docker *docker, const struct request *request,
	struct outcome *outcome, struct error *err);

/* bring.c */
int container_connect(struct docker *docker, const char *id, const struct value *network,
	struct error *err);
/* Limits, restart policy and networks as `wanted` (normal form) says; of what it does not say, those
   of `changed` (may be NULL) go back to the engine's defaults. */
int container_bring(struct docker *docker, const char *id, const struct value *inspect,
	const struct value *wanted, const char *const *changed, struct error *err);

/* job.c */
/* Waits until it ended; its output goes to the progress. A status other than 0 is an error. */
int container_wait(struct docker *docker, const char *id, struct outcome *outcome,
	struct error *err);

/* logs.c */

/* Takes a stream of log or exec output apart, in whatever pieces it comes. */
struct container_demux {
	bool raw;                   /* of a terminal: no frames, one stream */
	bool (*output)(void *arg, int stream, const char *data, size_t len);
	void *arg;
	unsigned char header[8];    /* of the frame at hand, as far as it came */
	size_t n_header;
	size_t left;                /* bytes of its payload still to come */
};
/* False: `output` wants no more. */
bool container_demux_feed(struct container_demux *demux, const char *data, size_t len);

/* Cuts what two streams bring into lines. Release what is left at the end with container_lines_end. */
struct container_lines {
	bool (*line)(void *arg, int stream, const char *text, size_t len);
	void *arg;
	struct strbuf rest[2];
};
bool container_lines_feed(void *lines, int stream, const char *data, size_t len);
void container_lines_end(struct container_lines *lines);

/* The log of a container by id, as log_request says. */
int container_read_log(struct docker *docker, const char *id, struct log_request *request,
	struct error *err);
int container_logs(struct docker *docker, struct record *record, struct log_request *request,
	struct error *err);
/* The last `lines` lines in the arena, "" for none; an error is none. */
const char *container_last_lines(struct docker *docker, const char *id, int lines);

/* attach.c: starts an exec that reads, and stays with it until it ends. */
int container_attach(struct docker *docker, const char *exec, const struct exec_request *request,
	struct container_demux *demux, struct error *err);

/* exec.c */
int container_exec(struct docker *docker, struct record *record, struct exec_request *request,
	struct error *err);
/* Runs argv in the container; `output` (may be NULL) gets it all. */
int container_run(struct docker *docker, const char *id, const struct value *argv,
	int *exit_status, struct strbuf *output, struct error *err);

/* copy.c */
int container_copy(struct docker *docker, struct record *record, const struct copy_request *request,
	struct error *err);

/* await.c: as `await` of the contract. */
enum readiness container_await(struct docker *docker, struct record *record,
	const struct probe *probe, const struct value *spec, const char **why);

/* ready.c */
int64_t container_started(struct docker *docker, const char *id); /* by the engine's clock, ms; 0: not known */
enum readiness container_ready(struct docker *docker, struct record *record,
	const struct probe *probe, const struct value *spec, const char **why);
int container_probe_target(struct docker *docker, struct record *record, const struct value *spec,
	char *host, size_t host_size, int *port, struct error *err);

#endif
