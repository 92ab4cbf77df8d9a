#include "linked.h"

#include "base/err.h"
#include "conf.h"
#include "run/linkkeys.h"

#include <stdio.h>

enum {
	KEPT_MAX = 8,
	COMMITS_MAX = 10, /* in WINDOW_MS */
	WINDOW_MS = 3600000,
};

static void answer(struct conf *c, uint32_t id, int rc, const char *why)
{
	struct chan *to = bus_chan(c->bus, PROG_LINK, 0);
	struct buf *b = chan_begin(to, MSG_LINK_KEPT, id);

	wire_put_u32(b, (uint32_t)rc);
	wire_put_str(b, bytes_of(why));
	(void)chan_end(to); /* a gh-link that has gone finds it in its settings */
}

/* The rows that gh-link may set, whoever it is: its own certificate, its authority, its edges. */
static bool may_set(const struct setting_row *row, struct bytes key)
{
	switch (row->id) {
	case SET_CERTIFICATE_CHAIN:
		return bytes_eq_str(key, LINK_KEY);
	case SET_LINK_CERTIFICATE:
	case SET_LINK_AUTHORITY:
	case SET_LINK_EDGE_ADDRESS:
	case SET_LINK_EDGE_PIN:
		return true;
	default:
		return false;
	}
}

static int set_one(struct rows *next, struct bytes path, struct bytes text, const char **why)
{
	const struct setting_row *row;
	struct bytes keys[SETTING_KEYS_MAX];
	struct buf value;
	int rc = setting_find(path, &row, keys);

	*why = "gh-link may not set this";
	if (rc || !may_set(row, keys[0]))
		return rc ? rc : ERR_DENIED;
	buf_init(&value, 1 << 20);
	rc = setting_check(row, text, &value, why);
	if (!rc)
		rc = rows_set(next, path, buf_bytes(&value));
	buf_fini(&value);
	return rc;
}

static int read_rows(struct wire *w, struct rows *next, const char **why)
{
	unsigned n = wire_u16(w);
	int rc = 0;

	if (wire_failed(w) || n == 0 || n > KEPT_MAX)
		return ERR_PROTOCOL;
	for (unsigned i = 0; !rc && i < n; i++) {
		struct bytes path = wire_str(w), value = wire_bytes(w);
		if (wire_failed(w))
			return ERR_PROTOCOL;
		rc = set_one(next, path, value, why);
	}
	return !rc && wire_end(w) ? ERR_PROTOCOL : rc;
}

static bool is_too_often(struct conf *c)
{
	uint64_t now = loop_now(c->loop);

	if (now - c->linked.window_ms >= WINDOW_MS) {
		c->linked.window_ms = now;
		c->linked.n_commits = 0;
	}
	return c->linked.n_commits >= COMMITS_MAX;
}

int linked_on_keep(void *conf, struct chan *from, const struct frame *f)
{
	struct conf *c = conf;
	struct wire w = wire_of(f->body);
	struct rows next = { 0 };
	const char *why = "another commit is under way, or not confirmed yet";
	char sound[512];

	(void)from;
	if (f->id == 0)
		return ERR_PROTOCOL;
	int rc = c->linked.id || c->txn.state != TXN_IDLE || txn_confirm_left_ms(&c->txn) || is_too_often(c) ? ERR_AGAIN : 0;
	if (!rc)
		rc = rows_copy(&next, &c->store.running);
	if (!rc)
		rc = read_rows(&w, &next, &why);
	if (!rc && !acme_is_sound(c, &next, sound)) {
		why = sound;
		rc = ERR_DENIED;
	}
	if (!rc) {
		struct txn_start start = { .rows = &next, .by = "link", .note = "link enrolment" };
		c->linked.id = f->id;
		c->linked.n_commits++;
		why = "";
		rc = txn_start(&c->txn, &start); /* linked_committed follows, perhaps before this returns */
		if (rc)
			c->linked.id = 0;
	}
	rows_fini(&next);
	if (rc && rc != ERR_PROTOCOL)
		answer(c, f->id, rc, why[0] ? why : err_text(rc));
	return rc == ERR_PROTOCOL ? rc : 0;
}

bool linked_committed(struct conf *c, const struct txn_result *r)
{
	char text[520];

	if (!c->linked.id)
		return false;
	snprintf(text, sizeof text, "%s%s%s", r->path, r->path[0] ? ": " : "", r->why);
	uint32_t id = c->linked.id;
	c->linked.id = 0;
	answer(c, id, r->rc, text);
	return true;
}
