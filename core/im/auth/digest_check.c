#include "auth/digest_check.h"

#include "base/err.h"
#include "run/store_op.h"
#include "sip/digest.h"
#include "auth/app_password.h"
#include "auth/policy.h"
#include "ask.h"
#include "domain.h"

#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { CHECKS_MAX = 10000, BODY_MAX_BYTES = 4096, FAILED_LINES = 60 /* a minute */ };

/* One that waits for gh-store. */
struct check {
	uint32_t id;
	unsigned door;
	struct digest_proof proof; /* views into body */
	struct bytes user, realm, response;
	bool has_verifier, is_right, is_outside, is_disabled;
	char label[STORE_APP_LABEL_MAX + 1]; /* is_right: of the application password; "" the account's */
	struct bytes address;
	uint16_t jid_n;
	size_t n;
	uint8_t *body;
	char jid[];
};

static int decode(struct check *c)
{
	struct wire w = wire_of(bytes_make(c->body, c->n));

	c->user = wire_str(&w);
	c->realm = wire_str(&w);
	uint8_t algorithm = wire_u8(&w);
	c->proof.has_qop = wire_u8(&w) != 0;
	c->proof.nonce = wire_str(&w);
	c->proof.nc = wire_str(&w);
	c->proof.cnonce = wire_str(&w);
	c->proof.uri = wire_str(&w);
	c->proof.method = wire_str(&w);
	c->response = wire_str(&w);
	c->is_outside = wire_u8(&w) != 0;
	c->address = wire_str(&w);
	if (wire_end(&w) || algorithm >= DIGEST_ALGORITHM_COUNT)
		return ERR_SYNTAX;
	c->proof.algorithm = (enum digest_algorithm)algorithm;
	return 0;
}

static void answer(struct im *im, unsigned door, uint32_t id, int rc, struct bytes jid, struct bytes label)
{
	struct chan *c = bus_chan(im->bus, PROG_LINE, door);
	struct buf *b = chan_begin(c, MSG_DIGEST_VERDICT, id);

	wire_put_u32(b, (uint32_t)rc);
	wire_put_str(b, jid);
	wire_put_str(b, label);
	(void)chan_end(c); /* a door that is gone has no client either */
}

/* For people who do not exist: the same work, and never right. */
static void fake(struct im *im, const struct check *c)
{
	struct digest_ha1 ha1 = { .n = c->proof.algorithm == DIGEST_SHA256 ? 32 : 16 };
	uint8_t out[EVP_MAX_MD_SIZE];

	if (HMAC(EVP_sha256(), im->secret.p, (int)im->secret.n, c->user.p, c->user.n, out, NULL))
		memcpy(ha1.p, out, ha1.n);
	(void)digest_is_right(&ha1, &c->proof, c->response);
}

static void log_failed(struct im *im, const struct check *c)
{
	uint32_t held = 0;

	if (log_limit_pass(&im->login_log, FAILED_LINES, loop_now(im->loop), &held))
		log_info("im.digest.failed", LOG_BYTES("user", c->user), LOG_BYTES("domain", c->realm),
			 LOG_STR("algorithm", digest_algorithm_name(c->proof.algorithm)),
			 LOG_STR("verifier", c->is_disabled ? "disabled" : c->is_right ? "outside" : c->has_verifier ? "known" : "none"), LOG_INT("suppressed", held));
}

static void check_free(struct im *im, struct check *c)
{
	im->digest_checks--;
	free(c->body);
	free(c);
}

/* The account's, and those of its application passwords: whose proof it is shows only when it fits. */
static void on_verifier(struct im *im, struct ask *a, struct wire *w)
{
	struct check *c = a->arg;
	struct digest_ha1 h;
	uint32_t rounds = wire_u32(w);
	struct bytes salt = wire_bytes(w), ha1 = wire_bytes(w), none = wire_bytes(w), label = wire_str(w);
	bool is_disabled = wire_u8(w);

	(void)im;
	if (wire_failed(w) || rounds || salt.n || none.n || ha1.n > sizeof h.p || label.n > STORE_APP_LABEL_MAX)
		return;
	h.n = (uint8_t)ha1.n;
	memcpy(h.p, ha1.p, ha1.n);
	bool is_right = digest_is_right(&h, &c->proof, c->response);
	secret_wipe(&h, sizeof h);
	c->has_verifier = true;
	c->is_disabled = is_disabled;
	if (!is_right || c->is_right)
		return;
	c->is_right = true;
	if (label.n)
		memcpy(c->label, label.p, label.n);
	c->label[label.n] = '\0';
}

/* As login_succeed: nobody outside learns that the account's password is right where it may not be used. */
static bool is_welcome(const struct im *im, const struct check *c)
{
	return c->is_right && !c->is_disabled && (!c->is_outside || policy_takes(im, c->realm, policy_password(c->label)));
}

static void on_looked_up(struct im *im, struct ask *a, int rc)
{
	struct check *c = a->arg;

	if (rc && rc != ERR_NOT_FOUND) {
		answer(im, c->door, c->id, rc, BYTES_NONE, BYTES_NONE);
		check_free(im, c);
		return;
	}
	if (!c->has_verifier)
		fake(im, c);
	bool is_ok = is_welcome(im, c);
	struct bytes jid = is_ok ? bytes_make(c->jid, c->jid_n) : BYTES_NONE;
	im_stats[is_ok ? STAT_DIGEST_OK : STAT_DIGEST_FAILED]++;
	if (!is_ok)
		log_failed(im, c);
	answer(im, c->door, c->id, is_ok ? 0 : ERR_AUTH, jid, is_ok ? bytes_of(c->label) : BYTES_NONE);
	/* Without a connection each request is proved anew: a registration is the use that counts. */
	if (is_ok && c->label[0] && bytes_eq_str(c->proof.method, "REGISTER"))
		app_password_used(im, jid, bytes_of(c->label), c->address);
	check_free(im, c);
}

/* The account that user and realm name; empty when nobody can have that name, or it is not as it is kept
 * (its HA1 is of the normalised name). */
static struct bytes account(struct im *im, struct bytes user, struct bytes realm)
{
	struct bytes local;
	struct jid j;

	if (!domain_of(im, realm) || jid_parse_local(user, &im->arena, &local) || !bytes_eq(local, user) ||
	    jid_make(local, realm, BYTES_NONE, &im->arena, &j))
		return BYTES_NONE;
	return j.full;
}

static struct check *check_new(struct im *im, const struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	struct bytes user = wire_str(&w), realm = wire_str(&w);
	struct bytes jid = wire_failed(&w) ? BYTES_NONE : account(im, user, realm);
	struct check *c = im->digest_checks < CHECKS_MAX ? calloc(1, sizeof *c + jid.n + 1) : NULL;
	uint8_t *body = c ? malloc(f->body.n + 1) : NULL;

	if (!body) {
		free(c);
		im_stats[STAT_NO_MEMORY]++;
		return NULL;
	}
	memcpy(body, f->body.p, f->body.n);
	if (jid.n)
		memcpy(c->jid, jid.p, jid.n);
	c->jid_n = (uint16_t)jid.n;
	c->body = body;
	c->n = f->body.n;
	c->id = f->id;
	c->door = chan_instance(from);
	im->digest_checks++;
	return c;
}

int digest_on_check(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;

	if (f->body.n > BODY_MAX_BYTES || !f->id)
		return ERR_PROTOCOL;
	struct check *c = check_new(im, from, f);
	arena_reset(&im->arena);
	if (!c) {
		answer(im, chan_instance(from), f->id, ERR_NOMEM, BYTES_NONE, BYTES_NONE);
		return 0;
	}
	if (decode(c)) {
		check_free(im, c);
		return ERR_SYNTAX;
	}
	/* A name that nobody has, and an algorithm that is off, cost a look-up too. */
	bool is_off = c->proof.algorithm == DIGEST_MD5 && !im->config.has_digest_md5;
	struct buf *b = ask_begin(im, STORE_AUTH_GET);
	wire_put_str(b, is_off ? BYTES_NONE : bytes_make(c->jid, c->jid_n));
	wire_put_u8(b, (uint8_t)(STORE_HASH_DIGEST + c->proof.algorithm));
	ask_send_free(im, on_verifier, on_looked_up, c, 0);
	return 0;
}
