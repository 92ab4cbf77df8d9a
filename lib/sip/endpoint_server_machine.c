#include "sip/endpoint_server_impl.h"

#include <assert.h>

static const char *const state_names[] = { "Trying", "Proceeding", "Completed", "Confirmed", "Accepted", "Terminated" };
static const char *const event_names[] = { "request", "ACK", "1xx", "2xx", "3xx-6xx", "given up", "again", "end" };
static_assert(sizeof state_names / sizeof state_names[0] == SS_COUNT, "a name for each state");
static_assert(sizeof event_names / sizeof event_names[0] == SE_COUNT, "a name for each event");

/* ---- sending ---- */

static void answer_text(struct sipendpoint *e, const struct sip_source *to, struct bytes text)
{
	struct sipmsg *m = NULL;

	if (sipmsg_parse(text, &m) < 0)
		return;
	(void)endpoint_answer(e, to, m, text); /* a lost response comes again when the request does */
	sipmsg_free(m);
}

static bool is_datagram(const struct sipserver *t)
{
	return t->from.transport == SIPT_UDP;
}

static int srv_resend(void *machine, void *event)
{
	struct sipserver *t = machine;

	(void)event;
	if (t->is_sent && t->last_n) {
		t->e->counts.retransmitted_out++;
		answer_text(t->e, &t->from, server_last(t));
	}
	return 0;
}

/* Our 100: the owner is slow. */
static int srv_trying(void *machine, void *event)
{
	struct sipserver *t = machine;

	(void)event;
	life_no_more(&t->life);
	if (!t->is_sent)
		answer_text(t->e, &t->from, server_last(t));
	t->is_sent = true;
	return 0;
}

/* The owner's response. It is kept where the request can come again: on a stream it cannot. */
static void send_response(struct sipserver *t, const struct server_response *r)
{
	bool is_kept = is_datagram(t) || t->is_invite;

	(void)endpoint_answer(t->e, &t->from, r->m, r->text); /* if it does not leave, the request comes again */
	(void)held_text(t->e, &t->last, &t->last_n, is_kept ? r->text : BYTES_NONE); /* without memory: silence */
	t->is_sent = true;
	life_no_more(&t->life);
}

static int srv_send(void *machine, void *event)
{
	send_response(machine, event);
	return 0;
}

static int srv_accept(void *machine, void *event)
{
	struct sipserver *t = machine;

	send_response(t, event);
	if (t->is_repeated)
		life_again_in(t->e, &t->life, T1_MS);
	life_end_in(t->e, &t->life, TIMER_L_MS);
	return 0;
}

static int srv_complete(void *machine, void *event)
{
	struct sipserver *t = machine;

	send_response(t, event);
	if (is_datagram(t))
		life_again_in(t->e, &t->life, T1_MS); /* Timer G */
	life_end_in(t->e, &t->life, TIMER_H_MS);
	return 0;
}

static int srv_repeat(void *machine, void *event)
{
	struct sipserver *t = machine;

	life_again_doubled(t->e, &t->life, T2_MS);
	return srv_resend(t, event);
}

static int srv_acked(void *machine, void *event)
{
	struct sipserver *t = machine;

	(void)event;
	life_no_more(&t->life);
	return 0;
}

static int srv_confirm(void *machine, void *event)
{
	struct sipserver *t = machine;

	(void)event;
	life_no_more(&t->life);
	life_end_in(t->e, &t->life, is_datagram(t) ? T4_MS : 0); /* Timer I */
	(void)held_text(t->e, &t->last, &t->last_n, BYTES_NONE);
	return 0;
}

static int srv_unconfirmed(void *machine, void *event)
{
	struct sipserver *t = machine;

	(void)event;
	t->e->counts.timeouts++;
	return 0;
}

static int srv_finish(void *machine, void *event)
{
	struct sipserver *t = machine;

	send_response(t, event);
	life_end_in(t->e, &t->life, is_datagram(t) ? TIMER_J_MS : 0);
	return 0;
}

static int srv_unanswered(void *machine, void *event)
{
	struct sipserver *t = machine;

	(void)event;
	t->e->counts.timeouts++;
	return 0;
}

static const struct fsm_row invite_rows[] = { /* RFC 3261 17.2.1 as RFC 6026 7.1 has it */
	{ SS_PROCEEDING, SE_REQUEST,     srv_resend,      SS_PROCEEDING },
	{ SS_PROCEEDING, SE_PROVISIONAL, srv_send,        SS_PROCEEDING },
	{ SS_PROCEEDING, SE_2XX,         srv_accept,      SS_ACCEPTED },
	{ SS_PROCEEDING, SE_FINAL,       srv_complete,    SS_COMPLETED },
	{ SS_PROCEEDING, SE_AGAIN,       srv_trying,      SS_PROCEEDING },
	{ SS_PROCEEDING, SE_GIVE_UP,     srv_unanswered,  SS_TERMINATED },
	{ SS_PROCEEDING, SE_END,         srv_unanswered,  SS_TERMINATED },

	{ SS_COMPLETED,  SE_REQUEST,     srv_resend,      SS_COMPLETED },
	{ SS_COMPLETED,  SE_AGAIN,       srv_repeat,      SS_COMPLETED },  /* Timer G */
	{ SS_COMPLETED,  SE_ACK,         srv_confirm,     SS_CONFIRMED },
	{ SS_COMPLETED,  SE_END,         srv_unconfirmed, SS_TERMINATED }, /* Timer H */

	{ SS_CONFIRMED,  SE_END,         NULL,            SS_TERMINATED }, /* Timer I */

	/* A user agent's 2xx is repeated until the ACK comes (13.3.1.4); a proxy's, when the INVITE comes again. */
	{ SS_ACCEPTED,   SE_REQUEST,     srv_resend,      SS_ACCEPTED },
	{ SS_ACCEPTED,   SE_AGAIN,       srv_repeat,      SS_ACCEPTED },
	{ SS_ACCEPTED,   SE_ACK,         srv_acked,       SS_ACCEPTED },
	{ SS_ACCEPTED,   SE_END,         NULL,            SS_TERMINATED }, /* Timer L */
};

static const struct fsm_row other_rows[] = { /* RFC 3261 17.2.2 as RFC 4320 4 has it */
	{ SS_TRYING,     SE_AGAIN,       srv_trying,      SS_PROCEEDING },
	{ SS_TRYING,     SE_2XX,         srv_finish,      SS_COMPLETED },
	{ SS_TRYING,     SE_FINAL,       srv_finish,      SS_COMPLETED },
	{ SS_TRYING,     SE_GIVE_UP,     srv_unanswered,  SS_TERMINATED },
	{ SS_TRYING,     SE_END,         srv_unanswered,  SS_TERMINATED },

	{ SS_PROCEEDING, SE_REQUEST,     srv_resend,      SS_PROCEEDING },
	{ SS_PROCEEDING, SE_2XX,         srv_finish,      SS_COMPLETED },
	{ SS_PROCEEDING, SE_FINAL,       srv_finish,      SS_COMPLETED },
	{ SS_PROCEEDING, SE_GIVE_UP,     srv_unanswered,  SS_TERMINATED },
	{ SS_PROCEEDING, SE_END,         srv_unanswered,  SS_TERMINATED },

	{ SS_COMPLETED,  SE_REQUEST,     srv_resend,      SS_COMPLETED },
	{ SS_COMPLETED,  SE_END,         NULL,            SS_TERMINATED }, /* Timer J */
};

const struct fsm server_invite_fsm = {
	"server INVITE", invite_rows, sizeof invite_rows / sizeof invite_rows[0], state_names, event_names,
};
const struct fsm server_other_fsm = {
	"server non-INVITE", other_rows, sizeof other_rows / sizeof other_rows[0], state_names, event_names,
};
