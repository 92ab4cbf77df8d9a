#include "factory.h"

#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"

enum { CHEAP_LOG2_N = 10 }; /* there is nothing to guess */

/* The empty password, which must be changed. */
static int make_empty(struct account *a, uint64_t now_s)
{
	scrypt_fresh(&a->password);
	a->password.log2_n = CHEAP_LOG2_N;
	a->role = OPER_ADMIN;
	a->changed_s = now_s;
	a->must_change = true;
	return scrypt_compute(&a->password, BYTES_NONE, a->password.hash);
}

/* What only the one before had, or knew. */
static void forget_holder(struct account *a)
{
	a->failures = 0;
	a->totp = TOTP_OFF;
	secret_wipe(a->totp_secret, sizeof a->totp_secret);
	a->totp_step = 0;
	memset(a->keys, 0, sizeof a->keys);
	a->n_keys = 0;
	a->kept = (struct kept){ 0 }; /* it was about the one before, too */
	a->has_kept_role = false;
}

int factory_recover(struct accounts *all, uint64_t now_s)
{
	struct account *a = accounts_find(all, BYTES(FACTORY_NAME)), before = { 0 };
	bool is_there = a != NULL;

	if (is_there)
		before = *a;
	else if (!(a = accounts_add(all, BYTES(FACTORY_NAME))))
		return ERR_LIMIT;
	else
		a->created_s = now_s;
	forget_holder(a);
	int rc = make_empty(a, now_s);
	if (!rc)
		rc = accounts_save(all);
	if (rc && is_there)
		*a = before;
	else if (rc)
		accounts_drop(all, a);
	secret_wipe(&before, sizeof before);
	return rc;
}

int factory_account(struct accounts *all, uint64_t now_s)
{
	if (all->n > 0)
		return 0;
	struct account *a = accounts_add(all, BYTES(FACTORY_NAME));

	if (!a)
		return ERR_NOMEM;
	a->created_s = now_s;
	int rc = make_empty(a, now_s);
	if (!rc)
		rc = accounts_save(all);
	if (rc)
		accounts_drop(all, a);
	else
		log_info("conf.factory", LOG_STR("account", FACTORY_NAME), LOG_STR("advice", "log in at the console and choose a password"));
	return rc;
}
