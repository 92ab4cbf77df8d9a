/* What gh-conf asks: an upgrade file piece by piece, and the operator's words about slots. */
#include "update.h"

#include "base/err.h"
#include "base/log.h"
#include "slot_image.h"
#include "run/upgrade.h"

#include <stdio.h>

void update_stop(struct update *u)
{
	if (u->is_installing)
		install_fini(&u->install);
	u->is_installing = false;
}

static int begin(struct update *u, struct wire *w, struct buf *out)
{
	unsigned flags = wire_u8(w);

	(void)out;
	if (wire_end(w))
		return ERR_PROTOCOL;
	update_stop(u);
	install_init(&u->install, &u->disk, &u->table, update_trust, u->platform, flags);
	u->is_installing = true;
	return 0;
}

static int feed(struct update *u, struct wire *w, struct buf *out)
{
	uint64_t offset = wire_u64(w);
	struct bytes in = wire_bytes(w);

	if (wire_end(w))
		return ERR_PROTOCOL;
	if (!u->is_installing)
		return ERR_BAD_STATE;
	int rc = install_feed(&u->install, offset, in);
	wire_put_u64(out, u->install.at + buf_len(&u->install.in));
	return rc == ERR_PROTOCOL ? ERR_BAD_STATE : rc;
}

static int verify(struct update *u, struct wire *w, struct buf *out)
{
	char version[IMAGE_VERSION_TEXT];

	if (wire_end(w))
		return ERR_PROTOCOL;
	if (!u->is_installing)
		return ERR_BAD_STATE;
	int rc = install_verify(&u->install);
	if (rc < 0)
		return rc;
	wire_put_u8(out, rc == 0);
	if (rc == 0) {
		image_version_text(&u->install.head.version, version);
		log_info("update.installed", LOG_STR("version", version), LOG_INT("slot", slots_spare(&u->table)));
		update_stop(u);
	}
	return 0;
}

static int stop(struct update *u, struct wire *w, struct buf *out)
{
	(void)out;
	update_stop(u);
	return wire_end(w) ? ERR_PROTOCOL : 0;
}

static const char no_slots[] = "this machine does not run from the image, so that there are no slots: its programs are upgraded as they were installed";

static int (*const ops[UPGRADE_OP_COUNT])(struct update *u, struct wire *w, struct buf *out) = {
	[UPGRADE_BEGIN] = begin, [UPGRADE_FEED] = feed, [UPGRADE_VERIFY] = verify, [UPGRADE_STOP] = stop,
};

int on_update_ask(void *program, struct chan *from, const struct frame *f)
{
	struct update *u = program;
	struct wire w = wire_of(f->body);
	unsigned op = wire_u8(&w);
	struct buf out;

	if (wire_failed(&w) || op >= UPGRADE_OP_COUNT)
		return ERR_PROTOCOL;
	buf_init(&out, 64);
	int rc = u->has_slots ? ops[op](u, &w, &out) : ERR_UNSUPPORTED;
	if (rc != ERR_PROTOCOL) {
		const char *why = !u->has_slots ? no_slots : rc && u->is_installing && u->install.why[0] ? u->install.why : rc ? err_text(rc) : "";
		struct buf *b = chan_begin(from, MSG_UPDATE_ANSWER, f->id);
		wire_put_u32(b, (uint32_t)rc);
		wire_put_str(b, bytes_of(why));
		if (!rc)
			buf_put_bytes(b, buf_bytes(&out));
		(void)chan_end(from); /* without gh-conf nobody waits */
		if (rc)
			log_warn("update.refused", LOG_STR("reason", err_name(rc)), LOG_STR("why", why));
	}
	buf_fini(&out);
	return rc == ERR_PROTOCOL ? rc : 0;
}

/* ---- commands ---- */

static void put_slot(struct update *u, struct proc_ask *ask, unsigned n)
{
	const struct slot_table *t = &u->table;
	const struct slot *s = &t->slots[n];
	char version[IMAGE_VERSION_TEXT], lowest[IMAGE_VERSION_TEXT], name[2] = { (char)('a' + n), 0 };
	unsigned next = SLOTS;

	(void)slots_choose(t, &next); /* none: then none is shown */
	image_version_text(&s->version, version);
	image_version_text(&t->floor, lowest);
	proc_record_begin(ask);
	proc_record_str(ask, "slot", name);
	proc_record_str(ask, "version", s->state == SLOT_EMPTY ? "" : version);
	proc_record_str(ask, "state", s->state == SLOT_READY ? s->is_good ? "good" : "unconfirmed" : slot_state_names[s->state]);
	proc_record_str(ask, "runs", t->booted == n ? "yes" : "no");
	proc_record_str(ask, "next", next == n ? "yes" : "no");
	proc_record_int(ask, "tries", s->tries);
	proc_record_int(ask, "done_kib", (int64_t)s->chunks_done * (IMAGE_CHUNK_BYTES / 1024));
	proc_record_str(ask, "floor", lowest);
	proc_record_end(ask);
}

void cmd_upgrade_status(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct update *u = program;
	char version[IMAGE_VERSION_TEXT], text[120] = "";

	(void)args;
	(void)n;
	if (!u->has_slots) {
		proc_done(ask, 0, no_slots);
		return;
	}
	for (unsigned i = 0; i < SLOTS; i++)
		put_slot(u, ask, i);
	image_version_text(&u->table.failed, version);
	if (u->table.has_failed)
		snprintf(text, sizeof text, "%s did not become healthy on this box", version);
	proc_done(ask, 0, text);
}

static void store(struct update *u, struct proc_ask *ask, const struct slot_table *before, const char *event, const char *text)
{
	int rc = slots_store(&u->disk, &u->table);

	if (rc)
		u->table = *before;
	else
		log_info(event, LOG_INT("slot", u->table.preferred));
	proc_done(ask, rc, rc ? "the slot table cannot be written" : text);
}

/* A failure costs nothing now: what is there starts, and the next start tries again. */
static void renew_boot_files(struct update *u)
{
	unsigned changed = 0;
	int rc = proc_is_appliance(u->proc) ? slot_image_renew(&u->image, &changed) : 0;

	if (rc)
		log_error("update.boot_files.failed", LOG_STR("why", err_text(rc)));
	else if (changed)
		log_info("update.boot_files", LOG_INT("renewed", changed));
}

void cmd_upgrade_confirm(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct update *u = program;
	struct slot_table before = u->table;

	(void)args;
	(void)n;
	if (!u->has_slots) {
		proc_done(ask, ERR_UNSUPPORTED, no_slots);
		return;
	}
	slots_confirm(&u->table);
	store(u, ask, &before, "update.confirmed", "");
	renew_boot_files(u);
}

void cmd_upgrade_rollback(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct update *u = program;
	struct slot_table before = u->table;
	int rc = !u->has_slots ? ERR_UNSUPPORTED : u->is_installing ? ERR_AGAIN : slots_rollback(&u->table);

	(void)args;
	(void)n;
	if (rc)
		proc_done(ask, rc, rc == ERR_UNSUPPORTED ? no_slots : rc == ERR_AGAIN ? "an upgrade is being installed" : rc == ERR_DENIED ? "the other slot is below the security floor"
		                                                                                 : "the other slot has nothing that was ever good");
	else
		store(u, ask, &before, "update.rolled_back", "the other slot boots next: reboot");
}
