/*
 * The state of a module: serial and lineage, by which a change from outside shows without running
 * anything, its outputs, and the addresses of what it manages.
 */
#include "providers/terraform/terraform.h"

#include "base/fs.h"
#include "model/json.h"

#include <string.h>
#include <sys/stat.h>

enum { STATE_FORMAT = 4 }; /* since Terraform 0.12, and of every OpenTofu */

/* "module.m.aws_x.y[0]" */
static const char *address_of(struct arena *arena, const struct value *resource,
	const struct value *instance)
{
	const char *module = value_get_text(resource, "module", NULL);
	const struct value *key = value_get(instance, "index_key");
	const char *base = arena_printf(arena, "%s%s%s.%s", module ? module : "", module ? "." : "",
		value_get_text(resource, "type", "?"), value_get_text(resource, "name", "?"));

	if (!key || key->kind == VALUE_NULL)
		return base;
	return key->kind == VALUE_STRING ? arena_printf(arena, "%s[\"%s\"]", base, key->text)
					 : arena_printf(arena, "%s[%s]", base, value_text(key, ""));
}

static const struct value *addresses(struct arena *arena, const struct value *resources)
{
	struct value *out = arena_alloc(arena, sizeof(*out));
	struct value_builder list;

	builder_init(&list, arena);
	for (uint32_t i = 0; resources && resources->kind == VALUE_LIST && i < resources->len; i++) {
		const struct value *resource = &resources->items[i];
		const struct value *instances = value_get(resource, "instances");

		if (strcmp(value_get_text(resource, "mode", ""), "managed") != 0)
			continue;
		for (uint32_t k = 0; instances && instances->kind == VALUE_LIST && k < instances->len; k++)
			builder_push(&list, value_borrow(address_of(arena, resource, &instances->items[k])));
	}
	*out = builder_list(&list);
	return out;
}

static const struct value *outputs_of(struct arena *arena, const struct value *outputs)
{
	struct value *out = arena_alloc(arena, sizeof(*out));
	struct value_builder map;

	builder_init(&map, arena);
	for (uint32_t i = 0; outputs && outputs->kind == VALUE_MAP && i < outputs->len; i++) {
		const struct value *output = &outputs->members[i].value;
		const struct value *value = value_get(output, "value");

		if (!value)
			continue;
		builder_put(&map, outputs->members[i].key,
			value_get_bool(output, "sensitive", false) ? value_sensitive(*value) : *value);
	}
	*out = builder_map(&map);
	return out;
}

/* What is misread here looks as if nothing were there, and would be forgotten. */
static int check_format(const struct value *root, struct error *err)
{
	const struct value *resources = value_get(root, "resources");
	int64_t version = value_get_int(root, "version", 0);

	if (value_get(root, "encrypted_data"))
		return error_set(err, ERROR_INVALID, "it is encrypted, and where it lies nobody else can read "
			"it: keep it in a backend");
	if (version != STATE_FORMAT)
		return error_set(err, ERROR_INVALID, "its format is %lld, not %d: %s", (long long)version,
			STATE_FORMAT, version > 0 && version < STATE_FORMAT
			? "let a newer program write it" : "name the program that wrote it by `binary`, an older one");
	if (!resources || resources->kind != VALUE_LIST)
		return error_set(err, ERROR_INVALID, "it does not say what there is");
	return 0;
}

int state_parse(struct arena *arena, const char *text, size_t len, struct state_file *out,
	struct error *err)
{
	struct value *root = arena_alloc(arena, sizeof(*root));

	*out = (struct state_file){.outputs = &value_empty_map, .resources = &value_empty_list};
	if (!len)
		return 0;
	if (json_parse(text, len, arena, NULL, root, err))
		return error_wrap(err, "the state of the module");
	if (check_format(root, err))
		return error_wrap(err, "the state of the module");
	out->exists = true;
	out->serial = value_get_int(root, "serial", 0);
	out->lineage = value_get_text(root, "lineage", NULL);
	out->outputs = outputs_of(arena, value_get(root, "outputs"));
	out->resources = addresses(arena, value_get(root, "resources"));
	return 0;
}

/* --- a state file that was cut off --------------------------------------------------------------- */

/* The program empties its state file before it writes it: killed in between, it knows of nothing. */

static const char *kept_of(struct arena *arena, const char *path)
{
	return arena_printf(arena, "%s.kept", path);
}

/* Whole, whatever it says: of a format that is not known here, it is still the one that counts. */
static bool is_sound(struct arena *arena, const char *path)
{
	struct value state;
	const char *text;
	size_t len;

	return !fs_read(path, arena, &text, &len, NULL) && len &&
	       !json_parse(text, len, arena, NULL, &state, NULL) && state.kind == VALUE_MAP;
}

const char *state_sound(struct arena *arena, const char *path)
{
	const char *kept = kept_of(arena, path);

	return fs_exists(path) && !is_sound(arena, path) && is_sound(arena, kept) ? kept : path;
}

void state_keep(const char *path)
{
	struct arena scratch = ARENA_INIT;

	const char *kept = kept_of(&scratch, path);
	struct stat now, then;
	bool same = !stat(path, &now) && !stat(kept, &then) && now.st_size == then.st_size &&
		    (now.st_mtim.tv_sec < then.st_mtim.tv_sec ||
			    (now.st_mtim.tv_sec == then.st_mtim.tv_sec &&
				    now.st_mtim.tv_nsec < then.st_mtim.tv_nsec));

	if (!same && is_sound(&scratch, path))
		mirror_file(&scratch, path, kept, NULL);
	arena_release(&scratch);
}

int state_restore(struct arena *arena, const char *path, struct error *err)
{
	const char *sound = state_sound(arena, path);

	return sound == path ? 0 : mirror_file(arena, sound, path, err);
}

int state_read(struct arena *arena, const char *path, struct state_file *out, struct error *err)
{
	struct error why = ERROR_INIT;
	const char *text;
	size_t len;

	path = state_sound(arena, path);
	if (!fs_read(path, arena, &text, &len, &why))
		return state_parse(arena, text, len, out, err);
	*out = (struct state_file){.outputs = &value_empty_map, .resources = &value_empty_list};
	return why.code == ERROR_NOT_FOUND ? 0 : error_set(err, why.code, "%s", why.msg);
}

int terraform_state(struct terraform *tf, struct state_file *out, struct error *err)
{
	static const char *const args[] = {"state", "pull", NULL};
	struct said cleanup_said said = SAID_INIT;

	if (tf->state)
		return state_read(tf->arena, tf->state, out, err);
	if (terraform_run(tf, args, &said, err))
		return -1;
	if (said.status)
		return terraform_failed(&said, "cannot read the state", err);
	return state_parse(tf->arena, said.out, strlen(said.out), out, err);
}

const struct value *state_attributes(struct terraform *tf, const struct state_file *state,
	const char *version)
{
	struct value *out = arena_alloc(tf->arena, sizeof(*out));
	struct value_builder map;

	builder_init(&map, tf->arena);
	builder_put_str(&map, "lineage", state->lineage ? state->lineage : "");
	builder_put_str(&map, "program", tf->program);
	builder_put(&map, "resources", *state->resources);
	builder_put_int(&map, "serial", state->serial);
	builder_put_str(&map, "version", version);
	*out = builder_map(&map);
	return out;
}
