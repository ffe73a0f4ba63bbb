//! Microsoft Graph's synchronization API ("Azure AD synchronization API overview").

mod apps;
mod bulk_upload;
mod decisions;
mod directories;
mod explain;
mod expressions;
mod job_view;
pub(super) mod jobs;
mod logs;
mod on_demand;
mod plans;
mod report;
mod review;
mod schema;

use utoipa_actix_web::service_config::ServiceConfig;

pub fn routes(config: &mut ServiceConfig) {
    config
        .service(apps::list_apps)
        .service(apps::find_app)
        .service(jobs::list_jobs)
        .service(jobs::find_job)
        .service(jobs::start_job)
        .service(jobs::pause_job)
        .service(jobs::restart_job)
        .service(on_demand::provision_on_demand)
        .service(plans::make_plan)
        .service(plans::find_plan)
        .service(plans::apply_plan)
        .service(plans::undo)
        .service(review::find_review)
        .service(review::list_reviewed)
        .service(review::release_reviewed)
        .service(decisions::allow)
        .service(decisions::list_allowances)
        .service(decisions::end_allowance)
        .service(decisions::hold)
        .service(decisions::list_holds)
        .service(decisions::lift)
        .service(report::find_report)
        .service(explain::find_explanation)
        .service(schema::find_schema)
        .service(schema::put_schema)
        .service(schema::patch_schema)
        .service(schema::delete_schema)
        .service(directories::list_directories)
        .service(directories::find_directory)
        .service(directories::discover_directory)
        .service(expressions::parse_expression)
        .service(expressions::list_functions)
        .service(expressions::list_filter_operators)
        .service(bulk_upload::upload)
        .service(logs::list_entries)
        .service(logs::find_entry);
}

/// `v1.0` or `beta`, whichever the caller used.
pub(super) fn version(request: &actix_web::HttpRequest) -> &'static str {
    if request.path().starts_with("/beta") {
        "beta"
    } else {
        "v1.0"
    }
}
