/*
 * Hooks: commands before and after what changes, as nodes of the graph. What runs before a change precedes
 * what depends on it, and has the description of that as its trigger, for what is taken out of it; what runs
 * after it follows the resource, or its being taken out. So neither runs when nothing changes. Those of destroy are what their resource does when it goes.
 */
#include "manifest/lower/internal.h"

#include "base/hash.h"

#include <string.h>

struct hooking {
	struct lowering *l;
	const struct service *at; /* whose hook it is: its name, or NULL for the environment */
};

static const char *hook_name(const struct hooking *h, const char *when)
{
	return h->at->name ? arena_printf(h->l->arena, "%s-%s", h->at->name, when)
			   : arena_printf(h->l->arena, "%s-hook", when);
}

/* One command: a list of program and arguments, or a line that is split at blanks. */
static void begin(const struct hooking *h, struct value_builder *b, const char *when,
	const struct value *command, bool destroys)
{
	struct value words = lower_words(h->l, command);
	struct value_builder idle;

	builder_init(&idle, h->l->arena);
	builder_push(&idle, lower_text(h->l, "true", command));
	if (words.kind == VALUE_LIST && !words.len) {
		diag_error(h->l->diags, value_pos(command), "this hook is empty");
		diag_hint(h->l->diags, "write a command, or take it out");
		words = lower_list(&idle, command);
	}
	lower_begin(h->l, b, h->at, "local_command", hook_name(h, when));
	if (!destroys) {
		builder_put(b, "create", words);
		return;
	}
	builder_put(b, "create", lower_list(&idle, command));
	builder_put(b, "update", lower_list(&idle, command)); /* another command is no reason to run it */
	builder_put(b, "delete", words);
}

static struct value address_list(const struct hooking *h, const char *const *addresses, size_t n)
{
	struct value_builder list;

	builder_init(&list, h->l->arena);
	for (size_t i = 0; i < n; i++)
		builder_push(&list, lower_text(h->l, addresses[i], h->at->spec));
	return lower_list(&list, h->at->spec);
}

/* Runs before the resource of `resource` changes, which waits for it. */
static void before(const struct hooking *h, const struct value *command, struct value trigger)
{
	struct value_builder b, flag;

	begin(h, &b, "before", command, false);
	builder_put(&b, "triggers", trigger);
	builder_init(&flag, h->l->arena);
	builder_put_bool(&flag, "precedes", true);
	builder_put(&b, "lifecycle", lower_map(&flag, h->at->spec));
	lower_end(h->l, &b, h->at);
}

static void after(const struct hooking *h, const struct value *command, const char *const *addresses,
	size_t n)
{
	struct value_builder b, lifecycle;

	begin(h, &b, "after", command, false);
	builder_put(&b, "dependsOn", address_list(h, addresses, n));
	builder_init(&lifecycle, h->l->arena);
	builder_put(&lifecycle, "replaceTriggeredBy", address_list(h, addresses, n));
	builder_put_bool(&lifecycle, "succeeds", true);
	builder_put(&b, "lifecycle", lower_map(&lifecycle, h->at->spec));
	lower_end(h->l, &b, h->at);
}

/* --- of a service -------------------------------------------------------------------------------- */

void lower_hook_before(struct lowering *l, struct service *service)
{
	const struct value *command = value_path(service->spec, "hooks.before");
	struct hooking h = {l, service};

	if (!command)
		return;
	before(&h, command, *service->spec);
	lower_need(l, service, arena_printf(l->arena, "local_command.%s", hook_name(&h, "before")));
}

void lower_hook_after(struct lowering *l, struct service *service)
{
	const struct value *command = value_path(service->spec, "hooks.after");
	struct hooking h = {l, service};

	if (command)
		after(&h, command, &service->address, 1);
}

/* --- of the environment -------------------------------------------------------------------------- */

/* Type and name of all that is made; what is switched off is dropped from dependsOn later. What runs before
   others is not waited for itself: they are. */
static const char **all_addresses(struct lowering *l, const struct value *all, size_t *n)
{
	const char **addresses = arena_alloc(l->arena, (all->len + 1) * sizeof(*addresses));

	*n = 0;
	for (uint32_t i = 0; i < all->len; i++) {
		if (!value_get_bool(value_get(&all->items[i], "lifecycle"), "precedes", false))
			addresses[(*n)++] = arena_printf(l->arena, "%s.%s",
				value_get_text(&all->items[i], "type", ""),
				value_get_text(&all->items[i], "name", ""));
	}
	return addresses;
}

/* Without the references in it, which would make the hook wait for what waits for it. */
static struct value trigger_of(struct lowering *l, const struct value *all)
{
	struct hasher hasher;
	struct hash hash;
	char hex[HASH_HEX];

	hasher_init(&hasher);
	value_hash(all, NULL, &hasher);
	hasher_finish(&hasher, &hash);
	return value_sensitive(value_str(l->arena, hash_hex(&hash, hex))); /* of secrets, too */
}

/* All resources wait for what runs first, and when they go, it goes last. */
static struct value waiting(struct lowering *l, const struct value *resource,
	const char *const *hooks, size_t n)
{
	const struct value *needs = value_get(resource, "dependsOn");
	struct value_builder map, list;

	if (!n || resource->kind != VALUE_MAP || (needs && needs->kind != VALUE_LIST))
		return *resource;
	builder_init(&list, l->arena);
	for (uint32_t i = 0; needs && i < needs->len; i++)
		builder_push(&list, needs->items[i]);
	for (size_t i = 0; i < n; i++)
		builder_push(&list, lower_text(l, hooks[i], resource));
	builder_init(&map, l->arena);
	for (uint32_t i = 0; i < resource->len; i++) {
		if (&resource->members[i].value == needs)
			continue;
		builder_put(&map, resource->members[i].key, resource->members[i].value);
		map.members[map.n - 1].pos = resource->members[i].pos;
	}
	builder_put(&map, "dependsOn", lower_list(&list, resource));
	return lower_map(&map, resource);
}

/* --- of a plan ----------------------------------------------------------------------------------- */

/* No node: planning has no effects, and these run only when somebody asks for them. */
static const struct value *plan_hook(struct lowering *l, const char *when)
{
	const struct value *command = value_get(value_path(l->spec, "hooks.plan"), when);
	struct value *words;

	if (!command || command->kind == VALUE_NULL)
		return NULL;
	if (command->flags & (VALUE_TEMPLATE | VALUE_SENSITIVE)) {
		diag_error(l->diags, value_pos(command), command->flags & VALUE_SENSITIVE
			? "a hook of plan cannot take a secret as an argument"
			: "a hook of plan cannot refer to resources");
		diag_hint(l->diags, "a script can ask `devenv outputs`");
		return NULL;
	}
	words = arena_alloc(l->arena, sizeof(*words));
	*words = lower_words(l, command);
	return words->len ? words : NULL;
}

struct value lower_hooks(struct lowering *l, struct value all)
{
	const struct value *hooks = value_get(l->spec, "hooks");
	const struct value *first = value_path(hooks, "apply.before");
	const struct value *last = value_path(hooks, "apply.after");
	const struct value *before_end = value_path(hooks, "destroy.before");
	const struct value *after_end = value_path(hooks, "destroy.after");
	size_t n = 0, n_addresses;
	const char **addresses = all_addresses(l, &all, &n_addresses), *needed[2];
	struct service nobody = {.spec = hooks};
	struct hooking h = {l, &nobody};
	struct value_builder list, b;

	if (!hooks || hooks->kind != VALUE_MAP)
		return all;
	l->manifest->plan_hooks.before = plan_hook(l, "before");
	l->manifest->plan_hooks.after = plan_hook(l, "after");
	builder_init(&l->made, l->arena);
	if (first) {
		before(&h, first, trigger_of(l, &all));
		needed[n++] = "local_command.before-hook";
	}
	if (after_end) {
		begin(&h, &b, "after-destroy", after_end, true);
		lower_end(l, &b, &nobody);
		needed[n++] = "local_command.after-destroy-hook";
	}
	if (last)
		after(&h, last, addresses, n_addresses);
	if (before_end) {
		begin(&h, &b, "before-destroy", before_end, true);
		builder_put(&b, "dependsOn", address_list(&h, addresses, n_addresses));
		lower_end(l, &b, &nobody);
	}
	builder_init(&list, l->arena);
	for (uint32_t i = 0; i < all.len; i++)
		builder_push(&list, waiting(l, &all.items[i], needed, n));
	for (size_t i = 0; i < l->made.n; i++)
		builder_push(&list, l->made.items[i]);
	return lower_list(&list, &all);
}
