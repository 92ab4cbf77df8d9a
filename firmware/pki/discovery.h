/* discovery.h - `discovery check DOMAIN`: what the DNS and the domain's web server should say so that clients and partners find
 * this box, what they say, and whether the doors that they lead to answer as they should, seen from here. One walk at a time.
 *
 * Here, because this program runs on a box of every role and may already resolve, connect and fetch; gh-proxy, whose doors most of
 * them are, may not connect to anywhere, and gh-s2s is not on an edge. */
#ifndef PKI_DISCOVERY_H
#define PKI_DISCOVERY_H

#include "discovery_rows.h"
#include "fetch.h"
#include "probe.h"
#include "stunprobe.h"

#include "net/dns.h"
#include "run/proc.h"

enum { DISCOVERY_PLACES_MAX = 48 };

struct discovery_place {
	const struct discovery_row *row;
	uint16_t port;
	char host[DISCOVERY_HOST_BYTES];
};

enum discovery_step { DISCOVERY_OFF, DISCOVERY_RECORDS, DISCOVERY_META, DISCOVERY_META_JSON, DISCOVERY_WEBSOCKET, DISCOVERY_DOORS, DISCOVERY_OUTSIDE };

struct discovery {
	struct loop *loop;
	struct dns *own; /* asks the name servers of the settings */
	struct fetcher *fetcher;
	struct tls_store *trust; /* NULL before the first settings; the program's, which changes it between walks or cancels */
	struct reach reach;

	/* one walk */
	struct proc_ask *ask; /* NULL: none */
	enum discovery_step step;
	char domain[254], domain_text[1024]; /* A-labels, U-labels */
	char front[254], relay[254];         /* public names of the box */
	uint16_t front_port;
	bool has_bosh;                       /* the front takes clients by BOSH */
	struct discovery_wants wants;
	struct discovery_place places[DISCOVERY_PLACES_MAX];
	size_t n_places, at;
	struct dns *outside; /* asks the name server that the operator named; until the next walk; NULL: own does */
	struct dns_addr addrs[2]; /* of the place: one of each family */
	size_t n_addrs, addr;
	struct dns_query *query;
	struct fetch *fetch;
	struct probe *probe;
	struct stunprobe *stun;
	unsigned wrong;
};

/* The members above the line are the caller's to set. Ends a walk that is under way, with what it has found; not from inside one. */
void discovery_stop(struct discovery *d, const char *why);
/* args: the domain, the front's public name ("" the domain) and port, the relay's public name (""), a name server (address, or
 * address:port; "" those of this box), "on" when the front takes BOSH, then name and port of each listener. */
void discovery_command(struct discovery *d, struct proc_ask *ask, const struct bytes *args, size_t n);

#endif
