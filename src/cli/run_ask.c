/*
 * The questions before a run. Yes to the plan is no yes to what a guard holds: that is asked by itself,
 * and what is not answered with yes stays held while the rest is done.
 */
#include "cli/run.h"

#include <string.h>

static size_t count_deletes(const struct plan *plan)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n; i++)
		n += plan->changes[i].action == ACTION_DELETE && plan->changes[i].record;
	return n;
}

static void allow_data_loss(struct cli *cli, struct plan_options *options, const char *address)
{
	const char **all;
	size_t n = 0;

	while (options->allow_data_loss && options->allow_data_loss[n])
		n++;
	all = arena_alloc(&cli->arena, (n + 2) * sizeof(*all));
	if (n)
		memcpy(all, options->allow_data_loss, n * sizeof(*all));
	all[n] = address;
	all[n + 1] = NULL;
	options->allow_data_loss = all;
}

static bool ask_data_loss(struct cli *cli, const struct change *change)
{
	return cli_confirm(cli, arena_printf(&cli->arena,
		"\n%s holds data, which will be lost. %s it all the same?", change->address,
		change->action == ACTION_DELETE ? "Destroy" : "Replace"));
}

static bool ask_mass_delete(struct cli *cli, const struct reconcile *r, size_t deletes)
{
	return cli_confirm(cli, arena_printf(&cli->arena,
		"\n%zu of %zu resources will be destroyed, more than half of the environment. "
		"Destroy them all the same?", deletes, r->n_records));
}

/* True: something was released, so that the plan has to be made again. */
static bool ask_held(struct cli *cli, struct reconcile *r)
{
	size_t deletes = count_deletes(&r->plan);
	bool asked = false, released = false;

	for (size_t i = 0; i < r->plan.n; i++) {
		const struct change *change = &r->plan.changes[i];

		if (change->hold == HOLD_DATA_LOSS && ask_data_loss(cli, change)) {
			allow_data_loss(cli, &r->options, change->address);
			released = true;
		} else if (change->hold == HOLD_MASS_DELETE && !asked) {
			asked = true;
			if (!ask_mass_delete(cli, r, deletes))
				continue;
			r->options.allow_delete = (long)deletes;
			released = true;
		}
	}
	return released;
}

int run_ask(struct cli *cli, struct reconcile *r, const char *question, bool *yes)
{
	struct error err = ERROR_INIT;

	stream_add(&cli->err, "\n");
	*yes = cli_confirm(cli, question);
	if (!*yes) {
		cli_note(cli, "Nothing was done.");
		return EXIT_FAILED;
	}
	if (r->plan.counts.held && ask_held(cli, r) && reconcile_plan(r, &err) < 0) {
		*yes = false;
		return session_fail(cli, r, &err);
	}
	return EXIT_OK;
}

void run_tell_not_undone(struct cli *cli, const struct reconcile *r)
{
	bool begun = false;

	for (size_t i = 0; i < r->plan.n; i++) {
		const struct change *change = &r->plan.changes[i];
		const char *why = change->hold ? NULL : rollback_obstacle(change);

		if (!why)
			continue;
		if (!begun && !cli->json)
			stream_add(&cli->out, "\nAfter a failure --rollback-on-failure could not undo:\n");
		begun = true;
		if (cli->json)
			cli_note(cli, "--rollback-on-failure could not undo %s: %s", change->address, why);
		else
			stream_add(&cli->out, "  %s: %s\n", change->address, why);
	}
	stream_flush(&cli->out);
}
