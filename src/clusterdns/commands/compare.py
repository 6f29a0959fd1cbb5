"""`clusterdns compare`: whether a report is worse than an earlier one."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from clusterdns.commands._arguments import Commands
from clusterdns.commands._settings import settings_without_cluster
from clusterdns.model.outcome import ExitCode
from clusterdns.reporting.compare import compare
from clusterdns.reporting.comparison_text import markdown_lines, text_lines
from clusterdns.reporting.reading import read_report
from clusterdns.reporting.text import shown
from clusterdns.settings import Settings, flag

_LIMITS = ("compare_ratio", "compare_floor")


def add(commands: Commands) -> None:
    """Offer the command."""
    parser = commands.add_parser("compare", help="whether a report.json is worse than an earlier one")
    parser.add_argument("old", metavar="OLD.json", type=Path, help="the earlier report")
    parser.add_argument("new", metavar="NEW.json", type=Path, help="the later report")
    for name in _LIMITS:
        field = Settings.model_fields[name]
        parser.add_argument(
            flag(name), metavar="NUMBER", help=f"{field.description} (default: {field.default})"
        )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--markdown", action="store_true", help="print Markdown")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> ExitCode:
    """Print what differs."""
    settings = settings_without_cluster({name: getattr(options, name) for name in _LIMITS})
    old, new = read_report(options.old), read_report(options.new)
    comparison = compare(old, new, ratio=settings.compare_ratio, floor_ms=settings.compare_floor)
    code = comparison.exit_code()
    if options.json:
        sys.stdout.write(json.dumps({"exit_code": code.value, **asdict(comparison)}, indent=2) + "\n")
    else:
        lines = markdown_lines(comparison) if options.markdown else map(shown, text_lines(comparison))
        sys.stdout.write("\n".join(lines) + "\n")
    return code
