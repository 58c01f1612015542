//! Finding the master key: environment, file, or, on a first start on loopback, a new one.

use std::io::Write as _;
use std::path::Path;

use super::{AppError, entropy, make_folder_of};
use crate::config::Config;
use crate::crypto::MasterKey;

/// Environment variable with the key itself.
pub const VARIABLE: &str = "VOUCH_MASTER_KEY";

/// The key of the environment or of the file.
pub fn find(config: &Config) -> Result<MasterKey, AppError> {
    match known(config)? {
        Some(key) => Ok(key),
        None => Err(missing(config)),
    }
}

/// The same; when there is neither key nor database, and the server listens on loopback, a new key.
pub fn find_or_make(config: &Config) -> Result<MasterKey, AppError> {
    if let Some(key) = known(config)? {
        return Ok(key);
    }
    if config.store.path.exists() || !config.server.listen.ip().is_loopback() {
        return Err(missing(config));
    }
    let path = &config.keys.master_key_file;
    make_folder_of(path)?;
    let key = MasterKey::generate(entropy().as_ref());
    key.save_new(path)?;
    notice(path);
    Ok(key)
}

fn known(config: &Config) -> Result<Option<MasterKey>, AppError> {
    if let Some(text) = std::env::var_os(VARIABLE) {
        return Ok(Some(MasterKey::parse(&text.to_string_lossy())?));
    }
    let path = &config.keys.master_key_file;
    if !path.exists() {
        return Ok(None);
    }
    Ok(Some(MasterKey::load(path)?))
}

fn missing(config: &Config) -> AppError {
    let path = config.keys.master_key_file.clone();
    match config.store.path.exists() {
        true => AppError::LostMasterKey { database: config.store.path.clone(), path },
        false => AppError::NoMasterKey { path, variable: VARIABLE },
    }
}

fn notice(path: &Path) {
    let text = format!(
        "vouch: made a new master key in {}\n\
         vouch: without it nothing stored can be read again: keep a copy in a safe place\n",
        path.display()
    );
    // Without stderr there is nobody to tell.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
