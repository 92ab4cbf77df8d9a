#include "line.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/random.h"
#include "auth.h"
#include "call.h"
#include "handed.h"
#include "keepalive.h"
#include "registered.h"
#include "router.h"
#include "tls.h"
#include "unit_in.h"
#include "unit_out.h"

enum { ARENA_BYTES_MAX = 4 << 20, SECOND_MS = 1000 };

#define STAT_NAME(id, name) name,
const char *const line_stat_names[LINE_STAT_COUNT] = { LINE_STATS(STAT_NAME) };
#undef STAT_NAME
uint64_t line_stats[LINE_STAT_COUNT];

static int on_key_signed(void *program, struct chan *from, const struct frame *f)
{
	(void)from;
	return keyproxy_signed(((struct line *)program)->keys, f);
}

static int on_key_failed(void *program, struct chan *from, const struct frame *f)
{
	(void)from;
	return keyproxy_failed(((struct line *)program)->keys, f);
}

static int on_staple(void *program, struct chan *from, const struct frame *f)
{
	(void)from;
	return tls_news_on_staple(&((struct line *)program)->news, f);
}

const struct bus_handler line_handlers[] = {
	{ MSG_DIGEST_VERDICT, auth_on_verdict },
	{ MSG_DIGEST_REVOKED, auth_on_revoked },
	{ MSG_SIP_REQUEST, unit_out_on_request },
	{ MSG_SIP_RESPONSE, unit_in_on_response },
	{ MSG_SIP_CANCEL, unit_out_on_cancel },
	{ MSG_LINE_DROP, registered_on_drop },
	{ MSG_KEY_SIGNED, on_key_signed },
	{ MSG_KEY_FAILED, on_key_failed },
	{ MSG_STAPLE, on_staple },
	{ MSG_SIP_STREAM, handed_on_stream },
};
const size_t line_n_handlers = sizeof line_handlers / sizeof line_handlers[0];

uint64_t line_next_id(struct line *l)
{
	l->sequence = (l->sequence + 1) & 0xffffffffffff;
	return (uint64_t)PROG_LINE << 56 | (uint64_t)l->instance << 48 | l->sequence;
}

/* ---- names ---- */

bool line_is_hosted(const struct line *l, struct bytes domain)
{
	return l->settings && domain.n && settings_is_set(l->settings, SET_DOMAIN_CERTIFICATE, domain);
}

static bool own_host(const struct line *l, char host[static 256], uint16_t *port)
{
	struct bytes v = l->settings ? settings_text(l->settings, SET_LINE_HOST) : BYTES_NONE;

	return v.n && setting_split_host(v, 0, host, port) == 0;
}

bool line_is_us(struct line *l, struct bytes host)
{
	char own[256];
	uint16_t port;
	struct bytes domain;

	if (own_host(l, own, &port) && bytes_eq_nocase(host, bytes_of(own)))
		return true;
	for (size_t i = 0; i < LINE_LISTENERS_MAX; i++)
		if (l->listeners[i].id && bytes_eq_str(host, l->listeners[i].addr))
			return true;
	return jid_parse_domain(host, &l->arena, &domain) == 0 && line_is_hosted(l, domain);
}

static const struct line_listener *listener_of(const struct line *l, unsigned id)
{
	for (size_t i = 0; i < LINE_LISTENERS_MAX; i++)
		if (id && l->listeners[i].id == id)
			return &l->listeners[i];
	return NULL;
}

static bool is_wildcard(const char *addr)
{
	return !strcmp(addr, "0.0.0.0") || !strcmp(addr, "::");
}

/* Our Vias to clients name what clients know us by: `line host`, an address we listen at, a domain of ours. Answers
 * come on the flow, or by rport (RFC 3581). */
static void set_sent_by(struct line *l)
{
	const struct line_listener *ls = NULL;
	struct bytes key, domain;
	char host[256];
	uint16_t port = 0;
	size_t at = 0;

	for (size_t i = 0; i < LINE_LISTENERS_MAX && !ls; i++)
		if (l->listeners[i].id && !is_wildcard(l->listeners[i].addr))
			ls = &l->listeners[i];
	if (own_host(l, host, &port))
		sipendpoint_set_sent_by(l->sip, host, port);
	else if (ls)
		sipendpoint_set_sent_by(l->sip, ls->addr, 0);
	else if (l->settings && settings_next_key(l->settings, SET_DOMAIN_CERTIFICATE, &at, &key) &&
	         jid_parse_domain(key, &l->arena, &domain) == 0 && jid_domain_to_ascii(domain, host) == 0)
		sipendpoint_set_sent_by(l->sip, host, 0);
}

void line_put_host(struct line *l, const struct sip_source *at, struct bytes domain, struct buf *out)
{
	const struct line_listener *ls = listener_of(l, at->listener);
	char host[256];
	uint16_t port = 0;

	if (own_host(l, host, &port)) {
		buf_putf(out, strchr(host, ':') ? "[%s]" : "%s", host);
	} else if (ls && !is_wildcard(ls->addr)) {
		buf_putf(out, strchr(ls->addr, ':') ? "[%s]" : "%s", ls->addr);
	} else {
		buf_put_bytes(out, domain);
	}
	if (!port && ls)
		port = ls->port;
	if (port)
		buf_putf(out, ":%u", (unsigned)port);
}

int line_account(struct line *l, struct bytes uri, struct jid *out)
{
	struct sipuri u;
	struct buf user;
	struct bytes local, domain;

	if (sipuri_parse(uri, &u) || (u.scheme != SIPURI_SIP && u.scheme != SIPURI_SIPS && u.scheme != SIPURI_IM &&
				      u.scheme != SIPURI_PRES) || !u.user.n)
		return ERR_SYNTAX;
	buf_init(&user, 1024);
	int rc = sipuri_decode(u.user, &user);
	struct bytes copy = rc ? BYTES_NONE : arena_dup(&l->arena, buf_bytes(&user));
	buf_fini(&user);
	if (rc || !copy.n || jid_parse_local(copy, &l->arena, &local) || jid_parse_domain(u.host, &l->arena, &domain))
		return ERR_SYNTAX;
	return jid_make(local, domain, BYTES_NONE, &l->arena, out);
}

struct line_way line_way_of(const struct binding_flow *f)
{
	struct line_way w = { .flow = f->from.flow };

	w.place.transport = f->from.transport;
	w.place.addr = f->from.addr;
	w.place.listener = f->from.listener; /* a client behind a NAT hears no other socket */
	return w;
}

/* ---- from sip/endpoint.h ---- */

static void on_request(void *arg, struct sipserver *t, struct sipmsg *m, const struct sip_source *from)
{
	router_request(arg, t, m, from);
}

static void on_cancelled(void *arg, struct sipserver *t)
{
	struct waiting *w = sipserver_user(t);

	(void)arg;
	if (w && w->cancelled)
		w->cancelled(w);
}

static void on_stray(void *arg, struct sipmsg *m, const struct sip_source *from)
{
	(void)from;
	sipmsg_remove(m, SIPH_VIA, 0);
	call_stray(arg, m);
	sipmsg_free(m);
}

static void on_closed(void *arg, uint64_t flow, int why)
{
	struct line *l = arg;

	(void)why;
	auth_flow_gone(l, flow);
	handed_flow_gone(l, flow);
	location_flow_gone(&l->location, flow);
}

static bool on_welcome(void *arg, const union sip_sockaddr *from)
{
	return !line_is_banned(arg, &from->any);
}

static bool on_keepalive(void *arg, const struct sip_source *from, bool is_stun)
{
	return keepalive_heard(arg, from, is_stun);
}

static const struct sipendpoint_owner endpoint_owner = {
	.request = on_request, .cancelled = on_cancelled, .stray = on_stray, .closed = on_closed, .keepalive = on_keepalive,
	.welcome = on_welcome,
};

/* ---- listeners ---- */

static enum siptransport transport_of(const char *name)
{
	return !strcmp(name, "line-udp") ? SIPT_UDP : !strcmp(name, "line-tcp") ? SIPT_TCP : SIPT_TLS;
}

static void forget_listener(struct line *l, const char *name, const char *addr, uint16_t port)
{
	for (size_t i = 0; i < LINE_LISTENERS_MAX; i++) {
		struct line_listener *ls = &l->listeners[i];
		if (!ls->id || ls->port != port || strcmp(ls->name, name) || strcmp(ls->addr, addr))
			continue;
		siptransports_unlisten(sipendpoint_transports(l->sip), ls->id);
		ls->id = 0;
	}
}

static struct line_listener *free_place(struct line *l)
{
	for (size_t i = 0; i < LINE_LISTENERS_MAX; i++)
		if (!l->listeners[i].id)
			return &l->listeners[i];
	return NULL;
}

void line_listener(struct line *l, const char *name, const char *addr, uint16_t port, int fd)
{
	struct line_listener *ls;
	unsigned id = 0;

	forget_listener(l, name, addr, port);
	if (fd < 0)
		return;
	ls = free_place(l);
	int rc = ls ? siptransports_listen(sipendpoint_transports(l->sip), transport_of(name), false, fd, &id) : ERR_FULL;
	if (rc) {
		if (!ls)
			(void)close(fd); /* a listening socket has nothing to lose */
		log_error("line.listen.failed", LOG_STR("address", addr), LOG_INT("port", port), LOG_STR("reason", err_name(rc)));
		return;
	}
	*ls = (struct line_listener){ .port = port, .id = id };
	memcpy(ls->name, name, strnlen(name, sizeof ls->name - 1));
	memcpy(ls->addr, addr, strnlen(addr, sizeof ls->addr - 1));
	set_sent_by(l);
	log_info("line.listening", LOG_STR("name", name), LOG_STR("address", addr), LOG_INT("port", port));
}

/* ---- peers ---- */

void line_up(struct line *l, struct chan *c)
{
	if (chan_prog(c) == PROG_XLATE)
		registered_tell_all(l);
	if (chan_prog(c) == PROG_KEYS)
		keyproxy_up(l->keys);
}

void line_down(struct line *l, struct chan *c)
{
	arena_reset(&l->arena);
	switch (chan_prog(c)) {
	case PROG_KEYS:
		keyproxy_down(l->keys);
		break;
	case PROG_IM:
		auth_im_down(l);
		break;
	case PROG_XLATE:
		unit_in_xlate_down(l);
		unit_out_xlate_down(l);
		break;
	default:
		break;
	}
}

/* What cannot be handed inward is not read from the network. */
void line_pressure(struct line *l, struct chan *c, bool is_full)
{
	(void)c;
	siptransports_pause(sipendpoint_transports(l->sip), is_full);
}

/* ---- life ---- */

static void on_second(void *arg)
{
	struct line *l = arg;
	uint64_t now = loop_now(l->loop);

	arena_reset(&l->arena);
	location_expire(&l->location, now);
	auth_second(l, now);
	call_second(l, now);
	if (loop_timer_set(l->loop, &l->second, SECOND_MS))
		die("line.timer", "no memory"); /* nothing would ever expire */
}

int line_init(struct line *l, struct loop *loop, struct bus *bus, unsigned instance)
{
	*l = (struct line){ .loop = loop, .bus = bus, .instance = instance };
	l->sequence = random_u64() & 0x7fffffffffff;
	random_bytes(l->token_key, sizeof l->token_key);
	arena_init(&l->arena, ARENA_BYTES_MAX);
	location_init(&l->location, &registered_owner, l, (uint64_t)PROG_LINE << 56 | random_u64() >> 16);
	strangers_init(&l->strangers);
	bans_init(&l->bans);
	auth_init(l);
	unit_out_init(l);
	list_init(&l->call_order);
	drain_init(&l->drain, loop, &line_drain_owner, l);
	loop_timer_init(&l->second, on_second, l);
	l->keys = keyproxy_new(loop, bus);
	l->sip = sipendpoint_new(loop, &endpoint_owner, l);
	if (!l->keys || !l->sip)
		return ERR_NOMEM;
	return loop_timer_set(loop, &l->second, SECOND_MS);
}

static void apply_limits(struct line *l, const struct settings *s)
{
	const struct siptransport_config c = {
		.connections_max = (uint32_t)settings_int(s, SET_LINE_CONNS),
		.per_address_max = (uint32_t)settings_int(s, SET_LINE_CONNS_ADDRESS),
		/* A registered client keeps its connection without a word until it registers again. */
		.idle_ms = (uint32_t)(settings_int(s, SET_LINE_EXPIRES_MAX) + 300) * 1000,
		.handshake_ms = 10000,
		.half_ms = 30000,
		.first_ms = 10000,
		.queue_max = 1 << 20,
	};

	siptransports_configure(sipendpoint_transports(l->sip), &c);
	l->location.max = (uint32_t)settings_int(s, SET_LINE_REGISTRATIONS);
	l->location.per_user_max = (uint32_t)settings_int(s, SET_LINE_REGISTRATIONS_USER);
	l->strangers.rate_per_s = (uint32_t)settings_int(s, SET_LINE_RATE);
	l->strangers.tries = (uint32_t)settings_int(s, SET_LINE_TRIES);
	l->strangers.penalty_ms = (uint32_t)settings_int(s, SET_LINE_PENALTY) * 1000;
}

void line_apply(struct line *l, const struct settings *s)
{
	arena_reset(&l->arena);
	l->settings = s;
	apply_limits(l, s);
	set_sent_by(l);
	line_apply_tls(l, s);
	registered_check_domains(l);
	bans_apply(&l->bans, s);
	(void)line_put_out(l); /* each has a line in the log */
}
