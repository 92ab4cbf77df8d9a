"""pe_time.py FILE SECONDS: sets the time in a PE program's header, which objcopy takes from the clock, and takes away
the checksum over it, which UEFI does not read."""
import struct
import sys

with open(sys.argv[1], "r+b") as file:
    pe, = struct.unpack_from("<I", file.read(0x40), 0x3C)
    file.seek(pe + 8)
    file.write(struct.pack("<I", int(sys.argv[2])))
    file.seek(pe + 24 + 64)
    file.write(b"\0\0\0\0")
