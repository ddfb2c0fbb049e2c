"""README and docs say what is true: their commands parse, their snippets are the tested files."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from longibench import cli
from longibench.benchmark.settings.loading import load_settings

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"python cli\.py ([^`\n]+)")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")


def commands() -> list[str]:
    found = [match.strip() for page in PAGES for match in COMMAND.findall(page.read_text())]
    return sorted(set(found))


@pytest.mark.parametrize("command", commands())
def test_every_command_parses(command):
    group = typer.main.get_command(cli.app)
    context = group.make_context("cli", shlex.split(command))
    name, subcommand, rest = group.resolve_command(context, context._protected_args + context.args)
    given = subcommand.make_context(name, rest).params
    if name == "run":
        load_settings(given["preset"], given["set_"])


def test_readme_shows_the_example_plugin():
    example = (ROOT / "docs" / "examples" / "my_method.py").read_text()
    assert example in (ROOT / "README.md").read_text()


def test_docs_show_the_example_metric():
    example = (ROOT / "docs" / "examples" / "my_metric.py").read_text()
    assert example in (ROOT / "docs" / "metrics.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target


def test_install_and_test_commands_are_those_of_continuous_integration():
    readme = (ROOT / "README.md").read_text()
    assert 'pip install -e ".[test]" && pytest' in readme
    assert 'pip install --quiet -e ".[test]"' in (ROOT / ".ci" / "run").read_text()
