#!/usr/bin/env bash
# Installs what building and testing this package takes: npm packages, a redis-server, a memcached and a chromium. Safe to run again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'setup: %s\n' "$1"; }
fail() {
  printf 'setup: %s\n' "$1" >&2
  exit 1
}

can_apt() { command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; }
can_brew() { [ "$(uname -s)" = Darwin ] && command -v brew >/dev/null; }

# install_with_apt <package>
install_with_apt() {
  export DEBIAN_FRONTEND=noninteractive
  # The tests start servers of their own: the package's service would only hold a port.
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
  fi
  apt-get update -qq </dev/null && apt-get install -y -qq --no-install-recommends "$1" </dev/null
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
elif can_apt; then
  say 'installing redis-server (apt-get)'
  install_with_apt redis-server
elif can_brew; then
  say 'installing redis (brew)'
  brew install redis </dev/null
else
  fail 'redis-server is missing: install it (Debian, Ubuntu: "sudo apt-get install redis-server") or set REDIS_URL, then run "npm run setup" again.'
fi

without_memcached() { say 'memcached is missing: what is tested on it will be skipped'; }
if command -v memcached >/dev/null; then
  say "found $(command -v memcached)"
elif can_apt; then
  say 'installing memcached (apt-get)'
  install_with_apt memcached || without_memcached
elif can_brew; then
  brew install memcached </dev/null || without_memcached
else
  without_memcached
fi

without_chromium() { say 'chromium is missing: the dashboard will not be tested in a browser (CHROMIUM_PATH names one)'; }
if [ -n "${CHROMIUM_PATH:-}" ]; then
  say 'using the Chromium that CHROMIUM_PATH names'
elif command -v chromium chromium-browser google-chrome google-chrome-stable >/dev/null; then
  say "found $(command -v chromium chromium-browser google-chrome google-chrome-stable | head -n 1)"
elif can_apt; then
  say 'installing chromium (apt-get)'
  install_with_apt chromium || without_chromium
else
  without_chromium
fi

say 'done; next: npm test'
