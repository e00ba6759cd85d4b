/*
 * Images that come from an archive, and names for images. A name that another image has is not taken
 * from it silently.
 */
#include "providers/docker/auth.h"
#include "providers/docker/build.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct loading {
	struct docker *docker;
	int fd;
	const char *path;
	const char *reference, *failure;
};

static ssize_t read_archive(void *arg, char *buf, size_t room, struct error *err)
{
	struct loading *loading = arg;
	ssize_t got = read(loading->fd, buf, room);

	if (got < 0)
		return error_errno(err, "cannot read %s", loading->path);
	return got;
}

static bool see_loaded(void *arg, const struct value *line)
{
	static const char *const marks[] = {"Loaded image: ", "Loaded image ID: "};
	struct loading *loading = arg;
	const char *failure = docker_stream_error(line), *text = value_get_text(line, "stream", "");

	if (failure)
		loading->failure = arena_strdup(loading->docker->arena, failure);
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		size_t len = strlen(marks[i]);

		if (!loading->reference && !strncmp(text, marks[i], len))
			loading->reference = arena_strndup(loading->docker->arena, text + len,
				strcspn(text + len, "\r\n"));
	}
	return true;
}

int load_image(struct docker *docker, const char *path, const char **reference, struct error *err)
{
	static const char *const headers[] = {"Content-Type: application/x-tar", NULL};
	struct loading loading = {.docker = docker, .path = path};
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct docker_stream stream = {.method = "POST", .path = "/images/load?quiet=1",
		.headers = headers, .read = read_archive, .read_arg = &loading, .line = see_loaded,
		.arg = &loading};
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return error_errno(err, "cannot read the archive %s", path);
	loading.fd = fd;
	stream.read_size = st.st_size;
	if (docker_stream(docker, &stream, NULL, err))
		return error_wrap(err, "cannot load %s", path);
	if (loading.failure)
		return error_set(err, ERROR_FAILED, "cannot load %s: %s", path, loading.failure);
	if (!loading.reference)
		return error_set(err, ERROR_INVALID, "%s holds no image", path);
	*reference = loading.reference;
	return 0;
}

int tag_image(struct docker *docker, const char *id, const char *tag, const char *address,
	bool take, struct error *err)
{
	struct error own = ERROR_INIT;
	struct image_reference parts;
	const struct value *other;
	const char *message;

	if (image_reference_parse(docker->arena, tag, &parts, err))
		return -1;
	if (parts.digest)
		return error_set(err, ERROR_INVALID, "tag '%s' has a digest", tag);
	if (!docker_image_inspect(docker, tag, &other, &own)) {
		if (!strcmp(value_get_text(other, "Id", ""), id))
			return 0;
		if (!take && docker_owner(docker, value_path(other, "Config.Labels"), address,
				&message) != OWNER_US)
			return error_set(err, ERROR_CONFLICT,
				"another image has the name '%s' (%.19s): choose another tag, or set adopt: true",
				tag, value_get_text(other, "Id", ""));
	} else if (own.code != ERROR_NOT_FOUND) {
		*err = own;
		return -1;
	}
	if (docker_call(docker, "POST", docker_path(docker, "/images/%s/tag?repo=%s&tag=%s",
			docker_escape(docker, id), http_escape(docker->arena, parts.repository, ""),
			http_escape(docker->arena, parts.tag, "")), NULL, NULL, err))
		return error_wrap(err, "cannot tag '%s'", tag);
	return 0;
}
