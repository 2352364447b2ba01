//! SHA-1: RFC 3174. Only for what prescribes it without relying on its strength.

/// Returns the digest of a message: five words of four bytes. RFC 3174, sections 4 to 6; the schedule
/// as in section 6.2.
#[allow(clippy::many_single_char_names, reason = "the names of the RFC")]
pub fn sha1(message: &[u8]) -> [[u8; 4]; 5] {
    let length = message.len();
    // The message, a one, and zeros up to the end of a block.
    let padded = |at: usize| message.get(at).copied().unwrap_or(if at == length { 0x80 } else { 0 });
    let mut digest = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    let blocks = (length + 8) / 64 + 1;
    for block in 1..=blocks {
        let mut words = [0_u32; 16];
        let mut at = block * 64 - 64;
        for word in &mut words {
            for _ in 0..4 {
                *word = *word << 8 | u32::from(padded(at));
                at += 1;
            }
        }
        // The last block ends in the length.
        if block == blocks {
            let bits = length as u64 * 8;
            [words[14], words[15]] = [(bits >> 32) as u32, (bits & 0xffff_ffff) as u32];
        }
        let [mut a, mut b, mut c, mut d, mut e] = digest;
        for step in 0..80 {
            let word_at = |ahead: usize| words.get((step + ahead) & 15).copied().unwrap_or_default();
            let next = (word_at(13) ^ word_at(8) ^ word_at(2) ^ word_at(0)).rotate_left(1);
            let word = if step < 16 { word_at(0) } else { next };
            if let Some(own) = words.get_mut(step & 15) {
                *own = word;
            }
            let (f, constant) = match step / 20 {
                0 => (b & c | !b & d, 0x5a82_7999),
                1 => (b ^ c ^ d, 0x6ed9_eba1),
                2 => (b & c | b & d | c & d, 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let sum = a.rotate_left(5).wrapping_add(f).wrapping_add(e);
            let sum = sum.wrapping_add(constant).wrapping_add(word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, sum);
        }
        for (total, part) in digest.iter_mut().zip(&[a, b, c, d, e]) {
            *total = total.wrapping_add(*part);
        }
    }
    digest.map(u32::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests() {
        // The examples in RFC 3174, section 7.3, and lengths around the end of a block, from
        // sha1sum(1).
        let million = vec![b'a'; 1_000_000];
        for (message, digest) in [
            (&b"abc"[..], "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
            ),
            (&million, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"),
            (&b"01234567".repeat(80), "dea356a2cddd90c7a7ecedc5ebb563934f460452"),
            (b"", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
            (&[b'x'; 55], "cef734ba81a024479e09eb5a75b6ddae62e6abf1"),
            (&[b'x'; 56], "901305367c259952f4e7af8323f480d59f81335b"),
            (&[b'x'; 63], "0ddc4e0cccd9a12850deb5abb0853a4425559fec"),
            (&[b'x'; 64], "bb2fa3ee7afb9f54c6dfb5d021f14b1ffe40c163"),
            (&[b'x'; 65], "78c741ddc482e4cdf8c474a0876347a0905b6233"),
        ] {
            let hex: Vec<String> =
                sha1(message).as_flattened().iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex.concat(), digest, "{}", message.len());
        }
    }
}
