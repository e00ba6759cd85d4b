/*
 * The order of the places is that of the docker command, so that both speak to the same engine.
 * Files are read, nothing is connected to.
 */
#include "providers/docker/endpoint.h"

#include "base/fs.h"
#include "model/json.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SOCKET "/var/run/docker.sock"

static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static const char *config_directory(struct arena *arena)
{
	const char *directory = variable("DOCKER_CONFIG"), *home = variable("HOME");

	if (directory)
		return directory;
	return home ? fs_join(arena, home, ".docker") : NULL;
}

/* An absent file is an empty map. */
static int read_json(struct arena *arena, const char *path, struct value *out, struct error *err)
{
	const char *text;
	size_t len;
	struct error own = ERROR_INIT;

	*out = value_empty_map;
	if (fs_read(path, arena, &text, &len, &own)) {
		if (own.code == ERROR_NOT_FOUND)
			return 0;
		return error_set(err, ERROR_INVALID, "%s", own.msg);
	}
	if (json_parse(text, len, arena, NULL, out, &own))
		return error_set(err, ERROR_INVALID, "%s: %s", path, own.msg);
	return 0;
}

int docker_config_read(struct arena *arena, struct value *out, struct error *err)
{
	const char *directory = config_directory(arena);

	*out = value_empty_map;
	return directory ? read_json(arena, fs_join(arena, directory, "config.json"), out, err) : 0;
}

/* tcp://host, tcp://host:port, tcp://[::1]:port; the port depends on TLS when it is not said. */
static int set_tcp(struct arena *arena, struct docker_endpoint *out, const char *address, bool tls,
	struct error *err)
{
	size_t len = strcspn(address, "/");
	const char *colon = memrchr(address, ':', len);
	const char *port = "", *bracket = memrchr(address, ']', len);

	if (!len)
		return error_set(err, ERROR_INVALID, "%s: '%s' names no host", out->origin, out->where);
	if (!colon || (bracket && bracket > colon))
		port = tls ? ":2376" : ":2375";
	out->base = arena_printf(arena, "%s://%.*s%s%s", tls ? "https" : "http", (int)len, address,
		port, strcmp(address + len, "/") ? address + len : ""); /* "tcp://host:2375/" */
	return 0;
}

static int set_host(struct arena *arena, struct docker_endpoint *out, bool tls, struct error *err)
{
	const char *host = out->where, *rest = strstr(host, "://");

	if (!strncmp(host, "unix://", 7)) {
		out->unix_socket = host[7] ? host + 7 : DEFAULT_SOCKET;
		out->base = "http://localhost";
		return 0;
	}
	if (!strncmp(host, "ssh://", 6))
		return error_set(err, ERROR_INVALID,
			"%s is '%s': engines behind ssh are not supported; forward the socket "
			"(ssh -N -L /tmp/docker.sock:/var/run/docker.sock HOST) and set "
			"DOCKER_HOST=unix:///tmp/docker.sock", out->origin, host);
	if (!strncmp(host, "tcp://", 6))
		return set_tcp(arena, out, host + 6, tls, err);
	if (!strncmp(host, "http://", 7))
		return set_tcp(arena, out, host + 7, tls, err);
	if (!strncmp(host, "https://", 8))
		return set_tcp(arena, out, host + 8, true, err);
	if (!rest && *host != '/' && strchr(host, ':'))
		return set_tcp(arena, out, host, tls, err);
	return error_set(err, ERROR_INVALID,
		"%s is '%s': expected unix:///path/to/socket or tcp://host:port", out->origin, host);
}

/* Those of the three files that are there. */
static bool set_certificates(struct arena *arena, struct docker_endpoint *out,
	const char *directory)
{
	const char *ca = fs_join(arena, directory, "ca.pem");
	const char *cert = fs_join(arena, directory, "cert.pem");
	const char *key = fs_join(arena, directory, "key.pem");

	if (fs_exists(ca))
		out->ca_file = ca;
	if (fs_exists(cert) && fs_exists(key)) {
		out->cert_file = cert;
		out->key_file = key;
	}
	return out->ca_file || out->cert_file;
}

static int from_variable(struct arena *arena, struct docker_endpoint *out, struct error *err)
{
	const char *directory = variable("DOCKER_CERT_PATH");
	bool tls = variable("DOCKER_TLS_VERIFY") != NULL;

	out->where = variable("DOCKER_HOST");
	out->origin = "DOCKER_HOST";
	if (!directory)
		directory = config_directory(arena);
	if (tls && strncmp(out->where, "unix://", 7) != 0 &&
		(!directory || !set_certificates(arena, out, directory)))
		return error_set(err, ERROR_INVALID,
			"DOCKER_TLS_VERIFY is set, but there is no ca.pem nor cert.pem and key.pem in %s "
			"(DOCKER_CERT_PATH)", directory ? directory : "any known directory");
	return set_host(arena, out, tls, err);
}

static const char *sha256_hex(struct arena *arena, const char *text)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char *hex = arena_alloc(arena, 2 * sizeof(hash) + 1);

	crypto_hash_sha256(hash, (const unsigned char *)text, strlen(text));
	return sodium_bin2hex(hex, 2 * sizeof(hash) + 1, hash, sizeof(hash));
}

static int from_context(struct arena *arena, struct docker_endpoint *out, const char *directory,
	const char *name, struct error *err)
{
	const char *id = sha256_hex(arena, name);
	const char *path = arena_printf(arena, "%s/contexts/meta/%s/meta.json", directory, id);
	const struct value *docker;
	struct value meta;
	bool tls;

	out->origin = arena_printf(arena, "docker context '%s'", name);
	if (read_json(arena, path, &meta, err))
		return -1;
	docker = value_path(&meta, "Endpoints.docker");
	out->where = value_get_text(docker, "Host", NULL);
	if (!out->where)
		return error_set(err, ERROR_INVALID,
			"there is no docker context '%s' (looked for %s): set DOCKER_HOST, or choose one with "
			"`docker context use`", name, path);
	tls = set_certificates(arena, out, arena_printf(arena, "%s/contexts/tls/%s/docker", directory, id));
	out->insecure = value_get_bool(docker, "SkipTLSVerify", false);
	return set_host(arena, out, tls || out->insecure, err);
}

int docker_endpoint_find(struct arena *arena, struct docker_endpoint *out, struct error *err)
{
	const char *directory = config_directory(arena);
	const char *context = variable("DOCKER_CONTEXT");
	struct value config = value_empty_map;

	*out = (struct docker_endpoint){.where = "unix://" DEFAULT_SOCKET, .origin = "default"};
	if (variable("DOCKER_HOST"))
		return from_variable(arena, out, err);
	if (!context) {
		if (docker_config_read(arena, &config, err))
			return -1;
		context = value_get_text(&config, "currentContext", NULL);
	}
	if (context && *context && strcmp(context, "default") != 0 && directory)
		return from_context(arena, out, directory, context, err);
	return set_host(arena, out, false, err);
}
