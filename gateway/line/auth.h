/* auth.h - digest authentication of clients (RFC 3261 22, RFC 7616): each request of a user is challenged, but
 * those on a connection that has proved this user before. gh-im judges. */
#ifndef LINE_AUTH_H
#define LINE_AUTH_H

#include "request.h"

/* Goes on with request_proved (router.h), or answers. */
void auth_begin(struct request *r);
void auth_init(struct line *l);
void auth_second(struct line *l, uint64_t now_ms);
void auth_im_down(struct line *l);
/* A connection has ended, or must prove its user again. */
void auth_flow_gone(struct line *l, uint64_t flow);
/* Is this connection this user's? */
bool auth_is_proved(const struct line *l, uint64_t flow, struct bytes jid);
/* An application password is gone. */
int auth_on_revoked(void *line, struct chan *from, const struct frame *f);
int auth_on_verdict(void *line, struct chan *from, const struct frame *f);

#endif
