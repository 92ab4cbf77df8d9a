/* Pairs in gh-store (core/store/README.md: WATCH_*): a row each, written a little later and many at once, read at
 * the start. One ask at a time; what is not answered is asked again. */
#include "presence.h"

#include "base/err.h"
#include "run/store_op.h"

#include <stdlib.h>

enum {
	SAVE_WAIT_MS = 50, SAVE_PAIRS = 200, SAVE_BYTES = 4 << 20, SAVE_AGAIN_MS = 5000,
	LOAD_PAGE = 500, LOAD_AGAIN_MS = 5000, DELETES_BYTES = 4 << 20,
	VALUE_VERSION = 1, AGAIN_STEP_MS = 200,
};
enum { WATCH_AUTHORISED = 1 << 0 };

/* ---- a pair as a row ---- */

static uint64_t to_wall(const struct presence *p, uint64_t at_ms)
{
	return at_ms + loop_wall_ms(p->x->loop) - presence_now(p);
}

/* A time of the past stays one. */
static uint64_t of_wall(const struct presence *p, uint64_t wall_ms)
{
	uint64_t now_wall = loop_wall_ms(p->x->loop), now = presence_now(p);

	return wall_ms > now_wall ? now + (wall_ms - now_wall) : now;
}

static bool is_watch_kept(const struct watch *w)
{
	return w && w->is_wanted && !w->prober;
}

static bool is_notifier_kept(const struct notifier *n)
{
	return n->state == N_PENDING || n->state == N_ACTIVE;
}

static void put_watch(struct buf *b, const struct presence *p, const struct watch *w)
{
	wire_put_u8(b, w->state);
	wire_put_u8(b, w->is_authorised ? WATCH_AUTHORISED : 0);
	wire_put_u64(b, to_wall(p, w->expires_at_ms));
	wire_put_u32(b, w->expires_s);
	wire_put_u32(b, w->wanted_s);
	dialog_encode(b, &w->dialog);
	wire_put_u8(b, w->n_tuples);
	for (unsigned i = 0; i < w->n_tuples; i++)
		wire_put_bytes(b, text_bytes(w->tuples[i]));
}

static void put_notifier(struct buf *b, const struct presence *p, const struct notifier *n)
{
	wire_put_u8(b, n->flags);
	wire_put_u64(b, to_wall(p, n->expires_at_ms));
	wire_put_str(b, bytes_of(n->event));
	dialog_encode(b, &n->dialog);
}

static void put_pair(struct buf *b, const struct pair *c)
{
	uint8_t n = 0;

	wire_put_u8(b, VALUE_VERSION);
	wire_put_u8(b, c->grant);
	wire_put_u8(b, is_watch_kept(c->watch));
	if (is_watch_kept(c->watch))
		put_watch(b, c->p, c->watch);
	LIST_EACH (it, &c->notifiers)
		n += is_notifier_kept(LIST_OWNER(it, struct notifier, node));
	wire_put_u8(b, n);
	LIST_EACH (it, &c->notifiers)
		if (is_notifier_kept(LIST_OWNER(it, struct notifier, node)))
			put_notifier(b, c->p, LIST_OWNER(it, struct notifier, node));
}

/* ---- reading one ---- */

static int get_watch(struct pair *c, struct wire *w)
{
	struct watch *x = watch_new(c);
	struct pres ignored;

	if (!x)
		return ERR_NOMEM;
	uint8_t state = wire_u8(w);
	x->is_authorised = wire_u8(w) & WATCH_AUTHORISED;
	x->expires_at_ms = of_wall(c->p, wire_u64(w));
	x->expires_s = wire_u32(w);
	x->wanted_s = wire_u32(w);
	int rc = dialog_decode(w, &x->dialog);
	uint8_t n = wire_u8(w);
	for (unsigned i = 0; i < n && i < PIDF_TUPLES_MAX && !rc; i++) {
		struct bytes v = wire_bytes(w);
		struct text *t = pres_decode(v, &ignored) ? NULL : text_hold(&c->p->texts, v);
		if (t)
			x->tuples[x->n_tuples++] = t;
	}
	if (!rc && (n > PIDF_TUPLES_MAX || state >= WATCH_STATE_COUNT || wire_failed(w)))
		rc = ERR_SYNTAX;
	if (!rc)
		watch_restore(x, state);
	return rc;
}

static int get_notifier(struct pair *c, struct wire *w)
{
	struct presence *p = c->p;
	struct notifier *n = notifier_new(c);

	if (!n)
		return ERR_NOMEM;
	n->is_counted = !presence_take(p, pair_sip(c), jid_domain_of(pair_sip(c)));
	n->flags = wire_u8(w);
	n->expires_at_ms = of_wall(p, wire_u64(w));
	struct bytes event = wire_str(w);
	n->event = event.n ? strndup((const char *)event.p, event.n) : NULL;
	int rc = dialog_decode(w, &n->dialog);
	if (!rc)
		rc = map_add_u64(&p->dialogs, tag_number(dialog_get(&n->dialog, n->dialog.local_tag)), n);
	if (!rc)
		notifier_restore(n);
	return rc;
}

static int get_pair(struct pair *c, struct wire *w)
{
	if (wire_u8(w) != VALUE_VERSION)
		return ERR_UNKNOWN;
	uint8_t grant = wire_u8(w);
	c->grant = grant > GRANT_GIVEN ? GRANT_NONE : grant;
	int rc = wire_u8(w) ? get_watch(c, w) : 0;
	uint8_t n = wire_u8(w);
	for (unsigned i = 0; i < n && !rc; i++)
		rc = wire_failed(w) ? ERR_TRUNCATED : get_notifier(c, w);
	return rc ? rc : wire_end(w);
}

static void drop_pair(struct pair *c)
{
	while (!list_is_empty(&c->notifiers)) {
		struct notifier *n = LIST_OWNER(c->notifiers.next, struct notifier, node);
		bool is_last = !c->watch && n->node.next == &c->notifiers;
		notifier_free(n);
		if (is_last)
			return;
	}
	if (c->watch)
		watch_free(c->watch);
	else
		pair_settle(c);
}

static void load_row(struct presence *p, struct bytes key, struct bytes value)
{
	size_t at = bytes_find(key, ' ');
	struct bytes xmpp = bytes_make(key.p, at), sip = bytes_skip(key, at + 1);
	struct wire w = wire_of(value);

	if (!xmpp.n || !sip.n || pair_find(p, xmpp, sip))
		return;
	struct pair *c = pair_get(p, xmpp, sip);
	if (!c)
		return;
	c->is_saved = true;
	int rc = get_pair(c, &w);
	if (!rc) {
		pair_settle(c);
		return;
	}
	log_warn("xlate.subscription.unreadable", LOG_BYTES("pair", key), LOG_STR("reason", err_name(rc)));
	drop_pair(c);
}

/* ---- asking ---- */

static struct chan *store_of(struct presence *p)
{
	return bus_chan(p->x->bus, PROG_STORE, 0);
}

static void send_ask(struct presence *p, uint32_t id)
{
	buf_put_bytes(chan_begin(store_of(p), MSG_STORE_ASK, id), buf_bytes(&p->saving));
	(void)chan_end(store_of(p)); /* not there: sent again when it is up */
}

static void load_page(struct presence *p)
{
	struct chan *store = store_of(p);

	if (!store)
		return;
	p->load_id = bus_next_id(p->x->bus);
	p->n_page = 0;
	struct buf *b = chan_begin(store, MSG_STORE_ASK, p->load_id);
	wire_put_u8(b, STORE_WATCH_LIST);
	wire_put_str(b, buf_bytes(&p->load_after));
	wire_put_u32(b, LOAD_PAGE);
	(void)chan_end(store); /* the timer asks again */
	(void)loop_timer_set(p->x->loop, &p->load_timer, LOAD_AGAIN_MS); /* no memory: asked when gh-store is back */
}

static void on_load_timer(void *arg)
{
	struct presence *p = arg;

	log_warn("xlate.subscriptions.waiting", LOG_STR("for", "gh-store"));
	load_page(p);
}

static void loaded(struct presence *p)
{
	p->is_loaded = true;
	loop_timer_del(p->x->loop, &p->load_timer);
	buf_fini(&p->load_after);
	log_info("xlate.subscriptions.loaded", LOG_INT("watches", p->watches.count), LOG_INT("dialogs", p->dialogs.count));
	presence_probe_all(p);
}

/* ---- saving ---- */

static void put_count(struct presence *p, enum store_op op, uint32_t n)
{
	buf_clear(&p->saving);
	wire_put_u8(&p->saving, (uint8_t)op);
	wire_put_u32(&p->saving, n);
}

static void ask_deletes(struct presence *p)
{
	put_count(p, STORE_WATCH_DEL, p->n_deletes);
	buf_put_bytes(&p->saving, buf_bytes(&p->deletes));
	buf_clear(&p->deletes);
	buf_release_if_empty(&p->deletes);
	p->n_deletes = 0;
}

static void ask_puts(struct presence *p)
{
	uint32_t n = 0;
	struct buf value;

	put_count(p, STORE_WATCH_PUT, 0);
	buf_init(&value, 1 << 20);
	while (!list_is_empty(&p->unsaved) && n < SAVE_PAIRS && buf_len(&p->saving) < SAVE_BYTES / 2) {
		struct pair *c = LIST_OWNER(p->unsaved.next, struct pair, unsaved);
		list_del(&c->unsaved);
		buf_clear(&value);
		put_pair(&value, c);
		if (buf_failed(&value))
			continue; /* larger than anything that is kept */
		wire_put_str(&p->saving, bytes_make(c->key, (size_t)c->xmpp_n + 1 + c->sip_n));
		wire_put_bytes(&p->saving, buf_bytes(&value));
		c->is_saved = true;
		presence_stats[PSTAT_SAVED]++;
		n++;
	}
	buf_fini(&value);
	uint8_t *count = p->saving.p + p->saving.off + 1; /* behind the op */
	for (unsigned i = 0; i < 4 && !buf_failed(&p->saving); i++)
		count[i] = (uint8_t)(n >> (24 - 8 * i));
}

/* Deletions first: a pair that went and came again is put behind. */
static void save(struct presence *p)
{
	if (p->save_id || (!p->n_deletes && list_is_empty(&p->unsaved)))
		return;
	if (p->n_deletes)
		ask_deletes(p);
	else
		ask_puts(p);
	if (buf_failed(&p->saving)) { /* no memory: what changes next is saved with its pair */
		presence_stats[PSTAT_STORE_FAILED]++;
		buf_clear(&p->saving);
		return;
	}
	p->save_id = bus_next_id(p->x->bus);
	send_ask(p, p->save_id);
}

static void on_save_timer(void *arg)
{
	struct presence *p = arg;

	if (p->save_id)
		send_ask(p, p->save_id); /* it had failed */
	else
		save(p);
}

static void save_soon(struct presence *p)
{
	if (p->is_kept && !p->save_id && !loop_timer_is_set(&p->save_timer))
		(void)loop_timer_set(p->x->loop, &p->save_timer, SAVE_WAIT_MS); /* the next change sets it */
}

void pair_save(struct pair *c)
{
	struct presence *p = c->p;

	if (c->is_line || !p->is_kept)
		return; /* gh-im says again who is online */
	if (!list_is_linked(&c->unsaved))
		list_add_tail(&p->unsaved, &c->unsaved);
	save_soon(p);
}

void pair_forget(struct pair *c)
{
	struct presence *p = c->p;

	list_del(&c->unsaved);
	if (!c->is_saved || !p->is_kept)
		return;
	wire_put_str(&p->deletes, bytes_make(c->key, (size_t)c->xmpp_n + 1 + c->sip_n));
	if (buf_failed(&p->deletes)) {
		buf_truncate(&p->deletes, buf_len(&p->deletes));
		presence_stats[PSTAT_STORE_FAILED]++; /* the row comes back at a restart and ends by itself */
	} else {
		p->n_deletes++;
	}
	save_soon(p);
}

/* ---- answers ---- */

int presence_on_store_item(void *x, struct chan *from, const struct frame *f)
{
	struct presence *p = ((struct xlate *)x)->presence;
	struct wire w = wire_of(f->body);
	struct bytes key = wire_str(&w), value = wire_bytes(&w);

	(void)from;
	if (wire_end(&w))
		return ERR_SYNTAX;
	if (f->id != p->load_id || p->is_loaded)
		return 0; /* of an ask of an earlier life */
	p->n_page++;
	buf_clear(&p->load_after);
	buf_put_bytes(&p->load_after, key);
	xlate_begin(p->x);
	load_row(p, key, value);
	return 0;
}

static void page_done(struct presence *p, int rc)
{
	p->load_id = 0;
	if (rc)
		return; /* the timer asks again */
	if (p->n_page < LOAD_PAGE)
		loaded(p);
	else
		load_page(p);
}

static void saved(struct presence *p, int rc)
{
	if (rc) {
		presence_stats[PSTAT_STORE_FAILED]++;
		log_error("xlate.subscriptions.not_saved", LOG_STR("reason", err_name(rc)));
		(void)loop_timer_set(p->x->loop, &p->save_timer, SAVE_AGAIN_MS); /* or when gh-store is back */
		return;
	}
	p->save_id = 0;
	buf_clear(&p->saving);
	buf_release_if_empty(&p->saving);
	if (p->n_deletes || !list_is_empty(&p->unsaved))
		save_soon(p);
}

int presence_on_store_done(void *x, struct chan *from, const struct frame *f)
{
	struct presence *p = ((struct xlate *)x)->presence;
	struct wire w = wire_of(f->body);
	int rc = (int32_t)wire_u32(&w);

	(void)from;
	if (wire_end(&w))
		return ERR_SYNTAX;
	xlate_begin(p->x);
	if (f->id && f->id == p->load_id && !p->is_loaded)
		page_done(p, rc);
	else if (f->id && f->id == p->save_id)
		saved(p, rc);
	return 0;
}

/* Nothing of people stays on an edge. Who subscribed is told that there is no such subscription (RFC 6665 4.1.2.2: 481), and does it
 * again; people here are asked for anew by their server's probes. */
static void keep_nothing(struct presence *p)
{
	loop_timer_del(p->x->loop, &p->save_timer);
	p->save_id = p->load_id = 0;
	buf_clear(&p->saving);
	buf_clear(&p->deletes);
	p->n_deletes = 0;
	LIST_EACH (it, &p->unsaved)
		list_del(it);
	if (!p->is_loaded)
		loaded(p);
}

/* What there is by now is saved with what gh-store has. */
static void keep_again(struct presence *p)
{
	size_t at = 0;

	p->is_loaded = false;
	for (struct pair *c; (c = map_next(&p->pairs, &at));)
		pair_save(c);
}

void presence_store_apply(struct presence *p, bool is_kept)
{
	bool was_kept = p->is_kept;

	p->is_kept = is_kept;
	if (!is_kept)
		keep_nothing(p);
	else if (!was_kept)
		keep_again(p);
	if (!p->is_loaded)
		presence_store_up(p);
}

void presence_store_up(struct presence *p)
{
	if (!p->x->settings || !p->is_kept)
		return; /* loaded when they are here; never */
	if (!p->is_loaded)
		load_page(p);
	else if (p->save_id)
		send_ask(p, p->save_id);
}

/* ---- probes after a restart ---- */

static void probe(struct pair *c)
{
	if (c->grant == GRANT_GIVEN && !list_is_empty(&c->notifiers))
		presence_tell_plain(c->p, TYPE_PROBE, pair_sip(c), pair_xmpp(c));
}

static void on_again(void *arg)
{
	struct presence *p = arg;

	for (uint32_t i = 0; i < p->n_again && !list_is_empty(&p->again); i++) {
		struct pair *c = LIST_OWNER(p->again.next, struct pair, again);
		list_del(&c->again);
		probe(c);
	}
	if (!list_is_empty(&p->again))
		(void)loop_timer_set(p->x->loop, &p->again_timer, AGAIN_STEP_MS); /* else the next restart's */
}

void presence_probe_all(struct presence *p)
{
	size_t at = 0, n = 0;

	if (!p->is_loaded)
		return;
	for (struct pair *c; (c = map_next(&p->pairs, &at));) {
		if (c->grant != GRANT_GIVEN || list_is_empty(&c->notifiers))
			continue;
		if (!list_is_linked(&c->again))
			list_add_tail(&p->again, &c->again);
		n++;
	}
	p->n_again = (uint32_t)(n * AGAIN_STEP_MS / PRESENCE_SPREAD_MS) + 1;
	if (n && !loop_timer_is_set(&p->again_timer))
		(void)loop_timer_set(p->x->loop, &p->again_timer, AGAIN_STEP_MS); /* else the next restart's */
}

void presence_store_init(struct presence *p)
{
	p->is_kept = true;
	list_init(&p->unsaved);
	list_init(&p->again);
	buf_init(&p->saving, SAVE_BYTES);
	buf_init(&p->deletes, DELETES_BYTES);
	buf_init(&p->load_after, 2 * JID_MAX_BYTES + 1);
	loop_timer_init(&p->save_timer, on_save_timer, p);
	loop_timer_init(&p->load_timer, on_load_timer, p);
	loop_timer_init(&p->again_timer, on_again, p);
}

void presence_store_fini(struct presence *p)
{
	loop_timer_del(p->x->loop, &p->save_timer);
	loop_timer_del(p->x->loop, &p->load_timer);
	loop_timer_del(p->x->loop, &p->again_timer);
	buf_fini(&p->saving);
	buf_fini(&p->deletes);
	buf_fini(&p->load_after);
}
