/* Items are read (XEP-0060 6.5), in pages if asked (XEP-0059). */
#include "pep/pep.h"

#include "base/err.h"
#include "proto/xmpp.h"
#include "ask.h"

#include <stdlib.h>

enum { PAGE_MAX = 1000, IDS_MAX = 100 };

struct found {
	struct list node;
	size_t n;      /* of text */
	uint16_t id_n; /* it begins with the id, then the element */
	uint8_t text[];
};

struct reading {
	struct iq_later *later;
	struct list items; /* oldest first */
	uint32_t total, before, n;
	uint8_t how; /* STORE_PEP_* */
	bool wants_set, is_limited; /* by max_items: then fewer are no surprise */
	uint16_t name_n;
	uint8_t name[];
};

static void clear(struct reading *r)
{
	LIST_EACH (it, &r->items) {
		struct found *f = LIST_OWNER(it, struct found, node);
		list_del(&f->node);
		free(f);
	}
	r->n = 0;
}

static void add(struct im *im, struct reading *r, struct wire *w)
{
	struct bytes id = wire_str(w), publisher = wire_str(w);
	struct buf *b = &im->out2;

	(void)wire_u64(w); /* when: of no interest here */
	struct bytes payload = wire_bytes(w);
	if (wire_failed(w))
		return;
	buf_clear(b);
	pep_put_item(b, id, publisher, payload);
	struct found *f = malloc(sizeof *f + id.n + buf_len(b));
	if (!f) {
		im_stats[STAT_NO_MEMORY]++;
		return;
	}
	f->id_n = (uint16_t)id.n;
	f->n = id.n + buf_len(b);
	memcpy(f->text, id.p, id.n);
	memcpy(f->text + id.n, buf_bytes(b).p, buf_len(b));
	if (r->how == STORE_PEP_BEFORE)
		list_add_head(&r->items, &f->node);
	else
		list_add_tail(&r->items, &f->node);
	r->n++;
}

/* The first tells the numbers; it comes again when the ask is sent again. */
static void on_item(struct im *im, struct ask *a, struct wire *w)
{
	struct reading *r = a->arg;

	if (wire_left(w) == 8) {
		clear(r);
		r->total = wire_u32(w);
		r->before = wire_u32(w);
	} else {
		add(im, r, w);
	}
}

static void put_end(struct buf *b, const char *tag, const struct found *f, uint32_t index)
{
	buf_putf(b, "<%s", tag);
	if (index != UINT32_MAX)
		buf_putf(b, " index='%u'", index);
	buf_put_u8(b, '>');
	struct bytes id = bytes_make(f->text, f->id_n);
	buf_put_bytes(b, id);
	buf_putf(b, "</%s>", tag);
}

static void put_set(struct buf *b, const struct reading *r)
{
	uint32_t first = r->how == STORE_PEP_AFTER ? r->before : r->before - r->n;

	buf_put_str(b, "<set xmlns='" NS_RSM "'>");
	if (r->n) {
		put_end(b, "first", LIST_OWNER(r->items.next, struct found, node), first);
		put_end(b, "last", LIST_OWNER(r->items.prev, struct found, node), UINT32_MAX);
	}
	buf_putf(b, "<count>%u</count></set>", r->total);
}

static void answer(struct im *im, struct reading *r)
{
	struct buf *b = &im->out2;

	buf_clear(b);
	buf_put_str(b, "<pubsub xmlns='" NS_PUBSUB "'><items");
	xml_write_attr(b, "node", bytes_make(r->name, r->name_n));
	buf_put_u8(b, '>');
	LIST_EACH (it, &r->items) {
		struct found *f = LIST_OWNER(it, struct found, node);
		buf_put(b, f->text + f->id_n, f->n - f->id_n);
	}
	buf_put_str(b, "</items>");
	if (r->wants_set || (r->how != STORE_PEP_IDS && !r->is_limited && r->n < r->total)) /* 6.5.4 */
		put_set(b, r);
	buf_put_str(b, "</pubsub>");
	iq_late_result(im, r->later, buf_bytes(b));
}

static void on_done(struct im *im, struct ask *a, int rc)
{
	struct reading *r = a->arg;

	if (rc)
		iq_late_error(im, r->later, rc == ERR_NOT_FOUND ? STANZA_ITEM_NOT_FOUND : STANZA_INTERNAL_SERVER_ERROR);
	else if (r->how == STORE_PEP_IDS && !r->n)
		iq_late_error(im, r->later, STANZA_ITEM_NOT_FOUND);
	else
		answer(im, r);
	clear(r);
	free(r);
}

/* ---- requests ---- */

struct page {
	uint8_t how;
	uint32_t limit;
	struct bytes from;
	struct bytes ids[IDS_MAX];
	uint16_t n_ids;
	bool is_limited;
};

static bool read_number(struct bytes v, uint32_t *out)
{
	uint64_t n;

	if (bytes_to_u64(v, UINT32_MAX, &n))
		return false;
	*out = n < PAGE_MAX ? (uint32_t)n : PAGE_MAX;
	return true;
}

/* XEP-0059 2. false: refused. */
static bool read_set(struct pep_ask *a, struct page *p)
{
	const struct xml_node *max = xml_child(a->set, "max", NS_RSM), *after = xml_child(a->set, "after", NS_RSM);
	const struct xml_node *before = xml_child(a->set, "before", NS_RSM);

	if (xml_child(a->set, "index", NS_RSM)) {
		pep_refuse(a, STANZA_FEATURE_NOT_IMPLEMENTED, NULL);
		return false;
	}
	if ((max && !read_number(xml_text(max), &p->limit)) || (after && before)) {
		pep_refuse(a, STANZA_BAD_REQUEST, NULL);
		return false;
	}
	p->how = before ? STORE_PEP_BEFORE : STORE_PEP_AFTER;
	p->from = xml_text(before ? before : after);
	return p->from.n <= PEP_NAME_MAX;
}

static bool read_page(struct pep_ask *a, struct page *p)
{
	struct bytes max = xml_attr(a->verb, "max_items");

	for (const struct xml_node *i = xml_first(a->verb); i; i = xml_next(i)) {
		struct bytes id = xml_attr(i, "id");
		if (!xml_is(i, "item", NS_PUBSUB) || !id.n || id.n > PEP_NAME_MAX || p->n_ids == IDS_MAX) {
			pep_refuse(a, STANZA_BAD_REQUEST, NULL);
			return false;
		}
		p->ids[p->n_ids++] = id;
		p->how = STORE_PEP_IDS;
	}
	if (p->how == STORE_PEP_IDS)
		return true;
	p->is_limited = max.n;
	if (max.n && (!read_number(max, &p->limit) || !p->limit)) {
		pep_refuse(a, STANZA_BAD_REQUEST, NULL);
		return false;
	}
	return !a->set || read_set(a, p);
}

static struct reading *begin(struct pep_ask *a, const struct page *p)
{
	struct iq_later *l = iq_keep(a->q);
	struct reading *r = l ? calloc(1, sizeof *r + a->name.n) : NULL;

	if (!r) {
		free(l);
		pep_refuse(a, STANZA_RESOURCE_CONSTRAINT, NULL);
		return NULL;
	}
	r->later = l;
	list_init(&r->items);
	r->how = p->how;
	r->is_limited = p->is_limited;
	r->wants_set = a->set != NULL;
	r->name_n = (uint16_t)a->name.n;
	memcpy(r->name, a->name.p, a->name.n);
	return r;
}

void pep_items(struct pep_ask *a)
{
	struct page p = { .how = STORE_PEP_BEFORE, .limit = PAGE_MAX };
	struct reading *r = read_page(a, &p) ? begin(a, &p) : NULL;

	if (!r)
		return;
	struct buf *b = ask_begin(a->im, STORE_PEP_ITEMS);
	wire_put_str(b, user_jid(a->q->user));
	wire_put_str(b, a->name);
	wire_put_u8(b, p.how);
	wire_put_u32(b, p.limit);
	wire_put_u32(b, PEP_RESULT_BYTES);
	if (p.how == STORE_PEP_IDS) {
		wire_put_u16(b, p.n_ids);
		for (uint16_t i = 0; i < p.n_ids; i++)
			wire_put_str(b, p.ids[i]);
	} else {
		wire_put_str(b, p.from);
	}
	ask_send_free(a->im, on_item, on_done, r, 0);
}
