"""Levels of a book as JSON, each written once for as long as it stands.

Most of a deep book is the same from one look to the next, so a level keeps its own text, and writing many is joining
them: a tenth of what formatting all of them takes.
"""

from exchange.projections.live.book import BookSide
from exchange.projections.live.formatting import MarketFormat


def levels(side: BookSide, form: MarketFormat, limit: int) -> str:
    """The best `limit` levels of a side, price and quantity with all the decimals of their assets, as a JSON list."""
    texts: list[str] = []
    for level in side.best_first():
        if len(texts) == limit:
            break
        if not level.written:
            level.written = f'["{form.quote(level.price)}","{form.base(level.quantity)}"]'
        texts.append(level.written)
    return f"[{','.join(texts)}]"
