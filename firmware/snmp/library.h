/* library.h - what door and notify share of net-snmp's library: sessions on descriptors of ours, values. Includes its headers, so
 * it comes first. */
#ifndef SNMP_LIBRARY_H
#define SNMP_LIBRARY_H

#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>

#include "view.h"

typedef int (*library_take_fn)(netsnmp_transport *t, void *to, int room, void **opaque, int *n);
typedef int (*library_give_fn)(netsnmp_transport *t, const void *what, int n, void **opaque, int *n_opaque);
/* Takes fd over, in any case. `*(void **)t->data` is arg in take and give. NULL without memory; else snmp_sess_close. */
void *library_session(int fd, library_take_fn take, library_give_fn give, netsnmp_callback on_pdu, void *arg, bool is_agent);
/* The library asks `take` for one message and deals with it. */
void library_read(void *session, int fd);
/* Appends a variable. */
void library_put(netsnmp_pdu *pdu, const oid *name, size_t n, const struct value *v, uint64_t now_ms);

#endif
