//! Names for keys and signatures that this build cannot verify, and which certificate of a chain
//! has them. The names are those of openssl(1) and RFC 3279, 4055, 5758 and 8410; identifiers are
//! compared as DER.

use std::fmt::Write as _;

use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm};

use super::certificate::{self, INTEGER, OBJECT_IDENTIFIER, Parts, SEQUENCE, expect, next, shown};

/// The sizes of RSA keys that ring verifies, in bits.
const RSA_BITS: (usize, usize) = (2048, 8192);
/// The most certificates of a chain that are examined; webpki itself follows at most six issuers.
const LONGEST_CHAIN: usize = 8;
/// The option that accepts such a certificate.
const INSECURE: &str = "(--insecure accepts it)";

/// 1.2.840.113549.1.1, PKCS #1.
const PKCS_1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1];
/// The last number of RSASSA-PSS there, for both a key and a signature.
const PSS: u8 = 10;
/// 1.2.840.10045, ANSI X9.62.
const X9_62: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d];
/// 1.2.840.10040.4, DSA.
const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 4];
/// 1.3.132.0, the curves of SECG.
const SECG: &[u8] = &[0x2b, 0x81, 0x04, 0];
/// 1.3.36.3.3.2.8.1.1, the Brainpool curves.
const BRAINPOOL: &[u8] = &[0x2b, 0x24, 3, 3, 2, 8, 1, 1];
/// 2.16.840.1.101.3.4, NIST's algorithms.
const NIST: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4];

/// Returns which certificate has a key or a signature that cannot be verified here, from the
/// server's own up to the trusted one; `None` if none has.
pub fn fault(
    presented: &[u8],
    intermediates: &[CertificateDer<'_>],
    roots: &[CertificateDer<'_>],
    verifiable: &[&dyn SignatureVerificationAlgorithm],
) -> Option<String> {
    let mut whose = "the server's certificate".to_owned();
    let mut parts = Parts::parse(presented)?;
    for _ in 0..LONGEST_CHAIN {
        if let Some(fault) = weak_key(&parts) {
            return Some(format!("{whose} has {fault}"));
        }
        let named = |der: &CertificateDer<'_>| {
            Parts::parse(der).is_some_and(|candidate| candidate.subject == parts.issuer)
        };
        let root = roots.iter().find(|der| named(der));
        let issuer = root.or_else(|| intermediates.iter().find(|der| named(der)));
        let issuer = issuer.and_then(|der| Parts::parse(der));
        // Without the issuer its key is unknown, and any that fits the signature is assumed.
        let is_verifiable = verifiable.iter().any(|algorithm| {
            algorithm.signature_alg_id().as_ref() == parts.signature_algorithm
                && issuer
                    .as_ref()
                    .is_none_or(|issuer| algorithm.public_key_alg_id().as_ref() == issuer.key_algorithm)
        });
        if !is_verifiable {
            let by = issuer.map(|issuer| format!(" ({} key)", key_name(issuer.key_algorithm)));
            let signature = signature_name(parts.signature_algorithm);
            let by = by.unwrap_or_default();
            return Some(format!(
                "{whose} is signed with {signature}{by}, which this build does not support {INSECURE}"
            ));
        }
        let issuer = issuer?;
        let name = certificate::name(issuer.subject).unwrap_or_default();
        let kind = if root.is_some() { "CA" } else { "intermediate" };
        whose = format!("the {kind} certificate ({})", shown(&name));
        if root.is_some() {
            // The signature of a trusted certificate does not matter.
            return weak_key(&issuer).map(|fault| format!("{whose} has {fault}"));
        }
        parts = issuer;
    }
    None
}

/// Returns why the server's own key cannot be used here; `None` if it can.
pub fn key_fault(presented: &[u8], verifiable: &[&dyn SignatureVerificationAlgorithm]) -> Option<String> {
    let parts = Parts::parse(presented)?;
    let is_known = verifiable.iter().any(|known| known.public_key_alg_id().as_ref() == parts.key_algorithm);
    let fault = weak_key(&parts).or_else(|| {
        let name = key_name(parts.key_algorithm);
        (!is_known).then(|| format!("a key of type {name}, which this build does not support {INSECURE}"))
    })?;
    Some(format!("the server's certificate has {fault}"))
}

/// Returns `an RSA key of 1024 bits; …`; `None` if its size is supported.
fn weak_key(parts: &Parts<'_>) -> Option<String> {
    let kind = identifier(parts.key_algorithm).0.strip_prefix(PKCS_1)?;
    let bits = parts.rsa_bits().filter(|_| matches!(kind, [1 | PSS]))?;
    let (least, most) = RSA_BITS;
    let expected = match bits {
        bits if bits < least => format!("at least {least} are required"),
        bits if bits > most => format!("at most {most} are supported"),
        _ => return None,
    };
    Some(format!("an RSA key of {bits} bits; {expected} {INSECURE}"))
}

/// Returns the object identifier of an `AlgorithmIdentifier`, and its parameters: RFC 5280,
/// 4.1.1.2.
fn identifier(mut algorithm: &[u8]) -> (&[u8], &[u8]) {
    (expect(OBJECT_IDENTIFIER, &mut algorithm).unwrap_or_default(), algorithm)
}

/// Returns the name of a signature's algorithm: `ecdsa-with-SHA512`.
fn signature_name(algorithm: &[u8]) -> String {
    let (oid, parameters) = identifier(algorithm);
    let rsa = |kind: &[u8]| {
        Some(match kind {
            [2] => "md2WithRSAEncryption",
            [3] => "md4WithRSAEncryption",
            [4] => "md5WithRSAEncryption",
            [5] => "sha1WithRSAEncryption",
            [11] => "sha256WithRSAEncryption",
            [12] => "sha384WithRSAEncryption",
            [13] => "sha512WithRSAEncryption",
            [14] => "sha224WithRSAEncryption",
            _ => return None,
        })
    };
    let ecdsa = |kind: &[u8]| {
        Some(match kind {
            [4, 1] => "ecdsa-with-SHA1",
            [4, 3, 1] => "ecdsa-with-SHA224",
            [4, 3, 2] => "ecdsa-with-SHA256",
            [4, 3, 3] => "ecdsa-with-SHA384",
            [4, 3, 4] => "ecdsa-with-SHA512",
            _ => return None,
        })
    };
    let nist = |kind: &[u8]| {
        Some(match kind {
            [3, 1] => "dsa_with_SHA224",
            [3, 2] => "dsa_with_SHA256",
            [3, 3] => "dsa_with_SHA384",
            [3, 4] => "dsa_with_SHA512",
            [3, 9..=12] => "ecdsa-with-SHA3",
            [3, 13..=16] => "RSA with SHA3",
            [3, 17..=19] => "ML-DSA",
            _ => return None,
        })
    };
    let known = match oid {
        [0x2b, 0x65, 0x70] => Some("ED25519"),
        [0x2b, 0x65, 0x71] => Some("ED448"),
        _ if oid == [DSA, &[3]].concat() => Some("dsaWithSHA1"),
        _ if oid == [PKCS_1, &[PSS]].concat() => return pss_name(parameters),
        _ => (oid.strip_prefix(PKCS_1).and_then(rsa))
            .or_else(|| oid.strip_prefix(X9_62).and_then(ecdsa))
            .or_else(|| oid.strip_prefix(NIST).and_then(nist)),
    };
    known.map_or_else(|| dotted(oid), str::to_owned)
}

/// Returns `RSASSA-PSS (SHA-256, salt of 222 bytes)`: RFC 8017, A.2.3.
fn pss_name(mut parameters: &[u8]) -> String {
    let (mut hash, mut salt) = ("SHA-1", Some(20));
    let mut fields = expect(SEQUENCE, &mut parameters).unwrap_or_default();
    while let Some((tag, mut content)) = next(&mut fields) {
        match tag {
            0xa0 => {
                let oid = identifier(expect(SEQUENCE, &mut content).unwrap_or_default()).0;
                hash = match oid.strip_prefix(NIST) {
                    Some([2, 1]) => "SHA-256",
                    Some([2, 2]) => "SHA-384",
                    Some([2, 3]) => "SHA-512",
                    Some([2, 4]) => "SHA-224",
                    _ if oid == [0x2b, 0x0e, 3, 2, 0x1a] => "SHA-1",
                    _ => "another hash",
                };
            }
            0xa2 => {
                let digits = expect(INTEGER, &mut content).filter(|digits| digits.len() <= 3);
                salt = digits.map(|digits| digits.iter().fold(0_u32, |n, &digit| n << 8 | u32::from(digit)));
            }
            _ => {}
        }
    }
    let salt = salt.map_or_else(|| "another salt".to_owned(), |salt| format!("salt of {salt} bytes"));
    format!("RSASSA-PSS ({hash}, {salt})")
}

/// Returns the name of a key's algorithm; for an elliptic curve, that of the curve: `P-256`.
fn key_name(algorithm: &[u8]) -> String {
    let (oid, mut parameters) = identifier(algorithm);
    let is_elliptic = oid == [X9_62, &[2, 1]].concat();
    let oid = if is_elliptic { expect(OBJECT_IDENTIFIER, &mut parameters).unwrap_or_default() } else { oid };
    let known = match oid {
        b"" if is_elliptic => "explicit elliptic curve",
        [0x2b, 0x65, 0x70] => "ED25519",
        [0x2b, 0x65, 0x71] => "ED448",
        _ if oid == [DSA, &[1]].concat() => "DSA",
        _ => match (oid.strip_prefix(PKCS_1), oid.strip_prefix(X9_62), oid.strip_prefix(SECG)) {
            (Some([1]), ..) => "RSA",
            (Some([PSS]), ..) => "RSASSA-PSS",
            (_, Some([3, 1, 1]), _) => "P-192",
            (_, Some([3, 1, 7]), _) => "P-256",
            (.., Some([10])) => "secp256k1",
            (.., Some([33])) => "P-224",
            (.., Some([34])) => "P-384",
            (.., Some([35])) => "P-521",
            _ => match oid.strip_prefix(BRAINPOOL) {
                Some([7]) => "brainpoolP256r1",
                Some([11]) => "brainpoolP384r1",
                Some([13]) => "brainpoolP512r1",
                Some(_) => "Brainpool",
                None => return dotted(oid),
            },
        },
    };
    known.to_owned()
}

/// Returns an object identifier in numbers: X.690, 8.19. The first two numbers share the first
/// byte.
fn dotted(oid: &[u8]) -> String {
    let (mut out, mut number) = (String::new(), 0_u64);
    for &byte in oid {
        number = number.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        // Writing to a String cannot fail.
        let _ = if out.is_empty() {
            let first = (number / 40).min(2);
            write!(out, "{first}.{}", number - first * 40)
        } else {
            write!(out, ".{number}")
        };
        number = 0;
    }
    if out.is_empty() { "an algorithm without a name".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncated_and_changed_certificates_do_not_panic() {
        let good = include_bytes!("../../../tests/fixtures/certificate-ed25519-names.der");
        let is_named = |odd: &[u8], root: &[u8]| {
            fault(odd, &[CertificateDer::from(odd)], &[CertificateDer::from(root)], &[]).is_some()
        };
        // Nothing can be verified, so that every certificate is reported, also as its own issuer.
        assert!(is_named(good, good));
        for at in 0..good.len() {
            let _ = is_named(&good[..at], good);
            for change in [0x01, 0x80, 0xff] {
                let mut odd = good.to_vec();
                odd[at] ^= change;
                let _ = (is_named(&odd, &odd), is_named(&odd, &[]), key_fault(&odd, &[]));
            }
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4]), "1.2.840.113549.1.1.4");
        assert_eq!(dotted(&[0x88, 0x37, 3]), "2.999.3");
        assert_eq!(dotted(&[]), "an algorithm without a name");
        assert_eq!(dotted(&[0xff; 100]), "an algorithm without a name");
        assert_eq!(dotted(&[0x2a, 0x81]), "1.2");
    }

    #[test]
    fn names() {
        let oid = |number: &[u8]| [&[6, u8::try_from(number.len()).unwrap()], number].concat();
        let curve = |number: &[u8]| [oid(&[X9_62, &[2, 1]].concat()), oid(number)].concat();
        for (algorithm, name) in [
            (oid(&[PKCS_1, &[1]].concat()), "RSA"),
            (oid(&[DSA, &[1]].concat()), "DSA"),
            (curve(&[X9_62, &[3, 1, 7]].concat()), "P-256"),
            (curve(&[SECG, &[35]].concat()), "P-521"),
            (curve(&[SECG, &[10]].concat()), "secp256k1"),
            (curve(&[BRAINPOOL, &[7]].concat()), "brainpoolP256r1"),
            (oid(&[X9_62, &[2, 1]].concat()), "explicit elliptic curve"),
            (oid(&[0x2a, 3, 4]), "1.2.3.4"),
            (Vec::new(), "an algorithm without a name"),
        ] {
            assert_eq!(key_name(&algorithm), name, "{algorithm:02x?}");
        }
        for (algorithm, name) in [
            (oid(&[PKCS_1, &[4]].concat()), "md5WithRSAEncryption"),
            (oid(&[X9_62, &[4, 3, 4]].concat()), "ecdsa-with-SHA512"),
            (oid(&[NIST, &[3, 2]].concat()), "dsa_with_SHA256"),
            (oid(&[DSA, &[3]].concat()), "dsaWithSHA1"),
            (oid(&[PKCS_1, &[PSS]].concat()), "RSASSA-PSS (SHA-1, salt of 20 bytes)"),
            (oid(&[0x2a, 0x81, 0x1c, 0xcf, 0x55, 1, 0x83, 0x75]), "1.2.156.10197.1.501"),
        ] {
            assert_eq!(signature_name(&algorithm), name, "{algorithm:02x?}");
        }
    }
}
