//! The voice models with their back-ends, if they are installed and their license is allowed.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use crate::config::Config;
use crate::domain::{ArtifactRef, LicenseClass};
use crate::usecase::VoiceParts;
use crate::usecase::age;
use crate::usecase::age_head::{self, AgeHeadError, AgeHeads};
use crate::usecase::back_end;
use crate::usecase::extractor_pool::ExtractorPool;
use crate::usecase::install_model;
use crate::usecase::model_dir::models_dir_from_environment;
use crate::usecase::output::{AgeHeadRef, ModelInfo};

/// What is installed.
pub struct Installed {
    /// The configured model, ready to use.
    pub voice: Option<VoiceParts>,
    /// Other models, to which tenants are pinned.
    pub pinned: Vec<VoiceParts>,
    /// Every known model.
    pub models: Vec<ModelInfo>,
}

/// Looks into the models directory for the configured model and those that tenants were enrolled with.
/// What keeps one from being used goes to the log: the server starts without it. Without the configured
/// one it says so in its health; tenants of another one hear it when they call.
pub fn find(config: &Config, pinned: &HashSet<ArtifactRef>) -> Installed {
    let dir = models_dir_from_environment(config.models.dir.clone());
    let statuses = install_model::list(&dir);
    let models: Vec<ModelInfo> = statuses
        .into_iter()
        .map(|status| ModelInfo {
            artifact: status.manifest.artifact(),
            is_default: status.manifest.id == config.models.default,
            license: status.manifest.license,
            license_class: status.manifest.license_class,
            description: status.manifest.description,
            installed: status.installed,
            sha256: status.manifest.weights.sha256,
            dimensions: u32::try_from(status.manifest.dimensions).unwrap_or(u32::MAX),
        })
        .collect();
    let get = |id: &str| match load(config, id, &dir, &models) {
        Ok(voice) => Some(voice),
        Err(why) => {
            tracing::warn!(target: "vouch::app", model = id, %why, "no voice model");
            None
        }
    };
    let voice = get(&config.models.default);
    let is_default = |model: &ArtifactRef| {
        voice.as_ref().is_some_and(|voice| voice.extractor.artifact() == *model)
    };
    let mut others = Vec::new();
    for model in pinned.iter().filter(|model| !is_default(model)) {
        if models.iter().any(|known| known.artifact == *model) {
            others.extend(get(&model.id));
        } else {
            tracing::warn!(target: "vouch::app", %model, "tenants need a model that is not known");
        }
    }
    Installed { voice, pinned: others, models }
}

/// Why something cannot be used.
pub type Why = Box<dyn std::error::Error + Send + Sync>;

fn load(config: &Config, id: &str, dir: &Path, models: &[ModelInfo]) -> Result<VoiceParts, Why> {
    let known = models.iter().find(|m| m.artifact.id == id);
    let known = known.ok_or_else(|| format!("no model is called {id}"))?;
    if !known.installed {
        return Err(format!("not installed: run `vouch model install {id}`").into());
    }
    allowed(config, &known.artifact.to_string(), known.license_class)?;
    let extractor = ExtractorPool::new(install_model::load(id, dir)?)?;
    let back_end = back_end::load(id, dir)?;
    allowed(config, &back_end.reference().to_string(), back_end.info().license)?;
    let age = age_heads(config, &known.artifact, dir);
    Ok(VoiceParts { extractor: Arc::new(extractor), back_end: Arc::new(back_end), age })
}

fn allowed(config: &Config, name: &str, class: LicenseClass) -> Result<(), Why> {
    match config.models.license.allows(class) {
        true => Ok(()),
        false => {
            Err(format!("{name} is of license class {class:?}, models.license is open").into())
        }
    }
}

/// The age head of the configured model, to be shown before a tenant enables it.
///
/// # Errors
/// No such model or head, or one whose license class is not allowed.
pub fn age_head(config: &Config, class: LicenseClass) -> Result<AgeHeadRef, Why> {
    let dir = models_dir_from_environment(config.models.dir.clone());
    let id = &config.models.default;
    let known = install_model::list(&dir).into_iter().find(|m| m.manifest.id == *id);
    let known = known.ok_or_else(|| format!("no model is called {id}"))?;
    let head = age_head::load(&known.manifest.artifact(), &dir, class)?;
    allowed(config, &head.reference().to_string(), class)?;
    Ok(age::shown_head(&head))
}

/// The age heads of a model. One that is not there is no news; one that cannot be used goes to the log, as
/// does every one of license class `research` that is.
fn age_heads(config: &Config, model: &ArtifactRef, dir: &Path) -> AgeHeads {
    let get = |class| {
        let head = match age_head::load(model, dir, class) {
            Err(AgeHeadError::Missing { .. }) => return None,
            Err(why) => {
                tracing::warn!(target: "vouch::app", %model, %why, "no age head");
                return None;
            }
            Ok(head) => head,
        };
        let name = head.reference().to_string();
        if let Err(why) = allowed(config, &name, class) {
            tracing::info!(target: "vouch::app", %why, "age head left out");
            return None;
        }
        if class == LicenseClass::Research {
            tracing::info!(target: "vouch::app", head = name, "age head of license class research");
        }
        Some(Arc::new(head))
    };
    AgeHeads { open: get(LicenseClass::Open), research: get(LicenseClass::Research) }
}
