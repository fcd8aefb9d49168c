"""`make docs`: from README and docs/ to a site in build/site that opens from disk, or an error.

Pages are laid out as they lie in the repository, with what they link to, so one relative link
serves here and there. Below a heading of docs/api.md that is a name in `code` the site has its
docstrings. What was built is read again: every link leads to a file and to a heading in it, and no
page fetches anything from elsewhere.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parents[1]
PAGES, SITE = ROOT / "build" / "pages", ROOT / "build" / "site"
FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
ELSEWHERE = re.compile(r"(?:url\(|@import\s*)[\"']?((?:https?:)?//[^\"')]+)")  # of a style sheet


def main() -> int:
    """Lay out, build, check; the number of faults, at most 1, is the exit status."""
    for old in (PAGES, SITE):
        shutil.rmtree(old, ignore_errors=True)
    faults = lay_out()
    if not faults:
        zensical = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
        if subprocess.run(zensical, cwd=ROOT, check=False).returncode:
            return 1
        faults = [*dead_links(SITE), *fetches(SITE)]
    for fault in faults:
        print(f"make docs: {fault}", file=sys.stderr)
    return 1 if faults else 0


def lay_out() -> list[str]:
    """Copy the pages and all that they link to into PAGES; what is not there."""
    waiting = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    done, faults = set(), []
    while waiting:
        file = waiting.pop()
        if file in done:
            continue
        done.add(file)
        target = PAGES / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix != ".md":
            shutil.copyfile(file, target)
            continue
        text = file.read_text("utf-8")
        for link in re.findall(r"\]\(([^)\s#]+)", text):
            linked = (file.parent / link).resolve()
            if urlsplit(link).scheme:
                continue
            if linked.is_file() and linked.is_relative_to(ROOT):
                waiting.append(linked)
            else:
                faults.append(f"{file.relative_to(ROOT)}: {link} is no file of the repository")
        target.write_text(with_docstrings(text) if file.name == "api.md" else text, "utf-8")
    return faults


def with_docstrings(text: str) -> str:
    """A page whose headings that are names in code are followed by what mkdocstrings fills in."""
    return re.sub(r"^## `([\w.]+)`$", r"\g<0>\n\n::: \1", text, flags=re.MULTILINE)


class Page(HTMLParser):
    """What a built page links to, fetches, and calls by a name."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.names: set[str] = set()
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.names |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif (where := FETCHED.get(tag)) in found and found.get("rel") != "canonical":
            self.fetched.append(found[where])


def dead_links(site: Path) -> Iterator[str]:
    """Links and fetches of built pages that lead to no file, or to no heading in it."""
    pages = {file: Page(file) for file in sorted(site.rglob("*.html")) if file.name != "404.html"}
    for file, page in pages.items():
        for link in {*page.links, *page.fetched}:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            name = unquote(parts.fragment)
            if not target.is_file():
                yield f"{file.relative_to(site)}: {link} leads to no file"
            elif name and target in pages and name not in pages[target].names:
                yield f"{file.relative_to(site)}: {link} leads to no heading"


def fetches(site: Path) -> Iterator[str]:
    """What built pages and their style sheets get from elsewhere."""
    for file in sorted(site.rglob("*.html")):
        for place in Page(file).fetched:
            if urlsplit(place).netloc:
                yield f"{file.relative_to(site)} fetches {place}"
    for file in sorted(site.rglob("*.css")):
        for place in ELSEWHERE.findall(file.read_text("utf-8")):
            yield f"{file.relative_to(site)} fetches {place}"


if __name__ == "__main__":
    sys.exit(main())
