/*
 * What a child gets to see before it starts: its environment, and which file its program is. Both
 * are decided here and not by the C library, which would search our own PATH, not the child's.
 */
#include "base/process.h"

#include "base/fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The key opens every secret of the home; nothing that we start has any business with it. */
static const char *const withheld[] = {"DEVENV_KEY"};

static bool is_name(const char *item, const char *name)
{
	size_t len = strlen(name);

	return strncmp(item, name, len) == 0 && item[len] == '=';
}

static void env_push(struct process_env *env, const char *item)
{
	ARENA_GROW(env->arena, env->items, env->n, env->cap);
	env->items[env->n++] = item;
}

void process_env_init(struct process_env *env, struct arena *arena, const char *const *base)
{
	*env = (struct process_env){.arena = arena};
	if (!base)
		base = (const char *const *)environ;
	for (; base && *base; base++) {
		bool keep = true;

		for (size_t i = 0; i < ARRAY_SIZE(withheld); i++)
			keep = keep && !is_name(*base, withheld[i]);
		if (keep)
			env_push(env, arena_strdup(arena, *base));
	}
}

void process_env_only(struct process_env *env, struct arena *arena, const char *const *names)
{
	*env = (struct process_env){.arena = arena};
	for (; *names; names++) {
		const char *value = getenv(*names);

		if (value)
			process_env_set(env, *names, value);
	}
}

void process_env_set(struct process_env *env, const char *name, const char *value)
{
	size_t kept = 0;

	for (size_t i = 0; i < env->n; i++) {
		if (!is_name(env->items[i], name))
			env->items[kept++] = env->items[i];
	}
	env->n = kept;
	if (value)
		env_push(env, arena_printf(env->arena, "%s=%s", name, value));
}

static const char *vector_get(const char *const *items, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (is_name(items[i], name))
			return items[i] + strlen(name) + 1;
	}
	return NULL;
}

const char *process_env_get(const struct process_env *env, const char *name)
{
	return vector_get(env->items, env->n, name);
}

const char *const *process_env_vector(struct process_env *env)
{
	env_push(env, NULL);
	env->n--;
	return env->items;
}

/* "": a name without a slash that stands in no directory of `path`. */
static const char *search(const char *program, const char *path, struct arena *arena)
{
	const char *refused = NULL; /* there, but not executable: better than "not found" */

	for (const char *at = path;; at++) {
		size_t len = strcspn(at, ":");
		const char *candidate;
		enum fs_kind kind;

		/* Relative entries would mean another directory after the child's chdir. */
		if (len && at[0] == '/') {
			candidate = fs_join(arena, arena_strndup(arena, at, len), program);
			if (access(candidate, X_OK) == 0 &&
				fs_look(candidate, &kind, NULL, NULL) == 0 && kind != FS_DIRECTORY)
				return candidate;
			if (!refused && errno == EACCES && fs_exists(candidate))
				refused = candidate;
		}
		at += len;
		if (!*at)
			return refused ? refused : "";
	}
}

int process_find(const char *program, const char *path, struct arena *arena, const char **out,
	struct error *err)
{
	if (!program[0])
		return error_set(err, ERROR_INVALID, "the name of the program is empty");
	if (strchr(program, '/')) {
		*out = program;
		return 0;
	}
	if (!path)
		path = getenv("PATH");
	if (!path)
		path = "/usr/local/bin:/usr/bin:/bin";
	*out = search(program, path, arena);
	if (!**out)
		return error_set(err, ERROR_NOT_FOUND,
			"program %s not found in PATH (%s); install it or write its whole path",
			program, path);
	return 0;
}
