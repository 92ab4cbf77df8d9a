/* A stranger's certificate (DER) to the names it proves. What is listed as a plain DNS name must
 * also be believed. */
#include "net/certname.h"
#include "net/certname_sip.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* The list shows what is believed, and stays in its room. */
static void check_sip(X509 *x)
{
	char list[300], *rest = list, *one;
	size_t n = certname_sip_list(x, true, list, sizeof list);

	if (strlen(list) >= sizeof list - 1) /* cut */
		return;
	if (!n != !list[0])
		abort();
	while ((one = strsep(&rest, " ")))
		if (strspn(one, "abcdefghijklmnopqrstuvwxyz.") == strlen(one) && one[0] >= 'a' && !certname_sip_matches(x, one, true))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const char *kind;
	char name[256];
	size_t at = 0;
	X509 *x = n < 65536 ? d2i_X509(NULL, &p, (long)n) : NULL;
	struct certname_demand d = { .domain_ascii = "b.example", .domain = BYTES("b.example"),
		                     .srv_service = "_xmpp-server", .allow_wildcard = true };

	if (!x)
		return 0;
	(void)certname_matches(x, &d);
	while (certname_next(x, &at, &kind, name)) {
		d.domain_ascii = name;
		if (kind[0] == 'd' && !strchr(name, '?') && !certname_matches(x, &d))
			abort();
	}
	check_sip(x);
	X509_free(x);
	return 0;
}
