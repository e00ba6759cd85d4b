/*
 * Who we are towards a server over HTTPS: DEVENV_SYNC_TOKEN, else the file that DEVENV_SYNC_TOKEN_FILE
 * names, else git's own credential helper. A token goes out over TLS, or to this machine itself, and
 * nowhere else. SSH has credentials of its own: those of ssh(1).
 */
#include "git/git.h"

#include "base/fs.h"
#include "base/process.h"

#include <stdlib.h>
#include <string.h>

static const char *env_text(const char *name)
{
	const char *text = getenv(name);

	return text && *text ? text : NULL;
}

/* The host whole: "http://127.0.0.1@elsewhere" and "http://localhost.elsewhere" lead elsewhere. */
static bool is_private(const char *url)
{
	static const char *const own[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};

	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		size_t len = strlen(own[i]);

		if (strncmp(url, own[i], len) != 0 || (url[len] && !strchr(":/", url[len])))
			continue;
		/* "http://localhost:x@elsewhere" */
		return !memchr(url + len, '@', strcspn(url + len, "/"));
	}
	return strncmp(url, "https://", 8) == 0;
}

static const char *own_token(struct arena *arena)
{
	const char *file = env_text("DEVENV_SYNC_TOKEN_FILE"), *text;
	struct error err = ERROR_INIT;
	size_t len;

	if (env_text("DEVENV_SYNC_TOKEN"))
		return env_text("DEVENV_SYNC_TOKEN");
	if (!file || fs_read(file, arena, &text, &len, &err) < 0)
		return NULL;
	return arena_strndup(arena, text, strcspn(text, "\r\n"));
}

/* The value of "NAME=" in the helper's answer; NULL: it says none. */
static const char *answer_of(struct arena *arena, const char *text, const char *name)
{
	size_t len = strlen(name);

	for (; text && *text; text = strchr(text, '\n') ? strchr(text, '\n') + 1 : NULL)
		if (strncmp(text, name, len) == 0)
			return arena_strndup(arena, text + len, strcspn(text + len, "\n"));
	return NULL;
}

/* `git credential fill` asks what the person has set up; it must never ask the person. */
static int ask_git(struct arena *arena, const char *url, const char **user, const char **secret)
{
	static const char *const argv[] = {"git", "credential", "fill", NULL};
	struct process_result result = PROCESS_RESULT_INIT;
	struct error err = ERROR_INIT;
	struct process_env env;
	const char *input = arena_printf(arena, "url=%s\n\n", url);
	int found = -1;

	process_env_init(&env, arena, NULL);
	process_env_set(&env, "GIT_TERMINAL_PROMPT", "0");
	process_env_set(&env, "GIT_ASKPASS", "/bin/false");
	process_env_set(&env, "SSH_ASKPASS", "/bin/false");
	if (process_run(&(struct process_request){.argv = argv, .env = process_env_vector(&env),
				.directory = "/", .input = input, .input_len = strlen(input),
				.deadline = clock_monotonic(&clock_system) + 20000}, &result, &err) == 0 &&
		result.status == 0) {
		*user = answer_of(arena, result.out.text, "username=");
		*secret = answer_of(arena, result.out.text, "password=");
		found = *secret ? 0 : -1;
	}
	process_result_release(&result);
	return found;
}

int credentials_get(git_credential **out, const char *url, const char *user, unsigned allowed,
	void *payload)
{
	struct credentials *credentials = payload;
	struct arena arena = ARENA_INIT;
	const char *name = env_text("DEVENV_SYNC_USER"), *secret;
	int result = GIT_EUSER;

	credentials->denied = true;
	if (!(allowed & GIT_CREDENTIAL_USERPASS_PLAINTEXT) || ++credentials->tries > 1)
		return GIT_EUSER; /* the same again would be refused again */
	if (!is_private(url)) {
		git_error_set_str(GIT_ERROR_HTTP, "a token is not sent over http: use https");
		return GIT_EUSER;
	}
	secret = own_token(&arena);
	if (!name)
		name = user ? user : "x-access-token";
	if (!secret && ask_git(&arena, url, &name, &secret) < 0)
		git_error_set_str(GIT_ERROR_HTTP, "the server wants credentials: set DEVENV_SYNC_TOKEN or "
			"--token-file, or let git's credential helper know them");
	else if (git_credential_userpass_plaintext_new(out, name ? name : "", secret) == 0)
		result = 0;
	arena_release(&arena);
	return result;
}
