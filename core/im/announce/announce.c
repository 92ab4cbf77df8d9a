#include "announce/announce.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/xmpp.h"
#include "announce/notice.h"
#include "compliance/compliance.h"
#include "domain.h"
#include "room/rooms.h"
#include "session.h"

#include <stdlib.h>

enum { A_TURN = 20, TURN_MS = 50 /* 400 a second */ };

/* One under way. */
struct announcement {
	struct list node;
	uint64_t mark;
	uint64_t *conns; /* who gets it */
	size_t n, at;
	size_t domain_n, text_n;
	uint8_t texts[];
};

static struct bytes domain_name(const struct announcement *a)
{
	return bytes_make(a->texts, a->domain_n);
}

static void drop(struct im *im, struct announcement *a)
{
	list_del(&a->node);
	im->announce.n_waiting--;
	free(a->conns);
	free(a);
}

/* It stands in im->out. */
static struct envelope write_it(struct im *im, struct bytes domain, struct bytes to, struct bytes text)
{
	struct buf *b = &im->out;

	buf_clear(b);
	buf_put_str(b, "<message type='headline'");
	xml_write_attr(b, "from", domain);
	xml_write_attr(b, "to", to);
	buf_put_str(b, "><body>");
	text_xml_escape(text, b);
	buf_put_str(b, "</body></message>");
	return (struct envelope){ .kind = STANZA_MESSAGE, .type = TYPE_HEADLINE, .facts = FACT_BODY, .from = domain, .to = to, .stanza = buf_bytes(b) };
}

int announce_note(struct im *im, struct bytes domain, struct bytes text)
{
	const struct envelope e = write_it(im, domain, domain, text);

	return compliance_note_announcement(im, &e) ? 0 : ERR_DENIED;
}

void announce_to(struct im *im, struct session *s, struct bytes domain, struct bytes text)
{
	const struct envelope e = write_it(im, domain, session_full(s), text);

	session_send_as(im, s, &e);
	im_stats[STAT_ANNOUNCED]++;
}

static void step(struct im *im, struct announcement *a)
{
	for (unsigned n = 0; n < A_TURN && a->at < a->n; a->at++) {
		struct session *s = session_of(im, a->conns[a->at]);
		if (!s || !session_takes_messages(s))
			continue;
		if (a->mark)
			notice_seen(im, s->user, a->mark);
		announce_to(im, s, domain_name(a), bytes_make(a->texts + a->domain_n, a->text_n));
		n++;
	}
	if (a->at == a->n)
		drop(im, a);
}

static void arm(struct im *im)
{
	if (!list_is_empty(&im->announce.waiting) && loop_timer_set(im->loop, &im->announce.timer, TURN_MS))
		im_stats[STAT_NO_MEMORY]++; /* the next one sets it */
}

static void on_timer(void *arg)
{
	struct im *im = arg;

	if (!list_is_empty(&im->announce.waiting))
		step(im, LIST_OWNER(im->announce.waiting.next, struct announcement, node));
	arm(im);
}

/* Those of the domain that are attached. */
static void find_sessions(struct im *im, struct announcement *a)
{
	size_t at = 0;

	for (struct session *s; (s = map_next(&im->sessions, &at));) {
		struct jid j = jid_of_normal(session_bare(s));
		if (bytes_eq(jid_domain(&j), domain_name(a)) && session_takes_messages(s) && !(s->bits & SESSION_IS_PHONE))
			a->conns[a->n++] = s->conn;
	}
}

int announce_start(struct im *im, struct bytes domain, struct bytes text, uint64_t mark)
{
	struct announcement *a;

	if (im->announce.n_waiting >= ANNOUNCE_WAITING_MAX)
		return ERR_FULL;
	a = calloc(1, sizeof *a + domain.n + text.n);
	if (!a || !(a->conns = malloc((im->sessions.count + 1) * sizeof *a->conns))) {
		free(a);
		return ERR_NOMEM;
	}
	a->mark = mark;
	a->domain_n = domain.n;
	a->text_n = text.n;
	memcpy(a->texts, domain.p, domain.n);
	memcpy(a->texts + domain.n, text.p, text.n);
	find_sessions(im, a);
	list_add_tail(&im->announce.waiting, &a->node);
	im->announce.n_waiting++;
	if (!loop_timer_is_set(&im->announce.timer))
		arm(im);
	return 0;
}

const char *announce_error(int rc)
{
	return rc == ERR_FULL   ? "so many announcements are under way: wait a little" :
	       rc == ERR_DENIED ? "the compliance archive has no room for it (compliance mode blocking)" :
	       rc               ? err_text(rc) : "";
}

bool announce_is_text(struct bytes text)
{
	return text.n && text.n <= ANNOUNCE_TEXT_MAX && text_is_utf8(text);
}

void announce_init(struct im *im)
{
	list_init(&im->announce.waiting);
	loop_timer_init(&im->announce.timer, on_timer, im);
}

void announce_fini(struct im *im)
{
	loop_timer_del(im->loop, &im->announce.timer);
	while (!list_is_empty(&im->announce.waiting))
		drop(im, LIST_OWNER(im->announce.waiting.next, struct announcement, node));
	notices_clear(im);
}

/* ---- the command ---- */

/* Words with single spaces between, as they were typed. */
static struct bytes joined(struct im *im, const struct bytes *args, size_t n)
{
	buf_clear(&im->out);
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_put_u8(&im->out, ' ');
		buf_put_bytes(&im->out, args[i]);
	}
	return buf_failed(&im->out) ? BYTES_NONE : arena_dup(&im->arena, buf_bytes(&im->out));
}

int announce_args(struct im *im, struct proc_ask *ask, const struct bytes *args, size_t n, struct bytes *domain, struct bytes *text)
{
	const char *why = NULL;
	struct jid j;

	if (n < 2 || jid_parse(args[0], &im->arena, &j) || j.local_n || j.resource_n)
		why = "a domain, and a text";
	else if (!domain_of(im, j.full) || rooms_host(im, j.full))
		why = "this domain has no people here";
	else if (!announce_is_text(*text = joined(im, args + 1, n - 1)))
		why = "a text has 1 to 8192 bytes of UTF-8";
	if (why) {
		proc_done(ask, ERR_RANGE, why);
		arena_reset(&im->arena);
		return ERR_RANGE;
	}
	*domain = j.full;
	return 0;
}

void announce_send(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct im *im = program;
	struct bytes domain, text;

	if (announce_args(im, ask, args, n, &domain, &text))
		return;
	int rc = announce_note(im, domain, text);
	if (!rc)
		rc = announce_start(im, domain, text, 0);
	proc_done(ask, rc, announce_error(rc));
	arena_reset(&im->arena);
}
