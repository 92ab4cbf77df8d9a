/* PLAIN (RFC 4616), checked against the SCRAM verifiers. */
#include "auth/directory.h"
#include "auth/login.h"

/* authzid NUL authcid NUL passwd */
void auth_plain_first(struct im *im, struct login *l, struct bytes in)
{
	size_t a = bytes_find(in, 0);
	struct bytes rest = bytes_skip(in, a + 1);
	size_t b = bytes_find(rest, 0);
	struct bytes password = bytes_skip(rest, b + 1);

	if (a >= in.n || b >= rest.n || !b || !password.n || bytes_find(password, 0) < password.n)
		login_fail(im, l, "malformed-request");
	else if (login_name(im, l, bytes_make(rest.p, b)) || scram_saslprep(password, &im->arena, &password) ||
		 secret_set(&l->password, password))
		login_fail(im, l, "not-authorized");
	else if (!login_is_self(im, l, bytes_make(in.p, a)))
		login_fail(im, l, "invalid-authzid");
	else
		login_look_up(im, l);
}

/* The same work is done for people who do not exist. An application password is known here; the password of somebody of the
 * directory is known there. */
void auth_plain_known(struct im *im, struct login *l)
{
	struct bytes password = bytes_make(l->password.p, l->password.n);
	size_t which = 0;

	if (l->is_proved) {
		if (l->is_unknown)
			login_fail(im, l, "not-authorized"); /* it was deleted at this moment */
		else
			login_succeed(im, l, "", BYTES_NONE);
		return;
	}
	bool fits = scram_check_password(l->hash, l->verifiers, l->n_verifiers, password, &which);
	if ((!fits || l->is_unknown) && directory_is_asked(im, l)) {
		directory_ask(im, l);
		return;
	}
	if (fits && !l->is_unknown && !l->labels[which][0])
		login_upgrade(im, l, password);
	secret_fini(&l->password);
	if (fits && !l->is_unknown)
		login_succeed(im, l, l->labels[which], BYTES_NONE);
	else
		login_fail(im, l, "not-authorized");
}
