#include "enrol_code.h"

#include "base/err.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/wire.h"
#include "proto/hmac.h"

#include <ctype.h>

static const char symbols[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"; /* none that looks like another */
_Static_assert(sizeof symbols == 33, "five bits each");

static void put_symbol(char out[static ENROL_CODE_BYTES], size_t i, char c)
{
	out[i + i / 4] = c;
	if (i % 4 == 3)
		out[i + i / 4 + 1] = i == ENROL_SYMBOLS - 1 ? '\0' : '-';
}

void enrol_code_make(char out[static ENROL_CODE_BYTES])
{
	uint8_t random[ENROL_SYMBOLS];

	random_bytes(random, sizeof random);
	for (size_t i = 0; i < ENROL_SYMBOLS; i++)
		put_symbol(out, i, symbols[random[i] & 31]);
	secret_wipe(random, sizeof random);
}

int enrol_code_read(struct bytes typed, char out[static ENROL_CODE_BYTES])
{
	char code[ENROL_CODE_BYTES];
	size_t n = 0;

	for (size_t i = 0; i < typed.n; i++) {
		char c = (char)toupper(typed.p[i]);
		if (c == '-' || c == ' ')
			continue;
		if (n == ENROL_SYMBOLS || !c || !strchr(symbols, c))
			return ERR_SYNTAX;
		put_symbol(code, n++, c);
	}
	if (n != ENROL_SYMBOLS)
		return ERR_SYNTAX;
	memcpy(out, code, sizeof code);
	return 0;
}

static int mac_of(const char *code, const uint8_t exporter[static ENROL_EXPORTER_BYTES], uint8_t type, struct bytes payload,
                  uint8_t out[static ENROL_MAC_BYTES])
{
	const struct bytes parts[] = { BYTES("gatehouse link enrolment 1"), bytes_make(&type, 1), bytes_make(exporter, ENROL_EXPORTER_BYTES), payload };

	return hmac_make(HMAC_SHA256, bytes_of(code), parts, sizeof parts / sizeof parts[0], out) ? 0 : ERR_UNSUPPORTED;
}

int enrol_put(struct buf *out, const char *code, const uint8_t exporter[static ENROL_EXPORTER_BYTES], enum enrol_message type, struct bytes payload)
{
	uint8_t mac[ENROL_MAC_BYTES];
	size_t n = 1 + sizeof mac + payload.n;

	if (n > ENROL_MESSAGE_MAX)
		return ERR_LIMIT;
	int rc = mac_of(code, exporter, (uint8_t)type, payload, mac);
	if (rc)
		return rc;
	wire_put_u16(out, (uint16_t)n);
	wire_put_u8(out, (uint8_t)type);
	buf_put(out, mac, sizeof mac);
	buf_put_bytes(out, payload);
	return buf_failed(out) ? ERR_LIMIT : 0;
}

int enrol_take(struct bytes in, const char *code, const uint8_t exporter[static ENROL_EXPORTER_BYTES], enum enrol_message *type,
               struct bytes *payload, size_t *used)
{
	uint8_t mac[ENROL_MAC_BYTES];

	if (in.n < 2)
		return ERR_AGAIN;
	size_t n = (size_t)in.p[0] << 8 | in.p[1];
	if (n < 1 + sizeof mac || n > ENROL_MESSAGE_MAX)
		return ERR_SYNTAX;
	if (in.n < 2 + n)
		return ERR_AGAIN;
	struct bytes body = bytes_make(in.p + 3 + sizeof mac, n - 1 - sizeof mac);
	int rc = mac_of(code, exporter, in.p[2], body, mac);
	if (rc)
		return rc;
	if (!secret_eq(bytes_make(mac, sizeof mac), bytes_make(in.p + 3, sizeof mac)))
		return ERR_AUTH;
	if (in.p[2] < ENROL_HELLO || in.p[2] >= ENROL_MESSAGE_END)
		return ERR_SYNTAX;
	*type = (enum enrol_message)in.p[2];
	*payload = body;
	*used = 2 + n;
	return 0;
}
