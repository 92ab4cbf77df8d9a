#include "pep/avatar.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/text.h"
#include "proto/xmpp.h"
#include "pep/pep_own.h"
#include "presence/presence.h"

enum { HASH_DIGITS = 40, SHA1_BYTES = 20, TYPE_MAX = 100 };

struct bytes avatar_hash(const struct user *u)
{
	const struct pep_node *n = pep_node_find(u, BYTES(NS_AVATAR_META));
	uint8_t digest[SHA1_BYTES];
	struct bytes id = n ? bytes_of(n->last) : BYTES_NONE;

	/* XEP-0084 4.2: the metadata's item has the hash as its id. One without is "no picture" (4.3). */
	return id.n == HASH_DIGITS && !text_unhex(id, digest, SHA1_BYTES) ? id : BYTES_NONE;
}

/* ---- presence ---- */

/* The same without the client's own word on it. */
static struct bytes without_update(struct im *im, struct bytes stanza)
{
	struct xml_node *n, *clean;
	struct bytes out = BYTES_NONE;
	struct buf b;

	if (!memmem(stanza.p, stanza.n, NS_VCARD_UPDATE, sizeof NS_VCARD_UPDATE - 1))
		return stanza;
	if (xml_pool_parse(im->parsers, stanza, NS_CLIENT, &xml_limits_default, &im->arena, &n))
		return stanza;
	clean = xml_new(&im->arena, n->name, n->ns);
	if (!clean)
		return stanza;
	clean->attrs = n->attrs;
	for (const struct xml_node *c = n->child; c; c = c->next)
		if (!xml_is(c, "x", NS_VCARD_UPDATE))
			xml_add_node(clean, xml_clone(&im->arena, c));
	buf_init(&b, 1 << 20);
	xml_write(&b, clean, NS_CLIENT);
	if (!buf_failed(&b))
		out = arena_dup(&im->arena, buf_bytes(&b));
	buf_fini(&b);
	return out.n ? out : stanza;
}

struct bytes avatar_in_presence(struct im *im, const struct user *u, struct bytes stanza)
{
	static const struct bytes end = { (const uint8_t *)"</presence>", 11 };
	struct bytes hash = avatar_hash(u), out;
	struct buf b;

	if (!pep_node_find(u, BYTES(NS_AVATAR_META)))
		return stanza;
	struct bytes clean = without_update(im, stanza);
	bool is_empty = clean.n > 2 && clean.p[clean.n - 2] == '/' && clean.p[clean.n - 1] == '>';
	size_t keep = clean.n - (is_empty ? 2 : end.n);
	if (!is_empty && (clean.n < end.n || !bytes_eq(bytes_skip(clean, keep), end)))
		return stanza;
	buf_init(&b, 1 << 20);
	buf_put(&b, clean.p, keep);
	if (is_empty)
		buf_put_u8(&b, '>');
	buf_put_str(&b, "<x xmlns='" NS_VCARD_UPDATE "'><photo>");
	buf_put_bytes(&b, hash);
	buf_put_str(&b, "</photo></x></presence>");
	out = buf_failed(&b) ? BYTES_NONE : arena_dup(&im->arena, buf_bytes(&b));
	buf_fini(&b);
	return out.n ? out : stanza;
}

void avatar_changed(struct im *im, struct user *u)
{
	LIST_EACH (it, &u->sessions) {
		struct session *s = LIST_OWNER(it, struct session, node);
		if (session_is_available(s))
			presence_renew(im, s, avatar_in_presence(im, u, bytes_make(s->presence, s->presence_n)));
	}
}

/* ---- to a vCard ---- */

struct card {
	struct iq_later *later;
	struct buf picture; /* base64 */
	struct buf type;
	struct buf card;    /* as it is kept */
	bool is_own;
};

static const struct xml_node *parse(struct im *im, struct bytes text)
{
	struct xml_node *n;

	return xml_pool_parse(im->parsers, text, NS_CLIENT, &xml_limits_default, &im->arena, &n) ? NULL : n;
}

static const struct xml_node *payload_of(struct im *im, struct wire *w)
{
	if (wire_left(w) == 8) {
		*w = wire_of(BYTES_NONE);
		return NULL;
	}
	(void)wire_str(w); /* id */
	(void)wire_str(w); /* publisher */
	(void)wire_u64(w);
	struct bytes payload = wire_bytes(w);
	return wire_failed(w) ? NULL : parse(im, payload);
}

static void on_picture(struct im *im, struct ask *a, struct wire *w)
{
	struct card *c = a->arg;
	const struct xml_node *n = payload_of(im, w);

	if (!xml_is(n, "data", NS_AVATAR_DATA))
		return;
	buf_clear(&c->picture);
	text_xml_escape(xml_text(n), &c->picture);
}

static void on_meta(struct im *im, struct ask *a, struct wire *w)
{
	struct card *c = a->arg;
	const struct xml_node *info = xml_child(payload_of(im, w), "info", NS_AVATAR_META);

	if (!info)
		return;
	buf_clear(&c->type);
	text_xml_escape(xml_attr(info, "type"), &c->type);
}

static void on_card(struct im *im, struct ask *a, struct wire *w)
{
	struct card *c = a->arg;

	(void)im;
	buf_clear(&c->card);
	buf_put_bytes(&c->card, wire_bytes(w));
}

static void put_card(struct im *im, struct buf *b, const struct card *c)
{
	const struct xml_node *old = buf_len(&c->card) ? parse(im, buf_bytes(&c->card)) : NULL;

	buf_put_str(b, "<vCard xmlns='" NS_VCARD "'>");
	for (const struct xml_node *n = xml_first(old); n; n = xml_next(n))
		if (!xml_is(n, "PHOTO", NS_VCARD))
			xml_write(b, n, NS_VCARD);
	buf_put_str(b, "<PHOTO><TYPE>");
	buf_put_bytes(b, buf_bytes(&c->type));
	buf_put_str(b, "</TYPE><BINVAL>");
	buf_put_bytes(b, buf_bytes(&c->picture));
	buf_put_str(b, "</BINVAL></PHOTO></vCard>");
}

static void on_card_done(struct im *im, struct ask *a, int rc)
{
	struct card *c = a->arg;
	struct buf b;

	buf_init(&b, 1 << 20);
	if (buf_len(&c->picture))
		put_card(im, &b, c);
	else
		buf_put_bytes(&b, buf_bytes(&c->card)); /* the picture went meanwhile */
	if (buf_len(&b) && !buf_failed(&b))
		iq_late_result(im, c->later, buf_bytes(&b));
	else if (rc && rc != ERR_NOT_FOUND)
		iq_late_error(im, c->later, STANZA_INTERNAL_SERVER_ERROR);
	else
		iq_late_error(im, c->later, c->is_own ? STANZA_ITEM_NOT_FOUND : STANZA_SERVICE_UNAVAILABLE);
	buf_fini(&b);
	buf_fini(&c->picture);
	buf_fini(&c->type);
	buf_fini(&c->card);
	free(c);
}

bool avatar_answer_vcard(struct im *im, struct iq *q)
{
	const struct pep_node *data = pep_node_find(q->user, BYTES(NS_AVATAR_DATA));
	struct bytes hash = avatar_hash(q->user);

	if (!hash.n || !data || !pep_shows(q->user, data, q->it->e.from))
		return false;
	struct card *c = calloc(1, sizeof *c);
	if (!c || !(c->later = iq_keep(q))) {
		free(c);
		return false;
	}
	c->is_own = q->who == IQ_SELF;
	buf_init(&c->picture, PEP_RESULT_BYTES);
	buf_init(&c->type, TYPE_MAX);
	buf_init(&c->card, 1 << 20);
	/* gh-store answers in order: the last one has all. */
	pep_own_read(im, q->user, BYTES(NS_AVATAR_DATA), hash, on_picture, NULL, c);
	pep_own_read(im, q->user, BYTES(NS_AVATAR_META), hash, on_meta, NULL, c);
	struct buf *b = ask_begin(im, STORE_BLOB_GET);
	wire_put_str(b, user_jid(q->user));
	wire_put_str(b, BYTES("vcard"));
	ask_send_free(im, on_card, on_card_done, c, 0);
	return true;
}

/* ---- from a vCard ---- */

/* White space in it is usual. */
static void put_without_space(struct buf *b, struct bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] > ' ')
			buf_put_u8(b, v.p[i]);
}

static void publish(struct im *im, struct user *u, struct bytes base64, struct bytes picture, struct bytes type)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	char hash[HASH_DIGITS + 1];
	unsigned n = 0;
	struct buf b;

	if (EVP_Digest(picture.p, picture.n, digest, &n, EVP_sha1(), NULL) != 1)
		return;
	text_hex(bytes_make(digest, SHA1_BYTES), hash);
	if (bytes_eq_str(avatar_hash(u), hash))
		return;
	buf_init(&b, 1 << 20);
	buf_put_str(&b, "<data xmlns='" NS_AVATAR_DATA "'>");
	buf_put_bytes(&b, base64);
	buf_put_str(&b, "</data>");
	bool is_there = !buf_failed(&b) && pep_own_publish(im, u, BYTES(NS_AVATAR_DATA), &pep_default, bytes_of(hash), buf_bytes(&b));
	buf_clear(&b);
	buf_putf(&b, "<metadata xmlns='" NS_AVATAR_META "'><info bytes='%zu' id='%s'", picture.n, hash);
	xml_write_attr(&b, "type", type.n ? type : BYTES("image/png"));
	buf_put_str(&b, "/></metadata>");
	if (is_there) /* a picture that is too large stays in the vCard alone */
		(void)pep_own_publish(im, u, BYTES(NS_AVATAR_META), &pep_default, bytes_of(hash), buf_bytes(&b));
	buf_fini(&b);
}

void avatar_of_vcard(struct im *im, struct user *u, const struct xml_node *card)
{
	const struct xml_node *photo = xml_child(card, "PHOTO", NS_VCARD);
	struct buf base64, picture;

	buf_init(&base64, im->config.pep_item_bytes);
	buf_init(&picture, im->config.pep_item_bytes);
	put_without_space(&base64, xml_text(xml_child(photo, "BINVAL", NS_VCARD)));
	bool is_good = buf_len(&base64) && !buf_failed(&base64) && !text_unbase64(buf_bytes(&base64), &picture) && buf_len(&picture);
	if (is_good)
		publish(im, u, buf_bytes(&base64), buf_bytes(&picture), xml_text(xml_child(photo, "TYPE", NS_VCARD)));
	buf_fini(&base64);
	buf_fini(&picture);
}
