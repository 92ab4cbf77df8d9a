#include "sip/endpoint_server_impl.h"

#include <stdio.h>

/* ---- life ---- */

static void unclaim(struct sipserver *t)
{
	if (t->claim)
		(void)map_del(&t->e->claims, bytes_make(t->claim, t->claim_n));
	(void)held_text(t->e, &t->claim, &t->claim_n, BYTES_NONE);
}

static void unlink_server(struct sipserver *t)
{
	unclaim(t);
	if (map_get(&t->e->servers, bytes_make(t->key, t->key_n)) == t)
		(void)map_del(&t->e->servers, bytes_make(t->key, t->key_n));
	loop_timer_del(t->e->loop, &t->life.timer);
	(void)held_text(t->e, &t->last, &t->last_n, BYTES_NONE);
}

/* One that its owner still holds stays in memory until it is answered, in vain. */
static void end_if_over(struct sipserver *t)
{
	if (t->state != SS_TERMINATED && life_wait(t->e, &t->life) == 0)
		return;
	t->state = SS_TERMINATED;
	unlink_server(t);
	list_del(&t->node);
	if (t->is_owned)
		list_add_tail(&t->e->late, &t->node);
	else
		held_free(t->e, t);
}

/* An event that has no row is one that the machine does not mind. t may be gone after it. */
static void step(struct sipserver *t, enum server_event event, struct server_response *r)
{
	(void)fsm_step(t->is_invite ? &server_invite_fsm : &server_other_fsm, &t->state, event, t, r);
	end_if_over(t);
}

static void on_timer(void *arg)
{
	struct sipserver *t = arg;

	if (life_is_over(t->e, &t->life)) {
		step(t, SE_END, NULL);
		return;
	}
	life_no_more(&t->life);
	step(t, SE_AGAIN, NULL);
}

static bool keep_trying(struct sipserver *t, const struct sipmsg *m)
{
	struct buf text;
	bool is_kept;

	buf_init(&text, 2 * SIPMSG_MAX_BYTES);
	is_kept = sipmsg_print_trying(m, &text) == 0 && held_text(t->e, &t->last, &t->last_n, buf_bytes(&text));
	buf_fini(&text);
	return is_kept;
}

static void start(struct sipserver *t)
{
	t->state = t->is_invite ? SS_PROCEEDING : SS_TRYING;
	loop_timer_init(&t->life.timer, on_timer, t);
	life_again_in(t->e, &t->life, t->is_invite ? TRYING_INVITE_MS : TRYING_OTHER_MS);
	life_end_in(t->e, &t->life, t->is_invite ? INVITE_ANSWER_MS : TIMER_J_MS);
}

static struct sipserver *server_new(struct sipendpoint *e, const struct sipmsg *m, const struct sip_source *from, struct bytes key)
{
	struct sipserver *t = NULL;

	if (e->servers.count < e->servers_max && e->counts.held_bytes < HELD_BYTES_MAX)
		t = held_alloc(e, sizeof *t + key.n);
	if (!t)
		return NULL;
	t->e = e;
	t->from = *from;
	t->is_invite = sipmsg_method(m) == SIPM_INVITE;
	t->key_n = (uint16_t)key.n;
	memcpy(t->key, key.p, key.n);
	start(t);
	if (keep_trying(t, m) && map_add(&e->servers, bytes_make(t->key, t->key_n), t) == 0) {
		if (life_wait(e, &t->life) == 0)
			return t;
	}
	unlink_server(t);
	held_free(e, t);
	return NULL;
}

void server_free_all(struct sipendpoint *e)
{
	size_t at = 0;
	struct sipserver *t;

	while ((t = map_next(&e->servers, &at))) {
		unclaim(t);
		loop_timer_del(e->loop, &t->life.timer);
		list_add_tail(&e->late, &t->node); /* the map may not change while it is walked */
	}
	LIST_EACH(it, &e->late) {
		t = LIST_OWNER(it, struct sipserver, node);
		(void)held_text(e, &t->last, &t->last_n, BYTES_NONE);
		held_free(e, t);
	}
}

/* ---- the owner ---- */

void sipserver_set_user(struct sipserver *t, void *user)
{
	t->user = user;
}

void *sipserver_user(const struct sipserver *t)
{
	return t->user;
}

static void respond(struct sipserver *t, unsigned status, struct server_response *r)
{
	enum server_event event = status < 200 ? SE_PROVISIONAL : status < 300 ? SE_2XX : SE_FINAL;

	if (event == SE_FINAL && status == 408 && !t->is_invite) /* RFC 4320 4.2 */
		event = SE_GIVE_UP;
	if (event != SE_PROVISIONAL)
		t->is_owned = false;
	step(t, event, r);
}

/* m: the request, or its response. A sender with endless names is not worth the memory. */
static int claim(struct sipserver *t, const struct sipmsg *m)
{
	struct buf key;
	int rc = 0;

	buf_init(&key, KEY_MAX);
	if (key_of_claim(m, sipmsg_method_text(m), &key) < 0)
		;
	else if (map_get(&t->e->claims, buf_bytes(&key)))
		rc = ERR_EXISTS;
	else if (!held_text(t->e, &t->claim, &t->claim_n, buf_bytes(&key)))
		rc = ERR_NOMEM;
	else
		rc = map_add(&t->e->claims, bytes_make(t->claim, t->claim_n), t);
	if (rc == ERR_NOMEM)
		(void)held_text(t->e, &t->claim, &t->claim_n, BYTES_NONE);
	buf_fini(&key);
	return rc;
}

int sipserver_claim(struct sipserver *t, const struct sipmsg *m)
{
	if (t->claim || t->state == SS_TERMINATED || has_to_tag(m))
		return 0;
	return claim(t, m);
}

/* m: of ours, which can be printed unless memory is short; NULL for that too. */
static void send_text_or_end(struct sipserver *t, const struct sipmsg *m)
{
	struct server_response r = { .m = m };
	struct buf text;

	buf_init(&text, 2 * SIPMSG_MAX_BYTES);
	if (m && sipmsg_print(m, &text) == 0) {
		r.text = buf_bytes(&text);
		respond(t, sipmsg_status(m), &r);
	} else {
		t->is_owned = false;
		step(t, SE_GIVE_UP, NULL);
	}
	buf_fini(&text);
}

struct sipmsg *sipserver_response_new(const struct sipserver *t, unsigned status, const char *reason, const char *to_tag)
{
	return t->last_n ? sipmsg_response_after(server_last(t), status, reason, to_tag) : NULL;
}

void sipserver_refuse(struct sipserver *t, const struct sipmsg *m, unsigned status, const char *reason)
{
	char tag[SIP_TAG_BYTES];
	struct sipmsg *response;

	sip_new_tag(tag);
	response = m ? sipmsg_response_new(m, status, reason, tag) : sipserver_response_new(t, status, reason, tag);
	send_text_or_end(t, response);
	sipmsg_free(response);
}

void sipserver_drop(struct sipserver *t)
{
	t->is_owned = false;
	step(t, SE_GIVE_UP, NULL);
}

/* A response that cannot be printed is one of 500: the other side must not wait for nothing. */
void sipserver_respond(struct sipserver *t, const struct sipmsg *response)
{
	struct server_response r = { .m = response };
	struct buf text;

	buf_init(&text, 2 * SIPMSG_MAX_BYTES);
	if (sipmsg_print(response, &text) == 0) {
		r.text = buf_bytes(&text);
		respond(t, sipmsg_status(response), &r);
	} else if (sipmsg_status(response) >= 200) {
		sipserver_refuse(t, NULL, 500, NULL);
	}
	buf_fini(&text);
}

void sipserver_accept(struct sipserver *t, const struct sipmsg *response)
{
	t->is_repeated = t->is_invite;
	if (t->is_invite && !t->claim)
		(void)claim(t, response); /* without it the ACK is not recognised, and the 2xx goes on for 32 s */
	sipserver_respond(t, response);
}

/* ---- what comes ---- */

static void log_refusal(struct sipendpoint *e, const struct sipmsg *m, const struct sip_source *from, unsigned status, const char *reason)
{
	char address[SIP_ADDR_TEXT_BYTES];
	uint32_t held = 0;

	if (!log_limit_pass(&e->refusals, REFUSED_LINES, loop_now(e->loop), &held))
		return;
	sip_sockaddr_text(&from->addr, address);
	log_warn("sip.request.refused", LOG_STR("from", address), LOG_STR("transport", siptransport_name(from->transport)),
		 LOG_BYTES("method", sipmsg_method_text(m)), LOG_BYTES("call", sipmsg_value(m, SIPH_CALL_ID, 0)),
		 LOG_INT("status", status), LOG_STR("reason", reason), LOG_INT("more", held));
}

/* Without a transaction: costs nothing that lasts. */
static void answer_statelessly(struct sipendpoint *e, const struct sipmsg *m, const struct sip_source *from, unsigned status, const char *reason)
{
	char tag[SIP_TAG_BYTES];
	struct sipmsg *response;
	struct buf text;

	sip_new_tag(tag);
	response = sipmsg_response_new(m, status, reason, tag);
	buf_init(&text, 2 * SIPMSG_MAX_BYTES);
	if (response && status == 503)
		sipmsg_append(response, SIPH_RETRY_AFTER, BYTES("10"));
	if (response && sipmsg_print(response, &text) == 0)
		(void)endpoint_answer(e, from, m, buf_bytes(&text));
	buf_fini(&text);
	sipmsg_free(response);
}

/* For what is wrong or too much. An ACK is never answered. */
static void refuse_statelessly(struct sipendpoint *e, const struct sipmsg *m, const struct sip_source *from, unsigned status, const char *reason)
{
	log_refusal(e, m, from, status, reason);
	if (sipmsg_method(m) != SIPM_ACK)
		answer_statelessly(e, m, from, status, reason);
}

void sipserver_dismiss(struct sipserver *t, const struct sipmsg *m, unsigned status, const char *reason)
{
	answer_statelessly(t->e, m, &t->from, status, reason);
	sipserver_drop(t);
}

static struct sipserver *find(struct sipendpoint *e, const struct sipmsg *m, enum sipmsg_method as)
{
	struct sipserver *t = NULL;
	struct buf key;

	buf_init(&key, KEY_MAX);
	if (key_of_request(m, as, &key) == 0)
		t = map_get(&e->servers, buf_bytes(&key));
	buf_fini(&key);
	return t;
}

/* An ACK to a 2xx is a transaction of its own. */
static void acknowledge(struct sipendpoint *e, const struct sipmsg *ack)
{
	struct sipserver *t = NULL;
	struct buf key;

	buf_init(&key, KEY_MAX);
	if (e->claims.count && key_of_claim(ack, BYTES("INVITE"), &key) == 0)
		t = map_get(&e->claims, buf_bytes(&key));
	buf_fini(&key);
	if (t && t->state == SS_ACCEPTED)
		step(t, SE_ACK, NULL);
}

/* ACK to a 2xx, or to nothing that we know of, is the owner's (RFC 6026 7.1). */
static void take_ack(struct sipendpoint *e, struct sipmsg *m, const struct sip_source *from)
{
	struct sipserver *t = find(e, m, SIPM_INVITE);

	if (t && t->is_invite && t->state != SS_ACCEPTED) {
		sipmsg_free(m);
		step(t, SE_ACK, NULL);
		return;
	}
	acknowledge(e, m);
	e->owner->request(e->arg, NULL, m, from);
}

/* To's tag of what the INVITE was answered with; a new one: nothing but 100 yet. */
static void tag_of_last(const struct sipserver *invite, char *tag, size_t room)
{
	struct sipmsg *last = NULL;
	struct sip_address to;
	struct bytes v;

	if (!invite->last_n || sipmsg_parse(server_last(invite), &last) < 0)
		return;
	if (sipmsg_address(last, SIPH_TO, 0, &to) && sip_param(to.params, "tag", &v) && v.n && v.n < room)
		(void)snprintf(tag, room, "%.*s", BYTES_FMT(v)); /* it fits */
	sipmsg_free(last);
}

static void answer_cancel(struct sipserver *own, const struct sipmsg *m, const struct sipserver *invite)
{
	char tag[128];

	sip_new_tag(tag);
	if (invite)
		tag_of_last(invite, tag, sizeof tag);
	struct sipmsg *response = sipmsg_response_new(m, invite ? 200 : 481, NULL, tag);
	send_text_or_end(own, response);
	sipmsg_free(response);
}

/* RFC 3261 9.2 */
static void take_cancel(struct sipendpoint *e, struct sipserver *own, struct sipmsg *m)
{
	struct sipserver *invite = find(e, m, SIPM_INVITE);

	answer_cancel(own, m, invite);
	sipmsg_free(m);
	if (invite && invite->state == SS_PROCEEDING && invite->is_owned && e->owner->cancelled)
		e->owner->cancelled(e->arg, invite);
}

static void take_new(struct sipendpoint *e, struct sipmsg *m, const struct sip_source *from, struct bytes key)
{
	struct sipserver *t = server_new(e, m, from, key);

	if (!t) {
		refuse_statelessly(e, m, from, 503, "Too Many Transactions");
		sipmsg_free(m);
	} else if (sipmsg_method(m) == SIPM_CANCEL) {
		take_cancel(e, t, m);
	} else {
		t->is_owned = true;
		e->owner->request(e->arg, t, m, from);
	}
}

static void take_keyed(struct sipendpoint *e, struct sipmsg *m, const struct sip_source *from, struct bytes key)
{
	struct sipserver *t = map_get(&e->servers, key);

	if (!t) {
		take_new(e, m, from, key);
		return;
	}
	e->counts.retransmitted_in++;
	sipmsg_free(m);
	step(t, SE_REQUEST, NULL);
}

void server_take(struct sipendpoint *e, struct sipmsg *m, const struct sip_source *from)
{
	struct sipmsg_fault fault = sipmsg_fault(m);
	struct buf key;

	buf_init(&key, KEY_MAX);
	if (fault.status) {
		refuse_statelessly(e, m, from, fault.status, fault.reason);
		sipmsg_free(m);
	} else if (sipmsg_method(m) == SIPM_ACK) {
		take_ack(e, m, from);
	} else if (key_of_request(m, sipmsg_method(m), &key) < 0) {
		refuse_statelessly(e, m, from, 400, "Branch Too Long");
		sipmsg_free(m);
	} else {
		take_keyed(e, m, from, buf_bytes(&key));
	}
	buf_fini(&key);
}
