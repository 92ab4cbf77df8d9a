#include "acme_jws.h"

#include "base/err.h"
#include "base/text.h"

#include <jansson.h>
#include <openssl/evp.h>

void acme_base64url(struct bytes in, struct buf *out)
{
	struct buf b;

	buf_init(&b, in.n * 2 + 8);
	text_base64(in, &b);
	for (struct bytes t = buf_bytes(&b); t.n && *t.p != '='; t = bytes_skip(t, 1))
		buf_put_u8(out, *t.p == '+' ? '-' : *t.p == '/' ? '_' : *t.p);
	if (buf_failed(&b))
		out->is_failed = true;
	buf_fini(&b);
}

void acme_jwk(const struct acme_key *k, struct buf *out)
{
	buf_put_str(out, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"");
	acme_base64url(bytes_make(k->x, sizeof k->x), out);
	buf_put_str(out, "\",\"y\":\"");
	acme_base64url(bytes_make(k->y, sizeof k->y), out);
	buf_put_str(out, "\"}");
}

int acme_thumbprint(const struct acme_key *k, char out[static ACME_THUMBPRINT_BYTES])
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	struct buf jwk, text;
	unsigned n = 0;

	buf_init(&jwk, 256);
	buf_init(&text, ACME_THUMBPRINT_BYTES);
	acme_jwk(k, &jwk);
	int rc = !buf_failed(&jwk) && EVP_Digest(buf_bytes(&jwk).p, buf_len(&jwk), digest, &n, EVP_sha256(), NULL) ? 0 : ERR_NOMEM;
	if (!rc)
		acme_base64url(bytes_make(digest, n), &text);
	if (!rc && (buf_failed(&text) || buf_len(&text) != ACME_THUMBPRINT_BYTES - 1))
		rc = ERR_NOMEM;
	if (!rc)
		memcpy(out, buf_cstr(&text), ACME_THUMBPRINT_BYTES);
	buf_fini(&jwk);
	buf_fini(&text);
	return rc;
}

/* Takes root over. */
static int put_json(json_t *root, struct buf *out)
{
	char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;

	if (text)
		buf_put_str(out, text);
	free(text);
	json_decref(root);
	return text && !buf_failed(out) ? 0 : ERR_NOMEM;
}

static json_t *jwk_of(const struct acme_key *k)
{
	struct buf b;

	buf_init(&b, 256);
	acme_jwk(k, &b);
	json_t *jwk = buf_failed(&b) ? NULL : json_loadb((const char *)buf_bytes(&b).p, buf_len(&b), 0, NULL);
	buf_fini(&b);
	return jwk;
}

int acme_jws_input(const struct acme_header *h, struct bytes payload, struct buf *out)
{
	json_t *root = json_pack("{s:s, s:s}", "alg", h->nonce ? "ES256" : "HS256", "url", h->url);
	struct buf text;

	buf_init(&text, 16 << 10);
	int rc = root ? 0 : ERR_NOMEM;
	if (!rc && h->nonce && json_object_set_new(root, "nonce", json_string(h->nonce)))
		rc = ERR_NOMEM;
	if (!rc && json_object_set_new(root, h->kid ? "kid" : "jwk", h->kid ? json_string(h->kid) : jwk_of(h->key)))
		rc = ERR_NOMEM;
	if (rc)
		json_decref(root);
	else
		rc = put_json(root, &text);
	if (!rc) {
		acme_base64url(buf_bytes(&text), out);
		buf_put_u8(out, '.');
		acme_base64url(payload, out);
	}
	buf_fini(&text);
	return rc ? rc : buf_failed(out) ? ERR_NOMEM : 0;
}

void acme_jws_put(struct bytes input, struct bytes signature, struct buf *out)
{
	size_t dot = bytes_find(input, '.');

	buf_put_str(out, "{\"protected\":\"");
	buf_put(out, input.p, dot);
	buf_put_str(out, "\",\"payload\":\"");
	buf_put_bytes(out, bytes_skip(input, dot + 1));
	buf_put_str(out, "\",\"signature\":\"");
	acme_base64url(signature, out);
	buf_put_str(out, "\"}");
}

/* ---- payloads ---- */

int acme_put_new_account(const char *contact, bool is_agreed, struct bytes binding, struct buf *out)
{
	json_t *root = json_object();
	int rc = root ? 0 : ERR_NOMEM;

	if (!rc && is_agreed && json_object_set_new(root, "termsOfServiceAgreed", json_true()))
		rc = ERR_NOMEM;
	if (!rc && contact[0] && json_object_set_new(root, "contact", json_pack("[o]", json_sprintf("mailto:%s", contact))))
		rc = ERR_NOMEM;
	if (!rc && binding.n && json_object_set_new(root, "externalAccountBinding", json_loadb((const char *)binding.p, binding.n, 0, NULL)))
		rc = ERR_NOMEM;
	if (!rc)
		return put_json(root, out);
	json_decref(root);
	return rc;
}

int acme_put_new_order(const char *const *names, size_t n, const char *replaces, struct buf *out)
{
	json_t *all = json_array();
	int rc = all ? 0 : ERR_NOMEM;

	for (size_t i = 0; !rc && i < n; i++)
		rc = json_array_append_new(all, json_pack("{s:s, s:s}", "type", "dns", "value", names[i])) ? ERR_NOMEM : 0;
	if (!rc)
		return put_json(json_pack("{s:o, s:s*}", "identifiers", all, "replaces", replaces), out);
	json_decref(all);
	return rc;
}

void acme_put_finalize(struct bytes request, struct buf *out)
{
	buf_put_str(out, "{\"csr\":\"");
	acme_base64url(request, out);
	buf_put_str(out, "\"}");
}
