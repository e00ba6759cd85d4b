/*
 * What is said in vain is told, not passed over: words of the catalogue on what is not of it, keys of another
 * type of volume, what a cluster has no place for, and what does not reach a chart.
 */
#include "manifest/lower/catalogue.h"

#include <string.h>

struct vain {
	const char *key, *hint;
};

/* Is there a place for a warning? What is switched off says nothing. */
static const struct member *said(const struct value *map, const char *key)
{
	const struct member *member = value_member(map, key);
	const struct value *value = member ? &member->value : NULL;

	return !value || value->kind == VALUE_NULL || (value->kind == VALUE_BOOL && !value->boolean)
		? NULL : member;
}

/* --- services ------------------------------------------------------------------------------------ */

static void on_cluster(struct lowering *l, const struct service *service)
{
	static const struct vain keys[] = {
		{"networks", "all services of a cluster share one network: networking.isolation keeps them apart"},
		{"stopSignal", "a cluster asks with the stop signal of the image"}};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const struct member *member = said(service->spec, keys[i].key);

		if (!member)
			continue;
		diag_warning(l->diags, member->pos, "\"%s\" of service %s means nothing on a cluster",
			keys[i].key, service->name);
		diag_hint(l->diags, "%s", keys[i].hint);
	}
}

/* A chart has its values only. One that is a folder of the project gets what `helm create` has a name for, one
   of the catalogue the words of its entry. */
static void to_chart(struct lowering *l, const struct service *service, const struct value *written)
{
	static const struct {
		const char *key;
		bool folder, entry, other; /* of which charts it is none */
	} keys[] = {
		{"command", true, true, true}, {"entrypoint", true, true, true}, {"env", false, true, true},
		{"env_file", false, true, true}, {"replicas", false, true, true},
		{"resources", false, true, true}, {"user", false, true, true},
		{"ingress", false, true, true}, {"seed", false, true, false}, {"volumes", false, false, true},
	};
	bool folder = !service->entry && lower_is_folder(value_get(written, "chart"));

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const struct member *member = said(written, keys[i].key);

		if (!member || !(folder ? keys[i].folder : service->entry ? keys[i].entry : keys[i].other))
			continue;
		diag_warning(l->diags, member->pos, "\"%s\" of service %s does not reach its chart",
			keys[i].key, service->name);
		diag_hint(l->diags, strcmp(keys[i].key, "seed") == 0
			? "a service of type: job that depends on it can fill it"
			: "say it under values, in the words of the chart");
	}
}

static void of_catalogue(struct lowering *l, const struct service *service, const struct value *written)
{
	static const char *const words[] = {"database", "username", "password", "storage", "seed"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const struct member *member = said(written, words[i]);

		if (!member || (service->entry && catalogue_takes(service->entry, words[i])))
			continue;
		if (service->entry) {
			diag_warning(l->diags, member->pos, "\"%s\" of service %s means nothing: a %s has none",
				words[i], service->name, service->entry->type);
			continue;
		}
		diag_warning(l->diags, member->pos, "\"%s\" of service %s means nothing: its type is none of "
			"the catalogue", words[i], service->name);
		diag_hint(l->diags, value_get(written, "chart")
			? "say it under values, in the words of the chart"
			: "write type: postgresql or the like, or what the image itself wants under env");
	}
}

void lower_vain_service(struct lowering *l, const struct service *service, const struct value *written)
{
	of_catalogue(l, service, written);
	if (service->kind == SERVICE_WORKLOAD)
		on_cluster(l, service);
	if (service->kind == SERVICE_CHART)
		to_chart(l, service, written);
}

/* --- volumes ------------------------------------------------------------------------------------- */

static bool is_of(const char *type, const char *const *types)
{
	while (*types && strcmp(*types, type) != 0)
		types++;
	return *types != NULL;
}

void lower_vain_volumes(struct lowering *l)
{
	static const struct {
		const char *key, *types[4];
	} keys[] = {
		{"source", {"host", "configmap", "secret"}},
		{"size", {"persistent", "ephemeral", "tmpfs"}},
		{"storageClass", {"persistent"}}, {"accessMode", {"persistent"}},
		{"driver", {"persistent"}}, {"driverOptions", {"persistent"}}, {"labels", {"persistent"}},
	};
	const struct value *volumes = value_get(l->spec, "volumes");

	for (uint32_t i = 0; volumes && volumes->kind == VALUE_LIST && i < volumes->len; i++) {
		const struct value *volume = &volumes->items[i];
		const char *type = value_get_text(volume, "type", "persistent");

		for (size_t j = 0; j < ARRAY_SIZE(keys); j++) {
			const struct member *member = said(volume, keys[j].key);

			if (!member || is_of(type, keys[j].types))
				continue;
			diag_warning(l->diags, member->pos, "\"%s\" of volume %s means nothing: its type is %s",
				keys[j].key, value_get_text(volume, "name", ""), type);
			if (strcmp(keys[j].key, "source") == 0)
				diag_hint(l->diags, "a folder of this machine is type: host");
		}
	}
}
