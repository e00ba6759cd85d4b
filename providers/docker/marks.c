/*
 * Whose is it? Answered from labels alone, which are set when a thing is made and cannot change.
 * An imported thing has none: there, the recorded id is the proof.
 */
#include "providers/docker/docker.h"

#include "base/texts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct value docker_labels(const struct docker *docker, const char *address, int generation,
	const struct value *own)
{
	const struct provider_env *env = docker->env;
	struct value_builder labels;

	builder_init(&labels, docker->arena);
	builder_put_str(&labels, DOCKER_LABEL_ENVIRONMENT, env->environment);
	builder_put_str(&labels, DOCKER_LABEL_ADDRESS, address);
	builder_put_str(&labels, DOCKER_LABEL_GENERATION,
		arena_printf(docker->arena, "%d", generation));
	if (env->intent)
		builder_put_str(&labels, DOCKER_LABEL_INTENT, env->intent);
	builder_put_str(&labels, DOCKER_LABEL_STATE, env->state_id);
	builder_put_str(&labels, DOCKER_LABEL_PROJECT, env->project);
	for (uint32_t i = 0; own && own->kind == VALUE_MAP && i < own->len; i++) {
		const struct member *member = &own->members[i];

		/* A label is text to the engine; validate() has refused any of ours. */
		if (strncmp(member->key, DOCKER_LABEL, strlen(DOCKER_LABEL)) != 0)
			builder_put_str(&labels, member->key, value_text(&member->value, ""));
	}
	return builder_map(&labels);
}

struct docker_mark docker_mark(const struct value *labels)
{
	return (struct docker_mark){
		.environment = value_get_text(labels, DOCKER_LABEL_ENVIRONMENT, NULL),
		.address = value_get_text(labels, DOCKER_LABEL_ADDRESS, NULL),
		.intent = value_get_text(labels, DOCKER_LABEL_INTENT, NULL),
		.state = value_get_text(labels, DOCKER_LABEL_STATE, NULL),
		.generation = atoi(value_get_text(labels, DOCKER_LABEL_GENERATION, "0")),
	};
}

bool docker_is_ours(const struct docker *docker, const struct docker_mark *mark)
{
	return mark->environment && mark->address && *mark->environment &&
	       !strcmp(mark->environment, docker->env->environment) && mark->state &&
	       !strcmp(mark->state, docker->env->state_id);
}

bool docker_is_intent(const struct docker *docker, const struct docker_mark *mark)
{
	return docker_is_ours(docker, mark) && mark->intent && docker->env->intent &&
	       !strcmp(mark->intent, docker->env->intent);
}

bool docker_is_request(const struct docker *docker, const struct request *request,
	const struct docker_mark *mark)
{
	const struct intent *dead = request->observed ? request->observed->intent : NULL;

	if (!docker_is_ours(docker, mark) || !mark->intent)
		return false;
	while (dead && strcmp(dead->id, mark->intent) != 0)
		dead = dead->older;
	return dead || docker_is_intent(docker, mark);
}

enum ownership docker_owner(const struct docker *docker, const struct value *labels,
	const char *address, const char **message)
{
	const char *project = value_get_text(labels, DOCKER_LABEL_PROJECT, "?");
	struct docker_mark mark = docker_mark(labels);

	if (!mark.environment)
		return OWNER_NONE;
	if (docker_is_ours(docker, &mark)) {
		if (!address || !strcmp(mark.address, address))
			return OWNER_US;
		*message = arena_printf(docker->arena, "%s of this environment", mark.address);
	} else if (!strcmp(mark.environment, docker->env->environment)) {
		*message = arena_printf(docker->arena,
			"%s of this environment as another home (state %s) knows it",
			mark.address ? mark.address : "something", mark.state ? mark.state : "unknown");
	} else {
		*message = arena_printf(docker->arena, "%s of environment %s (project %s)",
			mark.address ? mark.address : "something", mark.environment, project);
	}
	return OWNER_OTHER;
}

struct value docker_own_labels(const struct docker *docker, const struct value *labels,
	const struct value *like)
{
	struct value_builder own;

	builder_init(&own, docker->arena);
	for (uint32_t i = 0; labels && labels->kind == VALUE_MAP && i < labels->len; i++) {
		const struct member *member = &labels->members[i];

		if (strncmp(member->key, DOCKER_LABEL, strlen(DOCKER_LABEL)) != 0 &&
			(!like || value_get(like, member->key)))
			builder_put(&own, member->key, member->value);
	}
	return builder_map(&own);
}

int docker_guard(const struct docker *docker, const struct value *labels, const char *id,
	const struct record *record, const char *what, struct error *err)
{
	const char *message = NULL;
	enum ownership owner = docker_owner(docker, labels, NULL, &message);

	if (owner == OWNER_US)
		return 0;
	if (record && record->id && id && !strcmp(record->id, id) &&
		(owner == OWNER_NONE || texts_have(docker->env->taken, id)))
		return 0;
	if (owner == OWNER_OTHER)
		return error_set(err, ERROR_CONFLICT, "%s belongs to %s: left alone", what, message);
	return error_set(err, ERROR_CONFLICT,
		"%s has no mark of devenv and is not what was recorded: left alone", what);
}

/* --- names -------------------------------------------------------------------------------------- */

/*
 * Lower-case letters and digits with single '-', '_' or '.' between them: what networks, volumes,
 * containers, host names (nearly) and repositories of images all allow. False: it had to be changed.
 */
static bool add_word(struct strbuf *name, const char *text, size_t len)
{
	bool same = true;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		bool after_word = name->len && isalnum((unsigned char)name->text[name->len - 1]);

		if (isascii(c) && isalnum(c) && !isupper(c)) {
			strbuf_addch(name, (char)c);
		} else if ((c == '-' || c == '_') && after_word && i + 1 < len) {
			strbuf_addch(name, (char)c);
		} else {
			same = false;
			if (isascii(c) && isupper(c))
				strbuf_addch(name, (char)tolower(c));
			else if (after_word)
				strbuf_addch(name, '-');
		}
	}
	return same;
}

static void trim(struct strbuf *name)
{
	size_t len = name->len;

	while (len && !isalnum((unsigned char)name->text[len - 1]))
		len--;
	strbuf_setlen(name, len);
}

/* type.name or type.name["key"] -> name and key. */
static const char *split_address(const char *address, size_t *name_len, size_t *key_len)
{
	const char *name = strchr(address, '.'), *key;

	name = name ? name + 1 : address;
	key = strstr(name, "[\"");
	*name_len = key ? (size_t)(key - name) : strlen(name);
	*key_len = key && strlen(key) >= 4 ? strlen(key) - 4 : 0;
	return name;
}

const char *docker_default_name(const struct docker *docker, const char *address, int generation)
{
	enum { LONGEST = 100 };
	cleanup_strbuf struct strbuf name = STRBUF_INIT;
	size_t name_len, key_len;
	const char *text = split_address(address, &name_len, &key_len);
	char hex[HASH_HEX];
	struct hash hash;
	bool same;

	add_word(&name, docker->env->project, strlen(docker->env->project));
	trim(&name);
	if (name.len)
		strbuf_addch(&name, '-');
	same = add_word(&name, text, name_len);
	if (key_len) {
		trim(&name);
		strbuf_addch(&name, '.'); /* no name has one: "web" ["1"] and "web-1" stay two */
		same = add_word(&name, text + name_len + 2, key_len) && same;
	}
	if (name.len > LONGEST) {
		strbuf_setlen(&name, LONGEST);
		same = false;
	}
	trim(&name);
	if (!same) { /* what was lost could have told it from another */
		hash_bytes(address, strlen(address), &hash);
		hash_hex(&hash, hex);
		strbuf_addf(&name, "-%.6s", hex);
	}
	if (*docker->env->short_id)
		strbuf_addf(&name, "-%s", docker->env->short_id);
	if (generation > 1)
		strbuf_addf(&name, "-%d", generation);
	return arena_strndup(docker->arena, name.text, name.len);
}
