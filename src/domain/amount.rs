//! A sum of money, as an intent names it.

/// Why an amount is none.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AmountError {
    /// Negative, not a number or over [`MAX_AMOUNT`].
    #[error("an amount lies between 0 and {MAX_AMOUNT}, got {0}")]
    Value(f64),
    /// Not three capital letters.
    #[error("a currency is three capital letters (ISO 4217), got {0:?}")]
    Currency(String),
}

/// Largest amount, in units of its currency.
pub const MAX_AMOUNT: f64 = 1e12;

/// A sum of money.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "PlainAmount", into = "PlainAmount")]
pub struct Amount {
    value: f64,
    currency: String,
}

/// An amount before it was checked.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainAmount {
    value: f64,
    currency: String,
}

impl Amount {
    /// Checks a sum: `value` in units of the currency, `currency` by ISO 4217.
    pub fn new(value: f64, currency: &str) -> Result<Self, AmountError> {
        if !(0.0..=MAX_AMOUNT).contains(&value) {
            return Err(AmountError::Value(value));
        }
        if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
            let start = currency.chars().take(8).collect();
            return Err(AmountError::Currency(start));
        }
        Ok(Self { value, currency: currency.to_owned() })
    }

    /// In units of the currency.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// By ISO 4217.
    pub fn currency(&self) -> &str {
        &self.currency
    }
}

impl TryFrom<PlainAmount> for Amount {
    type Error = AmountError;
    fn try_from(plain: PlainAmount) -> Result<Self, AmountError> {
        Self::new(plain.value, &plain.currency)
    }
}

impl From<Amount> for PlainAmount {
    fn from(amount: Amount) -> Self {
        Self { value: amount.value, currency: amount.currency }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_checked() {
        assert_eq!(Amount::new(12_000.0, "EUR").map(|a| a.value()), Ok(12_000.0));
        for value in [-1.0, f64::NAN, f64::INFINITY, 1e13] {
            assert!(matches!(Amount::new(value, "EUR"), Err(AmountError::Value(_))), "{value}");
        }
        for currency in ["", "eur", "EURO", "E\u{dc}"] {
            assert!(matches!(Amount::new(1.0, currency), Err(AmountError::Currency(_))));
        }
        assert!(serde_json::from_str::<Amount>(r#"{"value":-1.0,"currency":"EUR"}"#).is_err());
    }
}
