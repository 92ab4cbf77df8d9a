#include "chat.h"

#include "base/err.h"
#include "base/text.h"
#include "clock.h"
#include "scram_client.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define NS_STREAM "http://etherx.jabber.org/streams"
#define NS_TLS "urn:ietf:params:xml:ns:xmpp-tls"
#define NS_SASL "urn:ietf:params:xml:ns:xmpp-sasl"
#define NS_BIND "urn:ietf:params:xml:ns:xmpp-bind"
#define NS_CLIENT "jabber:client"

enum { WAIT_MS = 15000 };

static int fail(struct chat *c, int rc, const char *where)
{
	if (!c->why[0])
		snprintf(c->why, sizeof c->why, "%s: %s", where, err_text(rc));
	return rc;
}

/* ---- bytes ---- */

static int put(struct chat *c, struct bytes b)
{
	while (b.n > 0) {
		ssize_t n = c->tls ? SSL_write(c->tls, b.p, (int)b.n) : send(c->fd, b.p, b.n, MSG_NOSIGNAL);
		if (n <= 0)
			return ERR_CLOSED;
		b = bytes_skip(b, (size_t)n);
	}
	return 0;
}

static int put_text(struct chat *c, const char *text)
{
	return put(c, bytes_of(text));
}

static int fill(struct chat *c, uint64_t until)
{
	uint8_t room[8192];
	struct pollfd p = { c->fd, POLLIN, 0 };
	uint64_t now = clock_ms();
	bool is_waiting = c->tls && SSL_pending(c->tls) > 0;

	if (!is_waiting && (now >= until || poll(&p, 1, (int)(until - now)) <= 0))
		return ERR_TIMEOUT;
	ssize_t n = c->tls ? SSL_read(c->tls, room, sizeof room) : recv(c->fd, room, sizeof room, 0);
	if (n <= 0)
		return ERR_CLOSED;
	return xml_stream_feed(&c->xml, bytes_make(room, (size_t)n));
}

/* Next element of the stream, in the arena until the next call. */
static int next(struct chat *c, uint64_t until, struct xml_event *ev)
{
	int rc;

	arena_reset(&c->arena);
	while ((rc = xml_stream_next(&c->xml, &c->arena, ev)) == 0 && ev->kind == XML_EVENT_NONE) {
		rc = fill(c, until);
		if (rc < 0)
			return rc;
	}
	return rc == 0 && ev->kind == XML_EVENT_CLOSE ? ERR_CLOSED : rc;
}

static int next_stanza(struct chat *c, uint64_t until, struct xml_node **node)
{
	struct xml_event ev;
	int rc;

	while ((rc = next(c, until, &ev)) == 0 && ev.kind != XML_EVENT_STANZA)
		;
	*node = rc == 0 ? ev.node : NULL;
	if (rc == 0 && xml_is(ev.node, "error", NS_STREAM)) {
		struct xml_node *condition = xml_first(ev.node);
		snprintf(c->why, sizeof c->why, "stream error %s", condition ? condition->name : "");
		return ERR_PROTOCOL;
	}
	return rc;
}

/* ---- steps of a login ---- */

static int open_socket(struct chat *c, const struct chat_login *l)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(l->port) };
	struct timeval limit = { WAIT_MS / 1000, 0 };

	if (inet_pton(AF_INET, l->addr, &to.sin_addr) != 1)
		return ERR_SYNTAX;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0 ||
	    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0)
		return ERR_SYS;
	return connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0 ? ERR_CONN_REFUSED : 0;
}

/* Header out, header and features in. */
static int open_stream(struct chat *c, const char *domain, struct xml_node **features)
{
	char header[512];

	xml_stream_restart(&c->xml);
	snprintf(header, sizeof header,
	         "<?xml version='1.0'?><stream:stream to='%s' version='1.0' xmlns='" NS_CLIENT "' "
	         "xmlns:stream='" NS_STREAM "'>", domain);
	int rc = put_text(c, header);
	if (rc == 0)
		rc = next_stanza(c, clock_ms() + WAIT_MS, features);
	return rc == 0 && !xml_is(*features, "features", NS_STREAM) ? ERR_PROTOCOL : rc;
}

static int make_tls(struct chat *c, const struct chat_login *l)
{
	c->ctx = SSL_CTX_new(TLS_client_method());
	if (!c->ctx || !SSL_CTX_load_verify_file(c->ctx, l->ca_path))
		return ERR_NOT_FOUND;
	SSL_CTX_set_min_proto_version(c->ctx, TLS1_2_VERSION);
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
	SSL *tls = SSL_new(c->ctx);
	if (!tls || !SSL_set1_host(tls, l->domain) || !SSL_set_tlsext_host_name(tls, l->domain) ||
	    !SSL_set_fd(tls, c->fd) || SSL_connect(tls) != 1) {
		long verdict = tls ? SSL_get_verify_result(tls) : X509_V_OK;
		if (verdict != X509_V_OK)
			snprintf(c->why, sizeof c->why, "certificate: %s", X509_verify_cert_error_string(verdict));
		SSL_free(tls);
		return ERR_TLS;
	}
	c->tls = tls;
	return 0;
}

static int start_tls(struct chat *c, const struct chat_login *l)
{
	struct xml_node *node = NULL;
	int rc = open_stream(c, l->domain, &node);

	if (rc == 0 && !xml_child(node, "starttls", NS_TLS))
		rc = ERR_UNSUPPORTED;
	if (rc == 0)
		rc = put_text(c, "<starttls xmlns='" NS_TLS "'/>");
	if (rc == 0)
		rc = next_stanza(c, clock_ms() + WAIT_MS, &node);
	if (rc == 0 && !xml_is(node, "proceed", NS_TLS))
		rc = ERR_PROTOCOL;
	return rc == 0 ? make_tls(c, l) : rc;
}

static bool offers(const struct xml_node *features, const char *mechanism)
{
	struct xml_node *m = xml_first(xml_child(features, "mechanisms", NS_SASL));

	for (; m; m = xml_next(m)) {
		if (bytes_eq_str(xml_text(m), mechanism))
			return true;
	}
	return false;
}

/* Sends <tag>base64(text)</tag>. */
static int put_sasl(struct chat *c, const char *open, const char *close, struct bytes text)
{
	struct buf b;

	buf_init(&b, 8192);
	buf_put_str(&b, open);
	text_base64(text, &b);
	buf_put_str(&b, close);
	int rc = buf_failed(&b) ? ERR_LIMIT : put(c, buf_bytes(&b));
	buf_fini(&b);
	return rc;
}

static int next_sasl(struct chat *c, const char *want, struct buf *out)
{
	struct xml_node *node = NULL;
	int rc = next_stanza(c, clock_ms() + WAIT_MS, &node);

	buf_clear(out);
	if (rc == 0 && !xml_is(node, want, NS_SASL)) {
		struct xml_node *condition = xml_first(node);
		snprintf(c->why, sizeof c->why, "login refused: %s", condition ? condition->name : node->name);
		return ERR_AUTH;
	}
	return rc == 0 ? text_unbase64(xml_text(node), out) : rc;
}

static int scram(struct chat *c, const struct chat_login *l, const uint8_t *exporter)
{
	struct scram_client s;
	struct buf out, in;
	char open[128];
	int rc;

	buf_init(&out, 4096);
	buf_init(&in, 4096);
	snprintf(open, sizeof open, "<auth xmlns='" NS_SASL "' mechanism='%s'>", c->mechanism);
	scram_client_first(&s, l->user, exporter, &out);
	rc = put_sasl(c, open, "</auth>", buf_bytes(&out));
	if (rc == 0)
		rc = next_sasl(c, "challenge", &in);
	buf_clear(&out);
	if (rc == 0)
		rc = scram_client_final(&s, l->password, buf_bytes(&in), &out);
	if (rc == 0)
		rc = put_sasl(c, "<response xmlns='" NS_SASL "'>", "</response>", buf_bytes(&out));
	if (rc == 0)
		rc = next_sasl(c, "success", &in);
	if (rc == 0)
		rc = scram_client_check(&s, buf_bytes(&in));
	buf_fini(&out);
	buf_fini(&in);
	return rc;
}

static int log_in(struct chat *c, const struct chat_login *l)
{
	static const char label[] = "EXPORTER-Channel-Binding"; /* RFC 9266 2 */
	uint8_t exporter[32];
	struct xml_node *features = NULL;
	int rc = open_stream(c, l->domain, &features);

	if (rc < 0)
		return rc;
	bool is_plus = offers(features, "SCRAM-SHA-256-PLUS") && SSL_version(c->tls) >= TLS1_3_VERSION &&
		       SSL_export_keying_material(c->tls, exporter, sizeof exporter, label, sizeof label - 1,
		                                  (const unsigned char *)"", 0, 1) == 1;
	if (!is_plus && !offers(features, "SCRAM-SHA-256"))
		return ERR_UNSUPPORTED;
	snprintf(c->mechanism, sizeof c->mechanism, "SCRAM-SHA-256%s", is_plus ? "-PLUS" : "");
	return scram(c, l, is_plus ? exporter : NULL);
}

static int bind_resource(struct chat *c, const struct chat_login *l)
{
	struct xml_node *node = NULL;
	int rc = open_stream(c, l->domain, &node);

	if (rc == 0)
		rc = put_text(c, "<iq type='set' id='bind'><bind xmlns='" NS_BIND "'><resource>demo</resource></bind></iq>");
	if (rc == 0)
		rc = next_stanza(c, clock_ms() + WAIT_MS, &node);
	struct bytes jid = xml_text(xml_child(xml_child(node, "bind", NS_BIND), "jid", NS_BIND));
	if (rc == 0 && (!bytes_eq_str(xml_attr(node, "type"), "result") || jid.n == 0))
		rc = ERR_PROTOCOL;
	if (rc == 0)
		snprintf(c->full, sizeof c->full, "%.*s", BYTES_FMT(jid));
	return rc == 0 ? put_text(c, "<presence/>") : rc;
}

int chat_open(struct chat *c, const struct chat_login *l)
{
	*c = (struct chat){ .fd = -1 };
	arena_init(&c->arena, 4 << 20);
	c->pool = xml_pool_new(1);
	if (!c->pool)
		return fail(c, ERR_NOMEM, "start");
	xml_stream_init(&c->xml, c->pool, &xml_limits_default);
	snprintf(c->jid, sizeof c->jid, "%s@%s", l->user, l->domain);
	int rc = open_socket(c, l);
	if (rc < 0)
		return fail(c, rc, "connect");
	rc = start_tls(c, l);
	if (rc < 0)
		return fail(c, rc, "TLS");
	rc = log_in(c, l);
	if (rc < 0)
		return fail(c, rc, "login");
	rc = bind_resource(c, l);
	return rc < 0 ? fail(c, rc, "bind") : 0;
}

void chat_close(struct chat *c)
{
	if (c->tls) {
		(void)put_text(c, "</stream:stream>"); /* a courtesy */
		(void)SSL_shutdown(c->tls);            /* likewise */
	}
	SSL_free(c->tls);
	SSL_CTX_free(c->ctx);
	if (c->pool)
		xml_stream_fini(&c->xml);
	xml_pool_free(c->pool);
	arena_fini(&c->arena);
	if (c->fd >= 0)
		(void)close(c->fd); /* nothing more is expected */
	*c = (struct chat){ .fd = -1 };
}

int chat_send(struct chat *c, const char *to, const char *id, const char *body)
{
	struct buf b;

	buf_init(&b, 4096);
	buf_put_str(&b, "<message type='chat' to='");
	text_xml_escape(bytes_of(to), &b);
	buf_putf(&b, "' id='%s'><body>", id);
	text_xml_escape(bytes_of(body), &b);
	buf_put_str(&b, "</body></message>");
	int rc = buf_failed(&b) ? ERR_LIMIT : put(c, buf_bytes(&b));
	buf_fini(&b);
	return rc < 0 ? fail(c, rc, "send") : 0;
}

static int error_of(struct chat *c, struct xml_node *message)
{
	struct xml_node *error = xml_child(message, "error", NULL);
	struct xml_node *text = xml_child(error, "text", NULL), *condition = xml_first(error);
	struct bytes words = xml_text(text);

	snprintf(c->why, sizeof c->why, "%s%s%.*s", condition ? condition->name : "error", words.n ? ": " : "",
	         words.n ? (int)words.n : 0, words.n ? (const char *)words.p : "");
	return ERR_DENIED;
}

int chat_wait(struct chat *c, const char *id, unsigned limit_ms)
{
	uint64_t until = clock_ms() + limit_ms;
	struct xml_node *node = NULL;
	int rc;

	while ((rc = next_stanza(c, until, &node)) == 0) {
		if (!xml_is(node, "message", NS_CLIENT) || !bytes_eq_str(xml_attr(node, "id"), id))
			continue;
		return bytes_eq_str(xml_attr(node, "type"), "error") ? error_of(c, node) : 0;
	}
	return fail(c, rc, "wait");
}
