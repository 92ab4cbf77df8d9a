#include "net/tls_conn.h"

#include "base/err.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <stdlib.h>

#define EXPORTER_LABEL "EXPORTER-Channel-Binding" /* RFC 9266 2 */

/* ---- what OpenSSL asks during a handshake ---- */

/* The chain is judged later, for each domain, by tls_verify: it never ends the handshake. */
static int accept_any_chain(X509_STORE_CTX *c, void *arg)
{
	(void)arg;
	X509_STORE_CTX_set_error(c, X509_V_OK);
	return 1;
}

/* Chooses the domain whose certificate is shown. Called with and without SNI. */
static int choose_domain(SSL *ssl, int *alert, void *arg)
{
	struct tls *t = SSL_get_app_data(ssl);

	(void)arg;
	if (!SSL_is_server(ssl)) /* OpenSSL asks on this side too */
		return SSL_TLSEXT_ERR_OK;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	struct tls_domain *d = name ? tls_store_domain(t->store, name) : NULL;
	if (!d)
		d = t->fallback ? t->fallback : tls_store_only_domain(t->store);
	if (!d || !SSL_set_SSL_CTX(ssl, d->ctx)) {
		*alert = SSL_AD_UNRECOGNIZED_NAME;
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	}
	return SSL_TLSEXT_ERR_OK;
}

const uint8_t *tls_find_alpn(struct bytes list, struct bytes name)
{
	for (size_t at = 0; at < list.n && list.p[at] < list.n - at; at += 1u + list.p[at]) {
		if (bytes_eq(bytes_make(list.p + at + 1, list.p[at]), name))
			return list.p + at + 1;
	}
	return NULL;
}

/* A client that offers protocols without ours is refused (RFC 7301 3.2, XEP-0368 ALPN, RFC 7443). */
static int choose_alpn(SSL *ssl, const uint8_t **out, uint8_t *out_n, const uint8_t *in, unsigned in_n, void *arg)
{
	const struct tls *t = SSL_get_app_data(ssl);

	(void)arg;
	if (!t->alpn)
		return SSL_TLSEXT_ERR_NOACK;
	for (const char *const *ours = t->alpn; *ours; ours++) {
		const uint8_t *p = tls_find_alpn(bytes_make(in, in_n), bytes_of(*ours));
		if (!p)
			continue;
		*out = p;
		*out_n = p[-1];
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int ticket_key(SSL *ssl, uint8_t *name, uint8_t *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int is_new)
{
	struct tls *t = SSL_get_app_data(ssl);

	tls_tickets_rotate(&t->store->tickets, time(NULL));
	return tls_tickets_use(&t->store->tickets, name, iv, cipher, mac, is_new);
}

/* What the authority says of the certificate that was chosen, when we know it (RFC 6066 8). Never an old answer. */
static int staple(SSL *ssl, void *arg)
{
	const struct tls *t = SSL_get_app_data(ssl);
	const struct tls_certificate *c;
	const struct tls_staple *s = NULL;
	unsigned char *copy;

	(void)arg;
	if (!SSL_is_server(ssl))
		return 1; /* what the peer says is judged by tls_verify */
	for (size_t at = 0; t->store->news && (c = map_next(&t->store->certificates, &at));)
		if (c->leaf == SSL_get_certificate(ssl))
			s = tls_news_staple(t->store->news, c->leaf_sha256, (int64_t)time(NULL));
	if (!s || !(copy = OPENSSL_memdup(s->answer, s->n)))
		return SSL_TLSEXT_ERR_NOACK;
	if (SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)s->n) == 1) /* its copy then */
		return SSL_TLSEXT_ERR_OK;
	OPENSSL_free(copy);
	return SSL_TLSEXT_ERR_NOACK;
}

/* gh-keys has answered: the job can go on. */
static int on_job(void *arg)
{
	struct tls *t = arg;

	if (t->key_fn)
		t->key_fn(t->key_arg);
	return 1;
}

static int on_async(SSL *ssl, void *arg)
{
	(void)ssl;
	return on_job(arg);
}

static void on_turn(void *arg)
{
	(void)on_job(arg);
}

void tls_context_hooks(SSL_CTX *ctx)
{
	SSL_CTX_set_cert_verify_callback(ctx, accept_any_chain, NULL);
	(void)SSL_CTX_set_tlsext_servername_callback(ctx, choose_domain); /* cannot fail */
	SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, NULL);
	(void)SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticket_key); /* cannot fail */
	(void)SSL_CTX_set_async_callback(ctx, on_async); /* cannot fail */
	(void)SSL_CTX_set_tlsext_status_cb(ctx, staple); /* cannot fail */
}

/* ---- life ---- */

static bool set_server(struct tls *t, const struct tls_options *o)
{
	SSL_set_accept_state(t->ssl);
	if (!o->wants_peer_certificate)
		return true;
	SSL_set_verify(t->ssl, SSL_VERIFY_PEER, NULL);
	/* A ticket keeps the peer's certificate without its chain: it could not be judged again. */
	SSL_set_options(t->ssl, SSL_OP_NO_TICKET);
	return SSL_set_num_tickets(t->ssl, 0) == 1;
}

static bool set_alpn(SSL *ssl, const char *const *alpn)
{
	uint8_t wire[256];
	size_t at = 0;

	for (; alpn && *alpn; alpn++) {
		struct bytes name = bytes_of(*alpn);
		if (name.n >= sizeof wire - at)
			return false;
		wire[at] = (uint8_t)name.n;
		memcpy(wire + at + 1, name.p, name.n);
		at += 1 + name.n;
	}
	return at == 0 || SSL_set_alpn_protos(ssl, wire, (unsigned)at) == 0; /* yes, 0 is success here */
}

static bool set_client(struct tls *t, const struct tls_options *o)
{
	SSL_set_connect_state(t->ssl);
	SSL_set_verify(t->ssl, SSL_VERIFY_PEER, NULL);
	if (SSL_set_tlsext_status_type(t->ssl, TLSEXT_STATUSTYPE_ocsp) != 1)
		return false;
	if (o->server_name && SSL_set_tlsext_host_name(t->ssl, o->server_name) != 1)
		return false;
	return set_alpn(t->ssl, o->alpn);
}

int tls_new(struct tls_store *s, const struct tls_options *o, struct tls **out)
{
	struct tls_domain *d = o->domain ? tls_store_domain(s, o->domain) : NULL;
	SSL_CTX *ctx = o->is_datagram ? tls_store_datagram(s) : o->side == TLS_CLIENT && d ? d->ctx : s->base;
	struct tls *t = ctx ? calloc(1, sizeof *t) : NULL;

	if (!t)
		return ERR_NOMEM;
	t->store = tls_store_hold(s);
	t->fallback = d;
	t->alpn = o->alpn;
	t->ssl = SSL_new(ctx);
	if (!t->ssl || SSL_set_app_data(t->ssl, t) != 1 || SSL_set_async_callback_arg(t->ssl, t) != 1 ||
	    !(o->side == TLS_SERVER ? set_server(t, o) : set_client(t, o))) {
		tls_free(t);
		return ERR_NOMEM;
	}
	*out = t;
	return 0;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	t->key_fn = NULL;
	keyproxy_turn_cancel(&t->turn);
	/* A job that waits for gh-keys holds a stack. It is run to its end: a signature that is
	 * resumed without an answer gives up (net/keyproxy.h). */
	if (t->ssl && SSL_waiting_for_async(t->ssl)) {
		SSL_set_quiet_shutdown(t->ssl, 1);
		(void)SSL_do_handshake(t->ssl);
	}
	SSL_free(t->ssl);
	ERR_clear_error();
	tls_store_free(t->store);
	free(t);
}

/* ---- bytes ---- */

int tls_set_fd(struct tls *t, int fd)
{
	return SSL_set_fd(t->ssl, fd) == 1 ? 0 : ERR_NOMEM;
}

static void set_error(struct tls *t, int err)
{
	unsigned long e = ERR_peek_error();

	t->err = err;
	t->words = e ? ERR_reason_error_string(e) : NULL;
	ERR_clear_error();
}

static enum tls_io failed_io(struct tls *t, int ret)
{
	switch (SSL_get_error(t->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		return TLS_IO_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_IO_WANT_WRITE;
	case SSL_ERROR_WANT_ASYNC:
		return TLS_IO_WANT_KEY;
	case SSL_ERROR_WANT_ASYNC_JOB:
		if (t->store->keys) {
			keyproxy_turn_wait(t->store->keys, &t->turn, on_turn, t);
			return TLS_IO_WANT_KEY;
		}
		set_error(t, ERR_TLS);
		return TLS_IO_ERROR;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_IO_EOF;
	case SSL_ERROR_SYSCALL:
		set_error(t, ERR_CONN_RESET);
		return TLS_IO_ERROR;
	default:
		/* An end without close_notify may be an attacker's cut (RFC 8446 6.1). */
		set_error(t, ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING
		                     ? ERR_CONN_RESET : ERR_TLS);
		return TLS_IO_ERROR;
	}
}

enum tls_io tls_handshake(struct tls *t)
{
	ERR_clear_error();
	int ret = SSL_do_handshake(t->ssl);
	if (ret != 1)
		return failed_io(t, ret);
	/* Nothing is signed any more; reads and writes need no job. */
	SSL_clear_mode(t->ssl, SSL_MODE_ASYNC);
	return TLS_IO_OK;
}

enum tls_io tls_read(struct tls *t, uint8_t *p, size_t n, size_t *got)
{
	ERR_clear_error();
	int ret = SSL_read_ex(t->ssl, p, n, got);
	return ret == 1 ? TLS_IO_OK : failed_io(t, ret);
}

enum tls_io tls_write(struct tls *t, struct bytes b, size_t *put)
{
	ERR_clear_error();
	int ret = SSL_write_ex(t->ssl, b.p, b.n, put);
	return ret == 1 ? TLS_IO_OK : failed_io(t, ret);
}

bool tls_has_pending(struct tls *t)
{
	return SSL_has_pending(t->ssl) == 1;
}

void tls_shutdown(struct tls *t)
{
	ERR_clear_error();
	(void)SSL_shutdown(t->ssl); /* close_notify is sent or not: the connection ends all the same */
	ERR_clear_error();
}

void tls_on_key(struct tls *t, void (*fn)(void *arg), void *arg)
{
	t->key_fn = fn;
	t->key_arg = arg;
}

int tls_error(struct tls *t, const char **words)
{
	*words = t->words ? t->words : "";
	return t->err ? t->err : ERR_TLS;
}

/* ---- facts ---- */

bool tls_has_peer_certificate(struct tls *t)
{
	return SSL_get0_peer_certificate(t->ssl) != NULL;
}

const char *tls_version_name(struct tls *t)
{
	return SSL_get_version(t->ssl);
}

const char *tls_cipher_name(struct tls *t)
{
	return SSL_get_cipher_name(t->ssl);
}

int tls_exporter(struct tls *t, uint8_t out[static 32])
{
	/* On 1.2 it is unique only with the extended master secret; we offer it on 1.3 alone. */
	if (SSL_version(t->ssl) < TLS1_3_VERSION ||
	    SSL_export_keying_material(t->ssl, out, 32, EXPORTER_LABEL, sizeof EXPORTER_LABEL - 1,
	                               (const uint8_t *)"", 0, 1) != 1)
		return ERR_UNSUPPORTED;
	return 0;
}

int tls_unique(struct tls *t, uint8_t out[static 64], size_t *n)
{
	/* The client speaks first in a full handshake, the server in a resumed one. */
	bool is_ours = (SSL_is_server(t->ssl) != 0) == (SSL_session_reused(t->ssl) != 0);
	size_t got = is_ours ? SSL_get_finished(t->ssl, out, 64) : SSL_get_peer_finished(t->ssl, out, 64);

	if (got == 0 || got > 64)
		return ERR_UNSUPPORTED;
	*n = got;
	return 0;
}

/* RFC 5929 4.1: the hash of the certificate's signature, SHA-256 in place of MD5 and SHA-1. */
int tls_server_end_point(struct tls *t, uint8_t out[static 64], size_t *n)
{
	X509 *x = SSL_is_server(t->ssl) ? SSL_get_certificate(t->ssl) : SSL_get0_peer_certificate(t->ssl);
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned got = sizeof digest;
	int nid = NID_undef;

	/* No hash of its own (Ed25519): the RFC leaves it undefined. */
	if (!x || X509_get_signature_info(x, &nid, NULL, NULL, NULL) != 1 || nid == NID_undef)
		return ERR_UNSUPPORTED;
	const EVP_MD *md = nid == NID_md5 || nid == NID_sha1 ? EVP_sha256() : EVP_get_digestbynid(nid);
	if (!md || X509_digest(x, md, digest, &got) != 1 || got > 64)
		return ERR_UNSUPPORTED;
	memcpy(out, digest, got);
	*n = got;
	return 0;
}

const char *tls_alpn_name(struct tls *t)
{
	const uint8_t *p;
	unsigned n;

	SSL_get0_alpn_selected(t->ssl, &p, &n);
	for (const char *const *ours = t->alpn; n && ours && *ours; ours++) {
		if (bytes_eq_str(bytes_make(p, n), *ours))
			return *ours;
	}
	return "";
}

bool tls_alpn_matched(struct tls *t)
{
	return tls_alpn_name(t)[0];
}

const char *tls_sni(struct tls *t)
{
	const char *name = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);

	return name ? name : "";
}
