# The pure part: tables; unit tests link it.
gsip_PURE := federation/sip/pattern.c federation/sip/route.c federation/sip/peers.c \
	federation/sip/conf.c federation/sip/hop.c federation/sip/refusal.c federation/sip/loopmark.c \
	federation/sip/target.c federation/sip/login.c
gsip_MSRP := federation/sip/msrp_door.c federation/sip/msrp_session.c federation/sip/msrp_conn.c
gsip_DOOR := $(gsip_PURE) $(gsip_MSRP) federation/sip/gsip.c federation/sip/held.c federation/sip/contact.c \
	federation/sip/partner.c federation/sip/prove.c \
	federation/sip/trip.c federation/sip/door.c federation/sip/hand.c federation/sip/relay.c federation/sip/errand.c \
	federation/sip/ping.c federation/sip/apply.c federation/sip/listener.c federation/sip/walk.c

PROGS += gh-sip
gh-sip_SRCS := $(gsip_DOOR) federation/sip/show.c federation/sip/tap.c federation/sip/main.c
gh-sip_LIBS := sip net run proto base
gh-sip_LD := -lssl -lcrypto -lcares -lresolv -levent_core -lseccomp -lsofia-sip-ua $(proto_LD)
UNIT += federation/sip/gsip_route_test
gsip_route_test_SRCS := federation/sip/pattern.c federation/sip/route.c
gsip_route_test_LIBS := run base
UNIT += federation/sip/gsip_peers_test
gsip_peers_test_SRCS := federation/sip/peers.c
gsip_peers_test_LIBS := sip net run proto base
gsip_peers_test_LD := $(proto_LD) -lsofia-sip-ua
UNIT += federation/sip/gsip_hop_test
gsip_hop_test_SRCS := federation/sip/hop.c
gsip_hop_test_LIBS := sip base
gsip_hop_test_LD := -lsofia-sip-ua
UNIT += federation/sip/gsip_loop_test
gsip_loop_test_SRCS := federation/sip/loopmark.c
gsip_loop_test_LIBS := sip base
gsip_loop_test_LD := -lsofia-sip-ua -lcrypto
gsip_TEST_LD := -lssl -lcrypto -lcares -lresolv -levent_core -lseccomp -lsofia-sip-ua $(proto_LD)
UNIT += federation/sip/gsip_door_test
gsip_door_test_SRCS := $(gsip_DOOR) federation/sip/gsip_world.c
gsip_door_test_LIBS := sip net run proto base
gsip_door_test_LD := $(gsip_TEST_LD)
UNIT += federation/sip/gsip_relay_test
gsip_relay_test_SRCS := $(gsip_DOOR) federation/sip/gsip_world.c
gsip_relay_test_LIBS := sip net run proto base
gsip_relay_test_LD := $(gsip_TEST_LD)
UNIT += federation/sip/gsip_tls_test
gsip_tls_test_SRCS := $(gsip_DOOR) federation/sip/gsip_world.c lib/net/pki_fixture.c
gsip_tls_test_LIBS := sip net run proto base
gsip_tls_test_LD := $(gsip_TEST_LD)

# MSRP: connections of chat sessions.
UNIT += federation/sip/gsip_msrp_test
gsip_msrp_test_SRCS := $(gsip_MSRP) lib/net/pki_fixture.c lib/net/link_fixture.c
gsip_msrp_test_LIBS := net run proto base
gsip_msrp_test_LD := -lssl -lcrypto -lcares -lresolv -levent_core $(proto_LD)
