/* devenv audit verify: is the chain of audit entries whole? */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/jsonl.h"

static int verify(struct cli *cli, struct state *state)
{
	struct error err = ERROR_INIT;
	int64_t checked = 0, broken = 0;

	if (state_audit_verify(state, &checked, &broken, &err) < 0)
		return cli_fail(cli, &err);
	if (broken) {
		error_set(&err, ERROR_CORRUPT,
			"the audit trail was changed: entry %lld does not fit the one before it",
			(long long)broken);
		return cli_fail(cli, &err);
	}
	if (cli->json) {
		jsonl_begin(&cli->out.buf, "audit", "info", "The audit trail is whole.");
		jsonl_number(&cli->out.buf, "entries", checked);
		jsonl_end(&cli->out.buf);
	} else {
		stream_add(&cli->out, "The audit trail is whole: %lld entr%s.\n",
			(long long)checked, checked == 1 ? "y" : "ies");
	}
	return EXIT_OK;
}

static int run_verify(struct cli *cli)
{
	return session_home_state(cli, verify);
}

const struct command command_audit_verify = {
	.name = "audit verify",
	.group = "State",
	.summary = "Check that nobody changed the audit trail",
	.description =
		"Each entry holds the hash of the one before; the whole chain is walked. Exit "
		"status 1 when an entry does not fit.",
	.examples = (const struct example[]){
		{"The whole chain", "devenv audit verify"}, {NULL, NULL}},
	.run = run_verify,
};
