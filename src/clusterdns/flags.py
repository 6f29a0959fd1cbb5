"""The suite's pytest flags: one for every setting.

A plugin of the installed package, not of `fixtures/`, because pytest takes the value of a
flag that it does not know yet for a path of tests: `--kubeconfig ~/.kube/config` made the
home directory the project (pytest issues 8846 and 13411, closed as known limits).
"""

import argparse

import pytest

from clusterdns.settings import Settings, flag

# pytest has --strict already; it turns on this setting too.
PYTESTS_OWN = "strict"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer a flag for every setting."""
    group = parser.getgroup("cluster DNS conformance")
    for name, field in Settings.model_fields.items():
        default = "none" if field.default in (None, ()) else str(field.default)
        text = f"{field.description} (default: {default})".replace("%", "%%")
        if name == PYTESTS_OWN:
            continue
        if field.annotation is bool:
            group.addoption(flag(name), action=argparse.BooleanOptionalAction, default=None, help=text)
        elif field.default == ():
            group.addoption(flag(name), action="append", default=None, help=text, metavar="ID[,ID]")
        else:
            group.addoption(flag(name), default=None, help=text, metavar="VALUE")
    group.addoption("--list-checks", action="store_true", help="list every check and end")
    group.addoption("--list-images", action="store_true", help="list the images a run would use and end")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Load nothing as long as the project is the wrong one."""
    if _mistaken(early_config, early_config.known_args_namespace):
        early_config.known_args_namespace.noconftest = True


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Start again, told which project it is."""
    if not _mistaken(config, config.option):
        return None
    project = config.invocation_params.dir / "pyproject.toml"
    return int(pytest.main(["--config-file", str(project), *config.invocation_params.args]))


def _mistaken(config: pytest.Config, options: argparse.Namespace) -> bool:
    """Return whether pytest took a file that a flag names for a path in another project."""
    if options.inifilename:  # it was told which project it is, as `clusterdns test` does
        return False
    project = config.invocation_params.dir / "pyproject.toml"
    return bool(options.kubeconfig or options.report_dir) and project.exists() and config.inipath != project
