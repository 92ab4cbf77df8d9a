/* gateway/link/enrol.h - an edge gets its certificate from a core's authority: `link enrol` at the edge shows a code, `link join`
 * at the core is given it. The core dials here, too; what comes goes to gh-conf and runs. One at a time. */
#ifndef LINK_ENROL_H
#define LINK_ENROL_H

#include "trunk.h"

#include "run/proc.h"

struct enrolment *enrol_new(struct joint *j);
void enrol_free(struct enrolment *e);

/* Commands. */
void enrol_command(void *joint, struct proc_ask *ask, const struct bytes *args, size_t n);
void enrol_join_command(void *joint, struct proc_ask *ask, const struct bytes *args, size_t n);
/* Messages. */
int enrol_on_keys(void *joint, struct chan *from, const struct frame *f);
int enrol_on_kept(void *joint, struct chan *from, const struct frame *f);
/* gh-keys or gh-conf has gone: what waits for them has failed. */
void enrol_down(struct joint *j);

/* ---- for trunk.c ---- */
/* Edge: is somebody waited for? */
bool enrol_is_open(const struct joint *j);
/* What is presented then while the box has no certificate of links yet; NULL: none. */
struct tls_store *enrol_store(const struct joint *j);
void enrol_secured(struct trunk *t);
void enrol_data(struct trunk *t, struct bytes in);
void enrol_lost(struct trunk *t, const char *why);

#endif
