/* PUBLISH (RFC 3903): the state that a client publishes is its session's presence; what the call manager
 * publishes for a line is the presence of the session "phone" of its user (B-PUB-01, A-01.01). */
#include "client.h"

#include "base/err.h"
#include "base/random.h"
#include "pidf.h"
#include "proto/xmpp.h"

#include <stdlib.h>

enum { EXPIRES_DEFAULT_S = 3600, EXPIRES_MIN_S = 60, EXPIRES_MAX_S = 86400, ETAG_CHARS = 16 };
#define ON_THE_PHONE "On the phone"

/* ---- what is shown ---- */

/* A user who has several lines is as busy as the busiest of them; of equals the newest counts. */
static const struct publication *chosen(const struct client *c, struct pres *out)
{
	const struct publication *best = NULL;
	struct pres p;

	LIST_EACH (it, &c->publications) {
		const struct publication *pub = LIST_OWNER(it, struct publication, node);
		if (pres_decode(bytes_make(pub->pres, pub->pres_n), &p))
			continue;
		if (best && !(client_is_phone(c) && p.show == PRES_DND && out->show != PRES_DND))
			continue;
		best = pub;
		*out = p;
	}
	return best;
}

static void shape_phone(struct pres *p)
{
	p->priority = PHONE_PRIORITY; /* no message goes to it */
	if (p->show == PRES_DND && !p->n_notes)
		pres_add_note(p, BYTES_NONE, BYTES(ON_THE_PHONE));
}

void client_show(struct client *c)
{
	struct pres p = { .is_open = !client_is_phone(c), .priority = PRES_NO_PRIORITY };
	struct buf b;

	if (c->state != CLIENT_OPEN)
		return; /* when it is open */
	(void)chosen(c, &p); /* nothing published: available by being registered */
	if (client_is_phone(c))
		shape_phone(&p);
	buf_init(&b, 1 << 16);
	buf_put_str(&b, p.is_open ? "<presence" : "<presence type='unavailable'");
	xml_write_attr(&b, "from", bytes_of(c->full));
	buf_put_str(&b, ">");
	pres_write_children(&b, &p);
	buf_put_str(&b, "</presence>");
	if (!buf_failed(&b))
		client_say(c, STANZA_PRESENCE, p.is_open ? TYPE_AVAILABLE : TYPE_UNAVAILABLE, BYTES_NONE, buf_bytes(&b));
	buf_fini(&b);
}

/* ---- publications ---- */

static void publication_free(struct publication *p)
{
	loop_timer_del(p->client->x->loop, &p->expiry);
	list_del(&p->node);
	p->client->n_publications--;
	free(p);
}

void client_publish_fini(struct client *c)
{
	while (!list_is_empty(&c->publications))
		publication_free(LIST_OWNER(c->publications.next, struct publication, node));
}

/* The session of a phone is as long as something is published. */
static void withdraw(struct publication *p)
{
	struct client *c = p->client;

	publication_free(p);
	if (client_is_phone(c) && list_is_empty(&c->publications))
		client_end(c, false);
	else
		client_show(c);
}

static void on_expiry(void *arg)
{
	struct publication *p = arg;

	xlate_begin(p->client->x);
	withdraw(p);
}

static struct publication *find(const struct client *c, struct bytes etag)
{
	LIST_EACH (it, &c->publications) {
		struct publication *p = LIST_OWNER(it, struct publication, node);
		if (bytes_eq_str(etag, p->etag))
			return p;
	}
	return NULL;
}

static struct publication *publication_new(struct client *c, const struct pres *pres)
{
	struct publication *p = NULL;
	struct buf b;

	buf_init(&b, 1 << 16);
	pres_encode(&b, pres);
	if (!buf_failed(&b))
		p = calloc(1, sizeof *p + buf_len(&b));
	if (p) {
		p->client = c;
		p->pres_n = (uint32_t)buf_len(&b);
		memcpy(p->pres, buf_bytes(&b).p, p->pres_n);
		loop_timer_init(&p->expiry, on_expiry, p);
		list_add_head(&c->publications, &p->node);
		c->n_publications++;
	}
	buf_fini(&b);
	return p;
}

/* ---- the request ---- */

struct wish {
	uint32_t expires_s;
	struct bytes etag; /* SIP-If-Match; empty: none */
	bool has_state;
	struct pres pres;
};

static void answer(struct request_in *r, unsigned status, const char *header, const char *value)
{
	struct buf h;

	buf_init(&h, 256);
	if (header)
		buf_putf(&h, "%s: %s\r\n", header, value);
	request_in_answer(r, &(struct reply){ .status = status, .headers = buf_bytes(&h) });
	buf_fini(&h);
}

static void accept_with(struct request_in *r, struct publication *p, uint32_t expires_s)
{
	struct buf h;

	random_hex(p->etag, ETAG_CHARS); /* RFC 3903 6: a new one each time */
	if (loop_timer_set(r->x->loop, &p->expiry, 1000ull * expires_s)) {
		request_in_status(r, 500, NULL);
		withdraw(p);
		return;
	}
	buf_init(&h, 256);
	buf_putf(&h, "SIP-ETag: %s\r\nExpires: %u\r\n", p->etag, (unsigned)expires_s);
	request_in_answer(r, &(struct reply){ .status = 200, .headers = buf_bytes(&h) });
	buf_fini(&h);
}

/* The document's first word about the user; with several tuples the best of them (RFC 3863 4.1.5). */
static bool read_state(struct request_in *r, struct wish *w)
{
	struct pidf doc;
	const struct pidf_how how = { .lang = sipmsg_value(r->m, SIPH_CONTENT_LANGUAGE, 0), .guesses = true };
	int best = -1;

	if (pidf_read(sipmsg_body(r->m), &how, &r->x->arena, &doc))
		return false;
	for (size_t i = 0; i < doc.n; i++)
		if (doc.tuples[i].is_known && (best < 0 || (doc.tuples[i].pres.is_open && !doc.tuples[best].pres.is_open)))
			best = (int)i;
	if (best < 0)
		return false;
	w->pres = doc.tuples[best].pres;
	w->pres.resource = BYTES_NONE;
	return true;
}

/* RFC 3903 6: false: it is answered. */
static bool read_wish(struct request_in *r, struct wish *w)
{
	struct bytes type = sipmsg_value(r->m, SIPH_CONTENT_TYPE, 0);

	w->expires_s = EXPIRES_DEFAULT_S;
	(void)sipmsg_number(r->m, SIPH_EXPIRES, &w->expires_s); /* none: ours */
	if (w->expires_s > EXPIRES_MAX_S)
		w->expires_s = EXPIRES_MAX_S;
	w->etag = sipmsg_value(r->m, SIPH_SIP_IF_MATCH, 0);
	w->has_state = sipmsg_body(r->m).n > 0;
	if (w->expires_s && w->expires_s < EXPIRES_MIN_S)
		answer(r, 423, "Min-Expires", "60");
	else if (sipmsg_count(r->m, SIPH_SIP_IF_MATCH) > 1 || (!w->etag.n && !w->has_state))
		request_in_status(r, 400, NULL);
	else if (w->has_state && !bytes_eq_nocase(bytes_make(type.p, bytes_find(type, ';')), BYTES(PIDF_CONTENT_TYPE)))
		answer(r, 415, "Accept", PIDF_CONTENT_TYPE);
	else if (w->has_state && !read_state(r, w))
		request_in_status(r, 400, "Bad Presence Document");
	else
		return true;
	return false;
}

/* A client that has lost its tag publishes anew: the oldest goes. */
static void make_room(struct client *c)
{
	struct publication *oldest = NULL;
	unsigned n = 0;

	LIST_EACH (it, &c->publications) {
		struct publication *p = LIST_OWNER(it, struct publication, node);
		if (!p->etag[0])
			continue;
		oldest = p;
		n++;
	}
	if (oldest && n >= (client_is_phone(c) ? (unsigned)CLIENT_PUBLICATIONS_MAX : 1u))
		publication_free(oldest);
}

static void publish(struct client *c, struct request_in *r, const struct wish *w)
{
	struct publication *old = w->etag.n ? find(c, w->etag) : NULL, *p = old;

	if (w->etag.n && !old) {
		request_in_status(r, 412, NULL);
		return;
	}
	if (!w->expires_s) {
		answer(r, 200, "Expires", "0");
		if (old)
			withdraw(old);
		return;
	}
	if (w->has_state) {
		if (!old)
			make_room(c);
		p = publication_new(c, &w->pres);
		if (p && old)
			publication_free(old);
	}
	if (!p) {
		request_in_status(r, 500, NULL);
		return;
	}
	accept_with(r, p, w->expires_s);
	if (w->has_state)
		client_show(c);
}

/* The call manager speaks for people of ours; it begins their phone's session. */
static bool publish_phone(struct xlate *x, struct request_in *r, const struct wish *w)
{
	struct client *c = phone_of(x, jid_bare(&r->to));

	if (!c && (w->etag.n || !w->expires_s)) {
		request_in_status(r, w->etag.n ? 412 : 200, NULL);
		return true;
	}
	if (!c)
		c = phone_new(x, jid_bare(&r->to));
	if (c)
		publish(c, r, w);
	else
		request_in_status(r, 503, NULL);
	return true;
}

/* ---- what the call manager notifies ---- */

static bool is_same(const struct publication *p, const struct pres *now)
{
	struct pres was;

	return p && pres_decode(bytes_make(p->pres, p->pres_n), &was) == 0 && pres_equal(&was, now);
}

void phone_watched(struct xlate *x, struct bytes bare, const struct pres *now)
{
	struct client *c = phone_of(x, bare);
	struct publication *old = c ? find(c, BYTES_NONE) : NULL;

	if (!now) {
		if (old)
			withdraw(old);
		return;
	}
	if (is_same(old, now))
		return;
	if (!c)
		c = phone_new(x, bare);
	if (!c || !publication_new(c, now)) {
		xlate_stats[STAT_NO_MEMORY]++;
		if (c && list_is_empty(&c->publications))
			client_end(c, false);
		return;
	}
	if (old)
		publication_free(old);
	client_show(c);
}

bool client_on_publish(struct xlate *x, struct request_in *r)
{
	struct client *c = r->flags & UNIT_CLIENT ? client_of_reg(x, r->flow) : NULL;
	struct wish w = { .expires_s = 0 };

	if (!c && !(r->flags & UNIT_TRUNK))
		return false;
	if (!settings_bool(x->settings, SET_GATEWAY_PRESENCE)) {
		request_in_refuse(r, 403, "gateway presence is off");
		return true;
	}
	if (c && !jid_bare_eq(&r->to, &r->from)) {
		request_in_refuse(r, 403, "publishes for another user");
		return true;
	}
	if (!r->to.local_n || !xlate_is_hosted(x, jid_domain(&r->to))) {
		request_in_refuse(r, 404, "publishes for nobody here");
		return true;
	}
	if (!read_wish(r, &w))
		return true;
	if (!c)
		return publish_phone(x, r, &w);
	publish(c, r, &w);
	return true;
}
