/* cpim.h - message/cpim (RFC 3862): a message with its own From, To and time, around a MIME part; and the
 * headers of disposition notification in it (RFC 5438). Pure. */
#ifndef XLATE_CPIM_H
#define XLATE_CPIM_H

#include "base/buf.h"
#include "mime.h"

#define CPIM_NS_IMDN "urn:ietf:params:imdn"

enum cpim_disposition { CPIM_DELIVERY = 1 << 0, CPIM_NEGATIVE_DELIVERY = 1 << 1, CPIM_DISPLAY = 1 << 2, CPIM_PROCESSING = 1 << 3 };

struct cpim {
	struct bytes from, to;     /* URIs; empty: absent */
	struct bytes from_name;    /* display name, without quotes */
	struct bytes date_time;    /* RFC 3339; empty: absent */
	struct bytes subject, subject_lang;
	struct bytes require;      /* header names that must be understood (RFC 3862 4.6); empty: none */
	struct bytes message_id;   /* imdn.Message-ID; empty: absent */
	unsigned disposition;      /* enum cpim_disposition that imdn.Disposition-Notification asks for */
	struct bytes content_type; /* of the part inside */
	struct bytes content_disposition;
	struct bytes content_encoding; /* Content-Transfer-Encoding or Content-Encoding; empty: none */
	struct bytes content;
};

/* Views into `in`. ERR_SYNTAX; ERR_LIMIT. Escapes in header values stay (cpim_put_text undoes them). */
int cpim_read(struct bytes in, struct cpim *out);
/* A header's value without \-escapes (RFC 3862 2.3), appended. */
void cpim_put_text(struct buf *out, struct bytes value);

/* Appends the whole. from, to: URIs. Empty fields are left out. */
void cpim_write(struct buf *out, const struct cpim *c);

#endif
