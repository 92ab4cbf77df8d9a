#include "net/dtls_fixture.h"

#include "base/err.h"
#include "net/tls_conn.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/time.h>
#include <time.h>

#include <cmocka.h>

/* ---- time ---- */

static struct loop *clock_loop;

void guest_clock(struct loop *l)
{
	clock_loop = l;
}

/* In place of the C library's, for OpenSSL too. */
int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	*out = (struct timeval){ now.tv_sec, now.tv_nsec / 1000 };
	if (clock_loop) {
		uint64_t ms = loop_wall_ms(clock_loop);
		*out = (struct timeval){ (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) };
	}
	return 0;
}

/* ---- the network ---- */

static bool happens(struct guest_net *net, unsigned per_cent)
{
	net->dice = net->dice * 1664525 + 1013904223;
	return (net->dice >> 8) % 100 < per_cent;
}

static struct guest_packet *packet_at(struct guest_net *net, unsigned i)
{
	return &net->packets[(net->first + i) % GUEST_PACKETS_MAX];
}

static void put_once(struct guest *g, bool to_door, struct bytes b)
{
	struct guest_net *net = g->net;

	assert_true(net->n < GUEST_PACKETS_MAX);
	assert_true(b.n <= GUEST_DATAGRAM_MAX);
	struct guest_packet *p = packet_at(net, net->n++);
	*p = (struct guest_packet){ .of = g, .to_door = to_door, .n = b.n };
	memcpy(p->p, b.p, b.n);
	if (net->n > 1 && happens(net, net->swaps)) {
		struct guest_packet *before = packet_at(net, net->n - 2), swap = *before;
		*before = *p;
		*p = swap;
	}
}

static void put(struct guest *g, bool to_door, struct bytes b)
{
	if (happens(g->net, g->net->loses))
		return;
	put_once(g, to_door, b);
	if (happens(g->net, g->net->doubles))
		put_once(g, to_door, b);
}

/* ---- the client's BIO ---- */

static BIO_METHOD *method;

static int client_read(BIO *b, char *out, int room)
{
	struct guest *g = BIO_get_data(b);
	size_t n = g->in.n;

	BIO_clear_retry_flags(b);
	if (n == 0 || n > (size_t)room) {
		BIO_set_retry_read(b);
		return -1;
	}
	memcpy(out, g->in.p, n);
	g->in = BYTES_NONE;
	return (int)n;
}

static int client_write(BIO *b, const char *p, int n)
{
	put(BIO_get_data(b), true, bytes_make(p, (size_t)n));
	return n;
}

static long client_ctrl(BIO *b, int command, long number, void *p)
{
	(void)b;
	(void)number;
	(void)p;
	return command == BIO_CTRL_FLUSH;
}

static void client_new(struct guest *g)
{
	BIO *b = BIO_new(method);

	assert_non_null(b);
	BIO_set_init(b, 1);
	BIO_set_data(b, g);
	g->ssl = SSL_new(g->net->ctx);
	assert_non_null(g->ssl);
	SSL_set_bio(g->ssl, b, b);
	SSL_set_connect_state(g->ssl);
	SSL_set_options(g->ssl, SSL_OP_NO_QUERY_MTU);
	SSL_set_mtu(g->ssl, DTLS_MTU);
	SSL_set_tlsext_host_name(g->ssl, "a.example");
}

static void client_failed(struct guest *g, int rc)
{
	int e = SSL_get_error(g->ssl, rc);

	g->is_shut |= e == SSL_ERROR_ZERO_RETURN;
	g->is_failed |= e != SSL_ERROR_ZERO_RETURN && e != SSL_ERROR_WANT_READ;
	ERR_clear_error();
}

static void client_turn(struct guest *g)
{
	uint8_t plain[GUEST_DATAGRAM_MAX];
	size_t n;
	int rc = 1;

	ERR_clear_error();
	if (!g->is_done && !g->is_failed) {
		rc = SSL_do_handshake(g->ssl);
		g->is_done = rc == 1;
	}
	while (rc == 1 && g->is_done && (rc = SSL_read_ex(g->ssl, plain, sizeof plain, &n)) == 1)
		buf_put(&g->got, plain, n);
	if (rc != 1)
		client_failed(g, rc);
}

/* ---- the door's side ---- */

void guest_hear(struct guest *g, struct bytes datagram)
{
	g->longest = datagram.n > g->longest ? datagram.n : g->longest;
	put(g, false, datagram);
}

static void on_send(void *arg, struct bytes datagram)
{
	guest_hear(arg, datagram);
}

static void on_secured(void *arg)
{
	((struct guest *)arg)->is_secured = true;
}

static void on_data(void *arg, struct bytes plain)
{
	struct guest *g = arg;

	g->n_records++;
	buf_put_bytes(&g->heard, plain);
	if (g->on_data)
		g->on_data(g);
}

static void on_closed(void *arg, int why, const char *words)
{
	struct guest *g = arg;

	assert_true(why == ERR_TLS || words[0] == 0);
	g->t = NULL;
	g->is_closed = true;
	g->why = why;
	g->n_closed++;
}

static const struct dtls_owner owner = { on_send, on_secured, on_data, on_closed };

static int accept_datagram(struct guest *g, struct bytes datagram)
{
	struct buf reply;

	buf_init(&reply, GUEST_DATAGRAM_MAX);
	g->bytes_in += datagram.n;
	int rc = dtls_accept(g->net->door, (const struct sockaddr *)&g->at, datagram, &reply, &g->t);
	assert_true(buf_len(&reply) <= datagram.n);
	assert_true(!rc || buf_len(&reply) == 0);
	g->bytes_out += buf_len(&reply);
	if (buf_len(&reply))
		put(g, false, buf_bytes(&reply));
	buf_fini(&reply);
	if (!rc && g->t) {
		g->is_closed = g->is_secured = false;
		dtls_start(g->t, g->net->handshake_ms, &owner, g);
	}
	return rc;
}

int guest_to_door(struct guest *g, struct bytes datagram)
{
	if (!g->t)
		return accept_datagram(g, datagram);
	int rc = dtls_input(g->t, datagram);
	assert_true((rc == ERR_CONN_RESET) == (rc && !g->t));
	return rc ? accept_datagram(g, datagram) : 0;
}

void guest_net_settle(struct guest_net *net)
{
	static struct guest_packet p;

	while (net->n) {
		p = *packet_at(net, 0);
		net->first = (net->first + 1) % GUEST_PACKETS_MAX;
		net->n--;
		if (p.to_door && net->to_program) {
			net->to_program(p.of, bytes_make(p.p, p.n));
		} else if (p.to_door) {
			(void)guest_to_door(p.of, bytes_make(p.p, p.n)); /* its errors are for the tests of dtls_accept */
		} else if (p.of->ssl) {
			p.of->in = bytes_make(p.p, p.n);
			client_turn(p.of);
		}
	}
}

/* ---- for tests ---- */

void guest_pass(struct guest *g, uint64_t ms)
{
	for (uint64_t left = ms; left; left -= left < 50 ? left : 50) {
		guest_net_settle(g->net);
		loop_fake_advance(g->net->loop, left < 50 ? left : 50);
		if (g->ssl && DTLSv1_handle_timeout(g->ssl) < 0)
			g->is_failed = true;
		ERR_clear_error();
	}
	guest_net_settle(g->net);
}

/* The program's side shows to its own test only. */
static bool is_through(const struct guest *g)
{
	return g->is_done && (g->is_secured || g->net->to_program);
}

bool guest_connect(struct guest *g, uint64_t ms)
{
	client_turn(g);
	for (uint64_t at = 0; at < ms && !is_through(g) && !g->is_failed; at += 50)
		guest_pass(g, 50);
	return is_through(g);
}

void guest_say(struct guest *g, struct bytes plain)
{
	size_t n;

	assert_int_equal(SSL_write_ex(g->ssl, plain.p, plain.n, &n), 1);
	guest_net_settle(g->net);
}

void guest_up(struct guest *g, struct guest_net *net, uint16_t port)
{
	*g = (struct guest){ .net = net, .at = { .sin_family = AF_INET, .sin_port = htons(port) } };
	g->at.sin_addr.s_addr = htonl(0xc0000201);
	buf_init(&g->got, 1 << 20);
	buf_init(&g->heard, 1 << 20);
	client_new(g);
}

void guest_restart(struct guest *g)
{
	SSL_free(g->ssl);
	g->is_done = g->is_failed = false;
	client_new(g);
}

void guest_down(struct guest *g)
{
	g->net->n = 0;
	dtls_free(g->t);
	g->t = NULL;
	g->net->n = 0;
	SSL_free(g->ssl);
	buf_fini(&g->got);
	buf_fini(&g->heard);
}

void guest_net_up(struct guest_net *net, struct loop *l, struct tls_store *s, const char *const *alpn)
{
	*net = (struct guest_net){ .loop = l, .handshake_ms = 20000, .dice = 1 };
	net->ctx = SSL_CTX_new(DTLS_client_method());
	method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "client");
	assert_non_null(method);
	BIO_meth_set_read(method, client_read);
	BIO_meth_set_write(method, client_write);
	BIO_meth_set_ctrl(method, client_ctrl);
	assert_int_equal(dtls_door_new(l, s, "a.example", alpn, &net->door), 0);
}

void guest_net_down(struct guest_net *net)
{
	dtls_door_free(net->door);
	SSL_CTX_free(net->ctx);
	BIO_meth_free(method);
	method = NULL;
}
