#include "filter.h"

#include "base/err.h"

#include <linux/filter.h>
#include <net/if_arp.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>

enum { KIND_NONE = 0xfffe, LINKTYPE_RAW_IP = 101 };

/* What libpcap's and the kernel's instructions have in common is everything. */
_Static_assert(sizeof(struct bpf_insn) == sizeof(struct sock_filter), "one instruction, two names");

static int copy(const struct bpf_program *from, struct filter *out)
{
	if (from->bf_len == 0 || from->bf_len > BPF_MAXINSNS)
		return ERR_LIMIT;
	struct sock_filter *code = malloc(from->bf_len * sizeof *code);
	if (!code)
		return ERR_NOMEM;
	for (unsigned i = 0; i < from->bf_len; i++)
		code[i] = (struct sock_filter){ from->bf_insns[i].code, from->bf_insns[i].jt, from->bf_insns[i].jf,
						from->bf_insns[i].k };
	*out = (struct filter){ .code = code, .n = (uint16_t)from->bf_len };
	return 0;
}

int filter_compile(struct bytes text, int link_type, uint32_t snap_length, struct filter *out, char why[static FILTER_WHY_MAX])
{
	struct bpf_program program = { 0 };
	char expression[FILTER_TEXT_MAX + 1];
	int rc;

	why[0] = 0;
	if (text.n > FILTER_TEXT_MAX)
		return ERR_LIMIT;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < ' ' || text.p[i] > '~')
			return ERR_SYNTAX;
	}
	if (text.n)
		memcpy(expression, text.p, text.n);
	expression[text.n] = 0;
	pcap_t *p = pcap_open_dead(link_type, (int)snap_length);
	if (!p)
		return ERR_NOMEM;
	if (pcap_compile(p, &program, expression, 1, PCAP_NETMASK_UNKNOWN)) {
		snprintf(why, FILTER_WHY_MAX, "%s", pcap_geterr(p));
		rc = ERR_SYNTAX;
	} else {
		rc = copy(&program, out);
		pcap_freecode(&program);
	}
	pcap_close(p);
	return rc;
}

void filter_fini(struct filter *f)
{
	free(f->code);
	f->code = NULL;
}

int filter_link_type(unsigned hardware, int *dlt, uint16_t *link_type)
{
	switch (hardware) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		*dlt = DLT_EN10MB;
		*link_type = DLT_EN10MB; /* LINKTYPE_ETHERNET is the same number */
		return 0;
	case ARPHRD_PPP:
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case KIND_NONE: /* ARPHRD_NONE: tunnels of user space */
		*dlt = DLT_RAW;
		*link_type = LINKTYPE_RAW_IP;
		return 0;
	default:
		return ERR_UNSUPPORTED;
	}
}
