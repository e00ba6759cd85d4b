/* What every provider may ask of its surroundings; see provider.h. */
#include "provider/provider.h"

#include "base/fs.h"
#include "base/utf8.h"

#include <stdio.h>

static void tell(void (*to)(void *arg, const char *line), void *arg, const char *fmt, va_list ap)
{
	char line[512];

	if (!to)
		return;
	utf8_mark_cut(line, sizeof(line), (size_t)vsnprintf(line, sizeof(line), fmt, ap));
	to(arg, line);
}

void provider_progress(const struct provider_env *env, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(env->progress, env->progress_arg, fmt, ap);
	va_end(ap);
}

void provider_note(const struct provider_env *env, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(env->note, env->progress_arg, fmt, ap);
	va_end(ap);
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

const char *provider_content(const struct provider_env *env, const char *path)
{
	const char *root = env->content_root ? env->content_root : env->project_root;

	return fs_normalise(env->arena, fs_join(env->arena, root, path));
}

bool provider_may_run(const struct provider_env *env, struct observation *item, const char *what)
{
	if (!env->distrust || !item->desired)
		return true; /* what is recorded was applied here once */
	item->presence = PRESENCE_UNTRACKED;
	item->unevaluated = what;
	return false;
}

bool provider_can(struct record *record, enum ability ability)
{
	const struct type *type = type_find(record->type);
	const struct provider *provider = type ? provider_of(type) : NULL;

	if (!provider)
		return false;
	return provider->can ? provider->can(record, ability) : (type->flags & TYPE_RUNS) != 0;
}
