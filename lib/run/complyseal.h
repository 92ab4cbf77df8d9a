/* run/complyseal.h - what a signature in the compliance archive is over: gh-keys makes it with a key that signs nothing else
 * (COMPLY_SIGN), gh-comply keeps and verifies it.
 *
 *     "Gatehouse compliance archive 1" and a NUL, number of a record u64, its hash (32)
 *
 * Ed25519 (RFC 8032). */
#ifndef RUN_COMPLYSEAL_H
#define RUN_COMPLYSEAL_H

#define COMPLY_KEY "compliance-archive"
#define COMPLY_SEAL_PREFIX "Gatehouse compliance archive 1"
enum {
	COMPLY_SEAL_HASH = 32,
	COMPLY_SEAL_BYTES = sizeof COMPLY_SEAL_PREFIX + 8 + COMPLY_SEAL_HASH,
	COMPLY_SIGNATURE_MAX = 256,
	COMPLY_KEY_MAX = 256,
};

#endif
