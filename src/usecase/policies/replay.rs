//! Stored session decisions under two policies, page by page. Facts stand in the audit record of each decision, so
//! nothing has to be heard again.

use std::sync::Arc;

use crate::domain::{AuditKind, Timestamp};
use crate::policy::session::{ActivePolicy, Agreement, DecisionFacts, ShadowComparison, WhatIf};
use crate::store::{DecisionFilter, DecisionRecord, Page, PageRequest};
use crate::usecase::policies::WhatIfReport;
use crate::usecase::sessions::record::{FACTS, SHADOW};

/// Most session decisions that one question replays, the newest first.
pub const MAX_REPLAYED: u64 = 20_000;
/// Records read at once.
const PAGE: u32 = 500;

/// A replay under way.
pub struct Replay {
    before: Arc<ActivePolicy>,
    after: Arc<ActivePolicy>,
    filter: DecisionFilter,
    page: Option<PageRequest>,
    report: WhatIfReport,
}

impl Replay {
    /// Nothing read yet. The range is half-open; either end may be absent.
    pub fn new(
        before: Arc<ActivePolicy>,
        after: Arc<ActivePolicy>,
        (from, until): (Option<Timestamp>, Option<Timestamp>),
    ) -> Self {
        let report = WhatIfReport {
            what_if: WhatIf::new(&before, &after),
            currency: before.file().currency.clone(),
            decisions: 0,
            not_replayable: 0,
            more: false,
            agreement: Vec::new(),
        };
        let kind = Some(AuditKind::Session);
        let filter = DecisionFilter { kind, from, until, ..DecisionFilter::default() };
        let page = Some(PageRequest { size: PAGE, token: None });
        Self { before, after, filter, page, report }
    }

    /// Which records are wanted.
    pub fn filter(&self) -> &DecisionFilter {
        &self.filter
    }

    /// The next page that is wanted; `None` when all is read, or enough.
    pub fn wanted(&self) -> Option<PageRequest> {
        self.page.clone().filter(|_| !self.report.more)
    }

    /// Takes a page of records.
    pub fn with(mut self, page: Page<DecisionRecord>) -> Self {
        for record in page.items {
            if self.report.more {
                break;
            }
            self.take(&record);
        }
        self.page = page.next.map(|token| PageRequest { size: PAGE, token: Some(token) });
        self
    }

    fn take(&mut self, record: &DecisionRecord) {
        // Openings decide nothing.
        if record.decision.is_none() {
            return;
        }
        if self.report.decisions >= MAX_REPLAYED {
            self.report.more = true;
            return;
        }
        self.report.decisions += 1;
        let detail = |name| record.event.as_ref().and_then(|event| event.details.get(name));
        match detail(FACTS).and_then(|text| serde_json::from_str::<DecisionFacts>(text).ok()) {
            Some(facts) => self.report.what_if.replay(&self.before, &self.after, &facts),
            None => self.report.not_replayable += 1,
        }
        let shadow = detail(SHADOW).and_then(|text| serde_json::from_str(text).ok());
        if let Some(comparison) = shadow {
            let comparison: ShadowComparison = comparison;
            Agreement::count(&mut self.report.agreement, &comparison);
        }
    }

    /// What came of it.
    pub fn report(self) -> WhatIfReport {
        self.report
    }
}
