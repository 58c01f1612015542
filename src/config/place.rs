//! Where files must not lie.

use std::path::{Component, Path, PathBuf};

use super::ConfigError;

/// Keys and checkpoints must not be stolen, lost or rolled back along with the database.
///
/// # Errors
/// The file lies in the folder of the database.
pub(super) fn apart(key: &'static str, path: &Path, database: &Path) -> Result<(), ConfigError> {
    // A database in the folder the server was started in has none of its own.
    let named = |part: Component<'_>| part != Component::CurDir;
    let own = database.parent().is_some_and(|parent| parent.components().any(named));
    let data = folder(database);
    if own && folder(path).starts_with(&data) {
        let problem = format!(
            "must lie outside the folder of the database ({}), got {}",
            data.display(),
            path.display()
        );
        return Err(ConfigError::Value { key, problem });
    }
    Ok(())
}

/// The folder a file lies in as the file system has it, links followed; what is not there yet is taken as it is
/// written.
fn folder(path: &Path) -> PathBuf {
    let mut whole = real(path);
    whole.pop();
    whole
}

fn real(path: &Path) -> PathBuf {
    for there in path.ancestors() {
        let here = if there.as_os_str().is_empty() { Path::new(".") } else { there };
        let Ok(mut real) = here.canonicalize() else { continue };
        for part in path.strip_prefix(there).into_iter().flat_map(Path::components) {
            match part {
                Component::ParentDir => {
                    real.pop();
                }
                Component::CurDir => {}
                part => real.push(part),
            }
        }
        return real;
    }
    path.to_owned()
}
