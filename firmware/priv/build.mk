priv_PURE := firmware/priv/net.c firmware/priv/wanted.c firmware/priv/plan.c firmware/priv/bond.c firmware/priv/legs.c firmware/priv/duid.c
PROGS += gh-priv
gh-priv_SRCS := firmware/priv/main.c firmware/priv/commands.c firmware/priv/converge.c firmware/priv/kernel.c firmware/priv/filter.c firmware/priv/lease.c firmware/priv/knobs.c $(priv_PURE)
gh-priv_LIBS := run proto base
gh-priv_LD := -lnftables -lnl-route-3 -lnl-3 -levent_core -lseccomp -lexpat -lidn2 -licuuc -lcrypto

$(O)/obj/firmware/priv/kernel.o: CPPFLAGS += -isystem /usr/include/libnl3

UNIT += firmware/priv/priv_test
priv_test_SRCS := $(priv_PURE)
priv_test_LIBS := run proto base
priv_test_LD := -lexpat -lidn2 -licuuc -lcrypto

UNIT += firmware/priv/bond_test
bond_test_SRCS := $(priv_PURE)
bond_test_LIBS := run proto base
bond_test_LD := -lexpat -lidn2 -licuuc -lcrypto
