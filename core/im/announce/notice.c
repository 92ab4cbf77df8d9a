#include "announce/notice.h"

#include "base/err.h"
#include "base/text.h"
#include "announce/announce.h"
#include "ask.h"
#include "session.h"

#include <stdio.h>
#include <stdlib.h>

struct notice {
	uint64_t mark;
	size_t domain_n, text_n;
	uint8_t texts[];
};

static struct bytes domain_name(const struct notice *n)
{
	return bytes_make(n->texts, n->domain_n);
}

static struct bytes text_of(const struct notice *n)
{
	return bytes_make(n->texts + n->domain_n, n->text_n);
}

static struct notice *notice_of(const struct im *im, struct bytes domain)
{
	return map_get(&im->announce.notices, domain);
}

struct bytes notice_text(const struct im *im, struct bytes domain)
{
	const struct notice *n = notice_of(im, domain);

	return n ? text_of(n) : BYTES_NONE;
}

static struct notice *make(struct bytes domain, struct bytes text, uint64_t mark)
{
	struct notice *n = malloc(sizeof *n + domain.n + text.n);

	if (!n)
		return NULL;
	*n = (struct notice){ .mark = mark, .domain_n = domain.n, .text_n = text.n };
	memcpy(n->texts, domain.p, domain.n);
	if (text.n)
		memcpy(n->texts + domain.n, text.p, text.n);
	return n;
}

/* In the place of what there is; it owns n. */
static void put(struct im *im, struct notice *n)
{
	free(map_del(&im->announce.notices, domain_name(n)));
	if (!n->text_n || map_add(&im->announce.notices, domain_name(n), n)) {
		im_stats[STAT_NO_MEMORY] += n->text_n != 0; /* gh-store has it: the next start shows it */
		free(n);
	}
}

void notices_clear(struct im *im)
{
	size_t at = 0;

	for (struct notice *n; (n = map_next(&im->announce.notices, &at));)
		free(n);
	map_fini(&im->announce.notices);
}

/* ---- at the start ---- */

static void on_item(struct im *im, struct ask *a, struct wire *w)
{
	struct bytes domain = wire_str(w), value = wire_bytes(w);
	struct wire v = wire_of(value);
	uint64_t mark = wire_u64(&v);
	struct bytes text = wire_bytes(&v);

	(void)a;
	struct notice *n = wire_failed(w) || wire_end(&v) ? NULL : make(domain, text, mark);
	if (n)
		put(im, n);
}

void notices_load(struct im *im)
{
	ask_begin(im, STORE_NOTICE_LIST);
	ask_send_free(im, on_item, NULL, NULL, 0);
}

/* ---- to people ---- */

void notice_seen(struct im *im, struct user *u, uint64_t mark)
{
	char text[24];

	if (u->notice_seen == mark)
		return;
	u->notice_seen = mark;
	(void)snprintf(text, sizeof text, "%llu", (unsigned long long)mark);
	struct buf *b = ask_begin(im, STORE_BLOB_PUT);
	wire_put_str(b, user_jid(u));
	wire_put_str(b, BYTES(STORE_NOTICE_KEY));
	wire_put_bytes(b, bytes_of(text));
	ask_send_free(im, NULL, NULL, NULL, 0);
}

void notice_show(struct im *im, struct session *s)
{
	struct jid j = jid_of_normal(session_bare(s));
	const struct notice *n = im->announce.notices.count ? notice_of(im, jid_domain(&j)) : NULL;

	if (!n || s->user->notice_seen == n->mark || s->bits & SESSION_IS_PHONE)
		return;
	notice_seen(im, s->user, n->mark);
	announce_to(im, s, domain_name(n), text_of(n));
}

/* ---- commands ---- */

struct change {
	struct proc_ask *ask;
	struct notice *notice; /* without a text: there shall be none */
	bool is_sent; /* to those who are there */
};

static void on_put(struct im *im, struct ask *a, int rc)
{
	struct change *c = a->arg;
	struct notice *n = c->notice;

	int sent = !rc && c->is_sent ? announce_start(im, domain_name(n), text_of(n), n->mark) : 0;
	if (rc)
		free(n);
	else
		put(im, n); /* also when they get it at their next login only */
	rc = rc ? rc : sent;
	proc_done(c->ask, rc, announce_error(rc));
	free(c);
}

static void keep(struct im *im, struct proc_ask *ask, struct notice *n, bool is_sent)
{
	struct change *c = n ? malloc(sizeof *c) : NULL;
	int rc = !c ? ERR_NOMEM : n->text_n ? announce_note(im, domain_name(n), text_of(n)) : 0;
	struct buf value;

	if (rc) {
		free(n);
		free(c);
		proc_done(ask, rc, announce_error(rc));
		return;
	}
	*c = (struct change){ ask, n, is_sent };
	buf_init(&value, ANNOUNCE_TEXT_MAX + 64);
	if (n->text_n) {
		wire_put_u64(&value, n->mark);
		wire_put_bytes(&value, text_of(n));
	}
	struct buf *b = ask_begin(im, STORE_NOTICE_PUT);
	wire_put_str(b, domain_name(n));
	wire_put_bytes(b, buf_bytes(&value));
	buf_fini(&value);
	ask_send_free(im, NULL, on_put, c, 0);
}

void announce_motd_set(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct im *im = program;
	struct bytes domain, text;

	if (announce_args(im, ask, args, n, &domain, &text))
		return;
	if (im->announce.n_waiting >= ANNOUNCE_WAITING_MAX)
		proc_done(ask, ERR_FULL, announce_error(ERR_FULL));
	else
		keep(im, ask, make(domain, text, loop_wall_ms(im->loop) + 1), true); /* never 0 */
	arena_reset(&im->arena);
}

static void no_notice(struct proc_ask *ask)
{
	proc_done(ask, ERR_NOT_FOUND, "this domain has no message of the day: announce motd set");
}

void announce_motd_edit(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct im *im = program;
	struct bytes domain, text;

	if (announce_args(im, ask, args, n, &domain, &text))
		return;
	const struct notice *was = notice_of(im, domain);
	if (was)
		keep(im, ask, make(domain, text, was->mark), false);
	else
		no_notice(ask);
	arena_reset(&im->arena);
}

void announce_motd_delete(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct im *im = program;
	const struct notice *was = n ? notice_of(im, args[0]) : NULL;

	if (was)
		keep(im, ask, make(args[0], BYTES_NONE, 0), false);
	else
		no_notice(ask);
}

void announce_motd_show(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct im *im = program;
	size_t at = 0;

	for (const struct notice *i; (i = map_next(&im->announce.notices, &at));) {
		char set[TEXT_TIME_BYTES];
		if (n && !bytes_eq(args[0], domain_name(i)))
			continue;
		text_time(i->mark, false, set);
		proc_record_begin(ask);
		proc_record_text(ask, "domain", domain_name(i));
		proc_record_str(ask, "set", set);
		proc_record_text(ask, "text", text_of(i));
		proc_record_end(ask);
	}
	proc_done(ask, 0, "");
}
