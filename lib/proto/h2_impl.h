/* proto/h2_impl.h - inside of h2, for its files only. */
#ifndef PROTO_H2_IMPL_H
#define PROTO_H2_IMPL_H

#include "proto/h2.h"

/* ---- h2_stream.c ---- */
/* Tells its owner, once; the id stays nghttp2's. */
void h2_stream_over(struct h2 *h, struct h2_stream *s, int why);
/* The other side says nothing more. */
void h2_stream_ended(struct h2 *h, struct h2_stream *s);
/* Client: the answer has come. */
void h2_stream_answered(struct h2 *h, int32_t id, int status);

/* ---- h2_flood.c ---- */
void h2_flood_init(struct h2 *h, uint64_t now_ms);
/* May this frame be taken? "" yes, or what is wrong. */
const char *h2_flood(struct h2 *h, uint8_t type, uint8_t flags, size_t n);

#endif
