"""What lxml selects, as the other opinion on XPaths.

One JSON object comes on standard input: {"cases": [{"xml": "...", "each": "...", "xpaths": ["..."]}]}. Every element that
`each` selects in the XML is made the root of a document of its own, on which every XPath is evaluated. One JSON list
goes out: for each case, for each root, for each XPath {"nodes": [...]}, {"text": "..."}, {"number": "..."} or {"flag": ...}.

White space between elements, comments and processing instructions are taken out first, as the connector does.
"""

import copy
import json
import sys

from lxml import etree

NAMESPACES = {"wd": "urn:com.workday/bsvc", "env": "http://schemas.xmlsoap.org/soap/envelope/"}
WHITE = " \t\r\n"


def without_white_space(root):
    for element in root.iter():
        if len(element) and element.text and not element.text.strip(WHITE):
            element.text = None
        for child in element:
            if child.tail and not child.tail.strip(WHITE):
                child.tail = None
    return root


def answer(found):
    if isinstance(found, list):
        return {"nodes": ["".join(it.itertext()) if etree.iselement(it) else str(it) for it in found]}
    if isinstance(found, bool):
        return {"flag": found}
    if isinstance(found, float):
        return {"number": repr(found)}
    return {"text": str(found)}


def answers(case):
    parser = etree.XMLParser(remove_comments=True, remove_pis=True, huge_tree=True)
    page = without_white_space(etree.fromstring(case["xml"].encode(), parser))
    xpaths = [etree.XPath(xpath, namespaces=NAMESPACES, smart_strings=False) for xpath in case["xpaths"]]
    for found in page.xpath(case["each"], namespaces=NAMESPACES):
        root = copy.deepcopy(found)
        root.tail = None
        yield [answer(xpath(root)) for xpath in xpaths]


cases = json.load(sys.stdin)["cases"]
json.dump([list(answers(case)) for case in cases], sys.stdout)
