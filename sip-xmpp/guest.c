#include "guest_impl.h"

#include "base/err.h"
#include "base/random.h"
#include "pres.h"
#include "service_features.h"

#include <stdio.h>
#include <stdlib.h>

enum { DEVICE_DIGITS = 8, REASON_TEXT_MAX = 128 };

/* ---- entering and leaving ---- */

static void put_member_key(struct buf *b, struct bytes member, const struct jid *room)
{
	buf_init(b, 2 * JID_MAX_BYTES + 1);
	buf_put_bytes(b, member);
	buf_put_u8(b, '\n');
	buf_put_bytes(b, jid_bare(room));
}

/* MUC-S01 */
void guest_enter(struct guest *g)
{
	g->state = GUEST_ENTERING;
	g->n_names++;
	g->join_ms = loop_now(g->x->loop) + GUEST_JOIN_MS;
	guest_post(g, STANZA_PRESENCE, TYPE_AVAILABLE, bytes_of(g->nick), NULL, BYTES("<x xmlns='" NS_MUC "'/>"), 0);
	guest_arm(g);
}

void guest_dismiss(struct guest *g, unsigned status, struct bytes text)
{
	char reason[256];
	struct session *s = g->session;

	text = pres_cut(text, REASON_TEXT_MAX);
	if (status)
		snprintf(reason, sizeof reason, "SIP;cause=%u;text=\"%.*s\"", status, BYTES_FMT(text));
	else
		snprintf(reason, sizeof reason, "gatehouse;text=\"%.*s\"", BYTES_FMT(text));
	for (char *c = strchr(reason, '"') + 1; *c && c[1]; c++)
		if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ')
			*c = '\'';
	session_step(s, SESSION_END, reason); /* tells us that it is over */
}

/* ---- what the session says ---- */

static void opened(void *arg)
{
	struct guest *g = arg;

	if (g->state == GUEST_CALLED)
		guest_enter(g);
}

static void on_response(void *arg, const struct msrp_frame *f)
{
	(void)arg;
	(void)f; /* of what we sent: it arrived, or the session ends by itself */
}

/* MUC-S08 */
static void over(void *arg, unsigned event, const struct outcome *why)
{
	struct guest *g = arg;

	(void)event;
	(void)why;
	g->session = NULL;
	guest_watch_end(g, "noresource");
	if (g->state != GUEST_CALLED)
		guest_post(g, STANZA_PRESENCE, TYPE_UNAVAILABLE, bytes_of(g->nick), NULL, BYTES_NONE, 0);
	log_info("room.guest.left", LOG_STR("guest", g->member), LOG_STR("room", g->room));
	guest_free(g);
}

const struct session_owner guest_owner = {
	.is_focus = true, .opened = opened, .message = guest_on_text, .nickname = guest_on_nickname, .response = on_response, .over = over,
};

/* ---- the clock ---- */

void guest_arm(struct guest *g)
{
	uint64_t now = loop_now(g->x->loop), next = 0;

	session_sooner(&next, g->join_ms);
	session_sooner(&next, g->watch_ms);
	if (g->is_due && !g->telling && dialog_is_begun(&g->watch))
		session_sooner(&next, g->tell_ms ? g->tell_ms : now);
	if (!list_is_empty(&g->sent)) /* oldest first */
		session_sooner(&next, LIST_OWNER(g->sent.next, struct guest_sent, node)->due_ms);
	loop_timer_del(g->x->loop, &g->timer);
	if (next)
		(void)loop_timer_set(g->x->loop, &g->timer, next > now ? next - now : 0); /* the next event sets it */
}

static void on_timer(void *arg)
{
	struct guest *g = arg;
	uint64_t now = loop_now(g->x->loop);

	xlate_begin(g->x);
	if (g->join_ms && g->join_ms <= now) {
		guest_dismiss(g, 408, BYTES("the room did not answer"));
		return;
	}
	guest_sent_expire(g, now);
	guest_watch_due(g, now);
	guest_arm(g);
}

/* ---- making and finding ---- */

struct guest *guest_of_member(struct xlate *x, struct bytes member, const struct jid *room)
{
	struct buf key;

	put_member_key(&key, member, room);
	struct guest *g = map_get(&x->guests->by_member, buf_bytes(&key));
	buf_fini(&key);
	return g;
}

struct guest *guest_of_user(struct xlate *x, const struct jid *from, const struct jid *room)
{
	struct guest *g = guest_of_member(x, from->full, room);

	if (g)
		return g;
	LIST_EACH (it, &x->guests->all) {
		g = LIST_OWNER(it, struct guest, node);
		struct jid member = jid_of_normal(bytes_of(g->member));
		if (jid_bare_eq(&member, from) && bytes_eq_str(jid_bare(room), g->room))
			return g;
	}
	return NULL;
}

/* An occupant has a full JID (XEP-0045 3): a device that has no name gets one. */
static bool set_member(struct guest *g, const struct jid *from)
{
	char device[DEVICE_DIGITS + 1];
	struct buf b;

	if (from->resource_n)
		return session_set(&g->member, from->full);
	random_hex(device, DEVICE_DIGITS);
	buf_init(&b, JID_MAX_BYTES);
	buf_put_bytes(&b, jid_bare(from));
	buf_putf(&b, "/%s", device);
	bool is_set = !buf_failed(&b) && session_set(&g->member, buf_bytes(&b));
	buf_fini(&b);
	return is_set;
}

static bool fill(struct guest *g, const struct jid *from, const struct jid *room, struct bytes name)
{
	struct buf key;

	if (!set_member(g, from))
		return false;
	put_member_key(&key, bytes_of(g->member), room);
	bool is_whole = session_set(&g->member_key, buf_bytes(&key)) && session_set(&g->room, jid_bare(room)) &&
	                session_set(&g->name, name) && session_set(&g->nick, name) && session_set(&g->subject, BYTES_NONE);
	buf_fini(&key);
	return is_whole;
}

struct guest *guest_new(struct xlate *x, const struct jid *from, const struct jid *room, struct bytes name)
{
	struct guests *all = x->guests;
	struct guest *g = all->count < GUESTS_MAX ? calloc(1, sizeof *g) : NULL;

	if (!g)
		return NULL;
	g->x = x;
	list_init(&g->node);
	list_init(&g->people);
	list_init(&g->sent);
	dialog_init(&g->watch);
	loop_timer_init(&g->timer, on_timer, g);
	if (!fill(g, from, room, name) || map_add(&all->by_member, bytes_of(g->member_key), g)) {
		guest_free(g);
		return NULL;
	}
	list_add_tail(&all->all, &g->node);
	all->count++;
	return g;
}

void guest_free(struct guest *g)
{
	struct guests *all = g->x->guests;

	if (list_is_linked(&g->node)) {
		map_del(&all->by_member, bytes_of(g->member_key));
		list_del(&g->node);
		all->count--;
	}
	loop_timer_del(g->x->loop, &g->timer);
	guest_sent_clear(g);
	guest_people_clear(g);
	guest_watch_fini(g);
	free(g->member_key);
	free(g->member);
	free(g->room);
	free(g->name);
	free(g->nick);
	free(g->subject);
	free(g);
}

/* ---- the feature ---- */

bool guest_is_room_service(const struct xlate *x, struct bytes domain)
{
	return x->settings && settings_bool_at(x->settings, SET_GATEWAY_ROOM_SERVICE, domain);
}

static int init(struct xlate *x)
{
	struct guests *all = calloc(1, sizeof *all);

	if (!all)
		return ERR_NOMEM;
	list_init(&all->all);
	x->guests = all;
	return 0;
}

static void fini(struct xlate *x)
{
	struct guests *all = x->guests;

	if (!all)
		return;
	while (!list_is_empty(&all->all))
		guest_free(LIST_OWNER(all->all.next, struct guest, node));
	map_fini(&all->by_member);
	free(all);
	x->guests = NULL;
}

static void show(struct xlate *x, struct proc_ask *ask)
{
	size_t n_inside = 0;

	LIST_EACH (it, &x->guests->all)
		n_inside += LIST_OWNER(it, struct guest, node)->state == GUEST_INSIDE;
	proc_record_begin(ask);
	proc_record_str(ask, "part", "guests");
	proc_record_int(ask, "all", (int64_t)x->guests->count);
	proc_record_int(ask, "inside", (int64_t)n_inside);
	proc_record_end(ask);
}

const struct feature guest_feature = { .name = "guests", .init = init, .fini = fini, .show = show };
