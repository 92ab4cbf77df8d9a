/* listener.h - the program's ports: sockets from gh-super, handed to lib/sip. */
#ifndef GSIP_LISTENER_H
#define GSIP_LISTENER_H

#include "gsip.h"

/* Hook of run/proc.h: name is one of "sip-udp", "sip-tcp", "sip-tls", "sip-mtls"; fd -1: it goes. */
void listener_change(void *program, const char *name, const char *addr, uint16_t port, int fd);
void listener_close_all(struct gsip *g);

#endif
