/* A packet to a DHCPv6 client: each as IPv6 and UDP, and as a message to clients in every state. What is taken as a lease must
 * be one that may be used. */
#include "client6.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const uint8_t local[16] = { 0xfe, 0x80, [15] = 0xa }, address[16] = { 0x20, 1, 0xd, 0xb8, [15] = 0x64 };

static uint32_t number(void)
{
	return 0x01020304; /* as in the seeds */
}

static void check(const struct client6 *c, const struct client_out *out)
{
	if (out->n > DHCP6_ASK_MAX)
		abort();
	if (c->lease.is_there && (c->lease.address[0] == 0xff || c->lease.n_dns > DHCP6_SERVERS_MAX || !c->server.n))
		abort();
	if (c->end_ms && !(c->t1_ms < c->t2_ms && c->t2_ms < c->end_ms))
		abort();
	if (c->state != CLIENT6_OFF && c->state != CLIENT6_BOUND && !client6_next_ms(c))
		abort(); /* nothing would wake it */
}

static void take(struct client6 *c, const struct dhcp6_reply *r)
{
	struct client_out out;

	client6_input(c, r, local, 2000, &out);
	check(c, &out);
	client6_timer(c, client6_next_ms(c), &out);
	check(c, &out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct bytes in = bytes_make(data, n), message = in;
	const uint8_t *from;
	struct dhcp6_reply r;
	struct client_out out;

	(void)dhcp6_unwrap(in, n % 2, local, &message, &from); /* or the whole as a message */
	if (dhcp6_decode(message, 'a', &r))
		return 0;
	if (r.n_addresses > DHCP6_ADDRESSES_MAX || r.n_dns > DHCP6_SERVERS_MAX || r.n_ntp > DHCP6_SERVERS_MAX)
		abort();
	for (unsigned state = CLIENT6_OFF; state < CLIENT6_STATE_COUNT; state++) {
		struct client6 c;
		client6_init(&c, local, &r.client, 'a', number);
		client6_start(&c, 1000, &out);
		c.state = (enum client6_state)state;
		c.server = r.server;
		c.tries = 1;
		c.xid = r.xid;
		if (state >= CLIENT6_BOUND && state <= CLIENT6_REBINDING) {
			c.lease.is_there = true;
			c.server.n = r.server.n ? r.server.n : DHCP6_DUID_MIN;
			memcpy(c.lease.address, address, sizeof address);
		}
		take(&c, &r);
		take(&c, &r);
	}
	return 0;
}
