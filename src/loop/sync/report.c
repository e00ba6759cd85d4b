/*
 * Results that go back: commit statuses of the forges, webhooks, Slack. Nothing of it decides anything,
 * and nothing waits for it: what cannot be told now is told later, up to five times, oldest first; then
 * it is given up. A report that is newer replaces one of the same sync to the same place.
 */
#include "loop/sync/internal.h"

#include "base/http.h"
#include "model/json.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 5, PAUSE = 2000, LIMIT = 10000 };

struct report;

/* One kind of listener: all that tells it from the others. */
struct kind {
	const char *name;
	const char *before, *after;   /* around the commit, behind the URL of the repository; NULL: the URL as it is */
	const char *token;            /* the header, up to the token */
	const char *(*authorize)(struct arena *arena, const char *token); /* where that does not do */
	const char *well, *held, *failed;
	const char *link;             /* the member with the link */
	const char *context[2];       /* around the name of the sync: whose word this is */
	void (*write)(struct strbuf *out, struct report *report, const struct round *round);
};

struct report {
	struct arena arena;
	const struct sync_spec *spec;
	const struct sync_report *to;
	const struct kind *kind;
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

static const char *sentence(struct arena *arena, const struct round *round)
{
	return arena_printf(arena, "%s%s%.100s", sync_result_str(round->result), round->message ? ": " : "",
		round->message ? round->message : "");
}

static void write_status(struct strbuf *out, struct report *report, const struct round *round)
{
	const struct kind *kind = report->kind;
	bool well = round->result == SYNC_OK || round->result == SYNC_SEEN;

	add_member(out, "state", well ? kind->well : round->result == SYNC_HELD ? kind->held : kind->failed);
	add_member(out, kind->link, report->spec->report_url);
	add_member(out, "description", sentence(&report->arena, round));
	strbuf_addf(out, ",%s%s%s", kind->context[0], report->spec->name, kind->context[1]);
}

/* Slack takes <...> for a link, or for a call to everybody: a commit must not say either. */
static const char *slack_text(struct arena *arena, const char *text)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	for (; *text; text++) {
		if (*text == '&')
			strbuf_addstr(&out, "&amp;");
		else if (*text == '<')
			strbuf_addstr(&out, "&lt;");
		else if (*text == '>')
			strbuf_addstr(&out, "&gt;");
		else
			strbuf_addch(&out, *text);
	}
	return arena_strdup(arena, out.text);
}

static void write_slack(struct strbuf *out, struct report *report, const struct round *round)
{
	const struct git_found *found = &round->found;

	add_member(out, "text", slack_text(&report->arena, arena_printf(&report->arena,
		"%s: %.12s %s (%s): %s", report->spec->name, found->commit, found->summary, found->author,
		sentence(&report->arena, round))));
}

static void write_hook(struct strbuf *out, struct report *report, const struct round *round)
{
	const struct git_found *found = &round->found;

	add_member(out, "sync", report->spec->name);
	add_member(out, "url", report->spec->url);
	add_member(out, "commit", found->commit);
	add_member(out, "author", found->author);
	add_member(out, "signer", round->signer);
	add_member(out, "summary", found->summary);
	add_member(out, "result", sync_result_str(round->result));
	add_member(out, "message", round->message);
}

/* A personal access token is the password of nobody; a JSON web token, of OAuth, is a bearer's. */
static const char *azure_authorization(struct arena *arena, const char *token)
{
	size_t len = strlen(token) + 1, size = sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL);
	const char *password = arena_printf(arena, ":%s", token);
	char *coded = arena_alloc(arena, size);

	if (strncmp(token, "eyJ", 3) == 0 && strchr(token, '.'))
		return arena_printf(arena, "Authorization: Bearer %s", token);
	sodium_bin2base64(coded, size, (const unsigned char *)password, len, sodium_base64_VARIANT_ORIGINAL);
	return arena_printf(arena, "Authorization: Basic %s", coded);
}

#define CONTEXT(member) {"\"" member "\":\"devenv/", "\""}

static const struct kind kinds[] = {
	{"github", "/statuses/", "", "Authorization: Bearer ", NULL,
		"success", "pending", "failure", "target_url", CONTEXT("context"), write_status},
	{"gitlab", "/statuses/", "", "PRIVATE-TOKEN: ", NULL,
		"success", "pending", "failed", "target_url", CONTEXT("name"), write_status},
	{"gitea", "/statuses/", "", "Authorization: token ", NULL,
		"success", "pending", "failure", "target_url", CONTEXT("context"), write_status},
	{"azure", "/commits/", "/statuses?api-version=7.0", NULL, azure_authorization,
		"succeeded", "pending", "failed", "targetUrl",
		{"\"context\":{\"genre\":\"devenv\",\"name\":\"", "\"}"}, write_status},
	{.name = "webhook", .token = "Authorization: Bearer ", .write = write_hook},
	{.name = "slack", .token = "Authorization: Bearer ", .write = write_slack},
};

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	}
	return NULL;
}

bool report_is_known(const char *kind)
{
	return find_kind(kind) != NULL;
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
		report->kind = find_kind(report->to->kind);
		report->url = report->kind->before
			? arena_printf(&report->arena, "%s%s%s%s", report->to->url, report->kind->before,
				round->found.commit, report->kind->after)
			: report->to->url;
		strbuf_addch(&body, '{');
		report->kind->write(&body, report, round);
		strbuf_addch(&body, '}');
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
	const char *token = report->to->token;

	if (!token)
		return "X-Devenv: sync";
	if (report->kind->authorize)
		return report->kind->authorize(&report->arena, token);
	return arena_printf(&report->arena, "%s%s", report->kind->token, token);
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
	if (response.status == 203) /* with its page to sign in: Azure DevOps, for a token that it does not take */
		return error_set(err, ERROR_FAILED, "status 203: it wants another token");
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
