#include "sip/endpoint_impl.h"

#include <stdio.h>
#include <unistd.h>

/* Address that the kernel would send from: what a Via names when nothing was set. Sends nothing. */
static void local_address(const union sip_sockaddr *to, char out[static SIP_ADDR_TEXT_BYTES])
{
	union sip_sockaddr own = { .any = { .sa_family = AF_UNSPEC } };
	socklen_t n = sizeof own;
	int fd = socket(to->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, &to->any, sip_sockaddr_len(to)) == 0)
		(void)getsockname(fd, &own.any, &n); /* unknown: "" */
	if (fd >= 0)
		close(fd);
	sip_sockaddr_text(&own, out);
}

static void put_sent_by(const struct sipendpoint *e, const struct sip_place *place, struct buf *out)
{
	char own[SIP_ADDR_TEXT_BYTES] = "";
	const char *host = e->host;

	if (!host[0] && place)
		local_address(&place->addr, own);
	if (!host[0])
		host = own[0] ? own : "gateway.invalid"; /* answers come on the flow, or by rport */
	bool is_v6 = strchr(host, ':') != NULL;
	buf_putf(out, is_v6 ? "[%s]" : "%s", host);
	if (e->port)
		buf_putf(out, ":%u", (unsigned)e->port);
}

static void put_via(const struct sipendpoint *e, enum siptransport transport, const struct sip_place *place, uint64_t id, const char *branch, struct buf *out)
{
	buf_putf(out, "SIP/2.0/%s ", siptransport_name(transport));
	put_sent_by(e, place, out);
	buf_put_str(out, ";branch=");
	branch_of_id(id, branch, out);
	buf_put_str(out, ";rport"); /* RFC 3581 3 */
}

int endpoint_print(const struct sipendpoint *e, const struct sipmsg *m, enum siptransport transport, const struct sip_place *place,
                   uint64_t id, const char *branch, struct buf *out)
{
	struct buf via;

	buf_init(&via, 512);
	put_via(e, transport, place, id, branch, &via);
	int rc = buf_failed(&via) ? ERR_LIMIT : sipmsg_print_with_via(m, buf_bytes(&via), out);
	buf_fini(&via);
	return rc;
}
