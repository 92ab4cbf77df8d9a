"""The backup file written and read by its description (docs/architecture/backup.md), not by our code."""
import hashlib
import os
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SETTINGS, ACCOUNTS, KEYS, STORE, END = 1, 2, 3, 4, 255


def _str(text):
    return struct.pack(">H", len(text)) + text.encode()


class Backup:
    """parts: [(section, bytes)] without the end."""

    def __init__(self, product="0.1", platform="virtual", name="gate", generation=1, made=0, flags=1, log2n=10):
        self.product, self.platform, self.name = product, platform, name
        self.generation, self.made, self.flags, self.log2n = generation, made, flags, log2n
        self.parts, self.host = [], None

    @staticmethod
    def _derive(password, salt, log2n, r, p):
        both = Scrypt(salt=salt, length=48, n=1 << log2n, r=r, p=p).derive(password.encode())
        return both[:32], both[32:]

    @staticmethod
    def _nonce(number, is_last):
        return bytes([is_last, 0, 0, 0]) + struct.pack(">Q", number)

    @classmethod
    def read(cls, data, password):
        assert data[:8] == b"GHBACKUP"
        version, n = struct.unpack(">HH", data[8:12])
        assert version == 1
        fields, signature, at, texts = data[12:12 + n], data[12 + n:12 + n + 64], 0, []
        for _ in range(3):
            k = struct.unpack(">H", fields[at:at + 2])[0]
            texts.append(fields[at + 2:at + 2 + k].decode())
            at += 2 + k
        public, at = fields[at:at + 32], at + 32 + 16
        generation, made, flags, log2n, r, p = struct.unpack(">IQBBBB", fields[at:at + 16])
        salt, check = fields[at + 16:at + 32], fields[at + 32:at + 48]
        assert at + 48 == n
        identity = Ed25519PublicKey.from_public_bytes(public)
        identity.verify(signature, b"gatehouse backup head\0" + data[:12 + n])
        key, is_check = cls._derive(password, salt, log2n, r, p)
        assert check == is_check
        out = cls(*texts, generation, made, flags, log2n)
        out.host = hashlib.sha256(public).digest()[:16].hex()
        at = 12 + n + 64
        head, number = hashlib.sha256(data[:at]).digest(), 0
        while True:
            k = struct.unpack(">I", data[at:at + 4])[0]
            sealed, is_last = data[at + 4:at + 4 + k], at + 4 + k == len(data)
            plain = AESGCM(key).decrypt(cls._nonce(number, is_last), sealed, head)
            if is_last:
                assert plain[0] == END and plain[1:33] == hashlib.sha256(data[:at]).digest()
                identity.verify(plain[33:], b"gatehouse backup end\0" + plain[1:33])
                return out
            out.parts.append((plain[0], plain[1:]))
            at, number = at + 4 + k, number + 1

    def write(self, password, identity=None):
        identity = identity or Ed25519PrivateKey.generate()
        public = identity.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        salt = os.urandom(16)
        key, check = self._derive(password, salt, self.log2n, 8, 1)
        fields = (_str(self.product) + _str(self.platform) + _str(self.name) + public + os.urandom(16) +
                  struct.pack(">IQBBBB", self.generation, self.made, self.flags, self.log2n, 8, 1) + salt + check)
        out = b"GHBACKUP" + struct.pack(">HH", 1, len(fields)) + fields
        out += identity.sign(b"gatehouse backup head\0" + out)
        head, out = hashlib.sha256(out).digest(), bytearray(out)
        for number, (section, content) in enumerate(self.parts):
            sealed = AESGCM(key).encrypt(self._nonce(number, 0), bytes([section]) + content, head)
            out += struct.pack(">I", len(sealed)) + sealed
        total = hashlib.sha256(out).digest()
        end = bytes([END]) + total + identity.sign(b"gatehouse backup end\0" + total)
        sealed = AESGCM(key).encrypt(self._nonce(len(self.parts), 1), end, head)
        return bytes(out + struct.pack(">I", len(sealed)) + sealed)
