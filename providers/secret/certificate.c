/*
 * generated_certificate: a certificate for servers, of an authority of its own, made by `openssl`. Keys
 * go through pipes only, and live in state, encrypted. The authority outlives its certificates, so that
 * those who trust it go on doing so; what ends soon is made again.
 */
#include "providers/secret/secret.h"

#include "base/fs.h"
#include "base/process.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <string.h>

#define DAY INT64_C(86400000)
#define HOST_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:*"

enum { AUTHORITY_DAYS = 3650, DEFAULT_DAYS = 90, DEFAULT_RENEWAL = 30, LONGEST_NAME = 64 };

static int64_t lasting(const struct value *inputs, const char *key, int64_t days)
{
	const struct value *said = value_get(inputs, key);

	return said ? duration_parse(value_text(said, "")) : days * DAY;
}

static int64_t validity(const struct value *inputs)
{
	return (lasting(inputs, "validity", DEFAULT_DAYS) + DAY - 1) / DAY; /* whole days */
}

void certificate_validate(const struct resource *resource, struct diags *diags)
{
	const struct value *inputs = resource->attributes;
	const struct value *renewal = value_get(inputs, "renewBefore");

	if (inputs->flags & VALUE_TEMPLATE)
		return;
	if (lasting(inputs, "renewBefore", DEFAULT_RENEWAL) < validity(inputs) * DAY)
		return;
	diag_error(diags, value_pos(renewal ? renewal : value_get(inputs, "validity")),
		"the certificate would be made again as soon as it is there");
	diag_hint(diags, "renewBefore (30d) is to be less than validity (90d)");
}

/* --- openssl ------------------------------------------------------------------------------------- */

struct issuing {
	struct provider_env *env;
	const char *folder;
};

/* What it prints; `key`, where it needs one, on its standard input. */
static int run(struct issuing *i, const char *const *argv, const char *key, const char **out,
	struct error *err)
{
	cleanup_process struct process_result result = PROCESS_RESULT_INIT;
	struct process_request request = {
		.argv = argv,
		.directory = i->folder,
		.input = key,
		.input_len = key ? strlen(key) : 0,
		.keep_fd = i->env->intent_fd,
		.deadline = i->env->deadline,
		.clock = i->env->clock,
		.cancel = i->env->cancel,
	};
	struct process_env variables;

	process_env_init(&variables, i->env->arena, NULL);
	process_env_set(&variables, "OPENSSL_CONF", "/dev/null"); /* the user's own says other things */
	request.env = process_env_vector(&variables);
	if (process_run(&request, &result, err) < 0 || process_check(&request, &result, err) < 0)
		return -1;
	*out = arena_strndup(i->env->arena, result.out.text, result.out.len);
	sodium_memzero(result.out.text, result.out.len);
	return 0;
}

static int make_key(struct issuing *i, const char **key, struct error *err)
{
	return run(i, (const char *const[]){"openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
		"ec_paramgen_curve:P-256", NULL}, NULL, key, err);
}

static int put(struct issuing *i, const char *name, const char *text, struct error *err)
{
	const char *path = fs_join(i->env->arena, i->folder, name);

	return fs_write(path, arena_printf(i->env->arena, "%s.new", path), text, strlen(text), 0600,
		FS_VOLATILE, err);
}

static bool is_address(const char *host)
{
	unsigned char room[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, room) == 1 || inet_pton(AF_INET6, host, room) == 1;
}

/* What certificates are to hold. A name that was not known before has not been checked by the schema. */
static int put_settings(struct issuing *i, const struct value *hosts, struct error *err)
{
	const char *first = hosts->len ? value_text(hosts->items, "") : "";
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	strbuf_addf(&text, "[req]\nprompt = no\ndistinguished_name = server_name\n"
		"[server_name]\nCN = %s\n"
		"[authority]\nbasicConstraints = critical, CA:TRUE, pathlen:0\n"
		"keyUsage = critical, keyCertSign, cRLSign\nsubjectKeyIdentifier = hash\n"
		"[server]\nbasicConstraints = critical, CA:FALSE\nkeyUsage = critical, digitalSignature\n"
		"extendedKeyUsage = serverAuth\nsubjectKeyIdentifier = hash\n"
		"authorityKeyIdentifier = keyid\nsubjectAltName = ",
		strlen(first) > LONGEST_NAME ? "devenv" : first);
	for (uint32_t at = 0; at < hosts->len; at++) {
		const char *host = value_text(&hosts->items[at], "");

		if (!*host || host[strspn(host, HOST_LETTERS)])
			return error_set(err, ERROR_INVALID, "\"%s\" is no name of a host", host);
		strbuf_addf(&text, "%s%s:%s", at ? ", " : "", is_address(host) ? "IP" : "DNS", host);
	}
	strbuf_addstr(&text, "\n");
	return put(i, "settings", text.text, err);
}

static const char *days_text(struct issuing *i, int64_t days)
{
	return arena_printf(i->env->arena, "%lld", (long long)days);
}

static const char *serial(struct issuing *i)
{
	char hex[33];

	random_hex(hex, 32);
	hex[0] = '4'; /* positive, of full length */
	return arena_printf(i->env->arena, "0x%s", hex);
}

static int make_authority(struct issuing *i, const char *key, const char **out, struct error *err)
{
	const char *request;

	if (run(i, (const char *const[]){"openssl", "req", "-new", "-config", "settings", "-key",
		"/dev/stdin", "-subj", arena_printf(i->env->arena, "/CN=devenv %s", i->env->short_id), NULL},
		key, &request, err) < 0 || put(i, "request", request, err) < 0)
		return -1;
	return run(i, (const char *const[]){"openssl", "x509", "-req", "-in", "request", "-signkey",
		"/dev/stdin", "-set_serial", serial(i), "-days", days_text(i, AUTHORITY_DAYS), "-sha256",
		"-extfile", "settings", "-extensions", "authority", NULL}, key, out, err);
}

static int make_certificate(struct issuing *i, const char *authority, const char *authority_key,
	const char *key, int64_t days, const char **out, struct error *err)
{
	const char *request;

	if (put(i, "authority", authority, err) < 0 ||
		run(i, (const char *const[]){"openssl", "req", "-new", "-config", "settings", "-key",
			"/dev/stdin", NULL}, key, &request, err) < 0 ||
		put(i, "request", request, err) < 0)
		return -1;
	return run(i, (const char *const[]){"openssl", "x509", "-req", "-in", "request", "-CA",
		"authority", "-CAkey", "/dev/stdin", "-set_serial", serial(i), "-days",
		days_text(i, days), "-sha256", "-extfile", "settings", "-extensions", "server", NULL},
		authority_key, out, err);
}

/* --- all of it ----------------------------------------------------------------------------------- */

/* An authority that would end before its certificate is made anew. */
static bool keeps_authority(struct provider_env *env, const struct value *old, int64_t days)
{
	return value_get(old, "authorityKey") &&
		value_get_int(old, "authorityEnds", 0) > clock_wall(env->clock) + days * DAY;
}

static void put_outputs(struct issuing *i, const struct value *texts, int64_t ends,
	int64_t authority_ends, struct outcome *outcome)
{
	struct value *map = arena_alloc(i->env->arena, sizeof(*map));
	struct value_builder b;
	char when[32];

	builder_init(&b, i->env->arena);
	for (uint32_t at = 0; at < texts->len; at++)
		builder_put(&b, texts->members[at].key, texts->members[at].value);
	builder_put(&b, "expires", value_str(i->env->arena, clock_rfc3339(ends, when)));
	builder_put_int(&b, "ends", ends);
	builder_put_int(&b, "authorityEnds", authority_ends);
	*map = builder_map(&b);
	outcome->exists = true;
	outcome->outputs = map;
	outcome->observed = &value_empty_map;
}

static int issue(struct issuing *i, const struct request *request, const struct value *old,
	struct outcome *outcome, struct error *err)
{
	const struct value *hosts = value_get(request->inputs, "hosts");
	int64_t days = validity(request->inputs), now = clock_wall(i->env->clock);
	bool keeps = keeps_authority(i->env, old, days);
	const char *authority = value_get_text(old, "authority", NULL), *key = NULL, *certificate = NULL;
	const char *authority_key = value_get_text(old, "authorityKey", NULL);
	struct value_builder b;
	struct value texts;

	if (put_settings(i, hosts, err) < 0)
		return -1;
	if (!keeps && (make_key(i, &authority_key, err) < 0 ||
			make_authority(i, authority_key, &authority, err) < 0))
		return -1;
	if (make_key(i, &key, err) < 0 ||
		make_certificate(i, authority, authority_key, key, days, &certificate, err) < 0)
		return -1;
	builder_init(&b, i->env->arena);
	builder_put(&b, "certificate", value_borrow(arena_printf(i->env->arena, "%s%s", certificate,
		authority)));
	builder_put(&b, "key", value_sensitive(value_borrow(key)));
	builder_put(&b, "authority", value_borrow(authority));
	builder_put(&b, "authorityKey", value_sensitive(value_borrow(authority_key)));
	texts = builder_map(&b);
	put_outputs(i, &texts, now + days * DAY,
		keeps ? value_get_int(old, "authorityEnds", 0) : now + AUTHORITY_DAYS * DAY, outcome);
	return 0;
}

int certificate_apply(struct provider_env *env, const struct request *request,
	struct outcome *outcome, struct error *err)
{
	const struct value *old = NULL;
	struct issuing i = {.env = env};
	struct error ignored = ERROR_INIT;
	struct hash hash;
	char hex[HASH_HEX];
	int rc;

	if (request->act == ACT_UPDATE && request->record) {
		old = record_outputs(request->record, err);
		if (err->code != ERROR_NONE)
			return -1;
	}
	hash_bytes(request->address, strlen(request->address), &hash);
	i.folder = fs_join(env->arena, env->work_dir,
		arena_printf(env->arena, "certificate-%.16s", hash_hex(&hash, hex)));
	if (fs_make_dirs(i.folder, 0700, env->arena, NULL, err) < 0)
		return -1;
	rc = issue(&i, request, old, outcome, err);
	fs_remove_tree(i.folder, &ignored); /* nothing secret is in it, and the next one would use it again */
	return rc;
}

void certificate_observe(struct provider_env *env, struct observation *item)
{
	int64_t renewal = lasting(item->desired, "renewBefore", DEFAULT_RENEWAL), ends;
	struct error ignored = ERROR_INIT;
	char when[32];

	if (!item->record || !item->desired)
		return;
	ends = value_get_int(record_outputs(item->record, &ignored), "ends", 0);
	if (clock_wall(env->clock) + renewal < ends)
		return;
	item->differs = arena_printf(env->arena, "it ends on %.10s", clock_rfc3339(ends, when));
}
