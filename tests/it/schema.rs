//! A job's schema over the API: read, replaced, put back, and the helpers for whoever writes one.

use muster::domain::schema::Document;
use serde_json::{Value as Json, json};

use crate::gateway::{ENTERPRISE, Gateway, Setup, eventually, person, with};
use crate::support::tenant::Tenant;

const MAPPINGS: &str = "/synchronizationRules/0/objectMappings/0/attributeMappings";

struct World {
    tenant: Tenant,
    gateway: Gateway,
}

impl World {
    async fn new() -> World {
        let tenant = Tenant::unthrottled();
        let gateway = Setup::with_cloud(&tenant.target())
            .app("start = true")
            .start()
            .await;
        World { tenant, gateway }
    }

    fn path(&self) -> String {
        format!("{}/schema", self.gateway.caller.job_path())
    }

    async fn schema(&self) -> Json {
        let (status, schema) = self.gateway.caller.send("GET", &self.path(), None).await;
        assert_eq!(status, 200, "{schema}");
        schema
    }

    async fn put(&self, schema: &Json) -> (u16, Json) {
        let (status, answer) = self
            .gateway
            .caller
            .send("PUT", &self.path(), Some(schema.clone()))
            .await;
        (status.as_u16(), answer)
    }

    async fn last_cycle(&self) -> Json {
        self.gateway.caller.job().await["status"]["lastExecution"]["activityIdentifier"].clone()
    }
}

fn mapping<'s>(schema: &'s mut Json, target: &str) -> &'s mut Json {
    let mappings = schema.pointer_mut(MAPPINGS).unwrap().as_array_mut().unwrap();
    mappings
        .iter_mut()
        .find(|mapping| mapping["targetAttributeName"] == target)
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_schema_is_carried_out_for_everybody_and_nothing_in_it_is_lost() {
    let world = World::new().await;
    let caller = &world.gateway.caller;
    caller
        .upload(&[with(
            person("1", "Ada Byron"),
            json!({ ENTERPRISE: { "department": "Navy" } }),
        )])
        .await;
    caller.settled().await;
    assert_eq!(world.tenant.user("1")["department"], "Navy");

    let mut schema = world.schema().await;
    assert_eq!(schema["version"], "v1.1");
    mapping(&mut schema, "department")["source"] =
        json!({ "expression": format!("Append([{ENTERPRISE}:department], \" \\\"R\\\"\")") });
    schema["synchronizationRules"][0]["ourNote"] = json!({ "kept": [1, "two"] });
    assert_eq!(world.put(&schema).await, (204, Json::Null));
    eventually("everybody is looked at again", async || {
        world.tenant.user("1")["department"] == "Navy \"R\""
    })
    .await;
    let after = world.schema().await;
    assert_eq!(after["version"], "v1.2");
    assert_eq!(
        after["synchronizationRules"][0]["ourNote"],
        schema["synchronizationRules"][0]["ourNote"]
    );
    let mut after = after;
    let source = mapping(&mut after, "department")["source"].clone();
    assert_eq!(source["name"], "Append", "the tree is made from the text");
    assert_eq!(source["parameters"][1]["value"]["name"], " \"R\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_nothing_has_nobody_looked_at() {
    let world = World::new().await;
    let caller = &world.gateway.caller;
    caller.upload(&[person("1", "Ada Byron")]).await;
    caller.settled().await;
    // A cycle that is under way still would take in who comes next, and count both.
    let first = caller.logs("sourceIdentity/id eq '1'").await[0]["cycleId"].clone();
    eventually("the first cycle ended", async || {
        world.last_cycle().await == first
    })
    .await;
    let mut schema = world.schema().await;
    schema["directories"][0]["objects"][0]["attributes"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "name": "urn:contoso:1.0:User:JobCode", "type": "string" }));
    assert_eq!(world.put(&schema).await.0, 204);
    caller.upload(&[person("2", "Bob Byron")]).await;
    caller.settled().await;
    let cycle = caller.logs("sourceIdentity/id eq '2'").await[0]["cycleId"].clone();
    eventually("the cycle ended", async || world.last_cycle().await == cycle).await;
    let job = caller.job().await;
    let seen = &job["status"]["lastExecution"]["countImported"];
    assert_eq!(*seen, 1, "nobody but whom HR spoke of: {job}");
    let attributes = world.schema().await["directories"][0]["objects"][0]["attributes"].clone();
    let declared = attributes.as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&declared["type"], &declared["mutability"]),
        (&json!("String"), &json!("ReadWrite"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_a_schema_replaces_that_part_and_flags_that_sdks_lose_stay() {
    let world = World::new().await;
    let before = world.schema().await;
    let mut sent = before.clone();
    // What Microsoft's Python SDK sends back of what it read.
    sent["synchronizationRules"][0]["objectMappings"][0]
        .as_object_mut()
        .unwrap()
        .remove("flowTypes");
    for directory in sent["directories"].as_array_mut().unwrap() {
        directory.as_object_mut().unwrap().remove("discoverabilities");
    }
    mapping(&mut sent, "department")["source"] = json!({ "expression": "[title]" });
    let part = json!({ "synchronizationRules": sent["synchronizationRules"] });
    for (method, body) in [("PATCH", &part), ("PATCH", &sent), ("PUT", &sent)] {
        let caller = &world.gateway.caller;
        let (status, answer) = caller.send(method, &world.path(), Some(body.clone())).await;
        assert_eq!(status, 204, "{answer}");
        let mut after = world.schema().await;
        assert_eq!(mapping(&mut after, "department")["source"]["name"], "title");
        let object = &after["synchronizationRules"][0]["objectMappings"][0];
        assert_eq!(object["flowTypes"], "Add, Update");
        assert!(after["directories"] == before["directories"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_cannot_run_is_refused_with_everything_that_is_wrong() {
    let world = World::new().await;
    let before = world.schema().await;
    let mut schema = before.clone();
    mapping(&mut schema, "department")["source"] = json!({ "expression": "Append([x]" });
    mapping(&mut schema, "city")["source"] =
        json!({ "expression": "[DisplayName]", "type": "Attribute", "name": "DisplayName" });
    mapping(&mut schema, "state")["source"] = json!({ "name": "nobodyHasThis", "type": "Attribute" });
    mapping(&mut schema, "country")["targetAttributeName"] = json!("planet");
    mapping(&mut schema, "employeeId")["source"] =
        json!({ "expression": "Join(\"\", [externalId], [userName])" });
    mapping(&mut schema, "accountEnabled")["defaultValue"] = json!("True");
    mapping(&mut schema, "postalCode")["targetAttributeName"] = json!("surname");
    let (status, answer) = world.put(&schema).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (400, &json!("SchemaInvalid")),
        "{answer}"
    );
    let message = answer["error"]["message"].as_str().unwrap();
    for part in [
        "source.expression",
        "spelled 'displayName'",
        "no attribute 'nobodyHasThis'",
        "no attribute 'planet'",
        "one source attribute only",
        "enabled for want of a value",
        "surname is mapped more than once",
    ] {
        assert!(message.contains(part), "{part} in {message}");
    }
    let details = answer["error"]["details"].as_array().unwrap();
    assert_eq!(details.len(), message.lines().count());
    let path = "synchronizationRules[0].objectMappings[0].attributeMappings[";
    assert!(
        details[0]["target"].as_str().unwrap().starts_with(path),
        "{details:?}"
    );
    assert!(world.schema().await == before, "it is as it was");
    // What could be kept and not be read again, or would keep a leaver's account.
    let mut deep = before.clone();
    mapping(&mut deep, "city")["source"] =
        json!({ "expression": format!("{}[title]{}", "Trim(".repeat(50), ")".repeat(50)) });
    let mut dropping = before.clone();
    dropping["synchronizationRules"][0]["objectMappings"][0]["scope"] = json!({ "inputFilterGroups": [{ "name": "in", "clauses": [
        { "sourceOperandName": "active", "operatorName": "IS TRUE" },
    ] }] });
    for (schema, part) in [(deep, "too deeply"), (dropping, "never disabled")] {
        let (status, answer) = world.put(&schema).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(status == 400 && message.contains(part), "{part} in {answer}");
    }
    for (body, part) in [
        (json!([]), "is no synchronization schema"),
        (
            json!({ "synchronizationRules": 7 }),
            "synchronizationRules: must be a list",
        ),
        (json!({}), "no enabled object mapping"),
        (
            json!({ "directories": [{ "objects": [{ "attributes": [{ "type": "String" }] }] }] }),
            "directories[0].objects[0].attributes[0].name: is missing",
        ),
    ] {
        let (status, answer) = world.put(&body).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(status == 400 && message.contains(part), "{part} in {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_outlives_the_process_and_the_template_comes_back() {
    let tenant = Tenant::unthrottled();
    let gateway = Setup::with_cloud(&tenant.target())
        .app("start = true")
        .start()
        .await;
    let world = World { tenant, gateway };
    let template = world.schema().await;
    let mut schema = template.clone();
    mapping(&mut schema, "jobTitle")["source"] = json!({ "expression": "\"Guide\"" });
    assert_eq!(world.put(&schema).await.0, 204);
    let World { tenant, gateway } = world;
    let gateway = gateway.stop().await.start().await;
    let world = World { tenant, gateway };
    let mut kept = world.schema().await;
    assert_eq!(mapping(&mut kept, "jobTitle")["source"]["name"], "Guide");
    world.gateway.caller.upload(&[person("1", "Ada Byron")]).await;
    world.gateway.caller.settled().await;
    assert_eq!(world.tenant.user("1")["jobTitle"], "Guide");

    let (status, _) = world.gateway.caller.send("DELETE", &world.path(), None).await;
    assert_eq!(status, 204);
    let mut back = world.schema().await;
    assert_eq!(back["version"], "v1.3");
    for member in ["version", "@odata.context"] {
        back[member] = template[member].clone();
    }
    assert!(back == template, "it is the template's again");
}

#[tokio::test(flavor = "multi_thread")]
async fn expressions_are_tried_out_as_graphs_clients_do() {
    let world = World::new().await;
    let ask = async |body: Json| {
        let path = format!("{}/parseExpression", world.path());
        let (status, answer) = world.gateway.caller.send("POST", &path, Some(body)).await;
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let answer = ask(json!({
        "expression": "Replace([preferredLanguage], \"-\", , , \"_\", ,  )",
        "targetAttributeDefinition": null,
        "testInputObject": { "definition": null, "properties": [
            { "key": "preferredLanguage", "value": "EN-US" },
            { "key": "appRoleAssignments", "value@odata.type": "#Collection(String)", "value": ["Default Assignment"] },
        ] },
    }))
    .await;
    assert_eq!(
        (
            &answer["parsingSucceeded"],
            &answer["evaluationSucceeded"],
            &answer["evaluationResult"],
            &answer["error"]
        ),
        (&json!(true), &json!(true), &json!(["EN_US"]), &Json::Null)
    );
    let tree = &answer["parsedExpression"];
    assert_eq!(
        tree["expression"],
        "Replace([preferredLanguage], \"-\", , , \"_\", , )"
    );
    assert_eq!(
        tree["parameters"][2],
        json!({ "key": "Replacement", "value": { "expression": "\"_\"", "name": "_", "parameters": [], "type": "Constant" } })
    );

    let broken = ask(json!({ "expression": "Join(\"@\", [a]", "testInputObject": null })).await;
    assert_eq!(
        (&broken["parsingSucceeded"], &broken["parsedExpression"]),
        (&json!(false), &Json::Null)
    );
    assert!(
        broken["error"]["message"]
            .as_str()
            .unwrap()
            .contains("character 13"),
        "{broken}"
    );
    let failing = ask(json!({ "expression": "CDate([a])", "testInputObject": { "properties": [{ "key": "a", "value": "soon" }] } })).await;
    assert_eq!(
        (&failing["parsingSucceeded"], &failing["evaluationSucceeded"]),
        (&json!(true), &json!(false))
    );
    let secret = ask(json!({ "expression": "Redact(RandomString(24, 2, 2, 2, 2, ))" })).await;
    assert_eq!(secret["evaluationResult"], json!(["[Redact]"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogues_hold_what_graphs_do() {
    let world = World::new().await;
    let list = async |what: &str| {
        let (status, answer) = world
            .gateway
            .caller
            .send("GET", &format!("{}/{what}", world.path()), None)
            .await;
        assert_eq!(status, 200, "{answer}");
        answer["value"].as_array().unwrap().clone()
    };
    let functions = list("functions()").await;
    assert_eq!(functions, list("functions").await);
    let join = functions.iter().find(|one| one["id"] == "Join").unwrap();
    assert_eq!(
        join["parameters"][1],
        json!({ "name": "source", "type": "String", "required": true, "allowMultipleOccurrences": true })
    );
    for name in "Append AppRoleAssignments DefaultDomain FormatDateTime IsNothing Mid Not Prepend Replace SingleAppRoleAssignment Split StripSpaces Switch".split(' ') {
        assert!(functions.iter().any(|one| one["name"] == name), "{name}");
    }
    let operators = list("filterOperators()").await;
    let equals = operators.iter().find(|one| one["id"] == "EQUALS").unwrap();
    assert_eq!(
        (&equals["arity"], &equals["supportedAttributeTypes"]),
        (&json!("Binary"), &json!(["Integer", "String"]))
    );
    let directories = list("directories").await;
    let path = format!("directories/{}", directories[0]["id"].as_str().unwrap());
    let (status, directory) = world
        .gateway
        .caller
        .send("GET", &format!("{}/{path}", world.path()), None)
        .await;
    assert_eq!((status.as_u16(), &directory["name"]), (200, &json!("API")));
}

fn muster(folder: &std::path::Path, arguments: &[&str]) -> (bool, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_muster"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_go_out_and_in_beside_a_running_gateway() {
    let tenant = Tenant::unthrottled();
    let setup = Setup::with_cloud(&tenant.target()).app("start = true");
    let process = setup.spawn().await;
    let folder = setup.dir.path();
    process.caller.upload(&[person("1", "Ada Byron")]).await;
    process.caller.settled().await;
    let (good, text) = muster(
        folder,
        &[
            "schema",
            "export",
            "--app",
            crate::gateway::APP,
            "-o",
            "schema.json",
        ],
    );
    assert!(good, "{text}");
    let exported: Json = serde_json::from_slice(&std::fs::read(folder.join("schema.json")).unwrap()).unwrap();

    let mut changed = exported.clone();
    mapping(&mut changed, "jobTitle")["source"] = json!({ "expression": "\"Guide\"" });
    std::fs::write(folder.join("utf16.json"), encoding(&changed.to_string())).unwrap();
    let (good, text) = muster(
        folder,
        &["schema", "import", "--app", crate::gateway::APP, "utf16.json"],
    );
    assert!(good, "{text}");
    eventually("the running gateway takes it up", async || {
        tenant.user("1")["jobTitle"] == "Guide"
    })
    .await;

    let (good, text) = muster(
        folder,
        &["schema", "import", "--app", crate::gateway::APP, "schema.json"],
    );
    assert!(good, "{text}");
    let (_, text) = muster(folder, &["schema", "export", "--app", crate::gateway::APP]);
    assert!(
        serde_json::from_str::<Json>(&text).unwrap() == exported,
        "what goes in comes out"
    );
    let (good, text) = muster(folder, &["schema", "export", "--app", "nobody"]);
    assert!(!good && text.contains("it has"), "{text}");
}

/// What an administrator downloads from the portal ("Review your schema here"): everything of the service's own in it.
fn portal_export() -> Json {
    let template = muster::domain::schema::template("API2AAD").unwrap();
    let mut schema = template.document().unwrap().json().clone();
    let own = schema.as_object_mut().unwrap();
    let context = "https://graph.microsoft.com/beta/$metadata#servicePrincipals('f7a4')/synchronization/jobs('API2AAD.f7a4.b1c2')/schema";
    own.insert("@odata.context".into(), json!(format!("{context}/$entity")));
    own.insert(
        "directories@odata.context".into(),
        json!(format!("{context}/directories")),
    );
    own.insert("id".into(), json!("API2AAD.f7a4.b1c2"));
    own.insert("provisioningTaskIdentifier".into(), json!("API2AAD.f7a4.b1c2"));
    own.insert(
        "version".into(),
        json!("Date:2026-04-30T13:58:46.0955403Z, ActivityId:6c409270"),
    );
    let rule = &mut schema["synchronizationRules"][0];
    rule["metadata"] = json!([
        { "key": "defaultSourceObjectMappings", "value": "{\"FlowTypes\":3,\"Internal\":false}" },
        { "key": "supportsProvisionOnDemand", "value": "true" },
    ]);
    rule["objectMappings"].as_array_mut().unwrap().push(json!({
        "name": null, "enabled": false, "flowTypes": "None", "sourceObjectName": "", "scope": null,
        "targetObjectName": "SyncCredentialsChangeItem", "attributeMappings": [], "metadata": [],
    }));
    let object = &mut rule["objectMappings"][0];
    object["metadata"] = json!([
        { "key": "IsCustomerDefined", "value": "false" },
        { "key": "Disposition", "value": "\"Normal\"" },
        { "key": "OriginalJoiningProperty", "value": "employeeId" },
    ]);
    object["scope"] = json!({
        "inputFilterGroups": [], "categoryFilterGroups": [],
        "groups": [{ "name": "Not the interns", "clauses": [{
            "operatorName": "NOT EQUALS", "sourceOperandName": "userType", "targetOperand": { "values": ["Intern"] },
        }] }],
    });
    // As the service prints it, with the tree it keeps beside the text.
    *mapping(&mut schema, "city") = json!({
        "targetAttributeName": "city", "defaultValue": null, "flowType": "Always", "flowBehavior": "FlowWhenChanged",
        "matchingPriority": 0, "exportMissingReferences": false,
        "source": {
            "expression": "ToUpper([addresses[type eq \"work\"].locality], )", "name": "ToUpper", "type": "Function",
            "parameters": [{ "key": "source", "value": {
                "expression": "[addresses[type eq \"work\"].locality]", "name": "addresses[type eq \"work\"].locality",
                "type": "Attribute", "parameters": [],
            } }],
        },
    });
    schema["directories"][0]["objects"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "name": "?-AF5CEBF5-?", "attributes": [], "metadata": [], "supportedApis": [] }));
    schema
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_on_an_export_from_the_portal() {
    let tenant = Tenant::unthrottled();
    let setup = Setup::with_cloud(&tenant.target()).app("start = true\nschema = \"portal.json\"");
    let export = portal_export();
    let bytes = encoding(&format!("{export:#}"));
    std::fs::write(setup.dir.path().join("portal.json"), bytes).unwrap();
    let process = setup.spawn().await;
    let people = [
        with(
            person("1", "Ada Byron"),
            json!({ "userType": "Employee", "addresses": [{ "type": "work", "locality": "London" }] }),
        ),
        with(person("2", "Bob Byron"), json!({ "userType": "Intern" })),
    ];
    process.caller.upload(&people).await;
    process.caller.settled().await;
    assert_eq!(tenant.user("1")["city"], "LONDON");
    assert!(tenant.holders("2").is_empty(), "out of scope");
    assert_eq!(process.caller.outcome("2").await.1, "skipped");
    let arguments = ["schema", "export", "--app", crate::gateway::APP];
    let (_, text) = muster(setup.dir.path(), &arguments);
    assert!(
        serde_json::from_str::<Json>(&text).unwrap() == export,
        "what goes in comes out"
    );
}

/// UTF-16 with its mark, as PowerShell 5 saves files.
fn encoding(text: &str) -> Vec<u8> {
    let units = format!("\u{feff}{text}");
    units.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn a_schema_is_imported_before_the_gateway_ever_ran() {
    let setup = Setup::nowhere();
    let folder = setup.dir.path();
    std::fs::write(folder.join("muster.toml"), setup.text("127.0.0.1:0")).unwrap();
    let template = muster::domain::schema::template("API2AD").unwrap();
    let mut schema = template.document().unwrap().json().clone();
    schema["ourNote"] = json!("kept");
    std::fs::write(folder.join("schema.json"), schema.to_string()).unwrap();
    let app = crate::gateway::APP;
    let (good, text) = muster(folder, &["schema", "import", "--app", app, "schema.json"]);
    assert!(good, "{text}");
    let (_, text) = muster(folder, &["schema", "export", "--app", app]);
    assert!(serde_json::from_str::<Json>(&text).unwrap() == schema);
}

#[test]
fn schemas_are_checked_and_their_mappings_tested() {
    let folder = tempfile::tempdir().unwrap();
    let template = muster::domain::schema::template("API2AD")
        .unwrap()
        .document()
        .unwrap();
    let path = folder.path().join("schema.json");
    std::fs::write(&path, template.json().to_string()).unwrap();
    let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/mapping-tests.json");
    let check = |arguments: &[&str]| {
        muster(
            folder.path(),
            &[&["schema", "check", "schema.json"], arguments].concat(),
        )
    };
    assert_eq!(check(&[]), (true, "everything is in order\n".into()));
    assert_eq!(check(&["--tests", tests]), (true, "2 of 2 tests passed\n".into()));

    let mut schema = template.json().clone();
    mapping(&mut schema, "sAMAccountName")["source"] = json!({ "expression": "[userName]" });
    std::fs::write(&path, schema.to_string()).unwrap();
    let (good, text) = check(&["--tests", tests, "--json"]);
    let result: Json = serde_json::from_str(&text).unwrap();
    assert!(!good);
    assert_eq!(
        result["tests"][0]["failures"],
        json!(["sAMAccountName: [\"Zoë.Müller@hr.contoso.com\"] instead of \"Zoë.Müller\""])
    );
    mapping(&mut schema, "sAMAccountName")["source"] = json!({ "expression": "Nonsense([userName]" });
    mapping(&mut schema, "l")["flowType"] = json!("Add");
    std::fs::write(&path, schema.to_string()).unwrap();
    let (good, text) = check(&[]);
    assert!(
        !good && text.contains("warning: ") && text.contains("attributeMappings[2].source.expression"),
        "{text}"
    );
}

/// As large as real exports are, as Windows saves them, with names in the case of other jobs.
#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_another_job_is_taken_as_it_is() {
    let world = World::new().await;
    let caller = &world.gateway.caller;
    caller.upload(&[person("1", "Ada Byron")]).await;
    caller.settled().await;
    let mut schema = world.schema().await;
    let target = schema
        .pointer_mut("/directories/1/objects/0/attributes")
        .unwrap()
        .as_array_mut()
        .unwrap();
    for attribute in target.iter_mut() {
        if attribute["name"] == "displayName" {
            attribute["name"] = json!("DisplayName");
            attribute["caseExact"] = json!(true);
        }
    }
    for number in 0..2500 {
        let mut more = target[5].clone();
        more["name"] = json!(format!("more{number}"));
        target.push(more);
    }
    *mapping(&mut schema, "displayName") = json!({ "targetAttributeName": "DisplayName", "source": { "expression": "ToUpper([displayName], )" } });
    let nested = format!("{}[title]{}", "Trim(".repeat(30), ")".repeat(30));
    mapping(&mut schema, "jobTitle")["source"] = json!({ "expression": nested });
    let body = format!("\u{feff}{schema}");
    assert!(body.len() > 500_000);
    let put = caller
        .request("PUT", &world.path())
        .bearer_auth(caller.token().await)
        .body(body);
    let answer = put.send().await.unwrap();
    assert_eq!(answer.status(), 204, "{}", answer.text().await.unwrap());
    eventually("a change of case alone is one", async || {
        world.tenant.user("1")["displayName"] == "ADA BYRON"
    })
    .await;
    let World { tenant, gateway } = world;
    let gateway = gateway.stop().await.start().await;
    let world = World { tenant, gateway };
    assert_eq!(
        mapping(&mut world.schema().await, "jobTitle")["source"]["expression"],
        nested
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_whose_target_cannot_be_asked_is_refused_before_it_is_kept() {
    let gateway = Setup::nowhere().app("start = true").start().await;
    let path = format!("{}/schema", gateway.caller.job_path());
    let (_, mut schema) = gateway.caller.send("GET", &path, None).await;
    let attributes = schema
        .pointer_mut("/directories/1/objects/0/attributes")
        .unwrap()
        .as_array_mut()
        .unwrap();
    attributes.push(json!({ "name": "x y", "type": "String" }));
    mapping(&mut schema, "title")["targetAttributeName"] = json!("x y");
    let (status, answer) = gateway.caller.send("PUT", &path, Some(schema)).await;
    assert_eq!(status, 400, "{answer}");
    let gateway = gateway.stop().await.start().await;
    assert_eq!(gateway.caller.send("GET", &path, None).await.0, 200);
}

/// Every place in a document, as a JSON pointer.
fn places(json: &Json, here: &str, found: &mut Vec<String>) {
    found.push(here.to_string());
    let mut below = |name: &str, value| {
        places(
            value,
            &format!("{here}/{}", name.replace('~', "~0").replace('/', "~1")),
            found,
        )
    };
    match json {
        Json::Object(members) => members.iter().for_each(|(name, value)| below(name, value)),
        Json::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(at, value)| below(&at.to_string(), value)),
        _ => {}
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 400, failure_persistence: None, ..Default::default() })]

    /// Whatever stands in a schema is taken or refused with the place it stands at, and what is taken is read again as it is.
    #[test]
    fn any_schema_is_taken_or_refused_with_reasons(
        is_cloud in proptest::bool::ANY,
        changes in proptest::collection::vec((0..100_000usize, 0..12usize), 1..4),
    ) {
        let (template, model) = match is_cloud {
            true => ("API2AAD", muster::connector::entra::MODEL),
            false => ("API2AD", muster::connector::active_directory::MODEL),
        };
        let odd = [
            Json::Null, json!(true), json!(-1), json!(7.5), json!(u64::MAX), json!(""), json!("x"), json!("[a"), json!([]),
            json!({}), json!([[[]]]), json!({ "expression": "Trim(Trim([title]" }),
        ];
        let mut json = muster::domain::schema::template(template).unwrap().document().unwrap().json().clone();
        for (place, value) in changes {
            let mut found = Vec::new();
            places(&json, "", &mut found);
            let place = &found[place % found.len()];
            *json.pointer_mut(place).unwrap() = odd[value].clone();
        }
        match muster::domain::schema::Document::read(json) {
            Err(problems) => proptest::prop_assert!(problems.iter().any(|one| one.is_error() && !one.message.starts_with("invalid type")), "{problems:?}"),
            Ok(document) => {
                let again = muster::domain::schema::Document::decode(document.json().to_string().as_bytes()).unwrap();
                proptest::prop_assert_eq!(again.json(), document.json());
                if let Err(problems) = muster::domain::schema::compile(document.schema(), muster::domain::schema::Options { model }) {
                    proptest::prop_assert!(problems.iter().all(|one| !one.path.is_empty()), "{:?}", problems);
                }
            }
        }
    }
}

#[test]
fn a_schema_of_trees_alone_reads_as_one_with_their_texts() {
    let mut json = muster::domain::schema::template("API2AD")
        .unwrap()
        .document()
        .unwrap()
        .json()
        .clone();
    let mappings = &mut json["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"];
    for mapping in mappings.as_array_mut().unwrap() {
        mapping["source"].as_object_mut().unwrap().remove("expression");
    }
    let read = Document::read(json).unwrap();
    let again = Document::decode(read.json().to_string().as_bytes()).unwrap();
    assert!(read.schema() == again.schema());
}
