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
	STORE_AUTH_GET,       /* the verifiers of one hash: the account's, then those of application passwords */
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
	STORE_APP_PUT,        /* application passwords */
	STORE_APP_DEL,
	STORE_APP_LIST,
	STORE_APP_USED,
	STORE_FAST_PUT,       /* tokens of FAST (XEP-0484) */
	STORE_FAST_GET,
	STORE_FAST_USE,
	STORE_FAST_LIST,
	STORE_FAST_DEL,
	STORE_ARCHIVE_ADD,    /* message archives (XEP-0313) */
	STORE_ARCHIVE_PAGE,
	STORE_ARCHIVE_IDS,
	STORE_ARCHIVE_DROP,   /* all that one person has by now */
	STORE_ARCHIVE_CLEAN,  /* a piece of what is too old or was dropped */
	STORE_ARCHIVE_STATE,
	STORE_PEP_PUBLISH,    /* nodes and items of people (XEP-0163) */
	STORE_PEP_RETRACT,
	STORE_PEP_PURGE,
	STORE_PEP_NODE_PUT,
	STORE_PEP_NODE_DEL,
	STORE_PEP_ITEMS,
	STORE_PEP_LAST,
	STORE_ROOM_PUT,       /* persistent rooms (XEP-0045) */
	STORE_ROOM_DEL,
	STORE_ROOM_AFFILIATE,
	STORE_ROOM_PAST,
	STORE_ROOM_LIST,
	STORE_ARCHIVE_REPLACE, /* a message of a room's archive, moderated */
	STORE_NOTED_LIST,      /* accounts that the directory stands behind, with their notes */
	STORE_NOTED_DEL,       /* STORE_ACCOUNT_DEL of such an account alone */
	STORE_VERIFIER_ADD,    /* of a hash that an account was imported without */
	STORE_CONTACT_MOVE,    /* a contact's address is another one from now on */
	STORE_CONTACT_LIST,    /* contacts of all people, or of a domain's, or of one */
	STORE_CONTACT_OWNERS,  /* who has this contact */
	STORE_NOTICE_PUT,      /* a domain's message of the day */
	STORE_NOTICE_LIST,
	STORE_BLOB_LIST,       /* those of one person whose keys begin alike */
	STORE_OP_COUNT
};

/* STORE_ACCOUNT_PUT's mode. NOTED: with a note that the directory stands behind it, the blob STORE_DIRECTORY_KEY, or neither. CHANGE_NOTED
 * and NOTE are for accounts that have a note already; NOTE leaves all else as it is, and has no verifiers. */
enum { STORE_ACCOUNT_NEW, STORE_ACCOUNT_CHANGE, STORE_ACCOUNT_NEW_NOTED, STORE_ACCOUNT_CHANGE_NOTED, STORE_ACCOUNT_NOTE };
#define STORE_DIRECTORY_KEY "directory"
/* Application passwords: of one account, and bytes of a label. */
enum { STORE_APPS_MAX = 20, STORE_APP_LABEL_MAX = 64 };
/* Tokens of FAST: what each is made from, how many of one client (the one in use and its successor), clients of
 * one account, bytes of a client's id and of its name. */
enum {
	STORE_FAST_SEED = 16,
	STORE_FAST_TOKENS = 2,
	STORE_FAST_CLIENTS_MAX = 20,
	STORE_FAST_CLIENT_MAX = 64,
	STORE_FAST_NAME_MAX = 96,
};
/* What a new token stems from, which must still be so when it is written: the salt of the account's verifier,
 * or the token before it. */
enum { STORE_FAST_BY_SALT, STORE_FAST_BY_TOKEN };
/* A verifier's hash: enum scram_hash, or one of digest authentication, whose stored key is the HA1 of
 * RFC 7616 3.4.2 with the domain as realm, and whose other fields are empty. */
enum { STORE_HASH_DIGEST = 16 /* and enum digest_algorithm */ };
/* With a hash of STORE_AUTH_GET: of SHA-1 where the account has none of it. Which it is shows by the length of the keys. */
enum { STORE_HASH_OR_SHA1 = 0x80 };
/* First byte of a STORE_USER_GET item. */
enum {
	STORE_USER_VERSION,
	STORE_USER_CONTACT,
	STORE_USER_BLOCK,
	STORE_USER_PREFS,
	STORE_USER_NODE,
	STORE_USER_PUSH,
	STORE_USER_DIRECTORY,
	STORE_USER_DISABLED,
	STORE_USER_NOTICE,
	STORE_USER_POLICY,
};
/* The blob that STORE_USER_GET gives as STORE_USER_PREFS: what a person wants archived. */
#define STORE_PREFS_KEY "archive prefs"
/* The same as STORE_USER_POLICY: who may see a person. */
#define STORE_POLICY_KEY "authorisation policy"
/* The same as STORE_USER_PUSH: whom its clients are woken by (XEP-0357). */
#define STORE_PUSH_KEY "push"
/* The same as STORE_USER_DISABLED: nobody may log in to this account; its value says since when. AUTH_GET, FAST_GET and ACCOUNT_LIST
 * say of it as well. */
#define STORE_DISABLED_KEY "disabled"
/* The same as STORE_USER_NOTICE: the message of the day that the person has seen. */
#define STORE_NOTICE_KEY "notice"
/* Archives. An id is the time in milliseconds << STORE_ARCHIVE_TIME_SHIFT, and below a number. A page has so many rows at most, and
 * ends behind the row that passes so many bytes; a piece cleaned has so many rows at most; a search so many bytes and words. */
enum {
	STORE_ARCHIVE_TIME_SHIFT = 20,
	STORE_ARCHIVE_PAGE_MAX = 250,
	STORE_ARCHIVE_PAGE_BYTES = 1 << 20,
	STORE_ARCHIVE_CLEAN_MAX = 500,
	STORE_ARCHIVE_COUNT_MAX = 10000,
	STORE_ARCHIVE_COUNT_WORDS_MAX = 1000, /* each costs a row */
	STORE_ARCHIVE_TEXT_MAX = 256,
	STORE_ARCHIVE_WORDS_MAX = 16,
};
#define STORE_ARCHIVE_ID_MAX 0x7fffffffffffffffull
/* The number of the item that ends a page, and a count that was not made: there are too many. */
#define STORE_ARCHIVE_END 0xffffffffu
#define STORE_ARCHIVE_UNCOUNTED 0xffffffffu
/* STORE_ARCHIVE_PAGE's flags. */
enum { STORE_ARCHIVE_DOWN = 1 /* from the newest */, STORE_ARCHIVE_COUNTED = 2 };
/* STORE_PEP_ITEMS: which of a node's items. AFTER: the oldest first, from behind an item; BEFORE: the newest
 * first, from before an item (an empty id: from the end). */
enum { STORE_PEP_AFTER, STORE_PEP_BEFORE, STORE_PEP_IDS };

/* First byte of a STORE_ROOM_LIST item. */
enum { STORE_ROOM_ITEM_ROOM, STORE_ROOM_ITEM_AFFILIATE, STORE_ROOM_ITEM_PAST };

/* Rows of a STORE_CONTACT_LIST or STORE_CONTACT_OWNERS. */
enum { STORE_CONTACT_LIST_MAX = 500 };

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
