/* The parts of local_process that the provider's table names, and what its files share. */
#ifndef DEVENV_PROVIDERS_LOCAL_PROCESS_H
#define DEVENV_PROVIDERS_LOCAL_PROCESS_H

#include "providers/local/folder.h"
#include "providers/local/local.h"

/* Folders of ours that no item of the batch accounts for. */
void process_strays(struct provider_env *env, struct observe_request *request);

enum readiness process_ready(struct provider_env *env, struct record *record,
	const struct probe *probe, const struct value *spec, const char **why);
int process_probe_target(struct provider_env *env, struct record *record,
	const struct value *spec, char *host, size_t host_size, int *port, struct error *err);
int process_logs(struct provider_env *env, struct record *record, struct log_request *request,
	struct error *err);
int process_exec(struct provider_env *env, struct record *record, struct exec_request *request,
	struct error *err);

/* --- between the files of local_process ------------------------------------------------------- */

/* work_dir/processes/ID; NULL for an id that is no plain name. */
const char *process_folder(struct provider_env *env, const char *id);
/* One line on how it is: "running", "exited (1)". */
const char *process_health(struct arena *arena, const struct folder *folder);
/* The environment that the command gets. `path`: its folder, the mark of all that descends from it;
   NULL for what only runs beside it. NULL: an error. */
const char *const *process_environment(struct provider_env *env, const struct value *inputs,
	const char *address, const char *path, struct error *err);
/* Starts the command in `path` through a shim; nothing runs there. */
int process_start(struct provider_env *env, const char *path, const char *address,
	const struct value *inputs, struct error *err);
/* Until nothing runs in the folder: asks, waits, kills. Fine when nothing does. */
int process_stop(struct provider_env *env, const struct folder *folder, struct error *err);
/* The last lines of the log since the last start, without their stamps; "" for none. */
const char *process_log_tail(struct arena *arena, const struct folder *folder, size_t lines);

/*
 * Reads stored lines, the older log first. `line` gets the text without its stamp; false stops.
 */
struct log_line {
	int64_t at; /* wall clock, ms; 0: no stamp */
	int stream;
	const char *text;
	size_t len;
};
int process_log_read(const char *path, bool (*line)(void *arg, const struct log_line *line),
	void *arg, struct error *err);

#endif
