/*
 * Comparing without values: the API server keeps, for every object, who owns which field. As long as
 * our entry is the one that our apply left, nobody else has set a field of ours. So no-op plans read
 * metadata only, and the content of Secrets never leaves the cluster.
 */
#include "providers/kubernetes/kubernetes.h"

#include "model/json.h"

#include <string.h>

/* --- owned fields ------------------------------------------------------------------------------- */

/* The fields that an entry of managedFields says `manager` owns; NULL: it is somebody else's. */
static const struct value *fields_of(const struct value *entry, const char *manager,
	const char *operation)
{
	if ((manager && strcmp(value_get_text(entry, "manager", ""), manager) != 0) ||
		*value_get_text(entry, "subresource", "") ||
		(operation && strcmp(value_get_text(entry, "operation", ""), operation) != 0))
		return NULL;
	return value_get(entry, "fieldsV1");
}

static const char *state_of(struct arena *arena, const struct value *object, const char *manager,
	const char *operation)
{
	const struct value *entries = value_path(object, "metadata.managedFields");
	const char *uid = value_text(value_path(object, "metadata.uid"), "");
	bool replicas = false, any = false;
	struct hasher hasher;
	struct hash hash;
	char hex[HASH_HEX];

	hasher_init(&hasher);
	hasher_add_str(&hasher, uid, strlen(uid));
	for (uint32_t i = 0; entries && entries->kind == VALUE_LIST && i < entries->len; i++) {
		const struct value *fields = fields_of(&entries->items[i], manager, operation);
		struct value rest;

		/* What `devenv start` set back is ours as much as what was applied. */
		if (manager && !strcmp(manager, KUBE_MANAGER) && !strcmp(value_get_text(&entries->items[i],
				"manager", ""), KUBE_POWER_MANAGER))
			replicas = replicas || value_get(value_path(&entries->items[i],
				"fieldsV1.f:spec"), "f:replicas");
		if (!fields)
			continue;
		rest = kube_without(arena, fields, "/f:spec/f:replicas");
		replicas = replicas || value_get(value_get(fields, "f:spec"), "f:replicas");
		value_hash(&rest, NULL, &hasher);
		any = true;
	}
	hasher_finish(&hasher, &hash);
	if (!any)
		return arena_printf(arena, "not ours: no field is set by %s",
			manager ? manager : "anyone");
	return arena_printf(arena, "applied %.20s%s", hash_hex(&hash, hex),
		replicas ? KUBE_OWNS_REPLICAS : "");
}

const char *kube_state(struct arena *arena, const struct value *object)
{
	return state_of(arena, object, KUBE_MANAGER, "Apply");
}

const char *kube_state_by(struct arena *arena, const struct value *object, const char *manager)
{
	return state_of(arena, object, manager, NULL);
}

/* --- differences in words ----------------------------------------------------------------------- */

enum { TOLD = 4, LONGEST = 60 };

struct differences {
	struct arena *arena;
	struct strbuf text;
	size_t n;
	bool sensitive;
};

static void tell_value(struct strbuf *out, const struct value *value)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (!value) {
		strbuf_addstr(out, "(none)");
		return;
	}
	json_write(&text, value, JSON_MASK, NULL);
	strbuf_addf(out, "%.*s%s", LONGEST, text.text, text.len > LONGEST ? "..." : "");
}

static void tell(struct differences *d, const char *path, const struct value *live,
	const struct value *wanted)
{
	if (d->n++ >= TOLD)
		return;
	strbuf_addf(&d->text, "%s%s: ", d->text.len ? "; " : "", path);
	if (d->sensitive) {
		strbuf_addstr(&d->text, "another value");
		return;
	}
	tell_value(&d->text, live);
	strbuf_addstr(&d->text, ", wanted ");
	tell_value(&d->text, wanted);
}

static bool is_noise(const char *path)
{
	static const char *const paths[] = {"metadata.managedFields", "metadata.resourceVersion",
		"metadata.generation", "metadata.uid", "metadata.creationTimestamp", "metadata.selfLink",
		"status"};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (!strcmp(path, paths[i]))
			return true;
	/* Marks change with every apply. */
	return !strncmp(path, "metadata.annotations." KUBE_NOTE, 21 + strlen(KUBE_NOTE));
}

static void compare(struct differences *d, const char *path, const struct value *live,
	const struct value *wanted)
{
	if (is_noise(path) || (live && wanted && value_equal(live, wanted)))
		return;
	if (live && wanted && live->kind == VALUE_MAP && wanted->kind == VALUE_MAP) {
		for (uint32_t i = 0; i < live->len; i++)
			compare(d, arena_printf(d->arena, "%s%s%s", path, *path ? "." : "",
				live->members[i].key), &live->members[i].value,
				value_get(wanted, live->members[i].key));
		for (uint32_t i = 0; i < wanted->len; i++)
			if (!value_get(live, wanted->members[i].key))
				compare(d, arena_printf(d->arena, "%s%s%s", path, *path ? "." : "",
					wanted->members[i].key), NULL, &wanted->members[i].value);
		return;
	}
	if (live && wanted && live->kind == VALUE_LIST && wanted->kind == VALUE_LIST &&
		live->len == wanted->len) {
		for (uint32_t i = 0; i < live->len; i++)
			compare(d, arena_printf(d->arena, "%s[%u]", path, i), &live->items[i],
				&wanted->items[i]);
		return;
	}
	tell(d, path, live, wanted);
}

const char *kube_differences(struct arena *arena, const struct value *live,
	const struct value *wanted, bool sensitive)
{
	struct differences d = {.arena = arena, .text = STRBUF_INIT, .sensitive = sensitive};
	const char *text = NULL;

	compare(&d, "", live, wanted);
	if (d.n > TOLD)
		strbuf_addf(&d.text, "; and %zu more", d.n - TOLD);
	if (d.n)
		text = arena_strdup(arena, d.text.text);
	strbuf_release(&d.text);
	return text;
}

/* --- refusals ----------------------------------------------------------------------------------- */

/* 'conflict with "kubectl-edit" using apps/v1' -> kubectl-edit */
static const char *manager_of(struct arena *arena, const char *message)
{
	const char *from = strchr(message, '"'), *to = from ? strchr(from + 1, '"') : NULL;

	return to ? arena_strndup(arena, from + 1, (size_t)(to - from - 1)) : "somebody else";
}

const char *kube_conflicts(struct arena *arena, const struct value *status)
{
	const struct value *causes = value_path(status, "details.causes");
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	uint32_t n = 0;

	for (uint32_t i = 0; causes && causes->kind == VALUE_LIST && i < causes->len; i++) {
		const struct value *cause = &causes->items[i];

		if (strcmp(value_get_text(cause, "reason", ""), "FieldManagerConflict") != 0 ||
			n++ >= TOLD)
			continue;
		strbuf_addf(&text, "%s%s is set by %s", text.len ? ", " : "",
			value_get_text(cause, "field", "?"),
			manager_of(arena, value_get_text(cause, "message", "")));
	}
	if (n > TOLD)
		strbuf_addf(&text, " and %u more", n - TOLD);
	return n ? arena_strdup(arena, text.text) : NULL;
}

bool kube_conflicts_only_with(const struct value *status, const char *manager)
{
	const struct value *causes = value_path(status, "details.causes");
	cleanup_strbuf struct strbuf quoted = STRBUF_INIT;
	bool any = false;

	strbuf_addf(&quoted, "\"%s\"", manager);
	for (uint32_t i = 0; causes && causes->kind == VALUE_LIST && i < causes->len; i++) {
		if (!strstr(value_get_text(&causes->items[i], "message", ""), quoted.text))
			return false;
		any = true;
	}
	return any;
}

const char *kube_immutable_fields(struct arena *arena, const struct value *status)
{
	const struct value *causes = value_path(status, "details.causes");
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	for (uint32_t i = 0; causes && causes->kind == VALUE_LIST && i < causes->len; i++)
		strbuf_addf(&text, "%s%s", i ? ", " : "", value_get_text(&causes->items[i], "field", "?"));
	return text.len ? arena_strdup(arena, text.text) : "a field of it";
}

bool kube_is_immutable(const struct kube_reply *reply)
{
	static const char *const phrases[] = {"field is immutable", "may not change once set",
		"updates to statefulset spec for fields other than", "pod updates may not change fields",
		"is immutable", "cannot change roleRef", "updates to parameters are forbidden",
		"updates to provisioner are forbidden", "updates to reclaimPolicy are forbidden",
		"may not be changed in an update"};
	const char *message = value_get_text(reply->body, "message", "");

	for (size_t i = 0; reply->status == 422 && i < ARRAY_SIZE(phrases); i++)
		if (strstr(message, phrases[i]))
			return true;
	return false;
}
