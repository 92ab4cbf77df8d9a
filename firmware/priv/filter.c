#include "filter.h"

#include "base/err.h"

#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>

/* "create" fails when the table is there, and takes the rest of the transaction along. */
static const char shut[] =
	"create table inet gatehouse\n"
	"table inet gatehouse {\n"
	"\tchain input {\n"
	"\t\ttype filter hook input priority filter; policy drop;\n"
	"\t\tiifname \"lo\" accept\n"
	"\t\ticmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept\n"
	"\t\tct state established,related accept\n"
	"\t}\n"
	"\tchain forward {\n"
	"\t\ttype filter hook forward priority filter; policy drop;\n"
	"\t}\n"
	"}\n";

int filter_open(struct filter **out)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);

	if (!nft)
		return ERR_SYS;
	if (nft_ctx_buffer_error(nft) || nft_ctx_buffer_output(nft)) {
		nft_ctx_free(nft);
		return ERR_NOMEM;
	}
	*out = (struct filter *)nft;
	return 0;
}

static bool is_there(struct nft_ctx *nft)
{
	return nft_run_cmd_from_buffer(nft, "list table inet gatehouse") == 0;
}

int filter_shut(struct filter *f)
{
	struct nft_ctx *nft = (struct nft_ctx *)f;

	if (is_there(nft))
		return 0;
	return nft_run_cmd_from_buffer(nft, shut) == 0 || is_there(nft) ? 0 : ERR_SYS;
}

int filter_load(struct filter *f, struct bytes text, char why[static 256])
{
	struct nft_ctx *nft = (struct nft_ctx *)f;

	snprintf(why, 256, "the text is too long, or is none");
	if (text.n > FILTER_TEXT_MAX || memchr(text.p, 0, text.n))
		return ERR_LIMIT;
	char *copy = strndup((const char *)text.p, text.n);
	if (!copy)
		return ERR_NOMEM;
	int rc = nft_run_cmd_from_buffer(nft, copy);
	free(copy);
	if (rc) {
		snprintf(why, 256, "%s", nft_ctx_get_error_buffer(nft));
		for (char *c = why; *c; c++)
			if (*c == '\n')
				*c = ' ';
		return ERR_SYS;
	}
	why[0] = 0;
	return 0;
}
