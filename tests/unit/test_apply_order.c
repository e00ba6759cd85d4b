/*
 * What takes what with it: replacing in chains, holding and failing in them, deciding again in the
 * middle of a run.
 */
#include "apply_world.h"

#define NETWORK(driver) "    - {type: docker_network, name: n, driver: \"" driver "\"}\n"
/* c1 is in the network, c2 in the network of c1, c3 in that of c2. */
#define CHAIN \
	"    - {type: docker_container, name: c1, image: i, networks: [{name: \"${docker_network.n.name}\"}]}\n" \
	"    - {type: docker_container, name: c2, image: i, networkMode: \"container:${docker_container.c1.name}\"}\n" \
	"    - {type: docker_container, name: c3, image: i, networkMode: \"container:${docker_container.c2.name}\"}\n"
#define NET "docker_network.n"
#define C1 "docker_container.c1"
#define C2 "docker_container.c2"
#define C3 "docker_container.c3"
#define V "docker_volume.v"

static void test_what_is_attached_goes_first_and_comes_back_last(void **state)
{
	(void)state;
	manifest(NETWORK("bridge") CHAIN);
	must_apply();
	manifest(NETWORK("macvlan") CHAIN);
	must_apply();
	assert_string_equal(world.log,
		"-" C3 " -" C2 " -" C1 " -" NET " +" NET " +" C1 " +" C2 " +" C3);
}

/* The driver comes from a file that drifted: whether the network is replaced shows in the run. */
static void test_a_deferred_replace_takes_a_chain_with_it_only_when_it_is_one(void **state)
{
	struct apply_result result;

	(void)state;
	manifest(FILE_LINE("a", "same", "") NETWORK("${local_file.a.contentHash}") CHAIN);
	must_apply();
	find("a")->content[0] = 'S';
	world.log[0] = '\0';
	result = must_apply();
	assert_string_equal(world.log, "~a");
	assert_int_equal(result.destroyed, 0);
	manifest(FILE_LINE("a", "other", "") NETWORK("${local_file.a.contentHash}") CHAIN);
	must_apply();
	assert_string_equal(world.log,
		"~a -" C3 " -" C2 " -" C1 " -" NET " +" NET " +" C1 " +" C2 " +" C3);
}

/* What cannot be replaced after all keeps what is attached to it. */
static void test_a_failed_decision_destroys_nothing_attached(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FILE_LINE("a", "same", "") NETWORK("${local_file.a.contentHash}") CHAIN);
	must_apply();
	manifest(FILE_LINE("a", "fail", "") NETWORK("${local_file.a.contentHash}") CHAIN);
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_string_equal(world.log, "~a");
	assert_non_null(find(C1));
}

#define VOLUME(driver) "    - {type: docker_volume, name: v, driver: \"" driver "\"}\n"
#define ON_VOLUME \
	"    - {type: docker_container, name: c1, image: i, volumes: [\"${docker_volume.v.name}:/d\"]}\n" \
	"    - {type: docker_container, name: c2, image: i, networkMode: \"container:${docker_container.c1.name}\"}\n"

static void test_what_is_held_keeps_what_is_attached(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(VOLUME("local") ON_VOLUME);
	must_apply();
	manifest(VOLUME("nfs") ON_VOLUME FILE_LINE("other", "x", ""));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_int_equal(result.held, 1);
	assert_string_equal(world.log, "+other");
	manifest(VOLUME("nfs") ON_VOLUME FILE_LINE("other", "x", ""));
	assert_int_equal(apply((struct options){.allow_data_loss = V}, &result, &err), 0);
	assert_string_equal(world.log, "-" C2 " -" C1 " -" V " +" V " +" C1 " +" C2);
}

/* Each of them is held, none is blocked by another. */
static void test_what_is_held_together_is_told_once(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FILE_LINE("a", "x", "") FILE_LINE("b", "x", ", dependsOn: [local_file.a]")
		FILE_LINE("c", "x", ", dependsOn: [local_file.b]")
		FILE_LINE("d", "x", ", dependsOn: [local_file.c]") FILE_LINE("e", "x", ""));
	must_apply();
	manifest(FILE_LINE("e", "y", ""));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_int_equal(result.held, 4);
	assert_int_equal(result.blocked, 0);
	assert_string_equal(world.log, "~e");
}

#define PORT(name, port) \
	"    - {type: docker_container, name: " name ", image: i, ports: [\"" port ":80\"]}\n"

/* A long way behind it would let it start first. */
#define BEHIND(name) \
	FILE_LINE("z1", "x", ", dependsOn: [docker_container." name "]") \
	FILE_LINE("z2", "x", ", dependsOn: [local_file.z1]") FILE_LINE("z3", "x", ", dependsOn: [local_file.z2]") \
	FILE_LINE("z4", "x", ", dependsOn: [local_file.z3]") FILE_LINE("z5", "x", ", dependsOn: [local_file.z4]") \
	FILE_LINE("z6", "x", ", dependsOn: [local_file.z5]") FILE_LINE("z7", "x", ", dependsOn: [local_file.z6]")

/* Also when one is the port on every address and the other on one. */
static void test_a_delete_that_frees_a_port_runs_first(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(PORT("b", "8080") PORT("c", "127.0.0.1:9090") PORT("d", "127.0.0.2:9090"));
	must_apply();
	manifest(PORT("a", "127.0.0.1:8080") BEHIND("a"));
	assert_int_equal(apply((struct options){.parallelism = 1}, &result, &err), 0);
	assert_non_null(strstr(strstr(world.log, "-docker_container.b"), "+docker_container.a"));
	manifest(PORT("a", "127.0.0.1:8080") PORT("c", "127.0.0.1:9090") PORT("d", "127.0.0.2:9090")
		BEHIND("a"));
	must_apply();
	manifest(PORT("a", "127.0.0.1:8080") PORT("aa", "9090") BEHIND("aa"));
	assert_int_equal(apply((struct options){.parallelism = 1}, &result, &err), 0);
	assert_non_null(strstr(world.log, "+docker_container.aa"));
	assert_null(strchr(strstr(world.log, "+docker_container.aa"), '-')); /* both went before */
}

/* Before they were "b needs a", now they are "a needs b". And b takes what x lets go of, although x was
   to wait for it: that circle is destroyed first, then made. */
static void test_old_and_new_edges_in_a_circle(void **state)
{
	(void)state;
	manifest("    - {type: local_file, name: a, path: a1, content: x}\n"
		 "    - {type: local_file, name: b, path: b1, content: x, dependsOn: [local_file.a]}\n");
	must_apply();
	manifest("    - {type: local_file, name: a, path: a2, content: x, dependsOn: [local_file.b]}\n"
		 "    - {type: local_file, name: b, path: b2, content: x}\n");
	must_apply();
	assert_string_equal(world.log, "-b1 +b2 -a1 +a2");
	manifest(PORT("x", "8080")
		"    - {type: local_process, name: b, command: [run], dependsOn: [docker_container.x]}\n");
	must_apply();
	manifest("    - {type: local_process, name: b, command: [run], ports: [8080]}\n");
	must_apply();
	assert_string_equal(world.log, "-docker_container.x ~local_process.b");
}

static void test_a_delete_waits_for_the_new_versions_of_its_own_dependents(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FILE_LINE("a", "x", "") FILE_LINE("b", "x", ", dependsOn: [local_file.a]")
		FILE_LINE("c", "x", ""));
	must_apply();
	manifest(FILE_LINE("b", "fail", "") FILE_LINE("c", "x", ""));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_string_equal(world.log, "~b"); /* the old b may still need a */
	manifest(FILE_LINE("b", "y", "") FILE_LINE("c", "fail", ""));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_non_null(strstr(strstr(world.log, "~b"), "-a")); /* what failed has nothing to do with it */
}

static void test_ordering_orders_and_needs_nothing(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FILE_LINE("b", "x", ", dependsOn: [{address: local_file.a, type: ordering}]")
		FILE_LINE("a", "slow", ""));
	must_apply();
	assert_string_equal(world.log, "+a +b");
	manifest(FILE_LINE("b", "y", ", dependsOn: [{address: local_file.a, type: ordering}]")
		FILE_LINE("a", "fail", ""));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_string_equal(world.log, "~a ~b");
	assert_int_equal(result.blocked, 0);
}

/* A guard at run time: what turns out to be there already is more than the plan showed. */
static void test_what_turns_out_stronger_than_shown_is_held(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	put_thing("there", "x", "");
	manifest(FILE_LINE("a", "there", "")
		"    - {type: local_file, name: b, path: \"${local_file.a.contentHash}\", content: y, adopt: true}\n"
		FILE_LINE("c", "x", ", dependsOn: [local_file.b]") FILE_LINE("d", "x", ""));
	assert_int_equal(apply((struct options){.parallelism = 1}, &result, &err), -1);
	assert_int_equal(result.held, 1);
	assert_int_equal(result.blocked, 1);
	assert_string_equal(find("there")->content, "x");
	assert_null(find("c"));
	assert_non_null(find("d"));
	manifest(FILE_LINE("a", "there", "")
		"    - {type: local_file, name: b, path: \"${local_file.a.contentHash}\", content: y, adopt: true}\n");
	must_apply(); /* now the plan shows it */
	assert_string_equal(find("there")->content, "y");
}

static void test_a_refresh_decides_nothing(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FILE_LINE("a", "one", "") "    - {type: local_file, name: b, path: "
		"\"${local_file.a.contentHash}\", content: x}\n");
	must_apply();
	manifest(FILE_LINE("a", "two", "") "    - {type: local_file, name: b, path: "
		"\"${local_file.a.contentHash}\", content: y}\n");
	assert_int_equal(apply((struct options){.refresh_only = true}, &result, &err), 0);
	assert_string_equal(world.log, "");
	must_apply();
	assert_string_equal(world.log, "~a -one +two");
}

/* What cannot be made again is not destroyed first. */
static void test_a_blocked_replace_destroys_nothing(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FILE_LINE("a", "x", "") "    - {type: local_file, name: b, path: b1, content: x, dependsOn: [local_file.a]}\n");
	must_apply();
	manifest(FILE_LINE("a", "fail", "") "    - {type: local_file, name: b, path: b2, content: x, dependsOn: [local_file.a]}\n");
	assert_int_equal(apply((struct options){.parallelism = 1}, &result, &err), -1);
	assert_string_equal(world.log, "~a");
	assert_non_null(find("b1"));
	assert_int_equal(result.blocked, 1);
}

static void test_a_requested_replace_stays_one_when_it_was_deferred(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FILE_LINE("a", "one", "") FILE_LINE("b", "${local_file.a.contentHash}", ""));
	must_apply();
	find("a")->content[0] = 'O'; /* its hash comes back the same */
	world.log[0] = '\0';
	assert_int_equal(apply((struct options){.replace = "local_file.b"}, &result, &err), 0);
	assert_string_equal(world.log, "~a -b +b");
}

static void test_a_trigger_counts_when_it_was_deferred(void **state)
{
	(void)state;
	manifest(FILE_LINE("a", "one", "") FILE_LINE("b", "${local_file.a.contentHash}",
		", lifecycle: {replaceTriggeredBy: [local_file.a]}"));
	must_apply();
	find("a")->content[0] = 'O';
	world.log[0] = '\0';
	must_apply();
	assert_string_equal(world.log, "~a -b +b");
}

#define DB(image) "    - {type: docker_container, name: db, image: " image "}\n"
#define JOB(command) \
	"    - {type: docker_container, name: job, image: m, job: true, command: " command ", " \
	"environment: {HOST: \"${docker_container.db.name}\"}, dependsOn: [docker_container.db]}\n"
#define DB_ADDRESS "docker_container.db"
#define JOB_ADDRESS "docker_container.job"

static void test_a_job_runs_again_when_its_inputs_come_back_the_same(void **state)
{
	(void)state;
	manifest(DB("one") JOB("x"));
	must_apply();
	assert_string_equal(world.log, "+" DB_ADDRESS " +" JOB_ADDRESS);
	manifest(DB("two") JOB("x"));
	must_apply();
	assert_string_equal(world.log,
		"-" JOB_ADDRESS " -" DB_ADDRESS " +" DB_ADDRESS " +" JOB_ADDRESS);
	world.log[0] = '\0';
	must_apply();
	assert_string_equal(world.log, "");
}

/* The database is new since the job's last success, also when that was another run. */
static void test_a_job_that_did_not_come_to_run_again_runs_by_the_next_apply(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(DB("one") FILE_LINE("a", "x", "") "    - {type: docker_container, name: job, image: m, job: true, "
		"dependsOn: [docker_container.db, local_file.a]}\n");
	must_apply();
	usleep(5000); /* records are as fine as a millisecond */
	manifest(DB("two") FILE_LINE("a", "fail", "") "    - {type: docker_container, name: job, image: m, job: true, "
		"dependsOn: [docker_container.db, local_file.a]}\n");
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_null(strstr(world.log, "+" JOB_ADDRESS));
	manifest(DB("two") FILE_LINE("a", "y", "") "    - {type: docker_container, name: job, image: m, job: true, "
		"dependsOn: [docker_container.db, local_file.a]}\n");
	must_apply();
	assert_non_null(strstr(world.log, "+" JOB_ADDRESS));
	world.log[0] = '\0';
	must_apply();
	assert_string_equal(world.log, "");
}

#define FIRST(path, content) \
	"    - {type: local_file, name: a, path: " path ", content: " content \
	", lifecycle: {createBeforeDestroy: true}}\n"

static void test_a_failed_new_generation_leaves_the_old_one_in_charge(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FIRST("a1", "x"));
	must_apply();
	manifest(FIRST("a2", "fail"));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_non_null(find("a1"));
	manifest(FIRST("a1", "x")); /* back: there is nothing to do */
	result = must_apply();
	assert_string_equal(world.log, "");
	manifest(FIRST("a2", "x"));
	must_apply();
	assert_string_equal(world.log, "+a2 -a1");
	assert_int_equal(world.n, 1);
	world.log[0] = '\0';
	must_apply();
	assert_string_equal(world.log, "");
}

static void test_a_half_made_new_generation_is_made_again_beside_the_old_one(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FIRST("a1", "x"));
	must_apply();
	manifest(FIRST("a2", "fail-exists"));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_non_null(find("a1"));
	manifest(FIRST("a3", "x"));
	must_apply();
	assert_non_null(find("a3"));
	assert_int_equal(world.n, 1); /* neither the old one nor the half-made one is forgotten */
	world.log[0] = '\0';
	must_apply();
	assert_string_equal(world.log, "");
}

/* As when a run is killed between the effect and its record. */
static void test_a_new_generation_whose_answer_was_lost_is_found_again(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FIRST("a1", "x"));
	must_apply();
	world.lost_left = 1;
	manifest(FIRST("a2", "lost"));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	assert_string_equal(world.log, "+a2");
	assert_int_equal(world.n, 2);
	world.log[0] = '\0';
	must_apply();
	assert_string_equal(world.log, "+a2 -a1"); /* adopted: finished, not made again */
	assert_int_equal(world.n, 1);
	world.log[0] = '\0';
	must_apply();
	assert_string_equal(world.log, "");
	assert_int_equal(apply((struct options){.destroy = true}, &result, &err), 0);
	assert_int_equal(world.n, 0);
}

/* The same, and then nobody wants it any more: both generations go. */
static void test_an_unwanted_new_generation_goes_with_the_old_one(void **state)
{
	struct apply_result result;
	struct error err;

	(void)state;
	manifest(FIRST("a1", "x"));
	must_apply();
	world.lost_left = 1;
	manifest(FIRST("a2", "lost"));
	assert_int_equal(apply((struct options){0}, &result, &err), -1);
	manifest(FILE_LINE("b", "x", ""));
	must_apply();
	assert_int_equal(world.n, 1);
	assert_non_null(find("b"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_attached_goes_first_and_comes_back_last),
		TEST(test_a_deferred_replace_takes_a_chain_with_it_only_when_it_is_one),
		TEST(test_a_failed_decision_destroys_nothing_attached),
		TEST(test_what_is_held_keeps_what_is_attached),
		TEST(test_what_is_held_together_is_told_once),
		TEST(test_a_delete_that_frees_a_port_runs_first),
		TEST(test_old_and_new_edges_in_a_circle),
		TEST(test_a_delete_waits_for_the_new_versions_of_its_own_dependents),
		TEST(test_ordering_orders_and_needs_nothing),
		TEST(test_what_turns_out_stronger_than_shown_is_held),
		TEST(test_a_refresh_decides_nothing),
		TEST(test_a_blocked_replace_destroys_nothing),
		TEST(test_a_requested_replace_stays_one_when_it_was_deferred),
		TEST(test_a_trigger_counts_when_it_was_deferred),
		TEST(test_a_job_runs_again_when_its_inputs_come_back_the_same),
		TEST(test_a_job_that_did_not_come_to_run_again_runs_by_the_next_apply),
		TEST(test_a_failed_new_generation_leaves_the_old_one_in_charge),
		TEST(test_a_new_generation_whose_answer_was_lost_is_found_again),
		TEST(test_an_unwanted_new_generation_goes_with_the_old_one),
		TEST(test_a_half_made_new_generation_is_made_again_beside_the_old_one),
	};

	return cmocka_run_group_tests_name("apply order", tests, NULL, NULL);
}
