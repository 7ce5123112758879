//! Whose a finding is on a platform: through the cell of the control that its rule belongs to.

use std::sync::Arc;

use plimsoll_model::responsibility::Owner;
use plimsoll_model::{Evidence, Finding, FindingKind, Party, shortened};
use plimsoll_posture::responsibility::Matrix;
use plimsoll_posture::responsibility::parties::{self, Side};

/// A platform by which findings show whose they are.
#[derive(Clone, Debug)]
pub struct OnPlatform {
    matrix: Arc<Matrix>,
    key: String,
}

impl OnPlatform {
    /// The platform with this key.
    ///
    /// # Errors
    /// When there is none; the keys that there are.
    pub fn named(matrix: Arc<Matrix>, key: &str) -> Result<Self, Vec<String>> {
        if matrix.platform(key).is_none() {
            return Err(matrix.platforms.iter().map(|(key, _)| key.clone()).collect());
        }
        Ok(OnPlatform { matrix, key: key.to_owned() })
    }

    /// Its key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whose the findings of a rule are; `None` for rules that belong to no control.
    pub fn side(&self, rule: &str) -> Option<Side> {
        parties::side(&self.matrix, &self.key, rule)
    }
}

/// Sets the party of findings of our rules, with the control that says so. What nobody has to do stays so.
pub(crate) fn apply(findings: &mut [Finding], on: Option<&OnPlatform>) {
    let Some(on) = on else { return };
    for finding in findings {
        if finding.kind != FindingKind::Misconfiguration || matches!(finding.party, Party::Nobody(_)) {
            continue;
        }
        let Some(side) = on.side(&finding.advisory) else { continue };
        set(finding, &side);
    }
}

fn set(finding: &mut Finding, side: &Side) {
    let Side { control, platform, provider, .. } = side;
    match side.owner {
        Owner::Provider => {
            finding.party = Party::Provider(provider.clone());
            finding.remedy.action =
                format!("{provider} does this on {platform} ({control}): nothing of yours sets it there");
        }
        Owner::NotApplicable => {
            finding.party = Party::Nobody(format!("there is no such thing on {platform} ({control})"));
        }
        Owner::Shared | Owner::Customer if side.of_platform => finding.party = Party::Platform,
        Owner::Shared | Owner::Customer => {}
    }
    if side.owner == Owner::Shared
        && let Some((turn, command)) = &side.switch
    {
        finding.remedy.action = format!("{}; or let {provider} do its part: {turn}", finding.remedy.action);
        finding.remedy.command.get_or_insert_with(|| command.clone());
    }
    let recalled = if side.recalled { ", recalled" } else { "" };
    finding.evidence.push(Evidence {
        source: "plimsoll/responsibility".to_owned(),
        record: control.clone(),
        date: String::new(),
        range: format!("on {} it is {}{recalled}", shortened(platform), side.owner.word()),
        compared: side.title.clone(),
        rule: "matrix".to_owned(),
    });
}
