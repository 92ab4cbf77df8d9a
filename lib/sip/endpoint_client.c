#include "sip/endpoint_client_impl.h"

#include <stdio.h>

#include "base/random.h"

/* ---- life ---- */

static void client_free(struct sipclient *t)
{
	struct sipendpoint *e = t->e;

	loop_timer_del(e->loop, &t->life.timer);
	client_forget_text(t);
	held_free(e, t->names);
	held_free(e, t);
}

static void client_end(struct sipclient *t)
{
	(void)map_del_u64(&t->e->clients, t->id);
	client_free(t);
}

/* t may be gone after it. */
static void step(struct sipclient *t, enum client_event event, struct client_news *n)
{
	(void)fsm_step(t->is_invite ? &client_invite_fsm : &client_other_fsm, &t->state, event, t, n);
	if (t->state == CS_TERMINATED) {
		client_end(t);
	} else if (life_wait(t->e, &t->life) < 0) {
		client_tell_failed(t, ERR_NOMEM, "");
		client_end(t);
	}
}

static void on_timer(void *arg)
{
	struct sipclient *t = arg;

	if (life_is_over(t->e, &t->life)) {
		step(t, CE_END, NULL);
		return;
	}
	life_no_more(&t->life);
	step(t, CE_AGAIN, NULL);
}

static bool keep_names(struct sipclient *t, const struct sip_place *place)
{
	size_t name = strlen(place->name) + 1, local = strlen(place->local) + 1;

	if (place->transport != SIPT_TLS)
		return true;
	t->names = held_alloc(t->e, name + local);
	if (!t->names)
		return false;
	memcpy(t->names, place->name, name);
	memcpy(t->names + name, place->local, local);
	return true;
}

static void start_timers(struct sipclient *t)
{
	t->state = CS_CALLING;
	life_no_more(&t->life);
	if (client_is_datagram(t))
		life_again_in(t->e, &t->life, T1_MS);
	life_end_in(t->e, &t->life, t->is_invite ? TIMER_B_MS : TIMER_F_MS);
}

static struct sipclient *client_new(struct sipendpoint *e, uint64_t id, const struct sipclient_owner *o, void *arg)
{
	struct sipclient *t = held_alloc(e, sizeof *t);

	if (!t)
		return NULL;
	t->e = e;
	t->owner = o;
	t->arg = arg;
	t->id = id;
	loop_timer_init(&t->life.timer, on_timer, t);
	return t;
}

/* Enters it and sends; on failure it is gone. The text stays for the repetition, for CANCEL and ACK, for the way back
 * from a stream, and for the owner. */
static int launch(struct sipclient *t, struct bytes text)
{
	int rc = map_add_u64(&t->e->clients, t->id, t);

	if (rc < 0) {
		client_free(t);
		return rc;
	}
	start_timers(t);
	if (!held_text(t->e, &t->text, &t->text_n, text))
		rc = ERR_NOMEM;
	if (rc == 0)
		rc = life_wait(t->e, &t->life);
	if (rc == 0)
		rc = client_send(t, text);
	if (rc < 0)
		client_end(t);
	return rc;
}

/* CANCEL has the branch of its INVITE, whose id is even (RFC 3261 9.1). */
#define CANCEL_BIT 1u

void client_start_cancel(struct sipclient *invite)
{
	struct sipendpoint *e = invite->e;
	struct sipmsg *m = client_same_hop(invite, "CANCEL", NULL);
	struct sipclient *t = m ? client_new(e, invite->id | CANCEL_BIT, NULL, NULL) : NULL;
	struct buf text;

	buf_init(&text, 2 * SIPMSG_MAX_BYTES);
	if (t && sipmsg_print(m, &text) == 0) {
		struct sip_place place = { .transport = (enum siptransport)invite->transport };
		t->flow = invite->flow;
		t->addr = invite->addr;
		t->listener = invite->listener;
		t->transport = invite->transport;
		if (invite->names) {
			snprintf(place.name, sizeof place.name, "%s", invite->names);
			snprintf(place.local, sizeof place.local, "%s", invite->names + strlen(invite->names) + 1);
		}
		(void)keep_names(t, &place); /* without: the connection is not found, the INVITE times out */
		(void)launch(t, buf_bytes(&text)); /* the same */
	} else if (t) {
		client_free(t);
	}
	buf_fini(&text);
	sipmsg_free(m);
}

void client_free_all(struct sipendpoint *e)
{
	size_t at = 0;
	struct sipclient *t;

	while ((t = map_next(&e->clients, &at)))
		client_free(t);
	map_fini(&e->clients);
}

/* ---- the owner ---- */

/* Both names have three letters, so that the way back changes no length. */
static void set_via_transport(uint8_t *text, size_t n, uint32_t at, enum siptransport transport)
{
	if ((size_t)at + 3 <= n)
		memcpy(text + at, siptransport_name(transport), 3);
}

static uint32_t find_via_transport(struct bytes text)
{
	static const char front[] = "\r\nVia: SIP/2.0/";
	const uint8_t *at = memmem(text.p, text.n, front, sizeof front - 1);

	return at ? (uint32_t)(at - text.p) + (uint32_t)(sizeof front - 1) : UINT32_MAX;
}

static uint64_t new_id(const struct sipendpoint *e)
{
	uint64_t id;

	do
		id = random_u64() & ~(uint64_t)CANCEL_BIT;
	while (!id || map_get_u64(&e->clients, id));
	return id;
}

/* RFC 3261 18.1.1: what may not fit a datagram goes by TCP. */
static void choose_transport(struct sipclient *t, struct buf *text)
{
	if (!client_is_datagram(t) || buf_len(text) <= UDP_REQUEST_MAX)
		return;
	t->transport = SIPT_TCP;
	t->may_go_back = true;
	t->e->counts.udp_to_tcp++;
	t->via_at = find_via_transport(buf_bytes(text));
	set_via_transport(text->p + text->off, buf_len(text), t->via_at, SIPT_TCP);
}

static int start(struct sipclient *t, const struct sip_place *place, struct buf *text)
{
	if (place && !t->flow) {
		t->addr = place->addr;
		t->listener = place->listener;
		choose_transport(t, text);
		if (!keep_names(t, place)) {
			client_free(t);
			return ERR_NOMEM;
		}
	}
	return launch(t, buf_bytes(text));
}

int sipclient_start(struct sipendpoint *e, const struct sipmsg *m, const struct sip_place *place, uint64_t flow,
                    const char *branch, const struct sipclient_owner *o, void *arg, struct sipclient **out)
{
	enum siptransport transport = flow ? siptransports_flow_transport(e->transports, flow) : place->transport;
	struct sipclient *t;
	struct buf text;

	if (e->clients.count >= e->clients_max || e->counts.held_bytes >= HELD_BYTES_MAX)
		return ERR_FULL;
	uint64_t id = new_id(e);
	buf_init(&text, 2 * SIPMSG_MAX_BYTES);
	int rc = endpoint_print(e, m, transport, flow ? NULL : place, id, branch, &text);
	t = rc == 0 ? client_new(e, id, o, arg) : NULL;
	if (t) {
		t->flow = flow;
		t->transport = (uint8_t)transport;
		t->is_invite = sipmsg_method(m) == SIPM_INVITE;
		rc = start(t, place, &text);
	} else if (rc == 0) {
		rc = ERR_NOMEM;
	}
	buf_fini(&text);
	if (rc == 0 && out)
		*out = t;
	return rc;
}

void sipclient_cancel(struct sipclient *t)
{
	if (!t->is_invite || t->state > CS_PROCEEDING)
		return;
	t->is_cancel_wanted = true;
	if (t->state != CS_PROCEEDING)
		return;
	client_cancel_now(t);
	(void)life_wait(t->e, &t->life); /* it waits already: the old end stays */
}

struct sipmsg *sipclient_request(const struct sipclient *t)
{
	struct sipmsg *m = NULL;

	if (!t->text_n || sipmsg_parse(client_text(t), &m) < 0)
		return NULL;
	sipmsg_remove(m, SIPH_VIA, 0); /* ours */
	return m;
}

void sipclient_drop(struct sipclient *t)
{
	t->owner = NULL;
}

/* ---- what comes ---- */

/* RFC 3261 17.1.3, and 18.1.2: nobody but who got our request knows its branch. */
static struct sipclient *find(struct sipendpoint *e, const struct sipmsg *m)
{
	struct sip_via via;
	uint64_t id;

	if (!sipmsg_via(m, 0, &via) || !branch_to_id(via.branch, &id))
		return NULL;
	if (sipmsg_method(m) == SIPM_CANCEL)
		id |= CANCEL_BIT;
	struct sipclient *t = map_get_u64(&e->clients, id);
	return t && t->is_invite == (sipmsg_method(m) == SIPM_INVITE) ? t : NULL;
}

static void take_stray(struct sipendpoint *e, struct sipmsg *m, const struct sip_source *from)
{
	unsigned status = sipmsg_status(m);

	if (sipmsg_method(m) == SIPM_INVITE && status >= 200 && status < 300 && !ack_again(e, m) && e->owner->stray)
		e->owner->stray(e->arg, m, from);
	else
		sipmsg_free(m);
}

void client_take(struct sipendpoint *e, struct sipmsg *m, const struct sip_source *from)
{
	unsigned status = sipmsg_status(m);
	enum client_event event = status < 200 ? CE_PROVISIONAL : status < 300 ? CE_2XX : CE_FINAL;
	struct client_news n = { .m = m, .from = from };
	struct sipclient *t = sipmsg_fault(m).status ? NULL : find(e, m);

	if (sipmsg_fault(m).status) {
		sipmsg_free(m);
	} else if (!t) {
		take_stray(e, m, from);
	} else {
		e->counts.retransmitted_in += t->state >= CS_COMPLETED;
		step(t, event, &n);
		sipmsg_free(n.m);
	}
}

static bool is_no_stream(int rc)
{
	return rc == ERR_CONN_REFUSED || rc == ERR_CONN_UNREACHABLE || rc == ERR_CONN_RESET || rc == ERR_TIMEOUT || rc == ERR_CLOSED;
}

/* False: not possible. */
static bool go_back_to_udp(struct sipclient *t)
{
	t->may_go_back = false;
	t->transport = SIPT_UDP;
	t->e->counts.tcp_back_to_udp++;
	set_via_transport(t->text, t->text_n, t->via_at, SIPT_UDP);
	start_timers(t);
	return client_send(t, client_text(t)) == 0 && life_wait(t->e, &t->life) == 0;
}

void client_failed(struct sipendpoint *e, uint64_t id, int rc, const char *words)
{
	struct sipclient *t = map_get_u64(&e->clients, id);
	struct client_news n = { .rc = rc, .words = words };

	if (!t)
		return;
	if (t->may_go_back && t->state == CS_CALLING && is_no_stream(rc) && go_back_to_udp(t))
		return;
	step(t, CE_FAILED, &n);
}
