/* One order, step by step. Each step asks something; what comes back decides the next. */
#include "acme.h"

#include "base/err.h"
#include "base/log.h"
#include "chain.h"

#include <stdio.h>

enum { ORDER_MS = 600000, POLL_S = 2, POLL_MAX_S = 60, KEEP_AGAIN_MS = 10000, KEEP_MS = 60000, BINDING_MAX = 8 << 10, REQUEST_MAX = 64 << 10 };

const char *const acme_step_names[STEP_COUNT] = {
	"none",	    "directory",   "account-key", "binding",  "account",    "order", "authorization", "challenge",
	"validation", "ready", "request",     "finalize", "processing", "chain", "keep",
};

static void go(struct acme *a, enum acme_step step);

/* ---- ends ---- */

void acme_abort(struct acme *a)
{
	acme_request_forget(a);
	loop_timer_del(a->loop, &a->wait);
	loop_timer_del(a->loop, &a->deadline);
	door_forget(a->door);
	buf_fini(&a->binding);
	buf_fini(&a->request);
	buf_fini(&a->chain);
	a->step = STEP_NONE;
	a->certificate = NULL;
}

void acme_fail(struct acme *a, const char *why, int64_t retry_s)
{
	acme_ended(a, why, retry_s);
}

/* What the authority's words mean for who has to act. */
static const struct {
	const char *type, *hint;
} hints[] = {
	{ "rateLimited", "the authority limits how often it may be asked" },
	{ "unauthorized", "the authority refuses: it found no proof of the name, or the account is closed "
			  "(key delete acme-account makes a new one)" },
	{ "externalAccountRequired", "the authority wants acme external-account id and key" },
	{ "userActionRequired", "the authority wants you to agree to new terms" },
	{ "accountDoesNotExist", "the authority does not know the account" },
	{ "rejectedIdentifier", "the authority gives no certificate for this name" },
	{ "caa", "the name's CAA records (RFC 8659) forbid this authority" },
	{ "dns", "the authority cannot look the name up" },
	{ "connection", "the authority cannot reach this box by the name: acme listen at port 80, or acme listen-tls at port 443" },
	{ "incorrectResponse", "who answers at the name is not this box" },
	{ "tls", "TLS to this box failed: something else may be at port 443" },
	{ "badCSR", "the authority refuses this kind of key or request" },
	{ "invalidContact", "the authority refuses acme contact" },
	{ "unsupportedContact", "the authority refuses acme contact" },
	{ "serverInternal", "the authority has trouble of its own" },
};

static void put_words(char out[static ACME_WHY_BYTES], const char *about, unsigned status, const struct acme_problem *p)
{
	const char *hint = "the authority refuses";

	for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
		if (strcmp(p->type, hints[i].type) == 0)
			hint = hints[i].hint;
	}
	if (p->type[0])
		(void)snprintf(out, ACME_WHY_BYTES, "%.80s%s%s (%.40s: %.160s)", about, about[0] ? ": " : "", hint, p->type, p->detail);
	else
		(void)snprintf(out, ACME_WHY_BYTES, "%.80s%s%s (HTTP status %u)", about, about[0] ? ": " : "", hint, status);
}

void acme_refused(struct acme *a, unsigned status, const struct acme_problem *p, int64_t retry_s)
{
	char why[ACME_WHY_BYTES];

	if (strcmp(p->type, "accountDoesNotExist") == 0 && !a->is_account_renewed && a->step != STEP_ACCOUNT) {
		a->is_account_renewed = true;
		a->kid[0] = '\0';
		go(a, STEP_BIND);
		return;
	}
	/* RFC 9773 5: it was replaced already, or is none of theirs: an order like any other then */
	if (a->step == STEP_ORDER && a->has_replaced && status < 500 && strcmp(p->type, "rateLimited") != 0) {
		a->certificate->is_replaced = true;
		go(a, STEP_ORDER);
		return;
	}
	put_words(why, p->about, status, p);
	acme_fail(a, why, retry_s);
}

/* ---- the authority and our account ---- */

static void enter_directory(struct acme *a)
{
	acme_get(a, a->config.directory);
}

static void on_directory(struct acme *a, const struct fetch_answer *answer)
{
	if (acme_read_directory(answer->body, &a->directory))
		acme_fail(a, "at acme directory is no directory of an ACME server", 0);
	else
		go(a, STEP_KEY);
}

static void enter_key(struct acme *a)
{
	(void)acme_ask(a, ACME_ACCOUNT);
	acme_ask_end(a);
}

static void on_key(struct acme *a, struct wire *w)
{
	struct bytes x = wire_bytes(w), y = wire_bytes(w);
	struct acme_key key;

	if (wire_end(w) || x.n != sizeof key.x || y.n != sizeof key.y) {
		acme_fail(a, "gh-keys gave no key", 0);
		return;
	}
	memcpy(key.x, x.p, x.n);
	memcpy(key.y, y.p, y.n);
	if (memcmp(&key, &a->key, sizeof key) != 0)
		a->kid[0] = '\0';
	a->key = key;
	go(a, STEP_BIND);
}

/* RFC 8555 7.3.4: the account's key, under the authority's own. */
static void enter_bind(struct acme *a)
{
	const struct acme_header h = { .kid = a->config.bind_id, .url = a->directory.new_account };
	struct buf jwk;

	buf_fini(&a->binding);
	if (a->kid[0] || !a->config.bind_id[0]) {
		go(a, STEP_ACCOUNT);
		return;
	}
	buf_init(&jwk, 256);
	buf_init(&a->binding, BINDING_MAX);
	acme_jwk(&a->key, &jwk);
	int rc = buf_failed(&jwk) ? ERR_NOMEM : acme_jws_input(&h, buf_bytes(&jwk), &a->binding);
	buf_fini(&jwk);
	if (rc) {
		acme_fail(a, err_text(rc), 0);
		return;
	}
	wire_put_bytes(acme_ask(a, ACME_BIND), buf_bytes(&a->binding));
	acme_ask_end(a);
}

static void on_bound(struct acme *a, struct wire *w)
{
	struct bytes mac = wire_bytes(w);
	struct buf whole;

	if (wire_end(w) || mac.n != ACME_MAC_BYTES) {
		acme_fail(a, "gh-keys gave no MAC", 0);
		return;
	}
	buf_init(&whole, BINDING_MAX);
	acme_jws_put(buf_bytes(&a->binding), mac, &whole);
	buf_fini(&a->binding);
	a->binding = whole;
	go(a, STEP_ACCOUNT);
}

static void enter_account(struct acme *a)
{
	char why[ACME_WHY_BYTES];
	struct buf payload;

	if (a->kid[0]) {
		go(a, STEP_ORDER);
		return;
	}
	if (a->directory.terms[0] && !a->config.is_agreed) {
		(void)snprintf(why, sizeof why, "the authority has terms of service: read %.200s, then set acme terms-agreed on", a->directory.terms);
		acme_fail(a, why, 0);
		return;
	}
	if (a->directory.wants_binding && !a->config.bind_id[0]) {
		acme_fail(a, "the authority wants acme external-account id and key", 0);
		return;
	}
	buf_init(&payload, BINDING_MAX * 2);
	int rc = buf_failed(&a->binding) ? ERR_LIMIT : acme_put_new_account(a->config.contact, a->config.is_agreed, buf_bytes(&a->binding), &payload);
	if (rc)
		acme_fail(a, err_text(rc), 0);
	else
		acme_post(a, a->directory.new_account, buf_bytes(&payload), true);
	buf_fini(&payload);
}

/* The URL that the answer's object has from now on. */
static bool take_location(const struct fetch_answer *answer, char out[static ACME_URL_MAX + 1])
{
	struct bytes at = fetch_field(answer, "location");

	if (at.n == 0 || at.n > ACME_URL_MAX)
		return false;
	memcpy(out, at.p, at.n);
	out[at.n] = '\0';
	return true;
}

static void on_account(struct acme *a, const struct fetch_answer *answer)
{
	enum acme_status status;

	if (acme_read_account(answer->body, &status) || !take_location(answer, a->kid)) {
		a->kid[0] = '\0';
		acme_fail(a, "the authority's answer about the account cannot be read", 0);
	} else if (status != ACME_VALID) {
		a->kid[0] = '\0';
		acme_fail(a, "the authority has closed the account: key delete acme-account makes a new one", 0);
	} else {
		log_info("acme.account", LOG_STR("url", a->kid));
		go(a, STEP_ORDER);
	}
}

/* ---- the order ---- */

static void enter_order(struct acme *a)
{
	const struct acme_names *names = &a->certificate->names;
	const char *all[ACME_NAMES_MAX];
	struct buf payload;

	for (size_t i = 0; i < names->n; i++)
		all[i] = names->v[i];
	buf_init(&payload, 16 << 10);
	a->has_replaced = a->directory.renewal_info[0] && a->certificate->id[0] && !a->certificate->is_replaced;
	int rc = acme_put_new_order(all, names->n, a->has_replaced ? a->certificate->id : NULL, &payload);
	if (rc)
		acme_fail(a, err_text(rc), 0);
	else
		acme_post(a, a->directory.new_order, buf_bytes(&payload), false);
	buf_fini(&payload);
}

/* An order that has an error of its own is over. */
static bool take_order(struct acme *a, const struct fetch_answer *answer)
{
	char why[ACME_WHY_BYTES];

	if (acme_read_order(answer->body, &a->order)) {
		acme_fail(a, "the authority's answer about the order cannot be read", 0);
		return false;
	}
	if (a->order.status != ACME_INVALID)
		return true;
	put_words(why, a->order.error.about, answer->status, &a->order.error);
	acme_fail(a, why, 0);
	return false;
}

static void on_order(struct acme *a, const struct fetch_answer *answer)
{
	if (!take_order(a, answer))
		return;
	if (!take_location(answer, a->order_url)) {
		acme_fail(a, "the authority does not say where the order is", 0);
		return;
	}
	a->at = 0;
	go(a, STEP_AUTHORIZATION);
}

static void enter_authorization(struct acme *a)
{
	if (a->at == a->order.n)
		go(a, STEP_WAIT_READY);
	else
		acme_post(a, a->order.authorizations[a->at], BYTES_NONE, false);
}

static bool is_wanted(const struct acme *a, const char *name)
{
	for (size_t i = 0; i < a->certificate->names.n; i++) {
		if (bytes_eq_nocase(bytes_of(a->certificate->names.v[i]), bytes_of(name)))
			return true;
	}
	return false;
}

/* 0: goes on with the challenge; 1: this name is proved; else it has failed. */
static int judge_authorization(struct acme *a, const struct fetch_answer *answer)
{
	struct acme_authorization *z = &a->authorization;
	char why[ACME_WHY_BYTES];

	if (acme_read_authorization(answer->body, a->config.challenge, z) || !is_wanted(a, z->name)) {
		acme_fail(a, "the authority's answer about a name cannot be read, or is about another name", 0);
		return -1;
	}
	if (z->status == ACME_VALID)
		return 1;
	if (z->status == ACME_PENDING && z->url[0])
		return 0;
	if (z->status == ACME_PENDING)
		(void)snprintf(why, sizeof why, "%.100s: the authority does not offer %s", z->name, a->config.challenge);
	else if (z->error.type[0])
		put_words(why, z->name, answer->status, &z->error);
	else
		(void)snprintf(why, sizeof why, "%.100s: the authority says that the proof is %s", z->name, acme_status_name(z->status));
	acme_fail(a, why, 0);
	return -1;
}

static void next_authorization(struct acme *a)
{
	door_forget(a->door);
	a->at++;
	go(a, STEP_AUTHORIZATION);
}

static void on_authorization(struct acme *a, const struct fetch_answer *answer)
{
	int verdict = judge_authorization(a, answer);

	if (verdict == 1)
		next_authorization(a);
	else if (verdict == 0)
		go(a, a->authorization.challenge_status == ACME_PENDING ? STEP_CHALLENGE : STEP_WAIT_AUTHORIZATION);
}

/* RFC 8555 8.1: the answer is there before the authority is told to look. */
static void enter_challenge(struct acme *a)
{
	const struct acme_authorization *z = &a->authorization;
	char thumb[ACME_THUMBPRINT_BYTES], answer[DOOR_ANSWER_MAX];
	int rc = acme_thumbprint(&a->key, thumb);

	(void)snprintf(answer, sizeof answer, "%s.%s", z->token, rc ? "" : thumb);
	if (!rc && strcmp(a->config.challenge, "tls-alpn-01") == 0)
		rc = door_prove_tls(a->door, z->name, answer);
	else if (!rc)
		door_prove_http(a->door, z->token, answer);
	if (rc)
		acme_fail(a, err_text(rc), 0);
	else
		acme_post(a, z->url, BYTES("{}"), false);
}

static void on_challenge(struct acme *a, const struct fetch_answer *answer)
{
	(void)answer; /* the authorization has all that counts */
	go(a, STEP_WAIT_AUTHORIZATION);
}

/* ---- waiting ---- */

static void poll_later(struct acme *a, const struct fetch_answer *answer)
{
	int64_t s = answer ? fetch_retry_after_s(answer, (int64_t)(loop_wall_ms(a->loop) / 1000)) : 1;

	s = s <= 0 ? POLL_S : s > POLL_MAX_S ? POLL_MAX_S : s;
	if (loop_timer_set(a->loop, &a->wait, (uint64_t)s * 1000))
		acme_fail(a, err_text(ERR_NOMEM), 0);
}

static void enter_wait(struct acme *a)
{
	poll_later(a, NULL);
}

static void on_wait_authorization(struct acme *a, const struct fetch_answer *answer)
{
	int verdict = judge_authorization(a, answer);

	if (verdict == 1)
		next_authorization(a);
	else if (verdict == 0)
		poll_later(a, answer);
}

static void enter_wait_ready(struct acme *a)
{
	acme_post(a, a->order_url, BYTES_NONE, false);
}

static void on_wait_ready(struct acme *a, const struct fetch_answer *answer)
{
	if (!take_order(a, answer))
		return;
	if (a->order.status == ACME_READY)
		go(a, STEP_REQUEST);
	else if (a->order.status == ACME_VALID && a->order.certificate[0]) /* the authority had one of the same names */
		go(a, STEP_CHAIN);
	else
		poll_later(a, answer);
}

static void chain_or_wait(struct acme *a, const struct fetch_answer *answer)
{
	if (!take_order(a, answer))
		return;
	if (a->order.status == ACME_VALID && a->order.certificate[0])
		go(a, STEP_CHAIN);
	else if (a->step == STEP_WAIT_ORDER)
		poll_later(a, answer);
	else
		go(a, STEP_WAIT_ORDER);
}

/* ---- the certificate ---- */

static void enter_request(struct acme *a)
{
	const struct acme_certificate *c = a->certificate;
	struct buf *b = acme_ask(a, ACME_REQUEST);

	wire_put_str(b, bytes_of(c->name));
	wire_put_str(b, bytes_of(c->key_type));
	wire_put_u16(b, (uint16_t)c->names.n);
	for (size_t i = 0; i < c->names.n; i++)
		wire_put_str(b, bytes_of(c->names.v[i]));
	acme_ask_end(a);
}

static void on_request(struct acme *a, struct wire *w)
{
	struct bytes der = wire_bytes(w);

	buf_fini(&a->request);
	buf_init(&a->request, REQUEST_MAX);
	acme_put_finalize(der, &a->request);
	if (wire_end(w) || der.n == 0 || buf_failed(&a->request))
		acme_fail(a, "gh-keys gave no certificate request", 0);
	else
		go(a, STEP_FINALIZE);
}

static void enter_finalize(struct acme *a)
{
	acme_post(a, a->order.finalize, buf_bytes(&a->request), false);
}

static void enter_chain(struct acme *a)
{
	acme_post(a, a->order.certificate, BYTES_NONE, false);
}

/* Is it what was ordered? Then only is it put in the place of what runs. */
static const char *judge_chain(const struct acme *a, struct bytes pem)
{
	int64_t now_s = (int64_t)(loop_wall_ms(a->loop) / 1000);
	struct chain_about about;

	if (chain_read(pem, &about))
		return "what the authority gave is no certificate";
	if (about.until_s <= now_s || chain_renewal_s(&about) <= now_s)
		return "the certificate would be over, or due, at once: is the clock of this box right?";
	for (size_t i = 0; i < a->certificate->names.n; i++) {
		if (!chain_covers(pem, a->certificate->names.v[i]))
			return "the certificate does not have all names that were ordered";
	}
	return NULL;
}

static void on_chain(struct acme *a, const struct fetch_answer *answer)
{
	const char *why = judge_chain(a, answer->body);

	if (why) {
		acme_fail(a, why, 0);
		return;
	}
	buf_fini(&a->chain);
	buf_init(&a->chain, ACME_BODY_MAX);
	buf_put_bytes(&a->chain, answer->body);
	loop_timer_del(a->loop, &a->deadline); /* a commit that waits for its confirmation may take long */
	go(a, STEP_KEEP);
}

static void enter_keep(struct acme *a)
{
	struct chan *to = bus_chan(a->bus, PROG_CONF, 0);

	a->ask_id = bus_next_id(a->bus);
	struct buf *b = chan_begin(to, MSG_ACME_CHAIN, a->ask_id);
	wire_put_str(b, bytes_of(a->certificate->name));
	wire_put_bytes(b, buf_bytes(&a->chain));
	if (chan_end(to) < 0)
		a->ask_id = 0;
	(void)loop_timer_set(a->loop, &a->wait, a->ask_id ? KEEP_MS : KEEP_AGAIN_MS); /* it had room before */
}

int acme_on_kept(struct acme *a, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	int rc = (int)wire_u32(&w);
	struct bytes why = wire_str(&w);
	char text[ACME_WHY_BYTES];

	if (wire_end(&w))
		return ERR_PROTOCOL;
	if (f->id != a->ask_id || a->step != STEP_KEEP)
		return 0; /* of an order that has ended */
	a->ask_id = 0;
	if (rc == ERR_AGAIN || rc == ERR_BAD_STATE) {
		(void)snprintf(a->certificate->why, sizeof a->certificate->why, "the new chain is here and waits: %.*s",
			       (int)(why.n < 300 ? why.n : 300), (const char *)why.p);
		(void)loop_timer_set(a->loop, &a->wait, KEEP_AGAIN_MS); /* it had room before */
		return 0;
	}
	(void)snprintf(text, sizeof text, "the settings do not take it: %.*s", (int)(why.n < 300 ? why.n : 300), (const char *)why.p);
	acme_ended(a, rc ? text : NULL, 0);
	return 0;
}

/* ---- the steps ---- */

static const struct {
	void (*enter)(struct acme *a);
	void (*answered)(struct acme *a, const struct fetch_answer *answer); /* by the authority */
	void (*asked)(struct acme *a, struct wire *w);                      /* by gh-keys */
	void (*waited)(struct acme *a);
} steps[STEP_COUNT] = {
	[STEP_DIRECTORY] = { enter_directory, on_directory, NULL, NULL },
	[STEP_KEY] = { enter_key, NULL, on_key, NULL },
	[STEP_BIND] = { enter_bind, NULL, on_bound, NULL },
	[STEP_ACCOUNT] = { enter_account, on_account, NULL, NULL },
	[STEP_ORDER] = { enter_order, on_order, NULL, NULL },
	[STEP_AUTHORIZATION] = { enter_authorization, on_authorization, NULL, NULL },
	[STEP_CHALLENGE] = { enter_challenge, on_challenge, NULL, NULL },
	[STEP_WAIT_AUTHORIZATION] = { enter_wait, on_wait_authorization, NULL, enter_authorization },
	[STEP_WAIT_READY] = { enter_wait_ready, on_wait_ready, NULL, enter_wait_ready },
	[STEP_REQUEST] = { enter_request, NULL, on_request, NULL },
	[STEP_FINALIZE] = { enter_finalize, chain_or_wait, NULL, NULL },
	[STEP_WAIT_ORDER] = { enter_wait, chain_or_wait, NULL, enter_wait_ready },
	[STEP_CHAIN] = { enter_chain, on_chain, NULL, NULL },
	[STEP_KEEP] = { enter_keep, NULL, NULL, enter_keep },
};

static void go(struct acme *a, enum acme_step step)
{
	log_debug("acme.step", LOG_STR("certificate", a->certificate->name), LOG_STR("step", acme_step_names[step]));
	a->step = step;
	steps[step].enter(a);
}

void acme_answered(struct acme *a, const struct fetch_answer *answer)
{
	if (steps[a->step].answered)
		steps[a->step].answered(a, answer);
}

void acme_asked(struct acme *a, struct wire *w)
{
	if (steps[a->step].asked)
		steps[a->step].asked(a, w);
}

/* gh-keys was silent, or a wait is over. */
static void on_wait(void *arg)
{
	struct acme *a = arg;

	if (a->step == STEP_NONE)
		return;
	if (a->ask_id && a->step != STEP_KEEP) {
		a->ask_id = 0;
		acme_fail(a, "gh-keys does not answer", ACME_SOON);
	} else if (steps[a->step].waited) {
		steps[a->step].waited(a);
	}
}

static void on_deadline(void *arg)
{
	struct acme *a = arg;
	char why[ACME_WHY_BYTES];

	(void)snprintf(why, sizeof why, "the authority did not finish in time: step %s", acme_step_names[a->step]);
	acme_fail(a, why, 0);
}

void acme_begin(struct acme *a, struct acme_certificate *c)
{
	a->certificate = c;
	a->is_account_renewed = false;
	a->nonce[0] = '\0'; /* an old one may be forgotten by now */
	loop_timer_init(&a->wait, on_wait, a);
	loop_timer_init(&a->deadline, on_deadline, a);
	c->tried_s = (int64_t)(loop_wall_ms(a->loop) / 1000);
	log_info("acme.ordering", LOG_STR("certificate", c->name), LOG_INT("names", c->names.n));
	if (loop_timer_set(a->loop, &a->deadline, ORDER_MS))
		acme_fail(a, err_text(ERR_NOMEM), 0);
	else
		go(a, STEP_DIRECTORY);
}

void acme_down(struct acme *a, enum prog p)
{
	if (!a->ask_id || (p == PROG_CONF) != (a->step == STEP_KEEP))
		return;
	a->ask_id = 0;
	if (p == PROG_KEYS)
		acme_fail(a, "gh-keys has ended before it answered", ACME_SOON);
	else
		(void)loop_timer_set(a->loop, &a->wait, KEEP_AGAIN_MS); /* it had room before */
}
