/*
 * What the programs of others say: terraform's plans, states and lines, helm's releases, k3d's kubeconfig.
 * What cannot be understood is an error with words; what can has only what it says.
 */
#include "fuzz.h"

#include "providers/helm/helm.h"
#include "providers/k3d/k3d.h"
#include "providers/terraform/terraform.h"

static void plan(struct arena *arena, const char *text, size_t len)
{
	struct error err = ERROR_INIT;
	struct plan_told told;

	if (terraform_read_plan(arena, text, len, &told, &err)) {
		MUST(err.code != ERROR_NONE && err.msg[0]);
		return;
	}
	for (size_t i = 0; i < told.n; i++)
		MUST(told.details[i].address && (!told.details[i].removes || told.loses));
	terraform_loses_track(told.plan, told.plan);
}

static void state(struct arena *arena, const char *text, size_t len)
{
	struct error err = ERROR_INIT;
	struct state_file state;

	if (state_parse(arena, text, len, &state, &err))
		MUST(err.code != ERROR_NONE && err.msg[0]);
	else
		MUST(state.exists == (len > 0) && state.outputs->kind == VALUE_MAP &&
			state.resources->kind == VALUE_LIST);
}

static void lines(struct arena *arena, const char *text)
{
	struct said cleanup_said said = {.arena = arena, .text = STRBUF_INIT};
	struct error err = ERROR_INIT;

	while (*text) {
		size_t len = strcspn(text, "\n");

		terraform_hear(&said, 1, text, len);
		text += len + (text[len] == '\n');
	}
	terraform_failed(&said, "it", &err);
	MUST(!strncmp(err.msg, "it: ", 4) && err.msg[4]);
}

static void release(struct arena *arena, const char *text)
{
	struct kube kube = {.arena = arena};
	struct error err = ERROR_INIT;
	struct helm_release release;

	if (helm_release_parse(&kube, text, &release, &err))
		MUST(err.code != ERROR_NONE && err.msg[0]);
	else
		MUST(release.revision > 0 && *release.chart && release.definitions);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = {0};
	const char *text = arena_strndup(&arena, (const char *)data, size);

	plan(&arena, (const char *)data, size);
	state(&arena, (const char *)data, size);
	lines(&arena, text);
	release(&arena, text);
	k3d_is_kubeconfig(&arena, text);
	arena_release(&arena);
	return 0;
}
