#include "worker.h"

#include <errno.h>

#include "base/err.h"
#include "tcp_relay.h"

/* What the engine asks for, carried out; what the settings and listeners say, handed to it. */

enum {
	REFUSAL_LINES = 30, /* of one kind a minute */
	SHORT_S = 10, SHORT_LINES = 600, /* ends of allocations that lived so short, a minute: nobody owns the disk */
};

/* ---- packets ---- */

static void to_client(void *io, const struct turn_path *to, struct bytes data)
{
	struct worker *w = io;

	if (to->door < TURN_DOORS_MAX && w->doors[to->door].fd >= 0)
		w->doors[to->door].kind->to_client(w, to, data);
}

static void to_client_from(void *io, const struct turn_path *to, uint8_t door, struct bytes data)
{
	struct turn_path from = *to;

	from.door = door;
	to_client(io, &from, data);
}

static void to_peer(void *io, struct turn_relay *r, const struct stunaddr *peer, struct bytes data, bool dont_fragment)
{
	batch_send(((struct worker *)io)->batch, r->fd, peer, data, dont_fragment);
}

static void on_peer(void *arg, void *owner, struct turn_relay *r, const struct stunaddr *from, struct turn_packet *p)
{
	struct worker *w = arg;

	serve_count(w);
	turn_server_peer(w->server, owner, r, from, p);
}

static void on_icmp(void *arg, void *owner, const struct stunaddr *peer, uint8_t type, uint8_t code, uint32_t data)
{
	turn_server_icmp(((struct worker *)arg)->server, owner, peer, type, code, data);
}

static void on_acceptable(void *arg, void *owner, struct turn_relay *r)
{
	tcp_relay_accept(((struct worker *)arg)->tcp, owner, r);
}

const struct relays_hooks worker_relay_hooks = { .peer = on_peer, .icmp = on_icmp, .acceptable = on_acceptable };

/* ---- relayed addresses ---- */

static int relay_open(void *io, uint8_t family, bool is_tcp, enum turn_port_want want, struct turn_relay *r,
                      struct turn_relay *pair, void *owner)
{
	struct worker *w = io;
	uint32_t held;
	int rc = relays_open(w->relays, family, is_tcp, want, r, pair, owner);

	if (rc && rc != ERR_NOT_FOUND && log_limit_pass(&w->failures, REFUSAL_LINES, loop_now(w->loop), &held))
		log_warn("turn.relay.failed", LOG_STR("reason", err_name(rc)), LOG_INT("errno", errno),
		         LOG_INT("ports-used", relays_used(w->relays)), LOG_INT("not-shown", held));
	return rc;
}

static int relay_adopt(void *io, struct turn_relay *r, void *owner)
{
	return relays_adopt(((struct worker *)io)->relays, r, owner);
}

static void *relay_owner(void *io, uint8_t family, uint16_t port)
{
	return relays_owner(((struct worker *)io)->relays, family, port);
}

static void relay_close(void *io, struct turn_relay *r)
{
	relays_close(((struct worker *)io)->relays, r);
}

static void relay_release(void *io, struct turn_relay *r)
{
	relays_release(((struct worker *)io)->relays, r);
}

/* ---- connections (RFC 6062) ---- */

static int peer_connect(void *io, struct turn_relay *r, const struct stunaddr *peer, uint32_t id)
{
	return tcp_relay_connect(((struct worker *)io)->tcp, r, peer, id);
}

static void peer_close(void *io, uint32_t id)
{
	tcp_relay_close(((struct worker *)io)->tcp, id);
}

static int peer_release(void *io, uint32_t id)
{
	return tcp_relay_release(((struct worker *)io)->tcp, id);
}

static int peer_adopt(void *io, uint32_t id, int fd)
{
	return tcp_relay_adopt(((struct worker *)io)->tcp, id, fd);
}

static int join(void *io, const struct turn_path *client, uint32_t id)
{
	return tcp_relay_join(((struct worker *)io)->tcp, client, id);
}

/* ---- the others, the log ---- */

static void client_close(void *io, const struct turn_path *client)
{
	struct worker *w = io;

	if (w->doors[client->door].fd >= 0 && w->doors[client->door].kind->client_close)
		w->doors[client->door].kind->client_close(w, client);
}

static int claim(void *io, unsigned worker, const struct turn_claim *c)
{
	return claims_ask(io, worker, c);
}

static void tell_connection(void *io, unsigned worker, const struct turn_connection_news *n)
{
	claims_tell_connection(io, worker, n);
}

static void tell_usage(void *io, struct bytes user, uint32_t allocations)
{
	claims_tell_usage(io, user, allocations);
}

static void refused(void *io, const struct turn_path *from, struct bytes user, const char *what, const char *why)
{
	struct worker *w = io;
	char client[STUNADDR_TEXT_BYTES];
	uint32_t held;

	if (!log_limit_pass(&w->refusals, REFUSAL_LINES, loop_now(w->loop), &held))
		return;
	stunaddr_text(&from->from, client);
	log_info("turn.refused", LOG_STR("client", client), LOG_BYTES("user", user), LOG_STR("what", what), LOG_STR("why", why),
	         LOG_INT("not-shown", held));
}

static bool is_recorded(struct worker *w, const struct turn_seen *a, uint32_t *held)
{
	*held = 0;
	return w->conf->logs_usage && (a->age_s >= SHORT_S || log_limit_pass(&w->short_ends, SHORT_LINES, loop_now(w->loop), held));
}

static void ended(void *io, const struct turn_seen *a, const char *reason)
{
	char client[STUNADDR_TEXT_BYTES], relayed[STUNADDR_TEXT_BYTES];
	uint32_t held;

	if (!is_recorded(io, a, &held))
		return;
	stunaddr_text(&a->client.from, client);
	stunaddr_text(&a->relayed, relayed);
	log_info("turn.ended", LOG_INT("number", a->number), LOG_BYTES("user", a->user), LOG_STR("client", client),
	         LOG_STR("transport", turn_transport_names[a->client.transport]), LOG_STR("relayed", relayed),
	         LOG_INT("seconds", a->age_s), LOG_INT("to-peer-bytes", a->to_peer_bytes),
	         LOG_INT("to-client-bytes", a->to_client_bytes), LOG_INT("to-peer", a->to_peer), LOG_INT("to-client", a->to_client),
	         LOG_INT("dropped", a->dropped), LOG_STR("reason", reason), LOG_INT("not-shown", held));
}

/* The first worker speaks for all: they count the box's allocations alike. */
static void drained(void *io, uint32_t left)
{
	if (((struct worker *)io)->number == 0)
		log_info("turn.drained", LOG_INT("allocations", left), LOG_STR("do", "the box can be taken out of service"));
}

const struct turn_io worker_io = {
	.to_client = to_client, .to_client_from = to_client_from, .to_peer = to_peer,
	.relay_open = relay_open, .relay_adopt = relay_adopt, .relay_owner = relay_owner, .relay_close = relay_close, .relay_release = relay_release,
	.peer_connect = peer_connect, .peer_close = peer_close, .peer_release = peer_release, .peer_adopt = peer_adopt, .join = join,
	.tell_connection = tell_connection, .client_close = client_close, .claim = claim, .tell_usage = tell_usage,
	.ended = ended, .drained = drained, .refused = refused,
	.fast_add = fast_add, .fast_renew = fast_renew, .fast_read = fast_read, .fast_del = fast_del,
};

/* ---- settings and listeners ---- */

/* Is it one of the four of RFC 5780? */
static void set_discovery(struct worker *w, struct door *d)
{
	const struct discovery *four = &w->conf->discovery;

	for (unsigned i = 0; four->is_on && d->facts.transport == TURN_UDP && i < 4; i++) {
		const struct discovery_door *one = &four->door[i >> 1][i & 1];
		if (!stunaddr_eq(&one->at, &d->facts.at))
			continue;
		d->facts.seen = one->seen;
		w->conf->engine.discovery[i >> 1][i & 1] = d->number;
	}
}

static void set_doors(struct worker *w)
{
	for (size_t i = 0; i < TURN_DOORS_MAX; i++) {
		struct door *d = &w->doors[i];
		if (d->fd < 0)
			continue;
		d->facts.seen = w->conf->public[d->facts.at.family == 6];
		if (!d->facts.seen.family)
			d->facts.seen = d->facts.at;
		d->facts.seen.port = d->facts.at.port;
		set_discovery(w, d);
		turn_server_set_door(w->server, d->number, &d->facts);
		if (loop_watch_set(&d->watch, LOOP_READ))
			log_error("turn.listen.failed", LOG_STR("address", d->addr));
	}
}

void worker_refresh(struct worker *w)
{
	struct stunaddr own[TURN_DOORS_MAX];
	size_t n = 0;

	if (!w->settings)
		return;
	for (size_t i = 0; i < TURN_DOORS_MAX; i++)
		if (w->doors[i].fd >= 0)
			own[n++] = w->doors[i].facts.at;
	struct turn_settings *c = turn_settings_new(w->settings, own, n);
	if (!c)
		die("turn.settings", err_text(ERR_NOMEM)); /* the old ones may be of a snapshot that goes now */
	relays_set(w->relays, &c->relays);
	w->pacer.pace.most_us = c->rest_us;
	turn_server_set(w->server, &c->engine);
	turn_settings_free(w->conf);
	w->conf = c;
	set_doors(w);
	doors_apply(w);
}

void worker_apply(struct worker *w, const struct settings *s)
{
	w->settings = s;
	log_set_level((enum log_level)settings_enum(s, SET_LOG_LEVEL));
	certificates_apply(w);
	worker_refresh(w);
	if (!w->conf->relays.at[0].family && !w->conf->relays.at[1].family)
		log_info("turn.no_address", LOG_STR("do", "set turn relay-address: until then there are no allocations"));
}
