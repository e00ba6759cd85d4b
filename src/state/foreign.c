/*
 * Other tools keep a folder of the same name. Looks at names only, so that it can run anywhere.
 */
#include "state/state.h"

#include "base/fs.h"

static bool has(struct arena *arena, const char *dir, const char *name)
{
	return fs_exists(fs_join(arena, dir, name));
}

static bool has_any(struct arena *arena, const char *dir, const char *const *names)
{
	for (; *names; names++) {
		if (has(arena, dir, *names))
			return true;
	}
	return false;
}

/* devenv of Cachix (devenv.sh) keeps garbage-collector roots and its Nix profile there. */
static bool is_cachix(struct arena *arena, const char *dir)
{
	static const char *const certain[] = {"nix-eval-cache.db", "load-exports",
		"flake.json", "devenv.flake.nix", "input-paths.txt", NULL};
	static const char *const beside[] = {"../devenv.nix", "../devenv.lock", NULL};
	static const char *const likely[] = {"profile", "state", "bootstrap", "run", NULL};

	if (has_any(arena, dir, certain))
		return true;
	return (has(arena, dir, "gc") || has_any(arena, dir, beside)) &&
	       has_any(arena, dir, likely);
}

/* devenv of Sentry is configured in a folder "devenv" beside it. */
static bool is_sentry(struct arena *arena, const char *dir)
{
	static const char *const beside[] = {"../devenv/config.ini", "../devenv/sync.py", NULL};

	return has_any(arena, dir, beside);
}

bool state_home_foreign(const char *dir, const char **what)
{
	static const char *const ours[] = {"state.db", "config.yml", "config.yaml", NULL};
	struct arena arena = ARENA_INIT;
	const char *found = NULL;

	if (has_any(&arena, dir, ours) || !fs_exists(dir))
		found = NULL;
	else if (is_cachix(&arena, dir))
		found = "devenv.sh (cachix/devenv)";
	else if (is_sentry(&arena, dir))
		found = "the devenv of Sentry (getsentry/devenv)";
	arena_release(&arena);
	if (found)
		*what = found;
	return found;
}
