#include "association.h"

#include <stdlib.h>

#include "base/err.h"

/* One association, from the proof of the client's address to its end. */

static struct turn_path path_of(const struct association *a)
{
	return (struct turn_path){ .transport = TURN_DTLS, .door = a->door->number, .conn = a->number, .from = a->from };
}

/* ---- the table ---- */

static void key_of(const struct door *d, const struct stunaddr *from, uint8_t out[static ASSOCIATION_KEY_BYTES])
{
	out[0] = d->number;
	out[1] = from->family;
	out[2] = (uint8_t)(from->port >> 8);
	out[3] = (uint8_t)from->port;
	memcpy(out + 4, from->ip, sizeof from->ip);
}
_Static_assert(ASSOCIATION_KEY_BYTES == 4 + sizeof ((struct stunaddr *)0)->ip, "listener, family, port, address");

struct association *association_find(const struct associations *s, const struct door *d, const struct stunaddr *from)
{
	uint8_t key[ASSOCIATION_KEY_BYTES];

	key_of(d, from, key);
	return map_get(&s->by_key, bytes_make(key, sizeof key));
}

/* ---- end ---- */

static void forget(struct association *a)
{
	struct associations *s = a->of;

	a->t = NULL;
	loop_timer_del(s->worker->loop, &a->timer);
	(void)map_del(&s->by_key, bytes_make(a->key, sizeof a->key)); /* is a */
	address_leave(&s->addresses, a->address);
	s->n--;
	s->counts[ASSOCIATION_CLOSED]++;
	list_del(&a->node);
	list_add_tail(&s->gone, &a->node);
	loop_defer_call(s->worker->loop, &s->sweep);
}

static void tell_engine(struct association *a)
{
	const struct turn_path path = path_of(a);

	if (a->is_secure)
		turn_server_client_gone(a->of->worker->server, &path);
}

void association_end(struct association *a)
{
	if (!a->t)
		return;
	dtls_free(a->t);
	forget(a);
}

void association_lose(struct association *a)
{
	if (!a->t)
		return;
	association_end(a);
	tell_engine(a);
}

void association_break(struct association *a)
{
	struct associations *s = a->of;

	list_del(&a->node);
	list_add_tail(&s->broken, &a->node);
	loop_defer_call(s->worker->loop, &s->sweep);
}

void associations_sweep(void *associations)
{
	struct associations *s = associations;

	s->n_begun = 0;
	LIST_EACH (it, &s->broken)
		association_lose(LIST_OWNER(it, struct association, node));
	LIST_EACH (it, &s->gone) {
		list_del(it);
		free(LIST_OWNER(it, struct association, node));
	}
}

/* ---- time ---- */

static void on_time(void *arg)
{
	struct association *a = arg;
	struct worker *w = a->of->worker;
	const struct turn_path path = path_of(a);
	uint64_t silent_ms = loop_now(w->loop) - a->heard_ms, next_ms = ASSOCIATION_IDLE_MS;

	if (!turn_server_has(w->server, &path)) {
		if (silent_ms >= ASSOCIATION_IDLE_MS) {
			a->of->counts[ASSOCIATION_TIMEOUT]++;
			association_lose(a);
			return;
		}
		next_ms -= silent_ms;
	}
	if (loop_timer_set(w->loop, &a->timer, next_ms))
		association_lose(a); /* without a timer it might stay for ever */
}

/* ---- what DTLS says ---- */

/* A HelloVerifyRequest (RFC 6347 4.1, 4.3.2): somebody at this address, or who has forged it, would begin anew. */
static bool is_cookie(struct bytes datagram)
{
	enum { EPOCH_AT = 3, RECORD_HEADER = 13, HANDSHAKE = 22, HELLO_VERIFY_REQUEST = 3 };
	const uint8_t *p = datagram.p;

	return datagram.n > RECORD_HEADER && p[0] == HANDSHAKE && p[EPOCH_AT] == 0 && p[EPOCH_AT + 1] == 0 &&
	       p[RECORD_HEADER] == HELLO_VERIFY_REQUEST;
}

static void on_send(void *arg, struct bytes datagram)
{
	struct association *a = arg;
	struct worker *w = a->of->worker;

	if (!is_cookie(datagram) || turn_server_may_answer(w->server, &a->from))
		batch_send(w->batch, a->door->fd, &a->from, datagram, false);
}

static void on_secured(void *arg)
{
	struct association *a = arg;
	struct worker *w = a->of->worker;

	a->of->counts[ASSOCIATION_SECURED]++;
	a->is_secure = true;
	a->heard_ms = loop_now(w->loop);
	if (loop_timer_set(w->loop, &a->timer, ASSOCIATION_IDLE_MS))
		association_lose(a); /* as in on_time */
}

static void on_data(void *arg, struct bytes plain)
{
	struct association *a = arg;
	struct worker *w = a->of->worker;
	const struct turn_path path = path_of(a);
	struct turn_packet p = batch_place(w->batch, plain);

	a->heard_ms = loop_now(w->loop);
	serve_client(w, &path, &p);
}

static void refused(struct association *a, int why, const char *words)
{
	const struct turn_path path = path_of(a);

	a->of->counts[why == ERR_TIMEOUT ? ASSOCIATION_TIMEOUT : ASSOCIATION_FAILED]++;
	worker_io.refused(a->of->worker, &path, BYTES_NONE, "DTLS handshake", words[0] ? words : err_text(why));
}

static void on_closed(void *arg, int why, const char *words)
{
	struct association *a = arg;

	forget(a);
	if (a->is_secure)
		tell_engine(a);
	else if (why && why != ERR_CONN_RESET)
		refused(a, why, words);
}

static const struct dtls_owner owner = { on_send, on_secured, on_data, on_closed };

/* ---- begin ---- */

static int enter(struct association *a, const union endpoint *at)
{
	struct associations *s = a->of;
	int rc = address_enter(&s->addresses, &at->any, s->worker->conf->connections_address, &a->address);

	if (rc)
		return rc;
	key_of(a->door, &a->from, a->key);
	rc = map_add(&s->by_key, bytes_make(a->key, sizeof a->key), a);
	if (rc)
		address_leave(&s->addresses, a->address);
	return rc;
}

static int begin(struct door *d, const struct stunaddr *from, const union endpoint *at, struct dtls *t)
{
	struct associations *s = d->worker->associations;
	struct association *a = s->n < d->worker->conf->connections ? calloc(1, sizeof *a) : NULL;

	if (!a)
		return s->n < d->worker->conf->connections ? ERR_NOMEM : ERR_FULL;
	a->of = s;
	a->door = d;
	a->from = *from;
	int rc = enter(a, at);
	if (rc) {
		free(a);
		return rc;
	}
	a->t = t;
	s->next_number += s->next_number == UINT32_MAX ? 2 : 1; /* 0 is UDP's */
	a->number = s->next_number;
	loop_timer_init(&a->timer, on_time, a);
	list_add_tail(&s->all, &a->node);
	s->n++;
	s->n_begun++;
	loop_defer_call(s->worker->loop, &s->sweep);
	s->counts[ASSOCIATION_ACCEPTED]++;
	dtls_start(t, ASSOCIATION_HANDSHAKE_MS, &owner, a);
	return 0;
}

void association_begin(struct door *d, const struct stunaddr *from, const union endpoint *at, struct dtls *t)
{
	const struct turn_path path = { .transport = TURN_DTLS, .door = d->number, .from = *from };
	int rc = begin(d, from, at, t);

	if (!rc)
		return;
	dtls_free(t);
	d->worker->associations->counts[rc == ERR_LIMIT ? ASSOCIATION_REFUSED_ADDRESS : ASSOCIATION_REFUSED_FULL]++;
	worker_io.refused(d->worker, &path, BYTES_NONE, "association",
	                  rc == ERR_LIMIT ? "turn connections-address" : rc == ERR_FULL ? "turn connections-max" : err_text(rc));
}
