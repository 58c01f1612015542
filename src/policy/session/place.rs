//! Where in its file a policy is wrong: messages for the person who writes it.

use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::policy::session::file::SessionPolicyFile;
use crate::policy::session::{ActivePolicy, SessionPolicyError};
use crate::scoring::fusion::Fusion;

/// A place in a text, counted from 1; columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// Why a policy file is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyProblem {
    /// What is wrong and what is permitted.
    pub message: String,
    /// Where; absent when the file lacks what is needed, or is too long to be read.
    pub place: Option<Place>,
    /// Path of the entry, as `intents.transfer.step_up`, or `rules.NAME.when`; absent where the file cannot be read
    /// as TOML of this shape.
    #[serde(default)]
    pub path: Option<String>,
}

impl std::fmt::Display for PolicyProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.place {
            Some(Place { line, column }) => {
                write!(f, "line {line}, column {column}: {}", self.message)
            }
            None => f.write_str(&self.message),
        }
    }
}

/// Reads, checks and compiles a policy file, like [`ActivePolicy::from_toml`], and says where it is wrong.
///
/// # Errors
/// The first problem, with its place.
pub fn read_policy(text: &str, fusion: Fusion) -> Result<ActivePolicy, PolicyProblem> {
    ActivePolicy::from_toml(text, fusion).map_err(|error| problem(text, &error))
}

/// The same with all problems, up to [`MAX_PROBLEMS`](super::MAX_PROBLEMS), each with its place.
///
/// # Errors
/// All of them, in the order of the checks. Of a file that is not of this shape the first: what comes after it cannot
/// be read.
pub fn examine_policy(text: &str, fusion: Fusion) -> Result<ActivePolicy, Vec<PolicyProblem>> {
    let told = |all: Vec<SessionPolicyError>| all.iter().map(|one| problem(text, one)).collect();
    ActivePolicy::examine_toml(text, fusion).map_err(told)
}

fn problem(text: &str, error: &SessionPolicyError) -> PolicyProblem {
    use SessionPolicyError as E;
    if let E::Shape(_) = error {
        return shape(text, error);
    }
    let place = match error {
        E::TooLarge { .. } | E::Shape(_) => None,
        E::OutOfRange { field, .. }
        | E::Count { field, .. }
        | E::Unfit { field, .. }
        | E::Profile { field, .. } => of_field(text, field),
        E::Rule { rule, line, column, .. } => {
            of_condition(text, rule.as_str(), Place { line: *line, column: *column })
        }
    };
    let path = match error {
        E::TooLarge { .. } | E::Shape(_) => None,
        E::OutOfRange { field, .. }
        | E::Count { field, .. }
        | E::Unfit { field, .. }
        | E::Profile { field, .. } => Some(field.clone()),
        E::Rule { rule, .. } => Some(format!("{}.{rule}.when", list_of(text, rule.as_str()))),
    };
    PolicyProblem { message: error.to_string(), place, path }
}

/// The reader knows where it stopped.
fn shape(text: &str, error: &SessionPolicyError) -> PolicyProblem {
    match toml::from_str::<SessionPolicyFile>(text) {
        Err(found) => PolicyProblem {
            message: found.message().to_owned(),
            place: found.span().map(|span| place(text, span.start)),
            path: None,
        },
        Ok(_) => PolicyProblem { message: error.to_string(), place: None, path: None },
    }
}

/// Place of a byte.
fn place(text: &str, offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(line_start..).map_or(0, |line| line.chars().count());
    Place { line: before.matches('\n').count() + 1, column: column + 1 }
}

/// Place of an entry by its path, or of the nearest entry around it that is there.
fn of_field(text: &str, path: &str) -> Option<Place> {
    let root = DeTable::parse(text).ok()?;
    let mut found = None;
    let mut parts = path.split('.');
    let mut here = enter(root.get_ref(), parts.next()?, &mut found);
    for part in parts {
        here = match here.map(Spanned::get_ref) {
            Some(DeValue::Table(table)) => enter(table, part, &mut found),
            Some(DeValue::Array(list)) => {
                let named = list.iter().find(|entry| name_of(entry) == Some(part));
                found = named.map(|entry| entry.span().start).or(found);
                named
            }
            _ => None,
        };
    }
    found.map(|offset| place(text, offset))
}

/// Goes into a table and remembers where the entry is.
fn enter<'a, 'i>(
    table: &'a DeTable<'i>,
    key: &str,
    found: &mut Option<usize>,
) -> Option<&'a Spanned<DeValue<'i>>> {
    let (name, value) = table.iter().find(|(name, _)| name.get_ref().as_ref() == key)?;
    *found = Some(name.span().start);
    Some(value)
}

/// The `name` of a table in a list of rules.
fn name_of<'a>(entry: &'a Spanned<DeValue<'_>>) -> Option<&'a str> {
    let DeValue::Table(table) = entry.get_ref() else { return None };
    let (_, value) = table.iter().find(|(key, _)| key.get_ref().as_ref() == "name")?;
    match value.get_ref() {
        DeValue::String(name) => Some(name.as_ref()),
        _ => None,
    }
}

/// The list that a rule stands in.
fn list_of(text: &str, rule: &str) -> &'static str {
    let is_in = |list: &str| {
        let root = DeTable::parse(text).ok()?;
        match enter(root.get_ref(), list, &mut None)?.get_ref() {
            DeValue::Array(all) => all.iter().any(|one| name_of(one) == Some(rule)).then_some(()),
            _ => None,
        }
    };
    if is_in("rules").is_some() { "rules" } else { "routing" }
}

/// Place within the condition of a rule, as a place in the file. Escapes in the text of a condition may
/// move the column.
fn of_condition(text: &str, rule: &str, within: Place) -> Option<Place> {
    let root = DeTable::parse(text).ok()?;
    let lists = ["rules", "routing"].into_iter().filter_map(|list| {
        match enter(root.get_ref(), list, &mut None)?.get_ref() {
            DeValue::Array(entries) => Some(entries),
            _ => None,
        }
    });
    let entry = lists.flat_map(|list| list.iter()).find(|entry| name_of(entry) == Some(rule))?;
    let DeValue::Table(table) = entry.get_ref() else { return None };
    let span = enter(table, "when", &mut None)?.span();
    let raw = text.get(span.clone())?;
    let quotes = if raw.starts_with("\"\"\"") || raw.starts_with("'''") { 3 } else { 1 };
    let mut start = span.start + quotes;
    if quotes == 3 {
        // The first line break after the quotes is no part of the text.
        let rest = text.get(start..)?;
        start += if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) };
    }
    let first = place(text, start);
    let line = first.line + within.line.saturating_sub(1);
    let column = match within.line {
        0 | 1 => first.column + within.column.saturating_sub(1),
        _ => within.column,
    };
    Some(Place { line, column })
}
