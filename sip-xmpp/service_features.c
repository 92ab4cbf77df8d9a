#include "service_features.h"

#include "client.h"
#include "conversation.h"
#include "focus.h"
#include "guest.h"
#include "iq.h"
#include "manager.h"
#include "message.h"
#include "message_in.h"
#include "options.h"
#include "presence.h"
#include "room.h"
#include "session.h"

/* ---- the tables: a standard adds its rows here ---- */

static const struct feature message_feature = {
	.name = "messages", .init = conversations_init, .fini = conversations_fini, .show = message_show,
};

static const struct feature *const features[] = {
	&client_feature,
	&message_feature,
	&presence_feature,
	&manager_feature,
	&session_feature,
	&focus_feature,
	&guest_feature,
};

static const struct request_row request_rows[] = {
	{ SIPM_OPTIONS, NULL, "", options_on_request },
	{ SIPM_SUBSCRIBE, "presence", "", presence_on_subscribe },
	{ SIPM_SUBSCRIBE, "conference", "", guest_on_subscribe },
	{ SIPM_REFER, NULL, "", guest_on_refer },
	{ SIPM_NOTIFY, "presence", "", presence_on_notify },
	{ SIPM_NOTIFY, "conference", "", focus_on_notify },
	{ SIPM_NOTIFY, "refer", "", focus_on_refer_notify },
	{ SIPM_PUBLISH, "presence", "", client_on_publish },
	{ SIPM_PUBLISH, "presence", "", presence_on_publish },
	{ SIPM_INVITE, NULL, " timer ", guest_on_invite },
	{ SIPM_INVITE, NULL, " timer ", session_on_invite },
	{ SIPM_ACK, NULL, " timer ", session_on_ack },
	{ SIPM_BYE, NULL, "", session_on_bye },
	{ SIPM_UPDATE, NULL, " timer ", session_on_update },
	{ SIPM_INFO, NULL, "", session_on_info },
	{ SIPM_MESSAGE, NULL, "", guest_on_message_request },
	{ SIPM_MESSAGE, NULL, "", session_on_message }, /* those in a session */
	{ SIPM_MESSAGE, NULL, "", message_in_on_request },
};

static const struct stanza_row stanza_rows[] = {
	/* What is to go another way than page mode (sessions, rooms) stands before it. */
	{ STANZA_MESSAGE, ~0u, guest_on_message },
	{ STANZA_MESSAGE, ~0u, focus_on_message },
	{ STANZA_MESSAGE, ~(1u << TYPE_ERROR), room_on_invitation },
	{ STANZA_MESSAGE, 1u << TYPE_NORMAL | 1u << TYPE_CHAT, session_on_stanza },
	{ STANZA_MESSAGE, 1u << TYPE_ERROR, session_on_error },
	{ STANZA_MESSAGE, 1u << TYPE_NORMAL | 1u << TYPE_CHAT | 1u << TYPE_HEADLINE, message_on_stanza }, /* MSG-X09 */
	{ STANZA_MESSAGE, 1u << TYPE_ERROR, message_on_error },
	{ STANZA_IQ, 1u << TYPE_GET | 1u << TYPE_SET, iq_on_request },
	{ STANZA_PRESENCE, ~0u, guest_on_presence },
	{ STANZA_PRESENCE, ~0u, focus_on_presence },
	{ STANZA_PRESENCE, ~0u, presence_on_stanza },
};

enum { FEATURES = sizeof features / sizeof features[0], REQUEST_ROWS = sizeof request_rows / sizeof request_rows[0],
       STANZA_ROWS = sizeof stanza_rows / sizeof stanza_rows[0] };

/* ---- what happens with them ---- */

int features_init(struct xlate *x)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < FEATURES; i++)
		if (features[i]->init)
			rc = features[i]->init(x);
	return rc;
}

void features_fini(struct xlate *x)
{
	for (size_t i = 0; i < FEATURES; i++)
		if (features[i]->fini)
			features[i]->fini(x);
}

void features_apply(struct xlate *x)
{
	for (size_t i = 0; i < FEATURES; i++)
		if (features[i]->apply)
			features[i]->apply(x);
}

void features_up(struct xlate *x, enum prog p)
{
	for (size_t i = 0; i < FEATURES; i++)
		if (features[i]->up)
			features[i]->up(x, p);
}

void features_down(struct xlate *x, enum prog p)
{
	for (size_t i = 0; i < FEATURES; i++)
		if (features[i]->down)
			features[i]->down(x, p);
}

void features_show(struct xlate *x, struct proc_ask *ask)
{
	for (size_t i = 0; i < FEATURES; i++)
		if (features[i]->show)
			features[i]->show(x, ask);
}

void features_allow(struct buf *out)
{
	for (size_t i = 0; i < REQUEST_ROWS; i++) {
		bool is_new = true;
		for (size_t k = 0; k < i; k++)
			is_new = is_new && request_rows[k].method != request_rows[i].method;
		if (!is_new)
			continue;
		if (i)
			buf_put_str(out, ", ");
		buf_put_str(out, sipmsg_method_name(request_rows[i].method));
	}
}

static struct bytes package_of(const struct sipmsg *m)
{
	struct bytes event = sipmsg_value(m, SIPH_EVENT, 0);
	size_t n = bytes_find(event, ';');

	while (n && (event.p[n - 1] == ' ' || event.p[n - 1] == '\t'))
		n--;
	return (struct bytes){ event.p, n };
}

/* The option tags that Require names and this row does not know (MSG-S17, RFC 3261 8.2.2.3). */
static bool has_unknown_option(const struct sipmsg *m, const char *options, struct buf *unsupported)
{
	for (size_t i = 0; i < sipmsg_count(m, SIPH_REQUIRE); i++) {
		struct bytes tag = sipmsg_value(m, SIPH_REQUIRE, i);
		struct bytes left = bytes_of(options);
		bool is_known = false;

		while (left.n && !is_known) {
			size_t n = bytes_find(left, ' ');
			is_known = bytes_eq_nocase((struct bytes){ left.p, n }, tag);
			left = bytes_skip(left, n + 1);
		}
		if (is_known)
			continue;
		buf_put_str(unsupported, buf_len(unsupported) ? ", " : "Unsupported: ");
		buf_put_bytes(unsupported, tag);
	}
	if (!buf_len(unsupported))
		return false;
	buf_put_str(unsupported, "\r\n");
	return true;
}

/* RFC 3261 8.2.1 and RFC 6665 8.3.2 (SUB-S11, SUB-S16). */
static void refuse_request(struct request_in *r, bool is_method_known)
{
	enum sipmsg_method m = sipmsg_method(r->m);
	bool is_package_wrong = is_method_known && (m == SIPM_SUBSCRIBE || m == SIPM_NOTIFY || m == SIPM_PUBLISH);
	struct buf headers;

	buf_init(&headers, 1024);
	if (is_package_wrong) {
		buf_put_str(&headers, "Allow-Events: presence\r\n");
	} else {
		buf_put_str(&headers, "Allow: ");
		features_allow(&headers);
		buf_put_str(&headers, "\r\n");
	}
	unsigned status = is_package_wrong ? 489 : 405;
	request_in_answer(r, &(struct reply){ .status = status, .headers = buf_bytes(&headers) });
	buf_fini(&headers);
}

static bool refuse_options(struct request_in *r, const char *options)
{
	struct buf headers;

	buf_init(&headers, 4096);
	bool is_refused = has_unknown_option(r->m, options, &headers);
	if (is_refused)
		request_in_answer(r, &(struct reply){ .status = 420, .headers = buf_bytes(&headers) });
	buf_fini(&headers);
	return is_refused;
}

void features_request(struct xlate *x, struct request_in *r)
{
	enum sipmsg_method method = sipmsg_method(r->m);
	struct bytes package = package_of(r->m);
	bool is_method_known = false;

	for (size_t i = 0; i < REQUEST_ROWS; i++) {
		const struct request_row *row = &request_rows[i];
		if (row->method != method)
			continue;
		is_method_known = true;
		if (row->event && !bytes_eq_nocase(package, bytes_of(row->event)))
			continue;
		if (r->key && refuse_options(r, row->options))
			return;
		if (row->fn(x, r))
			return;
	}
	if (r->key)
		refuse_request(r, is_method_known);
	else
		request_in_free(r);
}

void features_stanza(struct xlate *x, struct stanza_in *s)
{
	for (size_t i = 0; i < STANZA_ROWS; i++)
		if (stanza_rows[i].kind == s->e.kind && stanza_rows[i].types & 1u << s->e.type && stanza_rows[i].fn(x, s))
			return;
	stanza_in_refuse_with(s, STANZA_SERVICE_UNAVAILABLE, "");
}
