/* The client's side: a challenge in, credentials out (RFC 7616 3.3, 3.4). */
#include "sip/digest.h"

#include "base/err.h"
#include "base/secret.h"
#include "sip/message_auth.h"

enum { NC_ROOM = 16 };

/* qop-options is a list in one quoted text. */
static bool has_word(struct bytes list, const char *word)
{
	while (list.n) {
		size_t n = bytes_find(list, ',');
		struct bytes one = bytes_make(list.p, n);
		while (one.n && one.p[0] == ' ')
			one = bytes_skip(one, 1);
		while (one.n && one.p[one.n - 1] == ' ')
			one.n--;
		if (bytes_eq_nocase(one, bytes_of(word)))
			return true;
		list = bytes_skip(list, n + 1);
	}
	return false;
}

static bool has_param(const struct sip_auth *auth, const char *name)
{
	for (size_t i = 0; i < auth->n; i++)
		if (bytes_eq_nocase(auth->params[i].name, bytes_of(name)))
			return true;
	return false;
}

int digest_challenge_parse(struct bytes value, struct arena *a, struct digest_challenge *out)
{
	struct digest_challenge c = { .algorithm = DIGEST_MD5 };
	struct sip_auth auth;
	int rc = sip_auth_parse(value, a, &auth);

	if (rc)
		return rc;
	if (!bytes_eq_nocase(auth.scheme, BYTES("Digest")))
		return ERR_UNSUPPORTED;
	c.realm = sip_auth_param(&auth, "realm");
	c.nonce = sip_auth_param(&auth, "nonce");
	c.opaque = sip_auth_param(&auth, "opaque");
	c.has_opaque = has_param(&auth, "opaque");
	c.has_qop = has_param(&auth, "qop");
	c.is_stale = bytes_eq_nocase(sip_auth_param(&auth, "stale"), BYTES("true"));
	if (!c.nonce.n || !has_param(&auth, "realm"))
		return ERR_SYNTAX;
	if (digest_algorithm_of(sip_auth_param(&auth, "algorithm"), &c.algorithm) ||
	    (c.has_qop && !has_word(sip_auth_param(&auth, "qop"), "auth")))
		return ERR_UNSUPPORTED;
	*out = c;
	return 0;
}

bool digest_is_better(const struct digest_challenge *a, const struct digest_challenge *b)
{
	return a->algorithm < b->algorithm;
}

/* RFC 3261 25.1: no control character may stand in a quoted text, escaped or not. */
static int put_quoted(struct buf *b, const char *name, struct bytes v)
{
	buf_putf(b, "%s=\"", name);
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < 0x20 || v.p[i] == 0x7f)
			return ERR_SYNTAX;
		if (v.p[i] == '"' || v.p[i] == '\\')
			buf_put_u8(b, '\\');
		buf_put_u8(b, v.p[i]);
	}
	buf_put_u8(b, '"');
	return 0;
}

static int put_credentials(const struct digest_challenge *c, const struct digest_login *l, const struct digest_proof *p,
                           const char *response, struct buf *out)
{
	int rc;

	buf_put_str(out, "Digest ");
	rc = put_quoted(out, "username", l->user);
	buf_put_str(out, ", ");
	rc = rc ? rc : put_quoted(out, "realm", c->realm);
	buf_put_str(out, ", ");
	rc = rc ? rc : put_quoted(out, "nonce", c->nonce);
	buf_put_str(out, ", ");
	rc = rc ? rc : put_quoted(out, "uri", l->uri);
	buf_putf(out, ", response=\"%s\", algorithm=%s", response, digest_algorithm_name(c->algorithm));
	if (c->has_qop)
		buf_putf(out, ", qop=auth, nc=%.*s, cnonce=\"%s\"", BYTES_FMT(p->nc), l->cnonce);
	if (!rc && c->has_opaque) {
		buf_put_str(out, ", ");
		rc = put_quoted(out, "opaque", c->opaque);
	}
	return rc ? rc : buf_failed(out) ? ERR_LIMIT : 0;
}

int digest_answer(const struct digest_challenge *c, const struct digest_login *l, struct buf *out)
{
	struct digest_ha1 h;
	char response[DIGEST_HEX_MAX + 1];
	size_t before = buf_len(out);
	struct buf number;

	buf_init(&number, NC_ROOM);
	buf_putf(&number, "%08x", (unsigned)l->nc);
	struct bytes count = buf_bytes(&number);
	const struct digest_proof p = { .algorithm = c->algorithm, .nonce = c->nonce, .nc = count, .has_qop = c->has_qop,
					.cnonce = bytes_of(l->cnonce), .method = l->method, .uri = l->uri };
	int rc = buf_failed(&number) ? ERR_NOMEM : digest_make_ha1(c->algorithm, l->user, c->realm, l->password, &h);
	if (!rc) {
		rc = digest_respond(&h, &p, response);
		secret_wipe(&h, sizeof h);
	}
	if (!rc)
		rc = put_credentials(c, l, &p, response, out);
	if (rc)
		buf_truncate(out, before);
	buf_fini(&number);
	return rc;
}
