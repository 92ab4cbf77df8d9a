#include "auth.h"

#include "base/err.h"
#include "base/random.h"
#include "base/secret.h"
#include "sip/digest.h"
#include "handed.h"
#include "registered.h"
#include "router.h"

#include <stdlib.h>

enum {
	NONCE_LIFETIME_MS = 300000, NONCES_MAX = 50000, CHECKS_MAX = 10000, CHECK_WAIT_MS = 10000, RETRY_S = 5, DRAIN_RETRY_S = 30,
	FAILED_LINES = 60, /* a minute */
};

enum { OFFER_SHA256, OFFER_BOTH, OFFER_MD5 }; /* places in the range of `line digest` */

/* RFC 7616 3.4: a count may not come twice, so a request that was overheard is of no use. */
struct used_nonce {
	struct list node;
	uint64_t at_ms;
	uint32_t nc;
	size_t n;
	char text[];
};

struct proved_flow {
	uint64_t flow;
	char app[STORE_APP_LABEL_MAX + 1];
	size_t n;
	char jid[];
};

/* ---- connections that have proved a user ---- */

static const struct proved_flow *proof_of(const struct line *l, uint64_t flow, struct bytes jid)
{
	const struct proved_flow *p = flow ? map_get_u64(&l->proved, flow) : NULL;

	return p && bytes_eq(jid, bytes_make(p->jid, p->n)) ? p : NULL;
}

bool auth_is_proved(const struct line *l, uint64_t flow, struct bytes jid)
{
	return proof_of(l, flow, jid) != NULL;
}

void auth_flow_gone(struct line *l, uint64_t flow)
{
	free(map_del_u64(&l->proved, flow));
}

static void remember_flow(struct line *l, const struct request *r)
{
	const struct bytes jid = request_jid(r);
	uint64_t flow = r->from.flow;

	if (!flow || auth_is_proved(l, flow, jid))
		return;
	auth_flow_gone(l, flow); /* another user: the last one counts */
	struct proved_flow *p = malloc(sizeof *p + jid.n);
	if (!p)
		return; /* then it is challenged again */
	p->flow = flow;
	p->n = jid.n;
	memcpy(p->jid, jid.p, jid.n);
	memcpy(p->app, r->app, sizeof p->app);
	if (map_add_u64(&l->proved, flow, p))
		free(p);
}

/* ---- nonces ---- */

static void nonce_forget(struct line *l, struct used_nonce *u)
{
	map_del(&l->nonces, bytes_make(u->text, u->n));
	list_del(&u->node);
	free(u);
}

/* Has this count been seen? Without one (no qop) a nonce serves once. */
static bool is_replayed(const struct line *l, struct bytes nonce, uint32_t nc)
{
	const struct used_nonce *u = map_get(&l->nonces, nonce);

	return u && (nc == 0 || nc <= u->nc);
}

static void nonce_used(struct line *l, struct bytes nonce, uint32_t nc, uint64_t now_ms)
{
	struct used_nonce *u = map_get(&l->nonces, nonce);

	if (u) {
		u->nc = nc ? nc : UINT32_MAX;
		return;
	}
	if (l->nonces.count >= NONCES_MAX)
		nonce_forget(l, LIST_OWNER(l->nonce_order.next, struct used_nonce, node));
	u = calloc(1, sizeof *u + nonce.n);
	if (!u)
		return;
	u->at_ms = now_ms;
	u->nc = nc ? nc : UINT32_MAX;
	u->n = nonce.n;
	memcpy(u->text, nonce.p, nonce.n);
	if (map_add(&l->nonces, bytes_make(u->text, u->n), u)) {
		free(u);
		return;
	}
	list_add_tail(&l->nonce_order, &u->node);
}

/* ---- challenging ---- */

static enum siphdr credentials_of(const struct request *r)
{
	return sipmsg_method(r->m) == SIPM_REGISTER ? SIPH_AUTHORIZATION : SIPH_PROXY_AUTHORIZATION;
}

static void put_challenge(struct request *r, struct sipmsg *m, enum digest_algorithm a, bool is_stale)
{
	struct line *l = r->line;
	enum siphdr h = credentials_of(r) == SIPH_AUTHORIZATION ? SIPH_WWW_AUTHENTICATE : SIPH_PROXY_AUTHENTICATE;
	char nonce[DIGEST_NONCE_CHARS + 1];
	const char *realm = arena_strdup(&l->arena, request_domain(r));
	struct buf b;

	if (!realm)
		return;
	digest_nonce_make(bytes_make(l->nonce_key, sizeof l->nonce_key), loop_now(l->loop), nonce);
	buf_init(&b, 2048);
	digest_challenge_put(&b, a, realm, nonce, is_stale);
	if (!buf_failed(&b))
		sipmsg_append(m, h, buf_bytes(&b));
	buf_fini(&b);
}

static void challenge(struct request *r, bool is_stale)
{
	struct line *l = r->line;
	unsigned status = credentials_of(r) == SIPH_AUTHORIZATION ? 401 : 407;
	struct sipmsg *m = request_response(r, status, NULL);

	if (!m)
		return;
	line_stats[STAT_CHALLENGED]++;
	unsigned which = settings_enum(l->settings, SET_LINE_DIGEST);
	if (which != OFFER_MD5) /* COMPAT: libre up to 1.1 (baresip 1.0) gives up when one is unknown to it */
		put_challenge(r, m, DIGEST_SHA256, is_stale);
	if (which != OFFER_SHA256)
		put_challenge(r, m, DIGEST_MD5, is_stale);
	request_respond(r, m);
}

/* Any place of credentials will do: some clients put the one where the other belongs. */
static bool find_credentials(struct request *r, struct digest_credentials *out)
{
	static const enum siphdr places[] = { SIPH_AUTHORIZATION, SIPH_PROXY_AUTHORIZATION };

	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < sipmsg_count(r->m, places[k]); i++)
			if (!digest_credentials_parse(sipmsg_value(r->m, places[k], i), &r->line->arena, out) &&
			    bytes_eq_nocase(out->realm, request_domain(r)))
				return true;
	return false;
}

/* ---- asking gh-im ---- */

static int ask(struct request *r, const struct digest_credentials *c)
{
	struct line *l = r->line;
	struct chan *im = bus_chan(l->bus, PROG_IM, 0);
	uint32_t id = bus_next_id(l->bus);
	char address[SIP_ADDR_TEXT_BYTES];

	if (!im)
		return ERR_AGAIN;
	if (l->checks.count >= CHECKS_MAX)
		return ERR_FULL;
	sip_sockaddr_text(&r->from.addr, address);
	struct buf *b = chan_begin(im, MSG_DIGEST_CHECK, id);
	wire_put_str(b, c->user);
	wire_put_str(b, request_domain(r));
	wire_put_u8(b, (uint8_t)c->proof.algorithm);
	wire_put_u8(b, c->proof.has_qop);
	wire_put_str(b, c->proof.nonce);
	wire_put_str(b, c->proof.nc);
	wire_put_str(b, c->proof.cnonce);
	wire_put_str(b, c->proof.uri);
	wire_put_str(b, sipmsg_method_text(r->m));
	wire_put_str(b, c->response);
	wire_put_u8(b, handed_of(l, r->from.flow) != NULL);
	wire_put_str(b, bytes_of(address));
	int rc = chan_end(im);
	if (rc)
		return rc;
	r->check_id = id;
	r->due_ms = loop_now(l->loop) + CHECK_WAIT_MS;
	return map_add_u64(&l->checks, id, r);
}

/* gh-im reads no more than 4 KB of it; what is longer can be right for nobody. */
static bool is_sane(const struct digest_credentials *c)
{
	return c->user.n + c->proof.nonce.n + c->proof.nc.n + c->proof.cnonce.n + c->proof.uri.n + c->response.n < 3000;
}

static void check(struct request *r, const struct digest_credentials *c)
{
	struct line *l = r->line;
	uint64_t now = loop_now(l->loop);
	struct bytes key = bytes_make(l->nonce_key, sizeof l->nonce_key);

	if (!is_sane(c) || c->proof.nonce.n >= sizeof r->nonce) {
		challenge(r, false);
		return;
	}
	if (digest_nonce_check(key, now, NONCE_LIFETIME_MS, c->proof.nonce) != DIGEST_NONCE_GOOD) {
		challenge(r, true); /* RFC 7616 3.3: with the same password */
		return;
	}
	if (is_replayed(l, c->proof.nonce, c->nc)) {
		line_stats[STAT_AUTH_REPLAYED]++;
		challenge(r, true);
		return;
	}
	memcpy(r->nonce, c->proof.nonce.p, c->proof.nonce.n);
	r->nonce[c->proof.nonce.n] = '\0';
	r->nc = c->nc;
	if (ask(r, c))
		request_later(r, RETRY_S);
	else
		list_add_tail(&l->check_order, &r->node);
}

/* M-21: who is in stays, until its turn comes to leave. */
static bool is_at_home(const struct request *r)
{
	const struct binding *b = location_of_source(&r->line->location, request_jid(r), &r->from);
	const struct binding_flow *f = b ? binding_flow_from(b, &r->from) : NULL;

	return f && !(f->is_drained && sipmsg_method(r->m) == SIPM_REGISTER);
}

void auth_begin(struct request *r)
{
	struct line *l = r->line;
	struct digest_credentials c;

	const struct proved_flow *proof = proof_of(l, r->from.flow, request_jid(r));
	if (proof) {
		memcpy(r->app, proof->app, sizeof r->app);
		router_proved(r);
		return;
	}
	if (!r->t) { /* an ACK cannot be challenged (RFC 3261 22.1): it must come from where its user registered */
		if (location_of_source(&l->location, request_jid(r), &r->from))
			router_proved(r);
		else
			request_free(r);
		return;
	}
	/* Its other flow, and whoever comes, finds another door of the domain. */
	if (l->is_draining && !is_at_home(r)) {
		line_stats[STAT_DRAINED]++;
		request_later(r, DRAIN_RETRY_S);
		return;
	}
	enum stranger_verdict v = stranger_asks(&l->strangers, &r->from.addr.any, loop_now(l->loop));
	if (v != STRANGER_WELCOME) {
		line_stats[v == STRANGER_PENALTY ? STAT_PENALTY : STAT_TOO_FAST]++;
		request_dismiss(r, v == STRANGER_PENALTY ? 403 : 503, v == STRANGER_PENALTY ? "penalty" : "rate");
		return;
	}
	if (!find_credentials(r, &c))
		challenge(r, false);
	else if (!bytes_eq(c.user, request_local(r))) /* nobody speaks for another */
		request_refuse(r, 403, NULL, "other-user");
	else
		check(r, &c);
}

/* ---- the verdict ---- */

static void failed(struct request *r)
{
	struct line *l = r->line;
	char address[SIP_ADDR_TEXT_BYTES];
	uint32_t held = 0;

	line_stats[STAT_AUTH_FAILED]++;
	sip_sockaddr_text(&r->from.addr, address);
	if (log_limit_pass(&l->refusals, FAILED_LINES, loop_now(l->loop), &held))
		log_info("line.auth.failed", LOG_BYTES("user", request_jid(r)), LOG_STR("address", address), LOG_INT("suppressed", held));
	if (stranger_failed(&l->strangers, &r->from.addr.any, loop_now(l->loop)))
		log_warn("line.auth.penalty", LOG_STR("address", address),
			 LOG_INT("seconds", settings_int(l->settings, SET_LINE_PENALTY)));
	challenge(r, false);
}

static void proved(struct request *r)
{
	struct line *l = r->line;

	/* Two with one count were asked about at a time: the second one comes too late. */
	if (is_replayed(l, bytes_of(r->nonce), r->nc)) {
		line_stats[STAT_AUTH_REPLAYED]++;
		challenge(r, true);
		return;
	}
	line_stats[STAT_AUTH_OK]++;
	nonce_used(l, bytes_of(r->nonce), r->nc, loop_now(l->loop));
	stranger_proved(&l->strangers, &r->from.addr.any);
	remember_flow(l, r);
	router_proved(r);
}

int auth_on_verdict(void *program, struct chan *from, const struct frame *f)
{
	struct line *l = program;
	struct wire w = wire_of(f->body);
	int rc = (int32_t)wire_u32(&w);
	struct bytes jid = wire_str(&w), label = wire_str(&w);
	struct request *r = map_del_u64(&l->checks, f->id);

	(void)from;
	arena_reset(&l->arena);
	if (wire_end(&w) || label.n > STORE_APP_LABEL_MAX)
		return ERR_SYNTAX;
	if (!r)
		return 0; /* it has waited too long */
	list_del(&r->node);
	if (label.n)
		memcpy(r->app, label.p, label.n);
	if (rc == ERR_AUTH || (!rc && !bytes_eq(jid, request_jid(r))))
		failed(r);
	else if (rc)
		request_later(r, RETRY_S);
	else
		proved(r);
	return 0;
}

/* Connections that it has proved must be proved anew, and registrations by it end. */
int auth_on_revoked(void *program, struct chan *from, const struct frame *f)
{
	struct line *l = program;
	struct wire w = wire_of(f->body);
	struct bytes jid = wire_str(&w), label = wire_str(&w);
	size_t at = 0;

	(void)from;
	if (wire_end(&w))
		return ERR_SYNTAX;
	for (struct proved_flow *p; (p = map_next(&l->proved, &at));)
		if (bytes_eq(jid, bytes_make(p->jid, p->n)) && registered_is_by(p->app, label))
			p->n = 0; /* nobody's */
	registered_end(l, jid, label);
	return 0;
}

static void give_up(struct line *l, struct request *r)
{
	map_del_u64(&l->checks, r->check_id);
	list_del(&r->node);
	request_later(r, RETRY_S);
}

void auth_im_down(struct line *l)
{
	while (!list_is_empty(&l->check_order))
		give_up(l, LIST_OWNER(l->check_order.next, struct request, node));
}

void auth_second(struct line *l, uint64_t now_ms)
{
	while (!list_is_empty(&l->check_order)) {
		struct request *r = LIST_OWNER(l->check_order.next, struct request, node);
		if (r->due_ms > now_ms)
			break;
		give_up(l, r);
	}
	while (!list_is_empty(&l->nonce_order)) {
		struct used_nonce *u = LIST_OWNER(l->nonce_order.next, struct used_nonce, node);
		if (now_ms - u->at_ms <= NONCE_LIFETIME_MS)
			break;
		nonce_forget(l, u);
	}
}

void auth_init(struct line *l)
{
	random_bytes(l->nonce_key, sizeof l->nonce_key);
	list_init(&l->nonce_order);
	list_init(&l->check_order);
}
