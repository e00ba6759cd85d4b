/*
 * See locked.h. What is in the lock file is taken as it is; nothing is asked for. What it lacks is what the
 * last apply took, so that nothing moves by itself and an outage never stops what stands already; only
 * what neither knows is looked up.
 */
#include "engine/locked.h"

#include "base/fs.h"
#include "base/texts.h"
#include "engine/observe.h"
#include "engine/plan/resolve.h"
#include "model/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static bool is_asked(const struct reconcile *r)
{
	return !r->options.destroy && r->options.power == POWER_NONE;
}

static bool is_upgraded(const struct reconcile *r, const struct node *node)
{
	return r->options.pins == PINS_UPGRADE &&
	       (!r->options.upgrades || texts_have(r->options.upgrades, node->resource->address));
}

static int refuse(const struct node *node, const struct value *what, struct arena *arena,
	struct diags *diags)
{
	diag_error(diags, node->resource->pos, "%s does not say what this is: %s", PINS_PATH,
		pins_told(what, arena));
	diag_hint(diags, "run `devenv lock` and commit the file; --locked looks nothing up");
	diag_address(diags, node->resource->address);
	return -1;
}

static void put(struct pin *pin, struct value_builder *out)
{
	struct value *locked = arena_alloc(out->arena, sizeof(*locked));
	struct value_builder map;

	builder_init(&map, out->arena);
	builder_put_str(&map, "resolved", pin->resolved);
	if (pin->digest)
		builder_put_str(&map, "digest", pin->digest);
	builder_put(out, INPUT_LOCKED, builder_map(&map));
	pin->used = true;
}

static void miss(struct reconcile *r, const struct node *node, const struct value *inputs,
	const struct value *what, const char *key)
{
	struct value *kept = arena_alloc(&r->arena, sizeof(*kept));
	struct unlocked *unlocked = arena_alloc(&r->arena, sizeof(*unlocked));

	for (const struct unlocked *other = r->unlocked; other; other = other->next)
		if (!strcmp(other->key, key))
			return;
	*kept = *inputs;
	*unlocked = (struct unlocked){.node = node, .inputs = kept, .what = what, .key = key,
		.next = r->unlocked};
	r->unlocked = unlocked;
}

int locked_find(void *arg, const struct node *node, const struct value *inputs,
	struct value_builder *out, struct diags *diags)
{
	struct reconcile *r = arg;
	const struct type *type = node->resource->type;
	const struct provider *provider = provider_of(type);
	struct value *what = arena_alloc(&r->arena, sizeof(*what));
	const char *key;
	struct pin *pin;

	if (!provider || !provider->locks || !is_asked(r) ||
		!provider->locks(type, inputs, &r->arena, what))
		return 0;
	key = pins_key(what, &r->arena);
	pin = pins_find(&r->pins, key);
	if (pin && (pin->fresh || !is_upgraded(r, node)))
		put(pin, out);
	else if (r->options.pins == PINS_FROZEN)
		return refuse(node, what, &r->arena, diags);
	else
		miss(r, node, inputs, what, key);
	return 0;
}

/* --- looking up ----------------------------------------------------------------------------------- */

/* What the last apply took for the same. */
static bool from_record(struct reconcile *r, const struct unlocked *unlocked, struct pin *pin)
{
	struct record *record = r->views[unlocked->node - r->graph.nodes].record;
	const struct value *inputs = record ? record_inputs(record, NULL) : NULL, *locked;
	const struct type *type = unlocked->node->resource->type;
	struct value what;

	if (!inputs || !provider_of(type)->locks(type, inputs, &r->arena, &what) ||
		strcmp(pins_key(&what, &r->arena), unlocked->key) != 0)
		return false;
	locked = value_get(value_get(inputs, INPUT_DIGESTS), INPUT_LOCKED);
	pin->resolved = value_get_text(locked, "resolved", NULL);
	pin->digest = value_get_text(locked, "digest", NULL);
	return pin->resolved != NULL;
}

/* Something that it waits for may bring what could not be asked: then its own apply looks it up. */
static void tell(struct reconcile *r, const struct unlocked *unlocked, const struct error *why)
{
	const struct resource *resource = unlocked->node->resource;
	const char *what = pins_told(unlocked->what, &r->arena);

	if (unlocked->node->n_needs && !is_upgraded(r, unlocked->node))
		diag_warning(&r->diags, resource->pos, "not locked: %s: %s", what, why->msg);
	else
		diag_error(&r->diags, resource->pos, "%s: %s", what, why->msg);
	diag_address(&r->diags, resource->address);
}

static bool look_up(struct reconcile *r, const struct unlocked *unlocked)
{
	const struct type *type = unlocked->node->resource->type;
	struct provider_env env = reconcile_env(r, &r->arena);
	struct pin pin = {.what = unlocked->what, .key = unlocked->key, .fresh = true};
	struct error err = ERROR_INIT;

	if (is_upgraded(r, unlocked->node) || !from_record(r, unlocked, &pin)) {
		if (r->options.pins == PINS_OFFLINE)
			return false;
		if (provider_of(type)->resolve(&env, type, unlocked->inputs, &pin, &err) < 0) {
			tell(r, unlocked, &err);
			return false;
		}
	}
	pins_put(&r->pins, &r->arena, &pin);
	return true;
}

bool locked_resolve(struct reconcile *r)
{
	bool any = false;

	for (const struct unlocked *unlocked = r->unlocked; unlocked; unlocked = unlocked->next)
		any |= look_up(r, unlocked);
	r->unlocked = NULL;
	return any;
}

/* --- writing -------------------------------------------------------------------------------------- */

/* As it is on the disk now: another environment of this folder may have written it meanwhile. */
static int read_now(const char *path, struct arena *arena, struct pins *out, const char **text,
	struct error *err)
{
	struct sources sources = {0};
	struct diags diags;
	struct value file;
	uint16_t source;
	size_t len;

	*out = (struct pins){0};
	*text = "";
	if (fs_read(path, arena, text, &len, err) < 0)
		return err->code == ERROR_NOT_FOUND ? 0 : -1;
	diags_init(&diags, arena);
	source = sources_add(&sources, arena, path, "lock", *text, len);
	if (yaml_parse(&sources, source, arena, &file, &diags) < 0 ||
		pins_read(&file, arena, out, &diags) < 0)
		return error_set(err, ERROR_INVALID, "%s has mistakes", path);
	return 0;
}

static int rewrite(struct reconcile *r, const char *folder, bool prune, struct error *err)
{
	const char *path = fs_join(&r->arena, r->manifest.root, PINS_PATH), *before;
	const char *temporary = fs_join(&r->arena, folder, ".lock.yml.tmp");
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct pins all, kept = {0};

	if (read_now(path, &r->arena, &all, &before, err) < 0)
		return -1;
	for (size_t i = 0; i < r->pins.n; i++)
		if (r->pins.items[i].fresh)
			pins_put(&all, &r->arena, &r->pins.items[i]);
	for (size_t i = 0; i < all.n; i++) {
		const struct pin *used = pins_find(&r->pins, all.items[i].key);

		if (!prune || (used && used->used))
			pins_put(&kept, &r->arena, &all.items[i]);
	}
	pins_write(&kept, &text);
	if (!strcmp(text.text, before)) {
		fs_remove(temporary, NULL); /* of one that died before it had its name */
		return 0;
	}
	return fs_write(path, temporary, text.text, text.len, 0644, 0, err);
}

static bool has_fresh(const struct pins *pins)
{
	for (size_t i = 0; i < pins->n; i++)
		if (pins->items[i].fresh)
			return true;
	return false;
}

int reconcile_lock(struct reconcile *r, bool prune, struct error *err)
{
	const char *folder = fs_join(&r->arena, r->manifest.root, ".devenv");
	int fd, rc;

	if (r->options.pins >= PINS_MEMORY || (!prune && !has_fresh(&r->pins)))
		return 0;
	if (fs_make_dirs(folder, 0755, &r->arena, NULL, err) < 0)
		return -1;
	/* The folder itself is the lock: it goes with its holder and leaves no file. */
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, "%s", folder);
	while (flock(fd, LOCK_EX) < 0 && errno == EINTR)
		continue;
	rc = rewrite(r, folder, prune, err);
	close(fd);
	return rc < 0 ? error_wrap(err, "the lock file cannot be written") : 0;
}
