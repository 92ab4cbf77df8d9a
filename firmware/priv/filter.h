/* filter.h - the packet filter of the kernel by libnftables, the one file that includes it. */
#ifndef PRIV_FILTER_H
#define PRIV_FILTER_H

#include "base/bytes.h"

struct filter;

/* Before the fence: its socket is made here. ERR_SYS. */
int filter_open(struct filter **out);
/* Nothing gets in but answers, until gh-conf says what may: from the first moment after a start of the machine. Leaves a table
 * of ours that is there as it is (gh-priv was restarted). ERR_SYS. */
int filter_shut(struct filter *f);
/* One transaction: all of the text (firmware/conf/firewall.h) or nothing. ERR_SYS, ERR_LIMIT; why (256 bytes) says what the
 * kernel or the library said. */
enum { FILTER_TEXT_MAX = 1 << 20 };
int filter_load(struct filter *f, struct bytes text, char why[static 256]);

#endif
