/* link.h - one interface and one family: the socket, the timer, and the client between them. */
#ifndef DHCP_LINK_H
#define DHCP_LINK_H

#include "client6.h"
#include "run/bus.h"

struct link {
	char name[2];   /* interface a to d; "": free place */
	uint8_t family; /* 4, 6 */
	uint32_t device;
	uint8_t mac[6];
	struct loop *loop;
	struct bus *bus;
	void (*over)(void *arg); /* an address has been given back: the link is closed, and nothing is touched after this */
	void *arg;
	struct loop_watch socket;
	struct loop_timer timer;
	union {
		struct client v4;
		struct client6 v6;
	};
	char why[80]; /* why there is no lease */
};

/* What DHCP_SOCKET says. Of IPv6: the address of the link, and who this box is (RFC 8415 11). */
struct link_about {
	struct bytes name, mac, local, duid;
	uint32_t device;
	uint8_t family;
};

/* A client that has begun to ask. loop, bus, over and arg are set, the rest is 0. fd stays the caller's when it fails. */
int link_open(struct link *l, const struct link_about *about, int fd);
/* Is it another device, another address, or a client that is about to end? Then it is to be closed first. */
bool link_is_other(const struct link *l, const struct link_about *about);
/* The same device with a fresh socket, for a gh-priv that has come back: it hears of the lease again. */
int link_renew_socket(struct link *l, int fd);
void link_close(struct link *l);

void link_up(struct link *l);     /* the cable is back */
void link_in_use(struct link *l); /* another machine has the address */
void link_release(struct link *l); /* the address is given back; over is called now or soon */

#endif
