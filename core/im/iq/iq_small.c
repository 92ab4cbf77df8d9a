/* The short ones: ping, time, version, session, carbons. */
#include "iq/iq.h"

#include "base/text.h"
#include "proto/xmpp.h"

void iq_ping(struct im *im, struct iq *q)
{
	iq_result(im, q, BYTES_NONE); /* XEP-0199 */
}

/* XEP-0202 */
void iq_time(struct im *im, struct iq *q)
{
	char now[TEXT_TIME_BYTES];

	text_time(loop_wall_ms(im->loop), false, now);
	buf_clear(&im->out2);
	buf_putf(&im->out2, "<time xmlns='" NS_TIME "'><tzo>+00:00</tzo><utc>%s</utc></time>", now);
	iq_result(im, q, buf_bytes(&im->out2));
}

/* XEP-0092, without the operating system: strangers may ask. */
void iq_version(struct im *im, struct iq *q)
{
	iq_result(im, q, BYTES("<query xmlns='" NS_VERSION "'><name>Gatehouse</name><version>1</version></query>"));
}

void iq_session(struct im *im, struct iq *q)
{
	iq_result(im, q, BYTES_NONE); /* RFC 3921 3; old clients ask for it */
}

void iq_carbons_on(struct im *im, struct iq *q)
{
	if (q->session)
		q->session->bits |= SESSION_HAS_CARBONS;
	iq_result(im, q, BYTES_NONE);
}

void iq_carbons_off(struct im *im, struct iq *q)
{
	if (q->session)
		q->session->bits &= (uint16_t)~SESSION_HAS_CARBONS;
	iq_result(im, q, BYTES_NONE);
}
