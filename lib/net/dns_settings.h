/* net/dns_settings.h - the name servers and forward zones of a settings snapshot. One way for all programs that resolve. */
#ifndef NET_DNS_SETTINGS_H
#define NET_DNS_SETTINGS_H

#include "net/dns.h"
#include "run/settings.h"

/* Whom to ask from now on; what was cached is forgotten. Server words that are no addresses are left out (gh-conf lets none
 * through). ERR_NOMEM, ERR_SYNTAX: the old ones stay. */
int dns_settings_apply(struct dns *d, const struct settings *s);

#endif
