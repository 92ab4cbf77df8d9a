#include "presence/shared.h"

#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "run/directory.h"
#include "ask.h"
#include "auth/directory.h"
#include "pep/caps.h"
#include "presence/presence.h"
#include "presence/roster.h"

#include <stdlib.h>

enum { SHARED_BITS = CONTACT_TO | CONTACT_FROM | CONTACT_LISTED, WAITS_FOR = CONTACT_OUT | CONTACT_IN | CONTACT_APPROVED, BYTES_MAX = 64 << 10 };

/* ---- what a contact has of it ---- */

static uint8_t own_bits(struct bytes shared)
{
	struct wire w = wire_of(shared);

	return wire_u8(&w);
}

uint8_t shared_own_bits(const struct contact *c)
{
	return c->shared_n ? own_bits(contact_shared(c)) : c->bits;
}

struct bytes shared_name(struct bytes shared)
{
	struct wire w = wire_of(shared);

	(void)wire_u8(&w);
	return wire_str(&w);
}

static bool has(struct bytes groups, struct bytes name)
{
	struct wire w = wire_of(groups);

	while (wire_left(&w) && !wire_failed(&w))
		if (bytes_eq(wire_str(&w), name))
			return true;
	return false;
}

void shared_put_groups(struct buf *b, struct bytes shared, struct bytes groups)
{
	struct wire w = wire_of(shared);

	(void)wire_u8(&w);
	(void)wire_str(&w);
	while (wire_left(&w)) {
		struct bytes g = wire_str(&w);
		if (wire_failed(&w))
			break;
		if (has(groups, g))
			continue;
		buf_put_str(b, "<group>");
		text_xml_escape(g, b);
		buf_put_str(b, "</group>");
	}
}

/* ---- changes ---- */

static int by_jid(const void *a, const void *b)
{
	return bytes_cmp(((const struct shared *)a)->jid, ((const struct shared *)b)->jid);
}

/* What it was before comes back; the other one's side ends by itself, by its own list. */
static void end(struct im *im, struct user *u, const struct contact *c)
{
	struct contact_parts p = contact_parts(c);
	bool was_shown = p.bits & CONTACT_FROM;

	p.jid = arena_dup(&im->arena, p.jid);
	p.bits = own_bits(p.shared);
	p.shared = BYTES_NONE;
	if (!p.jid.n)
		return;
	if (was_shown && !(p.bits & CONTACT_FROM))
		presence_hide(im, u, p.jid);
	if (p.bits)
		(void)roster_change(im, u, &p, NULL); /* counted there */
	else
		roster_remove(im, u, p.jid, NULL);
}

static void end_others(struct im *im, struct user *u, const struct shared *list, size_t n)
{
	for (uint32_t i = u->n_contacts; i > 0; i--) {
		const struct contact *c = u->contacts[i - 1];
		const struct shared key = { .jid = contact_jid(c) };
		if (c->shared_n && !(n && bsearch(&key, list, n, sizeof key, by_jid)))
			end(im, u, c);
	}
}

/* False: there is no room for it. */
static bool begin(struct im *im, struct user *u, const struct shared *s)
{
	struct contact *c = user_contact(u, s->jid);
	struct contact_parts p = c ? contact_parts(c) : (struct contact_parts){ .jid = s->jid };
	uint8_t own = p.shared.n ? own_bits(p.shared) : p.bits;
	struct buf b;

	if (!roster_has_room(im, u, c))
		return false;
	buf_init(&b, BYTES_MAX);
	wire_put_u8(&b, own);
	wire_put_str(&b, s->name);
	buf_put_bytes(&b, s->groups);
	bool is_new = !(p.bits & CONTACT_FROM), is_good = !buf_failed(&b);
	if (is_good && !bytes_eq(p.shared, buf_bytes(&b))) {
		p.shared = buf_bytes(&b);
		p.bits = (uint8_t)((p.bits | SHARED_BITS) & ~WAITS_FOR);
		is_good = roster_change(im, u, &p, NULL) == 0;
		if (is_good && is_new) {
			presence_show(im, u, s->jid);
			caps_show(im, u, s->jid);
		}
	}
	buf_fini(&b);
	return is_good;
}

unsigned shared_apply(struct im *im, struct user *u, const struct shared *list, size_t n)
{
	unsigned left_out = 0;

	end_others(im, u, list, n);
	for (size_t i = 0; i < n; i++)
		left_out += !bytes_eq(list[i].jid, user_jid(u)) && !begin(im, u, &list[i]);
	return left_out;
}

/* ---- from gh-dir ---- */

struct job {
	uint32_t id; /* of gh-dir's question */
	struct user *user; /* pinned */
	bool is_noted;
	struct buf note;   /* as it is to be written */
	uint64_t digest;
	size_t n;
	uint8_t body[];    /* n bytes: the list */
};

static void answer(struct im *im, uint32_t id, int rc)
{
	struct chan *dir = bus_chan(im->bus, PROG_DIR, 0);

	wire_put_u32(chan_begin(dir, MSG_DIR_CHANGED, id), (uint32_t)(int32_t)rc);
	(void)chan_end(dir); /* a gh-dir that has gone begins anew */
}

static void finish(struct im *im, struct job *j, int rc)
{
	answer(im, j->id, rc);
	user_unpin(im, j->user);
	buf_fini(&j->note);
	free(j);
}

static void on_noted(struct im *im, struct ask *a, int rc)
{
	finish(im, a->arg, rc);
}

static size_t read_list(struct bytes body, struct shared *out)
{
	struct wire w = wire_of(body);
	size_t n = 0;

	while (wire_left(&w) && n < DIRECTORY_ROSTER_MAX) {
		out[n] = (struct shared){ .jid = wire_str(&w), .name = wire_str(&w), .groups = wire_bytes(&w) };
		n += !wire_failed(&w);
	}
	return n;
}

/* The list first, then the digest that says so: gh-store writes them in this order. */
static void carry_out(struct im *im, struct job *j)
{
	struct shared *list = malloc(DIRECTORY_ROSTER_MAX * sizeof *list);

	if (!list) {
		finish(im, j, ERR_NOMEM);
		return;
	}
	unsigned left_out = shared_apply(im, j->user, list, read_list(bytes_make(j->body, j->n), list));
	free(list);
	arena_reset(&im->arena);
	if (left_out)
		log_warn("im.directory.roster-full", LOG_BYTES("user", user_jid(j->user)), LOG_INT("contacts", left_out));
	directory_begin_note(im, user_jid(j->user), buf_bytes(&j->note));
	ask_send_free(im, NULL, on_noted, j, 0);
}

static void on_note(struct im *im, struct ask *a, struct wire *w)
{
	struct job *j = a->arg;
	struct directory_note n;

	(void)im;
	buf_clear(&j->note);
	j->is_noted = directory_note_read(wire_bytes(w), &n) == 0;
	if (!j->is_noted)
		return;
	n.roster = j->digest;
	directory_note_put(&j->note, &n);
}

/* gh-store answers in order: the user has been loaded as well. */
static void on_note_done(struct im *im, struct ask *a, int rc)
{
	struct job *j = a->arg;

	if (rc || !j->is_noted || buf_failed(&j->note))
		finish(im, j, rc == ERR_NOT_FOUND || !j->is_noted ? ERR_EXISTS : rc ? rc : ERR_LIMIT);
	else if (j->user->state != USER_READY)
		finish(im, j, ERR_AGAIN);
	else
		carry_out(im, j);
}

static int check_list(struct wire w, uint16_t n)
{
	struct bytes last = BYTES_NONE;

	for (; n; n--) {
		struct bytes jid = wire_str(&w);
		(void)wire_str(&w);
		(void)wire_bytes(&w);
		if (wire_failed(&w) || !jid.n || jid.n > 3071 || bytes_cmp(last, jid) >= 0)
			return ERR_PROTOCOL;
		last = jid;
	}
	return wire_end(&w) ? ERR_PROTOCOL : 0;
}

int shared_on_roster(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;
	struct wire w = wire_of(f->body);
	struct bytes jid = wire_str(&w);
	uint64_t digest = wire_u64(&w);
	uint16_t n = wire_u16(&w);

	(void)from;
	if (wire_failed(&w) || !jid.n || n > DIRECTORY_ROSTER_MAX || check_list(w, n))
		return ERR_PROTOCOL;
	struct bytes body = bytes_skip(f->body, f->body.n - wire_left(&w));
	struct user *u = user_get(im, jid);
	struct job *j = u ? malloc(sizeof *j + body.n) : NULL;
	if (!j) {
		answer(im, f->id, ERR_AGAIN);
		return 0;
	}
	*j = (struct job){ .id = f->id, .user = u, .digest = digest, .n = body.n };
	if (body.n)
		memcpy(j->body, body.p, body.n);
	buf_init(&j->note, 8192);
	user_pin(u);
	struct buf *b = ask_begin(im, STORE_BLOB_GET);
	wire_put_str(b, jid);
	wire_put_str(b, BYTES(STORE_DIRECTORY_KEY));
	ask_send_free(im, on_note, on_note_done, j, 0);
	return 0;
}
