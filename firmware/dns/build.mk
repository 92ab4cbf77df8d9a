resolver_PURE := firmware/dns/wanted.c firmware/dns/text.c firmware/dns/report.c
PROGS += gh-dns
gh-dns_SRCS := firmware/dns/main.c firmware/dns/keeper.c $(resolver_PURE)
gh-dns_LIBS := run proto base
gh-dns_LD := -levent_core -lseccomp $(proto_LD)

UNIT += firmware/dns/resolver_test
resolver_test_SRCS := $(resolver_PURE)
resolver_test_LIBS := run proto base
resolver_test_LD := $(proto_LD)
