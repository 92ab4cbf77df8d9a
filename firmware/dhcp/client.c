#include "client.h"

enum {
	FIRST_MS = 4000, /* RFC 2131 4.1 */
	LAST_MS = 64 * 1000,
	JITTER_MS = 1000,
	REQUESTS_MAX = 4,
	RENEW_MIN_MS = 60 * 1000, /* RFC 2131 4.4.5 */
	T1_MIN_MS = CLIENT_LEASE_MIN_S * 1000 / 2, /* those of the shortest lease */
	T2_MIN_MS = CLIENT_LEASE_MIN_S * 1000 / 8 * 7,
};

void client_init(struct client *c, const uint8_t mac[static 6], uint32_t (*random)(void))
{
	*c = (struct client){ .random = random };
	memcpy(c->mac, mac, sizeof c->mac);
}

static uint64_t backoff_ms(struct client *c)
{
	uint64_t wait = (uint64_t)FIRST_MS << (c->tries < 5 ? c->tries : 4);

	c->tries++;
	return (wait > LAST_MS ? LAST_MS : wait) - JITTER_MS + c->random() % (2 * JITTER_MS);
}

static void send(struct client *c, const struct dhcp_ask *what, uint32_t to, uint64_t now_ms, struct client_out *out)
{
	struct dhcp_ask a = *what;
	uint64_t seconds = (now_ms - c->began_ms) / 1000;

	a.xid = c->xid;
	a.seconds = (uint16_t)(seconds > 0xffff ? 0xffff : seconds);
	a.host = c->host;
	memcpy(a.mac, c->mac, sizeof a.mac);
	out->is_broadcast = to == 0xffffffffu;
	out->n = dhcp_encode(&a, a.client, to, out->packet);
	c->asked_ms = now_ms;
}

static void discover(struct client *c, uint64_t now_ms, struct client_out *out)
{
	const struct dhcp_ask a = { .type = DHCP_DISCOVER };

	send(c, &a, 0xffffffffu, now_ms, out);
	c->send_ms = now_ms + backoff_ms(c);
}

static void request(struct client *c, uint64_t now_ms, struct client_out *out)
{
	const struct dhcp_ask a = { .type = DHCP_REQUEST, .requested = c->offer.address, .server = c->offer.server };

	send(c, &a, 0xffffffffu, now_ms, out);
	c->send_ms = now_ms + backoff_ms(c);
}

/* Half of what is left, and not too often; the end of the phase has its own time. */
static void extend(struct client *c, bool is_rebind, uint64_t now_ms, struct client_out *out)
{
	const struct dhcp_ask a = { .type = DHCP_REQUEST, .client = c->lease.address };
	uint64_t end = is_rebind ? c->end_ms : c->t2_ms, half = end > now_ms ? (end - now_ms) / 2 : 0;

	send(c, &a, is_rebind ? 0xffffffffu : c->lease.server, now_ms, out);
	c->send_ms = now_ms + (half > RENEW_MIN_MS ? half : RENEW_MIN_MS);
}

void client_start(struct client *c, uint64_t now_ms, struct client_out *out)
{
	if (c->state == CLIENT_OFF)
		c->since_ms = now_ms;
	c->state = CLIENT_SELECTING;
	c->xid = c->random();
	c->tries = 0;
	c->began_ms = now_ms;
	c->t1_ms = c->t2_ms = c->end_ms = 0;
	discover(c, now_ms, out);
}

static void lose(struct client *c, const char *why, struct client_out *out)
{
	out->is_news = c->lease.address != 0 || !c->is_silence_told;
	out->why = why;
	c->is_silence_told = true;
	c->lease = (struct dhcp_reply){ 0 };
	c->t1_ms = c->t2_ms = c->end_ms = 0;
}

static bool is_host(uint32_t address, uint8_t prefix)
{
	uint32_t rest = prefix < 32 ? 0xffffffffu >> prefix : 0, part = address & rest;

	if (address >> 24 == 0 || address >> 24 == 127 || address >= 0xe0000000u)
		return false;
	return prefix >= 31 || (part != 0 && part != rest); /* RFC 3021 */
}

static bool is_usable(const struct dhcp_reply *r)
{
	return r->server && r->prefix && is_host(r->address, r->prefix) && r->lease_s >= CLIENT_LEASE_MIN_S;
}

static void bind_lease(struct client *c, const struct dhcp_reply *r, const uint8_t from[static 6], struct client_out *out)
{
	uint64_t lease = (uint64_t)r->lease_s * 1000, t1 = (uint64_t)r->t1_s * 1000, t2 = (uint64_t)r->t2_s * 1000;
	uint32_t mask = r->prefix < 32 ? ~(0xffffffffu >> r->prefix) : 0xffffffffu;

	c->lease = *r;
	if ((r->router & mask) != (r->address & mask) || r->router == r->address)
		c->lease.router = 0; /* it could not be reached */
	memcpy(c->next_hop, from, sizeof c->next_hop);
	if (t2 < T2_MIN_MS || t2 >= lease) /* RFC 2131 4.4.5: 7/8 and 1/2 of the lease, where nothing sensible is said */
		t2 = lease / 8 * 7;
	if (t1 < T1_MIN_MS || t1 >= t2)
		t1 = t2 / 7 * 4;
	bool has_end = r->lease_s != DHCP_FOREVER;
	c->t1_ms = has_end ? c->asked_ms + t1 : 0;
	c->t2_ms = has_end ? c->asked_ms + t2 : 0;
	c->end_ms = has_end ? c->asked_ms + lease : 0;
	c->state = CLIENT_BOUND;
	c->tries = c->refusals = 0;
	c->send_ms = 0;
	c->is_silence_told = false;
	out->is_news = true;
}

static void on_nak(struct client *c, uint64_t now_ms, struct client_out *out)
{
	lose(c, "the server refused the address", out);
	c->state = CLIENT_WAITING;
	c->tries = c->refusals++;
	c->send_ms = now_ms + backoff_ms(c);
}

void client_input(struct client *c, const struct dhcp_reply *r, const uint8_t from[static 6], uint64_t now_ms, struct client_out *out)
{
	bool is_asking = c->state == CLIENT_REQUESTING, is_extending = c->state == CLIENT_RENEWING || c->state == CLIENT_REBINDING;
	uint32_t server = is_asking ? c->offer.server : c->state == CLIENT_RENEWING ? c->lease.server : r->server;

	*out = (struct client_out){ 0 };
	if (r->xid != c->xid || memcmp(r->mac, c->mac, sizeof c->mac) != 0)
		return;
	if (c->state == CLIENT_SELECTING && r->type == DHCP_OFFER && is_usable(r)) {
		c->offer = *r;
		c->state = CLIENT_REQUESTING;
		c->tries = 0;
		request(c, now_ms, out);
	} else if ((is_asking || is_extending) && r->server == server) {
		uint32_t address = is_asking ? c->offer.address : c->lease.address;
		if (r->type == DHCP_ACK && is_usable(r) && r->address == address)
			bind_lease(c, r, from, out);
		else if (r->type == DHCP_NAK && r->server)
			on_nak(c, now_ms, out);
	}
}

static void begin_extend(struct client *c, bool is_rebind, uint64_t now_ms, struct client_out *out)
{
	c->xid = c->random();
	c->state = is_rebind ? CLIENT_REBINDING : CLIENT_RENEWING;
	c->began_ms = now_ms;
	extend(c, is_rebind, now_ms, out);
}

void client_timer(struct client *c, uint64_t now_ms, struct client_out *out)
{
	bool is_due = c->send_ms && now_ms >= c->send_ms;

	*out = (struct client_out){ 0 };
	if (c->end_ms && now_ms >= c->end_ms) {
		lose(c, "the lease has ended and no server answered", out);
		client_start(c, now_ms, out);
	} else if (c->t2_ms && now_ms >= c->t2_ms && c->state != CLIENT_REBINDING) {
		begin_extend(c, true, now_ms, out);
	} else if (c->t1_ms && now_ms >= c->t1_ms && c->state == CLIENT_BOUND) {
		begin_extend(c, false, now_ms, out);
	} else if (is_due && (c->state == CLIENT_RENEWING || c->state == CLIENT_REBINDING)) {
		extend(c, c->state == CLIENT_REBINDING, now_ms, out);
	} else if (is_due && c->state == CLIENT_REQUESTING && c->tries < REQUESTS_MAX) {
		request(c, now_ms, out);
	} else if (is_due && c->state == CLIENT_SELECTING) {
		discover(c, now_ms, out);
	} else if (is_due) { /* the server of the offer is silent, or a refusal has been waited out */
		client_start(c, now_ms, out);
	}
	if (!c->lease.address && !c->is_silence_told && now_ms >= c->since_ms + CLIENT_SILENT_MS)
		lose(c, c->offer.address ? "a server has made an offer, but does not confirm it" : "no server has made an offer", out);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

uint64_t client_next_ms(const struct client *c)
{
	uint64_t next = earlier(c->send_ms, c->end_ms);

	if (c->state == CLIENT_BOUND)
		next = earlier(next, c->t1_ms);
	return c->state == CLIENT_REBINDING ? next : earlier(next, c->t2_ms);
}

void client_link_up(struct client *c, uint64_t now_ms, struct client_out *out)
{
	*out = (struct client_out){ 0 };
	if (c->lease.address)
		begin_extend(c, true, now_ms, out);
	else if (c->state != CLIENT_OFF)
		client_start(c, now_ms, out);
}

void client_release(struct client *c, struct client_out *out)
{
	const struct dhcp_ask a = { .type = DHCP_RELEASE, .client = c->lease.address, .server = c->lease.server };

	*out = (struct client_out){ 0 };
	if (c->lease.address) {
		c->xid = c->random();
		send(c, &a, c->lease.server, c->began_ms, out);
	}
	c->state = CLIENT_OFF;
	c->lease = (struct dhcp_reply){ 0 };
	c->send_ms = c->t1_ms = c->t2_ms = c->end_ms = 0;
}
