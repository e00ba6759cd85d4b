/*
 * The keys of a container, one row each: what the manifest says, its normal form, what an engine is
 * told, and that reading this back gives the normal form again. Then what engines make of it: defaults
 * filled in, nulls, ids in the place of names.
 */
#include "container_room.h"

static const struct row {
	const char *key, *in, *normal, *body; /* body: without Image and Labels */
} rows[] = {
	{"image", "\"nginx\"", "\"nginx:latest\"", "{}"},
	{"command", "\"run -p 'a b'\"", "[\"run\",\"-p\",\"a b\"]", "{\"Cmd\":[\"run\",\"-p\",\"a b\"]}"},
	{"command", "[\"run\",80]", "[\"run\",\"80\"]", "{\"Cmd\":[\"run\",\"80\"]}"},
	{"entrypoint", "[\"/init\",\"-x\"]", "[\"/init\",\"-x\"]", "{\"Entrypoint\":[\"/init\",\"-x\"]}"},
	{"entrypoint", "\"/init -x\"", "[\"/init\",\"-x\"]", "{\"Entrypoint\":[\"/init\",\"-x\"]}"},
	{"environment", "{\"B\":1,\"A\":\"x=y\",\"C\":true,\"D\":\"\"}",
		"{\"A\":\"x=y\",\"B\":\"1\",\"C\":\"true\",\"D\":\"\"}",
		"{\"Env\":[\"A=x=y\",\"B=1\",\"C=true\",\"D=\"]}"},
	{"workingDirectory", "\"/app\"", "\"/app\"", "{\"WorkingDir\":\"/app\"}"},
	{"user", "1000", "\"1000\"", "{\"User\":\"1000\"}"},
	{"groupAdd", "[\"audio\",5]", "[\"5\",\"audio\"]",
		"{\"HostConfig\":{\"GroupAdd\":[\"5\",\"audio\"]}}"},
	{"tty", "true", "true", "{\"Tty\":true}"},
	{"stdinOpen", "true", "true", "{\"OpenStdin\":true}"},
	{"init", "true", "true", "{\"HostConfig\":{\"Init\":true}}"},
	{"healthcheck", "{\"test\":\"curl -f x\",\"interval\":\"1m30s\",\"timeout\":\"500ms\",\"retries\":3,"
		"\"startPeriod\":10,\"startInterval\":\"1s\"}",
		"{\"interval\":90000,\"retries\":3,\"startInterval\":1000,\"startPeriod\":10000,"
		"\"test\":[\"CMD-SHELL\",\"curl -f x\"],\"timeout\":500}",
		"{\"Healthcheck\":{\"Interval\":90000000000,\"Retries\":3,\"StartInterval\":1000000000,"
		"\"StartPeriod\":10000000000,\"Test\":[\"CMD-SHELL\",\"curl -f x\"],\"Timeout\":500000000}}"},
	{"healthcheck", "{\"test\":[\"CMD\",\"true\"]}", "{\"test\":[\"CMD\",\"true\"]}",
		"{\"Healthcheck\":{\"Test\":[\"CMD\",\"true\"]}}"},
	{"healthcheck", "{\"disable\":true}", "{\"test\":[\"NONE\"]}",
		"{\"Healthcheck\":{\"Test\":[\"NONE\"]}}"},
	{"stopSignal", "\"int\"", "\"SIGINT\"", "{\"StopSignal\":\"SIGINT\"}"},
	{"stopGracePeriod", "\"1500ms\"", "2", "{\"StopTimeout\":2}"},
	{"hostname", "\"web\"", "\"web\"", "{\"Hostname\":\"web\"}"},
	{"domainname", "\"a.test\"", "\"a.test\"", "{\"Domainname\":\"a.test\"}"},
	{"ports", "[\"8080:80\",\"127.0.0.1:53:53/udp\",\"9000\",\"[::1]:8443:443\"]",
		"{\"443/tcp\":[\"[::1]:8443\"],\"53/udp\":[\"127.0.0.1:53\"],\"80/tcp\":[\"8080\"],"
		"\"9000/tcp\":[\"auto\"]}",
		"{\"ExposedPorts\":{\"443/tcp\":{},\"53/udp\":{},\"80/tcp\":{},\"9000/tcp\":{}},"
		"\"HostConfig\":{\"PortBindings\":{\"443/tcp\":[{\"HostIp\":\"::1\",\"HostPort\":\"8443\"}],"
		"\"53/udp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"53\"}],"
		"\"80/tcp\":[{\"HostPort\":\"8080\"}],\"9000/tcp\":[{\"HostPort\":\"\"}]}}}"},
	{"ports", "[{\"container\":80,\"host\":8080},{\"container\":80,\"host\":\"81\",\"hostIp\":\"10.0.0.1\"}]",
		"{\"80/tcp\":[\"10.0.0.1:81\",\"8080\"]}",
		"{\"ExposedPorts\":{\"80/tcp\":{}},\"HostConfig\":{\"PortBindings\":{\"80/tcp\":["
		"{\"HostIp\":\"10.0.0.1\",\"HostPort\":\"81\"},{\"HostPort\":\"8080\"}]}}}"},
	{"ports", "[\"3000-3001:4000-4001\",\"8000-8010:80\"]",
		"{\"4000/tcp\":[\"3000\"],\"4001/tcp\":[\"3001\"],\"80/tcp\":[\"8000-8010\"]}",
		"{\"ExposedPorts\":{\"4000/tcp\":{},\"4001/tcp\":{},\"80/tcp\":{}},"
		"\"HostConfig\":{\"PortBindings\":{\"4000/tcp\":[{\"HostPort\":\"3000\"}],"
		"\"4001/tcp\":[{\"HostPort\":\"3001\"}],\"80/tcp\":[{\"HostPort\":\"8000-8010\"}]}}}"},
	{"expose", "[80,\"90-91/udp\"]", "[\"80/tcp\",\"90/udp\",\"91/udp\"]",
		"{\"ExposedPorts\":{\"80/tcp\":{},\"90/udp\":{},\"91/udp\":{}}}"},
	{"networks", "[\"back\"]", "[{\"name\":\"back\"}]",
		"{\"HostConfig\":{\"NetworkMode\":\"back\"},"
		"\"NetworkingConfig\":{\"EndpointsConfig\":{\"back\":{}}}}"},
	{"networks", "[{\"name\":\"back\",\"aliases\":[\"z\",\"a\"],\"ipv4Address\":\"10.9.0.5\","
		"\"ipv6Address\":\"fd00::5\"}]",
		"[{\"aliases\":[\"a\",\"z\"],\"ipv4Address\":\"10.9.0.5\",\"ipv6Address\":\"fd00::5\","
		"\"name\":\"back\"}]",
		"{\"HostConfig\":{\"NetworkMode\":\"back\"},\"NetworkingConfig\":{\"EndpointsConfig\":{"
		"\"back\":{\"Aliases\":[\"a\",\"z\"],\"IPAMConfig\":{\"IPv4Address\":\"10.9.0.5\","
		"\"IPv6Address\":\"fd00::5\"}}}}}"},
	{"networkMode", "\"host\"", "\"host\"", "{\"HostConfig\":{\"NetworkMode\":\"host\"}}"},
	{"extraHosts", "[\"b=10.0.0.2\",\"a:10.0.0.1\"]", "[\"a:10.0.0.1\",\"b:10.0.0.2\"]",
		"{\"HostConfig\":{\"ExtraHosts\":[\"a:10.0.0.1\",\"b:10.0.0.2\"]}}"},
	{"extraHosts", "{\"host.internal\":\"host-gateway\"}", "[\"host.internal:host-gateway\"]",
		"{\"HostConfig\":{\"ExtraHosts\":[\"host.internal:host-gateway\"]}}"},
	{"dns", "[\"9.9.9.9\",\"1.1.1.1\"]", "[\"9.9.9.9\",\"1.1.1.1\"]",
		"{\"HostConfig\":{\"Dns\":[\"9.9.9.9\",\"1.1.1.1\"]}}"},
	{"dnsSearch", "\"a.test\"", "[\"a.test\"]", "{\"HostConfig\":{\"DnsSearch\":[\"a.test\"]}}"},
	{"dnsOptions", "[\"ndots:2\"]", "[\"ndots:2\"]", "{\"HostConfig\":{\"DnsOptions\":[\"ndots:2\"]}}"},
	{"volumes", "[\"data:/var/lib\",\"./conf:/etc/x:ro\",\"/cache\",\"/abs:/abs\"]",
		"[{\"source\":\"/abs\",\"target\":\"/abs\",\"type\":\"bind\"},"
		"{\"target\":\"/cache\",\"type\":\"volume\"},"
		"{\"readOnly\":true,\"source\":\"./conf\",\"target\":\"/etc/x\",\"type\":\"bind\"},"
		"{\"source\":\"data\",\"target\":\"/var/lib\",\"type\":\"volume\"}]",
		"{\"HostConfig\":{\"Mounts\":[{\"Source\":\"/abs\",\"Target\":\"/abs\",\"Type\":\"bind\"},"
		"{\"Target\":\"/cache\",\"Type\":\"volume\"},"
		"{\"ReadOnly\":true,\"Source\":\"" ROOM_ROOT "/conf\",\"Target\":\"/etc/x\",\"Type\":\"bind\"},"
		"{\"Source\":\"data\",\"Target\":\"/var/lib\",\"Type\":\"volume\"}]}}"},
	{"volumes", "[{\"type\":\"tmpfs\",\"target\":\"/t\",\"size\":\"1m\",\"mode\":\"1777\"},"
		"{\"source\":\"data\",\"target\":\"/d/\",\"noCopy\":true,\"subpath\":\"x\"},"
		"{\"source\":\"../up\",\"target\":\"/u\",\"propagation\":\"rslave\",\"createHostPath\":true}]",
		"[{\"noCopy\":true,\"source\":\"data\",\"subpath\":\"x\",\"target\":\"/d\",\"type\":\"volume\"},"
		"{\"mode\":\"1777\",\"size\":1048576,\"target\":\"/t\",\"type\":\"tmpfs\"},"
		"{\"propagation\":\"rslave\",\"source\":\"../up\",\"target\":\"/u\",\"type\":\"bind\"}]",
		"{\"HostConfig\":{\"Mounts\":[{\"Source\":\"data\",\"Target\":\"/d\",\"Type\":\"volume\","
		"\"VolumeOptions\":{\"NoCopy\":true,\"Subpath\":\"x\"}},"
		"{\"Target\":\"/t\",\"TmpfsOptions\":{\"Mode\":1023,\"SizeBytes\":1048576},\"Type\":\"tmpfs\"},"
		"{\"BindOptions\":{\"Propagation\":\"rslave\"},\"Source\":\"/srv/up\",\"Target\":\"/u\","
		"\"Type\":\"bind\"}]}}"},
	{"tmpfs", "[\"/run:size=64k\",\"/tmp\"]", "{\"/run\":\"size=64k\",\"/tmp\":\"\"}",
		"{\"HostConfig\":{\"Tmpfs\":{\"/run\":\"size=64k\",\"/tmp\":\"\"}}}"},
	{"devices", "[\"/dev/fuse\",\"/dev/a:/dev/b:r\",{\"source\":\"/dev/c\",\"permissions\":\"rw\"}]",
		"[{\"permissions\":\"r\",\"source\":\"/dev/a\",\"target\":\"/dev/b\"},"
		"{\"permissions\":\"rw\",\"source\":\"/dev/c\",\"target\":\"/dev/c\"},"
		"{\"permissions\":\"rwm\",\"source\":\"/dev/fuse\",\"target\":\"/dev/fuse\"}]",
		"{\"HostConfig\":{\"Devices\":["
		"{\"CgroupPermissions\":\"r\",\"PathInContainer\":\"/dev/b\",\"PathOnHost\":\"/dev/a\"},"
		"{\"CgroupPermissions\":\"rw\",\"PathInContainer\":\"/dev/c\",\"PathOnHost\":\"/dev/c\"},"
		"{\"CgroupPermissions\":\"rwm\",\"PathInContainer\":\"/dev/fuse\",\"PathOnHost\":\"/dev/fuse\"}]}}"},
	{"readOnly", "true", "true", "{\"HostConfig\":{\"ReadonlyRootfs\":true}}"},
	{"restart", "\"on-failure:3\"", "\"on-failure:3\"",
		"{\"HostConfig\":{\"RestartPolicy\":{\"MaximumRetryCount\":3,\"Name\":\"on-failure\"}}}"},
	{"restart", "\"no\"", "\"no\"", "{\"HostConfig\":{\"RestartPolicy\":{\"Name\":\"no\"}}}"},
	{"memory", "\"256Mi\"", "268435456", "{\"HostConfig\":{\"Memory\":268435456}}"},
	{"memorySwap", "-1", "-1", "{\"HostConfig\":{\"MemorySwap\":-1}}"},
	{"memoryReservation", "\"64m\"", "67108864", "{\"HostConfig\":{\"MemoryReservation\":67108864}}"},
	{"cpus", "\"500m\"", "0.5", "{\"HostConfig\":{\"NanoCpus\":500000000}}"},
	{"cpuShares", "512", "512", "{\"HostConfig\":{\"CpuShares\":512}}"},
	{"cpuset", "\"0,1\"", "\"0,1\"", "{\"HostConfig\":{\"CpusetCpus\":\"0,1\"}}"},
	{"pidsLimit", "100", "100", "{\"HostConfig\":{\"PidsLimit\":100}}"},
	{"pidsLimit", "0", "-1", "{\"HostConfig\":{\"PidsLimit\":-1}}"},
	{"shmSize", "\"1g\"", "1073741824", "{\"HostConfig\":{\"ShmSize\":1073741824}}"},
	{"oomScoreAdj", "-500", "-500", "{\"HostConfig\":{\"OomScoreAdj\":-500}}"},
	{"ulimits", "{\"nofile\":1024,\"nproc\":{\"soft\":\"10\",\"hard\":20}}",
		"{\"nofile\":{\"hard\":1024,\"soft\":1024},\"nproc\":{\"hard\":20,\"soft\":10}}",
		"{\"HostConfig\":{\"Ulimits\":[{\"Hard\":1024,\"Name\":\"nofile\",\"Soft\":1024},"
		"{\"Hard\":20,\"Name\":\"nproc\",\"Soft\":10}]}}"},
	{"gpus", "\"all\"", "\"all\"",
		"{\"HostConfig\":{\"DeviceRequests\":[{\"Capabilities\":[[\"gpu\"]],\"Count\":-1}]}}"},
	{"gpus", "2", "\"2\"",
		"{\"HostConfig\":{\"DeviceRequests\":[{\"Capabilities\":[[\"gpu\"]],\"Count\":2}]}}"},
	{"capAdd", "[\"cap_sys_time\",\"NET_ADMIN\",\"net_admin\"]", "[\"NET_ADMIN\",\"SYS_TIME\"]",
		"{\"HostConfig\":{\"CapAdd\":[\"NET_ADMIN\",\"SYS_TIME\"]}}"},
	{"capDrop", "[\"all\"]", "[\"ALL\"]", "{\"HostConfig\":{\"CapDrop\":[\"ALL\"]}}"},
	{"privileged", "true", "true", "{\"HostConfig\":{\"Privileged\":true}}"},
	{"securityOpt", "[\"no-new-privileges\",\"label=disable\"]",
		"[\"label=disable\",\"no-new-privileges\"]",
		"{\"HostConfig\":{\"SecurityOpt\":[\"label=disable\",\"no-new-privileges\"]}}"},
	{"sysctls", "{\"net.core.somaxconn\":100}", "{\"net.core.somaxconn\":\"100\"}",
		"{\"HostConfig\":{\"Sysctls\":{\"net.core.somaxconn\":\"100\"}}}"},
	{"pid", "\"host\"", "\"host\"", "{\"HostConfig\":{\"PidMode\":\"host\"}}"},
	{"ipc", "\"shareable\"", "\"shareable\"", "{\"HostConfig\":{\"IpcMode\":\"shareable\"}}"},
	{"uts", "\"host\"", "\"host\"", "{\"HostConfig\":{\"UTSMode\":\"host\"}}"},
	{"usernsMode", "\"host\"", "\"host\"", "{\"HostConfig\":{\"UsernsMode\":\"host\"}}"},
	{"cgroupParent", "\"/x\"", "\"/x\"", "{\"HostConfig\":{\"CgroupParent\":\"/x\"}}"},
	{"runtime", "\"runc\"", "\"runc\"", "{\"HostConfig\":{\"Runtime\":\"runc\"}}"},
	{"logging", "{\"driver\":\"json-file\",\"options\":{\"max-file\":3}}",
		"{\"driver\":\"json-file\",\"options\":{\"max-file\":\"3\"}}",
		"{\"HostConfig\":{\"LogConfig\":{\"Config\":{\"max-file\":\"3\"},\"Type\":\"json-file\"}}}"},
	{"containerName", "\"web_1\"", "\"web_1\"", "{}"},
	{"labels", "{\"team\":\"blue\",\"n\":1}", "{\"n\":\"1\",\"team\":\"blue\"}", "{}"},
};

static struct value without(const struct value *map, const char *a, const char *b)
{
	struct value_builder out;

	builder_init(&out, &arena);
	for (size_t i = 0; i < map->len; i++)
		if (strcmp(map->members[i].key, a) != 0 && strcmp(map->members[i].key, b) != 0)
			builder_put(&out, map->members[i].key, map->members[i].value);
	return builder_map(&out);
}

/* Marks and names do not come from the rows themselves. */
static struct value dressed(const struct row *row, const struct value *inspect)
{
	struct value_builder map, config;

	if (!strcmp(row->key, "containerName")) {
		builder_init(&map, &arena);
		builder_put_str(&map, "Name", "/web_1");
		return builder_map(&map);
	}
	if (strcmp(row->key, "labels") != 0)
		return *inspect;
	builder_init(&map, &arena);
	builder_init(&config, &arena);
	builder_put(&config, "Labels", parse("{\"team\":\"blue\",\"n\":\"1\",\"of.image\":\"x\","
		"\"dev.devenv.intent\":\"1\"}"));
	builder_put(&map, "Config", builder_map(&config));
	return builder_map(&map);
}

static void each_key_goes_to_the_engine_and_comes_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		struct value normal = normal_of(arena_printf(&arena, "{\"%s\":%s}", row->key, row->in));
		struct value body = body_of(&normal), inspect = inspect_of(&body), seen;
		const char *want = arena_printf(&arena, "{\"%s\":%s}", row->key, row->normal);

		assert_string_equal(text_of(&normal), want);
		body = without(&body, "Labels", "Image");
		assert_string_equal(text_of(&body), row->body);
		inspect = dressed(row, &inspect);
		seen = attributes_of(&inspect, &normal);
		assert_string_equal(text_of(&seen), want);
		assert_true(container_matches(&normal, &seen));
	}
}

static void every_key_of_the_table_has_a_row_or_is_unseen(void **state)
{
	static const char *const unseen[] = {"pull", "platform", "envFile", "job", "mustRun"};
	const struct container_key *key;

	(void)state;
	for (size_t i = 0; (key = container_key_at(i)); i++) {
		bool found = false;

		for (size_t j = 0; j < ARRAY_SIZE(rows); j++)
			found = found || !strcmp(rows[j].key, key->name);
		for (size_t j = 0; j < ARRAY_SIZE(unseen); j++)
			found = found || !strcmp(unseen[j], key->name);
		if (!found)
			fail_msg("%s has no row", key->name);
	}
}

/* An attribute that can change in place here must not force replacement there, and no key is missing. */
static void the_table_agrees_with_the_schema(void **state)
{
	const struct type *type = type_find("docker_container");
	const struct container_key *key;

	(void)state;
	assert_non_null(type);
	for (size_t i = 0; (key = container_key_at(i)); i++) {
		const struct schema *schema = type_attribute(type, key->name);

		if (!schema)
			fail_msg("the schema has no %s", key->name);
		if ((key->way == CONTAINER_REPLACE) != !!(schema->flags & SCHEMA_REPLACE))
			fail_msg("%s: the schema and the table differ on replacing", key->name);
	}
	for (size_t i = 0; i < type->schema->n_properties; i++) {
		const struct schema_property *property = &type->schema->properties[i];

		if (!(property->schema->flags & SCHEMA_DEPRECATED) && !container_key(property->name))
			fail_msg("the table has no %s", property->name);
	}
}

/* --- what engines make of it -------------------------------------------------------------------- */

static const struct shown {
	const char *asked, *inspect, *attributes;
} shows[] = {
	/* null, 0, "" and defaults are all "not set" */
	{"{\"restart\":\"no\"}", "{\"HostConfig\":{\"RestartPolicy\":{\"Name\":\"\",\"MaximumRetryCount\":0}}}",
		"{\"restart\":\"no\"}"},
	{"{\"pidsLimit\":-1}", "{\"HostConfig\":{\"PidsLimit\":null}}", "{\"pidsLimit\":-1}"},
	{"{\"pidsLimit\":-1}", "{\"HostConfig\":{\"PidsLimit\":0}}", "{\"pidsLimit\":-1}"},
	{"{\"init\":false}", "{\"HostConfig\":{\"Init\":null}}", "{\"init\":false}"},
	{"{\"entrypoint\":[]}", "{\"Config\":{\"Entrypoint\":null}}", "{\"entrypoint\":[]}"},
	{"{\"entrypoint\":[]}", "{\"Config\":{}}", "{\"entrypoint\":[]}"},
	{"{\"capAdd\":[]}", "{\"HostConfig\":{\"CapAdd\":null}}", "{\"capAdd\":[]}"},
	{"{\"devices\":[]}", "{\"HostConfig\":{\"Devices\":null}}", "{\"devices\":[]}"},
	{"{\"ports\":[]}", "{\"HostConfig\":{\"PortBindings\":null}}", "{\"ports\":{}}"},
	{"{\"tmpfs\":[]}", "{\"HostConfig\":{}}", "{\"tmpfs\":{}}"},
	{"{\"stopGracePeriod\":\"10s\"}", "{\"Config\":{}}", "{\"stopGracePeriod\":10}"},
	{"{\"networkMode\":\"bridge\"}", "{\"HostConfig\":{\"NetworkMode\":\"default\"}}",
		"{\"networkMode\":\"bridge\"}"},
	/* what an engine or an image adds is not ours */
	{"{\"environment\":{\"A\":\"1\"}}", "{\"Config\":{\"Env\":[\"PATH=/bin\",\"A=1\",\"AB=2\"]}}",
		"{\"environment\":{\"A\":\"1\"}}"},
	{"{\"environment\":{\"A\":\"1\",\"GONE\":\"x\"}}", "{\"Config\":{\"Env\":[\"A=2\"]}}",
		"{\"environment\":{\"A\":\"2\"}}"},
	{"{\"expose\":[80]}", "{\"Config\":{\"ExposedPorts\":{\"80/tcp\":{},\"9000/tcp\":{}}}}",
		"{\"expose\":[\"80/tcp\"]}"},
	{"{\"ulimits\":{\"nofile\":5}}", "{\"HostConfig\":{\"Ulimits\":["
		"{\"Name\":\"nofile\",\"Soft\":5,\"Hard\":5},{\"Name\":\"core\",\"Soft\":0,\"Hard\":0}]}}",
		"{\"ulimits\":{\"nofile\":{\"hard\":5,\"soft\":5}}}"},
	{"{\"securityOpt\":[\"no-new-privileges\"]}",
		"{\"HostConfig\":{\"SecurityOpt\":[\"no-new-privileges\",\"label=disable\"]}}",
		"{\"securityOpt\":[\"no-new-privileges\"]}"},
	{"{\"healthcheck\":{\"test\":[\"CMD\",\"x\"]}}",
		"{\"Config\":{\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"],\"Interval\":30000000000,\"Retries\":3}}}",
		"{\"healthcheck\":{\"test\":[\"CMD\",\"x\"]}}"},
	{"{\"logging\":{\"options\":{\"max-size\":\"1m\"}}}",
		"{\"HostConfig\":{\"LogConfig\":{\"Type\":\"json-file\",\"Config\":{\"max-size\":\"1m\"}}}}",
		"{\"logging\":{\"options\":{\"max-size\":\"1m\"}}}"},
	/* two spellings of one thing */
	{"{\"capAdd\":[\"NET_ADMIN\"]}", "{\"HostConfig\":{\"CapAdd\":[\"CAP_NET_ADMIN\"]}}",
		"{\"capAdd\":[\"NET_ADMIN\"]}"},
	{"{\"stopSignal\":\"SIGINT\"}", "{\"Config\":{\"StopSignal\":\"INT\"}}", "{\"stopSignal\":\"SIGINT\"}"},
	{"{\"image\":\"nginx\"}", "{\"Config\":{\"Image\":\"nginx\"},\"Image\":\"sha256:1\"}",
		"{\"image\":\"nginx:latest\"}"},
	{"{\"image\":\"sha256:1\"}", "{\"Config\":{\"Image\":\"nginx\"},\"Image\":\"sha256:1\"}",
		"{\"image\":\"sha256:1\"}"},
	/* networks: the short id among the aliases is the engine's; a network may be named by its id */
	{"{\"networks\":[{\"name\":\"back\",\"aliases\":[\"db\"]}]}",
		"{\"Id\":\"0123456789abcdef\",\"NetworkSettings\":{\"Networks\":{\"back\":{\"NetworkID\":\"77\","
		"\"Aliases\":[\"db\",\"0123456789ab\"],\"IPAddress\":\"10.0.0.9\"}}}}",
		"{\"networks\":[{\"aliases\":[\"db\"],\"name\":\"back\"}]}"},
	{"{\"networks\":[\"77\"]}", "{\"NetworkSettings\":{\"Networks\":{\"back\":{\"NetworkID\":\"77\","
		"\"Aliases\":null,\"IPAMConfig\":null}}}}", "{\"networks\":[{\"name\":\"77\"}]}"},
	{"{\"networks\":[\"b\",\"a\"]}",
		"{\"NetworkSettings\":{\"Networks\":{\"a\":{},\"extra\":{},\"b\":{}}}}",
		"{\"networks\":[{\"name\":\"b\"},{\"name\":\"a\"},{\"name\":\"extra\"}]}"},
	{"{\"networks\":[\"a\"]}", "{\"NetworkSettings\":{\"Networks\":{}}}", "{\"networks\":[]}"},
	/* volumes: a path is told as the manifest says it; one that lies elsewhere shows itself */
	{"{\"volumes\":[\"" ROOM_ROOT "/a:/a\"]}",
		"{\"HostConfig\":{\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"" ROOM_ROOT "/a\",\"Target\":\"/a\"}]}}",
		"{\"volumes\":[{\"source\":\"" ROOM_ROOT "/a\",\"target\":\"/a\",\"type\":\"bind\"}]}"},
	{"{\"volumes\":[\"./a:/a\"]}",
		"{\"HostConfig\":{\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/old/place/a\",\"Target\":\"/a\"}]}}",
		"{\"volumes\":[{\"source\":\"/old/place/a\",\"target\":\"/a\",\"type\":\"bind\"}]}"},
	{"{\"volumes\":[\"./a:/a\"]}",
		"{\"HostConfig\":{\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"" ROOM_ROOT "/b\",\"Target\":\"/a\"}]}}",
		"{\"volumes\":[{\"source\":\"./b\",\"target\":\"/a\",\"type\":\"bind\"}]}"},
	{"{\"volumes\":[\"./a:/a:ro\"]}", "{\"HostConfig\":{\"Binds\":[\"" ROOM_ROOT "/a:/a:ro\"]}}",
		"{\"volumes\":[{\"readOnly\":true,\"source\":\"./a\",\"target\":\"/a\",\"type\":\"bind\"}]}"},
};

static void what_engines_add_or_leave_out_changes_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(shows); i++) {
		struct value asked = normal_of(shows[i].asked), inspect = parse(shows[i].inspect);
		struct value seen = attributes_of(&inspect, &asked);

		assert_string_equal(text_of(&seen), shows[i].attributes);
	}
}

static void a_moved_tag_shows_the_image_that_runs(void **state)
{
	struct value asked = normal_of("{\"image\":\"app:1\"}");
	struct value inspect = parse("{\"Image\":\"sha256:old\",\"Config\":{\"Image\":\"app:1\"}}"), seen;
	struct container_view view = {.arena = &arena, .project_root = "", .inspect = &inspect,
		.config = value_get(&inspect, "Config"), .host = &value_empty_map};

	(void)state;
	view.image_id = "sha256:old";
	seen = container_attributes(&view, &asked);
	assert_string_equal(text_of(&seen), "{\"image\":\"app:1\"}");
	view.image_id = "sha256:new";
	seen = container_attributes(&view, &asked);
	assert_string_equal(text_of(&seen), "{\"image\":\"sha256:old\"}");
}

static void a_peer_is_told_by_the_name_it_was_asked_for(void **state)
{
	struct value asked = normal_of("{\"networkMode\":\"container:db\",\"pid\":\"container:db\"}");
	struct value inspect = parse(
		"{\"HostConfig\":{\"NetworkMode\":\"container:ff00\",\"PidMode\":\"container:ff00\"}}"), seen;
	struct container_view view = {.arena = &arena, .project_root = "", .inspect = &inspect,
		.config = &value_empty_map, .host = value_get(&inspect, "HostConfig"),
		.peer = "db", .peer_id = "ff00"};

	(void)state;
	seen = container_attributes(&view, &asked);
	assert_string_equal(text_of(&seen), "{\"networkMode\":\"container:db\",\"pid\":\"container:db\"}");
	view.peer_id = "ff01"; /* a new one of that name: it shares with the old one still */
	seen = container_attributes(&view, &asked);
	assert_string_equal(text_of(&seen),
		"{\"networkMode\":\"container:ff00\",\"pid\":\"container:ff00\"}");
}

/* A secret stays one on its way to the engine and back: alone where the row says so, else all of it. */
static void what_was_secret_is_secret_when_it_is_seen(void **state)
{
	struct value_builder env, options, logging, inputs;
	struct value in, normal, body, inspect, seen;
	struct diags diags;
	struct container_context context = room_context(&diags);
	const struct value *list;

	(void)state;
	builder_init(&env, &arena);
	builder_init(&options, &arena);
	builder_init(&logging, &arena);
	builder_init(&inputs, &arena);
	builder_put(&env, "PASSWORD", value_sensitive(value_str(&arena, "hunter2")));
	builder_put_str(&env, "PORT", "80");
	builder_put(&options, "token", value_sensitive(value_str(&arena, "t0ken")));
	builder_put_str(&logging, "driver", "splunk");
	builder_put(&logging, "options", builder_map(&options));
	builder_put(&inputs, "environment", builder_map(&env));
	builder_put(&inputs, "logging", builder_map(&logging));
	in = builder_map(&inputs);
	assert_int_equal(container_normalise(&context, &in, &normal), 0);
	body = body_of(&normal);
	inspect = inspect_of(&body);
	inspect = parse(text_of(&inspect)); /* an engine knows of no secrets */
	list = value_get(&body, "Env");
	assert_true(list->items[0].flags & VALUE_SENSITIVE);
	assert_false(list->items[1].flags & VALUE_SENSITIVE);
	seen = attributes_of(&inspect, &normal);
	assert_true(value_path(&seen, "environment.PASSWORD")->flags & VALUE_SENSITIVE);
	assert_string_equal(value_text(value_path(&seen, "environment.PASSWORD"), ""), "hunter2");
	assert_false(value_path(&seen, "environment.PORT")->flags & VALUE_SENSITIVE);
	assert_true(value_get(&seen, "logging")->flags & VALUE_SENSITIVE);
}

static void an_import_shows_what_is_set_and_no_more(void **state)
{
	struct value inspect = parse("{\"Id\":\"0123456789abcdef\",\"Name\":\"/web\",\"Image\":\"sha256:1\","
		"\"Config\":{\"Image\":\"nginx\",\"Env\":[\"A=1\"],\"Cmd\":[\"run\"],\"Entrypoint\":null,"
		"\"User\":\"\",\"Tty\":false,\"Labels\":{\"dev.devenv.intent\":\"x\"},\"Hostname\":\"\"},"
		"\"HostConfig\":{\"NetworkMode\":\"default\",\"Memory\":0,\"NanoCpus\":0,\"PidsLimit\":null,"
		"\"RestartPolicy\":{\"Name\":\"always\"},\"LogConfig\":{\"Type\":\"json-file\",\"Config\":{}},"
		"\"PortBindings\":{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"8080\"}]},\"Privileged\":false},"
		"\"NetworkSettings\":{\"Networks\":{\"bridge\":{}}}}");
	struct value seen = attributes_of(&inspect, NULL);

	(void)state;
	assert_string_equal(text_of(&seen),
		"{\"command\":[\"run\"],\"containerName\":\"web\",\"environment\":{\"A\":\"1\"},"
		"\"image\":\"nginx:latest\",\"networks\":[{\"name\":\"bridge\"}],"
		"\"ports\":{\"80/tcp\":[\"8080\"]},\"restart\":\"always\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_goes_to_the_engine_and_comes_back),
		cmocka_unit_test(every_key_of_the_table_has_a_row_or_is_unseen),
		cmocka_unit_test(the_table_agrees_with_the_schema),
		cmocka_unit_test(what_engines_add_or_leave_out_changes_nothing),
		cmocka_unit_test(a_moved_tag_shows_the_image_that_runs),
		cmocka_unit_test(a_peer_is_told_by_the_name_it_was_asked_for),
		cmocka_unit_test(what_was_secret_is_secret_when_it_is_seen),
		cmocka_unit_test(an_import_shows_what_is_set_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, room_release);
}
