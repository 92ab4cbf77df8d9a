#include "iq/iq.h"

#include "base/err.h"
#include "proto/xmpp.h"
#include "adhoc/adhoc.h"
#include "archive/archive_query.h"
#include "iq/blocking.h"
#include "iq/search.h"
#include "pep/caps.h"
#include "pep/pep.h"
#include "push/push.h"
#include "presence/roster.h"

#include <stdlib.h>

const struct iq_row iq_rows[] = {
	/* element      namespace       for whom                             types            handler */
	{ "query",      NS_ROSTER,      IQ_SELF,                             IQ_GET,          roster_get },
	{ "query",      NS_ROSTER,      IQ_SELF,                             IQ_SET,          roster_set },
	{ "query",      NS_DISCO_INFO,  IQ_DOMAIN | IQ_SELF | IQ_OTHER,      IQ_GET,          iq_disco_info },
	{ "query",      NS_DISCO_ITEMS, IQ_DOMAIN | IQ_SELF | IQ_OTHER,      IQ_GET,          iq_disco_items },
	{ "services",   NS_EXTDISCO,    IQ_DOMAIN,                           IQ_GET,          iq_services },
	{ "credentials", NS_EXTDISCO,   IQ_DOMAIN,                           IQ_GET,          iq_service_credentials },
	{ "request",    NS_UPLOAD,      IQ_DOMAIN,                           IQ_GET,          iq_upload },
	{ "command",    NS_COMMANDS,    IQ_DOMAIN,                           IQ_SET,          adhoc_request },
	{ "query",      NS_SEARCH,      IQ_DOMAIN,                           IQ_GET,          search_get },
	{ "query",      NS_SEARCH,      IQ_DOMAIN,                           IQ_SET,          search_set },
	{ "vCard",      NS_VCARD,       IQ_SELF | IQ_OTHER,                  IQ_GET,          iq_vcard_get },
	{ "vCard",      NS_VCARD,       IQ_SELF,                             IQ_SET,          iq_vcard_set },
	{ "query",      NS_PRIVATE,     IQ_SELF,                             IQ_GET,          iq_private_get },
	{ "query",      NS_PRIVATE,     IQ_SELF,                             IQ_SET,          iq_private_set },
	{ "blocklist",  NS_BLOCKING,    IQ_SELF,                             IQ_GET,          blocking_get },
	{ "block",      NS_BLOCKING,    IQ_SELF,                             IQ_SET,          blocking_block },
	{ "unblock",    NS_BLOCKING,    IQ_SELF,                             IQ_SET,          blocking_unblock },
	{ "enable",     NS_CARBONS,     IQ_SELF,                             IQ_SET,          iq_carbons_on },
	{ "disable",    NS_CARBONS,     IQ_SELF,                             IQ_SET,          iq_carbons_off },
	{ "enable",     NS_PUSH,        IQ_SELF,                             IQ_SET,          push_enable },
	{ "disable",    NS_PUSH,        IQ_SELF,                             IQ_SET,          push_disable },
	{ "query",      NS_MAM,         IQ_SELF,                             IQ_GET,          archive_form_get },
	{ "query",      NS_MAM,         IQ_SELF,                             IQ_SET,          archive_query },
	{ "metadata",   NS_MAM,         IQ_SELF,                             IQ_GET,          archive_metadata },
	{ "prefs",      NS_MAM,         IQ_SELF,                             IQ_GET,          archive_prefs_get },
	{ "prefs",      NS_MAM,         IQ_SELF,                             IQ_SET,          archive_prefs_put },
	{ "ping",       NS_PING,        IQ_DOMAIN | IQ_SELF,                 IQ_GET,          iq_ping },
	{ "time",       NS_TIME,        IQ_DOMAIN,                           IQ_GET,          iq_time },
	{ "query",      NS_VERSION,     IQ_DOMAIN,                           IQ_GET,          iq_version },
	{ "query",      NS_LAST,        IQ_DOMAIN | IQ_SELF | IQ_OTHER,      IQ_GET,          iq_last },
	{ "pubsub",     NS_PUBSUB,      IQ_SELF | IQ_OTHER,                  IQ_GET | IQ_SET, pep_request },
	{ "pubsub",     NS_PUBSUB_OWNER, IQ_SELF | IQ_OTHER,                 IQ_GET | IQ_SET, pep_request },
	{ "session",    NS_SESSION,     IQ_DOMAIN | IQ_SELF,                 IQ_SET,          iq_session },
};
const size_t iq_n_rows = sizeof iq_rows / sizeof iq_rows[0];

bool iq_may_see(const struct user *u, struct bytes from)
{
	struct jid j = jid_of_normal(from);

	if (bytes_eq(jid_bare(&j), user_jid(u)))
		return true;
	const struct contact *c = user_contact(u, jid_bare(&j));
	return c && c->bits & CONTACT_FROM;
}

bool iq_is_shown(const struct im *im, const struct user *u, struct bytes from)
{
	struct jid j = jid_of_normal(from);

	return iq_may_see(u, from) && (im->config.has_presence || bytes_eq(jid_bare(&j), user_jid(u)));
}

/* ---- answers ---- */

static void answer(struct im *im, struct bytes from, struct bytes to, struct bytes sid, struct bytes payload)
{
	struct buf *b = &im->out;

	buf_clear(b);
	buf_put_str(b, "<iq type='result'");
	xml_write_attr(b, "id", sid);
	xml_write_attr(b, "from", from);
	xml_write_attr(b, "to", to);
	if (payload.n) {
		buf_put_u8(b, '>');
		buf_put_bytes(b, payload);
		buf_put_str(b, "</iq>");
	} else {
		buf_put_str(b, "/>");
	}
	if (!buf_failed(b))
		post(im, STANZA_IQ, TYPE_RESULT, from, to, buf_bytes(b));
}

static struct bytes from_of(const struct iq *q)
{
	return q->it->e.to.n || !q->user ? q->it->e.to : user_jid(q->user);
}

void iq_result(struct im *im, const struct iq *q, struct bytes payload)
{
	answer(im, from_of(q), q->it->e.from, q->it->e.sid, payload);
}

static void refuse(struct im *im, struct bytes from, struct bytes to, struct bytes sid, const struct stanza_refusal *why)
{
	buf_clear(&im->out);
	if (stanza_write_error(&im->out, STANZA_IQ, TYPE_GET, sid, from, to, why) && !buf_failed(&im->out))
		post(im, STANZA_IQ, TYPE_ERROR, from, to, buf_bytes(&im->out));
}

void iq_error(struct im *im, const struct iq *q, enum stanza_error why)
{
	iq_refuse(im, q, &(struct stanza_refusal){ .error = why });
}

void iq_refuse(struct im *im, const struct iq *q, const struct stanza_refusal *why)
{
	refuse(im, from_of(q), q->it->e.from, q->it->e.sid, why);
}

struct iq_later *iq_keep(const struct iq *q)
{
	const struct bytes parts[] = { from_of(q), q->it->e.from, q->it->e.sid };
	struct iq_later *l = malloc(sizeof *l + parts[0].n + parts[1].n + parts[2].n);

	if (!l)
		return NULL;
	struct bytes *const out[] = { &l->from, &l->to, &l->sid };
	uint8_t *at = (uint8_t *)(l + 1);
	l->number = 0;
	for (int i = 0; i < 3; i++) {
		if (parts[i].n)
			memcpy(at, parts[i].p, parts[i].n);
		*out[i] = bytes_make(at, parts[i].n);
		at += parts[i].n;
	}
	return l;
}

void iq_late_result(struct im *im, struct iq_later *l, struct bytes payload)
{
	answer(im, l->from, l->to, l->sid, payload);
	free(l);
}

void iq_late_error(struct im *im, struct iq_later *l, enum stanza_error why)
{
	iq_late_refuse(im, l, &(struct stanza_refusal){ .error = why });
}

void iq_late_refuse(struct im *im, struct iq_later *l, const struct stanza_refusal *why)
{
	refuse(im, l->from, l->to, l->sid, why);
	free(l);
}

/* ---- dispatch ---- */

static enum iq_who who_of(const struct user *u, const struct item *it)
{
	struct jid from = jid_of_normal(it->e.from);

	if (!u)
		return IQ_DOMAIN;
	return bytes_eq(jid_bare(&from), user_jid(u)) ? IQ_SELF : IQ_OTHER;
}

/* RFC 6121 8.5.3.2.3: to a client of ours. true: done. */
static bool to_resource(struct im *im, struct user *u, struct item *it)
{
	struct jid to = jid_of_normal(it->e.to);

	if (!u || !to.resource_n)
		return false;
	struct session *s = session_by_resource(u, jid_resource(&to));
	if (!s || !session_send_item(im, s, it, 0))
		item_refuse(im, it, STANZA_SERVICE_UNAVAILABLE, NULL);
	return true;
}

static void find_row(struct im *im, struct iq *q)
{
	unsigned type = q->is_set ? IQ_SET : IQ_GET;
	bool is_own = false;

	for (size_t i = 0; i < iq_n_rows; i++) {
		const struct iq_row *r = &iq_rows[i];
		if (!(r->types & type) || !xml_is(q->child, r->name, r->ns))
			continue;
		if (r->who & q->who) {
			r->fn(im, q);
			return;
		}
		is_own = r->who == IQ_SELF;
	}
	/* What is everybody's own (RFC 6121 2.3.3, XEP-0054 3.2, XEP-0049 2) is nobody else's. */
	iq_error(im, q, is_own && q->who == IQ_OTHER ? STANZA_FORBIDDEN : STANZA_SERVICE_UNAVAILABLE);
}

void iq_handle(struct im *im, struct user *u, struct item *it)
{
	struct iq q = { .it = it, .user = u, .session = it->session, .is_set = it->e.type == TYPE_SET };
	struct xml_node *n;

	if (u && blocking_refuses(im, u, it))
		return;
	if (to_resource(im, u, it))
		return;
	if (it->e.type == TYPE_RESULT || it->e.type == TYPE_ERROR) {
		caps_answer(im, u, it);
		push_answer(im, u, it);
		return;
	}
	q.who = who_of(u, it);
	if (u && u->state == USER_NONE) {
		iq_error(im, &q, STANZA_SERVICE_UNAVAILABLE);
		return;
	}
	if (xml_pool_parse(im->parsers, it->e.stanza, NS_CLIENT, &xml_limits_default, &im->arena, &n) || !xml_first(n)) {
		iq_error(im, &q, STANZA_BAD_REQUEST);
		return;
	}
	q.child = xml_first(n);
	find_row(im, &q);
}
