#include "auth/verifier.h"

#include "base/err.h"
#include "base/random.h"
#include "base/text.h"
#include "proto/xmpp.h"
#include "run/store_op.h"

enum { SALT_BYTES = 16 };

static const char *const mechanisms[SCRAM_HASH_COUNT] = { [SCRAM_SHA1] = "SCRAM-SHA-1", [SCRAM_SHA256] = "SCRAM-SHA-256" };

static size_t digest_bytes(enum scram_hash h)
{
	return h == SCRAM_SHA1 ? 20 : 32;
}

/* ---- from elsewhere ---- */

static int unbase64(struct bytes in, uint8_t *out, size_t max, size_t *n)
{
	struct buf b;

	buf_init(&b, 1024);
	int rc = text_unbase64(in, &b);
	*n = buf_len(&b);
	if (!rc && *n > max)
		rc = ERR_LIMIT;
	if (!rc && *n)
		memcpy(out, buf_bytes(&b).p, *n);
	buf_fini(&b);
	return rc;
}

struct parts {
	struct bytes name, rounds, salt, stored, server;
};

static int of_parts(const struct parts *p, enum scram_hash *hash, struct scram_verifier *v)
{
	uint64_t iterations;
	size_t salt_n, stored_n, server_n;
	int h = 0;

	while (h < SCRAM_HASH_COUNT && !bytes_eq_str(p->name, mechanisms[h]))
		h++;
	if (h == SCRAM_HASH_COUNT)
		return ERR_UNKNOWN;
	*hash = (enum scram_hash)h;
	if (bytes_to_u64(p->rounds, VERIFIER_ROUNDS_MAX, &iterations) || !iterations || unbase64(p->salt, v->salt, sizeof v->salt, &salt_n) ||
	    unbase64(p->stored, v->stored_key, sizeof v->stored_key, &stored_n) ||
	    unbase64(p->server, v->server_key, sizeof v->server_key, &server_n))
		return ERR_SYNTAX;
	if (!salt_n || stored_n != digest_bytes(*hash) || server_n != digest_bytes(*hash))
		return ERR_RANGE;
	v->iterations = (uint32_t)iterations;
	v->salt_n = (uint8_t)salt_n;
	return 0;
}

static struct bytes cut(struct bytes *rest, uint8_t at)
{
	size_t n = bytes_find(*rest, at);
	struct bytes head = bytes_make(rest->p, n);

	*rest = bytes_skip(*rest, n + 1);
	return head;
}

int verifier_read(struct bytes in, enum scram_hash *hash, struct scram_verifier *v)
{
	struct parts p = { .name = cut(&in, '$') };

	p.rounds = cut(&in, ':');
	p.salt = cut(&in, '$');
	p.stored = cut(&in, ':');
	p.server = in;
	return of_parts(&p, hash, v);
}

static struct bytes text_in(const struct xml_node *n, const char *name)
{
	return xml_text(xml_child(n, name, NS_PIE_SCRAM));
}

/* COMPAT: ejabberd 23.01 (ejabberd_piefxis) writes base64 of the base64 that it keeps: a key is then as long as the text of one. */
static bool is_twice(struct bytes stored)
{
	struct buf b;

	buf_init(&b, 1024);
	int rc = text_unbase64(stored, &b);
	size_t n = buf_len(&b);
	buf_fini(&b);
	return !rc && (n == 28 || n == 44);
}

int verifier_of_pie(const struct xml_node *n, enum scram_hash *hash, struct scram_verifier *v)
{
	struct parts p = { xml_attr(n, "mechanism"), text_in(n, "iter-count"), text_in(n, "salt"), text_in(n, "stored-key"),
			   text_in(n, "server-key") };
	struct bytes *const texts[] = { &p.salt, &p.stored, &p.server };
	struct buf once[3];
	bool decodes = is_twice(p.stored);
	int rc = 0;

	for (int i = 0; i < 3; i++) {
		buf_init(&once[i], 1024);
		if (decodes && !rc)
			rc = text_unbase64(*texts[i], &once[i]);
		if (decodes)
			*texts[i] = buf_bytes(&once[i]);
	}
	if (!rc)
		rc = of_parts(&p, hash, v);
	for (int i = 0; i < 3; i++)
		buf_fini(&once[i]);
	return rc;
}

/* ---- to elsewhere ---- */

static void put_base64(struct buf *b, const char *name, struct bytes v)
{
	buf_putf(b, "<%s>", name);
	text_base64(v, b);
	buf_putf(b, "</%s>", name);
}

void verifier_put_pie(struct buf *b, enum scram_hash hash, uint32_t rounds, struct bytes salt, struct bytes stored, struct bytes server)
{
	buf_putf(b, "<scram-credentials xmlns='" NS_PIE_SCRAM "' mechanism='%s'><iter-count>%u</iter-count>", mechanisms[hash], rounds);
	put_base64(b, "salt", salt);
	put_base64(b, "server-key", server);
	put_base64(b, "stored-key", stored);
	buf_put_str(b, "</scram-credentials>");
}

/* ---- for gh-store ---- */

void verifier_put(struct buf *b, enum scram_hash h, const struct scram_verifier *v)
{
	wire_put_u8(b, (uint8_t)h);
	wire_put_u32(b, v->iterations);
	wire_put_bytes(b, bytes_make(v->salt, v->salt_n));
	wire_put_bytes(b, bytes_make(v->stored_key, digest_bytes(h)));
	wire_put_bytes(b, bytes_make(v->server_key, digest_bytes(h)));
}

static void put_digest(struct buf *b, enum digest_algorithm a, const struct digest_ha1 *h)
{
	wire_put_u8(b, (uint8_t)(STORE_HASH_DIGEST + a));
	wire_put_u32(b, 0);
	wire_put_bytes(b, BYTES_NONE);
	wire_put_bytes(b, bytes_make(h->p, h->n));
	wire_put_bytes(b, BYTES_NONE);
}

int verifier_digests(const struct im *im, struct bytes jid, struct bytes password, struct digest_ha1 out[static DIGEST_ALGORITHM_COUNT], int *n)
{
	struct jid j = jid_of_normal(jid);
	int rc = 0;

	*n = im->config.has_digest_md5 ? DIGEST_ALGORITHM_COUNT : DIGEST_SHA256 + 1;
	for (int a = 0; !rc && a < *n; a++)
		rc = digest_make_ha1((enum digest_algorithm)a, jid_local(&j), jid_domain(&j), password, &out[a]);
	return rc;
}

int verifier_put_all(struct im *im, struct buf *b, struct bytes jid, struct bytes in)
{
	struct scram_verifier v[SCRAM_HASH_COUNT];
	struct digest_ha1 ha1[DIGEST_ALGORITHM_COUNT];
	uint8_t salt[SALT_BYTES];
	struct bytes password;
	int n_digests = 0, rc = 0;

	if (!in.n || scram_saslprep(in, &im->arena, &password))
		return ERR_SYNTAX;
	for (int h = 0; !rc && h < SCRAM_HASH_COUNT; h++) {
		random_bytes(salt, sizeof salt);
		rc = scram_make_verifier((enum scram_hash)h, password, bytes_make(salt, sizeof salt), im->config.scram_iterations, &v[h]);
	}
	if (!rc)
		rc = verifier_digests(im, jid, password, ha1, &n_digests);
	if (!rc) {
		wire_put_u8(b, (uint8_t)(SCRAM_HASH_COUNT + n_digests));
		for (int h = 0; h < SCRAM_HASH_COUNT; h++)
			verifier_put(b, (enum scram_hash)h, &v[h]);
		for (int h = 0; h < n_digests; h++)
			put_digest(b, (enum digest_algorithm)h, &ha1[h]);
		rc = buf_failed(b) ? ERR_NOMEM : 0;
	}
	secret_wipe(v, sizeof v);
	secret_wipe(ha1, sizeof ha1);
	return rc;
}
