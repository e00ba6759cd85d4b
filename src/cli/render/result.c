/* What came of a run, in one line. */
#include "cli/jsonl.h"
#include "cli/render/render.h"

#include <strings.h>

static void add_count(struct strbuf *buf, size_t n, const char *what)
{
	if (n)
		strbuf_addf(buf, ", %zu %s", n, what);
}

static const char *outcome(const struct apply_result *result)
{
	if (result->cancelled)
		return "interrupted";
	if (result->failed || result->blocked || result->broken)
		return "incomplete";
	return result->held ? "complete but for what needs approval" : "complete";
}

static void add_text(struct strbuf *buf, const char *verb, const struct apply_result *result)
{
	char took[32];

	strbuf_addf(buf, "%s %s: ", verb, outcome(result));
	if (strcasecmp(verb, "stop") == 0 || strcasecmp(verb, "start") == 0) {
		strbuf_addf(buf, "%zu %s", result->started,
			strcasecmp(verb, "stop") == 0 ? "stopped" : "started");
	} else {
		strbuf_addf(buf, "%zu added, %zu changed, %zu destroyed", result->added,
			result->changed, result->destroyed);
		add_count(buf, result->started, "started");
	}
	add_count(buf, result->adopted, "adopted");
	add_count(buf, result->forgotten, "forgotten");
	add_count(buf, result->recorded, "recorded");
	add_count(buf, result->failed, "failed");
	if (result->unready) /* they are among those that failed */
		strbuf_addf(buf, " (%zu not ready)", result->unready);
	add_count(buf, result->blocked, "blocked");
	add_count(buf, result->held, "held");
	add_count(buf, result->rolled_back, "rolled back");
	strbuf_addf(buf, " in %s.", duration_str(result->duration, took));
}

void render_result(struct strbuf *buf, const struct terminal *terminal, const char *verb,
	const struct apply_result *result)
{
	bool bad = result->failed || result->blocked || result->cancelled;
	struct strbuf text = STRBUF_INIT;

	add_text(&text, verb, result);
	paint(buf, terminal, bad ? STYLE_RED : result->held ? STYLE_YELLOW : STYLE_GREEN, "%s",
		text.text);
	strbuf_addch(buf, '\n');
	strbuf_release(&text);
}

void render_result_json(
	struct strbuf *buf, const char *operation, const struct apply_result *result)
{
	struct strbuf text = STRBUF_INIT;

	add_text(&text, operation, result);
	jsonl_begin(buf, "apply_summary", result->failed || result->broken ? "error" : "info", "%s",
		text.text);
	jsonl_text(buf, "operation", operation);
	jsonl_text(buf, "outcome", result->cancelled ? "interrupted"
				   : result->failed || result->blocked || result->broken ? "failed"
				   : result->held ? "held" : "complete");
	jsonl_number(buf, "run", result->run);
	jsonl_number(buf, "elapsed_ms", result->duration);
	jsonl_open(buf, "changes", '{');
	jsonl_number(buf, "add", (int64_t)result->added);
	jsonl_number(buf, "change", (int64_t)result->changed);
	jsonl_number(buf, "destroy", (int64_t)result->destroyed);
	jsonl_number(buf, "start", (int64_t)result->started);
	jsonl_number(buf, "adopt", (int64_t)result->adopted);
	jsonl_number(buf, "forget", (int64_t)result->forgotten);
	jsonl_number(buf, "record", (int64_t)result->recorded);
	jsonl_number(buf, "noop", (int64_t)result->noop);
	jsonl_number(buf, "failed", (int64_t)result->failed);
	jsonl_number(buf, "blocked", (int64_t)result->blocked);
	jsonl_number(buf, "unready", (int64_t)result->unready);
	jsonl_number(buf, "held", (int64_t)result->held);
	jsonl_number(buf, "rolled_back", (int64_t)result->rolled_back);
	jsonl_close(buf, '}');
	jsonl_end(buf);
	strbuf_release(&text);
}
