#include "pep/pep_job.h"

#include "base/err.h"
#include "proto/xmpp.h"
#include "ask.h"
#include "pep/avatar.h"

#include <stdlib.h>

struct pep_job {
	struct user *user; /* pinned */
	struct iq_later *later;
	struct pep_node *gone;
	struct bytes name, result, event;
	uint8_t data[];
};

static struct bytes keep(uint8_t **at, struct bytes v)
{
	struct bytes out = bytes_make(*at, v.n);

	if (v.n)
		memcpy(*at, v.p, v.n);
	*at += v.n;
	return out;
}

struct pep_job *pep_job_new(struct user *u, struct bytes name, struct iq_later *later, struct bytes result, struct bytes event)
{
	struct pep_job *j = calloc(1, sizeof *j + name.n + result.n + event.n);

	if (!j)
		return NULL;
	uint8_t *at = j->data;
	j->user = u;
	j->later = later;
	j->name = keep(&at, name);
	j->result = keep(&at, result);
	j->event = keep(&at, event);
	return j;
}

struct pep_job *pep_job_of(struct pep_ask *a, struct bytes result, struct bytes event)
{
	struct iq_later *l = iq_keep(a->q);
	struct pep_job *j = l ? pep_job_new(a->q->user, a->name, l, result, event) : NULL;

	if (j)
		return j;
	free(l);
	pep_refuse(a, STANZA_RESOURCE_CONSTRAINT, NULL);
	return NULL;
}

void pep_job_take_node(struct pep_job *j, struct pep_node *n)
{
	pep_node_take(j->user, n);
	j->gone = n;
}

static void tell(struct im *im, struct pep_job *j)
{
	const struct pep_node *n = j->gone ? j->gone : pep_node_find(j->user, j->name);

	if (n && j->event.n)
		pep_notify(im, j->user, n, j->event);
	if (bytes_eq_str(j->name, NS_AVATAR_META))
		avatar_changed(im, j->user);
}

static void on_done(struct im *im, struct ask *a, int rc)
{
	struct pep_job *j = a->arg;

	if (!rc && j->later)
		iq_late_result(im, j->later, j->result);
	else if (j->later)
		iq_late_error(im, j->later, rc == ERR_NOT_FOUND ? STANZA_ITEM_NOT_FOUND : STANZA_INTERNAL_SERVER_ERROR);
	if (!rc)
		tell(im, j);
	pep_node_free(j->gone);
	user_unpin(im, j->user);
	free(j);
}

void pep_job_send(struct im *im, struct pep_job *j)
{
	user_pin(j->user);
	ask_send(im, NULL, on_done, j, 0);
}
