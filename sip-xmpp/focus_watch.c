#include "focus_impl.h"

#include "address.h"
#include "base/err.h"
#include "mime.h"

#include <stdio.h>
#include <stdlib.h>

enum { URI_BYTES_MAX = 2048, REFRESH_MARGIN_S = 32 };

static void subscribe(struct focus *f);

/* ---- SUBSCRIBE (MUC-X02) ---- */

static int begin_dialog(struct focus *f)
{
	struct jid user = jid_of_normal(bytes_of(f->user)), room = jid_of_normal(bytes_of(f->room));
	struct buf from, to, key;

	buf_init(&from, URI_BYTES_MAX);
	buf_init(&to, URI_BYTES_MAX);
	buf_init(&key, DIALOG_BYTES_MAX);
	int rc = address_of_jid(&user, SIPURI_SIP, &from);
	if (!rc)
		rc = address_of_jid(&room, SIPURI_SIP, &to);
	if (!rc)
		rc = dialog_begin(&f->watch, buf_bytes(&from), buf_bytes(&to), BYTES_NONE, NULL);
	if (!rc)
		dialog_key(&f->watch, &key);
	if (!rc && !session_set(&f->watch_key, buf_bytes(&key)))
		rc = ERR_NOMEM;
	if (!rc)
		rc = map_add(&f->x->foci->by_watch, bytes_of(f->watch_key), f);
	buf_fini(&from);
	buf_fini(&to);
	buf_fini(&key);
	return rc;
}

static void forget_dialog(struct focus *f)
{
	if (f->watch_key)
		map_del(&f->x->foci->by_watch, bytes_of(f->watch_key));
	free(f->watch_key);
	f->watch_key = NULL;
	dialog_fini(&f->watch);
	dialog_init(&f->watch);
	f->has_version = false;
	f->refresh_ms = 0;
	request_out_drop(f->subscribing);
	f->subscribing = NULL;
}

static uint64_t margin_s(uint32_t expires_s)
{
	uint32_t tenth = expires_s / 10;

	if (expires_s < 2 * REFRESH_MARGIN_S)
		return expires_s / 2;
	return tenth > REFRESH_MARGIN_S ? tenth : REFRESH_MARGIN_S;
}

static void set_refresh(struct focus *f, uint32_t expires_s)
{
	if (expires_s > FOCUS_EXPIRES_MAX_S)
		expires_s = FOCUS_EXPIRES_MAX_S;
	uint64_t wait_ms = (expires_s - margin_s(expires_s)) * 1000 + 1;

	f->refresh_ms = loop_now(f->x->loop) + (wait_ms < FOCUS_REFRESH_MIN_MS ? FOCUS_AGAIN_MS : wait_ms);
	focus_arm(f);
}

static void again_later(struct focus *f)
{
	forget_dialog(f);
	f->refresh_ms = loop_now(f->x->loop) + FOCUS_AGAIN_MS;
	focus_arm(f);
}

/* A focus that answers each SUBSCRIBE with a reason for the next one is not followed. */
static bool may_ask_now(struct focus *f)
{
	uint64_t now = loop_now(f->x->loop);

	if (f->hasty_ms <= now) {
		f->hasty_ms = now + FOCUS_AGAIN_MS;
		f->n_hasty = 0;
	}
	return f->n_hasty++ < FOCUS_HASTY_MAX;
}

static void begin_again(struct focus *f)
{
	forget_dialog(f);
	if (may_ask_now(f))
		focus_watch_begin(f);
	else
		again_later(f);
}

static void on_too_short(struct focus *f, const struct sipmsg *m)
{
	uint32_t least;
	bool is_more = sipmsg_number(m, SIPH_MIN_EXPIRES, &least) && least > f->expires_s && least <= FOCUS_EXPIRES_MAX_S;

	if (is_more && may_ask_now(f)) {
		f->expires_s = least;
		subscribe(f);
	} else {
		again_later(f);
	}
}

/* A room that does not tell who is in it is a room all the same: 405, 489 and the like. */
static void on_refused(struct focus *f, const struct outcome *o)
{
	bool was_confirmed = dialog_is_confirmed(&f->watch);

	if (o->m && o->status == 423) {
		on_too_short(f, o->m);
		return;
	}
	if (o->status == 481 && was_confirmed) { /* RFC 6665 4.1.2.2 */
		begin_again(f);
		return;
	}
	log_info("room.watch.refused", LOG_STR("user", f->user), LOG_STR("room", f->room), LOG_INT("status", o->status));
	if (o->why || o->status == 408 || o->status == 480 || o->status >= 500) {
		again_later(f);
	} else {
		forget_dialog(f);
		focus_step(f, FOCUS_LISTED, NULL);
	}
}

static void on_subscribed(void *arg, const struct outcome *o)
{
	struct focus *f = arg;
	uint32_t expires_s = f->expires_s;

	f->subscribing = NULL;
	if (!o->m || o->status >= 300) {
		on_refused(f, o);
		return;
	}
	if (!dialog_is_confirmed(&f->watch)) {
		int rc = dialog_of_response(&f->watch, o->m);
		(void)rc; /* without a Contact its first NOTIFY makes the dialog */
	}
	(void)sipmsg_number(o->m, SIPH_EXPIRES, &expires_s); /* without one it is as long as we asked for */
	set_refresh(f, expires_s < f->expires_s ? expires_s : f->expires_s);
}

static int send(struct focus *f, uint32_t expires_s, request_out_fn fn, struct request_out **out)
{
	struct jid room = jid_of_normal(bytes_of(f->room));
	struct buf contact;
	char digits[16];

	buf_init(&contact, URI_BYTES_MAX);
	(void)session_put_contact(f->session, &contact); /* it was written before, in INVITE */
	struct sipmsg *m = dialog_request(&f->watch, "SUBSCRIBE", buf_bytes(&contact));
	buf_fini(&contact);
	if (!m)
		return ERR_NOMEM;
	snprintf(digits, sizeof digits, "%u", expires_s);
	sipmsg_append(m, SIPH_EVENT, BYTES("conference"));
	sipmsg_append(m, SIPH_ACCEPT, BYTES(CONFERENCE_CONTENT_TYPE));
	sipmsg_append(m, SIPH_EXPIRES, bytes_of(digits));
	const struct request_to to = { .m = m, .trace = f->session->key, .peer = jid_domain(&room) };
	int rc = request_out_send(f->x, &to, fn, f, out);
	sipmsg_free(m);
	return rc;
}

static void subscribe(struct focus *f)
{
	request_out_drop(f->subscribing);
	f->subscribing = NULL;
	f->refresh_ms = 0;
	if (send(f, f->expires_s, on_subscribed, &f->subscribing))
		again_later(f);
}

void focus_watch_begin(struct focus *f)
{
	f->expires_s = FOCUS_EXPIRES_S;
	if (begin_dialog(f))
		again_later(f);
	else
		subscribe(f);
}

void focus_watch_refresh(struct focus *f)
{
	if (f->watch_key)
		subscribe(f);
	else
		focus_watch_begin(f);
}

/* Nobody waits for what comes of it, nor for the last NOTIFY (481). */
void focus_watch_stop(struct focus *f)
{
	if (f->session && dialog_is_confirmed(&f->watch))
		(void)send(f, 0, NULL, NULL);
	forget_dialog(f);
}

void focus_watch_end(struct focus *f)
{
	forget_dialog(f);
}

/* ---- NOTIFY ---- */

static struct focus *focus_of(struct xlate *x, const struct sipmsg *m)
{
	struct buf key;

	buf_init(&key, DIALOG_BYTES_MAX);
	dialog_key_of(m, false, &key);
	struct focus *f = buf_failed(&key) ? NULL : map_get(&x->foci->by_watch, buf_bytes(&key));
	buf_fini(&key);
	return f && dialog_has(&f->watch, m) ? f : NULL;
}

/* Partial ones build on the one before (RFC 4575 4.6; MUC-X04). */
enum fit { FIT_TAKE, FIT_OLD, FIT_GAP };
static enum fit fit_of(const struct focus *f, const struct conference *c)
{
	bool is_partial = c->state == CONFERENCE_PARTIAL;

	if (!f->has_version || !c->has_version)
		return is_partial && !f->has_version ? FIT_GAP : FIT_TAKE;
	if (c->version <= f->version)
		return FIT_OLD;
	return is_partial && c->version != f->version + 1 ? FIT_GAP : FIT_TAKE;
}

static unsigned read_body(struct focus *f, const struct sipmsg *m, struct conference *c)
{
	struct mime_type type = mime_type_of(sipmsg_value(m, SIPH_CONTENT_TYPE, 0));

	if (!mime_is(&type, CONFERENCE_CONTENT_TYPE))
		return 415;
	return conference_read(sipmsg_body(m), &f->x->arena, c) ? 400 : 0;
}

static void take_document(struct focus *f, const struct conference *c)
{
	enum fit fit = c->state == CONFERENCE_DELETED ? FIT_TAKE : fit_of(f, c);

	if (fit == FIT_OLD)
		return;
	if (fit == FIT_GAP) {
		f->has_version = false;
		if (may_ask_now(f))
			subscribe(f); /* answered with all of it */
		return; /* else the next refresh is */
	}
	if (c->state == CONFERENCE_DELETED) {
		focus_step(f, FOCUS_DESTROYED, NULL);
		return;
	}
	f->has_version = true;
	f->version = c->has_version ? c->version : f->version;
	focus_roster_read(f, c);
	if (c->has_users)
		focus_step(f, FOCUS_LISTED, NULL); /* the first one lets him in */
}

/* RFC 6665 4.1.3: who was told to come again does; else he stays without the list. */
static void on_terminated(struct focus *f, struct bytes params, bool is_room_gone)
{
	struct bytes reason;
	bool has_reason = sip_param(params, "reason", &reason);

	forget_dialog(f);
	if (is_room_gone) {
		focus_step(f, FOCUS_DESTROYED, NULL);
	} else if (has_reason && (bytes_eq_nocase(reason, BYTES("deactivated")) || bytes_eq_nocase(reason, BYTES("timeout")))) {
		begin_again(f);
	} else if (has_reason && (bytes_eq_nocase(reason, BYTES("probation")) || bytes_eq_nocase(reason, BYTES("giveup")))) {
		again_later(f);
	} else {
		focus_step(f, FOCUS_LISTED, NULL);
	}
}

/* 0, or the status it is refused with. */
static unsigned judge(struct focus *f, const struct sipmsg *m)
{
	int rc = dialog_is_confirmed(&f->watch) ? dialog_take_request(&f->watch, m) : dialog_of_first_notify(&f->watch, m);

	return rc == ERR_BAD_STATE ? 500 : rc ? 400 : 0;
}

static void take_notify(struct focus *f, const struct sipmsg *m, const struct conference *c)
{
	struct bytes said = sipmsg_value(m, SIPH_SUBSCRIPTION_STATE, 0), word = bytes_make(said.p, bytes_find(said, ';'));
	bool is_end = bytes_eq_nocase(word, BYTES("terminated"));

	if (is_end)
		on_terminated(f, bytes_skip(said, word.n < said.n ? word.n + 1 : word.n), c && c->state == CONFERENCE_DELETED);
	else if (c)
		take_document(f, c);
}

/* It is taken before it is answered, because the document lies in it. */
bool focus_on_notify(struct xlate *x, struct request_in *r)
{
	struct focus *f = focus_of(x, r->m);
	unsigned status = f ? judge(f, r->m) : 481;
	bool has_body = sipmsg_body(r->m).n != 0;
	struct conference c;

	if (!status && has_body)
		status = read_body(f, r->m, &c);
	if (!status)
		take_notify(f, r->m, has_body ? &c : NULL);
	request_in_status(r, status ? status : 200, NULL);
	return true;
}

/* What became of a REFER (RFC 3515 2.4.4): nobody asks. */
bool focus_on_refer_notify(struct xlate *x, struct request_in *r)
{
	struct session *s = session_of_request(x, r->m);

	request_in_status(r, !s || !s->owner ? 481 : dialog_take_request(&s->dialog, r->m) ? 500 : 200, NULL);
	return true;
}
