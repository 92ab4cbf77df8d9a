/* Requests of an order: a nonce, a signature of gh-keys, a POST; and again when the nonce was not good any more. */
#include "acme.h"

#include "base/err.h"
#include "base/log.h"

#include <stdio.h>

enum { TIMEOUT_MS = 30000, BAD_NONCE_TRIES = 5, ANSWER_MS = 20000, PAYLOAD_MAX = 32 << 10 };

void acme_request_forget(struct acme *a)
{
	fetch_cancel(a->fetch);
	a->fetch = NULL;
	a->ask_id = 0;
	buf_fini(&a->payload);
	buf_fini(&a->input);
}

static void start(struct acme *a, const struct fetch_ask *ask, fetch_fn fn)
{
	a->requests_n++;
	a->fetch = fetch_start(a->fetcher, ask, fn, a);
	if (!a->fetch)
		acme_fail(a, err_text(ERR_NOMEM), 0);
}

/* Each answer may bring the nonce of the next request (RFC 8555 6.5). */
static void take_nonce(struct acme *a, const struct fetch_answer *answer)
{
	struct bytes nonce = fetch_field(answer, "replay-nonce");
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	a->nonce[0] = '\0';
	if (nonce.n == 0 || nonce.n >= sizeof a->nonce)
		return;
	memcpy(a->nonce, nonce.p, nonce.n);
	a->nonce[nonce.n] = '\0';
	if (strspn(a->nonce, letters) != nonce.n)
		a->nonce[0] = '\0';
}

static int64_t retry_after(struct acme *a, const struct fetch_answer *answer)
{
	return fetch_retry_after_s(answer, (int64_t)(loop_wall_ms(a->loop) / 1000));
}

/* The connection or its proof failed, or the server has no answer for us. */
static bool has_failed(struct acme *a, const struct fetch_answer *answer)
{
	struct acme_problem p;

	if (answer->rc) {
		acme_fail(a, answer->why, 0);
		return true;
	}
	if (answer->status < 400)
		return false;
	acme_read_problem(answer->body, &p);
	acme_refused(a, answer->status, &p, retry_after(a, answer));
	return true;
}

static void on_got(void *arg, const struct fetch_answer *answer)
{
	struct acme *a = arg;

	a->fetch = NULL;
	take_nonce(a, answer);
	if (!has_failed(a, answer))
		acme_answered(a, answer);
}

void acme_get(struct acme *a, const char *url)
{
	struct fetch_ask ask = { .method = FETCH_GET, .url = bytes_of(url), .accept = "application/json", .max_bytes = ACME_BODY_MAX,
				 .timeout_ms = TIMEOUT_MS };

	start(a, &ask, on_got);
}

/* ---- signed ---- */

static void sign(struct acme *a);

static bool is_bad_nonce(const struct fetch_answer *answer)
{
	struct acme_problem p;

	if (answer->rc || answer->status != 400)
		return false;
	acme_read_problem(answer->body, &p);
	return strcmp(p.type, "badNonce") == 0;
}

static void on_posted(void *arg, const struct fetch_answer *answer)
{
	struct acme *a = arg;

	a->fetch = NULL;
	take_nonce(a, answer);
	if (is_bad_nonce(answer) && a->tries++ < BAD_NONCE_TRIES) {
		a->bad_nonces_n++;
		sign(a);
	} else if (!has_failed(a, answer)) {
		acme_answered(a, answer);
	}
}

static void on_nonce(void *arg, const struct fetch_answer *answer)
{
	struct acme *a = arg;

	a->fetch = NULL;
	take_nonce(a, answer);
	if (has_failed(a, answer))
		return;
	if (a->nonce[0])
		sign(a);
	else
		acme_fail(a, "the authority gives no nonce", 0);
}

static void post(struct acme *a, struct bytes signature)
{
	struct fetch_ask ask = { .method = FETCH_POST, .url = bytes_of(a->url), .content_type = "application/jose+json",
				 .accept = a->step == STEP_CHAIN ? "application/pem-certificate-chain" : "application/json",
				 .max_bytes = ACME_BODY_MAX, .timeout_ms = TIMEOUT_MS };
	struct buf body;

	buf_init(&body, ACME_DATA_MAX);
	acme_jws_put(buf_bytes(&a->input), signature, &body);
	ask.body = buf_bytes(&body);
	if (buf_failed(&body))
		acme_fail(a, err_text(ERR_LIMIT), 0);
	else
		start(a, &ask, on_posted);
	buf_fini(&body);
}

/* Takes the nonce. */
static void sign(struct acme *a)
{
	const struct acme_header h = { .kid = a->has_jwk ? NULL : a->kid, .nonce = a->nonce, .url = a->url, .key = &a->key };

	if (!a->nonce[0]) {
		struct fetch_ask ask = { .method = FETCH_HEAD, .url = bytes_of(a->directory.new_nonce), .timeout_ms = TIMEOUT_MS };
		start(a, &ask, on_nonce);
		return;
	}
	buf_fini(&a->input);
	buf_init(&a->input, ACME_DATA_MAX);
	int rc = acme_jws_input(&h, buf_bytes(&a->payload), &a->input);
	a->nonce[0] = '\0';
	if (rc) {
		acme_fail(a, err_text(rc), 0);
		return;
	}
	wire_put_bytes(acme_ask(a, ACME_SIGN), buf_bytes(&a->input));
	acme_ask_end(a);
}

void acme_post(struct acme *a, const char *url, struct bytes payload, bool has_jwk)
{
	(void)snprintf(a->url, sizeof a->url, "%s", url);
	a->has_jwk = has_jwk;
	a->tries = 0;
	buf_fini(&a->payload);
	buf_init(&a->payload, PAYLOAD_MAX);
	buf_put_bytes(&a->payload, payload);
	if (buf_failed(&a->payload))
		acme_fail(a, err_text(ERR_LIMIT), 0);
	else
		sign(a);
}

/* ---- gh-keys ---- */

struct buf *acme_ask(struct acme *a, enum acme_op op)
{
	a->ask_id = bus_next_id(a->bus);
	struct buf *b = chan_begin(bus_chan(a->bus, PROG_KEYS, 0), MSG_ACME_ASK, a->ask_id);
	wire_put_u8(b, op);
	return b;
}

void acme_ask_end(struct acme *a)
{
	if (chan_end(bus_chan(a->bus, PROG_KEYS, 0)) == 0 && loop_timer_set(a->loop, &a->wait, ANSWER_MS) == 0)
		return;
	a->ask_id = 0;
	acme_fail(a, "gh-keys cannot be reached", ACME_SOON);
}

static bool is_signing(const struct acme *a)
{
	return a->step != STEP_KEY && a->step != STEP_BIND && a->step != STEP_REQUEST;
}

int acme_on_answer(struct acme *a, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	int rc = (int)wire_u32(&w);
	struct bytes why = wire_str(&w);
	char text[160];

	if (wire_failed(&w))
		return ERR_PROTOCOL;
	if (f->id != a->ask_id)
		return 0; /* of an order that has ended */
	a->ask_id = 0;
	loop_timer_del(a->loop, &a->wait);
	(void)snprintf(text, sizeof text, "gh-keys: %.*s", (int)(why.n < 140 ? why.n : 140), (const char *)why.p);
	if (rc) {
		acme_fail(a, text, 0);
		return 0;
	}
	if (!is_signing(a)) {
		acme_asked(a, &w);
		return 0;
	}
	struct bytes signature = wire_bytes(&w);
	if (wire_end(&w) || signature.n != ACME_SIGNATURE_BYTES)
		return ERR_PROTOCOL;
	post(a, signature);
	return 0;
}
