#include "renew.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <time.h>

static bool to_seconds(const ASN1_TIME *t, int64_t *out)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return false;
	*out = (int64_t)timegm(&tm);
	return true;
}

bool renew_is_due(struct bytes pem, uint64_t wall_ms)
{
	BIO *bio = pem.n && pem.n < INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	int64_t from = 0, until = 0, now = (int64_t)(wall_ms / 1000);
	bool is_due = x && to_seconds(X509_get0_notBefore(x), &from) && to_seconds(X509_get0_notAfter(x), &until) && until - now < (until - from) / 3;

	X509_free(x);
	BIO_free(bio);
	ERR_clear_error();
	return is_due;
}
