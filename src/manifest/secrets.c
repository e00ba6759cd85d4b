/*
 * The secrets of a manifest as a list. Those that are a resource are known to the graph, with everyone
 * who waits for them; those that the manifest says itself are in no resource any more, so the merged
 * text is searched for who names them. Only names leave this file, never a text under `data`.
 */
#include "manifest/secrets.h"

#include "manifest/lower/lower.h"
#include "model/template.h"

#include <string.h>

struct listing {
	const struct manifest *manifest;
	const struct graph *graph;
	struct arena *arena;
	struct diags diags; /* of texts that were read before: nothing new comes of them */
	struct secret_info *items;
	size_t n, cap;
	const char *user;   /* whose text is searched */
	struct strbuf from;
};

static struct secret_info *find(struct listing *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->items[i].name, name) == 0)
			return &l->items[i];
	}
	return NULL;
}

static bool add_user(struct listing *l, struct secret_info *secret, const char *user)
{
	for (size_t i = 0; i < secret->n_users; i++) {
		if (strcmp(secret->users[i], user) == 0)
			return false;
	}
	ARENA_GROW(l->arena, secret->users, secret->n_users, secret->cap_users);
	secret->users[secret->n_users++] = user;
	return true;
}

/* --- where from ---------------------------------------------------------------------------------- */

static void add_from(struct listing *l, const char *text)
{
	size_t len = strlen(text);

	for (const char *at = l->from.text; (at = strstr(at, text)) != NULL; at += len) {
		if ((at == l->from.text || at[-1] == ' ') && (!at[len] || at[len] == ','))
			return;
	}
	strbuf_addf(&l->from, "%s%s", l->from.len ? ", " : "", text);
}

static void see_source(void *arg, const struct part *part, const struct value *string)
{
	struct listing *l = arg;

	(void)string;
	if (part->kind == PART_ENV)
		add_from(l, arena_printf(l->arena, "$%s", part->name));
	else if (part->kind == PART_VARIABLE)
		add_from(l, arena_printf(l->arena, "var.%s", part->name));
	else if (part->kind == PART_FILE)
		add_from(l, arena_printf(l->arena, "file:%s", part->name));
	else if (part->kind == PART_SECRET)
		add_from(l, arena_printf(l->arena, "secret.%s", part->name));
	else
		add_from(l, part->kind == PART_RESOURCE ? part->name : part->text);
}

/* What a text refers to; one without a reference is written here. */
static void from_data(struct listing *l, const struct value *data)
{
	for (uint32_t i = 0; data && data->kind == VALUE_MAP && i < data->len; i++) {
		const struct value *value = &data->members[i].value;

		if (value->flags & VALUE_TEMPLATE)
			template_visit(value, l->arena, &l->diags, see_source, l);
		else
			add_from(l, "the manifest");
	}
}

static void from_words(struct listing *l, const struct value *words)
{
	for (uint32_t i = 0; i < words->len; i++)
		strbuf_addf(&l->from, "%s%s", i ? " " : "", value_text(&words->items[i], "..."));
}

/* Of an item of spec.secrets, or of the attributes of a resource. */
static const char *from_of(struct listing *l, const struct value *spec)
{
	static const char *const files[] = {"source", "sops", "age", "file", "secret"};
	const struct value *vault = value_get(spec, "vault"), *command = value_get(spec, "command");

	strbuf_reset(&l->from);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (value_get(spec, files[i]))
			strbuf_addstr(&l->from, value_get_text(spec, files[i], ""));
	}
	if (vault)
		strbuf_addf(&l->from, "%s %s/%s", value_get_text(vault, "address", ""),
			value_get_text(vault, "mount", "secret"), value_get_text(vault, "path", ""));
	else if (command && value_is_scalar(command))
		strbuf_addstr(&l->from, value_text(command, ""));
	else if (command)
		from_words(l, command);
	from_data(l, value_get(spec, "data"));
	if (!l->from.len && strcmp(value_get_text(spec, "type", ""), "existing") == 0)
		return "the cluster";
	return l->from.len ? arena_strdup(l->arena, l->from.text) : "made here";
}

/* --- which there are ----------------------------------------------------------------------------- */

static struct secret_info *add(struct listing *l, const char *name, const char *type,
	const struct value *spec)
{
	ARENA_GROW(l->arena, l->items, l->n, l->cap);
	l->items[l->n] = (struct secret_info){.name = name, .type = type, .from = from_of(l, spec)};
	return &l->items[l->n++];
}

static void list_declared(struct listing *l, const struct value *secrets)
{
	for (uint32_t i = 0; secrets && secrets->kind == VALUE_LIST && i < secrets->len; i++) {
		const struct value *spec = &secrets->items[i];
		const char *name = value_get_text(spec, "name", NULL);

		if (name && !find(l, name))
			add(l, name, value_get_text(spec, "type", "variables"), spec);
	}
}

/* What waits for a resource uses it; a resource that a service became is that service. */
static void list_users(struct listing *l, struct secret_info *secret, const struct node *node)
{
	for (uint32_t i = 0; i < node->n_feeds; i++) {
		const struct resource *user = l->graph->nodes[node->feeds[i].node].resource;

		if (node->feeds[i].kind >= EDGE_USES)
			add_user(l, secret, user->service ? user->service : user->address);
	}
}

/* In the words of spec.secrets; NULL: it is none. */
static const char *type_of(const char *resource_type)
{
	static const char *const types[][2] = {{"generated_secret", "generated"},
		{"external_secret", "external-secret"}, {"kubernetes_secret", "existing"}};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (strcmp(types[i][0], resource_type) == 0)
			return types[i][1];
	}
	return NULL;
}

static void list_resources(struct listing *l)
{
	for (uint32_t i = 0; i < l->graph->n; i++) {
		const struct resource *resource = l->graph->nodes[i].resource;
		const char *type = type_of(resource->type->name);
		struct secret_info *secret;

		if (!type)
			continue;
		secret = find(l, resource->name);
		if (!secret || (secret->address && strcmp(secret->address, resource->address) != 0))
			secret = add(l, secret || resource->key ? resource->address : resource->name,
				type, resource->attributes);
		secret->address = resource->address;
		list_users(l, secret, &l->graph->nodes[i]);
	}
}

/* --- who names them ------------------------------------------------------------------------------ */

static void see_use(void *arg, const struct part *part, const struct value *string)
{
	struct listing *l = arg;
	struct secret_info *secret = NULL;

	(void)string;
	if (part->kind == PART_SECRET)
		secret = find(l, part->name);
	for (size_t i = 0; part->kind == PART_RESOURCE && !secret && i < l->n; i++) {
		if (l->items[i].address && strcmp(l->items[i].address, part->name) == 0)
			secret = &l->items[i];
	}
	if (secret)
		add_user(l, secret, l->user);
}

static void search(struct listing *l, const struct value *value, const char *user)
{
	l->user = user;
	template_visit(value, l->arena, &l->diags, see_use, l);
}

/* The file that `template:` names is part of what is written. */
static void search_template(struct listing *l, const struct value *resource, const char *user)
{
	const char *path = value_get_text(resource, "template", NULL);
	const struct sources *sources = &l->manifest->sources;

	for (uint16_t i = 1; path && i < sources->n; i++) {
		const struct source *source = sources_get(sources, i);
		struct value text;

		if (strcmp(source->layer, "template") != 0 || strcmp(source->path, path) != 0)
			continue;
		text = value_strn(l->arena, source->text, source->len);
		text.flags |= VALUE_TEMPLATE;
		search(l, &text, user);
	}
}

static void search_list(struct listing *l, const char *word, const char *prefix)
{
	const struct value *list = value_get(value_get(l->manifest->merged, "spec"), word);

	for (uint32_t i = 0; list && list->kind == VALUE_LIST && i < list->len; i++) {
		const struct value *item = &list->items[i];
		const char *name = value_get_text(item, "name", "");
		const char *user = strcmp(word, "resources") == 0
			? arena_printf(l->arena, "%s.%s", value_get_text(item, "type", ""), name)
			: arena_printf(l->arena, "%s%s", prefix, name);

		search(l, item, user);
		search_template(l, item, user);
	}
}

static void search_all(struct listing *l)
{
	const struct value *spec = value_get(l->manifest->merged, "spec");
	const struct value *outputs = value_get(spec, "outputs");

	search_list(l, "services", "");
	search_list(l, "terraform", "terraform_module.");
	search_list(l, "resources", "");
	search_list(l, "secrets", "secret.");
	if (value_get(spec, "cluster"))
		search(l, value_get(spec, "cluster"), "cluster");
	for (uint32_t i = 0; outputs && outputs->kind == VALUE_MAP && i < outputs->len; i++)
		search(l, &outputs->members[i].value,
			arena_printf(l->arena, "output.%s", outputs->members[i].key));
}

/* Who uses a secret uses those that it is made of. */
static bool pass_on(struct listing *l, struct secret_info *secret)
{
	bool grown = false;

	for (size_t i = 0; i < secret->n_users; i++) {
		const struct secret_info *through =
			strncmp(secret->users[i], "secret.", 7) == 0 ? find(l, secret->users[i] + 7) : NULL;

		for (size_t j = 0; through && through != secret && j < through->n_users; j++)
			grown |= add_user(l, secret, through->users[j]);
	}
	return grown;
}

/* The password of a database of the catalogue that was begun with it. */
static void mark_keepers(struct listing *l)
{
	const struct value *services = value_path(l->manifest->merged, "spec.services");

	for (uint32_t i = 0; services && services->kind == VALUE_LIST && i < services->len; i++) {
		const char *name = value_get_text(&services->items[i], "name", "");
		struct secret_info *secret = find(l, arena_printf(l->arena, "%s-password", name));

		if (secret && secret->address && !value_get(&services->items[i], "password") &&
			catalogue_keeps_password(value_get_text(&services->items[i], "type", NULL)))
			secret->keeper = name;
	}
}

struct secret_info *secrets_list(const struct manifest *manifest, const struct graph *graph,
	struct arena *arena, size_t *n)
{
	struct listing l = {.manifest = manifest, .graph = graph, .arena = arena, .from = STRBUF_INIT};
	bool grown = true;

	diags_init(&l.diags, arena);
	list_declared(&l, value_path(manifest->merged, "spec.secrets"));
	list_resources(&l);
	search_all(&l);
	while (grown) {
		grown = false;
		for (size_t i = 0; i < l.n; i++)
			grown |= pass_on(&l, &l.items[i]);
	}
	mark_keepers(&l);
	strbuf_release(&l.from);
	*n = l.n;
	return l.items;
}
