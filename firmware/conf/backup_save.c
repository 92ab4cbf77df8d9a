/* backup save: our parts, then keys, then people's data; each sealed by gh-keys and given to the operator. */
#include "base/err.h"
#include "base/log.h"
#include "conf.h"
#include "run/version.h"

#include <stdio.h>

static void undo(struct conf *c)
{
	struct buf *b = chan_begin(bus_chan(c->bus, PROG_KEYS, 0), MSG_BACKUP_ASK, bus_next_id(c->bus));

	wire_put_u8(b, BACKUP_FORGET);
	(void)chan_end(bus_chan(c->bus, PROG_KEYS, 0)); /* who has gone has forgotten */
	b = chan_begin(bus_chan(c->bus, PROG_STORE, 0), MSG_BACKUP_ASK, bus_next_id(c->bus));
	wire_put_u8(b, BACKUP_DROP);
	(void)chan_end(bus_chan(c->bus, PROG_STORE, 0)); /* likewise */
	backup_fini(&c->backup);
}

static void go_on(struct conf *c, struct oper *o);

static void on_sealed(struct conf *c, struct oper *o, struct wire *answer)
{
	struct bytes piece = wire_raw(answer, wire_left(answer));

	c->backup.bytes += piece.n;
	transfer_give(c, o, c->backup.file, piece, go_on);
}

static void on_sealed_end(struct conf *c, struct oper *o, struct wire *answer)
{
	struct bytes piece = wire_raw(answer, wire_left(answer));
	char text[200];

	oper_file(o, c->backup.file, piece);
	log_info("conf.backup.saved", LOG_STR("by", o->by), LOG_INT("generation", c->store.generation),
	         LOG_INT("bytes", c->backup.bytes + piece.n), LOG_INT("people", c->backup.has_store));
	snprintf(text, sizeof text, "%s: keep its password apart from it", c->backup.file);
	backup_fini(&c->backup);
	transfer_end(c, o, 0, text);
}

static void ask_end(struct conf *c)
{
	(void)transfer_ask(c, MSG_BACKUP_ASK, PROG_KEYS, BACKUP_SEAL_END, on_sealed_end);
	transfer_sent(c);
}

static void seal(struct conf *c, enum backup_section section, struct bytes piece)
{
	struct buf *b = transfer_ask(c, MSG_BACKUP_ASK, PROG_KEYS, BACKUP_SEAL_PIECE, on_sealed);

	wire_put_u8(b, (uint8_t)section);
	wire_put_bytes(b, piece);
	transfer_sent(c);
}

/* ---- people's data ---- */

static void ask_store(struct conf *c);

static void on_store_piece(struct conf *c, struct oper *o, struct wire *answer)
{
	unsigned state = wire_u8(answer);
	struct bytes piece = wire_bytes(answer);

	if (wire_end(answer))
		transfer_end(c, o, ERR_PROTOCOL, "gh-store's answer is malformed");
	else if (state == BACKUP_WHOLE)
		ask_end(c);
	else if (piece.n == 0)
		ask_store(c); /* the copy is being made */
	else
		seal(c, BACKUP_STORE, piece);
}

static void ask_store(struct conf *c)
{
	(void)transfer_ask(c, MSG_BACKUP_ASK, PROG_STORE, BACKUP_READ, on_store_piece);
	transfer_sent(c);
}

static void on_store_begun(struct conf *c, struct oper *o, struct wire *answer)
{
	(void)o;
	(void)answer;
	ask_store(c);
}

/* ---- the order ---- */

enum { AT_KEYS = BACKUP_PARTS, AT_STORE, AT_STORE_PIECES };

/* What was sealed has been given: what comes next? */
static void go_on(struct conf *c, struct oper *o)
{
	struct backup *b = &c->backup;

	(void)o;
	while (b->part < BACKUP_PARTS && b->at == buf_len(&b->parts[b->part])) {
		b->part++;
		b->at = 0;
	}
	if (b->part < BACKUP_PARTS) {
		struct bytes rest = bytes_skip(buf_bytes(&b->parts[b->part]), b->at);
		size_t n = rest.n < BACKUP_PIECE_MAX ? rest.n : BACKUP_PIECE_MAX;
		b->at += n;
		seal(c, backup_parts[b->part].section, bytes_make(rest.p, n));
	} else if (b->part == AT_KEYS) {
		b->part = AT_STORE;
		(void)transfer_ask(c, MSG_BACKUP_ASK, PROG_KEYS, BACKUP_SEAL_KEYS, on_sealed);
		transfer_sent(c);
	} else if (!b->has_store) {
		ask_end(c);
	} else if (b->part == AT_STORE) {
		b->part = AT_STORE_PIECES;
		(void)transfer_ask(c, MSG_BACKUP_ASK, PROG_STORE, BACKUP_READ_BEGIN, on_store_begun);
		transfer_sent(c);
	} else {
		ask_store(c);
	}
}

static int collect_parts(struct conf *c)
{
	int rc = 0;

	for (unsigned i = 0; !rc && i < BACKUP_PARTS; i++) {
		buf_init(&c->backup.parts[i], backup_parts[i].max_bytes);
		rc = backup_parts[i].save(c, &c->backup.parts[i]);
	}
	return rc;
}

static void begin(struct conf *c, struct oper *o, struct bytes password, bool has_store, const char *file)
{
	has_store = has_store && conf_runs(c, PROG_STORE); /* an edge keeps nothing of people */
	if (!transfer_begin(c, o, P(PROG_KEYS) | (conf_runs(c, PROG_STORE) ? P(PROG_STORE) : 0), undo))
		return;
	c->backup = (struct backup){ .has_store = has_store };
	if (file)
		snprintf(c->backup.file, sizeof c->backup.file, "%s", file);
	else
		transfer_file_name(c, ".backup", c->backup.file);
	int rc = collect_parts(c);
	if (rc) {
		transfer_end(c, o, rc, err_text(rc));
		return;
	}
	struct buf *b = transfer_ask(c, MSG_BACKUP_ASK, PROG_KEYS, BACKUP_SEAL_BEGIN, on_sealed);
	wire_put_bytes(b, password);
	wire_put_u8(b, has_store ? BACKUP_HAS_STORE : 0);
	wire_put_str(b, BYTES(GATEHOUSE_VERSION));
	wire_put_str(b, rows_value(&c->store.running, SET_SYSTEM_NAME, BYTES_NONE));
	wire_put_u32(b, c->store.generation);
	wire_put_u64(b, loop_wall_ms(c->loop));
	transfer_sent(c);
}

void backup_save(struct conf *c, struct oper *o, struct bytes password, const char *file)
{
	begin(c, o, password, true, file);
}

COMMAND_FN(cmd_backup_save)
{
	(void)cmd;
	backup_save(c, o, args->v[0], NULL);
}

COMMAND_FN(cmd_backup_settings)
{
	(void)cmd;
	begin(c, o, args->v[0], false, NULL);
}
