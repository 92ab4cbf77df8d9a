/* run/store_op.h - what gh-im and gh-xlate (WATCH_*) may ask of gh-store (first byte of STORE_ASK). The bodies stand in
 * core/store/README.md, and as code in core/store/op_*.c and core/im/store_*.c.
 * Every write may be asked again after a crash of either side: it then changes nothing more. */
#ifndef RUN_STORE_OP_H
#define RUN_STORE_OP_H

enum store_op {
	STORE_SECRET,         /* the box's own random key */
	STORE_ACCOUNT_PUT,    /* new account or new password */
	STORE_ACCOUNT_DEL,    /* and everything that hangs on it */
	STORE_ACCOUNT_LIST,
	STORE_AUTH_GET,       /* one verifier */
	STORE_USER_GET,       /* roster, requests and block list */
	STORE_CONTACT_PUT,
	STORE_CONTACT_DEL,
	STORE_BLOCK_ADD,
	STORE_BLOCK_DEL,
	STORE_BLOB_GET,       /* vCard, private XML, last activity */
	STORE_BLOB_PUT,
	STORE_OFFLINE_ADD,
	STORE_OFFLINE_PAGE,
	STORE_OFFLINE_DROP,
	STORE_JOURNAL_ADD,
	STORE_JOURNAL_DROP,
	STORE_JOURNAL_SETTLE, /* once at gh-im's start */
	STORE_WATCH_PUT,      /* presence subscriptions between SIP and XMPP */
	STORE_WATCH_DEL,
	STORE_WATCH_LIST,
	STORE_OP_COUNT
};

/* STORE_ACCOUNT_PUT's mode. */
enum { STORE_ACCOUNT_NEW, STORE_ACCOUNT_CHANGE };
/* A verifier's hash: enum scram_hash, or one of digest authentication, whose stored key is the HA1 of
 * RFC 7616 3.4.2 with the domain as realm, and whose other fields are empty. */
enum { STORE_HASH_DIGEST = 16 /* and enum digest_algorithm */ };
/* First byte of a STORE_USER_GET item. */
enum { STORE_USER_VERSION, STORE_USER_CONTACT, STORE_USER_BLOCK };

/* A contact's state (RFC 6121 appendix A.1), as it is kept. */
enum contact_bit {
	CONTACT_TO = 1 << 0,       /* the user sees the contact's presence */
	CONTACT_FROM = 1 << 1,     /* the contact sees the user's */
	CONTACT_OUT = 1 << 2,      /* the user's request waits for the contact */
	CONTACT_IN = 1 << 3,       /* the contact's request waits for the user */
	CONTACT_APPROVED = 1 << 4, /* pre-approved (RFC 6121 3.4) */
	CONTACT_LISTED = 1 << 5,   /* in the roster that clients see */
};

#endif
