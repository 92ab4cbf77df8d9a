/* sip_side.h - our calling side: the one wire to the server under test, and whom we are. */
#ifndef LOAD_SIP_SIDE_H
#define LOAD_SIP_SIDE_H

#include "sip_text.h"
#include "sip_wire.h"

struct sipside {
	struct loop *loop;
	struct sipwire_plan plan;
	struct sipwire wire;
	enum sipwire_kind kind;
	struct sockaddr_in server, local;
	const char *from, *to; /* domains */
	const char *contact;   /* host and port of our Contact in dialogs */
	unsigned users;        /* messages go to user0 .. user(users-1); 0: to one a slot */
	char host[INET_ADDRSTRLEN];
	unsigned port;
};

extern const char *const sipside_text; /* a body of 100 characters */

int sipside_open(struct sipside *s);
void sipside_send(struct sipside *s, struct bytes message);
uint64_t sipside_now_us(void);

#endif
