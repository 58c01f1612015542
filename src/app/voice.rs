//! The voice models with their back-ends, if they are installed and their license is allowed.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use crate::config::Config;
use crate::domain::{ArtifactRef, LicenseClass};
use crate::usecase::VoiceParts;
use crate::usecase::back_end;
use crate::usecase::extractor_pool::ExtractorPool;
use crate::usecase::install_model;
use crate::usecase::model_dir::models_dir_from_environment;
use crate::usecase::output::ModelInfo;

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

type Why = Box<dyn std::error::Error + Send + Sync>;

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
    Ok(VoiceParts { extractor: Arc::new(extractor), back_end: Arc::new(back_end) })
}

fn allowed(config: &Config, name: &str, class: LicenseClass) -> Result<(), Why> {
    match config.models.license.allows(class) {
        true => Ok(()),
        false => {
            Err(format!("{name} is of license class {class:?}, models.license is open").into())
        }
    }
}
