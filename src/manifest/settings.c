/*
 * Settings of the program: what a user allows on this machine. They come from the user's own
 * configuration alone, and never from a project: a repository must not grant itself anything.
 */
#include "manifest/loading.h"
#include "model/yaml.h"

#include "base/fs.h"

static const struct value *settings_of(const struct value *file)
{
	const struct value *settings = file->kind == VALUE_MAP ? value_get(file, "settings") : NULL;

	return settings && settings->kind == VALUE_MAP ? settings : NULL;
}

void settings_take(struct loading *l)
{
	for (size_t i = 0; i < l->n_layers; i++) {
		const struct value *written = value_get(&l->layers[i].value, "settings");
		const struct value *settings = settings_of(&l->layers[i].value);

		if (i < l->n_user_layers && settings) {
			l->manifest->settings = settings;
		} else if (i >= l->n_user_layers && written) {
			diag_error(l->diags, value_pos(written),
				"settings belong into the user's own configuration");
			diag_hint(l->diags, "a project cannot allow itself anything: move them to %s",
				l->input->user_config ? l->input->user_config : "~/.devenv/config.yml");
		}
	}
}

const struct value *settings_read(const struct manifest_input *input, struct arena *arena)
{
	struct value *value = arena_alloc(arena, sizeof(*value));
	struct sources sources = {0};
	struct diags diags;
	const char *text;
	uint16_t source;
	size_t len;

	if (!input->user_config || fs_read(input->user_config, arena, &text, &len, NULL))
		return NULL;
	diags_init(&diags, arena);
	source = sources_add(&sources, arena, input->user_config, "user", text, len);
	return yaml_parse(&sources, source, arena, value, &diags) ? NULL : settings_of(value);
}
