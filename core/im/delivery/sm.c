#include "delivery/sm.h"

#include "base/err.h"
#include "base/random.h"
#include "proto/xmpp.h"
#include "auth/auth.h"
#include "idle.h"

#include <stdlib.h>

bool sm_is_plausible(uint32_t acked, uint32_t sent, uint32_t h)
{
	return (uint32_t)(h - acked) <= (uint32_t)(sent - acked);
}

/* ---- on ---- */

static void resume(struct im *im, struct session *s);
static void refuse(struct im *im, uint8_t door, uint64_t conn, const struct sm *sm);

static void on_expired(void *arg)
{
	struct sm *sm = arg;

	if (sm->heir) {
		resume(sm->im, sm->session);
		return;
	}
	im_stats[STAT_SESSIONS_EXPIRED]++;
	session_end(sm->im, sm->session);
}

int sm_enable(struct im *im, struct session *s, bool wants_resume, uint32_t max_s)
{
	if (s->sm)
		return ERR_EXISTS;
	struct sm *sm = calloc(1, sizeof *sm);
	if (!sm)
		return ERR_NOMEM;
	sm->im = im;
	sm->session = s;
	sm->base = s->delivered;
	loop_timer_init(&sm->resume, on_expired, sm);
	sm->max_s = max_s && max_s < im->config.resume_max_s ? max_s : im->config.resume_max_s;
	sm->is_resumable = wants_resume && sm->max_s;
	if (sm->is_resumable) {
		random_hex(sm->id, SM_ID_CHARS);
		if (map_add(&im->resumable, bytes_of(sm->id), sm)) {
			free(sm);
			return ERR_NOMEM;
		}
	}
	s->sm = sm;
	return 0;
}

void sm_free(struct im *im, struct session *s)
{
	struct sm *sm = s->sm;

	if (!sm)
		return;
	if (sm->is_resumable)
		map_del(&im->resumable, bytes_of(sm->id));
	loop_timer_del(im->loop, &sm->resume);
	if (sm->heir)
		refuse(im, sm->heir_door, sm->heir, NULL);
	free(sm);
	s->sm = NULL;
}

void sm_count(struct session *s)
{
	if (s->sm)
		s->sm->h_in++;
}

/* ---- answering the client ---- */

/* Everything up to here is safe. */
static uint32_t safe_h(const struct session *s)
{
	if (list_is_empty(&s->custody))
		return s->sm->h_in;
	return LIST_OWNER(s->custody.next, struct parcel, origin_node)->h - 1;
}

static void answer(struct im *im, struct session *s, uint32_t h)
{
	struct chan *c = session_chan(im, s);
	struct buf *b = chan_begin(c, MSG_SM_ANSWER, 0);

	wire_put_u64(b, s->conn);
	wire_put_u32(b, h);
	(void)chan_end(c); /* a stream that is lost asks again by resuming */
}

void sm_progress(struct im *im, struct session *s)
{
	struct sm *sm = s->sm;
	uint8_t n = 0;

	if (sm && sm->heir && list_is_empty(&s->custody))
		(void)loop_timer_set(im->loop, &sm->resume, 0); /* else at the end of its wait */
	if (!sm || !sm->n_marks)
		return;
	uint32_t h = safe_h(s);
	while (n < sm->n_marks && sm_reached(sm->marks[n], h))
		n++;
	if (!n)
		return;
	sm->n_marks -= n;
	memmove(sm->marks, sm->marks + n, sm->n_marks * sizeof sm->marks[0]);
	for (; n; n--)
		answer(im, s, h);
}

int sm_on_request(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;
	struct wire w = wire_of(f->body);
	struct session *s = session_of(im, wire_u64(&w));

	(void)from;
	if (wire_end(&w))
		return ERR_SYNTAX;
	if (!s || !s->sm)
		return 0;
	if (s->sm->n_marks == SM_MARKS_MAX)
		s->sm->n_marks--;
	s->sm->marks[s->sm->n_marks++] = s->sm->h_in;
	sm_progress(im, s);
	return 0;
}

/* ---- the client's answers ---- */

/* false: it acknowledged what it never got (XEP-0198 4): that stream is over. */
static bool take_ack(struct im *im, struct session *s, uint32_t h)
{
	struct sm *sm = s->sm;

	if (!sm_is_plausible(sm->acked, s->delivered - sm->base, h))
		return false;
	sm->acked = h;
	session_confirm(im, s, sm->base + h);
	return true;
}

/* XEP-0198 4: who acknowledges more than was sent is told both numbers. */
static void too_high(struct im *im, struct session *s, uint32_t h)
{
	struct buf *b = &im->out;

	buf_clear(b);
	buf_putf(b, "<handled-count-too-high xmlns='" NS_SM "' h='%u' send-count='%u'/>", h, s->delivered - s->sm->base);
	session_close_stream(im, s, stream_error_name(STREAM_UNDEFINED_CONDITION), "", buf_bytes(b));
	session_end(im, s);
}

int sm_on_ack(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;
	struct wire w = wire_of(f->body);
	struct session *s = session_of(im, wire_u64(&w));
	uint32_t h = wire_u32(&w);

	(void)from;
	if (wire_end(&w))
		return ERR_SYNTAX;
	if (s && s->sm && !take_ack(im, s, h))
		too_high(im, s, h);
	return 0;
}

int sm_on_enable(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;
	struct wire w = wire_of(f->body);
	struct session *s = session_of(im, wire_u64(&w));
	bool wants_resume = wire_u8(&w);
	uint32_t max_s = wire_u32(&w);

	if (wire_end(&w))
		return ERR_SYNTAX;
	if (!s)
		return 0;
	/* Without memory it gets what it asked for in name only: the door needs an answer. */
	int rc = sm_enable(im, s, wants_resume, max_s);
	if (rc == ERR_NOMEM) {
		session_kick(im, s, stream_error_name(STREAM_RESOURCE_CONSTRAINT), "");
		return 0;
	}
	struct buf *b = chan_begin(from, MSG_SM_ENABLED, 0);
	wire_put_u64(b, s->conn);
	wire_put_str(b, bytes_of(s->sm->is_resumable ? s->sm->id : ""));
	wire_put_u32(b, s->sm->is_resumable ? s->sm->max_s : 0);
	(void)chan_end(from); /* a worker that is full is about to be lost */
	return 0;
}

/* ---- losing and resuming ---- */

static bool await_heir(struct im *im, struct session *s)
{
	return loop_timer_set(im->loop, &s->sm->resume, s->sm->max_s * 1000ull) == 0;
}

static void let_go(struct im *im, struct session *s)
{
	map_del_u64(&im->sessions, s->conn);
	s->conn = 0;
	s->sm->n_marks = 0; /* nobody waits for those answers any more */
}

bool sm_detach(struct im *im, struct session *s)
{
	if (!s->sm || !s->sm->is_resumable || !s->conn || !await_heir(im, s))
		return false;
	let_go(im, s);
	return true;
}

static void refuse(struct im *im, uint8_t door, uint64_t conn, const struct sm *sm)
{
	struct chan *to = bus_chan(im->bus, PROG_ACCESS, door);
	struct buf *b = chan_begin(to, MSG_SESSION_RESUME_FAILED, 0);

	wire_put_u64(b, conn);
	wire_put_u8(b, sm != NULL);
	wire_put_u32(b, sm ? sm->h_in : 0);
	wire_put_str(b, bytes_of(stanza_error_name(sm ? STANZA_UNEXPECTED_REQUEST : STANZA_ITEM_NOT_FOUND)));
	(void)chan_end(to); /* a worker that is full is about to be lost */
}

/* The stream that still carries it, if any, is told and forgotten; so is one that asked before. */
static void take_over(struct im *im, struct session *s)
{
	if (s->conn) {
		session_close_stream(im, s, "conflict", "Resumed on another stream", BYTES_NONE);
		let_go(im, s);
	}
	if (s->sm->heir)
		refuse(im, s->sm->heir_door, s->sm->heir, NULL);
	s->sm->heir = 0;
}

static void put_resumed(struct im *im, struct session *s)
{
	struct chan *to = session_chan(im, s);
	struct buf *b = chan_begin(to, MSG_SESSION_RESUMED, 0);

	wire_put_u64(b, s->conn);
	wire_put_str(b, session_full(s));
	/* After SM_SAFE_WAIT_MS some may be handled and not safe. They are not confirmed: the client
	 * sends them again, which may be twice, rather than never. */
	wire_put_u32(b, s->sm->h_in = safe_h(s));
	(void)chan_end(to); /* a worker that is full is about to be lost */
}

/* The heir takes it, if it is still there. */
static void resume(struct im *im, struct session *s)
{
	struct sm *sm = s->sm;
	uint64_t conn = sm->heir;

	sm->heir = 0;
	if (!auth_of(im, conn).n) {
		if (!await_heir(im, s))
			session_end(im, s);
		return;
	}
	auth_hand_over(im, conn, s);
	auth_forget(im, conn);
	loop_timer_del(im->loop, &sm->resume);
	if (map_add_u64(&im->sessions, conn, s)) {
		refuse(im, sm->heir_door, conn, NULL);
		session_end(im, s);
		return;
	}
	s->conn = conn;
	s->door = sm->heir_door;
	s->bits &= (uint16_t)~SESSION_IS_INACTIVE; /* XEP-0352 5: a stream begins active */
	im_stats[STAT_SESSIONS_RESUMED]++;
	put_resumed(im, s);
	(void)take_ack(im, s, sm->heir_h); /* plausible, as checked */
	session_replay(im, s);
	idle_release(im, s);
}

int sm_on_resume(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;
	struct wire w = wire_of(f->body);
	uint64_t conn = wire_u64(&w);
	struct bytes id = wire_str(&w);
	uint32_t h = wire_u32(&w);
	uint8_t door = (uint8_t)chan_instance(from);

	if (wire_end(&w))
		return ERR_SYNTAX;
	struct bytes who = auth_of(im, conn);
	struct sm *sm = map_get(&im->resumable, id);
	/* Somebody else's session is no session. */
	if (!who.n || !sm || !bytes_eq(session_bare(sm->session), who)) {
		refuse(im, door, conn, NULL);
		return 0;
	}
	struct session *s = sm->session;
	if (!sm_is_plausible(sm->acked, s->delivered - sm->base, h)) {
		refuse(im, door, conn, sm);
		too_high(im, s, h);
		return 0;
	}
	take_over(im, s);
	sm->heir = conn;
	sm->heir_h = h;
	sm->heir_door = door;
	/* XEP-0198 5: h is what was handled, and handled means safe; that takes a moment. */
	if (list_is_empty(&s->custody) || loop_timer_set(im->loop, &sm->resume, SM_SAFE_WAIT_MS))
		resume(im, s);
	return 0;
}
