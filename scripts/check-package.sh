#!/usr/bin/env bash
# Packs the package, checks the tarball, and uses it as an application does: installed in an empty app,
# under the newest and the oldest Nest we support. "npm pack" builds first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT

say() { printf 'check-package: %s\n' "$1"; }
fail() {
  printf 'check-package: %s\n' "$1" >&2
  exit 1
}

check_lock() {
  say 'the lock file is complete, and names no download address'
  npm ci --dry-run --loglevel=error >/dev/null
  if grep -q '"resolved"' package-lock.json; then fail 'package-lock.json has "resolved" entries'; fi
}

pack() {
  say 'npm pack'
  npm pack --silent --pack-destination "$temp" >/dev/null
  tarball=$(echo "$temp"/*.tgz)
  mkdir "$temp/unpacked"
  tar -xzf "$tarball" -C "$temp/unpacked" --strip-components=1
}

# A bound on what an app installs: raise it only for what is worth it to every app.
check_size() {
  local most=1600000 size
  size=$(tar -tzvf "$tarball" | awk '{ sum += $3 } END { print sum }')
  say "the unpacked package: $size bytes"
  [ "$size" -le "$most" ] || fail "the unpacked package is $size bytes, $((size - most)) more than the $most that it may be"
}

# install_in_app <name> <package>...
install_in_app() {
  (cd "$temp/$1" && shift && npm install --ignore-scripts --no-audit --no-fund --loglevel=error "$@" >/dev/null)
}

# make_app <name> <peer>...: an application of its own, with the package and these peers.
# (cacheable: @nestjs/cache-manager's declarations name it, its package.json does not.)
make_app() {
  local app=$1
  shift
  cp -R test/package "$temp/$app"
  install_in_app "$app" "$tarball" 'keyv@^5.6' cacheable reflect-metadata@0.2 rxjs@7 typescript@~6.0 @types/node@20 "$@"
}

# node_in_app <name> <script> <argument>...
node_in_app() {
  (cd "$temp/$1" && shift && node --disable-warning=ExperimentalWarning --import ./must-exit.mjs "$@")
}

# use_app <name> <optional peer>...: type-checks its sources with every declaration they reach, runs them,
# and loads the sub-entries once their optional peers are there.
use_app() {
  local app=$1
  shift
  (cd "$temp/$app" && ./node_modules/.bin/tsc -p .)
  node_in_app "$app" same-exports.mjs nestjs-forge-auth
  node_in_app "$app" app.mjs
  node_in_app "$app" app.cjs
  if [ -n "$sub_entries" ]; then
    install_in_app "$app" "$@"
    # shellcheck disable=SC2086 # one argument each
    node_in_app "$app" same-exports.mjs $sub_entries
  fi
}

# operate_app <name> <peer>...: runs what operators use, on Express and on Fastify.
operate_app() {
  local app=$1
  shift
  install_in_app "$app" "$@"
  node_in_app "$app" operated.mjs
}

check_lock
pack
check_size
say 'publint'
npx --no-install publint run "$tarball" --strict
say 'are the types wrong'
npx --no-install attw --no-summary "$tarball"
say 'declarations: doc comments, no optional peers'
node scripts/check-declarations.mjs "$temp/unpacked"

sub_entries=$(node -p '
  const { name, exports } = require("./package.json");
  Object.keys(exports).filter((entry) => !/^\.$|\.json$/.test(entry)).map((entry) => name + entry.slice(1)).join(" ")')

say 'an app on Nest 12'
make_app nest-12 @nestjs/{common,core,platform-express,axios,cache-manager,config}@12 cache-manager@7 axios@1
use_app nest-12 undici@7 @nestjs/terminus@12 @opentelemetry/api@1
operate_app nest-12 @nestjs/platform-fastify@12

say 'an app on Nest 11, with the oldest axios and cache-manager'
make_app nest-11 @nestjs/{common,core,platform-express}@11 @nestjs/axios@4 @nestjs/cache-manager@3 @nestjs/config@4 \
  cache-manager@6 axios@~1.18.0
(cd "$temp/nest-11" && ./node_modules/.bin/tsc -p . --module node16 --moduleResolution node16)
use_app nest-11 undici@7 @nestjs/terminus@11 @opentelemetry/api@1
operate_app nest-11 @nestjs/platform-fastify@11
install_in_app nest-11 nestjs-pino@4 pino@10 pino-http@11
node_in_app nest-11 pino.mjs

say 'the transport over undici 7, and over undici 8 on the oldest line of Node that it supports'
node_in_app nest-12 undici.mjs 7
install_in_app nest-12 undici@8 "node-$(node -p 'process.platform + "-" + process.arch')@22"
(cd "$temp/nest-12" && ./node_modules/node-*-*/bin/node --import ./must-exit.mjs undici.mjs 8)

node scripts/check-stock-apps.mjs "$tarball"

say 'passed'
