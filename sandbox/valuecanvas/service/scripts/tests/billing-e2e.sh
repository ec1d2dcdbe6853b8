#!/usr/bin/env bash
# End-to-end checks of the billing system against a running environment. Reads BILLING_API_URL and DATABASE_URL
# (optional: EXPECTED_VERSION, by default that of this checkout; STRIPE_WEBHOOK_SECRET, with which a signed probe is sent
# too). Changes nothing.
# usage: billing-e2e.sh --env=NAME
set -euo pipefail

env_name=''
for argument in "$@"; do
  case "$argument" in
    --env=?*) env_name="${argument#--env=}" ;;
    *) echo "usage: $0 --env=NAME" >&2; exit 2 ;;
  esac
done
[ -n "$env_name" ] || { echo "usage: $0 --env=NAME" >&2; exit 2; }
: "${BILLING_API_URL:?BILLING_API_URL is not set}"
: "${DATABASE_URL:?DATABASE_URL is not set}"

echo "# billing e2e against $env_name ($BILLING_API_URL)"
exec node "$(dirname "${BASH_SOURCE[0]}")/billing-e2e.mjs"
