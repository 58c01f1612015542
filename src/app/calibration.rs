//! Calibrations of tenants' own: fitted to feedback, activated by a person. Needs the database for itself; a server
//! takes what is in force when it starts.

use super::{AppError, entropy, master_key, open_store};
use crate::config::{Config, clock};
use crate::crypto::{random, sha256_hex};
use crate::domain::{AuditKind, DecisionId, Event, Reason, TenantCalibration, TenantId};
use crate::scoring::BackEnd;
use crate::store::sqlite::SqliteStore;
use crate::store::{AuditDraft, Commits as _, Directory as _, Effect, TenantInfo, Transaction};
use crate::usecase::back_end;
use crate::usecase::model_dir::models_dir_from_environment;
use crate::usecase::recalibrate::{self, Candidate};

/// Acts in the audit.
const ACT_ACTIVATED: &str = "calibration activated";
const ACT_DEACTIVATED: &str = "calibration deactivated";

/// Fits a candidate to what became of a tenant's decisions. Changes nothing.
pub async fn fit(config: &Config, tenant: &str) -> Result<Candidate, AppError> {
    let tenant = TenantId::parse(tenant)?;
    let store = open_store(config, &master_key::find(config)?).await?;
    let done = async {
        let info = known(&store, &tenant)?;
        let back_end = back_end_of(config, &info)?;
        let active = in_force(&info, &back_end);
        let collected = recalibrate::collect(&store, &tenant, &back_end, active).await?;
        let at = clock::now();
        Ok(recalibrate::candidate(&tenant, &collected, &back_end, active, at)?)
    };
    let done = done.await;
    store.close().await;
    done
}

/// Puts a candidate in force, from the next start of the server; `text` is its file as it was judged.
pub async fn activate(
    config: &Config,
    tenant: &str,
    candidate: &Candidate,
    text: &str,
) -> Result<(), AppError> {
    let tenant = TenantId::parse(tenant)?;
    let store = open_store(config, &master_key::find(config)?).await?;
    let done = async {
        let info = known(&store, &tenant)?;
        let back_end = back_end_of(config, &info)?;
        let active = in_force(&info, &back_end);
        recalibrate::check(candidate, &tenant, &back_end, active)?;
        let calibration = &candidate.calibration;
        let mut details = recalibrate::details(calibration).to_vec();
        details.push(("candidate_sha256".to_owned(), sha256_hex(text.as_bytes())));
        details.push(("cllr_before".to_owned(), candidate.before.cllr.to_string()));
        details.push(("cllr_after".to_owned(), candidate.after.cllr.to_string()));
        let effect = Effect::SetCalibration(Some(Box::new(calibration.clone())));
        commit(&store, &tenant, effect, ACT_ACTIVATED, details).await
    };
    let done = done.await;
    store.close().await;
    done
}

/// Goes back to the calibration that ships, from the next start of the server.
pub async fn deactivate(config: &Config, tenant: &str) -> Result<(), AppError> {
    let tenant = TenantId::parse(tenant)?;
    let store = open_store(config, &master_key::find(config)?).await?;
    let done = async {
        let Some(active) = known(&store, &tenant)?.calibration else {
            let problem = format!("tenant {tenant} has no calibration of its own");
            return Err(AppError::Refused(problem));
        };
        let details = recalibrate::details(&active).to_vec();
        commit(&store, &tenant, Effect::SetCalibration(None), ACT_DEACTIVATED, details).await
    };
    let done = done.await;
    store.close().await;
    done
}

fn known(store: &SqliteStore, tenant: &TenantId) -> Result<TenantInfo, AppError> {
    let found = store.tenant(tenant);
    found.ok_or_else(|| AppError::Refused(format!("there is no tenant {tenant}")))
}

/// The back-end of the tenant's model as it ships.
fn back_end_of(config: &Config, tenant: &TenantInfo) -> Result<BackEnd, AppError> {
    let model = tenant.extractor.as_ref().ok_or_else(|| {
        AppError::Refused(format!("nobody is enrolled by voice with tenant {}", tenant.id))
    })?;
    let dir = models_dir_from_environment(config.models.dir.clone());
    let back_end = back_end::load(&model.id, &dir)?;
    match back_end.info().model == *model {
        true => Ok(back_end),
        false => Err(AppError::Refused(format!("there is no back-end for model {model}"))),
    }
}

/// The tenant's calibration, if it is for the back-end that is installed.
fn in_force<'a>(tenant: &'a TenantInfo, back_end: &BackEnd) -> Option<&'a TenantCalibration> {
    tenant.calibration.as_ref().filter(|active| recalibrate::corrects(active, back_end))
}

async fn commit(
    store: &SqliteStore,
    tenant: &TenantId,
    effect: Effect,
    act: &str,
    details: Vec<(String, String)>,
) -> Result<(), AppError> {
    let at = clock::now();
    let mut event = Event::new(AuditKind::Calibration, act);
    event.reasons = vec![Reason::Administrative];
    event.details.extend(details);
    let transaction = Transaction {
        tenant: tenant.clone(),
        idempotency: None,
        subject: None,
        effects: vec![effect],
        audit: AuditDraft { decision: DecisionId::new(at, random(entropy().as_ref())), at, event },
    };
    store.commit(transaction).await?;
    Ok(())
}
