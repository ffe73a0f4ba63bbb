"""How long lxml takes: xpath_speed.py PAGE.xml XPATHS.json ROUNDS prints the seconds of the shortest round.

A round parses the page and evaluates every XPath, compiled before, on every worker. XPaths begin at the worker, which
is the context node here, so that their first step is taken off.
"""

import json
import sys
import time

from lxml import etree

NAMESPACES = {"wd": "urn:com.workday/bsvc"}


def main(page, xpaths, rounds):
    with open(page, "rb") as file:
        content = file.read()
    with open(xpaths) as file:
        written = [xpath.removeprefix("wd:Worker/") for xpath in json.load(file)]
    compiled = [etree.XPath(xpath, namespaces=NAMESPACES, smart_strings=False) for xpath in written]
    shortest = float("inf")
    for _ in range(int(rounds)):
        began = time.perf_counter()
        root = etree.fromstring(content)
        for worker in root.iter("{urn:com.workday/bsvc}Worker"):
            for xpath in compiled:
                xpath(worker)
        shortest = min(shortest, time.perf_counter() - began)
    print(shortest)


main(*sys.argv[1:])
