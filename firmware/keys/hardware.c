/* Marks of the machine below: read once, before the fence. */
#include "keys.h"

#include "run/machine.h"

#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <openssl/sha.h>

static void read_machine(struct hardware *h, bool is_appliance)
{
	static const char mark[] = "gatehouse ";
	uint8_t hash[SHA256_DIGEST_LENGTH];
	char text[sizeof mark + MACHINE_NUMBER_BYTES];

	memcpy(text, mark, sizeof mark);
	if (machine_number(is_appliance, text + sizeof mark - 1) == 0)
		return;
	SHA256((const uint8_t *)text, strlen(text), hash);
	memcpy(h->machine, hash, MACHINE_BYTES);
	h->has_machine = true;
}

static void read_macs(struct hardware *h)
{
	static const uint8_t none[MAC_BYTES];
	struct ifaddrs *all = NULL;

	if (getifaddrs(&all) < 0)
		return;
	for (struct ifaddrs *a = all; a && h->n_macs < MACS_MAX; a = a->ifa_next) {
		if (!a->ifa_addr || a->ifa_addr->sa_family != AF_PACKET || (a->ifa_flags & IFF_LOOPBACK))
			continue;
		const struct sockaddr_ll *l = (const struct sockaddr_ll *)(const void *)a->ifa_addr;
		if (l->sll_halen == MAC_BYTES && memcmp(l->sll_addr, none, MAC_BYTES) != 0)
			memcpy(h->macs[h->n_macs++], l->sll_addr, MAC_BYTES);
	}
	freeifaddrs(all);
}

void hardware_read(struct hardware *out, bool is_appliance)
{
	*out = (struct hardware){ 0 };
	read_machine(out, is_appliance);
	read_macs(out);
	platform_read(out->platform);
}

static bool has_mac(const struct hardware *h, const uint8_t mac[static MAC_BYTES])
{
	for (size_t i = 0; i < h->n_macs; i++)
		if (memcmp(h->macs[i], mac, MAC_BYTES) == 0)
			return true;
	return false;
}

bool hardware_is_other(const struct hardware *then, const struct hardware *now)
{
	if (then->has_machine && now->has_machine && memcmp(then->machine, now->machine, MACHINE_BYTES) != 0)
		return true;
	for (size_t i = 0; i < then->n_macs; i++)
		if (has_mac(now, then->macs[i]))
			return false;
	return then->n_macs > 0 && now->n_macs > 0;
}
