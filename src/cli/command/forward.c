/*
 * devenv port-forward: ports of this machine that lead into a running thing, until Ctrl-C. The
 * provider's call lasts and has a thread of its own; this one waits for signals, so that what it
 * started is ended with it.
 */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/names.h"
#include "engine/manage.h"
#include "engine/observe.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

struct forwarding {
	struct cli *cli;
	const struct provider *provider;
	struct provider_env env;
	struct record *record;
	struct forward_request request;
	struct error err;
	int rc;
	atomic_bool cancel, ended;
};

static void show(void *arg, const char *line)
{
	struct forwarding *forwarding = arg;

	cli_note(forwarding->cli, "%s", line);
	stream_flush(&forwarding->cli->err);
}

static void *last(void *arg)
{
	struct forwarding *forwarding = arg;

	forwarding->rc = forwarding->provider->forward(&forwarding->env, forwarding->record,
		&forwarding->request, &forwarding->err);
	atomic_store(&forwarding->ended, true);
	return NULL;
}

static int until_signal(struct forwarding *forwarding)
{
	static const struct timespec look_again = {.tv_nsec = 100 * 1000000};
	pthread_t thread;
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	if (pthread_create(&thread, NULL, last, forwarding) != 0) {
		pthread_sigmask(SIG_SETMASK, &old, NULL);
		return error_set(&forwarding->err, ERROR_FAILED, "cannot start a thread");
	}
	while (!atomic_load(&forwarding->ended) && sigtimedwait(&set, NULL, &look_again) < 0)
		;
	atomic_store(&forwarding->cancel, true);
	pthread_join(thread, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	/* To be ended is how it ends. */
	return forwarding->err.code == ERROR_CANCELLED ? 0 : forwarding->rc;
}

static int forward(struct cli *cli, struct reconcile *r)
{
	struct error err = ERROR_INIT;
	const char *const *addresses = names_running(cli, r, 0, 1, CAN_TALK, &err);
	struct forwarding forwarding = {.cli = cli, .env = reconcile_env(r, &r->arena),
		.request = {.address = args_text(&cli->args, "address"),
			.ports = cli->args.positional + 1}};
	struct record *record;

	if (!addresses)
		return cli_fail(cli, &err);
	if (addresses[1]) {
		error_set(&err, ERROR_INVALID, "%s is several; name one: devenv port-forward '%s' ...",
			cli->args.positional[0], addresses[0]);
		return cli_fail(cli, &err);
	}
	record = manage_record(r, addresses[0], &err);
	if (!record)
		return cli_fail(cli, &err);
	forwarding.record = record;
	forwarding.provider = provider_by_type(record->type);
	if (!forwarding.provider || !forwarding.provider->forward) {
		error_set(&err, ERROR_INVALID, "a %s cannot be forwarded to: `ports` of the manifest publish "
			"its ports on this machine", record->type);
		return cli_fail(cli, &err);
	}
	forwarding.env.deadline = INT64_MAX;
	forwarding.env.cancel = &forwarding.cancel;
	forwarding.env.progress = show;
	forwarding.env.progress_arg = &forwarding;
	return until_signal(&forwarding) < 0 ? cli_fail(cli, &forwarding.err) : EXIT_OK;
}

static int run_forward(struct cli *cli)
{
	struct reconcile r;
	int status = session_records(cli, &r, STATE_READ, false);

	if (!status)
		status = forward(cli, &r);
	session_end(cli, &r);
	return status;
}

const struct command command_forward = {
	.name = "port-forward",
	.group = "Operate",
	.summary = "Lead ports of this machine into a running thing",
	.description =
		"Of a service on a cluster, through `kubectl port-forward`. A port is one of its "
		"Service where it has one of that number or name, else one of a pod. When the pod "
		"is replaced, the port leads into the next one. Lasts until Ctrl-C.\n\n"
		"Containers need none of it: `ports` of the manifest publish theirs.",
	.options = (const struct option[]){
		{.name = "address", .kind = OPTION_TEXT, .argument = "ADDRESS",
			.fallback = "127.0.0.1", .env = "DEVENV_PORT_FORWARD_ADDRESS",
			.help = "Of this machine, to listen on"},
		{.name = NULL}},
	.arguments = (const struct argument[]){
		{.name = "NAME", .complete = COMPLETE_RUNNING},
		{.name = "[HERE:]THERE", .flags = ARGUMENT_REPEATED},
		{.name = NULL}},
	.examples = (const struct example[]){
		{"Port 80 of a service on port 8080 here", "devenv port-forward api 8080:80"},
		{"The same number on both sides", "devenv port-forward database 5432"},
		{NULL, NULL}},
	.run = run_forward,
};
