#include "reason.h"

#include <assert.h>
#include <stdio.h>

#include "base/err.h"

static const char *const rung_names[] = {
	"none", "policy", "dns", "tcp", "tls", "stream", "certificate", "authentication", "dialback", "queue",
};
static_assert(sizeof rung_names / sizeof rung_names[0] == RUNG_COUNT, "a name each");

/* First row that fits; rc 0 fits all of the rung. */
static const struct advice_row {
	enum rung rung;
	int rc;
	const char *advice;
} advice_rows[] = {
	{ RUNG_POLICY, 0, "allow the domain with: set federation peer DOMAIN action allow" },
	{ RUNG_DNS, ERR_DNS_NXDOMAIN, "the domain does not exist in DNS: check its spelling" },
	{ RUNG_DNS, ERR_DNS_NODATA, "the domain has neither SRV nor address records: ask the partner, or set federation peer DOMAIN host" },
	{ RUNG_DNS, ERR_NOT_FOUND, "the domain's SRV record says that it offers no XMPP service: ask the partner" },
	{ RUNG_DNS, ERR_SYNTAX, "not a domain that can be looked up (single label or malformed)" },
	{ RUNG_DNS, ERR_BAD_STATE, "set dns server NAME to a name server that this box can reach" },
	{ RUNG_DNS, 0, "check the name servers (dns server) and the domain's own: its answers fail or do not come" },
	{ RUNG_TCP, ERR_CONN_REFUSED, "nothing listens at the partner's address and port: ask the partner, or check the firewall" },
	{ RUNG_TCP, 0, "the partner's address does not answer: check routes and firewalls of both sides for the port" },
	{ RUNG_TLS, ERR_UNSUPPORTED, "the partner offers no TLS: it must, or set federation peer DOMAIN tls optional" },
	{ RUNG_TLS, 0, "TLS 1.2 or 1.3 could not be agreed: check the partner's TLS versions and ciphers" },
	{ RUNG_CERTIFICATE, ERR_CERT_EXPIRED, "the partner must renew its certificate, if the clock of this box is right (show time, show alarms)" },
	{ RUNG_CERTIFICATE, ERR_CERT_NOT_YET, "check the clocks of both sides (here: show time, show alarms)" },
	{ RUNG_CERTIFICATE, ERR_CERT_SELF_SIGNED, "the partner needs a certificate from an authority; or set federation peer DOMAIN pin" },
	{ RUNG_CERTIFICATE, ERR_CERT_UNKNOWN_CA, "add the partner's authority with: set trust anchor NAME; or the partner sends an incomplete chain" },
	{ RUNG_CERTIFICATE, ERR_CERT_NAME, "the partner's certificate must name its XMPP domain, not only its host" },
	{ RUNG_CERTIFICATE, ERR_CERT_REVOKED, "the partner must get a new certificate" },
	{ RUNG_CERTIFICATE, ERR_CERT_CRL, "get the authority's present list: trust revocation-url, or trust revocation NAME FILE; or delete it (show revocation)" },
	{ RUNG_CERTIFICATE, ERR_CERT_PIN, "the partner's key has changed: verify with the partner, then set federation peer DOMAIN pin" },
	{ RUNG_CERTIFICATE, ERR_CERT_NONE, "the partner's server must present its certificate; or set federation peer DOMAIN auth dialback-allowed" },
	{ RUNG_CERTIFICATE, ERR_DNS_BOGUS, "the partner's zone is signed and its TLSA records cannot be had or trusted: ask the partner; or set federation peer DOMAIN authority" },
	{ RUNG_CERTIFICATE, 0, "see the certificate in: show federation DOMAIN" },
	{ RUNG_AUTH, ERR_UNSUPPORTED, "the partner does not accept our certificate as proof: check its trust in our authority; or set federation peer DOMAIN auth dialback-allowed" },
	{ RUNG_AUTH, ERR_CERT_NONE, "set domain DOMAIN certificate for our own domain" },
	{ RUNG_AUTH, 0, "the partner refused our proof: ask the partner for its log" },
	{ RUNG_DIALBACK, ERR_DENIED, "dialback is off for this partner: it needs a certificate; or set federation peer DOMAIN auth dialback-allowed" },
	{ RUNG_DIALBACK, 0, "the domain's own server did not confirm the key: check its DNS records and that it is reachable" },
	{ RUNG_STREAM, ERR_DENIED, "the partner's own policy refuses us: ask the partner to allow our domain" },
	{ RUNG_STREAM, ERR_TIMEOUT, "the partner stopped answering during stream set-up: ask the partner" },
	{ RUNG_STREAM, 0, "the partner ended the stream: see the text, ask the partner" },
	{ RUNG_QUEUE, ERR_TIMEOUT, "the partner could not be reached in time: see its last error" },
	{ RUNG_QUEUE, ERR_LIMIT, "a limit of this box was reached: see federation streams-max, federation user-attempts" },
	{ RUNG_QUEUE, 0, "too much waits for this partner: see federation queue" },
};

const char *rung_name(enum rung r)
{
	return rung_names[r];
}

void reason_set(struct reason *r, enum rung rung, int rc, const char *text)
{
	r->rung = (uint8_t)rung;
	r->rc = rc;
	(void)snprintf(r->text, sizeof r->text, "%s", text ? text : ""); /* cut is fine */
}

void reason_set_peer(struct reason *r, enum rung rung, int rc, const char *what, struct bytes peer_text)
{
	size_t n;

	reason_set(r, rung, rc, what);
	n = strlen(r->text);
	if (!peer_text.n || n + 4 > sizeof r->text)
		return;
	r->text[n++] = ':';
	r->text[n++] = ' ';
	for (size_t i = 0; i < peer_text.n && n + 1 < sizeof r->text; i++)
		if (peer_text.p[i] >= 0x20 && peer_text.p[i] < 0x7f)
			r->text[n++] = (char)peer_text.p[i];
	r->text[n] = '\0';
}

void reason_write(struct buf *b, const struct reason *r)
{
	buf_putf(b, "%s: %s", rung_name(r->rung), err_text(r->rc));
	if (r->text[0])
		buf_putf(b, " (%s)", r->text);
}

const char *reason_advice(const struct reason *r)
{
	for (size_t i = 0; i < sizeof advice_rows / sizeof advice_rows[0]; i++)
		if (advice_rows[i].rung == r->rung && (!advice_rows[i].rc || advice_rows[i].rc == r->rc))
			return advice_rows[i].advice;
	return "";
}

/* What the whole ladder says where the code alone does not: a missing TLS or a refused proof is the
 * remote server not being usable, not a fault of the stanza. */
enum stanza_error reason_stanza_error(const struct reason *r)
{
	switch ((enum rung)r->rung) {
	case RUNG_QUEUE:
		return r->rc == ERR_TIMEOUT ? STANZA_REMOTE_SERVER_TIMEOUT : STANZA_RESOURCE_CONSTRAINT;
	case RUNG_DNS:
		if (r->rc == ERR_NOT_FOUND || r->rc == ERR_SYNTAX || r->rc == ERR_DNS_NODATA)
			return STANZA_REMOTE_SERVER_NOT_FOUND;
		return stanza_error_for(r->rc);
	case RUNG_TLS:
	case RUNG_AUTH:
	case RUNG_DIALBACK:
	case RUNG_STREAM:
		return r->rc == ERR_NOT_FOUND ? STANZA_REMOTE_SERVER_NOT_FOUND : STANZA_REMOTE_SERVER_TIMEOUT;
	default:
		return stanza_error_for(r->rc);
	}
}
