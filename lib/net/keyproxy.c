#include "net/keyproxy.h"

#include "base/err.h"
#include "base/map.h"
#include "net/keyproxy_provider.h"

#include <openssl/async.h>
#include <stdlib.h>

enum {
	KEYPROXY_WAIT_MS = 5000, /* longest wait for an answer, gh-keys' restart counted in */
	KEYPROXY_RETRY_MS = 100, /* how often we look whether it is back */
};

/* One signature that waits. It lives on the stack of its job. */
struct waiting {
	struct list node;
	uint32_t id; /* 0: not sent yet, gh-keys is away */
	const struct keyproxy_request *request;
	struct loop_timer timer;
	struct keyproxy *owner;
	ASYNC_WAIT_CTX *job; /* NULL: outside a job, the caller blocks */
	bool is_done;
	int rc;
	size_t n;
	uint8_t *out;
};

struct keyproxy {
	struct keyproxy_signer signer; /* first: the provider knows us by it */
	struct loop *loop;
	struct bus *bus;
	struct map by_id;
	struct list all;   /* of struct waiting, oldest first */
	struct list turns; /* of struct keyproxy_turn */
	struct loop_timer retry; /* set while something is not sent */
	OSSL_PROVIDER *provider;
};

/* ---- asking ---- */

static int send_request(struct keyproxy *k, struct waiting *w)
{
	const struct keyproxy_request *r = w->request;
	struct chan *c = bus_chan(k->bus, PROG_KEYS, 0);

	if (!c)
		return ERR_CLOSED;
	uint32_t id = bus_next_id(k->bus);
	int rc = map_add_u64(&k->by_id, id, w);
	if (rc)
		return rc;
	struct buf *b = chan_begin(c, MSG_KEY_SIGN, id);
	wire_put_str(b, bytes_of(r->name));
	wire_put_str(b, bytes_of(r->digest));
	wire_put_u8(b, r->padding);
	wire_put_u8(b, r->salt_len);
	wire_put_bytes(b, r->data);
	rc = chan_end(c);
	if (rc)
		(void)map_del_u64(&k->by_id, id);
	else
		w->id = id;
	return rc;
}

static void forget(struct waiting *w)
{
	if (w->id)
		(void)map_del_u64(&w->owner->by_id, w->id);
	w->id = 0;
	list_del(&w->node);
	loop_timer_del(w->owner->loop, &w->timer);
}

/* Sends what waits for gh-keys; while it is away, comes back for it. */
static void send_unsent(void *arg)
{
	struct keyproxy *k = arg;
	bool is_left = false;

	LIST_EACH (it, &k->all) {
		struct waiting *w = LIST_OWNER(it, struct waiting, node);
		is_left |= !w->id && send_request(k, w);
	}
	if (is_left)
		(void)loop_timer_set(k->loop, &k->retry, KEYPROXY_RETRY_MS); /* else its own timer ends it */
}

/* After this w is gone: its job has run on. */
static void finish(struct waiting *w, int rc)
{
	struct keyproxy *k = w->owner;
	ASYNC_callback_fn fn = NULL;
	void *arg = NULL;

	forget(w);
	w->rc = rc;
	w->is_done = true;
	if (!w->job || ASYNC_WAIT_CTX_get_callback(w->job, &fn, &arg) != 1 || !fn)
		return;
	(void)fn(arg); /* tls resumes the handshake; its result is the link's business */
	if (list_is_empty(&k->turns))
		return;
	struct keyproxy_turn *t = LIST_OWNER(k->turns.next, struct keyproxy_turn, node);
	list_del(&t->node);
	t->fn(t->arg);
}

static void on_timeout(void *arg)
{
	finish(arg, ERR_TIMEOUT);
}

/* Outside a job (tests, reading a certificate in): serves the loop until the answer is there. */
static void wait_blocking(struct waiting *w)
{
	while (!w->is_done)
		loop_turn(w->owner->loop, 100);
}

static int ask(struct keyproxy_signer *s, const struct keyproxy_request *r, uint8_t *out, size_t *n)
{
	struct keyproxy *k = (struct keyproxy *)s;
	ASYNC_JOB *job = ASYNC_get_current_job();
	struct waiting w = { .request = r, .owner = k, .out = out, .rc = ERR_CLOSED,
		             .job = job ? ASYNC_get_wait_ctx(job) : NULL };

	loop_timer_init(&w.timer, on_timeout, &w);
	int rc = loop_timer_set(k->loop, &w.timer, KEYPROXY_WAIT_MS);
	if (rc)
		return rc;
	list_add_tail(&k->all, &w.node);
	send_unsent(k);
	if (job)
		(void)ASYNC_pause_job(); /* resumed with an answer, or to give up */
	else
		wait_blocking(&w);
	if (!w.is_done)
		forget(&w);
	*n = w.n;
	return w.rc;
}

/* ---- answers ---- */

int keyproxy_signed(struct keyproxy *k, const struct frame *f)
{
	struct wire in = wire_of(f->body);
	struct bytes signature = wire_bytes(&in);
	struct waiting *w = map_get_u64(&k->by_id, f->id);
	int rc = wire_end(&in);

	if (rc || signature.n > KEYPROXY_SIGNATURE_MAX)
		return ERR_SYNTAX;
	if (!w)
		return 0; /* given up meanwhile */
	memcpy(w->out, signature.p, signature.n);
	w->n = signature.n;
	finish(w, 0);
	return 0;
}

int keyproxy_failed(struct keyproxy *k, const struct frame *f)
{
	struct wire in = wire_of(f->body);
	int code = (int)wire_u32(&in);
	struct waiting *w = map_get_u64(&k->by_id, f->id);
	int rc = wire_end(&in);

	if (!rc && w)
		finish(w, code < 0 ? code : ERR_DENIED);
	return rc;
}

void keyproxy_down(struct keyproxy *k)
{
	/* The answers of the old process will not come: all of its wait becomes "not sent". They are
	 * signatures, so asking twice does no harm. */
	LIST_EACH (it, &k->all) {
		struct waiting *w = LIST_OWNER(it, struct waiting, node);
		if (w->id)
			(void)map_del_u64(&k->by_id, w->id);
		w->id = 0;
	}
	(void)loop_timer_set(k->loop, &k->retry, KEYPROXY_RETRY_MS); /* without memory each times out */
}

void keyproxy_up(struct keyproxy *k)
{
	send_unsent(k);
}

/* ---- turns ---- */

void keyproxy_turn_wait(struct keyproxy *k, struct keyproxy_turn *t, void (*fn)(void *arg), void *arg)
{
	list_del(&t->node);
	t->fn = fn;
	t->arg = arg;
	list_add_tail(&k->turns, &t->node);
}

void keyproxy_turn_cancel(struct keyproxy_turn *t)
{
	list_del(&t->node);
}

/* ---- life ---- */

struct keyproxy *keyproxy_new(struct loop *l, struct bus *b)
{
	struct keyproxy *k = calloc(1, sizeof *k);

	if (!k)
		return NULL;
	k->signer.sign = ask;
	k->loop = l;
	k->bus = b;
	list_init(&k->all);
	list_init(&k->turns);
	loop_timer_init(&k->retry, send_unsent, k);
	/* A second call in a process (tests) finds the pool made: its size is that of the first. */
	(void)ASYNC_init_thread(KEYPROXY_JOBS_MAX, 0);
	if (keyproxy_provider_load(&k->provider) == 0)
		return k;
	free(k);
	return NULL;
}

void keyproxy_free(struct keyproxy *k)
{
	if (!k)
		return;
	while (!list_is_empty(&k->all))
		finish(LIST_OWNER(k->all.next, struct waiting, node), ERR_CLOSED);
	loop_timer_del(k->loop, &k->retry);
	map_fini(&k->by_id);
	keyproxy_provider_unload(k->provider);
	free(k);
	ASYNC_cleanup_thread();
}

EVP_PKEY *keyproxy_pkey(struct keyproxy *k, struct bytes name, X509 *cert)
{
	EVP_PKEY *pub = X509_get0_pubkey(cert);

	return pub ? keyproxy_provider_key(&k->signer, name, pub) : NULL;
}
