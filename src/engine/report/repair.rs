//! What to do about what the log tells, by its code: in the log itself, in the report and in alarms.

const WAIT: &str =
    "Nothing: it is tried again by itself. If it lasts, look at the target and at the way to it.";
const TAKEN: &str =
    "Find who has the value in the target: match that account, or give one of the two another value.";
const RIGHTS: &str = "Grant the service account what `muster check --rights` names as missing, or leave these people out of the scope.";
const TOO_LONG: &str = "Shorten the value in HR, or with Mid() in its mapping.";
const SYNTAX: &str = "Correct the value in HR, or have its mapping make one that the attribute takes.";
const SINGLE: &str = "Have the mapping give one value: the attribute takes no more.";
const MAPPING: &str = "Correct or remove the mapping of the attribute that the reason names.";
const CREDENTIALS: &str =
    "Correct the credentials in the configuration or with `secrets`, then start the job.";
const OVERTAKEN: &str = "Nothing: what somebody else changed meanwhile is read and planned anew.";
const RELEASE: &str =
    "Look at who is held. Release them (disables by a restart with ForceDeletes), or let HR take it back.";
const RELINK: &str = "Restore the accounts, or delete the links so that these people are matched anew.";
const HYBRID: &str =
    "Change these people in the directory on premises, or leave them out of this job's scope.";
const PLACE: &str = "Make the container, or correct what it is mapped from.";
const SEEN: &str = "Correct the worker ID, or let the integration user see the worker.";
const RECORD: &str =
    "Correct the record in HR; if it looks right there, correct the XPath or mapping that reads it.";
const INTENDED: &str = "Nothing: this is as it is meant to be.";

/// One row per code.
#[rustfmt::skip]
const REPAIRS: &[(&str, &str)] = &[
    // What HR says.
    ("AccountStateNotStated",     "Have HR say whether these people are active; until then their accounts stay disabled."),
    ("AmbiguousWorker",           "Name the worker by an ID that only one has."),
    ("AnotherRecordSpeaks",       "Nothing, if these are two records of one person; else correct the value that they share in HR."),
    ("DuplicateSourceEntries",    "Correct the matching value of one of the records in HR."),
    ("EntrySynchronizationError", "Correct the mapping, or the value in HR that it cannot work with."),
    ("EntrySynchronizationSkipped", "Nothing, if these people are to be left alone; else correct the scoping filter, or the value that it tests."),
    ("FromSameAttribute",         INTENDED),
    ("Forgotten",                 "Nothing: somebody had the person forgotten. If HR is to go on with the person, have it send all there is to say."),
    ("ImportSkipped",             "Have HR state the attribute by which people are matched."),
    ("InputNotKept",              "Have HR send these people once, whole: what it said before a schema read it, or before they left, was not kept."),
    ("InvalidData",               "Correct the operation where the reason says, and upload it again."),
    ("InvalidDate",               RECORD),
    ("LeaverForgotten",           "Nothing: they left long ago. Whoever returns is said to be active again, with all there is to say."),
    ("LookUpFailed",              "Send the callback again when the directory answers."),
    ("MissingAnchor",             RECORD),
    ("MissingValues",             "Have HR state what the attribute is mapped from, or give the mapping a default."),
    ("MissingWorkerID",           RECORD),
    ("NotBeforeHire",             "Nothing: it is written home on the first day."),
    ("NotMapped",                 "Map the attribute to one of Workday's, or leave it out of the callback."),
    ("NotVisible",                "Let the integration user see these workers again, or have HR say that they left."),
    ("PasswordNotHandedOver",     "Correct [notify], and set these people a password by hand: the one that was drawn is known to nobody."),
    ("PersonKeyShared",           "Correct `person_key`, or the value that so many records share in HR."),
    ("RedundantExport",           INTENDED),
    ("Superseded",                INTENDED),
    ("UserNameKept",              "Nothing, if these people keep the user name that HR has; else delete it there, or turn on writing it."),
    ("XPathTooCostly",            "Make the XPath simpler, so that it looks at less of the record."),

    // Whose account it is, and what somebody else did to it.
    ("DeletedElsewhere",          "Restore the accounts by hand, or delete the links so that others are made."),
    ("DisabledElsewhere",         "Ask who disabled the accounts; enable them by hand, or have HR say active again."),
    ("DuplicateTargetEntries",    "Leave the matching value, or the name, to one account of the target."),
    ("HeldForReview",             "Read what the first cycle would do (`muster review`), and let it go on (`muster release`)."),
    ("InvalidAnchor",             RELINK),
    ("MappedByAnotherJob",        "Take the mapping out of one of the two apps."),
    ("MasteredOnPremises",        HYBRID),
    ("OnHold",                    "Nothing, while the hold is wanted; else end it."),
    ("OutsideManagedContainers",  "Move the accounts below a managed container, or add theirs to `managed`."),
    ("OwnedByAnotherJob",         "Have the owning job do it: correct what one of the two maps, or leave these people out of one's scope."),
    ("OwnerPaused",               "Start the job that owns the accounts."),
    ("PlannedOnly",               "Nothing, while the app is only to plan; else set mode = \"apply\"."),
    ("PossibleExistingAccount",   "Put the matching value on the accounts, or say whose they are (`muster link`)."),
    ("ProtectedAccount",          "Have an administrator do it by hand, or take the account out of the protected group or the `never` group."),
    ("StrangerLeftOut",           "Disable by hand the accounts that were left out if they are nobody's, else correct the matching value on them."),
    ("UniqueValueNotChosen",      "Add a candidate to SelectUniqueValue that always differs, or wait until everybody who knows the names answers."),
    ("TakenByAnotherJob",         "Nothing: these people are planned again with what the other app did."),
    ("TwinLeftOut",               "Nothing, if the account left out is an administrator's second one; else correct `twin_filter`."),
    ("UpdateNotAllowed",          "Disable the accounts by hand, now, and add Update to the flowTypes."),
    ("UnrecoverableDelete",       "Turn on the Recycle Bin, set `delete_after`, or set `allow_unrecoverable`."),

    // What limits hold.
    ("TooManyClears",             RELEASE),
    ("TooManyCreates",            RELEASE),
    ("TooManyDeletes",            RELEASE),
    ("TooManyEnables",            RELEASE),
    ("TooManyMoves",              RELEASE),
    ("TooManyOverwrites",         RELEASE),
    ("TooManyRenames",            RELEASE),

    // What targets refuse.
    ("AzureActiveDirectoryCannotUpdateObjectsMasteredOnPremises", HYBRID),
    ("AzureActiveDirectoryCannotUpdateObjectsOriginatedInExternalService", "Map the property only when the user is created: Exchange owns it afterwards."),
    ("AzureActiveDirectoryForbidden", RIGHTS),
    ("AzureActiveDirectoryQuotaLimitExceeded", "Raise the tenant's quota, or empty its bin."),
    ("AzureActiveDirectoryInvalidUserPrincipalName", "Have the mapping make a user name of characters that the tenant takes, in a domain that it has verified."),
    ("BadPassword",               "Ask for a longer password in `initial_password`, with more kinds of characters."),
    ("BadRequest",                SYNTAX),
    ("Conflict",                  OVERTAKEN),
    ("ConstraintViolation",       TOO_LONG),
    ("EntryConflict",             TAKEN),
    ("HybridSynchronizationActiveDirectoryCannotFindAttribute", MAPPING),
    ("HybridSynchronizationActiveDirectoryInsufficientAccessRights", RIGHTS),
    ("HybridSynchronizationActiveDirectoryUserPrincipalNameNotUnique", TAKEN),
    ("HybridSyncronizationinvalidOperationOnRelativeDistinguishedNameAttribute", "Map cn (or name) for the rename, and leave the attribute itself unmapped."),
    ("InsufficientRights",        RIGHTS),
    ("InvalidAttributeSyntax",    SYNTAX),
    ("InvalidContainer",          PLACE),
    ("InvalidDomain",             "Add the domain to the target, or have the mapping use one that it knows."),
    ("MandatoryFieldsMissing",    "Have HR state what the target demands, or give its mapping a default."),
    ("MethodNotAllowed",          "Do by hand what the target does not allow, or correct the mapping that asks for it."),
    ("NoWorkdayAccount",          "Wait for the first day, or make the account in Workday."),
    ("NotCarriedOut",             "Look at the person's entry: what was called back for waits for that."),
    ("NotFinishedInHr",           "Have HR finish or approve what is open about these workers."),
    ("NotImplemented",            "Remove the mapping that needs what the target lacks, or use another target."),
    ("NotPermitted",              MAPPING),
    ("NothingToFlow",             INTENDED),
    ("OperationsError",           PLACE),
    ("ParentNotFound",            PLACE),
    ("PendingInHr",               "Have HR approve what was written; nothing is written again meanwhile."),
    ("PendingProcess",            "Have HR finish or approve the open process of these workers."),
    ("ReferenceNotFound",         "Nothing: the reference is set when the account that it names is there again."),
    ("SchemaAttributeNotFound",   MAPPING),
    ("SchemaPropertyCanOnlyAcceptValue", SINGLE),
    ("UnprocessableEntity",       "Correct what the reason names; for passwords, ask for a longer one in `initial_password`, over an encrypted connection."),
    ("UserNameTaken",             TAKEN),
    ("WorkerHasLeft",             "Nothing: nothing is written home of those who left."),
    ("WorkerNotFound",            SEEN),

    // Targets that do not answer, or not as they should.
    ("EndpointUnavailable",       WAIT),
    ("InternalServerError",       WAIT),
    ("InvalidCredentials",        CREDENTIALS),
    ("SystemForCrossDomainIdentityManagementServiceIncompatible", "See that the address leads to the service itself: something else answered, a proxy or a sign-in page."),
    ("Timeout",                   WAIT),
    ("TooManyRequests",           WAIT),
    ("Unauthorized",              CREDENTIALS),
    ("IncompleteRead",            WAIT),
    ("serviceNotAvailable",       WAIT),

    // What our own errors are called that say nothing more of themselves.
    ("Authorization_RequestDenied", RIGHTS),
    ("InvalidAuthenticationToken", CREDENTIALS),
    ("RequestTooLarge",           TOO_LONG),
    ("Request_ResourceNotFound",  RELINK),
    ("Stale",                     OVERTAKEN),
    ("invalidRequest",            SYNTAX),
    ("notSupported",              MAPPING),
];

/// For codes that a target made up.
const OTHERWISE: &str =
    "Correct what the reason names: it is tried again when HR says something new, and by itself up to daily.";

/// The one repair for everybody whom a code hit.
pub fn repair(code: &str) -> &'static str {
    let row = REPAIRS.iter().find(|(one, _)| *one == code);
    row.map_or(OTHERWISE, |(_, repair)| repair)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::{Path, PathBuf};

    use fancy_regex::Regex;

    use super::*;
    use crate::error::KINDS;

    /// Answers to whoever calls, and reasons why a cycle ends: nothing of a person.
    const NEVER_LOGGED: &[&str] = &[
        "AccountNotFound",
        "AccountStillEnabled",
        "AppNotBegun",
        "EncounteredQuarantineException",
        "IdempotencyKeyReused",
        "InboxFull",
        "JobBusy",
        "JobNotFound",
        "LeaseLost",
        "LeftOver",
        "LinksRefused",
        "NothingToRelease",
        "NothingToUndo",
        "PlanAltered",
        "PlanOutdated",
        "PlansOnly",
        "ReviewIncomplete",
        "SchemaInvalid",
        "SchemaOvertaken",
        "SerializationFailure",
        "SourceNotRead",
        "StoreFull",
        "UploadsWaiting",
        "WorkerAmbiguous",
    ];

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => sources(&path, found),
                false if path.extension().is_some_and(|it| it == "rs") => found.push(path),
                false => {}
            }
        }
    }

    /// Every code that the sources name, with the file that does.
    fn codes() -> BTreeMap<String, PathBuf> {
        let kinds = "(?:Invalid|Unauthenticated|Forbidden|NotFound|Conflict|Stale|TooLarge|TooMany|Unsupported|Unavailable|Internal)";
        let code = r#""([A-Z][A-Za-z_]{4,})""#;
        let patterns = [
            format!(r"\.code\(\s*{code}"),
            format!(r"Weight::(?:Failure|Warning|Skip|Note),\s*{code}"),
            format!(r"\bKind::{kinds},\s*{code}"),
            format!(r#"(?:any|with)\(\d+, (?:"[0-9A-F]{{8}}", )?{kinds}, {code}"#),
            format!(r"\b(?:refuse|violation|unplanned|skip_as)\(\s*{code}"),
            format!(r"\bcode: {code}"),
            format!(r"\bconst [A-Z_]+: &str =\s*{code};"),
            r#"=> "(TooMany[A-Za-z]+)""#.to_string(),
        ];
        let patterns = patterns.iter().map(|it| Regex::new(it).unwrap());
        let patterns: Vec<Regex> = patterns.collect();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = Vec::new();
        for room in [
            "domain/plan",
            "domain/hold.rs",
            "domain/link.rs",
            "connector",
            "engine",
            "store",
        ] {
            match root.join(room) {
                folder if folder.is_dir() => sources(&folder, &mut files),
                file => files.push(file),
            }
        }
        let mut codes = BTreeMap::new();
        for file in files.iter().filter(|file| !file.ends_with("tests.rs")) {
            let text = std::fs::read_to_string(file).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let found = patterns.iter().flat_map(|pattern| pattern.captures_iter(text));
            codes.extend(found.map(|one| (one.unwrap()[1].to_string(), file.clone())));
        }
        codes
    }

    /// Names that look like codes to the patterns.
    const NO_CODES: &[&str] = &[
        "Contingent_Worker_ID",
        "CountryReferenceTwoLetter",
        "EmailAddress",
        "Employee_ID",
        "Get_Workers_Response",
        "HireDate",
        "Human_Resources",
        "Include_Transaction_Log_Data",
        "UserID",
        "WorkerID",
    ];

    #[test]
    fn every_code_that_is_logged_has_a_repair() {
        let known: BTreeSet<&str> = REPAIRS.iter().map(|(code, _)| *code).collect();
        assert_eq!(known.len(), REPAIRS.len(), "one row per code");
        let codes = codes();
        let wanting: Vec<_> = codes
            .iter()
            .filter(|(code, _)| {
                let code = code.as_str();
                !known.contains(code) && !NEVER_LOGGED.contains(&code) && !NO_CODES.contains(&code)
            })
            .collect();
        assert!(wanting.is_empty(), "no repair for {wanting:#?}");
        for expected in [
            "TooManyDeletes",
            "OutsideManagedContainers",
            "EntryConflict",
            "UserNameTaken",
            "InvalidAnchor",
            "MissingValues",
        ] {
            assert!(codes.contains_key(expected), "the patterns find {expected}");
        }
        for row in KINDS {
            assert!(known.contains(row.code), "{}", row.code);
        }
        for (code, repair) in REPAIRS {
            assert!(repair.len() > 20 && repair.ends_with('.'), "{code}: {repair}");
        }
        assert_eq!(repair("SomethingOfATarget's"), OTHERWISE);
    }
}
