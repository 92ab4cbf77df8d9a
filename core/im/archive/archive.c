#include "archive/archive.h"

#include "base/err.h"
#include "base/random.h"
#include "base/text.h"
#include "proto/hmac.h"
#include "proto/xmpp.h"
#include "archive/archive_prefs.h"
#include "ask.h"
#include "delivery/parcel.h"
#include "session.h"

#include <stdlib.h>

enum { BATCH_ROWS = 500, BATCH_BYTES = 1 << 20, ROWS_BYTES_MAX = 8 << 20, TEXT_MAX = 16 << 10 };
/* Random numbers of ids: the lower half for messages as they come, which also count on from the last one; the upper half for
 * those that waited on disk. */
enum { NUMBER_HALF = 1 << (STORE_ARCHIVE_TIME_SHIFT - 1) };
/* A clock that was set back by less than this does not put messages in disorder. */
enum { BACK_MAX_MS = 3600 * 1000 };

/* One ARCHIVE_ADD, and whom it makes safe. */
struct archive_batch {
	uint32_t n, n_parcels;
	struct parcel *parcels[BATCH_ROWS];
};

bool archive_is_eligible(const struct envelope *e)
{
	return e->type <= TYPE_CHAT && !(e->facts & FACT_CARBON) && item_must_survive(e);
}
_Static_assert(TYPE_NORMAL == 0 && TYPE_CHAT == 1, "types that are archived");

/* ---- ids ---- */

static uint64_t next_id(struct im *im)
{
	uint64_t id = loop_wall_ms(im->loop) << STORE_ARCHIVE_TIME_SHIFT | (random_u64() & (NUMBER_HALF - 1));
	uint64_t last = im->archive.last_id;

	if (last >= id && last - id < (uint64_t)BACK_MAX_MS << STORE_ARCHIVE_TIME_SHIFT)
		id = last + 1;
	im->archive.last_id = id;
	return id;
}

void archive_id_text(const struct im *im, uint64_t id, char out[static ARCHIVE_ID_CHARS + 1])
{
	uint8_t raw[8 + HMAC_BYTES_MAX];

	for (int i = 0; i < 8; i++)
		raw[i] = (uint8_t)(id >> (56 - 8 * i));
	const struct bytes parts[] = { BYTES("archive id"), bytes_make(raw, 8) };
	if (!hmac_make(HMAC_SHA256, bytes_make(im->secret.p, im->secret.n), parts, 2, raw + 8))
		memset(raw + 8, 0, HMAC_BYTES_MAX);
	text_hex(bytes_make(raw, ARCHIVE_ID_CHARS / 2), out);
	out[ARCHIVE_ID_CHARS] = '\0';
}

int archive_id_read(const struct im *im, struct bytes text, uint64_t *out)
{
	char right[ARCHIVE_ID_CHARS + 1];
	uint8_t raw[ARCHIVE_ID_CHARS / 2];
	uint64_t id = 0;

	if (text.n != ARCHIVE_ID_CHARS || text_unhex(text, raw, sizeof raw))
		return ERR_NOT_FOUND;
	for (int i = 0; i < 8; i++)
		id = id << 8 | raw[i];
	archive_id_text(im, id, right);
	if (id > STORE_ARCHIVE_ID_MAX || !secret_eq(text, bytes_of(right)))
		return ERR_NOT_FOUND;
	*out = id;
	return 0;
}

uint64_t archive_oldest(const struct im *im)
{
	uint64_t now = loop_wall_ms(im->loop), life = im->config.archive_life_ms;

	return life && life < now ? (now - life) << STORE_ARCHIVE_TIME_SHIFT : 0;
}

/* ---- to disk ---- */

static void on_added(struct im *im, struct ask *a, int rc)
{
	struct archive_batch *b = a->arg;

	if (rc)
		im_stats[STAT_ARCHIVE_FAILED] += b->n;
	else
		im_stats[STAT_ARCHIVED] += b->n;
	for (uint32_t i = 0; i < b->n_parcels; i++) {
		if (rc == ERR_CLOSED)
			parcel_orphan(b->parcels[i]); /* not done: its sender gets no acknowledgement */
		b->parcels[i]->archiving--;
		parcel_point_drop(im, b->parcels[i]);
	}
	free(b);
}

void archive_flush(struct im *im)
{
	struct archive *a = &im->archive;
	struct archive_batch *batch = a->batch;

	if (!batch)
		return;
	a->batch = NULL;
	loop_timer_del(im->loop, &a->flush_timer);
	struct buf *b = ask_begin(im, STORE_ARCHIVE_ADD);
	wire_put_u32(b, im->config.archive_user);
	wire_put_u64(b, im->config.archive_user_bytes);
	wire_put_u32(b, batch->n);
	buf_put_bytes(b, buf_bytes(&a->rows));
	buf_clear(&a->rows);
	buf_release_if_empty(&a->rows);
	ask_send_free(im, NULL, on_added, batch, 0);
}

static void on_timer(void *arg)
{
	archive_flush(arg);
}

/* Room for another row. */
static struct archive_batch *batch_of(struct im *im)
{
	struct archive *a = &im->archive;

	if (a->batch && (a->batch->n == BATCH_ROWS || a->batch->n_parcels == BATCH_ROWS || buf_len(&a->rows) > BATCH_BYTES))
		archive_flush(im);
	if (a->batch)
		return a->batch;
	a->batch = calloc(1, sizeof *a->batch);
	if (!a->batch || loop_timer_set(im->loop, &a->flush_timer, ARCHIVE_WAIT_MS)) {
		free(a->batch);
		a->batch = NULL;
		im_stats[STAT_NO_MEMORY]++;
	}
	return a->batch;
}

/* Its words, where words are searched. */
static struct bytes text_of(struct im *im, const struct envelope *e)
{
	struct xml_node *n;

	if (!im->config.has_archive_search || !(e->facts & FACT_BODY) ||
	    xml_pool_parse(im->parsers, e->stanza, NS_CLIENT, &xml_limits_default, &im->arena, &n))
		return BYTES_NONE;
	const struct xml_node *body = xml_child(n, "body", NS_CLIENT);
	return text_cut(xml_text(body ? body : xml_child(n, "body", NS_SERVER)), TEXT_MAX);
}

/* false: no memory for it. */
static bool put_row(struct im *im, struct bytes owner, const struct envelope *e, struct bytes peer, uint64_t id)
{
	struct jid j = jid_of_normal(peer);
	struct bytes text = text_of(im, e);
	struct archive_batch *batch = batch_of(im);

	if (!batch)
		return false;
	struct buf *b = &im->archive.rows;
	size_t before = buf_len(b);
	wire_put_u64(b, id);
	wire_put_str(b, owner);
	wire_put_str(b, jid_bare(&j));
	wire_put_str(b, jid_resource(&j));
	wire_put_bytes(b, text);
	wire_put_bytes(b, e->stanza);
	if (buf_failed(b)) {
		buf_truncate(b, before);
		im_stats[STAT_NO_MEMORY]++;
		return false;
	}
	batch->n++;
	return true;
}

/* Its sender waits for the batch. */
static void hold(struct im *im, struct item *it)
{
	struct archive_batch *batch = im->archive.batch;
	struct parcel *p = item_wants_safety(it) ? item_parcel(im, it) : NULL;

	if (!p || !batch || batch->n_parcels == BATCH_ROWS)
		return;
	parcel_point_add(p);
	p->archiving++;
	batch->parcels[batch->n_parcels++] = p;
}

/* ---- what the stanza says of itself ---- */

static const char end_tag[] = "</message>", id_end[] = "'/></message>";

int archive_id_of(const struct im *im, struct bytes stanza, uint64_t *out)
{
	size_t end_n = sizeof id_end - 1;

	if (stanza.n < end_n + ARCHIVE_ID_CHARS || memcmp(stanza.p + stanza.n - end_n, id_end, end_n) != 0)
		return ERR_NOT_FOUND;
	return archive_id_read(im, bytes_make(stanza.p + stanza.n - end_n - ARCHIVE_ID_CHARS, ARCHIVE_ID_CHARS), out);
}

bool archive_put_stamped(const struct im *im, struct buf *b, struct bytes stanza, struct bytes by, uint64_t id)
{
	size_t end_n = sizeof end_tag - 1;
	char text[ARCHIVE_ID_CHARS + 1];

	if (stanza.n < end_n || memcmp(stanza.p + stanza.n - end_n, end_tag, end_n) != 0)
		return false;
	archive_id_text(im, id, text);
	buf_put(b, stanza.p, stanza.n - end_n);
	buf_put_str(b, "<stanza-id xmlns='" NS_STANZA_ID "'");
	xml_write_attr(b, "by", by);
	xml_write_attr(b, "id", bytes_of(text));
	buf_put_str(b, "/>");
	buf_put_str(b, end_tag);
	return true;
}

/* The item, and its parcel if it has one, is this from now on. */
static void become(struct im *im, struct item *it, struct bytes stanza, uint32_t facts)
{
	struct envelope e = it->e;

	e.stanza = stanza;
	e.facts = facts;
	buf_clear(&im->out2);
	envelope_encode(&im->out2, &e);
	struct bytes body = buf_failed(&im->out2) ? BYTES_NONE : arena_dup(&im->arena, buf_bytes(&im->out2));
	if (!body.n || envelope_decode(body, &e) || (it->parcel && parcel_become(it->parcel, body))) {
		im_stats[STAT_NO_MEMORY]++;
		return;
	}
	it->e = e;
	it->body = body;
}

/* XEP-0359 5: an id by an address that only we may speak for. */
static void strip(struct im *im, struct item *it, struct bytes by)
{
	struct xml_node *n, *next;
	struct stanza s;
	bool is_changed = false;

	if (!(it->e.facts & FACT_STANZA_ID) ||
	    xml_pool_parse(im->parsers, it->e.stanza, NS_CLIENT, &xml_limits_default, &im->arena, &n) ||
	    stanza_of_node(n, NS_CLIENT, &s))
		return;
	for (struct xml_node *c = xml_first(n); c; c = next) {
		struct jid j;
		next = xml_next(c);
		if (!xml_is(c, "stanza-id", NS_STANZA_ID) || jid_parse(xml_attr(c, "by"), &im->arena, &j) || !bytes_eq(jid_bare(&j), by))
			continue;
		xml_del_node(c);
		is_changed = true;
	}
	if (!is_changed)
		return;
	buf_clear(&im->out);
	stanza_write(&im->out, &s, it->e.from, it->e.to);
	become(im, it, arena_dup(&im->arena, buf_bytes(&im->out)), it->e.facts);
}

static void stamp(struct im *im, struct item *it, struct bytes by, uint64_t id)
{
	buf_clear(&im->out);
	if (archive_put_stamped(im, &im->out, it->e.stanza, by, id) && !buf_failed(&im->out))
		become(im, it, buf_bytes(&im->out), it->e.facts | FACT_ARCHIVED);
}

/* ---- what comes by ---- */

static bool wants(struct im *im, const struct user *u, const struct envelope *e, struct bytes peer)
{
	return im->config.has_archive && archive_is_eligible(e) && archive_prefs_want(u, peer);
}

static bool is_bare_same(struct bytes a, struct bytes b)
{
	struct jid x = jid_of_normal(a), y = jid_of_normal(b);

	return bytes_eq(jid_bare(&x), jid_bare(&y));
}

void archive_sent(struct im *im, struct session *from, struct item *it)
{
	struct user *u = from->user;

	strip(im, it, user_jid(u));
	/* To oneself: archived once, as received. */
	if (is_bare_same(it->e.to, it->e.from) || !wants(im, u, &it->e, it->e.to))
		return;
	uint64_t id = next_id(im);
	if (!put_row(im, user_jid(u), &it->e, it->e.to, id))
		return;
	it->archive_id = id;
	hold(im, it);
}

static void receive(struct im *im, struct user *u, struct item *it, uint64_t id)
{
	if (!put_row(im, user_jid(u), &it->e, it->e.from, id))
		return;
	stamp(im, it, user_jid(u), id);
	hold(im, it);
}

void archive_received(struct im *im, struct user *u, struct item *it)
{
	strip(im, it, user_jid(u));
	if (wants(im, u, &it->e, it->e.from))
		receive(im, u, it, next_id(im));
}

void archive_late(struct im *im, struct user *u, struct item *it, uint64_t at_ms, uint64_t row)
{
	uint64_t number = row & (NUMBER_HALF - 1);

	if (it->e.facts & FACT_ARCHIVED)
		return;
	strip(im, it, user_jid(u));
	/* The same row has the same id, however often it is read before it is confirmed. */
	if (wants(im, u, &it->e, it->e.from) && at_ms <= STORE_ARCHIVE_ID_MAX >> STORE_ARCHIVE_TIME_SHIFT)
		receive(im, u, it, at_ms << STORE_ARCHIVE_TIME_SHIFT | NUMBER_HALF | number);
}

/* ---- from elsewhere ---- */

bool archive_brought(struct im *im, struct bytes owner, const struct envelope *e, struct bytes peer, uint64_t at_ms, struct bytes id)
{
	const struct bytes parts[] = { id, BYTES("\n"), e->stanza };
	uint8_t mac[HMAC_BYTES_MAX] = { 0 };

	if (at_ms > STORE_ARCHIVE_ID_MAX >> STORE_ARCHIVE_TIME_SHIFT ||
	    !hmac_make(HMAC_SHA256, BYTES("brought"), parts, 3, mac))
		return false;
	uint64_t number = (uint64_t)(mac[0] << 16 | mac[1] << 8 | mac[2]) & (NUMBER_HALF - 1);
	return put_row(im, owner, e, peer, at_ms << STORE_ARCHIVE_TIME_SHIFT | NUMBER_HALF | number);
}

/* ---- rooms ---- */

void archive_room_name(struct im *im, char out[static ARCHIVE_ID_CHARS + 1])
{
	archive_id_text(im, next_id(im), out);
}

void archive_room(struct im *im, struct bytes room, const struct envelope *e, struct bytes name)
{
	uint64_t id;

	if (!archive_id_read(im, name, &id) && put_row(im, room, e, e->from, id) && im->item)
		hold(im, im->item);
}

void archive_init(struct im *im)
{
	buf_init(&im->archive.rows, ROWS_BYTES_MAX);
	loop_timer_init(&im->archive.flush_timer, on_timer, im);
}

void archive_fini(struct im *im)
{
	archive_flush(im);
	loop_timer_del(im->loop, &im->archive.flush_timer);
	buf_fini(&im->archive.rows);
}
