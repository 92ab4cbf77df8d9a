/* proto/composed.h - one presence of a person, composed of what each of their devices says. XMPP contacts see all devices, as
 * RFC 6121 wants; the one presence is for who sees one person: watchers by SIP (dm:person, RFC 4479) and operators. Pure.
 *
 * Inputs, and how they are told apart by what the standards have:
 *	device       an available resource that takes messages, of whatever program it is; an application that publishes presence by
 *	             XMPP or SIP (RFC 3903) is one of them
 *	phone        one of negative priority, which takes none (RFC 6121 4.7.2.3): a line of the call manager says dnd while it is busy
 *	manual       what a device shows that no timer sets: dnd, or chat. The newest of all devices is the person's; it
 *	             lasts as long as that device shows it, and nobody's lasts longer than the last device
 *
 * Manual beats the phone, which beats how the devices are. Of devices the one represents the person that is the most available, then that of
 * the highest priority, then the newest. Away by a timer (XEP-0319, XEP-0256) counts less than away by hand. */
#ifndef PROTO_COMPOSED_H
#define PROTO_COMPOSED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 6121 4.7.2.1; the most available first. */
enum shown { SHOWN_CHAT, SHOWN_AVAILABLE, SHOWN_AWAY, SHOWN_XA, SHOWN_DND, SHOWN_OFFLINE, SHOWN_COUNT };
enum composed_by { COMPOSED_NOBODY, COMPOSED_MANUAL, COMPOSED_PHONE, COMPOSED_DEVICE, COMPOSED_BY_COUNT };

struct composed_input {
	uint8_t shown;    /* enum shown; not SHOWN_OFFLINE */
	int16_t priority; /* -128..127 */
	bool is_idle;     /* it says since when nobody uses it */
	uint64_t at_ms;   /* when it became so; 0: not known, older than all */
};
struct composed {
	uint8_t shown; /* enum shown */
	uint8_t by;    /* enum composed_by */
	size_t which;  /* the input that speaks for the person; not with COMPOSED_NOBODY */
};

/* Of n inputs; of none: offline. Of equal ones the first counts. Cannot fail. */
struct composed composed_of(const struct composed_input *in, size_t n);
/* "chat" "available" "away" "xa" "dnd" "offline". */
const char *shown_name(enum shown s);
/* "nobody" "manual" "phone" "device". */
const char *composed_by_name(enum composed_by by);

#endif
