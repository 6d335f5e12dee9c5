#!/bin/sh
# One copy of the server: under a name of its own, which it has when it is whole. The oldest go beyond KEEP.
set -eu
umask 077
cd /backups
rm -rf ./*.part
name=$(date -u +%Y%m%dT%H%M%SZ)
pg_basebackup --pgdata "$name.part" --format=tar --gzip --checkpoint=fast --manifest-checksums=SHA256 --dbname "$(cat /run/secrets/backup/url)"
gzip --test "$name.part"/*.gz
sync
mv "$name.part" "$name"
# A copy that failed removes none: what is kept is counted among those that are whole.
find . -mindepth 1 -maxdepth 1 -type d -name '2*Z' | sort -r | tail -n "+$((KEEP + 1))" | xargs -r rm -rf
echo "$name: $(du -sh "$name" | cut -f1), $(find . -mindepth 1 -maxdepth 1 -type d -name '2*Z' | wc -l) copies"
