//! The report itself as JSON: an interface, described by `docs/schema/report-1.0.json`.

use plimsoll_model::Report;

use crate::Error;

/// Pretty JSON with a final line feed; the order of members is that of the schema.
pub(crate) fn write(report: &Report) -> Result<String, Error> {
    Ok(crate::text::json(report)?)
}
