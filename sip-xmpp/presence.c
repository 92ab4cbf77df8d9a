#include "presence.h"

#include "base/err.h"
#include "base/text.h"
#include "run/service.h"
#include "run/stats.h"
#include "address.h"

#include <stdlib.h>

#define STAT_NAME(id, name) name,
static const char *const stat_names[PSTAT_COUNT] = { PRESENCE_STATS(STAT_NAME) };
#undef STAT_NAME
uint64_t presence_stats[PSTAT_COUNT];

uint64_t presence_now(const struct presence *p)
{
	return loop_now(p->x->loop);
}

bool presence_is_on(const struct presence *p)
{
	return p->x->settings && settings_bool(p->x->settings, SET_GATEWAY_PRESENCE);
}

struct bytes jid_domain_of(struct bytes bare)
{
	struct jid j = jid_of_normal(bare);

	return jid_domain(&j);
}

uint64_t tag_number(struct bytes tag)
{
	uint8_t raw[8];
	uint64_t v = 0;

	if (text_unhex(tag, raw, sizeof raw))
		return 0;
	for (unsigned i = 0; i < sizeof raw; i++)
		v = v << 8 | raw[i];
	return v;
}

/* ---- pairs ---- */

/* What stands between is in no bare JID (RFC 7622 3.3). */
static size_t put_key(char *out, struct bytes xmpp, struct bytes sip, bool is_line)
{
	memcpy(out, xmpp.p, xmpp.n);
	out[xmpp.n] = is_line ? '\t' : ' ';
	memcpy(out + xmpp.n + 1, sip.p, sip.n);
	return xmpp.n + 1 + sip.n;
}

static struct pair *find(struct presence *p, struct bytes xmpp, struct bytes sip, bool is_line)
{
	char key[2 * JID_MAX_BYTES + 1];

	return xmpp.n + sip.n < sizeof key ? map_get(&p->pairs, bytes_make(key, put_key(key, xmpp, sip, is_line))) : NULL;
}

struct pair *pair_find(struct presence *p, struct bytes xmpp, struct bytes sip)
{
	return find(p, xmpp, sip, false);
}

struct pair *pair_line(struct presence *p, struct bytes xmpp, struct bytes sip)
{
	return find(p, xmpp, sip, true);
}

static struct pair *pair_new(struct presence *p, struct bytes xmpp, struct bytes sip, bool is_line)
{
	struct holder *h = holder_get(p, xmpp);
	struct pair *c = h ? calloc(1, sizeof *c + xmpp.n + 1 + sip.n) : NULL;

	if (!c)
		return NULL;
	c->p = p;
	c->is_line = is_line;
	c->xmpp_n = (uint16_t)xmpp.n;
	c->sip_n = (uint16_t)sip.n;
	c->xmpp_holder = h;
	list_init(&c->notifiers);
	size_t n = put_key(c->key, xmpp, sip, is_line);
	if (map_add(&p->pairs, bytes_make(c->key, n), c)) {
		free(c);
		holder_settle(p, h);
		return NULL;
	}
	list_add_tail(&h->pairs, &c->of_xmpp);
	return c;
}

struct pair *pair_get(struct presence *p, struct bytes xmpp, struct bytes sip)
{
	struct pair *c = pair_find(p, xmpp, sip);

	return c || xmpp.n + sip.n > 2 * JID_MAX_BYTES ? c : pair_new(p, xmpp, sip, false);
}

struct pair *pair_line_get(struct presence *p, struct bytes xmpp, struct bytes sip)
{
	struct pair *c = pair_line(p, xmpp, sip);

	return c || xmpp.n + sip.n > 2 * JID_MAX_BYTES ? c : pair_new(p, xmpp, sip, true);
}

static void pair_free(struct pair *c)
{
	struct presence *p = c->p;

	pair_clear_resources(c);
	list_del(&c->unsaved);
	list_del(&c->again);
	list_del(&c->of_xmpp);
	map_del(&p->pairs, bytes_make(c->key, (size_t)c->xmpp_n + 1 + c->sip_n));
	holder_settle(p, c->xmpp_holder);
	free(c);
}

void pair_settle(struct pair *c)
{
	if (c->watch || !list_is_empty(&c->notifiers))
		return;
	pair_forget(c);
	pair_free(c);
}

/* ---- who has how many ---- */

struct holder *holder_get(struct presence *p, struct bytes key)
{
	struct holder *h = map_get(&p->holders, key);

	if (h)
		return h;
	h = calloc(1, sizeof *h + key.n + 1);
	if (!h)
		return NULL;
	h->key_n = (uint16_t)key.n;
	memcpy(h->key, key.p, key.n);
	list_init(&h->pairs);
	if (map_add(&p->holders, bytes_make(h->key, key.n), h)) {
		free(h);
		return NULL;
	}
	return h;
}

void holder_settle(struct presence *p, struct holder *h)
{
	if (h->n || !list_is_empty(&h->pairs))
		return;
	map_del(&p->holders, bytes_make(h->key, h->key_n));
	free(h);
}

static bool is_full(const struct presence *p, const struct holder *h, enum setting limit)
{
	return p->is_loaded && h->n >= (uint64_t)settings_int(p->x->settings, limit); /* what was held stays */
}

const char *presence_take(struct presence *p, struct bytes who, struct bytes sip_domain)
{
	struct holder *user = holder_get(p, who), *domain = holder_get(p, sip_domain);
	const char *full = NULL;

	if (!user || !domain)
		full = "no memory";
	else if (p->is_loaded && p->n >= (uint64_t)settings_int(p->x->settings, SET_GATEWAY_SUBSCRIPTIONS))
		full = "gateway subscriptions-max";
	else if (is_full(p, user, SET_GATEWAY_SUBSCRIPTIONS_USER))
		full = "gateway subscriptions-user";
	else if (is_full(p, domain, SET_GATEWAY_SUBSCRIPTIONS_DOMAIN))
		full = "gateway subscriptions-domain";
	if (full) {
		if (user)
			holder_settle(p, user);
		if (domain)
			holder_settle(p, domain);
		return full;
	}
	user->n++;
	domain->n++;
	p->n++;
	return NULL;
}

void presence_give(struct presence *p, struct bytes who, struct bytes sip_domain)
{
	struct holder *user = map_get(&p->holders, who), *domain = map_get(&p->holders, sip_domain);

	user->n--;
	domain->n--;
	p->n--;
	holder_settle(p, user);
	holder_settle(p, domain);
}

void presence_flooded(struct presence *p, struct bytes who, const char *what)
{
	uint32_t held;

	presence_stats[PSTAT_FLOODED]++;
	if (log_limit_pass(&p->floods, 10, presence_now(p), &held))
		log_warn("xlate.subscription.refused", LOG_BYTES("user", who), LOG_STR("limit", what), LOG_INT("held", held));
}

/* ---- sending ---- */

/* What changes a subscription must arrive; how somebody is comes again. */
static void post(struct presence *p, const struct stanza_to *to)
{
	bool must_arrive = to->type >= TYPE_SUBSCRIBE && to->type <= TYPE_UNSUBSCRIBED;

	if (!must_arrive || stanza_out_send(p->x, to, NULL, NULL, NULL))
		stanza_out_post(p->x, to);
}

void presence_tell(struct presence *p, const struct tell *t)
{
	struct bytes from = t->from;
	struct buf jid, b;

	buf_init(&jid, JID_MAX_BYTES + 1);
	buf_init(&b, 1 << 16);
	if (t->resource.n) {
		buf_put_bytes(&jid, t->from);
		buf_put_str(&jid, "/");
		buf_put_bytes(&jid, t->resource);
		from = buf_bytes(&jid);
	}
	buf_put_str(&b, "<presence");
	if (t->type != TYPE_AVAILABLE)
		buf_putf(&b, " type='%s'", stanza_type_name(t->type));
	xml_write_attr(&b, "from", from);
	xml_write_attr(&b, "to", t->to);
	if (t->sid.n)
		xml_write_attr(&b, "id", t->sid);
	if (t->lang.n)
		xml_write_attr(&b, "xml:lang", t->lang);
	if (t->children.n) {
		buf_put_str(&b, ">");
		buf_put_bytes(&b, t->children);
		buf_put_str(&b, "</presence>");
	} else {
		buf_put_str(&b, "/>");
	}
	if (!buf_failed(&b) && !buf_failed(&jid))
		post(p, &(struct stanza_to){ .kind = STANZA_PRESENCE, .type = t->type, .trace = xlate_next_id(p->x),
			.from = from, .to = t->to, .sid = t->sid, .stanza = buf_bytes(&b) });
	buf_fini(&b);
	buf_fini(&jid);
}

void presence_tell_plain(struct presence *p, enum stanza_type type, struct bytes from, struct bytes to)
{
	presence_tell(p, &(struct tell){ .type = type, .from = from, .to = to });
}

bool presence_put_uri(struct buf *b, struct bytes bare)
{
	struct jid j = jid_of_normal(bare);

	return address_of_bare(&j, SIPURI_SIP, b) == 0 && !buf_failed(b);
}

bool presence_put_contact(struct presence *p, struct buf *b, struct bytes bare, bool is_tls)
{
	size_t start = buf_len(b);
	char host[256];
	uint16_t port = 0;

	if (!presence_put_uri(b, bare))
		return false;
	if (!settings_is_set(p->x->settings, SET_SIP_HOST, BYTES_NONE) ||
	    setting_split_host(settings_text(p->x->settings, SET_SIP_HOST), 0, host, &port))
		return true;
	struct bytes uri = bytes_skip(buf_bytes(b), start);
	buf_truncate(b, start + bytes_find(uri, '@'));
	buf_putf(b, strchr(host, ':') ? "@[%s]" : "@%s", host);
	if (port)
		buf_putf(b, ":%u", port);
	if (is_tls)
		buf_put_str(b, ";transport=tls");
	return !buf_failed(b);
}

/* ---- stanzas ---- */

static void on_subscribe(struct presence *p, struct stanza_in *s, struct bytes xmpp, struct bytes sip)
{
	struct pair *c = pair_get(p, xmpp, sip);
	struct watch *w = c ? c->watch ? c->watch : watch_new(c) : NULL;

	if (!w) {
		if (c)
			pair_settle(c);
		stanza_in_refuse_with(s, STANZA_RESOURCE_CONSTRAINT, "too many subscriptions");
		return;
	}
	free(w->sid);
	w->sid = s->e.sid.n <= 256 ? strndup((const char *)s->e.sid.p, s->e.sid.n) : NULL;
	stanza_in_done(s);
	watch_step(w, V_SUBSCRIBE, NULL);
}

static void on_unsubscribe(struct presence *p, struct bytes xmpp, struct bytes sip)
{
	struct pair *c = pair_find(p, xmpp, sip);

	if (c && c->watch && !c->watch->prober)
		watch_step(c->watch, V_UNSUBSCRIBE, NULL);
	else /* SUB-X16: her server has it, here nothing is left of it */
		presence_tell_plain(p, TYPE_UNSUBSCRIBED, sip, xmpp);
}

/* SUB-P01: what is known is told; then SIP is asked, so that it does not stay old (SUB-X12). */
static void on_probe(struct presence *p, const struct jid *from, struct bytes sip)
{
	struct pair *c = pair_get(p, jid_bare(from), sip);
	struct watch *w = c ? c->watch : NULL;

	if (w && w->is_authorised) {
		if (w->state == W_HELD || w->state == W_CHECKING || w->state == W_REFRESHING || w->state == W_FROZEN)
			watch_tell_all(w, from->full);
		watch_set_online(w, true);
		watch_step(w, V_ONLINE, NULL);
		return;
	}
	if (w || !c) /* is being asked already */
		return;
	w = watch_new(c);
	if (w && (w->prober = strndup((const char *)from->full.p, from->full.n)))
		watch_step(w, V_ONLINE, NULL);
	else if (w)
		watch_free(w);
	else
		pair_settle(c);
}

static void on_granted(struct presence *p, struct bytes xmpp, struct bytes sip)
{
	struct pair *c = pair_find(p, xmpp, sip);

	if (!c || list_is_empty(&c->notifiers) || c->grant == GRANT_GIVEN)
		return;
	c->grant = GRANT_GIVEN;
	pair_save(c);
	if (!c->is_known) /* a server that had approved long ago says no more than this (RFC 6121 3.1.3) */
		presence_tell_plain(p, TYPE_PROBE, sip, xmpp);
	notifiers_step(c, E_GRANTED);
}

static void on_denied(struct presence *p, struct bytes xmpp, struct bytes sip)
{
	struct pair *c = pair_find(p, xmpp, sip);

	if (!c)
		return;
	c->grant = GRANT_NONE;
	pair_save(c);
	notifiers_step(c, E_DENIED);
}

/* SUB-P04: any word of hers says that her server lives. */
static void heard(struct presence *p, struct bytes xmpp)
{
	struct holder *h = map_get(&p->holders, xmpp);

	if (!h)
		return;
	h->heard_ms = presence_now(p);
	LIST_EACH (it, &h->pairs) {
		struct pair *c = LIST_OWNER(it, struct pair, of_xmpp);
		bool is_last = it_next == &h->pairs;
		if (c->watch && c->watch->state == W_CHECKING)
			watch_step(c->watch, V_HEARD, NULL);
		if (is_last)
			break; /* the holder may have gone with it */
	}
}

static void on_shown(struct presence *p, struct stanza_in *s, struct bytes sip)
{
	struct pair *c = pair_find(p, jid_bare(&s->from), sip);
	bool is_open = s->e.type == TYPE_AVAILABLE;
	struct pres now;

	if (!c) /* nobody in SIP watches, and nothing is watched there */
		return;
	pres_of_stanza(s->node, jid_resource(&s->from), is_open, &now);
	bool was_online = pair_is_online(c), was_known = c->is_known;
	c->is_known = true;
	bool is_new = pair_set_resource(c, &now) || !was_known;
	bool is_online = pair_is_online(c);
	struct watch *w = c->watch;
	if (w && was_online != is_online)
		watch_set_online(w, is_online);
	if (is_new && !list_is_empty(&c->notifiers)) {
		notifiers_step(c, E_CHANGED);
		c = pair_find(p, jid_bare(&s->from), sip);
		w = c ? c->watch : NULL;
	}
	if (w && is_open && !w->prober && !was_online)
		watch_step(w, V_ONLINE, NULL); /* SUB-X12: her initial presence */
}

/* SUB-S13 */
static enum notifier_event event_of_error(const struct xml_node *presence)
{
	const struct xml_node *error = xml_child(presence, "error", NULL);
	enum stanza_error e = STANZA_UNDEFINED_CONDITION;

	for (const struct xml_node *c = xml_first(error); c; c = xml_next(c))
		if (strcmp(c->ns, NS_STANZA_ERRORS) == 0 && stanza_error_of(bytes_of(c->name), &e) == 0)
			break;
	switch (e) {
	case STANZA_ITEM_NOT_FOUND:
	case STANZA_REMOTE_SERVER_NOT_FOUND:
	case STANZA_GONE:
	case STANZA_JID_MALFORMED:
		return E_ABSENT;
	case STANZA_REMOTE_SERVER_TIMEOUT:
		return E_LATER;
	default:
		return bytes_eq_str(xml_attr(error, "type"), "wait") ? E_LATER : E_DENIED;
	}
}

static void on_error(struct presence *p, struct stanza_in *s, struct bytes xmpp, struct bytes sip)
{
	struct pair *c = pair_find(p, xmpp, sip);

	if (c && !list_is_empty(&c->notifiers) && c->grant != GRANT_GIVEN)
		notifiers_step(c, event_of_error(s->node));
}

static bool may_watch(struct presence *p, struct stanza_in *s)
{
	if (xlate_is_hosted(p->x, jid_domain(&s->from)))
		return true;
	stanza_in_refuse_with(s, STANZA_FORBIDDEN, "SIP users can be watched from domains of this gateway only"); /* SUB-X25 */
	return false;
}

bool presence_on_stanza(struct xlate *x, struct stanza_in *s)
{
	struct presence *p = x->presence;
	struct bytes xmpp = jid_bare(&s->from), sip = jid_bare(&s->to);

	if (!presence_is_on(p))
		return false;
	if (!p->is_loaded) { /* its origin keeps it: what is subscribed is not known yet */
		stanza_in_again(s);
		return true;
	}
	if (!s->from.local_n)
		return false;
	heard(p, xmpp);
	bool is_watching = s->e.type == TYPE_SUBSCRIBE || s->e.type == TYPE_UNSUBSCRIBE || s->e.type == TYPE_PROBE;
	if (!s->to.local_n) {
		stanza_in_done(s); /* to the gateway itself: an answer to its probe */
		return true;
	}
	if (is_watching && xlate_is_hosted(x, jid_domain(&s->to)))
		return false; /* a client of ours answers for itself */
	if (is_watching && !may_watch(p, s))
		return true;
	switch (s->e.type) {
	case TYPE_SUBSCRIBE:
		on_subscribe(p, s, xmpp, sip);
		return true;
	case TYPE_UNSUBSCRIBE:
		on_unsubscribe(p, xmpp, sip);
		break;
	case TYPE_PROBE:
		on_probe(p, &s->from, sip);
		break;
	case TYPE_SUBSCRIBED:
		on_granted(p, xmpp, sip);
		break;
	case TYPE_UNSUBSCRIBED:
		on_denied(p, xmpp, sip);
		break;
	case TYPE_ERROR:
		on_error(p, s, xmpp, sip);
		break;
	default:
		on_shown(p, s, sip);
	}
	stanza_in_done(s);
	return true;
}

/* ---- requests ---- */

/* 480 in a NOTIFY's place would end a subscription (RFC 6665 4.2.2); 500 does not. */
static bool is_not_ready(struct presence *p, struct request_in *r)
{
	if (p->is_loaded)
		return false;
	request_in_answer(r, &(struct reply){ .status = 500, .headers = BYTES("Retry-After: 5\r\n") });
	return true;
}

bool presence_on_subscribe(struct xlate *x, struct request_in *r)
{
	struct presence *p = x->presence;

	return presence_is_on(p) && (is_not_ready(p, r) || notifier_on_subscribe(p, r));
}

bool presence_on_notify(struct xlate *x, struct request_in *r)
{
	struct presence *p = x->presence;

	if (is_not_ready(p, r))
		return true;
	struct watch *w = map_get_u64(&p->watches, tag_number(dialog_tag(r->m, SIPH_TO)));
	if (w) {
		watch_on_notify(w, r);
		return true;
	}
	presence_stats[PSTAT_NOTIFIED_STRAY]++;
	request_in_status(r, 481, NULL); /* SUB-X22 */
	return true;
}

/* SUB-S18. What the call manager publishes is not for this row. */
bool presence_on_publish(struct xlate *x, struct request_in *r)
{
	(void)x;
	if (r->flags & (UNIT_TRUNK | UNIT_CLIENT))
		return false;
	request_in_refuse(r, 403, "the state of an XMPP user is not published by SIP");
	return true;
}

/* ---- the feature ---- */

static int init(struct xlate *x)
{
	static struct stats stats;
	struct presence *p = calloc(1, sizeof *p);

	if (!p)
		return ERR_NOMEM;
	stats_register(&stats, stat_names, presence_stats, PSTAT_COUNT);
	p->x = x;
	x->presence = p;
	presence_store_init(p);
	return 0;
}

static void fini(struct xlate *x)
{
	struct presence *p = x->presence;
	size_t at = 0;

	if (!p)
		return;
	for (struct pair *c; at = 0, (c = map_next(&p->pairs, &at));) {
		if (c->watch)
			watch_free(c->watch);
		else
			notifier_free(LIST_OWNER(c->notifiers.next, struct notifier, node));
	}
	presence_store_fini(p);
	map_fini(&p->pairs);
	map_fini(&p->watches);
	map_fini(&p->dialogs);
	map_fini(&p->holders);
	texts_fini(&p->texts);
	free(p);
	x->presence = NULL;
}

static void apply(struct xlate *x)
{
	presence_store_apply(x->presence, service_role_of(x->settings) != ROLE_EDGE);
}

static void up(struct xlate *x, enum prog peer)
{
	if (peer == PROG_STORE)
		presence_store_up(x->presence);
	if (peer == PROG_SWITCH || peer == PROG_IM)
		presence_probe_all(x->presence); /* SUB-S19 */
}

static void show(struct xlate *x, struct proc_ask *ask)
{
	const struct presence *p = x->presence;

	proc_record_begin(ask);
	proc_record_str(ask, "part", "presence");
	proc_record_int(ask, "watches", (int64_t)p->watches.count);
	proc_record_int(ask, "dialogs", (int64_t)p->dialogs.count);
	proc_record_int(ask, "pairs", (int64_t)p->pairs.count);
	proc_record_int(ask, "users", (int64_t)p->holders.count);
	proc_record_end(ask);
}

static void show_watch(struct proc_ask *ask, const struct watch *w)
{
	uint64_t now = presence_now(w->pair->p);

	proc_record_begin(ask);
	proc_record_text(ask, "watcher", pair_xmpp(w->pair));
	proc_record_text(ask, "presentity", pair_sip(w->pair));
	proc_record_str(ask, "way", w->pair->is_line ? "presence-gateway" : "xmpp-to-sip");
	proc_record_str(ask, "state", watch_state_name(w->state));
	proc_record_str(ask, "authorised", w->is_authorised ? "yes" : "no");
	proc_record_int(ask, "expires_s", w->expires_at_ms > now ? (int64_t)(w->expires_at_ms - now) / 1000 : 0);
	proc_record_end(ask);
}

static void show_notifier(struct proc_ask *ask, const struct notifier *n)
{
	uint64_t now = presence_now(n->pair->p);

	proc_record_begin(ask);
	proc_record_text(ask, "watcher", pair_sip(n->pair));
	proc_record_text(ask, "presentity", pair_xmpp(n->pair));
	proc_record_str(ask, "way", "sip-to-xmpp");
	proc_record_str(ask, "state", notifier_state_name(n->state));
	proc_record_str(ask, "authorised", n->pair->grant == GRANT_GIVEN ? "yes" : "no");
	proc_record_int(ask, "expires_s", n->expires_at_ms > now ? (int64_t)(n->expires_at_ms - now) / 1000 : 0);
	proc_record_end(ask);
}

void presence_show_subscriptions(struct xlate *x, struct proc_ask *ask)
{
	const struct presence *p = x->presence;
	size_t at = 0;

	for (struct pair *c; (c = map_next(&p->pairs, &at));) {
		if (c->watch)
			show_watch(ask, c->watch);
		LIST_EACH (it, &c->notifiers)
			show_notifier(ask, LIST_OWNER(it, struct notifier, node));
	}
}

const struct feature presence_feature = {
	.name = "presence",
	.init = init,
	.fini = fini,
	.apply = apply,
	.up = up,
	.show = show,
};
