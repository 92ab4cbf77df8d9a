/* filter.h - an operator's expression (pcap-filter(7)) as a program for the kernel. The one file that includes libpcap.
 * Names of hosts, services and networks are not looked up: behind the fence there is nobody to ask. */
#ifndef CAPTURE_FILTER_H
#define CAPTURE_FILTER_H

#include "base/bytes.h"

enum { FILTER_TEXT_MAX = 1000, FILTER_WHY_MAX = 160 };

struct sock_filter;
struct filter {
	struct sock_filter *code; /* filter_fini frees */
	uint16_t n;
};

/* text: empty takes everything. link_type: DLT_*. Packets that the program takes are cut to snap_length.
 * ERR_LIMIT, ERR_NOMEM; ERR_SYNTAX: why says what is wrong. */
int filter_compile(struct bytes text, int link_type, uint32_t snap_length, struct filter *out, char why[static FILTER_WHY_MAX]);
void filter_fini(struct filter *f);
/* DLT_* and LINKTYPE_* of an interface's kind (ARPHRD_*). ERR_UNSUPPORTED. */
int filter_link_type(unsigned hardware, int *dlt, uint16_t *link_type);

#endif
