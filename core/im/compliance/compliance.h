/* compliance.h - what is to stand in the compliance archive, on its way to gh-comply: notes wait here, in order, until it says that they
 * are on the disk. In blocking mode the stanza waits with its note (gate.h). In fast mode notes wait alone, as many as there is room
 * for; what is lost is counted, raises an alarm, and is a record itself as soon as there is room again. */
#ifndef IM_COMPLIANCE_H
#define IM_COMPLIANCE_H

#include "im.h"
#include "proto/record.h"

struct held;

/* Is this to be archived: by its kind, and by whose it is (compliance only, compliance except)? */
bool compliance_wants(const struct im *im, const struct envelope *e);
/* Takes note of a stanza. is_sip: of a SIP client, whatever its door says. waits: who hears of it by gate_judged, or NULL.
 * false: there is no room for it, and nobody will hear. */
bool compliance_note_stanza(struct im *im, const struct envelope *e, bool is_sip, struct held *waits);
/* Takes note of what a domain itself says to its people; nothing waits for it. false: it may not be said, since that cannot be noted. */
bool compliance_note_announcement(struct im *im, const struct envelope *e);
/* A place for a file was given out (XEP-0363; RECORD_FILE), or what has come of one (RECORD_TRANSFER). false: it may not be, since that
 * cannot be noted. */
bool compliance_note_file(struct im *im, const struct record *file);
/* Who waited has given up: its note goes; where gh-comply may have it already, another says that it was not delivered. */
void compliance_give_up(struct im *im, struct held *waits, uint64_t trace);

void compliance_apply(struct im *im, const struct settings *s);
/* gh-comply has come, has gone. */
void compliance_up(struct im *im);
void compliance_down(struct im *im);
int compliance_on_written(void *im, struct chan *from, const struct frame *f);
void compliance_init(struct im *im);
/* After gate_fini. */
void compliance_fini(struct im *im);

#endif
