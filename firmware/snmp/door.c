#include "library.h"

#include "door.h"

#include "answer.h"
#include "base/err.h"
#include "base/log.h"
#include "base/rate.h"
#include "base/secret.h"
#include "engine.h"
#include "net/prefix.h"
#include "peek.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STAT_NAME(id, name) name,
const char *const door_stat_names[DOOR_STAT_COUNT] = { DOOR_STATS(STAT_NAME) };
uint64_t door_stats[DOOR_STAT_COUNT];

enum { BATCH = 32, SOURCES_MAX = 64, LOG_BURST = 5, ENVELOPE_BYTES = 256 };

/* Whom a datagram came from: the library carries it from the request to its answer. */
struct peer {
	struct sockaddr_storage addr;
	socklen_t n;
};

struct community {
	struct secret name;
	struct prefix ranges[SOURCES_MAX];
	size_t n_ranges;
};

struct level {
	char name[ENGINE_NAME_MAX + 1];
	bool needs_privacy;
};

struct port {
	struct door *door;
	char addr[64];
	uint16_t port;
	struct loop_watch watch;
	void *session; /* of the library; NULL: free place */
	/* The datagram that the library is about to read. */
	struct bytes datagram;
	struct peer peer;
};

struct held {
	struct port *port;
	netsnmp_pdu *pdu; /* ours */
};

struct door {
	struct loop *loop;
	const struct door_hooks *hooks;
	void *arg;
	struct port ports[DOOR_LISTENERS_MAX];
	struct prefix managers[DOOR_RANGES_MAX];
	size_t n_managers;
	struct community communities[DOOR_COMMUNITIES_MAX];
	size_t n_communities;
	struct level levels[ENGINE_USERS_MAX];
	size_t n_levels;
	struct held held[DOOR_HELD_MAX];
	size_t n_held;
	struct rate strangers, claimers;
	struct log_limit refused;
	struct answer answer; /* large: one for all */
	uint8_t buffer[DOOR_DATAGRAM_MAX];
};

/* ---- who may ---- */

static void say_refused(struct door *d, const struct peer *from, const char *why)
{
	char text[INET6_ADDRSTRLEN] = "";
	uint32_t held;

	if (!log_limit_pass(&d->refused, LOG_BURST, loop_now(d->loop), &held))
		return;
	if (from->addr.ss_family == AF_INET)
		(void)inet_ntop(AF_INET, &((const struct sockaddr_in *)&from->addr)->sin_addr, text, sizeof text);
	else if (from->addr.ss_family == AF_INET6)
		(void)inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)&from->addr)->sin6_addr, text, sizeof text);
	log_warn("snmp.refused", LOG_STR("from", text), LOG_STR("why", why), LOG_INT("more", held));
}

static bool refuse(struct door *d, const struct peer *from, enum door_stat why, const char *text)
{
	door_stats[why]++;
	if (text)
		say_refused(d, from, text);
	return false;
}

static bool is_in(const struct prefix *ranges, size_t n, const struct peer *from)
{
	for (size_t i = 0; i < n; i++)
		if (prefix_has_sockaddr(&ranges[i], (const struct sockaddr *)&from->addr))
			return true;
	return false;
}

/* May any community be used from there? */
static bool is_communitys(const struct door *d, const struct peer *from)
{
	for (size_t i = 0; i < d->n_communities; i++)
		if (is_in(d->communities[i].ranges, d->communities[i].n_ranges, from))
			return true;
	return false;
}

/* Before the library reads it. */
static bool is_admitted(struct door *d, const struct peer *from, struct bytes datagram)
{
	struct peek p;

	if (d->n_managers > 0 && !is_in(d->managers, d->n_managers, from))
		return refuse(d, from, DOOR_REFUSED_SOURCE, NULL);
	if (peek_read(datagram, &p) < 0)
		return refuse(d, from, DOOR_MALFORMED, NULL);
	if (p.version != PEEK_V3 && d->n_communities == 0)
		return refuse(d, from, DOOR_REFUSED_VERSION, NULL);
	if (p.version != PEEK_V3 && !is_communitys(d, from))
		return refuse(d, from, DOOR_REFUSED_COMMUNITY, "no community may be used from there");
	bool is_stranger = p.version == PEEK_V3 && !p.is_authenticated;
	if (!rate_take(is_stranger ? &d->strangers : &d->claimers, 1, loop_now(d->loop)))
		return refuse(d, from, DOOR_REFUSED_RATE, "too many requests: they are not answered");
	return true;
}

static bool has_community(struct door *d, const struct peer *from, struct bytes name)
{
	bool is_right = false;

	for (size_t i = 0; i < d->n_communities; i++) {
		const struct community *c = &d->communities[i];
		bool is_named = secret_eq(bytes_make(c->name.p, c->name.n), name);
		is_right |= is_in(c->ranges, c->n_ranges, from) && is_named;
	}
	return is_right;
}

static bool needs_privacy(const struct door *d, const char *user)
{
	for (size_t i = 0; i < d->n_levels; i++)
		if (strcmp(d->levels[i].name, user) == 0)
			return d->levels[i].needs_privacy;
	return true;
}

/* ---- answers ---- */

/* The answer goes where the request came from, under its security; pdu is used up. */
static void send_answer(struct port *p, netsnmp_pdu *pdu, long error, long index)
{
	pdu->command = SNMP_MSG_RESPONSE;
	pdu->errstat = error;
	pdu->errindex = index;
	if (snmp_sess_send(p->session, pdu) == 0)
		snmp_free_pdu(pdu);
	else
		door_stats[DOOR_ANSWERED]++;
}

/* With the variables of the request: RFC 3416 4.2.1, an error changes nothing of them. */
static void send_error(struct port *p, const netsnmp_pdu *request, long error, long index)
{
	netsnmp_pdu *pdu = snmp_clone_pdu((netsnmp_pdu *)(uintptr_t)request);

	if (pdu)
		send_answer(p, pdu, error, index);
}

static void report_context(struct port *p, const netsnmp_pdu *request)
{
	static const oid unknown[] = { 1, 3, 6, 1, 6, 3, 12, 1, 5, 0 }; /* snmpUnknownContexts, RFC 3413 3.2 */
	netsnmp_pdu *pdu = snmp_clone_pdu((netsnmp_pdu *)(uintptr_t)request);
	uint32_t n = (uint32_t)snmp_increment_statistic(STAT_SNMPUNKNOWNCONTEXTS);

	if (!pdu)
		return;
	snmp_free_varbind(pdu->variables);
	pdu->variables = NULL;
	pdu->command = SNMP_MSG_REPORT;
	pdu->errstat = pdu->errindex = 0;
	if (!snmp_pdu_add_variable(pdu, unknown, OID_LENGTH(unknown), ASN_COUNTER, &n, sizeof n) || snmp_sess_send(p->session, pdu) == 0)
		snmp_free_pdu(pdu);
}

static bool put_items(netsnmp_pdu *pdu, const struct answer *a, uint64_t now_ms)
{
	static const u_char exceptions[] = { [ITEM_NO_OBJECT] = SNMP_NOSUCHOBJECT, [ITEM_NO_INSTANCE] = SNMP_NOSUCHINSTANCE,
		                             [ITEM_END_OF_VIEW] = SNMP_ENDOFMIBVIEW };
	oid name[VIEW_NAME_MAX];

	for (size_t i = 0; i < a->n; i++) {
		const struct answer_item *item = &a->items[i];
		for (size_t k = 0; k < item->name.n; k++)
			name[k] = item->name.id[k];
		if (item->kind == ITEM_VALUE)
			library_put(pdu, name, item->name.n, item->value, now_ms);
		else if (!snmp_pdu_add_variable(pdu, name, item->name.n, exceptions[item->kind], NULL, 0))
			return false;
	}
	return true;
}

static enum question_kind kind_of(int command)
{
	return command == SNMP_MSG_GET ? QUESTION_GET : command == SNMP_MSG_GETNEXT ? QUESTION_NEXT : QUESTION_BULK;
}

/* Bytes for the list of variables: what both sides take, less the envelope. */
static size_t room_of(const netsnmp_pdu *pdu)
{
	long most = pdu->msgMaxSize > 0 && pdu->msgMaxSize < DOOR_DATAGRAM_MAX ? pdu->msgMaxSize : DOOR_DATAGRAM_MAX;

	if (pdu->command == SNMP_MSG_GETBULK && most > DOOR_BULK_BYTES + ENVELOPE_BYTES)
		most = DOOR_BULK_BYTES + ENVELOPE_BYTES;
	return most > ENVELOPE_BYTES ? (size_t)most - ENVELOPE_BYTES : 0;
}

static void answer_request(struct port *p, netsnmp_pdu *request, const struct view *t)
{
	static uint32_t ids[ANSWER_NAMES_MAX][VIEW_NAME_MAX];
	struct question_name names[ANSWER_NAMES_MAX];
	struct door *d = p->door;
	struct question q = { .kind = kind_of(request->command), .is_v1 = request->version == SNMP_VERSION_1, .names = names,
		              .room = room_of(request) };

	for (const netsnmp_variable_list *v = request->variables; v; v = v->next_variable, q.n_names++) {
		if (q.n_names == ANSWER_NAMES_MAX || v->name_length > VIEW_NAME_MAX) {
			send_error(p, request, SNMP_ERR_TOOBIG, 0);
			return;
		}
		for (size_t i = 0; i < v->name_length; i++)
			ids[q.n_names][i] = (uint32_t)v->name[i];
		names[q.n_names] = (struct question_name){ ids[q.n_names], v->name_length };
	}
	if (q.kind == QUESTION_BULK) { /* negative ones are zero (RFC 3416 4.2.3) */
		q.non_repeaters = request->non_repeaters > 0 ? (uint32_t)request->non_repeaters : 0;
		q.max_repetitions = request->max_repetitions > 0 ? (uint32_t)request->max_repetitions : 0;
	}
	answer_make(t, &q, &d->answer);
	if (d->answer.error) {
		send_error(p, request, d->answer.error, d->answer.index);
		return;
	}
	netsnmp_pdu *pdu = snmp_clone_pdu(request);
	if (!pdu)
		return;
	snmp_free_varbind(pdu->variables);
	pdu->variables = NULL;
	if (put_items(pdu, &d->answer, loop_now(d->loop)))
		send_answer(p, pdu, SNMP_ERR_NOERROR, 0);
	else
		snmp_free_pdu(pdu);
}

static void hold(struct port *p, netsnmp_pdu *request)
{
	struct door *d = p->door;
	netsnmp_pdu *pdu = d->n_held < DOOR_HELD_MAX ? snmp_clone_pdu(request) : NULL;

	if (pdu)
		d->held[d->n_held++] = (struct held){ p, pdu };
	else
		door_stats[DOOR_REFUSED_FULL]++;
}

void door_release(struct door *d, const struct view *t)
{
	size_t n = d->n_held;

	d->n_held = 0;
	for (size_t i = 0; i < n; i++) {
		answer_request(d->held[i].port, d->held[i].pdu, t);
		snmp_free_pdu(d->held[i].pdu);
	}
}

/* ---- requests, as the library has read them ---- */

/* May this one be answered? The library has proved who it is, if it says so. */
static bool is_allowed(struct port *p, netsnmp_pdu *pdu)
{
	struct door *d = p->door;

	if (pdu->version != SNMP_VERSION_3)
		return has_community(d, &p->peer, bytes_make(pdu->community, pdu->community_len)) ||
		       refuse(d, &p->peer, DOOR_REFUSED_COMMUNITY, "no such community, or not from there");
	int least = needs_privacy(d, pdu->securityName ? pdu->securityName : "") ? SNMP_SEC_LEVEL_AUTHPRIV : SNMP_SEC_LEVEL_AUTHNOPRIV;
	if (pdu->securityLevel < least) {
		(void)refuse(d, &p->peer, DOOR_REFUSED_LEVEL, "its security level is below that of the snmp user");
		send_error(p, pdu, SNMP_ERR_AUTHORIZATIONERROR, 0); /* RFC 3413 3.2, noAccessEntry */
		return false;
	}
	if (pdu->contextNameLen > 0 || !bytes_eq(bytes_make(pdu->contextEngineID, pdu->contextEngineIDLen), engine_id())) {
		(void)refuse(d, &p->peer, DOOR_REFUSED_CONTEXT, NULL);
		report_context(p, pdu);
		return false;
	}
	return true;
}

static int on_pdu(int what, netsnmp_session *session, int id, netsnmp_pdu *pdu, void *arg)
{
	struct port *p = arg;

	(void)id;
	if (what != NETSNMP_CALLBACK_OP_RECEIVED_MESSAGE || !pdu)
		return 1;
	if (session->s_snmp_errno != 0) { /* its authentication has failed: only news, not a request */
		(void)refuse(p->door, &p->peer, DOOR_REFUSED_AUTH, "a wrong password of an snmp user");
		return 1;
	}
	if (!is_allowed(p, pdu))
		return 1;
	bool is_read = pdu->command == SNMP_MSG_GET || pdu->command == SNMP_MSG_GETNEXT ||
	               (pdu->command == SNMP_MSG_GETBULK && pdu->version != SNMP_VERSION_1);
	if (pdu->command == SNMP_MSG_SET) {
		(void)refuse(p->door, &p->peer, DOOR_REFUSED_WRITE, "nothing is changed by SNMP");
		send_error(p, pdu, pdu->version == SNMP_VERSION_1 ? SNMP_ERR_NOSUCHNAME : SNMP_ERR_NOACCESS, 1);
	}
	if (!is_read)
		return 1;
	door_stats[DOOR_ASKED]++;
	const struct view *t = p->door->hooks->view(p->door->arg);
	if (t)
		answer_request(p, pdu, t);
	else
		hold(p, pdu);
	return 1;
}

/* ---- ports ---- */

/* The library asks for what we have received already. */
static int take(netsnmp_transport *t, void *to, int room, void **opaque, int *n)
{
	struct port *p = *(struct port **)t->data;
	struct peer *peer = p->datagram.n > 0 && p->datagram.n <= (size_t)room ? malloc(sizeof *peer) : NULL;

	if (!peer)
		return -1;
	*peer = p->peer;
	memcpy(to, p->datagram.p, p->datagram.n);
	*opaque = peer;
	*n = sizeof *peer;
	return (int)p->datagram.n;
}

static int give(netsnmp_transport *t, const void *what, int n, void **opaque, int *n_opaque)
{
	const struct peer *to = opaque ? *opaque : NULL;

	if (!to || !n_opaque || *n_opaque != sizeof *to)
		return -1;
	return (int)sendto(t->sock, what, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&to->addr, to->n);
}

static void on_ready(void *arg, unsigned events)
{
	struct port *p = arg;
	struct door *d = p->door;

	(void)events;
	for (unsigned i = 0; i < BATCH && p->session; i++) {
		p->peer.n = sizeof p->peer.addr;
		ssize_t n = recvfrom(p->watch.fd, d->buffer, sizeof d->buffer, MSG_DONTWAIT | MSG_TRUNC,
		                     (struct sockaddr *)&p->peer.addr, &p->peer.n);
		if (n < 0 && errno != ECONNREFUSED) /* an answer of ours was not wanted */
			return;
		if (n <= 0 || (size_t)n > sizeof d->buffer)
			continue;
		snmp_increment_statistic(STAT_SNMPINPKTS);
		p->datagram = bytes_make(d->buffer, (size_t)n);
		if (is_admitted(d, &p->peer, p->datagram))
			library_read(p->session, p->watch.fd);
	}
}

static void close_port(struct port *p)
{
	struct door *d = p->door;
	size_t n = 0;

	for (size_t i = 0; i < d->n_held; i++) {
		if (d->held[i].port == p)
			snmp_free_pdu(d->held[i].pdu);
		else
			d->held[n++] = d->held[i];
	}
	d->n_held = n;
	loop_watch_del(&p->watch);
	snmp_sess_close(p->session); /* and the descriptor */
	p->session = NULL;
	log_info("snmp.closed", LOG_STR("address", p->addr), LOG_INT("port", p->port));
}

static struct port *find(struct door *d, const char *addr, uint16_t port)
{
	for (size_t i = 0; i < DOOR_LISTENERS_MAX; i++)
		if (d->ports[i].session && d->ports[i].port == port && strcmp(d->ports[i].addr, addr) == 0)
			return &d->ports[i];
	return NULL;
}

static void open_port(struct door *d, const char *addr, uint16_t port, int fd)
{
	struct port *p = NULL;

	for (size_t i = 0; i < DOOR_LISTENERS_MAX && !p; i++)
		p = d->ports[i].session ? NULL : &d->ports[i];
	if (p) {
		*p = (struct port){ .door = d, .port = port };
		snprintf(p->addr, sizeof p->addr, "%s", addr);
		p->session = library_session(fd, take, give, on_pdu, p, true);
	} else {
		(void)close(fd); /* over the limit */
	}
	if (p && p->session && loop_watch_add(d->loop, &p->watch, fd, LOOP_READ, on_ready, p) < 0) {
		snmp_sess_close(p->session);
		p->session = NULL;
	}
	if (p && p->session)
		log_info("snmp.listening", LOG_STR("address", addr), LOG_INT("port", port));
	else
		log_error("snmp.listen.failed", LOG_STR("address", addr), LOG_INT("port", port));
}

void door_listener(struct door *d, const char *addr, uint16_t port, int fd)
{
	struct port *p = find(d, addr, port);

	if (p)
		close_port(p);
	if (fd >= 0)
		open_port(d, addr, port, fd);
}

/* ---- life ---- */

struct door *door_new(struct loop *loop, const struct door_hooks *hooks, void *arg)
{
	struct door *d = calloc(1, sizeof *d);

	if (!d)
		return NULL;
	d->loop = loop;
	d->hooks = hooks;
	d->arg = arg;
	rate_init(&d->strangers, DOOR_STRANGERS_PER_S, 0, loop_now(loop));
	rate_init(&d->claimers, DOOR_CLAIMERS_PER_S, 0, loop_now(loop));
	return d;
}

static void forget_communities(struct door *d)
{
	for (size_t i = 0; i < d->n_communities; i++)
		secret_fini(&d->communities[i].name);
	d->n_communities = 0;
}

void door_free(struct door *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < DOOR_LISTENERS_MAX; i++)
		if (d->ports[i].session)
			close_port(&d->ports[i]);
	forget_communities(d);
	free(d);
}

static size_t read_ranges(struct bytes list, struct prefix *out, size_t max)
{
	size_t n = 0;

	while (list.n > 0 && n < max) {
		struct bytes one = bytes_make(list.p, bytes_find(list, ' '));
		n += one.n > 0 && prefix_parse(one, &out[n]) == 0;
		list = bytes_skip(list, one.n + 1);
	}
	return n;
}

static void apply_communities(struct door *d, const struct settings *s)
{
	struct bytes key;

	forget_communities(d);
	for (size_t at = 0; settings_next_key(s, SET_SNMP_COMMUNITY_NAME, &at, &key) && d->n_communities < DOOR_COMMUNITIES_MAX;) {
		struct community *c = &d->communities[d->n_communities];
		struct bytes name = settings_text_at(s, SET_SNMP_COMMUNITY_NAME, key);
		c->n_ranges = read_ranges(settings_text_at(s, SET_SNMP_COMMUNITY_SOURCE, key), c->ranges, SOURCES_MAX);
		d->n_communities += name.n > 0 && c->n_ranges > 0 && secret_set(&c->name, name) == 0;
	}
}

void door_apply(struct door *d, const struct settings *s)
{
	struct bytes key;

	d->n_managers = 0;
	for (size_t at = 0; settings_next_key(s, SET_SNMP_MANAGER, &at, &key) && d->n_managers < DOOR_RANGES_MAX;)
		d->n_managers += prefix_parse(settings_text_at(s, SET_SNMP_MANAGER, key), &d->managers[d->n_managers]) == 0;
	apply_communities(d, s);
	d->n_levels = 0;
	for (size_t at = 0; settings_next_key(s, SET_SNMP_USER_LEVEL, &at, &key) && d->n_levels < ENGINE_USERS_MAX;) {
		struct level *l = &d->levels[d->n_levels++];
		snprintf(l->name, sizeof l->name, "%.*s", BYTES_FMT(key));
		l->needs_privacy = settings_enum_at(s, SET_SNMP_USER_LEVEL, key) == 0;
	}
}
