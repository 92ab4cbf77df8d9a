/* stunprobe.h - one STUN Binding over UDP (RFC 8489 6.2.1): does a relay's port answer, and as whom does it see us? */
#ifndef PKI_STUNPROBE_H
#define PKI_STUNPROBE_H

#include "proto/stunmsg.h"
#include "run/loop.h"

#include <sys/socket.h>

struct stunprobe;
/* fn is called once, never from inside stunprobe_start; the probe ends with it. rc: 0 with the address that it saw; ERR_TIMEOUT,
 * ERR_CONN_REFUSED (ICMP), ERR_PROTOCOL (an error response). NULL: no memory, no socket. */
typedef void (*stunprobe_fn)(void *arg, int rc, const struct stunaddr *mapped);
struct stunprobe *stunprobe_start(struct loop *l, const struct sockaddr *to, socklen_t to_n, stunprobe_fn fn, void *arg);
/* Ends it without calling back. NULL is fine. */
void stunprobe_cancel(struct stunprobe *p);

#endif
