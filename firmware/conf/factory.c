#include "factory.h"

#include "base/err.h"
#include "base/log.h"

enum { CHEAP_LOG2_N = 10 }; /* there is nothing to guess */

int factory_account(struct accounts *all, uint64_t now_s)
{
	if (all->n > 0)
		return 0;
	struct account *a = accounts_add(all, BYTES(FACTORY_NAME));
	int rc;

	if (!a)
		return ERR_NOMEM;
	scrypt_fresh(&a->password);
	a->password.log2_n = CHEAP_LOG2_N;
	rc = scrypt_compute(&a->password, BYTES_NONE, a->password.hash);
	a->role = OPER_ADMIN;
	a->created_s = a->changed_s = now_s;
	a->must_change = true;
	if (!rc)
		rc = accounts_save(all);
	if (rc)
		accounts_drop(all, a);
	else
		log_info("conf.factory", LOG_STR("account", FACTORY_NAME), LOG_STR("advice", "log in at the console and choose a password"));
	return rc;
}
