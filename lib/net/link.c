#include "net/link.h"

#include "base/err.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

enum {
	LINK_SCRATCH_BYTES = 64 << 10, /* most that one link reads in a turn: then others have theirs */
	LINK_LINGER_MS = 2000,
};

/* Received bytes of whichever link is reading now. One for the process: a link that is idle then
 * holds no buffer. Nothing in it outlives a call of the owner's data(). */
static uint8_t scratch[LINK_SCRATCH_BYTES];

static void step_handshake(struct link *k);

/* The kernel's reason in our words. */
static int err_of_errno(int e)
{
	switch (e) {
	case ECONNREFUSED:
		return ERR_CONN_REFUSED;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
	case EADDRNOTAVAIL:
	case EACCES:
	case EPERM:
		return ERR_CONN_UNREACHABLE;
	case ETIMEDOUT:
		return ERR_TIMEOUT;
	case ECONNRESET:
	case EPIPE:
	case ECONNABORTED:
		return ERR_CONN_RESET;
	case ENOMEM:
	case ENOBUFS:
		return ERR_NOMEM;
	default:
		return ERR_SYS;
	}
}

/* Everything goes; the struct is as after link_close. */
static void release(struct link *k)
{
	int fd = k->watch.fd;

	loop_timer_del(k->loop, &k->timer);
	loop_defer_cancel(&k->flush);
	loop_watch_del(&k->watch);
	tls_free(k->tls);
	k->tls = NULL;
	buf_fini(&k->out);
	k->state = LINK_CLOSED;
	k->watch.fd = -1;
	close(fd);
}

/* The owner may free the link inside closed(): nothing touches k after this. */
static void finish(struct link *k, int why)
{
	k->why = why;
	release(k);
	k->owner->closed(k->arg, why);
}

static void finish_tls(struct link *k)
{
	finish(k, tls_error(k->tls, &k->words));
}

/* What to wait for in this state. */
static unsigned wanted(const struct link *k, bool is_blocked)
{
	unsigned events = 0;

	if (!k->is_paused && !k->has_ended && !(k->state == LINK_CLEAR && k->tls))
		events |= LOOP_READ;
	if (is_blocked || k->is_write_wanted)
		events |= LOOP_WRITE;
	return events;
}

static void update(struct link *k, bool is_blocked)
{
	if (loop_watch_set(&k->watch, wanted(k, is_blocked)))
		finish(k, ERR_NOMEM);
}

/* The same after a write. Who is paused is paused by the next byte (on_event): a pause of one request costs no system call. */
static void update_written(struct link *k)
{
	unsigned events = wanted(k, k->is_blocked);

	if (k->is_paused && !k->has_ended && !(k->state == LINK_CLEAR && k->tls))
		events |= k->watch.events & LOOP_READ;
	if (loop_watch_set(&k->watch, events))
		finish(k, ERR_NOMEM);
}

/* ---- writing ---- */

/* Most of the queue that may go now: what was put before TLS started goes alone. */
static struct bytes writable(const struct link *k)
{
	struct bytes b = buf_bytes(&k->out);

	if (k->state == LINK_CLEAR && k->tls && b.n > k->clear_left)
		b.n = k->clear_left;
	return b;
}

static int write_clear(struct link *k, struct bytes b, size_t *put)
{
	ssize_t n = send(k->watch.fd, b.p, b.n, MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return ERR_AGAIN;
	if (n < 0)
		return err_of_errno(errno);
	*put = (size_t)n;
	return 0;
}

static int write_tls(struct link *k, struct bytes b, size_t *put)
{
	switch (tls_write(k->tls, b, put)) {
	case TLS_IO_OK:
		return 0;
	case TLS_IO_ERROR:
	case TLS_IO_EOF:
		return tls_error(k->tls, &k->words);
	default:
		return ERR_AGAIN;
	}
}

/* 0 all written, ERR_AGAIN the kernel is full, or what went wrong. */
static int write_queue(struct link *k)
{
	bool is_tls = k->tls && k->state != LINK_CLEAR;

	for (struct bytes b = writable(k); b.n; b = writable(k)) {
		size_t put = 0;
		int rc = is_tls ? write_tls(k, b, &put) : write_clear(k, b, &put);
		if (rc)
			return rc;
		buf_consume(&k->out, put);
		k->bytes_out += put;
		k->clear_left -= k->clear_left < put ? k->clear_left : (uint32_t)put;
	}
	return 0;
}

static void end_output(struct link *k)
{
	k->is_ended = true;
	if (k->tls)
		tls_shutdown(k->tls);
	else
		(void)shutdown(k->watch.fd, SHUT_WR); /* an error shows when reading */
}

/* All is written and said: wait for the peer's end, because closing with unread input would make
 * the kernel reset the connection and drop what is still under way. */
static void linger(struct link *k)
{
	if (k->tls)
		tls_shutdown(k->tls);
	tls_free(k->tls);
	k->tls = NULL;
	buf_fini(&k->out);
	(void)shutdown(k->watch.fd, SHUT_WR); /* an error shows when reading */
	k->is_paused = k->is_write_wanted = k->has_ended = false;
	k->is_lingering = true;
	update(k, false);
}

static void flush(struct link *k)
{
	bool was_queued = k->is_blocked;

	if (buf_failed(&k->out)) {
		finish(k, ERR_FULL);
		return;
	}
	int rc = write_queue(k);
	if (rc && rc != ERR_AGAIN) {
		finish(k, rc);
		return;
	}
	k->is_blocked = rc == ERR_AGAIN;
	buf_release_if_empty(&k->out);
	if (!rc && k->state == LINK_CLOSING) {
		linger(k);
		return;
	}
	if (!rc && k->state == LINK_CLEAR && k->tls) {
		k->state = LINK_HANDSHAKE;
		step_handshake(k);
		return;
	}
	if (!rc && k->is_ending && !k->is_ended)
		end_output(k);
	update_written(k);
	if (!rc && was_queued && k->state != LINK_CLOSED && k->owner->drained)
		k->owner->drained(k->arg);
}

/* ---- handshake and connect ---- */

static void step_handshake(struct link *k)
{
	k->is_write_wanted = false;
	switch (tls_handshake(k->tls)) {
	case TLS_IO_OK:
		k->state = LINK_SECURE;
		loop_timer_del(k->loop, &k->timer);
		update(k, false);
		if (k->state == LINK_CLOSED)
			return;
		if (buf_len(&k->out))
			loop_defer_call(k->loop, &k->flush);
		/* The peer's first bytes may have come with its last handshake record. */
		if (tls_has_pending(k->tls))
			(void)loop_timer_set(k->loop, &k->timer, 0); /* without memory they wait for the next */
		k->owner->secured(k->arg);
		return;
	case TLS_IO_WANT_READ:
		update(k, false);
		return;
	case TLS_IO_WANT_WRITE:
		k->is_write_wanted = true;
		update(k, false);
		return;
	case TLS_IO_WANT_KEY: /* on_key goes on */
		if (loop_watch_set(&k->watch, 0))
			finish(k, ERR_NOMEM);
		return;
	case TLS_IO_EOF:
	case TLS_IO_ERROR:
		finish_tls(k);
	}
}

static void on_key(void *arg)
{
	struct link *k = arg;

	if (k->state == LINK_HANDSHAKE)
		step_handshake(k);
}

static void step_connect(struct link *k)
{
	int e = 0;
	socklen_t n = sizeof e;

	if (getsockopt(k->watch.fd, SOL_SOCKET, SO_ERROR, &e, &n) || e) {
		finish(k, err_of_errno(e ? e : errno));
		return;
	}
	k->state = LINK_CLEAR;
	loop_timer_del(k->loop, &k->timer);
	update(k, false);
	if (k->state == LINK_CLOSED)
		return;
	if (buf_len(&k->out))
		loop_defer_call(k->loop, &k->flush);
	k->owner->connected(k->arg);
}

/* ---- reading ---- */

/* How much came, and ERR_AGAIN (no more for now), 0 (end in order) or an error. */
static size_t read_clear(struct link *k, int *rc)
{
	ssize_t n = recv(k->watch.fd, scratch, sizeof scratch, 0);

	*rc = ERR_AGAIN;
	if (n == 0)
		*rc = 0;
	else if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		*rc = err_of_errno(errno);
	return n > 0 ? (size_t)n : 0;
}

/* Takes records until OpenSSL has no more or the scratch is full. */
static size_t read_tls(struct link *k, int *rc)
{
	size_t n = 0, got;

	*rc = ERR_AGAIN;
	do {
		got = 0;
		switch (tls_read(k->tls, scratch + n, sizeof scratch - n, &got)) {
		case TLS_IO_OK:
			n += got;
			break;
		case TLS_IO_WANT_WRITE:
			k->is_write_wanted = true;
			return n;
		case TLS_IO_EOF:
			*rc = 0;
			return n;
		case TLS_IO_ERROR:
			*rc = tls_error(k->tls, &k->words);
			return n;
		default:
			return n;
		}
	} while (n < sizeof scratch && tls_has_pending(k->tls));
	return n;
}

static void peer_ended(struct link *k)
{
	k->has_ended = true;
	update(k, k->is_blocked);
	if (k->state != LINK_CLOSED)
		k->owner->ended(k->arg);
}

/* One turn's worth. What OpenSSL still holds afterwards shows on no descriptor: a timer of 0 ms
 * comes back for it after the others have had their turn. */
static void read_some(struct link *k)
{
	int rc;
	bool wrote = k->is_write_wanted;

	k->is_write_wanted = false;
	size_t n = k->tls ? read_tls(k, &rc) : read_clear(k, &rc);
	k->bytes_in += n;
	if (n)
		k->owner->data(k->arg, bytes_make(scratch, n));
	if (k->state != LINK_CLEAR && k->state != LINK_SECURE)
		return;
	if (!rc && k->owner->ended) {
		peer_ended(k);
		return;
	}
	if (rc != ERR_AGAIN) {
		finish(k, rc);
		return;
	}
	if (k->state == LINK_SECURE && !k->is_paused && n == sizeof scratch && tls_has_pending(k->tls))
		(void)loop_timer_set(k->loop, &k->timer, 0);
	if (wrote || k->is_write_wanted)
		update(k, k->is_blocked);
}

static void discard(struct link *k)
{
	int rc;

	(void)read_clear(k, &rc);
	if (rc != ERR_AGAIN)
		finish(k, ERR_CLOSED);
}

/* ---- events ---- */

/* End of turn. */
static void on_flush(void *arg)
{
	struct link *k = arg;

	if (k->is_cut)
		finish(k, ERR_CLOSED);
	else if (k->state != LINK_HANDSHAKE && k->state != LINK_CONNECTING && !k->is_lingering)
		flush(k);
}

static void on_event(void *arg, unsigned events)
{
	struct link *k = arg;

	switch (k->state) {
	case LINK_CONNECTING:
		step_connect(k);
		return;
	case LINK_HANDSHAKE:
		step_handshake(k);
		return;
	case LINK_CLOSING:
		if (k->is_lingering)
			discard(k);
		else
			flush(k);
		return;
	default:
		break;
	}
	if ((events & LOOP_WRITE) && k->is_blocked)
		flush(k);
	if ((events & LOOP_READ) && k->is_paused && (k->state == LINK_CLEAR || k->state == LINK_SECURE))
		update(k, k->is_blocked); /* link_pause left it as it was */
	if (k->state != LINK_CLEAR && k->state != LINK_SECURE)
		return;
	bool wants_read = (events & LOOP_READ) && !k->is_paused && !k->has_ended && !(k->state == LINK_CLEAR && k->tls);
	if (wants_read || k->is_write_wanted)
		read_some(k);
}

static void on_timer(void *arg)
{
	struct link *k = arg;

	if (k->state == LINK_SECURE) {
		if (!k->is_paused && !k->has_ended)
			read_some(k);
		return;
	}
	finish(k, k->state == LINK_CLOSING ? ERR_CLOSED : ERR_TIMEOUT);
}

/* ---- for owners ---- */

static int begin(struct link *k, struct loop *l, int fd, unsigned events, enum link_state state)
{
	int one = 1;

	/* Stanzas are small and answers wait for them; what belongs together leaves in one write. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* fails on other sockets */
	k->loop = l;
	k->state = state;
	loop_timer_init(&k->timer, on_timer, k);
	loop_defer_init(&k->flush, on_flush, k);
	return loop_watch_add(l, &k->watch, fd, events, on_event, k);
}

static void init(struct link *k, const struct link_owner *o, void *arg, uint32_t queue_max)
{
	*k = (struct link){ .owner = o, .arg = arg, .queue_max = queue_max, .words = "" };
	k->watch.fd = -1;
	buf_init(&k->out, queue_max);
}

int link_accept(struct link *k, struct loop *l, int fd, const struct link_owner *o, void *arg, uint32_t queue_max)
{
	init(k, o, arg, queue_max);
	int rc = begin(k, l, fd, LOOP_READ, LINK_CLEAR);
	if (rc) {
		k->state = LINK_CLOSED;
		k->watch.fd = -1;
		close(fd);
	}
	return rc;
}

int link_connect(struct link *k, struct loop *l, const struct sockaddr *to, socklen_t to_n,
                 const struct sockaddr *source, socklen_t source_n, uint32_t timeout_ms,
                 const struct link_owner *o, void *arg, uint32_t queue_max)
{
	int rc = ERR_SYS;

	init(k, o, arg, queue_max);
	int fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return ERR_SYS;
	if ((source && bind(fd, source, source_n)) ||
	    (connect(fd, to, to_n) && errno != EINPROGRESS && errno != EINTR)) {
		rc = err_of_errno(errno);
		goto fail;
	}
	rc = begin(k, l, fd, LOOP_WRITE, LINK_CONNECTING);
	if (rc)
		goto fail;
	rc = loop_timer_set(l, &k->timer, timeout_ms);
	if (!rc)
		return 0;
	loop_watch_del(&k->watch);
fail:
	k->state = LINK_CLOSED;
	k->watch.fd = -1;
	close(fd);
	return rc;
}

int link_start_tls(struct link *k, struct tls *t, uint32_t timeout_ms)
{
	int rc = ERR_BAD_STATE;

	if (k->state != LINK_CLEAR || k->tls)
		goto fail;
	rc = tls_set_fd(t, k->watch.fd);
	if (!rc)
		rc = loop_timer_set(k->loop, &k->timer, timeout_ms);
	if (rc)
		goto fail;
	k->tls = t;
	tls_on_key(t, on_key, k);
	k->clear_left = (uint32_t)buf_len(&k->out);
	loop_defer_call(k->loop, &k->flush);
	return 0;
fail:
	tls_free(t);
	return rc;
}

int link_send(struct link *k, struct bytes b)
{
	if (k->state == LINK_CLOSED || k->state == LINK_CLOSING || k->is_ending)
		return ERR_CLOSED;
	buf_put_bytes(&k->out, b);
	link_kick(k);
	return buf_failed(&k->out) ? ERR_FULL : 0;
}

struct buf *link_out(struct link *k)
{
	return &k->out;
}

void link_kick(struct link *k)
{
	if (k->state != LINK_CLOSED)
		loop_defer_call(k->loop, &k->flush);
}

/* Nothing more can be sent: it ends with this turn. */
static void link_cut(struct link *k)
{
	k->state = LINK_CLOSING;
	k->is_cut = true;
	loop_defer_call(k->loop, &k->flush);
}

void link_pause(struct link *k, bool is_paused)
{
	if (k->is_paused == is_paused)
		return;
	k->is_paused = is_paused;
	if (k->state != LINK_CLEAR && k->state != LINK_SECURE)
		return;
	if (is_paused && k->state == LINK_SECURE)
		loop_timer_del(k->loop, &k->timer);
	else if (!is_paused && k->tls && k->state == LINK_SECURE && tls_has_pending(k->tls))
		(void)loop_timer_set(k->loop, &k->timer, 0); /* without memory: with the next bytes */
	/* Most pauses are over before a byte comes: the watch is changed when one does, not at each request.
	 * A watch that cannot be changed ends the link, but not from inside the owner's call. */
	if (!is_paused && loop_watch_set(&k->watch, wanted(k, k->is_blocked)))
		link_cut(k);
}

void link_end(struct link *k)
{
	k->is_ending = true;
	link_kick(k);
}

void link_shutdown(struct link *k)
{
	if (k->state == LINK_CLOSED || k->state == LINK_CLOSING)
		return;
	bool can_write = k->state == LINK_SECURE || (k->state == LINK_CLEAR && !k->tls);
	if (!can_write || loop_timer_set(k->loop, &k->timer, LINK_LINGER_MS)) {
		link_cut(k);
		return;
	}
	k->state = LINK_CLOSING;
	loop_defer_call(k->loop, &k->flush);
}

void link_close(struct link *k)
{
	if (k->state != LINK_CLOSED)
		release(k);
}

size_t link_queued(const struct link *k)
{
	return buf_len(&k->out);
}

struct loop *link_loop(const struct link *k)
{
	return k->loop;
}
