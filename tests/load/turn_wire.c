#include "turn_wire.h"

#include "base/err.h"
#include "proto/stunmsg.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SOCKET_BYTES = 16 << 20, CLIENT_BYTES = 1 << 20, IN_BYTES = 32 << 10, DTLS_MTU = 1472 };

bool turnwire_is_stream(const struct turnwire *w)
{
	return w->kind == TURNWIRE_TCP || w->kind == TURNWIRE_TLS;
}

SSL_CTX *turnwire_context(enum turnwire_kind k)
{
	SSL_CTX *c = k == TURNWIRE_TLS ? SSL_CTX_new(TLS_client_method()) : k == TURNWIRE_DTLS ? SSL_CTX_new(DTLS_client_method()) : NULL;

	if (!c)
		return NULL;
	SSL_CTX_set_mode(c, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	return c;
}

/* ---- opening ---- */

static void set_buffers(int fd, int bytes)
{
	/* beyond the system's limit where permitted; smaller ones only lose earlier */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes))
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes))
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

int turnwire_udp(const struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return ERR_SYS;
	set_buffers(fd, SOCKET_BYTES);
	if (bind(fd, (const struct sockaddr *)at, sizeof *at) == 0)
		return fd;
	(void)close(fd); /* nothing was done with it */
	return ERR_SYS;
}

static int open_socket(struct turnwire *w, const struct sockaddr_in *from, const struct sockaddr_in *to)
{
	const int on = 1;

	w->fd = socket(AF_INET, (turnwire_is_stream(w) ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (w->fd < 0)
		return ERR_SYS;
	if (turnwire_is_stream(w))
		(void)setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* slower only */
	else
		set_buffers(w->fd, CLIENT_BYTES);
	if (bind(w->fd, (const struct sockaddr *)from, sizeof *from))
		return ERR_SYS;
	return connect(w->fd, (const struct sockaddr *)to, sizeof *to) && errno != EINPROGRESS ? ERR_SYS : 0;
}

static int open_tls(struct turnwire *w, SSL_CTX *c, const struct sockaddr_in *to)
{
	BIO *b = w->kind == TURNWIRE_DTLS ? BIO_new_dgram(w->fd, BIO_NOCLOSE) : BIO_new_socket(w->fd, BIO_NOCLOSE);

	w->tls = SSL_new(c);
	if (!b || !w->tls) {
		BIO_free(b);
		return ERR_NOMEM;
	}
	if (w->kind == TURNWIRE_DTLS) {
		struct sockaddr_in where = *to;
		(void)BIO_ctrl(b, BIO_CTRL_DGRAM_SET_CONNECTED, 0, &where); /* always takes it */
		SSL_set_options(w->tls, SSL_OP_NO_QUERY_MTU);
		SSL_set_mtu(w->tls, DTLS_MTU);
	}
	SSL_set_bio(w->tls, b, b);
	SSL_set_connect_state(w->tls);
	return 0;
}

int turnwire_open(struct turnwire *w, enum turnwire_kind k, SSL_CTX *c, const struct sockaddr_in *from, const struct sockaddr_in *to)
{
	*w = (struct turnwire){ .kind = k, .fd = -1, .is_ready = k == TURNWIRE_UDP };
	int rc = open_socket(w, from, to);
	if (!rc && c)
		rc = open_tls(w, c, to);
	if (!rc && k != TURNWIRE_UDP && !(w->out = malloc(TURNWIRE_MESSAGE_MAX)))
		rc = ERR_NOMEM;
	if (!rc && turnwire_is_stream(w) && !(w->in = malloc(IN_BYTES)))
		rc = ERR_NOMEM;
	if (rc)
		turnwire_close(w);
	return rc;
}

void turnwire_close(struct turnwire *w)
{
	SSL_free(w->tls);
	if (w->fd >= 0)
		(void)close(w->fd); /* the load is over */
	free(w->out);
	free(w->in);
	*w = (struct turnwire){ .fd = -1 };
}

int turnwire_ready(struct turnwire *w)
{
	int problem = 0;
	socklen_t n = sizeof problem;
	struct sockaddr_in to;
	socklen_t to_n = sizeof to;

	if (w->is_ready)
		return 0;
	if (turnwire_is_stream(w) && getpeername(w->fd, (struct sockaddr *)&to, &to_n))
		return getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &problem, &n) || problem ? ERR_CONN_REFUSED : ERR_AGAIN;
	if (w->tls) {
		ERR_clear_error();
		if (w->kind == TURNWIRE_DTLS)
			(void)DTLSv1_handle_timeout(w->tls); /* what went wrong shows in the handshake */
		int rc = SSL_do_handshake(w->tls);
		if (rc != 1)
			return SSL_get_error(w->tls, rc) == SSL_ERROR_WANT_READ || SSL_get_error(w->tls, rc) == SSL_ERROR_WANT_WRITE ? ERR_AGAIN : ERR_TLS;
	}
	w->is_ready = true;
	return 0;
}

/* ---- sending ---- */

static unsigned send_datagrams(struct turnwire *w, uint8_t (*messages)[TURNWIRE_MESSAGE_MAX], size_t bytes, unsigned n)
{
	struct mmsghdr m[TURNWIRE_BATCH];
	struct iovec v[TURNWIRE_BATCH];

	if (n == 1)
		return send(w->fd, messages[0], bytes, 0) >= 0;
	for (unsigned i = 0; i < n; i++) {
		v[i] = (struct iovec){ messages[i], bytes };
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &v[i], .msg_iovlen = 1 };
	}
	int sent = sendmmsg(w->fd, m, n, 0);
	return sent > 0 ? (unsigned)sent : 0;
}

/* Bytes taken: 0, some (plain TCP), or all. */
static size_t write_some(struct turnwire *w, const uint8_t *p, size_t n)
{
	ssize_t rc;

	if (!w->tls) {
		rc = send(w->fd, p, n, MSG_NOSIGNAL);
		return rc > 0 ? (size_t)rc : 0;
	}
	ERR_clear_error();
	rc = SSL_write(w->tls, p, (int)n);
	return rc > 0 ? (size_t)rc : 0;
}

static bool flush(struct turnwire *w)
{
	size_t n = w->out_n ? write_some(w, w->out, w->out_n) : 0;

	memmove(w->out, w->out + n, w->out_n - n);
	w->out_n -= n;
	return w->out_n == 0;
}

unsigned turnwire_send(struct turnwire *w, uint8_t (*messages)[TURNWIRE_MESSAGE_MAX], size_t bytes, unsigned n)
{
	unsigned i = 0;

	if (w->kind == TURNWIRE_UDP)
		return send_datagrams(w, messages, bytes, n);
	for (bool is_free = flush(w); i < n && is_free; is_free = flush(w), i++) {
		size_t done = write_some(w, messages[i], bytes);
		w->out_n = bytes - done;
		memcpy(w->out, messages[i] + done, w->out_n);
	}
	return i;
}

/* ---- receiving ---- */

static int receive_datagrams(struct turnwire *w, void (*fn)(void *arg, struct bytes message), void *arg)
{
	static uint8_t room[TURNWIRE_BATCH][TURNWIRE_MESSAGE_MAX];
	struct mmsghdr m[TURNWIRE_BATCH];
	struct iovec v[TURNWIRE_BATCH];

	for (unsigned i = 0; i < TURNWIRE_BATCH; i++) {
		v[i] = (struct iovec){ room[i], TURNWIRE_MESSAGE_MAX };
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &v[i], .msg_iovlen = 1 };
	}
	int n = recvmmsg(w->fd, m, TURNWIRE_BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++)
		fn(arg, bytes_make(room[i], m[i].msg_len));
	return n > 0 ? 0 : ERR_AGAIN;
}

static int read_some(struct turnwire *w, uint8_t *p, size_t room)
{
	if (!w->tls) {
		ssize_t n = recv(w->fd, p, room, MSG_DONTWAIT);
		return n > 0 ? (int)n : n < 0 && errno == EAGAIN ? ERR_AGAIN : ERR_CLOSED;
	}
	ERR_clear_error();
	int n = SSL_read(w->tls, p, (int)room);
	return n > 0 ? n : SSL_get_error(w->tls, n) == SSL_ERROR_WANT_READ ? ERR_AGAIN : ERR_CLOSED;
}

static int receive_records(struct turnwire *w, void (*fn)(void *arg, struct bytes message), void *arg)
{
	uint8_t room[TURNWIRE_MESSAGE_MAX];
	int n = 0;

	for (unsigned i = 0; i < TURNWIRE_BATCH && (n = read_some(w, room, sizeof room)) > 0; i++)
		fn(arg, bytes_make(room, (size_t)n));
	return n > 0 ? 0 : n;
}

static int receive_stream(struct turnwire *w, void (*fn)(void *arg, struct bytes message), void *arg)
{
	struct bytes frame;
	size_t used, at = 0;
	int n = read_some(w, w->in + w->in_n, IN_BYTES - w->in_n), rc;

	if (n <= 0)
		return n;
	w->in_n += (size_t)n;
	while (!(rc = stunframe_next(bytes_make(w->in + at, w->in_n - at), IN_BYTES, &frame, &used))) {
		fn(arg, frame);
		at += used;
	}
	memmove(w->in, w->in + at, w->in_n - at);
	w->in_n -= at;
	return rc == ERR_AGAIN ? 0 : rc;
}

int turnwire_receive(struct turnwire *w, void (*fn)(void *arg, struct bytes message), void *arg)
{
	return w->kind == TURNWIRE_UDP ? receive_datagrams(w, fn, arg) :
	       w->kind == TURNWIRE_DTLS ? receive_records(w, fn, arg) : receive_stream(w, fn, arg);
}
