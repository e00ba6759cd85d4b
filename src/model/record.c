/*
 * Records and intents as plain data. The JSON in a record is parsed on first use only: a resource that
 * did not change is recognised by its fingerprint and never parsed.
 */
#include "model/record.h"

#include "model/json.h"

#include <string.h>

const char *record_status_str(enum record_status status)
{
	switch (status) {
	case RECORD_OK: return "ok";
	case RECORD_UNREADY: return "unready";
	case RECORD_TAINTED: return "tainted";
	case RECORD_STOPPED: return "stopped";
	case RECORD_DEPOSED: return "deposed";
	}
	return "?";
}

const char *intent_action_str(enum intent_action action)
{
	switch (action) {
	case INTENT_CREATE: return "create";
	case INTENT_UPDATE: return "update";
	case INTENT_DELETE: return "delete";
	case INTENT_START: return "start";
	case INTENT_STOP: return "stop";
	}
	return "?";
}

static const struct value *parse(struct record *record, const char *json, const char *what,
	const struct value **cached, struct error *err)
{
	struct value *value;

	if (*cached)
		return *cached;
	if (!json)
		return *cached = &value_empty_map;
	value = arena_alloc(record->arena, sizeof(*value));
	if (json_parse(json, strlen(json), record->arena, record->key, value, err) < 0) {
		error_wrap(err, "recorded %s of %s", what, record->address);
		if (err)
			err->code = ERROR_CORRUPT;
		return &value_empty_map; /* not kept: the next caller gets the error, too */
	}
	if (value->kind != VALUE_MAP) {
		error_set(err, ERROR_CORRUPT, "recorded %s of %s: not a map", what,
			record->address);
		return &value_empty_map;
	}
	return *cached = value;
}

const struct value *record_inputs(struct record *record, struct error *err)
{
	return parse(record, record->inputs_json, "inputs", &record->inputs, err);
}

const struct value *record_outputs(struct record *record, struct error *err)
{
	return parse(record, record->outputs_json, "outputs", &record->outputs, err);
}

const struct value *record_observed(struct record *record, struct error *err)
{
	return parse(record, record->observed_json, "observed attributes", &record->observed, err);
}

const struct value *record_meta(struct record *record, struct error *err)
{
	return parse(record, record->meta_json, "metadata", &record->meta, err);
}

bool record_has_fingerprint(const struct record *record)
{
	static const struct hash none;

	return !hash_equal(&record->fingerprint, &none);
}
