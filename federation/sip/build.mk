# The pure part: tables; unit tests link it.
gsip_PURE := federation/sip/pattern.c federation/sip/route.c

PROGS += gh-sip
gh-sip_SRCS := $(gsip_PURE) federation/sip/main.c
gh-sip_LIBS := sip net run proto base
gh-sip_LD := -lssl -lcares -lresolv -levent_core -lseccomp $(proto_LD)

UNIT += federation/sip/gsip_route_test
gsip_route_test_SRCS := federation/sip/pattern.c federation/sip/route.c
gsip_route_test_LIBS := run base
UNIT += federation/sip/gsip_peers_test
gsip_peers_test_SRCS := federation/sip/peers.c federation/sip/prefix.c
gsip_peers_test_LIBS := sip run proto base
gsip_peers_test_LD := $(proto_LD) -lsofia-sip-ua
UNIT += federation/sip/gsip_hop_test
gsip_hop_test_SRCS := federation/sip/hop.c
gsip_hop_test_LIBS := sip base
gsip_hop_test_LD := -lsofia-sip-ua
UNIT += federation/sip/gsip_loop_test
gsip_loop_test_SRCS := federation/sip/loopmark.c
gsip_loop_test_LIBS := sip base
gsip_loop_test_LD := -lsofia-sip-ua -lcrypto
