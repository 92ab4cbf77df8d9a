#include "sip/endpoint_client_impl.h"

#include <assert.h>
#include <stdio.h>

static const char *const state_names[] = { "Calling/Trying", "Proceeding", "Cancelling", "Completed", "Accepted", "Terminated" };
static const char *const event_names[] = { "1xx", "2xx", "3xx-6xx", "failed", "again", "end" };
static_assert(sizeof state_names / sizeof state_names[0] == CS_COUNT, "a name for each state");
static_assert(sizeof event_names / sizeof event_names[0] == CE_COUNT, "a name for each event");

/* ---- sending ---- */

int client_send(struct sipclient *t, struct bytes text)
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

void client_forget_text(struct sipclient *t)
{
	(void)held_text(t->e, &t->text, &t->text_n, BYTES_NONE);
}

static int cl_resend(void *machine, void *event)
{
	struct sipclient *t = machine;

	(void)event;
	t->e->counts.retransmitted_out++;
	(void)client_send(t, client_text(t)); /* a full socket: the next one may do */
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

struct sipmsg *client_same_hop(const struct sipclient *t, const char *method, const struct sipmsg *to)
{
	struct sipmsg *sent = NULL, *m = NULL;
	struct bytes name;
	uint32_t number = 0;
	char cseq[32];

	if (!t->text_n || sipmsg_parse(client_text(t), &sent) < 0)
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

static void print_ack(const struct sipclient *t, const struct sipmsg *response, struct buf *text)
{
	struct sipmsg *ack = client_same_hop(t, "ACK", response);

	if (!ack || sipmsg_print(ack, text) < 0)
		buf_clear(text);
	sipmsg_free(ack);
}

/* ---- telling the owner ---- */

void client_tell_failed(struct sipclient *t, int rc, const char *words)
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

void client_cancel_now(struct sipclient *t)
{
	if (t->is_cancelled)
		return;
	t->is_cancelled = true;
	client_start_cancel(t);
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
		client_cancel_now(t);
	return 0;
}

static int cl_accept(void *machine, void *event)
{
	struct sipclient *t = machine;

	life_no_more(&t->life);
	life_end_in(t->e, &t->life, TIMER_M_MS);
	tell_final(t, event);
	client_forget_text(t);
	return 0;
}

static int cl_complete(void *machine, void *event)
{
	struct sipclient *t = machine;
	struct client_news *n = event;
	struct buf ack;

	life_no_more(&t->life);
	life_end_in(t->e, &t->life, client_is_datagram(t) ? TIMER_D_MS : 0);
	buf_init(&ack, 2 * SIPMSG_MAX_BYTES);
	print_ack(t, n->m, &ack);
	if (buf_len(&ack))
		(void)client_send(t, buf_bytes(&ack)); /* lost: the response comes again */
	tell_final(t, n);
	(void)held_text(t->e, &t->text, &t->text_n, buf_bytes(&ack)); /* without it: the response comes in vain */
	buf_fini(&ack);
	return 0;
}

static int cl_stray(void *machine, void *event)
{
	struct sipclient *t = machine;
	struct client_news *n = event;

	if (!ack_again(t->e, n->m) && t->e->owner->stray) {
		t->e->owner->stray(t->e->arg, n->m, n->from);
		n->m = NULL;
	}
	return 0;
}

static int cl_proceed(void *machine, void *event)
{
	struct sipclient *t = machine;

	t->may_go_back = false;
	if (client_is_datagram(t))
		life_again_in(t->e, &t->life, T2_MS); /* RFC 3261 17.1.2.2 */
	tell_provisional(t, event);
	return 0;
}

static int cl_finish(void *machine, void *event)
{
	struct sipclient *t = machine;

	life_no_more(&t->life);
	life_end_in(t->e, &t->life, client_is_datagram(t) ? T4_MS : 0); /* Timer K */
	tell_final(t, event);
	client_forget_text(t);
	return 0;
}

static int cl_timeout(void *machine, void *event)
{
	struct sipclient *t = machine;

	(void)event;
	t->e->counts.timeouts++;
	client_tell_failed(t, ERR_TIMEOUT, "");
	return 0;
}

/* Timer C, or nothing came after CANCEL: the call is not waited for any more, but its end is acknowledged. */
static int cl_expire(void *machine, void *event)
{
	struct sipclient *t = machine;

	client_cancel_now(t);
	life_end_in(t->e, &t->life, CANCELLED_MS);
	return cl_timeout(t, event);
}

static int cl_fail(void *machine, void *event)
{
	struct client_news *n = event;

	client_tell_failed(machine, n->rc, n->words);
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
