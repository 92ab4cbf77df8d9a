/* SCRAM with stored verifiers, with and without channel binding (RFC 5802, 7677, 9266). */
#include "auth/login.h"

#include "base/err.h"
#include "base/random.h"

enum { MESSAGE_MAX_BYTES = 4096 };

void auth_scram_first(struct im *im, struct login *l, struct bytes in)
{
	struct bytes authzid, cb_type;
	int rc = scram_server_first(&l->scram, in, &authzid, &cb_type);

	if (!rc)
		login_copy(l->cb_type, sizeof l->cb_type, cb_type);
	/* A name that nobody can have is just another unknown one; but it has no address to ask for. */
	if (!rc && login_name(im, l, l->scram.username))
		rc = ERR_AUTH;
	if (rc)
		login_fail_by(im, l, rc);
	else if (!login_is_self(im, l, authzid))
		login_fail(im, l, "invalid-authzid");
	else
		login_look_up(im, l);
}

void auth_scram_known(struct im *im, struct login *l)
{
	char nonce[SCRAM_NONCE_BYTES + 1];
	struct buf b;

	buf_init(&b, MESSAGE_MAX_BYTES);
	random_hex(nonce, SCRAM_NONCE_BYTES);
	int rc = scram_server_challenge(&l->scram, l->verifiers, nonce, &b);
	if (rc) {
		login_fail_by(im, l, rc);
	} else {
		l->state = LOGIN_FINAL;
		login_challenge(im, l, buf_bytes(&b));
	}
	buf_fini(&b);
}

void auth_scram_final(struct im *im, struct login *l, struct bytes in)
{
	struct bytes cb = l->mechanism->is_plus ? login_binding(l, l->cb_type) : BYTES_NONE;
	size_t which = 0;
	int rc = ERR_AUTH;
	struct buf b;

	buf_init(&b, MESSAGE_MAX_BYTES);
	if (!l->mechanism->is_plus || cb.n)
		rc = scram_server_final(&l->scram, l->verifiers, l->n_verifiers, in, cb, &b, &which);
	if (!rc && l->is_unknown)
		rc = ERR_AUTH;
	if (rc)
		login_fail_by(im, l, rc);
	else
		login_succeed(im, l, l->labels[which], buf_bytes(&b));
	buf_fini(&b);
}
