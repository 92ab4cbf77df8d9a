/* External services (XEP-0215): the relay for calls, with a name and password that expire. */
#include "iq/iq.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/turncred.h"
#include "proto/xmpp.h"

#include <stdio.h>

enum { LINES = 30 }; /* a minute */

static const char *type_of(const struct extdisco_door *d, bool is_turn)
{
	return is_turn ? (d->is_secure ? "turns" : "turn") : d->is_secure ? "stuns" : "stun";
}

/* A client's credentials, one for all services of an answer. */
struct minted {
	struct turncred cred;
	char expires[TEXT_TIME_BYTES];
};

static int mint(struct im *im, const struct iq *q, struct minted *out)
{
	struct extdisco *x = &im->extdisco;
	struct jid from = jid_of_normal(q->it->e.from);
	struct bytes secret = bytes_make(x->secret.p, x->secret.n);
	uint64_t expires_s = loop_wall_ms(im->loop) / 1000 + x->lifetime_s;
	char tag[TURNCRED_TAG_BYTES];
	uint32_t held;

	int rc = turncred_tag(secret, jid_bare(&from), tag);
	if (rc == 0)
		rc = turncred_mint(secret, expires_s, bytes_of(tag), &out->cred);
	if (rc < 0)
		return rc;
	text_time(expires_s * 1000, false, out->expires);
	if (log_limit_pass(&x->log, LINES, loop_now(im->loop), &held))
		log_info("im.relay.credentials", LOG_BYTES("user", jid_bare(&from)), LOG_STR("as", tag), LOG_INT("not-shown", held));
	return 0;
}

static void put_service(struct buf *b, const char *host, const struct extdisco_door *d, bool is_turn, const struct minted *m)
{
	buf_put_str(b, "<service");
	xml_write_attr(b, "host", bytes_of(host));
	buf_putf(b, " port='%u' transport='%s' type='%s'", d->port, d->transport, type_of(d, is_turn));
	if (is_turn) {
		xml_write_attr(b, "username", bytes_of(m->cred.name));
		xml_write_attr(b, "password", bytes_of(m->cred.password));
		buf_putf(b, " expires='%s' restricted='1'", m->expires);
	}
	buf_put_str(b, "/>");
}

/* What is asked for; empty: all. */
struct wanted {
	struct bytes type, host, port;
};

static bool is_wanted(const struct wanted *w, const char *host, const struct extdisco_door *d, bool is_turn)
{
	char port[8];

	snprintf(port, sizeof port, "%u", d->port);
	return (!w->type.n || bytes_eq_str(w->type, type_of(d, is_turn))) && (!w->host.n || bytes_eq_str(w->host, host)) &&
	       (!w->port.n || bytes_eq_str(w->port, port));
}

/* The services that are wanted; how many there are. */
static size_t put_services(struct im *im, const struct wanted *w, bool has_turn, bool has_stun, const struct minted *m)
{
	const struct extdisco *x = &im->extdisco;
	size_t n = 0;

	for (size_t i = 0; i < x->n_doors; i++) {
		for (int is_turn = 0; is_turn < 2; is_turn++) {
			if (!(is_turn ? has_turn : has_stun) || !is_wanted(w, x->host, &x->doors[i], is_turn))
				continue;
			put_service(&im->out2, x->host, &x->doors[i], is_turn, m);
			n++;
		}
	}
	return n;
}

/* Only for people of ours; credentials are theirs. */
static bool is_answered_no(struct im *im, const struct iq *q)
{
	if (q->session)
		return false;
	iq_error(im, q, STANZA_FORBIDDEN);
	return true;
}

void iq_services(struct im *im, struct iq *q)
{
	const struct wanted w = { .type = xml_attr(q->child, "type") };
	struct minted m;

	if (is_answered_no(im, q))
		return;
	bool has_turn = im->extdisco.secret.n && im->extdisco.n_doors && mint(im, q, &m) == 0;
	buf_clear(&im->out2);
	buf_put_str(&im->out2, "<services xmlns='" NS_EXTDISCO "'");
	if (w.type.n)
		xml_write_attr(&im->out2, "type", w.type);
	buf_put_str(&im->out2, ">");
	(void)put_services(im, &w, has_turn, im->extdisco.has_stun, &m);
	buf_put_str(&im->out2, "</services>");
	iq_result(im, q, buf_bytes(&im->out2));
}

/* XEP-0215 3.3: for a service that the client has heard of. */
void iq_service_credentials(struct im *im, struct iq *q)
{
	struct xml_node *service = xml_first(q->child);
	struct minted m;

	if (is_answered_no(im, q))
		return;
	if (!service || !xml_is(service, "service", NS_EXTDISCO)) {
		iq_error(im, q, STANZA_BAD_REQUEST);
		return;
	}
	const struct wanted w = { xml_attr(service, "type"), xml_attr(service, "host"), xml_attr(service, "port") };
	bool has_turn = im->extdisco.secret.n && im->extdisco.n_doors && mint(im, q, &m) == 0;
	buf_clear(&im->out2);
	buf_put_str(&im->out2, "<credentials xmlns='" NS_EXTDISCO "'>");
	size_t n = put_services(im, &w, has_turn, false, &m);
	buf_put_str(&im->out2, "</credentials>");
	if (n)
		iq_result(im, q, buf_bytes(&im->out2));
	else
		iq_error(im, q, STANZA_ITEM_NOT_FOUND);
}
