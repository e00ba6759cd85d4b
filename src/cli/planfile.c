/* See planfile.h. One JSON object; values of --var and --set are left out, because they may be
   secret. */
#include "cli/planfile.h"

#include "base/fs.h"
#include "cli/jsonl.h"
#include "cli/render/render.h"
#include "cli/run.h"
#include "model/json.h"

#include <string.h>
#include <unistd.h>

#define PLANFILE_FORMAT "devenv-plan/2"

/* What stands before "=", or all of it. */
static const char *before_equals(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strcspn(text, "="));
}

static void add_list(struct strbuf *buf, const char *key, const char *const *list)
{
	jsonl_open(buf, key, '[');
	for (; list && *list; list++)
		jsonl_item(buf, *list);
	jsonl_close(buf, ']');
}

static void add_names(struct strbuf *buf, const char *key, const char *const *list)
{
	struct arena arena = ARENA_INIT;

	jsonl_open(buf, key, '[');
	for (; list && *list; list++)
		jsonl_item(buf, before_equals(&arena, *list));
	jsonl_close(buf, ']');
	arena_release(&arena);
}

static void add_variables(struct strbuf *buf, const struct variable_input *one)
{
	struct arena arena = ARENA_INIT;

	jsonl_open(buf, "variables", '[');
	for (; one->argument || one->file; one++) {
		jsonl_open(buf, NULL, '{');
		if (one->argument)
			jsonl_text(buf, "name", before_equals(&arena, one->argument));
		else
			jsonl_text(buf, "file", one->file);
		jsonl_close(buf, '}');
	}
	jsonl_close(buf, ']');
	arena_release(&arena);
}

static void add_options(struct strbuf *buf, const struct reconcile *r)
{
	jsonl_open(buf, "options", '{');
	add_list(buf, "files", r->input.files);
	jsonl_text(buf, "environment", r->input.environment);
	add_variables(buf, r->input.variables);
	add_names(buf, "sets", r->input.sets);
	add_list(buf, "targets", r->options.targets);
	add_list(buf, "excludes", r->options.excludes);
	add_list(buf, "replaces", r->options.replaces);
	jsonl_bool(buf, "destroy", r->options.destroy);
	jsonl_bool(buf, "refresh_only", r->options.refresh_only);
	jsonl_bool(buf, "no_refresh", r->options.no_refresh);
	jsonl_bool(buf, "full_refresh", r->options.full_refresh);
	jsonl_bool(buf, "volumes", r->options.volumes);
	jsonl_bool(buf, "force_conflicts", r->options.force_conflicts);
	add_list(buf, "allow_data_loss", r->options.allow_data_loss);
	jsonl_number(buf, "allow_delete", r->options.allow_delete);
	jsonl_close(buf, '}');
}

static void add_changes(struct strbuf *buf, const struct plan_view *view, const struct plan *plan)
{
	jsonl_open(buf, "changes", '[');
	for (size_t i = 0; i < plan->n; i++) {
		if (plan->changes[i].action == ACTION_NOOP)
			continue;
		jsonl_open(buf, NULL, '{');
		render_change_json(buf, view, plan, &plan->changes[i]);
		jsonl_close(buf, '}');
	}
	jsonl_close(buf, ']');
}

static void add_held(struct strbuf *buf, const struct plan *plan)
{
	int64_t deletes = 0;

	jsonl_open(buf, "data_loss", '[');
	for (size_t i = 0; i < plan->n; i++) {
		deletes += plan->changes[i].action == ACTION_DELETE;
		if (plan->changes[i].hold == HOLD_DATA_LOSS)
			jsonl_item(buf, plan->changes[i].address);
	}
	jsonl_close(buf, ']');
	jsonl_number(buf, "deletes", deletes);
}

int planfile_write(struct cli *cli, const struct reconcile *r, const char *path, struct error *err)
{
	const char *temporary = arena_printf(&cli->arena, "%s.%ld.tmp", path, (long)getpid());
	struct strbuf buf = STRBUF_INIT;
	struct plan_view view;
	char hex[HASH_HEX];
	const char *text;
	int result;

	plan_view_init(&view, cli, r);
	strbuf_addch(&buf, '{');
	jsonl_text(&buf, "format", PLANFILE_FORMAT);
	jsonl_text(&buf, "devenv", DEVENV_VERSION);
	jsonl_text(&buf, "directory", r->input.directory);
	jsonl_text(&buf, "environment", r->environment.id ? r->environment.id : "");
	jsonl_number(&buf, "serial", r->plan.serial);
	jsonl_text(&buf, "hash", hash_hex(&r->plan.hash, hex));
	add_options(&buf, r);
	add_changes(&buf, &view, &r->plan);
	add_held(&buf, &r->plan);
	strbuf_addstr(&buf, "}\n");
	text = redact(&r->redactor, buf.text, &cli->arena);
	result = fs_write(path, temporary, text, strlen(text), 0600, 0, err);
	strbuf_release(&buf);
	return result;
}

static const char *const *read_list(struct cli *cli, const struct value *map, const char *key)
{
	const struct value *list = value_get(map, key);
	const char **out;

	if (!list || list->kind != VALUE_LIST || !list->len)
		return NULL;
	out = arena_zalloc(&cli->arena, (list->len + 1) * sizeof(*out));
	for (uint32_t i = 0; i < list->len; i++)
		out[i] = value_text(&list->items[i], "");
	return out;
}

/* The last NAME=VALUE that was given for a name; NULL: none. */
static const char *given_for(struct cli *cli, const char *option, const char *name)
{
	const char *const *given = args_list(&cli->args, option);
	const char *found = NULL;

	for (; given && *given; given++)
		if (strcmp(before_equals(&cli->arena, *given), name) == 0)
			found = *given;
	return found;
}

/* Was every name of `needed` given again? */
static int check_names(struct cli *cli, const char *const *needed, const char *option,
	struct error *err)
{
	for (; needed && *needed; needed++)
		if (!given_for(cli, option, *needed))
			return error_set(err, ERROR_INVALID,
				"the plan was made with --%s %s=...; a plan file holds no values, so "
				"give it again",
				option, *needed);
	return 0;
}

/* The names of --var that the plan was made with, the k-th at its place among the files. */
static const char *const *variable_names(struct cli *cli, const struct value *options)
{
	const struct value *list = value_get(options, "variables");
	uint32_t len = list && list->kind == VALUE_LIST ? list->len : 0, n = 0;
	const char **out = arena_zalloc(&cli->arena, (len + 1) * sizeof(*out));

	for (uint32_t i = 0; i < len; i++) {
		const char *name = value_get_text(&list->items[i], "name", NULL);

		if (name)
			out[n++] = name;
	}
	return out;
}

/* Files and names as they followed each other, the names with what is given for them now. What else
   is given follows: it changes the plan, which is then refused. */
static const struct variable_input *read_variables(struct cli *cli, const struct value *options)
{
	const char *const *names = variable_names(cli, options);
	const char *const *given = args_list(&cli->args, "var");
	const struct value *list = value_get(options, "variables");
	uint32_t len = list && list->kind == VALUE_LIST ? list->len : 0;
	struct variable_input *out;
	size_t n = 0;

	out = arena_zalloc(&cli->arena, (len + cli->args.n_given + 1) * sizeof(*out));
	for (uint32_t i = 0; i < len; i++) {
		const char *name = value_get_text(&list->items[i], "name", NULL);

		if (name)
			out[n++].argument = given_for(cli, "var", name);
		else
			out[n++].file = value_get_text(&list->items[i], "file", "");
	}
	for (; given && *given; given++) {
		const char *const *name = names;

		while (*name && strcmp(*name, before_equals(&cli->arena, *given)) != 0)
			name++;
		if (!*name)
			out[n++].argument = *given;
	}
	return out;
}

static int check_head(const struct value *plan, const char *path, struct error *err)
{
	const char *format = value_get_text(plan, "format", "");

	if (plan->kind != VALUE_MAP || strncmp(format, "devenv-plan/", 12) != 0)
		return error_set(err, ERROR_INVALID,
			"%s is no saved plan; make one with `devenv plan -o FILE`", path);
	if (strcmp(format, PLANFILE_FORMAT) != 0)
		return error_set(err, ERROR_INVALID, "%s has the format %s; this program reads %s",
			path, format, PLANFILE_FORMAT);
	return 0;
}

void planfile_use(struct cli *cli, struct reconcile *r, const struct planfile *file)
{
	const struct value *o = value_get(file->content, "options");

	r->input.directory = value_get_text(file->content, "directory", r->input.directory);
	r->input.files = read_list(cli, o, "files");
	r->input.environment = value_get_text(o, "environment", NULL);
	r->input.variables = read_variables(cli, o);
	r->options.targets = read_list(cli, o, "targets");
	r->options.excludes = read_list(cli, o, "excludes");
	r->options.replaces = read_list(cli, o, "replaces");
	r->options.destroy = value_get_bool(o, "destroy", false);
	r->options.refresh_only = value_get_bool(o, "refresh_only", false);
	r->options.no_refresh = value_get_bool(o, "no_refresh", false);
	r->options.full_refresh = value_get_bool(o, "full_refresh", false);
	r->options.volumes = value_get_bool(o, "volumes", false);
	r->options.force_conflicts = value_get_bool(o, "force_conflicts", false);
	r->options.allow_data_loss = read_list(cli, o, "allow_data_loss");
	r->options.allow_delete = (long)value_get_int(o, "allow_delete", -1);
}

int planfile_read(struct cli *cli, const char *path, struct planfile *out, struct error *err)
{
	struct value *plan = arena_zalloc(&cli->arena, sizeof(*plan));
	const struct value *options;
	const char *text;
	size_t len;

	if (fs_read(path, &cli->arena, &text, &len, err) < 0)
		return -1;
	if (json_parse(text, len, &cli->arena, NULL, plan, err) < 0)
		return error_set(err, ERROR_INVALID,
			"%s is no saved plan; make one with `devenv plan -o FILE`", path);
	options = value_get(plan, "options");
	if (check_head(plan, path, err) < 0 ||
		check_names(cli, variable_names(cli, options), "var", err) < 0 ||
		check_names(cli, read_list(cli, options, "sets"), "set", err) < 0)
		return -1;
	if (hash_from_hex(value_get_text(plan, "hash", ""), &out->hash) < 0)
		return error_set(err, ERROR_INVALID, "%s is damaged: its hash is no hash", path);
	out->environment = value_get_text(plan, "environment", "");
	out->data_loss = read_list(cli, plan, "data_loss");
	out->deletes = (long)value_get_int(plan, "deletes", 0);
	out->content = plan;
	return 0;
}
