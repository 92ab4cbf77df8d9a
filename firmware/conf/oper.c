#include "oper.h"

#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"
#include "conf.h"
#include "rights.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* A login's frame is short: a stranger cannot make us hold more. */
enum { READ_BYTES = 64 << 10, STRANGER_FRAME_MAX = 4096, TIMER_MS = 5000 };

/* ---- frames out ---- */

static void put_u32_at(struct buf *b, size_t at, uint32_t v)
{
	uint8_t raw[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };

	if (!buf_failed(b))
		memcpy(b->p + b->off + at, raw, sizeof raw);
}

static struct buf *frame_begin(struct oper *o, enum oper_frame type)
{
	o->frame_at = buf_len(&o->out);
	wire_put_u32(&o->out, 0);
	wire_put_u8(&o->out, (uint8_t)type);
	return &o->out;
}

static void close_later(struct oper *o)
{
	o->is_closing = true;
	loop_defer_call(o->conf->loop, &o->sweep);
}

static void frame_end(struct oper *o)
{
	if (buf_failed(&o->out)) {
		log_warn("conf.oper.slow", LOG_STR("by", o->by));
		close_later(o);
		return;
	}
	put_u32_at(&o->out, o->frame_at, (uint32_t)(buf_len(&o->out) - o->frame_at - 4));
	(void)loop_watch_set(&o->watch, LOOP_READ | LOOP_WRITE); /* a watch that is there takes any events */
}

void oper_record_begin(struct oper *o)
{
	frame_begin(o, OPER_RECORD);
	o->count_at = buf_len(&o->out);
	o->n_pairs = 0;
	wire_put_u16(&o->out, 0);
}

void oper_record_bytes(struct oper *o, const char *key, struct bytes value)
{
	wire_put_str(&o->out, bytes_of(key));
	wire_put_bytes(&o->out, value);
	o->n_pairs++;
}

void oper_record_str(struct oper *o, const char *key, const char *value)
{
	oper_record_bytes(o, key, bytes_of(value));
}

void oper_record_int(struct oper *o, const char *key, int64_t value)
{
	char text[24];
	int n = snprintf(text, sizeof text, "%lld", (long long)value);

	oper_record_bytes(o, key, bytes_make(text, (size_t)n));
}

void oper_record_end(struct oper *o)
{
	if (!buf_failed(&o->out)) {
		o->out.p[o->out.off + o->count_at] = (uint8_t)(o->n_pairs >> 8);
		o->out.p[o->out.off + o->count_at + 1] = (uint8_t)o->n_pairs;
	}
	frame_end(o);
}

void oper_text(struct oper *o, struct bytes text)
{
	wire_put_bytes(frame_begin(o, OPER_TEXT), text);
	frame_end(o);
}

void oper_file(struct oper *o, const char *name, struct bytes content)
{
	struct buf *b = frame_begin(o, OPER_FILE);

	wire_put_str(b, bytes_of(name));
	wire_put_bytes(b, content);
	frame_end(o);
}

void oper_want(struct oper *o, size_t word, uint64_t offset)
{
	struct buf *b = frame_begin(o, OPER_WANT);

	wire_put_u16(b, (uint16_t)word);
	wire_put_u64(b, offset);
	wire_put_u32(b, OPER_PIECE_MAX);
	frame_end(o);
	o->is_piece_wanted = true;
	loop_defer_call(o->conf->loop, &o->sweep); /* it may be here already */
}

size_t oper_pending(const struct oper *o)
{
	return buf_len(&o->out);
}

void oper_note(struct oper *o, const char *text)
{
	wire_put_str(frame_begin(o, OPER_NOTE), bytes_of(text));
	frame_end(o);
}

void oper_candidate(struct oper *o, const char *word, const char *help)
{
	struct buf *b = frame_begin(o, OPER_CANDIDATE);

	wire_put_str(b, bytes_of(word));
	wire_put_str(b, bytes_of(help));
	frame_end(o);
}

/* A conflict with what others have committed is told by diff and commit, as ever. */
static void take_back(struct oper *o)
{
	char why[512];

	if (!o->aside.is_on)
		return;
	oper_discard(o);
	o->base = o->aside.base;
	o->candidate = o->aside.candidate;
	o->has_candidate = o->aside.has_candidate;
	o->aside = (struct oper_aside){ 0 };
	(void)oper_rebase(o, why);
}

void oper_put_aside(struct oper *o)
{
	take_back(o); /* none should be aside */
	o->aside = (struct oper_aside){ .is_on = true, .has_candidate = o->has_candidate, .base = o->base, .candidate = o->candidate };
	o->base = (struct rows){ 0 };
	o->candidate = (struct rows){ 0 };
	o->has_candidate = false;
}

static void resume(struct oper *o)
{
	o->is_busy = false;
	loop_defer_call(o->conf->loop, &o->sweep); /* frames that waited are read at the end of the turn */
}

void oper_need(struct oper *o, enum oper_need what, size_t word, const char *text)
{
	struct buf *b = frame_begin(o, OPER_NEED);

	take_back(o);
	wire_put_u8(b, (uint8_t)what);
	wire_put_u16(b, (uint16_t)word);
	wire_put_str(b, bytes_of(text));
	frame_end(o);
	resume(o);
}

void oper_done(struct oper *o, int rc, const char *text)
{
	take_back(o);
	struct buf *b = frame_begin(o, OPER_DONE);
	size_t changes = o->has_candidate ? rows_diff(&o->base, &o->candidate, NULL, NULL) : 0;

	wire_put_u32(b, (uint32_t)rc);
	wire_put_str(b, bytes_of(rc < 0 && !text[0] ? err_text(rc) : text));
	wire_put_u32(b, (uint32_t)changes);
	wire_put_u8(b, o->had_secret ? OPER_DONE_SECRET : 0);
	frame_end(o);
	o->work = NULL;
	o->is_piece_wanted = false;
	resume(o);
}

/* ---- the candidate ---- */

int oper_begin(struct oper *o)
{
	int rc;

	if (o->has_candidate)
		return 0;
	rc = rows_copy(&o->base, &o->conf->store.running);
	if (rc == 0)
		rc = rows_copy(&o->candidate, &o->base);
	o->has_candidate = rc == 0;
	return rc;
}

const struct rows *oper_rows(const struct oper *o)
{
	return o->has_candidate ? &o->candidate : &o->conf->store.running;
}

void oper_discard(struct oper *o)
{
	rows_fini(&o->base);
	rows_fini(&o->candidate);
	o->has_candidate = false;
}

static int decide_one(struct rows *base, const struct rows *running, struct bytes path)
{
	const struct row_item *was = rows_get(base, path), *is = rows_get(running, path);

	if (is)
		return was && bytes_eq(was->value, is->value) ? 0 : rows_set(base, path, is->value);
	if (was)
		(void)rows_del(base, path); /* it is there */
	return 0;
}

int oper_decide(struct oper *o, struct bytes path)
{
	const struct rows *running = &o->conf->store.running;
	struct bytes keys[SETTING_KEYS_MAX];
	const struct setting_row *row;
	int rc = 0;

	if (path.n == 0)
		return rows_copy(&o->base, running);
	if (setting_find(path, &row, keys) == 0)
		return decide_one(&o->base, running, path);
	(void)rows_del(&o->base, path); /* there may be nothing */
	for (size_t i = 0; rc == 0 && i < running->n; i++) {
		if (rows_is_below(running->v[i].path, path))
			rc = rows_set(&o->base, running->v[i].path, running->v[i].value);
	}
	return rc;
}

int oper_rebase(struct oper *o, char why[static 512])
{
	const struct rows *running = &o->conf->store.running;
	struct rows onto = { 0 };
	struct bytes conflict = BYTES_NONE;

	why[0] = 0;
	if (!o->has_candidate)
		return 0;
	int rc = rows_merge(&o->base, &o->candidate, running, &onto, &conflict);

	if (rc == ERR_EXISTS)
		snprintf(why, 512, "%.*s: somebody else has changed it since; set it again, or discard",
		         (int)(conflict.n > 400 ? 400 : conflict.n), (const char *)conflict.p);
	if (rc == 0)
		rc = rows_copy(&o->base, running);
	if (rc == 0) {
		rows_fini(&o->candidate);
		o->candidate = onto;
	} else {
		rows_fini(&onto);
	}
	return rc;
}

/* ---- frames in ---- */

static size_t count_strangers(const struct conf *c)
{
	size_t n = 0;

	LIST_EACH(it, &c->opers)
		n += !LIST_OWNER(it, struct oper, node)->is_known;
	return n;
}

static int read_words(struct wire *w, bool with_kinds, struct command_line *line)
{
	size_t n = wire_u16(w);

	*line = (struct command_line){ 0 };
	if (n > WORDS_MAX)
		return ERR_LIMIT;
	for (line->n = 0; line->n < n; line->n++) {
		line->kinds[line->n] = with_kinds ? wire_u8(w) : OPER_WORD_TYPED;
		line->v[line->n] = wire_bytes(w);
	}
	return wire_end(w);
}

void command_run(struct oper *o, const struct command *cmd, const struct command_args *args)
{
	struct buf verb;

	if (cmd->fn) {
		cmd->fn(o->conf, o, cmd, args);
		return;
	}
	buf_init(&verb, 256);
	command_put_literals(cmd, &verb);
	struct relay_ask ask = { .targets = cmd->targets, .verb = buf_cstr(&verb), .args = args->v, .n_args = args->n };
	relay_start(o->conf, o, &ask);
	buf_fini(&verb);
}

void command_dispatch(struct oper *o, const struct command *cmd, const struct command_args *args)
{
	o->had_secret |= args->has_secret;
	if (!rights_may(o->role, cmd->role) || (o->is_limited && !command_is_own(cmd)) || !handed_may_ask(o, cmd)) {
		audit_denied(o, cmd, args);
		oper_done(o, ERR_DENIED, o->is_limited ? "set up your one-time code first: operator totp enable" : "your role may not do this");
		return;
	}
	if (cmd->role != OPER_AUDITOR)
		audit_command(o, cmd, args);
	if (approval_is_needed(o->conf, cmd))
		approval_ask(o, cmd, args);
	else
		command_run(o, cmd, args);
}

static int on_ask(struct oper *o, struct wire *w)
{
	struct command_line line;
	struct command_match *m = malloc(sizeof *m);
	struct arena a;
	int rc = m ? read_words(w, true, &line) : ERR_NOMEM;

	arena_init(&a, 1 << 20);
	if (rc == 0) {
		o->is_busy = true;
		o->had_secret = false;
		command_match(&line, &a, m);
		if (m->result == MATCH_OK)
			command_dispatch(o, m->command, &m->args);
		else if (m->result == MATCH_NEED_SECRET)
			oper_need(o, OPER_NEED_SECRET, m->need_at, "Password: ");
		else if (m->result == MATCH_NEED_OLD_SECRET)
			oper_need(o, OPER_NEED_OLD_SECRET, m->need_at, "Old password: ");
		else if (m->result == MATCH_NEED_FILE)
			oper_need(o, OPER_NEED_FILE, m->need_at, "");
		else
			oper_done(o, ERR_SYNTAX, m->why);
	}
	arena_fini(&a);
	free(m);
	return rc;
}

static void put_candidate(void *arg, const char *word, const char *help)
{
	oper_candidate(arg, word, help);
}

static int on_complete(struct oper *o, struct wire *w)
{
	struct command_line line;
	int rc = read_words(w, false, &line);

	if (rc == 0) {
		command_complete(&line, oper_rows(o), o->role, put_candidate, o);
		oper_done(o, 0, "");
	}
	return rc;
}

/* The wanted role may only be one whose rights the account or user id has. */
static void lower_role(struct oper *o)
{
	if (rights_includes(o->role, o->wanted))
		o->role = o->wanted;
}

static int on_hello(struct oper *o, struct wire *w)
{
	unsigned version = wire_u16(w), role = wire_u8(w);

	if (wire_end(w) < 0 || version != OPER_VERSION || role >= OPER_ROLE_COUNT)
		return ERR_PROTOCOL;
	o->wanted = (enum oper_role)role;
	if (o->is_known)
		lower_role(o);
	oper_banner(o, OPER_BANNER_BEFORE);
	oper_done(o, 0, "");
	return 0;
}

/* Whoever asks for somebody at another place gives up what the console may. A text that is no address is no place of its own. */
static int on_from(struct oper *o, struct wire *w)
{
	struct bytes from = wire_str(w);
	char text[ACCOUNT_FROM_BYTES];
	uint8_t raw[16];

	if (wire_end(w) < 0 || !o->is_known || o->account[0] || o->way != OPER_WAY_CONSOLE)
		return ERR_PROTOCOL;
	snprintf(text, sizeof text, "%.*s", BYTES_FMT(from));
	bool is_address = from.n < sizeof text && (inet_pton(AF_INET, text, raw) == 1 || inet_pton(AF_INET6, text, raw) == 1);
	snprintf(o->source, sizeof o->source, "%s", is_address ? text : "ssh");
	snprintf(o->by, sizeof o->by, "nobody");
	o->way = OPER_WAY_LOCAL;
	o->uid = 0;
	o->is_known = false;
	if (count_strangers(o->conf) > OPERS_STRANGERS) {
		oper_done(o, ERR_FULL, "too many people log in just now: try again");
		oper_evict(o, "");
		return 0;
	}
	oper_done(o, 0, "");
	return 0;
}

static int on_piece(struct oper *o, struct wire *w)
{
	int rc = (int)wire_u32(w);
	uint64_t offset = wire_u64(w);
	struct bytes content = wire_bytes(w);

	if (wire_end(w) < 0 || content.n > OPER_PIECE_MAX || rc > 0)
		return ERR_PROTOCOL;
	if (!o->work || !o->is_piece_wanted)
		return 0; /* of a work that has ended */
	o->is_piece_wanted = false;
	o->work->piece(o->conf, o, rc, offset, content);
	return 0;
}

static int on_abort(struct oper *o)
{
	relay_abort(o->conf, o->id);
	if (o->work) {
		o->work->stop(o->conf, o);
		oper_done(o, ERR_BAD_STATE, "stopped");
	}
	return 0;
}

/* What is taken while a command is under way. */
static bool may_wait(const struct oper *o, uint8_t type)
{
	return o->is_busy && type != OPER_ABORT && (type != OPER_PIECE || (o->work && !o->is_piece_wanted));
}

/* Who is nobody yet may say who he is, and nothing else. */
static bool may_send(const struct oper *o, unsigned type)
{
	if (o->monitors) /* nobody logs in there */
		return type == OPER_HELLO || type == OPER_ASK || type == OPER_ABORT;
	return o->is_known || type == OPER_HELLO || type == OPER_LOGIN || type == OPER_LOGIN_NEW;
}

static int on_frame(struct oper *o, struct bytes frame)
{
	struct wire w = wire_of(frame);
	unsigned type = wire_u8(&w);

	if (!may_send(o, type))
		return ERR_DENIED;
	o->active_ms = loop_now(o->conf->loop);
	switch (type) {
	case OPER_HELLO:
		return on_hello(o, &w);
	case OPER_FROM:
		return on_from(o, &w);
	case OPER_LOGIN:
		return login_on_frame(o, false, &w);
	case OPER_LOGIN_NEW:
		return login_on_frame(o, true, &w);
	case OPER_ASK:
		return on_ask(o, &w);
	case OPER_COMPLETE:
		return on_complete(o, &w);
	case OPER_ABORT:
		return on_abort(o);
	case OPER_PIECE:
		return on_piece(o, &w);
	default:
		return ERR_PROTOCOL;
	}
}

/* Complete frames, one after the other; while a command is under way only ABORT and its PIECEs are taken. */
static int read_frames(struct oper *o)
{
	while (!o->is_closing) {
		struct bytes in = buf_bytes(&o->in);
		struct wire w = wire_of(in);
		size_t n = wire_u32(&w);
		if (wire_failed(&w) || in.n < 5)
			return 0;
		if (n == 0 || n > (o->is_known ? OPER_FRAME_MAX : STRANGER_FRAME_MAX))
			return ERR_LIMIT;
		if (in.n < 4 + n || may_wait(o, in.p[4]))
			return 0;
		int rc = on_frame(o, bytes_make(in.p + 4, n));
		secret_wipe((void *)(uintptr_t)in.p, 4 + n); /* passwords and keys pass here */
		buf_consume(&o->in, 4 + n);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void refuse(struct oper *o, const char *why)
{
	log_warn("conf.oper.closed", LOG_STR("by", o->by), LOG_STR("why", why));
	close_later(o);
}

static void on_read(struct oper *o)
{
	uint8_t *p = buf_reserve(&o->in, READ_BYTES);
	ssize_t n = p ? read(o->watch.fd, p, READ_BYTES) : -1;

	if (!p) {
		refuse(o, "frames over the limit");
	} else if (n > 0) {
		buf_commit(&o->in, (size_t)n);
		int rc = read_frames(o);
		if (rc < 0)
			refuse(o, err_name(rc));
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close_later(o);
	}
}

static void on_write(struct oper *o)
{
	struct bytes b = buf_bytes(&o->out);
	ssize_t n = b.n ? send(o->watch.fd, b.p, b.n, MSG_NOSIGNAL) : 0;

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		close_later(o);
		return;
	}
	if (n > 0)
		buf_consume(&o->out, (size_t)n);
	buf_release_if_empty(&o->out);
	if (buf_len(&o->out) > 0)
		return;
	(void)loop_watch_set(&o->watch, LOOP_READ); /* fewer events never fail */
	if (o->work && o->work->drained)
		o->work->drained(o->conf, o);
}

static void on_event(void *arg, unsigned events)
{
	struct oper *o = arg;

	if ((events & LOOP_WRITE) && !o->is_closing)
		on_write(o);
	if ((events & LOOP_READ) && !o->is_closing)
		on_read(o);
}

/* ---- coming and going ---- */

/* Its further connections may do no more than it may. */
static void end_further(struct conf *c, uint64_t number)
{
	LIST_EACH(it, &c->opers) {
		struct oper *o = LIST_OWNER(it, struct oper, node);
		if (number && o->like == number)
			oper_evict(o, "the session that it belongs to has ended");
	}
}

static void free_oper(struct oper *o)
{
	struct conf *c = o->conf;

	end_further(c, o->number);
	list_del(&o->node);
	c->n_opers--;
	relay_abort(c, o->id);
	if (o->work)
		o->work->stop(c, o);
	take_back(o);
	login_cancel(o);
	loop_timer_del(c->loop, &o->timer);
	loop_defer_cancel(&o->sweep);
	int fd = o->watch.fd;
	loop_watch_del(&o->watch);
	(void)close(fd); /* all that matters was answered or is lost anyway */
	oper_discard(o);
	metrics_forget(o);
	keyring_fini(&o->keys);
	buf_fini(&o->in);
	buf_fini(&o->out);
	free(o);
}

static void on_sweep(void *arg)
{
	struct oper *o = arg;

	if (!o->is_closing && read_frames(o) < 0)
		o->is_closing = true;
	if (o->is_closing)
		free_oper(o);
}

struct oper *oper_of(struct conf *c, uint64_t id)
{
	LIST_EACH(it, &c->opers) {
		struct oper *o = LIST_OWNER(it, struct oper, node);
		if (o->id == id && !o->is_closing)
			return o;
	}
	return NULL;
}

/* Who is at the other end, as the kernel names them? In a user namespace of ours root and the owner are both
 * seen as ourselves. The file's mode says who else gets so far. */
static bool read_user(const struct conf *c, int fd, struct oper *o)
{
	struct ucred cred;
	socklen_t n = sizeof cred;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
		return false;
	bool is_ours = cred.uid == 0 || cred.uid == c->owner || cred.uid == geteuid();
	bool is_console = is_ours || cred.uid == OPER_UID_CONSOLE;
	o->way = is_console ? OPER_WAY_CONSOLE : OPER_WAY_LOCAL;
	o->is_known = is_ours;
	o->uid = cred.uid;
	snprintf(o->by, sizeof o->by, cred.uid == 0 ? "root" : "uid %u", cred.uid);
	snprintf(o->source, sizeof o->source, is_console ? "console" : "uid %u", cred.uid);
	return true;
}

static void on_timer(void *arg)
{
	struct oper *o = arg;
	uint64_t now_ms = loop_now(o->conf->loop), idle_ms = (uint64_t)rows_number(&o->conf->store.running, SET_OPERATORS_IDLE) * 1000;

	if (o->is_busy)
		o->active_ms = now_ms; /* it waits for us */
	if (!o->is_known && now_ms - o->active_ms >= LOGIN_WAIT_MS)
		oper_evict(o, "");
	else if (token_has_ended(o))
		oper_evict(o, "this token is not good any more");
	else if (o->account[0] && idle_ms && now_ms - o->active_ms >= idle_ms)
		oper_evict(o, "the session was idle for too long");
	(void)loop_timer_set(o->conf->loop, &o->timer, TIMER_MS); /* it was set before, so it has room */
}

static int start(struct conf *c, struct oper *o, int fd)
{
	o->conf = c;
	o->id = ++c->next_oper_id;
	o->role = OPER_ADMIN;
	o->wanted = OPER_ADMIN;
	o->since_ms = loop_wall_ms(c->loop);
	o->active_ms = loop_now(c->loop);
	buf_init(&o->in, OPER_FRAME_MAX + READ_BYTES + 4);
	buf_init(&o->out, OPER_QUEUE_MAX);
	loop_defer_init(&o->sweep, on_sweep, o);
	loop_timer_init(&o->timer, on_timer, o);
	if (loop_timer_set(c->loop, &o->timer, TIMER_MS) < 0)
		return ERR_NOMEM;
	int rc = loop_watch_add(c->loop, &o->watch, fd, LOOP_READ, on_event, o);
	if (rc < 0)
		loop_timer_del(c->loop, &o->timer);
	return rc;
}

/* Places for the console are left whatever others do. */
static bool has_room(const struct conf *c, const struct oper *o)
{
	if (o->way == OPER_WAY_CONSOLE)
		return c->n_opers < OPERS_MAX;
	return c->n_opers < OPERS_MAX - OPERS_CONSOLE && count_strangers(c) < OPERS_STRANGERS;
}

struct oper *oper_accept(struct conf *c, int fd, bool is_unix, const char *source)
{
	struct oper *o = calloc(1, sizeof *o);
	bool is_right = o != NULL;

	if (o && is_unix) {
		is_right = read_user(c, fd, o);
	} else if (o) {
		o->way = OPER_WAY_HANDED;
		snprintf(o->by, sizeof o->by, "nobody");
		snprintf(o->source, sizeof o->source, "%s", source);
	}
	if (!is_right || !has_room(c, o) || start(c, o, fd) < 0) {
		log_warn("conf.oper.refused", LOG_STR("by", o ? o->by : ""), LOG_STR("source", o ? o->source : source), LOG_INT("opers", c->n_opers));
		free(o);
		(void)close(fd); /* refused */
		return NULL;
	}
	list_add_tail(&c->opers, &o->node);
	c->n_opers++;
	if (o->way == OPER_WAY_LOCAL && o->uid >= OPER_UID_FIRST && o->uid <= OPER_UID_LAST)
		login_by_user(o, o->uid);
	return o;
}

void oper_evict(struct oper *o, const char *why)
{
	if (o->is_closing)
		return;
	if (why[0])
		oper_note(o, why);
	on_write(o); /* as much as goes at once */
	close_later(o);
}

void oper_become(struct oper *o, const struct account *a)
{
	oper_discard(o);
	snprintf(o->account, sizeof o->account, "%s", a->name);
	snprintf(o->by, sizeof o->by, "%s", a->name);
	o->role = a->role;
	lower_role(o);
	o->is_limited = a->totp != TOTP_ON && login_demands_code(o, a);
	o->is_known = true;
	o->login.tries = 0;
	o->since_ms = loop_wall_ms(o->conf->loop);
}

void oper_banner(struct oper *o, enum oper_banner when)
{
	struct bytes text = rows_value(&o->conf->store.running, when == OPER_BANNER_BEFORE ? SET_OPERATORS_BANNER : SET_OPERATORS_MESSAGE, BYTES_NONE);

	if (text.n == 0)
		return;
	struct buf *b = frame_begin(o, OPER_BANNER);
	wire_put_u8(b, (uint8_t)when);
	wire_put_u16(b, (uint16_t)text.n);
	for (size_t i = 0; i < text.n; i++)
		buf_put_u8(b, text.p[i] == '|' ? '\n' : text.p[i]);
	frame_end(o);
}

void oper_close_all(struct conf *c)
{
	LIST_EACH(it, &c->opers)
		free_oper(LIST_OWNER(it, struct oper, node));
}
