//! Static check of a condition: permitted nodes, known names, types, values of closed sets, guards.

use std::collections::BTreeSet;

use cel::IdedExpr;
use cel::common::ast::{Expr, ListExpr, LiteralValue, operators as op};

use super::MAX_CONDITION_NODES;
use super::scope::{Kind, Scope, find};

/// Names that a policy gives itself.
#[derive(Debug, Clone, Default)]
pub(in crate::policy::session) struct Names {
    /// Its intents.
    pub intents: BTreeSet<String>,
    /// Its factors.
    pub factors: BTreeSet<String>,
}

/// Type of a node.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Type {
    Bool,
    Int,
    Double,
    /// Text, and which words it can be.
    Text(Words),
    /// A list of text, and which words its entries can be.
    Texts(Words),
}

/// A set of words.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Words {
    Any,
    Of(&'static [&'static str]),
    Intents,
    Factors,
}

impl Type {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Bool => Self::Bool,
            Kind::Double => Self::Double,
            Kind::Word(words) => Self::Text(Words::Of(words)),
            Kind::Intent => Self::Text(Words::Intents),
            Kind::Text => Self::Text(Words::Any),
            Kind::Factors => Self::Texts(Words::Factors),
        }
    }

    fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Double)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int => "a whole number",
            Self::Double => "a number",
            Self::Text(_) => "text",
            Self::Texts(_) => "a list of text",
        }
    }
}

/// Node and what is wrong with it.
type Wrong = (u64, String);
/// Names known to be true where a node is evaluated.
type Guards = BTreeSet<String>;

/// Checks a whole condition; the names it looks at.
pub(super) fn check(
    expression: &IdedExpr,
    scope: Scope,
    names: &Names,
) -> Result<BTreeSet<String>, Wrong> {
    let mut checker = Checker { scope, names, nodes: 0, looked_at: BTreeSet::new() };
    let found = checker.type_of(expression, &Guards::new())?;
    if found != Type::Bool {
        let why = format!("a condition must be true or false, this one is {}", found.name());
        return Err((expression.id, why));
    }
    Ok(checker.looked_at)
}

struct Checker<'a> {
    scope: Scope,
    names: &'a Names,
    nodes: usize,
    looked_at: BTreeSet<String>,
}

impl Checker<'_> {
    fn type_of(&mut self, node: &IdedExpr, guards: &Guards) -> Result<Type, Wrong> {
        self.nodes += 1;
        if self.nodes > MAX_CONDITION_NODES {
            let why = format!("a condition has at most {MAX_CONDITION_NODES} parts");
            return Err((node.id, why));
        }
        let refuse = |what: &str| Err((node.id, format!("{what} not permitted in a condition")));
        match &node.expr {
            Expr::Literal(literal) => match literal {
                LiteralValue::Boolean(_) => Ok(Type::Bool),
                LiteralValue::Int(_) => Ok(Type::Int),
                LiteralValue::Double(_) => Ok(Type::Double),
                LiteralValue::String(_) => Ok(Type::Text(Words::Any)),
                _ => refuse("bytes, null and unsigned numbers are"),
            },
            Expr::Ident(name) => self.name(node.id, name, guards),
            Expr::List(list) => self.list(node.id, list, guards),
            Expr::Call(call) if call.target.is_none() => {
                self.call(node.id, &call.func_name, &call.args, guards)
            }
            Expr::Call(call) => refuse(&format!("the function `{}` is", call.func_name)),
            Expr::Select(select) => refuse(&format!("the field `{}` is", select.field)),
            Expr::Comprehension(_) => refuse("macros and comprehensions are"),
            Expr::Map(_) | Expr::Struct(_) => refuse("maps and messages are"),
            Expr::Unspecified => refuse("an empty part is"),
        }
    }

    fn name(&mut self, id: u64, name: &str, guards: &Guards) -> Result<Type, Wrong> {
        self.looked_at.insert(name.to_owned());
        let Some(variable) = find(self.scope, name) else {
            return Err((id, format!("`{name}` is not known here")));
        };
        match variable.guard {
            Some(guard) if !guards.contains(guard) => {
                Err((id, format!("`{name}` may be unknown: write `{guard} && …` before it")))
            }
            _ => Ok(Type::of(variable.kind)),
        }
    }

    fn list(&mut self, id: u64, list: &ListExpr, guards: &Guards) -> Result<Type, Wrong> {
        if list.elements.is_empty() || !list.optional_indices.is_empty() {
            return Err((id, "a list needs at least one plain entry".into()));
        }
        for element in &list.elements {
            if self.type_of(element, guards)? != Type::Text(Words::Any) {
                return Err((element.id, "a list may hold only text in quotes".into()));
            }
        }
        Ok(Type::Texts(Words::Any))
    }

    fn call(
        &mut self,
        id: u64,
        name: &str,
        args: &[IdedExpr],
        guards: &Guards,
    ) -> Result<Type, Wrong> {
        match (name, args) {
            (op::LOGICAL_AND | op::LOGICAL_OR, [a, b]) => {
                self.expect_bool(a, guards)?;
                let more = if name == op::LOGICAL_AND { if_true(a) } else { if_false(a) };
                self.expect_bool(b, &guards.union(&more).cloned().collect())?;
                Ok(Type::Bool)
            }
            (op::LOGICAL_NOT, [a]) => {
                self.expect_bool(a, guards)?;
                Ok(Type::Bool)
            }
            (op::CONDITIONAL, [when, a, b]) => {
                self.expect_bool(when, guards)?;
                let a = self.type_of(a, &guards.union(&if_true(when)).cloned().collect())?;
                let other = self.type_of(b, &guards.union(&if_false(when)).cloned().collect())?;
                if a != other {
                    return Err((b.id, "both sides of `?:` must be of one type".into()));
                }
                Ok(a)
            }
            (op::EQUALS | op::NOT_EQUALS, [a, b]) => self.equal(id, a, b, guards),
            (op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, [a, b]) => {
                self.numbers(a, b, guards)?;
                Ok(Type::Bool)
            }
            (op::IN, [a, b]) => self.within(a, b, guards),
            (op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE, [a, b]) => {
                let (x, y) = self.numbers(a, b, guards)?;
                if x != y {
                    let why = "whole numbers and numbers with a fraction do not mix: write 2.0";
                    return Err((id, why.into()));
                }
                Ok(x)
            }
            (op::NEGATE, [a]) => {
                let found = self.type_of(a, guards)?;
                if found.is_number() {
                    Ok(found)
                } else {
                    Err((a.id, "only numbers have a sign".into()))
                }
            }
            _ => Err((id, format!("the function `{name}` is not permitted in a condition"))),
        }
    }

    fn expect_bool(&mut self, node: &IdedExpr, guards: &Guards) -> Result<(), Wrong> {
        match self.type_of(node, guards)? {
            Type::Bool => Ok(()),
            other => Err((node.id, format!("true or false is due here, this is {}", other.name()))),
        }
    }

    fn numbers(
        &mut self,
        a: &IdedExpr,
        b: &IdedExpr,
        guards: &Guards,
    ) -> Result<(Type, Type), Wrong> {
        let mut number = |node: &IdedExpr| match self.type_of(node, guards)? {
            found if found.is_number() => Ok(found),
            other => Err((node.id, format!("a number is due here, this is {}", other.name()))),
        };
        Ok((number(a)?, number(b)?))
    }

    fn equal(
        &mut self,
        id: u64,
        a: &IdedExpr,
        b: &IdedExpr,
        guards: &Guards,
    ) -> Result<Type, Wrong> {
        let (x, y) = (self.type_of(a, guards)?, self.type_of(b, guards)?);
        match (x, y) {
            (Type::Text(words), Type::Text(Words::Any)) => self.word(b, words)?,
            (Type::Text(Words::Any), Type::Text(words)) => self.word(a, words)?,
            (Type::Bool, Type::Bool) | (Type::Text(_), Type::Text(_)) => {}
            (x, y) if x.is_number() && y.is_number() => {}
            (x, y) => {
                return Err((id, format!("{} is never equal to {}", x.name(), y.name())));
            }
        }
        Ok(Type::Bool)
    }

    fn within(&mut self, a: &IdedExpr, b: &IdedExpr, guards: &Guards) -> Result<Type, Wrong> {
        match (self.type_of(a, guards)?, self.type_of(b, guards)?) {
            (Type::Text(words), Type::Texts(Words::Any)) => {
                if let Expr::List(list) = &b.expr {
                    for element in &list.elements {
                        self.word(element, words)?;
                    }
                }
            }
            (Type::Text(Words::Any), Type::Texts(words)) => self.word(a, words)?,
            (Type::Text(_), Type::Texts(_)) => {}
            (_, other) => {
                return Err((
                    b.id,
                    format!("`in` is for text in a list, this is {}", other.name()),
                ));
            }
        }
        Ok(Type::Bool)
    }

    /// A literal that stands for a word must be one of the set.
    fn word(&self, node: &IdedExpr, words: Words) -> Result<(), Wrong> {
        let Expr::Literal(LiteralValue::String(text)) = &node.expr else { return Ok(()) };
        let text = text.inner();
        let refuse = |known: String| {
            Err((node.id, format!("{text:?} is never the value here; known are {known}")))
        };
        let own = |set: &BTreeSet<String>| {
            if set.contains(text) {
                return Ok(());
            }
            refuse(set.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
        };
        match words {
            Words::Any => Ok(()),
            Words::Of(set) if set.contains(&text) => Ok(()),
            Words::Of(set) => refuse(set.join(", ")),
            Words::Intents => own(&self.names.intents),
            Words::Factors => own(&self.names.factors),
        }
    }
}

/// Names that are true when the node is.
fn if_true(node: &IdedExpr) -> Guards {
    match &node.expr {
        Expr::Ident(name) => Guards::from([name.clone()]),
        Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
            (op::LOGICAL_AND, [a, b]) => if_true(a).union(&if_true(b)).cloned().collect(),
            (op::LOGICAL_NOT, [a]) => if_false(a),
            _ => Guards::new(),
        },
        _ => Guards::new(),
    }
}

/// Names that are true when the node is false.
fn if_false(node: &IdedExpr) -> Guards {
    let Expr::Call(call) = &node.expr else { return Guards::new() };
    match (call.func_name.as_str(), call.args.as_slice()) {
        (op::LOGICAL_OR, [a, b]) => if_false(a).union(&if_false(b)).cloned().collect(),
        (op::LOGICAL_NOT, [a]) => if_true(a),
        _ => Guards::new(),
    }
}
