#include "archive/archive_prefs.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/xmpp.h"
#include "archive/archive_query.h"
#include "ask.h"
#include "iq/iq.h"

#include <stdlib.h>

static const char *const default_names[] = { "always", "roster", "never" };
_Static_assert(sizeof default_names / sizeof default_names[0] == ARCHIVE_DEFAULT_COUNT, "a name for each default");

/* The next list of the two: is the address in it, or its bare form? */
static bool list_has(struct wire *w, struct bytes full, struct bytes bare)
{
	bool has = false;

	for (uint16_t n = wire_u16(w); n && !wire_failed(w); n--) {
		struct bytes jid = wire_str(w);
		has |= bytes_eq(jid, full) || bytes_eq(jid, bare);
	}
	return has;
}

bool archive_prefs_want(const struct user *u, struct bytes peer)
{
	struct jid j = jid_of_normal(peer);
	struct wire w = wire_of(user_prefs(u));

	if (!u->prefs_n)
		return true;
	enum archive_default otherwise = wire_u8(&w);
	bool is_always = list_has(&w, peer, jid_bare(&j)), is_never = list_has(&w, peer, jid_bare(&j));
	if (is_always || is_never)
		return is_always;
	const struct contact *c = otherwise == ARCHIVE_ROSTER ? user_contact(u, jid_bare(&j)) : NULL;
	return otherwise == ARCHIVE_ALWAYS || (c && c->bits & CONTACT_LISTED);
}

int archive_prefs_set(struct user *u, struct bytes prefs)
{
	struct wire w = wire_of(prefs);

	if (wire_u8(&w) >= ARCHIVE_DEFAULT_COUNT)
		return ERR_SYNTAX;
	(void)list_has(&w, BYTES_NONE, BYTES_NONE);
	(void)list_has(&w, BYTES_NONE, BYTES_NONE);
	uint8_t *copy = wire_end(&w) ? NULL : malloc(prefs.n);
	if (!copy)
		return wire_failed(&w) ? ERR_SYNTAX : ERR_NOMEM;
	memcpy(copy, prefs.p, prefs.n);
	free(u->prefs);
	u->prefs = copy;
	u->prefs_n = (uint32_t)prefs.n;
	return 0;
}

/* ---- asked for ---- */

static void put_list(struct buf *b, const char *name, struct wire *w)
{
	buf_putf(b, "<%s>", name);
	for (uint16_t n = wire_u16(w); n && !wire_failed(w); n--) {
		buf_put_str(b, "<jid>");
		text_xml_escape(wire_str(w), b);
		buf_put_str(b, "</jid>");
	}
	buf_putf(b, "</%s>", name);
}

static void put_prefs(struct buf *b, struct bytes prefs)
{
	struct wire w = wire_of(prefs.n ? prefs : BYTES("\0\0\0\0\0"));

	buf_clear(b);
	buf_putf(b, "<prefs xmlns='" NS_MAM "' default='%s'>", default_names[wire_u8(&w)]);
	put_list(b, "always", &w);
	put_list(b, "never", &w);
	buf_put_str(b, "</prefs>");
}

void archive_prefs_get(struct im *im, struct iq *q)
{
	put_prefs(&im->out2, user_prefs(q->user));
	iq_result(im, q, buf_bytes(&im->out2));
}

/* ---- set ---- */

static int read_list(struct im *im, struct buf *b, const struct xml_node *list)
{
	uint16_t n = 0;

	for (const struct xml_node *c = xml_first(list); c; c = xml_next(c))
		n++;
	if (n > ARCHIVE_PREFS_JIDS_MAX)
		return ERR_LIMIT;
	wire_put_u16(b, n);
	for (const struct xml_node *c = xml_first(list); c; c = xml_next(c)) {
		struct jid j;
		if (!xml_is(c, "jid", NS_MAM))
			return ERR_SYNTAX;
		if (jid_parse(xml_text(c), &im->arena, &j))
			return ERR_RANGE;
		wire_put_str(b, j.full);
	}
	return 0;
}

static int read_prefs(struct im *im, struct buf *b, const struct xml_node *n)
{
	struct bytes otherwise = xml_attr(n, "default");
	uint8_t i = 0;

	while (i < ARCHIVE_DEFAULT_COUNT && !bytes_eq_str(otherwise, default_names[i]))
		i++;
	if (i == ARCHIVE_DEFAULT_COUNT)
		return ERR_SYNTAX;
	buf_clear(b);
	wire_put_u8(b, i);
	int rc = read_list(im, b, xml_child(n, "always", NS_MAM));
	if (!rc)
		rc = read_list(im, b, xml_child(n, "never", NS_MAM));
	return rc ? rc : buf_failed(b) || buf_len(b) > ARCHIVE_PREFS_BYTES_MAX ? ERR_LIMIT : 0;
}

static void on_put(struct im *im, struct ask *a, int rc)
{
	struct iq_later *l = a->arg;
	/* What was written stands in the ask's body: op, account, key, value. */
	struct wire w = wire_of(bytes_make(a->body + 1, rc ? 0 : a->n - 1));

	(void)wire_str(&w);
	(void)wire_str(&w);
	struct bytes prefs = wire_bytes(&w);
	if (rc) {
		iq_late_error(im, l, STANZA_INTERNAL_SERVER_ERROR);
		return;
	}
	put_prefs(&im->out2, prefs);
	iq_late_result(im, l, buf_bytes(&im->out2));
}

void archive_prefs_put(struct im *im, struct iq *q)
{
	struct buf *b = &im->out2;
	int rc = read_prefs(im, b, q->child);
	struct iq_later *l = rc ? NULL : iq_keep(q);

	if (!rc && (!l || archive_prefs_set(q->user, buf_bytes(b)))) {
		free(l);
		rc = ERR_LIMIT;
	}
	if (rc) {
		iq_error(im, q, rc == ERR_LIMIT ? STANZA_RESOURCE_CONSTRAINT : rc == ERR_SYNTAX ? STANZA_BAD_REQUEST : STANZA_JID_MALFORMED);
		return;
	}
	struct buf *out = ask_begin(im, STORE_BLOB_PUT);
	wire_put_str(out, user_jid(q->user));
	wire_put_str(out, BYTES(STORE_PREFS_KEY));
	wire_put_bytes(out, buf_bytes(b));
	ask_send(im, NULL, on_put, l, 0);
}
