/* listener.h - the ports that partners connect to, opened by gh-super. */
#ifndef S2S_LISTENER_H
#define S2S_LISTENER_H

#include "s2s.h"

void listener_init_all(struct s2s *s);
/* The program's hook (run/proc.h): a listener comes, or goes (fd -1). */
void listener_change(void *program, const char *name, const char *addr, uint16_t port, int fd);
void listener_close_all(struct s2s *s);
/* PARTNER_CONNECTION: one that came to the front's port is like one of our own direct TLS port. ERR_SYNTAX: no TCP connection. */
int listener_on_front(void *program, struct chan *from, const struct frame *f);

#endif
