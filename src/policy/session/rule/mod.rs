//! Conditions of rules, in CEL (the Common Expression Language) cut down to what a policy needs:
//! literals, known names, comparisons, `&&`, `||`, `!`, `?:`, `in` a list, and `+ - * /` on numbers.
//! No macros, no comprehensions, no calls, no fields, so every condition ends after a bounded number of
//! steps. Types, names, values of closed sets and guards are checked when the file is loaded.

mod check;
mod scope;
mod values;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use cel::parser::ParseErrors;
use cel::{Context, Env, IdedExpr, Value};

pub(super) use check::Names;
pub(super) use scope::{DECISION_SCOPE, ROUTING_SCOPE, Scope};
pub(super) use values::{Samples, Values, decision_values, routing_values};

/// Longest condition, in bytes.
pub const MAX_CONDITION_BYTES: usize = 1_024;
/// Most nodes of its tree.
pub const MAX_CONDITION_NODES: usize = 128;
/// Deepest nesting of its grammar; also what keeps the parser's own recursion short.
const MAX_DEPTH: u16 = 24;

/// The operators of CEL without its macros. The extra names it knows are refused by the check.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::default().with_stdlib()));

/// What is wrong with a condition, and where in it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fault {
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// In words.
    pub why: String,
}

/// Values as the evaluator wants them; made once for all conditions of a decision.
pub(super) struct Bound(Context<'static, 'static>);

impl Bound {
    /// Binds the values to their names.
    pub fn new(values: &Values) -> Self {
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        for (name, value) in values.iter() {
            context.add_variable_from_value(*name, value.clone());
        }
        Self(context)
    }
}

/// A condition that was parsed, checked and tried.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    expression: IdedExpr,
    names: BTreeSet<String>,
}

impl Condition {
    /// Parses and checks a condition over the names of `scope`, and tries it on `samples`.
    pub fn compile(
        text: &str,
        scope: Scope,
        names: &Names,
        samples: &Samples,
    ) -> Result<Self, Fault> {
        check_text(text)?;
        let parser = Env::default().parser().max_recursion_depth(MAX_DEPTH).error_recovery_limit(1);
        let (expression, places) =
            parser.parse_with_source_info(text).map_err(|errors| first_fault(&errors))?;
        let place = |id: u64| {
            let start = places.offset_for(id).map_or(0, |(start, _)| start as usize);
            position(text, start)
        };
        let names = check::check(&expression, scope, names).map_err(|(id, why)| {
            let (line, column) = place(id);
            Fault { line, column, why }
        })?;
        let condition = Self { expression, names };
        for (name, values) in samples.iter() {
            condition.holds(&Bound::new(values)).map_err(|why| Fault {
                line: 1,
                column: 1,
                why: format!("fails on the sample `{name}`: {why}"),
            })?;
        }
        Ok(condition)
    }

    /// Whether the value of this name plays a part.
    pub fn looks_at(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// Why it has no value, e.g. a whole number divided by zero.
    pub fn holds(&self, values: &Bound) -> Result<bool, String> {
        match values.0.resolve(&self.expression) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(other) => {
                Err(format!("a condition is true or false, this one is a {}", other.type_of()))
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

fn check_text(text: &str) -> Result<(), Fault> {
    let fault = |at, why| {
        let (line, column) = position(text, at);
        Fault { line, column, why }
    };
    if text.len() > MAX_CONDITION_BYTES {
        let got = text.len();
        let why = format!("a condition has at most {MAX_CONDITION_BYTES} bytes, got {got}");
        return Err(fault(0, why));
    }
    // Offsets of the parser count characters: with ASCII alone they are bytes, too.
    let odd = |b: u8| !(b.is_ascii_graphic() || b == b' ' || b == b'\n');
    match text.bytes().position(odd) {
        Some(at) => {
            let why = "only printable ASCII characters, spaces and line ends are permitted";
            Err(fault(at, why.into()))
        }
        None => Ok(()),
    }
}

/// Line and column, from 1, of a byte offset.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset.min(text.len())).unwrap_or("");
    let line = before.matches('\n').count() + 1;
    let column = before.len() - before.rfind('\n').map_or(0, |end| end + 1) + 1;
    (line, column)
}

fn first_fault(errors: &ParseErrors) -> Fault {
    let number = |n: isize, least: usize| usize::try_from(n).unwrap_or(least).max(least);
    match errors.errors.first() {
        Some(e) => {
            Fault { line: number(e.pos.0, 1), column: number(e.pos.1, 1), why: e.msg.clone() }
        }
        None => Fault { line: 1, column: 1, why: "not an expression".into() },
    }
}

#[cfg(test)]
mod tests;
