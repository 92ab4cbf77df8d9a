#include "proto/xmpp.h"

#include <assert.h>

#include "base/err.h"
#include "base/text.h"
#include "proto/xml.h"

#define NAME2(id, name) name,
#define NAME3(id, name, type) name,
#define TYPE3(id, name, type) type,
static const char *const stream_names[] = { STREAM_ERROR_TABLE(NAME2) };
static const char *const stanza_names[] = { STANZA_ERROR_TABLE(NAME3) };
static const char *const stanza_types[] = { STANZA_ERROR_TABLE(TYPE3) };
#undef NAME2
#undef NAME3
#undef TYPE3
static_assert(sizeof stream_names / sizeof stream_names[0] == STREAM_ERROR_COUNT, "stream errors");
static_assert(sizeof stanza_names / sizeof stanza_names[0] == STANZA_ERROR_COUNT, "stanza errors");

const char *stream_error_name(enum stream_error e)
{
	return e < STREAM_ERROR_COUNT ? stream_names[e] : "undefined-condition";
}

const char *stanza_error_name(enum stanza_error e)
{
	return e < STANZA_ERROR_COUNT ? stanza_names[e] : "undefined-condition";
}

const char *stanza_error_type(enum stanza_error e)
{
	return e < STANZA_ERROR_COUNT ? stanza_types[e] : "cancel";
}

int stream_error_of(struct bytes name, enum stream_error *out)
{
	for (int i = 0; i < STREAM_ERROR_COUNT; i++) {
		if (bytes_eq_str(name, stream_names[i])) {
			*out = (enum stream_error)i;
			return 0;
		}
	}
	return ERR_UNKNOWN;
}

int stanza_error_of(struct bytes name, enum stanza_error *out)
{
	for (int i = 0; i < STANZA_ERROR_COUNT; i++) {
		if (bytes_eq_str(name, stanza_names[i])) {
			*out = (enum stanza_error)i;
			return 0;
		}
	}
	return ERR_UNKNOWN;
}

/* Cause, answer to the peer's stream, and to a stanza that could not go because of it. */
static const struct answer {
	int err;
	enum stream_error stream;
	enum stanza_error stanza;
} answers[] = {
	{ ERR_XML_SYNTAX, STREAM_NOT_WELL_FORMED, STANZA_BAD_REQUEST },        /* RFC 6120 4.9.3.13 */
	{ ERR_UTF8, STREAM_NOT_WELL_FORMED, STANZA_BAD_REQUEST },              /* 11.6 */
	{ ERR_XML_RESTRICTED, STREAM_RESTRICTED_XML, STANZA_BAD_REQUEST },     /* 4.9.3.18 */
	{ ERR_XML_ENCODING, STREAM_UNSUPPORTED_ENCODING, STANZA_BAD_REQUEST }, /* 4.9.3.22 */
	{ ERR_XML_NAMESPACE, STREAM_INVALID_NAMESPACE, STANZA_BAD_REQUEST },   /* 4.9.3.10 */
	{ ERR_XML_TEXT, STREAM_BAD_FORMAT, STANZA_BAD_REQUEST },               /* 4.9.3.1 */
	{ ERR_XML_DEPTH, STREAM_POLICY_VIOLATION, STANZA_POLICY_VIOLATION },   /* 4.9.3.14, 13.12 */
	{ ERR_XML_ATTRS, STREAM_POLICY_VIOLATION, STANZA_POLICY_VIOLATION },
	{ ERR_XML_SIZE, STREAM_POLICY_VIOLATION, STANZA_POLICY_VIOLATION },
	{ ERR_XML_NODES, STREAM_POLICY_VIOLATION, STANZA_POLICY_VIOLATION },
	{ ERR_LIMIT, STREAM_POLICY_VIOLATION, STANZA_POLICY_VIOLATION },
	{ ERR_UNKNOWN, STREAM_UNSUPPORTED_STANZA_TYPE, STANZA_FEATURE_NOT_IMPLEMENTED },
	{ ERR_UNSUPPORTED, STREAM_UNSUPPORTED_FEATURE, STANZA_FEATURE_NOT_IMPLEMENTED },
	{ ERR_SYNTAX, STREAM_BAD_FORMAT, STANZA_BAD_REQUEST },
	{ ERR_PROTOCOL, STREAM_BAD_FORMAT, STANZA_REMOTE_SERVER_TIMEOUT },
	{ ERR_BAD_STATE, STREAM_BAD_FORMAT, STANZA_UNEXPECTED_REQUEST },
	{ ERR_NOMEM, STREAM_RESOURCE_CONSTRAINT, STANZA_RESOURCE_CONSTRAINT }, /* 4.9.3.17 */
	{ ERR_FULL, STREAM_RESOURCE_CONSTRAINT, STANZA_RESOURCE_CONSTRAINT },
	{ ERR_AUTH, STREAM_NOT_AUTHORIZED, STANZA_REMOTE_SERVER_TIMEOUT }, /* 4.9.3.12 */
	{ ERR_DENIED, STREAM_POLICY_VIOLATION, STANZA_FORBIDDEN },
	{ ERR_NOT_FOUND, STREAM_HOST_UNKNOWN, STANZA_ITEM_NOT_FOUND },
	{ ERR_EXISTS, STREAM_CONFLICT, STANZA_CONFLICT },
	{ ERR_TIMEOUT, STREAM_CONNECTION_TIMEOUT, STANZA_REMOTE_SERVER_TIMEOUT },
	/* RFC 6120 8.3.3.16: no such server; a lasting answer of DNS, not a failure of it */
	{ ERR_DNS_NXDOMAIN, STREAM_REMOTE_CONNECTION_FAILED, STANZA_REMOTE_SERVER_NOT_FOUND },
	{ ERR_DNS_NODATA, STREAM_REMOTE_CONNECTION_FAILED, STANZA_REMOTE_SERVER_NOT_FOUND },
	/* RFC 6120 8.3.3.17: it may work later */
	{ ERR_DNS_SERVFAIL, STREAM_REMOTE_CONNECTION_FAILED, STANZA_REMOTE_SERVER_TIMEOUT },
	{ ERR_DNS_BOGUS, STREAM_REMOTE_CONNECTION_FAILED, STANZA_REMOTE_SERVER_TIMEOUT },
	{ ERR_DNS_TIMEOUT, STREAM_REMOTE_CONNECTION_FAILED, STANZA_REMOTE_SERVER_TIMEOUT },
	{ ERR_CONN_REFUSED, STREAM_REMOTE_CONNECTION_FAILED, STANZA_REMOTE_SERVER_TIMEOUT },
	{ ERR_CONN_UNREACHABLE, STREAM_REMOTE_CONNECTION_FAILED, STANZA_REMOTE_SERVER_TIMEOUT },
	{ ERR_CONN_RESET, STREAM_REMOTE_CONNECTION_FAILED, STANZA_REMOTE_SERVER_TIMEOUT },
	{ ERR_CLOSED, STREAM_REMOTE_CONNECTION_FAILED, STANZA_REMOTE_SERVER_TIMEOUT },
	{ ERR_IO, STREAM_REMOTE_CONNECTION_FAILED, STANZA_REMOTE_SERVER_TIMEOUT },
	{ ERR_TLS, STREAM_REMOTE_CONNECTION_FAILED, STANZA_REMOTE_SERVER_TIMEOUT },
	/* The peer exists but cannot prove who it is: as remote failure, with the reason as text */
	{ ERR_CERT_EXPIRED, STREAM_NOT_AUTHORIZED, STANZA_REMOTE_SERVER_TIMEOUT },
	{ ERR_CERT_NOT_YET, STREAM_NOT_AUTHORIZED, STANZA_REMOTE_SERVER_TIMEOUT },
	{ ERR_CERT_SELF_SIGNED, STREAM_NOT_AUTHORIZED, STANZA_REMOTE_SERVER_TIMEOUT },
	{ ERR_CERT_UNKNOWN_CA, STREAM_NOT_AUTHORIZED, STANZA_REMOTE_SERVER_TIMEOUT },
	{ ERR_CERT_NAME, STREAM_NOT_AUTHORIZED, STANZA_REMOTE_SERVER_TIMEOUT },
	{ ERR_CERT_REVOKED, STREAM_NOT_AUTHORIZED, STANZA_REMOTE_SERVER_TIMEOUT },
	{ ERR_CERT_CRL, STREAM_NOT_AUTHORIZED, STANZA_REMOTE_SERVER_TIMEOUT },
	{ ERR_CERT_PIN, STREAM_NOT_AUTHORIZED, STANZA_REMOTE_SERVER_TIMEOUT },
	{ ERR_CERT_NONE, STREAM_NOT_AUTHORIZED, STANZA_REMOTE_SERVER_TIMEOUT },
	{ ERR_CERT_OTHER, STREAM_NOT_AUTHORIZED, STANZA_REMOTE_SERVER_TIMEOUT },
};

static const struct answer *answer_for(int err)
{
	static const struct answer other = { 0, STREAM_INTERNAL_SERVER_ERROR,
		                             STANZA_INTERNAL_SERVER_ERROR };

	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
		if (answers[i].err == err)
			return &answers[i];
	return &other;
}

enum stream_error stream_error_for(int err)
{
	return answer_for(err)->stream;
}

enum stanza_error stanza_error_for(int err)
{
	return answer_for(err)->stanza;
}

void stream_refusal_write(struct buf *b, const char *from, enum stream_error e)
{
	buf_put_str(b, "<?xml version='1.0'?><stream:stream xmlns='" NS_CLIENT "' xmlns:stream='" NS_STREAM "' id='0' version='1.0'");
	if (from[0])
		xml_write_attr(b, "from", bytes_of(from));
	buf_put_str(b, ">");
	stream_error_write(b, e, BYTES_NONE);
	buf_put_str(b, "</stream:stream>");
}

bool xmpp_is_version_known(struct bytes version)
{
	uint64_t major;
	struct bytes digits = { version.p, bytes_find(version, '.') };

	return digits.n < version.n && bytes_to_u64(digits, 1000, &major) == 0 && major >= 1;
}

void stream_error_write_detail(struct buf *b, enum stream_error e, struct bytes text, struct bytes detail)
{
	buf_put_str(b, "<stream:error><");
	buf_put_str(b, stream_error_name(e));
	buf_put_str(b, " xmlns='" NS_STREAM_ERRORS "'/>");
	if (text.n) {
		buf_put_str(b, "<text xmlns='" NS_STREAM_ERRORS "' xml:lang='en'>");
		text_xml_escape(text, b);
		buf_put_str(b, "</text>");
	}
	buf_put_bytes(b, detail);
	buf_put_str(b, "</stream:error>");
}

void stream_error_write(struct buf *b, enum stream_error e, struct bytes text)
{
	stream_error_write_detail(b, e, text, BYTES_NONE);
}
