#include "auth/app_password.h"

#include "base/random.h"
#include "base/text.h"
#include "ask.h"
#include "auth/auth.h"
#include "session.h"

enum { GROUP = 4 };

void app_password_make(char out[static APP_PASSWORD_BYTES])
{
	static const char letters[32] = "abcdefghijkmnpqrstuvwxyz23456789"; /* no l, o, 0, 1 */
	uint8_t random[APP_PASSWORD_BYTES];

	random_bytes(random, sizeof random);
	for (int i = 0; i < APP_PASSWORD_BYTES; i++)
		out[i] = i % (GROUP + 1) == GROUP ? '-' : letters[random[i] % sizeof letters];
	out[APP_PASSWORD_BYTES - 1] = '\0'; /* where the last hyphen would be */
	secret_wipe(random, sizeof random);
}

bool app_password_is_label(struct bytes label)
{
	for (size_t i = 0; i < label.n; i++)
		if (label.p[i] < 0x20 || label.p[i] == 0x7f)
			return false;
	return label.n && label.n <= STORE_APP_LABEL_MAX && text_is_utf8(label);
}

void app_password_used(struct im *im, struct bytes jid, struct bytes label, struct bytes address)
{
	struct buf *b = ask_begin(im, STORE_APP_USED);

	wire_put_str(b, jid);
	wire_put_str(b, label);
	wire_put_u64(b, loop_wall_ms(im->loop));
	wire_put_str(b, address);
	ask_send_free(im, NULL, NULL, NULL, 0);
	log_info("im.login.app-password", LOG_BYTES("user", jid), LOG_BYTES("label", label), LOG_BYTES("address", address));
}

static struct session *first_of(const struct user *u, struct bytes label)
{
	LIST_EACH (it, &u->sessions) {
		struct session *s = LIST_OWNER(it, struct session, node);
		if (s->app && (!label.n || bytes_eq_str(label, s->app)))
			return s;
	}
	return NULL;
}

/* Who came with it by SIP: gh-line ends the registration, and with it the session. */
static void tell_line(struct im *im, struct bytes jid, struct bytes label)
{
	struct chan *c = bus_chan(im->bus, PROG_LINE, 0);
	struct buf *b = chan_begin(c, MSG_DIGEST_REVOKED, 0);

	wire_put_str(b, jid);
	wire_put_str(b, label);
	(void)chan_end(c); /* one that is not there has no client either */
}

void app_password_revoked(struct im *im, struct bytes jid, struct bytes label)
{
	struct user *u = user_find(im, jid);
	unsigned n = 0;

	auth_revoke_app(im, jid, label);
	tell_line(im, jid, label);
	if (u) {
		user_pin(u);
		for (struct session *s; (s = first_of(u, label)); n++)
			session_kick(im, s, "not-authorized", "The application password is gone");
		user_unpin(im, u);
	}
	log_info("im.app-password.revoked", LOG_BYTES("user", jid), LOG_BYTES("label", label.n ? label : BYTES("all")),
		 LOG_INT("sessions", n));
}
