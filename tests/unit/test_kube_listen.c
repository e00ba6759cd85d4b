/* Watches for hints: what is one, what is none, and what becomes of a watch that ends or is refused. */
#include "kube_room.h"

#define WATCH "GET /api/v1/namespaces/inner/configmaps?watch=1&timeoutSeconds="
#define LIST "GET /api/v1/namespaces/inner/configmaps?labelSelector="
#define LISTED(objects) "{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[" objects "]}"
#define FIELDS(manager, of) \
	"\"managedFields\":[{\"manager\":\"" manager "\",\"operation\":\"Apply\",\"fieldsType\":\"FieldsV1\"," \
	"\"fieldsV1\":{\"f:data\":{\"f:" of "\":{}}}}]"
#define MAP(name, uid, fields, more) \
	"{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"" name "\",\"namespace\":\"inner\"," \
	"\"uid\":\"" uid "\"," fields "}" more "}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define SAME MAP("a", "U", FIELDS("devenv", "x"), "")
#define TAKEN MAP("a", "U", FIELDS("kubectl", "x"), "")

struct heard {
	pthread_mutex_t mutex;
	char text[256];
	atomic_bool cancel;
	size_t n, enough; /* then it is cancelled */
};

static void moved(void *arg, const char *address, int64_t at)
{
	struct heard *heard = arg;

	assert_true(at > 0);
	pthread_mutex_lock(&heard->mutex);
	strcat(strcat(heard->text, address ? address : "?"), " ");
	if (++heard->n == heard->enough)
		atomic_store(&heard->cancel, true);
	pthread_mutex_unlock(&heard->mutex);
}

/* What is heard until there is `enough`; at the latest after some seconds. */
static int hear(struct room *room, struct route *routes, bool again, size_t enough, char *text)
{
	struct value object = json(room, SAME);
	struct heard heard = {.mutex = PTHREAD_MUTEX_INITIALIZER, .enough = enough};
	struct record record = {.address = "kubernetes_manifest.a", .type = "kubernetes_manifest",
		.generation = 1, .endpoint = "CLUSTER", .arena = &room->arena,
		.inputs_json = "{\"cluster\":{\"kubeconfig\":\"config\"}}",
		.outputs_json = "{\"objects\":[{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\","
			"\"namespace\":\"inner\",\"name\":\"a\",\"resource\":\"configmaps\",\"uid\":\"U\"}]}",
		.observed_json = arena_printf(&room->arena, "{\"ConfigMap/inner/a\":\"%s\"}",
			kube_state(&room->arena, &object))};
	struct record *const records[] = {&record};
	struct listener listener = {.again = again, .moved = moved, .arg = &heard};
	struct error err = ERROR_INIT;
	int status;

	room->routes = routes;
	room->env.deadline = 0;
	room->env.cancel = &heard.cancel;
	status = provider_kubernetes.listen(&room->env, records, 1, &listener, &err);
	strcpy(text, heard.text);
	return status;
}

static void test_only_what_is_ours_and_other_is_a_hint(void **state)
{
	struct route routes[] = {{WATCH, 200,
		EVENT("ADDED", SAME) /* as it is left by us */
		EVENT("MODIFIED", MAP("a", "U", FIELDS("devenv", "x"), ",\"status\":{\"n\":1}"))
		EVENT("BOOKMARK", "{\"kind\":\"ConfigMap\"}")
		EVENT("ADDED", MAP("other", "V", FIELDS("devenv", "x"), "")) /* nobody's record */
		EVENT("DELETED", MAP("other", "V", FIELDS("devenv", "x"), ""))
		EVENT("MODIFIED", TAKEN)
		EVENT("MODIFIED", TAKEN) /* was told */
		EVENT("DELETED", TAKEN), 0, NULL}, {NULL}};
	char text[256];

	assert_int_equal(hear(*state, routes, false, 3, text), 0);
	assert_string_equal(text, "kubernetes_manifest.a kubernetes_manifest.a ? "); /* it ended */
}

static void test_another_object_of_that_name_is_a_hint(void **state)
{
	struct route routes[] = {{WATCH, 200,
		EVENT("ADDED", MAP("a", "W", FIELDS("devenv", "x"), "")), 0, NULL}, {NULL}};
	char text[256];

	assert_int_equal(hear(*state, routes, false, 1, text), 0);
	assert_string_equal(text, "kubernetes_manifest.a ");
}

/* What happened while nobody listened is not known: one hint for all of it. */
static void test_a_watch_that_ended_is_begun_again(void **state)
{
	struct route routes[] = {{WATCH, 200, EVENT("ADDED", SAME), 1, NULL}, {WATCH, 500, "{}", 1, NULL},
		{WATCH, 200, EVENT("MODIFIED", TAKEN), 0, NULL}, {NULL}};
	char text[256];

	assert_int_equal(hear(*state, routes, false, 3, text), 0);
	assert_string_equal(text, "? ? kubernetes_manifest.a ");
}

static void test_one_that_is_begun_later_tells_so(void **state)
{
	struct route routes[] = {{WATCH, 200, EVENT("ADDED", SAME), 0, NULL}, {NULL}};
	char text[256];

	assert_int_equal(hear(*state, routes, true, 1, text), 0);
	assert_string_equal(text, "? ");
}

/* Between the look of the loop and the watch. */
static void test_what_went_before_the_watch_is_a_hint(void **state)
{
	struct route routes[] = {{LIST, 200, LISTED(""), 0, NULL},
		{WATCH, 200, EVENT("BOOKMARK", "{\"kind\":\"ConfigMap\"}"), 0, NULL}, {NULL}};
	char text[256];

	assert_int_equal(hear(*state, routes, false, 2, text), 0);
	assert_string_equal(text, "kubernetes_manifest.a kubernetes_manifest.a "); /* the watch ended, it is gone yet */
	assert_true(saw(*state, "&resourceVersion=7 "));
}

static void test_what_is_listed_as_it_was_left_is_none(void **state)
{
	struct route routes[] = {{LIST, 200, LISTED(SAME), 1, NULL}, {LIST, 200, LISTED(TAKEN), 0, NULL},
		{WATCH, 200, EVENT("BOOKMARK", "{\"kind\":\"ConfigMap\"}"), 0, NULL}, {NULL}};
	char text[256];

	assert_int_equal(hear(*state, routes, true, 1, text), 0);
	assert_string_equal(text, "kubernetes_manifest.a "); /* of what was deleted meanwhile nothing need be guessed */
}

static void test_what_may_not_be_watched_is_left(void **state)
{
	struct route routes[] = {{WATCH, 403, "{}", 0, NULL}, {NULL}};
	char text[256];

	assert_int_equal(hear(*state, routes, false, 1, text), 0); /* it comes back by itself */
	assert_string_equal(text, "");
}

static void test_another_cluster_is_none_of_ours(void **state)
{
	struct route routes[] = {{"GET /api/v1/namespaces/kube-system ", 200,
		"{\"metadata\":{\"uid\":\"OTHER\"}}", 0, NULL}, {NULL}};
	char text[256];

	assert_int_equal(hear(*state, routes, false, 1, text), -1);
	assert_false(saw(*state, WATCH));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_only_what_is_ours_and_other_is_a_hint, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_object_of_that_name_is_a_hint, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_watch_that_ended_is_begun_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_that_is_begun_later_tells_so, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_went_before_the_watch_is_a_hint, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_listed_as_it_was_left_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_may_not_be_watched_is_left, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_cluster_is_none_of_ours, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
