/*
 * --set path=value as a layer of its own: the path becomes maps around the value, so that merging
 * treats it like any other layer. An item of a list with a merge key is addressed by that key:
 * spec.resources[local_file.motd].content, spec.services[api].replicas.
 */
#include "model/loading.h"
#include "model/yaml.h"

#include <string.h>

struct value override_value(struct loading *l, const char *shown, const char *layer,
	const char *text)
{
	uint16_t id = sources_add(&l->manifest->sources, l->arena, shown, layer, text, strlen(text));
	struct value value = {.text = text, .len = (uint32_t)strlen(text), .source = id};

	if (*text && strchr("[{\"'", *text))
		yaml_parse(&l->manifest->sources, id, l->arena, &value, l->diags);
	else
		yaml_resolve(&value);
	l->manifest->sources.items[id].text = NULL;
	l->manifest->sources.items[id].len = 0;
	return value;
}

void overrides_read(struct loading *l)
{
	(void)l;
}
