/* See names.h. A service is known by its name in the manifest, or by the part behind the dot. */
#include "cli/names.h"

#include <string.h>

static const char *service_of(const struct reconcile *r, const char *address)
{
	uint32_t node = graph_find(&r->graph, address);

	return node == UINT32_MAX ? NULL : r->graph.nodes[node].resource->service;
}

bool name_means(const struct reconcile *r, const char *name, const char *address)
{
	const char *service = service_of(r, address), *dot = strchr(address, '.');
	size_t len = strlen(name);

	if (strcmp(name, address) == 0 || (service && strcmp(name, service) == 0))
		return true;
	if (strncmp(name, address, len) == 0 && address[len] == '[')
		return true;
	return dot && strncmp(dot + 1, name, len) == 0 && (!dot[1 + len] || dot[1 + len] == '[');
}

/* Not by the service: that also has networks and volumes, which others share. */
static bool stands_for(const char *word, const char *address)
{
	const char *dot = strchr(address, '.');
	const char *name = dot && word[strcspn(word, ".[")] != '.' ? dot + 1 : address;
	size_t len = strlen(word);

	return strncmp(word, name, len) == 0 && (!name[len] || name[len] == '[');
}

const char *const *names_addresses(struct cli *cli, const struct reconcile *r, const char *word,
	bool recorded_only)
{
	uint32_t n_nodes = recorded_only ? 0 : r->graph.n;
	const char **out = arena_zalloc(&cli->arena, (n_nodes + r->n_records + 1) * sizeof(*out));
	size_t n = 0;

	for (uint32_t i = 0; i < n_nodes; i++)
		if (stands_for(word, r->graph.nodes[i].resource->address))
			out[n++] = r->graph.nodes[i].resource->address;
	for (size_t i = 0; i < r->n_records; i++) {
		const char *address = r->records[i].address;
		bool known = (n && strcmp(out[n - 1], address) == 0) || /* another generation */
			(n_nodes && graph_find(&r->graph, address) != UINT32_MAX);

		if (stands_for(word, address) && !known)
			out[n++] = address;
	}
	return out;
}

const char *const *names_all(struct cli *cli, const struct reconcile *r, const char *const *words)
{
	const char **out = NULL;
	size_t n = 0, cap = 0;

	for (; words && *words; words++) {
		const char *const *found = names_addresses(cli, r, *words, false);
		const char *const itself[] = {*words, NULL};

		for (found = *found ? found : itself; *found; found++) {
			ARENA_GROW(&cli->arena, out, n, cap);
			out[n++] = *found;
		}
	}
	if (n) {
		ARENA_GROW(&cli->arena, out, n, cap);
		out[n] = NULL;
	}
	return out;
}

int names_find(struct cli *cli, const struct reconcile *r, const char *word, struct nearest *nearest)
{
	*nearest = (struct nearest){.word = word};
	if (*names_addresses(cli, r, word, false))
		return 0;
	for (uint32_t i = 0; i < r->graph.n; i++)
		nearest_try(nearest, r->graph.nodes[i].resource->address);
	for (size_t i = 0; i < r->n_records; i++)
		nearest_try(nearest, r->records[i].address);
	return -1;
}

int names_take_targets(struct cli *cli, struct reconcile *r, struct nearest *nearest)
{
	const char *const *given = r->options.targets;
	size_t n = 0, n_names = cli->args.n_positional;
	const char **targets;

	for (size_t i = 0; i < n_names; i++) {
		if (names_find(cli, r, cli->args.positional[i], nearest) < 0)
			return -1;
	}
	if (!n_names)
		return 0;
	while (given && given[n])
		n++;
	targets = arena_zalloc(&cli->arena, (n + n_names + 1) * sizeof(*targets));
	memcpy(targets, cli->args.positional, n_names * sizeof(*targets));
	for (size_t i = 0; i < n; i++)
		targets[n_names + i] = given[i];
	r->options.targets = targets;
	return 0;
}

int name_unknown(const struct nearest *nearest, struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND,
		nearest->best ? "there is no resource %s; did you mean %s?"
			      : "there is no resource %s",
		nearest->word, nearest->best);
}

static bool is_able(struct record *record, enum ability ability)
{
	return record->status != RECORD_DEPOSED && provider_can(record, ability);
}

static int unknown(struct reconcile *r, const char *name, enum ability ability, struct error *err)
{
	struct nearest nearest = {.word = name};
	bool recorded = false, talks = false;

	for (size_t i = 0; i < r->n_records; i++) {
		if (name_means(r, name, r->records[i].address)) {
			recorded = true;
			talks = talks || is_able(&r->records[i], CAN_TALK);
		}
		if (is_able(&r->records[i], ability))
			nearest_try(&nearest, r->records[i].address);
	}
	if (talks) /* so it was CAN_STOP that was asked for */
		return error_set(err, ERROR_INVALID, "%s runs, but cannot be stopped or started by "
			"itself: change it, and apply", name);
	if (recorded)
		return error_set(err, ERROR_INVALID, "%s is nothing that runs", name);
	return error_set(err, ERROR_NOT_FOUND,
		nearest.best ? "nothing that runs is called %s; did you mean %s?"
			     : "nothing that runs is called %s",
		name, nearest.best);
}

const char *const *names_running(struct cli *cli, struct reconcile *r, size_t first, size_t last,
	enum ability ability, struct error *err)
{
	const char **out = arena_zalloc(&cli->arena, (r->n_records + 1) * sizeof(*out));
	size_t n = 0;

	for (size_t k = first; k < last && k < cli->args.n_positional; k++) {
		bool found = false;

		for (size_t i = 0; i < r->n_records; i++)
			found = found || (name_means(r, cli->args.positional[k], r->records[i].address) &&
						 is_able(&r->records[i], ability));
		if (!found) {
			unknown(r, cli->args.positional[k], ability, err);
			return NULL;
		}
	}
	for (size_t i = 0; i < r->n_records; i++) {
		bool wanted = cli->args.n_positional <= first;

		for (size_t k = first; k < last && k < cli->args.n_positional; k++)
			wanted = wanted || name_means(r, cli->args.positional[k], r->records[i].address);
		if (wanted && is_able(&r->records[i], ability))
			out[n++] = r->records[i].address;
	}
	return out;
}
