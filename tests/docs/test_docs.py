"""The documentation names every setting, option, reason and error, and its links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def test_generated_pages_are_up_to_date():
    done = subprocess.run([sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_every_reason_code_in_the_code_is_documented():
    from bigpato_magic.decide import REASONS

    code = "\n".join(path.read_text() for path in (ROOT / "bigpato_magic").rglob("*.py"))
    used = set(re.findall(r'(?:Reason\(\s*|code=|draft\.refuse\([\w.]+, )"([a-z-]+)"', code))
    assert used <= REASONS.keys(), f"undocumented: {used - REASONS.keys()}"


def test_the_readme_is_short_and_has_exactly_two_set_up_commands():
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 130
    assert re.findall(r"^python3 .*?(?=\s{2}|$)", text, re.MULTILINE) == ["python3 dev.py tour", "python3 dev.py test"]


@pytest.mark.parametrize("page", sorted(path.name for path in ROOT.glob("docs/*.md")))
def test_every_page_can_be_found_from_the_readme(page):
    texts = [(ROOT / "README.md").read_text(), (ROOT / "docs" / "magics.md").read_text()]
    texts += [(ROOT / "docs" / name).read_text() for name in ("faq.md", "first-steps.md")]
    assert any(re.search(rf"\]\((docs/)?{re.escape(page)}[#)]", text) for text in texts)


def test_every_error_class_and_setting_is_documented():
    from bigpato_magic import errors
    from docs.generate import configurables

    named = [c.__name__ for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.BigPatoError)]
    reasons, configuration = (ROOT / "docs/reasons.md").read_text(), (ROOT / "docs/configuration.md").read_text()
    assert [name for name in named if f"`{name}`" not in reasons] == []
    settings = [f"{c.__name__}.{name}" for c in configurables() for name in c.class_traits(config=True)]
    inherited = ("config", "log", "parent")
    assert [s for s in settings if s.split(".")[1] not in inherited and f"`{s}`" not in configuration] == []
