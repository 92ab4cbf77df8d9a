#include "association.h"

#include <stdlib.h>

#include "base/err.h"

/* Clients over DTLS: what comes on listeners, and whose it is. */

const char *const association_stat_names[] = {
	"turn.dtls.cookies", "turn.dtls.accepted", "turn.dtls.secured", "turn.dtls.restarted", "turn.dtls.closed",
	"turn.dtls.refused", "turn.dtls.refused-address", "turn.dtls.malformed", "turn.dtls.failed", "turn.dtls.timeout",
	"turn.dtls.postponed", "turn.dtls.dropped",
};
_Static_assert(sizeof association_stat_names / sizeof *association_stat_names == ASSOCIATION_STAT_COUNT, "one name a counter");

/* ---- datagrams ---- */

/* RFC 6347 4.2.1: a cookie goes back, or one has come back. */
static void meet(struct door *d, const struct stunaddr *from, struct bytes datagram)
{
	struct worker *w = d->worker;
	struct associations *s = w->associations;
	struct dtls *t = NULL;
	union endpoint at;

	(void)endpoint_of(from, &at); /* its length follows from its family */
	buf_clear(&s->reply);
	if (!s->is_open || dtls_accept(s->dtls, &at.any, datagram, &s->reply, &t)) {
		s->counts[ASSOCIATION_MALFORMED]++;
	} else if (t && s->n_begun == ASSOCIATION_BEGIN_MAX) {
		s->counts[ASSOCIATION_POSTPONED]++;
		dtls_free(t); /* its cookie stays good */
	} else if (t) {
		association_begin(d, from, &at, t);
	} else if (buf_len(&s->reply) && turn_server_may_answer(w->server, from)) {
		s->counts[ASSOCIATION_COOKIES]++;
		batch_send(w->batch, d->fd, from, buf_bytes(&s->reply), false);
	}
}

void associations_take(struct door *d, const struct stunaddr *from, struct bytes datagram)
{
	struct associations *s = d->worker->associations;
	struct association *a = association_find(s, d, from);

	if (a && dtls_input(a->t, datagram) != ERR_CONN_RESET)
		return;
	s->counts[ASSOCIATION_RESTARTED] += a != NULL;
	meet(d, from, datagram);
}

static struct association *find(const struct worker *w, const struct turn_path *p)
{
	struct association *a = association_find(w->associations, &w->doors[p->door], &p->from);

	return a && a->number == p->conn ? a : NULL;
}

void associations_to_client(struct worker *w, const struct turn_path *to, struct bytes data)
{
	struct association *a = find(w, to);
	int rc = a ? dtls_send(a->t, data) : ERR_NOT_FOUND;

	if (!rc)
		return;
	w->associations->counts[ASSOCIATION_DROPPED]++;
	if (rc == ERR_TLS)
		association_break(a);
}

void associations_close_client(struct worker *w, const struct turn_path *client)
{
	struct association *a = find(w, client);

	if (a)
		association_end(a);
}

/* ---- life ---- */

/* Those of a listener; of all with NULL. */
static void lose_all(struct associations *s, const struct door *d)
{
	associations_sweep(s);
	LIST_EACH (it, &s->all) {
		struct association *a = LIST_OWNER(it, struct association, node);
		if (!d || a->door == d)
			association_lose(a);
	}
}

void associations_close_door(struct door *d)
{
	lose_all(d->worker->associations, d);
	batch_flush(d->worker->batch); /* its clients' close_notify */
}

struct associations *associations_new(struct worker *w)
{
	struct associations *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->worker = w;
	map_init(&s->by_key);
	list_init(&s->all);
	list_init(&s->broken);
	list_init(&s->gone);
	loop_defer_init(&s->sweep, associations_sweep, s);
	address_table_init(&s->addresses);
	buf_init(&s->reply, ASSOCIATION_REPLY_MAX);
	return s;
}

void associations_free(struct associations *s)
{
	if (!s)
		return;
	lose_all(s, NULL);
	loop_defer_cancel(&s->sweep);
	associations_sweep(s);
	dtls_door_free(s->dtls);
	address_table_fini(&s->addresses);
	map_fini(&s->by_key);
	buf_fini(&s->reply);
	free(s);
}

uint32_t associations_count(const struct associations *s)
{
	return s->n;
}

uint64_t *associations_stats(struct associations *s)
{
	return s->counts;
}

/* ---- settings ---- */

static int set_store(struct associations *s)
{
	struct worker *w = s->worker;

	if (!w->tls || !w->tls_domain[0])
		return ERR_NOT_FOUND;
	if (w->tls == s->store)
		return 0;
	int rc = s->dtls ? dtls_door_store(s->dtls, w->tls, w->tls_domain)
	                 : dtls_door_new(w->loop, w->tls, w->tls_domain, worker_alpn, &s->dtls);
	if (!rc)
		s->store = w->tls;
	return rc;
}

static bool has_door(const struct worker *w)
{
	for (size_t i = 0; i < TURN_DOORS_MAX; i++)
		if (w->doors[i].fd >= 0 && w->doors[i].kind == &door_dtls)
			return true;
	return false;
}

/* Associations that are there stay as they are. */
static void apply(struct worker *w)
{
	struct associations *s = w->associations;
	int rc = set_store(s);

	s->is_open = rc == 0;
	bool is_missed = rc && has_door(w);
	if (is_missed && !s->is_told)
		log_warn("turn.dtls.closed", LOG_STR("reason", err_name(rc)),
		         LOG_STR("do", rc == ERR_NOT_FOUND ? "import a certificate, RSA or ECDSA, and give it to a domain" :
			         rc == ERR_UNSUPPORTED ? "set tls minimum 1.2: there is no DTLS 1.3 here" : "look at the memory of the box"));
	s->is_told = is_missed;
}

/* ---- listeners of its own ---- */

static bool on_datagram(void *arg, int fd, const struct stunaddr *from, struct turn_packet *p)
{
	struct door *d = arg;

	/* port 0 cannot be answered (RFC 768) */
	if (p->n && is_dtls(p->p[0]) && from->family && from->port)
		associations_take(d, from, bytes_make(p->p, p->n));
	else
		d->worker->associations->counts[ASSOCIATION_MALFORMED]++;
	return d->fd == fd;
}

static void readable(struct door *d)
{
	door_read_datagrams(d, on_datagram);
}

const struct door_kind door_dtls = {
	.listener = "turn-dtls", .transport = TURN_DTLS, .open = door_open_datagrams, .close = associations_close_door,
	.readable = readable, .to_client = associations_to_client, .client_close = associations_close_client, .apply = apply,
};
