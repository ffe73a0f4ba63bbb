"""What Python's ldap3, and its extensions for Active Directory, make of the lab's directory."""

import os
import ssl

import ldap3
from ldap3.core.exceptions import LDAPBindError, LDAPExtensionError
from ldap3.extend.microsoft.modifyPassword import ad_modify_password

BASE = os.environ["LAB_BASE"]
STAFF = f"OU=Staff,{BASE}"


def connect(user, password):
    tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=os.environ["LAB_CA"])
    server = ldap3.Server(os.environ["LAB_URL"], tls=tls, get_info=ldap3.ALL)
    return ldap3.Connection(server, user, password, auto_bind=True)


def entries(connection):
    return [entry for entry in connection.response if entry["type"] == "searchResEntry"]


def must(connection, done):
    assert done, connection.result
    return connection.result


def the_root_dse_is_understood(connection):
    info = connection.server.info
    assert info.other["defaultNamingContext"] == [BASE], info
    assert "1.2.840.113556.1.4.800" in [it[0] for it in info.supported_features], info.supported_features
    assert connection.extend.standard.who_am_i() == "u:EXAMPLE\\svc-muster"


def a_life(connection):
    dn = f"CN=Ada Lovelace,{STAFF}"
    must(connection, connection.add(dn, "user", {"sAMAccountName": "ada", "employeeID": "1", "sn": "Löve"}))
    must(connection, connection.extend.microsoft.modify_password(dn, "Pa55-word-of-hers"))
    must(connection, connection.modify(dn, {"userAccountControl": [(ldap3.MODIFY_REPLACE, [512])]}))
    must(connection, connection.extend.microsoft.unlock_account(dn))
    assert connection.search(BASE, "(sn=love)", attributes=["*"])
    found = entries(connection)[0]["attributes"]
    assert found["objectClass"][-1] == "user", found
    assert str(found["userAccountControl"]) in ("512", "['512']"), found
    own = connect("ada@example.test", "Pa55-word-of-hers")
    assert ad_modify_password(own, dn, "Another-Pa55", "Pa55-word-of-hers", None)
    try:
        connect("ada@example.test", "Pa55-word-of-hers")
        raise AssertionError("the old password still opens")
    except LDAPBindError:
        pass
    assert connection.compare(dn, "employeeID", "1")
    assert not connection.compare(dn, "employeeID", "2")
    must(connection, connection.modify_dn(dn, "CN=Ada King"))
    must(connection, connection.modify_dn(f"CN=Ada King,{STAFF}", "CN=Ada King", new_superior=f"OU=Leavers,{STAFF}"))
    assert not connection.add(f"CN=x,{STAFF}", "user", {"sAMAccountName": "ADA"})
    assert connection.result["result"] == 68 and connection.result["message"].startswith("00000524"), connection.result
    must(connection, connection.delete(f"CN=Ada King,OU=Leavers,{STAFF}"))


def pages_and_order(connection):
    for number in range(25):
        must(connection, connection.add(f"CN=p{number},{STAFF}", "user", {"sn": f"{24 - number:02}"}))
    pages = connection.extend.standard.paged_search(STAFF, "(cn=p*)", attributes=["cn"], paged_size=7, generator=False)
    assert len([it for it in pages if it["type"] == "searchResEntry"]) == 25
    # RFC 2891: SEQUENCE OF SEQUENCE { attributeType "sn" }.
    sort = ("1.2.840.113556.1.4.473", True, bytes([0x30, 6, 0x30, 4, 4, 2]) + b"sn")
    connection.search(STAFF, "(cn=p*)", attributes=["sn"], controls=[sort])
    order = [it["raw_attributes"]["sn"][0] for it in entries(connection)]
    assert len(order) == 25 and order == sorted(order), order
    answer = connection.result["controls"]["1.2.840.113556.1.4.474"]
    assert answer["value"] == bytes([0x30, 3, 0x0A, 1, 0]), answer


def dirsync(admin, connection):
    # ldap3 writes the flag for incremental values in five bytes where a C long has 64 bits; Windows refuses that.
    options = {"attributes": ["cn", "title"], "incremental_values": False}
    sync = admin.extend.microsoft.dir_sync(BASE, "(objectClass=user)", object_security=True, **options)

    def changes():
        found = {}
        while True:
            for it in sync.loop():
                if it["type"] == "searchResEntry":
                    found[it["raw_attributes"]["objectGUID"][0]] = it
            if not sync.more_results:
                return found

    first = changes()
    assert len(first) > 25, len(first)
    assert changes() == {}
    must(connection, connection.modify(f"CN=p1,{STAFF}", {"title": [(ldap3.MODIFY_REPLACE, ["x"])]}))
    must(connection, connection.delete(f"CN=p2,{STAFF}"))
    second = list(changes().values())
    assert len(second) == 2, second
    changed, gone = sorted(second, key=lambda it: "isDeleted" in it["raw_attributes"])
    assert changed["raw_attributes"]["title"] == [b"x"], changed
    assert not changed["raw_attributes"]["cn"], "only what changed"
    assert gone["raw_attributes"]["isDeleted"] == [b"TRUE"], gone
    refused = connection.extend.microsoft.dir_sync(BASE, "(objectClass=user)", object_security=False, **options)
    try:
        refused.loop()
        raise AssertionError("whoever may not replicate was told everything")
    except LDAPExtensionError:
        pass
    assert connection.result["result"] == 50 and connection.result["message"].startswith("00002105"), connection.result


def main():
    service = connect(os.environ["LAB_USER"], os.environ["LAB_PASSWORD"])
    admin = connect(os.environ["LAB_ADMIN"], os.environ["LAB_ADMIN_PASSWORD"])
    the_root_dse_is_understood(service)
    a_life(service)
    pages_and_order(service)
    dirsync(admin, service)


main()
