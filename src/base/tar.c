/*
 * The stream itself: POSIX ustar, with a pax header before an entry whose name, target or size does
 * not fit. tar_read is a pump of three states: pending bytes, the content of a file, the next header.
 */
#include "base/tar.h"

#include "base/trail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 512, NAME_SIZE = 100 };

struct ustar {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type,
		link[100], magic[6], version[2], user[32], group[32], major[8], minor[8],
		prefix[155], unused[12];
};
_Static_assert(sizeof(struct ustar) == BLOCK, "a tar header is one block");

static void add_padding(struct strbuf *out, int64_t size)
{
	static const char zeros[BLOCK];

	if (size % BLOCK)
		strbuf_add(out, zeros, (size_t)(BLOCK - size % BLOCK));
}

static void add_header(struct strbuf *out, const char *name, char type, unsigned mode,
	int64_t size, int64_t modified, const char *target)
{
	struct ustar header = {.type = type, .magic = "ustar", .version = {'0', '0'}};
	const unsigned char *bytes = (const unsigned char *)&header;
	unsigned sum = 0;

	memcpy(header.name, name, strnlen(name, sizeof(header.name)));
	if (target)
		memcpy(header.link, target, strnlen(target, sizeof(header.link)));
	snprintf(header.mode, sizeof(header.mode), "%07o", mode & 07777);
	snprintf(header.uid, sizeof(header.uid), "%07o", 0);
	snprintf(header.gid, sizeof(header.gid), "%07o", 0);
	snprintf(header.size, sizeof(header.size), "%011llo",
		(unsigned long long)size & 077777777777ULL);
	snprintf(header.mtime, sizeof(header.mtime), "%011llo",
		(unsigned long long)modified & 077777777777ULL);
	memset(header.checksum, ' ', sizeof(header.checksum));
	for (size_t i = 0; i < sizeof(header); i++)
		sum += bytes[i];
	snprintf(header.checksum, sizeof(header.checksum), "%06o", sum);
	strbuf_add(out, &header, sizeof(header));
}

/* "LEN key=value\n", where LEN counts itself. */
static void add_record(struct strbuf *out, const char *key, const char *value)
{
	size_t rest = strlen(key) + strlen(value) + 3, len = rest + 1;
	char digits[24];

	while ((size_t)snprintf(digits, sizeof(digits), "%zu", len) + rest != len)
		len = (size_t)snprintf(digits, sizeof(digits), "%zu", len) + rest;
	strbuf_addf(out, "%zu %s=%s\n", len, key, value);
}

static void add_pax(struct strbuf *out, const char *name, const char *target, int64_t size)
{
	cleanup_strbuf struct strbuf records = STRBUF_INIT;
	char digits[24];

	if (target && strlen(target) > NAME_SIZE)
		add_record(&records, "linkpath", target);
	if (strlen(name) > NAME_SIZE)
		add_record(&records, "path", name);
	if (size > 077777777777LL) {
		snprintf(digits, sizeof(digits), "%lld", (long long)size);
		add_record(&records, "size", digits);
	}
	if (!records.len)
		return;
	add_header(out, "pax", 'x', 0644, (int64_t)records.len, 0, NULL);
	strbuf_add(out, records.text, records.len);
	add_padding(out, (int64_t)records.len);
}

/* Opens a file and takes its size from there: what was listed may have changed since. */
static int start_content(struct tar *tar, struct tar_entry *entry, struct error *err)
{
	struct stat st;

	tar->fd = open(entry->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (tar->fd < 0) {
		error_errno(err, "cannot read %s", entry->path);
		if (errno == ENOENT) /* it was listed a moment ago */
			err->code = ERROR_TRANSIENT;
		return -1;
	}
	if (fstat(tar->fd, &st))
		return error_errno(err, "cannot read %s", entry->path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_TRANSIENT, "%s changed while it was read", entry->path);
	entry->size = st.st_size;
	trail_hash(entry->path, tar->fd, NULL);
	entry->mode = st.st_mode;
	entry->modified = tar->times && st.st_mtime > 0 ? st.st_mtime : 0;
	tar->left = st.st_size;
	tar->open = entry;
	return 0;
}

static int start_entry(struct tar *tar, struct tar_entry *entry, struct error *err)
{
	cleanup_strbuf struct strbuf name = STRBUF_INIT;
	char type = S_ISDIR(entry->mode) ? '5' : entry->target ? '2' : '0';

	strbuf_addstr(&name, entry->name);
	if (type == '5')
		strbuf_addch(&name, '/');
	if (type == '0' && start_content(tar, entry, err))
		return -1;
	add_pax(&tar->pending, name.text, entry->target, entry->size);
	add_header(&tar->pending, name.text, type, type == '2' ? 0777 : entry->mode,
		type == '0' ? entry->size : 0, entry->modified, entry->target);
	return 0;
}

static void end_content(struct tar *tar)
{
	add_padding(&tar->pending, tar->open->size);
	close(tar->fd);
	tar->fd = -1;
	tar->open = NULL;
}

static ssize_t read_content(struct tar *tar, char *buf, size_t room, struct error *err)
{
	ssize_t got;

	if ((int64_t)room > tar->left)
		room = (size_t)tar->left;
	do {
		got = read(tar->fd, buf, room);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return error_errno(err, "cannot read %s", tar->open->path);
	if (!got)
		return error_set(err, ERROR_TRANSIENT, "%s became shorter while it was read",
			tar->open->path);
	tar->left -= got;
	return got;
}

ssize_t tar_read(void *arg, char *buf, size_t room, struct error *err)
{
	struct tar *tar = arg;
	ssize_t got = 0;

	while (!got) {
		if (tar->given < tar->pending.len) {
			size_t len = tar->pending.len - tar->given;

			got = (ssize_t)(len < room ? len : room);
			memcpy(buf, tar->pending.text + tar->given, (size_t)got);
			tar->given += (size_t)got;
			continue;
		}
		strbuf_reset(&tar->pending);
		tar->given = 0;
		if (tar->open && tar->left) {
			got = read_content(tar, buf, room, err);
			if (got < 0)
				return -1;
		} else if (tar->open) {
			end_content(tar);
		} else if (tar->next < tar->n) {
			if (start_entry(tar, tar->entries[tar->next++], err))
				return -1;
		} else if (!tar->ended) {
			static const char zeros[2 * BLOCK];

			strbuf_add(&tar->pending, zeros, sizeof(zeros));
			tar->ended = true;
		} else {
			return 0;
		}
	}
	hasher_add(&tar->hasher, buf, (size_t)got);
	return got;
}

void tar_hash(struct tar *tar, struct hash *out)
{
	hasher_finish(&tar->hasher, out);
}

void tar_release(struct tar *tar)
{
	if (tar->fd >= 0)
		close(tar->fd);
	tar->fd = -1;
	strbuf_release(&tar->pending);
}

int tar_add(struct tar *tar, const char *name, const char *path, struct error *err)
{
	struct tar_entry *entry;
	struct stat st;

	if (lstat(path, &st) < 0)
		return error_errno(err, "cannot read %s", path);
	if (!S_ISREG(st.st_mode))
		return 0;
	entry = arena_zalloc(tar->arena, sizeof(*entry));
	entry->name = name + (*name == '/');
	entry->path = path;
	entry->mode = st.st_mode;
	entry->size = st.st_size;
	ARENA_GROW(tar->arena, tar->entries, tar->n, tar->cap);
	tar->entries[tar->n++] = entry;
	return 0;
}
