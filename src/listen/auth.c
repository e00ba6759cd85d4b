/*
 * Who sent it? Every comparison takes as long for a wrong secret as for the right one: signatures are
 * compared byte by byte to the end, tokens by their hashes under a key of this process.
 */
#include "listen/listen.h"

#include <string.h>

static const char *header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static bool same_secret(const char *given, size_t len, const char *secret)
{
	uint8_t key[crypto_generichash_KEYBYTES], a[crypto_generichash_BYTES], b[sizeof(a)];

	randombytes_buf(key, sizeof(key));
	crypto_generichash(a, sizeof(a), (const uint8_t *)given, len, key, sizeof(key));
	crypto_generichash(b, sizeof(b), (const uint8_t *)secret, strlen(secret), key, sizeof(key));
	return sodium_memcmp(a, b, sizeof(a)) == 0;
}

/* "Basic BASE64(user:password)": the password counts, the user is as it may be. */
static bool same_password(const char *text, const char *secret)
{
	char plain[1024], *colon;
	size_t len;

	if (strncmp(text, "Basic ", 6) != 0 ||
		sodium_base642bin((uint8_t *)plain, sizeof(plain), text + 6, strlen(text + 6), " ", &len,
			NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
		return false;
	colon = memchr(plain, ':', len);
	return colon && same_secret(colon + 1, len - (size_t)(colon + 1 - plain), secret);
}

static bool read_signature(const char *text, struct auth *auth)
{
	size_t len;

	return strlen(text) == 2 * sizeof(auth->wanted) &&
		sodium_hex2bin(auth->wanted, sizeof(auth->wanted), text, strlen(text), NULL, &len, NULL) == 0 &&
		len == sizeof(auth->wanted);
}

void auth_begin(struct auth *auth, struct MHD_Connection *connection, const char *secret)
{
	const char *hub = header(connection, "X-Hub-Signature-256");
	const char *gitea = header(connection, "X-Gitea-Signature");
	const char *gitlab = header(connection, "X-Gitlab-Token");
	const char *basic = header(connection, "Authorization");

	*auth = (struct auth){.kind = AUTH_NONE};
	if (hub ? strncmp(hub, "sha256=", 7) == 0 && read_signature(hub + 7, auth)
		: gitea && read_signature(gitea, auth)) {
		auth->kind = AUTH_HMAC;
		crypto_auth_hmacsha256_init(&auth->state, (const uint8_t *)secret, strlen(secret));
	} else if (!hub && !gitea && (gitlab || basic)) {
		auth->kind = AUTH_TOKEN;
		auth->proven = gitlab ? same_secret(gitlab, strlen(gitlab), secret)
				      : same_password(basic, secret);
	}
}

void auth_add(struct auth *auth, const void *data, size_t len)
{
	if (auth->kind == AUTH_HMAC)
		crypto_auth_hmacsha256_update(&auth->state, data, len);
}

bool auth_end(struct auth *auth)
{
	uint8_t got[crypto_auth_hmacsha256_BYTES];

	if (auth->kind == AUTH_HMAC) {
		crypto_auth_hmacsha256_final(&auth->state, got);
		auth->proven = sodium_memcmp(got, auth->wanted, sizeof(got)) == 0;
	}
	return auth->proven;
}

bool event_is_push(struct MHD_Connection *connection)
{
	const char *event = header(connection, "X-Gitea-Event");

	if (!event)
		event = header(connection, "X-GitHub-Event");
	if (!event)
		event = header(connection, "X-Gitlab-Event");
	return !event || strcmp(event, "push") == 0 || strcmp(event, "Push Hook") == 0 ||
		strcmp(event, "Tag Push Hook") == 0;
}
