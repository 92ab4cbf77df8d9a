#include "net/dtls_impl.h"

#include "base/err.h"
#include "net/tls_conn.h"

#include <openssl/err.h>
#include <stdlib.h>

/* ---- what OpenSSL asks ---- */

static struct dtls *of_ssl(SSL *ssl)
{
	return BIO_get_data(SSL_get_rbio(ssl));
}

static int make_cookie(SSL *ssl, unsigned char *cookie, unsigned *n)
{
	const struct dtls *t = of_ssl(ssl);

	*n = DTLS_COOKIE_BYTES;
	return dtls_cookie_make(&t->door->cookies, &t->peer, cookie);
}

static int is_cookie_good(SSL *ssl, const unsigned char *cookie, unsigned n)
{
	const struct dtls *t = of_ssl(ssl);

	return dtls_cookie_is_good(&t->door->cookies, &t->peer, bytes_make(cookie, n));
}

/* Stops a handshake that is only looked at. */
static int see_hello(SSL *ssl, int *alert, void *arg)
{
	struct dtls *t = of_ssl(ssl);
	const unsigned char *random;

	(void)arg;
	if (t->state != DTLS_PROBING)
		return SSL_CLIENT_HELLO_SUCCESS;
	if (SSL_client_hello_get0_random(ssl, &random) == sizeof t->door->random)
		memcpy(t->door->random, random, sizeof t->door->random);
	*alert = SSL_AD_USER_CANCELLED;
	return SSL_CLIENT_HELLO_ERROR;
}

static int hook_context(struct tls_store *s)
{
	SSL_CTX *c = tls_store_datagram(s);

	if (!c)
		return s->version_min == TLS1_3_VERSION ? ERR_UNSUPPORTED : ERR_NOMEM;
	SSL_CTX_set_cookie_generate_cb(c, make_cookie);
	SSL_CTX_set_cookie_verify_cb(c, is_cookie_good);
	SSL_CTX_set_client_hello_cb(c, see_hello, NULL);
	return 0;
}

/* ---- listening ---- */

enum dtls_heard dtls_listen(struct dtls_door *d, const struct peer_address *from, struct bytes datagram)
{
	if (!d->listener && !(d->listener = dtls_new(d)))
		return DTLS_HEARD_NO_MEMORY;
	struct dtls *t = d->listener;
	dtls_cookies_rotate(&d->cookies, loop_now(d->loop));
	t->peer = *from;
	t->in = datagram;
	d->answer_n = 0;
	ERR_clear_error();
	int rc = DTLSv1_listen(t->tls->ssl, d->nobody);
	ERR_clear_error();
	t->in = BYTES_NONE;
	if (rc == 1)
		return DTLS_HEARD_PROVEN;
	return d->answer_n && d->answer_n <= datagram.n ? DTLS_HEARD_STRANGER : DTLS_HEARD_NOTHING;
}

/* A ClientHello that the network delivers twice, or that is repeated because our flight was lost, has a
 * good cookie too. It is the old one's when the client's random is. */
bool dtls_is_new_hello(struct dtls_door *d, struct dtls *t)
{
	uint8_t known[SSL3_RANDOM_SIZE] = { 0 };
	struct dtls *probe = d->listener;

	(void)SSL_get_client_random(t->tls->ssl, known, sizeof known); /* of one that has read its hello */
	memcpy(d->random, known, sizeof known);
	probe->state = DTLS_PROBING;
	SSL_clear_mode(probe->tls->ssl, SSL_MODE_ASYNC);
	(void)tls_handshake(probe->tls); /* fails; its listening begins with SSL_clear */
	if (d->store->keys)
		SSL_set_mode(probe->tls->ssl, SSL_MODE_ASYNC);
	probe->state = DTLS_LISTENING;
	return memcmp(d->random, known, sizeof known) != 0;
}

int dtls_accept(struct dtls_door *d, const struct sockaddr *from, struct bytes datagram, struct buf *reply,
                struct dtls **out)
{
	struct peer_address peer;

	if (!datagram.n || datagram.p[0] != DTLS_CONTENT_HANDSHAKE)
		return ERR_SYNTAX;
	peer_address_of(from, &peer);
	switch (dtls_listen(d, &peer, datagram)) {
	case DTLS_HEARD_PROVEN:
		*out = d->listener;
		(*out)->state = DTLS_PROVEN;
		d->listener = NULL;
		return 0;
	case DTLS_HEARD_STRANGER:
		buf_put(reply, d->answer, d->answer_n);
		return buf_failed(reply) ? ERR_FULL : 0;
	case DTLS_HEARD_NO_MEMORY:
		return ERR_NOMEM;
	default:
		return ERR_SYNTAX;
	}
}

/* ---- life ---- */

int dtls_door_store(struct dtls_door *d, struct tls_store *s, const char *fallback_domain)
{
	size_t n = fallback_domain ? strlen(fallback_domain) : 0;

	if (n > TLS_DOMAIN_MAX)
		return ERR_LIMIT;
	int rc = hook_context(s);
	if (rc)
		return rc;
	memcpy(d->fallback, n ? fallback_domain : "", n + 1);
	if (d->listener)
		dtls_destroy(d->listener);
	d->listener = NULL;
	struct tls_store *before = d->store;
	d->store = tls_store_hold(s);
	tls_store_free(before);
	return 0;
}

int dtls_door_new(struct loop *l, struct tls_store *s, const char *fallback_domain, const char *const *alpn,
                  struct dtls_door **out)
{
	struct dtls_door *d = calloc(1, sizeof *d);

	if (!d)
		return ERR_NOMEM;
	d->loop = l;
	d->alpn = alpn;
	list_init(&d->warm);
	dtls_cookies_init(&d->cookies, loop_now(l));
	d->method = dtls_bio_method();
	d->nobody = BIO_ADDR_new();
	int rc = d->method && d->nobody ? dtls_door_store(d, s, fallback_domain) : ERR_NOMEM;
	if (rc)
		dtls_door_free(d);
	else
		*out = d;
	return rc;
}

void dtls_door_free(struct dtls_door *d)
{
	if (!d)
		return;
	if (d->listener)
		dtls_destroy(d->listener);
	BIO_meth_free(d->method);
	BIO_ADDR_free(d->nobody);
	dtls_cookies_fini(&d->cookies);
	tls_store_free(d->store);
	free(d);
}
