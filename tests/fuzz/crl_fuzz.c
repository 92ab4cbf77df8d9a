/* Any bytes as a revocation list, and as an OCSP response about a certificate of the same authority. What is taken over is signed
 * by that authority, so from a fuzzer it is a seed: then it is in order, and finds its way through the bus whole. */
#include <stdlib.h>

#include "net/crl.h"
#include "net/ocsp.h"
#include "net/tls_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW_S = 1800000000 };

/* Of no use to anybody: the seeds are signed with its key, which was not kept. */
static const char authority[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBIDCBxqADAgECAgEHMAoGCCqGSM49BAMCMA8xDTALBgNVBAMMBGZ1enowHhcN\n"
	"MjYwMTAxMDAwMDAwWhcNNDYwMTAxMDAwMDAwWjAPMQ0wCwYDVQQDDARmdXp6MFkw\n"
	"EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE3AWoo6Lb4E2iI2qd60Qtre0fDE26DhZD\n"
	"DwrWqUc+k3EMGKflpcwqpDrgeb6XBTlhn3LqE39k/ujnNBOUMh0saKMTMBEwDwYD\n"
	"VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEAuWJu61VAwTI30XnNXRDB\n"
	"cSc2MDacq0KJEUvUshKw03UCIQDsPAIwuXqucwIJe+ltGc0M7y8QIi3+Hxts5xxu\n"
	"KyRrlQ==\n"
	"-----END CERTIFICATE-----\n";

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void send(const struct revoked_list *l)
{
	struct revoked r = { .n = 0 };
	struct buf b;
	uint32_t at = 0;
	bool is_new = false, is_more = true;

	while (is_more) {
		buf_init(&b, REVOKED_PART_BYTES + 1024);
		is_more = revoked_put(l, &at, &b);
		must(revoked_take(&r, buf_bytes(&b), &is_new) == 0);
		buf_fini(&b);
	}
	must(is_new && r.n == 1 && r.lists[0]->n == l->n);
	revoked_fini(&r);
}

static void as_list(struct tls_store *s, struct bytes in)
{
	struct revoked_list *l;
	struct crl_about about;

	if (crl_read(s, NULL, in, NOW_S, &l, &about))
		return;
	memcpy(l->name, "x", 2);
	send(l);
	revoked_list_free(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tls_store *store;
	static struct ocsp_subject subject;
	struct bytes in = bytes_make(data, size);
	struct ocsp_answer answer;
	struct revoked r = { .n = 0 };
	bool is_new;

	if (!store) {
		must((store = tls_store_new(NULL)) && tls_store_trust_anchor(store, BYTES("a"), bytes_of(authority)) == 0);
		(void)ocsp_subject_read(&subject, bytes_of(authority)); /* its own issuer is not in it */
		must(ocsp_subject_complete(&subject, store) == 0);
	}
	as_list(store, in);
	(void)ocsp_read(&subject, in, NOW_S, &answer);
	(void)revoked_take(&r, in, &is_new); /* what a gh-pki that was taken over may send */
	revoked_fini(&r);
	return 0;
}
