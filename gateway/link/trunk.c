#include "enrol.h"
#include "ferry.h"
#include "link_clock.h"
#include "link_stamp.h"

#include "base/err.h"
#include "run/alarm.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	CONNECT_MS = 10000,
	TLS_MS = 10000,
	TICK_MS = 1000,
	DOUBT_MS = 1500, /* until the next tick renews it */
	QUEUE_MAX = 512 << 10, /* TRUNK_HIGH and a frame */
	STRANGERS_PER_ADDRESS = 16,
	OPENS_PER_S = 2000,
	REFUSED_ALARM_MS = 600000,
};

/* Which connections are for what, by ALPN (RFC 7301). */
static const char alpn_signal[] = "gh-link/1", alpn_bulk[] = "gh-link-bulk/1", alpn_enrol[] = "gh-link-enrol/1";
static const char *const alpn_taken[] = { alpn_signal, alpn_bulk, NULL }, *const alpn_open[] = { alpn_signal, alpn_bulk, alpn_enrol, NULL };
static const char *const alpn_enrolling[] = { alpn_enrol, NULL };
static const char *const alpn_wanted[TRUNK_KIND_COUNT][2] = { [TRUNK_SIGNAL] = { alpn_signal, NULL }, [TRUNK_BULK] = { alpn_bulk, NULL } };

/* ---- end ---- */

static void log_down(const struct trunk *t, enum log_level level, const char *reason)
{
	LOG_LINE(level, "link.down", LOG_ID("id", t->id), LOG_STR("with", t->name), LOG_STR("reason", reason), LOG_STR("detail", t->h2.why),
	         LOG_INT("sessions", t->n_lanes), LOG_INT("in", t->link.bytes_in), LOG_INT("out", t->link.bytes_out));
}

void trunk_drop(struct trunk *t, const char *reason)
{
	struct joint *j = t->joint;

	if (t->is_gone)
		return;
	t->is_gone = true;
	link_clock_forget(t);
	if (t->is_up) {
		j->stats[STAT_DOWN]++;
		/* Without a word of good-bye somebody may want to know why. */
		log_down(t, t->h2.is_draining || t->h2.is_peer_draining ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, reason);
	}
	link_close(&t->link);
	address_leave(&j->addresses, t->address);
	t->address = NULL;
	loop_timer_del(j->loop, &t->tick);
	loop_timer_del(j->loop, &t->more);
	loop_defer_cancel(&t->pump);
	LIST_EACH (it, &t->lanes)
		lane_orphan(LIST_OWNER(it, struct lane, node));
	list_del(&t->node);
	list_add_tail(&j->gone_trunks, &t->node);
	j->n_trunks--;
	if (t->is_enrol)
		enrol_lost(t, reason);
	else if (t->edge)
		dial_lost(t->edge, t, reason);
	else if (t->is_up)
		joint_look_lonely(j);
	loop_defer_call(j->loop, &j->sweep);
}

void trunk_sweep(struct joint *j)
{
	LIST_EACH (it, &j->gone_trunks) {
		struct trunk *t = LIST_OWNER(it, struct trunk, node);
		list_del(it);
		if (t->is_up)
			h2_fini(&t->h2);
		free(t);
	}
	joint_accept_update(j);
}

static void end_if_empty(struct trunk *t)
{
	if ((t->h2.is_draining || t->h2.is_peer_draining) && t->n_lanes == 0)
		trunk_drop(t, "drained");
}

void trunk_drain(struct trunk *t)
{
	if (t->is_gone || !t->is_up)
		return;
	h2_drain(&t->h2);
	trunk_kick(t);
}

/* ---- bytes ---- */

void trunk_kick(struct trunk *t)
{
	if (!t->is_gone)
		loop_defer_call(t->joint->loop, &t->pump);
}

static void broken(struct trunk *t, int rc)
{
	t->joint->stats[STAT_PROTOCOL] += rc == ERR_PROTOCOL;
	trunk_drop(t, err_name(rc));
}

/* As much as the connection takes; what the kernel does not take brings it back here when it has (drained). */
static void on_pump(void *arg)
{
	struct trunk *t = arg;
	bool is_bulk = t->kind == TRUNK_BULK;
	size_t most = is_bulk ? TRUNK_BULK_TURN : TRUNK_HIGH;

	if (t->is_gone || !t->is_up || link_queued(&t->link) >= most)
		return;
	int rc = h2_output(&t->h2, link_out(&t->link), most);
	if (rc) {
		broken(t, rc);
		return;
	}
	if (link_queued(&t->link) == 0)
		return;
	link_kick(&t->link);
	if (link_queued(&t->link) < most)
		return;
	if (!is_bulk)
		loop_defer_call(t->joint->loop, &t->pump); /* after that kick */
	else if (loop_timer_set(t->joint->loop, &t->more, 0))
		trunk_drop(t, "memory");
}

static void on_data(void *arg, struct bytes in)
{
	struct trunk *t = arg;

	if (!t->is_gone && t->is_enrol)
		enrol_data(t, in);
	if (t->is_gone || !t->is_up)
		return;
	int rc = h2_input(&t->h2, in, loop_now(t->joint->loop));
	if (rc) {
		broken(t, rc);
		return;
	}
	trunk_kick(t);
	end_if_empty(t);
}

static void on_drained(void *arg)
{
	trunk_kick(arg);
}

static void on_closed(void *arg, int why)
{
	struct trunk *t = arg;

	trunk_drop(t, why == 0 ? "closed-by-peer" : err_name(why));
}

static bool is_same_core(const struct trunk *a, const struct trunk *b)
{
	return strcmp(a->name, b->name) == 0 && memcmp(a->peer.bytes, b->peer.bytes, sizeof a->peer.bytes) == 0;
}

/* The other connections of a core that is silent on this one, and which have heard as little since, are asked, and until they answer
 * nobody is put on them. */
static void doubt_others(const struct trunk *silent)
{
	struct joint *j = silent->joint;
	uint64_t now = loop_now(j->loop);

	LIST_EACH (it, &j->trunks) {
		struct trunk *t = LIST_OWNER(it, struct trunk, node);
		if (t == silent || !t->is_up || t->edge || t->h2.last_in_ms > silent->h2.ping_sent_ms || !is_same_core(t, silent))
			continue;
		h2_expect(&t->h2, now);
		if (t->avoid_ms < now + DOUBT_MS)
			t->avoid_ms = now + DOUBT_MS;
	}
}

static void look_silent(struct trunk *t)
{
	if (!t->is_up || t->edge || !h2_is_silent(&t->h2, loop_now(t->joint->loop)))
		return;
	doubt_others(t);
	lane_forsake(t);
}

static void set_stamp(struct trunk *t)
{
	/* Of cores: to an edge they are all that there is of this box. */
	const struct link_stamp s = { loop_wall_ms(t->joint->loop), t->edge && t->joint->is_drained };

	t->h2.stamp = link_stamp_put(&s);
}

void trunk_say_stamp(struct trunk *t)
{
	if (t->is_gone || !t->is_up)
		return;
	set_stamp(t);
	if (h2_say_stamp(&t->h2, loop_now(t->joint->loop)))
		trunk_drop(t, "memory");
	else
		trunk_kick(t);
}

static void on_tick(void *arg)
{
	struct trunk *t = arg;
	set_stamp(t);
	int rc = t->is_up ? h2_tick(&t->h2, loop_now(t->joint->loop)) : ERR_TIMEOUT;

	if (rc || loop_timer_set(t->joint->loop, &t->tick, TICK_MS)) {
		trunk_drop(t, rc ? err_name(rc) : "memory");
		return;
	}
	look_silent(t);
	trunk_kick(t);
	end_if_empty(t);
}

/* ---- the other side has proved who it is ---- */

static void on_ready(void *arg)
{
	struct trunk *t = arg;

	log_info("link.ready", LOG_ID("id", t->id), LOG_STR("with", t->name));
	ferries_look(t->joint);
}

static void on_pinged(void *arg, uint64_t stamp)
{
	struct trunk *t = arg;
	struct link_stamp s = link_stamp_read(stamp);

	link_clock_heard(t, s.wall_ms);
	if (!t->edge && s.is_drained != t->is_core_drained)
		log_info("link.core.drained", LOG_ID("id", t->id), LOG_STR("with", t->name), LOG_STR("new-clients", s.is_drained ? "no" : "yes"));
	t->is_core_drained = !t->edge && s.is_drained;
}

static const struct h2_owner h2_owner = {
	.ready = on_ready,
	.pinged = on_pinged,
	.begin = lane_begin,
	.field = lane_field,
	.request = lane_request,
	.data = lane_data,
	.drained = lane_drained,
	.closed = lane_closed,
};

/* The certificate's common name is what the operator called the other side. */
static void name_by_subject(struct trunk *t, const char *subject)
{
	const char *cn = strstr(subject, "CN=");

	snprintf(t->name, sizeof t->name, "%.*s", cn ? (int)strcspn(cn + 3, ",+") : 1, cn ? cn + 3 : "-");
}

/* Only certificates of our own authority, and only in the other role: an edge cannot pose as a core before another edge. */
static int judge(struct trunk *t, struct tls_verdict *v)
{
	struct tls_demand d = { .domain_ascii = t->edge ? LINK_ROLE_EDGE : LINK_ROLE_CORE };

	tls_verify(t->link.tls, &d, v);
	if (v->rc || !t->edge)
		return v->rc;
	char name[LINK_NAME_BYTES + sizeof LINK_ROLE_EDGE];
	snprintf(name, sizeof name, "%s." LINK_ROLE_EDGE, edge_name(t->edge));
	d.domain_ascii = name;
	tls_verify(t->link.tls, &d, v);
	if (v->rc || edge_pin(t->edge).n == 0)
		return v->rc;
	d.pin = edge_pin(t->edge);
	tls_verify(t->link.tls, &d, v);
	return v->rc;
}

static void refuse(struct trunk *t, const struct tls_verdict *v)
{
	struct joint *j = t->joint;
	char peer[PEER_TEXT_BYTES], text[200];
	uint32_t held;

	j->stats[STAT_REFUSED_CERT]++;
	peer_address_text(&t->peer, peer);
	if (log_limit_pass(&j->refused_log, 10, loop_now(j->loop), &held))
		log_warn("link.refused", LOG_STR("with", t->edge ? edge_name(t->edge) : "-"), LOG_STR("address", peer),
		         LOG_STR("reason", err_name(v->rc)), LOG_STR("subject", v->subject), LOG_STR("issuer", v->issuer),
		         LOG_INT("suppressed", held));
	snprintf(text, sizeof text, "%s: %s", peer, err_text(v->rc));
	alarm_raise(ALARM_LINK_REFUSED, t->edge ? edge_name(t->edge) : "", ALARM_USUAL, text);
	if (!t->edge)
		(void)loop_timer_set(j->loop, &j->refused_timer, REFUSED_ALARM_MS); /* no memory: it stands until the next good one */
	trunk_drop(t, err_name(v->rc));
}

/* A lossy line is worth ten times as much with BBR (mra.md 2.2). Where the kernel does not let us, its own choice does. */
static void tune(struct trunk *t)
{
	static const char name[] = "bbr";

	(void)setsockopt(t->link.watch.fd, IPPROTO_TCP, TCP_CONGESTION, name, sizeof name - 1);
}

static void on_secured(void *arg)
{
	struct trunk *t = arg;
	struct joint *j = t->joint;
	struct tls_verdict v;

	if (strcmp(tls_alpn_name(t->link.tls), alpn_enrol) == 0) {
		enrol_secured(t);
		return;
	}
	if (judge(t, &v)) {
		refuse(t, &v);
		return;
	}
	bool is_bulk = strcmp(tls_alpn_name(t->link.tls), alpn_bulk) == 0;
	if (!tls_alpn_matched(t->link.tls)) {
		trunk_drop(t, "alpn");
		return;
	}
	t->kind = is_bulk ? TRUNK_BULK : TRUNK_SIGNAL;
	const struct h2_limits limits = {
		.streams_max = j->sessions_max,
		.opens_per_s = OPENS_PER_S,
		.window = is_bulk ? H2_WINDOW_BULK : H2_WINDOW_SIGNAL,
		.fields_bytes = META_LIST_BYTES_MAX,
	};
	if (h2_init(&t->h2, t->edge != NULL, &limits, &h2_owner, t, loop_now(j->loop))) {
		trunk_drop(t, "memory");
		return;
	}
	t->is_up = true;
	t->up_ms = loop_now(j->loop);
	address_leave(&j->addresses, t->address);
	t->address = NULL;
	if (t->edge)
		dial_up(t->edge, t);
	else {
		name_by_subject(t, v.subject);
		joint_look_lonely(j);
		alarm_clear(ALARM_LINK_REFUSED, "");
	}
	tune(t);
	j->stats[STAT_UP]++;
	log_info("link.up", LOG_ID("id", t->id), LOG_STR("with", t->name), LOG_STR("side", t->edge ? "core" : "edge"),
	         LOG_STR("kind", is_bulk ? "bulk" : "signal"), LOG_STR("tls", tls_cipher_name(t->link.tls)));
	if (loop_timer_set(j->loop, &t->tick, TICK_MS))
		trunk_drop(t, "memory");
	trunk_say_stamp(t); /* before a client is put on it */
}

/* ---- begin ---- */

static int start_tls(struct trunk *t)
{
	struct joint *j = t->joint;
	bool is_open = enrol_is_open(j);
	struct tls_options o = { .side = TLS_SERVER, .domain = LINK_ROLE_EDGE, .alpn = is_open ? alpn_open : alpn_taken, .wants_peer_certificate = true };
	struct tls_store *store = j->has_certificate || !is_open ? j->tls : enrol_store(j);
	struct tls *tls;

	if (t->is_enrol) { /* the code proves who is there */
		o = (struct tls_options){ .side = TLS_CLIENT, .server_name = LINK_ROLE_EDGE, .alpn = alpn_enrolling };
		store = enrol_store(j);
	} else if (t->edge)
		o = (struct tls_options){ .side = TLS_CLIENT, .domain = LINK_ROLE_CORE, .server_name = LINK_ROLE_EDGE, .alpn = alpn_wanted[t->kind] };
	int rc = store ? tls_new(store, &o, &tls) : ERR_CERT_NONE;
	return rc ? rc : link_start_tls(&t->link, tls, TLS_MS);
}

static void on_connected(void *arg)
{
	struct trunk *t = arg;
	int rc = start_tls(t);

	if (rc)
		trunk_drop(t, err_name(rc));
}

static const struct link_owner owner = {
	.connected = on_connected,
	.secured = on_secured,
	.data = on_data,
	.drained = on_drained,
	.closed = on_closed,
};

static struct trunk *trunk_new(struct joint *j, struct edge *e)
{
	struct trunk *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->joint = j;
	t->edge = e;
	t->id = j->next_id++;
	list_init(&t->lanes);
	loop_timer_init(&t->tick, on_tick, t);
	loop_defer_init(&t->pump, on_pump, t);
	loop_timer_init(&t->more, on_pump, t);
	snprintf(t->name, sizeof t->name, "%s", e ? edge_name(e) : "-");
	return t;
}

static void enlist(struct trunk *t)
{
	list_add_tail(&t->joint->trunks, &t->node);
	t->joint->n_trunks++;
}

int trunk_accept(struct joint *j, int fd, const struct sockaddr *from)
{
	struct trunk *t = trunk_new(j, NULL);
	int rc = t ? address_enter(&j->addresses, from, STRANGERS_PER_ADDRESS, &t->address) : ERR_NOMEM;

	if (rc) {
		free(t);
		(void)close(fd); /* nothing was written to it */
		return rc;
	}
	rc = link_accept(&t->link, j->loop, fd, &owner, t, QUEUE_MAX);
	if (rc) {
		address_leave(&j->addresses, t->address);
		free(t);
		return rc;
	}
	peer_address_of(from, &t->peer);
	enlist(t);
	on_connected(t);
	return 0;
}

int trunk_dial(struct joint *j, struct edge *e, enum trunk_kind kind, const struct sockaddr *to, socklen_t to_n, struct trunk **out)
{
	struct trunk *t = trunk_new(j, e);

	if (!t)
		return ERR_NOMEM;
	t->kind = kind;
	peer_address_of(to, &t->peer);
	int rc = link_connect(&t->link, j->loop, to, to_n, NULL, 0, CONNECT_MS, &owner, t, QUEUE_MAX);
	if (rc) {
		free(t);
		return rc;
	}
	enlist(t);
	*out = t;
	return 0;
}

bool trunk_is_doubtful(const struct trunk *t)
{
	uint64_t now = loop_now(t->joint->loop);

	return now < t->avoid_ms || h2_is_silent(&t->h2, now);
}

static bool is_better(const struct trunk *t, const struct trunk *best)
{
	if (!best || trunk_is_doubtful(t) != trunk_is_doubtful(best))
		return !best || trunk_is_doubtful(best);
	return t->n_lanes < best->n_lanes;
}

struct trunk *trunk_pick(struct joint *j, enum trunk_kind kind)
{
	struct trunk *best = NULL;

	LIST_EACH (it, &j->trunks) {
		struct trunk *t = LIST_OWNER(it, struct trunk, node);
		bool is_away = kind == TRUNK_SIGNAL && t->is_core_drained;
		if (t->is_up && !t->edge && t->kind == kind && !is_away && h2_has_room(&t->h2) && is_better(t, best))
			best = t;
	}
	return best;
}
