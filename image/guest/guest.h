/* guest.h - gh-guest: the guest agent's protocol (QEMU Guest Agent Protocol Reference) for the few commands that a hypervisor's pages need:
 * is it alive, what are its addresses, shut it down. Nothing else is answered: no files, no programs, no passwords, no clock. The
 * hypervisor can do anything with the machine anyway; what it sends is still read within bounds. */
#ifndef IMAGE_GUEST_H
#define IMAGE_GUEST_H

#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>

enum { GUEST_LINE_MAX = 16 << 10, GUEST_OUT_MAX = 256 << 10 };

enum guest_end { GUEST_GOES_ON, GUEST_POWERDOWN, GUEST_REBOOT };

/* What the machine is asked; the test's own in agent_test. */
struct guest_machine {
	/* A new array as guest-network-get-interfaces returns it; NULL: it cannot be told. */
	json_t *(*interfaces)(void);
};

struct guest {
	const struct guest_machine *machine;
	struct buf in;
	bool is_skipping; /* the line is too long: up to its end nothing counts */
	enum guest_end end;
};

/* protocol.c */
void guest_init(struct guest *g, const struct guest_machine *m);
void guest_fini(struct guest *g);
/* The host has gone: half a line of it is forgotten. */
void guest_forget(struct guest *g);
/* Bytes from the host: one JSON object a line; 0xFF begins anew (guest-sync-delimited). Answers are put into out. g->end says whether a
 * shutdown was asked for, which has no answer. */
void guest_input(struct guest *g, struct bytes in, struct buf *out);

/* interfaces.c: of the kernel. */
json_t *guest_interfaces(void);
/* power.c: by the operators' shell, so that it is in the audit trail and all stops in order. False: it does not answer. */
bool guest_power(enum guest_end end);

#endif
