#include "flow_impl.h"

/* Send and Data indications (RFC 8656 11) in the kernel's path. A permission is for an address and all its ports, and
 * the kernel's flow for one: it begins with the first datagram that passes here. A client has few of them; another
 * peer takes the place of the one that was silent longest, if that was long. */

enum { SILENT_MS = 10 * 1000 };

static void end(struct turn_server *s, struct allocation *a, struct send_flow *f)
{
	flow_drop(s, a, &f->flow);
	send_flow_forget(a, f);
}

static bool put(struct turn_server *s, struct allocation *a, struct send_flow *f)
{
	const struct flow_wish w = { .peer = &f->peer, .ends_ms = UINT64_MAX };

	return flow_put(s, a, &w, &f->flow);
}

static struct send_flow *most_silent(struct allocation *a)
{
	struct send_flow *f = &a->sends[0];

	for (uint16_t i = 1; i < a->n_sends; i++)
		if (a->sends[i].used_ms < f->used_ms)
			f = &a->sends[i];
	return f;
}

static struct send_flow *place(struct turn_server *s, struct allocation *a, const struct stunaddr *peer)
{
	if (a->n_sends == SEND_FLOWS_MAX) {
		struct send_flow *f = most_silent(a);
		if (loop_now(s->loop) - f->used_ms < SILENT_MS)
			return NULL;
		end(s, a, f);
	}
	return send_flow_new(a, peer);
}

void send_flow_use(struct turn_server *s, struct allocation *a, const struct stunaddr *peer)
{
	if (!s->has_kernel || a->client.transport != TURN_UDP || !peer->port)
		return;
	struct send_flow *f = send_flow_of(a, peer);
	bool is_new = !f;
	if (is_new && channel_of_peer(a, peer, loop_now(s->loop)))
		return;
	if (is_new && !(f = place(s, a, peer)))
		return;
	f->used_ms = loop_now(s->loop);
	if (!is_new)
		return;
	flows_prune(s, a); /* a channel of this peer that has ended has its way to the client */
	(void)put(s, a, f); /* what does not go in has its place all the same: it is not asked for with each datagram */
}

void send_flow_end(struct turn_server *s, struct allocation *a, const struct stunaddr *peer)
{
	struct send_flow *f = send_flow_of(a, peer);

	if (f)
		end(s, a, f);
}

/* The last one takes the place of one that ends. */
void send_flows_put(struct turn_server *s, struct allocation *a, const struct stunaddr *peer)
{
	for (uint16_t i = a->n_sends; i-- > 0;)
		if ((!peer || stunaddr_eq_ip(&a->sends[i].peer, peer)) && !put(s, a, &a->sends[i]))
			end(s, a, &a->sends[i]);
}

void send_flows_drop(struct turn_server *s, struct allocation *a)
{
	while (a->n_sends)
		end(s, a, &a->sends[a->n_sends - 1]);
}

void send_flows_read(struct turn_server *s, struct allocation *a)
{
	for (uint16_t i = 0; i < a->n_sends; i++)
		if (flow_read(s, a, a->sends[i].flow))
			a->sends[i].used_ms = loop_now(s->loop);
}

void send_flows_prune(struct turn_server *s, struct allocation *a)
{
	uint64_t now = loop_now(s->loop);

	for (uint16_t i = a->n_sends; i-- > 0;)
		if (permission_ends_ms(a, &a->sends[i].peer) <= now)
			end(s, a, &a->sends[i]);
}
