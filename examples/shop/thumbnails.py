"""Thumbnails of product photos."""

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path


def shrink(photo):
    target = photo.with_suffix(".thumb.jpg")
    target.write_bytes(photo.read_bytes()[:1000])
    return target


def shrink_all(folder):
    with ProcessPoolExecutor() as executor:
        executor.map(shrink, Path(folder).glob("*.jpg"))


def shrink_new(photos):
    with ProcessPoolExecutor() as executor:
        return [executor.submit(shrink, photo).result() for photo in photos]
