/* sip/unit.h - how SIP requests and their answers travel between the SIP doors and gh-xlate. Pure.
 *
 *  SIP_REQUEST   id:u64 trace:u64 flags:u8 flow:u64 peer:str message:bytes
 *  SIP_RESPONSE  id:u64 flags:u8 status:u16 why:u32 flow:u64 reason:str to_tag:str headers:bytes body:bytes
 *
 * From a door, `peer` is the domain that the door has proved (of the partner; of the registered user's
 * domain at gh-line) and From's domain is covered by it. `message` is the request as it came, with the
 * door's received mark, so gh-xlate reads From, To, Contact, Record-Route and so on from it; its answer is
 * what the door cannot know: status, extra header lines ("Name: value\r\n"...), body. The door puts Via,
 * From, To (with to_tag), Call-ID and CSeq of the request.
 *
 * From gh-xlate, `message` is a request without Via (sipmsg_parse_inside) and Content-Length; Route is the dialog's route set; the door
 * finds the way (flow when it is not 0, Route, static route, RFC 3263), puts Via and sends it statefully.
 * `peer` is then the domain (or "" for the Request-URI's) whose row governs. The answer carries the whole
 * response, with the door's Via, in `body` with `headers` empty when one came (flag UNIT_RAW), and only a status and `why` (an ERR_ code) when
 * the door had to make it up: 408 for no answer, 503 for no connection, 404 for no such domain (ERR-11). Id 0: a 2xx to
 * an INVITE of gh-xlate's that is over: of another branch of a fork (RFC 3261 13.2.2.4), or before the ACK. */
#ifndef SIP_UNIT_H
#define SIP_UNIT_H

#include "base/wire.h"

enum sip_unit_flag {
	UNIT_TLS = 1 << 0,     /* came over TLS; to be sent over TLS only */
	UNIT_CLIENT = 1 << 1,  /* from or to a registered client of ours (gh-line) */
	UNIT_RAW = 1 << 2,     /* SIP_RESPONSE: body is a whole SIP response */
	UNIT_TRUNK = 1 << 3,   /* the peer is the call manager's publish trunk (B-PUB-01) */
};

struct sip_unit {
	uint64_t id, trace; /* id 0: ACK, nobody answers */
	uint8_t flags;
	uint64_t flow;
	struct bytes peer;
	struct bytes message;
};
void sip_unit_encode(struct buf *b, const struct sip_unit *u);
int sip_unit_decode(struct bytes in, struct sip_unit *out); /* views. ERR_TRUNCATED, ERR_SYNTAX */

struct sip_answer {
	uint64_t id;
	uint8_t flags;
	uint16_t status;
	int32_t why;
	uint64_t flow; /* the connection that the response came on */
	struct bytes reason, to_tag, headers, body;
};
void sip_answer_encode(struct buf *b, const struct sip_answer *a);
int sip_answer_decode(struct bytes in, struct sip_answer *out);

#endif
