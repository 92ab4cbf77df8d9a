#include "session_impl.h"

#include <stdio.h>

enum { REFRESH_FLOOR_S = 90, REFRESH_CEILING_S = 86400 };

bool session_refresh_read(const struct sipmsg *m, uint32_t *seconds, bool *is_ours)
{
	struct bytes value = sipmsg_value(m, SIPH_SESSION_EXPIRES, 0);
	size_t n = bytes_find(value, ';');
	struct bytes digits = bytes_make(value.p, n), who;
	uint64_t number;

	while (digits.n && digits.p[digits.n - 1] == ' ')
		digits.n--;
	if (!value.n || bytes_to_u64(digits, UINT32_MAX, &number) != 0)
		return false;
	*is_ours = !sip_param(bytes_skip(value, n < value.n ? n + 1 : n), "refresher", &who) || bytes_eq_nocase(who, BYTES("uac"));
	*seconds = number < REFRESH_FLOOR_S ? REFRESH_FLOOR_S : number > REFRESH_CEILING_S ? REFRESH_CEILING_S : (uint32_t)number;
	return true;
}

/* RFC 4028 10: we at half the time; who waits for the other side gives up a little before its end. */
void session_refresh_note(struct session *s, const struct sipmsg *answer)
{
	uint64_t now = loop_now(s->x->loop);
	uint32_t seconds;
	bool is_ours;

	s->renew_ms = s->refresh_ms = 0;
	s->interval_s = 0;
	if (!session_refresh_read(answer, &seconds, &is_ours))
		return;
	s->interval_s = seconds;
	s->refresh_ms = now + seconds * 1000ull;
	if (is_ours)
		s->renew_ms = now + seconds * 500ull;
}

static void on_refreshed(void *arg, const struct outcome *o)
{
	struct session *s = arg;

	s->invite = NULL;
	if (o->m && o->status < 300) {
		int rc = dialog_set_target(&s->dialog, o->m);
		(void)rc; /* without a Contact the target stays as it was */
		session_ack(s);
		session_refresh_note(s, o->m);
		session_arm(s);
	} else if (o->status == 408 || o->status == 481) { /* RFC 3261 12.2.1.2 */
		session_step(s, SESSION_LOST, NULL);
	} else {
		session_arm(s); /* refresh_ms ends it */
	}
}

/* A re-INVITE, because every user agent knows that; what it describes is as it was. */
void session_refresh_send(struct session *s)
{
	s->renew_ms = 0;
	struct sipmsg *m = s->invite ? NULL : session_request(s, "INVITE", true);
	if (!m)
		return;
	char text[48];
	snprintf(text, sizeof text, "%u;refresher=uac", s->interval_s);
	sipmsg_append(m, SIPH_SUPPORTED, BYTES("timer"));
	sipmsg_append(m, SIPH_SESSION_EXPIRES, bytes_of(text));
	sipmsg_set_body(m, IMSDP_TYPE, bytes_of(s->sdp));
	s->invite_cseq = s->dialog.local_cseq;
	(void)session_send(s, m, on_refreshed, s, &s->invite); /* refresh_ms ends what is not refreshed */
}
