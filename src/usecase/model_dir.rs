//! Where models live on disk.

use std::path::PathBuf;

/// Environment variable that names the models directory.
pub const MODELS_VARIABLE: &str = "VOUCH_MODELS";

/// The models directory. The first of these that applies:
/// 1. `chosen`: the command line, the configuration or [`MODELS_VARIABLE`];
/// 2. `models` in the current directory, where that exists;
/// 3. `vouch/models` in `data_home` (the variable `XDG_DATA_HOME`), where that is an absolute path;
/// 4. `.local/share/vouch/models` in `home`;
/// 5. `models` in the current directory.
///
/// The caller reads the environment, so that the rule is a function of its inputs and the disk.
pub fn models_dir(
    chosen: Option<PathBuf>,
    data_home: Option<PathBuf>,
    home: Option<PathBuf>,
) -> PathBuf {
    let here = PathBuf::from("models");
    if let Some(chosen) = chosen.filter(|path| !path.as_os_str().is_empty()) {
        return chosen;
    }
    if here.is_dir() {
        return here;
    }
    data_home
        .filter(|path| path.is_absolute())
        .or_else(|| home.map(|home| home.join(".local/share")))
        .map_or(here, |data| data.join("vouch/models"))
}

/// [`models_dir`] with the variables of this process.
pub fn models_dir_from_environment(chosen: Option<PathBuf>) -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    models_dir(
        chosen.or_else(|| variable(MODELS_VARIABLE)),
        variable("XDG_DATA_HOME"),
        variable("HOME"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_directory_wins() {
        let chosen = PathBuf::from("/srv/models");
        assert_eq!(models_dir(Some(chosen.clone()), None, None), chosen);
    }

    #[test]
    fn an_empty_choice_is_none() {
        // Tests run in the project's root, which has `models`.
        let found = models_dir(Some(PathBuf::new()), Some("/data".into()), None);
        assert_eq!(found, PathBuf::from("models"));
    }
}
