/* upgrade install: the file comes from the operator in pieces, gh-update verifies and writes them. */
#include "base/err.h"
#include "base/log.h"
#include "conf.h"
#include "run/upgrade.h"

static void undo(struct conf *c)
{
	struct chan *to = bus_chan(c->bus, PROG_UPDATE, 0);

	wire_put_u8(chan_begin(to, MSG_UPDATE_ASK, bus_next_id(c->bus)), UPGRADE_STOP);
	(void)chan_end(to); /* who has gone has stopped */
}

static void on_verified(struct conf *c, struct oper *o, struct wire *answer)
{
	unsigned is_done = wire_u8(answer);

	if (wire_end(answer)) {
		transfer_end(c, o, ERR_PROTOCOL, "gh-update's answer is malformed");
	} else if (is_done) {
		transfer_end(c, o, 0, "the other slot has it and boots next: reboot, then upgrade confirm when all is well");
	} else {
		(void)transfer_ask(c, MSG_UPDATE_ASK, PROG_UPDATE, UPGRADE_VERIFY, on_verified);
		transfer_sent(c);
	}
}

static void on_fed(struct conf *c, struct oper *o, struct wire *answer);

static void on_piece(struct conf *c, struct oper *o, struct bytes piece)
{
	struct buf *b = transfer_ask(c, MSG_UPDATE_ASK, PROG_UPDATE, piece.n ? UPGRADE_FEED : UPGRADE_VERIFY, piece.n ? on_fed : on_verified);

	(void)o;
	if (piece.n > 0) {
		wire_put_u64(b, c->transfer.offset);
		wire_put_bytes(b, piece);
	}
	transfer_sent(c);
}

static void on_fed(struct conf *c, struct oper *o, struct wire *answer)
{
	uint64_t next = wire_u64(answer);

	if (wire_end(answer))
		transfer_end(c, o, ERR_PROTOCOL, "gh-update's answer is malformed");
	else
		transfer_want(c, o, c->upgrade_word, next, on_piece);
}

static void on_begun(struct conf *c, struct oper *o, struct wire *answer)
{
	(void)answer;
	transfer_want(c, o, c->upgrade_word, 0, on_piece);
}

static void begin(struct conf *c, struct oper *o, const struct command_args *args, unsigned flags)
{
	if (!transfer_begin(c, o, P(PROG_UPDATE), undo))
		return;
	c->upgrade_word = args->first_word;
	wire_put_u8(transfer_ask(c, MSG_UPDATE_ASK, PROG_UPDATE, UPGRADE_BEGIN, on_begun), (uint8_t)flags);
	transfer_sent(c);
}

COMMAND_FN(cmd_upgrade_install)
{
	(void)cmd;
	begin(c, o, args, 0);
}

COMMAND_FN(cmd_upgrade_retry)
{
	(void)cmd;
	begin(c, o, args, UPGRADE_AGAIN);
}

COMMAND_FN(cmd_upgrade_downgrade)
{
	(void)cmd;
	begin(c, o, args, UPGRADE_OLDER);
}
