#!/bin/sh
# Makes each role's account and database; the image of PostgreSQL runs this when it starts with an empty volume.
set -eu
psql --quiet --no-psqlrc --username "${POSTGRES_USER:-postgres}" --set ON_ERROR_STOP=1 --file /run/secrets/databases
