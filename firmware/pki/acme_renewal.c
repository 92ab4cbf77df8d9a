/* ACME Renewal Information (RFC 9773): the authority may say when it wants a certificate renewed, sooner because it will take it back, or
 * spread over its customers. Asked about each certificate in force, one at a time, without a signature. What it says counts only within
 * bounds: it cannot make us let a certificate run out, nor order without end. */
#include "acme.h"

#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"

#include <stdio.h>

enum {
	ASK_USUAL_S = 21600, ASK_MIN_S = 60, ASK_MAX_S = 86400, /* RFC 9773 4.3.2 */
	ASK_AGAIN_S = 3600,    /* after a failure */
	RENEWED_PAUSE_S = 3600, /* between renewals that only the authority wants */
	TIMEOUT_MS = 30000, ANSWER_MAX = 16 << 10,
};

static int64_t wall_s(const struct acme *a)
{
	return (int64_t)(loop_wall_ms(a->loop) / 1000);
}

int64_t acme_renewal_s(const struct acme_certificate *c)
{
	int64_t last_s = c->until_s - (c->until_s - c->from_s) / 6; /* time for further attempts stays */

	return c->info.at_s && c->info.at_s <= last_s ? c->info.at_s : c->renew_s;
}

bool acme_renewal_is_due(const struct acme_certificate *c, int64_t now_s)
{
	bool is_own = c->renew_s <= now_s, has_pause = c->renewed_s && now_s - c->renewed_s < RENEWED_PAUSE_S;

	return c->renew_s && acme_renewal_s(c) <= now_s && (is_own || !has_pause);
}

void acme_renewal_forget(struct acme *a)
{
	fetch_cancel(a->info_fetch);
	a->info_fetch = NULL;
	a->info_of = NULL;
}

static void ask_again(struct acme *a, struct acme_certificate *c, int64_t pause_s)
{
	pause_s = pause_s < ASK_MIN_S ? ASK_MIN_S : pause_s > ASK_MAX_S ? ASK_MAX_S : pause_s;
	c->info.next_ms = loop_now(a->loop) + (uint64_t)pause_s * 1000;
}

/* RFC 9773 4.2: a time of our own within the window; the same as long as the window is the same. */
static void take_window(struct acme_certificate *c, const struct acme_window *w)
{
	char at[TEXT_TIME_BYTES];

	snprintf(c->info.explanation, sizeof c->info.explanation, "%s", w->explanation);
	if (c->info.at_s && w->start_s == c->info.start_s && w->end_s == c->info.end_s)
		return;
	c->info.start_s = w->start_s;
	c->info.end_s = w->end_s;
	c->info.at_s = w->start_s + (int64_t)(random_u64() % (uint64_t)(w->end_s - w->start_s));
	text_time((uint64_t)acme_renewal_s(c) * 1000, false, at);
	log_info("acme.renewal", LOG_STR("certificate", c->name), LOG_STR("at", at), LOG_STR("explanation", w->explanation));
}

static void on_info(void *arg, const struct fetch_answer *answer)
{
	struct acme *a = arg;
	struct acme_certificate *c = a->info_of;
	struct acme_window w;
	int64_t retry_s = answer->rc ? 0 : fetch_retry_after_s(answer, wall_s(a));

	a->info_fetch = NULL;
	a->info_of = NULL;
	if (!answer->rc && answer->status < 300 && acme_read_window(answer->body, &w) == 0) {
		take_window(c, &w);
		ask_again(a, c, retry_s ? retry_s : ASK_USUAL_S);
		return;
	}
	log_debug("acme.renewal.unknown", LOG_STR("certificate", c->name), LOG_INT("status", answer->rc ? 0 : answer->status), LOG_STR("why", answer->why));
	if (!answer->rc && answer->status < 500) /* it answers, and not about this one: our own time counts */
		c->info.at_s = 0;
	ask_again(a, c, retry_s > ASK_AGAIN_S ? retry_s : ASK_AGAIN_S);
}

static void on_directory(void *arg, const struct fetch_answer *answer)
{
	static struct acme_directory d; /* large; used within one call */
	struct acme *a = arg;
	struct acme_certificate *c = a->info_of;

	a->info_fetch = NULL;
	a->info_of = NULL;
	if (answer->rc || answer->status >= 300 || acme_read_directory(answer->body, &d))
		ask_again(a, c, ASK_AGAIN_S);
	else if (!a->certificate) /* an order reads it itself */
		a->directory = d;
	acme_renewal_next(a);
}

static void ask(struct acme *a, struct acme_certificate *c)
{
	bool has_directory = a->directory.new_order[0];
	size_t n = strlen(a->directory.renewal_info);
	char url[ACME_URL_MAX + 1 + sizeof c->id + 2];

	if (has_directory && n == 0) {
		ask_again(a, c, ASK_MAX_S); /* this authority has none */
		return;
	}
	(void)snprintf(url, sizeof url, "%s%s%s", a->directory.renewal_info, a->directory.renewal_info[n ? n - 1 : 0] == '/' ? "" : "/", c->id);
	struct fetch_ask q = { .method = FETCH_GET, .url = bytes_of(has_directory ? url : a->config.directory), .accept = "application/json",
			       .max_bytes = has_directory ? ANSWER_MAX : ACME_BODY_MAX, .timeout_ms = TIMEOUT_MS };
	a->info_fetch = fetch_start(a->fetcher, &q, has_directory ? on_info : on_directory, a);
	if (a->info_fetch)
		a->info_of = c;
	else
		ask_again(a, c, ASK_AGAIN_S);
}

void acme_renewal_next(struct acme *a)
{
	if (a->info_fetch || !a->config.directory[0])
		return;
	LIST_EACH (it, &a->certificates) {
		struct acme_certificate *c = LIST_OWNER(it, struct acme_certificate, node);
		if (!c->id[0] || c->is_due || a->certificate == c || c->until_s <= wall_s(a) || loop_now(a->loop) < c->info.next_ms)
			continue;
		ask(a, c);
		return;
	}
}
