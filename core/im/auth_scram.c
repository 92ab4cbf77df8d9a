/* SCRAM with stored verifiers, with and without channel binding (RFC 5802, 7677, 9266). */
#include "login.h"

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
	int rc = scram_server_challenge(&l->scram, &l->verifier, nonce, &b);
	if (rc) {
		login_fail_by(im, l, rc);
	} else {
		l->state = LOGIN_FINAL;
		login_challenge(im, l, buf_bytes(&b));
	}
	buf_fini(&b);
}

static struct bytes binding_of(const struct login *l)
{
	for (unsigned i = 0; i < l->n_bindings; i++)
		if (strcmp(l->bindings[i].type, l->cb_type) == 0)
			return bytes_make(l->bindings[i].data, l->bindings[i].n);
	return BYTES_NONE;
}

void auth_scram_final(struct im *im, struct login *l, struct bytes in)
{
	struct bytes cb = l->mechanism->is_plus ? binding_of(l) : BYTES_NONE;
	struct buf b;

	buf_init(&b, MESSAGE_MAX_BYTES);
	int rc = l->mechanism->is_plus && !cb.n ? ERR_AUTH : scram_server_final(&l->scram, &l->verifier, in, cb, &b);
	if (!rc && l->is_unknown)
		rc = ERR_AUTH;
	if (rc)
		login_fail_by(im, l, rc);
	else
		login_succeed(im, l, buf_bytes(&b));
	buf_fini(&b);
}
