//! The fields of a certificate for people: subject, issuer, names, validity. RFC 5280, in DER
//! (X.690).
//!
//! They are read only to be shown and for `--min-days`. Whether to trust a certificate is decided
//! by webpki, which does not expose these fields.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The most names of one certificate that are kept.
const MOST_NAMES: usize = 100;

/// The fields of a certificate; text is not escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// `CN=example.org, O=Example`: RFC 4514's order, the most specific first.
    pub subject: String,
    /// The issuer, in the same form.
    pub issuer: String,
    /// The host names and addresses that it is valid for (`subjectAltName`).
    pub names: Vec<String>,
    /// The first second of its validity, since the epoch.
    pub not_before: i64,
    /// The last second of its validity, since the epoch.
    pub not_after: i64,
    /// Whether it names itself as its issuer.
    pub is_self_signed: bool,
    /// Whether it is of X.509 version 1, which has no extensions and therefore no names.
    pub is_version_1: bool,
}

/// The parts of a certificate, in DER: RFC 5280, 4.1.
#[derive(Debug)]
pub struct Parts<'a> {
    is_version_1: bool,
    /// The content of its issuer's name.
    pub issuer: &'a [u8],
    validity: &'a [u8],
    /// The content of its own name.
    pub subject: &'a [u8],
    /// The algorithm of its key: the content of the `AlgorithmIdentifier`.
    pub key_algorithm: &'a [u8],
    /// Its key, in the encoding of the algorithm.
    key: &'a [u8],
    /// What follows the key.
    rest: &'a [u8],
    /// The algorithm of its signature: the content of the `AlgorithmIdentifier`.
    pub signature_algorithm: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Parses DER; `None` if it is not a certificate.
    pub fn parse(der: &'a [u8]) -> Option<Self> {
        let mut certificate = expect(SEQUENCE, &mut { der })?;
        let mut tbs = expect(SEQUENCE, &mut certificate)?;
        let signature_algorithm = expect(SEQUENCE, &mut certificate)?;
        // [0] EXPLICIT Version, absent from version 1.
        let is_version_1 = tbs.first() != Some(&CONTEXT_0);
        if !is_version_1 {
            next(&mut tbs)?;
        }
        expect(INTEGER, &mut tbs)?;
        expect(SEQUENCE, &mut tbs)?;
        let issuer = expect(SEQUENCE, &mut tbs)?;
        let validity = expect(SEQUENCE, &mut tbs)?;
        let subject = expect(SEQUENCE, &mut tbs)?;
        let mut key_info = expect(SEQUENCE, &mut tbs)?;
        let key_algorithm = expect(SEQUENCE, &mut key_info)?;
        let key = expect(BIT_STRING, &mut key_info)?;
        Some(Parts {
            is_version_1,
            issuer,
            validity,
            subject,
            key_algorithm,
            key,
            rest: tbs,
            signature_algorithm,
        })
    }

    /// Returns the length of its key in bits, if it is an RSA key: RFC 8017, A.1.1.
    pub fn rsa_bits(&self) -> Option<usize> {
        // A BIT STRING begins with the number of unused bits in its last byte, which is 0 for a
        // key.
        let mut key = self.key.strip_prefix(&[0])?;
        let modulus = expect(INTEGER, &mut expect(SEQUENCE, &mut key)?)?;
        let start = modulus.iter().position(|&byte| byte != 0)?;
        let digits = modulus.get(start..)?;
        Some(digits.len() * 8 - digits.first()?.leading_zeros() as usize)
    }
}

impl Certificate {
    /// Parses DER; `None` if it is not a certificate.
    pub fn parse(der: &[u8]) -> Option<Self> {
        let mut parts = Parts::parse(der)?;
        let not_before = time(next(&mut parts.validity)?)?;
        let not_after = time(next(&mut parts.validity)?)?;
        let mut names = Vec::new();
        while let Some((tag, mut content)) = next(&mut parts.rest) {
            if tag == CONTEXT_3 {
                names = alternative_names(expect(SEQUENCE, &mut content)?).unwrap_or_default();
            }
        }
        Some(Certificate {
            subject: name(parts.subject)?,
            issuer: name(parts.issuer)?,
            names,
            not_before,
            not_after,
            is_self_signed: parts.subject == parts.issuer,
            is_version_1: parts.is_version_1,
        })
    }

    /// Returns how many whole days of its validity are left at `now`, in seconds since the epoch;
    /// negative if it has expired.
    pub fn days_left(&self, now: i64) -> i64 {
        (self.not_after - now).div_euclid(DAY)
    }
}

/// Returns a subject or issuer for people: it may be empty.
pub fn shown(name: &str) -> &str {
    if name.is_empty() { "no name" } else { name }
}

pub use crate::units::{DAY, date};

pub const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
pub const OBJECT_IDENTIFIER: u8 = 0x06;
pub const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const BMP_STRING: u8 = 0x1e;
const CONTEXT_0: u8 = 0xa0;
const CONTEXT_3: u8 = 0xa3;
/// 2.5.29.17, subjectAltName.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// Takes the tag and content of the first value of `input`, which is always shorter afterwards, so
/// that a loop over it ends. Lengths of up to four bytes are supported.
pub fn next<'a>(input: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&tag, rest) = input.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let length = if first < 0x80 {
        usize::from(first)
    } else {
        let (digits, tail) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.len() > 4 {
            return None;
        }
        rest = tail;
        digits.iter().fold(0_usize, |length, &digit| length << 8 | usize::from(digit))
    };
    let (content, rest) = rest.split_at_checked(length)?;
    debug_assert!(rest.len() < input.len(), "a value has a tag and a length at least");
    *input = rest;
    Some((tag, content))
}

/// Takes the content of the next value; `None` if it has another tag.
pub fn expect<'a>(tag: u8, input: &mut &'a [u8]) -> Option<&'a [u8]> {
    next(input).filter(|&(found, _)| found == tag).map(|(_, content)| content)
}

/// Returns a distinguished name: RFC 5280, 4.1.2.4. Attribute types without a name in RFC 4514 are
/// skipped.
pub fn name(mut sequence: &[u8]) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    while !sequence.is_empty() {
        let mut set = expect(SET, &mut sequence)?;
        while !set.is_empty() {
            let mut attribute = expect(SEQUENCE, &mut set)?;
            let kind = match expect(OBJECT_IDENTIFIER, &mut attribute)? {
                [0x55, 4, 3] => "CN",
                [0x55, 4, 6] => "C",
                [0x55, 4, 7] => "L",
                [0x55, 4, 8] => "ST",
                [0x55, 4, 10] => "O",
                [0x55, 4, 11] => "OU",
                _ => continue,
            };
            let (tag, value) = next(&mut attribute)?;
            parts.push(format!("{kind}={}", text(tag, value)));
        }
    }
    parts.reverse();
    Some(parts.join(", "))
}

/// Decodes the string types of X.520. All but `BMPString` are supersets of ASCII in practice.
fn text(tag: u8, value: &[u8]) -> String {
    if tag == BMP_STRING {
        let units =
            value.chunks_exact(2).map(|pair| pair.iter().fold(0, |unit, &b| unit << 8 | u16::from(b)));
        return char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    }
    String::from_utf8_lossy(value).into_owned()
}

/// Returns the names in the extension `subjectAltName`: RFC 5280, 4.2.1.6.
fn alternative_names(mut extensions: &[u8]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    while !extensions.is_empty() {
        let mut extension = expect(SEQUENCE, &mut extensions)?;
        if expect(OBJECT_IDENTIFIER, &mut extension)? != SUBJECT_ALT_NAME {
            continue;
        }
        // A BOOLEAN may come first: whether the extension is critical.
        while let Some((tag, mut value)) = next(&mut extension) {
            if tag != OCTET_STRING {
                continue;
            }
            let mut general_names = expect(SEQUENCE, &mut value)?;
            while let Some((kind, name)) = next(&mut general_names)
                && names.len() < MOST_NAMES
            {
                names.extend(general_name(kind, name));
            }
        }
    }
    Some(names)
}

/// Returns a `dNSName` or `iPAddress`; the other kinds are not used here.
fn general_name(kind: u8, name: &[u8]) -> Option<String> {
    match kind {
        0x82 => Some(String::from_utf8_lossy(name).into_owned()),
        0x87 if name.len() == 4 => <[u8; 4]>::try_from(name).ok().map(|ip| Ipv4Addr::from(ip).to_string()),
        0x87 => <[u8; 16]>::try_from(name).ok().map(|ip| Ipv6Addr::from(ip).to_string()),
        _ => None,
    }
}

/// Parses `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`: RFC 5280, 4.1.2.5.
fn time((tag, digits): (u8, &[u8])) -> Option<i64> {
    let digits = digits.strip_suffix(b"Z")?;
    let (year, rest) = digits.split_at_checked(match tag {
        UTC_TIME => 2,
        GENERALIZED_TIME => 4,
        _ => return None,
    })?;
    let year = match (tag, number(year)?) {
        (UTC_TIME, short) if short < 50 => 2000 + short,
        (UTC_TIME, short) => 1900 + short,
        (_, year) => year,
    };
    let mut parts = rest.chunks_exact(2).map(number);
    let mut part = || parts.next().flatten();
    let (month, day, hour, minute, second) = (part()?, part()?, part()?, part()?, part()?);
    if !(1..=12).contains(&month) {
        return None;
    }
    Some(days_to(year, month, day) * DAY + hour * 3600 + minute * 60 + second)
}

fn number(digits: &[u8]) -> Option<i64> {
    std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()
}

/// Returns the days from the epoch to this date of the Gregorian calendar. Years begin in March
/// here, so that the leap day is their last.
fn days_to(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    // From the first of March of the year 0 to the epoch there are 719,468 days.
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_there_and_back() {
        for (text, seconds) in [
            ("1970-01-01", 0),
            ("1969-12-31", -1),
            ("2000-02-29", 951_782_400),
            ("2026-11-25", 1_795_564_800),
            ("2038-01-19", i64::from(i32::MAX)),
            ("2100-03-01", 4_107_542_400),
            ("9999-12-31", 253_402_300_799),
        ] {
            assert_eq!(date(seconds), text);
            let parts: Vec<i64> = text.split('-').map(|part| part.parse().unwrap()).collect();
            assert_eq!(days_to(parts[0], parts[1], parts[2]), seconds.div_euclid(DAY), "{text}");
        }
    }

    #[test]
    fn times() {
        assert_eq!(time((UTC_TIME, b"700101000000Z")), Some(0));
        assert_eq!(time((UTC_TIME, b"491231235959Z")), Some(2_524_607_999));
        assert_eq!(time((GENERALIZED_TIME, b"99991231235959Z")), Some(253_402_300_799));
        for odd in [&b""[..], b"Z", b"7001010000Z", b"70010100000Z", b"701301000000Z", b"7+0101000000Z"] {
            assert_eq!(time((UTC_TIME, odd)), None, "{odd:?}");
        }
        assert_eq!(time((SEQUENCE, b"700101000000Z")), None);
    }

    // Created with: openssl req -x509 -newkey ed25519 -nodes -days 30 -subj '/O=Acme/CN=app'
    // -outform DER
    //     -addext 'subjectAltName=DNS:app.example,DNS:*.app.example,IP:127.0.0.1,IP:::1,email:x@y'
    const ACME: &[u8] = include_bytes!("../../../tests/fixtures/certificate-ed25519-names.der");

    #[test]
    fn a_certificate() {
        let certificate = Certificate::parse(ACME).unwrap();
        assert_eq!(
            (certificate.subject.as_str(), certificate.issuer.as_str()),
            ("CN=app, O=Acme", "CN=app, O=Acme")
        );
        assert!(certificate.is_self_signed && !certificate.is_version_1);
        assert_eq!(certificate.names, ["app.example", "*.app.example", "127.0.0.1", "::1"]);
        assert_eq!(certificate.not_after - certificate.not_before, 30 * DAY);
        assert_eq!(certificate.days_left(certificate.not_after - DAY), 1);
        assert_eq!(certificate.days_left(certificate.not_after + 1), -1);
    }

    #[test]
    fn truncated_and_changed_certificates_do_not_panic() {
        for length in 0..ACME.len() {
            assert_eq!(Certificate::parse(&ACME[..length]), None, "{length}");
        }
        for at in 0..ACME.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut odd = ACME.to_vec();
                odd[at] ^= change;
                let _ = Certificate::parse(&odd);
                let _ = Parts::parse(&odd).and_then(|parts| parts.rsa_bits());
            }
        }
    }
}
