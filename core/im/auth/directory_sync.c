#include "auth/directory_sync.h"

#include "base/err.h"
#include "run/directory.h"
#include "auth/app_password.h"
#include "auth/directory.h"
#include "ask.h"
#include "domain.h"
#include "iq/upload.h"
#include "room/rooms.h"
#include "session.h"
#include "user.h"

#include <stdlib.h>

enum { NOTE_MAX = 8192 };

/* ---- whom we know ---- */

/* A page being gathered. gh-store gives it again from its first row when it died meanwhile. */
struct page {
	uint32_t id; /* of gh-dir's question */
	uint16_t n;
	size_t last_n;
	uint8_t last[4096]; /* RFC 7622 3.1: 3071 */
	struct buf rows;
};

static void on_noted(struct im *im, struct ask *a, struct wire *w)
{
	struct page *p = a->arg;
	struct directory_note n = { .is_gone = false };
	struct bytes jid = wire_str(w), note = wire_bytes(w);

	(void)im;
	if (wire_failed(w) || jid.n > sizeof p->last || (p->last_n && bytes_cmp(jid, bytes_make(p->last, p->last_n)) <= 0))
		return;
	memcpy(p->last, jid.p, jid.n);
	p->last_n = jid.n;
	p->n++;
	(void)directory_note_read(note, &n); /* one of a later version is written anew */
	wire_put_str(&p->rows, jid);
	wire_put_u8(&p->rows, n.is_gone);
	wire_put_u64(&p->rows, n.gone_ms);
	wire_put_str(&p->rows, n.user);
	wire_put_str(&p->rows, n.name);
	wire_put_str(&p->rows, n.mail);
	wire_put_str(&p->rows, n.uri);
	wire_put_u64(&p->rows, n.roster);
}

static void on_page(struct im *im, struct ask *a, int rc)
{
	struct page *p = a->arg;
	struct chan *dir = bus_chan(im->bus, PROG_DIR, 0);
	struct buf *b = chan_begin(dir, MSG_DIR_KNOWN_PAGE, p->id);

	wire_put_u32(b, (uint32_t)(int32_t)(buf_failed(&p->rows) ? ERR_LIMIT : rc));
	wire_put_u8(b, p->n < DIRECTORY_PAGE);
	wire_put_u16(b, p->n);
	buf_put_bytes(b, buf_bytes(&p->rows));
	(void)chan_end(dir); /* a gh-dir that has gone begins anew */
	buf_fini(&p->rows);
	free(p);
}

int directory_on_known(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;
	struct wire w = wire_of(f->body);
	struct bytes after = wire_str(&w);

	(void)from;
	if (wire_end(&w))
		return ERR_PROTOCOL;
	struct page *p = calloc(1, sizeof *p);
	if (!p) {
		im_stats[STAT_NO_MEMORY]++; /* gh-dir does not wait for ever */
		return 0;
	}
	p->id = f->id;
	buf_init(&p->rows, BUS_FRAME_MAX / 2);
	struct buf *b = ask_begin(im, STORE_NOTED_LIST);
	wire_put_str(b, after);
	wire_put_u32(b, DIRECTORY_PAGE);
	ask_send_free(im, on_noted, on_page, p, 0);
	return 0;
}

/* ---- changes ---- */

struct change {
	uint32_t id; /* of gh-dir's question */
	uint8_t what; /* enum directory_change */
	size_t jid_n;
	uint8_t jid[];
};

static struct bytes jid_of(const struct change *c)
{
	return bytes_make(c->jid, c->jid_n);
}

static void answer(struct im *im, uint32_t id, int rc)
{
	struct chan *dir = bus_chan(im->bus, PROG_DIR, 0);

	wire_put_u32(chan_begin(dir, MSG_DIR_CHANGED, id), (uint32_t)(int32_t)rc);
	(void)chan_end(dir); /* as above */
}

/* Nobody is in, and nobody comes in, whatever they logged in with. */
static void lock_out(struct im *im, struct bytes jid)
{
	struct user *u = user_find(im, jid);

	if (u) {
		u->is_gone = true;
		session_kick_all(im, u, "not-authorized", "The directory does not have this person any more");
	}
	app_password_revoked(im, jid, BYTES_NONE);
	log_info("im.directory.gone", LOG_BYTES("user", jid));
}

static void done(struct im *im, const struct change *c)
{
	struct user *u = user_find(im, jid_of(c));

	switch ((enum directory_change)c->what) {
	case DIRECTORY_ADD:
		break;
	case DIRECTORY_UPDATE:
		if (u)
			u->is_gone = false;
		break;
	case DIRECTORY_GONE:
		lock_out(im, jid_of(c));
		break;
	case DIRECTORY_REMOVE:
		user_gone(im, jid_of(c));
		upload_forget(im, jid_of(c));
		log_info("im.directory.deleted", LOG_BYTES("user", jid_of(c)));
		break;
	case DIRECTORY_CHANGE_COUNT:
		break;
	}
}

static void on_changed(struct im *im, struct ask *a, int rc)
{
	struct change *c = a->arg;

	if (!rc)
		done(im, c);
	answer(im, c->id, rc);
	free(c);
}

static void begin_note(struct im *im, struct bytes jid, const struct directory_note *n)
{
	struct buf note;

	buf_init(&note, NOTE_MAX);
	directory_note_put(&note, n);
	directory_begin_note(im, jid, buf_bytes(&note));
	buf_fini(&note);
}

static void begin(struct im *im, struct bytes jid, enum directory_change what, const struct directory_note *n)
{
	switch (what) {
	case DIRECTORY_ADD:
		user_forget(im, jid);
		directory_begin_account(im, jid, STORE_ACCOUNT_NEW_NOTED, n);
		break;
	case DIRECTORY_GONE:
		directory_begin_account(im, jid, STORE_ACCOUNT_CHANGE_NOTED, n);
		break;
	case DIRECTORY_REMOVE:
		wire_put_str(ask_begin(im, STORE_NOTED_DEL), jid);
		break;
	default:
		begin_note(im, jid, n);
	}
}

/* Can an account with this address be here? */
static bool is_ours(struct im *im, struct bytes bare)
{
	struct jid j = jid_of_normal(bare);

	return j.local_n && !j.resource_n && domain_of(im, jid_domain(&j)) && !rooms_host(im, jid_domain(&j));
}

int directory_on_change(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;
	struct wire w = wire_of(f->body);
	uint8_t what = wire_u8(&w);
	struct bytes jid = wire_str(&w);
	struct directory_note n = { .is_gone = what == DIRECTORY_GONE };

	(void)from;
	n.user = wire_str(&w);
	n.name = wire_str(&w);
	n.mail = wire_str(&w);
	n.uri = wire_str(&w);
	if (wire_end(&w) || what >= DIRECTORY_CHANGE_COUNT || !jid.n)
		return ERR_PROTOCOL;
	if (what == DIRECTORY_ADD && !is_ours(im, jid)) {
		answer(im, f->id, ERR_RANGE);
		return 0;
	}
	if (what == DIRECTORY_ADD)
		n.roster = DIRECTORY_ROSTER_NONE;
	if (n.is_gone)
		n.gone_ms = loop_wall_ms(im->loop);
	struct change *c = malloc(sizeof *c + jid.n);
	if (!c) {
		answer(im, f->id, ERR_NOMEM);
		return 0;
	}
	*c = (struct change){ .id = f->id, .what = what, .jid_n = jid.n };
	memcpy(c->jid, jid.p, jid.n);
	begin(im, jid, (enum directory_change)what, &n);
	ask_send_free(im, NULL, on_changed, c, 0);
	return 0;
}
