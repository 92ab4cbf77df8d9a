#include "sip/endpoint_impl.h"

#include <assert.h>
#include <stdio.h>
#include <unistd.h>

#include "base/random.h"

enum client_state { CS_CALLING, CS_PROCEEDING, CS_CANCELLING, CS_COMPLETED, CS_ACCEPTED, CS_TERMINATED, CS_COUNT };
enum client_event { CE_PROVISIONAL, CE_2XX, CE_FINAL, CE_FAILED, CE_AGAIN, CE_END, CE_COUNT };
static const char *const state_names[] = { "Calling/Trying", "Proceeding", "Cancelling", "Completed", "Accepted", "Terminated" };
static const char *const event_names[] = { "1xx", "2xx", "3xx-6xx", "failed", "again", "end" };
static_assert(sizeof state_names / sizeof state_names[0] == CS_COUNT, "a name for each state");
static_assert(sizeof event_names / sizeof event_names[0] == CE_COUNT, "a name for each event");

struct sipclient {
	struct sipendpoint *e;
	const struct sipclient_owner *owner; /* NULL: let go, or told all */
	void *arg;
	struct life life;
	uint64_t id, flow;
	union sip_sockaddr addr;
	char *names; /* of a TLS place: name and local, each with its NUL */
	uint8_t *text; /* the request, or the ACK to its response; NULL: not needed any more */
	uint32_t text_n;
	uint32_t via_at; /* where the Via's transport stands in text */
	unsigned listener; /* of the place */
	uint8_t state, transport;
	bool is_invite, is_cancel_wanted, is_cancelled;
	bool may_go_back; /* to UDP, where the place was */
};

/* What an event carries. */
struct client_news {
	struct sipmsg *m;
	const struct sip_source *from;
	int rc;
	const char *words;
};

/* ---- sending ---- */

static struct bytes text_of(const struct sipclient *t)
{
	return bytes_make(t->text, t->text_n);
}

static int send_text(struct sipclient *t, struct bytes text)
{
	struct sip_place place = { .transport = (enum siptransport)t->transport, .addr = t->addr, .listener = t->listener };

	if (t->flow)
		return siptransports_send_flow(t->e->transports, t->flow, t->id, text);
	if (t->names) {
		snprintf(place.name, sizeof place.name, "%s", t->names);
		snprintf(place.local, sizeof place.local, "%s", t->names + strlen(t->names) + 1);
	}
	return siptransports_send(t->e->transports, &place, t->id, text);
}

static bool is_datagram(const struct sipclient *t)
{
	return t->transport == SIPT_UDP;
}

static void forget_text(struct sipclient *t)
{
	(void)held_text(t->e, &t->text, &t->text_n, BYTES_NONE);
}

static int cl_resend(void *machine, void *event)
{
	struct sipclient *t = machine;

	(void)event;
	t->e->counts.retransmitted_out++;
	(void)send_text(t, text_of(t)); /* a full socket: the next one may do */
	return 0;
}

static int cl_repeat_invite(void *machine, void *event)
{
	struct sipclient *t = machine;

	life_again_doubled(t->e, &t->life, UINT32_MAX / 2); /* Timer A has no most; Timer B ends it */
	return cl_resend(t, event);
}

static int cl_repeat(void *machine, void *event)
{
	struct sipclient *t = machine;

	life_again_doubled(t->e, &t->life, T2_MS);
	return cl_resend(t, event);
}

/* RFC 3261 17.1.1.3, 9.1: a request of the same hop as the one that was sent. to: its To. */
static struct sipmsg *same_hop(const struct sipclient *t, const char *method, const struct sipmsg *to)
{
	struct sipmsg *sent = NULL, *m = NULL;
	struct bytes name;
	uint32_t number = 0;
	char cseq[32];

	if (!t->text_n || sipmsg_parse(text_of(t), &sent) < 0)
		return NULL;
	(void)sipmsg_cseq(sent, &number, &name); /* it was printed with one or is faulty, and then nobody answers */
	snprintf(cseq, sizeof cseq, "%u %s", number, method);
	m = sipmsg_request_new(method, sipmsg_uri(sent));
	if (m) {
		sipmsg_append(m, SIPH_VIA, sipmsg_value(sent, SIPH_VIA, 0));
		for (size_t i = 0; i < sipmsg_count(sent, SIPH_ROUTE); i++)
			sipmsg_append(m, SIPH_ROUTE, sipmsg_value(sent, SIPH_ROUTE, i));
		sipmsg_append(m, SIPH_FROM, sipmsg_value(sent, SIPH_FROM, 0));
		sipmsg_append(m, SIPH_TO, sipmsg_value(to ? to : sent, SIPH_TO, 0));
		sipmsg_append(m, SIPH_CALL_ID, sipmsg_value(sent, SIPH_CALL_ID, 0));
		sipmsg_append(m, SIPH_CSEQ, bytes_of(cseq));
		sipmsg_append(m, SIPH_MAX_FORWARDS, BYTES("70"));
	}
	sipmsg_free(sent);
	return m;
}

/* The ACK takes the INVITE's place. */
static void send_ack(struct sipclient *t, const struct sipmsg *response)
{
	struct sipmsg *ack = same_hop(t, "ACK", response);
	struct buf text;

	buf_init(&text, 2 * SIPMSG_MAX_BYTES);
	if (ack && sipmsg_print(ack, &text) == 0) {
		(void)held_text(t->e, &t->text, &t->text_n, buf_bytes(&text)); /* without it: the response comes in vain */
		(void)send_text(t, buf_bytes(&text));
	}
	buf_fini(&text);
	sipmsg_free(ack);
}

/* ---- telling the owner ---- */

static void tell_failed(struct sipclient *t, int rc, const char *words)
{
	const struct sipclient_owner *o = t->owner;

	t->owner = NULL;
	if (o)
		o->failed(t->arg, rc, words);
}

static void tell_final(struct sipclient *t, const struct client_news *n)
{
	const struct sipclient_owner *o = t->owner;

	t->owner = NULL;
	if (o)
		o->response(t->arg, n->m, n->from);
}

static void tell_provisional(struct sipclient *t, const struct client_news *n)
{
	if (t->owner && sipmsg_status(n->m) > 100)
		t->owner->response(t->arg, n->m, n->from);
}

/* ---- actions ---- */

static void start_cancel(struct sipclient *invite);

static void cancel_now(struct sipclient *t)
{
	if (t->is_cancelled)
		return;
	t->is_cancelled = true;
	start_cancel(t);
	life_end_in(t->e, &t->life, CANCELLED_MS);
}

static int cl_proceed_invite(void *machine, void *event)
{
	struct sipclient *t = machine;

	life_no_more(&t->life);
	t->may_go_back = false;
	if (!t->is_cancelled)
		life_end_in(t->e, &t->life, TIMER_C_MS);
	tell_provisional(t, event);
	if (t->is_cancel_wanted)
		cancel_now(t);
	return 0;
}

static int cl_accept(void *machine, void *event)
{
	struct sipclient *t = machine;

	life_no_more(&t->life);
	life_end_in(t->e, &t->life, TIMER_M_MS);
	forget_text(t);
	tell_final(t, event);
	return 0;
}

static int cl_complete(void *machine, void *event)
{
	struct sipclient *t = machine;
	struct client_news *n = event;

	life_no_more(&t->life);
	life_end_in(t->e, &t->life, is_datagram(t) ? TIMER_D_MS : 0);
	send_ack(t, n->m);
	tell_final(t, n);
	return 0;
}

static int cl_stray(void *machine, void *event)
{
	struct sipclient *t = machine;
	struct client_news *n = event;

	if (t->e->owner->stray) {
		t->e->owner->stray(t->e->arg, n->m, n->from);
		n->m = NULL;
	}
	return 0;
}

static int cl_proceed(void *machine, void *event)
{
	struct sipclient *t = machine;

	t->may_go_back = false;
	if (is_datagram(t))
		life_again_in(t->e, &t->life, T2_MS); /* RFC 3261 17.1.2.2 */
	tell_provisional(t, event);
	return 0;
}

static int cl_finish(void *machine, void *event)
{
	struct sipclient *t = machine;

	life_no_more(&t->life);
	life_end_in(t->e, &t->life, is_datagram(t) ? T4_MS : 0); /* Timer K */
	forget_text(t);
	tell_final(t, event);
	return 0;
}

static int cl_timeout(void *machine, void *event)
{
	struct sipclient *t = machine;

	(void)event;
	t->e->counts.timeouts++;
	tell_failed(t, ERR_TIMEOUT, "");
	return 0;
}

/* Timer C, or nothing came after CANCEL: the call is not waited for any more, but its end is acknowledged. */
static int cl_expire(void *machine, void *event)
{
	struct sipclient *t = machine;

	cancel_now(t);
	life_end_in(t->e, &t->life, CANCELLED_MS);
	return cl_timeout(t, event);
}

static int cl_fail(void *machine, void *event)
{
	struct client_news *n = event;

	tell_failed(machine, n->rc, n->words);
	return 0;
}

static const struct fsm_row invite_rows[] = { /* RFC 3261 17.1.1 as RFC 6026 7.2 has it */
	{ CS_CALLING,    CE_AGAIN,       cl_repeat_invite,  CS_CALLING },    /* Timer A */
	{ CS_CALLING,    CE_END,         cl_timeout,        CS_TERMINATED }, /* Timer B */
	{ CS_CALLING,    CE_FAILED,      cl_fail,           CS_TERMINATED },
	{ CS_CALLING,    CE_PROVISIONAL, cl_proceed_invite, CS_PROCEEDING },
	{ CS_CALLING,    CE_2XX,         cl_accept,         CS_ACCEPTED },
	{ CS_CALLING,    CE_FINAL,       cl_complete,       CS_COMPLETED },

	{ CS_PROCEEDING, CE_PROVISIONAL, cl_proceed_invite, CS_PROCEEDING },
	{ CS_PROCEEDING, CE_2XX,         cl_accept,         CS_ACCEPTED },
	{ CS_PROCEEDING, CE_FINAL,       cl_complete,       CS_COMPLETED },
	{ CS_PROCEEDING, CE_FAILED,      cl_fail,           CS_TERMINATED },
	{ CS_PROCEEDING, CE_END,         cl_expire,         CS_CANCELLING }, /* Timer C */

	{ CS_CANCELLING, CE_2XX,         cl_stray,          CS_ACCEPTED },
	{ CS_CANCELLING, CE_FINAL,       cl_complete,       CS_COMPLETED },
	{ CS_CANCELLING, CE_FAILED,      NULL,              CS_TERMINATED },
	{ CS_CANCELLING, CE_END,         NULL,              CS_TERMINATED },

	{ CS_COMPLETED,  CE_FINAL,       cl_resend,         CS_COMPLETED },  /* the ACK */
	{ CS_COMPLETED,  CE_FAILED,      NULL,              CS_TERMINATED },
	{ CS_COMPLETED,  CE_END,         NULL,              CS_TERMINATED }, /* Timer D */

	{ CS_ACCEPTED,   CE_2XX,         cl_stray,          CS_ACCEPTED },
	{ CS_ACCEPTED,   CE_END,         NULL,              CS_TERMINATED }, /* Timer M */
};

static const struct fsm_row other_rows[] = { /* RFC 3261 17.1.2 */
	{ CS_CALLING,    CE_AGAIN,       cl_repeat,  CS_CALLING },    /* Timer E */
	{ CS_CALLING,    CE_END,         cl_timeout, CS_TERMINATED }, /* Timer F */
	{ CS_CALLING,    CE_FAILED,      cl_fail,    CS_TERMINATED },
	{ CS_CALLING,    CE_PROVISIONAL, cl_proceed, CS_PROCEEDING },
	{ CS_CALLING,    CE_2XX,         cl_finish,  CS_COMPLETED },
	{ CS_CALLING,    CE_FINAL,       cl_finish,  CS_COMPLETED },

	{ CS_PROCEEDING, CE_AGAIN,       cl_repeat,  CS_PROCEEDING }, /* Timer E */
	{ CS_PROCEEDING, CE_END,         cl_timeout, CS_TERMINATED }, /* Timer F */
	{ CS_PROCEEDING, CE_FAILED,      cl_fail,    CS_TERMINATED },
	{ CS_PROCEEDING, CE_PROVISIONAL, cl_proceed, CS_PROCEEDING },
	{ CS_PROCEEDING, CE_2XX,         cl_finish,  CS_COMPLETED },
	{ CS_PROCEEDING, CE_FINAL,       cl_finish,  CS_COMPLETED },

	{ CS_COMPLETED,  CE_END,         NULL,       CS_TERMINATED }, /* Timer K */
};

const struct fsm client_invite_fsm = {
	"client INVITE", invite_rows, sizeof invite_rows / sizeof invite_rows[0], state_names, event_names,
};
const struct fsm client_other_fsm = {
	"client non-INVITE", other_rows, sizeof other_rows / sizeof other_rows[0], state_names, event_names,
};

/* ---- life ---- */

static void client_free(struct sipclient *t)
{
	struct sipendpoint *e = t->e;

	loop_timer_del(e->loop, &t->life.timer);
	forget_text(t);
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
		tell_failed(t, ERR_NOMEM, "");
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
	if (is_datagram(t))
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

/* Enters it and sends; on failure it is gone. A stream needs the text once, but for CANCEL, ACK and the way back. */
static int launch(struct sipclient *t, struct bytes text)
{
	int rc = map_add_u64(&t->e->clients, t->id, t);

	if (rc < 0) {
		client_free(t);
		return rc;
	}
	start_timers(t);
	if ((is_datagram(t) || t->is_invite || t->may_go_back) && !held_text(t->e, &t->text, &t->text_n, text))
		rc = ERR_NOMEM;
	if (rc == 0)
		rc = life_wait(t->e, &t->life);
	if (rc == 0)
		rc = send_text(t, text);
	if (rc < 0)
		client_end(t);
	return rc;
}

/* CANCEL has the branch of its INVITE, whose id is even (RFC 3261 9.1). */
#define CANCEL_BIT 1u

static void start_cancel(struct sipclient *invite)
{
	struct sipendpoint *e = invite->e;
	struct sipmsg *m = same_hop(invite, "CANCEL", NULL);
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

/* Address that the kernel would send from: what a Via names when nothing was set. Sends nothing. */
static void local_address(const union sip_sockaddr *to, char out[static SIP_ADDR_TEXT_BYTES])
{
	union sip_sockaddr own = { .any = { .sa_family = AF_UNSPEC } };
	socklen_t n = sizeof own;
	int fd = socket(to->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, &to->any, sip_sockaddr_len(to)) == 0)
		(void)getsockname(fd, &own.any, &n); /* unknown: "" */
	if (fd >= 0)
		close(fd);
	sip_sockaddr_text(&own, out);
}

static void put_sent_by(const struct sipendpoint *e, const struct sip_place *place, struct buf *out)
{
	char own[SIP_ADDR_TEXT_BYTES] = "";
	const char *host = e->host;

	if (!host[0] && place)
		local_address(&place->addr, own);
	if (!host[0])
		host = own[0] ? own : "gateway.invalid"; /* answers come on the flow, or by rport */
	bool is_v6 = strchr(host, ':') != NULL;
	buf_putf(out, is_v6 ? "[%s]" : "%s", host);
	if (e->port)
		buf_putf(out, ":%u", (unsigned)e->port);
}

static void put_via(const struct sipendpoint *e, enum siptransport transport, const struct sip_place *place, uint64_t id, const char *branch, struct buf *out)
{
	buf_putf(out, "SIP/2.0/%s ", siptransport_name(transport));
	put_sent_by(e, place, out);
	buf_put_str(out, ";branch=");
	branch_of_id(id, branch, out);
	buf_put_str(out, ";rport"); /* RFC 3581 3 */
}

static int print_with_via(const struct sipendpoint *e, const struct sipmsg *m, enum siptransport transport, const struct sip_place *place, uint64_t id,
			  const char *branch, struct buf *out)
{
	struct buf via;

	buf_init(&via, 512);
	put_via(e, transport, place, id, branch, &via);
	int rc = buf_failed(&via) ? ERR_LIMIT : sipmsg_print_with_via(m, buf_bytes(&via), out);
	buf_fini(&via);
	return rc;
}

static enum siptransport transport_of_flow(struct sipendpoint *e, uint64_t flow)
{
	return siptransports_tls(e->transports, flow) ? SIPT_TLS : SIPT_TCP;
}

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
	if (!is_datagram(t) || buf_len(text) <= UDP_REQUEST_MAX)
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
	enum siptransport transport = flow ? transport_of_flow(e, flow) : place->transport;
	struct sipclient *t;
	struct buf text;

	if (e->clients.count >= e->clients_max || e->counts.held_bytes >= HELD_BYTES_MAX)
		return ERR_FULL;
	uint64_t id = new_id(e);
	buf_init(&text, 2 * SIPMSG_MAX_BYTES);
	int rc = print_with_via(e, m, transport, flow ? NULL : place, id, branch, &text);
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
	cancel_now(t);
	(void)life_wait(t->e, &t->life); /* it waits already: the old end stays */
}

void sipclient_drop(struct sipclient *t)
{
	t->owner = NULL;
}

int sipendpoint_send_ack(struct sipendpoint *e, const struct sipmsg *ack, const struct sip_place *place, uint64_t flow)
{
	enum siptransport transport = flow ? transport_of_flow(e, flow) : place->transport;
	struct buf text;

	buf_init(&text, 2 * SIPMSG_MAX_BYTES);
	int rc = print_with_via(e, ack, transport, flow ? NULL : place, new_id(e), NULL, &text);
	if (rc == 0 && flow)
		rc = siptransports_send_flow(e->transports, flow, 0, buf_bytes(&text));
	else if (rc == 0)
		rc = siptransports_send(e->transports, place, 0, buf_bytes(&text));
	buf_fini(&text);
	return rc;
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

	if (sipmsg_method(m) == SIPM_INVITE && status >= 200 && status < 300 && e->owner->stray)
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
	return send_text(t, text_of(t)) == 0 && life_wait(t->e, &t->life) == 0;
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
