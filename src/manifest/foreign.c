/*
 * Folders that look like ours and are not: two other tools are called devenv, and one of them keeps a
 * .devenv of its own. Looks at names only; says why no manifest was found, never that one is wrong.
 */
#include "manifest/loading.h"

#include <string.h>

static bool has(struct loading *l, const char *folder, const char *name)
{
	size_t n;
	const char *const *names = files_list(l, folder, &n);

	for (size_t i = 0; i < n; i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

static bool has_any(struct loading *l, const char *folder, const char *const *names)
{
	for (; *names; names++) {
		if (has(l, folder, *names))
			return true;
	}
	return false;
}

/* devenv of Cachix (devenv.sh) keeps garbage-collector roots and its Nix profile in .devenv. */
static bool is_cachix(struct loading *l, const char *folder, const char *own)
{
	static const char *const manifests[] = {"devenv.nix", "devenv.yaml", NULL};
	static const char *const certain[] = {"nix-eval-cache.db", "load-exports", "flake.json",
		"devenv.flake.nix", "input-paths.txt", NULL};
	static const char *const likely[] = {"profile", "state", "bootstrap", "run", NULL};

	return has_any(l, folder, manifests) || has_any(l, own, certain) ||
	       ((has(l, own, "gc") || has(l, folder, "devenv.lock")) && has_any(l, own, likely));
}

const char *foreign_owner(struct loading *l, const char *folder)
{
	static const char *const sentry[] = {"config.ini", "sync.py", NULL};

	if (is_cachix(l, folder, files_path(l, folder, ".devenv")))
		return "devenv.sh (cachix/devenv)";
	if (has_any(l, files_path(l, folder, "devenv"), sentry))
		return "the devenv of Sentry (getsentry/devenv)";
	return NULL;
}
