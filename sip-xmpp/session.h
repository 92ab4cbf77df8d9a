/* session.h - chat sessions between an XMPP user and a SIP user (RFC 7573): a SIP dialog whose messages travel
 * over MSRP, or, with Lync and its kin, as MESSAGE requests in the dialog. Rows of service_features.c. */
#ifndef XLATE_SESSION_H
#define XLATE_SESSION_H

#include "request_in.h"
#include "stanza_in.h"

struct feature;
extern const struct feature session_feature;

/* False: not in a session, page mode's. */
bool session_on_invite(struct xlate *x, struct request_in *r);
bool session_on_ack(struct xlate *x, struct request_in *r);
bool session_on_bye(struct xlate *x, struct request_in *r);
bool session_on_update(struct xlate *x, struct request_in *r);
bool session_on_info(struct xlate *x, struct request_in *r);
bool session_on_message(struct xlate *x, struct request_in *r);
bool session_on_stanza(struct xlate *x, struct stanza_in *s);
bool session_on_error(struct xlate *x, struct stanza_in *s);

/* Of the bus: chat media that gh-sip carries. */
int session_on_msrp_opened(void *x, struct chan *from, const struct frame *f);
int session_on_msrp_frame(void *x, struct chan *from, const struct frame *f);
int session_on_msrp_close(void *x, struct chan *from, const struct frame *f);
void session_down(struct xlate *x, enum prog p);

#endif
