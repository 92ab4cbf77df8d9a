#include "transfer_impl.h"

#include "base/err.h"

void transfer_label(const struct transfer *t, struct shelf_label *out)
{
	*out = (struct shelf_label){ .size = t->slot.size, .created_s = loop_wall_ms(t->files->loop) / 1000 };
	memcpy(out->owner, t->slot.owner, sizeof out->owner);
	memcpy(out->type, t->slot.type, sizeof out->type);
	memcpy(out->name, t->slot.name, sizeof out->name);
}

void transfer_keep(struct transfer *t)
{
	struct files *f = t->files;
	struct upload_answer a = { .status = 201 };
	struct shelf_label label;
	char place[SHELF_PLACE_BYTES];

	transfer_label(t, &label);
	shelf_place(t->slot.hour, t->slot.id, place);
	int rc = shelf_keep(&f->shelf, &t->draft, place, &label);
	if (!rc)
		quota_add(f, t->owner, label.size);
	t->state = STATE_ENDING;
	transfer_leave_quota(t);
	if (rc) {
		f->stats[STAT_IO] += rc != ERR_EXISTS && rc != ERR_FULL;
		log_error("files.keep.failed", LOG_STR("reason", err_name(rc)), LOG_STR("user", t->slot.owner));
		transfer_refuse(t, rc == ERR_FULL ? 507 : rc == ERR_EXISTS ? 409 : 500, "the file could not be kept");
		return;
	}
	f->stats[STAT_UPLOADS]++;
	fact_tell(t, t->is_unscanned ? TRANSFER_UNSCANNED : TRANSFER_PUT, label.size, "");
	log_info("files.uploaded", LOG_STR("user", label.owner), LOG_STR("file", place + 12), LOG_INT("size", label.size));
	transfer_send_answer(t, &a);
	transfer_end(t);
}

void transfer_take(struct transfer *t, struct bytes in)
{
	int rc = in.n > t->left ? ERR_PROTOCOL : draft_write(&t->draft, in);

	if (rc == ERR_PROTOCOL) {
		transfer_drop(t);
		return;
	}
	if (rc) {
		t->state = STATE_ENDING;
		shelf_drop(&t->files->shelf, &t->draft);
		t->files->stats[STAT_IO] += rc != ERR_FULL;
		log_error("files.write.failed", LOG_STR("reason", err_name(rc)));
		transfer_refuse(t, rc == ERR_FULL ? 507 : 500, "the disk does not take it");
		return;
	}
	t->left -= in.n;
	t->files->stats[STAT_UPLOAD_BYTES] += in.n;
	rate_charge(&t->files->in, in.n, loop_now(t->files->loop));
	if (t->left == 0)
		transfer_scan(t);
	else if (transfer_rests(t, &t->files->in))
		link_pause(&t->link, true);
}

struct refusal {
	int status;
	const char *why;
};

/* Does this PUT fit its slot? status 0: it does. */
static struct refusal judge(struct transfer *t, const struct upload_ask *ask)
{
	struct files *f = t->files;
	const struct slot *s = &t->slot;
	char place[SHELF_PLACE_BYTES];

	if (s->kind != SLOT_FILL)
		return (struct refusal){ 405, "files are fetched from here" };
	if (loop_wall_ms(f->loop) / 1000 > s->until_s)
		return (struct refusal){ 410, "this slot has expired" };
	shelf_place(s->hour, s->id, place);
	if (shelf_has(&f->shelf, place))
		return (struct refusal){ 409, "this slot is used" };
	if (ask->size != s->size)
		return (struct refusal){ ask->size > s->size ? 413 : 400, "Content-Length is not the size of the slot" };
	if (s->type[0] && ask->type.n && !bytes_eq_nocase(ask->type, bytes_of(s->type)))
		return (struct refusal){ 415, "Content-Type is not that of the slot" };
	return (struct refusal){ 0, NULL };
}

/* Room for it, and a draft. */
static struct refusal begin(struct transfer *t)
{
	struct files *f = t->files;
	struct owner *o = quota_owner(f, bytes_of(t->slot.owner));
	int rc = o ? quota_enter(f, o, t->slot.size) : ERR_NOMEM;

	if (!rc) {
		t->owner = o;
		rc = shelf_begin(&f->shelf, t->slot.id, &t->draft);
	}
	switch (rc) {
	case 0:
		return (struct refusal){ 0, NULL };
	case ERR_EXISTS:
		return (struct refusal){ 409, "this slot is being used" };
	case ERR_LIMIT:
		return (struct refusal){ 429, "so many uploads at a time are too many" };
	case ERR_FULL:
		return (struct refusal){ 507, "there is no room for it" };
	case ERR_AGAIN:
		return (struct refusal){ f->is_counted ? 507 : 503, "there is no room for it now" };
	default:
		f->stats[STAT_IO]++;
		log_error("files.begin.failed", LOG_STR("reason", err_name(rc)));
		return (struct refusal){ 500, "the file cannot be taken" };
	}
}

void transfer_begin_in(struct transfer *t, const struct upload_ask *ask)
{
	static const struct upload_answer go_on = { .status = 100 };
	struct refusal r = judge(t, ask);

	if (!r.status)
		r = begin(t);
	if (r.status) {
		transfer_refuse(t, r.status, r.why);
		return;
	}
	t->left = t->slot.size;
	t->state = STATE_IN;
	transfer_send_answer(t, &go_on);
}
