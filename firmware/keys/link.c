#include "keys.h"

#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "run/linkkeys.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

/* The private authority of links, and certificates of it. */

enum { ANSWER_MAX_BYTES = 64 << 10 };

/* ---- keys ---- */

static int key_of(struct vault *v, const char *name, EVP_PKEY **out)
{
	*out = vault_get(v, bytes_of(name));
	if (*out)
		return 0;
	EVP_PKEY *made = key_generate(BYTES("ecdsa-p256"));
	int rc = made ? vault_put(v, bytes_of(name), made) : ERR_NOMEM;
	if (rc) {
		EVP_PKEY_free(made);
		return rc;
	}
	log_info("keys.generated", LOG_STR("key", name), LOG_STR("kind", key_kind(made)), LOG_STR("for", "link"));
	*out = made;
	return 0;
}

/* ---- certificates ---- */

static int number(X509 *x)
{
	uint8_t serial[16];

	random_bytes(serial, sizeof serial);
	serial[0] = (serial[0] & 0x7f) | 0x40; /* positive, and always as long */
	BIGNUM *n = BN_bin2bn(serial, sizeof serial, NULL);
	bool is_set = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
	BN_free(n);
	return is_set ? 0 : ERR_NOMEM;
}

static int extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	bool is_added = e && X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	return is_added ? 0 : ERR_NOMEM;
}

static int name(X509_NAME *subject, const char *cn)
{
	return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)cn, -1, -1, 0) ? 0 : ERR_NOMEM;
}

struct row {
	int nid;
	const char *value;
};

/* A certificate for pkey with these extensions; issuer NULL: by itself. The caller's. NULL: no memory. */
static X509 *make(const char *cn, EVP_PKEY *pkey, X509 *issuer, EVP_PKEY *with, int days, const struct row *rows, size_t n)
{
	X509 *x = X509_new();
	int rc = x && X509_set_version(x, X509_VERSION_3) ? number(x) : ERR_NOMEM;

	if (!rc)
		rc = name(X509_get_subject_name(x), cn);
	/* A clock that is some minutes behind ours shall not refuse it. */
	if (!rc && (!X509_gmtime_adj(X509_getm_notBefore(x), -3600) || !X509_gmtime_adj(X509_getm_notAfter(x), (long)days * 86400) ||
	            !X509_set_pubkey(x, pkey) || !X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x))))
		rc = ERR_NOMEM;
	for (size_t i = 0; !rc && i < n; i++)
		rc = extend(x, issuer ? issuer : x, rows[i].nid, rows[i].value);
	if (!rc && X509_sign(x, with, EVP_sha256()) > 0)
		return x;
	ERR_clear_error();
	X509_free(x);
	return NULL;
}

static int put_pem(X509 *x, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long n = bio && x && PEM_write_bio_X509(bio, x) ? BIO_get_mem_data(bio, &text) : 0;

	wire_put_bytes(out, bytes_make(text, n > 0 ? (size_t)n : 0));
	BIO_free(bio);
	return n > 0 ? 0 : ERR_NOMEM;
}

static X509 *read_pem(struct bytes pem)
{
	BIO *bio = pem.n && pem.n <= LINK_REQUEST_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	ERR_clear_error();
	return x;
}

/* ---- the ops ---- */

static int do_self(struct vault *v, struct wire *w, struct buf *out)
{
	static const struct row rows[] = { { NID_subject_alt_name, "DNS:" LINK_ROLE_EDGE } };
	EVP_PKEY *pkey;
	int rc = key_of(v, LINK_KEY, &pkey);

	(void)w;
	if (rc)
		return rc;
	X509 *x = make("gatehouse link, not enrolled", pkey, NULL, pkey, 1, rows, 1);
	rc = put_pem(x, out);
	X509_free(x);
	return rc;
}

static int do_request(struct vault *v, struct wire *w, struct buf *out)
{
	static const struct bytes names[] = { { (const uint8_t *)LINK_ROLE_EDGE, sizeof LINK_ROLE_EDGE - 1 } };
	EVP_PKEY *pkey;
	struct buf der;
	int rc = key_of(v, LINK_KEY, &pkey);

	(void)w;
	buf_init(&der, LINK_REQUEST_MAX);
	if (!rc)
		rc = cert_request_names(pkey, names, 1, &der); /* which names it gets is for the authority to say */
	if (!rc)
		wire_put_bytes(out, buf_bytes(&der));
	buf_fini(&der);
	return rc;
}

static int do_authority(struct vault *v, struct wire *w, struct buf *out)
{
	static const struct row rows[] = {
		{ NID_basic_constraints, "critical,CA:TRUE,pathlen:0" },
		{ NID_key_usage, "critical,keyCertSign,cRLSign" },
		{ NID_subject_key_identifier, "hash" },
	};
	struct bytes pem = wire_bytes(w);
	EVP_PKEY *pkey;
	int rc = wire_failed(w) ? ERR_PROTOCOL : key_of(v, LINK_AUTHORITY_KEY, &pkey);

	if (rc)
		return rc;
	X509 *x = read_pem(pem);
	if (!x || X509_check_private_key(x, pkey) != 1) {
		X509_free(x);
		x = make("gatehouse links", pkey, NULL, pkey, LINK_AUTHORITY_DAYS, rows, sizeof rows / sizeof rows[0]);
	}
	rc = put_pem(x, out);
	X509_free(x);
	ERR_clear_error();
	return rc;
}

/* A node's name is one label. */
static bool is_node(struct bytes node)
{
	if (node.n == 0 || node.n > LINK_NODE_MAX || node.p[0] == '-' || node.p[node.n - 1] == '-')
		return false;
	for (size_t i = 0; i < node.n; i++) {
		uint8_t c = node.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
			return false;
	}
	return true;
}

/* Of a request only the key counts, and that who asks has it. */
static int requested_key(struct bytes der, EVP_PKEY **out)
{
	const uint8_t *p = der.p;
	X509_REQ *req = der.n && der.n <= LINK_REQUEST_MAX ? d2i_X509_REQ(NULL, &p, (long)der.n) : NULL;
	EVP_PKEY *pkey = req ? X509_REQ_get0_pubkey(req) : NULL;
	int rc = pkey && EVP_PKEY_get_security_bits(pkey) >= 112 && X509_REQ_verify(req, pkey) == 1 ? 0 : ERR_SYNTAX;

	if (!rc && EVP_PKEY_up_ref(pkey))
		*out = pkey;
	else
		rc = rc ? rc : ERR_NOMEM;
	X509_REQ_free(req);
	ERR_clear_error();
	return rc;
}

static int do_sign(struct vault *v, struct wire *w, struct buf *out)
{
	struct bytes authority = wire_bytes(w), request = wire_bytes(w);
	unsigned role = wire_u8(w);
	struct bytes node = wire_str(w);
	EVP_PKEY *pkey = NULL, *with = vault_get(v, BYTES(LINK_AUTHORITY_KEY));
	char names[2 * LINK_NODE_MAX + 64], cn[LINK_NODE_MAX + 1];

	if (wire_failed(w) || role >= LINK_ROLE_COUNT)
		return ERR_PROTOCOL;
	const char *suffix = role == LINK_ROLE_IS_CORE ? LINK_ROLE_CORE : LINK_ROLE_EDGE;
	X509 *issuer = read_pem(authority);
	int rc = issuer && with && X509_check_private_key(issuer, with) == 1 ? is_node(node) ? 0 : ERR_SYNTAX : ERR_NOT_FOUND;
	if (!rc)
		rc = requested_key(request, &pkey);
	if (!rc) {
		snprintf(cn, sizeof cn, "%.*s", BYTES_FMT(node));
		snprintf(names, sizeof names, "DNS:%s.%s,DNS:%s", cn, suffix, suffix);
		const struct row rows[] = {
			{ NID_basic_constraints, "critical,CA:FALSE" },
			{ NID_key_usage, "critical,digitalSignature" },
			{ NID_ext_key_usage, "serverAuth,clientAuth" },
			{ NID_subject_alt_name, names },
		};
		X509 *x = make(cn, pkey, issuer, with, LINK_CERTIFICATE_DAYS, rows, sizeof rows / sizeof rows[0]);
		rc = put_pem(x, out);
		X509_free(x);
		log_info("keys.link.signed", LOG_STR("names", names), LOG_STR("result", err_name(rc)));
	}
	EVP_PKEY_free(pkey);
	X509_free(issuer);
	ERR_clear_error();
	return rc;
}

static int (*const ops[])(struct vault *v, struct wire *w, struct buf *out) = {
	[LINK_SELF] = do_self, [LINK_REQUEST] = do_request, [LINK_AUTHORITY] = do_authority, [LINK_SIGN] = do_sign,
};
_Static_assert(sizeof ops / sizeof ops[0] == LINK_OP_COUNT, "one function an op");

int link_answer(struct vault *v, struct bytes question, struct buf *out)
{
	struct wire w = wire_of(question);
	unsigned op = wire_u8(&w);

	if (wire_failed(&w) || op >= LINK_OP_COUNT)
		return ERR_PROTOCOL;
	int rc = ops[op](v, &w, out);
	return !rc && wire_end(&w) ? ERR_PROTOCOL : rc;
}

int on_link_ask(void *program, struct chan *from, const struct frame *f)
{
	struct keys *k = program;
	struct buf answer;

	buf_init(&answer, ANSWER_MAX_BYTES);
	int rc = link_answer(&k->vault, f->body, &answer);
	if (rc != ERR_PROTOCOL) {
		struct buf *b = chan_begin(from, MSG_LINK_ANSWER, f->id);
		wire_put_u32(b, (uint32_t)rc);
		wire_put_str(b, bytes_of(rc ? err_text(rc) : ""));
		if (!rc)
			buf_put_bytes(b, buf_bytes(&answer));
		(void)chan_end(from); /* a gh-link that has gone asks again */
	}
	buf_fini(&answer);
	return rc == ERR_PROTOCOL ? rc : 0;
}
