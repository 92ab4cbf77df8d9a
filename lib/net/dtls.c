#include "net/dtls_impl.h"

#include "base/err.h"
#include "net/tls_conn.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <sys/time.h>

/* Plain text of whichever record was read last: one for the process. */
static uint8_t scratch[DTLS_PLAIN_MAX];

static void on_timer(void *arg);
static void on_key(void *arg);

/* ---- life ---- */

static bool attach(struct dtls *t)
{
	SSL *ssl = t->tls->ssl;
	BIO *b = BIO_new(t->door->method);

	if (!b)
		return false;
	BIO_set_data(b, t);
	SSL_set_bio(ssl, b, b);
	SSL_set_options(ssl, SSL_OP_NO_QUERY_MTU);
	return SSL_set_mtu(ssl, DTLS_MTU) == DTLS_MTU;
}

struct dtls *dtls_new(struct dtls_door *d)
{
	struct tls_options o = { .side = TLS_SERVER, .is_datagram = true, .alpn = d->alpn,
		                 .domain = d->fallback[0] ? d->fallback : NULL };
	struct dtls *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->door = d;
	t->state = DTLS_LISTENING;
	loop_timer_init(&t->timer, on_timer, t);
	if (!tls_new(d->store, &o, &t->tls) && attach(t))
		return t;
	dtls_destroy(t);
	return NULL;
}

static void cool(struct dtls *t)
{
	if (!list_is_linked(&t->warm))
		return;
	list_del(&t->warm);
	t->door->n_warm--;
}

void dtls_destroy(struct dtls *t)
{
	t->state = DTLS_OVER;
	loop_timer_del(t->door->loop, &t->timer);
	cool(t);
	tls_free(t->tls);
	free(t);
}

/* The owner is told now; what is left goes when the function is done that we are in. */
static void finish(struct dtls *t, int why)
{
	const char *words = "";

	if (t->state == DTLS_OVER)
		return;
	t->state = DTLS_OVER;
	if (why == ERR_TLS)
		(void)tls_error(t->tls, &words); /* its code is ours */
	t->owner->closed(t->arg, why, words);
}

static void leave(struct dtls *t)
{
	t->is_busy = false;
	if (t->state == DTLS_OVER)
		dtls_destroy(t);
}

/* ---- buffers ---- */

/* It is busy: it has its buffers, and whoever was not for the longest time gives his. OpenSSL makes them by
 * itself for reading, but writes into none that is not there. */
static bool warm(struct dtls *t)
{
	struct dtls_door *d = t->door;

	if (list_is_linked(&t->warm)) {
		if (d->warm.prev != &t->warm) {
			list_del(&t->warm);
			list_add_tail(&d->warm, &t->warm);
		}
		return true;
	}
	if (SSL_alloc_buffers(t->tls->ssl) != 1)
		return false;
	list_add_tail(&d->warm, &t->warm);
	if (++d->n_warm <= DTLS_WARM_MAX)
		return true;
	struct dtls *idle = LIST_OWNER(d->warm.next, struct dtls, warm);
	cool(idle);
	(void)SSL_free_buffers(idle->tls->ssl); /* refuses with a record in them: then they stay */
	return true;
}

/* ---- records ---- */

static void read_records(struct dtls *t)
{
	size_t n;

	do {
		if (!warm(t))
			return; /* lost, as a datagram may be */
		switch (tls_read(t->tls, scratch, sizeof scratch, &n)) {
		case TLS_IO_OK:
			t->owner->data(t->arg, bytes_make(scratch, n));
			break;
		case TLS_IO_EOF:
			tls_shutdown(t->tls);
			finish(t, 0);
			return;
		case TLS_IO_ERROR:
			finish(t, ERR_TLS);
			return;
		default:
			return;
		}
	} while (t->state == DTLS_SECURE && tls_has_pending(t->tls));
}

/* ---- handshake ---- */

/* OpenSSL's timer is of the wall clock: when that jumps back a repeat is late, and the deadline, which is
 * not, ends the handshake all the same. */
static void set_timer(struct dtls *t)
{
	uint64_t now = loop_now(t->door->loop), wait = t->deadline_ms > now ? t->deadline_ms - now : 0;
	struct timeval left;

	if (!t->waits_for_key && DTLSv1_get_timeout(t->tls->ssl, &left) == 1) {
		uint64_t repeat = (uint64_t)left.tv_sec * 1000 + ((uint64_t)left.tv_usec + 999) / 1000;
		wait = repeat < wait ? repeat : wait;
	}
	if (loop_timer_set(t->door->loop, &t->timer, wait))
		finish(t, ERR_NOMEM);
}

static void secured(struct dtls *t)
{
	loop_timer_del(t->door->loop, &t->timer);
	t->state = DTLS_SECURE;
	t->owner->secured(t->arg);
	if (t->state == DTLS_SECURE)
		read_records(t); /* that came before their time */
}

static void step_handshake(struct dtls *t)
{
	enum tls_io rc = tls_handshake(t->tls);

	t->waits_for_key = rc == TLS_IO_WANT_KEY;
	switch (rc) {
	case TLS_IO_OK:
		secured(t);
		return;
	case TLS_IO_EOF:
		finish(t, 0);
		return;
	case TLS_IO_ERROR:
		finish(t, ERR_TLS);
		return;
	default:
		set_timer(t);
	}
}

static void on_key(void *arg)
{
	struct dtls *t = arg;

	if (t->state != DTLS_HANDSHAKE || t->is_busy)
		return;
	t->is_busy = true;
	step_handshake(t);
	leave(t);
}

static void on_timer(void *arg)
{
	struct dtls *t = arg;

	t->is_busy = true;
	if (loop_now(t->door->loop) >= t->deadline_ms)
		finish(t, ERR_TIMEOUT);
	else if (!t->waits_for_key && DTLSv1_handle_timeout(t->tls->ssl) < 0)
		finish(t, ERR_TIMEOUT); /* it has repeated itself often enough */
	else
		set_timer(t);
	ERR_clear_error();
	leave(t);
}

/* ---- for owners ---- */

void dtls_start(struct dtls *t, uint32_t handshake_ms, const struct dtls_owner *o, void *arg)
{
	t->owner = o;
	t->arg = arg;
	t->state = DTLS_HANDSHAKE;
	t->deadline_ms = loop_now(t->door->loop) + handshake_ms;
	tls_on_key(t->tls, on_key, t);
	t->is_busy = true;
	step_handshake(t);
	leave(t);
}

/* Has the client, which forgot this association, proved its address to begin another? To a client that
 * has not yet, the door answers as to any stranger. */
static bool began_anew(struct dtls *t, struct bytes datagram)
{
	struct dtls_door *d = t->door;

	switch (dtls_listen(d, &t->peer, datagram)) {
	case DTLS_HEARD_PROVEN:
		return dtls_is_new_hello(d, t);
	case DTLS_HEARD_STRANGER:
		t->owner->send(t->arg, bytes_make(d->answer, d->answer_n));
		return false;
	default:
		return false;
	}
}

static void take_in(struct dtls *t, struct bytes datagram)
{
	if (t->state == DTLS_SECURE) {
		t->in = datagram;
		read_records(t);
	} else if (datagram.p[0] >= DTLS_CONTENT_CCS && datagram.p[0] <= DTLS_CONTENT_HANDSHAKE && !t->waits_for_key &&
	           t->n_handshake < DTLS_HANDSHAKE_DATAGRAMS_MAX) {
		t->n_handshake++;
		t->in = datagram;
		step_handshake(t);
	}
	t->in = BYTES_NONE;
}

int dtls_input(struct dtls *t, struct bytes datagram)
{
	int rc = 0;

	if (!datagram.n)
		return 0;
	t->is_busy = true;
	if (datagram.p[0] == DTLS_CONTENT_HANDSHAKE && began_anew(t, datagram)) {
		rc = ERR_CONN_RESET;
		finish(t, rc);
	} else {
		take_in(t, datagram);
	}
	leave(t);
	return rc;
}

int dtls_send(struct dtls *t, struct bytes plain)
{
	size_t n;

	if (t->state != DTLS_SECURE)
		return ERR_AGAIN;
	if (plain.n > DTLS_PLAIN_MAX)
		return ERR_LIMIT;
	if (!warm(t))
		return ERR_NOMEM;
	return tls_write(t->tls, plain, &n) == TLS_IO_OK ? 0 : ERR_TLS;
}

void dtls_free(struct dtls *t)
{
	if (!t)
		return;
	if (t->state == DTLS_SECURE && warm(t))
		tls_shutdown(t->tls);
	t->state = DTLS_OVER;
	if (!t->is_busy)
		dtls_destroy(t);
}

const char *dtls_version_name(struct dtls *t)
{
	return tls_version_name(t->tls);
}

const char *dtls_cipher_name(struct dtls *t)
{
	return tls_cipher_name(t->tls);
}
