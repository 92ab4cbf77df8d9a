/* probe.h - one connection to a door, as a client or a partner would make it: TCP, TLS at once or by STARTTLS, the certificate,
 * a stream that gives features (RFC 6120 4.3; a server's, a header). Then it is closed: nobody logs in. */
#ifndef PKI_PROBE_H
#define PKI_PROBE_H

#include "discovery_rows.h"

#include "net/tls.h"
#include "run/loop.h"

#include <sys/socket.h>

/* Copied but for domain_text. */
struct probe_ask {
	struct sockaddr_storage to;
	socklen_t to_n;
	const struct discovery_row *row;
	char domain[254];         /* whose door it is, in A-labels */
	char name[254];           /* that the certificate must have, in A-labels */
	struct bytes domain_text; /* of the stream, in U-labels; lives as long as the probe */
};

enum probe_stage { PROBE_TCP, PROBE_STARTTLS, PROBE_TLS, PROBE_CERTIFICATE, PROBE_STREAM, PROBE_STAGE_COUNT };
extern const char *const probe_stage_names[PROBE_STAGE_COUNT];

struct probe_answer {
	int rc;                 /* 0, or what went wrong at that stage */
	enum probe_stage stage;
	char tls[16];           /* version, "" none */
	char subject[256], not_after[32];
	char said[128];         /* mechanisms of the features, or the condition of a stream error */
};

struct probe;
/* fn is called once, never from inside this call; the probe ends with it. NULL without memory. trust: held until then. */
typedef void (*probe_fn)(void *arg, const struct probe_answer *a);
struct probe *probe_start(struct loop *l, struct tls_store *trust, const struct probe_ask *ask, probe_fn fn, void *arg);
/* Ends it without calling back. NULL is fine. */
void probe_cancel(struct probe *p);

#endif
