"""vmdk.py RAW VMDK SIZE_GIB: a raw disk as a stream-optimised VMDK (VMware's Virtual Disk Format 5.0, version 3 of the
header) in the form that VMware's own tools write: grain directory at the end, footer, end-of-stream marker. The disk
is SIZE_GIB large, whatever the raw file's size; what it does not have is empty."""
import math
import os
import struct
import sys
import zlib

SECTOR, GRAIN_SECTORS, TABLE_ENTRIES = 512, 128, 512
GRAIN = SECTOR * GRAIN_SECTORS
AT_END = 0xFFFFFFFFFFFFFFFF
FLAGS = 0x30001  # a valid newline test, compressed grains, markers
END, TABLE, DIRECTORY, FOOTER = range(4)


def header(capacity, directory_at, overhead):
    return struct.pack("<4sIIQQQQIQQQB4sH433x", b"KDMV", 3, FLAGS, capacity, GRAIN_SECTORS, 1, DESCRIPTOR_SECTORS,
                       TABLE_ENTRIES, 0, directory_at, overhead, 0, b"\n \r\n", 1)


DESCRIPTOR_SECTORS = 20


def descriptor(capacity, name):
    cylinders = min(capacity // (255 * 63), 65535)
    text = f"""# Disk DescriptorFile
version=1
CID={zlib.crc32(name.encode()):08x}
parentCID=ffffffff
createType="streamOptimized"

# Extent description
RDONLY {capacity} SPARSE "{name}"

# The Disk Data Base
#DDB

ddb.virtualHWVersion = "13"
ddb.geometry.cylinders = "{cylinders}"
ddb.geometry.heads = "255"
ddb.geometry.sectors = "63"
ddb.adapterType = "lsilogic"
ddb.toolsVersion = "2147483647"
"""
    return text.encode().ljust(DESCRIPTOR_SECTORS * SECTOR, b"\0")


class Writer:
    def __init__(self, file):
        self.file, self.sector = file, 0

    def put(self, data):
        data += b"\0" * (-len(data) % SECTOR)
        at = self.sector
        self.file.write(data)
        self.sector += len(data) // SECTOR
        return at

    def marker(self, kind, sectors):
        self.put(struct.pack("<QII", sectors, 0, kind))


def data_ranges(fd, size):
    """What the sparse file really has."""
    at = 0
    while at < size:
        try:
            at = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            return
        end = os.lseek(fd, at, os.SEEK_HOLE)
        yield at // GRAIN, math.ceil(end / GRAIN)
        at = end


def main():
    raw, vmdk, size_gib = sys.argv[1:]
    capacity = int(size_gib) * (1 << 30) // SECTOR
    grains = capacity // GRAIN_SECTORS
    tables = {}
    with open(raw, "rb") as source, open(vmdk, "wb") as target:
        out = Writer(target)
        overhead = GRAIN_SECTORS
        out.put(header(capacity, AT_END, overhead))
        out.put(descriptor(capacity, os.path.basename(vmdk)))
        out.put(b"\0" * (overhead - out.sector) * SECTOR)
        size, done = os.fstat(source.fileno()).st_size, -1
        for first, end in data_ranges(source.fileno(), size):
            for number in range(max(first, done + 1), end):
                source.seek(number * GRAIN)
                grain = source.read(GRAIN).ljust(GRAIN, b"\0")
                done = number
                if not grain.strip(b"\0"):
                    continue
                packed = zlib.compress(grain, 6)
                at = out.put(struct.pack("<QI", number * GRAIN_SECTORS, len(packed)) + packed)
                tables.setdefault(number // TABLE_ENTRIES, {})[number % TABLE_ENTRIES] = at
        directory = [0] * math.ceil(grains / TABLE_ENTRIES)
        for number in sorted(tables):
            entries = [tables[number].get(i, 0) for i in range(TABLE_ENTRIES)]
            out.marker(TABLE, TABLE_ENTRIES * 4 // SECTOR)
            directory[number] = out.put(struct.pack(f"<{TABLE_ENTRIES}I", *entries))
        out.marker(DIRECTORY, math.ceil(len(directory) * 4 / SECTOR))
        at = out.put(struct.pack(f"<{len(directory)}I", *directory))
        out.marker(FOOTER, 1)
        out.put(header(capacity, at, overhead))
        out.marker(END, 0)


main()
