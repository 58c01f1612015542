//! The voice model with its back-end, if they are installed and their license is allowed.

use std::path::Path;
use std::sync::Arc;

use crate::config::Config;
use crate::domain::LicenseClass;
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
    /// Every known model.
    pub models: Vec<ModelInfo>,
}

/// Looks into the models directory. What keeps the configured model from being used goes to the log:
/// the server starts without it and says so in its health.
pub fn find(config: &Config) -> Installed {
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
    let voice = match load(config, &dir, &models) {
        Ok(voice) => Some(voice),
        Err(why) => {
            tracing::warn!(target: "vouch::app", model = config.models.default, %why, "no voice model");
            None
        }
    };
    Installed { voice, models }
}

type Why = Box<dyn std::error::Error + Send + Sync>;

fn load(config: &Config, dir: &Path, models: &[ModelInfo]) -> Result<VoiceParts, Why> {
    let id = &config.models.default;
    let known = models.iter().find(|m| m.artifact.id == *id);
    let known = known.ok_or_else(|| format!("no model is called {id}"))?;
    if !known.installed {
        return Err(format!("not installed: run `vouch model install {id}`").into());
    }
    allowed(config, &known.artifact.to_string(), known.license_class)?;
    let extractor = ExtractorPool::new(install_model::load(id, dir)?);
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
