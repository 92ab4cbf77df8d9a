#include "register.h"

#include "base/err.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

enum { WORD = 200, HEX = 65, LINE = 1000 };

static void put(const struct registering *r, unsigned cseq, const char *authorization, struct buf *out)
{
	buf_putf(out, "REGISTER sip:%s SIP/2.0\r\n"
		 "Via: SIP/2.0/TLS load.invalid;rport;branch=z9hG4bKr%u.%u\r\nMax-Forwards: 70\r\n"
		 "From: <sip:%s@%s>;tag=r%u\r\nTo: <sip:%s@%s>\r\nCall-ID: r%u@load\r\nCSeq: %u REGISTER\r\nSupported: outbound, path\r\n"
		 "Contact: <sip:%s@load.invalid;transport=tls>;reg-id=1;+sip.instance=\"<urn:uuid:00000000-0000-4000-8000-%012x>\"\r\n"
		 "Expires: 3600\r\n%sContent-Length: 0\r\n\r\n",
		 r->domain, r->number, cseq, r->user, r->domain, r->number, r->user, r->domain, r->number, cseq, r->user, r->number,
		 authorization);
}

void register_first(const struct registering *r, struct buf *out)
{
	put(r, 1, "", out);
}

static void hash(const char *text, char out[static HEX])
{
	uint8_t d[32];

	EVP_Digest(text, strlen(text), d, NULL, EVP_sha256(), NULL);
	text_hex(bytes_make(d, sizeof d), out);
}

/* The quoted value of a word of the challenge. */
static int word(const char *challenge, const char *name, char out[static WORD])
{
	const char *at = strstr(challenge, name);

	return at && sscanf(at + strlen(name), "=\"%199[^\"]", out) == 1 ? 0 : ERR_SYNTAX;
}

int register_answer(const struct registering *r, struct bytes response, struct buf *out)
{
	char text[8192], realm[WORD], nonce[WORD], line[LINE], a1[HEX], a2[HEX], proof[HEX];
	const char *challenge;

	snprintf(text, sizeof text, "%.*s", (int)response.n, (const char *)response.p);
	for (challenge = text; (challenge = strstr(challenge, "WWW-Authenticate:")); challenge++) {
		const char *end = strstr(challenge, "\r\n"), *sha = strstr(challenge, "algorithm=SHA-256");
		if (end && sha && sha < end)
			break;
	}
	if (!challenge || word(challenge, "realm", realm) || word(challenge, "nonce", nonce))
		return ERR_SYNTAX;
	snprintf(line, sizeof line, "%s:%s:%s", r->user, realm, r->password);
	hash(line, a1);
	snprintf(line, sizeof line, "REGISTER:sip:%s", r->domain);
	hash(line, a2);
	snprintf(line, sizeof line, "%s:%s:00000001:load:auth:%s", a1, nonce, a2);
	hash(line, proof);
	snprintf(line, sizeof line, "Authorization: Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", uri=\"sip:%s\", response=\"%s\", "
		 "algorithm=SHA-256, qop=auth, nc=00000001, cnonce=\"load\"\r\n", r->user, realm, nonce, r->domain, proof);
	put(r, 2, line, out);
	return 0;
}
