/* check.h - `federation check DOMAIN`: walks policy, DNS, TCP, TLS, certificate, features,
 * authentication, and says each step as an administrator would want it. It watches one connection
 * made for it; all functions do nothing for connections that nobody watches. */
#ifndef S2S_CHECK_H
#define S2S_CHECK_H

#include "conn.h"

void check_command(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args);
void check_note_dns(struct conn *c, const struct dns_srv_answer *a);
void check_note_addrs(struct conn *c, const char *host, const struct dns_addr_answer *a);
/* The connection to the current address: 0 or why not. */
void check_note_address(struct conn *c, int rc);
void check_note_tls(struct conn *c);
void check_note_verdict(struct conn *c);
/* After each step of the stream. */
void check_step(struct conn *c);
/* The connection has failed: the last record. */
void check_failed(struct conn *c, const struct reason *why);
void check_conn_gone(struct conn *c);

#endif
