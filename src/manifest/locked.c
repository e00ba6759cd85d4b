/*
 * The lock file beside the manifest. It is read as the manifest is, so that another revision has its own
 * and who follows the files of a manifest follows it, too. Without one nothing is locked.
 */
#include "manifest/loading.h"
#include "model/parsed.h"

static int parse(struct loading *l, uint16_t source)
{
	struct manifest *manifest = l->manifest;
	struct value file;

	if (parsed_yaml(l->input->parsed, &manifest->sources, source, l->arena, &file, l->diags) == 0 &&
		pins_read(&file, l->arena, &manifest->locked, l->diags) == 0)
		return 0;
	diag_hint(l->diags, "mend it, or remove it and let `devenv lock` write it anew");
	return -1;
}

void locked_read(struct loading *l)
{
	struct error err = ERROR_INIT;
	uint16_t source;

	if (files_read(l, files_path(l, l->manifest->root, PINS_PATH), "lock", &source, &err) == 0)
		parse(l, source);
	else if (err.code != ERROR_NOT_FOUND)
		diag_error(l->diags, POS_NONE, "the lock file cannot be read: %s", err.msg);
}
