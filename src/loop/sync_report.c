/*
 * Results that go back: commit statuses of the forges, webhooks, Slack. Nothing of it decides anything,
 * and nothing waits for it: what cannot be told now is told later, up to five times, oldest first; then
 * it is given up. A report that is newer replaces one of the same sync to the same place.
 */
#include "loop/sync_internal.h"

#include "base/http.h"
#include "model/json.h"

#include <stdlib.h>
#include <string.h>

enum { TRIES = 5, PAUSE = 2000, LIMIT = 10000 };

struct report {
	struct arena arena;
	const struct sync_spec *spec;
	const struct sync_report *to;
	const char *url, *body;
	int tries;
	int64_t next; /* monotonic */
};

struct reports {
	struct report **items;
	size_t n, cap;
};

struct reports *reports_new(void)
{
	return xcalloc(1, sizeof(struct reports));
}

static void drop(struct reports *reports, size_t i)
{
	arena_release(&reports->items[i]->arena);
	free(reports->items[i]);
	memmove(&reports->items[i], &reports->items[i + 1],
		(reports->n - i - 1) * sizeof(*reports->items));
	reports->n--;
}

void reports_free(struct reports *reports)
{
	if (!reports)
		return;
	while (reports->n)
		drop(reports, 0);
	free(reports->items);
	free(reports);
}

/* --- what is said --------------------------------------------------------------------------------- */

static void add_member(struct strbuf *out, const char *key, const char *text)
{
	if (!text || !*text)
		return;
	strbuf_addstr(out, out->len > 1 ? ",\"" : "\"");
	strbuf_addf(out, "%s\":", key);
	json_write_string(out, text, strlen(text));
}

/* Each forge has words of its own for "done", "waits for a person" and "failed". */
static const char *state_word(const char *kind, enum sync_result result)
{
	bool well = result == SYNC_OK || result == SYNC_SEEN, held = result == SYNC_HELD;

	if (strcmp(kind, "azure") == 0)
		return well ? "succeeded" : held ? "pending" : "failed";
	if (strcmp(kind, "gitlab") == 0)
		return well ? "success" : held ? "pending" : "failed";
	return well ? "success" : held ? "pending" : "failure";
}

static const char *sentence(struct arena *arena, const struct round *round)
{
	return arena_printf(arena, "%s%s%.100s", sync_result_str(round->result), round->message ? ": " : "",
		round->message ? round->message : "");
}

static void write_status(struct strbuf *out, struct report *report, const struct round *round)
{
	const char *kind = report->to->kind;
	const char *context = arena_printf(&report->arena, "devenv/%s", report->spec->name);

	strbuf_addch(out, '{');
	add_member(out, "state", state_word(kind, round->result));
	add_member(out, strcmp(kind, "azure") == 0 ? "targetUrl" : "target_url", report->spec->report_url);
	add_member(out, "description", sentence(&report->arena, round));
	if (strcmp(kind, "azure") == 0)
		strbuf_addf(out, ",\"context\":{\"genre\":\"devenv\",\"name\":\"%s\"}", report->spec->name);
	else
		add_member(out, strcmp(kind, "gitlab") == 0 ? "name" : "context", context);
	strbuf_addch(out, '}');
}

static void write_hook(struct strbuf *out, struct report *report, const struct round *round)
{
	const struct git_found *found = &round->found;

	strbuf_addch(out, '{');
	if (strcmp(report->to->kind, "slack") == 0) {
		add_member(out, "text", arena_printf(&report->arena, "%s: %.12s %s (%s): %s",
			report->spec->name, found->commit, found->summary, found->author,
			sentence(&report->arena, round)));
	} else {
		add_member(out, "sync", report->spec->name);
		add_member(out, "url", report->spec->url);
		add_member(out, "commit", found->commit);
		add_member(out, "author", found->author);
		add_member(out, "signer", round->signer);
		add_member(out, "summary", found->summary);
		add_member(out, "result", sync_result_str(round->result));
		add_member(out, "message", round->message);
	}
	strbuf_addch(out, '}');
}

static bool is_hook(const char *kind)
{
	return strcmp(kind, "webhook") == 0 || strcmp(kind, "slack") == 0;
}

/* The URL of a forge is that of the repository in its API; what follows is the same for everybody. */
static const char *status_url(struct report *report, const char *commit)
{
	const char *base = report->to->url;

	if (is_hook(report->to->kind))
		return base;
	if (strcmp(report->to->kind, "azure") == 0)
		return arena_printf(&report->arena, "%s/commits/%s/statuses?api-version=7.0", base, commit);
	return arena_printf(&report->arena, "%s/statuses/%s", base, commit);
}

static void forget_older(struct reports *reports, const struct report *report)
{
	for (size_t i = reports->n; i > 0; i--) {
		const struct report *other = reports->items[i - 1];

		if (other->spec == report->spec && other->to == report->to &&
			strcmp(other->url, report->url) == 0)
			drop(reports, i - 1);
	}
}

void reports_add(struct reports *reports, const struct round *round)
{
	const struct sync_spec *spec = round->sync->spec;

	for (size_t i = 0; round->found.commit && i < spec->n_reports; i++) {
		struct report *report = xcalloc(1, sizeof(*report));
		struct strbuf body = STRBUF_INIT;

		report->spec = spec;
		report->to = &spec->reports[i];
		report->url = status_url(report, round->found.commit);
		if (is_hook(report->to->kind))
			write_hook(&body, report, round);
		else
			write_status(&body, report, round);
		report->body = arena_strdup(&report->arena, body.text);
		strbuf_release(&body);
		forget_older(reports, report);
		VEC_GROW(reports->items, reports->n, reports->cap);
		reports->items[reports->n++] = report;
	}
}

/* --- sending -------------------------------------------------------------------------------------- */

static const char *authorization(struct report *report)
{
	const struct sync_report *to = report->to;

	if (!to->token)
		return "X-Devenv: sync";
	if (strcmp(to->kind, "gitlab") == 0)
		return arena_printf(&report->arena, "PRIVATE-TOKEN: %s", to->token);
	if (strcmp(to->kind, "gitea") == 0)
		return arena_printf(&report->arena, "Authorization: token %s", to->token);
	return arena_printf(&report->arena, "Authorization: Bearer %s", to->token);
}

static int post(struct report *report, struct loop *loop, struct error *err)
{
	const char *headers[] = {"Content-Type: application/json", "Accept: application/json",
		authorization(report), NULL};
	struct http_options options = {.ca_file = report->spec->access.ca_file};
	cleanup_http struct http_client *client = http_client_new(&options, err);
	struct http_response response;
	struct http_request request = {
		.method = "POST", .url = report->url, .headers = headers,
		.body = report->body, .body_len = strlen(report->body),
		.clock = loop->options->clock,
		.deadline = clock_monotonic(loop->options->clock) + LIMIT,
		.cancel = &loop->signals.stop,
	};

	if (!client || http_perform(client, &request, &report->arena, &response, err) < 0)
		return -1;
	if (response.status >= 200 && response.status < 300)
		return 0;
	return error_set(err, ERROR_FAILED, "status %ld", response.status);
}

/* True: it is done with, one way or the other. */
static bool send_one(struct report *report, struct loop *loop)
{
	struct error err = ERROR_INIT;
	struct arena arena = ARENA_INIT;

	signals_busy(&loop->signals, 6 * LIMIT);
	if (post(report, loop, &err) == 0)
		return true;
	report->next = clock_monotonic(loop->options->clock) + ((int64_t)PAUSE << report->tries);
	if (++report->tries < TRIES && !atomic_load(&loop->signals.stop))
		return false;
	loop->hooks->tell(loop->hooks->arg, &(struct sync_event){.kind = SYNC_EVENT_WARNING,
		.spec = report->spec, .text = arena_printf(&arena, "the result could not be told to %s: %s",
			report->to->kind, err.msg)});
	arena_release(&arena);
	return true;
}

int64_t reports_send(struct reports *reports, struct loop *loop)
{
	int64_t next = 0;

	for (size_t i = 0; i < reports->n;) {
		struct report *report = reports->items[i];

		if (report->next <= clock_monotonic(loop->options->clock) && send_one(report, loop)) {
			drop(reports, i);
			continue;
		}
		if (!next || report->next < next)
			next = report->next;
		i++;
	}
	return next;
}
