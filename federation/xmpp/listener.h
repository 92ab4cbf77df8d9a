/* listener.h - the ports that partners connect to, opened by gh-super. */
#ifndef S2S_LISTENER_H
#define S2S_LISTENER_H

#include "s2s.h"

void listener_init_all(struct s2s *s);
/* The program's hook (run/proc.h): a listener comes, or goes (fd -1). */
void listener_change(void *program, const char *name, const char *addr, uint16_t port, int fd);
void listener_close_all(struct s2s *s);

#endif
