/* Small things kept by key: vCards (XEP-0054), private XML (XEP-0049), last activity (XEP-0012). */
#include "iq/iq.h"

#include "base/err.h"
#include "proto/xmpp.h"
#include "ask.h"
#include "iq/card.h"
#include "pep/avatar.h"
#include "pep/bookmarks.h"

#include <stdio.h>
#include <stdlib.h>

enum { BLOB_MAX_BYTES = 128 << 10 };

static void on_value(struct im *im, struct ask *a, struct wire *w)
{
	struct iq_later *l = a->arg;
	struct bytes v = wire_bytes(w);

	if (l && !wire_failed(w)) {
		a->arg = NULL;
		iq_late_result(im, l, v);
	}
}

static void on_vcard_done(struct im *im, struct ask *a, int rc)
{
	if (!a->arg)
		return; /* answered by its item */
	/* XEP-0054 3.3: who has none and who does not exist look the same. */
	iq_late_error(im, a->arg, rc == ERR_NOT_FOUND ? STANZA_SERVICE_UNAVAILABLE : STANZA_INTERNAL_SERVER_ERROR);
}

static void on_own_vcard_done(struct im *im, struct ask *a, int rc)
{
	if (a->arg) /* XEP-0054 3.1 */
		iq_late_error(im, a->arg, rc == ERR_NOT_FOUND ? STANZA_ITEM_NOT_FOUND : STANZA_INTERNAL_SERVER_ERROR);
}

/* XEP-0049: what is not there comes back empty, as it was asked. */
static void on_private_done(struct im *im, struct ask *a, int rc)
{
	struct buf b;

	if (!a->arg)
		return;
	if (rc != ERR_NOT_FOUND) {
		iq_late_error(im, a->arg, STANZA_INTERNAL_SERVER_ERROR);
		return;
	}
	/* The key in the ask's body is "private NAME NS". */
	struct wire w = wire_of(bytes_make(a->body + 1, a->n - 1));
	(void)wire_str(&w);
	struct bytes key = bytes_skip(wire_str(&w), sizeof "private " - 1);
	size_t space = bytes_find(key, ' ');
	buf_init(&b, 8192);
	buf_put_str(&b, "<query xmlns='" NS_PRIVATE "'><");
	buf_put(&b, key.p, space);
	xml_write_attr(&b, "xmlns", bytes_skip(key, space + 1));
	buf_put_str(&b, "/></query>");
	iq_late_result(im, a->arg, buf_failed(&b) ? BYTES_NONE : buf_bytes(&b));
	buf_fini(&b);
}

static void get(struct im *im, struct iq *q, struct bytes key, ask_item_fn item, ask_done_fn done)
{
	struct iq_later *l = iq_keep(q);

	if (!l) {
		iq_error(im, q, STANZA_RESOURCE_CONSTRAINT);
		return;
	}
	struct buf *b = ask_begin(im, STORE_BLOB_GET);
	wire_put_str(b, user_jid(q->user));
	wire_put_str(b, key);
	ask_send_free(im, item, done, l, 0);
}

static void on_put(struct im *im, struct ask *a, int rc)
{
	if (rc)
		iq_late_error(im, a->arg, STANZA_INTERNAL_SERVER_ERROR);
	else
		iq_late_result(im, a->arg, BYTES_NONE);
}

static void put(struct im *im, struct iq *q, struct bytes key, struct bytes value)
{
	struct iq_later *l = value.n <= BLOB_MAX_BYTES ? iq_keep(q) : NULL;

	if (!l) {
		iq_error(im, q, STANZA_RESOURCE_CONSTRAINT);
		return;
	}
	struct buf *b = ask_begin(im, STORE_BLOB_PUT);
	wire_put_str(b, user_jid(q->user));
	wire_put_str(b, key);
	wire_put_bytes(b, value);
	ask_send(im, NULL, on_put, l, 0);
}

void iq_vcard_get(struct im *im, struct iq *q)
{
	if (card_is_of_directory(im, q->user))
		card_get(im, q);
	else if (!avatar_answer_vcard(im, q))
		get(im, q, BYTES("vcard"), on_value, q->who == IQ_SELF ? on_own_vcard_done : on_vcard_done);
}

void iq_vcard_set(struct im *im, struct iq *q)
{
	if (card_is_of_directory(im, q->user)) { /* B-LDX-09 */
		iq_refuse(im, q, &(struct stanza_refusal){ .error = STANZA_NOT_ALLOWED, .text = "Your card is kept in the directory" });
		return;
	}
	buf_clear(&im->out2);
	xml_write(&im->out2, q->child, NS_CLIENT);
	if (buf_len(&im->out2) <= BLOB_MAX_BYTES)
		avatar_of_vcard(im, q->user, q->child);
	put(im, q, BYTES("vcard"), buf_bytes(&im->out2));
}

static struct bytes private_key(struct im *im, const struct xml_node *n)
{
	struct buf *b = &im->out;

	buf_clear(b);
	buf_put_str(b, "private ");
	buf_put_str(b, n->name);
	buf_put_u8(b, ' ');
	buf_put_str(b, n->ns);
	return arena_dup(&im->arena, buf_bytes(b));
}

void iq_private_get(struct im *im, struct iq *q)
{
	const struct xml_node *n = xml_first(q->child);

	if (!n)
		iq_error(im, q, STANZA_BAD_REQUEST);
	else if (!bookmarks_are(n) || !bookmarks_get(im, q))
		get(im, q, private_key(im, n), on_value, on_private_done);
}

void iq_private_set(struct im *im, struct iq *q)
{
	const struct xml_node *n = xml_first(q->child);

	if (!n || xml_next(n)) {
		iq_error(im, q, STANZA_BAD_REQUEST);
		return;
	}
	buf_clear(&im->out2);
	xml_write(&im->out2, q->child, NS_CLIENT);
	if (bookmarks_are(n) && buf_len(&im->out2) <= BLOB_MAX_BYTES) {
		bookmarks_set(im, q, n);
		return;
	}
	put(im, q, private_key(im, n), buf_bytes(&im->out2));
}

/* ---- last activity ---- */

void iq_last_left(struct im *im, const struct user *u)
{
	char now[24];
	struct buf *b = ask_begin(im, STORE_BLOB_PUT);

	(void)snprintf(now, sizeof now, "%llu", (unsigned long long)loop_wall_ms(im->loop));
	wire_put_str(b, user_jid(u));
	wire_put_str(b, BYTES("last"));
	wire_put_bytes(b, bytes_of(now));
	ask_send_free(im, NULL, NULL, NULL, 0);
}

static void answer_last(struct im *im, struct iq_later *l, uint64_t seconds)
{
	buf_clear(&im->out2);
	buf_putf(&im->out2, "<query xmlns='" NS_LAST "' seconds='%llu'/>", (unsigned long long)seconds);
	iq_late_result(im, l, buf_bytes(&im->out2));
}

static void on_last(struct im *im, struct ask *a, struct wire *w)
{
	uint64_t at, now = loop_wall_ms(im->loop);
	struct iq_later *l = a->arg;

	if (!l || bytes_to_u64(wire_bytes(w), UINT64_MAX, &at) || wire_failed(w))
		return;
	a->arg = NULL;
	answer_last(im, l, at < now ? (now - at) / 1000 : 0);
}

static void on_last_done(struct im *im, struct ask *a, int rc)
{
	if (a->arg) /* has never been here */
		iq_late_error(im, a->arg, rc && rc != ERR_NOT_FOUND ? STANZA_INTERNAL_SERVER_ERROR : STANZA_ITEM_NOT_FOUND);
}

/* Of a domain its uptime; of a person only to those who see the presence (XEP-0012 4). */
void iq_last(struct im *im, struct iq *q)
{
	if (q->user && !iq_is_shown(im, q->user, q->it->e.from)) {
		iq_error(im, q, STANZA_FORBIDDEN);
		return;
	}
	if (q->user && !q->user->n_sessions) {
		get(im, q, BYTES("last"), on_last, on_last_done);
		return;
	}
	uint64_t seconds = q->user ? 0 : (loop_now(im->loop) - im->started_ms) / 1000;
	buf_clear(&im->out2);
	buf_putf(&im->out2, "<query xmlns='" NS_LAST "' seconds='%llu'/>", (unsigned long long)seconds);
	iq_result(im, q, buf_bytes(&im->out2));
}
