//! Personal data out of text on its way through the command line.

use std::io::{BufRead, Read as _, Write};

use super::{AppError, master_key, open_store};
use crate::config::Config;
use crate::conversation::limits::MAX_MESSAGE_BYTES;
use crate::domain::{RedactionMode, TenantId};
use crate::store::Directory;
use crate::usecase::redaction::redacted;

/// Passes lines through without their personal data; how many. Pseudonyms are under the key of the tenant, read from
/// the store, so that they are those of its records; removal needs neither.
///
/// # Errors
/// A line that is longer than 16 KiB or no UTF-8, by its number; what was before it is written.
pub async fn lines(
    config: &Config,
    tenant: &str,
    mode: RedactionMode,
    input: &mut (dyn BufRead + Send),
    output: &mut (dyn Write + Send),
) -> Result<u64, AppError> {
    if mode == RedactionMode::Anonymize {
        return pass(input, output, &|text| {
            crate::conversation::redact::redact(
                text,
                crate::conversation::redact::Redaction::Anonymize,
            )
        });
    }
    let tenant = TenantId::parse(tenant)?;
    let store = open_store(config, &master_key::find(config)?).await?;
    let done = match store.tenant(&tenant) {
        Some(_) => pass(input, output, &|text| redacted(&store, &tenant, mode, text)),
        None => Err(AppError::Refused(format!("there is no tenant {tenant}"))),
    };
    store.close().await;
    done
}

fn pass(
    input: &mut (dyn BufRead + Send),
    output: &mut (dyn Write + Send),
    redact: &dyn Fn(&str) -> String,
) -> Result<u64, AppError> {
    let (mut count, mut line) = (0, Vec::new());
    loop {
        line.clear();
        // A line and its end; one byte more tells a longer one.
        let most = MAX_MESSAGE_BYTES as u64 + 2;
        (&mut *input).take(most).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(count);
        }
        count += 1;
        let ended = line.last() == Some(&b'\n');
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        if text.len() > MAX_MESSAGE_BYTES {
            let limit = MAX_MESSAGE_BYTES;
            return Err(AppError::Refused(format!("line {count}: more than {limit} bytes")));
        }
        let text = std::str::from_utf8(text)
            .map_err(|error| AppError::Refused(format!("line {count}: {error}")))?;
        let end = if ended { "\n" } else { "" };
        write!(output, "{}{end}", redact(text))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(input: &[u8]) -> Result<String, String> {
        let mut output = Vec::new();
        let upper = |text: &str| text.to_uppercase();
        pass(&mut &input[..], &mut output, &upper).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(output).unwrap())
    }

    #[test]
    fn lines_pass_with_their_ends() {
        assert_eq!(passed(b""), Ok(String::new()));
        assert_eq!(passed(b"a\n\nb"), Ok("A\n\nB".to_owned()));
        let longest = vec![b'x'; MAX_MESSAGE_BYTES];
        assert!(passed(&longest).is_ok());
        assert!(passed(&[&longest[..], b"\ny\n"].concat()).is_ok());
        let over = [b"a\n", &longest[..], b"x\n"].concat();
        assert_eq!(passed(&over), Err(format!("line 2: more than {MAX_MESSAGE_BYTES} bytes")));
        assert!(passed(b"a\n\xff\n").is_err_and(|error| error.starts_with("line 2: ")));
    }
}
