/* What the provider says about a manifest before anything is asked: mistakes, claims, digests. */
#include "base/diag.h"
#include "model/json.h"
#include "provider/provider.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

extern const struct provider provider_docker;

static struct value parse(struct arena *arena, const char *text)
{
	struct error err = ERROR_INIT;
	struct value value;

	if (json_parse(text, strlen(text), arena, NULL, &value, &err))
		fail_msg("%s in %s", err.msg, text);
	return value;
}

static void mistakes_that_no_schema_can_say_are_reported(void **state)
{
	static const struct {
		const char *type, *inputs, *message; /* NULL: none */
	} cases[] = {
		{"docker_network", "{}", NULL},
		{"docker_network", "{\"networkName\":\"back\",\"labels\":{\"team\":\"x\"}}", NULL},
		{"docker_network", "{\"networkName\":\"host\"}", "the engine has a network 'host' of its own"},
		{"docker_network", "{\"labels\":{\"dev.devenv.state\":\"x\"}}",
			"label 'dev.devenv.state' is one of ours"},
		{"docker_volume", "{\"labels\":{\"dev.devenv.anything\":\"x\"}}",
			"label 'dev.devenv.anything' is one of ours"},
		{"docker_image", "{\"image\":\"nginx:1\",\"pull\":\"always\",\"platform\":\"linux/arm64\"}",
			NULL},
		{"docker_image", "{\"image\":\"a b\"}", "'a b' is no reference to an image"},
		{"docker_image", "{\"build\":{\"context\":\".\"},\"tags\":[\"ok\",\"not ok\"]}",
			"'not ok' is no reference to an image"},
		{"docker_image", "{\"build\":{\"context\":\".\",\"labels\":{\"dev.devenv.content\":\"x\"}}}",
			"label 'dev.devenv.content' is one of ours"},
		{"docker_image", "{\"build\":{\"context\":\".\"},\"pull\":\"always\"}",
			"pull is for `image` only"},
		{"docker_image", "{\"load\":\"x.tar\",\"platform\":\"linux/arm64\"}",
			"an archive has its platform"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct arena arena = ARENA_INIT;
		struct value attributes = parse(&arena, cases[i].inputs);
		struct resource resource = {.address = "x.y", .type = type_find(cases[i].type),
			.attributes = &attributes};
		struct diags diags;

		diags_init(&diags, &arena);
		provider_docker.validate(&resource, &diags);
		assert_int_equal(diags.errors, cases[i].message ? 1 : 0);
		if (cases[i].message && !strstr(diags.items[0].message, cases[i].message))
			fail_msg("case %zu: %s", i, diags.items[0].message);
		arena_release(&arena);
	}
}

static void claim(void *arg, const char *what)
{
	strcat(strcat(arg, what), ";");
}

static void an_image_claims_its_names(void **state)
{
	struct arena arena = ARENA_INIT;
	struct value inputs = parse(&arena, "{\"build\":{\"context\":\".\"},\"tags\":[\"app\","
		"\"docker.io/library/app:2\",\"reg.example/app\"]}");
	char claims[256] = "";

	(void)state;
	provider_docker.claims(type_find("docker_image"), &inputs, "/", claim, claims);
	assert_string_equal(claims, "the image name app:latest;the image name app:2;"
		"the image name reg.example/app:latest;");
	inputs = parse(&arena, "{\"image\":\"nginx\"}");
	claims[0] = '\0';
	provider_docker.claims(type_find("docker_image"), &inputs, "/", claim, claims);
	assert_string_equal(claims, "");
	arena_release(&arena);
}

static void only_a_build_has_a_digest_of_its_own(void **state)
{
	static const struct hash none;
	struct arena arena = ARENA_INIT;
	struct value inputs = parse(&arena, "{\"image\":\"nginx\"}");
	struct error err = ERROR_INIT;
	struct hash hash;

	(void)state;
	assert_int_equal(provider_docker.digest(type_find("docker_image"), &inputs, "/", NULL, &hash, &err),
		0);
	assert_true(hash_equal(&hash, &none));
	assert_int_equal(provider_docker.digest(type_find("docker_network"), &value_empty_map, "/", NULL,
		&hash, &err), 0);
	assert_true(hash_equal(&hash, &none));
	/* A context that another resource has yet to make: the engine asks by this code. */
	inputs = parse(&arena, "{\"build\":{\"context\":\"not-there\"}}");
	assert_int_equal(provider_docker.digest(type_find("docker_image"), &inputs, "/nowhere", NULL, &hash,
		&err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_non_null(strstr(err.msg, "/nowhere/not-there"));
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mistakes_that_no_schema_can_say_are_reported),
		cmocka_unit_test(an_image_claims_its_names),
		cmocka_unit_test(only_a_build_has_a_digest_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
