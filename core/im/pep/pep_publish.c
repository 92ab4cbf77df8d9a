/* Items come and go: publish, retract, purge (XEP-0060 7.1, 7.2, 8.5). */
#include "pep/pep.h"

#include "base/err.h"
#include "base/random.h"
#include "proto/xmpp.h"
#include "ask.h"
#include "pep/pep_form.h"
#include "pep/pep_own.h"

enum { ID_RANDOM = 32 };

struct wish {
	const struct xml_node *item;
	struct bytes id, publisher;
	struct buf payload;
	char made_id[ID_RANDOM + 1];
};

void pep_put_item(struct buf *b, struct bytes id, struct bytes publisher, struct bytes payload)
{
	buf_put_str(b, "<item");
	xml_write_attr(b, "id", id);
	if (publisher.n)
		xml_write_attr(b, "publisher", publisher);
	if (!payload.n) {
		buf_put_str(b, "/>");
		return;
	}
	buf_put_u8(b, '>');
	buf_put_bytes(b, payload);
	buf_put_str(b, "</item>");
}

static bool may_publish(const struct pep_ask *a)
{
	struct jid from = jid_of_normal(a->q->it->e.from);

	if (a->q->who == IQ_SELF)
		return true;
	uint8_t affiliation = a->node ? pep_people_find(a->node->people, jid_bare(&from)).affiliation : PEP_NONE;
	return affiliation == PEP_PUBLISHER || affiliation == PEP_OWNER;
}

/* ---- the node: what the options say it must be, or will be ---- */

static const struct xml_node *form_of(const struct pep_ask *a)
{
	return xml_child(a->options, "x", NS_DATA);
}

static bool check_options(struct pep_ask *a)
{
	enum pep_form_error e = form_of(a) ? pep_form_matches(form_of(a), &a->im->arena, &a->node->config) : PEP_FORM_OK;

	if (e) /* 7.1.5 */
		pep_refuse(a, STANZA_CONFLICT, "precondition-not-met");
	return !e;
}

static bool make_node(struct pep_ask *a)
{
	struct user *u = a->q->user;
	struct pep_config c = pep_default;

	if (u->n_nodes >= a->im->config.pep_nodes) {
		pep_refuse(a, STANZA_CONFLICT, "max-nodes-exceeded");
		return false;
	}
	if (form_of(a) && pep_form_read(form_of(a), &a->im->arena, &c)) {
		pep_refuse(a, STANZA_CONFLICT, "precondition-not-met");
		return false;
	}
	a->node = pep_node_put(u, a->name, &c, BYTES_NONE);
	if (!a->node)
		pep_refuse(a, STANZA_RESOURCE_CONSTRAINT, NULL);
	return a->node != NULL;
}

/* ---- the item ---- */

/* 7.1.3. false: refused. */
static bool read_item(struct pep_ask *a, struct wish *w)
{
	w->item = xml_first(a->verb);
	if (!xml_is(w->item, "item", NS_PUBSUB)) {
		pep_refuse(a, STANZA_BAD_REQUEST, "item-required");
		return false;
	}
	if (xml_next(w->item)) {
		pep_refuse(a, STANZA_NOT_ALLOWED, "max-items-exceeded");
		return false;
	}
	w->id = xml_attr(w->item, "id");
	if (!w->id.n) {
		random_hex(w->made_id, ID_RANDOM);
		w->id = bytes_of(w->made_id);
	}
	const struct xml_node *payload = xml_first(w->item);
	if (payload && (xml_next(payload) || !*payload->ns)) {
		pep_refuse(a, STANZA_BAD_REQUEST, "invalid-payload");
		return false;
	}
	if (payload)
		xml_write(&w->payload, payload, "");
	if (w->id.n > PEP_NAME_MAX || buf_failed(&w->payload)) {
		pep_refuse(a, STANZA_NOT_ACCEPTABLE, "payload-too-big");
		return false;
	}
	return true;
}

static void put_items_event(struct buf *b, const struct pep_ask *a, const struct wish *w)
{
	buf_put_str(b, "<items");
	xml_write_attr(b, "node", a->name);
	buf_put_u8(b, '>');
	pep_put_item(b, w->id, w->publisher, a->node->config.has_payloads ? buf_bytes(&w->payload) : BYTES_NONE);
	buf_put_str(b, "</items>");
}

static void publish(struct pep_ask *a, struct wish *w)
{
	struct jid from = jid_of_normal(a->q->it->e.from);
	struct buf *result = &a->im->out2, event;

	if (!read_item(a, w) || !(a->node ? check_options(a) : make_node(a)))
		return;
	w->publisher = a->q->who == IQ_SELF ? BYTES_NONE : jid_bare(&from);
	buf_clear(result);
	buf_put_str(result, "<pubsub xmlns='" NS_PUBSUB "'><publish");
	xml_write_attr(result, "node", a->name);
	buf_put_u8(result, '>');
	pep_put_item(result, w->id, BYTES_NONE, BYTES_NONE);
	buf_put_str(result, "</publish></pubsub>");
	buf_init(&event, 1 << 20);
	put_items_event(&event, a, w);
	struct pep_job *j = pep_job_of(a, buf_bytes(result), buf_bytes(&event));
	buf_fini(&event);
	if (j)
		pep_put(a->im, a->q->user, a->node, w->id, w->publisher, buf_bytes(&w->payload), j);
}

void pep_publish(struct pep_ask *a)
{
	struct wish w = { .item = NULL };

	if (!may_publish(a)) {
		/* Whom nothing was shown learns no more now. */
		pep_refuse(a, a->node || user_contact(a->q->user, a->q->it->e.from) ? STANZA_FORBIDDEN : STANZA_SERVICE_UNAVAILABLE, NULL);
		return;
	}
	if (!a->name.n) {
		pep_refuse(a, STANZA_BAD_REQUEST, "nodeid-required");
		return;
	}
	buf_init(&w.payload, a->im->config.pep_item_bytes);
	publish(a, &w);
	buf_fini(&w.payload);
}

/* ---- retract, purge ---- */

static bool is_true(struct bytes v)
{
	return bytes_eq_str(v, "1") || bytes_eq_str(v, "true");
}

void pep_retract(struct pep_ask *a)
{
	const struct xml_node *item = xml_first(a->verb);
	struct bytes id = xml_attr(item, "id"), notify = xml_attr(a->verb, "notify");
	struct buf *event = &a->im->out2;

	if (!may_publish(a)) {
		pep_refuse(a, STANZA_FORBIDDEN, NULL);
		return;
	}
	if (!xml_is(item, "item", NS_PUBSUB) || xml_next(item) || !id.n || id.n > PEP_NAME_MAX) {
		pep_refuse(a, STANZA_BAD_REQUEST, "item-required");
		return;
	}
	if (!a->node->config.is_persistent) {
		pep_refuse_unsupported(a, "persistent-items");
		return;
	}
	buf_clear(event);
	if (notify.n ? is_true(notify) : a->node->config.tells_retract) { /* 7.2.2.1 */
		buf_put_str(event, "<items");
		xml_write_attr(event, "node", a->name);
		buf_put_str(event, "><retract");
		xml_write_attr(event, "id", id);
		buf_put_str(event, "/></items>");
	}
	struct pep_job *j = pep_job_of(a, BYTES_NONE, buf_bytes(event));
	if (!j)
		return;
	if (a->node->last && bytes_eq_str(id, a->node->last))
		pep_node_set_last(a->node, BYTES_NONE);
	struct buf *b = ask_begin(a->im, STORE_PEP_RETRACT);
	wire_put_str(b, user_jid(a->q->user));
	wire_put_str(b, a->name);
	wire_put_str(b, id);
	pep_job_send(a->im, j);
}

void pep_purge(struct pep_ask *a)
{
	struct buf *event = &a->im->out2;

	if (!a->node->config.is_persistent) {
		pep_refuse_unsupported(a, "persistent-items");
		return;
	}
	buf_clear(event);
	if (a->node->config.tells_retract) {
		buf_put_str(event, "<purge");
		xml_write_attr(event, "node", a->name);
		buf_put_str(event, "/>");
	}
	struct pep_job *j = pep_job_of(a, BYTES_NONE, buf_bytes(event));
	if (!j)
		return;
	pep_node_set_last(a->node, BYTES_NONE);
	struct buf *b = ask_begin(a->im, STORE_PEP_PURGE);
	wire_put_str(b, user_jid(a->q->user));
	wire_put_str(b, a->name);
	pep_job_send(a->im, j);
}
