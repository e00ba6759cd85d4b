/* Every provider that is compiled in. The engine finds one by the type of a resource, never by name. */
#include "provider/provider.h"

#include "base/texts.h"

#include <string.h>

extern const struct provider provider_local;
extern const struct provider provider_docker;
extern const struct provider provider_k3d;
extern const struct provider provider_kubernetes;
extern const struct provider provider_secret;
extern const struct provider provider_helm;
extern const struct provider provider_terraform;
extern const struct provider provider_git;

const struct provider *const provider_table[] = {&provider_local, &provider_docker, &provider_k3d,
	&provider_kubernetes, &provider_secret, &provider_helm,
	&provider_terraform, &provider_git};
const size_t provider_count = sizeof(provider_table) / sizeof(provider_table[0]);

const struct provider *provider_by_type(const char *type)
{
	for (size_t i = 0; i < provider_count; i++) {
		if (texts_have(provider_table[i]->types, type))
			return provider_table[i];
	}
	return NULL;
}

const struct provider *provider_of(const struct type *type)
{
	return provider_by_type(type->name);
}
