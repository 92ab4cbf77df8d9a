/* run/resolver.h - where the box's own resolver (gh-dns) listens. On loopback alone, so that the AD bit of its answers can be
 * believed (RFC 4035 4.9.3: the way to it must be safe). Above the ports that need a right, below those that the kernel gives out. */
#ifndef RUN_RESOLVER_H
#define RUN_RESOLVER_H

#define RESOLVER_ADDRESS "127.0.0.1"
#define RESOLVER_PLACE "127.0.0.1:1053"
enum { RESOLVER_PORT = 1053 };

#endif
