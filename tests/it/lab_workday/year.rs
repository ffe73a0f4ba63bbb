//! A year of the company's life, followed day by day by the two incremental queries alone.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;

use super::*;

/// What a follower knows of a record.
#[derive(Clone, Debug, PartialEq)]
struct Known {
    person: String,
    active: bool,
    hire: String,
    last_day: String,
    /// Whatever else is to be the same at the end.
    rest: Vec<String>,
    /// Type, entry, effect, and whether it was rescinded or corrected.
    log: Vec<(String, Timestamp, Timestamp, bool)>,
}

const GROUP: &str = "<wd:Response_Group><wd:Include_Reference>1</wd:Include_Reference>\
    <wd:Include_Personal_Information>1</wd:Include_Personal_Information>\
    <wd:Include_Employment_Information>1</wd:Include_Employment_Information>\
    <wd:Include_Transaction_Log_Data>1</wd:Include_Transaction_Log_Data></wd:Response_Group>";

fn read(text: &str) -> BTreeMap<String, Known> {
    let document = Document::parse(text).unwrap();
    workers(&document)
        .into_iter()
        .map(|worker| {
            let wid = id_of(find(worker, "Worker_Reference").unwrap(), "WID")
                .unwrap()
                .to_string();
            let data = find(worker, "Worker_Data").unwrap();
            let status = find(data, "Employment_Data/Worker_Status_Data").unwrap();
            let position = "Employment_Data/Worker_Job_Data/Position_Data";
            let log = all(
                data,
                "Transaction_Log_Entry_Data/Transaction_Log_Entry/Transaction_Log_Data",
            );
            let leaves = all(status, "Leave_Status_Data");
            let known = Known {
                person: text_of(data, "Universal_ID"),
                active: text_of(status, "Active") == "1",
                hire: text_of(status, "Hire_Date"),
                last_day: text_of(status, "Termination_Last_Day_of_Work"),
                rest: vec![
                    text_of(data, "Worker_ID"),
                    text_of(
                        data,
                        "Personal_Data/Name_Data/Legal_Name_Data/Name_Detail_Data/Last_Name",
                    ),
                    text_of(
                        data,
                        "Personal_Data/Name_Data/Preferred_Name_Data/Name_Detail_Data/First_Name",
                    ),
                    text_of(data, &format!("{position}/Position_Title")),
                    text_of(data, &format!("{position}/Business_Site_Summary_Data/Name")),
                    text_of(status, "Hire_Rescinded"),
                    leaves.iter().map(|leave| text_of(*leave, "On_Leave")).collect(),
                ],
                log: log
                    .into_iter()
                    .map(|entry| {
                        let kind = find(entry, "Transaction_Log_Type_Reference").unwrap();
                        let moment = |name: &str| at(&text_of(entry, name));
                        let changed = ["Is_Rescind_Or_Rescinded", "Is_Correction_Or_Corrected"]
                            .iter()
                            .any(|name| text_of(entry, name) == "1");
                        (
                            id_of(kind, "Business_Process_Type").unwrap().to_string(),
                            moment("Transaction_Entry_Moment"),
                            moment("Transaction_Effective_Moment"),
                            changed,
                        )
                    })
                    .collect(),
            };
            (wid, known)
        })
        .collect()
}

impl Tenant {
    /// Everybody whom these parts find, as of a moment.
    async fn all_pages(&self, parts: &str, now: Timestamp) -> BTreeMap<String, Known> {
        let mut known = BTreeMap::new();
        for number in 1.. {
            let day = pacific_day(now);
            let text = self
                .get(&format!(
                    "{parts}<wd:Response_Filter><wd:As_Of_Effective_Date>{day}</wd:As_Of_Effective_Date>\
                     <wd:As_Of_Entry_DateTime>{now}</wd:As_Of_Entry_DateTime><wd:Page>{number}</wd:Page>\
                     <wd:Count>200</wd:Count></wd:Response_Filter>{GROUP}"
                ))
                .await;
            known.extend(read(&text));
            if number >= results(&text)[1] {
                break;
            }
        }
        known
    }
}

/// Where it is and what date it is there.
fn pacific_day(now: Timestamp) -> String {
    let zone = jiff::tz::TimeZone::get("America/Los_Angeles").unwrap();
    zone.to_datetime(now).date().to_string()
}

#[tokio::test]
async fn whoever_asks_both_ways_misses_nothing_in_a_year() {
    let settings = Settings {
        news_per_day: 4,
        ..Settings::default()
    };
    let tenant = Tenant::with(120, settings);
    let mut now = at(NOW);
    let mut known = tenant.all_pages("", now).await;
    let founded = known.len();
    let mut by_entry: Vec<(Timestamp, Timestamp, BTreeSet<String>)> = Vec::new();
    let mut by_effect = by_entry.clone();
    for step in 0..372 {
        let from = now;
        now += 23.hours().minutes(31).seconds(i64::from(step % 7));
        tenant.workday.controls.set_now(now + 5.seconds());
        let today = pacific_day(now);
        for (what, found) in [("Updated", &mut by_entry), ("Effective", &mut by_effect)] {
            let page = tenant
                .all_pages(&window(what, &from.to_string(), &now.to_string()), now)
                .await;
            for (wid, record) in &page {
                check(wid, record, &today);
            }
            found.push((from, now, page.keys().cloned().collect()));
            known.extend(page);
        }
        if step % 62 == 61 {
            let truth = tenant.all_pages("", now).await;
            assert_eq!(truth.len(), known.len(), "{today}");
            for (wid, record) in &truth {
                assert_eq!(&known[wid], record, "{today} {wid}");
            }
            let mut active = BTreeSet::new();
            for record in truth.values().filter(|record| record.active) {
                assert!(
                    active.insert(record.person.clone()),
                    "{today}: {} is here twice",
                    record.person
                );
            }
        }
    }
    assert!(known.len() > founded + 100, "{} from {founded}", known.len());
    let happened: BTreeSet<&str> = known
        .values()
        .flat_map(|record| &record.log)
        .map(|entry| entry.0.as_str())
        .collect();
    assert!(happened.len() >= 14, "{happened:?}");
    exactly(&known, &by_entry, |entry| entry.1);
    exactly(&known, &by_effect, |entry| entry.2);
}

/// What may be true of a record on any day.
fn check(wid: &str, record: &Known, today: &str) {
    assert!(
        !record.active || record.last_day.is_empty(),
        "{wid} is here, with a last day"
    );
    assert!(
        record.last_day.is_empty() || record.last_day.as_str() < today,
        "{wid}: the last day is not over"
    );
    assert!(
        !record.active || record.hire.as_str() <= today,
        "{wid} is here before the first day"
    );
}

/// In each window those were found of whom the log has something, and nobody else.
fn exactly(
    known: &BTreeMap<String, Known>,
    found: &[(Timestamp, Timestamp, BTreeSet<String>)],
    moment: impl Fn(&(String, Timestamp, Timestamp, bool)) -> Timestamp,
) {
    for (from, through, found) in found {
        let logged: BTreeSet<String> = known
            .iter()
            // Nobody was found for what was entered afterwards.
            .filter(|(_, record)| {
                record
                    .log
                    .iter()
                    .any(|entry| (*from..=*through).contains(&moment(entry)) && entry.1 <= *through)
            })
            .map(|(wid, _)| wid.clone())
            .collect();
        assert_eq!(&logged, found, "{from} to {through}");
    }
}

#[tokio::test]
async fn a_seed_is_a_life() {
    let mut lives = Vec::new();
    for seed in [1, 1, 2] {
        let stop = CancellationToken::new();
        let options = Options {
            seed,
            workers: 80,
            now: Some(at(NOW)),
            settings: Settings {
                news_per_day: 4,
                ..Settings::default()
            },
            ..Options::default()
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tenant = Tenant {
            workday: workday::start(options, listener, stop.clone()).unwrap(),
            http: Client::builder().no_proxy().build().unwrap(),
            version: "v40.0",
            descriptors: true,
            _stop: stop.drop_guard(),
        };
        tenant.set_clock("2026-04-19T02:29:16.009Z");
        let moment = "<wd:Response_Filter><wd:As_Of_Entry_DateTime>2026-04-19T02:29:16.009Z</wd:As_Of_Entry_DateTime>\
            <wd:Count>999</wd:Count></wd:Response_Filter>";
        lives.push(tenant.get(&format!("{moment}{EVERYTHING}")).await);
    }
    let lines =
        |life: &str| -> Vec<String> { life.replace("><", ">\n<").lines().map(String::from).collect() };
    let [one, same, other] = [lines(&lives[0]), lines(&lives[1]), lines(&lives[2])];
    let differ = one.iter().zip(&same).find(|(one, same)| one != same);
    assert_eq!(differ, None);
    assert_eq!(one.len(), same.len());
    assert!(one != other);
}

#[tokio::test]
async fn nothing_happens_by_itself_to_whom_the_operator_took_on() {
    let settings = Settings {
        news_per_day: 20,
        ..Settings::default()
    };
    let tenant = Tenant::with(0, settings);
    for hire in ["2025-01-06", "2026-03-02"] {
        tenant
            .admin("/lab/workers", serde_json::json!({"hire": hire}))
            .await;
    }
    let now = at(NOW) + (90 * 24).hours();
    tenant.workday.controls.set_now(now);
    let known = tenant.all_pages("", now).await;
    assert_eq!(known.len(), 2);
    for record in known.values() {
        assert_eq!(record.log.len(), 1, "{record:?}");
    }
}
