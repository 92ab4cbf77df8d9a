line_SRCS := gateway/line/line.c gateway/line/location.c gateway/line/way.c gateway/line/token.c gateway/line/flow.c gateway/line/handed.c gateway/line/request.c gateway/line/auth.c \
	gateway/line/router.c gateway/line/register.c gateway/line/registered.c gateway/line/unit_in.c gateway/line/unit_out.c \
	gateway/line/call.c gateway/line/call_ring.c gateway/line/call_pass.c gateway/line/call_inside.c gateway/line/keepalive.c gateway/line/drain.c gateway/line/ban.c gateway/line/tls.c gateway/line/commands.c

PROGS += gh-line
gh-line_SRCS := gateway/line/main.c $(line_SRCS)
gh-line_LIBS := sip net run proto base
gh-line_LD := $(SIP_LD) -lssl -lcrypto -lcares -lresolv -levent_core -lseccomp $(proto_LD)

UNIT += gateway/line/line_location_test
line_location_test_SRCS := gateway/line/location.c gateway/line/way.c
line_location_test_LIBS := sip net run proto base
line_location_test_LD := $(SIP_LD) -lssl -levent_core $(proto_LD)

UNIT += gateway/line/line_token_test
line_token_test_SRCS := gateway/line/token.c
line_token_test_LIBS := base
line_token_test_LD := -lcrypto
