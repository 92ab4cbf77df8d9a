/* A file of people is written: domain after domain, person after person, a page of what gh-store has after the other. When a part of the
 * file is large enough it goes out, and what follows waits until it is asked for. */
#include "portable/portable.h"

#include "archive/archive.h"
#include "ask.h"
#include "auth/verifier.h"
#include "base/err.h"
#include "base/text.h"
#include "domain.h"
#include "pep/pep.h"
#include "pep/pep_node.h"
#include "portable/put.h"
#include "proto/xmpp.h"
#include "room/rooms.h"
#include "run/portable.h"
#include "user.h"

#include <stdlib.h>

enum { PAGE_BEGIN, PAGE_WHO, PAGE_ARCHIVE, PAGE_ARGS };
enum { PART_BYTES = 192 << 10, OUT_MAX = 7 << 20, MESSAGES = 50, ITEMS = 100, ITEM_BYTES = 256 << 10 };

struct portable_out;
typedef void (*out_fn)(struct im *im, struct portable_out *x);

struct portable_out {
	struct im *im;
	struct proc_ask *ask;  /* NULL between two parts */
	struct loop_timer idle;
	bool is_asking;        /* gh-store has not answered */
	bool has_archive, is_found;
	struct buf out;
	size_t mark;           /* where the page that comes begins in out: it may come again */
	out_fn next;           /* when it has come, or (between two parts) when the next part is wanted */
	unsigned users;
	size_t domain_n, only_domain_n, last_n, only_n;
	uint8_t domain[JID_MAX_BYTES], only_domain[JID_MAX_BYTES]; /* at hand; the one that is wanted */
	uint8_t last[JID_MAX_BYTES], only[JID_MAX_BYTES]; /* the person at hand; the one that is wanted */
	struct user *user;     /* pinned */
	bool was_away;
	/* pages of one person */
	uint64_t row;          /* of offline messages, of the archive */
	uint32_t n, n_before, n_all; /* items of the page; before it; in all */
	uint32_t node;         /* its place */
	bool is_open;          /* an element around the pages has begun */
	size_t key_n;
	uint8_t key[1024];     /* of the item, or of the private XML, that came last */
};

static struct bytes last_of(const struct portable_out *x)
{
	return bytes_make(x->last, x->last_n);
}

static size_t keep(uint8_t *to, size_t room, struct bytes v)
{
	size_t n = v.n <= room ? v.n : 0;

	if (n)
		memcpy(to, v.p, n);
	return n;
}

/* ---- parts ---- */

static void drop(struct im *im, struct portable_out *x)
{
	loop_timer_del(im->loop, &x->idle);
	if (x->user)
		user_unpin(im, x->user);
	buf_fini(&x->out);
	free(x);
	im->portable_out = NULL;
}

/* The part goes out. next NULL: it is the last one. rc: or what ended it. */
static void give(struct im *im, struct portable_out *x, out_fn next, int rc)
{
	struct proc_ask *ask = x->ask;

	if (!rc && buf_failed(&x->out))
		rc = ERR_LIMIT;
	if (!rc) {
		proc_record_begin(ask);
		proc_record_text(ask, "part", buf_bytes(&x->out));
		proc_record_int(ask, "more", next != NULL);
		proc_record_int(ask, "users", x->users);
		proc_record_end(ask);
	}
	buf_clear(&x->out);
	x->users = 0;
	x->ask = NULL;
	x->next = next;
	if (rc || !next)
		drop(im, x);
	else if (loop_timer_set(im->loop, &x->idle, PORTABLE_IDLE_MS))
		im_stats[STAT_NO_MEMORY]++; /* it stays until another file is wanted */
	proc_done(ask, rc, rc ? err_text(rc) : "");
}

static void go_on(struct im *im, struct portable_out *x, out_fn next)
{
	if (buf_len(&x->out) >= PART_BYTES || buf_failed(&x->out))
		give(im, x, next, 0);
	else
		next(im, x);
}

static void on_come(struct im *im, struct ask *a, int rc)
{
	struct portable_out *x = a->arg;

	x->is_asking = false;
	if (rc == ERR_CLOSED)
		return; /* we end: portable_fini */
	arena_reset(&im->arena);
	if (rc && rc != ERR_NOT_FOUND)
		give(im, x, NULL, rc);
	else
		go_on(im, x, x->next);
}

/* What was begun with ask_begin; then next. */
static void send(struct im *im, struct portable_out *x, ask_item_fn item, out_fn next)
{
	x->next = next;
	x->mark = buf_len(&x->out);
	x->is_asking = true;
	ask_send_free(im, item, on_come, x, 0);
}

static void next_user(struct im *im, struct portable_out *x);
static void after_list(struct im *im, struct portable_out *x);
static void put_archive(struct im *im, struct portable_out *x);
static void put_items(struct im *im, struct portable_out *x);

/* ---- archive ---- */

static void end_user(struct im *im, struct portable_out *x)
{
	struct user *u = x->user;

	buf_put_str(&x->out, "</user>\n");
	x->users++;
	x->user = NULL;
	user_unpin(im, u);
	if (x->was_away && !u->n_sessions)
		user_forget(im, last_of(x)); /* there may be more people than memory should have */
	go_on(im, x, next_user);
}

static void on_archived(struct im *im, struct ask *a, struct wire *w)
{
	struct portable_out *x = a->arg;
	char id_text[ARCHIVE_ID_CHARS + 1];
	uint32_t number = wire_u32(w);

	if (number == STORE_ARCHIVE_END)
		return;
	uint64_t id = wire_u64(w);
	struct bytes stanza = wire_bytes(w);
	if (number == 0) { /* also when the ask is sent again */
		buf_truncate(&x->out, x->mark);
		x->n = 0;
	}
	if (wire_failed(w))
		return;
	archive_id_text(im, id, id_text);
	put_archived(&x->out, bytes_of(id_text), id >> STORE_ARCHIVE_TIME_SHIFT, stanza);
	x->row = id;
	x->n++;
}

static void after_archive(struct im *im, struct portable_out *x)
{
	if (x->n) {
		put_archive(im, x);
		return;
	}
	buf_put_str(&x->out, "</archive>");
	end_user(im, x);
}

static void put_archive(struct im *im, struct portable_out *x)
{
	struct buf *b = ask_begin(im, STORE_ARCHIVE_PAGE);

	wire_put_str(b, last_of(x));
	wire_put_u8(b, 0);
	wire_put_u64(b, 0);
	wire_put_u64(b, STORE_ARCHIVE_ID_MAX);
	wire_put_u64(b, x->row);
	wire_put_u64(b, STORE_ARCHIVE_ID_MAX);
	for (int i = 0; i < 3; i++)
		wire_put_str(b, BYTES_NONE); /* of any peer, with any words */
	wire_put_u32(b, STORE_ARCHIVE_PAGE_MAX);
	wire_put_u8(b, 0);
	x->n = 0;
	send(im, x, on_archived, after_archive);
}

static void begin_archive(struct im *im, struct portable_out *x)
{
	if (!x->has_archive) {
		end_user(im, x);
		return;
	}
	archive_flush(im);
	buf_put_str(&x->out, "<archive xmlns='" NS_PIE_MAM "'>");
	x->row = 0;
	put_archive(im, x);
}

/* ---- items of nodes ---- */

static void on_item(struct im *im, struct ask *a, struct wire *w)
{
	struct portable_out *x = a->arg;

	(void)im;
	if (wire_left(w) == 2 * sizeof(uint32_t)) { /* the numbers, which come first: also when the ask is sent again */
		x->n_all = wire_u32(w);
		x->n_before = wire_u32(w);
		x->n = 0;
		buf_truncate(&x->out, x->mark);
		return;
	}
	struct bytes id = wire_str(w), publisher = wire_str(w);
	(void)wire_u64(w);
	struct bytes payload = wire_bytes(w);
	if (wire_failed(w))
		return;
	pep_put_item(&x->out, id, publisher, payload);
	x->key_n = keep(x->key, sizeof x->key, id);
	x->n++;
}

static void after_items(struct im *im, struct portable_out *x)
{
	if (x->n && x->n_before + x->n < x->n_all) {
		put_items(im, x);
		return;
	}
	buf_put_str(&x->out, "</items>");
	x->is_open = false;
	x->node++;
	put_items(im, x);
}

static void put_items(struct im *im, struct portable_out *x)
{
	if (x->node >= x->user->n_nodes) {
		if (x->user->n_nodes)
			buf_put_str(&x->out, "</pubsub>");
		begin_archive(im, x);
		return;
	}
	struct bytes node = pep_node_name(x->user->nodes[x->node]);
	if (!x->is_open) {
		buf_put_str(&x->out, "<items");
		xml_write_attr(&x->out, "node", node);
		buf_put_u8(&x->out, '>');
		x->key_n = 0;
	}
	x->is_open = true;
	x->n = x->n_all = x->n_before = 0;
	struct buf *b = ask_begin(im, STORE_PEP_ITEMS);
	wire_put_str(b, last_of(x));
	wire_put_str(b, node);
	wire_put_u8(b, STORE_PEP_AFTER);
	wire_put_u32(b, ITEMS);
	wire_put_u32(b, ITEM_BYTES);
	wire_put_str(b, bytes_make(x->key, x->key_n));
	send(im, x, on_item, after_items);
}

static void begin_items(struct im *im, struct portable_out *x)
{
	put_nodes(&x->out, x->user);
	if (x->user->n_nodes)
		buf_put_str(&x->out, "<pubsub xmlns='" NS_PUBSUB "'>");
	x->node = 0;
	x->is_open = false;
	put_items(im, x);
}

/* ---- offline messages ---- */

static void put_offline(struct im *im, struct portable_out *x);

static void on_offline(struct im *im, struct ask *a, struct wire *w)
{
	struct portable_out *x = a->arg;
	uint64_t row = wire_u64(w), at_ms = wire_u64(w);
	struct bytes body = wire_bytes(w);
	struct envelope e;

	(void)im;
	if (wire_failed(w) || row <= x->row)
		return; /* again */
	x->row = row;
	x->n++;
	if (!envelope_decode(body, &e))
		put_message(&x->out, e.stanza, bytes_make(x->domain, x->domain_n), at_ms);
}

static void after_offline(struct im *im, struct portable_out *x)
{
	if (x->n) {
		put_offline(im, x);
		return;
	}
	buf_put_str(&x->out, "</offline-messages>");
	begin_items(im, x);
}

static void put_offline(struct im *im, struct portable_out *x)
{
	struct buf *b = ask_begin(im, STORE_OFFLINE_PAGE);

	wire_put_str(b, last_of(x));
	wire_put_u64(b, x->row);
	wire_put_u32(b, MESSAGES);
	x->n = 0;
	send(im, x, on_offline, after_offline);
}

static void begin_offline(struct im *im, struct portable_out *x)
{
	if (x->is_open)
		buf_put_str(&x->out, "</query>");
	buf_put_str(&x->out, "<offline-messages>");
	x->row = 0;
	put_offline(im, x);
}

/* ---- by key ---- */

static void on_private(struct im *im, struct ask *a, struct wire *w)
{
	struct portable_out *x = a->arg;
	struct bytes key = wire_str(w), inner = put_private_inner(wire_bytes(w));

	(void)im;
	if (wire_failed(w) || !inner.n || key.n > sizeof x->key || bytes_cmp(key, bytes_make(x->key, x->key_n)) <= 0)
		return; /* again */
	x->key_n = keep(x->key, sizeof x->key, key);
	if (!x->is_open)
		buf_put_str(&x->out, "<query xmlns='" NS_PRIVATE "'>");
	x->is_open = true;
	buf_put_bytes(&x->out, inner);
}

static void put_private(struct im *im, struct portable_out *x)
{
	struct buf *b = ask_begin(im, STORE_BLOB_LIST);

	wire_put_str(b, last_of(x));
	wire_put_str(b, BYTES("private "));
	x->is_open = false;
	x->key_n = 0;
	send(im, x, on_private, begin_offline);
}

static void on_vcard(struct im *im, struct ask *a, struct wire *w)
{
	struct portable_out *x = a->arg;
	struct bytes v = wire_bytes(w);

	(void)im;
	buf_truncate(&x->out, x->mark);
	if (!wire_failed(w))
		buf_put_bytes(&x->out, v);
}

static void put_vcard(struct im *im, struct portable_out *x)
{
	put_roster(&x->out, x->user);
	put_requests(&x->out, x->user);
	put_blocks(&x->out, x->user);
	struct buf *b = ask_begin(im, STORE_BLOB_GET);
	wire_put_str(b, last_of(x));
	wire_put_str(b, BYTES("vcard"));
	send(im, x, on_vcard, put_private);
}

/* ---- accounts ---- */

static void on_verifier(struct im *im, struct ask *a, struct wire *w)
{
	struct portable_out *x = a->arg;
	uint32_t rounds = wire_u32(w);
	struct bytes salt = wire_bytes(w), stored = wire_bytes(w), server = wire_bytes(w), label = wire_str(w);

	(void)im;
	if (wire_failed(w) || label.n)
		return; /* an application password is of this box alone */
	buf_truncate(&x->out, x->mark);
	verifier_put_pie(&x->out, stored.n == 20 ? SCRAM_SHA1 : SCRAM_SHA256, rounds, salt, stored, server);
}

static void ask_verifier(struct im *im, struct portable_out *x, enum scram_hash hash, out_fn next)
{
	struct buf *b = ask_begin(im, STORE_AUTH_GET);

	wire_put_str(b, last_of(x));
	wire_put_u8(b, (uint8_t)hash);
	send(im, x, on_verifier, next);
}

static void put_sha256(struct im *im, struct portable_out *x)
{
	ask_verifier(im, x, SCRAM_SHA256, put_vcard);
}

/* gh-store answers in order: the person has been loaded. */
static void begin_user(struct im *im, struct portable_out *x)
{
	struct jid j = jid_of_normal(last_of(x));
	struct user *u = x->user;

	if (u->state != USER_READY) {
		int rc = u->state == USER_NONE ? 0 : ERR_AGAIN;
		x->user = NULL;
		user_unpin(im, u);
		if (rc)
			give(im, x, NULL, rc);
		else
			go_on(im, x, next_user);
		return;
	}
	buf_put_str(&x->out, "<user");
	xml_write_attr(&x->out, "name", jid_local(&j));
	buf_put_u8(&x->out, '>');
	ask_verifier(im, x, SCRAM_SHA1, put_sha256);
}

static void load(struct im *im, struct portable_out *x)
{
	x->was_away = !user_find(im, last_of(x));
	x->user = user_get(im, last_of(x));
	if (!x->user) {
		give(im, x, NULL, ERR_AGAIN);
		return;
	}
	user_pin(x->user);
	struct buf *b = ask_begin(im, STORE_BLOB_GET);
	wire_put_str(b, BYTES_NONE);
	wire_put_str(b, BYTES_NONE);
	send(im, x, NULL, begin_user);
}

static void on_listed(struct im *im, struct ask *a, struct wire *w)
{
	struct portable_out *x = a->arg;
	struct bytes jid = wire_str(w);

	(void)im;
	if (wire_failed(w) || jid.n > sizeof x->last || bytes_cmp(jid, last_of(x)) <= 0)
		return; /* again */
	x->last_n = keep(x->last, sizeof x->last, jid);
	x->is_found = true;
}

/* ---- domains ---- */

static void next_domain(struct im *im, struct portable_out *x)
{
	struct bytes at_hand = bytes_make(x->domain, x->domain_n), only = bytes_make(x->only_domain, x->only_domain_n), best = BYTES_NONE;
	size_t at = 0;

	for (const struct domain *d; (d = map_next(&im->domains, &at));)
		if (bytes_cmp(d->name, at_hand) > 0 && (!best.n || bytes_cmp(d->name, best) < 0) && !rooms_host(im, d->name) &&
		    (!only.n || bytes_eq(d->name, only)))
			best = d->name;
	if (!best.n) {
		buf_put_str(&x->out, "</server-data>\n");
		give(im, x, NULL, 0);
		return;
	}
	x->domain_n = keep(x->domain, sizeof x->domain, best);
	x->last_n = 0;
	buf_put_str(&x->out, "<host");
	xml_write_attr(&x->out, "jid", best);
	buf_put_str(&x->out, ">\n");
	next_user(im, x);
}

static void after_list(struct im *im, struct portable_out *x)
{
	if (x->is_found) {
		load(im, x);
		return;
	}
	buf_put_str(&x->out, "</host>\n");
	next_domain(im, x);
}

static void next_user(struct im *im, struct portable_out *x)
{
	x->is_found = false;
	if (x->only_n) { /* one person alone */
		x->is_found = x->last_n == 0;
		x->last_n = keep(x->last, sizeof x->last, bytes_make(x->only, x->only_n));
		after_list(im, x);
		return;
	}
	struct buf *b = ask_begin(im, STORE_ACCOUNT_LIST);

	wire_put_str(b, bytes_make(x->domain, x->domain_n));
	wire_put_str(b, last_of(x));
	wire_put_u32(b, 1);
	send(im, x, on_listed, after_list);
}

/* ---- begin ---- */

static void begin(struct im *im, struct portable_out *x)
{
	buf_put_str(&x->out, "<?xml version='1.0' encoding='UTF-8'?>\n<server-data xmlns='" NS_PIE "'>\n");
	next_domain(im, x);
}

static void on_idle(void *arg)
{
	struct portable_out *x = arg;

	if (!x->ask)
		drop(x->im, x);
}

/* all, a domain or an address. */
static int read_who(struct im *im, struct portable_out *x, struct bytes who)
{
	struct jid j;

	if (bytes_eq_str(who, "all"))
		return 0;
	if (jid_parse(who, &im->arena, &j) || j.resource_n || !domain_of(im, jid_domain(&j)) || rooms_host(im, jid_domain(&j)))
		return ERR_SYNTAX;
	x->only_domain_n = keep(x->only_domain, sizeof x->only_domain, jid_domain(&j));
	if (j.local_n)
		x->only_n = keep(x->only, sizeof x->only, j.full);
	return 0;
}

static struct portable_out *new_out(struct im *im, const struct bytes *args)
{
	struct portable_out *x = calloc(1, sizeof *x);

	if (!x)
		return NULL;
	x->im = im;
	x->has_archive = args[PAGE_ARCHIVE].n > 0;
	x->next = begin;
	buf_init(&x->out, OUT_MAX);
	loop_timer_init(&x->idle, on_idle, x);
	im->portable_out = x;
	return x;
}

void portable_page(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct im *im = program;
	struct portable_out *x = im->portable_out;
	bool is_first = n == PAGE_ARGS && args[PAGE_BEGIN].n > 0;

	if (n != PAGE_ARGS || (x && (x->ask || x->is_asking))) {
		proc_done(ask, n == PAGE_ARGS ? ERR_AGAIN : ERR_SYNTAX, "another file of people is being written");
		return;
	}
	if (is_first && x)
		drop(im, x);
	if (is_first)
		x = new_out(im, args);
	int rc = !x ? is_first ? ERR_NOMEM : ERR_CLOSED : is_first ? read_who(im, x, args[PAGE_WHO]) : 0;
	arena_reset(&im->arena);
	if (rc) {
		if (x)
			drop(im, x);
		proc_done(ask, rc, rc == ERR_SYNTAX ? "whose: all, a domain that lives here, or an address in it" : "gh-im does not know the file any more");
		return;
	}
	loop_timer_del(im->loop, &x->idle);
	x->ask = ask;
	x->next(im, x);
}

void portable_out_fini(struct im *im)
{
	if (im->portable_out)
		drop(im, im->portable_out);
}
