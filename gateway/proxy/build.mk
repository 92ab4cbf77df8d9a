PROGS += gh-proxy
gh-proxy_SRCS := $(addprefix gateway/proxy/,main.c listen.c config.c conn.c http.c route.c discovery.c join.c websocket.c framing.c)
gh-proxy_LIBS := net run proto base
gh-proxy_LD := -levent_core -lseccomp -lssl -lcares -ljansson $(proto_LD)

UNIT += gateway/proxy/framing_test
framing_test_SRCS := gateway/proxy/framing.c
framing_test_LIBS := proto base
framing_test_LD := $(proto_LD)
FUZZ += framing_fuzz
$(O)/obj/tests/fuzz/framing_fuzz.o: CPPFLAGS += -Igateway/proxy
framing_fuzz_SRCS := gateway/proxy/framing.c
framing_fuzz_LIBS := proto base
framing_fuzz_LD := $(proto_LD)
