/* Datagrams into a DTLS door whose cookie key is known, so that seeds can prove an address. Each is two
 * bytes of length, one that chooses one of two addresses, and the bytes. No answer to a stranger is
 * longer than what he sent; an association ends once. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "base/err.h"
#include "net/dtls_impl.h"
#include "net/pki_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_DATAGRAMS = 64, CLIENTS = 2, HANDSHAKE_MS = 10000 };

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

struct client {
	struct sockaddr_in at;
	struct dtls *t;
	size_t sent;
};

static void on_send(void *arg, struct bytes datagram)
{
	must(datagram.n > 0 && datagram.n <= DTLS_MTU);
	((struct client *)arg)->sent += datagram.n;
}

static void on_secured(void *arg)
{
	(void)arg;
}

static void on_data(void *arg, struct bytes plain)
{
	must(dtls_send(((struct client *)arg)->t, plain) == 0);
}

static void on_closed(void *arg, int why, const char *words)
{
	struct client *c = arg;

	(void)why;
	must(c->t && words);
	c->t = NULL;
}

static const struct dtls_owner owner = { on_send, on_secured, on_data, on_closed };

static void meet(struct dtls_door *d, struct client *c, struct bytes datagram)
{
	struct buf reply;
	struct dtls *t = NULL;

	buf_init(&reply, 65536);
	int rc = dtls_accept(d, (const struct sockaddr *)&c->at, datagram, &reply, &t);
	must(buf_len(&reply) <= datagram.n);
	must(!(t && (rc || buf_len(&reply))));
	must(!rc || buf_len(&reply) == 0);
	buf_fini(&reply);
	c->t = t;
	if (t)
		dtls_start(t, HANDSHAKE_MS, &owner, c);
}

static void deliver(struct dtls_door *d, struct client *c, struct bytes datagram)
{
	if (!c->t) {
		meet(d, c, datagram);
		return;
	}
	int rc = dtls_input(c->t, datagram);
	must(rc == 0 || (rc == ERR_CONN_RESET && !c->t));
	if (rc)
		meet(d, c, datagram);
}

static void run(struct dtls_door *d, struct loop *l, struct bytes in)
{
	struct client clients[CLIENTS] = { 0 };

	for (unsigned i = 0; i < CLIENTS; i++) {
		clients[i].at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)(4000 + i)) };
		clients[i].at.sin_addr.s_addr = htonl(0xc0000201);
	}
	for (unsigned i = 0; i < MOST_DATAGRAMS && in.n >= 3; i++) {
		size_t n = (size_t)in.p[0] << 8 | in.p[1];
		struct client *c = &clients[in.p[2] % CLIENTS];
		in = bytes_skip(in, 3);
		deliver(d, c, bytes_make(in.p, n < in.n ? n : in.n));
		in = bytes_skip(in, n);
	}
	loop_fake_advance(l, HANDSHAKE_MS / 2);
	dtls_free(clients[0].t);
	clients[0].t = NULL;
	loop_fake_advance(l, HANDSHAKE_MS);
	dtls_free(clients[1].t); /* the deadline had all but the secured */
}

static struct tls_store *store_new(void)
{
	struct pki_cert c = pki_make(&(struct pki_wish){ .cn = "a", .san = "DNS:a.example" }, NULL);
	struct tls_store *s = tls_store_new(NULL);

	must(s && tls_store_add_certificate(s, BYTES("c"), pki_pem(&c)) == 0);
	must(tls_store_add_domain(s, "a.example", BYTES("c")) == 0);
	pki_free(&c);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tls_store *store;
	struct loop *l = loop_new(LOOP_FAKE);
	struct dtls_door *d = NULL;

	if (!store)
		store = store_new();
	must(l && dtls_door_new(l, store, "a.example", NULL, &d) == 0);
	memset(d->cookies.now, 'k', sizeof d->cookies.now);
	run(d, l, bytes_make(data, size));
	dtls_door_free(d);
	loop_free(l);
	return 0;
}
