#include "stream_int.h"

#include <stdlib.h>

#include "base/text.h"

/* Actions of the machine until the client is known: header, STARTTLS, SASL, SASL2. */

/* ---- header (RFC 6120 4.7) ---- */

/* The domain asked for, normalised in the arena; ERR_NOT_FOUND when it is not ours. */
static int hosted_domain(struct stream *s, struct step *st, struct bytes *domain)
{
	struct bytes to = xml_attr(st->xml->node, "to");

	if (to.n == 0 || jid_parse_domain(to, st->out->arena, domain))
		return ERR_NOT_FOUND;
	return s->rules->is_hosted(s->rules->arg, *domain) ? 0 : ERR_NOT_FOUND;
}

/* The domain may change with the TLS restart but not with the one after SASL: the account is of
 * the first one. */
static int take_domain(struct stream *s, struct bytes domain)
{
	struct stream_login *l = s->login;

	if (s->state == S_HEADER_AUTHED)
		return bytes_eq_str(domain, l->domain) ? 0 : ERR_NOT_FOUND;
	free(l->domain);
	l->domain = strndup((const char *)domain.p, domain.n);
	return l->domain ? 0 : ERR_NOMEM;
}

/* RFC 6120 4.7.2: a client that names itself is answered by that name, without the resource. */
static struct bytes named(struct step *st)
{
	struct bytes from = xml_attr(st->xml->node, "from");
	struct jid j;

	return from.n && jid_parse(from, st->out->arena, &j) == 0 ? jid_bare(&j) : BYTES_NONE;
}

int act_header(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;
	const struct xml_node *n = st->xml->node;
	struct bytes domain;

	if (!xml_is(n, "stream", NS_STREAM) || !st->xml->content_ns ||
	    strcmp(st->xml->content_ns, NS_CLIENT) != 0)
		return stream_fail(s, st->out, STREAM_INVALID_NAMESPACE, "");
	if (hosted_domain(s, st, &domain))
		return stream_fail(s, st->out, STREAM_HOST_UNKNOWN, "");
	int rc = take_domain(s, domain);
	if (rc == ERR_NOMEM)
		return rc;
	if (rc)
		return stream_fail(s, st->out, STREAM_HOST_UNKNOWN, "");
	if (!xmpp_is_version_known(xml_attr(n, "version")))
		return stream_fail(s, st->out, STREAM_UNSUPPORTED_VERSION, "");
	if (s->is_shut_out && stream_is_unauthed(s))
		return stream_fail(s, st->out, STREAM_POLICY_VIOLATION, "too many failed logins from your address: come again later");
	if (s->rules->is_draining && stream_is_unauthed(s))
		return stream_fail(s, st->out, STREAM_REMOTE_CONNECTION_FAILED, "no new logins here now");
	stream_send_header(s, st->out, named(st));
	features_write(s, st->out->send);
	return 0;
}

/* ---- STARTTLS (RFC 6120 5.4) ---- */

int act_starttls(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;

	buf_put_str(st->out->send, "<proceed xmlns='" NS_TLS "'/>");
	stream_act(st->out, ACT_START_TLS)->text = bytes_of(s->login->domain);
	/* What was pipelined behind <starttls/> was not protected: it is dropped (5.4.3.3). */
	xml_stream_restart(&s->xml);
	s->is_header_sent = false;
	return 0;
}

int act_secured(void *stream, void *arg)
{
	struct stream *s = stream;
	const struct stream_input *in = ((struct step *)arg)->in;

	s->is_tls = true;
	s->login->has_exporter = in->has_exporter;
	s->login->has_end_point = in->has_end_point;
	s->login->has_unique = in->has_unique;
	return 0;
}

/* ---- SASL ---- */

static void write_failure(struct stream *s, struct stream_out *out, const char *condition, struct bytes text)
{
	buf_putf(out->send, "<failure xmlns='%s'><%s", s->login->is_sasl2 ? NS_SASL2 : NS_SASL, condition);
	if (s->login->is_sasl2) /* conditions keep their namespace (XEP-0388 2.6.2) */
		buf_put_str(out->send, " xmlns='" NS_SASL "'");
	buf_put_str(out->send, "/>");
	if (text.n) {
		buf_put_str(out->send, "<text xml:lang='en'>");
		text_xml_escape(text, out->send);
		buf_put_str(out->send, "</text>");
	}
	buf_put_str(out->send, "</failure>");
}

/* Says no; counts as a try; too many end the stream (RFC 6120 6.4.4). The next state is S_AUTH,
 * also where the row says otherwise. */
static int refuse(struct stream *s, struct stream_out *out, const char *condition, struct bytes text)
{
	write_failure(s, out, condition, text);
	s->login->tries++;
	if (s->login->tries >= s->rules->auth_tries)
		return stream_fail(s, out, STREAM_POLICY_VIOLATION, "too many failed logins");
	return ERR_AUTH;
}

/* Decodes what an element of SASL carries into out->scratch. "=" is an empty response (6.4.2). */
static int decode(struct stream_out *out, struct bytes text, struct bytes *data)
{
	*data = (struct bytes){ (const uint8_t *)"", 0 };
	if (text.n == 0 || bytes_eq(text, BYTES("=")))
		return 0;
	int rc = text_unbase64(text, out->scratch);
	if (rc == 0)
		*data = buf_bytes(out->scratch);
	return rc;
}

static void forget_requests(struct stream_login *l)
{
	l->has_bind = l->has_resume = false;
	l->session_flags = l->sm_max_s = l->resume_h = 0;
	l->tag[0] = l->previd[0] = l->failed[0] = '\0';
	buf_fini(&l->extra);
	secret_wipe(&l->fast, sizeof l->fast);
}

/* Tokens are proved by mechanisms of their own, which are good for nothing else (XEP-0484 3.3). */
static bool is_offered(const struct stream *s, struct bytes name)
{
	return s->login->fast.is_used ? features_has_fast(s, name) : features_has_mechanism(s, name);
}

static uint32_t fast_flags(const struct stream_fast *f)
{
	return (f->is_used ? AUTH_FAST : 0) | (f->invalidates ? AUTH_FAST_INVALIDATE : 0);
}

static int start(struct stream *s, struct step *st, struct bytes initial, bool has_initial)
{
	struct stream_login *l = s->login;
	struct bytes name = xml_attr(st->xml->node, "mechanism"), data;

	if (!s->is_tls && s->rules->is_tls_required)
		return refuse(s, st->out, "encryption-required", BYTES_NONE);
	if (!is_offered(s, name) || name.n >= sizeof l->mechanism)
		return refuse(s, st->out, "invalid-mechanism", BYTES_NONE);
	if (decode(st->out, initial, &data))
		return refuse(s, st->out, "incorrect-encoding", BYTES_NONE);
	memcpy(l->mechanism, name.p, name.n);
	l->mechanism[name.n] = '\0';
	struct stream_action *a = stream_act(st->out, ACT_AUTH_START);
	a->text = bytes_of(l->mechanism);
	a->data = data;
	a->flags = (has_initial ? AUTH_HAS_INITIAL : 0) | (s->is_tls ? AUTH_TLS : 0) |
		   (l->is_sasl2 ? AUTH_SASL2 : 0) | fast_flags(&l->fast);
	return 0;
}

int act_auth(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;
	struct bytes initial = xml_text(st->xml->node);

	s->login->is_sasl2 = false;
	forget_requests(s->login);
	return start(s, st, initial, initial.n > 0);
}

/* Copies an id that must fit; false when it does not. */
static bool take_id(struct bytes in, char out[static LOGIN_ID_MAX + 1])
{
	if (in.n > LOGIN_ID_MAX)
		return false;
	memcpy(out, in.n ? in.p : (const uint8_t *)"", in.n);
	out[in.n] = '\0';
	return true;
}

/* Bind 2 (XEP-0386) with what goes inline. A tag that is too long is no tag. */
static void take_bind2(struct stream_login *l, const struct xml_node *bind)
{
	const struct xml_node *enable = xml_child(bind, "enable", NS_SM);
	uint64_t max_s = 0;

	l->has_bind = true;
	take_id(xml_text(xml_child(bind, "tag", NS_BIND2)), l->tag);
	if (xml_child(bind, "enable", NS_CARBONS))
		l->session_flags |= SESSION_CARBONS;
	if (xml_child(bind, "inactive", NS_CSI))
		l->session_flags |= SESSION_CSI_INACTIVE;
	if (!enable)
		return;
	l->session_flags |= SESSION_SM;
	if (stream_is_true(xml_attr(enable, "resume")))
		l->session_flags |= SESSION_SM_RESUME;
	if (bytes_to_u64(xml_attr(enable, "max"), UINT32_MAX, &max_s) == 0)
		l->sm_max_s = (uint32_t)max_s;
}

int stream_take_resume(struct stream_login *l, const struct xml_node *resume)
{
	uint64_t h;

	if (bytes_to_u64(xml_attr(resume, "h"), UINT32_MAX, &h))
		return ERR_SYNTAX;
	l->has_resume = true;
	l->resume_h = (uint32_t)h;
	if (!take_id(xml_attr(resume, "previd"), l->previd))
		l->previd[0] = '\0'; /* none of ours: the core will not find it */
	return 0;
}

int act_auth2(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;
	const struct xml_node *n = st->xml->node;
	const struct xml_node *initial = xml_child(n, "initial-response", NS_SASL2);
	const struct xml_node *bind = xml_child(n, "bind", NS_BIND2);
	const struct xml_node *resume = xml_child(n, "resume", NS_SM);

	s->login->is_sasl2 = true;
	forget_requests(s->login);
	if (!s->is_tls)
		return refuse(s, st->out, "encryption-required", BYTES_NONE);
	if (bind)
		take_bind2(s->login, bind);
	if (fast_take(&s->login->fast, n) || (resume && stream_take_resume(s->login, resume)))
		return refuse(s, st->out, "malformed-request", BYTES_NONE);
	return start(s, st, xml_text(initial), initial != NULL);
}

int act_challenge(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;

	buf_putf(st->out->send, "<challenge xmlns='%s'>", s->login->is_sasl2 ? NS_SASL2 : NS_SASL);
	text_base64(st->in->data, st->out->send);
	buf_put_str(st->out->send, "</challenge>");
	return 0;
}

int act_response(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;
	const char *ns = s->login->is_sasl2 ? NS_SASL2 : NS_SASL;
	struct bytes data;
	const char *wrong = NULL;

	if (!xml_is(st->xml->node, "response", ns))
		wrong = "malformed-request";
	else if (decode(st->out, xml_text(st->xml->node), &data))
		wrong = "incorrect-encoding";
	if (wrong) {
		stream_act(st->out, ACT_AUTH_ABORT);
		int rc = refuse(s, st->out, wrong, BYTES_NONE);
		if (s->state != S_CLOSED)
			s->state = S_AUTH;
		return rc;
	}
	stream_act(st->out, ACT_AUTH_RESPONSE)->data = data;
	return 0;
}

int act_abort(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;

	stream_act(st->out, ACT_AUTH_ABORT);
	int rc = refuse(s, st->out, "aborted", BYTES_NONE);
	return rc == ERR_AUTH ? 0 : rc;
}

int act_auth_failed(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;
	char name[LOGIN_CONDITION_MAX];

	int rc = refuse(s, st->out, stream_condition(st->in->condition, "not-authorized", name), st->in->text);
	return rc == ERR_AUTH ? 0 : rc;
}

/* Not the client's fault: no try is counted. */
int act_auth_gone(void *stream, void *arg)
{
	struct stream *s = stream;

	write_failure(s, ((struct step *)arg)->out, "temporary-auth-failure", BYTES_NONE);
	return 0;
}

static int logged_in(struct stream *s, struct step *st)
{
	int rc = stream_set_jid(s, st->in->text);

	if (rc)
		return rc;
	s->xml.limits = &s->rules->limits;
	stream_act(st->out, ACT_LOGGED_IN)->text = bytes_of(s->jid);
	return 0;
}

int act_auth_ok(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;
	int rc = logged_in(s, st);

	if (rc)
		return rc;
	buf_put_str(st->out->send, "<success xmlns='" NS_SASL "'>");
	text_base64(st->in->data, st->out->send);
	buf_put_str(st->out->send, "</success>");
	xml_stream_restart(&s->xml); /* RFC 6120 6.4.6 */
	s->is_header_sent = false;
	return 0;
}

/* ---- SASL2: what was asked beside the login ---- */

static int keep_extra(struct stream *s, struct step *st)
{
	buf_put_bytes(&s->login->extra, st->in->data);
	fast_keep_token(&s->login->fast, st->in);
	return buf_failed(&s->login->extra) ? ERR_LIMIT : logged_in(s, st);
}

int act_auth2_ok(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;
	int rc = keep_extra(s, st);

	if (rc)
		return rc;
	sasl2_success(s, st->out, BYTES_NONE);
	features_write(s, st->out->send);
	return 0;
}

static void ask_bind2(struct stream *s, struct stream_out *out)
{
	struct stream_action *a = stream_act(out, ACT_SESSION_OPEN);

	a->data = bytes_of(s->login->tag);
	a->flags = s->login->session_flags | (s->is_tls ? SESSION_TLS : 0);
	a->number = s->login->sm_max_s;
}

int act_auth2_bind(void *stream, void *arg)
{
	struct stream *s = stream;
	int rc = keep_extra(s, arg);

	if (rc)
		return rc;
	ask_bind2(s, ((struct step *)arg)->out);
	return 0;
}

int act_auth2_resume(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;
	int rc = keep_extra(s, st);

	if (rc)
		return rc;
	struct stream_action *a = stream_act(st->out, ACT_SESSION_RESUME);
	a->text = bytes_of(s->login->previd);
	a->number = s->login->resume_h;
	return 0;
}

/* The resumption failed: bind, and tell of both in one <success/> (XEP-0198 on SASL2). */
int act_resume2_bind(void *stream, void *arg)
{
	struct stream *s = stream;
	struct step *st = arg;
	struct stream_login *l = s->login;
	char name[LOGIN_CONDITION_MAX];

	const char *condition = stream_condition(st->in->condition, "item-not-found", name);
	memcpy(l->failed, condition, strlen(condition) + 1);
	l->has_failed_h = st->in->has_number;
	l->failed_h = st->in->number;
	ask_bind2(s, st->out);
	return 0;
}
