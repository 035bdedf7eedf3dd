"""How often the sources are typed as Any: a number that may only fall. `make check` runs this."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

MOST = 338  # lower it whenever there are fewer
PACKAGES = ("distil", "framework", "launch", "tracking")


def anys(source: str) -> Iterator[int]:
    """The lines of a module on which the name Any is used, once for each time; importing it is no use."""
    for node in ast.walk(ast.parse(source)):
        if (isinstance(node, ast.Name) and node.id == "Any") or (
            isinstance(node, ast.Attribute) and node.attr == "Any"
        ):
            yield node.lineno
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "Any" in node.value:
            yield from [node.lineno] * _quoted(node.value)


def _quoted(text: str) -> int:
    """How often an annotation that is quoted says Any; 0 for a text that is none."""
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        return 0
    if isinstance(tree.body, ast.Name | ast.Constant):
        return 0
    return sum(isinstance(node, ast.Name) and node.id == "Any" for node in ast.walk(tree))


def main() -> int:
    """Print the count, and the files that have the most; 1 if there are more than MOST."""
    root = Path(__file__).resolve().parents[1]
    counts = {
        path: len(list(anys(path.read_text()))) for name in PACKAGES for path in sorted((root / name).rglob("*.py"))
    }
    total = sum(counts.values())
    if total > MOST:
        worst = sorted(counts.items(), key=lambda one: -one[1])[:5]
        named = ", ".join(f"{path.relative_to(root)} {count}" for path, count in worst)
        print(f"Any is used {total} times, and {MOST} are the most: type what was added ({named} have the most)")
        return 1
    print(f"Any is used {total} times" + (f"; lower MOST in {Path(__file__).name} from {MOST}" if total < MOST else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
