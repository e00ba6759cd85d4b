/* Frames cut anywhere, lines, and sockets in the text of /proc/net. */
#include "container_room.h"

#include <limits.h>

struct heard {
	struct strbuf text;
	int left; /* lines until no more are wanted; -1: all */
};

static bool hear(void *arg, int stream, const char *text, size_t len)
{
	struct heard *heard = arg;

	strbuf_addf(&heard->text, "%d:%.*s|", stream, (int)len, text);
	return heard->left < 0 || --heard->left > 0;
}

static void add_frame(struct strbuf *out, int stream, const char *text)
{
	size_t len = strlen(text);
	const char header[] = {(char)stream, 0, 0, 0, (char)(len >> 24), (char)(len >> 16),
		(char)(len >> 8), (char)len};

	strbuf_add(out, header, sizeof(header));
	strbuf_add(out, text, len);
}

/* Feeds all in pieces of `size` bytes and tells the lines. */
static const char *lines_of(const struct strbuf *data, size_t size, bool raw)
{
	struct heard heard = {.text = STRBUF_INIT, .left = -1};
	struct container_lines lines = {
		.line = hear, .arg = &heard, .rest = {STRBUF_INIT, STRBUF_INIT}};
	struct container_demux demux = {.raw = raw, .output = container_lines_feed, .arg = &lines};
	const char *copy;

	for (size_t at = 0; at < data->len; at += size)
		assert_true(container_demux_feed(&demux, data->text + at,
			data->len - at < size ? data->len - at : size));
	container_lines_end(&lines);
	copy = arena_strdup(&arena, heard.text.text);
	strbuf_release(&heard.text);
	return copy;
}

static void frames_are_read_however_they_are_cut(void **state)
{
	struct strbuf data = STRBUF_INIT;

	(void)state;
	add_frame(&data, 1, "one\ntwo ");
	add_frame(&data, 2, "bad\n");
	add_frame(&data, 1, "");
	add_frame(&data, 1, "halves\n\n");
	add_frame(&data, 2, "no newline");
	for (size_t size = 1; size <= data.len; size++)
		assert_string_equal(lines_of(&data, size, false),
			"1:one|2:bad|1:two halves|1:|2:no newline|");
	strbuf_release(&data);
}

static void a_long_frame_has_a_long_header(void **state)
{
	struct strbuf data = STRBUF_INIT;
	char *text = xmalloc(70002);
	const char *lines;

	(void)state;
	memset(text, 'x', 70000);
	strcpy(text + 70000, "\n");
	add_frame(&data, 1, text);
	add_frame(&data, 1, "end\n");
	lines = lines_of(&data, 4096, false);
	assert_int_equal(strlen(lines), 2 + 70000 + 1 + strlen("1:end|"));
	assert_string_equal(lines + 70003, "1:end|");
	free(text);
	strbuf_release(&data);
}

static void a_terminal_has_no_frames(void **state)
{
	struct strbuf data = STRBUF_INIT;

	(void)state;
	strbuf_addstr(&data, "one\r\ntwo\r\n\x01x");
	for (size_t size = 1; size <= data.len; size++)
		assert_string_equal(lines_of(&data, size, true), "1:one|1:two|1:\x01x|");
	strbuf_release(&data);
}

static void who_wants_no_more_gets_no_more(void **state)
{
	struct heard heard = {.text = STRBUF_INIT, .left = 2};
	struct container_lines lines = {
		.line = hear, .arg = &heard, .rest = {STRBUF_INIT, STRBUF_INIT}};
	struct container_demux demux = {.output = container_lines_feed, .arg = &lines};
	struct strbuf data = STRBUF_INIT;

	(void)state;
	add_frame(&data, 1, "a\nb\nc\nd\n");
	assert_false(container_demux_feed(&demux, data.text, data.len));
	assert_string_equal(heard.text.text, "1:a|1:b|");
	strbuf_release(&heard.text);
	strbuf_release(&lines.rest[0]);
	strbuf_release(&data);
}

static void a_line_without_end_is_cut_and_not_kept(void **state)
{
	struct heard heard = {.text = STRBUF_INIT, .left = -1};
	struct container_lines lines = {
		.line = hear, .arg = &heard, .rest = {STRBUF_INIT, STRBUF_INIT}};
	static char piece[65536];

	(void)state;
	memset(piece, 'y', sizeof(piece));
	for (int i = 0; i < 40; i++) {
		assert_true(container_lines_feed(&lines, 1, piece, sizeof(piece)));
		assert_true(lines.rest[0].len <= 1 << 20);
	}
	assert_true(heard.text.len > 2 << 20);
	container_lines_end(&lines);
	strbuf_release(&heard.text);
}

/* --- sockets ------------------------------------------------------------------------------------ */

#define HEADING "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
#define SOCKET(local, state, inode)                                                                  \
	"   7: " local " 00000000:0000 " state                                                         \
	" 00000000:00000000 00:00000000 00000000     0        0 " inode " 1 00000000370e01d0 100 0\n"

static void a_listening_socket_is_found_by_its_port_and_address(void **state)
{
	static const char text[] = HEADING
		SOCKET("0100007F:1F90", "0A", "11")  /* 127.0.0.1:8080 listens */
		SOCKET("0100007F:1F91", "01", "12")  /* 8081 is a connection */
		SOCKET("00000000:1F92", "0A", "13")  /* every address, 8082 */
		SOCKET("00000000:1F93", "07", "14"); /* udp 8083 */

	(void)state;
	assert_int_equal(container_socket(text, false, "127.0.0.1", 8080), 11);
	assert_int_equal(container_socket(text, false, "", 8080), 11);
	assert_int_equal(container_socket(text, false, "0.0.0.0", 8080), 11);
	assert_int_equal(container_socket(text, false, "10.0.0.1", 8080), 0);
	assert_int_equal(container_socket(text, false, "", 8081), 0);
	assert_int_equal(container_socket(text, false, "10.0.0.1", 8082), 13);
	assert_int_equal(container_socket(text, false, "", 8083), 0);
	assert_int_equal(container_socket(text, true, "", 8083), 14);
	assert_int_equal(container_socket(text, false, "", 80), 0);
	assert_int_equal(container_socket("", false, "", 80), 0);
}

static void sockets_of_ipv6_may_hold_ports_of_ipv4(void **state)
{
	static const char text[] = HEADING
		SOCKET("00000000000000000000000001000000:1F90", "0A", "21")  /* [::1]:8080 */
		SOCKET("00000000000000000000000000000000:1F91", "0A", "22")  /* [::]:8081 */
		SOCKET("0000000000000000FFFF00000100007F:1F92", "0A", "23"); /* ::ffff:127.0.0.1 */

	(void)state;
	assert_int_equal(container_socket(text, false, "::1", 8080), 21);
	assert_int_equal(container_socket(text, false, "127.0.0.1", 8080), 0);
	assert_int_equal(container_socket(text, false, "127.0.0.1", 8081), 22);
	assert_int_equal(container_socket(text, false, "127.0.0.1", 8082), 23);
	assert_int_equal(container_socket(text, false, "10.0.0.1", 8082), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_read_however_they_are_cut),
		cmocka_unit_test(a_long_frame_has_a_long_header),
		cmocka_unit_test(a_terminal_has_no_frames),
		cmocka_unit_test(who_wants_no_more_gets_no_more),
		cmocka_unit_test(a_line_without_end_is_cut_and_not_kept),
		cmocka_unit_test(a_listening_socket_is_found_by_its_port_and_address),
		cmocka_unit_test(sockets_of_ipv6_may_hold_ports_of_ipv4),
	};

	return cmocka_run_group_tests(tests, NULL, room_release);
}
