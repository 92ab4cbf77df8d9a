#include "answer.h"

#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "conn.h"
#include "json.h"
#include "session.h"

#include <stdio.h>
#include <stdlib.h>

/* BEGIN_BYTES: a JSON answer waits that long before its status is decided, so that a failure can still be one. */
enum { BEGIN_BYTES = 64 << 10, TEXT_MAX = 24 << 20, NOTES_MAX = 64 << 10, PULSE_MS = 15000 };

struct answer {
	struct ask ask;
	struct conn *conn;
	struct operator *op, *own; /* own: for events, ends with them */
	enum answer_form form;
	const char *file_name, *type; /* of ANSWER_TEXT; type NULL: plain, as a file */
	struct buf out;            /* JSON not yet put */
	struct buf text, notes, files; /* TEXT frames; notes and files as JSON with commas */
	struct loop_timer pulse;
	size_t n_items;
	bool has_begun, takes_pieces;
};

static void answer_free(struct answer *w)
{
	loop_timer_del(w->conn->admin->loop, &w->pulse);
	ask_drop(&w->ask);
	secret_wipe(w->ask.frame.p, w->ask.frame.cap); /* one that was not sent */
	buf_fini(&w->ask.frame);
	if (w->own) {
		operator_close(w->own);
		w->conn->admin->n_streams--;
	}
	secret_wipe(w->text.p, w->text.cap);
	buf_fini(&w->out);
	buf_fini(&w->text);
	buf_fini(&w->notes);
	secret_wipe(w->files.p, w->files.cap);
	buf_fini(&w->files);
	free(w);
}

/* ---- the client ---- */

static void conn_gone(void *work)
{
	answer_free(work);
}

static void conn_drained(void *work)
{
	operator_pause(((struct answer *)work)->op, false);
}

static const struct conn_work work = { conn_gone, conn_drained };

static void put_now(struct answer *w)
{
	struct conn *c = w->conn;

	if (!w->has_begun) {
		static const char *const types[] = { "application/json", "application/x-ndjson", "text/event-stream",
			                             "text/plain; charset=utf-8" };
		conn_begin(c, 200, types[w->form]);
		w->has_begun = true;
	}
	conn_put(c, buf_bytes(&w->out));
	buf_clear(&w->out);
	if (link_queued(&c->link) > CONN_HIGH_WATER)
		operator_pause(w->op, true);
}

/* {"name": value}, as the form has it. Lets value go. */
static void put_item(struct answer *w, const char *name, json_t *value)
{
	if (w->form == ANSWER_EVENTS)
		buf_putf(&w->out, "event: %s\ndata: ", name);
	json_t *o = json_object();
	if (!o || json_object_set_new(o, name, value) < 0) {
		json_decref(o);
		o = NULL;
	}
	json_put(&w->out, o);
	buf_put_str(&w->out, w->form == ANSWER_EVENTS ? "\n\n" : "\n");
	put_now(w);
}

static bool is_live(const struct answer *w)
{
	return w->form == ANSWER_LINES || w->form == ANSWER_EVENTS;
}

static void on_pulse(void *arg)
{
	struct answer *w = arg;

	buf_put_str(&w->out, ": still here\n\n"); /* a comment of the event stream: shows which end has gone */
	put_now(w);
	(void)loop_timer_set(w->conn->admin->loop, &w->pulse, PULSE_MS); /* it had room */
}

/* ---- frames ---- */

static void on_record(struct answer *w, struct wire *f, bool is_candidate)
{
	json_t *o;

	if (is_candidate) {
		struct bytes word = wire_str(f), help = wire_str(f);
		o = json_pack("{s:o, s:o}", "word", json_text(word), "help", json_text(help));
	} else {
		o = json_record(f);
	}
	if (is_live(w)) {
		put_item(w, "record", o);
		return;
	}
	if (w->form == ANSWER_TEXT) {
		json_decref(o);
		return;
	}
	buf_put_str(&w->out, w->n_items++ ? "," : "{\"records\":[");
	json_put(&w->out, o);
	if (buf_len(&w->out) > BEGIN_BYTES)
		put_now(w);
}

static void on_text(struct answer *w, struct bytes text)
{
	if (is_live(w))
		put_item(w, "text", json_text(text));
	else
		buf_put_bytes(&w->text, text);
}

static void on_note(struct answer *w, struct bytes text)
{
	if (is_live(w)) {
		put_item(w, "note", json_text(text));
		return;
	}
	if (buf_len(&w->notes))
		buf_put_u8(&w->notes, ',');
	json_put(&w->notes, json_text(text));
}

/* A file for the person: base64, since JSON has no bytes. */
static void on_file(struct answer *w, struct wire *f)
{
	struct bytes name = wire_str(f), content = wire_bytes(f);
	struct buf coded;

	buf_init(&coded, TEXT_MAX);
	text_base64(content, &coded);
	json_t *o = json_pack("{s:o, s:o}", "name", json_text(name), "base64", json_text(buf_bytes(&coded)));
	secret_wipe(coded.p, coded.cap);
	buf_fini(&coded);
	if (is_live(w)) {
		put_item(w, "file", o);
		return;
	}
	if (buf_len(&w->files))
		buf_put_u8(&w->files, ',');
	json_put(&w->files, o);
}

static int status_of(int rc)
{
	static const struct {
		int rc, status;
	} rows[] = {
		{ ERR_DENIED, 403 }, { ERR_AUTH, 403 }, { ERR_NOT_FOUND, 404 }, { ERR_UNKNOWN, 404 }, { ERR_EXISTS, 409 },
		{ ERR_BAD_STATE, 409 }, { ERR_AGAIN, 409 }, { ERR_TIMEOUT, 504 }, { ERR_CLOSED, 503 }, { ERR_FULL, 503 },
		{ ERR_NOMEM, 503 }, { ERR_IO, 500 }, { ERR_SYS, 500 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].rc == rc)
			return rows[i].status;
	return 422;
}

/* The JSON document's end. */
static void put_document_end(struct answer *w, int rc, struct bytes message, uint32_t changes, unsigned flags)
{
	struct buf *b = &w->out;

	buf_put_str(b, w->n_items ? "]" : "{\"records\":[]");
	if (buf_len(&w->text)) {
		buf_put_str(b, ",\"text\":");
		json_put(b, json_text(buf_bytes(&w->text)));
	}
	if (buf_len(&w->files)) {
		buf_put_str(b, ",\"files\":[");
		buf_put_bytes(b, buf_bytes(&w->files));
		buf_put_u8(b, ']');
	}
	buf_put_str(b, ",\"notes\":[");
	buf_put_bytes(b, buf_bytes(&w->notes));
	buf_put_str(b, "],\"message\":");
	json_put(b, json_text(rc < 0 ? BYTES_NONE : message));
	buf_putf(b, ",\"changes\":%u,\"secret\":%s", changes, flags & OPER_DONE_SECRET ? "true" : "false");
	if (rc < 0) { /* too late for a status: the beginning has left */
		buf_put_str(b, ",\"error\":");
		problem_put(b, w->conn, status_of(rc), err_name(rc), message);
	}
	buf_put_u8(b, '}');
}

static void respond_text(struct answer *w)
{
	struct conn_fields f = { 0 };
	char disposition[128];

	if (w->type) {
		conn_field(&f, "Vary", "Accept");
		conn_respond(w->conn, 200, w->type, buf_bytes(&w->text), &f);
		return;
	}
	snprintf(disposition, sizeof disposition, "attachment; filename=\"%s\"", w->file_name ? w->file_name : "answer.txt");
	conn_field(&f, "Content-Disposition", disposition);
	conn_respond(w->conn, 200, "text/plain; charset=utf-8", buf_bytes(&w->text), &f);
}

static void on_done(struct answer *w, struct wire *f)
{
	int rc = (int)wire_u32(f);
	struct bytes text = wire_str(f);
	uint32_t changes = wire_u32(f);
	unsigned flags = wire_u8(f);
	struct conn *c = w->conn;
	char detail[2048];

	if (is_live(w)) {
		put_item(w, "done", json_pack("{s:b, s:i, s:s, s:o, s:I}", "ok", rc >= 0, "status", rc < 0 ? status_of(rc) : 200,
		                              "code", rc < 0 ? err_name(rc) : "", "message", json_text(text), "changes",
		                              (json_int_t)changes));
		conn_end(c);
	} else if (rc < 0 && !w->has_begun) {
		snprintf(detail, sizeof detail, "%.*s", BYTES_FMT(text));
		conn_problem(c, status_of(rc), err_name(rc), detail);
	} else if (w->form == ANSWER_TEXT) {
		respond_text(w);
	} else {
		put_document_end(w, rc, text, changes, flags);
		if (w->has_begun) {
			put_now(w);
			conn_end(c);
		} else {
			conn_respond(c, 200, "application/json", buf_bytes(&w->out), NULL);
		}
	}
	answer_free(w);
}

/* Where nobody can give pieces the command ends, and says so. */
static void on_want(struct answer *w, struct wire *f)
{
	unsigned word = wire_u16(f);
	uint64_t offset = wire_u64(f);
	uint32_t n = wire_u32(f);

	if (!w->takes_pieces) {
		operator_stop(w->op);
		return;
	}
	put_item(w, "want", json_pack("{s:i, s:I, s:I}", "word", (int)word, "offset", (json_int_t)offset, "bytes", (json_int_t)n));
}

/* A word is missing that only the person has: it is to be sent as content. */
static void on_need(struct answer *w, struct wire *f)
{
	unsigned what = wire_u8(f), word = wire_u16(f);
	bool is_secret = what == OPER_NEED_SECRET || what == OPER_NEED_OLD_SECRET;
	struct conn *c = w->conn;
	char detail[160];

	snprintf(detail, sizeof detail, is_secret ? "word %u, a secret, is missing: append it as {\"content\": ...}" :
	         "word %u names a file: send its content in its place, as {\"content\": ...}", word);
	if (is_live(w)) {
		put_item(w, "need", json_pack("{s:s, s:i}", "what", is_secret ? "secret" : "file", "word", (int)word));
		conn_end(c);
	} else {
		conn_problem(c, 422, is_secret ? "need-secret" : "need-file", detail);
	}
	answer_free(w);
}

static void on_frame(struct ask *q, enum oper_frame type, struct wire *f)
{
	struct answer *w = LIST_OWNER(q, struct answer, ask);

	switch (type) {
	case OPER_RECORD:
	case OPER_CANDIDATE:
		on_record(w, f, type == OPER_CANDIDATE);
		break;
	case OPER_TEXT:
		on_text(w, wire_bytes(f));
		break;
	case OPER_FILE:
		on_file(w, f);
		break;
	case OPER_WANT:
		on_want(w, f);
		break;
	case OPER_BANNER:
		break; /* of a log-in */
	case OPER_NOTE:
		on_note(w, wire_str(f));
		break;
	case OPER_DONE:
		on_done(w, f);
		break;
	case OPER_NEED:
		on_need(w, f);
		break;
	default:
		log_warn("web.operator.frame", LOG_INT("type", type)); /* of a newer gh-conf */
		break;
	}
}

static void on_gone(struct ask *q)
{
	struct answer *w = LIST_OWNER(q, struct answer, ask);

	if (w->has_begun) {
		w->conn->work = NULL;
		conn_drop(w->conn, "operator"); /* its end is cut: the client sees that it is not whole */
	} else {
		conn_problem(w->conn, 503, "closed", "gh-conf has ended this session; log in again");
	}
	answer_free(w);
}

static const struct ask_ops ops = { on_frame, on_gone };

/* ---- making one ---- */

static bool names(struct bytes accept, const char *type)
{
	return accept.n >= strlen(type) && memmem(accept.p, accept.n, type, strlen(type)) != NULL;
}

enum answer_form answer_form_of(const struct conn *c)
{
	if (names(c->request.accept, "text/event-stream"))
		return ANSWER_EVENTS;
	if (names(c->request.accept, "application/x-ndjson"))
		return ANSWER_LINES;
	return names(c->request.accept, "text/plain") ? ANSWER_TEXT : ANSWER_JSON;
}

/* gh-conf has few places: live views take only some. */
static struct operator *open_own(struct conn *c, struct operator *like)
{
	char peer[PEER_TEXT_BYTES];

	if (c->admin->n_streams >= ADMIN_STREAMS_MAX)
		return NULL;
	peer_address_text(&c->peer, peer);
	struct operator *op = operator_open(c->admin, peer, like, NULL, NULL);
	if (op)
		c->admin->n_streams++;
	return op;
}

static struct answer *make(struct conn *c, struct operator *op, enum answer_form form, enum oper_frame type, bool has_own)
{
	struct operator *own = has_own ? open_own(c, op) : NULL;
	struct answer *w = has_own && !own ? NULL : calloc(1, sizeof *w);

	if (!w) {
		if (own) {
			operator_close(own);
			c->admin->n_streams--;
		}
		conn_problem(c, 503, "full", "too many live views are open");
		return NULL;
	}
	w->conn = c;
	w->own = own;
	w->op = own ? own : op;
	w->form = form;
	buf_init(&w->out, CONN_QUEUE_MAX);
	buf_init(&w->text, TEXT_MAX);
	buf_init(&w->notes, NOTES_MAX);
	buf_init(&w->files, TEXT_MAX);
	loop_timer_init(&w->pulse, on_pulse, w);
	ask_words(&w->ask, type, &ops);
	return w;
}

struct answer *answer_new(struct conn *c, struct session *s, enum answer_form form)
{
	return make(c, s->op, form, OPER_ASK, form == ANSWER_EVENTS);
}

struct answer *answer_new_by(struct conn *c, struct operator *op, enum answer_form form)
{
	return make(c, op, form, OPER_ASK, form == ANSWER_EVENTS);
}

struct answer *answer_new_completion(struct conn *c, struct session *s)
{
	return make(c, s->op, ANSWER_JSON, OPER_COMPLETE, false);
}

struct answer *answer_new_transfer(struct conn *c, struct session *s)
{
	struct answer *w = make(c, s->op, ANSWER_LINES, OPER_ASK, true);

	if (w)
		w->takes_pieces = true;
	return w;
}

struct ask *answer_ask(struct answer *w)
{
	return &w->ask;
}

void answer_file_name(struct answer *w, const char *name)
{
	w->file_name = name;
}

void answer_text_type(struct answer *w, const char *type)
{
	w->type = type;
}

void answer_refuse(struct answer *w, int status, const char *code, const char *detail)
{
	conn_problem(w->conn, status, code, detail);
	answer_free(w);
}

void answer_start(struct answer *w)
{
	struct conn *c = w->conn;

	conn_set_work(c, &work, w);
	if (ask_send(&w->ask, w->op) < 0) {
		conn_problem(c, 503, "limit", "too many questions wait, or this one is too long");
		answer_free(w);
		return;
	}
	if (w->form == ANSWER_EVENTS) {
		buf_put_str(&w->out, ": begins\n\n"); /* so that the client knows it is connected */
		put_now(w);
		(void)loop_timer_set(c->admin->loop, &w->pulse, PULSE_MS); /* without memory there is no pulse */
	}
}
