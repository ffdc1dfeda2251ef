"""Fraud scores for open orders, asked for by the web server."""

import asyncio
from multiprocessing import Pool


def score(order):
    return sum(line["amount"] for line in order["lines"]) % 97


async def score_orders(orders):
    with Pool() as pool:
        scores = pool.map(score, orders)
    await asyncio.sleep(0)
    return dict(zip((order["id"] for order in orders), scores, strict=True))
