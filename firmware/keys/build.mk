PROGS += gh-keys
keys_SRCS := firmware/keys/vault.c firmware/keys/sign.c firmware/keys/derive.c firmware/keys/make.c firmware/keys/cert.c
gh-keys_SRCS := firmware/keys/main.c $(keys_SRCS)
gh-keys_LIBS := run proto base
gh-keys_LD := -lcrypto -levent_core -lseccomp -lidn2 -licuuc -lexpat

UNIT += firmware/keys/keys_test
keys_test_SRCS := $(keys_SRCS)
keys_test_LIBS := run proto base
keys_test_LD := -lcrypto -levent_core -lidn2 -licuuc -lexpat
