//! Subjects without a client: list, show, export, erase. Needs the database for itself.

use std::io::Write;

use super::{AppError, entropy, master_key, open_store};
use crate::config::{Config, clock};
use crate::crypto::random;
use crate::domain::{AuditKind, DecisionId, Event, Reason, ReceiptId, SubjectId, TenantId};
use crate::store::sqlite::SqliteStore;
use crate::store::{
    AuditDraft, Commits as _, Effect, Erasure, MAX_PAGE_SIZE, Outcome, PageRequest, SubjectSummary,
    SubjectTarget, Subjects as _, Transaction,
};
use crate::usecase::UseCaseError;
use crate::usecase::export::{ACT_EXPORTED, EMBEDDINGS, Export};

/// A subject of a tenant, by the words of the command line.
#[derive(Debug, Clone)]
pub struct Named {
    tenant: TenantId,
    subject: SubjectId,
}

impl Named {
    /// Checks both names.
    pub fn parse(tenant: &str, subject: &str) -> Result<Self, AppError> {
        Ok(Self { tenant: TenantId::parse(tenant)?, subject: SubjectId::parse(subject)? })
    }
}

/// Hands every subject of a tenant to `each`, in order of creation; how many.
pub async fn list(
    config: &Config,
    tenant: &str,
    each: &mut (dyn FnMut(&SubjectSummary) -> std::io::Result<()> + Send),
) -> Result<u64, AppError> {
    let tenant = TenantId::parse(tenant)?;
    let store = open_store(config, &master_key::find(config)?).await?;
    let done = async {
        let (mut token, mut count) = (None, 0);
        loop {
            let page = PageRequest { size: MAX_PAGE_SIZE, token };
            let page = store.subjects(&tenant, page).await?;
            for subject in &page.items {
                each(subject)?;
                count += 1;
            }
            token = page.next;
            if token.is_none() {
                return Ok(count);
            }
        }
    };
    let done = done.await;
    store.close().await;
    done
}

/// Writes what is held on a subject without its decisions and outcomes, as JSON lines; no embeddings.
pub async fn show(
    config: &Config,
    named: Named,
    out: &mut (dyn Write + Send),
) -> Result<(), AppError> {
    let store = open_store(config, &master_key::find(config)?).await?;
    let mut export = Export::new(named.tenant, named.subject, false);
    let done = write_page(&mut export, &store, out).await;
    store.close().await;
    done.map(|_| ())
}

/// Records the export of a subject, then writes everything held on it as JSON lines; how many.
pub async fn export(
    config: &Config,
    named: Named,
    embeddings: bool,
    out: &mut (dyn Write + Send),
) -> Result<u64, AppError> {
    let store = open_store(config, &master_key::find(config)?).await?;
    let done = async {
        known(&store, &named).await?;
        let mut event = Event::new(AuditKind::Export, ACT_EXPORTED);
        event.subject = Some(named.subject.clone());
        event.reasons = vec![Reason::Administrative];
        event.details.insert(EMBEDDINGS.to_owned(), embeddings.to_string());
        commit(&store, &named, Vec::new(), event).await?;
        let mut export = Export::new(named.tenant.clone(), named.subject.clone(), embeddings);
        let mut lines = 0;
        while let Some(written) = write_page(&mut export, &store, out).await? {
            lines += written;
        }
        Ok(lines)
    };
    let done = done.await;
    store.close().await;
    done
}

/// Erases a subject; how far that has come.
pub async fn erase(config: &Config, named: Named) -> Result<Erasure, AppError> {
    let store = open_store(config, &master_key::find(config)?).await?;
    let done = async {
        let at = clock::now();
        let receipt = ReceiptId::new(at, random(entropy().as_ref()));
        let mut event = Event::new(AuditKind::Erasure, "subject erased");
        event.reasons = vec![Reason::Administrative, Reason::ErasurePending];
        let effects = vec![Effect::EraseSubject { receipt: receipt.clone() }];
        commit(&store, &named, effects, event).await?;
        let erasure = store.erasure(&named.tenant, &receipt).await?;
        erasure.ok_or_else(|| AppError::Refused("the erasure left no receipt".to_owned()))
    };
    let done = done.await;
    store.close().await;
    done
}

async fn known(store: &SqliteStore, named: &Named) -> Result<(), AppError> {
    match store.subject(&named.tenant, &named.subject).await? {
        Some(_) => Ok(()),
        None => Err(AppError::UseCase(UseCaseError::NotFound { what: "subject" })),
    }
}

/// Writes the next page; how many lines, `None` after the last page.
async fn write_page(
    export: &mut Export,
    store: &SqliteStore,
    out: &mut (dyn Write + Send),
) -> Result<Option<u64>, AppError> {
    let Some(lines) = export.page(store).await.map_err(AppError::UseCase)? else {
        return Ok(None);
    };
    let mut written = 0;
    for line in lines {
        writeln!(out, "{line}")?;
        written += 1;
    }
    Ok(Some(written))
}

async fn commit(
    store: &SqliteStore,
    named: &Named,
    effects: Vec<Effect>,
    event: Event,
) -> Result<Outcome, AppError> {
    let at = clock::now();
    let transaction = Transaction {
        tenant: named.tenant.clone(),
        idempotency: None,
        subject: Some(SubjectTarget { id: named.subject.clone(), expected_version: None }),
        effects,
        audit: AuditDraft { decision: DecisionId::new(at, random(entropy().as_ref())), at, event },
    };
    Ok(store.commit(transaction).await?)
}
