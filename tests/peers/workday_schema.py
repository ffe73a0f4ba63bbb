#!/usr/bin/env python3
"""Holds messages against the schema in a WSDL.

usage: workday_schema.py WSDL FILE...

Each file is a SOAP envelope. Says what is wrong with the elements in their bodies; ends with "all is well".
"""

import sys

from lxml import etree

WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
XSD = "{http://www.w3.org/2001/XMLSchema}"
SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"

description = etree.parse(sys.argv[1])
schema = etree.XMLSchema(description.find(f"{WSDL}types/{XSD}schema"))
bad = False
for name in sys.argv[2:]:
    body = etree.parse(name).find(f"{SOAP}Body")
    for element in body:
        if not schema.validate(etree.ElementTree(etree.fromstring(etree.tostring(element)))):
            bad = True
            for error in list(schema.error_log)[:10]:
                print(f"{name}: {error.line}: {error.message}")
if bad:
    sys.exit(1)
print("all is well")
