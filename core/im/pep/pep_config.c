/* Nodes are made, configured and deleted (XEP-0060 8.1 to 8.4). */
#include "pep/pep.h"

#include "base/err.h"
#include "base/random.h"
#include "proto/xmpp.h"
#include "ask.h"
#include "pep/pep_form.h"
#include "pep/pep_job.h"

enum { ID_RANDOM = 16 };

static void put_state(struct im *im, const struct user *u, const struct pep_node *n)
{
	struct buf *b = ask_begin(im, STORE_PEP_NODE_PUT);

	wire_put_str(b, user_jid(u));
	wire_put_str(b, pep_node_name(n));
	wire_put_bytes(b, pep_node_state(n));
	wire_put_u32(b, pep_kept(im, &n->config));
}

/* false: refused. */
static bool read_form(struct pep_ask *a, const struct xml_node *x, struct pep_config *c)
{
	enum pep_form_error e = !x ? PEP_FORM_OK : !pep_form_is(x, NS_PUBSUB_CONFIG) ? PEP_FORM_BAD : pep_form_read(x, &a->im->arena, c);

	if (e)
		pep_refuse(a, e == PEP_FORM_REFUSED ? STANZA_NOT_ACCEPTABLE : STANZA_BAD_REQUEST, NULL);
	return !e;
}

void pep_create(struct pep_ask *a)
{
	struct user *u = a->q->user;
	struct pep_config c = pep_default;
	struct buf *b = &a->im->out2;
	char made[ID_RANDOM + 1];

	if (a->node) {
		pep_refuse(a, STANZA_CONFLICT, NULL);
		return;
	}
	if (u->n_nodes >= a->im->config.pep_nodes) {
		pep_refuse(a, STANZA_CONFLICT, "max-nodes-exceeded");
		return;
	}
	if (!read_form(a, xml_child(a->options, "x", NS_DATA), &c))
		return;
	bool is_instant = !a->name.n;
	if (is_instant) { /* 8.1.2 */
		random_hex(made, ID_RANDOM);
		a->name = bytes_of(made);
	}
	a->node = pep_node_put(u, a->name, &c, BYTES_NONE);
	if (!a->node) {
		pep_refuse(a, STANZA_RESOURCE_CONSTRAINT, NULL);
		return;
	}
	buf_clear(b);
	buf_put_str(b, "<pubsub xmlns='" NS_PUBSUB "'><create");
	xml_write_attr(b, "node", a->name);
	buf_put_str(b, "/></pubsub>");
	struct pep_job *j = pep_job_of(a, is_instant ? buf_bytes(b) : BYTES_NONE, BYTES_NONE);
	if (!j)
		return;
	put_state(a->im, u, a->node);
	pep_job_send(a->im, j);
}

void pep_delete(struct pep_ask *a)
{
	struct buf *event = &a->im->out2;

	buf_clear(event);
	if (a->node->config.tells_delete) {
		buf_put_str(event, "<delete");
		xml_write_attr(event, "node", a->name);
		buf_put_str(event, "/>");
	}
	struct pep_job *j = pep_job_of(a, BYTES_NONE, buf_bytes(event));
	if (!j)
		return;
	struct buf *b = ask_begin(a->im, STORE_PEP_NODE_DEL);
	wire_put_str(b, user_jid(a->q->user));
	wire_put_str(b, a->name);
	pep_job_take_node(j, a->node);
	pep_job_send(a->im, j);
}

static void answer_form(struct pep_ask *a, const char *verb, const struct pep_config *c)
{
	struct buf *b = &a->im->out2;

	buf_clear(b);
	buf_putf(b, "<pubsub xmlns='" NS_PUBSUB_OWNER "'><%s", verb);
	if (a->name.n)
		xml_write_attr(b, "node", a->name);
	buf_put_u8(b, '>');
	pep_form_write(b, c, "form");
	buf_putf(b, "</%s></pubsub>", verb);
	iq_result(a->im, a->q, buf_bytes(b));
}

void pep_get_config(struct pep_ask *a)
{
	answer_form(a, "configure", &a->node->config);
}

void pep_get_default(struct pep_ask *a)
{
	answer_form(a, "default", &pep_default);
}

void pep_set_config(struct pep_ask *a)
{
	const struct xml_node *x = xml_child(a->verb, "x", NS_DATA);
	struct pep_config c = a->node->config;
	struct buf *event = &a->im->out2;

	if (!x) {
		pep_refuse(a, STANZA_BAD_REQUEST, NULL);
		return;
	}
	if (bytes_eq_str(xml_attr(x, "type"), "cancel")) {
		iq_result(a->im, a->q, BYTES_NONE);
		return;
	}
	if (!read_form(a, x, &c))
		return;
	struct pep_node *n = pep_node_put(a->q->user, a->name, &c, a->node->people);
	if (!n) {
		pep_refuse(a, STANZA_RESOURCE_CONSTRAINT, NULL);
		return;
	}
	buf_clear(event);
	if (n->config.tells_config) {
		buf_put_str(event, "<configuration");
		xml_write_attr(event, "node", a->name);
		buf_put_str(event, "/>");
	}
	struct pep_job *j = pep_job_of(a, BYTES_NONE, buf_bytes(event));
	if (!j)
		return;
	put_state(a->im, a->q->user, n);
	pep_job_send(a->im, j);
}

bool pep_save(struct pep_ask *a, const struct pep_node *n, struct bytes result)
{
	struct pep_job *j = pep_job_of(a, result, BYTES_NONE);

	if (!j)
		return false;
	put_state(a->im, a->q->user, n);
	pep_job_send(a->im, j);
	return true;
}
