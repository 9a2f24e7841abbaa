"""Numbers and tables as Markdown."""

from collections.abc import Iterable, Sequence


def number(value: float | None, digits: int = 2) -> str:
    """With this many significant digits, and without an exponent where that is short."""
    if value is None:
        return "-"
    if value == 0.0:
        return "0"
    if abs(value) >= 10 ** (digits + 4) or abs(value) < 1e-3:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        return f"{mantissa}e{int(exponent)}"
    rounded = float(f"{value:.{digits - 1}e}")
    return f"{rounded:,.0f}" if abs(rounded) >= 10 ** (digits - 1) else f"{rounded:g}"


def size(value: int) -> str:
    """1,000, and 10^5 from there on."""
    exponent = len(str(value)) - 1
    return f"10^{exponent}" if value == 10**exponent and exponent > 3 else f"{value:,}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; empty if there are no rows."""
    rows = list(rows)
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
