/*
 * kubernetes_secret: a Secret that somebody else looks after. It is read each time that a plan is made and
 * never written; it is ours to use, not to destroy.
 */
#include "providers/kubernetes/secret.h"

#include "base/utf8.h"

#include <sodium.h>
#include <string.h>

/* What stands in a Secret is base64; a secret of ours is a text. */
static int decoded(struct kube *kube, const char *key, const struct value *value, struct value *out,
	struct error *err)
{
	const char *text = value_text(value, "");
	size_t room = strlen(text), len, at = 0, n;
	char *plain = arena_alloc(kube->arena, room + 1);

	if (sodium_base642bin((unsigned char *)plain, room, text, room, NULL, &len, NULL,
			sodium_base64_VARIANT_ORIGINAL))
		return error_set(err, ERROR_INVALID, "\"%s\" in it is no base64", key);
	while (at < len && plain[at] && (n = utf8_len(plain + at, len - at)) != 0)
		at += n;
	if (at < len)
		return error_set(err, ERROR_INVALID, "\"%s\" in it is no text", key);
	*out = value_strn(kube->arena, plain, len);
	return 0;
}

static int read_data(struct kube *kube, const struct value *data, struct value *out,
	struct error *err)
{
	struct value_builder b;
	struct value text;

	builder_init(&b, kube->arena);
	for (uint32_t i = 0; data && data->kind == VALUE_MAP && i < data->len; i++) {
		if (decoded(kube, data->members[i].key, &data->members[i].value, &text, err) < 0)
			return -1;
		builder_put(&b, data->members[i].key, text);
	}
	*out = value_sensitive(builder_map(&b));
	return 0;
}

static int read_secret(struct kube *kube, const struct value *inputs, const struct value **outputs,
	struct error *err)
{
	const char *name = value_get_text(inputs, "secret", "");
	const char *namespace = kube_namespace(kube, inputs);
	struct value *map = arena_alloc(kube->arena, sizeof(*map));
	struct kube_reply reply;
	struct value_builder b;
	struct value data;

	if (kube_get(kube, kube_printf(kube, "/api/v1/namespaces/%s/secrets/%s",
		    http_escape(kube->arena, namespace, ""), http_escape(kube->arena, name, "")),
		    &reply, err) < 0) {
		if (err->code == ERROR_NOT_FOUND)
			return error_set(err, ERROR_NOT_FOUND, "there is no Secret %s in the namespace %s of %s",
				name, namespace, kube->where);
		return error_wrap(err, "read the Secret %s in the namespace %s", name, namespace);
	}
	if (read_data(kube, value_get(reply.body, "data"), &data, err) < 0)
		return error_wrap(err, "the Secret %s in the namespace %s", name, namespace);
	builder_init(&b, kube->arena);
	builder_put(&b, "data", data);
	*map = builder_map(&b);
	*outputs = map;
	return 0;
}

void kube_secret_observe(struct kube *kube, struct observation *item)
{
	struct error err = ERROR_INIT;
	const struct value *outputs;

	item->ownership = OWNER_US;
	item->presence = item->record ? PRESENCE_PRESENT : PRESENCE_ABSENT;
	item->attributes = item->record ? record_observed(item->record, NULL) : NULL;
	if (!item->record || !item->desired || !value_is_known(item->desired))
		return;
	if (read_secret(kube, item->desired, &outputs, &err) == 0) {
		item->attributes = outputs;
		return;
	}
	item->presence = PRESENCE_UNKNOWN;
	item->message = arena_strdup(kube->arena, err.msg);
}

int kube_secret_apply(struct kube *kube, const struct request *request, struct outcome *outcome,
	struct error *err)
{
	if (read_secret(kube, request->inputs, &outcome->outputs, err) < 0)
		return -1;
	outcome->exists = true;
	outcome->observed = outcome->outputs;
	outcome->endpoint = kube->id;
	return 0;
}
