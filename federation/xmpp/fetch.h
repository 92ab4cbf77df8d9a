/* fetch.h - one bounded HTTPS GET of a POSH document (RFC 7711 3): address look-up, connection, TLS
 * with the web server's certificate verified for the domain, request, answer. */
#ifndef S2S_FETCH_H
#define S2S_FETCH_H

#include "posh.h"
#include "s2s.h"

struct fetch;
/* fn is called once, never from inside this call: rc 0 with the fingerprints, or why not; out of it
 * the fetch is gone. NULL: no memory. */
typedef void (*fetch_fn)(void *arg, int rc, const struct posh *p);
struct fetch *fetch_posh(struct s2s *s, const char *host, fetch_fn fn, void *arg);
/* Ends it without calling back. NULL is fine. */
void fetch_cancel(struct fetch *f);

#endif
