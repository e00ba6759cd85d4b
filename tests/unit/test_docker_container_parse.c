/* The small languages inside a container's keys. */
#include "providers/docker/container/parse.h"
#include "model/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>

static struct arena arena;

static int release(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static void sizes_are_powers_of_1024(void **state)
{
	(void)state;
	assert_int_equal(size_parse("0"), 0);
	assert_int_equal(size_parse("65536"), 65536);
	assert_int_equal(size_parse("7b"), 7);
	assert_int_equal(size_parse("64k"), 65536);
	assert_int_equal(size_parse("512m"), 512LL << 20);
	assert_int_equal(size_parse("512M"), 512LL << 20);
	assert_int_equal(size_parse("512mb"), 512LL << 20);
	assert_int_equal(size_parse("512Mi"), 512LL << 20);
	assert_int_equal(size_parse("512MiB"), 512LL << 20);
	assert_int_equal(size_parse("512 MiB"), 512LL << 20);
	assert_int_equal(size_parse("1.5g"), 3LL << 29);
	assert_int_equal(size_parse(".5g"), 1LL << 29);
	assert_int_equal(size_parse("2t"), 2LL << 40);
}

static void what_is_no_size_is_refused(void **state)
{
	static const char *const wrong[] = {"", "m", "-1", "0x10", "1e6", "12q", "12mm", "12mib2", "nan",
		"inf", "1.2.3", ".", "99999999p", "1bi"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		if (size_parse(wrong[i]) != -1)
			fail_msg("'%s' was read as a size", wrong[i]);
}

static void cpus_are_numbers_or_thousandths(void **state)
{
	(void)state;
	assert_int_equal(cpus_parse("0.5"), 500000000);
	assert_int_equal(cpus_parse("2"), 2000000000);
	assert_int_equal(cpus_parse("500m"), 500000000);
	assert_int_equal(cpus_parse("0.29"), 290000000); /* and not 289999999 */
	assert_int_equal(cpus_parse("half"), -1);
	assert_int_equal(cpus_parse("2k"), -1);
	assert_int_equal(cpus_parse("-1"), -1);
	assert_int_equal(cpus_parse(""), -1);
}

static const char *words(const char *text)
{
	struct strbuf out = STRBUF_INIT;
	struct value list;
	const char *wrong = words_split(text, &arena, &list), *copy;

	if (wrong)
		return wrong;
	json_write(&out, &list, JSON_CLEAR, NULL);
	copy = arena_strdup(&arena, out.text);
	strbuf_release(&out);
	return copy;
}

static void words_are_split_as_a_shell_does(void **state)
{
	(void)state;
	assert_string_equal(words(""), "[]");
	assert_string_equal(words("  run   --port 80\n"), "[\"run\",\"--port\",\"80\"]");
	assert_string_equal(words("sh -c 'echo \"a b\" $X'"), "[\"sh\",\"-c\",\"echo \\\"a b\\\" $X\"]");
	assert_string_equal(words("a\\ b"), "[\"a b\"]");
	assert_string_equal(words("\"a\\\"b\\n\""), "[\"a\\\"b\\\\n\"]");
	assert_string_equal(words("x''y \"\" z"), "[\"xy\",\"\",\"z\"]");
	assert_string_equal(words("--name='two words'x"), "[\"--name=two wordsx\"]");
	assert_string_equal(words("'open"), "a quote is not closed");
	assert_string_equal(words("\"open"), "a quote is not closed");
	assert_string_equal(words("end\\"), "it ends with a backslash");
}

static void references_to_images_have_one_form(void **state)
{
	static const char hex[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

	(void)state;
	assert_string_equal(image_normal("nginx", &arena), "nginx:latest");
	assert_string_equal(image_normal("nginx:1.25", &arena), "nginx:1.25");
	assert_string_equal(image_normal("library/nginx:1", &arena), "nginx:1");
	assert_string_equal(image_normal("docker.io/library/nginx", &arena), "nginx:latest");
	assert_string_equal(image_normal("index.docker.io/a/b", &arena), "a/b:latest");
	assert_string_equal(image_normal("localhost:5000/a", &arena), "localhost:5000/a:latest");
	assert_string_equal(image_normal("localhost:5000/a:2", &arena), "localhost:5000/a:2");
	assert_string_equal(image_normal("docker.io/a@sha256:12", &arena), "a@sha256:12");
	assert_string_equal(image_normal("sha256:12", &arena), "sha256:12");
	assert_string_equal(image_normal(hex, &arena), hex);
	assert_true(image_is_fixed(hex));
	assert_true(image_is_fixed("a@sha256:12"));
	assert_false(image_is_fixed("a:latest"));
}

static const char *port(const char *text)
{
	struct port port;
	const char *wrong = port_parse(text, &arena, &port);

	return wrong ? wrong : arena_printf(&arena, "%d-%d host %d-%d ip '%s' %s", port.first, port.last,
		port.host_first, port.host_last, port.ip, port.protocol);
}

static void ports_are_read_in_all_their_forms(void **state)
{
	(void)state;
	assert_string_equal(port("80"), "80-80 host 0-0 ip '' tcp");
	assert_string_equal(port("8080:80"), "80-80 host 8080-8080 ip '' tcp");
	assert_string_equal(port("53:53/UDP"), "53-53 host 53-53 ip '' udp");
	assert_string_equal(port("127.0.0.1:8080:80"), "80-80 host 8080-8080 ip '127.0.0.1' tcp");
	assert_string_equal(port("127.0.0.1::80"), "80-80 host 0-0 ip '127.0.0.1' tcp");
	assert_string_equal(port("[::1]:8080:80/sctp"), "80-80 host 8080-8080 ip '::1' sctp");
	assert_string_equal(port("::1:8080:80"), "80-80 host 8080-8080 ip '::1' tcp");
	assert_string_equal(port("3000-3005:4000-4005"), "4000-4005 host 3000-3005 ip '' tcp");
	assert_string_equal(port("8000-8010:80"), "80-80 host 8000-8010 ip '' tcp");
	assert_string_equal(port("3000-3005"), "3000-3005 host 0-0 ip '' tcp");
}

static void wrong_ports_say_what_is_wrong(void **state)
{
	(void)state;
	assert_string_equal(port(""), "a port is a number from 1 to 65535");
	assert_string_equal(port("0:80"), "a port is a number from 1 to 65535");
	assert_string_equal(port("80:65536"), "a port is a number from 1 to 65535");
	assert_string_equal(port("http"), "a port is a number from 1 to 65535");
	assert_string_equal(port("80x"), "a port is a number or a range as 3000-3005");
	assert_string_equal(port("80/icmp"), "the protocol is tcp, udp or sctp");
	assert_string_equal(port("90-80"), "the range ends before it begins");
	assert_string_equal(port("3000-3002:80-81"), "the two ranges differ in length");
	assert_string_equal(port("[::1:80:80"), "the address in brackets does not end");
}

static const char *mount(const char *text)
{
	struct mount_text mount;
	const char *wrong = mount_parse(text, &arena, &mount);

	return wrong ? wrong : arena_printf(&arena, "%s -> %s%s%s%s%s%s%s", mount.source, mount.target,
		mount.read_only ? " ro" : "", mount.no_copy ? " nocopy" : "",
		mount.propagation ? " " : "", mount.propagation ? mount.propagation : "",
		mount.unsupported ? " not: " : "", mount.unsupported ? mount.unsupported : "");
}

static void mounts_are_read_in_their_short_form(void **state)
{
	(void)state;
	assert_string_equal(mount("data:/var/lib"), "data -> /var/lib");
	assert_string_equal(mount("./conf:/etc/x:ro"), "./conf -> /etc/x ro");
	assert_string_equal(mount("/anonymous"), " -> /anonymous");
	assert_string_equal(mount("a:/b:rw,nocopy"), "a -> /b nocopy");
	assert_string_equal(mount("/a:/b:rslave,ro"), "/a -> /b ro rslave");
	assert_string_equal(mount("/a:/b:cached"), "/a -> /b");
	assert_string_equal(mount("/a:/b:z"), "/a -> /b not: z");
	assert_string_equal(mount("a:b"), "the target is an absolute path inside the container");
	assert_string_equal(mount(":/b"), "there is nothing before the colon");
	assert_string_equal(mount("a:/b:readonly"),
		"the options after the target are ro, rw, nocopy and a propagation");
	assert_true(mount_is_path("./a"));
	assert_true(mount_is_path("/a"));
	assert_true(mount_is_path("~/a"));
	assert_false(mount_is_path("a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_powers_of_1024),
		cmocka_unit_test(what_is_no_size_is_refused),
		cmocka_unit_test(cpus_are_numbers_or_thousandths),
		cmocka_unit_test(words_are_split_as_a_shell_does),
		cmocka_unit_test(references_to_images_have_one_form),
		cmocka_unit_test(ports_are_read_in_all_their_forms),
		cmocka_unit_test(wrong_ports_say_what_is_wrong),
		cmocka_unit_test(mounts_are_read_in_their_short_form),
	};

	return cmocka_run_group_tests(tests, NULL, release);
}
