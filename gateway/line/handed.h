/* handed.h - clients whose TLS ended at gh-proxy, of this box or of an edge (mra.md M-09): a connection like others, by a pair of
 * sockets. */
#ifndef LINE_HANDED_H
#define LINE_HANDED_H

#include "line.h"
#include "net/handed.h"

int handed_on_stream(void *line, struct chan *from, const struct frame *f);
/* NULL: its TLS, or TCP, ends here. */
const struct handed *handed_of(const struct line *l, uint64_t flow);
void handed_flow_gone(struct line *l, uint64_t flow);

#endif
