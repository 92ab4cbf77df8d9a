/* proto/websocket.h - WebSocket on the wire, server side (RFC 6455): the handshake's key, frames in, frames out. Pure: no
 * sockets, no clock. No extension is negotiated, so a reserved bit is an error and nothing is ever inflated. */
#ifndef PROTO_WEBSOCKET_H
#define PROTO_WEBSOCKET_H

#include "base/buf.h"

enum { WS_ACCEPT_BYTES = 29, WS_CONTROL_MAX = 125, WS_HEAD_MAX = 14 };

/* Value of Sec-WebSocket-Accept for a request's Sec-WebSocket-Key, with a NUL (4.2.2). ERR_SYNTAX: the key is not base64 of
 * 16 bytes (4.1), or there is no memory. */
int ws_accept(struct bytes key, char out[static WS_ACCEPT_BYTES]);

/* Status codes of 7.4.1. WS_NO_STATUS is never sent: the peer's close frame had none. */
enum ws_status {
	WS_NORMAL = 1000,
	WS_GOING_AWAY = 1001,
	WS_PROTOCOL_ERROR = 1002,
	WS_UNSUPPORTED = 1003,
	WS_NO_STATUS = 1005,
	WS_BAD_DATA = 1007,
	WS_POLICY = 1008,
	WS_TOO_BIG = 1009,
	WS_SERVER_ERROR = 1011,
};

enum ws_event {
	WS_TEXT,   /* a whole message, UTF-8 */
	WS_BINARY, /* a whole message */
	WS_PING,   /* answer with WS_PONG of the same payload (5.5.2) */
	WS_PONG,
	WS_CLOSE,  /* nothing follows; the status is in the reader, the payload is its reason (5.5.1) */
};

struct ws_reader {
	struct buf message; /* of the message so far, unmasked */
	uint64_t left;      /* of the frame's payload */
	uint64_t frames;    /* of the message so far */
	uint32_t message_max;
	uint8_t head[WS_HEAD_MAX], head_n; /* of a frame whose head is not all there */
	uint8_t control[WS_CONTROL_MAX], control_n;
	uint8_t mask[4], mask_at;
	uint8_t opcode;         /* of the frame */
	uint8_t message_opcode; /* of the message; 0 between two */
	bool is_in_frame, is_final;
	bool is_given;   /* the message was handed out and goes with the next call */
	bool is_over;    /* a close frame came, or an error */
	uint16_t status; /* of the peer's close frame, or what to close with after an error */
	const char *why; /* static text, after an error */
};

/* message_max: bytes of a message, of all its fragments together. Text is one allocation a message, none while idle. */
void ws_reader_init(struct ws_reader *r, uint32_t message_max);
void ws_reader_fini(struct ws_reader *r);
/* What comes next out of *in, which is advanced over what was taken. 0: *what and *payload (valid until the next call).
 * ERR_AGAIN: *in is used up. ERR_CLOSED: a close frame came before, *in is dropped. ERR_SYNTAX, ERR_LIMIT, ERR_NOMEM: send a
 * close frame of r->status and end; each later call gives ERR_CLOSED. */
int ws_next(struct ws_reader *r, struct bytes *in, enum ws_event *what, struct bytes *payload);

/* Puts one whole message or control frame, unmasked (5.1). Of WS_PING and WS_PONG at most WS_CONTROL_MAX bytes go. */
void ws_put(struct buf *out, enum ws_event what, struct bytes payload);
/* Puts a close frame; the reason is cut to what fits, at a character's border. */
void ws_put_close(struct buf *out, enum ws_status status, const char *reason);

#endif
