"""`exchange settings`: each setting, its value and where that comes from."""

import argparse
import os
from dataclasses import fields

from exchange.settings import Settings, variable
from exchange.supervisor.home import masked

HELP = "print the settings in force and where each comes from"


def configure(parser: argparse.ArgumentParser) -> None:
    del parser  # there is nothing to choose


def run(_args: argparse.Namespace, settings: Settings) -> int:
    rows = [
        (variable(field.name), _shown(getattr(settings, field.name)), _source(settings, field.name))
        for field in fields(settings)
    ]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, value, source in rows:
        print(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {source}")
    return 0


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return masked(text) if "://" in text else text


def _source(settings: Settings, name: str) -> str:
    if os.environ.get(variable(name)):
        return "environment"
    if name in {"redis_url", "database_url"}:
        return "the exchange that runs in this home" if getattr(settings, name) else "none: `exchange up` starts one"
    if name == "snapshots" and os.environ.get("EXCHANGE_HOME"):
        return "EXCHANGE_HOME"
    return "default"
