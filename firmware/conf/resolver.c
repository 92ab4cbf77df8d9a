#include "resolver.h"

#include "run/msg.h"
#include "run/resolver.h"

bool resolver_is_wanted(const struct rows *r)
{
	return !bytes_eq_str(rows_value(r, SET_DNS_RESOLVER, BYTES_NONE), "off");
}

int resolver_put(const struct rows *r, enum prog p, struct rows *out, bool *is_copy)
{
	*is_copy = resolver_is_wanted(r) && p != PROG_DNS && P_RESOLVES & P(p);
	if (!*is_copy)
		return 0;
	int rc = rows_copy(out, r);
	if (rc)
		return rc;
	(void)rows_del(out, BYTES("dns server"));       /* gh-dns asks them */
	(void)rows_del(out, BYTES("dns forward-zone")); /* it knows of them, too */
	rc = rows_set(out, BYTES("dns server own"), BYTES(RESOLVER_PLACE));
	return rc ? rc : rows_set(out, BYTES("dns validates"), BYTES("on"));
}
