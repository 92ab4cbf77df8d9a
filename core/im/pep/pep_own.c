#include "pep/pep_own.h"

enum { EVENT_BYTES_MAX = 1 << 20, ITEMS_MAX = 1000 };

void pep_own_ask(struct im *im, const struct user *u, struct pep_node *n, struct bytes id, struct bytes publisher, struct bytes payload)
{
	uint32_t keep = pep_kept(im, &n->config);

	if (keep)
		pep_node_set_last(n, id);
	struct buf *b = ask_begin(im, STORE_PEP_PUBLISH);

	wire_put_str(b, user_jid(u));
	wire_put_str(b, pep_node_name(n));
	wire_put_bytes(b, pep_node_state(n));
	wire_put_u32(b, keep);
	wire_put_u64(b, loop_wall_ms(im->loop));
	wire_put_str(b, id);
	wire_put_str(b, publisher);
	wire_put_bytes(b, payload);
}

void pep_put(struct im *im, struct user *u, struct pep_node *n, struct bytes id, struct bytes publisher, struct bytes payload,
	     struct pep_job *j)
{
	pep_own_ask(im, u, n, id, publisher, payload);
	im_stats[STAT_PEP_PUBLISHED]++;
	pep_job_send(im, j);
}

bool pep_own_publish(struct im *im, struct user *u, struct bytes node, const struct pep_config *c, struct bytes id,
		     struct bytes payload)
{
	struct pep_node *n = pep_node_find(u, node);
	struct buf b;

	if (payload.n > im->config.pep_item_bytes || (!n && u->n_nodes >= im->config.pep_nodes))
		return false;
	if (!n && !(n = pep_node_put(u, node, c, BYTES_NONE)))
		return false;
	buf_init(&b, EVENT_BYTES_MAX);
	buf_put_str(&b, "<items");
	xml_write_attr(&b, "node", node);
	buf_put_u8(&b, '>');
	pep_put_item(&b, id, BYTES_NONE, n->config.has_payloads ? payload : BYTES_NONE);
	buf_put_str(&b, "</items>");
	struct pep_job *j = pep_job_new(u, node, NULL, BYTES_NONE, buf_bytes(&b));
	buf_fini(&b);
	if (j)
		pep_put(im, u, n, id, BYTES_NONE, payload, j);
	return j != NULL;
}

void pep_own_retract(struct im *im, struct user *u, struct pep_node *n, struct bytes id)
{
	struct buf b;

	buf_init(&b, EVENT_BYTES_MAX);
	buf_put_str(&b, "<items");
	xml_write_attr(&b, "node", pep_node_name(n));
	buf_put_str(&b, "><retract");
	xml_write_attr(&b, "id", id);
	buf_put_str(&b, "/></items>");
	struct pep_job *j = pep_job_new(u, pep_node_name(n), NULL, BYTES_NONE, n->config.tells_retract ? buf_bytes(&b) : BYTES_NONE);
	buf_fini(&b);
	if (!j)
		return;
	struct buf *ask = ask_begin(im, STORE_PEP_RETRACT);
	wire_put_str(ask, user_jid(u));
	wire_put_str(ask, pep_node_name(n));
	wire_put_str(ask, id);
	if (n->last && bytes_eq_str(id, n->last))
		pep_node_set_last(n, BYTES_NONE);
	pep_job_send(im, j);
}

void pep_own_read(struct im *im, const struct user *u, struct bytes node, struct bytes id, ask_item_fn item, ask_done_fn done,
		  void *arg)
{
	struct buf *b = ask_begin(im, STORE_PEP_ITEMS);

	wire_put_str(b, user_jid(u));
	wire_put_str(b, node);
	wire_put_u8(b, id.n ? STORE_PEP_IDS : STORE_PEP_BEFORE);
	wire_put_u32(b, ITEMS_MAX);
	wire_put_u32(b, PEP_RESULT_BYTES);
	if (id.n)
		wire_put_u16(b, 1);
	wire_put_str(b, id);
	ask_send_free(im, item, done, arg, 0);
}
