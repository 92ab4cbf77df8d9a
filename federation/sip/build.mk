PROGS += gh-sip
gh-sip_SRCS := federation/sip/main.c
gh-sip_LIBS := sip net run proto base
gh-sip_LD := -lssl -lcares -lresolv -levent_core -lseccomp $(proto_LD)

# MSRP: connections of chat sessions.
gsip_MSRP := federation/sip/msrp_door.c federation/sip/msrp_session.c federation/sip/msrp_conn.c
UNIT += federation/sip/gsip_msrp_test
gsip_msrp_test_SRCS := $(gsip_MSRP) lib/net/pki_fixture.c lib/net/link_fixture.c
gsip_msrp_test_LIBS := net run proto base
gsip_msrp_test_LD := -lssl -lcrypto -lcares -lresolv -levent_core $(proto_LD)
