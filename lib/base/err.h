/* base/err.h - the one table of error codes.
 * Functions that can fail return 0 or one of these (negative). Results come back through the last
 * parameters and are untouched on failure. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

/* name, text. Texts are for logs and administrators, never for a peer. */
#define ERR_TABLE(X)                                                                               \
	X(ERR_NOMEM, "out of memory")                                                              \
	X(ERR_LIMIT, "over a limit")                                                               \
	X(ERR_SYNTAX, "malformed")                                                                 \
	X(ERR_TRUNCATED, "ends too early")                                                         \
	X(ERR_RANGE, "value out of range")                                                         \
	X(ERR_UNKNOWN, "unknown name or type")                                                     \
	X(ERR_DENIED, "not permitted")                                                             \
	X(ERR_CLOSED, "closed")                                                                    \
	X(ERR_TIMEOUT, "timed out")                                                                \
	X(ERR_AGAIN, "not ready yet")                                                              \
	X(ERR_IO, "input/output failed")                                                           \
	X(ERR_SYS, "system call failed")                                                           \
	X(ERR_EXISTS, "exists already")                                                            \
	X(ERR_NOT_FOUND, "not found")                                                              \
	X(ERR_UTF8, "not valid UTF-8")                                                             \
	X(ERR_BAD_STATE, "not in this state")                                                          \
	X(ERR_AUTH, "authentication failed")                                                       \
	X(ERR_FULL, "full")                                                                        \
	X(ERR_PROTOCOL, "protocol violated")                                                       \
	X(ERR_UNSUPPORTED, "not supported")                                                        \
	X(ERR_XML_SYNTAX, "XML not well-formed")                                                   \
	X(ERR_XML_RESTRICTED, "XML feature that XMPP forbids (RFC 6120 11.1)")                     \
	X(ERR_XML_DEPTH, "XML nested too deep")                                                    \
	X(ERR_XML_ATTRS, "too many XML attributes")                                                \
	X(ERR_XML_SIZE, "stanza too large")                                                        \
	X(ERR_XML_NODES, "too many XML elements in a stanza")                                      \
	X(ERR_XML_ENCODING, "XML encoding is not UTF-8")                                           \
	X(ERR_XML_NAMESPACE, "XML namespace misused")                                              \
	X(ERR_CERT_EXPIRED, "certificate has expired")                                             \
	X(ERR_CERT_NOT_YET, "certificate is not valid yet")                                        \
	X(ERR_CERT_SELF_SIGNED, "certificate is self-signed")                                      \
	X(ERR_CERT_UNKNOWN_CA, "certificate is from an unknown authority")                         \
	X(ERR_CERT_NAME, "certificate is not valid for this name")                                 \
	X(ERR_CERT_REVOKED, "certificate is revoked")                                              \
	X(ERR_CERT_CRL, "no revocation list of its authority is in force")                         \
	X(ERR_CERT_PIN, "certificate does not match the pin")                                      \
	X(ERR_CERT_NONE, "no certificate presented")                                               \
	X(ERR_CERT_OTHER, "certificate refused")                                                   \
	X(ERR_TLS, "TLS failed")                                                                   \
	X(ERR_DNS_NXDOMAIN, "domain does not exist")                                               \
	X(ERR_DNS_NODATA, "no record of this type")                                                \
	X(ERR_DNS_SERVFAIL, "DNS server failed")                                                   \
	X(ERR_DNS_BOGUS, "DNS answer malformed or not trustworthy")                                \
	X(ERR_DNS_TIMEOUT, "no answer from DNS")                                                   \
	X(ERR_CONN_REFUSED, "connection refused")                                                  \
	X(ERR_CONN_UNREACHABLE, "host or network unreachable")                                     \
	X(ERR_CONN_RESET, "connection reset")                                                      \
	X(ERR_XML_TEXT, "text between stanzas")                                                    \
	X(ERR_CHECKSUM, "checksum is wrong")

#define ERR_ENUM_MEMBER(name, text) name##_INDEX,
enum err_index { ERR_NONE_INDEX, ERR_TABLE(ERR_ENUM_MEMBER) ERR_INDEX_COUNT };
#undef ERR_ENUM_MEMBER

#define ERR_CODE_MEMBER(name, text) name = -(int)name##_INDEX,
enum err { ERR_OK = 0, ERR_TABLE(ERR_CODE_MEMBER) };
#undef ERR_CODE_MEMBER

/* Text for a code; for 0 "ok", for a number not in the table "unknown error". Static storage. */
const char *err_text(int code);

/* Symbolic name without the prefix, lower case with dashes ("cert-expired"). Static storage.
 * Used as the reason code in logs and records. */
const char *err_name(int code);

#endif
