/*
 * devenv logs: lines of what runs. One after the other; with -f all at once, a thread each, because
 * a provider's call blocks. Every thread has its own arena and copy of the record; lines leave one
 * by one under a lock.
 */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/jsonl.h"
#include "cli/names.h"
#include "engine/manage.h"
#include "engine/observe.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct source_log {
	struct cli *cli;
	struct reconcile *r;
	pthread_mutex_t *mutex; /* guards the stream */
	const struct provider *provider;
	struct arena arena;
	struct record record;   /* a copy of its own: records parse themselves on first use */
	struct log_request request;
	enum style style;
	int width;              /* of the longest address; 0: no prefix */
	struct error err;
	bool failed;
	pthread_t thread;
};

static void add_line(struct source_log *log, int stream, const char *text, size_t len)
{
	struct stream *out = &log->cli->out;

	if (log->cli->json) {
		struct strbuf clean = STRBUF_INIT;

		add_clean(&clean, text, len);
		jsonl_begin(&out->buf, "log", "info", "%s", clean.text);
		jsonl_text(&out->buf, "address", log->record.address);
		jsonl_text(&out->buf, "stream", stream == 2 ? "stderr" : "stdout");
		jsonl_end(&out->buf);
		strbuf_release(&clean);
		return;
	}
	if (log->width) {
		paint(&out->buf, &out->terminal, log->style, "%s", log->record.address);
		add_spaces(&out->buf, log->width - display_width(log->record.address));
		stream_add(out, " %s ", out->terminal.unicode ? "│" : "|");
	}
	add_clean(&out->buf, text, len);
	stream_add(out, "\n");
}

static bool see_line(void *arg, int stream, const char *text, size_t len)
{
	struct source_log *log = arg;
	bool more;

	pthread_mutex_lock(log->mutex);
	add_line(log, stream, text, len);
	if (log->request.flags & LOG_FOLLOW || log->cli->out.buf.len > 1 << 16)
		stream_flush(&log->cli->out);
	more = !log->cli->out.error;
	pthread_mutex_unlock(log->mutex);
	return more;
}

static void *read_log(void *arg)
{
	struct source_log *log = arg;
	struct provider_env env = reconcile_env(log->r, &log->arena);

	env.deadline = INT64_MAX; /* a person decides when it is enough */
	if (log->provider->logs(&env, &log->record, &log->request, &log->err) < 0)
		log->failed = true;
	return NULL;
}

static int prepare(struct cli *cli, struct reconcile *r, struct source_log *log,
	const char *address, struct error *err)
{
	static const enum style styles[] = {STYLE_CYAN, STYLE_GREEN, STYLE_YELLOW, STYLE_BLUE};
	const struct record *record = manage_record(r, address, err);
	const char *since = args_text(&cli->args, "since");
	size_t index = record ? (size_t)(record - r->records) : 0;

	if (!record)
		return -1;
	log->cli = cli;
	log->r = r;
	log->provider = provider_by_type(record->type);
	log->record = *record;
	log->record.arena = &log->arena;
	log->record.inputs = log->record.outputs = log->record.observed = log->record.meta = NULL;
	log->style = styles[index % ARRAY_SIZE(styles)];
	log->request = (struct log_request){
		.flags = args_flag(&cli->args, "follow") ? LOG_FOLLOW : 0,
		.since = since ? clock_wall(cli->clock) - duration_parse(since) : 0,
		.tail = args_given(&cli->args, "tail") ? args_number(&cli->args, "tail") : -1,
		.line = see_line,
		.arg = log,
	};
	if (!log->provider || !log->provider->logs)
		return error_set(err, ERROR_INVALID, "%s has no logs", address);
	return 0;
}

static int read_all(struct source_log *logs, size_t n)
{
	bool at_once = logs[0].request.flags & LOG_FOLLOW;
	struct cli *cli = logs[0].cli;
	int status = EXIT_OK;

	for (size_t i = 0; i < n; i++) {
		if (!at_once || n == 1) {
			read_log(&logs[i]);
			continue;
		}
		if (pthread_create(&logs[i].thread, NULL, read_log, &logs[i]) != 0) {
			error_set(&logs[i].err, ERROR_FAILED, "cannot start a thread");
			logs[i].failed = true;
			logs[i].provider = NULL; /* nothing to wait for */
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (at_once && n > 1 && logs[i].provider)
			pthread_join(logs[i].thread, NULL);
		if (logs[i].failed) {
			error_wrap(&logs[i].err, "logs of %s", logs[i].record.address);
			status = cli_fail(cli, &logs[i].err);
		}
		arena_release(&logs[i].arena);
	}
	return status;
}

static int logs_of(struct cli *cli, struct reconcile *r)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	struct error err = ERROR_INIT;
	const char *const *addresses = names_running(cli, r, 0, cli->args.n_positional, &err);
	struct source_log *logs;
	size_t n = 0;
	int width = 0;

	if (!addresses)
		return cli_fail(cli, &err);
	while (addresses[n]) {
		int one = display_width(addresses[n++]);

		width = one > width ? one : width;
	}
	if (!n) {
		cli_note(cli, "Nothing here runs.");
		return EXIT_OK;
	}
	logs = arena_zalloc(&cli->arena, n * sizeof(*logs));
	for (size_t i = 0; i < n; i++) {
		if (prepare(cli, r, &logs[i], addresses[i], &err) < 0)
			return cli_fail(cli, &err);
		logs[i].mutex = &mutex;
		logs[i].width = n > 1 ? width : 0;
	}
	return read_all(logs, n);
}

static int open_records(struct cli *cli, struct reconcile *r)
{
	int status = session_records(cli, r, STATE_READ, false);

	for (size_t i = 0; !status && i < r->n_records; i++) {
		redactor_learn(&r->redactor, record_inputs(&r->records[i], NULL));
		redactor_learn(&r->redactor, record_outputs(&r->records[i], NULL));
	}
	return status;
}

static int run_logs(struct cli *cli)
{
	struct reconcile r;
	int status = open_records(cli, &r);

	if (!status)
		status = logs_of(cli, &r);
	session_end(cli, &r);
	return status;
}

const struct command command_logs = {
	.name = "logs",
	.group = "Operate",
	.summary = "Print what running things say",
	.description =
		"The logs of the named services or resources, or of everything that runs. Secrets "
		"that devenv knows are masked.",
	.options = (const struct option[]){
		{.name = "follow", .letter = 'f', .kind = OPTION_FLAG, .env = "DEVENV_LOGS_FOLLOW",
			.help = "Go on as lines come, of all at once"},
		{.name = "since", .kind = OPTION_DURATION, .argument = "DURATION",
			.env = "DEVENV_LOGS_SINCE",
			.help = "Only lines that are not older, e.g. 10m or 2h"},
		{.name = "tail", .letter = 'n', .kind = OPTION_NUMBER, .argument = "N",
			.env = "DEVENV_LOGS_TAIL", .help = "Only the last N lines of each"},
		{.name = NULL}},
	.arguments = (const struct argument[]){
		{.name = "NAME", .flags = ARGUMENT_OPTIONAL | ARGUMENT_REPEATED,
			.complete = COMPLETE_RUNNING},
		{.name = NULL}},
	.examples = (const struct example[]){
		{"Follow everything", "devenv logs -f"},
		{"The last lines of one service", "devenv logs api --tail 50"},
		{NULL, NULL}},
	.run = run_logs,
};
