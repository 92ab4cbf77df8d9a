/* sip/endpoint_fixture.h - for tests of what stands on an endpoint: siptransports without sockets, put in its
 * place by the linker. What is sent is kept; what comes is given by the test. */
#ifndef SIP_ENDPOINT_FIXTURE_H
#define SIP_ENDPOINT_FIXTURE_H

#include "base/buf.h"
#include "sip/transport.h"

enum fake_way { FAKE_SEND, FAKE_FLOW, FAKE_ANSWER };
struct fake_sent {
	enum fake_way way;
	enum siptransport transport;
	uint64_t token, flow;
	uint8_t text[4096];
	size_t n;
};
enum { FAKE_SENT_MAX = 64 };
struct fake_wire {
	size_t n; /* sent since fake_clear; more than FAKE_SENT_MAX are counted only */
	struct fake_sent sent[FAKE_SENT_MAX];
	int send_rc; /* of every send from now */
	bool is_tls; /* what siptransports_flow_transport says of flows */
	bool is_quiet; /* count, do not keep */
};
extern struct fake_wire fake_wire;

void fake_clear(void);
/* Sent item i, NUL behind. */
const char *fake_text(size_t i);
/* As from the network. */
void fake_deliver(struct siptransports *t, struct bytes text, const struct sip_source *from);
void fake_fail(struct siptransports *t, uint64_t token, int rc);
struct sip_source fake_source(enum siptransport transport, uint64_t flow);
struct sip_place fake_place(enum siptransport transport);

#endif
