//! Environment variables over the file: `VOUCH_<SECTION>_<FIELD>`, typed like the field's default.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::{Config, ConfigError};

/// Begins the name of every variable of ours.
const PREFIX: &str = "VOUCH_";

/// Fields without a default; all are texts.
const OPTIONAL: &[&[&str]] = &[
    &["server", "tls", "cert_file"],
    &["server", "tls", "key_file"],
    &["server", "tls", "client_ca_file"],
    &["models", "dir"],
    &["models", "behavior"],
];

struct Field {
    path: Vec<String>,
    /// Of the type it must have.
    example: Value,
}

/// Puts the variables that name a field into the table. A variable that begins with a section's
/// prefix and names no field is an error; other variables are not ours.
pub fn apply(
    table: &mut Table,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<(), ConfigError> {
    let defaults = Table::try_from(Config::default()).expect("settings are plain values");
    let sections: Vec<String> =
        defaults.keys().map(|section| format!("{PREFIX}{}_", section.to_uppercase())).collect();
    let fields = fields(&defaults);
    // Sorted, so that the first error does not depend on the order of the environment.
    let variables: BTreeMap<String, String> = variables
        .filter(|(name, _)| sections.iter().any(|section| name.starts_with(section)))
        .collect();
    for (name, text) in variables {
        let Some(field) = fields.get(&name) else {
            let problem = "names no setting".to_owned();
            return Err(ConfigError::Environment { name, problem });
        };
        match read(&text, &field.example) {
            Some(value) => put(table, &field.path, value),
            None => {
                let problem = format!("needs {}, got {text:?}", field.example.type_str());
                return Err(ConfigError::Environment { name, problem });
            }
        }
    }
    Ok(())
}

fn fields(defaults: &Table) -> BTreeMap<String, Field> {
    let mut found = Vec::new();
    leaves(&mut Vec::new(), defaults, &mut found);
    for path in OPTIONAL {
        found.push(Field {
            path: path.iter().map(|&part| part.to_owned()).collect(),
            example: Value::String(String::new()),
        });
    }
    found
        .into_iter()
        .map(|field| (format!("{PREFIX}{}", field.path.join("_").to_uppercase()), field))
        .collect()
}

fn leaves(path: &mut Vec<String>, table: &Table, found: &mut Vec<Field>) {
    for (key, value) in table {
        path.push(key.clone());
        match value {
            Value::Table(inner) => leaves(path, inner, found),
            leaf => found.push(Field { path: path.clone(), example: leaf.clone() }),
        }
        path.pop();
    }
}

fn read(text: &str, example: &Value) -> Option<Value> {
    match example {
        Value::String(_) => Some(Value::String(text.to_owned())),
        Value::Integer(_) => text.parse().ok().map(Value::Integer),
        Value::Float(_) => text.parse().ok().map(Value::Float),
        Value::Boolean(_) => text.parse().ok().map(Value::Boolean),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

fn put(table: &mut Table, path: &[String], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    if rest.is_empty() {
        table.insert(first.clone(), value);
        return;
    }
    let inner = table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new()));
    // Anything else than a table was refused when the file was parsed.
    if let Value::Table(inner) = inner {
        put(inner, rest, value);
    }
}
