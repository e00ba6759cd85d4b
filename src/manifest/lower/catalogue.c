/*
 * The catalogue: what `type: postgresql` and the like mean. An entry is data; its neutral words
 * (database, username, password, storage, seed) become the image's environment and volume, or the
 * values of a chart. What the service says itself wins over the entry, key by key.
 */
#include "manifest/lower/catalogue.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* --- in plain words ------------------------------------------------------------------------------ */

struct plain {
	struct lowering *l;
	const struct catalogue_entry *entry;
	const struct value *spec; /* as written */
	const char *name;
	struct value username, password, database;
	const char *claim;        /* that its chart keeps its data in; NULL: none of ours */
};

static bool has_text(const struct catalogue_pair *pairs, size_t n, const char *text)
{
	for (size_t i = 0; i < n && pairs[i].name; i++) {
		if (strcmp(pairs[i].text, text) == 0)
			return true;
	}
	return false;
}

bool catalogue_takes(const struct catalogue_entry *entry, const char *word)
{
	if (strcmp(word, "storage") == 0)
		return entry->data != NULL;
	if (strcmp(word, "username") == 0)
		return has_text(entry->env, ARRAY_SIZE(entry->env), "%u");
	if (strcmp(word, "password") == 0)
		return entry->password;
	if (strcmp(word, "database") == 0) /* of a redis a number, which only its address has */
		return has_text(entry->env, ARRAY_SIZE(entry->env), "%d") ||
			strcmp(entry->scheme, "redis") == 0;
	return true;
}

static struct value word_or(struct plain *p, const char *word, const char *fallback)
{
	const struct value *said = value_get(p->spec, word);

	if (said && said->kind != VALUE_NULL && catalogue_takes(p->entry, word))
		return *said;
	return fallback ? lower_text(p->l, fallback, p->spec) : value_null;
}

/* One that nobody said is made once and kept: see generated_secret. */
static struct value password_of(struct plain *p)
{
	struct lowering *l = p->l;
	struct service at = {.name = p->name, .spec = p->spec};
	const char *name = arena_printf(l->arena, "%s-password", p->name);
	struct value said = word_or(p, "password", NULL);
	struct value_builder b;

	if (said.kind != VALUE_NULL)
		return value_sensitive(said);
	if (!p->entry->password)
		return said;
	if (!lower_is_declared(l, "generated_secret", name)) {
		lower_begin(l, &b, &at, "generated_secret", name);
		lower_end(l, &b, &at);
	}
	return lower_text(l, arena_printf(l->arena, "${generated_secret.%s.data.value}", name), p->spec);
}

/* NULL: it names a word that the service has not. */
static struct value filled(struct plain *p, const char *text)
{
	const char *at = strstr(text, "%n");

	if (strcmp(text, "%u") == 0)
		return p->username;
	if (strcmp(text, "%p") == 0)
		return p->password;
	if (strcmp(text, "%d") == 0)
		return p->database;
	if (strcmp(text, "%s") == 0)
		return word_or(p, "storage", NULL);
	if (strcmp(text, "%v") == 0)
		return p->claim ? lower_text(p->l, p->claim, p->spec) : value_null;
	if (at)
		text = arena_printf(p->l->arena, "%.*s%s%s", (int)(at - text), text, p->name, at + 2);
	return lower_text(p->l, text, p->spec);
}

static struct value plain_env(struct plain *p)
{
	const struct value *said = value_get(p->spec, "env");
	struct value own = said ? lower_key_values(p->l, said) : value_null;
	struct value_builder b;

	builder_init(&b, p->l->arena);
	for (size_t i = 0; i < ARRAY_SIZE(p->entry->env) && p->entry->env[i].name; i++) {
		struct value value = filled(p, p->entry->env[i].text);

		if (value.kind != VALUE_NULL && !value_get(&own, p->entry->env[i].name))
			builder_put(&b, p->entry->env[i].name, value);
	}
	for (uint32_t i = 0; own.kind == VALUE_MAP && i < own.len; i++) {
		builder_put(&b, own.members[i].key, own.members[i].value);
		b.members[b.n - 1].pos = own.members[i].pos;
	}
	return lower_map(&b, said ? said : p->spec);
}

/* "15.x" and "15" are the image's tag 15; beside a chart, `version` is that of the chart. */
static const char *tag_of(struct plain *p)
{
	const char *version = value_get_text(p->spec, "version", NULL);
	size_t len = version ? strlen(version) : 0;

	if (!len || value_get(p->spec, "chart"))
		return p->entry->version;
	while (len > 2 && strcmp(version + len - 2, ".x") == 0)
		version = arena_strndup(p->l->arena, version, len -= 2);
	return version;
}

static struct value plain_volumes(struct plain *p)
{
	const struct value *said = value_get(p->spec, "volumes");
	const struct value *seed = value_get(p->spec, "seed");
	struct value_builder list, mount;

	builder_init(&list, p->l->arena);
	for (uint32_t i = 0; said && said->kind == VALUE_LIST && i < said->len; i++)
		builder_push(&list, said->items[i]);
	if (!said && p->entry->data)
		builder_push(&list, lower_text(p->l, arena_printf(p->l->arena, "%s-data:%s", p->name,
			p->entry->data), p->spec));
	if (seed && p->entry->seeds) {
		const char *slash = strrchr(value_text(seed, ""), '/');

		builder_init(&mount, p->l->arena);
		builder_put(&mount, "source", *seed);
		builder_put(&mount, "target", lower_text(p->l, arena_printf(p->l->arena, "%s/%s",
			p->entry->seeds, slash ? slash + 1 : value_text(seed, "")), seed));
		builder_put_bool(&mount, "readOnly", true);
		builder_push(&list, lower_map(&mount, seed));
	} else if (seed) {
		diag_error(p->l->diags, value_pos(seed), "a %s takes no seed", p->entry->type);
		diag_hint(p->l->diags, "a service of type: job that depends on it can fill it");
	}
	return lower_list(&list, said ? said : p->spec);
}

static struct value plain_health(struct plain *p)
{
	struct value_builder b;

	builder_init(&b, p->l->arena);
	builder_put(&b, "test", lower_text(p->l, p->entry->health, p->spec));
	builder_put(&b, "interval", lower_text(p->l, "2s", p->spec));
	builder_put(&b, "timeout", lower_text(p->l, "10s", p->spec));
	builder_put_int(&b, "retries", 60);
	return lower_map(&b, p->spec);
}

static struct value security_of(struct plain *p)
{
	struct value_builder b, add;

	builder_init(&b, p->l->arena);
	if (p->entry->user) {
		builder_put_int(&b, "runAsUser", strtol(p->entry->user, NULL, 10));
		builder_put_int(&b, "runAsGroup", strtol(strchr(p->entry->user, ':') + 1, NULL, 10));
		builder_put_bool(&b, "runAsNonRoot", true);
	}
	builder_init(&add, p->l->arena);
	for (size_t i = 0; i < ARRAY_SIZE(p->entry->capabilities) && p->entry->capabilities[i]; i++)
		builder_push(&add, lower_text(p->l, p->entry->capabilities[i], p->spec));
	if (add.n) {
		struct value_builder capabilities;

		builder_init(&capabilities, p->l->arena);
		builder_put(&capabilities, "add", lower_list(&add, p->spec));
		builder_put(&b, "capabilities", lower_map(&capabilities, p->spec));
	}
	return lower_map(&b, p->spec);
}

/* Adds `key` unless the service says it. */
static void put_default(struct plain *p, struct value_builder *b, const char *key,
	struct value value)
{
	const struct value *said = value_get(p->spec, key);

	if ((!said || said->kind == VALUE_NULL) && value.kind != VALUE_NULL)
		builder_put(b, key, value);
}

static void put_defaults(struct plain *p, struct value_builder *b)
{
	struct lowering *l = p->l;
	const struct catalogue_entry *entry = p->entry;
	struct value_builder list;

	if (!value_get(p->spec, "build") && !value_get(p->spec, "source"))
		put_default(p, b, "image", lower_text(l,
			arena_printf(l->arena, "%s:%s", entry->image, tag_of(p)), p->spec));
	put_default(p, b, "ports", lower_one(l, lower_text(l, entry->port, p->spec)));
	put_default(p, b, "username", p->username);
	put_default(p, b, "password", p->password);
	put_default(p, b, "database", p->database);
	if (entry->health)
		put_default(p, b, "healthcheck", plain_health(p));
	put_default(p, b, "securityContext", security_of(p));
	builder_init(&list, l->arena);
	for (size_t i = 0; i < ARRAY_SIZE(entry->command) && entry->command[i]; i++)
		builder_push(&list, lower_text(l, entry->command[i], p->spec));
	if (list.n)
		put_default(p, b, "command", lower_list(&list, p->spec));
}

const struct value *catalogue_plain(struct lowering *l, const struct catalogue_entry *entry,
	const struct value *spec)
{
	struct plain p = {.l = l, .entry = entry, .spec = spec,
		.name = value_get_text(spec, "name", "")};
	struct value *plain = arena_alloc(l->arena, sizeof(*plain));
	struct value_builder b;

	p.username = word_or(&p, "username", entry->username);
	p.database = word_or(&p, "database", entry->database);
	p.password = password_of(&p);
	builder_init(&b, l->arena);
	for (uint32_t i = 0; i < spec->len; i++) {
		if (strcmp(spec->members[i].key, "env") == 0 ||
			strcmp(spec->members[i].key, "volumes") == 0 ||
			!catalogue_takes(entry, spec->members[i].key))
			continue;
		builder_put(&b, spec->members[i].key, strcmp(spec->members[i].key, "password") == 0
			? p.password : spec->members[i].value);
		b.members[b.n - 1].pos = spec->members[i].pos;
	}
	builder_put(&b, "env", plain_env(&p));
	builder_put(&b, "volumes", plain_volumes(&p));
	put_defaults(&p, &b);
	*plain = lower_map(&b, spec);
	return plain;
}

/* Does this item of `volumes` put the volume `name` to where the entry keeps its data? */
static bool is_data(const struct value *item, const char *name, const char *data)
{
	size_t len = strlen(name);
	const char *text = value_is_scalar(item) ? value_text(item, "") : "", *target;

	if (!value_is_scalar(item))
		return strcmp(value_get_text(item, "name", ""), name) == 0 &&
			strcmp(value_get_text(item, "target", ""), data) == 0;
	target = text + len + 1;
	return strncmp(text, name, len) == 0 && text[len] == ':' &&
		strncmp(target, data, strlen(data)) == 0 && strchr(":", target[strlen(data)]);
}

/* "16" of version 16.4, or of the image postgres:16-alpine; NULL: it cannot be told. */
static const char *major_of(struct lowering *l, const struct value *spec)
{
	const struct value *image = value_get(spec, "image");
	const char *version = value_get_text(spec, "version", NULL), *text, *slash;
	size_t digits;

	if (!version) {
		text = value_text(image, "");
		slash = strrchr(text, '/');
		version = image && !(image->flags & VALUE_TEMPLATE) ? strchr(slash ? slash : text, ':') : NULL;
		version = version ? version + 1 : "";
	}
	digits = strspn(version, "0123456789");
	return digits ? arena_strndup(l->arena, version, digits) : NULL;
}

/* Where these variables stand. On a cluster only those that are secret have a place that stays. */
static void put_begun(struct lowering *l, const struct service *service, struct value_builder *b)
{
	bool in_pod = service->kind == SERVICE_WORKLOAD;
	struct value_builder list;

	builder_init(&list, l->arena);
	for (const char *const *name = service->entry->begun; *name; name++) {
		const struct value *value = value_path(service->spec, arena_printf(l->arena, "env.%s", *name));

		if (value && (!in_pod || value->flags & (VALUE_SENSITIVE | VALUE_TEMPLATE)))
			builder_push(&list, lower_text(l, arena_printf(l->arena, in_pod
				? "kubernetes_manifest.%s-env.manifest[0].stringData.%s"
				: "docker_container.%s.environment.%s", service->name, *name), service->spec));
	}
	if (list.n)
		builder_put(b, "begunWith", lower_list(&list, service->spec));
}

void catalogue_contents(struct lowering *l, const struct service *service, const char *volume,
	struct value_builder *b)
{
	const struct value *mounts = value_get(service->spec, "volumes");
	const struct catalogue_entry *entry = value_get(service->spec, "chart") ? NULL : service->entry;
	const char *major = entry && entry->copy.out ? major_of(l, service->spec) : NULL;
	struct value_builder lifecycle;
	bool found = false;

	for (uint32_t i = 0; entry && entry->data && mounts && mounts->kind == VALUE_LIST && i < mounts->len; i++)
		found |= is_data(&mounts->items[i], volume, entry->data);
	builder_init(&lifecycle, l->arena);
	if (found && major)
		builder_put(&lifecycle, "contents", lower_text(l,
			arena_printf(l->arena, "%s %s", entry->type, major), service->spec));
	if (found)
		put_begun(l, service, &lifecycle);
	if (lifecycle.n)
		builder_put(b, "lifecycle", lower_map(&lifecycle, service->spec));
}

/* --- a chart's values ---------------------------------------------------------------------------- */

/* {"a": {"b": value}} of the path "a.b". */
static struct value nested(struct lowering *l, const char *path, struct value value)
{
	const char *dot = strchr(path, '.');
	struct value_builder b;

	builder_init(&b, l->arena);
	if (dot)
		builder_put(&b, arena_strndup(l->arena, path, (size_t)(dot - path)),
			nested(l, dot + 1, value));
	else
		builder_put(&b, path, value);
	return builder_map(&b);
}

struct value catalogue_joined(struct lowering *l, const struct value *under, const struct value *over)
{
	struct value_builder b;

	if (under->kind != VALUE_MAP || over->kind != VALUE_MAP)
		return *over;
	builder_init(&b, l->arena);
	for (uint32_t i = 0; i < under->len; i++) {
		const struct value *other = value_get(over, under->members[i].key);

		builder_put(&b, under->members[i].key,
			other ? catalogue_joined(l, &under->members[i].value, other) : under->members[i].value);
	}
	for (uint32_t i = 0; i < over->len; i++) {
		if (value_get(under, over->members[i].key))
			continue;
		builder_put(&b, over->members[i].key, over->members[i].value);
		b.members[b.n - 1].pos = over->members[i].pos;
	}
	return lower_map(&b, over);
}

struct value catalogue_values(struct lowering *l, const struct service *service, const char *claim)
{
	const struct value *said = value_get(service->spec, "values");
	struct plain p = {.l = l, .entry = service->entry, .spec = service->spec,
		.name = service->name, .claim = claim};
	struct value values = nested(l, "fullnameOverride", lower_text(l, p.name, p.spec)), one;

	p.username = word_or(&p, "username", NULL);
	p.password = word_or(&p, "password", NULL);
	p.database = word_or(&p, "database", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(p.entry->values) && p.entry->values[i].name; i++) {
		one = filled(&p, p.entry->values[i].text);
		if (one.kind == VALUE_NULL)
			continue;
		one = nested(l, p.entry->values[i].name, one);
		values = catalogue_joined(l, &values, &one);
	}
	return said ? catalogue_joined(l, &values, said) : values;
}

/* --- its address --------------------------------------------------------------------------------- */

/* What is known is escaped: a password may hold "@", and even "${". */
static void add_part(struct strbuf *text, struct value *url, const struct value *part)
{
	const char *at = value_text(part, "");

	if (part && part->flags & VALUE_TEMPLATE)
		strbuf_addstr(text, at);
	else
		for (; *at; at++)
			strbuf_addf(text, isalnum((unsigned char)*at) || strchr("-._~", *at) ? "%c" : "%%%02X",
				(unsigned char)*at);
	url->flags |= part ? part->flags & VALUE_SENSITIVE : 0;
}

struct value catalogue_url(struct lowering *l, const struct service *service, const char *host,
	const char *port, const char *scheme)
{
	const struct catalogue_entry *entry = service->entry;
	const struct value *user = value_get(service->spec, "username");
	const struct value *password = value_get(service->spec, "password");
	bool is_plain = !entry || strcmp(entry->scheme, "http") == 0; /* its keys are not in the URL */
	struct strbuf text = STRBUF_INIT;
	struct value url, parts = {0};

	strbuf_addf(&text, "%s://", is_plain ? scheme : entry->scheme);
	if (!is_plain && (user || password)) {
		add_part(&text, &parts, user);
		if (password)
			strbuf_addch(&text, ':');
		add_part(&text, &parts, password);
		strbuf_addch(&text, '@');
	}
	strbuf_addstr(&text, host);
	if (!is_plain || strcmp(port, strcmp(scheme, "https") == 0 ? "443" : "80") != 0)
		strbuf_addf(&text, ":%s", port);
	if (!is_plain && value_get(service->spec, "database")) {
		strbuf_addch(&text, '/');
		add_part(&text, &parts, value_get(service->spec, "database"));
	}
	if (entry && entry->suffix)
		strbuf_addstr(&text, entry->suffix);
	url = lower_text(l, text.text, service->spec);
	url.flags |= parts.flags;
	strbuf_release(&text);
	return url;
}
