/* What every provider may ask of its surroundings; see provider.h. */
#include "provider/provider.h"

#include "base/fs.h"

#include <stdio.h>

void provider_progress(const struct provider_env *env, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	if (!env->progress)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	env->progress(env->progress_arg, line);
}

bool provider_cancelled(const struct provider_env *env)
{
	if (env->cancel && atomic_load(env->cancel))
		return true;
	return env->deadline && clock_monotonic(env->clock) >= env->deadline;
}

const char *provider_path(const struct provider_env *env, const char *path)
{
	return fs_normalise(env->arena, fs_join(env->arena, env->project_root, path));
}
