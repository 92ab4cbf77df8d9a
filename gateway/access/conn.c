#include "conn.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"

/* Memory is given back when so many have gone, and at most so often. */
enum { TRIM_AFTER = 64, TRIM_MS = 5000 };

enum {
	TLS_TIMEOUT_MS = 15000,
	/* A client that was asked for a sign of life has so long. */
	ANSWER_MS = 60000,
	/* A client may be ahead of its read rate by this much. */
	PACE_BURST_MS = 1000,
};

/* ---- end ---- */

void conn_count_known(struct conn *c)
{
	if (!c->address)
		return;
	address_leave(&c->door->addresses, c->address);
	c->address = NULL;
	c->door->n_unauthed--;
	if (c->handed && c->handed->edge[0])
		c->door->n_unauthed_edges--;
}

void conn_vanish(struct conn *c, const char *reason, bool is_over)
{
	struct door *d = c->door;

	if (c->is_gone)
		return;
	c->is_gone = true;
	conn_tell_closed(c, is_over);
	if (c->stream.jid)
		log_info("c2s.closed", LOG_ID("id", c->id), LOG_BYTES("user", bytes_make(c->stream.jid, c->stream.jid_n)),
			 LOG_STR("reason", reason), LOG_INT("stanzas_in", c->stream.stanzas_in),
			 LOG_INT("stanzas_out", c->delivered), LOG_INT("bytes_in", c->link.bytes_in),
			 LOG_INT("bytes_out", c->link.bytes_out));
	else
		log_debug("c2s.closed", LOG_ID("id", c->id), LOG_STR("reason", reason));
	link_close(&c->link);
	conn_count_known(c);
	slot_give(d, c->id);
	d->n_conns--;
	d->stats[STAT_CLOSED]++;
	loop_timer_del(d->loop, &c->timer);
	loop_timer_del(d->loop, &c->pace);
	list_del(&c->tell_node);
	list_del(&c->ack_node);
	list_del(&c->node);
	list_add_tail(&d->gone, &c->node);
	loop_defer_call(d->loop, &d->sweep_defer);
}

void conn_drop(struct conn *c)
{
	conn_vanish(c, "dropped", false);
}

void conn_kick(struct conn *c)
{
	log_info("c2s.kicked", LOG_ID("id", c->id), LOG_BYTES("user", bytes_make(c->stream.jid, c->stream.jid ? c->stream.jid_n : 0)));
	c->door->stats[STAT_KICKED]++;
	conn_tell_closed(c, true); /* first, so that nobody may resume it */
	conn_event(c, &(struct stream_input){ .event = E_KILL, .error = STREAM_POLICY_VIOLATION, .text = BYTES("Closed by the administrator") });
}

void conn_sweep(struct door *d)
{
	LIST_EACH (it, &d->gone) {
		struct conn *c = LIST_OWNER(it, struct conn, node);
		list_del(&c->node);
		stream_fini(&c->stream);
		hold_free(c->hold);
		free(c->handed);
		free(c);
		d->n_freed++;
	}
	door_accept_update(d);
	if (d->n_freed >= TRIM_AFTER && !loop_timer_is_set(&d->trim_timer))
		(void)loop_timer_set(d->loop, &d->trim_timer, TRIM_MS); /* without memory: next time */
}

/* ---- reading ---- */

static void update_pause(struct conn *c)
{
	bool want = c->is_parked || c->is_paced || (c->has_backlog && stream_is_waiting(&c->stream));

	if (c->is_gone || want == c->is_paused)
		return;
	c->is_paused = want;
	link_pause(&c->link, want);
}

static void park(struct conn *c)
{
	if (c->is_parked)
		return;
	c->is_parked = true;
	c->door->stats[STAT_PARKED]++;
	list_add_tail(&c->door->parked, &c->node);
	update_pause(c);
}

void conn_unpark(struct conn *c)
{
	c->is_parked = false;
	list_del(&c->node);
	conn_run(c);
}

static struct stream_out out_of(struct conn *c)
{
	struct door *d = c->door;

	return (struct stream_out){ .send = link_out(&c->link), .scratch = &d->scratch, .arena = &d->arena };
}

/* Carries out what the engine wants. */
static void settle(struct conn *c, const struct stream_out *out)
{
	if (buf_failed(out->send)) {
		c->door->stats[STAT_QUEUE_FULL]++;
		conn_vanish(c, "queue-full", false);
		return;
	}
	if (buf_len(out->send))
		link_kick(&c->link);
	if (out->n_actions)
		conn_perform(c, out);
}

void conn_run(struct conn *c)
{
	struct stream_out out;

	while (!c->is_gone && !c->is_shut) {
		if (door_is_blocked(c->door)) {
			if (c->stream.state != S_TLS)
				park(c);
			break;
		}
		out = out_of(c);
		if (!stream_next(&c->stream, &out))
			break;
		settle(c, &out);
	}
	c->has_backlog = c->has_backlog && stream_is_waiting(&c->stream);
	update_pause(c);
}

void conn_event(struct conn *c, const struct stream_input *in)
{
	if (c->is_gone || c->is_shut)
		return;
	struct stream_out out = out_of(c);
	stream_event(&c->stream, in, &out);
	settle(c, &out);
	if (!c->is_parked)
		conn_run(c);
}

static void on_pace(void *arg)
{
	struct conn *c = arg;

	c->is_paced = false;
	update_pause(c);
}

/* Bytes read are paid for at the set rate; who is too far ahead waits. */
static void pace(struct conn *c, size_t n)
{
	struct door *d = c->door;
	uint64_t now = loop_now(d->loop), rate = d->config.rate_bytes_per_s;

	if (c->allowed_at_ms < now)
		c->allowed_at_ms = now;
	c->allowed_at_ms += n * 1000 / rate;
	uint64_t ahead = c->allowed_at_ms - now;
	if (ahead <= PACE_BURST_MS || c->is_paced)
		return;
	if (loop_timer_set(d->loop, &c->pace, ahead - PACE_BURST_MS))
		return; /* without memory for the timer the client is not held up for good */
	c->is_paced = true;
	d->stats[STAT_PACED]++;
	update_pause(c);
}

static void on_data(void *arg, struct bytes in)
{
	struct conn *c = arg;
	struct stream_out out;

	if (c->is_gone || c->is_shut)
		return;
	c->last_in_ms = loop_now(c->door->loop);
	if (c->door->config.rate_bytes_per_s)
		pace(c, in.n);
	/* Only who sends while its answer is still to come is not read from: it may not pile up. */
	c->has_backlog = stream_is_waiting(&c->stream);
	out = out_of(c);
	stream_feed(&c->stream, in, &out);
	if (out.n_actions)
		settle(c, &out);
	conn_run(c);
}

/* ---- the link ---- */

static void on_secured(void *arg)
{
	struct conn *c = arg;
	uint8_t exporter[32], end_point[64], unique[64];
	size_t n;

	c->door->stats[STAT_TLS]++;
	conn_event(c, &(struct stream_input){
		.event = E_SECURED,
		.has_exporter = tls_exporter(c->link.tls, exporter) == 0,
		.has_end_point = tls_server_end_point(c->link.tls, end_point, &n) == 0,
		.has_unique = tls_unique(c->link.tls, unique, &n) == 0,
	});
}

void conn_tell_later(struct conn *c)
{
	if (!list_is_linked(&c->tell_node))
		list_add_tail(&c->door->tell, &c->tell_node);
	loop_defer_call(c->door->loop, &c->door->tell_defer);
}

static void on_drained(void *arg)
{
	struct conn *c = arg;

	if (c->is_tell_due && !c->is_gone)
		conn_tell_later(c);
}

static void on_closed(void *arg, int why)
{
	struct conn *c = arg;

	if (why == ERR_FULL)
		c->door->stats[STAT_QUEUE_FULL]++;
	conn_vanish(c, why == 0 ? "closed-by-peer" : err_name(why), false);
}

static const struct link_owner owner = {
	.secured = on_secured,
	.data = on_data,
	.drained = on_drained,
	.closed = on_closed,
};

/* ---- time ---- */

/* A session: ask the silent. Anybody else: the time for logging in is over. */
static void on_timer(void *arg)
{
	struct conn *c = arg;
	struct door *d = c->door;
	uint64_t silent_ms = loop_now(d->loop) - c->last_in_ms;

	if (!stream_has_session(&c->stream)) {
		d->stats[STAT_TIMEOUT]++;
		conn_event(c, &(struct stream_input){ .event = E_TIMEOUT });
		return;
	}
	if (!d->config.ping_ms)
		return;
	uint64_t next_ms = d->config.ping_ms;
	if (silent_ms < d->config.ping_ms)
		next_ms -= silent_ms;
	else {
		conn_event(c, &(struct stream_input){ .event = E_SILENT });
		if (c->stream.is_pinged && next_ms > ANSWER_MS)
			next_ms = ANSWER_MS;
	}
	if (!c->is_gone && !c->is_shut)
		(void)loop_timer_set(d->loop, &c->timer, next_ms); /* without memory: not asked again */
}

/* ---- begin ---- */

static int start_direct_tls(struct conn *c)
{
	static const char *const alpn[] = { "xmpp-client", NULL }; /* XEP-0368 */
	struct door *d = c->door;
	struct tls *t;
	const struct tls_options o = {
		.side = TLS_SERVER,
		.alpn = alpn,
	};

	int rc = d->tls ? tls_new(d->tls, &o, &t) : ERR_AGAIN;
	return rc ? rc : link_start_tls(&c->link, t, TLS_TIMEOUT_MS);
}

static int start_handed(struct conn *c, const struct handed *handed)
{
	c->handed = malloc(sizeof *handed);
	if (!c->handed)
		return ERR_NOMEM;
	*c->handed = *handed;
	c->door->n_unauthed_edges += handed->edge[0] != '\0';
	conn_event(c, &(struct stream_input){
		.event = E_SECURED,
		.has_exporter = handed->exporter_n > 0,
		.has_end_point = handed->end_point_n > 0,
		.has_unique = handed->unique_n > 0,
	});
	return 0;
}

static int start(struct conn *c, bool is_direct_tls, const struct handed *handed)
{
	int rc = loop_timer_set(c->door->loop, &c->timer, c->door->config.auth_timeout_ms);

	if (rc)
		return rc;
	return handed ? start_handed(c, handed) : is_direct_tls ? start_direct_tls(c) : 0;
}

static int open_conn(struct door *d, int fd, const struct sockaddr *from, bool is_direct_tls, const struct handed *handed)
{
	struct conn *c = calloc(1, sizeof *c);
	int rc = ERR_NOMEM;

	if (!c)
		goto no_conn;
	c->door = d;
	list_init(&c->node);
	list_init(&c->tell_node);
	list_init(&c->ack_node);
	loop_timer_init(&c->timer, on_timer, c);
	loop_timer_init(&c->pace, on_pace, c);
	peer_address_of(from, &c->peer);
	c->opened_ms = c->last_in_ms = loop_now(d->loop);
	c->is_direct = is_direct_tls;
	rc = address_enter(&d->addresses, from, d->config.unauthed_per_address, &c->address);
	if (rc)
		goto no_address;
	rc = stream_init(&c->stream, &d->rules, d->xml, is_direct_tls || handed);
	if (rc)
		goto no_stream;
	c->stream.is_shut_out = door_is_shut_out(d, &c->peer);
	c->stream.is_outside = handed != NULL;
	rc = slot_take(d, c);
	if (rc)
		goto no_slot;
	rc = link_accept(&c->link, d->loop, fd, &owner, c, d->config.queue_bytes);
	if (rc)
		goto no_link;
	d->n_conns++;
	d->n_unauthed++;
	rc = start(c, is_direct_tls, handed);
	if (rc)
		conn_vanish(c, err_name(rc), true);
	return 0;
no_link:
	fd = -1; /* the link has closed it */
	slot_give(d, c->id);
no_slot:
	stream_fini(&c->stream);
no_stream:
	address_leave(&d->addresses, c->address);
no_address:
	free(c);
no_conn:
	if (fd >= 0)
		(void)close(fd); /* nothing was written to it */
	return rc;
}

int conn_open(struct door *d, int fd, const struct sockaddr *from, bool is_direct_tls)
{
	return open_conn(d, fd, from, is_direct_tls, NULL);
}

int conn_open_handed(struct door *d, int fd, const struct sockaddr *from, const struct handed *handed)
{
	return open_conn(d, fd, from, false, handed);
}

const char *conn_tls_version(const struct conn *c)
{
	return c->link.tls ? tls_version_name(c->link.tls) : c->handed ? c->handed->tls : "none";
}
