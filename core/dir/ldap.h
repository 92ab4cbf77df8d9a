/* ldap.h - messages of LDAP (RFC 4511): requests are written (BER by liblber), answers read. Pure: no socket, no clock, no log.
 * Values travel as OCTET STRINGs of their own, never inside a text: what people type is no part of a filter's or DN's syntax, so
 * nothing needs the escapes of RFC 4515 3 and RFC 4514 2.4. */
#ifndef DIR_LDAP_H
#define DIR_LDAP_H

#include "base/buf.h"
#include "base/bytes.h"

enum {
	LDAP_MESSAGE_MAX = 4 << 20, /* bytes; a group of 50,000 members with long names fits */
	LDAP_TERMS_MAX = 16,
	LDAP_ATTRIBUTES_MAX = 24,
	LDAP_FILTER_DEPTH = 16,
};

/* Operations of answers, by their tags (RFC 4511 appendix B). */
enum ldap_op {
	LDAP_BIND_DONE = 0x61,
	LDAP_ENTRY = 0x64,
	LDAP_SEARCH_DONE = 0x65,
	LDAP_REFERENCE = 0x73,
	LDAP_EXTENDED_DONE = 0x78,
};

/* Result codes that mean something here (RFC 4511 4.1.9, appendix A). */
enum ldap_code {
	LDAP_OK = 0,
	LDAP_TIME_LIMIT = 3,
	LDAP_SIZE_LIMIT = 4,
	LDAP_ADMIN_LIMIT = 11,
	LDAP_CONSTRAINT = 19, /* an account that is locked (password policy) */
	LDAP_NO_OBJECT = 32,
	LDAP_BAD_AUTH = 48,
	LDAP_BAD_CREDENTIALS = 49,
	LDAP_NO_RIGHTS = 50,
	LDAP_BUSY = 51,
	LDAP_UNAVAILABLE = 52,
	LDAP_UNWILLING = 53,
};

/* ---- requests. id: 1 to 2^31 - 1. ERR_NOMEM, ERR_LIMIT ---- */

/* Simple bind, version 3 (RFC 4511 4.2). The caller sees to it that no password is empty: that would be a bind as nobody, which
 * succeeds (RFC 4513 5.1.2). */
int ldap_put_bind(struct buf *out, uint32_t id, struct bytes dn, struct bytes password);
int ldap_put_unbind(struct buf *out, uint32_t id);
int ldap_put_starttls(struct buf *out, uint32_t id); /* RFC 4511 4.14 */

enum ldap_scope { LDAP_SCOPE_BASE, LDAP_SCOPE_ONE, LDAP_SCOPE_SUBTREE };
/* PATTERN: equal where each * of the value stands for anything (RFC 4511 4.5.1.7.2); one of * alone: the attribute is there. */
enum ldap_match { LDAP_EQUAL, LDAP_PATTERN };
struct ldap_term {
	struct bytes type; /* attribute description */
	enum ldap_match match;
	struct bytes value;
};
struct ldap_search {
	struct bytes base;
	enum ldap_scope scope;
	struct bytes filter; /* text of RFC 4515, which must hold as well; "" none */
	struct ldap_term terms[LDAP_TERMS_MAX];
	size_t n_terms;
	bool is_any; /* one of the terms has to hold; else all */
	struct bytes attributes[LDAP_ATTRIBUTES_MAX];
	size_t n_attributes;
	uint32_t size_limit, time_limit_s; /* 0: the server's */
	uint32_t page_size; /* simple paged results (RFC 2696); 0: none */
	struct bytes cookie; /* of the page before */
};
/* ERR_SYNTAX: the filter. Aliases are followed, referrals not. */
int ldap_put_search(struct buf *out, uint32_t id, const struct ldap_search *s);
/* Is it a filter (RFC 4515, with extensible matches) of at most LDAP_FILTER_DEPTH levels? ERR_SYNTAX, ERR_LIMIT. */
int ldap_filter_check(struct bytes text);
/* For a set of attribute descriptions (RFC 4512 2.5): letters, digits, dashes, dots, semicolons. */
bool ldap_is_type(struct bytes v);

/* ---- answers ---- */

/* Bytes of the whole message in front. ERR_TRUNCATED: not all of it is there yet. ERR_PROTOCOL: this is no LDAP. ERR_LIMIT. */
int ldap_frame(struct bytes in, size_t *n);

struct ldap_answer { /* views into the message */
	uint32_t id; /* 0: a notice (RFC 4511 4.4) */
	enum ldap_op op;
	uint32_t code;           /* of the DONEs */
	struct bytes text;       /* what the server says to it */
	struct bytes dn;         /* of an entry */
	struct bytes attributes; /* of an entry, for ldap_next_attribute */
	struct bytes cookie;     /* of the next page; empty: there is none */
};
/* One whole message. ERR_PROTOCOL. */
int ldap_read(struct bytes message, struct ldap_answer *out);
/* Walks an entry's attributes: *rest starts as its `attributes`. values: for ldap_next_value. false at the end. */
bool ldap_next_attribute(struct bytes *rest, struct bytes *type, struct bytes *values);
bool ldap_next_value(struct bytes *rest, struct bytes *value);
/* The values of one attribute, its name in any case and with any options behind a semicolon; empty: none. */
struct bytes ldap_values(const struct ldap_answer *a, struct bytes type);

#endif
