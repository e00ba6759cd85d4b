/*
 * Observing. Without a process where nothing says that something moved: the recorded inputs (which hold
 * the digest of the source) equal the desired ones, the program is the same file, and serial and lineage
 * of the state are those of the record. Else the program plans (ask.c), and its answer is the observation.
 */
#include "providers/terraform/terraform.h"

#include "base/fs.h"

#include <string.h>
#include <time.h>

/* --- what is there without asking ---------------------------------------------------------------- */

static const char *recorded(struct observation *item, const char *name)
{
	return item->record ? value_get_text(record_observed(item->record, NULL), name, NULL) : NULL;
}

/* Made by a run that died: its folder is named after the intent. */
static const char *begun_by(struct provider_env *env, const struct intent *intent)
{
	for (; intent; intent = intent->older) {
		if (intent->action == INTENT_CREATE &&
			fs_exists(fs_join(env->arena, terraform_folder(env, intent->id), "begun")))
			return intent->id;
	}
	return NULL;
}

/* What the record holds for as long as nothing else was seen. */
static void as_recorded(struct observation *item)
{
	item->presence = PRESENCE_PRESENT;
	item->id = item->record ? item->record->id : item->id;
	item->attributes = item->record ? record_observed(item->record, NULL) : NULL;
}

/* `devenv destroy`, or no longer wanted: what would go is known from the record. */
static void list_removed(struct provider_env *env, struct observation *item)
{
	const struct value *resources = value_get(item->attributes, "resources");
	struct detail *details;

	if (!resources || resources->kind != VALUE_LIST)
		return;
	details = arena_zalloc(env->arena, (resources->len + 1) * sizeof(*details));
	for (uint32_t i = 0; i < resources->len; i++)
		details[i] = (struct detail){.kind = DETAIL_DELETE, .removes = true,
			.address = value_text(&resources->items[i], "?")};
	item->details = details;
	item->n_details = resources->len;
}

static void unknown(struct observation *item, const char *message)
{
	item->presence = PRESENCE_UNKNOWN;
	item->message = message;
}

void terraform_unseen(struct observation *item, const char *message)
{
	if (item->record || item->intent) {
		unknown(item, message);
		return;
	}
	item->presence = PRESENCE_ABSENT;
	item->blocked = message;
}

/* It is planned at its turn; which outputs it will have is said in its files. */
static void see_later(struct terraform *tf, struct observation *item)
{
	const struct value *source = value_get(item->desired, "source");
	struct scan scan = {0};

	item->later = true;
	if (!source || !value_is_known(source) || scan_module(&scan, tf->arena, provider_content(tf->env, "."),
			value_text(source, ""), NULL) || scan.vague)
		return;
	item->offers = value_keep(tf->arena, builder_map(&scan.outputs));
}

/* --- did anything move? -------------------------------------------------------------------------- */

static bool same_inputs(struct observation *item)
{
	return record_has_fingerprint(item->record) && item->record->status == RECORD_OK &&
	       value_equal(item->desired, record_inputs(item->record, NULL));
}

static bool is_due(struct terraform *tf)
{
	const char *text = value_get_text(tf->inputs, "refreshInterval", NULL);
	int64_t interval = text ? duration_parse(text) : DURATION_INVALID;
	struct stat st;

	if (interval == DURATION_INVALID)
		return false;
	return stat(fs_join(tf->arena, tf->folder, "looked"), &st) ||
	       clock_wall(tf->env->clock) - (int64_t)st.st_mtime * 1000 >= interval;
}

/* What is known of the module now, without asking a backend that is elsewhere. */
static int read_own_state(struct terraform *tf, struct observation *item, struct error *err)
{
	const struct value *before = item->attributes;
	const char *version = value_get_text(before, "version", "");
	struct state_file state;

	if (strcmp(value_get_text(before, "program", tf->program), tf->program) != 0 &&
		terraform_version(tf, &version, err))
		return -1;
	if (!tf->state) {
		state = (struct state_file){.serial = value_get_int(before, "serial", 0),
			.lineage = value_get_text(before, "lineage", ""),
			.resources = value_get(before, "resources")};
		if (!state.resources)
			state.resources = &value_empty_list;
	} else if (state_read(tf->arena, tf->state, &state, err)) {
		return -1;
	} else if (!state.exists && value_get_int(before, "serial", 0)) {
		return error_set(err, ERROR_UNREACHABLE, "its state %s is gone: put it back, or `devenv "
			"forget %s`", tf->state, item->address);
	}
	item->attributes = state_attributes(tf, &state, version);
	return 0;
}

/* --- one module ---------------------------------------------------------------------------------- */

/* A module whose backend changed would look as if nothing of it were there. One that was only imported has
   none yet. */
static bool is_moved(const struct terraform *tf, struct observation *item)
{
	const struct value *before = value_get(record_inputs(item->record, NULL), "backend");
	const struct value *now = value_get(item->desired, "backend");

	if (!tf->module || (!before && !now))
		return false;
	return !before || !now || !value_equal(before, now);
}

static void see_recorded(struct terraform *tf, struct observation *item, struct asking *asking)
{
	const struct value *before;
	struct error err = ERROR_INIT;
	bool same, quiet;

	if (!item->desired || tf->env->refresh == REFRESH_BRIEF) {
		list_removed(tf->env, item);
		return;
	}
	if (!value_is_known(item->desired)) {
		see_later(tf, item);
		return;
	}
	if (is_moved(tf, item)) {
		terraform_moved(&err);
		unknown(item, arena_strdup(tf->arena, err.msg));
		return;
	}
	before = item->attributes;
	same = same_inputs(item);
	if (read_own_state(tf, item, &err)) {
		unknown(item, arena_strdup(tf->arena, err.msg));
		return;
	}
	quiet = same && !item->intent && before && value_equal(before, item->attributes) &&
		!terraform_unsaved(tf);
	if (quiet && tf->env->refresh != REFRESH_FULL && !is_due(tf))
		return;
	if (item->early && !quiet) {
		see_later(tf, item);
		return;
	}
	terraform_ask(asking, tf, item, same);
}

static void see_new(struct terraform *tf, struct observation *item, const char *begun,
	struct asking *asking)
{
	if (begun) {
		item->presence = PRESENCE_PRESENT;
		item->ownership = OWNER_US;
		item->id = item->mark_intent = begun;
	} else {
		item->presence = PRESENCE_ABSENT;
	}
	if (!item->desired || tf->env->refresh == REFRESH_BRIEF)
		return;
	if (item->early || !value_is_known(item->desired)) {
		see_later(tf, item);
		return;
	}
	terraform_ask(asking, tf, item, false);
}

/* What it lives in is another one than it was. */
static bool is_elsewhere(struct observation *item)
{
	const char *before = value_get_text(item->record ? record_inputs(item->record, NULL) : NULL,
		"within", "");
	const struct value *within = value_get(item->desired, "within");
	const char *now = within && value_is_known(within) ? value_text(within, "") : "";

	return *before && *now && strcmp(before, now) != 0;
}

static void see(struct provider_env *env, struct observation *item, struct asking *asking)
{
	bool elsewhere = is_elsewhere(item), went = elsewhere && item->stays;
	const char *begun = item->record && !went ? NULL : begun_by(env, item->intent);
	struct terraform tf = {.env = env, .arena = env->arena, .inputs = item->desired};
	struct error err = ERROR_INIT;

	if (!provider_may_run(env, item, "its module"))
		return;
	if (item->record && !went)
		as_recorded(item);
	if (elsewhere && !went)
		item->replace = "it lives in another cluster";
	if (item->desired &&
		terraform_program(env, item->desired, recorded(item, "program"), &tf.program, &err)) {
		terraform_unseen(item, arena_strdup(env->arena, err.msg));
		return;
	}
	if (!item->record) {
		see_new(&tf, item, begun, asking);
		return;
	}
	if (went) { /* its folder is that of what went; what a dead run began since is gone on with */
		item->id = begun;
		see_new(&tf, item, NULL, asking);
		item->message = "it went with the cluster that it lived in";
		return;
	}
	if (item->desired && item->record->id &&
		terraform_open(&tf, env, item->desired, terraform_folder(env, item->record->id), tf.program,
			&err) && err.code != ERROR_NOT_FOUND) {
		unknown(item, arena_strdup(env->arena, err.msg));
		return;
	}
	see_recorded(&tf, item, asking);
}

int terraform_observe(struct provider_env *env, struct observe_request *request, struct error *err)
{
	struct asking asking = {0};

	(void)err;
	for (size_t i = 0; i < request->n; i++)
		see(env, &request->items[i], &asking);
	terraform_ask_all(&asking, env->arena);
	return 0;
}
