PROGS += gh-keys
backup_file_SRCS := firmware/keys/backup_head.c firmware/keys/backup_crypt.c firmware/keys/backup_writer.c firmware/keys/backup_reader.c
bundle_SRCS := firmware/keys/bundle.c firmware/keys/bundle_p12.c firmware/keys/bundle_chain.c
keys_TPM_LD := -ltss2-esys -ltss2-mu -ltss2-tctildr
keys_SRCS := firmware/keys/seal.c firmware/keys/vault.c firmware/keys/sign.c firmware/keys/derive.c firmware/keys/acme.c firmware/keys/link.c firmware/keys/comply.c firmware/keys/make.c firmware/keys/cert.c \
	firmware/keys/hardware.c firmware/keys/identity.c firmware/keys/backup_keys.c firmware/keys/backup.c $(backup_file_SRCS)
gh-keys_SRCS := firmware/keys/main.c firmware/keys/cmd_bundle.c $(bundle_SRCS) $(keys_SRCS)
gh-keys_LIBS := net run proto base
gh-keys_LD := $(keys_TPM_LD) -lcrypto -levent_core -lseccomp -lidn2 -licuuc -lexpat

UNIT += firmware/keys/keys_test
keys_test_SRCS := $(keys_SRCS)
keys_test_LIBS := run proto base
keys_test_LD := $(keys_TPM_LD) -lcrypto -levent_core -lidn2 -licuuc -lexpat

UNIT += firmware/keys/backup_file_test
backup_file_test_SRCS := $(backup_file_SRCS)
backup_file_test_LIBS := base
backup_file_test_LD := -lcrypto

UNIT += firmware/keys/backup_keys_test
backup_keys_test_SRCS := $(keys_SRCS)
backup_keys_test_LIBS := run proto base
backup_keys_test_LD := $(keys_TPM_LD) -lcrypto -levent_core -lidn2 -licuuc -lexpat

UNIT += firmware/keys/bundle_test
bundle_test_SRCS := $(bundle_SRCS)
bundle_test_LIBS := base
bundle_test_LD := -lcrypto

UNIT += firmware/keys/tpm_test
tpm_test_SRCS := $(keys_SRCS)
tpm_test_LIBS := run proto base
tpm_test_LD := $(keys_TPM_LD) -lcrypto -levent_core -lidn2 -licuuc -lexpat
