#!/usr/bin/env bash
# Installs what building and testing this package takes: npm packages and a redis-server. Safe to run again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'setup: %s\n' "$1"; }
fail() {
  printf 'setup: %s\n' "$1" >&2
  exit 1
}

install_redis_with_apt() {
  export DEBIAN_FRONTEND=noninteractive
  # The tests start servers of their own: the package's service would only hold a port.
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
  fi
  apt-get update -qq </dev/null
  apt-get install -y -qq --no-install-recommends redis-server </dev/null
}

if [ -f package-lock.json ]; then
  say 'installing the locked npm packages (npm ci)'
  npm ci --no-audit --no-fund </dev/null
else
  say 'installing npm packages (npm install)'
  npm install --no-audit --no-fund </dev/null
fi

if [ -n "${REDIS_URL:-}" ]; then
  say 'using the Redis that REDIS_URL names'
elif command -v redis-server >/dev/null; then
  say "found $(command -v redis-server)"
elif command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  say 'installing redis-server (apt-get)'
  install_redis_with_apt
elif [ "$(uname -s)" = Darwin ] && command -v brew >/dev/null; then
  say 'installing redis (brew)'
  brew install redis </dev/null
else
  fail 'redis-server is missing: install it (Debian, Ubuntu: "sudo apt-get install redis-server") or set REDIS_URL, then run "npm run setup" again.'
fi

say 'done; next: npm test'
