#include "sip/endpoint_impl.h"

#include "base/random.h"

/* An ACK of a user agent. It is sent again as often as its 2xx comes, for as long as one may come (RFC 3261
 * 13.2.2.4, 13.3.1.4). */
struct kept_ack {
	struct list node; /* oldest first */
	uint64_t until_ms, flow;
	struct sip_place place; /* unless by flow */
	uint8_t *text;
	uint32_t text_n;
	size_t key_n;
	uint8_t key[];
};

/* ---- which dialog, which INVITE ---- */

static int key_of_ack(const struct sipmsg *m, struct buf *out)
{
	struct sip_address to;
	struct bytes tag = BYTES_NONE;
	int rc = key_of_claim(m, BYTES("INVITE"), out);

	if (rc < 0)
		return rc;
	if (sipmsg_address(m, SIPH_TO, 0, &to))
		(void)sip_param(to.params, "tag", &tag); /* RFC 2543 has none */
	buf_put_u8(out, '\n');
	buf_put_bytes(out, tag);
	return buf_failed(out) ? ERR_LIMIT : 0;
}

/* ---- keeping ---- */

static void ack_free(struct sipendpoint *e, struct kept_ack *k)
{
	(void)map_del(&e->acks, bytes_make(k->key, k->key_n)); /* it may not be in yet */
	list_del(&k->node);
	(void)held_text(e, &k->text, &k->text_n, BYTES_NONE);
	held_free(e, k);
}

static struct kept_ack *oldest(struct sipendpoint *e)
{
	return list_is_empty(&e->ack_order) ? NULL : LIST_OWNER(e->ack_order.next, struct kept_ack, node);
}

static void forget_old(void *arg)
{
	struct sipendpoint *e = arg;
	uint64_t now = loop_now(e->loop);
	struct kept_ack *k;

	while ((k = oldest(e)) && k->until_ms <= now)
		ack_free(e, k);
	if (k)
		(void)loop_timer_set(e->loop, &e->ack_timer, k->until_ms - now); /* else the next one clears up */
}

/* Without memory, or over the limit, the other side repeats its 2xx in vain and ends the call. */
static void keep(struct sipendpoint *e, struct bytes key, const struct sip_place *place, uint64_t flow, struct bytes text)
{
	struct kept_ack *k = map_get(&e->acks, key);

	if (k)
		ack_free(e, k);
	if (e->acks.count >= ACKS_MAX || e->counts.held_bytes >= HELD_BYTES_MAX)
		return;
	k = held_alloc(e, sizeof *k + key.n);
	if (!k)
		return;
	k->until_ms = loop_now(e->loop) + TIMER_L_MS;
	k->flow = flow;
	if (!flow)
		k->place = *place;
	k->key_n = key.n;
	memcpy(k->key, key.p, key.n);
	list_add_tail(&e->ack_order, &k->node);
	if (!held_text(e, &k->text, &k->text_n, text) || map_add(&e->acks, bytes_make(k->key, k->key_n), k) < 0)
		ack_free(e, k);
	forget_old(e);
}

void ack_init(struct sipendpoint *e)
{
	list_init(&e->ack_order);
	loop_timer_init(&e->ack_timer, forget_old, e);
}

void ack_fini(struct sipendpoint *e)
{
	struct kept_ack *k;

	loop_timer_del(e->loop, &e->ack_timer);
	while ((k = oldest(e)))
		ack_free(e, k);
	map_fini(&e->acks);
}

/* ---- sending ---- */

static int print_ack(struct sipendpoint *e, const struct sipmsg *ack, const struct sip_place *place, uint64_t flow, struct buf *text)
{
	enum siptransport transport = flow ? siptransports_flow_transport(e->transports, flow) : place->transport;

	return endpoint_print(e, ack, transport, flow ? NULL : place, random_u64(), NULL, text);
}

static int transmit(struct sipendpoint *e, const struct sip_place *place, uint64_t flow, struct bytes text)
{
	return flow ? siptransports_send_flow(e->transports, flow, 0, text) : siptransports_send(e->transports, place, 0, text);
}

int sipendpoint_send_ack(struct sipendpoint *e, const struct sipmsg *ack, const struct sip_place *place, uint64_t flow)
{
	struct buf text;

	buf_init(&text, 2 * SIPMSG_MAX_BYTES);
	int rc = print_ack(e, ack, place, flow, &text);
	if (rc == 0)
		rc = transmit(e, place, flow, buf_bytes(&text));
	buf_fini(&text);
	return rc;
}

int sipendpoint_acknowledge(struct sipendpoint *e, const struct sipmsg *ack, const struct sip_place *place, uint64_t flow)
{
	struct buf text, key;

	buf_init(&text, 2 * SIPMSG_MAX_BYTES);
	buf_init(&key, KEY_MAX);
	int rc = print_ack(e, ack, place, flow, &text);
	if (rc == 0)
		rc = transmit(e, place, flow, buf_bytes(&text));
	if (rc == 0 && key_of_ack(ack, &key) == 0)
		keep(e, buf_bytes(&key), place, flow, buf_bytes(&text));
	buf_fini(&key);
	buf_fini(&text);
	return rc;
}

bool ack_again(struct sipendpoint *e, const struct sipmsg *m)
{
	struct kept_ack *k = NULL;
	struct buf key;

	buf_init(&key, KEY_MAX);
	if (e->acks.count && key_of_ack(m, &key) == 0)
		k = map_get(&e->acks, buf_bytes(&key));
	buf_fini(&key);
	if (!k || k->until_ms <= loop_now(e->loop))
		return false;
	e->counts.retransmitted_in++;
	e->counts.retransmitted_out++;
	(void)transmit(e, &k->place, k->flow, bytes_make(k->text, k->text_n)); /* the 2xx comes again */
	return true;
}
