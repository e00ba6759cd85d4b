/*
 * The kubeconfig of the user, because the manifest says mergeKubeconfig. k3d adds the cluster to it; no
 * command of k3d takes it out again, so that is done here, line by line: whatever else is in the file,
 * and how it is written, stays. The current context is not switched.
 */
#include "providers/k3d/k3d.h"

#include "base/fs.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* NULL: there is no home. */
static const char *user_config(struct docker *docker)
{
	const char *home = getenv("HOME");

	return home ? arena_printf(docker->arena, "%s/.kube/config", home) : NULL;
}

int k3d_merge(struct docker *docker, const char *name, struct error *err)
{
	const char *target = user_config(docker);
	const char *const args[] = {"kubeconfig", "merge", name, "--output", target,
		"--kubeconfig-switch-context=false", NULL};

	if (!target)
		return error_set(err, ERROR_INVALID, "mergeKubeconfig: there is no HOME to put it into");
	if (fs_make_dirs(fs_parent(docker->arena, target), 0700, docker->arena, NULL, err))
		return -1;
	return k3d_run(docker, args, NULL, err);
}

/* --- taking out ---------------------------------------------------------------------------------- */

static size_t line_len(const char *line)
{
	size_t len = strcspn(line, "\n");

	return len + (line[len] == '\n');
}

static bool begins_item(const char *line)
{
	line += strspn(line, " ");
	return *line == '-' && (line[1] == ' ' || line[1] == '\n');
}

static bool begins_key(const char *line)
{
	return *line && !strchr(" -#\n", *line);
}

/* "name: NAME" at any depth: clusters, contexts and users have no other key of that name. */
static bool line_names(const char *line, const char *name)
{
	size_t len = strlen(name);

	line += strspn(line, " -");
	if (strncmp(line, "name:", 5) != 0)
		return false;
	line += 5 + strspn(line + 5, " \"'");
	return !strncmp(line, name, len) && strchr("\"' \r\n", line[len]);
}

/* An item of a list, with its first line; the number of its bytes, and whether it is one of ours. */
static size_t item_at(const char *text, const char *const *names, bool *ours)
{
	size_t indent = strspn(text, " "), at = 0;

	*ours = false;
	do {
		for (size_t i = 0; names[i]; i++)
			*ours = *ours || line_names(text + at, names[i]);
		at += line_len(text + at);
	} while (text[at] && !begins_key(text + at) &&
		 !(begins_item(text + at) && strspn(text + at, " ") <= indent));
	return at;
}

const char *k3d_without(struct arena *arena, const char *text, const char *cluster)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	const char *const names[] = {arena_printf(arena, "k3d-%s", cluster),
		arena_printf(arena, "admin@k3d-%s", cluster), NULL};

	while (*text) {
		size_t len = line_len(text);
		bool ours = false;

		if (begins_item(text))
			len = item_at(text, names, &ours);
		if (!strncmp(text, "current-context:", 16) &&
			line_names(arena_printf(arena, "name:%.*s", (int)(len - 16), text + 16), names[0]))
			strbuf_addf(&out, "current-context: \"\"\n");
		else if (!ours)
			strbuf_add(&out, text, len);
		text += len;
	}
	return arena_strndup(arena, out.text ? out.text : "", out.len);
}

int k3d_unmerge(struct docker *docker, const char *name, struct error *err)
{
	const char *path = user_config(docker), *text, *rest;
	char real[PATH_MAX]; /* people keep it elsewhere, behind a link */
	struct error own = ERROR_INIT;
	size_t len;

	if (!path || !realpath(path, real))
		return 0;
	if (fs_read(real, docker->arena, &text, &len, &own))
		return own.code == ERROR_NOT_FOUND ? 0 : error_wrap(err, "%s", own.msg);
	rest = k3d_without(docker->arena, text, name);
	if (!strcmp(rest, text))
		return 0;
	return fs_write(real, arena_printf(docker->arena, "%s.devenv-%s", real, name), rest,
		strlen(rest), 0600, 0, err);
}
