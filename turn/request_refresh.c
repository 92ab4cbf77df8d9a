#include "base/err.h"
#include "server_impl.h"

/* Refresh (RFC 8656 8), and with a ticket from another 5-tuple (RFC 8016 3.2). */

static bool is_owner(const struct request *r, const struct allocation *a)
{
	return bytes_eq(quota_user_name(a->hold.user), bytes_make(r->who.user, r->who.user_n));
}

/* RFC 8656 8.2: with REQUESTED-ADDRESS-FAMILY it is about one of two relayed addresses. 0 ends that one. */
static bool ends_one_family(struct request *r, struct allocation *a)
{
	struct turn_relay *relay = NULL;

	if (!(r->m->has & STUN_HAS_FAMILY) || a->relay[0].fd < 0 || a->relay[1].fd < 0)
		return false;
	for (unsigned i = 0; i < 2; i++)
		if (a->relay[i].at.family == r->m->requested_family)
			relay = &a->relay[i];
	if (!relay || !(r->m->has & STUN_HAS_LIFETIME) || r->m->lifetime_s != 0)
		return false;
	r->s->io->relay_close(r->s->io_arg, relay);
	return true;
}

static bool family_is_wrong(const struct request *r, const struct allocation *a)
{
	if (!(r->m->has & STUN_HAS_FAMILY))
		return false;
	for (unsigned i = 0; i < 2; i++)
		if (a->relay[i].fd >= 0 && a->relay[i].at.family == r->m->requested_family)
			return false;
	return true;
}

static void answer(struct request *r, struct allocation *a, uint32_t lifetime_s)
{
	uint8_t ticket[STUNMSG_TICKET_MAX];
	struct stunmsg_writer w;

	reply_begin(r, &w, STUN_SUCCESS);
	stunmsg_put_u32(&w, STUN_LIFETIME, lifetime_s);
	if (a && a->has_ticket)
		stunmsg_put(&w, STUN_MOBILITY_TICKET, bytes_make(ticket, ticket_make(r->s, a, a->ticket_n, ticket)));
	reply_send(r, &w);
}

void refresh_answer(struct request *r, struct allocation *a)
{
	struct turn_server *s = r->s;
	bool is_end = r->m->has & STUN_HAS_LIFETIME && r->m->lifetime_s == 0;

	if (is_end && !ends_one_family(r, a)) {
		answer(r, NULL, 0);
		allocation_end(s, a);
		return;
	}
	uint32_t lifetime_s = is_end ? 0 : lifetime_granted(r);
	if (!is_end) {
		a->expires_ms = loop_now(s->loop) + (uint64_t)lifetime_s * 1000;
		allocation_set_timer(s, a);
	}
	flows_put(s, a, NULL);
	answer(r, a, lifetime_s);
}

/* The ticket that was given last moves the allocation; the one before it does so again, for a Refresh whose
 * answer was lost. */
static void move(struct request *r, struct allocation *a, uint32_t ticket_n)
{
	bool is_repeated = a == r->a && ticket_n + 1 == a->ticket_n;

	if (!is_owner(r, a)) {
		reply_error(r, 441);
		return;
	}
	if (!is_repeated && ticket_n != a->ticket_n) {
		reply_error(r, 400);
		return;
	}
	if (!is_repeated) {
		if (r->a && r->a != a) {
			reply_error(r, 437);
			return;
		}
		flows_drop(r->s, a); /* they are of the 5-tuple that was */
		if (!r->a && allocation_move(&r->s->table, a, r->path) < 0) {
			flows_put(r->s, a, NULL);
			reply_error(r, 508);
			return;
		}
		a->ticket_n++;
		a->is_orphan = false;
		r->s->stats[TURN_STAT_MOVED]++;
	}
	refresh_answer(r, a);
}

static void with_ticket(struct request *r)
{
	unsigned worker;
	uint64_t number;
	uint32_t n;

	if (!r->s->conf->has_mobility) {
		reply_error(r, 405);
		return;
	}
	if (ticket_read(r->s, r->m->ticket, &worker, &number, &n) < 0) {
		reply_error(r, 400);
		return;
	}
	struct allocation *a = allocation_of_number(&r->s->table, number);
	if (a)
		move(r, a, n);
	else if (worker == r->s->worker)
		reply_error(r, 437);
	else if (pending_begin(r, worker, CLAIM_ALLOCATION, r->m->ticket) < 0)
		reply_error(r, 508);
}

void request_refresh(struct request *r)
{
	if (r->m->has & STUN_HAS_TICKET) {
		with_ticket(r);
		return;
	}
	if (!r->a) {
		/* RFC 8656 8.2: an end that comes again is no error. */
		if (r->m->has & STUN_HAS_LIFETIME && r->m->lifetime_s == 0)
			answer(r, NULL, 0);
		else
			reply_error(r, 437);
		return;
	}
	if (!is_owner(r, r->a))
		reply_error(r, 441);
	else if (family_is_wrong(r, r->a))
		reply_error(r, 443);
	else
		refresh_answer(r, r->a);
}
