#include "loopmark.h"

#include <assert.h>
#include <stdio.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>

#include "base/random.h"
#include "base/secret.h"
#include "base/text.h"

enum { MAC_BYTES = 16 };
static_assert(LOOPMARK_CHARS == 4 + 2 * MAC_BYTES, "a prefix of four and the digest in hex");
static_assert(DIALOGMARK_CHARS == 2 * MAC_BYTES, "the digest in hex");

/* Each field with its length, so that no two lists give the same bytes. */
static void put(struct buf *b, struct bytes v)
{
	buf_put_u8(b, (uint8_t)(v.n >> 16));
	buf_put_u8(b, (uint8_t)(v.n >> 8));
	buf_put_u8(b, (uint8_t)v.n);
	buf_put_bytes(b, v);
}

static void forget_mac(struct loopmark_key *k)
{
	EVP_MAC_CTX_free(k->mac);
	k->mac = NULL;
}

static void make_ready(struct loopmark_key *k)
{
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	OSSL_PARAM sha256[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){ "SHA256" }, 0), OSSL_PARAM_END };

	k->mac = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
	EVP_MAC_free(hmac);
	if (k->mac && !EVP_MAC_init(k->mac, k->bytes, sizeof k->bytes, sha256))
		forget_mac(k);
}

void loopmark_key_init(struct loopmark_key *k)
{
	random_bytes(k->bytes, sizeof k->bytes);
	make_ready(k);
}

void loopmark_key_set(struct loopmark_key *k, struct bytes bytes)
{
	if (bytes.n != sizeof k->bytes)
		return;
	forget_mac(k);
	memcpy(k->bytes, bytes.p, bytes.n);
	make_ready(k);
}

void loopmark_key_fini(struct loopmark_key *k)
{
	forget_mac(k);
	secret_wipe(k->bytes, sizeof k->bytes);
}

static bool hmac(const struct loopmark_key *k, struct bytes in, uint8_t mac[static EVP_MAX_MD_SIZE])
{
	size_t n;
	unsigned n_once;

	if (!k->mac)
		return HMAC(EVP_sha256(), k->bytes, sizeof k->bytes, in.p, in.n, mac, &n_once);
	/* without a key: with the one it has */
	return EVP_MAC_init(k->mac, NULL, 0, NULL) && EVP_MAC_update(k->mac, in.p, in.n) &&
	       EVP_MAC_final(k->mac, mac, &n, EVP_MAX_MD_SIZE);
}

static void digest(const struct loopmark_key *k, struct buf *b, char *hex)
{
	uint8_t mac[EVP_MAX_MD_SIZE] = { 0 };

	/* Without memory the mark is that of nothing: it matches no other. */
	if (buf_failed(b) || !hmac(k, buf_bytes(b), mac))
		memset(mac, 0, sizeof mac);
	text_hex(bytes_make(mac, MAC_BYTES), hex);
	buf_fini(b);
}

static struct bytes tag_of(const struct sipmsg *m, enum siphdr h)
{
	struct sip_address a;
	struct bytes tag = BYTES_NONE;

	if (sipmsg_address(m, h, 0, &a))
		(void)sip_param(a.params, "tag", &tag); /* absent: empty */
	return tag;
}

void loopmark_make(const struct loopmark_key *k, bool is_gateway, const struct sipmsg *m, char out[static LOOPMARK_CHARS + 1])
{
	struct bytes method = BYTES_NONE;
	uint32_t cseq = 0;
	struct buf b;

	buf_init(&b, 2 * SIPMSG_MAX_BYTES);
	if (!is_gateway) {
		put(&b, sipmsg_uri(m));
		put(&b, sipmsg_value(m, SIPH_ROUTE, 0));
		put(&b, tag_of(m, SIPH_TO));
	}
	put(&b, tag_of(m, SIPH_FROM));
	put(&b, sipmsg_value(m, SIPH_CALL_ID, 0));
	(void)sipmsg_cseq(m, &cseq, &method); /* checked when it came */
	buf_putf(&b, "%u", cseq);
	(void)snprintf(out, 5, "gh%c-", is_gateway ? 'g' : 'r');
	digest(k, &b, out + 4);
}

/* The mark in a branch, or an empty view. */
static struct bytes find_mark(struct bytes branch)
{
	for (size_t i = 0; i + LOOPMARK_CHARS <= branch.n; i++) {
		struct bytes at = bytes_make(branch.p + i, LOOPMARK_CHARS);
		if (at.p[0] == 'g' && at.p[1] == 'h' && (at.p[2] == 'g' || at.p[2] == 'r') && at.p[3] == '-')
			return at;
	}
	return BYTES_NONE;
}

enum loopmark_found loopmark_find(const struct loopmark_key *k, const struct sipmsg *m)
{
	enum loopmark_found found = LOOPMARK_NONE;
	char relayed[LOOPMARK_CHARS + 1] = "", sent[LOOPMARK_CHARS + 1] = "";
	struct sip_via via;

	for (size_t i = 0; sipmsg_via(m, i, &via); i++) {
		struct bytes mark = find_mark(via.branch);
		if (!mark.n)
			continue;
		if (!relayed[0]) {
			loopmark_make(k, false, m, relayed);
			loopmark_make(k, true, m, sent);
		}
		if (bytes_eq_str(mark, relayed) || bytes_eq_str(mark, sent))
			return LOOPMARK_LOOP;
		found = LOOPMARK_SPIRAL;
	}
	return found;
}

void dialogmark_make(const struct loopmark_key *k, const struct sipmsg *m, char out[static DIALOGMARK_CHARS + 1])
{
	struct buf b;

	buf_init(&b, SIPMSG_MAX_BYTES + 16);
	buf_put_str(&b, "dialog ");
	put(&b, sipmsg_value(m, SIPH_CALL_ID, 0));
	digest(k, &b, out);
}

bool dialogmark_is_right(const struct loopmark_key *k, const struct sipmsg *m, struct bytes mark)
{
	char want[DIALOGMARK_CHARS + 1];

	dialogmark_make(k, m, want);
	return secret_eq(bytes_of(want), mark);
}
