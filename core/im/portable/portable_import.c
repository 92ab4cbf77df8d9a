/* A file of people is read: where it is, whose data it is, and what becomes of accounts. */
#include "portable/portable.h"

#include "archive/archive.h"
#include "auth/verifier.h"
#include "base/err.h"
#include "domain.h"
#include "portable/job.h"
#include "proto/xmpp.h"
#include "room/rooms.h"

#include <stdio.h>
#include <stdlib.h>

enum { FEED_PASS, FEED_FIRST, FEED_LAST, FEED_TEXT, FEED_ARGS };
enum { PENDING_MAX = 64, TURN_PARTS = 64, USER_PARTS_MAX = 1000000, RESULTS_BYTES = 1 << 20 };

/* ---- what gh-store has to do ---- */

static void step(struct im *im, struct portable *p);

void portable_asked(struct portable *p)
{
	p->pending++;
}

void portable_wait(struct portable *p, portable_fn then)
{
	p->is_waiting = true;
	p->then = then;
}

static void is_done(struct im *im, struct portable *p, int rc)
{
	p->pending--;
	p->is_dead |= rc == ERR_CLOSED;
	if (!p->pending)
		p->is_waiting = false;
	if (!p->is_stepping && !p->is_dead && !p->is_waiting && p->pending < PENDING_MAX / 2)
		step(im, p);
}

void portable_done(struct im *im, struct ask *a, int rc)
{
	struct portable *p = a->arg;

	if (rc && rc != ERR_CLOSED) {
		im_stats[STAT_STORE_FAILED]++;
		p->who.result = PORTABLE_ERROR;
	}
	is_done(im, p, rc);
}

static void on_turn(struct im *im, struct ask *a, int rc)
{
	is_done(im, a->arg, rc == ERR_CLOSED ? rc : 0);
}

/* gh-store answers in order: when it has answered this, everything asked before has been done, and others had their turn. */
static void give_turn(struct im *im, struct portable *p, portable_fn then)
{
	struct buf *b = ask_begin(im, STORE_BLOB_GET);

	wire_put_str(b, BYTES_NONE);
	wire_put_str(b, BYTES_NONE);
	portable_asked(p);
	portable_wait(p, then);
	ask_send_free(im, NULL, on_turn, p, 0);
}

/* ---- what is said of people ---- */

void portable_leave_out(struct portable *p, const char *why)
{
	if (!p->who.counts[PORTABLE_LEFT_OUT]++)
		snprintf(p->who.note, sizeof p->who.note, "%s", why);
}

static void say(struct portable *p, struct bytes user, enum portable_result result, const uint32_t *counts, const char *note)
{
	wire_put_str(&p->results, user);
	wire_put_u8(&p->results, (uint8_t)result);
	for (int i = 0; i < PORTABLE_COUNTS; i++)
		wire_put_u32(&p->results, counts ? counts[i] : 0);
	wire_put_str(&p->results, bytes_of(note));
}

/* ---- accounts ---- */

struct account {
	struct portable *file;
	size_t jid_n;
	uint8_t jid[];
};

static void on_account(struct im *im, struct ask *a, int rc)
{
	struct account *x = a->arg;
	struct portable *p = x->file;

	p->made += rc == 0;
	p->existed += rc == ERR_EXISTS;
	if (rc && rc != ERR_EXISTS && rc != ERR_CLOSED)
		say(p, bytes_make(x->jid, x->jid_n), PORTABLE_ERROR, NULL, err_text(rc));
	free(x);
	is_done(im, p, rc);
}

static void put_account(struct im *im, struct portable *p)
{
	struct account *x = malloc(sizeof *x + p->who.jid_n);

	if (!x) {
		say(p, portable_jid(p), PORTABLE_ERROR, NULL, err_text(ERR_NOMEM));
		return;
	}
	x->file = p;
	x->jid_n = p->who.jid_n;
	memcpy(x->jid, p->who.jid, p->who.jid_n);
	user_forget(im, portable_jid(p));
	struct buf *b = ask_begin(im, STORE_ACCOUNT_PUT);
	wire_put_str(b, portable_jid(p));
	wire_put_u8(b, STORE_ACCOUNT_NEW);
	wire_put_u64(b, loop_wall_ms(im->loop));
	if (!p->who.has_password)
		wire_put_u8(b, p->who.n_secrets);
	buf_put_bytes(b, buf_bytes(&p->who.secrets));
	portable_asked(p);
	ask_send_free(im, NULL, on_account, x, 0);
}

/* A verifier of a hash that is there already, or that this box does not have, is passed over. */
static void take_verifier(struct portable *p, const struct xml_node *n)
{
	struct scram_verifier v;
	enum scram_hash hash;
	unsigned bit;

	if (p->who.has_password || verifier_of_pie(n, &hash, &v))
		return;
	bit = 1u << hash;
	if (!(p->who.parts & bit)) {
		p->who.parts |= bit;
		p->who.n_secrets++;
		verifier_put(&p->who.secrets, hash, &v);
	}
	secret_wipe(&v, sizeof v);
}

/* Thousands of rounds: others have their turn after each. */
static void take_password(struct im *im, struct portable *p, struct bytes password)
{
	p->who.has_password = !verifier_put_all(im, &p->who.secrets, portable_jid(p), password);
	if (!p->who.has_password)
		buf_clear(&p->who.secrets);
	give_turn(im, p, NULL);
}

static void end_account(struct im *im, struct portable *p)
{
	if (!p->who.n_secrets && !p->who.has_password)
		say(p, portable_jid(p), PORTABLE_NO_SECRET, NULL, "");
	else
		put_account(im, p);
}

/* ---- whose data ---- */

static void begin_host(struct im *im, struct portable *p, struct bytes name)
{
	struct jid j;

	p->is_host_ours = !jid_parse(name, &im->arena, &j) && !j.local_n && !j.resource_n && domain_of(im, j.full) && !rooms_host(im, j.full);
	struct bytes host = p->is_host_ours ? j.full : bytes_make(name.p, name.n < sizeof p->host ? name.n : sizeof p->host);
	p->host_n = host.n;
	if (host.n)
		memcpy(p->host, host.p, host.n);
}

/* name@host; not normalised where it has no such form. */
static bool make_jid(struct im *im, struct portable *p, struct bytes name, struct bytes *out)
{
	struct bytes host = bytes_make(p->host, p->host_n);
	struct jid j;
	struct buf b;

	buf_init(&b, sizeof p->who.jid);
	buf_put_bytes(&b, name);
	buf_put_u8(&b, '@');
	buf_put_bytes(&b, host);
	*out = buf_failed(&b) ? host : arena_dup(&im->arena, buf_bytes(&b));
	buf_fini(&b);
	if (!name.n || jid_parse(*out, &im->arena, &j) || !j.local_n || j.resource_n || !bytes_eq(jid_domain(&j), host))
		return false;
	*out = j.full;
	return true;
}

static void on_loaded(struct im *im, struct portable *p)
{
	struct user *u = p->who.user;

	if (u->state == USER_READY)
		return;
	p->who.result = u->state == USER_NONE ? PORTABLE_DONE : PORTABLE_ERROR;
	p->who.user = NULL; /* no account: it was refused before */
	user_unpin(im, u);
}

static void load(struct im *im, struct portable *p)
{
	struct bytes jid = portable_jid(p);

	p->who.was_away = !user_find(im, jid);
	p->who.user = user_get(im, jid);
	if (!p->who.user) {
		p->who.result = PORTABLE_ERROR;
		return;
	}
	user_pin(p->who.user);
	give_turn(im, p, on_loaded);
}

static void begin_user(struct im *im, struct portable *p, const struct xml_node *n)
{
	struct bytes jid;
	bool is_name = make_jid(im, p, xml_attr(n, "name"), &jid);

	p->who.is_open = is_name && p->is_host_ours;
	p->who.result = PORTABLE_DONE;
	memset(p->who.counts, 0, sizeof p->who.counts);
	p->who.parts = 0;
	p->who.note[0] = '\0';
	p->who.user = NULL;
	p->who.n_secrets = 0;
	p->who.has_password = false;
	buf_clear(&p->who.secrets);
	buf_clear(&p->who.nodes);
	if (!p->who.is_open) {
		if (!p->is_data)
			say(p, jid, is_name ? PORTABLE_NOT_HERE : PORTABLE_NAME, NULL, "");
		return;
	}
	memcpy(p->who.jid, jid.p, jid.n);
	p->who.jid_n = jid.n;
	if (p->is_data)
		load(im, p);
	else if (xml_attr(n, "password").n)
		take_password(im, p, xml_attr(n, "password"));
}

static void drop_user(struct im *im, struct portable *p)
{
	struct user *u = p->who.user;

	p->who.user = NULL;
	p->who.is_open = false;
	if (!u)
		return;
	user_unpin(im, u);
	if (p->who.was_away && !u->n_sessions)
		user_forget(im, portable_jid(p)); /* a file may have more people than memory should */
}

static void end_data(struct im *im, struct portable *p)
{
	if (p->who.user || p->who.result != PORTABLE_DONE)
		say(p, portable_jid(p), p->who.result, p->who.counts, p->who.note);
	drop_user(im, p);
}

static void end_user(struct im *im, struct portable *p)
{
	if (!p->who.is_open)
		return;
	if (p->is_data) {
		archive_flush(im);
		give_turn(im, p, end_data);
		return;
	}
	end_account(im, p);
	p->who.is_open = false;
}

/* ---- what the document tells ---- */

static void on_open(struct im *im, struct portable *p, const struct xml_document_event *ev)
{
	struct bytes node = xml_attr(ev->node, "node");

	if (ev->holds == PIE_HOST)
		begin_host(im, p, xml_attr(ev->node, "jid"));
	else if (ev->holds == PIE_USER)
		begin_user(im, p, ev->node);
	if (ev->holds != PIE_ITEMS)
		return;
	p->node_n = node.n <= sizeof p->node ? node.n : 0;
	if (p->node_n)
		memcpy(p->node, node.p, p->node_n);
}

static void on_item(struct im *im, struct portable *p, const struct xml_document_event *ev)
{
	bool is_theirs = ev->holds >= PIE_USER && p->who.is_open;

	if (xml_is(ev->node, "include", NS_XINCLUDE)) {
		if (!p->is_data)
			say(p, xml_attr(ev->node, "href"), PORTABLE_INCLUDE, NULL, "");
	} else if (is_theirs && !p->is_data && xml_is(ev->node, "scram-credentials", NS_PIE_SCRAM)) {
		take_verifier(p, ev->node);
	} else if (is_theirs && p->is_data && p->who.user && !xml_is(ev->node, "scram-credentials", NS_PIE_SCRAM)) {
		if (p->who.parts++ >= USER_PARTS_MAX)
			portable_leave_out(p, "more parts than a person may have");
		else
			portable_take(im, p, (enum pie)ev->holds, ev->node);
	}
}

static void on_event(struct im *im, struct portable *p, const struct xml_document_event *ev)
{
	if (ev->kind == XML_DOCUMENT_OPEN)
		on_open(im, p, ev);
	else if (ev->kind == XML_DOCUMENT_ITEM)
		on_item(im, p, ev);
	else if (ev->kind == XML_DOCUMENT_CLOSE && ev->holds == PIE_USER)
		end_user(im, p);
	arena_reset(&im->arena);
	if (++p->parts % TURN_PARTS == 0 && !p->is_waiting)
		give_turn(im, p, NULL);
}

/* ---- pieces ---- */

static void drop(struct im *im, struct portable *p)
{
	loop_timer_del(im->loop, &p->idle);
	drop_user(im, p);
	xml_document_free(p->doc);
	buf_fini(&p->results);
	buf_fini(&p->who.secrets);
	buf_fini(&p->who.nodes);
	buf_fini(&p->key);
	buf_fini(&p->value);
	free(p->text);
	free(p);
	im->portable_in = NULL;
}

static void answer(struct im *im, struct portable *p)
{
	struct proc_ask *ask = p->ask;
	bool is_end = p->is_last || p->error[0];
	int rc = buf_failed(&p->results) ? ERR_LIMIT : 0;

	if (!rc) {
		proc_record_begin(ask);
		proc_record_int(ask, "made", (int64_t)p->made);
		proc_record_int(ask, "existed", (int64_t)p->existed);
		proc_record_text(ask, "results", buf_bytes(&p->results));
		proc_record_str(ask, "error", p->error);
		proc_record_end(ask);
	}
	buf_clear(&p->results);
	p->made = p->existed = 0;
	p->ask = NULL;
	p->then = NULL;
	if (is_end || rc)
		drop(im, p);
	else if (loop_timer_set(im->loop, &p->idle, PORTABLE_IDLE_MS))
		im_stats[STAT_NO_MEMORY]++; /* it stays until another file comes */
	proc_done(ask, rc, rc ? err_text(rc) : "");
}

static void fail(struct portable *p, int rc)
{
	const char *why = rc == ERR_XML_NAMESPACE ? "not a file of XEP-0227 (server-data of " NS_PIE ")" : err_text(rc);

	snprintf(p->error, sizeof p->error, "line %lu: %s", xml_document_line(p->doc), why);
	if (p->is_data && p->who.user)
		say(p, portable_jid(p), PORTABLE_ERROR, p->who.counts, "the file ends, or breaks, here");
}

/* false: nothing more can be done now. */
static bool one(struct im *im, struct portable *p)
{
	struct xml_document_event ev;
	portable_fn then = p->then;

	if (p->is_dead || p->is_waiting || p->pending >= PENDING_MAX || then == answer)
		return false;
	if (then) {
		p->then = NULL;
		then(im, p);
		arena_reset(&im->arena);
		return true;
	}
	int rc = p->error[0] ? 0 : xml_document_next(p->doc, &ev);
	if (rc)
		fail(p, rc);
	else if (!p->error[0] && ev.kind != XML_DOCUMENT_NONE && ev.kind != XML_DOCUMENT_END)
		on_event(im, p, &ev);
	else if (p->pending)
		portable_wait(p, answer);
	else
		p->then = answer;
	return true;
}

static void step(struct im *im, struct portable *p)
{
	p->is_stepping = true;
	while (one(im, p))
		;
	p->is_stepping = false;
	if (p->then == answer && !p->is_waiting && !p->pending && !p->is_dead)
		answer(im, p);
}

static void on_idle(void *arg)
{
	struct portable *p = arg;

	if (!p->ask && !p->pending)
		drop(p->im, p);
}

static struct portable *begin(struct im *im, bool is_data)
{
	struct portable *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->im = im;
	p->is_data = is_data;
	buf_init(&p->results, RESULTS_BYTES);
	buf_init(&p->who.secrets, VERIFIERS_BYTES_MAX);
	buf_init(&p->who.nodes, 1 << 20);
	buf_init(&p->key, 4096);
	buf_init(&p->value, pie_limits.stanza_bytes * 2);
	loop_timer_init(&p->idle, on_idle, p);
	p->doc = xml_document_new(&pie_limits, pie_holds);
	im->portable_in = p;
	if (!p->doc) {
		drop(im, p);
		return NULL;
	}
	return p;
}

static int take_text(struct portable *p, struct bytes text, bool is_last)
{
	free(p->text);
	p->text = malloc(text.n ? text.n : 1);
	if (!p->text)
		return ERR_NOMEM;
	if (text.n)
		memcpy(p->text, text.p, text.n);
	p->is_last = is_last;
	return xml_document_feed(p->doc, bytes_make(p->text, text.n), is_last);
}

void portable_feed(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct im *im = program;

	if (n != FEED_ARGS || args[FEED_TEXT].n > PORTABLE_PIECE_MAX) {
		proc_done(ask, ERR_SYNTAX, "not a piece of a file of people");
		return;
	}
	struct portable *p = im->portable_in;
	bool is_first = args[FEED_FIRST].n > 0;
	if (p && (p->ask || p->pending)) {
		proc_done(ask, ERR_AGAIN, "a piece of another file of people is being read");
		return;
	}
	if (is_first && p) {
		drop(im, p);
		p = NULL;
	}
	if (is_first)
		p = begin(im, bytes_eq_str(args[FEED_PASS], PORTABLE_DATA));
	if (!p) {
		proc_done(ask, is_first ? ERR_NOMEM : ERR_CLOSED, is_first ? err_text(ERR_NOMEM) : "gh-im does not know the file any more");
		return;
	}
	loop_timer_del(im->loop, &p->idle);
	int rc = take_text(p, args[FEED_TEXT], args[FEED_LAST].n > 0);
	if (rc) {
		drop(im, p);
		proc_done(ask, rc, err_text(rc));
		return;
	}
	p->ask = ask;
	step(im, p);
}

void portable_fini(struct im *im)
{
	if (im->portable_in)
		drop(im, im->portable_in);
}
