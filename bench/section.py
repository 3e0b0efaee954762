"""Puts a text between <!-- NAME --> and <!-- /NAME --> of a Markdown file, at its end where they are missing.

    python section.py --file RESULTS.md --name scores < tables.md
"""
import argparse
import os
import sys
from pathlib import Path


def put(path, name, text):
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    page = path.read_text(encoding="utf-8") if path.exists() else ""
    if page.count(start) != page.count(end) or page.count(start) > 1 or page.find(end) < page.find(start):
        raise ValueError(f"section: {path}: want one {start} and one {end} after it, or neither")
    if start not in page:
        page = f"{page.rstrip()}\n\n{start}\n{end}\n".lstrip()
    before, rest = page.split(start)
    page = f"{before}{start}\n\n{text.strip()}\n\n{end}{rest.split(end)[1]}"
    Path(f"{path}.new").write_text(page, encoding="utf-8")
    os.replace(f"{path}.new", path)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--file", type=Path, required=True)
    p.add_argument("--name", required=True)
    a = p.parse_args()
    put(a.file, a.name, sys.stdin.read())


if __name__ == "__main__":
    main()
