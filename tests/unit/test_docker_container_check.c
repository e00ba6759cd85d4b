/* Mistakes in a container's keys, keys of Compose, claims, environment files, bodies of updates. */
#include "container_room.h"

#include "model/env_file.h"
#include "providers/docker/container/parse.h"

extern const struct provider provider_docker;

static const struct wrong {
	const char *inputs, *message;
} wrongs[] = {
	{"{\"image\":\"\"}", "\"\" names no image (write it as name:tag, registry/name:tag or sha256:...)"},
	{"{\"image\":\"two words\"}",
		"\"two words\" names no image (write it as name:tag, registry/name:tag or sha256:...)"},
	{"{\"image\":\"nginx:$TAG\"}", "\"nginx:$TAG\" names no image (a variable is ${NAME}, in braces)"},
	{"{\"command\":\"sh -c 'x\"}", "the words of the command do not end: a quote is not closed "
		"(a list needs no quoting: [\"sh\", \"-c\", \"...\"])"},
	{"{\"command\":[]}", "the command is empty (leave it out to run what the image says)"},
	{"{\"environment\":{\"A\":null}}",
		"A has no value (write A: ${A} to hand on the variable of that name, or \"\")"},
	{"{\"environment\":[\"A=1\"]}",
		"environment must be a map (write NAME: value, not - NAME=value)"},
	{"{\"environment\":{\"A=\":\"1\"}}", "\"A=\" is no name of a variable"},
	{"{\"labels\":{\"dev.devenv.address\":\"x\"}}",
		"labels that begin with dev.devenv. are devenv's own marks (choose another prefix)"},
	{"{\"healthcheck\":{\"test\":[\"curl\",\"x\"]}}",
		"the test of a health check begins with CMD or CMD-SHELL "
		"(write [CMD, program, argument ...], or a string for the shell)"},
	{"{\"healthcheck\":{\"test\":\"x\",\"interval\":\"soon\"}}",
		"\"soon\" is no duration (write it as 500ms, 30s, 1m30s; a bare number is seconds)"},
	{"{\"healthcheck\":{\"test\":\"x\",\"disable\":true}}",
		"a health check that is disabled has no test"},
	{"{\"stopGracePeriod\":\"long\"}",
		"\"long\" is no duration (write it as 500ms, 30s, 1m30s; a bare number is seconds)"},
	{"{\"ports\":[\"80:x\"]}", "\"80:x\" is no published port: a port is a number from 1 to 65535 "
		"(write 8080:80, 127.0.0.1:8080:80/udp, or {container: 80, host: 8080})"},
	{"{\"ports\":[\"9000:8080:80:70\"]}", "\"9000:8080:80:70\" is no published port: what stands before "
		"the two ports is no IP address (write 8080:80, 127.0.0.1:8080:80/udp, or {container: 80, host: 8080})"},
	{"{\"ports\":[{\"container\":80,\"protocol\":\"icmp\"}]}",
		"\"80\" is no published port: the protocol is tcp, udp or sctp "
		"(write 8080:80, 127.0.0.1:8080:80/udp, or {container: 80, host: 8080})"},
	{"{\"expose\":[\"8080:80\"]}", "\"8080:80\" is no exposed port: there is no host in it, as it is "
		"not published (write 80, 80/udp or 3000-3005; publish with ports)"},
	{"{\"networks\":[{\"aliases\":[\"a\"]}]}",
		"this network has no name (write ${docker_network.NAME.name}, or {name: ...})"},
	{"{\"networks\":[\"a\",{\"name\":\"a\"}]}", "the network a is named twice"},
	{"{\"networkMode\":\"service:db\"}", "networkMode \"service:db\" is not known here "
		"(write container:${docker_container.db.id})"},
	{"{\"networkMode\":\"host\",\"networks\":[\"a\"]}", "networkMode and networks exclude each other "
		"(leave networkMode out to be in the networks of the list)"},
	{"{\"networkMode\":\"host\",\"ports\":[\"80:80\"]}", "ports cannot be published with networkMode "
		"host (its ports are the host's own already)"},
	{"{\"networkMode\":\"container:a\",\"ports\":[\"80:80\"]}",
		"ports cannot be published with networkMode container:a "
		"(publish them on the container whose network it shares)"},
	{"{\"networkMode\":\"container:a\",\"hostname\":\"x\"}",
		"hostname belongs to the container whose network it shares"},
	{"{\"extraHosts\":[\"alone\"]}",
		"\"alone\" is no host and address (write \"name:address\", or a map of them)"},
	{"{\"volumes\":[\"a:b\"]}", "\"a:b\" is no volume: the target is an absolute path inside the "
		"container (write source:/target, source:/target:ro, or a map)"},
	{"{\"volumes\":[\"./a:/a:Z\"]}", "\"./a:/a:Z\" is no volume: labels of SELinux (z, Z) cannot be set "
		"on a mount (label the folder itself with chcon, or set securityOpt: [\"label=disable\"])"},
	{"{\"volumes\":[\"~/a:/a\"]}", "\"~/a:/a\" is no volume: ~ is not expanded (write ${HOME}/...)"},
	{"{\"volumes\":[{\"type\":\"volume\",\"source\":\"./a\",\"target\":\"/a\"}]}",
		"\"/a\" is no volume: a volume is named, and this is a path: the type is bind "
		"(write {type: volume, source: NAME, target: /path}; docs/docker.md has them all)"},
	{"{\"volumes\":[{\"type\":\"tmpfs\",\"target\":\"/a\",\"mode\":\"999\"}]}",
		"\"/a\" is no volume: the mode is octal digits in quotes, as \"1777\" "
		"(write {type: volume, source: NAME, target: /path}; docs/docker.md has them all)"},
	{"{\"volumes\":[{\"type\":\"tmpfs\",\"target\":\"/a\",\"size\":\"12X\"}]}",
		"\"12X\" is no size (write bytes or a unit: 512m, 1g, 256Mi)"},
	{"{\"volumes\":[{\"source\":\"a\",\"target\":\"/a\",\"createHostPath\":true}]}",
		"\"/a\" is no volume: propagation and createHostPath belong to a bind "
		"(write {type: volume, source: NAME, target: /path}; docs/docker.md has them all)"},
	{"{\"volumes\":[\"a:/x\",\"b:/x\"]}", "two volumes have the target /x"},
	{"{\"volumes\":[\"a:/x\"],\"tmpfs\":[\"/x\"]}", "/x is the target of a volume and a tmpfs"},
	{"{\"tmpfs\":\"run\"}", "\"run\" is no tmpfs: it begins with an absolute path "
		"(write /run or /run:size=64m,mode=1777)"},
	{"{\"devices\":[\"x\"]}",
		"\"x\" is no device (write /dev/x, /dev/x:/dev/y or /dev/x:/dev/y:rw)"},
	{"{\"devices\":[\"/dev/a:/dev/b:xyz\"]}",
		"\"/dev/a:/dev/b:xyz\" is no device (write /dev/x, /dev/x:/dev/y or /dev/x:/dev/y:rw)"},
	{"{\"restart\":\"sometimes\"}", "\"sometimes\" is no restart policy "
		"(write no, always, on-failure, on-failure:3 or unless-stopped)"},
	{"{\"job\":true,\"restart\":\"always\"}", "a job with restart: always never ends "
		"(write on-failure:3 to try it again when it fails)"},
	{"{\"memory\":\"5m\"}", "5m of memory is less than the 6 MB that an engine demands "
		"(write bytes or a unit: 512m, 1g, 256Mi)"},
	{"{\"memory\":\"much\"}",
		"\"much\" is no size (write bytes or a unit: 512m, 1g, 256Mi)"},
	{"{\"memorySwap\":\"1g\"}", "memorySwap needs memory (memorySwap is memory and swap together)"},
	{"{\"memory\":\"1g\",\"memorySwap\":\"512m\"}",
		"memorySwap is memory and swap together, so it cannot be less than memory"},
	{"{\"memory\":\"1g\",\"memoryReservation\":\"2g\"}", "memoryReservation cannot be more than memory"},
	{"{\"cpus\":\"many\"}",
		"\"many\" is no number of CPUs (write 0.5, 2 or 500m (thousandths); at least 0.01)"},
	{"{\"cpus\":0.001}",
		"\"0.001\" is no number of CPUs (write 0.5, 2 or 500m (thousandths); at least 0.01)"},
	{"{\"shmSize\":\"x\"}", "\"x\" is no size (write bytes or a unit: 512m, 1g, 256Mi)"},
	{"{\"ulimits\":{\"nofile\":\"lots\"}}",
		"the limit nofile must be a number, or {soft: number, hard: number}"},
	{"{\"gpus\":\"some\"}", "gpus must be \"all\" or a number"},
	{"{\"securityOpt\":[\"seccomp=./profile.json\"]}",
		"\"seccomp=./profile.json\": an engine takes the profile itself, not its path "
		"(write \"seccomp=${file:profile.json}\")"},
	{"{\"containerName\":\"a\"}", "\"a\" cannot be the name of a container "
		"(two or more letters, digits, \"_\", \".\" and \"-\"; the first a letter or digit)"},
	{"{\"containerName\":\"a b\"}", "\"a b\" cannot be the name of a container "
		"(two or more letters, digits, \"_\", \".\" and \"-\"; the first a letter or digit)"},
};

static void each_mistake_says_what_is_wrong_and_what_to_do(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++)
		assert_string_equal(mistake_in(wrongs[i].inputs), wrongs[i].message);
}

static void what_goes_together_is_no_mistake(void **state)
{
	(void)state;
	assert_string_equal(mistake_in("{\"job\":true,\"restart\":\"on-failure:3\"}"), "");
	assert_string_equal(mistake_in("{\"memory\":\"1g\",\"memorySwap\":-1}"), "");
	assert_string_equal(mistake_in("{\"networkMode\":\"none\"}"), "");
	assert_string_equal(mistake_in("{\"securityOpt\":[\"seccomp=unconfined\",\"seccomp={}\"]}"), "");
}

static void a_secret_is_not_in_the_message(void **state)
{
	struct value_builder map;
	struct value in, out;
	struct diags diags;
	struct container_context context = room_context(&diags);

	(void)state;
	builder_init(&map, &arena);
	builder_put(&map, "memory", value_sensitive(value_str(&arena, "hunter2")));
	in = builder_map(&map);
	assert_int_equal(container_normalise(&context, &in, &out), -1);
	assert_null(strstr(diags.items[0].message, "hunter2"));
}

/* --- as a resource ------------------------------------------------------------------------------ */

static struct value mark_templates(struct value value)
{
	struct value_builder copy;

	builder_init(&copy, &arena);
	switch (value.kind) {
	case VALUE_STRING:
		if (strstr(value.text, "${"))
			value.flags |= VALUE_TEMPLATE;
		return value;
	case VALUE_LIST:
		for (size_t i = 0; i < value.len; i++)
			builder_push(&copy, mark_templates(value.items[i]));
		return builder_list(&copy);
	case VALUE_MAP:
		for (size_t i = 0; i < value.len; i++)
			builder_put(&copy, value.members[i].key, mark_templates(value.members[i].value));
		return builder_map(&copy);
	default:
		return value;
	}
}

/* The manifest is held against the schema once, or again once references were looked at. */
static struct diags validated_by(const char *attributes, int times)
{
	struct value inputs = mark_templates(parse(attributes));
	struct resource resource = {
		.address = "docker_container.web",
		.type = type_find("docker_container"),
		.attributes = &inputs,
	};
	struct diags diags;

	diags_init(&diags, &arena);
	while (times--)
		schema_validate(resource.type->schema, &inputs, &diags);
	provider_docker.validate(&resource, &diags);
	return diags;
}

static struct diags validated(const char *attributes)
{
	return validated_by(attributes, 1);
}

static void all_mistakes_are_told_at_once_with_the_address(void **state)
{
	struct diags diags =
		validated("{\"image\":\"x\",\"memory\":\"1m\",\"ports\":[\"a\",\"80:80\",\"b\"]}");

	(void)state;
	assert_int_equal(diags.errors, 3);
	for (size_t i = 0; i < diags.n; i++)
		assert_string_equal(diags.items[i].address, "docker_container.web");
}

static void what_is_not_known_yet_is_let_pass(void **state)
{
	struct diags diags = validated(
		"{\"image\":\"${docker_image.x.id}\",\"memory\":\"${var.m}\",\"command\":[\"${var.c}\"],"
		"\"environment\":{\"A\":\"${var.a}\"},\"ports\":[\"${PORT}:80\",{\"container\":80,"
		"\"host\":\"${PORT}\"}],\"volumes\":[\"${docker_volume.x.name}:/x\"],"
		"\"networks\":[{\"name\":\"${docker_network.x.id}\"}],\"restart\":\"${var.r}\","
		"\"entrypoint\":[\"${var.e}\"],\"healthcheck\":{\"test\":[\"${var.k}\",\"${var.t}\"],\"interval\":\"${var.i}\"},\"cpus\":\"${var.c}\"}");

	(void)state;
	for (size_t i = 0; i < diags.n; i++)
		print_message("%s\n", diags.items[i].message);
	assert_int_equal(diags.n, 0);
}

static void beside_what_is_not_known_mistakes_are_still_found(void **state)
{
	static const char *const one[] = {
		"{\"image\":\"x\",\"ports\":[\"${PORT}:80\",\"x\"]}",
		"{\"image\":\"x\",\"healthcheck\":{\"test\":[\"curl\",\"x\"],\"interval\":\"${var.i}\"}}",
		"{\"image\":\"${var.x}\",\"command\":[]}",
		"{\"image\":\"${var.x}\",\"command\":\" \"}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(one); i++)
		assert_int_equal(validated(one[i]).errors, 1);
}

static void a_key_of_compose_is_an_error_that_says_ours(void **state)
{
	static const struct {
		const char *key, *hint;
	} keys[] = {
		{"working_dir", "write workingDirectory"},
		{"mem_limit", "write memory"},
		{"build", "build with a docker_image resource, and write image: ${docker_image.NAME.id}"},
		{"links", "put both containers into one network: names and aliases are found there; order is "
			"dependsOn"},
		{"profiles", "write when: ${var.NAME}"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct diags diags = validated_by(
			arena_printf(&arena, "{\"image\":\"x\",\"%s\":\"y\"}", keys[i].key),
			1 + (int)i % 2);

		assert_int_equal(diags.n, 1);
		assert_int_equal(diags.errors, 1);
		assert_int_equal(diags.items[0].severity, SEVERITY_ERROR);
		assert_string_equal(diags.items[0].message, arena_printf(&arena,
			"docker_container has no key \"%s\" as Compose has", keys[i].key));
		assert_string_equal(diags.items[0].hint, keys[i].hint);
		assert_string_equal(diags.items[0].address, "docker_container.web");
	}
}

/* Those that only differ in how a word is joined are found by their likeness. */
static void keys_in_the_spelling_of_compose_name_the_nearest(void **state)
{
	static const char *const keys[][2] = {
		{"env_file", "envFile"}, {"cap_add", "capAdd"}, {"cap_drop", "capDrop"},
		{"container_name", "containerName"}, {"dns_search", "dnsSearch"},
		{"extra_hosts", "extraHosts"}, {"group_add", "groupAdd"}, {"stop_signal", "stopSignal"},
		{"stop_grace_period", "stopGracePeriod"}, {"read_only", "readOnly"},
		{"security_opt", "securityOpt"}, {"shm_size", "shmSize"}, {"cpu_shares", "cpuShares"},
		{"pids_limit", "pidsLimit"}, {"oom_score_adj", "oomScoreAdj"},
		{"network_mode", "networkMode"}, {"userns_mode", "usernsMode"},
		{"cgroup_parent", "cgroupParent"}, {"stdin_open", "stdinOpen"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct diags diags = validated(
			arena_printf(&arena, "{\"image\":\"x\",\"%s\":\"y\"}", keys[i][0]));

		assert_int_equal(diags.errors, 1);
		assert_non_null(diags.items[0].hint);
		assert_string_equal(diags.items[0].hint,
			arena_printf(&arena, "did you mean \"%s\"?", keys[i][1]));
	}
}

/* --- claims ------------------------------------------------------------------------------------- */

static void note_claim(void *arg, const char *what)
{
	strbuf_addf(arg, "%s ", what);
}

static const char *claims_of(const char *inputs)
{
	struct value in = parse(inputs);
	struct strbuf text = STRBUF_INIT;
	const char *copy;

	provider_docker.claims(type_find("docker_container"), &in, ROOM_ROOT, note_claim, &text);
	copy = arena_strdup(&arena, text.text);
	strbuf_release(&text);
	return copy;
}

static void fixed_ports_are_claimed(void **state)
{
	(void)state;
	assert_string_equal(claims_of("{\"ports\":[\"8080:80\",\"127.0.0.1:53:53/udp\",\"[::1]:81:80\","
		"\"0.0.0.0:82:82\",\"90-91:90-91\"]}"),
		"tcp:8080 udp:127.0.0.1:53 tcp:[::1]:81 tcp:82 tcp:90 tcp:91 ");
	/* what the engine picks is nobody's */
	assert_string_equal(claims_of("{\"ports\":[\"80\",\"8000-8010:80\",\"bad\"],\"image\":\"x\"}"), "");
	assert_string_equal(claims_of("{}"), "");
}

/* --- environment files -------------------------------------------------------------------------- */

static const char *env_of(const char *text)
{
	struct error err = ERROR_INIT;
	struct value_builder map;
	struct value value;

	builder_init(&map, &arena);
	if (env_file_parse("x.env", text, strlen(text), &map, &err) < 0)
		return arena_strdup(&arena, err.msg);
	value = builder_map(&map);
	return text_of(&value);
}

static void environment_files_are_read(void **state)
{
	(void)state;
	assert_string_equal(env_of(""), "{}");
	assert_string_equal(env_of("A=1\n# no\n\n  B = two words  # note\nexport C='x # y'\n"),
		"{\"A\":\"1\",\"B\":\"two words\",\"C\":\"x # y\"}");
	assert_string_equal(env_of("A=\"a\\n\\\"b\\\"\\$\"\nB='$X\\n'\nC=\nD=a#b\r\n"),
		"{\"A\":\"a\\n\\\"b\\\"$\",\"B\":\"$X\\\\n\",\"C\":\"\",\"D\":\"a#b\"}");
	assert_string_equal(env_of("A=\"one\ntwo\"\nB=x=y"), "{\"A\":\"one\\ntwo\",\"B\":\"x=y\"}");
	assert_string_equal(env_of("A=1\nA=2\n"), "{\"A\":\"2\"}");
	assert_string_equal(env_of("A=1\nalone\n"), "x.env:2: expected NAME=value");
	assert_string_equal(env_of("A=1\n\nB=\"open\n\n"), "x.env:3: a quote is not closed");
	assert_string_equal(env_of("=1"), "x.env:1: expected NAME=value");
	assert_non_null(strstr(env_of("A=1\nB1=\nB2=\nB3=\nB4=\nB5=\nB6=\nB7=\nB8=\nB9=\nC1=\nC2=\nC3=\nC4=\n"
		"C5=\nC6=\nC7=\nC8=\nC9=\nD1=\nD2=\nD3=\nD4=\nD5=\nD6=\nD7=\nD8=\nD9=\nE1=\nE2=\nE3=\n"
		"E4=\nE5=\nE6=\nA=2\n"), "{\"A\":\"2\",\"B1\""));
	/* lines are counted through quotes */
	assert_string_equal(env_of("A=\"x\ny\"\nalone"), "x.env:3: expected NAME=value");
}

/* --- updates ------------------------------------------------------------------------------------ */

static const char *update_of(const char *inputs, const char *names)
{
	struct value normal = normal_of(inputs), body;
	const char *list[9] = {0};
	char *copy = arena_strdup(&arena, names), *save;
	size_t n = 0;

	for (char *name = strtok_r(copy, " ", &save); name; name = strtok_r(NULL, " ", &save))
		list[n++] = name;
	body = container_update_body(&arena, &normal, list, 4, 8LL << 30);
	return text_of(&body);
}

static void an_update_says_only_what_changed(void **state)
{
	(void)state;
	assert_string_equal(update_of("{\"memory\":\"64m\",\"cpus\":2,\"restart\":\"always\"}", "cpus"),
		"{\"NanoCpus\":2000000000}");
	assert_string_equal(update_of("{\"restart\":\"on-failure:2\"}", "restart"),
		"{\"RestartPolicy\":{\"MaximumRetryCount\":2,\"Name\":\"on-failure\"}}");
	assert_string_equal(update_of("{\"networks\":[\"a\"]}", "networks containerName mustRun"), "{}");
}

/* An engine refuses more memory than memory and swap, which it set itself when there was no limit. */
static void memory_goes_with_its_swap(void **state)
{
	(void)state;
	assert_string_equal(update_of("{\"memory\":\"64m\"}", "memory"),
		"{\"Memory\":67108864,\"MemorySwap\":134217728}");
	assert_string_equal(update_of("{\"memory\":\"64m\",\"memorySwap\":-1}", "memorySwap"),
		"{\"Memory\":67108864,\"MemorySwap\":-1}");
}

/* 0 means "as it is" to an engine: a limit is lifted by giving all there is. */
static void a_limit_that_was_taken_out_is_lifted(void **state)
{
	(void)state;
	assert_string_equal(update_of("{}", "memory cpus cpuShares cpuset pidsLimit restart"),
		"{\"CpuShares\":1024,\"CpusetCpus\":\"0-3\",\"Memory\":8589934592,"
		"\"MemorySwap\":17179869184,\"NanoCpus\":4000000000,\"PidsLimit\":-1,"
		"\"RestartPolicy\":{\"Name\":\"no\"}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mistake_says_what_is_wrong_and_what_to_do),
		cmocka_unit_test(what_goes_together_is_no_mistake),
		cmocka_unit_test(a_secret_is_not_in_the_message),
		cmocka_unit_test(all_mistakes_are_told_at_once_with_the_address),
		cmocka_unit_test(what_is_not_known_yet_is_let_pass),
		cmocka_unit_test(beside_what_is_not_known_mistakes_are_still_found),
		cmocka_unit_test(a_key_of_compose_is_an_error_that_says_ours),
		cmocka_unit_test(keys_in_the_spelling_of_compose_name_the_nearest),
		cmocka_unit_test(fixed_ports_are_claimed),
		cmocka_unit_test(environment_files_are_read),
		cmocka_unit_test(an_update_says_only_what_changed),
		cmocka_unit_test(memory_goes_with_its_swap),
		cmocka_unit_test(a_limit_that_was_taken_out_is_lifted),
	};

	return cmocka_run_group_tests(tests, NULL, room_release);
}
