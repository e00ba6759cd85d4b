/* The provider: what is pure, import, and the table. */
#include "providers/terraform/terraform.h"

#include "base/fs.h"

#include <string.h>

static const char *const type_names[] = {"terraform_module", NULL};

static void validate(const struct resource *resource, struct diags *diags)
{
	const struct value *source = value_get(resource->attributes, "source");
	const char *text = value_text(source, "");

	if (source && !(source->flags & VALUE_TEMPLATE) &&
		(strstr(text, "::") || strstr(text, "://") || strncmp(text, "git@", 4) == 0)) {
		diag_error(diags, value_pos(source), "source is a folder, not \"%s\"", text);
		diag_hint(diags, "spec.terraform takes a git repository; here it is a git_source, and "
			"source: \"${git_source.NAME.path}\"");
	}
}

static int digest(const struct type *type, const struct value *inputs, const char *project_root,
	struct parsed *parsed, struct hash *out, struct error *err)
{
	struct arena arena = ARENA_INIT;
	struct scan scan = {0};
	struct hasher hasher;
	int rc;

	(void)type, (void)parsed;
	hasher_init(&hasher);
	rc = scan_module(&scan, &arena, project_root, value_get_text(inputs, "source", ""), err);
	if (!rc)
		rc = mirror_digest(&scan, &hasher, err);
	hasher_finish(&hasher, out);
	arena_release(&arena);
	return rc;
}

/* `id` is a state file, which is copied, or "backend": the backend of the module has the state. */
static int import(struct provider_env *env, const struct type *type, const char *id,
	struct observation *out, struct error *err)
{
	char name[17];
	const char *folder, *to, *text;
	struct state_file state;
	size_t len;

	random_hex(name, 16);
	folder = terraform_folder(env, name);
	out->type = type;
	out->presence = PRESENCE_PRESENT;
	out->id = arena_strdup(env->arena, name);
	out->attributes = &value_empty_map;
	if (strcmp(id, "backend") == 0)
		return fs_make_dirs(folder, 0700, env->arena, NULL, err);
	if (fs_read(provider_path(env, id), env->arena, &text, &len, err) ||
		state_parse(env->arena, text, len, &state, err))
		return -1;
	if (!state.lineage)
		return error_set(err, ERROR_INVALID, "%s is not a state of terraform or tofu", id);
	to = fs_join(env->arena, folder, "terraform.tfstate");
	if (fs_make_dirs(folder, 0700, env->arena, NULL, err))
		return -1;
	return fs_write(to, arena_printf(env->arena, "%s.devenv-new", to), text, len, 0600, 0, err);
}

const struct provider provider_terraform = {
	.name = "terraform",
	.types = type_names,
	.max_parallel = TERRAFORM_AT_ONCE,
	.validate = validate,
	.digest = digest,
	.observe = terraform_observe,
	.release = terraform_release,
	.apply = terraform_apply,
	.destroy = terraform_destroy,
	.drop = terraform_drop,
	.import = import,
};
