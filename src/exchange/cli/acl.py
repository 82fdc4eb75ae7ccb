"""`exchange acl`: the stream users' rules, for a stream server of one's own.

The server that `exchange up` starts gets them by itself. For another one, print them into the file that its
configuration names as `aclfile`, and give each role a REDIS_URL with its user and password; they are in the home's
keys, and only their hashes are printed.
"""

import argparse
import os
import sys
from pathlib import Path

from exchange.effects.redis.passwords import FILE, PasswordsUnusable, load_or_make
from exchange.effects.redis.users import NEWEST, Version, acl_file
from exchange.settings import Settings

HELP = "Print the stream users' rules as an ACL file for a Redis or Valkey of your own."

_VERSIONS: dict[str, Version] = {"6.2": (6, 2), "7.0": (7, 0), "7.2": NEWEST}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--file", type=Path, metavar="PATH", help="write them to this file (0600) instead")
    parser.add_argument(
        "--server",
        choices=list(_VERSIONS),
        default="7.2",
        help="the server's version, or the newest of these that is not newer: Valkey is 7.2 (%(default)s)",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the rules; 0 done, 2 could not be done."""
    try:
        passwords = load_or_make(settings.keys_dir)
        lines = acl_file(passwords, settings.streams, version=_VERSIONS[args.server], sandbox=settings.sandbox)
        text = "".join(f"{line}\n" for line in lines)
        if args.file is None:
            print(text, end="")
        else:
            _write(args.file, text)
    except (PasswordsUnusable, OSError) as error:
        print(f"exchange acl: {error}", file=sys.stderr)
        return 2
    print(f"the passwords are in {settings.keys_dir / FILE}", file=sys.stderr)
    return 0


def _write(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(text)
    new.rename(path)
