/*
 * devenv logs: lines of what runs. One after the other; with -f all at once, a thread each, because
 * a provider's call blocks. Every thread has its own arena and copy of the record; lines leave one
 * by one under a lock. What has parts (pods) says which one speaks. Who asks for the last lines until a
 * time makes it read twice, because only the first reading tells how many there are.
 */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/jsonl.h"
#include "cli/names.h"
#include "engine/manage.h"
#include "engine/observe.h"

#include <errno.h>
#include <pthread.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

/* What all of them share, under the lock. */
struct log_view {
	pthread_mutex_t mutex;
	bool several;        /* lines say whose they are */
	int width;           /* of the longest name so far */
	regex_t grep;
	bool greps;
	bool named, timed;   /* lines begin with whose they are, with when they were said */
	int64_t until;       /* wall clock ms; 0: to the end */
	struct strbuf name, line;
};

/* How many lines of a part there are until that time, and how many of them are passed over. */
struct part_count {
	const char *part;
	size_t n, passed;
};

struct source_log {
	struct cli *cli;
	struct reconcile *r;
	struct log_view *view;
	const struct provider *provider;
	struct arena arena;
	struct record record;   /* a copy of its own: records parse themselves on first use */
	struct log_request request;
	long last;              /* of each part, until `view->until`; -1: all */
	struct part_count *counts;
	size_t n_counts, cap_counts;
	bool counting;
	size_t index;
	struct error err;
	bool failed;
	pthread_t thread;
};

/* Of its own for each part, the same each time. */
static enum style style_of(const struct source_log *log, const char *part)
{
	static const enum style styles[] = {STYLE_CYAN, STYLE_GREEN, STYLE_YELLOW, STYLE_BLUE};
	size_t n = log->index;

	for (; part && *part; part++)
		n = n * 31 + (unsigned char)*part;
	return styles[n % ARRAY_SIZE(styles)];
}

static void add_name(struct source_log *log, const char *part)
{
	struct stream *out = &log->cli->out;
	struct log_view *view = log->view;
	int width;

	strbuf_reset(&view->name);
	if (view->several)
		strbuf_addstr(&view->name, log->record.address);
	if (part)
		strbuf_addf(&view->name, "%s%s", view->several ? " " : "", part);
	width = display_width(view->name.text);
	if (width > view->width)
		view->width = width;
	paint(&out->buf, &out->terminal, style_of(log, part), "%s", view->name.text);
	add_spaces(&out->buf, view->width - width);
	stream_add(out, " %s ", out->terminal.unicode ? "│" : "|");
}

static void add_line(struct source_log *log, const char *part, int stream, const char *at,
	const char *text, size_t len)
{
	struct stream *out = &log->cli->out;

	if (log->cli->json) {
		struct strbuf clean = STRBUF_INIT;

		add_clean(&clean, text, len);
		jsonl_begin(&out->buf, "log", "info", "%s", clean.text);
		jsonl_text(&out->buf, "@timestamp", log->view->timed ? at : NULL);
		jsonl_text(&out->buf, "address", log->record.address);
		if (part)
			jsonl_text(&out->buf, "part", part);
		jsonl_text(&out->buf, "stream", stream == 2 ? "stderr" : "stdout");
		jsonl_end(&out->buf);
		strbuf_release(&clean);
		return;
	}
	if (log->view->named && (log->view->several || part))
		add_name(log, part);
	if (log->view->timed)
		stream_add(out, "%s ", at);
	add_clean(&out->buf, text, len);
	stream_add(out, "\n");
}

static bool is_wanted(struct log_view *view, const char *text, size_t len)
{
	if (!view->greps)
		return true;
	strbuf_reset(&view->line);
	strbuf_add(&view->line, text, len);
	return regexec(&view->grep, view->line.text, 0, NULL, 0) == 0;
}

static struct part_count *count_of(struct source_log *log, const char *part)
{
	for (size_t i = 0; i < log->n_counts; i++)
		if (!strcmp(log->counts[i].part, part ? part : ""))
			return &log->counts[i];
	ARENA_GROW(&log->arena, log->counts, log->n_counts, log->cap_counts);
	log->counts[log->n_counts] =
		(struct part_count){.part = arena_strdup(&log->arena, part ? part : "")};
	return &log->counts[log->n_counts++];
}

/* Is it one of those that were asked for by their number? */
static bool is_last(struct source_log *log, const char *part)
{
	struct part_count *count;

	if (!log->view->until || log->last < 0)
		return true;
	count = count_of(log, part);
	if (log->counting)
		count->n++;
	else if (count->passed + (size_t)log->last >= count->n)
		return true;
	else
		count->passed++;
	return false;
}

/* Takes the time off a line that begins with one; "" where it has none. */
static const char *take_time(const struct source_log *log, const char **text, size_t *len, char at[40])
{
	const char *space = log->request.flags & LOG_TIMES ? memchr(*text, ' ', *len) : NULL;
	size_t n = space ? (size_t)(space - *text) : 0;

	at[0] = 0;
	if (!n || n >= 40)
		return at;
	memcpy(at, *text, n);
	at[n] = 0;
	*text += n + 1;
	*len -= n + 1;
	return at;
}

static bool see_line(void *arg, const char *part, int stream, const char *text, size_t len)
{
	struct source_log *log = arg;
	char space[40];
	const char *at = take_time(log, &text, &len, space);
	bool more;

	/* Not the end of it: another part may have older ones still to say. */
	if (log->view->until && moment_parse(at, 0) > log->view->until)
		return true;
	pthread_mutex_lock(&log->view->mutex);
	if (is_last(log, part) && is_wanted(log->view, text, len))
		add_line(log, part, stream, at, text, len);
	if (log->request.flags & LOG_FOLLOW || log->cli->out.buf.len > 1 << 16)
		stream_flush(&log->cli->out);
	more = !log->cli->out.error;
	pthread_mutex_unlock(&log->view->mutex);
	return more;
}

static void *read_log(void *arg)
{
	struct source_log *log = arg;
	struct provider_env env = reconcile_env(log->r, &log->arena);

	env.deadline = INT64_MAX; /* a person decides when it is enough */
	log->counting = log->view->until && log->last >= 0;
	if (log->counting && log->provider->logs(&env, &log->record, &log->request, &log->err) < 0) {
		log->failed = true;
		return NULL;
	}
	log->counting = false;
	if (log->provider->logs(&env, &log->record, &log->request, &log->err) < 0)
		log->failed = true;
	return NULL;
}

static int prepare(struct cli *cli, struct reconcile *r, struct source_log *log,
	const char *address, struct error *err)
{
	const struct record *record = manage_record(r, address, err);
	long tail = args_given(&cli->args, "tail") ? args_number(&cli->args, "tail") : -1;

	if (!record)
		return -1;
	log->cli = cli;
	log->r = r;
	log->provider = provider_by_type(record->type);
	log->record = *record;
	log->record.arena = &log->arena;
	log->record.inputs = log->record.outputs = log->record.observed = log->record.meta = NULL;
	log->index = (size_t)(record - r->records);
	log->last = tail;
	log->request = (struct log_request){
		.flags = (args_flag(&cli->args, "follow") ? LOG_FOLLOW : 0) |
			(log->view->timed || log->view->until ? LOG_TIMES : 0),
		.since = args_moment(&cli->args, "since", clock_wall(cli->clock)),
		.tail = log->view->until ? -1 : tail,
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

static int view_init(struct cli *cli, struct log_view *view, struct error *err)
{
	const char *pattern = args_text(&cli->args, "grep");
	char why[160];
	int rc;

	*view = (struct log_view){.mutex = PTHREAD_MUTEX_INITIALIZER, .name = STRBUF_INIT,
		.line = STRBUF_INIT, .named = args_flag(&cli->args, "log-prefix"),
		.timed = args_flag(&cli->args, "timestamps"),
		.until = args_moment(&cli->args, "until", clock_wall(cli->clock))};
	if (!pattern)
		return 0;
	rc = regcomp(&view->grep, pattern, REG_EXTENDED | REG_NOSUB);
	if (rc) {
		regerror(rc, &view->grep, why, sizeof(why));
		return error_set(err, ERROR_INVALID, "--grep '%s' is no regular expression: %s", pattern,
			why);
	}
	view->greps = true;
	return 0;
}

static void view_release(struct log_view *view)
{
	if (view->greps)
		regfree(&view->grep);
	strbuf_release(&view->name);
	strbuf_release(&view->line);
}

static int logs_of(struct cli *cli, struct reconcile *r, struct log_view *view)
{
	struct error err = ERROR_INIT;
	const char *const *addresses =
		names_running(cli, r, 0, cli->args.n_positional, CAN_TALK, &err);
	struct source_log *logs;
	size_t n = 0;

	if (!addresses)
		return cli_fail(cli, &err);
	while (addresses[n]) {
		int one = display_width(addresses[n++]);

		view->width = one > view->width ? one : view->width;
	}
	view->several = n > 1;
	view->width = n > 1 ? view->width : 0;
	if (!n) {
		cli_note(cli, "Nothing here runs.");
		return EXIT_OK;
	}
	logs = arena_zalloc(&cli->arena, n * sizeof(*logs));
	for (size_t i = 0; i < n; i++) {
		logs[i].view = view;
		if (prepare(cli, r, &logs[i], addresses[i], &err) < 0)
			return cli_fail(cli, &err);
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
	struct error err = ERROR_INIT;
	struct log_view view;
	struct reconcile r;
	int status;

	if (args_flag(&cli->args, "follow") && args_given(&cli->args, "until"))
		return cli_usage(cli, "-f goes on and --until ends: leave one of the two out");
	if (view_init(cli, &view, &err) < 0)
		return cli_fail(cli, &err);
	status = open_records(cli, &r);
	if (!status)
		status = logs_of(cli, &r, &view);
	session_end(cli, &r);
	view_release(&view);
	return status;
}

const struct command command_logs = {
	.name = "logs",
	.group = "Operate",
	.summary = "Print what running things say",
	.description =
		"The logs of the named services or resources, or of everything that runs. Secrets "
		"that devenv knows are masked. Of a service on a cluster every container of every pod is "
		"read; with -f also of those that come later.",
	.refused = (const struct refusal[]){
		{"--index", "name the instance: devenv logs 'docker_container.api[\"2\"]'"}, {NULL, NULL}},
	.options = (const struct option[]){
		{.name = "follow", .letter = 'f', .kind = OPTION_FLAG, .env = "DEVENV_LOGS_FOLLOW",
			.help = "Go on as lines come, of all at once"},
		{.name = "timestamps", .letter = 't', .kind = OPTION_FLAG, .env = "DEVENV_LOGS_TIMESTAMPS",
			.help = "Begin each line with when it was said"},
		{.name = "since", .kind = OPTION_MOMENT, .argument = "TIME", .env = "DEVENV_LOGS_SINCE",
			.help = "Only lines that are not older: 10m, 2h, or a time such as "
				"2026-11-21T03:16:38Z (without a zone: local time)"},
		{.name = "until", .kind = OPTION_MOMENT, .argument = "TIME", .env = "DEVENV_LOGS_UNTIL",
			.help = "Only lines that are not younger, in the same words"},
		{.name = "tail", .letter = 'n', .kind = OPTION_NUMBER, .argument = "N", .also = "all",
			.env = "DEVENV_LOGS_TAIL", .help = "Only the last N lines of each, or all of them"},
		{.name = "log-prefix", .kind = OPTION_FLAG, .fallback = "true",
			.env = "DEVENV_LOGS_LOG_PREFIX",
			.help = "Say whose each line is where there are several; --no-log-prefix does not"},
		{.name = "grep", .letter = 'g', .kind = OPTION_TEXT, .argument = "PATTERN",
			.env = "DEVENV_LOGS_GREP",
			.help = "Of these lines only those that match, an extended regular expression"},
		{.name = NULL}},
	.arguments = (const struct argument[]){
		{.name = "NAME", .flags = ARGUMENT_OPTIONAL | ARGUMENT_REPEATED,
			.complete = COMPLETE_RUNNING},
		{.name = NULL}},
	.examples = (const struct example[]){
		{"Follow everything", "devenv logs -f"},
		{"The last lines of one service", "devenv logs api --tail 50"},
		{"What it said last night", "devenv logs api -t --since 2026-11-20T22:00 --until 2026-11-21T06:00"},
		{"What went wrong lately, everywhere", "devenv logs --since 1h --grep error"},
		{NULL, NULL}},
	.run = run_logs,
};
