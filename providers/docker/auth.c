/*
 * The rules are those of the docker command: a helper for the registry, else the helper for all, else
 * what config.json itself holds. A secret goes from a helper's stdout into a header, nowhere else.
 */
#include "providers/docker/auth.h"

#include "base/process.h"
#include "model/json.h"
#include "providers/docker/endpoint.h"

#include <sodium.h>
#include <string.h>

/* What config.json calls Docker Hub. */
#define HUB_KEY "https://index.docker.io/v1/"

/* --- references --------------------------------------------------------------------------------- */

/* The first part is a registry when it looks like a host: "a.b/", "host:5000/", "localhost/". */
static const char *registry_of(struct arena *arena, const char *name)
{
	size_t len = strcspn(name, "/");

	if (name[len] && (memchr(name, '.', len) || memchr(name, ':', len) ||
				 (len == 9 && !strncmp(name, "localhost", 9))))
		return arena_strndup(arena, name, len);
	return "docker.io";
}

static bool is_name(const char *text)
{
	return *text && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				     "._-/:[]") == strlen(text) && !strstr(text, "//") && *text != '/';
}

int image_reference_parse(struct arena *arena, const char *text, struct image_reference *out,
	struct error *err)
{
	const char *at = strchr(text, '@'), *slash, *colon;
	char *name = arena_strndup(arena, text, at ? (size_t)(at - text) : strlen(text));

	*out = (struct image_reference){0};
	if (at && (strncmp(at + 1, "sha256:", 7) != 0 || strlen(at + 8) != 64))
		return error_set(err, ERROR_INVALID, "'%s': what follows @ is no sha256 digest", text);
	out->digest = at ? at + 1 : NULL;
	slash = strrchr(name, '/');
	colon = strchr(slash ? slash : name, ':'); /* one before the last slash is that of a port */
	if (colon) {
		name[colon - name] = '\0';
		out->tag = colon + 1;
	} else if (!at) {
		out->tag = "latest";
	}
	out->repository = name;
	out->registry = registry_of(arena, name);
	if (!is_name(name) || (out->tag && !is_name(out->tag)))
		return error_set(err, ERROR_INVALID,
			"'%s' is no reference to an image: expected name:tag or registry/name:tag", text);
	return 0;
}

/* --- config.json -------------------------------------------------------------------------------- */

/* The host of a key of `auths`: "https://reg/v1/" and "reg" are one. */
static bool same_registry(const char *key, const char *registry)
{
	const char *scheme = strstr(key, "://");
	size_t len;

	if (!strcmp(registry, "docker.io"))
		return !strcmp(key, HUB_KEY) || !strcmp(key, "docker.io") ||
		       !strcmp(key, "index.docker.io");
	if (scheme)
		key = scheme + 3;
	len = strcspn(key, "/");
	return len == strlen(registry) && !strncmp(key, registry, len);
}

static const char *helper_of(const struct value *config, const char *registry)
{
	const struct value *helpers = value_get(config, "credHelpers");

	for (uint32_t i = 0; helpers && helpers->kind == VALUE_MAP && i < helpers->len; i++)
		if (same_registry(helpers->members[i].key, registry))
			return value_text(&helpers->members[i].value, NULL);
	return value_get_text(config, "credsStore", NULL);
}

/* --- one registry ------------------------------------------------------------------------------- */

struct credentials {
	const char *user, *password, *token; /* a token instead of the two */
};

static bool has_any(const struct credentials *credentials)
{
	return credentials->token || credentials->user;
}

/* "not found" in words: there is no status of its own for it. */
static bool is_absent(const char *out)
{
	return strstr(out, "credentials not found") != NULL;
}

static void ask_helper(struct docker *docker, const char *helper, const char *registry,
	struct credentials *credentials, const char **note)
{
	const char *key = strcmp(registry, "docker.io") ? registry : HUB_KEY;
	const char *const argv[] = {
		arena_printf(docker->arena, "docker-credential-%s", helper), "get", NULL};
	struct process_request request = {.argv = argv, .input = key, .input_len = strlen(key),
		.deadline = docker->env->deadline, .clock = docker->env->clock,
		.cancel = docker->env->cancel, .keep_fd = docker->env->intent_fd};
	cleanup_process struct process_result result = PROCESS_RESULT_INIT;
	struct error err = ERROR_INIT;
	struct value answer;
	const char *user;

	if (process_run(&request, &result, &err)) {
		*note = arena_strdup(docker->arena, err.msg);
		return;
	}
	if (result.status != 0) {
		if (!is_absent(result.out.text) && !is_absent(result.err.text))
			*note = arena_printf(docker->arena, "%s get exited with status %d", argv[0],
				result.status);
		return;
	}
	if (json_parse(result.out.text, result.out.len, docker->arena, NULL, &answer, NULL)) {
		*note = arena_printf(docker->arena, "the answer of %s get is no JSON", argv[0]);
		return;
	}
	user = value_get_text(&answer, "Username", "");
	if (!strcmp(user, "<token>")) {
		credentials->token = value_get_text(&answer, "Secret", "");
	} else if (*user) {
		credentials->user = user;
		credentials->password = value_get_text(&answer, "Secret", "");
	}
}

/* "auth" is base64(user:password). */
static void read_auth(struct docker *docker, const struct value *entry,
	struct credentials *credentials)
{
	const char *token = value_get_text(entry, "identitytoken", NULL);
	const char *auth = value_get_text(entry, "auth", NULL);
	size_t room = auth ? strlen(auth) + 1 : 0, len;
	char *plain, *colon;

	if (token && *token) {
		credentials->token = token;
		return;
	}
	if (!auth || !*auth)
		return;
	plain = arena_alloc(docker->arena, room);
	if (sodium_base642bin((unsigned char *)plain, room - 1, auth, strlen(auth), NULL, &len, NULL,
			sodium_base64_VARIANT_ORIGINAL))
		return;
	plain[len] = '\0';
	colon = strchr(plain, ':');
	if (!colon)
		return;
	*colon = '\0';
	credentials->user = plain;
	credentials->password = colon + 1;
}

static void find_credentials(struct docker *docker, const struct value *config,
	const char *registry, struct credentials *credentials, const char **note)
{
	const struct value *auths = value_get(config, "auths");
	const char *helper = helper_of(config, registry);

	*credentials = (struct credentials){0};
	if (helper && *helper)
		ask_helper(docker, helper, registry, credentials, note);
	for (uint32_t i = 0; auths && auths->kind == VALUE_MAP && i < auths->len; i++) {
		if (has_any(credentials))
			return;
		if (same_registry(auths->members[i].key, registry))
			read_auth(docker, &auths->members[i].value, credentials);
	}
}

static struct value auth_value(struct docker *docker, const char *registry,
	const struct credentials *credentials)
{
	struct value_builder map;

	builder_init(&map, docker->arena);
	if (credentials->token) {
		builder_put_str(&map, "identitytoken", credentials->token);
	} else {
		builder_put_str(&map, "username", credentials->user);
		builder_put_str(&map, "password", credentials->password);
	}
	builder_put_str(&map, "serveraddress", strcmp(registry, "docker.io") ? registry : HUB_KEY);
	return builder_map(&map);
}

/* JSON in base64 for URLs, with padding: what the engine's decoder takes. */
static const char *encode(struct docker *docker, const struct value *value)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	size_t room;
	char *out;

	json_write(&text, value, JSON_CLEAR, NULL);
	room = sodium_base64_encoded_len(text.len, sodium_base64_VARIANT_URLSAFE);
	out = arena_alloc(docker->arena, room);
	sodium_bin2base64(out, room, (const unsigned char *)text.text, text.len,
		sodium_base64_VARIANT_URLSAFE);
	sodium_memzero(text.text, text.len);
	return out;
}

int docker_auth(struct docker *docker, const char *registry, const char **header,
	const char **note, struct error *err)
{
	struct credentials credentials;
	struct value config, value;

	*header = "";
	*note = NULL;
	if (docker_config_read(docker->arena, &config, err))
		return -1;
	find_credentials(docker, &config, registry, &credentials, note);
	if (!has_any(&credentials))
		return 0;
	value = auth_value(docker, registry, &credentials);
	*header = encode(docker, &value);
	return 0;
}

/* --- all of them -------------------------------------------------------------------------------- */

/* The registry of a key: Docker Hub under its short name. */
static const char *registry_of_key(struct docker *docker, const char *key)
{
	const char *scheme = strstr(key, "://");

	if (same_registry(key, "docker.io"))
		return "docker.io";
	if (scheme)
		key = scheme + 3;
	return arena_strndup(docker->arena, key, strcspn(key, "/"));
}

static void add_registries(struct docker *docker, const struct value *config, const char *section,
	struct value_builder *map)
{
	const struct value *named = value_get(config, section);

	for (uint32_t i = 0; named && named->kind == VALUE_MAP && i < named->len; i++) {
		const char *registry = registry_of_key(docker, named->members[i].key);
		const char *key = strcmp(registry, "docker.io") ? registry : HUB_KEY, *note;
		struct credentials credentials;
		struct value have = builder_map(map);

		if (value_get(&have, key))
			continue;
		find_credentials(docker, config, registry, &credentials, &note);
		if (has_any(&credentials))
			builder_put(map, key, auth_value(docker, registry, &credentials));
	}
}

int docker_auth_all(struct docker *docker, const char **header, struct error *err)
{
	struct value_builder map;
	struct value config, all;

	*header = "";
	if (docker_config_read(docker->arena, &config, err))
		return -1;
	builder_init(&map, docker->arena);
	add_registries(docker, &config, "credHelpers", &map);
	add_registries(docker, &config, "auths", &map);
	all = builder_map(&map);
	if (all.len)
		*header = encode(docker, &all);
	return 0;
}
