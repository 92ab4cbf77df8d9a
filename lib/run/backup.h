/* run/backup.h - backup and restore between gh-conf, which leads, and the programs that keep something: gh-keys, who
 * alone knows the file (docs/architecture/backup.md), and gh-store.
 *
 * BACKUP_ASK is an op and its fields; BACKUP_ANSWER is rc u32 (as i32), why str, and the op's answer. gh-conf asks one
 * at a time, so the slowest of disk, bus and operator sets the pace and no file is ever held whole. */
#ifndef RUN_BACKUP_H
#define RUN_BACKUP_H

/* What a file has, in this order. Numbers are on the disks of customers: they never change. */
enum backup_section {
	BACKUP_SETTINGS = 1, /* plain text as of `save` */
	BACKUP_ACCOUNTS = 2, /* operators' accounts, gh-conf's file as it is */
	BACKUP_KEYS = 3,     /* private keys: only gh-keys sees them */
	BACKUP_STORE = 4,    /* people's data: the database */
	BACKUP_END = 255,
};

enum backup_flag { BACKUP_HAS_STORE = 1 };

enum {
	BACKUP_PIECE_MAX = 64 << 10, /* bytes of a section in one message, and in one chunk of the file */
	BACKUP_ID_BYTES = 16,
};

enum backup_op {
	/* ---- gh-keys: writing a file ---- */
	BACKUP_SEAL_BEGIN,  /* password bytes, flags u8, product version str, box name str, generation u32, made u64 -> bytes of the file */
	BACKUP_SEAL_PIECE,  /* section u8, bytes -> bytes of the file */
	BACKUP_SEAL_KEYS,   /* -> bytes of the file */
	BACKUP_SEAL_END,    /* -> bytes of the file */
	/* ---- gh-keys: reading one ---- */
	BACKUP_OPEN_BEGIN,  /* wants u8 (1: content, 0: only the head), password bytes -> */
	BACKUP_OPEN_FEED,   /* bytes of the file (empty: it ends here) -> state u8 (enum backup_state), head, n u16, n of {section u8, bytes} */
	BACKUP_FORGET,      /* -> ; ends writing or reading */
	/* ---- gh-store: its section ---- */
	BACKUP_READ_BEGIN,  /* -> */
	BACKUP_READ,        /* -> state u8 (BACKUP_MORE or BACKUP_WHOLE), bytes (may be empty while the copy is made) */
	BACKUP_WRITE_BEGIN, /* -> */
	BACKUP_WRITE,       /* bytes -> */
	BACKUP_DROP,        /* -> ; what was read or written so far is forgotten */
	/* ---- both: the two phases ---- */
	BACKUP_PREPARE,     /* id raw -> ; all of it is verified and on disk */
	/* id raw, zero: nothing is decided. -> ; what is prepared under that id becomes what runs, anything else prepared is
	 * dropped. Comes before the first settings; ERR_AGAIN: this program serves already, start it again. */
	BACKUP_DECIDE,
	BACKUP_OP_COUNT
};

/* Of a feed. A head in the answer once, when it is known: version u16, product version str, platform str, host id
 * raw 16, box name str, generation u32, made u64, flags u8. */
enum backup_state { BACKUP_MORE, BACKUP_HEAD_KNOWN, BACKUP_WHOLE };

#endif
