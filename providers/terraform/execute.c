/* Running a plan, with a copy of the state beside it that is always whole. */
#include "providers/terraform/terraform.h"

#include <string.h>

int terraform_execute(struct terraform *tf, struct said *said, struct error *err)
{
	const char *args[8] = {"apply", "-input=false", "-json", "-lock-timeout=5s"};
	size_t n = 4;

	args[n++] = arena_printf(tf->arena, "-parallelism=%lld",
		(long long)value_get_int(tf->inputs, "parallelism", 10));
	if (tf->state)
		args[n++] = arena_printf(tf->arena, "-state=%s", tf->state);
	args[n++] = tf->plan;
	said->loud = true;
	said->state = tf->state;
	if (tf->state)
		state_keep(tf->state);
	else
		said->locks = tf;
	if (terraform_run(tf, args, said, err))
		return -1;
	if (!tf->state && said->status < 128) /* it ended by itself */
		terraform_forget_lock(tf);
	return said->status ? terraform_failed(said, "the module failed", err) : 0;
}
