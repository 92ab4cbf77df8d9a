#include "adhoc/adhoc_run.h"

#include "base/err.h"

int adhoc_audit(struct im *im, struct bytes by, const char *command, struct bytes what)
{
	struct chan *c = bus_chan(im->bus, PROG_CONF, 0);

	if (!c)
		return ERR_AGAIN;
	struct buf *b = chan_begin(c, MSG_AUDIT, 0);
	wire_put_str(b, by);
	wire_put_str(b, bytes_of(command));
	wire_put_str(b, what);
	return chan_end(c) ? ERR_AGAIN : 0;
}
