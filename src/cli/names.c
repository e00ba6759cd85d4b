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

int name_unknown(const struct nearest *nearest, struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND,
		nearest->best ? "there is no resource %s; did you mean %s?"
			      : "there is no resource %s",
		nearest->word, nearest->best);
}

bool record_runs(const struct record *record)
{
	const struct type *type = type_find(record->type);

	return type && type->flags & TYPE_RUNS && record->status != RECORD_DEPOSED;
}

static int unknown(struct reconcile *r, const char *name, struct error *err)
{
	struct nearest nearest = {.word = name};
	bool recorded = false;

	for (size_t i = 0; i < r->n_records; i++) {
		recorded = recorded || name_means(r, name, r->records[i].address);
		if (record_runs(&r->records[i]))
			nearest_try(&nearest, r->records[i].address);
	}
	if (recorded)
		return error_set(err, ERROR_INVALID, "%s is nothing that runs", name);
	return error_set(err, ERROR_NOT_FOUND,
		nearest.best ? "nothing that runs is called %s; did you mean %s?"
			     : "nothing that runs is called %s",
		name, nearest.best);
}

const char *const *names_running(struct cli *cli, struct reconcile *r, size_t first, size_t last,
	struct error *err)
{
	const char **out = arena_zalloc(&cli->arena, (r->n_records + 1) * sizeof(*out));
	size_t n = 0;

	for (size_t k = first; k < last && k < cli->args.n_positional; k++) {
		bool found = false;

		for (size_t i = 0; i < r->n_records; i++)
			found = found || (record_runs(&r->records[i]) && name_means(r, cli->args.positional[k],
									  r->records[i].address));
		if (!found) {
			unknown(r, cli->args.positional[k], err);
			return NULL;
		}
	}
	for (size_t i = 0; i < r->n_records; i++) {
		bool wanted = cli->args.n_positional <= first;

		for (size_t k = first; k < last && k < cli->args.n_positional; k++)
			wanted = wanted || name_means(r, cli->args.positional[k], r->records[i].address);
		if (wanted && record_runs(&r->records[i]))
			out[n++] = r->records[i].address;
	}
	return out;
}
