/* OAUTHBEARER (RFC 7628, XEP-0493): a token of an identity provider instead of a password. */
#include "auth/login.h"

#include "base/err.h"
#include "base/log.h"
#include "proto/oauthbearer.h"

enum { LINES = 60 /* a minute */ };

/* The server says why, the client says that it has read it, and then the exchange fails (RFC 7628 3.2.2, 3.2.3). */
static void refuse(struct im *im, struct login *l, const char *why)
{
	uint32_t held = 0;

	if (log_limit_pass(&im->login_log, LINES, loop_now(im->loop), &held))
		log_info("im.login.oauth.failed", LOG_ID("id", l->conn), LOG_STR("reason", why), LOG_INT("suppressed", held));
	l->state = LOGIN_FINAL;
	login_challenge(im, l, BYTES("{\"status\":\"invalid_token\"}"));
}

void auth_oauth_final(struct im *im, struct login *l, struct bytes in)
{
	(void)in; /* a single 0x01, or whatever it says instead */
	login_fail(im, l, "not-authorized");
}

/* The account that the claim names: a name here, or an address of the domain that the stream is for. */
static int take_account(struct im *im, struct login *l, struct bytes user)
{
	struct jid j;

	if (bytes_find(user, '@') == user.n)
		return login_name(im, l, user);
	if (jid_parse(user, &im->arena, &j) || !j.local_n || j.resource_n || !bytes_eq_str(jid_domain(&j), l->domain))
		return ERR_DENIED;
	l->jid = login_dup(jid_bare(&j));
	return l->jid ? 0 : ERR_NOMEM;
}

void auth_oauth_first(struct im *im, struct login *l, struct bytes in)
{
	const struct oauth *o = &im->oauth;
	const struct jwt_rules r = { &o->keys, bytes_of(o->issuer), bytes_of(o->audience), bytes_of(o->claim),
				     loop_wall_ms(im->loop) / 1000 };
	char user[JWT_USER_MAX + 1];
	struct bytes authzid, token;
	const char *why;

	if (oauthbearer_read(in, &authzid, &token)) {
		login_fail(im, l, "malformed-request");
		return;
	}
	if (jwt_check(&r, token, user, &why)) {
		refuse(im, l, why);
		return;
	}
	int rc = take_account(im, l, bytes_of(user));
	if (rc == ERR_NOMEM)
		login_fail_by(im, l, rc);
	else if (rc)
		refuse(im, l, "user");
	else if (!login_is_self(im, l, authzid))
		login_fail(im, l, "invalid-authzid");
	else
		login_succeed_oauth(im, l);
}
