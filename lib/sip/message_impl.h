/* sip/message_impl.h - inside of lib/sip/message*.c: Sofia-SIP holds the fields, the start line and the
 * body are ours. */
#ifndef SIP_MESSAGE_IMPL_H
#define SIP_MESSAGE_IMPL_H

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/msg_buffer.h>
#include <sofia-sip/msg_header.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "sip/message.h"

/* Lives in the home of its msg, as every text in it does. A field that came in keeps its original text
 * (sh_data) and is printed so until it is changed. */
struct sipmsg {
	msg_t *msg;
	sip_t *sip;
	bool is_request;
	bool is_inside; /* of another program of ours: no Via yet */
	enum sipmsg_method method;
	struct bytes method_text, uri, reason, body;
	uint16_t status;
	struct sipmsg_fault fault;
	int edit_rc; /* why a change failed; 0: none did */
};

struct header_row {
	const char *name;
	msg_hclass_t *hclass; /* NULL: Sofia-SIP has none, the field is in its list of unknown ones */
	size_t offset;        /* of the list in sip_t */
};
const struct header_row *header_row(enum siphdr h);

/* First element, or NULL. */
sip_header_t *header_first(const struct sipmsg *m, enum siphdr h);
/* Element i of a header whose elements are fields of their own; NULL: there is none. */
sip_header_t *header_at(const struct sipmsg *m, enum siphdr h, size_t i);
/* Is it one of those whose elements are words of one field (Allow, Require, ...)? */
bool header_is_words(enum siphdr h);
/* The value of a field that was understood or not: its first, as it came. Empty: absent. */
struct bytes header_raw(const struct sipmsg *m, enum siphdr h);
/* Name and value of a field that keeps its text. */
struct bytes field_raw_name(const sip_header_t *f);
struct bytes field_raw_value(const sip_header_t *f);
/* Is it a field of this name, by its long or short form, understood or not? */
bool field_is_named(const sip_header_t *f, struct bytes name);
/* Appends the field as a line; nothing for one whose text is in the line of the one before. */
void field_print(const sip_header_t *f, struct buf *out);
/* Does f stand alone in its line, with its text? */
bool field_is_whole(const sip_header_t *f);
/* The value printed into the message's memory; empty without memory. */
/* Sofia-SIP leaves the last part of a field out, and counts it all the same, where it ends so near the end of the room: the room is
 * then as good as too small. */
enum { FIELD_END_SLACK = 2 };
struct bytes field_print_value(const struct sipmsg *m, const sip_header_t *f);

/* A copy in the message's memory, with a NUL behind; NULL without memory. */
char *sipmsg_text(const struct sipmsg *m, struct bytes v);
enum sipmsg_method method_of(struct bytes name);

/* Fields without checks: `fields` is unfolded and ends with an empty line. NULL without memory. */
struct sipmsg *sipmsg_hold(struct bytes fields);

#endif
