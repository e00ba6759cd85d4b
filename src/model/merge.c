#include "model/loading.h"

struct value merge_layers(struct loading *l)
{
	return l->n_layers ? l->layers[l->n_layers - 1].value : value_empty_map;
}
