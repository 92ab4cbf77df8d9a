#include "guest_impl.h"

#include "address.h"
#include "base/err.h"

#include <stdio.h>

/* The conference event package (RFC 4575, RFC 6665) for a guest: the whole document each time, one a second at most. */

enum { URI_BYTES_MAX = 2048, STATE_BYTES_MAX = 64 };

void guest_watch_fini(struct guest *g)
{
	request_out_drop(g->telling);
	g->telling = NULL;
	dialog_fini(&g->watch);
	dialog_init(&g->watch);
	g->watch_ms = 0;
	g->is_due = false;
}

/* ---- the document ---- */

static struct bytes uri_of(struct guest *g, struct bytes nick)
{
	struct buf b;

	buf_init(&b, URI_BYTES_MAX);
	int rc = address_of_occupant(bytes_of(g->room), nick, &b);
	struct bytes uri = rc ? BYTES_NONE : arena_dup(&g->x->arena, buf_bytes(&b));
	buf_fini(&b);
	return uri;
}

static bool put_document(struct guest *g, struct buf *out)
{
	struct conference_user *users = arena_alloc(&g->x->arena, (g->n_people + 1) * sizeof *users);
	struct conference c = { .entity = uri_of(g, BYTES_NONE), .state = CONFERENCE_FULL, .has_version = true, .version = ++g->version,
				.has_subject = *g->subject, .subject = bytes_of(g->subject), .has_users = true, .users = users };

	if (!users || !c.entity.n)
		return false;
	LIST_EACH (it, &g->people) {
		const struct guest_person *p = LIST_OWNER(it, struct guest_person, node);
		users[c.n++] = (struct conference_user){ .entity = uri_of(g, bytes_of(p->nick)), .display_text = bytes_of(p->nick),
							 .role = p->is_moderator ? BYTES("moderator") : BYTES("participant") };
	}
	conference_write(out, &c);
	return !buf_failed(out);
}

/* ---- NOTIFY ---- */

static void on_told(void *arg, const struct outcome *o)
{
	struct guest *g = arg;

	g->telling = NULL;
	if (o->why || o->status == 481 || o->status == 408) /* RFC 6665 4.2.2 */
		guest_watch_fini(g);
	guest_arm(g);
}

static void put_contact(struct guest *g, struct buf *out)
{
	buf_init(out, URI_BYTES_MAX);
	if (g->session)
		(void)session_put_contact(g->session, out); /* it was written before, in the session */
}

static void notify(struct guest *g, const char *state, bool has_document, request_out_fn fn, struct request_out **out)
{
	struct jid member = jid_of_normal(bytes_of(g->member));
	struct buf contact, document;

	put_contact(g, &contact);
	buf_init(&document, CONFERENCE_MAX_BYTES);
	struct sipmsg *m = dialog_request(&g->watch, "NOTIFY", buf_bytes(&contact));
	if (m) {
		sipmsg_append(m, SIPH_EVENT, BYTES("conference"));
		sipmsg_append(m, SIPH_SUBSCRIPTION_STATE, bytes_of(state));
		if (has_document && put_document(g, &document))
			sipmsg_set_body(m, CONFERENCE_CONTENT_TYPE, buf_bytes(&document));
		const struct request_to to = { .m = m, .trace = g->session ? g->session->key : 0, .peer = jid_domain(&member),
					       .flow = g->session ? g->session->flow : 0, .flags = g->session ? g->session->flags : 0 };
		(void)request_out_send(g->x, &to, fn, g, out); /* what is not told now is told with the next change */
	}
	sipmsg_free(m);
	buf_fini(&contact);
	buf_fini(&document);
}

static void tell(struct guest *g)
{
	uint64_t now = loop_now(g->x->loop);
	char state[STATE_BYTES_MAX];

	g->is_due = false;
	g->tell_ms = now + GUEST_TELL_MS;
	snprintf(state, sizeof state, "active;expires=%llu", (unsigned long long)(g->watch_ms > now ? (g->watch_ms - now) / 1000 : 0));
	notify(g, state, g->state == GUEST_INSIDE, on_told, &g->telling);
}

void guest_watch_changed(struct guest *g)
{
	if (dialog_is_begun(&g->watch))
		g->is_due = true;
}

void guest_watch_end(struct guest *g, const char *reason)
{
	char state[STATE_BYTES_MAX];

	if (!dialog_is_begun(&g->watch))
		return;
	snprintf(state, sizeof state, "terminated;reason=%s", reason);
	notify(g, state, false, NULL, NULL);
	guest_watch_fini(g);
}

void guest_watch_due(struct guest *g, uint64_t now_ms)
{
	if (g->watch_ms && g->watch_ms <= now_ms)
		guest_watch_end(g, "timeout");
	else if (g->is_due && !g->telling && dialog_is_begun(&g->watch) && g->tell_ms <= now_ms)
		tell(g);
}

/* ---- SUBSCRIBE ---- */

static uint32_t expires_of(const struct sipmsg *m)
{
	uint32_t s;

	if (!sipmsg_number(m, SIPH_EXPIRES, &s))
		return GUEST_EXPIRES_S;
	return s < GUEST_EXPIRES_MAX_S ? s : GUEST_EXPIRES_MAX_S;
}

static void accept(struct guest *g, struct request_in *r, const char *tag, uint32_t expires_s)
{
	struct buf headers, contact;

	put_contact(g, &contact);
	buf_init(&headers, URI_BYTES_MAX + 256);
	buf_putf(&headers, "Expires: %u\r\nContact: <", expires_s);
	buf_put_bytes(&headers, buf_bytes(&contact));
	buf_put_str(&headers, ">;isfocus\r\n");
	request_in_answer(r, &(struct reply){ .status = 200, .to_tag = tag, .headers = buf_bytes(&headers) });
	buf_fini(&headers);
	buf_fini(&contact);
	g->watch_ms = loop_now(g->x->loop) + expires_s * 1000ull;
	if (expires_s)
		tell(g);
	else
		guest_watch_end(g, "timeout");
	guest_arm(g);
}

void guest_watch_take(struct guest *g, struct request_in *r)
{
	char tag[DIALOG_TAG_BYTES];
	uint32_t expires_s = expires_of(r->m);

	guest_watch_end(g, "deactivated"); /* one at a time: the newest */
	dialog_new_tag(tag);
	if (dialog_of_request(&g->watch, r->m, tag)) {
		guest_watch_fini(g);
		request_in_status(r, 400, "Contact is missing");
		return;
	}
	accept(g, r, tag, expires_s);
}

void guest_watch_renew(struct guest *g, struct request_in *r)
{
	if (dialog_take_request(&g->watch, r->m))
		request_in_status(r, 500, "CSeq is behind"); /* RFC 3261 12.2.2 */
	else
		accept(g, r, NULL, expires_of(r->m));
}
