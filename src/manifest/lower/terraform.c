/*
 * spec.terraform: each module is a terraform_module; what it says goes there as it is, but for a source in git,
 * which is a git_source of its own.
 */
#include "manifest/lower/internal.h"

#include <string.h>

/* `cluster` is that of the environment. One that is not ours never goes: then there is nothing to say. */
static bool put_within(struct lowering *l, struct value_builder *b, const struct value *within)
{
	if (strcmp(value_text(within, ""), "cluster") != 0)
		return false;
	if (l->cluster.address)
		builder_put(b, "within", lower_text(l,
			arena_printf(l->arena, "${%s.uid}", l->cluster.address), within));
	return true;
}

static bool put_source(struct lowering *l, struct value_builder *b, const struct service *user,
	const char *name, const struct value *source)
{
	if (!lower_is_git(source))
		return false;
	builder_put(b, "source", lower_git(l, user, arena_printf(l->arena, "terraform-%s", name), source));
	return true;
}

static void lower_module(struct lowering *l, const struct value *module)
{
	const char *name = value_get_text(module, "name", NULL);
	struct service user = {.kind = SERVICE_PROCESS};
	const struct value *spec = lower_references(l, &user, VIEW_MACHINE, module);
	const struct value *needs = value_get(spec, "dependencies");
	struct value_builder b, list;

	if (!name)
		return; /* the schema has said it */
	user.spec = spec;
	lower_begin(l, &b, &user, "terraform_module", name);
	for (uint32_t i = 0; i < spec->len; i++) {
		const char *key = spec->members[i].key;

		if (strcmp(key, "name") == 0 || strcmp(key, "dependencies") == 0)
			continue;
		if (strcmp(key, "within") == 0 && put_within(l, &b, &spec->members[i].value))
			continue;
		if (strcmp(key, "source") == 0 && put_source(l, &b, &user, name, &spec->members[i].value))
			continue;
		builder_put(&b, key, spec->members[i].value);
		b.members[b.n - 1].pos = spec->members[i].pos;
	}
	builder_init(&list, l->arena);
	for (uint32_t i = 0; needs && needs->kind == VALUE_LIST && i < needs->len; i++)
		lower_dependency(l, &list, arena_printf(l->arena, "terraform module %s", name),
			&needs->items[i]);
	for (size_t i = 0; i < user.n_uses; i++)
		lower_depend(l, &list, lower_service(l, user.uses[i])->address, NULL, spec);
	if (list.n)
		builder_put(&b, "dependsOn", lower_list(&list, spec));
	lower_end(l, &b, &user);
}

void lower_terraform(struct lowering *l)
{
	const struct value *modules = value_get(l->spec, "terraform");

	for (uint32_t i = 0; modules && modules->kind == VALUE_LIST && i < modules->len; i++)
		lower_module(l, &modules->items[i]);
}
