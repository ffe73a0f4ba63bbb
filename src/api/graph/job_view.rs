//! A job as Graph shows it (synchronizationJob, synchronizationStatus), with a few members of ours.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::engine::JobReport;
use crate::store::jobs::{Execution, Progress, Quarantine, State};

/// Never, in .NET.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// Graph's synchronizationJob.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobView {
    id: String,
    template_id: String,
    schedule: ScheduleView,
    status: StatusView,
    synchronization_job_settings: Vec<SettingView>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ScheduleView {
    expiration: Option<String>,
    /// How often a source that has to be asked is asked (ISO 8601).
    interval: String,
    /// `Active`, `Disabled` or `Paused`.
    state: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
struct SettingView {
    name: &'static str,
    value: String,
}

/// Graph's synchronizationStatus.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct StatusView {
    /// `NotConfigured`, `NotRun`, `Active`, `Paused` or `Quarantine`.
    code: &'static str,
    /// Cycles in a row that failed as a whole.
    count_successive_complete_failures: u64,
    /// Always `false`: refusals are never dropped to let a cycle end.
    escrows_pruned: bool,
    last_execution: Option<ExecutionView>,
    last_successful_execution: Option<ExecutionView>,
    last_successful_execution_with_exports: Option<ExecutionView>,
    progress: Vec<ProgressView>,
    quarantine: Option<QuarantineView>,
    steady_state_first_achieved_time: String,
    steady_state_last_achieved_time: String,
    synchronized_entry_count_by_type: Vec<CountView>,
    troubleshooting_url: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct CountView {
    key: &'static str,
    value: u64,
}

/// Graph's synchronizationProgress, and what a person would work out from it. `operations` of uploads are always there; what
/// else a cycle is at, only while it lasts longer than two seconds.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ProgressView {
    /// `operations` of uploads that have their outcome, `records` that were read from the source, or `workers` whom a full
    /// cycle has looked at.
    units: String,
    completed_units: u64,
    /// `null` where nobody knows it yet.
    total_units: Option<u64>,
    progress_observation_date_time: Option<String>,
    /// Ours: units in a second since this began; `null` where nothing can be said yet.
    units_per_second: Option<f64>,
    /// Ours: how long the rest takes at that rate (ISO 8601).
    time_left: Option<String>,
}

/// Graph's synchronizationQuarantine.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct QuarantineView {
    /// `EncounteredEscrowProportionThreshold`, `EncounteredBaseEscrowThreshold`, `EncounteredTotalEscrowThreshold`,
    /// `EncounteredQuarantineException`, `TooManyDeletes` or `Unknown`.
    reason: String,
    /// When it was judged and imposed last.
    current_began: String,
    /// When it was imposed first.
    series_began: String,
    /// How often it was imposed since.
    series_count: u64,
    /// When everybody is looked at again; `null` where the pace is not slow.
    next_attempt: Option<String>,
    error: ErrorView,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ErrorView {
    code: String,
    message: String,
    tenant_actionable: bool,
}

/// Graph's synchronizationTaskExecution.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ExecutionView {
    activity_identifier: String,
    /// `Succeeded`, `Failed` or `EntryLevelErrors`.
    state: &'static str,
    error: Option<ErrorView>,
    time_began: String,
    time_ended: String,
    count_entitled: u64,
    count_entitled_for_provisioning: u64,
    count_escrowed: u64,
    count_escrowed_raw: u64,
    count_exported: u64,
    count_exports: u64,
    count_imported: u64,
    count_imported_deltas: u64,
    count_imported_reference_deltas: u64,
}

impl JobView {
    pub fn of(report: &JobReport) -> JobView {
        let job = &report.job;
        JobView {
            id: job.id.clone(),
            template_id: job.template.clone(),
            schedule: ScheduleView {
                expiration: None,
                interval: iso(report.interval),
                state: job.state.name(),
            },
            status: StatusView::of(report),
            synchronization_job_settings: vec![SettingView {
                name: "QuarantineTooManyDeletesThreshold",
                value: report.most_disables.to_string(),
            }],
        }
    }

    /// As filters read it.
    pub fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl StatusView {
    fn of(report: &JobReport) -> StatusView {
        let status = &report.job.status;
        let time = |instant: Option<Timestamp>| {
            instant.map_or_else(|| NEVER.to_string(), |instant| instant.to_string())
        };
        StatusView {
            code: match (report.job.state, &report.quarantine, &status.last) {
                (State::Paused, ..) => "Paused",
                (_, Some(_), _) => "Quarantine",
                (State::Disabled, None, None) => "NotConfigured",
                (State::Active, None, None) => "NotRun",
                _ => "Active",
            },
            count_successive_complete_failures: status.failures_in_a_row,
            escrows_pruned: false,
            last_execution: status.last.as_ref().map(ExecutionView::of),
            last_successful_execution: status.last_successful.as_ref().map(ExecutionView::of),
            last_successful_execution_with_exports: status.last_with_exports.as_ref().map(ExecutionView::of),
            progress: progress(report),
            quarantine: report.quarantine.as_ref().map(QuarantineView::of),
            steady_state_first_achieved_time: time(status.first_steady),
            steady_state_last_achieved_time: time(status.last_steady),
            synchronized_entry_count_by_type: vec![CountView {
                key: "user to User",
                value: report.links,
            }],
            troubleshooting_url: None,
        }
    }
}

const OPERATIONS: &str = "operations";

/// Operations first, as they wait right now: none of none, where none waits.
fn progress(report: &JobReport) -> Vec<ProgressView> {
    let (operations, others): (Vec<&Progress>, Vec<&Progress>) =
        report.progress.iter().partition(|one| one.units == OPERATIONS);
    let waiting = report.pending_operations;
    let operations = match operations.first().filter(|_| waiting > 0) {
        Some(known) => ProgressView::of(&Progress {
            total: Some(known.completed.saturating_add(waiting)),
            ..(*known).clone()
        }),
        None => ProgressView {
            units: OPERATIONS.into(),
            completed_units: 0,
            total_units: Some(waiting),
            progress_observation_date_time: None,
            units_per_second: None,
            time_left: None,
        },
    };
    let others = others.into_iter().map(ProgressView::of);
    std::iter::once(operations).chain(others).collect()
}

impl ProgressView {
    fn of(progress: &Progress) -> ProgressView {
        ProgressView {
            units: progress.units.clone(),
            completed_units: progress.completed,
            total_units: progress.total,
            progress_observation_date_time: Some(progress.observed.to_string()),
            // To a tenth: nobody knows it better.
            units_per_second: progress.rate().map(|rate| (rate * 10.0).round() / 10.0),
            time_left: progress.left().map(iso),
        }
    }
}

impl QuarantineView {
    fn of(quarantine: &Quarantine) -> QuarantineView {
        QuarantineView {
            reason: quarantine.reason.clone(),
            current_began: quarantine.imposed.unwrap_or(quarantine.since).to_string(),
            series_began: quarantine.since.to_string(),
            series_count: quarantine.count.max(1),
            next_attempt: quarantine.next.map(|next| next.to_string()),
            error: ErrorView {
                code: quarantine.reason.clone(),
                message: quarantine.message.clone(),
                tenant_actionable: true,
            },
        }
    }
}

impl ExecutionView {
    fn of(execution: &Execution) -> ExecutionView {
        ExecutionView {
            activity_identifier: execution.cycle.clone(),
            state: match (&execution.failed, execution.refused) {
                (Some(_), _) => "Failed",
                (None, 0) => "Succeeded",
                (None, _) => "EntryLevelErrors",
            },
            error: execution.failed.as_ref().map(|code| ErrorView {
                code: code.clone(),
                message: execution.message.clone().unwrap_or_else(|| code.clone()),
                tenant_actionable: true,
            }),
            time_began: execution.began.to_string(),
            time_ended: execution.ended.to_string(),
            count_entitled: execution.seen,
            count_entitled_for_provisioning: execution.seen,
            count_escrowed: execution.refused,
            count_escrowed_raw: execution.refused,
            count_exported: execution.exported,
            count_exports: execution.exported,
            count_imported: execution.seen,
            count_imported_deltas: execution.seen,
            count_imported_reference_deltas: 0,
        }
    }
}

/// As ISO 8601 has it.
fn iso(duration: SignedDuration) -> String {
    format!("{duration}")
}
