#include "net/client_hello.h"

#include "base/err.h"
#include "net/tls_conn.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <stdlib.h>

struct client_hello {
	SSL_CTX *ctx;
};

/* One reading. */
struct reading {
	const char *const *names;
	int found;
};

/* The extension's body is one list with its length before it (RFC 7301 3.1). */
static int find(struct bytes body, const char *const *names)
{
	if (body.n < 2 || (size_t)(body.p[0] << 8 | body.p[1]) != body.n - 2)
		return ERR_SYNTAX;
	for (int i = 0; names[i]; i++)
		if (tls_find_alpn(bytes_skip(body, 2), bytes_of(names[i])))
			return i;
	return ERR_NOT_FOUND;
}

/* It is whole. OpenSSL goes no further: no answer is made, no key is asked for. */
static int on_hello(SSL *ssl, int *alert, void *arg)
{
	struct reading *r = SSL_get_app_data(ssl);
	const uint8_t *p;
	size_t n;

	(void)alert;
	(void)arg;
	bool has = SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &p, &n) == 1;
	r->found = has ? find(bytes_make(p, n), r->names) : ERR_NOT_FOUND;
	return SSL_CLIENT_HELLO_RETRY;
}

struct client_hello *client_hello_new(void)
{
	struct client_hello *h = calloc(1, sizeof *h);

	if (!h)
		return NULL;
	h->ctx = SSL_CTX_new(TLS_server_method());
	if (!h->ctx) {
		free(h);
		return NULL;
	}
	SSL_CTX_set_client_hello_cb(h->ctx, on_hello, NULL);
	return h;
}

void client_hello_free(struct client_hello *h)
{
	if (h)
		SSL_CTX_free(h->ctx);
	free(h);
}

static int read_hello(SSL *ssl, struct reading *r)
{
	SSL_set_app_data(ssl, r);
	SSL_set_accept_state(ssl);
	int rc = SSL_do_handshake(ssl);
	if (rc != 1 && SSL_get_error(ssl, rc) == SSL_ERROR_WANT_READ)
		return ERR_AGAIN;
	return r->found;
}

int client_hello_offers(struct client_hello *h, struct bytes in, const char *const *names)
{
	struct reading r = { .names = names, .found = ERR_SYNTAX };

	if (in.n > CLIENT_HELLO_MAX)
		return ERR_LIMIT;
	if (in.n == 0)
		return ERR_AGAIN;
	SSL *ssl = SSL_new(h->ctx);
	BIO *said = BIO_new_mem_buf(in.p, (int)in.n), *answer = BIO_new(BIO_s_null());
	if (!ssl || !said || !answer) {
		BIO_free(said);
		BIO_free(answer);
		SSL_free(ssl);
		ERR_clear_error();
		return ERR_NOMEM;
	}
	BIO_set_mem_eof_return(said, -1); /* more may come */
	SSL_set_bio(ssl, said, answer);
	int rc = read_hello(ssl, &r);
	SSL_free(ssl); /* and both */
	ERR_clear_error();
	return rc;
}
