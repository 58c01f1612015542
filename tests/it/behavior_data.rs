//! Accuracy of behavior on real data, with generous bounds: models/behavior-*/CARD.md has the figures.

use std::path::PathBuf;

use vouch::usecase::evaluate_behavior::figures::{Row, judge};
use vouch::usecase::evaluate_behavior::{keystroke, pointer, read_data};

/// Folder of the data sets, or says that the test is skipped.
fn data(name: &str) -> Option<PathBuf> {
    let found = std::env::var_os("VOUCH_DATA").map(|d| PathBuf::from(d).join("behaviour"));
    if found.as_ref().is_none_or(|folder| !folder.is_dir()) {
        eprintln!("SKIPPED {name}: set VOUCH_DATA to a folder with `behaviour`");
        return None;
    }
    found
}

fn only(rows: Vec<Row>, condition: &str) -> Row {
    rows.into_iter().find(|row| row.condition.contains(condition)).unwrap()
}

#[test]
fn mice_of_people_the_background_has_not_seen_are_told_apart() {
    let Some(data) = data("mice_of_people_the_background_has_not_seen_are_told_apart") else {
        return;
    };
    let protocol = "version = 1\ndata = \"sapimouse_raw.csv.gz\"\n\
                    [[condition]]\nname = \"1 min\"\nseed = 1\nfolds = 3\nrepeats = 1\nbackground = true\n";
    let protocol: pointer::ProtocolFile = toml::from_str(protocol).unwrap();
    let sets = pointer::run(&read_data(&data.join(&protocol.data)).unwrap(), &protocol).unwrap();
    let row = judge(&sets[0]).unwrap();
    // Six folds reach 5.5 %; fewer people behind a background and one dealing are worse.
    assert!(row.eer_global.value < 0.15, "{row:?}");
    assert!(row.cllr_loss.value < 0.25, "{row:?}");
}

#[test]
fn passwords_are_told_apart_without_a_background() {
    let Some(data) = data("passwords_are_told_apart_without_a_background") else { return };
    let protocol = "version = 1\n[[fixed]]\ndata = [\"cmu_dsl\"]\ntext = \"tie5Roanl\"\nseed = 1\nfolds = 2\n\
                    repeats = 1\nenrolled = 200\ntested = [200, 260]\nsystem = \"fallback\"\n\
                    impostors = [{ name = \"novice\", typings = [0, 5] }, { name = \"practiced\", typings = [350, 355] }]\n";
    let protocol: keystroke::ProtocolFile = toml::from_str(protocol).unwrap();
    let read = |name: &str| read_data(&data.join(name));
    let sets = keystroke::run(&read, &protocol).unwrap();
    let rows: Vec<Row> = sets.iter().map(|set| judge(set).unwrap()).collect();
    // The card has 4.0 and 8.5 %.
    assert!(only(rows.clone(), "novice").eer_mean.value < 0.08);
    assert!(only(rows, "practiced").eer_mean.value < 0.14);
}
