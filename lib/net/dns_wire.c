#include "base/err.h"
#include "base/random.h"
#include "net/dns_impl.h"
#include "run/alarm.h"

#include <arpa/nameser.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/select.h>

enum { SOCKETS_MAX = 64, UDP_BYTES = 1232, TRIES = 2, UNANSWERED_MAX = 6 };

struct dns_socket {
	struct dns_servers *servers;
	struct loop_watch watch;
	int fd; /* -1: free place */
};

struct dns_servers {
	struct loop *loop;
	ares_channel channel;
	struct dns_socket sockets[SOCKETS_MAX];
	struct loop_timer timer;   /* c-ares' own time-outs */
	struct loop_defer sweep;   /* frees what has ended, outside of c-ares */
	struct list asks, ended;
	uint32_t query_ms;
	unsigned unanswered; /* questions in a row to which no name server said anything */
	char zone[256];      /* "": of all names that no zone has */
	bool validates, is_retired;
};

struct dns_ask {
	struct list node;
	struct dns_servers *servers;
	enum dns_type type;
	struct dns_ask_result result; /* fn NULL: dropped */
	struct dns_set set;
	struct loop_timer timer;
	bool is_sent;     /* c-ares will call back */
	bool is_answered; /* set is filled */
};

static void rearm(struct dns_servers *s)
{
	struct timeval tv, *next = ares_timeout(s->channel, NULL, &tv);

	if (!next)
		loop_timer_del(s->loop, &s->timer);
	else
		(void)loop_timer_set(s->loop, &s->timer, (uint64_t)next->tv_sec * 1000 + (uint64_t)next->tv_usec / 1000 + 1);
}

static void on_timer(void *arg)
{
	struct dns_servers *s = arg;

	ares_process_fd(s->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	rearm(s);
}

static void on_socket(void *arg, unsigned events)
{
	struct dns_socket *k = arg;
	struct dns_servers *s = k->servers;
	int fd = k->fd;

	ares_process_fd(s->channel, events & LOOP_READ ? fd : ARES_SOCKET_BAD, events & LOOP_WRITE ? fd : ARES_SOCKET_BAD);
	rearm(s);
}

static struct dns_socket *socket_of(struct dns_servers *s, int fd)
{
	struct dns_socket *free_place = NULL;

	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		if (s->sockets[i].fd == fd)
			return &s->sockets[i];
		if (s->sockets[i].fd < 0 && !free_place)
			free_place = &s->sockets[i];
	}
	return free_place;
}

/* c-ares says which of its sockets wait for what. One beyond our table is not watched: its queries
 * time out. */
static void on_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct dns_servers *s = arg;
	struct dns_socket *k = socket_of(s, fd);
	unsigned events = (readable ? LOOP_READ : 0) | (writable ? LOOP_WRITE : 0);

	if (!k)
		return;
	if (!events) {
		loop_watch_del(&k->watch);
		k->fd = -1;
	} else if (k->fd == fd) {
		(void)loop_watch_set(&k->watch, events);
	} else if (loop_watch_add(s->loop, &k->watch, fd, events, on_socket, k) == 0) {
		k->fd = fd;
	}
}

static void free_servers(struct dns_servers *s)
{
	loop_timer_del(s->loop, &s->timer);
	ares_destroy(s->channel); /* calls back for what still ran */
	loop_defer_cancel(&s->sweep);
	LIST_EACH(node, &s->ended) {
		struct dns_ask *a = LIST_OWNER(node, struct dns_ask, node);
		loop_timer_del(s->loop, &a->timer);
		free(a);
	}
	free(s);
}

static void sweep(void *arg)
{
	struct dns_servers *s = arg;

	LIST_EACH(node, &s->ended) {
		struct dns_ask *a = LIST_OWNER(node, struct dns_ask, node);
		list_del(node);
		loop_timer_del(s->loop, &a->timer);
		if (a->result.fn)
			a->result.fn(a->result.arg, a, &a->set);
		free(a);
	}
	if (s->is_retired && list_is_empty(&s->asks) && list_is_empty(&s->ended))
		free_servers(s);
}

/* Everything is given to c-ares explicitly, so that it reads no file of the system: there is none in
 * an empty root. */
static int open_channel(struct dns_servers *s, const struct dns_config *c)
{
	struct in_addr nobody = { htonl(INADDR_LOOPBACK) };
	struct ares_options o = { .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS,
				  .timeout = (int)(c->query_ms / 3), .tries = TRIES, .ndots = 1,
				  .servers = &nobody, .nservers = 1, .ndomains = 0, .nsort = 0,
				  .lookups = (char *)(uintptr_t)"b", .ednspsz = UDP_BYTES,
				  .sock_state_cb = on_state, .sock_state_cb_data = s };
	char csv[2048] = "";
	size_t n = 0;

	for (size_t i = 0; i < c->n_servers; i++) {
		size_t one = strlen(c->servers[i]);
		if (n + one + 2 > sizeof csv)
			return ERR_LIMIT;
		if (n)
			csv[n++] = ',';
		memcpy(csv + n, c->servers[i], one + 1);
		n += one;
	}
	if (ares_init_options(&s->channel, &o, ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
						    ARES_OPT_SERVERS | ARES_OPT_DOMAINS | ARES_OPT_SORTLIST |
						    ARES_OPT_LOOKUPS | ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_STATE_CB) != ARES_SUCCESS)
		return ERR_SYS;
	if (ares_set_servers_ports_csv(s->channel, csv) != ARES_SUCCESS) {
		ares_destroy(s->channel);
		return ERR_SYNTAX;
	}
	return 0;
}

struct dns_servers *dns_servers_new(struct loop *l, const struct dns_config *c, const char *zone)
{
	struct dns_servers *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->loop = l;
	s->query_ms = c->query_ms;
	s->validates = c->validates;
	snprintf(s->zone, sizeof s->zone, "%s", zone);
	list_init(&s->asks);
	list_init(&s->ended);
	loop_timer_init(&s->timer, on_timer, s);
	loop_defer_init(&s->sweep, sweep, s);
	for (size_t i = 0; i < SOCKETS_MAX; i++)
		s->sockets[i] = (struct dns_socket){ .servers = s, .fd = -1 };
	if (open_channel(s, c)) {
		free(s);
		return NULL;
	}
	return s;
}

void dns_servers_retire(struct dns_servers *s)
{
	if (!s)
		return;
	s->is_retired = true;
	if (s->zone[0])
		alarm_clear(ALARM_DNS_UNREACHABLE, s->zone); /* its successor sees for itself */
	loop_defer_call(s->loop, &s->sweep);
}

void dns_servers_free(struct dns_servers *s)
{
	if (!s)
		return;
	LIST_EACH(node, &s->asks)
		LIST_OWNER(node, struct dns_ask, node)->result.fn = NULL;
	free_servers(s);
}

static void end(struct dns_ask *a)
{
	list_del(&a->node);
	list_add_tail(&a->servers->ended, &a->node);
	loop_defer_call(a->servers->loop, &a->servers->sweep);
}

/* A server that says "no such name", or that it failed, is there. */
static void note_answer(struct dns_servers *s, bool is_answered)
{
	s->unanswered = is_answered ? 0 : s->unanswered + 1;
	if (is_answered)
		alarm_clear(ALARM_DNS_UNREACHABLE, s->zone);
	else if (s->unanswered >= UNANSWERED_MAX && !s->is_retired)
		alarm_raise(ALARM_DNS_UNREACHABLE, s->zone, ALARM_USUAL, s->zone[0] ? "No name server of the forward zone answers" : NULL);
}

static int status_error(int status)
{
	return status == ARES_ETIMEOUT ? ERR_DNS_TIMEOUT : ERR_DNS_SERVFAIL;
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *abuf, int alen)
{
	struct dns_ask *a = arg;

	(void)timeouts;
	if (status != ARES_EDESTRUCTION && status != ARES_ECANCELLED)
		note_answer(a->servers, alen > 0 || (status != ARES_ETIMEOUT && status != ARES_ECONNREFUSED));
	a->is_sent = false;
	if (!a->is_answered) {
		if (status == ARES_SUCCESS && alen > 0)
			dns_read(a->type, bytes_make(abuf, (size_t)alen), a->servers->validates, &a->set);
		else
			a->set = (struct dns_set){ .rc = status_error(status) };
		a->is_answered = true;
	}
	end(a);
}

/* Our own patience with one question, whatever c-ares plans. c-ares cannot forget a single query, so
 * the question stays until it calls back. */
static void on_late(void *arg)
{
	struct dns_ask *a = arg;
	struct dns_set late = { .rc = ERR_DNS_TIMEOUT };

	a->is_answered = true;
	if (a->result.fn)
		a->result.fn(a->result.arg, a, &late);
	a->result.fn = NULL;
}

static int send_query(struct dns_ask *a, const char *name)
{
	static const int types[] = { ns_t_a, ns_t_aaaa, ns_t_srv, 52, ns_t_naptr };
	unsigned char *query = NULL;
	int n = 0;
	/* The id is ours: c-ares would seed its own from a file that an empty root does not have. */
	unsigned short id = (unsigned short)random_u64();

	if (ares_create_query(name, ns_c_in, types[a->type], id, 1, &query, &n, UDP_BYTES) != ARES_SUCCESS)
		return ERR_SYNTAX;
	if (a->servers->validates)
		query[3] |= 0x20; /* AD: tell us whether you validated (RFC 6840 5.7) */
	a->is_sent = true;
	ares_send(a->servers->channel, query, n, on_answer, a);
	ares_free_string(query);
	return 0;
}

struct dns_ask *dns_ask(struct dns_servers *s, enum dns_type type, const char *name, struct dns_ask_result result)
{
	struct dns_ask *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	a->servers = s;
	a->type = type;
	a->result = result;
	loop_timer_init(&a->timer, on_late, a);
	list_add_tail(&s->asks, &a->node);
	if (loop_timer_set(s->loop, &a->timer, s->query_ms) || send_query(a, name)) {
		a->set = (struct dns_set){ .rc = ERR_DNS_NXDOMAIN }; /* no name of the DNS */
		a->is_answered = true;
		end(a);
	}
	rearm(s);
	return a;
}

void dns_ask_drop(struct dns_ask *a)
{
	if (!a)
		return;
	a->result.fn = NULL;
	loop_timer_del(a->servers->loop, &a->timer);
}
