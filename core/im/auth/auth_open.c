/* From a login to a session (RFC 6120 7, XEP-0386). */
#include "auth/auth.h"

#include "base/err.h"
#include "proto/xmpp.h"
#include "run/session.h"
#include "domain.h"
#include "auth/login.h"
#include "session.h"
#include "delivery/sm.h"

#include <stdlib.h>

static void refuse_session(struct im *im, struct login *l, enum stanza_error why, const char *text)
{
	struct chan *c = login_chan(im, l);
	struct buf *b = chan_begin(c, MSG_SESSION_REFUSED, 0);

	wire_put_u64(b, l->conn);
	wire_put_str(b, bytes_of(stanza_error_name(why)));
	wire_put_str(b, bytes_of(text));
	(void)chan_end(c); /* as in login_fail */
	if (l->door_prog == PROG_ACCESS)
		l->state = LOGIN_OK; /* it may ask again */
	else
		login_free(im, l);
}

static void opened(struct im *im, struct login *l, struct session *s)
{
	struct chan *c = login_chan(im, l);

	auth_hand_over(im, l->conn, s);
	if (l->session_flags & SESSION_CARBONS)
		s->bits |= SESSION_HAS_CARBONS;
	if (l->session_flags & SESSION_CSI_INACTIVE)
		s->bits |= SESSION_IS_INACTIVE;
	if (l->session_flags & SESSION_PHONE)
		s->bits |= SESSION_IS_PHONE;
	if (l->session_flags & SESSION_SM)
		(void)sm_enable(im, s, l->session_flags & SESSION_SM_RESUME, l->sm_max_s); /* then it is off */
	struct buf *b = chan_begin(c, MSG_SESSION_OPENED, 0);
	wire_put_u64(b, l->conn);
	wire_put_str(b, session_full(s));
	wire_put_str(b, bytes_of(s->sm && s->sm->is_resumable ? s->sm->id : ""));
	wire_put_u32(b, s->sm && s->sm->is_resumable ? s->sm->max_s : 0);
	(void)chan_end(c); /* as in login_fail */
	login_free(im, l);
}

static void open_now(struct im *im, struct login *l, struct user *u)
{
	const struct session_wish w = { l->conn, l->door_prog, l->door, bytes_of(l->resource), bytes_of(l->tag) };
	struct session *s;

	if (l->is_revoked) {
		refuse_session(im, l, STANZA_NOT_AUTHORIZED, "What it logged in with is gone");
		return;
	}
	if (u->state == USER_READY && u->is_gone) {
		refuse_session(im, l, STANZA_NOT_AUTHORIZED, "The directory does not have this person any more");
		return;
	}
	if (u->state == USER_READY && u->is_disabled) {
		refuse_session(im, l, STANZA_NOT_AUTHORIZED, "The account is disabled");
		return;
	}
	if (u->state != USER_READY) {
		refuse_session(im, l, u->state == USER_NONE ? STANZA_NOT_AUTHORIZED : STANZA_INTERNAL_SERVER_ERROR, "");
		return;
	}
	int rc = session_open(im, u, &w, &s);
	arena_reset(&im->arena);
	if (rc == ERR_SYNTAX)
		refuse_session(im, l, STANZA_BAD_REQUEST, "");
	else if (rc)
		refuse_session(im, l, STANZA_RESOURCE_CONSTRAINT, "Too many sessions");
	else
		opened(im, l, s);
}

void auth_open_waiting(struct im *im, struct list *node, struct user *u)
{
	open_now(im, LIST_OWNER(node, struct login, node), u);
}

static void open_soon(struct im *im, struct login *l)
{
	struct user *u = user_get(im, bytes_of(l->jid));

	l->state = LOGIN_OPENING;
	if (!u)
		refuse_session(im, l, STANZA_RESOURCE_CONSTRAINT, "");
	else if (u->state == USER_LOADING)
		list_add_tail(&u->openers, &l->node);
	else
		open_now(im, l, u);
}

static int read_open(struct login *l, struct wire *w)
{
	free(l->resource);
	free(l->tag);
	l->resource = login_dup(wire_str(w));
	l->session_flags = wire_u32(w);
	l->tag = login_dup(wire_str(w));
	l->sm_max_s = wire_u32(w);
	if (wire_end(w))
		return ERR_SYNTAX;
	return l->resource && l->tag ? 0 : ERR_NOMEM;
}

int auth_on_open(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;
	struct wire w = wire_of(f->body);
	struct login *l = login_of(im, wire_u64(&w));

	(void)from;
	if (!l || l->state != LOGIN_OK)
		return 0; /* it has gone, or asks twice */
	int rc = read_open(l, &w);
	if (rc == ERR_SYNTAX)
		return rc;
	if (rc)
		refuse_session(im, l, STANZA_RESOURCE_CONSTRAINT, "");
	else
		open_soon(im, l);
	return 0;
}

/* ---- SIP clients ---- */

static int read_enter(struct login *l, struct wire *w)
{
	l->jid = login_dup(wire_str(w));
	l->resource = login_dup(wire_str(w));
	l->tag = login_dup(BYTES("sip"));
	l->session_flags = wire_u32(w) & (SESSION_TLS | SESSION_SM | SESSION_PHONE);
	if (wire_end(w))
		return ERR_SYNTAX;
	return l->jid && l->resource && l->tag ? 0 : ERR_NOMEM;
}

static bool is_account_here(struct im *im, struct bytes jid)
{
	struct jid j;
	bool is_here = jid_parse(jid, &im->arena, &j) == 0 && j.local_n && !j.resource_n &&
		       bytes_eq(j.full, jid) && domain_of(im, jid_domain(&j));

	arena_reset(&im->arena);
	return is_here;
}

int auth_on_enter(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;
	struct wire w = wire_of(f->body);
	uint64_t conn = wire_u64(&w);

	/* Its numbers are apart from those of gh-access, and used once. */
	if (!(conn & SESSION_CONN_SIP) || session_of(im, conn) || login_of(im, conn))
		return ERR_PROTOCOL;
	struct login *l = login_new(im, conn, from);
	if (!l) {
		im_stats[STAT_NO_MEMORY]++;
		return 0; /* gh-xlate's wait ends by itself */
	}
	int rc = read_enter(l, &w);
	if (rc == ERR_SYNTAX) {
		login_free(im, l);
		return rc;
	}
	if (rc)
		refuse_session(im, l, STANZA_RESOURCE_CONSTRAINT, "");
	else if (!is_account_here(im, bytes_of(l->jid)))
		refuse_session(im, l, STANZA_ITEM_NOT_FOUND, "");
	else
		open_soon(im, l);
	return 0;
}

