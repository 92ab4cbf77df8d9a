/* pep_job.h - a change to a node on its way to disk: then the asker gets its answer, and the others their event. */
#ifndef IM_PEP_JOB_H
#define IM_PEP_JOB_H

#include "pep/pep.h"

struct pep_job;
/* later: NULL when nobody asked. result: of the answer; event: what stands in <event/>, empty for none. Both are copied.
 * NULL without memory (then later is the caller's still). */
struct pep_job *pep_job_new(struct user *u, struct bytes name, struct iq_later *later, struct bytes result, struct bytes event);
/* Of a request; has refused it when NULL comes back. */
struct pep_job *pep_job_of(struct pep_ask *a, struct bytes result, struct bytes event);
/* The node has been taken out of its user: it is told to those who saw it, then freed. */
void pep_job_take_node(struct pep_job *j, struct pep_node *n);
/* Sends the ask that was begun with ask_begin. */
void pep_job_send(struct im *im, struct pep_job *j);

#endif
