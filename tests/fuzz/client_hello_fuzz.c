/* What a TLS client says first, behind one byte: where the first look at it ends. A look finds what there is to find or asks for more;
 * what it has found a look at more of the same bytes finds, too. */
#include <stdlib.h>

#include "base/err.h"
#include "net/client_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = { "xmpp-server", "stun.turn", NULL };

static int look(struct client_hello *h, struct bytes in)
{
	int rc = client_hello_offers(h, in, names);

	if (rc != 0 && rc != 1 && rc != ERR_AGAIN && rc != ERR_NOT_FOUND && rc != ERR_SYNTAX && rc != ERR_LIMIT)
		abort();
	if ((rc == ERR_LIMIT) != (in.n > CLIENT_HELLO_MAX))
		abort();
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct client_hello *h;

	if (!h)
		h = client_hello_new();
	if (size == 0 || !h)
		return 0;
	struct bytes all = bytes_make(data + 1, size - 1);
	size_t cut = all.n * data[0] / 256;
	int first = look(h, bytes_make(all.p, cut)), rc = look(h, all);
	if (first != ERR_AGAIN && rc != first && rc != ERR_LIMIT)
		abort();
	return 0;
}
