/* proto/xmpp.h - XMPP's constants: namespaces, stream errors (RFC 6120 4.9), stanza errors
 * (RFC 6120 8.3), SASL errors (6.5), and which of them answers which cause. */
#ifndef PROTO_XMPP_H
#define PROTO_XMPP_H

#include "base/buf.h"

#define NS_STREAM "http://etherx.jabber.org/streams"
#define NS_CLIENT "jabber:client"
#define NS_FRAMING "urn:ietf:params:xml:ns:xmpp-framing"
#define NS_SERVER "jabber:server"
#define NS_STREAM_ERRORS "urn:ietf:params:xml:ns:xmpp-streams"
#define NS_STANZA_ERRORS "urn:ietf:params:xml:ns:xmpp-stanzas"
#define NS_TLS "urn:ietf:params:xml:ns:xmpp-tls"
#define NS_SASL "urn:ietf:params:xml:ns:xmpp-sasl"
#define NS_SASL2 "urn:xmpp:sasl:2"
#define NS_BIND "urn:ietf:params:xml:ns:xmpp-bind"
#define NS_BIND2 "urn:xmpp:bind:0"
#define NS_SESSION "urn:ietf:params:xml:ns:xmpp-session"
#define NS_FAST "urn:xmpp:fast:0"
#define NS_SASL_CB "urn:xmpp:sasl-cb:0"
#define NS_SM "urn:xmpp:sm:3"
#define NS_CSI "urn:xmpp:csi:0"
#define NS_DIALBACK "jabber:server:dialback"
#define NS_DIALBACK_FEATURE "urn:xmpp:features:dialback"
#define NS_BIDI "urn:xmpp:bidi"
#define NS_BIDI_FEATURE "urn:xmpp:features:bidi"
#define NS_PING "urn:xmpp:ping"
#define NS_ROSTER "jabber:iq:roster"
#define NS_ROSTER_VER "urn:xmpp:features:rosterver"
#define NS_PRE_APPROVAL "urn:xmpp:features:pre-approval"
#define NS_DISCO_INFO "http://jabber.org/protocol/disco#info"
#define NS_DISCO_ITEMS "http://jabber.org/protocol/disco#items"
#define NS_COMMANDS "http://jabber.org/protocol/commands" /* XEP-0050 */
#define NS_OWN "urn:gatehouse:own" /* commands of people for themselves */
#define NS_ADMIN "http://jabber.org/protocol/admin" /* XEP-0133 */
#define NS_PRIVATE "jabber:iq:private"
#define NS_CAPS "http://jabber.org/protocol/caps"
#define NS_CARBONS "urn:xmpp:carbons:2"
#define NS_FORWARD "urn:xmpp:forward:0"
#define NS_DELAY "urn:xmpp:delay"
#define NS_HINTS "urn:xmpp:hints"
#define NS_CHATSTATES "http://jabber.org/protocol/chatstates"
#define NS_RECEIPTS "urn:xmpp:receipts"
#define NS_VCARD "vcard-temp"
#define NS_PIE "urn:xmpp:pie:0" /* XEP-0227 */
#define NS_PIE_SCRAM "urn:xmpp:pie:0#scram"
#define NS_PIE_MAM "urn:xmpp:pie:0#mam"
#define NS_XINCLUDE "http://www.w3.org/2001/XInclude"
#define NS_PRIVACY "jabber:iq:privacy" /* XEP-0016: read in files of other servers alone */
#define NS_EXTDISCO "urn:xmpp:extdisco:2"
#define NS_UPLOAD "urn:xmpp:http:upload:0"
#define NS_BLOCKING "urn:xmpp:blocking"
#define NS_BLOCKING_ERRORS "urn:xmpp:blocking:errors"
#define NS_TIME "urn:xmpp:time"
#define NS_VERSION "jabber:iq:version"
#define NS_LAST "jabber:iq:last"
#define NS_IDLE "urn:xmpp:idle:1" /* XEP-0319 */
#define NS_SEARCH "jabber:iq:search"
#define NS_DATA "jabber:x:data"
#define NS_MUC "http://jabber.org/protocol/muc"
#define NS_MUC_USER "http://jabber.org/protocol/muc#user"
#define NS_MARKERS "urn:xmpp:chat-markers:0"
#define NS_STANZA_ID "urn:xmpp:sid:0"
#define NS_MODERATE "urn:xmpp:message-moderate:1" /* XEP-0425 */
#define NS_RETRACT "urn:xmpp:message-retract:1" /* XEP-0424 */
#define NS_MAM "urn:xmpp:mam:2"
#define NS_MAM_EXTENDED "urn:xmpp:mam:2#extended"
#define NS_MAM_GROUPCHAT "urn:xmpp:mam:2#groupchat-field"
#define NS_FULLTEXT "urn:xmpp:fulltext:0"
#define NS_RSM "http://jabber.org/protocol/rsm"
#define NS_VALIDATE "http://jabber.org/protocol/xdata-validate"
#define NS_PUSH "urn:xmpp:push:0"
#define NS_PUBSUB "http://jabber.org/protocol/pubsub"
#define NS_PUBSUB_EVENT "http://jabber.org/protocol/pubsub#event"
#define NS_PUBSUB_OWNER "http://jabber.org/protocol/pubsub#owner"
#define NS_PUBSUB_ERRORS "http://jabber.org/protocol/pubsub#errors"
#define NS_PUBSUB_CONFIG "http://jabber.org/protocol/pubsub#node_config"
#define NS_PUBSUB_OPTIONS "http://jabber.org/protocol/pubsub#publish-options"
#define NS_PUBSUB_META "http://jabber.org/protocol/pubsub#meta-data"
#define NS_AVATAR_DATA "urn:xmpp:avatar:data"
#define NS_AVATAR_META "urn:xmpp:avatar:metadata"
#define NS_VCARD_UPDATE "vcard-temp:x:update"
#define NS_BOOKMARKS "urn:xmpp:bookmarks:1"
#define NS_BOOKMARKS_OLD "storage:bookmarks"
#define NS_REPORTING "urn:xmpp:reporting:1"

/* enum, wire name */
#define STREAM_ERROR_TABLE(X)                                                                      \
	X(STREAM_BAD_FORMAT, "bad-format")                                                         \
	X(STREAM_BAD_NAMESPACE_PREFIX, "bad-namespace-prefix")                                     \
	X(STREAM_CONFLICT, "conflict")                                                             \
	X(STREAM_CONNECTION_TIMEOUT, "connection-timeout")                                         \
	X(STREAM_HOST_GONE, "host-gone")                                                           \
	X(STREAM_HOST_UNKNOWN, "host-unknown")                                                     \
	X(STREAM_IMPROPER_ADDRESSING, "improper-addressing")                                       \
	X(STREAM_INTERNAL_SERVER_ERROR, "internal-server-error")                                   \
	X(STREAM_INVALID_FROM, "invalid-from")                                                     \
	X(STREAM_INVALID_NAMESPACE, "invalid-namespace")                                           \
	X(STREAM_INVALID_XML, "invalid-xml")                                                       \
	X(STREAM_NOT_AUTHORIZED, "not-authorized")                                                 \
	X(STREAM_NOT_WELL_FORMED, "not-well-formed")                                               \
	X(STREAM_POLICY_VIOLATION, "policy-violation")                                             \
	X(STREAM_REMOTE_CONNECTION_FAILED, "remote-connection-failed")                             \
	X(STREAM_RESET, "reset")                                                                   \
	X(STREAM_RESOURCE_CONSTRAINT, "resource-constraint")                                       \
	X(STREAM_RESTRICTED_XML, "restricted-xml")                                                 \
	X(STREAM_SEE_OTHER_HOST, "see-other-host")                                                 \
	X(STREAM_SYSTEM_SHUTDOWN, "system-shutdown")                                               \
	X(STREAM_UNDEFINED_CONDITION, "undefined-condition")                                       \
	X(STREAM_UNSUPPORTED_ENCODING, "unsupported-encoding")                                     \
	X(STREAM_UNSUPPORTED_FEATURE, "unsupported-feature")                                       \
	X(STREAM_UNSUPPORTED_STANZA_TYPE, "unsupported-stanza-type")                               \
	X(STREAM_UNSUPPORTED_VERSION, "unsupported-version")

/* enum, wire name, usual type (RFC 6120 8.3.3) */
#define STANZA_ERROR_TABLE(X)                                                                      \
	X(STANZA_BAD_REQUEST, "bad-request", "modify")                                             \
	X(STANZA_CONFLICT, "conflict", "cancel")                                                   \
	X(STANZA_FEATURE_NOT_IMPLEMENTED, "feature-not-implemented", "cancel")                     \
	X(STANZA_FORBIDDEN, "forbidden", "auth")                                                   \
	X(STANZA_GONE, "gone", "cancel")                                                           \
	X(STANZA_INTERNAL_SERVER_ERROR, "internal-server-error", "cancel")                         \
	X(STANZA_ITEM_NOT_FOUND, "item-not-found", "cancel")                                       \
	X(STANZA_JID_MALFORMED, "jid-malformed", "modify")                                         \
	X(STANZA_NOT_ACCEPTABLE, "not-acceptable", "modify")                                       \
	X(STANZA_NOT_ALLOWED, "not-allowed", "cancel")                                             \
	X(STANZA_NOT_AUTHORIZED, "not-authorized", "auth")                                         \
	X(STANZA_POLICY_VIOLATION, "policy-violation", "modify")                                   \
	X(STANZA_RECIPIENT_UNAVAILABLE, "recipient-unavailable", "wait")                           \
	X(STANZA_REDIRECT, "redirect", "modify")                                                   \
	X(STANZA_REGISTRATION_REQUIRED, "registration-required", "auth")                           \
	X(STANZA_REMOTE_SERVER_NOT_FOUND, "remote-server-not-found", "cancel")                     \
	X(STANZA_REMOTE_SERVER_TIMEOUT, "remote-server-timeout", "wait")                           \
	X(STANZA_RESOURCE_CONSTRAINT, "resource-constraint", "wait")                               \
	X(STANZA_SERVICE_UNAVAILABLE, "service-unavailable", "cancel")                             \
	X(STANZA_SUBSCRIPTION_REQUIRED, "subscription-required", "auth")                           \
	X(STANZA_UNDEFINED_CONDITION, "undefined-condition", "modify")                             \
	X(STANZA_UNEXPECTED_REQUEST, "unexpected-request", "wait")

#define XMPP_MEMBER2(id, name) id,
#define XMPP_MEMBER3(id, name, type) id,
enum stream_error { STREAM_ERROR_TABLE(XMPP_MEMBER2) STREAM_ERROR_COUNT };
enum stanza_error { STANZA_ERROR_TABLE(XMPP_MEMBER3) STANZA_ERROR_COUNT };
#undef XMPP_MEMBER2
#undef XMPP_MEMBER3

const char *stream_error_name(enum stream_error e);
const char *stanza_error_name(enum stanza_error e);
const char *stanza_error_type(enum stanza_error e);
/* By wire name; ERR_UNKNOWN. */
int stream_error_of(struct bytes name, enum stream_error *out);
int stanza_error_of(struct bytes name, enum stanza_error *out);

/* A whole stream of clients that says this error and no more (RFC 6120 4.9.1.2). from: our domain, "" when it is not known. */
void stream_refusal_write(struct buf *b, const char *from, enum stream_error e);

/* Is this the version of a stream header whose sender speaks XMPP 1.0 or later (RFC 6120 4.7.5)? */
bool xmpp_is_version_known(struct bytes version);

/* Stream error for a failed read (ERR_XML_*, ERR_LIMIT, ...): RFC 6120 4.9.3 and 11. */
enum stream_error stream_error_for(int err);
/* Stanza error for a reason why a domain cannot be reached (ERR_DNS_*, ERR_CERT_*, ERR_TIMEOUT,
 * ERR_DENIED, ...): the one table of lesson 9 in xmpp.md. */
enum stanza_error stanza_error_for(int err);

/* "<stream:error>...</stream:error>"; text may be empty. Without the closing stream tag. */
void stream_error_write(struct buf *b, enum stream_error e, struct bytes text);
/* The same with an application's own condition, an element (RFC 6120 4.9.4). */
void stream_error_write_detail(struct buf *b, enum stream_error e, struct bytes text, struct bytes detail);

#endif
