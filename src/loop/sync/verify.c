/*
 * Who signed it. Keys are files of the machine, never of the tree: allowed_signers of SSH, or public keys
 * of OpenPGP in a keyring of their own, so that what else a person trusts does not count. A signature
 * is good when the program says so of exactly what git signed; its exit status alone says nothing.
 */
#include "loop/sync/internal.h"

#include "base/fs.h"
#include "base/process.h"

#include <string.h>

enum { LIMIT = 60 * 1000 };

static const char *const ssh_head = "-----BEGIN SSH SIGNATURE-----";

struct verifier {
	const struct git *git;
	const char *const *keys;
	const char *folder;
	struct arena *arena;
};

static int run(const struct verifier *v, const char *const *argv, const char *input, size_t len,
	struct process_result *result, struct error *err)
{
	return process_run(&(struct process_request){
		.argv = argv,
		.input = input,
		.input_len = len,
		.deadline = clock_monotonic(v->git->clock) + LIMIT,
		.clock = v->git->clock,
		.cancel = v->git->cancel,
	}, result, err);
}

static bool is_pgp(const struct verifier *v, const char *path)
{
	const char *text;
	struct error err = ERROR_INIT;
	size_t len;

	return fs_read(path, v->arena, &text, &len, &err) == 0 &&
	       strstr(text, "-----BEGIN PGP PUBLIC KEY BLOCK-----");
}

/* --- SSH ---------------------------------------------------------------------------------------- */

static int ssh_verify(const struct verifier *v, const char *keys, const char *principal,
	const char *signature, const char *data, size_t len, struct error *err)
{
	const char *argv[] = {"ssh-keygen", "-Y", "verify", "-f", keys, "-I", principal, "-n", "git", "-s",
		signature, NULL};
	cleanup_process struct process_result result = PROCESS_RESULT_INIT;

	if (run(v, argv, data, len, &result, err) < 0)
		return -1;
	return result.status == 0 ? 1 : 0;
}

/* 1: good, 0: not by these keys, -1: cannot be told. */
static int ssh_check(const struct verifier *v, const char *keys, const char *signature,
	const char *data, size_t len, const char **signer, struct error *err)
{
	const char *argv[] = {"ssh-keygen", "-Y", "find-principals", "-f", keys, "-s", signature, NULL};
	cleanup_process struct process_result result = PROCESS_RESULT_INIT;
	const char *line;

	if (run(v, argv, NULL, 0, &result, err) < 0)
		return -1;
	for (line = result.status ? "" : result.out.text; *line;) {
		const char *principal = arena_strndup(v->arena, line, strcspn(line, "\n"));
		int good = *principal ? ssh_verify(v, keys, principal, signature, data, len, err) : 0;

		if (good)
			*signer = principal;
		if (good)
			return good;
		line += strlen(principal) + (line[strlen(principal)] == '\n');
	}
	return 0;
}

/* --- OpenPGP ------------------------------------------------------------------------------------ */

static int pgp_import(const struct verifier *v, const char *ring, const char *keys, struct error *err)
{
	const char *argv[] = {"gpg", "--batch", "--quiet", "--no-autostart", "--homedir", ring, "--import",
		keys, NULL};
	cleanup_process struct process_result result = PROCESS_RESULT_INIT;

	if (fs_make_dirs(ring, 0700, v->arena, NULL, err) < 0 || run(v, argv, NULL, 0, &result, err) < 0)
		return -1;
	return process_check(&(struct process_request){.argv = argv}, &result, err);
}

/* The text behind "[GNUPG:] WORD "; NULL: it was not said. */
static const char *said(struct arena *arena, const char *text, const char *word)
{
	const char *line = arena_printf(arena, "[GNUPG:] %s ", word);
	const char *at = strncmp(text, line, strlen(line)) == 0 ? text : NULL;

	if (!at) {
		at = strstr(text, arena_printf(arena, "\n%s", line));
		at = at ? at + 1 : NULL;
	}
	if (!at)
		return NULL;
	at += strlen(line);
	return arena_strndup(arena, at, strcspn(at, "\n"));
}

/* GOODSIG excludes keys that have expired or were revoked; VALIDSIG names the key whole. */
static int pgp_check(const struct verifier *v, const char *keys, const char *signature,
	const char *data, const char **signer, struct error *err)
{
	const char *ring = arena_printf(v->arena, "%s/ring", v->folder);
	const char *argv[] = {"gpg", "--batch", "--no-autostart", "--homedir", ring, "--trust-model",
		"always", "--status-fd", "1", "--verify", signature, data, NULL};
	cleanup_process struct process_result result = PROCESS_RESULT_INIT;
	const char *good, *valid;

	if (pgp_import(v, ring, keys, err) < 0 || run(v, argv, NULL, 0, &result, err) < 0)
		return -1;
	good = said(v->arena, result.out.text, "GOODSIG");
	valid = said(v->arena, result.out.text, "VALIDSIG");
	if (!good || !valid || said(v->arena, result.out.text, "BADSIG"))
		return 0;
	good = strchr(good, ' ');
	*signer = arena_printf(v->arena, "%s (%.*s)", good ? good + 1 : "", (int)strcspn(valid, " "),
		valid);
	return 1;
}

/* --- any ---------------------------------------------------------------------------------------- */

static int check_one(const struct verifier *v, const struct git_signed *one, const char **signer,
	struct error *err)
{
	const char *signature, *data;
	size_t len;

	if (!one->signature)
		return error_set(err, ERROR_INVALID, "%.12s is not signed", one->object);
	if (fs_read(one->signature, v->arena, &signature, &len, err) < 0 ||
		fs_read(one->data, v->arena, &data, &len, err) < 0)
		return -1;
	for (size_t i = 0; v->keys && v->keys[i]; i++) {
		bool ssh = strncmp(signature, ssh_head, strlen(ssh_head)) == 0;
		int good;

		if (ssh == is_pgp(v, v->keys[i]))
			continue;
		good = ssh ? ssh_check(v, v->keys[i], one->signature, data, len, signer, err)
			   : pgp_check(v, v->keys[i], one->signature, one->data, signer, err);
		if (good)
			return good < 0 ? -1 : 0;
	}
	return error_set(err, ERROR_INVALID, "%.12s is signed by nobody whose key is in %s%s", one->object,
		v->keys && v->keys[0] ? v->keys[0] : "any file",
		v->keys && v->keys[0] && v->keys[1] ? " or the other files" : "");
}

int sync_verify_commit(const struct git *git, const struct sync_spec *spec, const char *clone,
	const struct git_found *found, const char *base, const char *folder, struct arena *arena,
	const char **signer, struct error *err)
{
	const struct verifier v = {git, spec->keys, folder, arena};
	bool tag = spec->verify == SYNC_VERIFY_TAGS;
	struct git_signed *all;
	const char *first = NULL;
	size_t n;

	if (git_signatures(git, clone, tag ? "tag" : spec->range ? "range" : "head",
		    tag ? found->object : found->commit, found->ref, folder, base, arena, &all, &n, err) < 0)
		return -1;
	/* A range with nothing in it vouches for nothing: then the commit itself has to be signed. */
	if (!n && git_signatures(git, clone, "head", found->commit, found->ref, folder, NULL, arena, &all,
			  &n, err) < 0)
		return -1;
	if (!n)
		return error_set(err, ERROR_INVALID, "%.12s is not signed", found->commit);
	/* The newest comes first, and it is the one whose signer is told. */
	for (size_t i = 0; i < n; i++) {
		if (check_one(&v, &all[i], signer, err) < 0)
			return -1;
		first = first ? first : *signer;
	}
	*signer = first;
	return 0;
}
