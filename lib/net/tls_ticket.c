#include "net/tls_ticket.h"

#include "base/random.h"
#include "base/secret.h"

#include <openssl/core_names.h>
#include <string.h>

static void draw(struct tls_ticket_key *k, time_t now)
{
	random_bytes(k->name, sizeof k->name);
	random_bytes(k->cipher, sizeof k->cipher);
	random_bytes(k->mac, sizeof k->mac);
	k->until = now + TLS_TICKET_LIFE_S;
}

void tls_tickets_init(struct tls_tickets *t, time_t now)
{
	draw(&t->now, now);
	draw(&t->before, now); /* a random key nobody has used */
}

void tls_tickets_fini(struct tls_tickets *t)
{
	secret_wipe(t, sizeof *t);
}

void tls_tickets_rotate(struct tls_tickets *t, time_t now)
{
	if (now < t->now.until)
		return;
	t->before = t->now;
	if (now >= t->before.until + TLS_TICKET_LIFE_S)
		draw(&t->before, now); /* nobody came for so long: it is too old to open anything */
	draw(&t->now, now);
}

static int set_up(const struct tls_ticket_key *k, uint8_t *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int is_new)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)k->mac, sizeof k->mac),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params) == 1 &&
	       EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, k->cipher, iv, is_new) == 1;
}

int tls_tickets_use(struct tls_tickets *t, uint8_t name[16], uint8_t *iv, EVP_CIPHER_CTX *cipher,
                    EVP_MAC_CTX *mac, int is_new)
{
	if (is_new) {
		memcpy(name, t->now.name, sizeof t->now.name);
		random_bytes(iv, (size_t)EVP_CIPHER_get_iv_length(EVP_aes_256_cbc()));
		return set_up(&t->now, iv, cipher, mac, 1) ? 1 : -1;
	}
	if (memcmp(name, t->now.name, sizeof t->now.name) == 0)
		return set_up(&t->now, iv, cipher, mac, 0) ? 1 : -1;
	if (memcmp(name, t->before.name, sizeof t->before.name) == 0)
		return set_up(&t->before, iv, cipher, mac, 0) ? 2 : -1; /* 2: and give a new ticket */
	return 0; /* unknown key: a full handshake */
}
