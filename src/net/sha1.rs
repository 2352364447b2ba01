//! SHA-1: RFC 3174. Only for what prescribes it without relying on its strength.

/// The length of a block, in bytes.
const BLOCK: usize = 64;

/// Returns the digest of a message. RFC 3174, sections 4 to 6.
pub fn sha1(message: &[u8]) -> [u8; 20] {
    // A one, zeros up to the end of a block, and there the length in bits.
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % BLOCK != BLOCK - 8 {
        padded.push(0);
    }
    padded.extend_from_slice(&(message.len() as u64 * 8).to_be_bytes());

    let mut digest = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    for block in padded.chunks(BLOCK) {
        // The 80 words of the schedule, of which only the last 16 are kept, the oldest first.
        let mut words = [0_u32; 16];
        for (word, bytes) in words.iter_mut().zip(block.chunks(4)) {
            *word = bytes.iter().fold(0, |word, &byte| word << 8 | u32::from(byte));
        }
        let [mut a, mut b, mut c, mut d, mut e] = digest;
        for step in 0..80 {
            let (f, constant) = match step / 20 {
                0 => (b & c | !b & d, 0x5a82_7999),
                1 => (b ^ c ^ d, 0x6ed9_eba1),
                2 => (b & c | b & d | c & d, 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let sum = [f, e, constant, words[0]].into_iter().fold(a.rotate_left(5), u32::wrapping_add);
            words[0] = (words[0] ^ words[2] ^ words[8] ^ words[13]).rotate_left(1);
            words.rotate_left(1);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, sum);
        }
        for (total, part) in digest.iter_mut().zip([a, b, c, d, e]) {
            *total = total.wrapping_add(part);
        }
    }
    let mut bytes = [0; 20];
    for (to, word) in bytes.chunks_mut(4).zip(digest) {
        to.copy_from_slice(&word.to_be_bytes());
    }
    bytes
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
            (b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
            (&million, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"),
            (&b"01234567".repeat(80), "dea356a2cddd90c7a7ecedc5ebb563934f460452"),
            (b"", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
            (&[b'x'; 55], "cef734ba81a024479e09eb5a75b6ddae62e6abf1"),
            (&[b'x'; 56], "901305367c259952f4e7af8323f480d59f81335b"),
            (&[b'x'; 63], "0ddc4e0cccd9a12850deb5abb0853a4425559fec"),
            (&[b'x'; 64], "bb2fa3ee7afb9f54c6dfb5d021f14b1ffe40c163"),
            (&[b'x'; 65], "78c741ddc482e4cdf8c474a0876347a0905b6233"),
        ] {
            let hex: Vec<String> = sha1(message).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex.concat(), digest, "{}", message.len());
        }
    }
}
