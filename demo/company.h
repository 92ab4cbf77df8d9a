/* company.h - one company of the demo: a domain, a gateway with its own folder, an authority of its
 * own, two people. */
#ifndef DEMO_COMPANY_H
#define DEMO_COMPANY_H

#include "child.h"
#include "chat.h"

enum { COMPANY_USERS = 2, COMPANY_PATH = 512 };

struct company {
	const char *name, *domain, *addr;
	const char *users[COMPANY_USERS];
	unsigned uid_base;
	uint16_t c2s, c2s_tls, s2s, s2s_tls, web;
	char folder[256];      /* state, run, files */
	char bin[256];         /* where the programs are */
	char password[20];     /* of both, made for this run */
	char why[1024];        /* what went wrong */
	struct child gateway;
};

/* Ports, folder, authority, certificate. ERR_*: c->why. */
int company_prepare(struct company *c);
/* Starts the gateway and waits until it answers, then sets it up: certificate, listeners, the
 * partner (whose authority's file exists already), accounts. */
int company_start(struct company *c, const struct company *partner, uint16_t dns_port);
void company_stop(struct company *c);
bool company_is_running(struct company *c);
void company_login(const struct company *c, unsigned user, struct chat_login *out, char ca_path[static COMPANY_PATH]);
/* How the stream with the partner is protected and its domain proved, as `show federation` says. */
struct company_proof {
	char tls[32], cipher[64], proof[32];
};
void company_proof(struct company *c, const struct company *partner, struct company_proof *out);

#endif
