/* See git.h. An answer is lines "NAME VALUE"; statuses are those of src/git/git.h. */
#include "base/git.h"

#include "base/process.h"
#include "base/helper.h"

#include <stdlib.h>
#include <string.h>

enum {
	STATUS_REFUSED = 65,
	STATUS_MISSING = 66,
	STATUS_DAMAGED = 74,
	STATUS_UNREACHABLE = 75,
	STATUS_DENIED = 77,
	STATUS_ALARM = 128 + 14,  /* the helper's own watchdog: the server fell silent */
	LONGEST = 3600 * 1000,    /* ms; whatever it is that goes on so long */
	MOST = 256 << 20,         /* bytes of an answer: the names of all files of a large tree */
};

int git_helper(const char *self, struct arena *arena, const char **out, struct error *err)
{
	return helper_find(self, "devenv-git", arena, out, err);
}

static const char *const *make_env(const struct git *git, struct arena *arena)
{
	static const struct git_access nothing;
	const struct git_access *access = git->access ? git->access : &nothing;
	struct process_env env;

	process_env_init(&env, arena, NULL);
	process_env_set(&env, "DEVENV_SYNC_TOKEN", access->token);
	process_env_set(&env, "DEVENV_SYNC_TOKEN_FILE", access->token_file);
	process_env_set(&env, "DEVENV_SYNC_USER", access->user);
	process_env_set(&env, "DEVENV_SYNC_SSH_KEY", access->ssh_key);
	process_env_set(&env, "DEVENV_SYNC_KNOWN_HOSTS", access->known_hosts);
	process_env_set(&env, "DEVENV_SYNC_CA_FILE", access->ca_file);
	process_env_set(&env, "GIT_DIR", NULL); /* another repository than the one that is meant */
	return process_env_vector(&env);
}

static int fail(const struct process_result *result, struct error *err)
{
	const char *text = result->err.text;
	size_t len = strlen(text);

	while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	switch (result->status) {
	case STATUS_ALARM:
		return error_set(err, ERROR_UNREACHABLE, "the server fell silent");
	case STATUS_UNREACHABLE:
		return error_set(err, ERROR_UNREACHABLE, "%.*s", (int)len, text);
	case STATUS_DAMAGED:
		return error_set(err, ERROR_CORRUPT, "%.*s", (int)len, text);
	case STATUS_MISSING:
		return error_set(err, ERROR_NOT_FOUND, "%.*s", (int)len, text);
	case STATUS_REFUSED:
	case STATUS_DENIED:
		return error_set(err, ERROR_INVALID, "%.*s", (int)len, text);
	}
	if (result->signal)
		return error_set(err, ERROR_UNREACHABLE, "devenv-git was ended by signal %d",
			result->signal);
	return error_set(err, ERROR_FAILED, "%.*s", (int)len, text);
}

static int call(const struct git *git, const char *const *argv, struct arena *arena,
	const char **answer, struct error *err)
{
	struct process_result result = PROCESS_RESULT_INIT;
	struct process_request request = {
		.argv = argv,
		.env = make_env(git, arena),
		.max_capture = MOST,
		.deadline = clock_monotonic(git->clock) + (git->limit ? git->limit : LONGEST),
		.grace = 200, /* it has nothing to tidy up */
		.clock = git->clock,
		.cancel = git->cancel,
	};
	int status = process_run(&request, &result, err);

	if (status == 0 && result.status)
		status = fail(&result, err);
	if (status == 0)
		*answer = arena_strndup(arena, result.out.text, result.out.len);
	process_result_release(&result);
	return status;
}

/* Takes the next line apart; false at the end. */
static bool next_line(struct arena *arena, const char **at, const char **name, const char **value)
{
	size_t len = strcspn(*at, "\n"), word = strcspn(*at, " \n");

	if (!**at)
		return false;
	*name = arena_strndup(arena, *at, word);
	*value = word < len ? arena_strndup(arena, *at + word + 1, len - word - 1) : "";
	*at += len + ((*at)[len] == '\n');
	return true;
}

static void read_found(struct arena *arena, const char *answer, struct git_found *out)
{
	const char *name, *value;

	*out = (struct git_found){.ref = "", .author = "", .summary = ""};
	while (next_line(arena, &answer, &name, &value)) {
		if (strcmp(name, "ref") == 0)
			out->ref = value;
		else if (strcmp(name, "object") == 0)
			out->object = value;
		else if (strcmp(name, "commit") == 0)
			out->commit = value;
		else if (strcmp(name, "author") == 0)
			out->author = value;
		else if (strcmp(name, "summary") == 0)
			out->summary = value;
		else if (strcmp(name, "root") == 0)
			out->root = value;
		else if (strcmp(name, "repository") == 0)
			out->repository = value;
		else if (strcmp(name, "time") == 0)
			out->time = strtoll(value, NULL, 10);
		else if (strcmp(name, "fetched") == 0)
			out->fetched = strcmp(value, "yes") == 0;
		else if (strcmp(name, "descends") == 0)
			out->descends = strcmp(value, "yes") == 0;
	}
}

static int find(const struct git *git, const char *const *argv, struct arena *arena,
	struct git_found *out, struct error *err)
{
	const char *answer;

	if (call(git, argv, arena, &answer, err) < 0)
		return -1;
	read_found(arena, answer, out);
	if (out->commit && strlen(out->commit) == 40)
		return 0;
	return error_set(err, ERROR_FAILED, "devenv-git gave no answer");
}

int git_ask(const struct git *git, const char *url, const char *ref, struct arena *arena,
	struct git_found *out, struct error *err)
{
	return find(git, (const char *const[]){git->helper, "ask", url, ref, NULL}, arena, out, err);
}

int git_fetch(const struct git *git, const char *clone, const char *url, const char *kind,
	const char *value, const char *base, struct arena *arena, struct git_found *out,
	struct error *err)
{
	return find(git, (const char *const[]){git->helper, "fetch", clone, url, kind, value, base, NULL},
		arena, out, err);
}

int git_resolve(const struct git *git, const char *clone, const char *kind, const char *value,
	const char *base, struct arena *arena, struct git_found *out, struct error *err)
{
	return find(git, (const char *const[]){git->helper, "resolve", clone, kind, value, base, NULL},
		arena, out, err);
}

int git_find(const struct git *git, const char *directory, const char *revision, const char *with,
	struct arena *arena, struct git_found *out, struct error *err)
{
	return find(git, (const char *const[]){git->helper, "find", directory, revision, with, NULL}, arena,
		out, err);
}

int git_blame(const struct git *git, const char *clone, const char *commit, const char *path,
	const char *file, const uint32_t *lines, size_t n, struct arena *arena, struct git_found *out,
	struct error *err)
{
	const char *head[] = {git->helper, "blame", clone, commit, path, file ? file : ""};
	const char **argv = arena_zalloc(arena, (ARRAY_SIZE(head) + n + 1) * sizeof(*argv));
	const char *answer, *name, *value;
	size_t at = 0;

	memcpy(argv, head, sizeof(head));
	for (size_t i = 0; i < n; i++)
		argv[ARRAY_SIZE(head) + i] = arena_printf(arena, "%u", lines[i]);
	memset(out, 0, n * sizeof(*out));
	if (call(git, argv, arena, &answer, err) < 0)
		return -1;
	while (next_line(arena, &answer, &name, &value)) {
		if (strcmp(name, "line") == 0)
			at++;
		if (!at || at > n)
			continue;
		if (strcmp(name, "commit") == 0)
			out[at - 1].commit = value;
		else if (strcmp(name, "author") == 0)
			out[at - 1].author = value;
		else if (strcmp(name, "summary") == 0)
			out[at - 1].summary = value;
	}
	return 0;
}

int git_update(const struct git *git, const char *clone, const char *commit, const char *folder,
	const char *path, size_t max_files, int64_t max_bytes, struct arena *arena,
	struct git_updated *out, struct error *err)
{
	const char *argv[] = {git->helper, "update", clone, commit, folder, path,
		arena_printf(arena, "%zu", max_files), arena_printf(arena, "%lld", (long long)max_bytes),
		NULL};
	const char *answer, *name, *value, **changed = NULL;
	size_t cap = 0;

	*out = (struct git_updated){0};
	if (call(git, argv, arena, &answer, err) < 0)
		return -1;
	while (next_line(arena, &answer, &name, &value)) {
		if (strcmp(name, "files") == 0)
			out->files = strtoul(value, NULL, 10);
		if (strcmp(name, "changed") != 0)
			continue;
		ARENA_GROW(arena, changed, out->n_changed, cap);
		changed[out->n_changed++] = value;
	}
	out->changed = changed;
	return 0;
}

int git_signatures(const struct git *git, const char *clone, const char *kind, const char *object,
	const char *ref, const char *folder, const char *base, struct arena *arena,
	struct git_signed **out, size_t *n, struct error *err)
{
	const char *argv[] = {git->helper, "signatures", clone, kind, object, ref, folder, base, NULL};
	const char *answer, *name, *value;
	size_t cap = 0;

	*out = NULL;
	*n = 0;
	if (call(git, argv, arena, &answer, err) < 0)
		return -1;
	while (next_line(arena, &answer, &name, &value)) {
		size_t len = strcspn(value, " ");
		const char *number = value[len] ? value + len + 1 : NULL;

		ARENA_GROW(arena, *out, *n, cap);
		(*out)[(*n)++] = (struct git_signed){
			.object = arena_strndup(arena, value, len),
			.signature = number ? arena_printf(arena, "%s/%s.sig", folder, number) : NULL,
			.data = number ? arena_printf(arena, "%s/%s.data", folder, number) : NULL,
		};
	}
	return 0;
}
