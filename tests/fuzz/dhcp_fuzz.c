/* A packet to a DHCP client: each as IPv4 and UDP, and as a message to clients in every state. What is taken as a lease must
 * be one that may be used. */
#include "client.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 0xa };

static uint32_t number(void)
{
	return 0x01020304; /* as in the seeds */
}

static void offer(struct client *c, const struct dhcp_reply *r)
{
	struct client_out out;

	client_input(c, r, mac, 2000, &out);
	if (out.n > DHCP_ASK_MAX)
		abort();
	if (c->lease.address && (c->lease.lease_s < CLIENT_LEASE_MIN_S || !c->lease.prefix || c->lease.prefix > 32 || !c->lease.server))
		abort();
	if (c->end_ms && !(c->t1_ms < c->t2_ms && c->t2_ms < c->end_ms))
		abort();
	client_timer(c, client_next_ms(c), &out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct bytes in = bytes_make(data, n), message = in;
	struct dhcp_reply r;
	struct client_out out;

	(void)dhcp_unwrap(in, n % 2, &message); /* or the whole as a message */
	if (dhcp_decode(message, &r))
		return 0;
	for (unsigned state = CLIENT_OFF; state <= CLIENT_WAITING; state++) {
		struct client c;
		client_init(&c, mac, number);
		client_start(&c, 1000, &out);
		c.state = (enum client_state)state;
		c.offer = (struct dhcp_reply){ .address = r.address, .server = r.server };
		if (state >= CLIENT_BOUND && state <= CLIENT_REBINDING)
			c.lease = (struct dhcp_reply){ .address = 0x0a4e0164, .server = r.server ? r.server : 1, .prefix = 24, .lease_s = 600 };
		memcpy(c.mac, r.mac, sizeof r.mac);
		c.xid = r.xid;
		offer(&c, &r);
		offer(&c, &r);
	}
	return 0;
}
