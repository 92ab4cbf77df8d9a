/* zone.h - the names of both companies, served by a small resolver of the system on loopback. */
#ifndef DEMO_ZONE_H
#define DEMO_ZONE_H

#include "company.h"

struct zone {
	struct child server;
	uint16_t port;
	const char *by; /* "unbound" or "dnsmasq" */
	char why[600];
};

int zone_start(struct zone *z, const char *folder, const struct company *companies, unsigned n);
void zone_stop(struct zone *z);

#endif
