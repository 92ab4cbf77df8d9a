#include "guest_impl.h"

#include "address.h"
#include "base/err.h"
#include "cpim.h"

enum { NAME_BYTES_MAX = 4 * JID_PART_MAX_BYTES, SIPFRAG_BYTES_MAX = 64 };

static bool is_in_dialog(const struct request_in *r)
{
	return dialog_tag(r->m, SIPH_TO).n != 0;
}

static bool is_for_room(const struct xlate *x, const struct request_in *r)
{
	return r->to.local_n && guest_is_room_service(x, jid_domain(&r->to));
}

/* ---- INVITE (MUC-S01) ---- */

/* From's display name, else the user part. Empty: there is none that is a nickname. */
static struct bytes name_of(struct request_in *r)
{
	struct sip_address from;
	struct bytes nick = BYTES_NONE;
	struct buf name;

	buf_init(&name, NAME_BYTES_MAX);
	if (sipmsg_address(r->m, SIPH_FROM, 0, &from))
		cpim_put_text(&name, from.display); /* the escapes are the same (RFC 3261 25.1) */
	int rc = buf_len(&name) ? jid_parse_resource(buf_bytes(&name), &r->x->arena, &nick) : ERR_SYNTAX;
	if (!rc)
		nick = arena_dup(&r->x->arena, nick);
	buf_fini(&name);
	return !rc ? nick : jid_local(&r->from);
}

static void take_call(struct xlate *x, struct request_in *r, const struct imsdp *offer)
{
	struct bytes name = name_of(r);
	struct guest *g = guest_of_member(x, r->from.full, &r->to);

	if (g) {
		request_in_status(r, 486, "In that room already");
		return;
	}
	g = name.n ? guest_new(x, &r->from, &r->to, name) : NULL;
	if (!g) {
		request_in_refuse(r, 503, "too-many-guests");
		return;
	}
	g->session = session_accept(x, r, SESSION_MSRP, offer, &guest_owner, g);
	if (g->session)
		log_info("room.guest.called", LOG_STR("guest", g->member), LOG_STR("room", g->room));
	else
		guest_free(g);
}

bool guest_on_invite(struct xlate *x, struct request_in *r)
{
	struct imsdp offer;

	if (is_in_dialog(r) || !is_for_room(x, r))
		return false;
	if (!session_read_offer(r, &offer) || offer.kind == IMSDP_LYNC) /* MUC-00 */
		session_refuse_media(r, "304 gatehouse \"Rooms are entered with an MSRP session\"");
	else
		take_call(x, r, &offer);
	return true;
}

/* MUC-00 */
bool guest_on_message_request(struct xlate *x, struct request_in *r)
{
	if (is_in_dialog(r) || !is_for_room(x, r))
		return false;
	request_in_answer(r, &(struct reply){ .status = 405, .headers = BYTES("Allow: INVITE, ACK, BYE, CANCEL, SUBSCRIBE, REFER, OPTIONS\r\n") });
	return true;
}

/* ---- SUBSCRIBE ---- */

static struct guest *guest_of_watch(struct xlate *x, const struct sipmsg *m)
{
	LIST_EACH (it, &x->guests->all) {
		struct guest *g = LIST_OWNER(it, struct guest, node);
		if (dialog_is_begun(&g->watch) && bytes_eq(dialog_tag(m, SIPH_TO), dialog_get(&g->watch, g->watch.local_tag)) &&
		    dialog_has(&g->watch, m))
			return g;
	}
	return NULL;
}

bool guest_on_subscribe(struct xlate *x, struct request_in *r)
{
	struct guest *g;

	if (is_in_dialog(r)) {
		g = guest_of_watch(x, r->m);
		if (g)
			guest_watch_renew(g, r);
		else
			request_in_status(r, 481, NULL);
		return true;
	}
	if (!is_for_room(x, r))
		return false;
	g = guest_of_user(x, &r->from, &r->to);
	if (g)
		guest_watch_take(g, r);
	else
		request_in_refuse(r, 403, "not-in-that-room"); /* who is not inside does not see who is */
	return true;
}

/* ---- REFER (MUC-S07) ---- */

static struct guest *guest_of_refer(struct xlate *x, struct request_in *r)
{
	struct session *s = is_in_dialog(r) ? session_of_request(x, r->m) : NULL;

	if (!is_in_dialog(r))
		return guest_of_user(x, &r->from, &r->to);
	if (!s || s->owner != &guest_owner || dialog_take_request(&s->dialog, r->m))
		return NULL;
	return s->owner_arg;
}

/* RFC 3515 2.4.4; RFC 7702 says that it is the only one. */
static void tell_referrer(struct guest *g)
{
	struct sipmsg *m = session_request(g->session, "NOTIFY", true);

	if (m) {
		sipmsg_append(m, SIPH_EVENT, BYTES("refer"));
		sipmsg_append(m, SIPH_SUBSCRIPTION_STATE, BYTES("terminated;reason=noresource"));
		sipmsg_set_body(m, "message/sipfrag;version=2.0", BYTES("SIP/2.0 100 Trying\r\n"));
	}
	(void)session_send(g->session, m, NULL, NULL, NULL); /* of passing interest */
}

static void invite(struct guest *g, const struct jid *whom)
{
	struct buf b;

	buf_init(&b, 4096 + 2 * JID_MAX_BYTES);
	buf_put_str(&b, "<x xmlns='" NS_MUC_USER "'><invite");
	xml_write_attr(&b, "to", jid_bare(whom));
	buf_put_str(&b, "/></x>");
	if (!buf_failed(&b))
		guest_post(g, STANZA_MESSAGE, TYPE_NORMAL, BYTES_NONE, NULL, buf_bytes(&b), FACT_MUC_USER | FACT_PAYLOAD);
	buf_fini(&b);
}

static bool is_other_method(struct bytes uri)
{
	struct bytes method;
	size_t semicolon = bytes_find(uri, ';');

	return sip_param(bytes_skip(uri, semicolon + 1), "method", &method) && !bytes_eq_nocase(method, BYTES("INVITE"));
}

bool guest_on_refer(struct xlate *x, struct request_in *r)
{
	struct guest *g;
	struct sip_address to;
	struct jid whom;

	if (!is_in_dialog(r) && !is_for_room(x, r))
		return false;
	g = guest_of_refer(x, r);
	if (!g) {
		request_in_status(r, is_in_dialog(r) ? 481 : 403, NULL);
	} else if (g->state != GUEST_INSIDE) {
		request_in_status(r, 480, "Still entering the room");
	} else if (sipmsg_count(r->m, SIPH_REFER_TO) != 1 || !sipmsg_address(r->m, SIPH_REFER_TO, 0, &to) || is_other_method(to.uri) ||
	           address_to_jid(to.uri, true, &x->arena, &whom) || !whom.local_n) {
		request_in_status(r, 400, "Refer-To names nobody who can be invited");
	} else {
		invite(g, &whom);
		request_in_status(r, 202, NULL);
		tell_referrer(g);
	}
	return true;
}
