//! Addresses: e-mail, web, Internet protocol.

use super::text::{Text, is_digit};
use super::{Found, PersonalData};

fn is_local(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-' | '\'' | '=')
}

fn is_host(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '-' | '_')
}

/// `scheme://…` and `www.…` with a user, port, path, query or fragment. A bare site stays.
pub(super) fn urls(text: &Text, found: &mut Vec<Found>) {
    let mut i = 0;
    while i < text.chars.len() {
        let Some((start, host)) = url_start(text, i) else {
            i += 1;
            continue;
        };
        let end = text.while_from(host, |c| !c.is_whitespace() && !matches!(c, '<' | '>' | '"'));
        let site = text.while_from(host, is_host);
        let rest = text.chars.get(site..end).unwrap_or_default();
        if rest.iter().any(|c| c.is_alphanumeric() || *c == '@') {
            found.push(Found { kind: PersonalData::Url, start, end });
        }
        i = end.max(i + 1);
    }
}

/// First character of a web address and of its host, where one starts at or around `i`.
fn url_start(text: &Text, i: usize) -> Option<(usize, usize)> {
    let here = |what: &str| {
        what.chars()
            .enumerate()
            .all(|(k, c)| text.at(i + k).map(|x| x.to_ascii_lowercase()) == Some(c))
    };
    if here("://") {
        let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        return Some((text.while_before(i, is_scheme), i + 3));
    }
    let begins = !text.before(i).is_some_and(|c| c.is_alphanumeric() || c == '/' || c == '@');
    (begins && here("www.")).then_some((i, i))
}

/// Whatever has an `@` between letters or digits.
pub(super) fn emails(text: &Text, found: &mut Vec<Found>) {
    let mut i = 0;
    while i < text.chars.len() {
        if text.chars[i] != '@' {
            i += 1;
            continue;
        }
        let start = text.while_before(i, is_local);
        // Chains such as `a@b@c` are taken whole.
        let end = text.while_from(i, |c| is_host(c) || c == '@');
        let host = text.chars.get(i..end).unwrap_or_default();
        let is_address = start < i && host.iter().any(|c| c.is_alphanumeric());
        if is_address {
            let end = text.while_before(end, |c| !c.is_alphanumeric());
            found.push(Found { kind: PersonalData::Email, start, end });
        }
        i = end.max(i + 1);
    }
}

/// IPv4, with or without port, and IPv6.
pub(super) fn ips(text: &Text, found: &mut Vec<Found>) {
    let is_part = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':');
    let mut i = 0;
    while i < text.chars.len() {
        let end = text.while_from(i, is_part);
        if end == i {
            i += 1;
            continue;
        }
        let whole = !text.before(i).is_some_and(char::is_alphanumeric)
            && !text.at(end).is_some_and(char::is_alphanumeric);
        // A point or colon that ends the sentence is no part of it.
        let last =
            text.while_before(end, |c| c == '.' || (c == ':' && text.before(end) != Some(':')));
        let token: String = text.chars.get(i..last).unwrap_or_default().iter().collect();
        if whole && is_ip(&token) {
            found.push(Found { kind: PersonalData::Ip, start: i, end: last });
        }
        i = end;
    }
}

fn is_ip(token: &str) -> bool {
    let with_port = token.rsplit_once(':').filter(|(_, port)| port.chars().all(is_digit));
    let address = with_port.map_or(token, |(host, _)| host);
    token.parse::<core::net::IpAddr>().is_ok() && token.len() > 2
        || address.parse::<core::net::Ipv4Addr>().is_ok()
}
