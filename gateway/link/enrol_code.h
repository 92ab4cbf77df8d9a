/* gateway/link/enrol_code.h - the one-time code of an enrolment, and what it proves. Both sides have it, one from its own console,
 * one from the operator; each message is under a MAC of it, bound to the TLS connection, so that nobody in between can be either
 * side. A hundred bits: nobody finds it by trying, nor from a MAC. Pure but for the code itself, which is random. */
#ifndef LINK_ENROL_CODE_H
#define LINK_ENROL_CODE_H

#include "base/buf.h"
#include "base/bytes.h"

enum { ENROL_SYMBOLS = 20, ENROL_CODE_BYTES = 25, ENROL_MAC_BYTES = 32, ENROL_EXPORTER_BYTES = 32, ENROL_MESSAGE_MAX = 16 << 10 };

/* "ABCD-EFGH-JKLM-NPQR-STUV" and a NUL. */
void enrol_code_make(char out[static ENROL_CODE_BYTES]);
/* As an operator types it: small letters, with or without dashes and spaces. out: canonical. ERR_SYNTAX. */
int enrol_code_read(struct bytes typed, char out[static ENROL_CODE_BYTES]);

enum enrol_message {
	ENROL_HELLO = 1,   /* core: node str, the name that the edge shall have */
	ENROL_REQUEST,     /* edge: PKCS#10 in DER bytes */
	ENROL_CERTIFICATE, /* core: certificate bytes, authority bytes; PEM */
	ENROL_DONE,        /* edge: it runs */
	ENROL_MESSAGE_END
};

/* One message: length u16, type u8, MAC, payload. ERR_LIMIT: too long; ERR_UNSUPPORTED: no HMAC. */
int enrol_put(struct buf *out, const char *code, const uint8_t exporter[static ENROL_EXPORTER_BYTES], enum enrol_message type, struct bytes payload);
/* The first whole message in `in`; *used: its bytes. ERR_AGAIN: more is to come; ERR_AUTH: not of who has the code; ERR_SYNTAX. */
int enrol_take(struct bytes in, const char *code, const uint8_t exporter[static ENROL_EXPORTER_BYTES], enum enrol_message *type,
               struct bytes *payload, size_t *used);

#endif
