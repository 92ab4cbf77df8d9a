/* run/acme.h - what gh-pki asks of gh-keys for an ACME order (RFC 8555). gh-pki gets no key and can have nothing signed but
 * these: requests under the account's key, which signs nothing else, and a certificate request.
 *
 * ACME_ASK is an op and its fields; ACME_ANSWER is rc u32 (as i32), why str, and the op's answer when rc is 0. */
#ifndef RUN_ACME_H
#define RUN_ACME_H

enum acme_op {
	ACME_ACCOUNT, /* -> x bytes, y bytes: the account's key (P-256), made when there is none */
	ACME_SIGN,    /* data bytes -> signature bytes: ES256 as JWS has it, 64 bytes (RFC 7518 3.4) */
	ACME_BIND,    /* data bytes -> mac bytes: HS256 with `acme external-account key` (RFC 8555 7.3.4) */
	ACME_REQUEST, /* key str, kind str, n u16, n of name str -> PKCS#10 in DER bytes; makes the key when there is none */
	ACME_OP_COUNT
};

/* Of the account, among the keys of gh-keys; no certificate may have this name. */
#define ACME_ACCOUNT_KEY "acme-account"
enum {
	ACME_NAMES_MAX = 30,      /* of one certificate */
	ACME_COORDINATE_BYTES = 32,
	ACME_SIGNATURE_BYTES = 64,
	ACME_MAC_BYTES = 32,
	ACME_DATA_MAX = 64 << 10, /* what is signed at once */
};

#endif
