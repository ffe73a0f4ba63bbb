#!/usr/bin/python3
"""Makes an account with rights on the users of the given OUs and nowhere else.

delegate.py SMB_CONF ACCOUNT PASSWORD OU_DN...

The OUs are made where missing. Written straight to the controller's database, which may be in use: over
LDAP nobody can edit a security descriptor without taking it apart first. Needs Debian's own Python.
"""
import sys

import ldb
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB
from samba.sd_utils import SDUtils

USER = "bf967aba-0de6-11d0-a285-00aa003049e2"
RESET_PASSWORD = "00299570-246d-11d0-a768-00aa006e0529"


def main(smb_conf, account, password, *units):
    settings = LoadParm()
    settings.load(smb_conf)
    db = SamDB(session_info=system_session(), lp=settings)
    of_account = f"(sAMAccountName={account})"
    if not db.search(db.domain_dn(), ldb.SCOPE_SUBTREE, of_account, ["objectSid"]):
        db.newuser(account, password)
        db.setexpiry(of_account, 0, no_expiry_req=True)
    found = db.search(db.domain_dn(), ldb.SCOPE_SUBTREE, of_account, ["objectSid"])
    sid = db.schema_format_value("objectSid", found[0]["objectSid"][0]).decode()
    for unit in units:
        make(db, ldb.Dn(db, unit))
        # Create and delete users; read, write and delete each of them; reset their passwords. Moving a user
        # from one OU to another takes the delete right too.
        SDUtils(db).dacl_prepend_aces(
            unit,
            f"(OA;CI;CCDC;{USER};;{sid})"
            f"(OA;CIIO;RPWPSD;;{USER};{sid})"
            f"(OA;CIIO;CR;{RESET_PASSWORD};{USER};{sid})",
        )


def make(db, dn):
    try:
        db.search(dn, ldb.SCOPE_BASE, attrs=["1.1"])
    except ldb.LdbError as error:
        if error.args[0] != ldb.ERR_NO_SUCH_OBJECT:
            raise
        make(db, dn.parent())
        db.add({"dn": dn, "objectClass": "organizationalUnit"})


main(*sys.argv[1:])
