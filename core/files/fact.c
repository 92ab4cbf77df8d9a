#include "transfer_impl.h"

#include <string.h>

/* What has come of a file, for the compliance archive (C-MFT-17): gh-im, which has its rules, hears of it and passes it on. Whose the link is
 * is known of the uploader alone: who has a link may get the file (XEP-0363), so a download has the client's address. */

void fact_tell(const struct transfer *t, enum transfer_fact fact, uint64_t moved, const char *detail)
{
	struct files *f = t->files;
	struct chan *to = f->bus ? bus_chan(f->bus, PROG_IM, 0) : NULL;
	char place[SHELF_PLACE_BYTES];

	if (!to)
		return; /* the slot is on record already, in any case (UPLOAD_SLOT) */
	shelf_place(t->slot.hour, t->slot.id, place);
	struct buf *b = chan_begin(to, MSG_UPLOAD_FACT, 0);
	wire_put_u8(b, (uint8_t)fact);
	wire_put_str(b, bytes_of(t->slot.owner));
	wire_put_str(b, bytes_of(t->slot.name));
	wire_put_str(b, bytes_of(t->slot.type));
	wire_put_u64(b, t->slot.size);
	wire_put_u64(b, moved);
	wire_put_str(b, bytes_of(place));
	wire_put_str(b, bytes_of(t->from));
	wire_put_str(b, bytes_of(detail));
	(void)chan_end(to); /* a gh-im that has gone notes nothing */
}
