#include "base/err.h"
#include "run/alarm.h"
#include "server_impl.h"

/* Allocate (RFC 8656 7). */

enum { TRANSPORT_UDP = 17, TRANSPORT_TCP = 6 };
enum { FULL_STANDS_MS = 60000 }; /* the alarm stays so long after the last refusal, or it would come and go */

static bool is_stream(const struct turn_path *p)
{
	return p->transport == TURN_TCP || p->transport == TURN_TLS;
}

/* RFC 8656 7.2 steps 3 to 9 as far as they need no resource: 0 or the error. */
static unsigned judge(const struct request *r)
{
	const struct stunmsg *m = r->m;
	const struct turn_conf *c = r->s->conf;
	bool is_tcp = m->transport == TRANSPORT_TCP;

	if (!(m->has & STUN_HAS_TRANSPORT))
		return 400;
	if (m->transport != TRANSPORT_UDP && !(is_tcp && c->has_tcp_relay))
		return 442;
	/* RFC 6062 5.1: only over a stream, without the attributes that make no sense for TCP. */
	if (is_tcp && (!is_stream(r->path) || m->has & (STUN_HAS_EVEN_PORT | STUN_HAS_TOKEN | STUN_HAS_DONT_FRAGMENT)))
		return 400;
	if (m->has & STUN_HAS_TOKEN && m->has & (STUN_HAS_EVEN_PORT | STUN_HAS_FAMILY | STUN_HAS_ADDITIONAL))
		return 400;
	if (m->has & STUN_HAS_ADDITIONAL && m->has & (STUN_HAS_EVEN_PORT | STUN_HAS_FAMILY))
		return 400;
	if (m->has & STUN_HAS_ADDITIONAL && m->additional_family != 6)
		return 400;
	if (m->has & STUN_HAS_FAMILY && m->requested_family == 0)
		return 440;
	if (m->has & STUN_HAS_TICKET && !c->has_mobility)
		return 405; /* RFC 8016 3.1 */
	return 0;
}

static uint8_t family_wanted(const struct stunmsg *m)
{
	return m->has & STUN_HAS_FAMILY ? m->requested_family : 4;
}

static unsigned code_of(int rc)
{
	return rc == ERR_NOT_FOUND ? 440 : rc == ERR_LIMIT ? 486 : 508;
}

/* Of this worker's; another's is asked for before. */
static int open_reserved(struct request *r, struct allocation *a)
{
	int rc = reservation_take(r->s, r->m->token, bytes_make(r->who.user, r->who.user_n), &a->relay[0]);

	return rc < 0 ? ERR_DENIED : r->s->io->relay_adopt(r->s->io_arg, &a->relay[0], a);
}

static int open_relays(struct request *r, struct allocation *a)
{
	struct turn_server *s = r->s;
	const struct stunmsg *m = r->m;
	struct turn_relay pair = { .fd = -1 };
	enum turn_port_want want = !(m->has & STUN_HAS_EVEN_PORT) ? TURN_PORT_ANY
	                           : m->even_port_reserve         ? TURN_PORT_EVEN_PAIR
	                                                          : TURN_PORT_EVEN;

	if (m->has & STUN_HAS_TOKEN)
		return open_reserved(r, a);
	int rc = s->io->relay_open(s->io_arg, family_wanted(m), a->is_tcp, want, &a->relay[0], &pair, a);
	if (rc == 0 && want == TURN_PORT_EVEN_PAIR) {
		rc = reservation_put(s, bytes_make(r->who.user, r->who.user_n), &pair, a->token);
		if (rc < 0)
			s->io->relay_close(s->io_arg, &pair);
	}
	/* RFC 8656 7.2 step 9: the second family may be missing; the answer says so then. */
	if (rc == 0 && m->has & STUN_HAS_ADDITIONAL)
		(void)s->io->relay_open(s->io_arg, 6, a->is_tcp, TURN_PORT_ANY, &a->relay[1], &pair, a);
	return rc;
}

void allocation_set_key(struct allocation *a, const struct request *r)
{
	memcpy(a->key, r->who.key, r->who.key_n);
	a->key_n = r->who.key_n;
	a->is_sha256 = r->is_sha256;
	a->token_ends_s = r->who.is_token ? r->who.expires_s : 0;
}

static void fill(struct request *r, struct allocation *a)
{
	struct turn_server *s = r->s;
	uint64_t now = loop_now(s->loop);

	a->server = s;
	a->is_tcp = r->m->transport == TRANSPORT_TCP;
	allocation_set_key(a, r);
	memcpy(a->born_of, r->m->id, sizeof a->born_of);
	a->born_ms = now;
	a->expires_ms = now + (uint64_t)lifetime_granted(r) * 1000;
	a->has_ticket = r->m->has & STUN_HAS_TICKET && !a->is_tcp; /* RFC 6062 allocations do not move */
	a->has_additional = r->m->has & STUN_HAS_ADDITIONAL;
	rate_init(&a->new_peers, s->conf->new_peers_per_s, s->conf->new_peers_per_s * 4, now);
}

static void put_relayed(struct stunmsg_writer *w, const struct allocation *a)
{
	for (unsigned i = 0; i < 2; i++)
		if (a->relay[i].fd >= 0)
			stunmsg_put_address(w, STUN_XOR_RELAYED_ADDRESS, &a->relay[i].seen);
	if (a->has_additional && a->relay[1].fd < 0)
		stunmsg_put_address_error(w, 6, 440);
}

static void allocate_answer(struct request *r, struct allocation *a)
{
	static const uint8_t none[8];
	uint8_t ticket[STUNMSG_TICKET_MAX];
	uint64_t now = loop_now(r->s->loop);
	struct stunmsg_writer w;

	reply_begin(r, &w, STUN_SUCCESS);
	put_relayed(&w, a);
	stunmsg_put_u32(&w, STUN_LIFETIME, (uint32_t)((a->expires_ms - now + 999) / 1000));
	stunmsg_put_address(&w, STUN_XOR_MAPPED_ADDRESS, &r->path->from);
	if (memcmp(a->token, none, sizeof none) != 0)
		stunmsg_put(&w, STUN_RESERVATION_TOKEN, bytes_make(a->token, sizeof a->token));
	if (a->has_ticket)
		stunmsg_put(&w, STUN_MOBILITY_TICKET, bytes_make(ticket, ticket_make(r->s, a, a->ticket_n, ticket)));
	reply_send(r, &w);
}

static void refuse_token(struct request *r)
{
	note_refused(r, "allocate", "the reservation has expired, was taken, or is another user's");
	reply_error(r, 508); /* RFC 8656 7.2 step 7 */
}

/* RFC 8489 10: the alternate is of the family that the request came by. */
static bool has_alternate(const struct request *r)
{
	return r->s->conf->alternate.family == r->path->from.family;
}

static void refuse(struct request *r, unsigned code)
{
	static const struct {
		unsigned code;
		enum turn_stat stat;
		const char *why;
	} rows[] = {
		{ 486, TURN_STAT_QUOTA, "the user or the address has as many as it may: turn allocations-user, allocations-address" },
		{ 508, TURN_STAT_FULL, "no room: turn allocations-max, or no free relay port" },
		{ 440, TURN_STAT_REFUSED, "no relay address of this family: turn relay-address" },
		{ 442, TURN_STAT_REFUSED, "transport not offered: turn tcp-relay" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (rows[i].code != code)
			continue;
		if (rows[i].stat != TURN_STAT_REFUSED)
			r->s->stats[rows[i].stat]++;
		note_refused(r, "allocate", rows[i].why);
		if (rows[i].stat == TURN_STAT_FULL) {
			r->s->full_ms = loop_now(r->s->loop);
			alarm_raise(ALARM_RELAY_QUOTA, "", ALARM_USUAL, rows[i].why);
		}
	}
	reply_error(r, code == 508 && has_alternate(r) ? 300 : code); /* full: another box may have room */
}

static void refuse_drained(struct request *r)
{
	note_refused(r, "allocate", has_alternate(r) ? "the box drains; sent to turn alternate-server" : "the box drains: turn drain");
	reply_error(r, has_alternate(r) ? 300 : 508);
}

static int shell(struct request *r, struct allocation **out)
{
	struct turn_server *s = r->s;
	struct allocation *a = allocation_new(&s->table, r->path);

	if (!a)
		return ERR_NOMEM;
	fill(r, a);
	int rc = quota_enter(s->quota, bytes_make(r->who.user, r->who.user_n), &r->path->from, loop_now(s->loop), &a->hold);
	if (rc < 0) {
		allocation_free(&s->table, a);
		return rc;
	}
	s->stats[TURN_STAT_ALLOCATIONS]++;
	tell_usage(s, a->hold.user);
	*out = a;
	return 0;
}

struct allocation *allocate_shell(struct request *r)
{
	struct allocation *a;

	return shell(r, &a) < 0 ? NULL : a;
}

static void finish(struct request *r, struct allocation *a, int rc)
{
	if (rc < 0) {
		allocation_end(r->s, a, NULL);
		if (rc == ERR_DENIED)
			refuse_token(r);
		else
			refuse(r, code_of(rc));
		return;
	}
	r->s->stats[TURN_STAT_ALLOCATED]++;
	if (r->s->full_ms && loop_now(r->s->loop) - r->s->full_ms >= FULL_STANDS_MS) {
		r->s->full_ms = 0;
		alarm_clear(ALARM_RELAY_QUOTA, "");
	}
	allocation_set_timer(r->s, a);
	allocate_answer(r, a);
}

static void make(struct request *r)
{
	struct allocation *a;
	int rc = shell(r, &a);

	if (rc < 0)
		refuse(r, code_of(rc));
	else
		finish(r, a, open_relays(r, a));
}

void allocate_with(struct request *r, struct turn_relay *relay)
{
	struct allocation *a;
	int rc = r->a ? ERR_EXISTS : shell(r, &a);

	if (rc < 0) {
		r->s->io->relay_close(r->s->io_arg, relay);
		refuse(r, r->a ? 437 : code_of(rc));
		return;
	}
	a->relay[0] = *relay;
	finish(r, a, r->s->io->relay_adopt(r->s->io_arg, &a->relay[0], a));
}

void request_allocate(struct request *r)
{
	unsigned code;

	/* A repeated request has the same answer (RFC 8656 7.2 step 2 and the note on retransmission). */
	if (r->a && memcmp(r->a->born_of, r->m->id, sizeof r->a->born_of) == 0) {
		allocate_answer(r, r->a);
		return;
	}
	if (r->a) {
		reply_error(r, 437);
		return;
	}
	if ((code = judge(r)) != 0) {
		refuse(r, code);
		return;
	}
	if (r->s->conf->is_draining) {
		refuse_drained(r);
		return;
	}
	if (r->m->has & STUN_HAS_TOKEN && r->m->token[0] != r->s->worker) {
		pending_begin(r, r->m->token[0], CLAIM_RESERVATION, bytes_make(r->m->token, sizeof r->m->token));
		return;
	}
	make(r);
}
