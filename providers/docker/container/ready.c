/*
 * Is it ready? One look each time; the engine of the program owns the waiting. A container that ended
 * will not become ready, so there the waiting is over, with the last line it wrote as the reason.
 */
#include "providers/docker/container/type.h"

#include "providers/docker/container/parse.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COMMAND_TIMEOUT = 3000 };

static const char *with_last_line(struct docker *docker, const char *id, const char *text)
{
	const char *line = container_last_lines(docker, id, 1);

	return *line ? arena_printf(docker->arena, "%s: %s", text, line) : text;
}

/* READY_YES: it runs, so the probe itself decides. */
static enum readiness look_at_state(struct docker *docker, const struct value *inspect,
	const char **why)
{
	const char *status = value_get_text(value_get(inspect, "State"), "Status", "");
	const char *id = value_get_text(inspect, "Id", "");

	if (container_is_running(inspect))
		return READY_YES;
	*why = with_last_line(docker, id, container_health(docker->arena, inspect));
	if (!strcmp(status, "restarting") || !strcmp(status, "created"))
		return READY_WAIT;
	if (!strcmp(status, "paused")) {
		*why = "it is paused";
		return READY_WAIT;
	}
	return READY_FAILED;
}

/* --- kinds of probes ---------------------------------------------------------------------------- */

static enum readiness probe_health(struct docker *docker, const struct value *inspect,
	const char **why)
{
	const struct value *health = value_get(value_get(inspect, "State"), "Health");
	const struct value *log = value_get(health, "Log");
	const char *status = value_get_text(health, "Status", "none"), *said = "";

	if (!strcmp(status, "healthy"))
		return READY_YES;
	if (!health || !strcmp(status, "none")) {
		*why = "it has no health check: write healthcheck, or probe http, tcp, command or log";
		return READY_FAILED;
	}
	if (log && log->kind == VALUE_LIST && log->len)
		said = value_get_text(&log->items[log->len - 1], "Output", "");
	*why = arena_printf(docker->arena, "its health is %s%s%.*s", status, *said ? ": " : "",
		(int)strcspn(said, "\r\n"), said);
	return !strcmp(status, "unhealthy") ? READY_FAILED : READY_WAIT;
}

static enum readiness probe_command(struct docker *docker, const char *id,
	const struct probe *probe, const struct value *spec, const char **why)
{
	cleanup_strbuf struct strbuf output = STRBUF_INIT;
	struct provider_env *old = docker->env, env = *old;
	const struct value *argv = value_get(spec, "command");
	struct error err = ERROR_INIT;
	struct value words;
	int64_t until;
	int result, status = -1;

	if (argv && argv->kind == VALUE_STRING && !words_split(argv->text, docker->arena, &words))
		argv = &words;
	if (!argv || argv->kind != VALUE_LIST || !argv->len) {
		*why = "the probe names no command";
		return READY_FAILED;
	}
	until = clock_monotonic(env.clock) + (probe->timeout ? probe->timeout : COMMAND_TIMEOUT);
	if (!env.deadline || until < env.deadline)
		env.deadline = until;
	docker->env = &env;
	result = container_run(docker, id, argv, &status, &output, &err);
	docker->env = old;
	if (result == 0 && status == 0)
		return READY_YES;
	if (err.code == ERROR_TIMEOUT)
		*why = "the command did not end in time";
	else if (result < 0)
		*why = arena_strdup(docker->arena, err.msg);
	else
		*why = arena_printf(docker->arena, "the command ended with status %d%s%.*s", status,
			output.len ? ": " : "", (int)strcspn(output.text, "\r\n"), output.text);
	return READY_WAIT;
}

struct log_search {
	regex_t pattern;
	bool found;
	struct strbuf line;
};

static bool search_line(void *arg, const char *part, int stream, const char *text, size_t len)
{
	struct log_search *search = arg;

	(void)part;
	(void)stream;
	strbuf_reset(&search->line);
	strbuf_add(&search->line, text, len);
	search->found = regexec(&search->pattern, search->line.text, 0, NULL, 0) == 0;
	return !search->found;
}

/* A moment of its State, in ms of the engine's clock; 0: it has none. */
static int64_t state_moment(const struct value *inspect, const char *name)
{
	const char *text = value_get_text(value_get(inspect, "State"), name, "");
	int64_t moment = *text ? moment_parse(text, 0) : MOMENT_INVALID;

	return moment == MOMENT_INVALID ? 0 : moment;
}

/*
 * From when on its lines are those of this life; 0: it is the first. Not from when it was started:
 * that is noted after the start, when its first lines may have been written.
 */
static int64_t reborn(const struct value *inspect)
{
	int64_t ended = state_moment(inspect, "FinishedAt");

	return ended ? ended + 1 : 0;
}

/* What it wrote since it was started last: a line of an earlier life proves nothing. */
static enum readiness probe_log(struct docker *docker, const struct value *inspect,
	const struct value *spec, const char **why)
{
	const char *text = value_get_text(spec, "log", "");
	struct log_search search = {.line = STRBUF_INIT};
	struct log_request request = {
		.since = reborn(inspect), .tail = -1, .line = search_line, .arg = &search};
	struct error err = ERROR_INIT;
	int result;

	if (regcomp(&search.pattern, text, REG_EXTENDED | REG_NOSUB) != 0) {
		*why = arena_printf(docker->arena, "\"%s\" is no regular expression", text);
		return READY_FAILED;
	}
	result = container_read_log(docker, value_get_text(inspect, "Id", ""), &request, &err);
	regfree(&search.pattern);
	strbuf_release(&search.line);
	if (search.found)
		return READY_YES;
	*why = result < 0 ? arena_strdup(docker->arena, err.msg)
			  : arena_printf(docker->arena, "no line of its log matches \"%s\" yet", text);
	return READY_WAIT;
}

int64_t container_started(struct docker *docker, const char *id)
{
	const struct value *inspect;

	return container_inspect(docker, id, &inspect, NULL) < 0 ? 0 : state_moment(inspect, "StartedAt");
}

enum readiness container_ready(struct docker *docker, struct record *record,
	const struct probe *probe, const struct value *spec, const char **why)
{
	const struct value *inputs = record_inputs(record, NULL), *inspect;
	struct error err = ERROR_INIT;
	enum readiness readiness;

	if (!record->id || container_inspect(docker, record->id, &inspect, &err) < 0) {
		*why = record->id ? arena_strdup(docker->arena, err.msg) : "it has no container";
		return !record->id || err.code == ERROR_NOT_FOUND ? READY_FAILED : READY_UNSEEN;
	}
	/* A job was waited for when it was made, and what may end is as it should be once it did. */
	if (!strcmp(value_get_text(value_get(inspect, "State"), "Status", ""), "exited") &&
		container_runs(inspect, inputs) &&
		(value_get_bool(inputs, "job", false) || probe->kind == PROBE_NONE ||
			probe->kind == PROBE_RUNNING))
		return READY_YES;
	readiness = look_at_state(docker, inspect, why);
	if (readiness != READY_YES)
		return readiness;
	switch (probe->kind) {
	case PROBE_HEALTH:
		return probe_health(docker, inspect, why);
	case PROBE_COMMAND:
		return probe_command(docker, record->id, probe, spec, why);
	case PROBE_LOG:
		return probe_log(docker, inspect, spec, why);
	case PROBE_NONE:
	case PROBE_RUNNING:
	case PROBE_HTTP:
	case PROBE_TCP:
		break;
	}
	return READY_YES;
}

/* --- where http and tcp go ---------------------------------------------------------------------- */

/* The host that the engine is on, as we reach it. */
static void engine_host(const struct docker *docker, char *host, size_t size)
{
	const char *start = strstr(docker->where, "://");

	if (strncmp(docker->where, "unix://", 7) == 0 || !start) {
		snprintf(host, size, "127.0.0.1");
		return;
	}
	start += 3;
	snprintf(host, size, "%.*s", (int)strcspn(start, ":/"), start);
}

static bool is_every(const char *ip)
{
	return !*ip || !strcmp(ip, "0.0.0.0") || !strcmp(ip, "::");
}

static bool published(const struct docker *docker, const struct value *ports, const char *key,
	char *host, size_t size, int *port)
{
	const struct value *list = value_get(ports, key);
	const char *ip;

	if (!list || list->kind != VALUE_LIST || !list->len)
		return false;
	ip = value_get_text(&list->items[0], "HostIp", "");
	if (is_every(ip))
		engine_host(docker, host, size);
	else
		snprintf(host, size, "%s", ip);
	*port = atoi(value_get_text(&list->items[0], "HostPort", "0"));
	return *port > 0;
}

/* `port` may also be what the manifest publishes it as; without one, the only published port. */
static bool published_as(const struct docker *docker, const struct value *ports, int wanted,
	char *host, size_t size, int *port)
{
	const char *key = NULL;

	for (size_t i = 0; ports && ports->kind == VALUE_MAP && i < ports->len; i++) {
		const struct member *member = &ports->members[i];
		char there[256];
		int number;

		if (!published(docker, ports, member->key, there, sizeof(there), &number))
			continue;
		if (wanted ? number == wanted : true) {
			if (key)
				return false;
			key = member->key;
		}
	}
	return key && published(docker, ports, key, host, size, port);
}

/* Whose network it is in: its own, or that of the container in container:ID. */
static int network_owner(struct docker *docker, const struct value **inspect, struct error *err)
{
	const char *mode =
		value_get_text(value_get(*inspect, "HostConfig"), "NetworkMode", "");

	return strncmp(mode, "container:", 10) ? 0 : container_inspect(docker, mode + 10, inspect, err);
}

int container_probe_target(struct docker *docker, struct record *record, const struct value *spec,
	char *host, size_t host_size, int *port, struct error *err)
{
	const struct value *inspect, *ports;
	int wanted = (int)value_get_int(spec, "port", 0);
	const char *why, *address, *mode;
	struct value seen;

	if (!record->id)
		return error_set(err, ERROR_FAILED, "it has no container");
	if (container_inspect(docker, record->id, &inspect, err) < 0)
		return -1;
	switch (look_at_state(docker, inspect, &why)) {
	case READY_FAILED:
		return error_set(err, ERROR_FAILED, "%s", why);
	case READY_WAIT:
	case READY_UNSEEN:
		return error_set(err, ERROR_TRANSIENT, "%s", why);
	case READY_YES:
		break;
	}
	if (network_owner(docker, &inspect, err) < 0)
		return -1;
	mode = value_get_text(value_get(inspect, "HostConfig"), "NetworkMode", "");
	ports = value_get(value_get(inspect, "NetworkSettings"), "Ports");
	if (wanted && published(docker, ports, arena_printf(docker->arena, "%d/tcp", wanted), host,
			host_size, port))
		return 0;
	if (published_as(docker, ports, wanted, host, host_size, port))
		return 0;
	if (!wanted)
		return error_set(err, ERROR_INVALID, "the probe names no port");
	*port = wanted;
	if (!strcmp(mode, "host")) {
		engine_host(docker, host, host_size);
		return 0;
	}
	seen = container_outputs(docker->arena, inspect, &value_empty_map);
	address = value_get_text(&seen, "ipAddress", "");
	if (!*address)
		return error_set(err, ERROR_TRANSIENT, "it has no address yet");
	snprintf(host, host_size, "%s", address);
	return 0;
}
