/* What a NOTIFY says of a SIP user, told to the XMPP user who watches (RFC 8048 6.2). */
#include "presence.h"

#include "base/err.h"
#include "client.h"

#include <stdlib.h>

/* ---- what she was told ---- */

static void forget_one(struct watch *w, unsigned i)
{
	text_drop(&w->pair->p->texts, w->tuples[i]);
	memmove(&w->tuples[i], &w->tuples[i + 1], (--w->n_tuples - i) * sizeof w->tuples[0]);
}

void watch_forget(struct watch *w)
{
	while (w->n_tuples)
		forget_one(w, 0);
}

static int find(const struct watch *w, struct bytes resource, struct pres *out)
{
	for (unsigned i = 0; i < w->n_tuples; i++)
		if (pres_decode(text_bytes(w->tuples[i]), out) == 0 && bytes_eq(out->resource, resource))
			return (int)i;
	return -1;
}

static void keep(struct watch *w, int at, const struct pres *p)
{
	struct buf b;

	buf_init(&b, 1 << 16);
	pres_encode(&b, p);
	struct text *t = buf_failed(&b) ? NULL : text_hold(&w->pair->p->texts, buf_bytes(&b));
	buf_fini(&b);
	if (!t)
		return; /* it is told again at the next document */
	if (at >= 0) {
		text_drop(&w->pair->p->texts, w->tuples[at]);
		w->tuples[at] = t;
	} else if (w->n_tuples < PIDF_TUPLES_MAX) {
		w->tuples[w->n_tuples++] = t;
	} else {
		text_drop(&w->pair->p->texts, t);
	}
}

static void tell_one(struct watch *w, const struct pres *p, struct bytes to)
{
	struct buf b;

	if (w->pair->is_line)
		return; /* its user's phone shows it */
	buf_init(&b, 1 << 16);
	pres_write_children(&b, p);
	presence_tell(w->pair->p, &(struct tell){ .type = p->is_open ? TYPE_AVAILABLE : TYPE_UNAVAILABLE, .from = pair_sip(w->pair),
		.resource = p->resource, .to = to, .lang = p->lang, .children = buf_failed(&b) ? BYTES_NONE : buf_bytes(&b) });
	buf_fini(&b);
}

/* A phone with several lines is as busy as the busiest. */
void watch_show_line(struct watch *w)
{
	struct pres best = { 0 }, p;
	bool any = false;

	for (unsigned i = 0; w->is_line_shown && i < w->n_tuples; i++) {
		if (pres_decode(text_bytes(w->tuples[i]), &p))
			continue;
		/* An open line before a closed one; then by show, whose order is that of being busy. */
		if (any && (p.is_open < best.is_open || (p.is_open == best.is_open && p.show <= best.show)))
			continue;
		best = p;
		any = true;
	}
	if (any)
		best.resource = BYTES_NONE;
	phone_watched(w->pair->p->x, pair_xmpp(w->pair), any && best.is_open ? &best : NULL);
}

static struct bytes recipient(const struct watch *w)
{
	return w->prober ? bytes_of(w->prober) : pair_xmpp(w->pair);
}

void watch_tell_all(struct watch *w, struct bytes to)
{
	struct pres p;
	bool any = false;

	for (unsigned i = 0; i < w->n_tuples; i++) {
		if (pres_decode(text_bytes(w->tuples[i]), &p) || !p.is_open)
			continue;
		tell_one(w, &p, to);
		any = true;
	}
	if (!any)
		presence_tell_plain(w->pair->p, TYPE_UNAVAILABLE, pair_sip(w->pair), to);
}

static void tell_away(struct watch *w, const struct pres *was)
{
	if (!w->pair->is_line)
		presence_tell(w->pair->p, &(struct tell){ .type = TYPE_UNAVAILABLE, .from = pair_sip(w->pair), .resource = was->resource, .to = recipient(w) });
}

void watch_tell_gone(struct watch *w)
{
	struct pres p;

	for (unsigned i = 0; i < w->n_tuples && !w->prober; i++)
		if (pres_decode(text_bytes(w->tuples[i]), &p) == 0 && p.is_open)
			tell_away(w, &p);
	watch_forget(w);
	if (w->pair->is_line)
		watch_show_line(w);
}

/* ---- a document ---- */

static void take_tuple(struct watch *w, const struct pres *now)
{
	struct pres was;
	int at = find(w, now->resource, &was);

	if (at >= 0 && now->at_ms && now->at_ms < was.at_ms)
		return; /* PRE-S20 */
	bool is_same = at >= 0 && pres_equal(&was, now); /* PRE-S15 */
	if (!is_same)
		tell_one(w, now, recipient(w)); /* PRE-S01 to S12 */
	if (!is_same || now->at_ms != was.at_ms)
		keep(w, at, now);
}

static bool is_in(const struct pidf *d, struct bytes resource)
{
	for (size_t i = 0; i < d->n; i++)
		if (bytes_eq(d->tuples[i].pres.resource, resource))
			return true;
	return false;
}

/* PRE-S13 */
static void drop_missing(struct watch *w, const struct pidf *d)
{
	struct pres was;

	for (unsigned i = 0; i < w->n_tuples;) {
		if (pres_decode(text_bytes(w->tuples[i]), &was) == 0 && is_in(d, was.resource)) {
			i++;
			continue;
		}
		if (was.is_open)
			tell_away(w, &was);
		forget_one(w, i);
	}
}

static void take_document(struct watch *w, const struct pidf *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->tuples[i].is_known) /* PRE-S16 */
			take_tuple(w, &d->tuples[i].pres);
	drop_missing(w, d);
	if (w->pair->is_line)
		watch_show_line(w);
	pair_save(w->pair);
}

/* ---- the request ---- */

/* PRE-S18: "gateway note-heuristics" off, lync, all. */
static bool guesses(const struct watch *w)
{
	const struct settings *s = w->pair->p->x->settings;
	unsigned how = settings_enum(s, SET_GATEWAY_NOTES);
	bool is_lync = settings_enum_at(s, SET_SIP_PEER_TYPE, xlate_peer_key(w->pair->p->x, jid_domain_of(pair_sip(w->pair)))) == 1;

	return how == 2 || (how == 1 && is_lync);
}

static bool is_pidf(const struct sipmsg *m)
{
	struct bytes type = sipmsg_value(m, SIPH_CONTENT_TYPE, 0);
	size_t n = bytes_find(type, ';');

	while (n && (type.p[n - 1] == ' ' || type.p[n - 1] == '\t'))
		n--;
	return bytes_eq_nocase(bytes_make(type.p, n), BYTES(PIDF_CONTENT_TYPE));
}

/* 0: there is a document or none; else the status (SUB-X24, PRE-S17, PRE-S19). */
static unsigned read_body(struct watch *w, const struct sipmsg *m, struct pidf **out)
{
	struct arena *a = &w->pair->p->x->arena;
	struct pidf_how how = { arena_dup(a, sipmsg_value(m, SIPH_CONTENT_LANGUAGE, 0)), guesses(w) };
	struct bytes body = sipmsg_body(m);

	*out = NULL;
	if (!body.n)
		return 0;
	if (!is_pidf(m) || sipmsg_count(m, SIPH_CONTENT_ENCODING))
		return 415;
	if (how.lang.n > PRES_LANG_MAX_BYTES)
		how.lang = BYTES_NONE;
	struct pidf *d = arena_alloc(a, sizeof *d);
	if (!d || pidf_read(body, &how, a, d))
		return 400;
	*out = d;
	return 0;
}

static void answer(struct request_in *r, unsigned status)
{
	struct reply reply = { .status = status };

	if (status == 415)
		reply.headers = BYTES("Accept: " PIDF_CONTENT_TYPE "\r\n");
	if (status >= 300)
		presence_stats[PSTAT_NOTIFIED_BAD]++;
	request_in_answer(r, &reply);
}

static const struct {
	const char *reason;
	enum watch_event event;
} ends[] = { /* RFC 6665 4.1.3 */
	{ "deactivated", V_END_AGAIN }, { "timeout", V_END_AGAIN }, { "probation", V_END_LATER }, { "giveup", V_END_LATER },
	{ "rejected", V_END_REFUSED }, { "noresource", V_END_ABSENT }, { "invariant", V_END_FROZEN },
};

static enum watch_event event_of_end(struct bytes params, struct watch_news *news)
{
	struct bytes reason = BYTES_NONE, retry;
	uint64_t s;

	if (sip_param(params, "retry-after", &retry) && bytes_to_u64(retry, UINT32_MAX, &s) == 0) {
		news->is_retry_said = true;
		news->retry_s = (uint32_t)s;
	}
	if (sip_param(params, "reason", &reason))
		for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
			if (bytes_eq_nocase(reason, bytes_of(ends[i].reason)))
				return ends[i].event;
	/* No reason, or an unknown one: try again (RFC 6665 4.1.3), when it says, or by and by. */
	return news->is_retry_said || reason.n ? V_END_LATER : V_END_AGAIN;
}

/* SUB-X03, SUB-X04 */
static void active(struct watch *w, const struct pidf *d)
{
	if (!w->is_authorised && !w->prober && w->is_wanted && !w->pair->is_line) {
		w->is_authorised = true;
		free(w->sid);
		w->sid = NULL;
		presence_tell_plain(w->pair->p, TYPE_SUBSCRIBED, pair_sip(w->pair), pair_xmpp(w->pair));
		pair_save(w->pair);
	}
	if (d)
		take_document(w, d);
	else if (!w->is_told && !w->n_tuples && !w->pair->is_line) /* PRE-S14 */
		presence_tell_plain(w->pair->p, TYPE_UNAVAILABLE, pair_sip(w->pair), recipient(w));
	w->is_told = true;
}

static struct bytes word_of(struct bytes state)
{
	size_t n = bytes_find(state, ';');

	while (n && (state.p[n - 1] == ' ' || state.p[n - 1] == '\t'))
		n--;
	return bytes_make(state.p, n);
}

static void shorten(struct watch *w, struct bytes params)
{
	struct bytes expires;
	uint64_t s;

	if (sip_param(params, "expires", &expires) && bytes_to_u64(expires, UINT32_MAX, &s) == 0)
		watch_shorten(w, (uint32_t)s);
}

/* A look's document comes with its end (SUB-P01). */
static void end(struct watch *w, struct bytes params, const struct pidf *d)
{
	struct watch_news news = { 0 };
	enum watch_event e = event_of_end(params, &news);

	if (w->prober && d && e != V_END_REFUSED && e != V_END_ABSENT)
		active(w, d);
	watch_step(w, e, &news);
}

/* RFC 3261 12.2.2, RFC 6665 4.1.3. */
static unsigned judge(struct watch *w, const struct sipmsg *m)
{
	int rc = dialog_is_confirmed(&w->dialog) ? dialog_take_request(&w->dialog, m) : dialog_of_first_notify(&w->dialog, m);

	if (rc == ERR_BAD_STATE)
		return 500; /* SUB-X23 */
	return rc == ERR_SYNTAX || !sipmsg_count(m, SIPH_SUBSCRIPTION_STATE) ? 400 : rc ? 500 : 0;
}

/* Of Subscription-State; a text of its own, since the request goes with its answer. */
struct said {
	char text[512];
	struct bytes word, params;
};

static void read_state(const struct sipmsg *m, struct said *out)
{
	struct bytes v = pres_cut(sipmsg_value(m, SIPH_SUBSCRIPTION_STATE, 0), sizeof out->text);

	if (v.n)
		memcpy(out->text, v.p, v.n);
	v.p = (const uint8_t *)out->text;
	out->word = word_of(v);
	out->params = bytes_skip(v, bytes_find(v, ';') + 1);
}

/* Is it for this dialog? Otherwise it is answered. */
static bool is_ours(struct watch *w, struct request_in *r, bool is_end)
{
	if (!bytes_eq(sipmsg_value(r->m, SIPH_CALL_ID, 0), dialog_get(&w->dialog, w->dialog.call_id))) {
		answer(r, 481);
		return false;
	}
	if (dialog_has(&w->dialog, r->m))
		return true;
	if (!is_end)
		watch_end_fork(w, r->m); /* SUB-X06 */
	answer(r, 200);
	return false;
}

void watch_on_notify(struct watch *w, struct request_in *r)
{
	struct pidf *d = NULL;
	struct said said;

	presence_stats[PSTAT_NOTIFIED_IN]++;
	read_state(r->m, &said);
	bool is_end = bytes_eq_nocase(said.word, BYTES("terminated"));
	if (!is_ours(w, r, is_end))
		return;
	unsigned status = judge(w, r->m);
	if (status) {
		answer(r, status);
		return;
	}
	status = read_body(w, r->m, &d);
	answer(r, status ? status : 200);
	if (is_end) {
		end(w, said.params, d);
		return;
	}
	shorten(w, said.params);
	if (bytes_eq_nocase(said.word, BYTES("active")) && !status)
		active(w, d);
}
