//! `muster explain`: why somebody's account, or one attribute of it, is as it is.

use std::fmt::{Display, Write as _};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Outcome, app, offline, plain, read_on};
use crate::domain::explain::{Attribute, Explanation, Input, minute};
use crate::domain::plan::Effect;

/// One sentence that says why, and the chain of inputs behind it. Looks as the job does, writes nothing, and keeps nobody waiting.
#[derive(Args)]
pub struct Arguments {
    /// The app: its id, its name or its job.
    app: String,
    /// The worker: HR's own key (externalId, WID), or the number that accounts are matched by.
    worker: String,
    /// The attribute of the account, as the schema's mappings name it.
    attribute: Option<String>,
    /// The config file.
    #[arg(long, env = "MUSTER_CONFIG", default_value = "muster.toml")]
    config: PathBuf,
    /// Print JSON instead of lines.
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments) -> Outcome {
    let engine = offline(&arguments.config).await?;
    let job = app(engine.config(), &arguments.app)?.job.clone();
    let explained = engine.explain(&job, &arguments.worker, arguments.attribute.as_deref());
    let explained = explained.await.map_err(|error| error.to_string())?;
    let printed = match arguments.json {
        true => serde_json::to_string_pretty(&explained).map_err(|error| error.to_string())? + "\n",
        false => text(&explained),
    };
    read_on(io::stdout().lock().write_all(printed.as_bytes()))?;
    Ok(ExitCode::SUCCESS)
}

/// The explanation for a person at a terminal.
pub fn text(explained: &Explanation) -> String {
    let mut page = Page::default();
    let _ = writeln!(page.0, "{}\n", plain(&explained.sentence));
    page.worker(explained);
    page.scope(explained);
    page.state(explained);
    if let Some(attribute) = &explained.attribute {
        page.attribute(attribute, explained.schema_version);
    }
    page.now(explained);
    page.before(explained);
    page.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    /// What people and systems said is shown without anything that a terminal would obey.
    fn line(&mut self, name: &str, text: impl Display) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{name:<10} {}", plain(&text.to_string()));
    }

    fn worker(&mut self, explained: &Explanation) {
        let worker = &explained.worker;
        let name = worker.name.as_deref().unwrap_or("?");
        self.line("worker", format!("{} ({name})", worker.id));
        if let Some(at) = worker.gone {
            self.line("", format!("gone at the source since {}", minute(at)));
        }
        if let Some(at) = worker.hidden {
            self.line("", format!("not shown by the source since {}", minute(at)));
        }
        let found = match &explained.situation {
            None => "as remembered".to_string(),
            Some(how) => match (&how.by, &how.owner) {
                (Some(by), Some(owner)) => format!("{} by {by}: worker {owner} has it", how.word),
                (Some(by), None) => format!("{} by {by}", how.word),
                (None, _) => how.word.to_string(),
            },
        };
        match &explained.account {
            None => self.line("account", format!("none, {found}")),
            Some(account) => {
                let address = account.address.as_deref().unwrap_or(&account.anchor.0);
                self.line("account", format!("{address}, {found}"));
                self.line("", format!("anchor {}", account.anchor));
            }
        }
        if let Some(error) = &explained.target_error {
            self.line("target", format!("not reached: {error}"));
        }
    }

    fn scope(&mut self, explained: &Explanation) {
        if explained.in_scope {
            return self.line("scope", "inside");
        }
        for one in &explained.refusals {
            let (is, says) = match &one.value {
                _ if one.not_kept => ("not known", "what HR said was not kept".to_string()),
                None => ("outside", "HR says never said".into()),
                Some(value) => ("outside", format!("HR says {}", shown(value))),
            };
            self.line(
                "scope",
                format!(
                    "{is}: '{}' asks {} {} {}, and {says}",
                    one.filter,
                    one.attribute,
                    one.operator,
                    shown(&one.operands)
                ),
            );
        }
    }

    fn state(&mut self, explained: &Explanation) {
        let state = &explained.state;
        let word = |flag: Option<bool>| match flag {
            Some(true) => "enabled",
            Some(false) => "disabled",
            None => "not said",
        };
        let is = state
            .is
            .map_or_else(String::new, |_| format!(", is {}", word(state.is)));
        self.line("state", format!("wanted {}{is}", word(state.wanted)));
        self.inputs(&state.inputs);
    }

    fn inputs(&mut self, inputs: &[Input]) {
        for input in inputs {
            let value = match &input.value {
                _ if input.not_kept => "not kept".into(),
                value => value.as_deref().map_or_else(|| "never said".into(), shown),
            };
            let said = match (&input.said, input.called_back) {
                (_, true) => ", by a callback".to_string(),
                (Some(said), _) => match said.upload {
                    Some(upload) => format!(", said {} in upload {upload}", minute(said.at)),
                    None => format!(", read {}", minute(said.at)),
                },
                (None, _) => String::new(),
            };
            self.line("  HR says", format!("{} = {value}{said}", input.attribute));
        }
    }

    fn attribute(&mut self, attribute: &Attribute, version: i64) {
        let is = attribute.is.as_deref().map_or_else(|| "not known".into(), shown);
        let wanted = match (&attribute.wanted, &attribute.without) {
            (Some(wanted), _) => shown(wanted),
            (None, Some(without)) => without.clone(),
            (None, None) => "nothing".into(),
        };
        self.line(
            "attribute",
            format!("{}: is {is}, wanted {wanted}", attribute.name),
        );
        let flow = attribute.flow_type.unwrap_or("not mapped");
        let flows = if attribute.flows {
            "flows"
        } else {
            "does not flow now"
        };
        let expression = attribute.expression.as_deref().unwrap_or("—");
        self.line(
            "  mapping",
            format!("{expression}  ({flow}, {flows}, schema version {version})"),
        );
        if let Some(default) = &attribute.default {
            let used = if attribute.default_used {
                "used"
            } else {
                "not used"
            };
            self.line("  default", format!("'{default}', {used}"));
        }
        self.inputs(&attribute.inputs);
        for step in &attribute.trace.steps {
            let with = match step.with == step.expression || step.with == step.result {
                true => String::new(),
                false => format!(" → {}", step.with),
            };
            self.line("  step", format!("{}{with} → {}", step.expression, step.result));
        }
        if let Some(last) = &attribute.last_change {
            self.line(
                "  changed",
                format!(
                    "{}: {} → {}, in cycle {}",
                    minute(last.at),
                    shown(&last.before),
                    shown(&last.after),
                    last.cycle
                ),
            );
        }
    }

    fn now(&mut self, explained: &Explanation) {
        for effect in &explained.effects {
            self.line("to be done", effect_text(effect));
        }
        for held in &explained.held {
            let effect = effect_text(&held.effect);
            let limit = held.limit;
            self.line(
                "held",
                format!("{effect}: {limit} {} at most in 24 hours", held.action),
            );
        }
        for hold in &explained.holds {
            let about = match &hold.attributes {
                None => "everything".to_string(),
                Some(some) => some.iter().cloned().collect::<Vec<_>>().join(", "),
            };
            let since = minute(hold.since);
            self.line(
                "hold",
                format!("of {} on {about}, since {since}: {}", hold.by, hold.reason),
            );
        }
        for finding in &explained.findings {
            let attribute = finding.attribute.as_ref().map(|name| format!(" {name}:"));
            let attribute = attribute.unwrap_or_default();
            self.line(
                "finding",
                format!("{}:{attribute} {}", finding.code, finding.message),
            );
        }
        for wait in &explained.waits {
            let until = wait
                .until
                .map(|at| format!(", {}", minute(at)))
                .unwrap_or_default();
            self.line("waits for", format!("{}: {}{until}", wait.on, wait.why));
        }
        if let Some(at) = explained.standing.next_look {
            let cause = explained.standing.next_cause.as_deref().unwrap_or_default();
            self.line("next look", format!("{} ({cause})", minute(at)));
        }
    }

    fn before(&mut self, explained: &Explanation) {
        if let Some(last) = &explained.last {
            let effects: Vec<String> = last.effects.iter().map(effect_text).collect();
            let at = minute(last.at);
            self.line(
                "last done",
                format!("{at}, in cycle {}: {}", last.cycle, effects.join("; ")),
            );
        }
        if let Some(logged) = &explained.standing.logged {
            let why = match (&logged.code, &logged.reason) {
                (Some(code), Some(reason)) => format!(", {code}: {reason}"),
                (Some(code), None) => format!(", {code}"),
                (None, _) => String::new(),
            };
            let at = minute(logged.at);
            self.line("log", format!("{at}: {} {}{why}", logged.action, logged.status));
        }
    }
}

fn effect_text(effect: &Effect) -> String {
    match effect {
        Effect::Create {
            container, enabled, ..
        } => {
            let state = if *enabled { "enabled" } else { "disabled" };
            let place = container.as_deref().unwrap_or("its place");
            format!("create the account in {place}, {state}")
        }
        Effect::Set {
            attribute,
            before,
            after,
        } => format!("{attribute} {} → {}", shown(before), shown(after)),
        Effect::Refer {
            attribute,
            before,
            after,
        } => {
            let anchor = |anchor: &Option<_>| anchor.as_ref().map_or("nothing".into(), ToString::to_string);
            format!("{attribute} {} → {}", anchor(before), anchor(after))
        }
        Effect::Rename { before, after } => format!("rename '{before}' → '{after}'"),
        Effect::Move { before, after } => format!("move '{before}' → '{after}'"),
        Effect::Restore => "restore".into(),
        Effect::Disable => "disable".into(),
        Effect::Enable => "enable".into(),
        Effect::Password { .. } => "another password".into(),
        Effect::Delete => "delete".into(),
    }
}

fn shown(values: &[String]) -> String {
    match values {
        [] => "nothing".into(),
        some => format!("'{}'", some.join("', '")),
    }
}
