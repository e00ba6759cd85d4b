/*
 * An operation that a run of ours left unfinished. Helm refuses everything while a release is pending,
 * and does not clean up by itself. Going back is what helm offers; it is safe to repeat when it is cut
 * short, too.
 */
#include "providers/helm/helm.h"

#include <string.h>

int helm_recover(struct helm *helm, const struct helm_revisions *all,
	const struct helm_revision *pending, bool hooks, struct error *err)
{
	const struct helm_revision *deployed =
		helm_deployed(all, pending->namespace, pending->name);
	bool leaves = !deployed || !strcmp(pending->status, "uninstalling");
	struct helm_args args = {.n = 0};

	provider_note(helm->kube->env, "a run died while the release was %s: %s", pending->status,
		leaves ? "it is uninstalled" : "it goes back to what was before");
	helm_args(&args, leaves ? "uninstall" : "rollback", pending->name, NULL);
	if (!leaves)
		helm_arg(&args, kube_printf(helm->kube, "%lld", (long long)deployed->number));
	helm_args(&args, "--namespace", pending->namespace, "--timeout", helm_timeout(helm), NULL);
	if (leaves)
		helm_args(&args, "--wait", "--ignore-not-found", NULL);
	else if (helm->major > 3)
		helm_arg(&args, "--force-conflicts");
	if (!hooks)
		helm_arg(&args, "--no-hooks");
	if (helm_run(helm, &args, NULL, HELM_TELLS | HELM_ACTS, NULL, err))
		return error_wrap(err, "cannot %s release %s/%s, which a run left %s",
			leaves ? "uninstall" : "roll back", pending->namespace, pending->name,
			pending->status);
	return 0;
}
