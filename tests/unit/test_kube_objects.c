/* Objects: parsing, order, pointers, secrets, inventory, ownership of fields, digests of folders. */
#include "base/fs.h"
#include "model/json.h"
#include "model/parsed.h"
#include "providers/kubernetes/inputs.h"
#include "providers/kubernetes/kubernetes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static struct arena arena;

static struct value json(const char *text)
{
	struct error err = ERROR_INIT;
	struct value value;

	if (json_parse(text, strlen(text), &arena, NULL, &value, &err))
		fail_msg("%s in %s", err.msg, text);
	return value;
}

static const char *text_of(const struct value *value)
{
	struct strbuf text = STRBUF_INIT;
	const char *copy;

	json_write(&text, value, JSON_MASK, NULL);
	copy = arena_strdup(&arena, text.text);
	strbuf_release(&text);
	return copy;
}

static struct kube_objects read_text(const char *text, struct error *err)
{
	struct kube_objects objects = {0};

	kube_objects_read(&arena, NULL, "f.yml", text, strlen(text), &objects, err);
	return objects;
}

#define MAP(name) "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " name "}\n"

static void test_documents_are_told_apart(void **state)
{
	struct error err = ERROR_INIT;
	struct kube_objects objects = read_text("# top\n---\n---\n" MAP("a") "data:\n  t: |\n    ---\n"
		"---\n# nothing\n---   \n" MAP("b") "...\n---\n" MAP("c"), &err);

	(void)state;
	assert_string_equal(err.msg, "");
	assert_int_equal(objects.n, 3);
	assert_string_equal(objects.items[0].name, "a");
	assert_string_equal(value_text(value_path(objects.items[0].value, "data.t"), ""), "---\n");
	assert_string_equal(objects.items[0].where, "f.yml:4");
	assert_string_equal(objects.items[1].where, "f.yml:13");
	assert_string_equal(objects.items[2].name, "c");
}

static size_t parsed_again(struct parsed *parsed, const char *text, size_t objects)
{
	size_t before = parsed->n_parsed;
	struct kube_objects found = {0};
	struct error err = ERROR_INIT;

	parsed_begin(parsed);
	assert_int_equal(kube_objects_read(&arena, parsed, "f.yml", text, strlen(text), &found, &err), 0);
	assert_int_equal(found.n, objects);
	assert_string_equal(value_text(value_path(found.items[objects - 1].value, "data.t"), ""), "last");
	return parsed->n_parsed - before;
}

static void test_a_loop_parses_again_only_what_changed(void **state)
{
	static const char *const last = "---\n" MAP("b") "data: {t: last}\n";
	const char *first = arena_printf(&arena, MAP("a") "%s", last);
	const char *other = arena_printf(&arena, MAP("c") "%s", last);
	struct parsed parsed = {0};

	(void)state;
	assert_int_equal(parsed_again(&parsed, first, 2), 2);
	assert_int_equal(parsed_again(&parsed, first, 2), 0);
	assert_int_equal(parsed_again(&parsed, other, 2), 1);
	assert_int_equal(parsed_again(&parsed, other, 2), 0);
	parsed_release(&parsed);
}

static void test_a_list_is_its_items(void **state)
{
	struct error err = ERROR_INIT;
	struct kube_objects objects = read_text("kind: List\napiVersion: v1\nitems:\n- {apiVersion: v1, "
		"kind: ConfigMap, metadata: {name: a}}\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n",
		&err);

	(void)state;
	assert_int_equal(objects.n, 2);
	assert_string_equal(objects.items[1].kind, "Secret");
	assert_true(objects.items[1].sensitive);
	assert_false(objects.items[0].sensitive);
}

static void test_mistakes_name_the_place(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{MAP("a") "---\na: b: c\n", "f.yml:5: "},
		{"\n\nkind: ConfigMap\nmetadata: {name: a}\n", "f.yml:3: an object needs apiVersion"},
		{"apiVersion: v1\nmetadata: {name: a}\n", "f.yml:1: an object needs kind"},
		{"apiVersion: v1\nkind: Pod\nmetadata: {generateName: a}\n", "metadata.name (generateName"},
		{"- 1\n", "an object is a map, this is a list"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct error err = ERROR_INIT;

		read_text(rows[i].text, &err);
		assert_int_equal(err.code, ERROR_INVALID);
		if (!strstr(err.msg, rows[i].message))
			fail_msg("'%s' lacks '%s'", err.msg, rows[i].message);
	}
}

static void test_order(void **state)
{
	static const char *const given[][2] = {
		{"admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"},
		{"example.dev/v1", "Wish"}, {"networking.k8s.io/v1", "Ingress"}, {"apps/v1", "Deployment"},
		{"v1", "Service"}, {"example.dev/v1", "Service"}, {"v1", "ConfigMap"},
		{"apiextensions.k8s.io/v1", "CustomResourceDefinition"}, {"v1", "Namespace"},
		{"v1", "Secret"},
	};
	static const char *const wanted[] = {"Namespace", "CustomResourceDefinition", "Secret",
		"ConfigMap", "Service", "Deployment", "Ingress", "Wish", "Service",
		"ValidatingWebhookConfiguration"};
	struct kube_objects objects = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(given); i++) {
		ARENA_GROW(&arena, objects.items, objects.n, objects.cap);
		objects.items[objects.n++] =
			(struct kube_object){.api_version = given[i][0], .kind = given[i][1]};
	}
	kube_objects_sort(&objects);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		assert_string_equal(objects.items[i].kind, wanted[i]);
}

static void test_pointers(void **state)
{
	static const struct {
		const char *pointer, *wanted;
	} rows[] = {
		{"/spec/replicas", "{\"a/b\":{\"~\":1,\"c\":2},\"l\":[1,{\"x\":1,\"y\":2}],\"spec\":{\"k\":1}}"},
		{"/a~1b/~0", "{\"a/b\":{\"c\":2},\"l\":[1,{\"x\":1,\"y\":2}],\"spec\":{\"k\":1,\"replicas\":2}}"},
		{"/l/1/x", "{\"a/b\":{\"c\":2,\"~\":1},\"l\":[1,{\"y\":2}],\"spec\":{\"k\":1,\"replicas\":2}}"},
		{"/l/0", "{\"a/b\":{\"c\":2,\"~\":1},\"l\":[{\"x\":1,\"y\":2}],\"spec\":{\"k\":1,\"replicas\":2}}"},
		{"/nothing/here", "{\"a/b\":{\"c\":2,\"~\":1},\"l\":[1,{\"x\":1,\"y\":2}],\"spec\":{\"k\":1,\"replicas\":2}}"},
		{"manifest.spec", "{\"a/b\":{\"c\":2,\"~\":1},\"l\":[1,{\"x\":1,\"y\":2}],\"spec\":{\"k\":1,\"replicas\":2}}"},
	};
	struct value object = json("{\"spec\":{\"replicas\":2,\"k\":1},\"a/b\":{\"~\":1,\"c\":2},"
		"\"l\":[1,{\"x\":1,\"y\":2}]}");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct value wanted = json(rows[i].wanted);
		struct value less = kube_without(&arena, &object, rows[i].pointer);

		if (!value_equal(&less, &wanted))
			fail_msg("%s: %s", rows[i].pointer, text_of(&less));
	}
}

static void test_the_values_of_a_secret_are_sensitive(void **state)
{
	struct value secret = json("{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\"},"
		"\"type\":\"Opaque\",\"stringData\":{\"p\":\"word\"},\"data\":{\"q\":\"eA==\",\"p\":\"old\"}}");
	struct value other = json("{\"apiVersion\":\"example.dev/v1\",\"kind\":\"Secret\",\"data\":{\"q\":\"x\"}}");
	struct value concealed = kube_conceal(&arena, &secret), plain;

	(void)state;
	assert_null(strstr(text_of(&concealed), "word"));
	assert_null(strstr(text_of(&concealed), "eA=="));
	assert_non_null(strstr(text_of(&concealed), "Opaque"));
	plain = kube_plain_secret(&arena, &concealed);
	assert_null(value_get(&plain, "stringData"));
	assert_string_equal(value_text(value_path(&plain, "data.p"), ""), "d29yZA==");
	assert_string_equal(value_text(value_path(&plain, "data.q"), ""), "eA==");
	assert_null(strstr(text_of(&plain), "d29yZA=="));
	concealed = kube_conceal(&arena, &other);
	assert_non_null(strstr(text_of(&concealed), "\"x\""));
}

static void test_a_secret_inside_a_list_is_one_too(void **state)
{
	struct value inputs = json("{\"namespace\":\"n\",\"manifest\":[{\"kind\":\"List\",\"items\":["
		"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"a\":\"shown\"}},"
		"{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"data\":{\"a\":\"hidden\"}}]}]}");

	(void)state;
	kube_conceal_inputs(NULL, &inputs, &arena);
	assert_null(strstr(text_of(&inputs), "hidden"));
	assert_non_null(strstr(text_of(&inputs), "shown"));
	assert_true(inputs.flags & VALUE_HAS_SENSITIVE);
}

static void test_an_inventory_comes_back(void **state)
{
	struct kube_object items[] = {
		{.api_version = "apps/v1", .kind = "Deployment", .namespace = "n", .namespaced = true,
			.name = "web", .plural = "deployments", .uid = "U1", .digest = "D1"},
		{.api_version = "v1", .kind = "Secret", .namespace = "n", .namespaced = true, .name = "s",
			.plural = "secrets", .uid = "U2", .digest = "D2", .sensitive = true},
		{.api_version = "v1", .kind = "Namespace", .name = "n", .plural = "namespaces", .uid = "U3"},
		{.api_version = "v1", .kind = "ConfigMap", .name = "never made", .plural = "configmaps"},
	};
	struct kube_objects written = {.items = items, .n = 4}, read = {0};
	struct value list = kube_inventory_write(&arena, &written);
	struct value_builder map;
	struct value outputs;

	(void)state;
	builder_init(&map, &arena);
	builder_put(&map, "objects", list);
	outputs = builder_map(&map);
	assert_null(strstr(text_of(&outputs), "D2"));
	kube_inventory_read(&arena, &outputs, &read);
	kube_inventory_read(&arena, &outputs, &read); /* a second list of the same adds nothing */
	assert_int_equal(read.n, 3);
	assert_string_equal(read.items[0].ref, "Deployment.apps/n/web");
	assert_string_equal(read.items[0].digest, "D1");
	assert_string_equal(read.items[1].ref, "Secret/n/s");
	assert_true(read.items[1].sensitive);
	assert_string_equal(read.items[2].ref, "Namespace/n");
	assert_false(read.items[2].namespaced);
	assert_string_equal(read.items[2].uid, "U3");
}

static const char *state_of(const char *uid, const char *entries)
{
	struct value object = json(arena_printf(&arena,
		"{\"metadata\":{\"uid\":\"%s\",\"managedFields\":[%s]}}", uid, entries));

	return kube_state(&arena, &object);
}

static void test_the_state_is_what_we_own(void **state)
{
	const char *a = state_of("U", "{\"manager\":\"devenv\",\"operation\":\"Apply\",\"time\":\"1\","
		"\"fieldsV1\":{\"f:data\":{\"f:a\":{}},\"f:spec\":{\"f:x\":{}}}}");
	const char *later = state_of("U", "{\"manager\":\"x\",\"operation\":\"Update\",\"fieldsV1\":{}},"
		"{\"manager\":\"devenv\",\"operation\":\"Apply\",\"time\":\"2\","
		"\"fieldsV1\":{\"f:spec\":{\"f:x\":{}},\"f:data\":{\"f:a\":{}}}}");
	const char *other_uid = state_of("V", "{\"manager\":\"devenv\",\"operation\":\"Apply\","
		"\"fieldsV1\":{\"f:data\":{\"f:a\":{}},\"f:spec\":{\"f:x\":{}}}}");
	const char *less = state_of("U", "{\"manager\":\"devenv\",\"operation\":\"Apply\","
		"\"fieldsV1\":{\"f:data\":{},\"f:spec\":{\"f:x\":{}}}}");
	const char *replicas = state_of("U", "{\"manager\":\"devenv\",\"operation\":\"Apply\","
		"\"fieldsV1\":{\"f:data\":{\"f:a\":{}},\"f:spec\":{\"f:x\":{},\"f:replicas\":{}}}}");

	(void)state;
	assert_string_equal(a, later);
	assert_string_not_equal(a, other_uid);
	assert_string_not_equal(a, less);
	assert_string_equal(replicas, arena_printf(&arena, "%s%s", a, KUBE_OWNS_REPLICAS));
	assert_non_null(strstr(state_of("U", "{\"manager\":\"devenv\",\"operation\":\"Update\","
		"\"fieldsV1\":{}}"), "not ours"));
	assert_non_null(strstr(state_of("U", "{\"manager\":\"devenv\",\"operation\":\"Apply\","
		"\"subresource\":\"status\",\"fieldsV1\":{}}"), "not ours"));
}

static void test_differences_in_words(void **state)
{
	struct value live = json("{\"metadata\":{\"resourceVersion\":\"1\",\"annotations\":{"
		"\"dev.devenv/intent\":\"a\"}},\"spec\":{\"replicas\":5,\"list\":[{\"a\":1}]},\"status\":{\"x\":1}}");
	struct value wanted = json("{\"metadata\":{\"resourceVersion\":\"2\",\"annotations\":{"
		"\"dev.devenv/intent\":\"b\"}},\"spec\":{\"replicas\":2,\"list\":[{\"a\":2}],\"new\":true}}");

	(void)state;
	assert_string_equal(kube_differences(&arena, &live, &wanted, false),
		"spec.replicas: 5, wanted 2; spec.list[0].a: 1, wanted 2; spec.new: (none), wanted true");
	assert_string_equal(kube_differences(&arena, &live, &wanted, true),
		"spec.replicas: another value; spec.list[0].a: another value; spec.new: another value");
	assert_null(kube_differences(&arena, &live, &live, false));
}

static void test_conflicts_name_who_holds_what(void **state)
{
	struct value status = json("{\"details\":{\"causes\":[{\"reason\":\"FieldManagerConflict\","
		"\"message\":\"conflict with \\\"kubectl-edit\\\" using apps/v1\",\"field\":\".spec.replicas\"},"
		"{\"reason\":\"Other\",\"field\":\".x\"}]}}");
	struct value none = json("{\"details\":{}}");

	(void)state;
	assert_string_equal(kube_conflicts(&arena, &status), ".spec.replicas is set by kubectl-edit");
	assert_null(kube_conflicts(&arena, &none));
}

/* --- digests ------------------------------------------------------------------------------------ */

static void put(const char *root, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static struct hash digest(const char *root, const char *inputs, struct parsed *parsed)
{
	struct value value = json(inputs);
	struct error err = ERROR_INIT;
	struct hash hash;

	if (kube_digest(NULL, &value, root, parsed, &hash, &err))
		fail_msg("%s", err.msg);
	return hash;
}

static void test_a_kustomization_is_all_that_it_names(void **state)
{
	static const char inputs[] = "{\"kustomize\":\"over\"}";
	char root[] = "/tmp/test_kube.XXXXXX", path[64];
	struct error err = ERROR_INIT;
	struct parsed parsed = {.files = NULL};
	struct hash first, then;
	struct value wrong;

	(void)state;
	assert_non_null(mkdtemp(root));
	for (const char *const *name = (const char *const[]){"over", "base", "other", NULL}; *name; name++) {
		snprintf(path, sizeof(path), "%s/%s", root, *name);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	put(root, "over/kustomization.yaml", "resources: [../base]\nconfigMapGenerator:\n- {name: g, "
		"files: [key=gen.txt]}\n");
	put(root, "over/gen.txt", "1");
	put(root, "base/kustomization.yml", "resources: [map.yml, ../over]\n"); /* a circle ends */
	put(root, "base/map.yml", "1");
	put(root, "other/unused.yml", "1");
	first = digest(root, inputs, &parsed);
	put(root, "other/unused.yml", "2");
	then = digest(root, inputs, &parsed);
	assert_true(hash_equal(&first, &then));
	put(root, "base/map.yml", "2");
	then = digest(root, inputs, &parsed);
	assert_false(hash_equal(&first, &then));
	first = then;
	put(root, "over/gen.txt", "2");
	then = digest(root, inputs, &parsed);
	assert_false(hash_equal(&first, &then));
	wrong = json("{\"kustomize\":\"other\"}");
	assert_int_equal(kube_digest(NULL, &wrong, root, NULL, &then, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_non_null(strstr(err.msg, "no kustomization"));
	assert_int_equal(parsed.n_parsed, 2); /* of each digest the same two kustomizations */
	parsed_release(&parsed);
	assert_int_equal(fs_remove_tree(root, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documents_are_told_apart),
		cmocka_unit_test(test_a_loop_parses_again_only_what_changed),
		cmocka_unit_test(test_a_list_is_its_items),
		cmocka_unit_test(test_mistakes_name_the_place),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_pointers),
		cmocka_unit_test(test_the_values_of_a_secret_are_sensitive),
		cmocka_unit_test(test_a_secret_inside_a_list_is_one_too),
		cmocka_unit_test(test_an_inventory_comes_back),
		cmocka_unit_test(test_the_state_is_what_we_own),
		cmocka_unit_test(test_differences_in_words),
		cmocka_unit_test(test_conflicts_name_who_holds_what),
		cmocka_unit_test(test_a_kustomization_is_all_that_it_names),
	};
	int failed;

	hash_start();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_release(&arena);
	return failed;
}
