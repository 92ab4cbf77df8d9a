#include "base/fsm.h"

#include "base/buf.h"
#include "base/err.h"

int fsm_step(const struct fsm *m, uint8_t *state, uint8_t event, void *machine, void *arg)
{
	for (size_t i = 0; i < m->n_rows; i++) {
		const struct fsm_row *r = &m->rows[i];
		if (r->state != *state || r->event != event)
			continue;
		int rc = r->action ? r->action(machine, arg) : 0;
		if (rc < 0)
			return rc;
		*state = r->next;
		return 0;
	}
	return ERR_BAD_STATE;
}

void fsm_print(const struct fsm *m, struct buf *out)
{
	buf_putf(out, "digraph \"%s\" {\n", m->name);
	for (size_t i = 0; i < m->n_rows; i++)
		buf_putf(out, "\t\"%s\" -> \"%s\" [label=\"%s\"];\n", m->state_names[m->rows[i].state],
			 m->state_names[m->rows[i].next], m->event_names[m->rows[i].event]);
	buf_put_str(out, "}\n");
}
