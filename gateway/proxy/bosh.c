#include "bosh.h"

#include "base/err.h"
#include "base/text.h"
#include "framing.h"

#include <openssl/sha.h>
#include <stdio.h>

enum {
	PENDING_MAX = 24 << 20, /* the largest stanza, however many escapes it needs */
	OURS_MAJOR = 1, OURS_MINOR = 11,
};

/* ---- what is there ---- */

static unsigned n_taken(const struct bosh *b)
{
	unsigned n = 0;

	while (n < BOSH_SLOTS && b->slots[n].is_taken)
		n++;
	return n;
}

static bool has_request(const struct bosh *b)
{
	for (unsigned i = 0; i < BOSH_SLOTS; i++)
		if (b->slots[i].request)
			return true;
	return false;
}

static bool is_polling(const struct bosh *b)
{
	return b->hold == 0 || b->wait_ms == 0;
}

bool bosh_is_full(const struct bosh *b)
{
	return buf_len(&b->pending) > BOSH_HIGH_WATER;
}

/* ---- answers ---- */

/* What the client learns of its session (7.2; XEP-0206 4). */
static void put_created(const struct bosh *b, struct buf *out)
{
	bool is_older = b->major && (b->major < OURS_MAJOR || (b->major == OURS_MAJOR && b->minor < OURS_MINOR));

	buf_putf(out, " sid='%s' wait='%u' hold='%u' requests='%u' inactivity='%u' polling='%u' ver='%u.%u'", b->sid,
	         (unsigned)(b->wait_ms / 1000), b->hold, b->hold + 1, BOSH_INACTIVITY_MS / 1000, BOSH_POLLING_MS / 1000,
	         is_older ? b->major : OURS_MAJOR, is_older ? b->minor : OURS_MINOR);
	xml_write_attr(out, "from", bytes_of(b->to));
	buf_put_str(out, " xmlns:xmpp='" NS_XBOSH "' xmpp:version='1.0' xmpp:restartlogic='true'");
}

static void put_body(const struct bosh *b, struct bytes payloads, bool is_created, struct buf *out)
{
	buf_put_str(out, "<body xmlns='" NS_BOSH "'");
	if (is_created)
		put_created(b, out);
	buf_put_str(out, payloads.n ? ">" : "/>");
	if (payloads.n) {
		buf_put_bytes(out, payloads);
		buf_put_str(out, "</body>");
	}
}

/* The last ones are given again to who asks (14.3); one for which there is no memory is not. */
static void keep(struct bosh *b, const char *key)
{
	struct bosh_answer *k = &b->kept[b->first % BOSH_KEPT];

	buf_clear(&k->body);
	buf_put_bytes(&k->body, buf_bytes(&b->out));
	k->is_there = !buf_failed(&k->body);
	k->rid = b->first;
	memcpy(k->key, key, sizeof k->key);
}

/* The slots move on by one. */
static void pop(struct bosh *b)
{
	buf_fini(&b->slots[0].body);
	memmove(b->slots, b->slots + 1, (BOSH_SLOTS - 1) * sizeof *b->slots);
	b->slots[BOSH_SLOTS - 1] = (struct bosh_slot){ 0 };
	buf_init(&b->slots[BOSH_SLOTS - 1].body, b->body_limits->stanza_bytes);
	b->first++;
}

/* An answer that cannot be told is not half told: the session ends. */
static void give(struct bosh *b, void *request)
{
	if (buf_failed(&b->out)) {
		buf_clear(&b->out);
		b->is_ended = true;
		b->condition = BOSH_INTERNAL_SERVER_ERROR;
		bosh_put_terminate(&b->out, b->condition, BYTES_NONE);
	}
	b->is_over = b->is_over || b->is_ended;
	b->owner->answer(b->arg, request, buf_bytes(&b->out));
	buf_clear(&b->out);
	buf_release_if_empty(&b->out);
}

static void drop_pending(struct bosh *b)
{
	buf_clear(&b->pending);
	buf_release_if_empty(&b->pending);
}

static void answer_first(struct bosh *b, uint64_t now_ms)
{
	struct bosh_slot *s = &b->slots[0];
	void *request = s->request;
	bool has_payloads = request && buf_len(&b->pending); /* nobody hears those of a connection that is gone */

	buf_clear(&b->out);
	put_body(b, has_payloads ? buf_bytes(&b->pending) : BYTES_NONE, b->first == b->created, &b->out);
	if (has_payloads)
		drop_pending(b);
	b->was_empty = !has_payloads;
	keep(b, s->key);
	pop(b);
	if (request)
		give(b, request);
	if (request && !has_request(b))
		b->idle_ms = now_ms;
}

static bool is_due(const struct bosh *b, uint64_t now_ms)
{
	const struct bosh_slot *s = &b->slots[0];

	if (!s->is_taken)
		return false;
	return (s->request && buf_len(&b->pending)) || now_ms >= s->due_ms || (b->first != b->created && n_taken(b) > b->hold);
}

static void settle(struct bosh *b, uint64_t now_ms)
{
	while (!b->is_ended && is_due(b, now_ms))
		answer_first(b, now_ms);
}

/* The end, told to this request. */
static void tell_end(struct bosh *b, void *request)
{
	buf_clear(&b->out);
	bosh_put_terminate(&b->out, b->condition, buf_bytes(&b->pending));
	drop_pending(b);
	give(b, request);
}

void bosh_end(struct bosh *b, enum bosh_condition c, uint64_t now_ms)
{
	if (b->is_ended)
		return;
	b->is_ended = true;
	b->condition = c;
	for (unsigned i = 0; i < BOSH_SLOTS; i++) {
		void *request = b->slots[i].request;
		b->slots[i].request = NULL;
		if (request)
			tell_end(b, request);
	}
	b->idle_ms = now_ms;
}

static void end_for(struct bosh *b, enum bosh_condition c, const char *why, uint64_t now_ms)
{
	if (!b->is_ended)
		b->why = why;
	bosh_end(b, c, now_ms);
}

static void refuse(struct bosh *b, void *request, enum bosh_condition c, const char *why, uint64_t now_ms)
{
	end_for(b, c, why, now_ms);
	tell_end(b, request);
}

/* ---- requests ---- */

static void put_attr(struct buf *out, const char *name, const char *value)
{
	if (value[0])
		xml_write_attr(out, name, bytes_of(value));
}

static void say_header(struct bosh *b, struct bytes from)
{
	struct buf *out = &b->out;

	buf_clear(out);
	buf_put_str(out, "<?xml version='1.0'?><stream:stream xmlns='" NS_CLIENT "' xmlns:stream='" NS_STREAM "'");
	put_attr(out, "to", b->to);
	if (from.n)
		xml_write_attr(out, "from", from);
	put_attr(out, "xml:lang", b->lang);
	buf_put_str(out, " version='1.0'>");
	b->owner->say(b->arg, buf_bytes(out));
}

/* 15: each key is what the one before was made of. */
static bool take_key(struct bosh *b, const struct bosh_body *body)
{
	uint8_t sum[SHA_DIGEST_LENGTH];
	char hex[2 * SHA_DIGEST_LENGTH + 1];

	if (!b->key[0])
		return body->newkey.n == 0;
	if (body->key.n == 0)
		return false;
	SHA1(body->key.p, body->key.n, sum);
	text_hex(bytes_make(sum, sizeof sum), hex);
	if (!bytes_eq_nocase(bytes_of(hex), bytes_of(b->key)))
		return false;
	struct bytes next = body->newkey.n ? body->newkey : body->key;
	memcpy(b->key, next.p, BOSH_KEY_CHARS);
	return true;
}

static void remember_key(char out[static BOSH_KEY_CHARS + 1], struct bytes key)
{
	memset(out, 0, BOSH_KEY_CHARS + 1);
	if (key.n == BOSH_KEY_CHARS)
		memcpy(out, key.p, key.n);
}

/* 11: an empty request that comes too soon, by the two ways of asking. `before_ms`: when the one before came. */
static bool is_too_soon(const struct bosh *b, uint64_t before_ms, uint64_t now_ms)
{
	if (now_ms - before_ms >= BOSH_POLLING_MS)
		return false;
	return is_polling(b) ? b->was_empty : n_taken(b) >= BOSH_REQUESTS && b->slots[0].request;
}

static void say_payloads(struct bosh *b, const struct bosh_body *body)
{
	buf_clear(&b->out);
	for (const struct xml_node *n = xml_first(body->node); n; n = xml_next(n))
		xml_write(&b->out, n, NS_CLIENT);
	if (body->is_terminate)
		buf_put_str(&b->out, "</stream:stream>");
	if (!buf_failed(&b->out) && buf_len(&b->out))
		b->owner->say(b->arg, buf_bytes(&b->out));
}

/* It is the turn of this request. */
static void take(struct bosh *b, const struct bosh_body *body, uint64_t now_ms)
{
	struct bosh_slot *s = &b->slots[n_taken(b)];
	bool is_empty = !body->has_payload && !body->is_terminate && !body->is_restart;
	uint64_t before_ms = b->empty_ms;

	s->is_taken = true;
	s->due_ms = now_ms + b->wait_ms;
	b->empty_ms = now_ms;
	buf_fini(&s->body);
	if (!take_key(b, body)) {
		end_for(b, BOSH_ITEM_NOT_FOUND, "the key is wrong or missing", now_ms);
		return;
	}
	if (is_empty && is_too_soon(b, before_ms, now_ms)) {
		end_for(b, BOSH_POLICY_VIOLATION, "an empty request so soon after the one before", now_ms);
		return;
	}
	if (body->is_restart && (!b->may_restart || body->has_payload || body->is_terminate)) {
		end_for(b, BOSH_BAD_REQUEST, "a restart where there can be none", now_ms);
		return;
	}
	if (body->is_restart) {
		b->may_restart = false;
		say_header(b, body->from);
		return;
	}
	say_payloads(b, body);
	if (buf_failed(&b->out))
		bosh_end(b, BOSH_INTERNAL_SERVER_ERROR, now_ms);
	else if (body->is_terminate) {
		b->is_bye = true;
		bosh_end(b, BOSH_NONE, now_ms);
	}
}

/* Those that have waited for this one. */
static void advance(struct bosh *b, struct arena *a, uint64_t now_ms)
{
	settle(b, now_ms);
	for (unsigned n = n_taken(b); !b->is_ended && !b->is_choked && n < BOSH_SLOTS && b->slots[n].has_come; n = n_taken(b)) {
		struct bosh_body body;
		const char *why;

		arena_reset(a);
		if (bosh_body_read(buf_bytes(&b->slots[n].body), b->xml.pool, b->body_limits, a, &body, &why))
			take(b, &body, now_ms);
		else
			bosh_end(b, BOSH_INTERNAL_SERVER_ERROR, now_ms); /* no memory: it was well-formed when it came */
		settle(b, now_ms);
	}
	buf_clear(&b->out);
	buf_release_if_empty(&b->out);
}

/* 14.3: one that was answered. */
static void answer_again(struct bosh *b, const struct bosh_body *body, void *request, uint64_t now_ms)
{
	const struct bosh_answer *k = &b->kept[body->rid % BOSH_KEPT];

	if (!k->is_there || k->rid != body->rid || (k->key[0] && !bytes_eq_str(body->key, k->key))) {
		refuse(b, request, BOSH_ITEM_NOT_FOUND, "a request that was answered too long ago, or whose key is wrong", now_ms);
		return;
	}
	if (!has_request(b))
		b->idle_ms = now_ms;
	b->owner->answer(b->arg, request, buf_bytes(&k->body));
}

/* 14.3: one that is held: the later connection is the one that counts, the earlier is told so (17.3). */
static void replace(struct bosh *b, struct bosh_slot *s, const struct bosh_body *body, void *request, uint64_t now_ms)
{
	void *old = s->request;

	if (s->key[0] && !bytes_eq_str(body->key, s->key)) {
		refuse(b, request, BOSH_ITEM_NOT_FOUND, "the key of a repeated request is wrong", now_ms);
		return;
	}
	s->request = request;
	if (old)
		b->owner->answer(b->arg, old, BYTES("<body xmlns='" NS_BOSH "' type='error'/>"));
	settle(b, now_ms);
}

static bool have_all_come(const struct bosh *b, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (!b->slots[i].has_come)
			return false;
	return true;
}

void bosh_request(struct bosh *b, const struct bosh_body *body, struct bytes in, void *request, struct arena *a, uint64_t now_ms)
{
	uint64_t requests = b->hold + 1, at = body->rid - b->first;

	if (b->is_ended) {
		tell_end(b, request);
		return;
	}
	if (body->rid < b->first) {
		answer_again(b, body, request, now_ms);
		return;
	}
	if (at > requests || (at == requests && !body->is_terminate)) { /* 14.2; 11 */
		bool is_crowd = at == requests && have_all_come(b, at);
		refuse(b, request, is_crowd ? BOSH_POLICY_VIOLATION : BOSH_ITEM_NOT_FOUND,
		       is_crowd ? "more requests at a time than it may have" : "a request's number is out of the row", now_ms);
		return;
	}
	struct bosh_slot *s = &b->slots[at];
	if (s->has_come) {
		replace(b, s, body, request, now_ms);
		return;
	}
	s->has_come = true;
	s->request = request;
	s->due_ms = now_ms + BOSH_INACTIVITY_MS;
	remember_key(s->key, b->key[0] ? body->key : BYTES_NONE);
	if (at == n_taken(b) && !b->is_choked)
		take(b, body, now_ms);
	else
		buf_put_bytes(&s->body, in);
	if (!b->is_ended && buf_failed(&s->body))
		bosh_end(b, BOSH_INTERNAL_SERVER_ERROR, now_ms);
	advance(b, a, now_ms);
}

void bosh_lost(struct bosh *b, const void *request, uint64_t now_ms)
{
	for (unsigned i = 0; i < BOSH_SLOTS; i++)
		if (b->slots[i].request == request)
			b->slots[i].request = NULL;
	if (!has_request(b))
		b->idle_ms = now_ms;
}

void bosh_choke(struct bosh *b, bool is_choked, struct arena *a, uint64_t now_ms)
{
	b->is_choked = is_choked;
	if (!is_choked && !b->is_ended)
		advance(b, a, now_ms);
}

/* ---- what gh-access says ---- */

static void take_event(struct bosh *b, const struct xml_event *ev, uint64_t now_ms)
{
	if (ev->kind == XML_EVENT_CLOSE) {
		b->is_bye = true;
		bosh_end(b, b->has_stream_error ? BOSH_REMOTE_STREAM_ERROR : BOSH_NONE, now_ms);
		return;
	}
	if (ev->kind != XML_EVENT_STANZA)
		return; /* its header: of it a client of BOSH hears nothing */
	framing_put_element(ev->node, &b->pending);
	if (xml_is(ev->node, "error", NS_STREAM))
		b->has_stream_error = true;
	if (xml_is(ev->node, "success", NS_SASL)) {
		b->may_restart = true;
		xml_stream_restart(&b->xml); /* a header comes next (RFC 6120 6.4.6) */
	}
}

void bosh_from_access(struct bosh *b, struct bytes in, struct arena *a, uint64_t now_ms)
{
	struct xml_event ev = { .kind = XML_EVENT_NONE };
	int rc = b->is_ended ? 0 : xml_stream_feed(&b->xml, in);

	while (!rc && !b->is_ended) {
		arena_reset(a);
		rc = xml_stream_next(&b->xml, a, &ev);
		if (rc || ev.kind == XML_EVENT_NONE)
			break;
		take_event(b, &ev, now_ms);
	}
	if (rc || buf_failed(&b->pending)) {
		drop_pending(b);
		bosh_end(b, BOSH_INTERNAL_SERVER_ERROR, now_ms);
	}
	settle(b, now_ms);
}

/* ---- time ---- */

void bosh_timer(struct bosh *b, struct arena *a, uint64_t now_ms)
{
	if (!has_request(b) && now_ms - b->idle_ms >= BOSH_INACTIVITY_MS) {
		b->is_ended = b->is_over = true;
		return;
	}
	for (unsigned i = 0; i < BOSH_SLOTS; i++)
		if (b->slots[i].has_come && !b->slots[i].is_taken && now_ms >= b->slots[i].due_ms)
			bosh_end(b, b->is_choked ? BOSH_REMOTE_CONNECTION_FAILED : BOSH_ITEM_NOT_FOUND, now_ms);
	if (!b->is_ended)
		advance(b, a, now_ms);
}

uint64_t bosh_next_ms(const struct bosh *b)
{
	uint64_t next = has_request(b) ? UINT64_MAX : b->idle_ms + BOSH_INACTIVITY_MS;

	if (!b->is_ended)
		for (unsigned i = 0; i < BOSH_SLOTS; i++)
			if (b->slots[i].has_come && b->slots[i].due_ms < next)
				next = b->slots[i].due_ms;
	return next;
}

/* ---- life ---- */

int bosh_open(struct bosh *b, const struct bosh_owner *owner, void *arg, struct xml_pool *pool, const struct xml_limits *stream_limits,
              const struct xml_limits *body_limits, const char *sid, const struct bosh_body *first, void *request, uint64_t now_ms)
{
	*b = (struct bosh){ .owner = owner, .arg = arg, .body_limits = body_limits, .first = first->rid, .created = first->rid,
		            .hold = first->hold ? 1 : 0, .major = first->major, .minor = first->minor, .idle_ms = now_ms };

	b->wait_ms = first->wait_s < BOSH_WAIT_MS / 1000 ? first->wait_s * 1000ULL : BOSH_WAIT_MS;
	xml_stream_init(&b->xml, pool, stream_limits);
	buf_init(&b->pending, PENDING_MAX);
	buf_init(&b->out, PENDING_MAX + 4096);
	for (unsigned i = 0; i < BOSH_SLOTS; i++)
		buf_init(&b->slots[i].body, body_limits->stanza_bytes);
	for (unsigned i = 0; i < BOSH_KEPT; i++)
		buf_init(&b->kept[i].body, PENDING_MAX + 4096);
	snprintf(b->sid, sizeof b->sid, "%s", sid);
	snprintf(b->to, sizeof b->to, "%.*s", BYTES_FMT(first->to));
	if (first->lang.n < sizeof b->lang)
		snprintf(b->lang, sizeof b->lang, "%.*s", BYTES_FMT(first->lang));
	remember_key(b->key, first->newkey);
	b->slots[0] = (struct bosh_slot){ .request = request, .has_come = true, .is_taken = true, .body = b->slots[0].body };
	b->slots[0].due_ms = now_ms + (b->wait_ms > BOSH_FIRST_MS ? b->wait_ms : BOSH_FIRST_MS);
	b->empty_ms = now_ms;
	say_header(b, first->from);
	return buf_failed(&b->out) ? ERR_NOMEM : 0;
}

void bosh_fini(struct bosh *b)
{
	xml_stream_fini(&b->xml);
	buf_fini(&b->pending);
	buf_fini(&b->out);
	for (unsigned i = 0; i < BOSH_SLOTS; i++)
		buf_fini(&b->slots[i].body);
	for (unsigned i = 0; i < BOSH_KEPT; i++)
		buf_fini(&b->kept[i].body);
}
