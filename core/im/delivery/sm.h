/* sm.h - XEP-0198 for a session: counting, acknowledging, waiting to be resumed. */
#ifndef IM_SM_H
#define IM_SM_H

#include "session.h"

/* SM_SAFE_WAIT_MS: a stream that resumes waits so long until what came before is safe. */
enum { SM_ID_CHARS = 32, SM_MARKS_MAX = 16, SM_SAFE_WAIT_MS = 2000 };

struct sm {
	char id[SM_ID_CHARS + 1];
	bool is_resumable;
	uint8_t n_marks;
	uint32_t max_s;
	uint32_t h_in;  /* stanzas handled from the client, modulo 2^32 */
	uint32_t base;  /* s->delivered when it was enabled: h 0 */
	uint32_t acked; /* the client's last h */
	/* h at each <r/> not yet answered; when there are too many the last ones become one. */
	uint32_t marks[SM_MARKS_MAX];
	/* The stream that wants to resume it and has no answer yet; conn 0: none. */
	uint64_t heir;
	uint32_t heir_h;
	uint8_t heir_door;
	struct loop_timer resume; /* the session's end; with an heir the end of its wait */
	struct im *im;
	struct session *session;
};

/* Is h between what was acknowledged and what was sent, counted modulo 2^32? Pure. */
bool sm_is_plausible(uint32_t acked, uint32_t sent, uint32_t h);
/* Is number a at or before b in that count? Pure. */
static inline bool sm_reached(uint32_t a, uint32_t b)
{
	return (int32_t)(b - a) >= 0;
}

/* Turns it on. ERR_NOMEM; ERR_EXISTS when it is on already. */
int sm_enable(struct im *im, struct session *s, bool wants_resume, uint32_t max_s);
/* A stanza came. */
void sm_count(struct session *s);
/* Something of its custody has become safe: answers requests that waited for it. */
void sm_progress(struct im *im, struct session *s);
/* The stream is lost: keep the session for a while. false: not resumable. */
bool sm_detach(struct im *im, struct session *s);
void sm_free(struct im *im, struct session *s);

int sm_on_enable(void *im, struct chan *from, const struct frame *f);
int sm_on_request(void *im, struct chan *from, const struct frame *f);
int sm_on_ack(void *im, struct chan *from, const struct frame *f);
int sm_on_resume(void *im, struct chan *from, const struct frame *f);

#endif
