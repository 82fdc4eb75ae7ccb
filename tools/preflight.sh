#!/bin/sh
# Says what is missing on this machine before anything is built, and how to get it.
# usage: tools/preflight.sh PYTHON
set -u
python=$1

if ! command -v "$python" >/dev/null 2>&1; then
    echo "exchange: no $python here. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3" >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "exchange: $python is $("$python" -V 2>&1); 3.11 or newer is needed. Name another one: make PYTHON=python3.12" >&2
    exit 1
fi
if ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
    echo "exchange: this Python cannot make virtual environments. On Debian or Ubuntu: apt install python3-venv" >&2
    exit 1
fi
if [ -n "${EXCHANGE_INTERPRETED:-}" ]; then
    exit 0
fi
compiler=$("$python" -c 'import os, sysconfig; print((os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0])')
if ! command -v "$compiler" >/dev/null 2>&1; then
    echo "exchange: no C compiler ($compiler) here. On Debian or Ubuntu: apt install gcc." >&2
    echo "          Or run the engine interpreted, slower: make $MAKECMDGOALS EXCHANGE_INTERPRETED=1" >&2
    exit 1
fi
if ! "$python" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))'; then
    echo "exchange: Python.h is missing. On Debian or Ubuntu: apt install python3-dev." >&2
    echo "          Or run the engine interpreted, slower: make $MAKECMDGOALS EXCHANGE_INTERPRETED=1" >&2
    exit 1
fi
