use super::*;
use jiff::ToSpan;
use jiff::civil::date;

/// Somebody hired on the first of February 2026, as was said in January.
struct Life {
    worker: Worker,
}

fn at(day: Date) -> Timestamp {
    pacific::midnight(day) + 12.hours()
}

fn title(text: &str) -> Vec<Fact> {
    vec![Fact::Title(text.into())]
}

fn leave_after(last_day: Date) -> Vec<Fact> {
    vec![Fact::Termination(Box::new(Termination {
        last_day,
        reason: "Resignation".into(),
        involuntary: false,
        regrettable: false,
        eligible_for_rehire: true,
    }))]
}

const HIRED: Date = date(2026, 2, 1);

impl Life {
    fn new() -> Life {
        let worker = Worker {
            wid: Wid(1),
            kind: Kind::Employee,
            id: "1".into(),
            person: 1,
            events: Vec::new(),
            account: None,
            groups: Vec::new(),
            pending: None,
        };
        let mut life = Life { worker };
        let facts = vec![
            Fact::FirstName("Ada".into()),
            Fact::LastName("King".into()),
            Fact::Title("Clerk".into()),
        ];
        life.enter(Process::Hire, date(2026, 1, 10), HIRED, facts, About::Itself);
        life
    }

    fn enter(
        &mut self,
        process: Process,
        entered: Date,
        effective: Date,
        facts: Vec<Fact>,
        about: About,
    ) -> u32 {
        let number = u32::try_from(self.worker.events.len()).unwrap();
        self.worker.events.push(Event {
            number,
            process,
            entered: at(entered),
            effective,
            facts: facts.into(),
            about,
        });
        number
    }

    /// On this day, known then.
    fn on(&self, day: Date) -> View<'_> {
        self.worker.view(day, at(day)).unwrap()
    }
}

#[test]
fn a_future_hire_has_a_name_and_no_job() {
    let life = Life::new();
    assert!(
        life.worker.view(HIRED, at(date(2026, 1, 9))).is_none(),
        "nobody knows yet"
    );
    let before = life.on(date(2026, 1, 31));
    assert_eq!(
        (before.first_name, before.title, before.active),
        ("Ada", "", false)
    );
    assert_eq!((before.hire, before.future_hire), (None, Some(HIRED)));
    let then = life.on(HIRED);
    assert_eq!(
        (then.title, then.active, then.hire, then.rehire),
        ("Clerk", true, Some(HIRED), false)
    );
}

#[test]
fn the_later_effective_day_wins_however_late_it_was_entered() {
    let mut life = Life::new();
    life.enter(
        Process::ChangeTitle,
        date(2026, 3, 1),
        date(2026, 6, 1),
        title("Chief"),
        About::Itself,
    );
    life.enter(
        Process::ChangeTitle,
        date(2026, 4, 1),
        date(2026, 3, 15),
        title("Lead"),
        About::Itself,
    );
    for (day, expected) in [
        (date(2026, 3, 14), "Clerk"),
        (date(2026, 4, 1), "Lead"),
        (date(2026, 5, 31), "Lead"),
        (date(2026, 6, 1), "Chief"),
    ] {
        assert_eq!(life.on(day).title, expected, "{day}");
    }
    let as_known_before = life
        .worker
        .view(date(2026, 3, 20), at(date(2026, 3, 20)))
        .unwrap();
    assert_eq!(as_known_before.title, "Clerk", "it was entered afterwards");
    assert_eq!(
        life.on(date(2026, 6, 2)).position_effective,
        Some(date(2026, 6, 1))
    );
}

#[test]
fn corrections_stand_instead_and_what_is_rescinded_never_was() {
    let mut life = Life::new();
    let first = life.enter(
        Process::ChangeTitle,
        date(2026, 3, 1),
        date(2026, 3, 5),
        title("Led"),
        About::Itself,
    );
    let second = life.enter(
        Process::ChangeTitle,
        date(2026, 3, 7),
        date(2026, 3, 10),
        title("Lead"),
        About::Corrects(first),
    );
    assert_eq!(life.on(date(2026, 3, 6)).title, "Led");
    assert_eq!(
        life.on(date(2026, 3, 8)).title,
        "Clerk",
        "it is later, and was never earlier"
    );
    assert_eq!(life.on(date(2026, 3, 10)).title, "Lead");
    life.enter(
        Process::ChangeTitle,
        date(2026, 4, 1),
        date(2026, 3, 10),
        vec![],
        About::Rescinds(second),
    );
    assert_eq!(life.on(date(2026, 4, 1)).title, "Clerk");
    let event = life.worker.event(first).unwrap();
    assert_eq!(life.worker.fate(event, at(date(2026, 3, 2))), (false, false));
    assert_eq!(life.worker.fate(event, at(date(2026, 4, 2))), (true, true));
}

#[test]
fn a_last_day_is_worked_and_a_rehire_is_another_beginning() {
    let mut life = Life::new();
    let last = date(2026, 5, 29);
    let gone = life.enter(
        Process::Terminate,
        date(2026, 5, 1),
        last + 1.day(),
        leave_after(last),
        About::Itself,
    );
    let on_it = life.on(last);
    assert!(on_it.active && on_it.termination.is_none());
    let after = life.on(last + 1.day());
    assert!(!after.active && after.termination.is_some_and(|one| one.last_day == last));
    assert_eq!(after.active_since, Some(last + 1.day()));
    let again = date(2026, 9, 1);
    life.enter(
        Process::Hire,
        date(2026, 8, 20),
        again,
        title("Manager"),
        About::Itself,
    );
    assert!(!life.on(date(2026, 8, 31)).active);
    let back = life.on(again);
    assert!(back.active && back.rehire && back.termination.is_none());
    assert_eq!((back.hire, back.original_hire), (Some(again), Some(HIRED)));
    assert_eq!((back.first_name, back.title), ("Ada", "Manager"));
    life.enter(
        Process::Terminate,
        date(2026, 9, 2),
        last + 1.day(),
        vec![],
        About::Rescinds(gone),
    );
    assert!(life.on(date(2026, 9, 3)).active);
}

#[test]
fn a_rescinded_hire_stays_to_be_seen() {
    let mut life = Life::new();
    life.enter(
        Process::Hire,
        date(2026, 1, 20),
        HIRED,
        vec![],
        About::Rescinds(0),
    );
    for day in [date(2026, 1, 20), date(2026, 2, 3)] {
        let view = life.on(day);
        assert!(view.hire_rescinded && !view.active, "{day}");
        assert_eq!((view.first_name, view.future_hire), ("Ada", None));
    }
    assert!(!life.on(date(2026, 1, 19)).hire_rescinded);
}

#[test]
fn a_hire_that_is_put_off_is_seen_later() {
    let mut life = Life::new();
    let facts = life.worker.events[0].facts.to_vec();
    life.enter(
        Process::Hire,
        date(2026, 1, 20),
        date(2026, 3, 1),
        facts,
        About::Corrects(0),
    );
    assert_eq!(life.on(date(2026, 2, 15)).future_hire, Some(date(2026, 3, 1)));
    assert_eq!(life.on(date(2026, 3, 1)).hire, Some(date(2026, 3, 1)));
}

#[test]
fn leaves_follow_each_other_and_jobs_end() {
    let mut life = Life::new();
    let leave = |kind: &str| vec![Fact::Leave(kind.into())];
    life.enter(
        Process::StartLeave,
        date(2026, 3, 1),
        date(2026, 3, 2),
        leave("Parental_Leave"),
        About::Itself,
    );
    life.enter(
        Process::Return,
        date(2026, 4, 1),
        date(2026, 4, 6),
        vec![],
        About::Itself,
    );
    life.enter(
        Process::StartLeave,
        date(2026, 6, 1),
        date(2026, 6, 2),
        leave("Medical_Leave"),
        About::Itself,
    );
    let view = life.on(date(2026, 6, 2));
    let seen: Vec<_> = view.leaves.iter().map(|leave| (leave.kind, leave.end)).collect();
    assert_eq!(
        seen,
        [
            ("Parental_Leave", Some(date(2026, 4, 5))),
            ("Medical_Leave", None)
        ]
    );
    let job = Job {
        position: "P-2".into(),
        title: "Trainer".into(),
        site: 0,
        start: date(2026, 7, 1),
        end: None,
    };
    life.enter(
        Process::AddJob,
        date(2026, 7, 1),
        date(2026, 7, 1),
        vec![Fact::Job(Box::new(job))],
        About::Itself,
    );
    assert_eq!(life.on(date(2026, 7, 2)).jobs.len(), 1);
    life.enter(
        Process::EndJob,
        date(2026, 8, 1),
        date(2026, 8, 1),
        vec![Fact::JobGone("P-2".into())],
        About::Itself,
    );
    assert!(life.on(date(2026, 8, 1)).jobs.is_empty());
}
