PROGS += gh-pki
pki_FETCH := firmware/pki/fetch.c firmware/pki/fetch_easy.c firmware/pki/fetch_loop.c firmware/pki/fetch_url.c firmware/pki/reach.c
pki_REVOCATION := firmware/pki/cache.c firmware/pki/lists.c firmware/pki/staples.c firmware/pki/when.c
gh-pki_SRCS := firmware/pki/main.c firmware/pki/config.c $(pki_REVOCATION) $(pki_FETCH)
gh-pki_LIBS := net run proto base
gh-pki_LD := -lcurl -lssl -lcrypto -lcares -lresolv -levent_core -lseccomp $(proto_LD)

UNIT += firmware/pki/fetch_test
fetch_test_SRCS := $(pki_FETCH) lib/net/pki_fixture.c lib/net/dns_fixture.c
fetch_test_LIBS := net run proto base
fetch_test_LD := -lcurl -lssl -lcrypto -lcares -lresolv -levent_core $(proto_LD)

UNIT += firmware/pki/when_test
when_test_SRCS := firmware/pki/when.c
