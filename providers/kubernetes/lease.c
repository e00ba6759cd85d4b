/*
 * A Lease is made and written with PUT alone, which says what it is based on, so that each request may be
 * repeated. Whether a holder has died is told by our own clock: the Lease has not moved for as long as it
 * lasts. A file that the actions of one run lock together tells the last of them.
 */
#include "providers/kubernetes/lease.h"

#include "base/fs.h"
#include "model/value.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LASTS = 30,          /* seconds */
	RENEW_AFTER = 10000, /* ms */
	LOOK_AGAIN = 250,    /* ms between two looks at the Lease of another */
};

/* --- among ourselves ----------------------------------------------------------------------------- */

static const char *lock_path(struct kube *kube, const char *namespace)
{
	const char *text = kube_printf(kube, "%s %s", kube->id, namespace);
	char hex[HASH_HEX];
	struct hash hash;

	hash_bytes(text, strlen(text), &hash);
	return kube_printf(kube, "%s/leases/%.16s", kube->env->work_dir, hash_hex(&hash, hex));
}

/* -1: it cannot be locked. One that was removed while we waited for it is not the one that others find. */
static int lock_shared(struct kube *kube, const char *path)
{
	const char *folder = kube_printf(kube, "%s/leases", kube->env->work_dir);
	struct stat status;

	for (;;) {
		int fd;

		if (fs_make_dirs(folder, 0700, kube->arena, NULL, NULL))
			return -1;
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		while (fd >= 0 && flock(fd, LOCK_SH) && errno == EINTR)
			continue;
		if (fd < 0 || (!fstat(fd, &status) && status.st_nlink))
			return fd;
		close(fd);
	}
}

/* --- the object ---------------------------------------------------------------------------------- */

static const char *path_of(struct kube *kube, const struct kube_lease *lease)
{
	return kube_printf(kube, "/apis/coordination.k8s.io/v1/namespaces/%s/leases/" KUBE_LEASE,
		http_escape(kube->arena, lease->namespace, ""));
}

/* `version` NULL: it is made, and must not be there. */
static int put(struct kube *kube, struct kube_lease *lease, const char *version,
	struct kube_reply *reply, struct error *err)
{
	struct kube bare = *kube; /* writing it does not renew it again */
	struct value_builder object, metadata, spec;
	struct kube_request request = {.method = "PUT", .path = path_of(kube, lease)};
	struct value body;
	char now[32];

	bare.lease = NULL;
	clock_rfc3339(clock_wall(kube->env->clock), now);
	builder_init(&metadata, kube->arena);
	builder_put_str(&metadata, "name", KUBE_LEASE);
	if (version)
		builder_put_str(&metadata, "resourceVersion", version);
	builder_init(&spec, kube->arena);
	builder_put_str(&spec, "holderIdentity", lease->holder);
	builder_put_int(&spec, "leaseDurationSeconds", LASTS);
	builder_put_str(&spec, "renewTime", kube_printf(kube, "%.19s.%06dZ", now,
		(int)(clock_wall(kube->env->clock) % 1000) * 1000));
	builder_init(&object, kube->arena);
	builder_put_str(&object, "apiVersion", "coordination.k8s.io/v1");
	builder_put_str(&object, "kind", "Lease");
	builder_put(&object, "metadata", builder_map(&metadata));
	builder_put(&object, "spec", builder_map(&spec));
	body = builder_map(&object);
	request.body = &body;
	return kube_call(&bare, &request, reply, err);
}

static void took(struct kube *kube, struct kube_lease *lease, const struct kube_reply *reply)
{
	lease->version = value_text(value_path(reply->body, "metadata.resourceVersion"), NULL);
	lease->uid = value_text(value_path(reply->body, "metadata.uid"), NULL);
	atomic_store(&lease->renewed, clock_monotonic(kube->env->clock));
}

static int look(struct kube *kube, const struct kube_lease *lease, struct kube_reply *reply,
	struct error *err)
{
	struct kube bare = *kube;

	bare.lease = NULL;
	return kube_get(&bare, path_of(kube, lease), reply, err);
}

static const char *holder_of(const struct kube_reply *reply)
{
	return value_text(value_path(reply->body, "spec.holderIdentity"), "");
}

/* --- taking -------------------------------------------------------------------------------------- */

/* What another holder was last seen to have written, and since when it has not moved. */
struct other {
	const char *version;
	int64_t since;
	const char *holder; /* NULL: nobody has been waited for */
};

static bool has_died(struct kube *kube, const struct kube_reply *reply, struct other *other)
{
	const char *version = value_text(value_path(reply->body, "metadata.resourceVersion"), "");
	int64_t now = clock_monotonic(kube->env->clock);
	int64_t lasts = value_get_int(value_get(reply->body, "spec"), "leaseDurationSeconds", LASTS);

	if (!other->version || strcmp(other->version, version) != 0) {
		other->version = version;
		other->since = now;
	}
	return now - other->since > lasts * 1000;
}

static int at_work(const struct other *other, const char *namespace, struct error *err)
{
	return error_set(err, ERROR_TIMEOUT,
		"%s is at work in namespace %s (Lease %s): try again when it has ended", other->holder,
		namespace, KUBE_LEASE);
}

static int wait_for(struct kube *kube, struct kube_lease *lease, const char *holder,
	struct other *other, struct error *err)
{
	if (!other->holder)
		provider_progress(kube->env, "waiting for %s, who is at work in namespace %s", holder,
			lease->namespace);
	other->holder = holder;
	return kube_pause(kube, LOOK_AGAIN, err);
}

/* 1: once more; 0: it is ours; -1: an error, or there is none to be had (ERROR_FAILED, ERROR_NOT_FOUND,
   ERROR_INVALID). */
static int try_to_take(struct kube *kube, struct kube_lease *lease, struct other *other,
	struct error *err)
{
	struct kube_reply reply;
	struct error own = ERROR_INIT;
	const char *holder;

	if (!put(kube, lease, NULL, &reply, &own)) {
		took(kube, lease, &reply);
		return 0;
	}
	if (look(kube, lease, &reply, err)) {
		if (err->code != ERROR_TIMEOUT)
			*err = own;
		return -1;
	}
	holder = holder_of(&reply);
	if (*holder && strcmp(holder, lease->holder) != 0 && !has_died(kube, &reply, other))
		return wait_for(kube, lease, holder, other, err) ? -1 : 1;
	if (put(kube, lease, value_text(value_path(reply.body, "metadata.resourceVersion"), ""),
			&reply, err))
		return err->code == ERROR_CONFLICT || err->code == ERROR_NOT_FOUND ? 1 : -1;
	took(kube, lease, &reply);
	return 0;
}

int kube_lease_take(struct kube *kube, const char *namespace, struct kube_lease *lease,
	struct error *err)
{
	const struct provider_env *env = kube->env;
	struct other other = {0};
	struct error own = ERROR_INIT;
	int rc;

	*lease = (struct kube_lease){.namespace = namespace, .fd = -1};
	if (kube->config.own)
		return 0;
	lease->holder = kube_printf(kube, "%s/%s/%s", env->project, env->environment, env->state_id);
	lease->fd = lock_shared(kube, lock_path(kube, namespace));
	do {
		own = (struct error)ERROR_INIT;
		rc = try_to_take(kube, lease, &other, &own);
	} while (rc > 0);
	if (rc && own.code == ERROR_TIMEOUT && other.holder) /* in a pause, or in a request */
		at_work(&other, namespace, &own);
	if (!rc) {
		kube->lease = lease;
		return 0;
	}
	cleanup_fdp(&lease->fd);
	lease->holder = NULL;
	if (own.code == ERROR_FAILED || own.code == ERROR_NOT_FOUND || own.code == ERROR_INVALID)
		return 0;
	*err = own;
	return -1;
}

/* --- keeping and letting go ----------------------------------------------------------------------- */

void kube_lease_renew(struct kube *kube)
{
	struct kube_lease *lease = kube->lease;
	int64_t now = clock_monotonic(kube->env->clock);
	long long renewed = atomic_load(&lease->renewed);
	struct kube_reply reply;

	if (now - renewed < RENEW_AFTER ||
		!atomic_compare_exchange_strong(&lease->renewed, &renewed, now))
		return; /* not yet, or another connection does it */
	if (!look(kube, lease, &reply, NULL) && !strcmp(holder_of(&reply), lease->holder))
		put(kube, lease, value_text(value_path(reply.body, "metadata.resourceVersion"), ""), &reply,
			NULL);
}

static int remove_it(struct kube *kube, const struct kube_lease *lease)
{
	struct value_builder options, conditions;
	struct value body;
	struct kube_request request = {.method = "DELETE", .path = path_of(kube, lease), .body = &body};
	struct error err = ERROR_INIT;

	builder_init(&conditions, kube->arena);
	builder_put_str(&conditions, "uid", lease->uid ? lease->uid : "");
	builder_put_str(&conditions, "resourceVersion", lease->version ? lease->version : "");
	builder_init(&options, kube->arena);
	builder_put_str(&options, "kind", "DeleteOptions");
	builder_put_str(&options, "apiVersion", "v1");
	builder_put(&options, "preconditions", builder_map(&conditions));
	body = builder_map(&options);
	return kube_call(kube, &request, NULL, &err) && err.code == ERROR_CONFLICT ? -1 : 0;
}

void kube_lease_release(struct kube *kube, struct kube_lease *lease)
{
	struct kube_reply reply;

	kube->lease = NULL;
	if (!lease->holder)
		return;
	if (lease->fd < 0 || !flock(lease->fd, LOCK_EX | LOCK_NB)) {
		/* Another action of ours has written it since. */
		if (remove_it(kube, lease) && !look(kube, lease, &reply, NULL) &&
			!strcmp(holder_of(&reply), lease->holder)) {
			took(kube, lease, &reply);
			remove_it(kube, lease);
		}
		if (lease->fd >= 0)
			fs_remove(lock_path(kube, lease->namespace), NULL);
	}
	cleanup_fdp(&lease->fd);
}
