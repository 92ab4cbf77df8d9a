PROGS += gh-pki
pki_FETCH := firmware/pki/fetch.c firmware/pki/fetch_easy.c firmware/pki/fetch_loop.c firmware/pki/fetch_url.c firmware/pki/reach.c
pki_ACME_PURE := firmware/pki/acme_json.c firmware/pki/acme_jws.c firmware/pki/chain.c
pki_ACME := $(pki_ACME_PURE) firmware/pki/acme.c firmware/pki/acme_order.c firmware/pki/acme_renewal.c firmware/pki/acme_request.c firmware/pki/acme_commands.c firmware/pki/door.c
pki_REVOCATION := firmware/pki/cache.c firmware/pki/lists.c firmware/pki/staples.c firmware/pki/when.c
pki_DISCOVERY := firmware/pki/discovery.c firmware/pki/discovery_rows.c firmware/pki/probe.c firmware/pki/stunprobe.c
gh-pki_SRCS := firmware/pki/main.c firmware/pki/config.c $(pki_DISCOVERY) $(pki_ACME) $(pki_REVOCATION) $(pki_FETCH)
gh-pki_LIBS := net run proto base
gh-pki_LD := -ljansson -lcurl -lssl -lcrypto -lcares -lresolv -levent_core -lseccomp $(proto_LD)

UNIT += firmware/pki/fetch_test
fetch_test_SRCS := $(pki_FETCH) lib/net/pki_fixture.c lib/net/dns_fixture.c
fetch_test_LIBS := net run proto base
fetch_test_LD := -lcurl -lssl -lcrypto -lcares -lresolv -levent_core $(proto_LD)

UNIT += firmware/pki/acme_test
acme_test_SRCS := $(pki_ACME_PURE) lib/net/pki_fixture.c
acme_test_LIBS := proto base
acme_test_LD := -ljansson -lcrypto $(proto_LD)

FUZZ += acme_fuzz
$(O)/obj/tests/fuzz/acme_fuzz.o: CPPFLAGS += -Ifirmware/pki
acme_fuzz_SRCS := $(pki_ACME_PURE) firmware/pki/fetch_url.c
acme_fuzz_LIBS := proto base
acme_fuzz_LD := -lcurl -ljansson -lcrypto $(proto_LD)
UNIT += firmware/pki/when_test
when_test_SRCS := firmware/pki/when.c

UNIT += firmware/pki/discovery_rows_test
discovery_rows_test_SRCS := firmware/pki/discovery_rows.c
discovery_rows_test_LIBS := proto base
discovery_rows_test_LD := -ljansson $(proto_LD)
FUZZ += discovery_fuzz
$(O)/obj/tests/fuzz/discovery_fuzz.o: CPPFLAGS += -Ifirmware/pki
discovery_fuzz_SRCS := firmware/pki/discovery_rows.c
discovery_fuzz_LIBS := proto base
discovery_fuzz_LD := -ljansson $(proto_LD)
