/* What an operator sees and does of rooms. */
#include "room/rooms_impl.h"

#include "base/err.h"
#include "base/log.h"

static void record(struct proc_ask *ask, const struct room_facts *f)
{
	proc_record_begin(ask);
	proc_record_text(ask, "room", f->jid);
	proc_record_text(ask, "name", f->name);
	proc_record_int(ask, "occupants", f->occupants);
	proc_record_int(ask, "listed", f->affiliates);
	proc_record_str(ask, "kept", f->is_persistent ? "persistent" : "ad-hoc");
	proc_record_str(ask, "found", f->is_public ? "public" : "hidden");
	proc_record_str(ask, "entry", f->has_password ? "password" : f->is_members_only ? "members" : "open");
	proc_record_str(ask, "voice", f->is_moderated ? "moderated" : "all");
	proc_record_text(ask, "creator", f->creator);
	proc_record_end(ask);
}

void rooms_show(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct im *im = program;
	size_t at = 0;

	for (const struct rooms_service *s; (s = map_next(&im->rooms->services, &at));) {
		struct room_facts f;
		if (n && !bytes_eq(args[0], bytes_make(s->name, s->name_n)))
			continue;
		for (size_t in = 0; room_service_next(&s->machine, &in, &f);)
			record(ask, &f);
	}
	proc_done(ask, 0, "");
}

/* The machine of the room that is named, and its address in normal form in the arena. */
static struct rooms_service *service_of(struct im *im, struct bytes text, struct bytes *room)
{
	struct jid j;

	if (jid_parse(text, &im->arena, &j) || !j.local_n)
		return NULL;
	*room = jid_bare(&j);
	return rooms_find(im, jid_domain(&j));
}

static void done(struct im *im, struct proc_ask *ask, int rc, const char *none)
{
	struct rooms_hold *h = im->rooms->hold;

	im->rooms->hold = NULL;
	if (h)
		rooms_hold_close(im, h);
	proc_done(ask, rc, rc ? none : "");
	arena_reset(&im->arena);
}

void rooms_destroy(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct im *im = program;
	struct bytes room;
	struct rooms_service *s = n ? service_of(im, args[0], &room) : NULL;
	int rc = s ? room_service_destroy(&s->machine, room, BYTES("Closed by the administrator")) : ERR_NOT_FOUND;

	if (!rc)
		log_info("im.room.destroyed", LOG_BYTES("room", room));
	done(im, ask, rc, "there is no such room");
}

void rooms_kick(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct im *im = program;
	struct bytes room, nick;
	struct rooms_service *s = n > 1 ? service_of(im, args[0], &room) : NULL;
	int rc = s && !jid_parse_resource(args[1], &im->arena, &nick) ? room_service_kick(&s->machine, room, nick, &im->arena) : ERR_NOT_FOUND;

	done(im, ask, rc, "there is no such room, or nobody in it has this nickname");
}
