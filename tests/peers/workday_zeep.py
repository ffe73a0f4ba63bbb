#!/usr/bin/env python3
"""zeep, a SOAP client that knows Workday only from a WSDL, against a simulated tenant.

usage: workday_zeep.py WSDL VERSION '{"url": …, "user": …, "password": …}' [EXPECTED]

Reads everybody page by page, looks somebody up, changes an e-mail address and a user name; ends with "all is well".
With EXPECTED, '{"worker": …, "email": …, "user": …, "phones": […]}', only that worker's contacts are looked up and compared.
"""

import datetime
import json
import sys

from zeep import Client, Settings
from zeep.exceptions import Fault
from zeep.wsse.username import UsernameToken

TENANT = json.loads(sys.argv[3])
VERSION = sys.argv[2]


def main():
    settings = Settings(strict=True, xml_huge_tree=True)
    client = Client(sys.argv[1], wsse=UsernameToken(TENANT["user"], TENANT["password"]), settings=settings)
    binding = next(iter(client.wsdl.bindings))
    service = client.create_service(str(binding), f"{TENANT['url']}/Human_Resources/{VERSION}")
    client.transport.session.trust_env = False

    if len(sys.argv) > 4:
        expect(service, json.loads(sys.argv[4]))
        return

    page, seen, total = 1, [], None
    while total is None or page <= total:
        answer = service.Get_Workers(
            Response_Filter={"Page": page, "Count": 40},
            Response_Group={
                "Include_Reference": True,
                "Include_Personal_Information": True,
                "Include_Additional_Jobs": True,
                "Include_Employment_Information": True,
                "Include_Organizations": True,
                "Exclude_Organization_Support_Role_Data": True,
                "Include_Management_Chain_Data": True,
                "Include_Transaction_Log_Data": True,
                "Include_User_Account": True,
                "Include_Account_Provisioning": True,
            },
            version=VERSION,
        )
        total = int(answer.Response_Results.Total_Pages)
        seen += answer.Response_Data.Worker
        page += 1
    ids = {worker.Worker_Data.Worker_ID for worker in seen}
    wids = {reference(worker.Worker_Reference, "WID") for worker in seen}
    assert len(wids) == len(seen) == int(answer.Response_Results.Total_Results), (len(wids), len(seen))
    assert len(ids) > 100, len(ids)
    status = [worker.Worker_Data.Employment_Data.Worker_Status_Data for worker in seen]
    assert any(one.Active for one in status) and any(one.Terminated for one in status)
    assert all(isinstance(one.Hire_Date, (datetime.date, type(None))) for one in status)

    somebody = next(
        worker
        for worker, one in zip(seen, status)
        if one.Active and worker.Worker_Data.User_ID and reference(worker.Worker_Reference, "Employee_ID")
    )
    number = reference(somebody.Worker_Reference, "Employee_ID")
    found = look_up(service, number)
    assert found.Worker_Data.Worker_ID == number
    try:
        look_up(service, "nobody")
        raise AssertionError("nobody was found")
    except Fault as fault:
        assert "not a valid ID value" in fault.message and fault.code.endswith("validationError"), fault

    if VERSION != "v26.1":
        write_back(service, number)
    print("all is well")


def expect(service, expected):
    data = look_up(service, expected["worker"]).Worker_Data
    contact = data.Personal_Data.Contact_Data
    assert data.User_ID == expected["user"], data.User_ID
    assert [email.Email_Address for email in contact.Email_Address_Data] == [expected["email"]], contact
    phones = ["".join(c for c in phone.Phone_Number if c.isdigit()) for phone in contact.Phone_Data]
    assert sorted(phones) == sorted(expected["phones"]), phones
    print("all is well")


def look_up(service, number):
    answer = service.Get_Workers(
        Request_References={"Worker_Reference": [{"ID": [{"_value_1": number, "type": "Employee_ID"}]}]},
        Response_Group={"Include_Reference": True, "Include_Personal_Information": True},
        version=VERSION,
    )
    return answer.Response_Data.Worker[0]


def reference(node, kind):
    return next((id._value_1 for id in node.ID if id.type == kind), None)


def write_back(service, number):
    usage = {"Public": True, "Type_Data": [{"Primary": True, "Type_Reference": of("Communication_Usage_Type_ID", "WORK")}]}
    answer = service.Change_Work_Contact_Information(
        Business_Process_Parameters={"Auto_Complete": True, "Run_Now": True},
        Change_Work_Contact_Information_Data={
            "Person_Reference": of("Employee_ID", number),
            "Person_Contact_Information_Data": {
                "Person_Email_Information_Data": {
                    "Replace_All": False,
                    "Email_Information_Data": [
                        {"Delete": False, "Email_Data": [{"Email_Address": "new.name@example.test"}], "Usage_Data": [usage]}
                    ],
                }
            },
        },
        version=VERSION,
    )
    assert len(reference(answer.Change_Work_Contact_Information_Event_Reference, "WID")) == 32, answer
    emails = look_up(service, number).Worker_Data.Personal_Data.Contact_Data.Email_Address_Data
    assert "new.name@example.test" in [email.Email_Address for email in emails], emails
    service.Update_Workday_Account(
        Worker_Reference={
            "Employee_Reference": {"Integration_ID_Reference": {"ID": {"_value_1": number, "System_ID": "WD-EMPLID"}}}
        },
        Workday_Account_for_Worker_Data={"User_Name": "new.name"},
        version=VERSION,
    )
    assert look_up(service, number).Worker_Data.User_ID == "new.name"


def of(kind, text):
    return {"ID": [{"_value_1": text, "type": kind}]}


main()
