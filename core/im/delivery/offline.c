#include "delivery/offline.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/xmpp.h"
#include "archive/archive.h"
#include "ask.h"
#include "delivery/deliver.h"
#include "domain.h"
#include "delivery/journal.h"
#include "delivery/parcel.h"
#include "session.h"

enum { PAGE = 50 };

/* ---- storing ---- */

static void on_stored(struct im *im, struct ask *a, int rc)
{
	struct parcel *p = a->arg;
	struct item it = { .e = p->e, .parcel = p };

	p->storing--;
	if (rc == 0) {
		im_stats[STAT_OFFLINE_STORED]++;
	} else {
		im_stats[STAT_OFFLINE_FULL] += rc == ERR_FULL;
		item_refuse(im, &it, STANZA_SERVICE_UNAVAILABLE, rc == ERR_FULL ? "Too many messages wait for this person, or from your domain" : NULL);
	}
	parcel_point_drop(im, p);
}

/* Of a sender who does not live here. */
static struct bytes other_domain(const struct im *im, struct bytes from)
{
	struct jid j = jid_of_normal(from);

	return domain_of(im, jid_domain(&j)) ? BYTES_NONE : jid_domain(&j);
}

void offline_store(struct im *im, struct user *u, struct item *it)
{
	/* Chat states, and what asks not to be kept (XEP-0334), vanish without a word (XEP-0160 3). */
	if (!item_must_survive(&it->e))
		return;
	struct parcel *p = im->config.has_offline ? item_parcel(im, it) : NULL;
	if (!p) {
		item_refuse(im, it, STANZA_SERVICE_UNAVAILABLE, NULL);
		return;
	}
	parcel_point_add(p);
	p->storing++;
	struct buf *b = ask_begin(im, STORE_OFFLINE_ADD);
	wire_put_u64(b, p->disk_uid);
	wire_put_str(b, user_jid(u));
	wire_put_u64(b, p->at_ms);
	wire_put_u32(b, im->config.offline_user);
	wire_put_u32(b, im->config.offline_domain);
	wire_put_u32(b, im->config.offline_total);
	wire_put_str(b, other_domain(im, p->e.from));
	wire_put_bytes(b, bytes_make(p->body, p->n));
	ask_send_free(im, NULL, on_stored, p, 0);
}

/* ---- delivering what was stored ---- */

bool offline_stamp(struct buf *b, struct bytes stanza, struct bytes domain, uint64_t at_ms)
{
	static const char end[] = "</message>";
	size_t end_n = sizeof end - 1;
	char stamp[TEXT_TIME_BYTES];

	if (stanza.n < end_n || memcmp(stanza.p + stanza.n - end_n, end, end_n) != 0)
		return false;
	text_time(at_ms, true, stamp);
	buf_put(b, stanza.p, stanza.n - end_n);
	buf_put_str(b, "<delay xmlns='" NS_DELAY "'");
	xml_write_attr(b, "from", domain);
	buf_put_str(b, " stamp='");
	buf_put_str(b, stamp);
	buf_put_str(b, "'/>");
	buf_put_str(b, end);
	return true;
}

static struct parcel *stamped(struct im *im, const struct envelope *from, uint64_t at_ms)
{
	struct envelope e = *from;
	struct jid to = jid_of_normal(e.to);
	buf_clear(&im->out);
	if (offline_stamp(&im->out, e.stanza, jid_domain(&to), at_ms))
		e.stanza = buf_bytes(&im->out);
	buf_clear(&im->out2);
	envelope_encode(&im->out2, &e);
	return buf_failed(&im->out2) ? NULL : parcel_new(im, buf_bytes(&im->out2));
}

/* Who has read that part of the archive before saying to be available has it already (XEP-0313 6.1.1). */
static bool is_known(const struct im *im, const struct session *s, const struct envelope *e)
{
	uint64_t id;

	return e->facts & FACT_ARCHIVED && s->archive_last && !archive_id_of(im, e->stanza, &id) && id >= s->archive_first &&
	       id <= s->archive_last;
}

static void on_item(struct im *im, struct ask *a, struct wire *w)
{
	struct user *u = a->arg;
	uint64_t row = wire_u64(w), at = wire_u64(w);
	struct bytes body = wire_bytes(w);

	if (wire_failed(w) || row <= u->offline_after || u->is_offline_cut)
		return;
	a->number++;
	u->offline_after = row;
	struct session *s = deliver_best(u);
	if (!s)
		return;
	struct item it = { .body = body };
	bool is_sound = !envelope_decode(body, &it.e);
	if (!is_sound || is_known(im, s, &it.e)) { /* not an envelope: never will be */
		journal_drop_offline(im, row);
		return;
	}
	archive_late(im, u, &it, at, row);
	struct parcel *p = stamped(im, &it.e, at);
	if (!im->item)
		arena_reset(&im->arena);
	if (!p)
		return; /* without memory: the next page has it */
	p->row = row;
	if (session_send_parcel(im, s, p, QUEUED_POINT | QUEUED_OFFLINE)) {
		u->offline_due++;
		im_stats[STAT_OFFLINE_SENT]++;
	} else {
		u->is_offline_cut = true;
	}
	parcel_unref(p);
}

static void on_page(struct im *im, struct ask *a, int rc)
{
	struct user *u = a->arg;

	u->is_offline_reading = false;
	if (rc || u->is_offline_cut || a->number >= PAGE)
		u->has_offline_more = true;
	if (!rc && !u->is_offline_cut)
		offline_next_page(im, u);
	user_unpin(im, u);
}

/* Each page begins at the oldest row: those confirmed are gone by then. */
static void read_page(struct im *im, struct user *u)
{
	u->is_offline_reading = true;
	u->has_offline_more = u->is_offline_cut = false;
	u->offline_after = 0;
	journal_flush(im);
	user_pin(u);
	struct buf *b = ask_begin(im, STORE_OFFLINE_PAGE);
	wire_put_str(b, user_jid(u));
	wire_put_u64(b, 0);
	wire_put_u32(b, PAGE);
	ask_send_free(im, on_item, on_page, u, 0);
}

void offline_start(struct im *im, struct user *u)
{
	u->has_offline_more = true;
	offline_next_page(im, u);
}

void offline_next_page(struct im *im, struct user *u)
{
	if (u->has_offline_more && !u->is_offline_reading && !u->offline_due && deliver_best(u))
		read_page(im, u);
}
