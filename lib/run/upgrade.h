/* run/upgrade.h - an upgrade file on its way from an operator into a slot: gh-conf fetches it, gh-update takes it.
 * UPDATE_ASK is an op and its fields; UPDATE_ANSWER is rc u32 (as i32), why str, and the op's answer. */
#ifndef RUN_UPGRADE_H
#define RUN_UPGRADE_H

enum upgrade_op {
	UPGRADE_BEGIN,  /* flags u8 (enum upgrade_flag) -> */
	UPGRADE_FEED,   /* offset u64, bytes of the file -> next u64: the offset that is wanted now */
	UPGRADE_VERIFY, /* the file has ended -> is_done u8; again until it is: some of the slot is read back each time */
	UPGRADE_STOP,   /* -> ; what is written stays, to go on with the same file later */
	UPGRADE_OP_COUNT
};

enum upgrade_flag {
	UPGRADE_AGAIN = 1, /* a version that has failed on this box may be tried again */
	UPGRADE_OLDER = 2, /* so may one older than what runs; never one below the security floor */
};

#endif
