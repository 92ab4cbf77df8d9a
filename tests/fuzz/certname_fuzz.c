/* A stranger's certificate (DER) to the names it proves. What is listed as a plain DNS name must
 * also be believed. */
#include "net/certname.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

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
	X509_free(x);
	return 0;
}
