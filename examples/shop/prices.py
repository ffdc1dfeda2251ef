"""Nightly price update."""

import csv
from multiprocessing import Pool

RATES = {}


def load_rates(path):
    with open(path) as file:
        RATES.update({row["currency"]: float(row["rate"]) for row in csv.DictReader(file)})


def convert(product):
    return product["price"] * RATES[product["currency"]]


def update_all(products):
    load_rates("rates.csv")
    with Pool(4) as pool:
        return pool.map(convert, products)
