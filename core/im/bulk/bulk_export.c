/* D-CEX: contacts of people as rows, one for each group. A page is asked for with where the last one ended, so nothing is kept here
 * meanwhile. */
#include "bulk/bulk.h"

#include "base/err.h"
#include "ask.h"
#include "bulk/row.h"

#include <stdlib.h>

enum { PAGE_WHO, PAGE_USER, PAGE_CONTACT, PAGE_ARGS };
enum { PAGE_ROWS = 200, PART_BYTES = 192 << 10, PART_MAX = 2 << 20, ARENA_MAX = 1 << 20 };

struct page {
	struct proc_ask *ask;
	struct buf out;
	struct arena arena;
	unsigned rows, lines, left_out;
	bool is_cut; /* the rest of the rows is too much for one part */
	size_t user_n, contact_n;
	uint8_t user[JID_MAX_BYTES], contact[JID_MAX_BYTES]; /* of the last one */
};

static struct bytes user_of(const struct page *p)
{
	return bytes_make(p->user, p->user_n);
}

static bool is_behind(const struct page *p, struct bytes user, struct bytes contact)
{
	int c = bytes_cmp(user, user_of(p));

	return c > 0 || (c == 0 && bytes_cmp(contact, bytes_make(p->contact, p->contact_n)) > 0);
}

static void put_line(struct page *p, struct bytes contact, struct bytes name, struct bytes group)
{
	if (bulk_row_put(&p->out, user_of(p), contact, name, group, &p->arena))
		p->lines++;
	else
		p->left_out++; /* D-CEX-05: no IM address */
}

static void put_contact(struct page *p, struct bytes contact, struct bytes name, struct bytes groups)
{
	struct wire w = wire_of(groups);

	if (!wire_left(&w))
		put_line(p, contact, name, BYTES_NONE);
	while (wire_left(&w)) {
		struct bytes group = wire_str(&w);
		if (wire_failed(&w))
			break;
		put_line(p, contact, name, group);
	}
}

static void on_row(struct im *im, struct ask *a, struct wire *w)
{
	struct page *p = a->arg;
	struct bytes user = wire_str(w), contact = wire_str(w);
	uint8_t bits = wire_u8(w);
	struct bytes name = wire_str(w), groups = wire_bytes(w), shared = wire_bytes(w);

	(void)im;
	if (shared.n)
		bits = shared.p[0]; /* what it has without the groups of the directory (presence/shared.h), which are not the person's */
	if (wire_failed(w) || p->is_cut || user.n > sizeof p->user || contact.n > sizeof p->contact || !is_behind(p, user, contact))
		return; /* the same rows again when gh-store has died meanwhile */
	memcpy(p->user, user.p, user.n);
	p->user_n = user.n;
	memcpy(p->contact, contact.p, contact.n);
	p->contact_n = contact.n;
	p->rows++;
	if (bits & CONTACT_LISTED)
		put_contact(p, contact, name, groups);
	arena_reset(&p->arena);
	p->is_cut = buf_len(&p->out) >= PART_BYTES;
}

static void drop(struct page *p)
{
	buf_fini(&p->out);
	arena_fini(&p->arena);
	free(p);
}

static void on_page(struct im *im, struct ask *a, int rc)
{
	struct page *p = a->arg;
	struct proc_ask *ask = p->ask;

	(void)im;
	if (!rc && buf_failed(&p->out))
		rc = ERR_LIMIT;
	if (!rc) {
		proc_record_begin(ask);
		proc_record_text(ask, "part", buf_bytes(&p->out));
		proc_record_int(ask, "more", p->is_cut || p->rows == PAGE_ROWS);
		proc_record_text(ask, "user", user_of(p));
		proc_record_text(ask, "contact", bytes_make(p->contact, p->contact_n));
		proc_record_int(ask, "lines", p->lines);
		proc_record_int(ask, "left-out", p->left_out);
		proc_record_end(ask);
	}
	drop(p);
	proc_done(ask, rc, rc ? err_text(rc) : "");
}

/* all, a domain or an address; the normal form is in im->arena. */
static int read_who(struct im *im, struct bytes who, struct bytes *domain, struct bytes *only)
{
	struct jid j;

	*domain = *only = BYTES_NONE;
	if (bytes_eq_str(who, "all"))
		return 0;
	if (jid_parse(who, &im->arena, &j) || j.resource_n)
		return ERR_SYNTAX;
	*(j.local_n ? only : domain) = j.full;
	return 0;
}

/* who, user and contact of the last row ("" at first). */
void bulk_page(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct im *im = program;
	struct bytes domain, only;

	if (n != PAGE_ARGS || args[PAGE_USER].n > JID_MAX_BYTES || args[PAGE_CONTACT].n > JID_MAX_BYTES ||
	    read_who(im, args[PAGE_WHO], &domain, &only)) {
		proc_done(ask, ERR_SYNTAX, "whose: all, an address without a resource, or a domain");
		arena_reset(&im->arena);
		return;
	}
	struct page *p = calloc(1, sizeof *p);
	if (!p) {
		proc_done(ask, ERR_NOMEM, err_text(ERR_NOMEM));
		arena_reset(&im->arena);
		return;
	}
	struct bytes user = args[PAGE_USER].n ? args[PAGE_USER] : only;
	p->ask = ask;
	buf_init(&p->out, PART_MAX);
	arena_init(&p->arena, ARENA_MAX);
	if (user.n)
		memcpy(p->user, user.p, user.n);
	p->user_n = user.n;
	if (args[PAGE_CONTACT].n)
		memcpy(p->contact, args[PAGE_CONTACT].p, args[PAGE_CONTACT].n);
	p->contact_n = args[PAGE_CONTACT].n;
	struct buf *b = ask_begin(im, STORE_CONTACT_LIST);
	wire_put_str(b, domain);
	wire_put_str(b, only);
	wire_put_str(b, user);
	wire_put_str(b, args[PAGE_CONTACT]);
	wire_put_u32(b, PAGE_ROWS);
	ask_send_free(im, on_row, on_page, p, 0);
	arena_reset(&im->arena);
}
