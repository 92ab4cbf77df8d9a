#include "manager.h"

#include "base/err.h"
#include "base/random.h"
#include "client.h"
#include "presence.h"
#include "run/session.h"

#include <stdlib.h>

struct liner { /* one of our people, whom gh-im has named */
	struct manager *m;
	struct loop_timer timer; /* online: when to begin; offline: end of the grace */
	bool is_online;
	uint16_t n;
	char bare[];
};

struct manager {
	struct xlate *x;
	struct map liners; /* bare JID -> struct liner */
	char host[256];    /* of the setting; "": none */
};

static struct bytes bare_of(const struct liner *l)
{
	return bytes_make(l->bare, l->n);
}

static void set_timer(struct liner *l, uint64_t ms)
{
	if (loop_timer_set(l->m->x->loop, &l->timer, ms))
		xlate_stats[STAT_NO_MEMORY]++; /* his next coming or going acts */
}

/* Not all at once. */
static uint64_t spread_ms(void)
{
	return 1 + random_below(MANAGER_SPREAD_MS);
}

/* ---- his watch ---- */

/* His address at the call manager (B-PGW-02). */
static bool put_address(struct buf *b, const struct liner *l)
{
	struct jid j = jid_of_normal(bare_of(l));

	buf_put_bytes(b, jid_local(&j));
	buf_put_str(b, "@");
	buf_put_str(b, l->m->host);
	return l->m->host[0] && !buf_failed(b);
}

static struct watch *watch_of(const struct liner *l)
{
	struct pair *c = NULL;
	struct buf sip;

	buf_init(&sip, JID_MAX_BYTES);
	if (put_address(&sip, l))
		c = pair_line(l->m->x->presence, bare_of(l), buf_bytes(&sip));
	buf_fini(&sip);
	return c ? c->watch : NULL;
}

static struct watch *watch_begin(struct liner *l)
{
	struct pair *c = NULL;
	struct buf sip;

	buf_init(&sip, JID_MAX_BYTES);
	if (put_address(&sip, l))
		c = pair_line_get(l->m->x->presence, bare_of(l), buf_bytes(&sip));
	buf_fini(&sip);
	if (c && !watch_new(c)) {
		pair_settle(c);
		return NULL;
	}
	return c ? c->watch : NULL;
}

static void begin(struct liner *l)
{
	struct presence *p = l->m->x->presence;
	struct watch *w = watch_of(l);

	if (!l->m->host[0] || !presence_is_on(p))
		return;
	if (!p->is_loaded) {
		set_timer(l, MANAGER_WAIT_MS);
		return;
	}
	if (!w)
		w = watch_begin(l);
	if (!w) {
		log_warn("gateway.phones.full", LOG_BYTES("user", bare_of(l)), LOG_STR("advice", "raise gateway subscriptions-max and subscriptions-domain"));
		set_timer(l, MANAGER_AGAIN_MS + spread_ms()); /* others may go */
		return;
	}
	w->is_line_shown = true;
	watch_step(w, V_SUBSCRIBE, NULL);
}

static void end(struct liner *l)
{
	struct watch *w = watch_of(l);

	phone_watched(l->m->x, bare_of(l), NULL);
	if (!w)
		return;
	w->is_line_shown = false;
	watch_step(w, V_UNSUBSCRIBE, NULL);
}

/* ---- our people ---- */

static void liner_free(struct liner *l)
{
	loop_timer_del(l->m->x->loop, &l->timer);
	(void)map_del(&l->m->liners, bare_of(l)); /* it is l */
	free(l);
}

static void on_timer(void *arg)
{
	struct liner *l = arg;

	xlate_begin(l->m->x);
	if (l->is_online) {
		begin(l);
		return;
	}
	end(l);
	liner_free(l);
}

static struct liner *liner_new(struct manager *m, struct bytes bare)
{
	struct liner *l = m->liners.count < CLIENTS_MAX ? calloc(1, sizeof *l + bare.n) : NULL;

	if (!l)
		return NULL;
	l->m = m;
	l->n = (uint16_t)bare.n;
	memcpy(l->bare, bare.p, bare.n);
	loop_timer_init(&l->timer, on_timer, l);
	if (map_add(&m->liners, bare_of(l), l)) {
		free(l);
		return NULL;
	}
	return l;
}

/* What is subscribed already goes on, and is shown again. */
static void came(struct liner *l, uint64_t wait_ms)
{
	struct watch *w = watch_of(l);

	l->is_online = true;
	loop_timer_del(l->m->x->loop, &l->timer);
	if (w && w->is_wanted) {
		w->is_line_shown = true;
		watch_show_line(w);
	} else if (wait_ms) {
		set_timer(l, wait_ms);
	} else {
		begin(l);
	}
}

/* A client that is lost comes again (as SUB-X14); his phone is not seen meanwhile. */
static void went(struct liner *l, uint64_t wait_ms)
{
	struct watch *w = watch_of(l);

	if (!l->is_online)
		return;
	l->is_online = false;
	if (w)
		w->is_line_shown = false;
	phone_watched(l->m->x, bare_of(l), NULL);
	set_timer(l, MANAGER_GRACE_MS + wait_ms);
}

int manager_on_online(void *program, struct chan *from, const struct frame *f)
{
	struct xlate *x = program;
	struct wire w = wire_of(f->body);
	struct bytes bare = wire_str(&w);
	uint8_t flags = wire_u8(&w);

	(void)from;
	xlate_begin(x);
	if (wire_end(&w) || !bare.n || bare.n > JID_MAX_BYTES)
		return ERR_PROTOCOL;
	struct liner *l = map_get(&x->manager->liners, bare);
	if (!(flags & ONLINE_NOW)) {
		if (l)
			went(l, 0);
		return 0;
	}
	if (!l)
		l = liner_new(x->manager, bare);
	if (l)
		came(l, flags & ONLINE_AMONG ? spread_ms() : 0);
	else
		xlate_stats[STAT_NO_MEMORY]++; /* told again when he comes anew */
	return 0;
}

/* ---- the feature ---- */

static int init(struct xlate *x)
{
	x->manager = calloc(1, sizeof *x->manager);
	if (!x->manager)
		return ERR_NOMEM;
	x->manager->x = x;
	return 0;
}

static void fini(struct xlate *x)
{
	size_t at = 0;

	if (!x->manager)
		return;
	for (struct liner *l; at = 0, (l = map_next(&x->manager->liners, &at));)
		liner_free(l);
	map_fini(&x->manager->liners);
	free(x->manager);
	x->manager = NULL;
}

static void apply(struct xlate *x)
{
	struct manager *m = x->manager;
	struct bytes host = BYTES_NONE;
	size_t at = 0;

	if (presence_is_on(x->presence) && settings_is_set(x->settings, SET_SIP_PRESENCE_GATEWAY, BYTES_NONE))
		host = settings_text(x->settings, SET_SIP_PRESENCE_GATEWAY);
	if (bytes_eq_str(host, m->host) || host.n >= sizeof m->host)
		return;
	for (struct liner *l; (l = map_next(&m->liners, &at));)
		end(l);
	memcpy(m->host, host.p ? host.p : (const uint8_t *)"", host.n);
	m->host[host.n] = '\0';
	at = 0;
	for (struct liner *l; (l = map_next(&m->liners, &at));)
		if (l->is_online)
			came(l, spread_ms());
}

/* All have gone with it; they come again with it. */
static void down(struct xlate *x, enum prog p)
{
	size_t at = 0;

	if (p != PROG_IM)
		return;
	for (struct liner *l; (l = map_next(&x->manager->liners, &at));)
		went(l, spread_ms());
}

static void show(struct xlate *x, struct proc_ask *ask)
{
	proc_record_begin(ask);
	proc_record_str(ask, "part", "presence-gateway");
	proc_record_str(ask, "host", x->manager->host);
	proc_record_int(ask, "people", (int64_t)x->manager->liners.count);
	proc_record_end(ask);
}

const struct feature manager_feature = {
	.name = "presence-gateway", .init = init, .fini = fini, .apply = apply, .down = down, .show = show,
};
