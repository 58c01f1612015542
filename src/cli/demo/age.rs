//! Age classes: who would be routed to priority service.

use std::io::Write;

use super::report;
use super::script::{Script, ScriptError, recording};
use crate::grpc::client::ClientError;
use crate::grpc::proto as pb;

impl<W: Write> Script<'_, W> {
    /// Classifies one recording of everybody.
    pub(super) async fn seniors(&mut self) -> Result<(), ScriptError> {
        self.report.section(
            "Age class: callers of 65 and more need not wait (nobody's age is known here; a class \
             is a guess for routing, never for verification)",
        )?;
        let enable = pb::EnableAgeClassRequest {
            notice_id: "demo-age-notice".into(),
            notice_version: "1".into(),
            research: false,
            idempotency_key: self.key(),
        };
        match self.client.enable_age_class(enable).await {
            Ok(_) => {}
            // A model without an age head has no age classes; the rest goes on.
            Err(ClientError::Refused { code, message }) => {
                self.report.line(&format!("   not here: {code}: {message}"))?;
                return Ok(());
            }
            Err(other) => return Err(other.into()),
        }
        let mut priority = 0;
        for person in self.people {
            let clips = person.folders.iter().flat_map(|folder| &folder.clips);
            let Some(clip) = clips.max_by_key(|clip| clip.mulaw.len()) else { continue };
            let request = pb::ClassifyAgeRequest { audio: Some(recording(clip)) };
            let answer = self.client.classify_age(request).await?;
            let hint = answer.routing_hint.as_ref().map_or("usual queue", |_| "PRIORITY");
            priority += u32::from(answer.routing_hint.is_some());
            let years = answer.years.map_or_else(String::new, |y| {
                format!("{:.0} years [{:.0}, {:.0}]", y.estimate, y.low, y.high)
            });
            self.report.line(&format!(
                "   {:<10} {:>5.1} s  {:<13} P(65 or more) {:<6} {years:<20} {hint}; {}",
                person.name,
                clip.seconds(),
                age_class(answer.age_class),
                answer.p_senior.map_or_else(|| "-".to_owned(), |p| format!("{p:.3}")),
                report::reasons(&answer.reasons),
            ))?;
        }
        if priority == 0 {
            self.report.line("   None of these voices is heard as a senior's.")?;
        }
        Ok(())
    }
}

/// An age class in the proto's words.
fn age_class(number: i32) -> &'static str {
    let class = pb::AgeClass::try_from(number);
    class.map_or("?", |c| c.as_str_name().trim_start_matches("AGE_CLASS_"))
}
