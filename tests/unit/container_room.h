/* What the tests of a container's keys share: JSON in and out, without an engine. */
#ifndef DEVENV_TESTS_CONTAINER_ROOM_H
#define DEVENV_TESTS_CONTAINER_ROOM_H

#include "model/json.h"
#include "providers/docker/container/type.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define ROOM_ROOT "/srv/project"

static struct arena arena;

static inline int room_release(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static inline struct value parse(const char *text)
{
	struct error err = ERROR_INIT;
	struct value value;

	if (json_parse(text, strlen(text), &arena, NULL, &value, &err) < 0)
		fail_msg("%s in %s", err.msg, text);
	return value;
}

static inline const char *text_of(const struct value *value)
{
	struct strbuf out = STRBUF_INIT;
	const char *copy;

	json_write(&out, value, JSON_CLEAR, NULL);
	copy = arena_strdup(&arena, out.text);
	strbuf_release(&out);
	return copy;
}

static inline struct container_context room_context(struct diags *diags)
{
	diags_init(diags, &arena);
	return (struct container_context){.arena = &arena, .project_root = ROOM_ROOT, .diags = diags};
}

static inline struct value normal_of(const char *inputs)
{
	struct diags diags;
	struct container_context context = room_context(&diags);
	struct value in = parse(inputs), out;

	if (container_normalise(&context, &in, &out) < 0)
		fail_msg("%s: %s", inputs, diags.items[0].message);
	return out;
}

/* "message (hint)" of the first mistake; "" for none. */
static inline const char *mistake_in(const char *inputs)
{
	struct diags diags;
	struct container_context context = room_context(&diags);
	struct value in = parse(inputs), out;

	if (container_normalise(&context, &in, &out) == 0)
		container_check(&context, &out, &in);
	if (!diags.errors)
		return "";
	return diags.items[0].hint ? arena_printf(&arena, "%s (%s)", diags.items[0].message,
		diags.items[0].hint) : diags.items[0].message;
}

static inline struct value body_of(const struct value *normal)
{
	return container_create_body(&arena, ROOM_ROOT, normal, &value_empty_map);
}

/* What an engine shows of a container made from this body: what it was told, in the three places. */
static inline struct value inspect_of(const struct value *body)
{
	const struct value *host = value_get(body, "HostConfig");
	const struct value *networking = value_get(body, "NetworkingConfig");
	struct value_builder config, inspect, settings;

	builder_init(&config, &arena);
	builder_init(&inspect, &arena);
	builder_init(&settings, &arena);
	for (size_t i = 0; i < body->len; i++)
		if (strcmp(body->members[i].key, "HostConfig") != 0 &&
			strcmp(body->members[i].key, "NetworkingConfig") != 0)
			builder_put(&config, body->members[i].key, body->members[i].value);
	builder_put_str(&inspect, "Id", "0123456789abcdef");
	builder_put(&inspect, "Config", builder_map(&config));
	if (host)
		builder_put(&inspect, "HostConfig", *host);
	if (networking)
		builder_put(&settings, "Networks", *value_get(networking, "EndpointsConfig"));
	builder_put(&inspect, "NetworkSettings", builder_map(&settings));
	return builder_map(&inspect);
}

static inline struct value attributes_of(const struct value *inspect, const struct value *asked)
{
	struct container_view view = {
		.arena = &arena,
		.project_root = ROOM_ROOT,
		.inspect = inspect,
		.config = value_get(inspect, "Config") ? value_get(inspect, "Config") : &value_empty_map,
		.host = value_get(inspect, "HostConfig") ? value_get(inspect, "HostConfig")
							 : &value_empty_map,
	};

	return container_attributes(&view, asked);
}

#endif
