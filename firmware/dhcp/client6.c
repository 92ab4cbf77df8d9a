#include "client6.h"

#include <netinet/in.h>

enum {
	DELAY_MS = 1000,             /* RFC 8415 7.6: SOL_MAX_DELAY, CNF_MAX_DELAY: so that not all clients of a network speak at once */
	SOL_MAX_RT_S = 3600,         /* unless a server has said otherwise */
	CONFIRM_MS = 10 * 1000,      /* CNF_MAX_RD */
	REFUSED_MS = 10 * 1000,      /* our own: after a refusal, doubled each time */
	REFUSED_DOUBLED_MAX = 6,
	T_MIN_S = CLIENT_LEASE_MIN_S / 2, /* of T1; of the shortest lease */
	PREFERENCE_NOW = 255,        /* RFC 8415 18.2.1 */
};

/* What is said in a state, and how often (RFC 8415 7.6, 15). */
static const struct exchange {
	enum dhcp6_type type;  /* 0: nothing */
	uint32_t irt_ms, mrt_ms; /* mrt_ms 0: none */
	unsigned mrc;          /* 0: no end */
	bool is_to_one;        /* the server is named */
} exchanges[] = {
	[CLIENT6_OFF] = { 0 },
	[CLIENT6_WAITING] = { 0 },
	[CLIENT6_SOLICITING] = { DHCP6_SOLICIT, 1000, SOL_MAX_RT_S * 1000, 0, false },
	[CLIENT6_REQUESTING] = { DHCP6_REQUEST, 1000, 30 * 1000, 10, true },
	[CLIENT6_BOUND] = { 0 },
	[CLIENT6_CONFIRMING] = { DHCP6_CONFIRM, 1000, 4000, 0, false },
	[CLIENT6_RENEWING] = { DHCP6_RENEW, 10 * 1000, 600 * 1000, 0, true },
	[CLIENT6_REBINDING] = { DHCP6_REBIND, 10 * 1000, 600 * 1000, 0, false },
	[CLIENT6_DECLINING] = { DHCP6_DECLINE, 1000, 0, 4, true },
	[CLIENT6_RELEASING] = { DHCP6_RELEASE, 1000, 0, 4, true },
};
_Static_assert(sizeof exchanges / sizeof exchanges[0] == CLIENT6_STATE_COUNT, "one row a state");

void client6_init(struct client6 *c, const uint8_t local[static 16], const struct dhcp6_duid *duid, uint32_t iaid,
                  uint32_t (*random)(void))
{
	*c = (struct client6){ .duid = *duid, .iaid = iaid, .random = random, .sol_max_rt_s = SOL_MAX_RT_S };
	memcpy(c->local, local, sizeof c->local);
}

/* ---- sending (RFC 8415 15) ---- */

/* A tenth of it less to a tenth more. */
static uint64_t blur(struct client6 *c, uint64_t ms)
{
	return ms - ms / 10 + c->random() % (ms / 5 + 1);
}

static uint64_t next_rt(struct client6 *c, const struct exchange *e)
{
	uint64_t mrt = c->state == CLIENT6_SOLICITING ? (uint64_t)c->sol_max_rt_s * 1000 : e->mrt_ms;

	if (c->tries == 0 && c->state == CLIENT6_SOLICITING) /* 18.2.1: more than IRT, so that all servers can answer */
		return e->irt_ms + 1 + c->random() % (e->irt_ms / 10);
	uint64_t rt = c->tries == 0 ? blur(c, e->irt_ms) : c->rt_ms + blur(c, c->rt_ms);
	return mrt && rt > mrt ? blur(c, mrt) : rt;
}

static void say(struct client6 *c, uint64_t now_ms, struct client_out *out)
{
	const struct exchange *e = &exchanges[c->state];
	uint64_t elapsed = c->tries ? (now_ms - c->began_ms) / 10 : 0;
	const struct dhcp6_ask ask = { .type = e->type, .xid = c->xid, .iaid = c->iaid, .client = &c->duid,
		.server = e->is_to_one ? &c->server : NULL, .address = c->has_about ? c->about : NULL,
		.elapsed_cs = (uint16_t)(elapsed > 0xffff ? 0xffff : elapsed) };

	if (c->tries == 0)
		c->began_ms = now_ms;
	out->is_broadcast = true;
	out->n = dhcp6_encode(&ask, c->local, out->packet);
	c->asked_ms = now_ms;
	c->rt_ms = next_rt(c, e);
	c->send_ms = now_ms + c->rt_ms;
	c->tries++;
}

/* about: the address, or NULL. The first message is sent after delay_ms. */
static void begin(struct client6 *c, enum client6_state state, const uint8_t *about, uint64_t delay_ms, uint64_t now_ms, struct client_out *out)
{
	c->state = state;
	c->xid = c->random() & 0xffffff;
	c->tries = 0;
	c->has_about = about != NULL;
	if (about)
		memmove(c->about, about, sizeof c->about); /* it may be its own */
	c->began_ms = now_ms;
	c->send_ms = now_ms + delay_ms;
	if (delay_ms == 0)
		say(c, now_ms, out);
}

static void solicit(struct client6 *c, uint64_t delay_ms, uint64_t now_ms, struct client_out *out)
{
	c->has_offer = false;
	begin(c, CLIENT6_SOLICITING, NULL, delay_ms, now_ms, out);
}

static uint64_t some_delay(struct client6 *c)
{
	return 1 + c->random() % DELAY_MS;
}

/* ---- the lease ---- */

static void lose(struct client6 *c, const char *why, struct client_out *out)
{
	out->is_news = c->lease.is_there || !c->is_silence_told;
	out->why = why;
	c->is_silence_told = true;
	c->lease = (struct client6_lease){ 0 };
	c->t1_ms = c->t2_ms = c->end_ms = 0;
}

/* Asks again, later each time, so that a server that gives what it takes back keeps nobody busy. */
static void wait_refused(struct client6 *c, uint64_t now_ms)
{
	unsigned doubled = c->refusals < REFUSED_DOUBLED_MAX ? c->refusals : REFUSED_DOUBLED_MAX;

	c->refusals++;
	c->state = CLIENT6_WAITING;
	c->send_ms = now_ms + blur(c, (uint64_t)REFUSED_MS << doubled);
}

static void refused(struct client6 *c, const char *why, uint64_t now_ms, struct client_out *out)
{
	lose(c, why, out);
	wait_refused(c, now_ms);
}

static bool is_usable(const struct dhcp6_address *a)
{
	struct in6_addr in;

	memcpy(&in, a->bytes, sizeof in);
	return a->status == DHCP6_SUCCESS && a->valid_s >= CLIENT_LEASE_MIN_S && !IN6_IS_ADDR_MULTICAST(&in) && !IN6_IS_ADDR_LOOPBACK(&in) &&
	       !IN6_IS_ADDR_UNSPECIFIED(&in) && !IN6_IS_ADDR_LINKLOCAL(&in) && !IN6_IS_ADDR_V4MAPPED(&in);
}

static bool is_ours(const struct client6 *c, const struct dhcp6_address *a)
{
	return c->lease.is_there && memcmp(a->bytes, c->lease.address, sizeof a->bytes) == 0;
}

/* Of those that may be used: one that is preferred before one that is not, and of these the one that we have. */
static const struct dhcp6_address *choose(const struct client6 *c, const struct dhcp6_reply *r)
{
	const struct dhcp6_address *best = NULL;
	unsigned best_worth = 0;

	for (unsigned i = 0; r->has_ia && i < r->n_addresses; i++) {
		const struct dhcp6_address *a = &r->addresses[i];
		unsigned worth = !is_usable(a) ? 0 : 1 + (a->preferred_s ? 2 : 0) + is_ours(c, a);
		if (worth > best_worth) {
			best = a;
			best_worth = worth;
		}
	}
	return best;
}

static bool is_taken_back(const struct client6 *c, const struct dhcp6_reply *r)
{
	for (unsigned i = 0; r->has_ia && i < r->n_addresses; i++)
		if (is_ours(c, &r->addresses[i]) && r->addresses[i].valid_s == 0)
			return true;
	return false;
}

/* Where the server leaves them to us (0), or says what makes no sense: 0.5 and 0.8 of the time that the address is preferred, as
 * RFC 8415 21.4 advises servers. */
static void set_times(struct client6 *c, const struct dhcp6_reply *r, const struct dhcp6_address *a)
{
	uint64_t span = a->preferred_s ? a->preferred_s : a->valid_s, t1 = r->t1_s, t2 = r->t2_s;
	bool has_end = a->valid_s != DHCP6_FOREVER;

	if (span < CLIENT_LEASE_MIN_S || span == DHCP6_FOREVER)
		span = a->valid_s;
	if (t2 < T_MIN_S || (has_end && t2 >= a->valid_s))
		t2 = span == DHCP6_FOREVER ? DHCP6_FOREVER : span * 4 / 5;
	if (t1 < T_MIN_S || (t1 > t2 || (has_end && t1 == t2)))
		t1 = t2 == DHCP6_FOREVER ? DHCP6_FOREVER : t2 * 5 / 8;
	c->t1_ms = t1 == DHCP6_FOREVER ? 0 : c->asked_ms + t1 * 1000;
	c->t2_ms = t2 == DHCP6_FOREVER ? 0 : c->asked_ms + t2 * 1000;
	c->end_ms = has_end ? c->asked_ms + (uint64_t)a->valid_s * 1000 : 0;
}

static void bind_lease(struct client6 *c, const struct dhcp6_reply *r, const struct dhcp6_address *a, const uint8_t from[static 16],
                       struct client_out *out)
{
	struct client6_lease *l = &c->lease;

	*l = (struct client6_lease){ .is_there = true, .n_dns = r->n_dns, .n_ntp = r->n_ntp };
	memcpy(l->address, a->bytes, sizeof l->address);
	memcpy(l->from, from, sizeof l->from);
	memcpy(l->dns, r->dns, sizeof l->dns);
	memcpy(l->ntp, r->ntp, sizeof l->ntp);
	c->server = r->server;
	set_times(c, r, a);
	c->state = CLIENT6_BOUND;
	c->refusals = 0;
	c->send_ms = 0;
	c->is_silence_told = false;
	out->is_news = true;
}

/* ---- answers ---- */

static void request(struct client6 *c, const uint8_t *about, uint64_t now_ms, struct client_out *out)
{
	begin(c, CLIENT6_REQUESTING, about, 0, now_ms, out);
}

/* RFC 8415 18.2.9. Within the first wait the best of all offers is looked for, after it the first one does. */
static void on_advertise(struct client6 *c, const struct dhcp6_reply *r, uint64_t now_ms, struct client_out *out)
{
	const struct dhcp6_address *a = r->status == DHCP6_SUCCESS && r->ia_status == DHCP6_SUCCESS ? choose(c, r) : NULL;

	if (!a || c->tries == 0)
		return;
	if (!c->has_offer || r->preference > c->preference) {
		c->has_offer = true;
		c->preference = r->preference;
		c->server = r->server;
		memcpy(c->about, a->bytes, sizeof c->about);
	}
	if (c->tries > 1 || r->preference == PREFERENCE_NOW)
		request(c, c->about, now_ms, out);
}

/* RFC 8415 18.2.10.1: to Request, Renew and Rebind. */
static void on_lease(struct client6 *c, const struct dhcp6_reply *r, const uint8_t from[static 16], uint64_t now_ms, struct client_out *out)
{
	const struct dhcp6_address *a = r->status == DHCP6_SUCCESS && r->ia_status == DHCP6_SUCCESS ? choose(c, r) : NULL;
	bool is_first = c->state == CLIENT6_REQUESTING;

	if (a) {
		bind_lease(c, r, a, from, out);
	} else if (r->status == DHCP6_UNSPEC_FAIL || r->status == DHCP6_USE_MULTICAST) {
		return; /* it is sent again, in its time */
	} else if (r->status == DHCP6_NOT_ON_LINK || is_taken_back(c, r)) {
		refused(c, "the server refused the address", now_ms, out);
	} else if (is_first) {
		refused(c, "the server has no address to give", now_ms, out);
	} else if (r->has_ia && r->ia_status == DHCP6_NO_BINDING) {
		c->server = r->server;
		request(c, c->lease.address, now_ms, out);
	}
}

static void resume(struct client6 *c)
{
	c->state = CLIENT6_BOUND;
	c->send_ms = 0;
}

/* RFC 8415 18.2.10.4. Any server may answer that. */
static void on_confirm(struct client6 *c, const struct dhcp6_reply *r, uint64_t now_ms, struct client_out *out)
{
	if (r->status == DHCP6_NOT_ON_LINK) {
		lose(c, "the address is of another network", out);
		solicit(c, some_delay(c), now_ms, out);
	} else if (r->status == DHCP6_SUCCESS) {
		resume(c);
	}
}

static void on_reply(struct client6 *c, const struct dhcp6_reply *r, const uint8_t from[static 16], uint64_t now_ms, struct client_out *out)
{
	if (exchanges[c->state].is_to_one && !dhcp6_duid_eq(&r->server, &c->server))
		return;
	if (c->state == CLIENT6_REQUESTING || c->state == CLIENT6_RENEWING || c->state == CLIENT6_REBINDING)
		on_lease(c, r, from, now_ms, out);
	else if (c->state == CLIENT6_CONFIRMING && c->tries > 0)
		on_confirm(c, r, now_ms, out);
	else if (c->state == CLIENT6_DECLINING) /* whatever it says: RFC 8415 18.2.10.3 */
		wait_refused(c, now_ms);
	else if (c->state == CLIENT6_RELEASING)
		c->state = CLIENT6_OFF;
}

/* RFC 8415 16: an answer names its server, and us. */
void client6_input(struct client6 *c, const struct dhcp6_reply *r, const uint8_t from[static 16], uint64_t now_ms, struct client_out *out)
{
	*out = (struct client_out){ 0 };
	if (exchanges[c->state].type == 0 || r->xid != c->xid || !dhcp6_duid_eq(&r->client, &c->duid) || r->server.n == 0)
		return;
	if (r->sol_max_rt_s) /* 18.2.9: also of an answer that is of no use otherwise */
		c->sol_max_rt_s = r->sol_max_rt_s;
	if (r->type == DHCP6_ADVERTISE && c->state == CLIENT6_SOLICITING)
		on_advertise(c, r, now_ms, out);
	else if (r->type == DHCP6_REPLY && c->state != CLIENT6_SOLICITING)
		on_reply(c, r, from, now_ms, out);
}

/* ---- time ---- */

/* Nobody has answered, as often as is asked. */
static void give_up(struct client6 *c, uint64_t now_ms, struct client_out *out)
{
	if (c->state == CLIENT6_RELEASING)
		c->state = CLIENT6_OFF;
	else if (c->state == CLIENT6_DECLINING)
		wait_refused(c, now_ms);
	else if (c->lease.is_there) /* it did not know our binding, and now says nothing: others may */
		begin(c, CLIENT6_REBINDING, c->lease.address, 0, now_ms, out);
	else
		solicit(c, 0, now_ms, out);
}

static void on_send_time(struct client6 *c, uint64_t now_ms, struct client_out *out)
{
	const struct exchange *e = &exchanges[c->state];

	if (c->state == CLIENT6_WAITING)
		solicit(c, 0, now_ms, out);
	else if (c->state == CLIENT6_SOLICITING && c->has_offer)
		request(c, c->about, now_ms, out);
	else if (e->mrc && c->tries >= e->mrc)
		give_up(c, now_ms, out);
	else
		say(c, now_ms, out);
}

static bool is_past(uint64_t at_ms, uint64_t now_ms)
{
	return at_ms && now_ms >= at_ms;
}

/* When T2 counts: RFC 8415 18.2.5. */
static bool may_rebind(const struct client6 *c)
{
	return c->state == CLIENT6_BOUND || c->state == CLIENT6_RENEWING;
}

void client6_timer(struct client6 *c, uint64_t now_ms, struct client_out *out)
{
	*out = (struct client_out){ 0 };
	if (is_past(c->end_ms, now_ms)) {
		lose(c, "the lease has ended and no server answered", out);
		solicit(c, 0, now_ms, out);
	} else if (c->state == CLIENT6_CONFIRMING && c->tries > 0 && now_ms >= c->began_ms + CONFIRM_MS) {
		resume(c); /* RFC 8415 18.2.3: in use as before */
	} else if (may_rebind(c) && is_past(c->t2_ms, now_ms)) {
		begin(c, CLIENT6_REBINDING, c->lease.address, 0, now_ms, out);
	} else if (c->state == CLIENT6_BOUND && is_past(c->t1_ms, now_ms)) {
		begin(c, CLIENT6_RENEWING, c->lease.address, 0, now_ms, out);
	} else if (is_past(c->send_ms, now_ms)) {
		on_send_time(c, now_ms, out);
	}
	bool is_asking = c->state == CLIENT6_SOLICITING || c->state == CLIENT6_REQUESTING;
	if (is_asking && !c->lease.is_there && !c->is_silence_told && now_ms >= c->since_ms + CLIENT_SILENT_MS)
		lose(c, c->has_offer ? "a server has made an offer, but does not confirm it" : "no server has made an offer", out);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

uint64_t client6_next_ms(const struct client6 *c)
{
	uint64_t next = c->state == CLIENT6_OFF ? 0 : earlier(c->send_ms, c->end_ms);

	if (c->state == CLIENT6_CONFIRMING && c->tries > 0)
		next = earlier(next, c->began_ms + CONFIRM_MS);
	if (c->state == CLIENT6_BOUND)
		next = earlier(next, c->t1_ms);
	return may_rebind(c) ? earlier(next, c->t2_ms) : next;
}

/* ---- from outside ---- */

void client6_start(struct client6 *c, uint64_t now_ms, struct client_out *out)
{
	*out = (struct client_out){ 0 };
	if (c->state == CLIENT6_OFF)
		c->since_ms = now_ms;
	solicit(c, some_delay(c), now_ms, out);
}

void client6_link_up(struct client6 *c, uint64_t now_ms, struct client_out *out)
{
	*out = (struct client_out){ 0 };
	if (c->lease.is_there)
		begin(c, CLIENT6_CONFIRMING, c->lease.address, some_delay(c), now_ms, out);
	else if (c->state == CLIENT6_SOLICITING || c->state == CLIENT6_REQUESTING || c->state == CLIENT6_WAITING)
		client6_start(c, now_ms, out);
}

void client6_in_use(struct client6 *c, uint64_t now_ms, struct client_out *out)
{
	uint8_t address[DHCP6_ADDRESS_BYTES];

	*out = (struct client_out){ 0 };
	if (!c->lease.is_there)
		return;
	memcpy(address, c->lease.address, sizeof address);
	lose(c, "another machine has the address that the server gave", out);
	begin(c, CLIENT6_DECLINING, address, 0, now_ms, out);
}

void client6_release(struct client6 *c, uint64_t now_ms, struct client_out *out)
{
	uint8_t address[DHCP6_ADDRESS_BYTES];
	bool has = c->lease.is_there;

	*out = (struct client_out){ 0 };
	memcpy(address, c->lease.address, sizeof address);
	c->lease = (struct client6_lease){ 0 };
	c->t1_ms = c->t2_ms = c->end_ms = 0;
	if (has)
		begin(c, CLIENT6_RELEASING, address, 0, now_ms, out);
	else if (c->state != CLIENT6_RELEASING)
		c->state = CLIENT6_OFF;
}
