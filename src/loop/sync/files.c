/*
 * The small files of a sync: status.json for people and supervisors, `reads` (what the last plan
 * depended on), and the pipe `now`. A pipe, because it dies with its reader: whoever opens it for
 * writing knows that somebody listens, and no signal can hit a stranger who got the same pid.
 *
 * `reads` is a cache: without it a commit is planned.
 */
#include "loop/sync/internal.h"

#include "base/fs.h"
#include "base/map.h"
#include "base/strbuf.h"
#include "model/json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *sync_folder(struct arena *arena, const char *home, const char *name)
{
	return arena_printf(arena, "%s/sync/%s", home, name);
}

static int open_pipe(struct sync *sync, struct arena *arena, struct error *err)
{
	const char *path = arena_printf(arena, "%s/now", sync->folder);

	if (mkfifo(path, 0600) < 0 && errno != EEXIST)
		return error_errno(err, "make %s", path);
	/* For writing, too, so that it never comes to its end. */
	sync->now = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return sync->now < 0 ? error_errno(err, "open %s", path) : 0;
}

int files_prepare(struct sync *sync, struct error *err)
{
	const struct sync_options *options = sync->loop->options;
	struct arena arena = ARENA_INIT;
	const char *url = sync->spec->url;
	char hex[HASH_HEX];
	struct hash hash;
	int status;

	hash_bytes(url, strlen(url), &hash);
	hash_hex(&hash, hex);
	sync->folder = xstrdup(sync_folder(&arena, options->home, sync->spec->name));
	sync->live = xstrdup(arena_printf(&arena, "%s/live", sync->folder));
	sync->stage = xstrdup(arena_printf(&arena, "%s/stage", sync->folder));
	sync->clone = xstrdup(arena_printf(&arena, "%s/clones/%.16s", options->home, hex));
	status = fs_make_dirs(sync->folder, 0700, &arena, NULL, err);
	if (status == 0)
		status = fs_make_dirs(fs_parent(&arena, sync->clone), 0700, &arena, NULL, err);
	if (status == 0)
		status = lock_take(&sync->lock, options->home,
			arena_printf(&arena, "sync.%s", sync->spec->name), "sync", options->once ? 60000 : 0,
			NULL, options->clock, err);
	if (status == 0)
		status = open_pipe(sync, &arena, err);
	arena_release(&arena);
	return status;
}

void files_release(struct sync *sync)
{
	if (sync->now >= 0)
		close(sync->now);
	lock_drop(&sync->lock);
	free(sync->folder);
	free(sync->live);
	free(sync->stage);
	free(sync->clone);
}

bool files_asked(const struct sync *sync)
{
	char bytes[64];
	bool asked = false;

	while (sync->now >= 0 && read(sync->now, bytes, sizeof(bytes)) > 0)
		asked = true;
	return asked;
}

/* --- status.json -------------------------------------------------------------------------------- */

static void add_text(struct strbuf *out, const char *key, const char *text)
{
	if (!text)
		return;
	strbuf_addf(out, ",\n  \"%s\": ", key);
	json_write_string(out, text, strlen(text));
}

static void add_time(struct strbuf *out, const char *key, int64_t wall)
{
	char text[32];

	if (wall)
		add_text(out, key, clock_rfc3339(wall, text));
}

static void write_text(const struct sync *sync, const char *name, const struct strbuf *text)
{
	struct arena arena = ARENA_INIT;
	const char *path = arena_printf(&arena, "%s/%s", sync->folder, name);

	fs_write(path, arena_printf(&arena, "%s.new", path), text->text, text->len, 0600, FS_VOLATILE,
		&(struct error)ERROR_INIT);
	arena_release(&arena);
}

/* `round` NULL: one begins, and nothing is known yet. */
void files_write_status(const struct sync *sync, const struct round *round)
{
	const struct sync_record *record = round ? &round->record : NULL;
	const struct clock *clock = sync->loop->options->clock;
	struct strbuf text = STRBUF_INIT;

	strbuf_addf(&text, "{\n  \"pid\": %ld,\n  \"started\": %lld,\n  \"finished\": %lld",
		(long)getpid(), (long long)sync->started, (long long)sync->finished);
	add_text(&text, "name", sync->spec->name);
	add_text(&text, "url", sync->spec->url);
	add_text(&text, "result", round ? sync_result_str(round->result) : "looking");
	add_text(&text, "message", round ? round->message : NULL);
	add_text(&text, "commit", round && round->found.commit ? round->found.commit
				  : record ? record->seen : NULL);
	add_text(&text, "applied", record ? record->applied : NULL);
	add_text(&text, "last_result", record ? record->result : NULL);
	add_text(&text, "author", record ? record->author : NULL);
	add_text(&text, "signer", record ? record->signer : NULL);
	if (record && record->run)
		strbuf_addf(&text, ",\n  \"run\": %lld", (long long)record->run);
	strbuf_addf(&text, ",\n  \"failures\": %d", sync->failures);
	add_time(&text, "checked_at", sync->checked_at);
	add_time(&text, "changed_at", record ? record->changed_at : 0);
	if (round && !sync->loop->options->once)
		add_time(&text, "next_at", clock_wall(clock) + sync->next - clock_monotonic(clock));
	strbuf_addstr(&text, "\n}\n");
	write_text(sync, "status.json", &text);
	strbuf_release(&text);
}

/* --- reads -------------------------------------------------------------------------------------- */

void files_write_reads(const struct sync *sync, const char *const *reads, size_t n)
{
	struct strbuf text = STRBUF_INIT;

	for (size_t i = 0; i < n; i++)
		strbuf_addf(&text, "%s\n", reads[i]);
	strbuf_addstr(&text, n ? ".\n" : ""); /* a list cut off is none */
	write_text(sync, "reads", &text);
	strbuf_release(&text);
}

/* Lines "=PATH" (its content, or what lies below it), "?PATH" (it was not there), "!PATH" (it was). */
static bool read_reads(const struct sync *sync, struct arena *arena, struct map *reads)
{
	const char *path = arena_printf(arena, "%s/reads", sync->folder), *text;
	struct error err = ERROR_INIT;
	size_t len;

	if (fs_read(path, arena, &text, &len, &err) < 0 || len < 2 || strcmp(text + len - 2, ".\n") != 0)
		return false;
	for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
		map_set(reads, arena_strndup(arena, text + 1, strcspn(text, "\n") - 1),
			(unsigned char)*text);
	return true;
}

static bool is_concerned(const struct sync *sync, const struct map *reads, const char *path,
	struct arena *arena)
{
	size_t len = strlen(path);

	if (map_getn(reads, path, len) != MAP_NONE)
		return true;
	while (len) {
		uint32_t how;

		while (len && path[len - 1] != '/')
			len--;
		len -= len > 0;
		how = map_getn(reads, path, len);
		if (how == '=' || how == '?')
			return true;
		/* Only that it is there mattered: is it still? */
		if (how == '!' && len &&
			!fs_exists(arena_printf(arena, "%s/%.*s", sync->stage, (int)len, path)))
			return true;
	}
	return false;
}

bool files_concerned(const struct sync *sync, const char *const *changed, size_t n,
	struct arena *arena)
{
	struct map reads = MAP_INIT;
	bool concerned = !read_reads(sync, arena, &reads);

	for (size_t i = 0; i < n && !concerned; i++)
		concerned = is_concerned(sync, &reads, changed[i], arena);
	map_release(&reads);
	return concerned;
}

/* --- sync now ----------------------------------------------------------------------------------- */

static int64_t number_of(const char *status, const char *name, struct arena *arena)
{
	struct error err = ERROR_INIT;
	struct value value;

	if (json_parse(status, strlen(status), arena, NULL, &value, &err) < 0)
		return 0;
	return value_get_int(&value, name, 0);
}

static int read_status(const char *folder, struct arena *arena, const char **status,
	struct error *err)
{
	size_t len;

	return fs_read(arena_printf(arena, "%s/status.json", folder), arena, status, &len, err);
}

static int wait_for_round(const char *folder, int64_t wanted, int64_t deadline,
	const struct clock *clock, struct arena *arena, const char **status, struct error *err)
{
	for (;;) {
		if (read_status(folder, arena, status, err) < 0)
			return -1;
		if (number_of(*status, "finished", arena) >= wanted)
			return 0;
		if (clock_monotonic(clock) >= deadline)
			return error_set(err, ERROR_TIMEOUT, "it has been asked and has not come to its end");
		poll(NULL, 0, 20);
	}
}

int sync_now(const char *home, const char *name, int64_t timeout, const struct clock *clock,
	struct arena *arena, const char **status, struct error *err)
{
	const char *folder = sync_folder(arena, home, name);
	cleanup_fd int fd = open(arena_printf(arena, "%s/now", folder), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	int64_t started;

	if (fd < 0)
		return error_set(err, ERROR_NOT_FOUND,
			"nobody follows %s now; `devenv sync URL --once` looks once", name);
	if (read_status(folder, arena, status, err) < 0)
		*status = "{}";
	started = number_of(*status, "started", arena);
	if (write(fd, "n", 1) < 0 && errno != EAGAIN)
		return error_errno(err, "ask %s", name);
	return wait_for_round(folder, started + 1, clock_monotonic(clock) + timeout, clock, arena, status,
		err);
}
