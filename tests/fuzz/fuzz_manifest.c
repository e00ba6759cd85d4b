/*
 * A whole manifest: layers, variables, forEach, lowering, schema, graph. The input is the project's
 * file; after a line "---env" follows a .env. Either there are diagnostics, or a graph in order.
 */
#include "fuzz.h"

#include "manifest/manifest.h"

struct files {
	const char *config, *env;
	size_t config_len, env_len;
};

static int read_file(void *arg, const char *path, struct arena *arena, const char **text, size_t *len,
	struct error *err)
{
	const struct files *files = arg;

	if (strcmp(path, "/p/.devenv/config.yml") == 0) {
		*text = arena_strndup(arena, files->config, files->config_len);
		*len = files->config_len;
	} else if (files->env && strcmp(path, "/p/.env") == 0) {
		*text = arena_strndup(arena, files->env, files->env_len);
		*len = files->env_len;
	} else {
		return error_set(err, ERROR_NOT_FOUND, "%s: no such file", path);
	}
	return 0;
}

static void check_graph(struct manifest *manifest, struct arena *arena, struct diags *diags)
{
	struct graph graph;

	if (manifest_graph(manifest, &graph, arena, diags) == 0) {
		uint8_t *seen = calloc(graph.n + 1, 1);

		for (uint32_t i = 0; i < graph.n; i++) {
			const struct node *node = &graph.nodes[graph.order[i]];

			for (uint32_t j = 0; j < node->n_needs; j++)
				MUST(seen[node->needs[j].node]);
			seen[graph.order[i]] = 1;
		}
		free(seen);
	} else {
		MUST(diags->errors > 0);
	}
	graph_release(&graph);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const process_env[] = {"HOME=/h", "NAME=value", NULL};
	struct arena arena = {0};
	const char *split = memmem(data, size, "\n---env\n", 8);
	struct files files = {.config = (const char *)data, .config_len = size};
	struct manifest_input input = {.directory = "/p", .process_env = process_env, .read = read_file,
		.read_arg = &files};
	struct manifest manifest = {0};
	struct error err = ERROR_INIT;
	struct diags diags;

	if (split) {
		files.config_len = (size_t)(split + 1 - files.config);
		files.env = split + 8;
		files.env_len = size - (size_t)(files.env - files.config);
	}
	diags_init(&diags, &arena);
	if (manifest_load(&input, &arena, &manifest, &diags, &err) == 0) {
		MUST(diags.errors == 0);
		check_graph(&manifest, &arena, &diags);
	} else {
		MUST(diags.errors > 0 || err.code != ERROR_NONE);
	}
	diags_sort(&diags);
	arena_release(&arena);
	return 0;
}
