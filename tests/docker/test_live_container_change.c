/* docker_container on a real engine: changes in place, what a dead run left, ports, jobs. */
#include "container_live.h"

#include <arpa/inet.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* --- in place ----------------------------------------------------------------------------------- */

static const struct value *host_of(struct live *live, const struct record *record)
{
	return value_get(inspected(live, record->id), "HostConfig");
}

static void limits_change_in_place(void **state)
{
	struct live *live = *state;
	struct record *record = live_create(live, CONTAINER, WEB, waiting(live, ",\"memory\":\"64m\""));
	const char *id = record->id, *inputs;
	struct observation item;

	/* More than memory and swap were together. */
	update(live, waiting(live, ",\"memory\":\"256m\""), record, "memory");
	assert_int_equal(value_get_int(host_of(live, record), "Memory", 0), 256 << 20);
	assert_int_equal(value_get_int(host_of(live, record), "MemorySwap", 0), 512 << 20);
	inputs = waiting(live, ",\"memory\":\"128m\",\"memorySwap\":\"128m\",\"cpus\":0.5,\"cpuShares\":256,"
		"\"pidsLimit\":60,\"cpuset\":\"0\",\"restart\":\"on-failure:2\"");
	update(live, inputs, record, "memory");
	item = look(live, inputs, record);
	assert_unchanged(live, item, record);
	assert_true(item.matches);
	assert_string_equal(record->id, id);
	assert_string_equal(status_of(live, id), "running");
}

static void limits_that_are_taken_out_are_lifted(void **state)
{
	static const char *const changed[] = {
		"memory", "cpus", "cpuShares", "pidsLimit", "cpuset", "restart", NULL};
	struct live *live = *state;
	struct record *record = live_create(live, CONTAINER, WEB, waiting(live, ",\"memory\":\"64m\","
		"\"cpus\":0.5,\"cpuShares\":256,\"pidsLimit\":60,\"cpuset\":\"0\",\"restart\":\"always\""));
	const struct value *info = live_call(live, "GET", "/info", NULL), *host;
	const char *id = record->id;
	struct outcome outcome;
	struct error err = ERROR_INIT;

	if (act(live, ACT_UPDATE, waiting(live, ""), record, changed, &outcome, &err) < 0)
		fail_msg("%s", err.msg);
	host = host_of(live, record);
	assert_string_equal(record->id, id);
	assert_true(value_get_int(host, "Memory", 0) == value_get_int(info, "MemTotal", 1));
	assert_true(value_get_int(host, "NanoCpus", 0) == value_get_int(info, "NCPU", 1) * 1000000000);
	assert_true(value_get_int(host, "PidsLimit", 0) <= 0);
	assert_string_equal(value_text(value_path(host, "RestartPolicy.Name"), ""), "no");
	assert_string_equal(status_of(live, id), "running");
	/* and it still starts with them */
	assert_int_equal(act(live, ACT_STOP, NULL, record, NULL, &outcome, &err), 0);
	if (act(live, ACT_START, NULL, record, NULL, &outcome, &err) < 0)
		fail_msg("%s", err.msg);
}

static void drift_of_a_limit_is_seen_and_repaired(void **state)
{
	struct live *live = *state;
	const char *inputs = waiting(live, ",\"memory\":\"64m\"");
	struct record *record = live_create(live, CONTAINER, WEB, inputs);
	struct observation item;

	live_call(live, "POST", docker_path(&live->docker, "/containers/%s/update", record->id),
		"{\"Memory\":33554432,\"MemorySwap\":33554432}");
	item = look(live, inputs, record);
	assert_int_equal(value_get_int(item.attributes, "memory", 0), 32 << 20);
	assert_false(item.matches);
	update(live, inputs, record, "memory");
	item = look(live, inputs, record);
	assert_int_equal(value_get_int(item.attributes, "memory", 0), 64 << 20);
	assert_true(item.matches);
}

static void a_name_changes_in_place(void **state)
{
	struct live *live = *state;
	struct record *record = live_create(live, CONTAINER, WEB, waiting(live, ""));
	const char *id = record->id, *inputs;
	struct observation item;

	inputs = waiting(live, arena_printf(&live->arena, ",\"containerName\":\"new-%s\"", live->short_id));
	update(live, inputs, record, "containerName");
	assert_string_equal(record->id, id);
	assert_string_equal(output(record, "name"), arena_printf(&live->arena, "new-%s", live->short_id));
	live_call(live, "POST", docker_path(&live->docker, "/containers/%s/rename?name=other-%s", id,
		live->short_id), NULL);
	item = look(live, inputs, record);
	assert_string_equal(value_get_text(item.attributes, "containerName", ""),
		arena_printf(&live->arena, "other-%s", live->short_id));
	update(live, waiting(live, ""), record, "containerName");
	assert_string_equal(output(record, "name"),
		arena_printf(&live->arena, "live-web-%s", live->short_id));
}

static void networks_change_in_place(void **state)
{
	struct live *live = *state;
	struct record *a = network(live, "a"), *b = network(live, "b"), *record;
	const char *id, *inputs, *both;
	const struct value *there;
	struct observation item;
	struct outcome outcome;
	struct error err = ERROR_INIT;

	live_intent(live);
	record = live_create(live, CONTAINER, WEB, waiting(live,
		arena_printf(&live->arena, ",\"networks\":[\"%s\"]", output(a, "name"))));
	id = record->id;
	both = waiting(live, arena_printf(&live->arena,
		",\"networks\":[{\"name\":\"%s\",\"aliases\":[\"x\"]},\"%s\"]", output(a, "name"), b->id));
	update(live, both, record, "networks");
	item = look(live, both, record);
	assert_unchanged(live, item, record);
	assert_true(item.matches);
	there = value_path(inspected(live, id), "NetworkSettings.Networks");
	assert_int_equal(there->len, 2);
	assert_true(*value_get_text(value_get(record->outputs, "networks"), output(b, "name"), ""));

	/* Someone disconnects it. */
	live_call(live, "POST", docker_path(&live->docker, "/networks/%s/disconnect", b->id),
		arena_printf(&live->arena, "{\"Container\":\"%s\"}", id));
	item = look(live, both, record);
	assert_false(item.matches);
	assert_int_equal(value_get(item.attributes, "networks")->len, 1);
	update(live, both, record, "networks");

	/* Out of its first network, which it still starts without. */
	inputs = waiting(live, arena_printf(&live->arena, ",\"networks\":[\"%s\"]", output(b, "name")));
	update(live, inputs, record, "networks");
	there = value_path(inspected(live, id), "NetworkSettings.Networks");
	assert_int_equal(there->len, 1);
	assert_non_null(value_get(there, output(b, "name")));
	assert_int_equal(act(live, ACT_STOP, NULL, record, NULL, &outcome, &err), 0);
	if (act(live, ACT_START, NULL, record, NULL, &outcome, &err) < 0)
		fail_msg("%s", err.msg);
	item = look(live, inputs, record);
	assert_true(item.matches);
	assert_true(item.runs);
	assert_string_equal(record->id, id);

	update(live, waiting(live, ""), record, "networks");
	there = value_path(inspected(live, id), "NetworkSettings.Networks");
	assert_int_equal(there->len, 1);
	assert_non_null(value_get(there, "bridge"));
}

static void a_container_is_in_all_its_networks_from_the_start(void **state)
{
	struct live *live = *state;
	struct record *a = network(live, "a"), *b = network(live, "b"), *record;
	const char *inputs;
	struct observation item;

	live_intent(live);
	inputs = running(live, "ls /sys/class/net | wc -l; sleep 600", arena_printf(&live->arena,
		",\"networks\":[{\"name\":\"%s\",\"ipv4Address\":\"\"},{\"name\":\"%s\",\"aliases\":[\"db\"]}]",
		a->id, output(b, "name")));
	record = live_create(live, CONTAINER, WEB, inputs);
	item = look(live, inputs, record);
	assert_unchanged(live, item, record);
	assert_true(item.matches);
	assert_int_equal(value_get(record->outputs, "networks")->len, 2);
}

/* --- what a dead run left ----------------------------------------------------------------------- */

static struct observation found_by_intent(struct live *live, const char *inputs)
{
	struct intent *intent = arena_zalloc(&live->arena, sizeof(*intent));
	struct observation item = {.address = WEB, .type = type_find(CONTAINER), .intent = intent};
	struct observe_request request = {.items = &item, .n = 1};
	struct value *desired = arena_alloc(&live->arena, sizeof(*desired));
	struct error err = ERROR_INIT;

	intent->id = arena_strdup(&live->arena, live->intent);
	intent->action = INTENT_CREATE;
	*desired = live_json(live, inputs);
	item.desired = desired;
	assert_int_equal(provider_docker.observe(&live->env, &request, &err), 0);
	return item;
}

static struct outcome adopt(struct live *live, const char *inputs, struct observation *item)
{
	struct request request = live_request(live, ACT_CREATE, CONTAINER, WEB, inputs, NULL);
	struct outcome outcome = {0};
	struct error err = ERROR_INIT;

	live_intent(live); /* a new run, a new intent */
	request.adopt = true;
	request.observed = item;
	if (provider_docker.apply(&live->env, &request, &outcome, &err))
		fail_msg("%s", err.msg);
	return outcome;
}

/* Made with the first network only, and not started: where a run may die. */
static const char *half_made(struct live *live, const char *network, const char *command)
{
	struct value labels = docker_labels(&live->docker, WEB, 1, NULL);
	const char *body = arena_printf(&live->arena, "{\"Image\":\"" LIVE_IMAGE "\",\"Cmd\":%s,"
		"\"StopTimeout\":0,\"Labels\":%s,\"HostConfig\":{\"NetworkMode\":\"%s\"},"
		"\"NetworkingConfig\":{\"EndpointsConfig\":{\"%s\":{}}}}", command,
		live_text(live, &labels), network, network);

	live_image(live);
	return value_get_text(live_call(live, "POST", docker_path(&live->docker,
		"/containers/create?name=live-web-%s", live->short_id), body), "Id", "");
}

static void what_was_half_made_is_finished(void **state)
{
	struct live *live = *state;
	struct record *a = network(live, "a"), *b = network(live, "b");
	struct observation item;
	struct outcome outcome;
	const char *inputs, *id;

	live_intent(live);
	inputs = waiting(live, arena_printf(&live->arena, ",\"networks\":[\"%s\",\"%s\"]",
		output(a, "name"), output(b, "name")));
	id = half_made(live, output(a, "name"), "[\"sleep\",\"600\"]");
	item = found_by_intent(live, inputs);
	assert_int_equal(item.presence, PRESENCE_PRESENT);
	assert_int_equal(item.ownership, OWNER_US);
	assert_string_equal(item.mark_intent, live->intent);
	assert_false(item.runs);
	assert_false(item.matches);
	outcome = adopt(live, inputs, &item);
	assert_string_equal(outcome.id, id);
	assert_string_equal(status_of(live, id), "running");
	assert_int_equal(value_path(inspected(live, id), "NetworkSettings.Networks")->len, 2);
	item = found_by_intent(live, inputs); /* nothing left beside it */
	assert_string_equal(item.id, id);
}

/* The connection broke after the engine had made it: the same intent tries again. */
static void a_second_try_of_one_intent_finds_the_first(void **state)
{
	struct live *live = *state;
	struct record *a = network(live, "a"), *record;
	const char *inputs, *id;

	live_intent(live);
	inputs = waiting(live, arena_printf(&live->arena, ",\"networks\":[\"%s\"]", output(a, "name")));
	id = half_made(live, output(a, "name"), "[\"sleep\",\"600\"]");
	record = live_create(live, CONTAINER, WEB, inputs);
	assert_string_equal(record->id, id);
	assert_string_equal(status_of(live, id), "running");
}

/* The manifest changed after the death in what cannot change: made anew, under the new intent. */
static void what_was_half_made_for_another_wish_is_replaced(void **state)
{
	struct live *live = *state;
	struct record *a = network(live, "a");
	struct observation item;
	struct outcome outcome;
	const char *inputs, *id;

	live_intent(live);
	inputs = waiting(live, arena_printf(&live->arena, ",\"networks\":[\"%s\"]", output(a, "name")));
	id = half_made(live, output(a, "name"), "[\"sleep\",\"1\"]");
	item = found_by_intent(live, inputs);
	outcome = adopt(live, inputs, &item);
	assert_string_not_equal(outcome.id, id);
	assert_int_equal(live_status(live, "GET", docker_path(&live->docker, "/containers/%s/json", id)),
		404);
	assert_string_equal(live_text(live, value_path(inspected(live, outcome.id), "Config.Cmd")),
		"[\"sleep\",\"600\"]");
	assert_string_equal(value_get_text(value_path(inspected(live, outcome.id), "Config.Labels"),
		DOCKER_LABEL_INTENT, ""), live->intent);
}

/* --- ports -------------------------------------------------------------------------------------- */

/* A port that nobody has, as far as one can know. */
static int free_port(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	close(fd);
	return ntohs(address.sin_port);
}

static void a_port_of_another_container_is_told_before_and_after(void **state)
{
	struct live *live = *state;
	int port = free_port();
	const char *inputs = waiting(live, arena_printf(&live->arena, ",\"ports\":[\"%d:80\"]", port));
	const char *holder = live_container(live, "holder", arena_printf(&live->arena,
		",\"ExposedPorts\":{\"80/tcp\":{}},\"HostConfig\":{\"PortBindings\":{\"80/tcp\":[{"
		"\"HostPort\":\"%d\"}]}}", port));
	struct request request = live_request(live, ACT_CREATE, CONTAINER, WEB, inputs, NULL);
	struct outcome outcome = {0};
	struct error err = ERROR_INIT;
	struct observation item;
	const char *message;

	item = look(live, inputs, NULL);
	assert_null(item.blocked);
	live_call(live, "POST", docker_path(&live->docker, "/containers/%s/start", holder), NULL);
	item = look(live, inputs, NULL);
	message = arena_printf(&live->arena, "tcp port %d is taken by container holder-%s", port,
		live->short_id);
	assert_non_null(item.blocked);
	assert_string_equal(item.blocked, message);
	assert_string_equal(item.blocked_claim, arena_printf(&live->arena, "tcp:%d", port));

	/* A failed start leaves a container; freed, the same intent finishes it. */
	assert_int_equal(provider_docker.apply(&live->env, &request, &outcome, &err), -1);
	assert_true(outcome.exists);
	assert_non_null(outcome.id);
	assert_non_null(strstr(err.msg, message));
	live_call(live, "DELETE", docker_path(&live->docker, "/containers/%s?force=1", holder), NULL);
	err = (struct error)ERROR_INIT;
	if (provider_docker.apply(&live->env, &request, &outcome, &err))
		fail_msg("%s", err.msg);
	item = look(live, inputs, live_record(live, &request, &outcome));
	assert_null(item.blocked);
	assert_true(item.runs);
}

static void a_port_of_a_process_is_told(void **state)
{
	struct live *live = *state;
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct observation item;
	const char *inputs;

	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	assert_int_equal(listen(fd, 1), 0);
	inputs = waiting(live, arena_printf(&live->arena, ",\"ports\":[\"127.0.0.1:%d:80\"]",
		ntohs(address.sin_port)));
	item = look(live, inputs, NULL);
	assert_non_null(item.blocked);
	assert_string_equal(item.blocked, arena_printf(&live->arena,
		"tcp port 127.0.0.1:%d is taken by process %d (test_live_conta)", ntohs(address.sin_port),
		getpid()));
	assert_string_equal(item.blocked_claim,
		arena_printf(&live->arena, "tcp:127.0.0.1:%d", ntohs(address.sin_port)));
	close(fd);
	item = look(live, inputs, NULL);
	assert_null(item.blocked);
}

/* From inside a container that was given the engine's socket, the ports of processes are not those
   that the engine publishes. */
static void a_process_beside_another_network_does_not_block(void **state)
{
	struct live *live = *state;
	const char *inputs = waiting(live, ",\"ports\":[\"127.0.0.1:18099:80\"]");
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(18099)};
		int fd;

		if (unshare(CLONE_NEWNET) < 0)
			_exit(3);
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0)
			_exit(2);
		_exit(look(live, inputs, NULL).blocked ? 1 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* What is ours may be on its way out: its claim orders the two. */
static void a_port_of_our_own_does_not_block(void **state)
{
	struct live *live = *state;
	int port = free_port();
	const char *ports = arena_printf(&live->arena, ",\"ports\":[\"127.0.0.1:%d:80\"]", port);
	struct record *record = live_create(live, CONTAINER, "docker_container.old", waiting(live, ports));
	struct observation item = look(live, waiting(live, ports), NULL);

	assert_null(item.blocked);
	live_destroy(live, record);
}

/* --- jobs --------------------------------------------------------------------------------------- */

static void a_job_runs_to_its_end(void **state)
{
	struct live *live = *state;
	const char *inputs = running(live, "echo working; sleep 0.3; echo done", ",\"job\":true");
	struct record *record = live_create(live, CONTAINER, WEB, inputs);
	struct observation item = look(live, inputs, record);

	assert_int_equal(value_get_int(record->outputs, "exitCode", -1), 0);
	assert_non_null(strstr(live->progress.text, "working\ndone\n"));
	assert_true(item.runs);
	assert_true(item.matches);
	assert_unchanged(live, item, record);
	assert_string_equal(item.health, "exited (0)");
}

static void a_job_that_fails_shows_its_last_lines(void **state)
{
	struct live *live = *state;
	struct request request = live_request(live, ACT_CREATE, CONTAINER, WEB,
		running(live, "i=0; while [ $i -lt 30 ]; do echo line $i; i=$((i+1)); done; exit 3",
			",\"job\":true"), NULL);
	struct outcome outcome = {0};
	struct error err = ERROR_INIT;

	assert_int_equal(provider_docker.apply(&live->env, &request, &outcome, &err), -1);
	assert_true(outcome.exists);
	assert_non_null(strstr(err.msg, "ended with status 3"));
	assert_non_null(outcome.output);
	assert_int_equal(strncmp(outcome.output, "line 10\n", 8), 0);
	assert_string_equal(outcome.output + strlen(outcome.output) - 7, "line 29");
}

static void a_job_that_changes_runs_again(void **state)
{
	struct live *live = *state;
	struct record *record =
		live_create(live, CONTAINER, WEB, running(live, "echo run", ",\"job\":true"));
	const char *first = record->id;

	update(live, running(live, "echo run", ",\"job\":true,\"memory\":\"64m\""), record, "memory");
	assert_string_not_equal(record->id, first);
	assert_int_equal(value_get_int(record->outputs, "exitCode", -1), 0);
	assert_int_equal(
		live_status(live, "GET", docker_path(&live->docker, "/containers/%s/json", first)), 404);
}

/* A job of a run that died while it worked; returns the id of its container. */
static const char *job_begun(struct live *live, const char **inputs)
{
	struct record *a = network(live, "a");
	const char *id;

	live_intent(live);
	id = half_made(live, output(a, "name"), "[\"sh\",\"-c\",\"sleep 1; echo done\"]");
	live_call(live, "POST", docker_path(&live->docker, "/containers/%s/start", id), NULL);
	*inputs = running(live, "sleep 1; echo done", arena_printf(&live->arena,
		",\"job\":true,\"networks\":[\"%s\"]", output(a, "name")));
	return id;
}

/* The run died while the job worked: it is waited for, not started again. */
static void a_job_that_still_runs_is_waited_for(void **state)
{
	struct live *live = *state;
	struct observation item;
	struct outcome outcome;
	const char *inputs, *id;

	id = job_begun(live, &inputs);
	item = found_by_intent(live, inputs);
	outcome = adopt(live, inputs, &item);
	assert_string_equal(outcome.id, id);
	assert_int_equal(value_get_int(outcome.outputs, "exitCode", -1), 0);
	assert_int_equal(value_path(inspected(live, id), "RestartCount")->integer, 0);
}

/* It was killed, and the run that waited for it, too: it runs again. */
static void a_job_that_was_killed_with_its_run_runs_again(void **state)
{
	struct live *live = *state;
	struct observation item;
	struct outcome outcome;
	const char *inputs, *id;
	int64_t status = -1;

	id = job_begun(live, &inputs);
	/* It may have come to its end before the kill: then once more. */
	for (int i = 0; i < LIVE_TRIES && status != 137; i++) {
		live_status(live, "POST", docker_path(&live->docker, "/containers/%s/start", id));
		live_status(live, "POST", docker_path(&live->docker, "/containers/%s/kill", id));
		wait_for_end(live, id);
		status = value_path(inspected(live, id), "State.ExitCode")->integer;
	}
	assert_int_equal(status, 137);
	item = found_by_intent(live, inputs);
	outcome = adopt(live, inputs, &item);
	assert_string_not_equal(outcome.id, id);
	assert_int_equal(value_get_int(outcome.outputs, "exitCode", -1), 0);
	assert_int_equal(
		live_status(live, "GET", docker_path(&live->docker, "/containers/%s/json", id)), 404);
}

static void a_job_past_its_deadline_is_stopped(void **state)
{
	struct live *live = *state;
	struct request request = live_request(live, ACT_CREATE, CONTAINER, WEB,
		running(live, "echo begun; sleep 600", ",\"job\":true"), NULL);
	struct outcome outcome = {0};
	struct error err = ERROR_INIT;

	/* A slow engine may need longer to begin it: the same intent goes on, with twice the time. */
	for (int64_t ms = 1000; !strstr(live->progress.text, "begun"); ms *= 2) {
		assert_true(ms < 100000);
		err = (struct error)ERROR_INIT;
		live->env.deadline = clock_monotonic(&clock_system) + ms;
		assert_int_equal(provider_docker.apply(&live->env, &request, &outcome, &err), -1);
	}
	assert_int_equal(err.code, ERROR_TIMEOUT);
	live->env.deadline = clock_monotonic(&clock_system) + 60000;
	assert_true(outcome.exists);
	assert_string_equal(status_of(live, outcome.id), "exited");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		live_test(limits_change_in_place),
		live_test(limits_that_are_taken_out_are_lifted),
		live_test(drift_of_a_limit_is_seen_and_repaired),
		live_test(a_name_changes_in_place),
		live_test(networks_change_in_place),
		live_test(a_container_is_in_all_its_networks_from_the_start),
		live_test(what_was_half_made_is_finished),
		live_test(a_second_try_of_one_intent_finds_the_first),
		live_test(what_was_half_made_for_another_wish_is_replaced),
		live_test(a_port_of_another_container_is_told_before_and_after),
		live_test(a_port_of_a_process_is_told),
		live_test(a_process_beside_another_network_does_not_block),
		live_test(a_port_of_our_own_does_not_block),
		live_test(a_job_runs_to_its_end),
		live_test(a_job_that_fails_shows_its_last_lines),
		live_test(a_job_that_changes_runs_again),
		live_test(a_job_that_still_runs_is_waited_for),
		live_test(a_job_that_was_killed_with_its_run_runs_again),
		live_test(a_job_past_its_deadline_is_stopped),
	};
	int missing = live_missing();

	return missing ? missing : cmocka_run_group_tests(tests, NULL, NULL);
}
