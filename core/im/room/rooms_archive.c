/* The archives of rooms (XEP-0313): what the machine says goes beside people's, and questions are answered as theirs are. */
#include "room/rooms_impl.h"

#include "proto/xmpp.h"
#include "archive/archive.h"
#include "archive/archive_query.h"
#include "session.h"

static struct im *im_of(void *arg)
{
	return ((struct rooms_service *)arg)->im;
}

_Static_assert((int)ROOM_ID_MAX >= (int)ARCHIVE_ID_CHARS, "an id of the archive is one of a room");

void rooms_name(void *arg, char out[static ROOM_ID_MAX + 1])
{
	archive_room_name(im_of(arg), out);
}

void rooms_said(void *arg, const struct room *r, const struct envelope *e, struct bytes id)
{
	archive_room(im_of(arg), room_jid_of(r), e, id);
}

void rooms_query(void *arg, const struct room_in *in)
{
	struct im *im = im_of(arg);
	struct item it = { .e = { .kind = in->kind, .type = in->type, .from = in->from, .to = in->to, .sid = in->sid } };
	struct iq q = { .it = &it, .child = xml_first(in->node), .session = session_by_full(im, in->from), .who = IQ_OTHER,
			.is_set = in->type == TYPE_SET };

	if (xml_is(q.child, "metadata", NS_MAM))
		archive_metadata(im, &q);
	else if (q.is_set)
		archive_query(im, &q);
	else
		archive_form_get(im, &q);
}
