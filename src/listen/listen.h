/*
 * devenv-listen: takes push events of GitHub, GitLab, Gitea and Azure DevOps over HTTP, in a program of
 * its own: what strangers send is read apart from what applies. It knows the secret and nothing else;
 * an event that proves to know it, too, becomes a line "push NAME" on stdout ("push" alone: of all).
 *
 * stdin: a line with the address, one with the secret, the names of the syncs a line each, an empty
 * line; at its end the program ends. stdout: "listening HOST:PORT" first, or "error TEXT".
 */
#ifndef DEVENV_LISTEN_LISTEN_H
#define DEVENV_LISTEN_LISTEN_H

#include "base/alloc.h"
#include "base/error.h"

#include <microhttpd.h>
#include <sodium.h>
#include <stdbool.h>

struct config {
	struct arena arena;
	const char *address, *secret;
	const char **names;
	size_t n_names;
};

/* auth.c. One request; the body is hashed as it comes and never kept. */
enum auth_kind {
	AUTH_NONE,
	AUTH_HMAC,   /* X-Hub-Signature-256, X-Gitea-Signature: over the body */
	AUTH_TOKEN,  /* X-Gitlab-Token, Authorization: Basic; proven by the headers alone */
};

struct auth {
	enum auth_kind kind;
	bool proven;
	uint8_t wanted[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_state state;
};

void auth_begin(struct auth *auth, struct MHD_Connection *connection, const char *secret);
void auth_add(struct auth *auth, const void *data, size_t len);
bool auth_end(struct auth *auth);
/* A push, or an event of another kind (ping, issues ...)? Of Azure every event counts. */
bool event_is_push(struct MHD_Connection *connection);

/* server.c: serves until stdin ends. */
int server_run(struct config *config, struct error *err);

#endif
