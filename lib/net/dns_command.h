/* net/dns_command.h - `dns lookup` and `dns flush`: what a program's resolver says, and what it is to forget. */
#ifndef NET_DNS_COMMAND_H
#define NET_DNS_COMMAND_H

#include "net/dns.h"
#include "run/proc.h"

/* args: a type (a, aaaa, srv, naptr, tlsa) and a name. One record an answer; what is wrong is the command's result. */
void dns_lookup_command(struct dns *d, struct proc_ask *ask, const struct bytes *args, size_t n);
/* args: a domain, which goes with all below it; none: everything. */
void dns_flush_command(struct dns *d, struct proc_ask *ask, const struct bytes *args, size_t n);

#endif
