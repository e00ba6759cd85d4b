/*
 * What a reference means before any resource exists: the environment, variables, files, forEach and
 * secrets. References to resources stay in the text, or are a mistake where they would have to be
 * known too early. Sensitivity comes with the value and goes where the value goes.
 */
#include "base/fs.h"
#include "base/utf8.h"
#include "manifest/loading.h"
#include "model/template.h"

#include <string.h>

enum { MAX_INNER_SECRETS = 1000 };

static enum lookup look_up(void *arg, const struct part *part, struct value *out);

static enum lookup fall_back(struct scope *scope, const struct part *part, struct value *out)
{
	return template_fallback(part, scope->l->arena, look_up, scope, out, scope->l->diags);
}

static enum lookup required(struct scope *scope, const struct part *part, const char *what)
{
	diag_error(scope->l->diags, part->pos, "%s %s is needed: %s", what, part->name,
		*part->message ? part->message : "it is not set");
	return LOOKUP_FAILED;
}

/* ${NAME:-x} counts an empty variable as unset, as shells do. */
static enum lookup look_up_env(struct scope *scope, const struct part *part, struct value *out)
{
	const struct env_var *var = env_get(scope->l, part->name);
	struct nearest nearest = {.word = part->name};

	if (var && (*var->text || (!part->fallback && !part->message))) {
		*out = value_borrow(var->text);
		return LOOKUP_VALUE;
	}
	if (part->fallback)
		return fall_back(scope, part, out);
	if (part->message)
		return required(scope, part, "the environment variable");
	diag_error(
		scope->l->diags, part->pos, "the environment variable %s is not set", part->name);
	for (size_t i = 0; i < scope->l->n_env; i++)
		nearest_try(&nearest, scope->l->env[i].name);
	if (variable_find(scope->l, part->name))
		diag_hint(scope->l->diags, "a variable of the manifest is ${var.%s}", part->name);
	else if (nearest.best)
		diag_hint(scope->l->diags, "did you mean %s? or give a default: ${%s:-...}",
			nearest.best, part->name);
	else
		diag_hint(scope->l->diags,
			"set it, put it into .env, or give a default: ${%s:-...}", part->name);
	return LOOKUP_FAILED;
}

/* Follows part->path into `value`. */
static enum lookup follow(struct scope *scope, const struct part *part, const struct value *value,
	struct value *out)
{
	const struct value *found = *part->path ? value_path(value, part->path) : value;

	if (!found) {
		if (part->fallback)
			return fall_back(scope, part, out);
		diag_error(scope->l->diags, part->pos, "${%s} leads nowhere: nothing is at \"%s\"",
			part->text, part->path);
		return LOOKUP_FAILED;
	}
	*out = *found;
	out->flags |= value->flags & VALUE_SENSITIVE;
	return LOOKUP_VALUE;
}

static enum lookup no_variable(struct scope *scope, const struct part *part)
{
	const struct manifest *manifest = scope->l->manifest;
	struct nearest nearest = {.word = part->name};

	diag_error(scope->l->diags, part->pos, "there is no variable \"%s\"", part->name);
	for (size_t i = 0; i < manifest->n_variables; i++)
		nearest_try(&nearest, manifest->variables[i].name);
	if (nearest.best)
		diag_hint(scope->l->diags, "did you mean ${var.%s}?", nearest.best);
	else
		diag_hint(scope->l->diags, "declare it under spec.variables");
	return LOOKUP_FAILED;
}

/* Which variable changed a value cannot be seen where the value stands, when it is set elsewhere. */
static void link_variable(struct scope *scope, const struct part *part, const struct value *value)
{
	struct sources *sources = &scope->l->manifest->sources;
	struct pos from = value_pos(value);

	if (!from.source || from.source == part->string.source || !part->string.line)
		return;
	if (variable_is_outside(sources_get(sources, from.source)))
		from.line = from.column = 0; /* it is no file */
	sources_link(sources, scope->l->arena, part->string, from);
}

static enum lookup look_up_variable(struct scope *scope, const struct part *part, struct value *out)
{
	const struct variable *variable = variable_find(scope->l, part->name);

	if (!variable)
		return no_variable(scope, part);
	if (variable->value)
		link_variable(scope, part, variable->value);
	if (variable->value)
		return follow(scope, part, variable->value, out);
	if (part->fallback)
		return fall_back(scope, part, out);
	if (part->message)
		return required(scope, part, "the variable");
	diag_error(scope->l->diags, part->pos, "the variable \"%s\" has no value", part->name);
	diag_hint(scope->l->diags,
		"set it with --var %s=... or DEVENV_VAR_%s, or give it a default", part->name,
		part->name);
	return LOOKUP_FAILED;
}

static enum lookup look_up_each(struct scope *scope, const struct part *part, struct value *out)
{
	if (!scope->key) {
		diag_error(scope->l->diags, part->pos, "${%s} stands outside of a forEach",
			part->text);
		diag_hint(scope->l->diags, "give the resource a forEach:, a list or a map");
		return LOOKUP_FAILED;
	}
	return follow(scope, part, strcmp(part->name, "key") == 0 ? scope->key : scope->value, out);
}

static const char *check_text(struct loading *l, const struct value *text)
{
	for (size_t at = 0; at < text->len;) {
		size_t n = utf8_len(text->text + at, text->len - at);

		if (!n)
			return arena_printf(l->arena, "it is not UTF-8 text (byte %zu)", at);
		at += n;
	}
	return NULL;
}

static size_t read_text(struct loading *l, const char *path, const char *layer)
{
	struct error err = ERROR_INIT;
	struct value text = value_borrow("");
	const char *why = NULL;
	uint16_t id;

	if (files_read(l, path, layer, &id, &err) < 0) {
		why = arena_strdup(l->arena, err.msg);
	} else {
		const struct source *source = sources_get(&l->manifest->sources, id);

		if (source->len > UINT32_MAX / 4)
			why = "it is too large";
		text.text = source->text;
		text.len = why ? 0 : (uint32_t)source->len;
		text.source = id;
		text.line = text.column = 1;
		if (!why)
			why = check_text(l, &text);
	}
	ARENA_GROW(l->arena, l->texts, l->n_texts, l->cap_texts);
	ARENA_GROW(l->arena, l->text_errors, l->n_texts, l->cap_text_errors);
	l->texts[l->n_texts] = text;
	l->text_errors[l->n_texts] = why;
	map_add(&l->text_index, path, (uint32_t)l->n_texts);
	return l->n_texts++;
}

const struct value *scope_file(struct loading *l, const char *path, const char *layer,
	const char **why)
{
	const char *absolute = files_path(l, l->manifest->root, path);
	size_t at = map_get(&l->text_index, absolute);

	if (at == MAP_NONE)
		at = read_text(l, absolute, layer);
	*why = l->text_errors[at];
	return *why ? NULL : &l->texts[at];
}

static enum lookup look_up_file(struct scope *scope, const struct part *part, struct value *out)
{
	const char *why;
	const struct value *text = scope_file(scope->l, part->name, "file", &why);

	if (text) {
		*out = *text;
		return LOOKUP_VALUE;
	}
	if (part->fallback)
		return fall_back(scope, part, out);
	diag_error(
		scope->l->diags, part->pos, "cannot take the text of \"%s\": %s", part->name, why);
	diag_hint(scope->l->diags, "paths start at the project root");
	return LOOKUP_FAILED;
}

static const struct value *find_secret(const struct loading *l, const char *name,
	struct nearest *nearest)
{
	const struct value *secrets = value_path(l->manifest->merged, "spec.secrets");

	for (uint32_t i = 0; secrets && secrets->kind == VALUE_LIST && i < secrets->len; i++) {
		const char *candidate = value_get_text(&secrets->items[i], "name", "");

		if (strcmp(candidate, name) == 0)
			return &secrets->items[i];
		nearest_try(nearest, candidate);
	}
	return NULL;
}

static enum lookup no_secret(struct scope *scope, const struct part *part,
	const struct value *secret, const struct nearest *nearest)
{
	struct nearest key = {.word = part->path};
	const struct value *data = value_get(secret, "data");

	if (!secret) {
		diag_error(scope->l->diags, part->pos, "there is no secret \"%s\"", part->name);
		if (nearest->best)
			diag_hint(scope->l->diags, "did you mean ${secret.%s.%s}?", nearest->best,
				part->path);
		else
			diag_hint(scope->l->diags, "declare it under spec.secrets");
		return LOOKUP_FAILED;
	}
	diag_error(scope->l->diags, part->pos, "the secret \"%s\" has no key \"%s\"", part->name,
		part->path);
	for (uint32_t i = 0; data && data->kind == VALUE_MAP && i < data->len; i++)
		nearest_try(&key, data->members[i].key);
	if (key.best)
		diag_hint(scope->l->diags, "did you mean ${secret.%s.%s}?", part->name, key.best);
	else
		diag_hint(scope->l->diags, "add it under the secret's data:");
	return LOOKUP_FAILED;
}

/* Secrets are expanded where they stand, so those that refer to each other could double without end. */
static const char *cannot_open(const struct loading *l, const struct value *secret)
{
	for (unsigned i = 0; i < l->n_open_secrets; i++)
		if (l->open_secrets[i] == secret)
			return "refers to itself";
	return l->n_open_secrets == ARRAY_SIZE(l->open_secrets) ||
			(l->n_open_secrets && l->n_inner_secrets >= MAX_INNER_SECRETS)
		? "is behind too many secrets that refer to secrets" : NULL;
}

/* One that is not known before it is made or read: a reference to the resource that does it. */
static bool is_resource(struct scope *scope, const struct part *part, const struct value *secret,
	struct value *out)
{
	const char *type = value_get_text(secret, "type", "variables"), *resource = NULL;

	if (value_get(secret, "data"))
		return false;
	if (strcmp(type, "generated") == 0)
		resource = "generated_secret";
	else if (strcmp(type, "existing") == 0 && !value_get(secret, "source"))
		resource = "kubernetes_secret";
	else if (secret && strcmp(type, "variables") != 0)
		resource = "external_secret";
	if (!resource || !*part->path)
		return false;
	*out = value_str(scope->l->arena, arena_printf(scope->l->arena, "${%s.%s.data.%s}", resource,
		part->name, part->path));
	out->flags |= VALUE_TEMPLATE | VALUE_SENSITIVE;
	return true;
}

static enum lookup look_up_secret(struct scope *scope, const struct part *part, struct value *out)
{
	struct nearest nearest = {.word = part->name};
	const struct value *secret = find_secret(scope->l, part->name, &nearest);
	const struct value *data = value_get(secret, "data");
	const struct value *found = data && *part->path ? value_path(data, part->path) : NULL;
	struct loading *l = scope->l;
	const char *why;
	int status;

	if (is_resource(scope, part, secret, out))
		return LOOKUP_VALUE;
	if (!found)
		return part->fallback ? fall_back(scope, part, out)
				      : no_secret(scope, part, secret, &nearest);
	why = cannot_open(l, found);
	if (why) {
		if (l->n_inner_secrets <= MAX_INNER_SECRETS) /* said once, not of each of the rest */
			diag_error(l->diags, part->pos, "the secret \"%s\" %s", part->name, why);
		l->n_inner_secrets += l->n_inner_secrets == MAX_INNER_SECRETS;
		return LOOKUP_FAILED;
	}
	l->n_inner_secrets = l->n_open_secrets ? l->n_inner_secrets + 1 : 0;
	l->open_secrets[l->n_open_secrets++] = found;
	status = scope_expand(scope, found, out);
	l->n_open_secrets--;
	out->flags |= VALUE_SENSITIVE;
	return status < 0 ? LOOKUP_FAILED : LOOKUP_VALUE;
}

static enum lookup too_early(struct scope *scope, const struct part *part)
{
	diag_error(scope->l->diags, part->pos, "${%s} cannot stand in %s", part->text, scope->what);
	if (scope->stage == SCOPE_DEFAULT)
		diag_hint(scope->l->diags,
			"only the environment, ${NAME}, and files, ${file:PATH}, can");
	else
		diag_hint(scope->l->diags,
			"it must be known before any resource exists: use variables, "
			"the environment or files");
	return LOOKUP_FAILED;
}

/* Lowering replaces what it knows; what it leaves names nothing. */
static enum lookup look_up_short(struct scope *scope, const struct part *part)
{
	if (!scope->l->lowered)
		return LOOKUP_KEEP;
	diag_error(scope->l->diags, part->pos, "${%s} refers to a %s that the manifest does not have",
		part->text, strcmp(part->name, "terraform") == 0 ? "Terraform module" : part->name);
	diag_hint(scope->l->diags, "a resource is ${TYPE.NAME.ATTRIBUTE}");
	return LOOKUP_FAILED;
}

static enum lookup look_up(void *arg, const struct part *part, struct value *out)
{
	struct scope *scope = arg;

	switch (part->kind) {
	case PART_ENV:
		return look_up_env(scope, part, out);
	case PART_FILE:
		return look_up_file(scope, part, out);
	case PART_VARIABLE:
		return scope->stage == SCOPE_DEFAULT ? too_early(scope, part)
						     : look_up_variable(scope, part, out);
	case PART_EACH:
		return scope->stage == SCOPE_DEFAULT ? too_early(scope, part)
						     : look_up_each(scope, part, out);
	case PART_SECRET:
		return scope->stage == SCOPE_LATE ? look_up_secret(scope, part, out)
						  : too_early(scope, part);
	case PART_RESOURCE:
		return scope->stage == SCOPE_LATE ? LOOKUP_KEEP : too_early(scope, part);
	case PART_SHORT:
		return scope->stage == SCOPE_LATE ? look_up_short(scope, part)
						  : too_early(scope, part);
	case PART_LITERAL:
		break;
	}
	return LOOKUP_FAILED;
}

int scope_expand(struct scope *scope, const struct value *value, struct value *out)
{
	return template_expand(value, scope->l->arena, look_up, scope, out, scope->l->diags);
}
