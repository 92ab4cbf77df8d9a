/* A SIP client watches an XMPP user (RFC 8048 5.3): the notifier of RFC 6665 as a table. */
#include "presence.h"

#include "base/err.h"
#include "base/fsm.h"
#include "base/random.h"
#include "address.h"

#include <stdlib.h>

enum { EXPIRES_S = 3600, EXPIRES_MIN_S = 60, EXPIRES_MAX_S = 86400, LOOK_GATHER_MS = 300 };

/* ---- one dialog ---- */

static void on_timer(void *arg)
{
	struct notifier *n = arg;

	xlate_begin(n->pair->p->x);
	notifier_step(n, E_EXPIRED);
}

struct notifier *notifier_new(struct pair *c)
{
	struct notifier *n = calloc(1, sizeof *n);

	if (!n)
		return NULL;
	n->pair = c;
	dialog_init(&n->dialog);
	loop_timer_init(&n->timer, on_timer, n);
	notify_init(n);
	list_add_tail(&c->notifiers, &n->node);
	return n;
}

void notifier_free(struct notifier *n)
{
	struct pair *c = n->pair;
	struct presence *p = c->p;

	if (dialog_is_begun(&n->dialog) && map_get_u64(&p->dialogs, tag_number(dialog_get(&n->dialog, n->dialog.local_tag))) == n)
		map_del_u64(&p->dialogs, tag_number(dialog_get(&n->dialog, n->dialog.local_tag)));
	dialog_fini(&n->dialog);
	request_out_drop(n->out);
	loop_timer_del(p->x->loop, &n->timer);
	loop_timer_del(p->x->loop, &n->rate);
	list_del(&n->node);
	free(n->event);
	if (n->is_counted)
		presence_give(p, pair_sip(c), jid_domain_of(pair_sip(c)));
	free(n);
	if (list_is_empty(&c->notifiers)) {
		/* A server that has approved says so again to the next subscribe (RFC 6121 3.1.3). */
		c->grant = GRANT_NONE;
		if (!c->watch)
			c->is_known = false;
	}
	pair_save(c);
	pair_settle(c);
}

static void set_expiry(struct notifier *n, uint32_t s)
{
	struct presence *p = n->pair->p;

	n->expires_at_ms = presence_now(p) + (uint64_t)s * 1000;
	(void)loop_timer_set(p->x->loop, &n->timer, (uint64_t)s * 1000); /* the next refresh sets it */
}

/* ---- to the XMPP user ---- */

/* His resource: of his Contact, or of From. */
static struct bytes resource_of(const struct notifier *n)
{
	const struct dialog *d = &n->dialog;
	const struct bytes uris[] = { dialog_get(d, d->target), dialog_get(d, d->remote_uri) };
	struct jid j;

	for (unsigned i = 0; i < 2; i++)
		if (address_to_jid(uris[i], true, &n->pair->p->x->arena, &j) == 0 && bytes_eq(jid_bare(&j), pair_sip(n->pair)) && j.resource_n)
			return jid_resource(&j);
	return BYTES_NONE;
}

/* Does the other direction know better? Then nobody has to hear that he is gone because one dialog is. */
static bool is_shown_open(const struct pair *c, struct bytes resource)
{
	const struct watch *w = c->watch;
	struct pres p;

	for (unsigned i = 0; w && i < w->n_tuples; i++)
		if (pres_decode(text_bytes(w->tuples[i]), &p) == 0 && p.is_open && (!resource.n || bytes_eq(p.resource, resource)))
			return true;
	return false;
}

static bool has_sibling(const struct notifier *n)
{
	return n->pair->notifiers.next != &n->node || n->pair->notifiers.prev != &n->node;
}

/* SUB-S06, S07, S14 */
static void tell_gone(struct notifier *n)
{
	struct bytes resource = resource_of(n);

	if (is_shown_open(n->pair, resource) || (!resource.n && has_sibling(n)))
		return;
	presence_tell(n->pair->p, &(struct tell){ .type = TYPE_UNAVAILABLE, .from = pair_sip(n->pair), .resource = resource,
		.to = pair_xmpp(n->pair) });
}

/* ---- actions ---- */

static int end_with(struct notifier *n, const char *reason)
{
	n->was_active = n->state == N_ACTIVE;
	n->reason = reason;
	loop_timer_del(n->pair->p->x->loop, &n->timer);
	loop_timer_del(n->pair->p->x->loop, &n->rate);
	n->state = N_ENDING; /* the NOTIFY says what is now */
	pair_save(n->pair);
	notify_send(n);
	return 0;
}

static int act_grant(void *machine, void *arg)
{
	struct notifier *n = machine;

	(void)arg;
	n->state = N_ACTIVE;
	notify_send(n);
	return 0;
}

static int act_deny(void *machine, void *arg)
{
	(void)arg;
	return end_with(machine, "rejected");
}

static int act_absent(void *machine, void *arg)
{
	(void)arg;
	return end_with(machine, "noresource");
}

static int act_later(void *machine, void *arg)
{
	(void)arg;
	return end_with(machine, "giveup;retry-after=300");
}

static int act_tell(void *machine, void *arg)
{
	(void)arg;
	notify_send(machine);
	return 0;
}

static int act_change(void *machine, void *arg)
{
	(void)arg;
	notify_change(machine);
	return 0;
}

static int act_end(void *machine, void *arg)
{
	struct notifier *n = machine;

	(void)arg;
	if (n->state == N_ACTIVE)
		tell_gone(n);
	return end_with(n, "timeout");
}

/* He looked only; nobody was told of him. */
static int act_end_look(void *machine, void *arg)
{
	(void)arg;
	return end_with(machine, "timeout");
}

/* More resources may answer the probe. */
static int act_gather(void *machine, void *arg)
{
	struct notifier *n = machine;

	(void)arg;
	(void)loop_timer_set(n->pair->p->x->loop, &n->timer, LOOK_GATHER_MS); /* else the timer that runs */
	return 0;
}

static int act_lose(void *machine, void *arg)
{
	struct notifier *n = machine;

	(void)arg;
	presence_stats[PSTAT_DIALOGS_LOST]++;
	if (n->state == N_ACTIVE)
		tell_gone(n);
	n->is_over = true;
	return 0;
}

static int act_over(void *machine, void *arg)
{
	struct notifier *n = machine;

	(void)arg;
	n->is_over = true;
	return 0;
}

/* ---- the table ---- */

static const struct fsm_row rows[] = {
	/* state       event        action         next */
	{ N_PENDING,   E_GRANTED,   act_grant,     N_ACTIVE },  /* SUB-S02 */
	{ N_PENDING,   E_DENIED,    act_deny,      N_ENDING },  /* SUB-S03 */
	{ N_PENDING,   E_ABSENT,    act_absent,    N_ENDING },  /* SUB-S13 */
	{ N_PENDING,   E_LATER,     act_later,     N_ENDING },
	{ N_PENDING,   E_REFRESHED, act_tell,      N_PENDING }, /* SUB-S05 */
	{ N_PENDING,   E_LEFT,      act_end,       N_ENDING },
	{ N_PENDING,   E_EXPIRED,   act_end,       N_ENDING },
	{ N_PENDING,   E_GONE,      act_lose,      N_PENDING },

	{ N_ACTIVE,    E_DENIED,    act_deny,      N_ENDING },  /* SUB-S04 */
	{ N_ACTIVE,    E_ABSENT,    act_absent,    N_ENDING },
	{ N_ACTIVE,    E_LATER,     act_later,     N_ENDING },
	{ N_ACTIVE,    E_REFRESHED, act_tell,      N_ACTIVE },  /* SUB-S05 */
	{ N_ACTIVE,    E_CHANGED,   act_change,    N_ACTIVE },  /* PRE-X01, X13 */
	{ N_ACTIVE,    E_LEFT,      act_end,       N_ENDING },  /* SUB-S06 */
	{ N_ACTIVE,    E_EXPIRED,   act_end,       N_ENDING },  /* SUB-S07 */
	{ N_ACTIVE,    E_GONE,      act_lose,      N_ACTIVE },  /* SUB-S14 */

	{ N_LOOKING,   E_CHANGED,   act_gather,    N_LOOKING }, /* SUB-P02 */
	{ N_LOOKING,   E_EXPIRED,   act_end_look,  N_ENDING },
	{ N_LOOKING,   E_DENIED,    act_end_look,  N_ENDING },
	{ N_LOOKING,   E_ABSENT,    act_absent,    N_ENDING },
	{ N_LOOKING,   E_LATER,     act_end_look,  N_ENDING },
	{ N_LOOKING,   E_GONE,      act_over,      N_LOOKING },

	{ N_ENDING,    E_GONE,      act_over,      N_ENDING },
};

#define NAME(id, name) name,
static const char *const state_names[] = { NOTIFIER_STATES(NAME) };
static const char *const event_names[] = { NOTIFIER_EVENTS(NAME) };
#undef NAME
const struct fsm notifier_fsm = { "notifier", rows, sizeof rows / sizeof rows[0], state_names, event_names };

const char *notifier_state_name(uint8_t state)
{
	return state_names[state];
}

void notifier_step(struct notifier *n, enum notifier_event e)
{
	(void)fsm_step(&notifier_fsm, &n->state, (uint8_t)e, n, NULL); /* what is in no row changes nothing */
	if (n->is_over)
		notifier_free(n);
}

void notifiers_step(struct pair *c, enum notifier_event e)
{
	LIST_EACH (it, &c->notifiers) {
		bool is_last = it_next == &c->notifiers;
		notifier_step(LIST_OWNER(it, struct notifier, node), e);
		if (is_last)
			break; /* the pair may have gone */
	}
}

void notifier_restore(struct notifier *n)
{
	struct presence *p = n->pair->p;
	uint64_t now = presence_now(p), spread = random_below(PRESENCE_SPREAD_MS);
	uint64_t left = n->expires_at_ms > now ? n->expires_at_ms - now : 0;

	n->dialog.local_cseq += 1024; /* more than was sent since the last save */
	n->state = n->pair->grant == GRANT_GIVEN ? N_ACTIVE : N_PENDING;
	(void)loop_timer_set(p->x->loop, &n->timer, left > spread ? left : spread); /* a refresh sets it again */
}

/* ---- SUBSCRIBE ---- */

/* SUB-S12 */
static bool takes_pidf(const struct sipmsg *m)
{
	size_t count = sipmsg_count(m, SIPH_ACCEPT);
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		struct bytes v = sipmsg_value(m, SIPH_ACCEPT, i);
		struct bytes type = bytes_make(v.p, bytes_find(v, ';'));
		while (type.n && type.p[type.n - 1] == ' ')
			type.n--;
		any |= type.n != 0;
		if (bytes_eq_nocase(type, BYTES(PIDF_CONTENT_TYPE)) || bytes_eq_nocase(type, BYTES("application/*")) ||
		    bytes_eq_str(type, "*/*"))
			return true;
	}
	return !any;
}

/* SUB-S01, S08, S09. False: answered. */
static bool read_expires(struct request_in *r, uint32_t *out)
{
	*out = EXPIRES_S;
	(void)sipmsg_number(r->m, SIPH_EXPIRES, out); /* absent: the package's own (RFC 3856 6.4) */
	if (*out > EXPIRES_MAX_S)
		*out = EXPIRES_MAX_S;
	if (*out == 0 || *out >= EXPIRES_MIN_S)
		return true;
	request_in_answer(r, &(struct reply){ .status = 423, .headers = BYTES("Min-Expires: 60\r\n") });
	return false;
}

/* The route set is told back (RFC 3261 12.1.1). */
static void answer(struct notifier *n, struct request_in *r, uint32_t expires_s)
{
	char tag[DIALOG_TAG_BYTES] = "";
	struct buf b;

	buf_init(&b, 1 << 15);
	buf_putf(&b, "Expires: %u\r\nContact: <", expires_s);
	(void)notify_put_contact(n, &b); /* an address that is too long was refused by the door */
	buf_put_str(&b, ">\r\n");
	for (size_t i = 0; i < sipmsg_count(r->m, SIPH_RECORD_ROUTE); i++) {
		buf_put_str(&b, "Record-Route: ");
		buf_put_bytes(&b, sipmsg_value(r->m, SIPH_RECORD_ROUTE, i));
		buf_put_str(&b, "\r\n");
	}
	memcpy(tag, dialog_get(&n->dialog, n->dialog.local_tag).p, sizeof tag - 1);
	request_in_answer(r, &(struct reply){ .status = 200, .to_tag = tag, .headers = buf_bytes(&b) });
	buf_fini(&b);
}

static void refuse_flood(struct presence *p, struct request_in *r, const char *what)
{
	presence_flooded(p, jid_bare(&r->from), what);
	request_in_answer(r, &(struct reply){ .status = 480, .headers = BYTES("Retry-After: 300\r\n") });
}

static size_t dialogs_of(const struct pair *c)
{
	size_t n = 0;

	LIST_EACH (it, &c->notifiers)
		n++;
	return n;
}

/* "presence;id=7" has to come back (RFC 6665 8.2.1). */
static char *event_of(const struct sipmsg *m)
{
	struct bytes v = sipmsg_value(m, SIPH_EVENT, 0);

	return v.n > 8 && v.n < 256 ? strndup((const char *)v.p, v.n) : NULL;
}

/* A dialog for the request; NULL: it is answered, and the pair may be gone. */
static struct notifier *open_dialog(struct pair *c, struct request_in *r)
{
	struct presence *p = c->p;
	char tag[DIALOG_TAG_BYTES];
	const char *full = dialogs_of(c) >= PRESENCE_DIALOGS_MAX ? "dialogs of one user with another" : NULL;

	if (!full)
		full = presence_take(p, pair_sip(c), jid_domain_of(pair_sip(c)));
	if (full) {
		refuse_flood(p, r, full);
		pair_settle(c);
		return NULL;
	}
	struct notifier *n = notifier_new(c);
	if (!n) {
		presence_give(p, pair_sip(c), jid_domain_of(pair_sip(c)));
		request_in_status(r, 500, NULL);
		pair_settle(c);
		return NULL;
	}
	n->is_counted = true;
	n->flags = r->flags & (UNIT_TLS | UNIT_CLIENT);
	n->flow = r->flags & UNIT_CLIENT ? r->flow : 0;
	n->event = event_of(r->m);
	dialog_new_tag(tag);
	int rc = dialog_of_request(&n->dialog, r->m, tag);
	if (!rc)
		rc = map_add_u64(&p->dialogs, tag_number(bytes_of(tag)), n);
	if (!rc)
		return n;
	request_in_refuse(r, rc == ERR_NOMEM ? 500 : 400, "no Contact that could be notified");
	notifier_free(n);
	return NULL;
}

static void ask_permission(struct pair *c)
{
	if (c->grant != GRANT_NONE)
		return; /* SUB-S05, S15 */
	c->grant = GRANT_ASKED;
	presence_tell_plain(c->p, TYPE_SUBSCRIBE, pair_sip(c), pair_xmpp(c));
}

/* SUB-P02 */
static void look(struct notifier *n)
{
	struct pair *c = n->pair;

	n->is_look = true;
	n->state = N_LOOKING;
	if (c->is_known && c->grant == GRANT_GIVEN) {
		notifier_step(n, E_EXPIRED);
		return;
	}
	c->is_known = false; /* what the probe brings is for him */
	presence_tell_plain(c->p, TYPE_PROBE, pair_sip(c), pair_xmpp(c));
	(void)loop_timer_set(c->p->x->loop, &n->timer, PRESENCE_PROBE_MS); /* no memory: the NOTIFY that never comes is his risk */
}

static void subscribe(struct presence *p, struct request_in *r, uint32_t expires_s)
{
	struct pair *c = pair_get(p, jid_bare(&r->to), jid_bare(&r->from));
	struct notifier *n;

	if (!c) {
		request_in_status(r, 500, NULL);
		return;
	}
	n = open_dialog(c, r);
	if (!n)
		return;
	presence_stats[PSTAT_DIALOGS_OPENED]++;
	answer(n, r, expires_s);
	if (!expires_s) {
		look(n);
		return;
	}
	set_expiry(n, expires_s);
	n->state = c->grant == GRANT_GIVEN ? N_ACTIVE : N_PENDING;
	notify_send(n);
	ask_permission(c);
	pair_save(c);
}

static void resubscribe(struct notifier *n, struct request_in *r, uint32_t expires_s)
{
	int rc = dialog_take_request(&n->dialog, r->m);

	if (rc) {
		request_in_status(r, rc == ERR_BAD_STATE ? 500 : 400, NULL);
		return;
	}
	answer(n, r, expires_s);
	if (expires_s)
		set_expiry(n, expires_s);
	pair_save(n->pair);
	notifier_step(n, expires_s ? E_REFRESHED : E_LEFT);
}

bool notifier_on_subscribe(struct presence *p, struct request_in *r)
{
	struct bytes tag = dialog_tag(r->m, SIPH_TO);
	struct notifier *n = tag.n ? map_get_u64(&p->dialogs, tag_number(tag)) : NULL;
	uint32_t expires_s;

	if (tag.n && (!n || !dialog_has(&n->dialog, r->m) || n->state == N_ENDING || n->state == N_LOOKING)) {
		request_in_status(r, 481, NULL); /* SUB-S10 */
		return true;
	}
	if (!n && (!r->to.local_n || !r->from.local_n)) {
		request_in_status(r, 404, NULL); /* SUB-S17: no person, so no list either */
		return true;
	}
	if (!takes_pidf(r->m)) {
		request_in_status(r, 406, NULL);
		return true;
	}
	if (!read_expires(r, &expires_s))
		return true;
	if (n)
		resubscribe(n, r, expires_s);
	else
		subscribe(p, r, expires_s);
	return true;
}
