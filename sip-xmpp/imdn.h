/* imdn.h - message/imdn+xml: what became of a message (RFC 5438 7.2). Pure. */
#ifndef XLATE_IMDN_H
#define XLATE_IMDN_H

#include "base/arena.h"
#include "base/buf.h"
#include "proto/xml.h"

enum imdn_status {
	IMDN_DELIVERED, IMDN_DISPLAYED, IMDN_FAILED, IMDN_ERROR, IMDN_FORBIDDEN,
	IMDN_PROCESSED, IMDN_STORED, IMDN_STATUS_COUNT
};
struct imdn {
	enum imdn_status status;
	struct bytes message_id; /* the imdn.Message-ID that it is about */
	struct bytes date_time;  /* of the original */
	struct bytes recipient;  /* recipient-uri */
};

/* Views into the arena. ERR_XML_*, ERR_SYNTAX (not a notification that can be understood), ERR_NOMEM. */
int imdn_read(struct bytes in, struct arena *a, struct imdn *out);
void imdn_write(struct buf *out, const struct imdn *i);
/* May it be told as delivered, displayed? The others are failures or of no interest. */
static inline bool imdn_is_failure(const struct imdn *i)
{
	return i->status == IMDN_FAILED || i->status == IMDN_ERROR || i->status == IMDN_FORBIDDEN;
}

#endif
