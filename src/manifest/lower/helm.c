/*
 * spec.helm.repositories: `chart: NAME/CHART` of a service or a helm_release becomes the chart in the
 * repository of that name, with its URL and who asks there. What begins otherwise stays as it is.
 */
#include "manifest/lower/internal.h"

#include <string.h>

/* The repository that the chart begins with the name of; *rest is the chart in it. */
static const struct value *repository_of(struct lowering *l, const struct value *chart,
	const char **rest)
{
	const struct value *list = value_path(l->spec, "helm.repositories");
	const char *text = value_text(chart, ""), *slash = strchr(text, '/');

	if (!slash || slash == text || !slash[1])
		return NULL;
	*rest = slash + 1;
	return lower_named(list, arena_strndup(l->arena, text, (size_t)(slash - text)));
}

/* In a registry a chart has a path; in a repository it has a name. */
static void put_place(struct lowering *l, struct value_builder *b, const struct value *repository,
	const struct value *chart, const char *name)
{
	static const char *const same[] = {"username", "password", "caFile", "plainHttp"};
	const struct value *url = value_get(repository, "url");
	const char *text = value_text(url, "");
	size_t len = strlen(text);

	while (len && text[len - 1] == '/')
		len--;
	if (!strncmp(text, "oci://", 6)) {
		builder_put(b, "chart", lower_part(l,
			arena_printf(l->arena, "%.*s/%s", (int)len, text, name), chart));
	} else {
		builder_put(b, "chart", lower_part(l, name, chart));
		builder_put(b, "repository", *url);
	}
	for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
		const struct value *value = value_get(repository, same[i]);

		if (value)
			builder_put(b, same[i], strcmp(same[i], "password") ? *value : value_sensitive(*value));
	}
}

struct value lower_repository(struct lowering *l, const struct value *release)
{
	const struct value *chart = value_get(release, "chart"), *repository;
	struct value_builder b;
	const char *name;

	if (!chart || chart->kind != VALUE_STRING || value_get(release, "repository"))
		return *release;
	repository = repository_of(l, chart, &name);
	if (!repository)
		return *release;
	builder_init(&b, l->arena);
	for (uint32_t i = 0; i < release->len; i++) {
		if (&release->members[i].value == chart) {
			put_place(l, &b, repository, chart, name);
			continue;
		}
		builder_put(&b, release->members[i].key, release->members[i].value);
		b.members[b.n - 1].pos = release->members[i].pos;
	}
	return lower_map(&b, release);
}
