//! Tokens are hashes: the classifier never keeps a word of anybody's mail. The same on every machine and in every
//! version, since learned messages are kept by them.

/// A feature of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token(u64);

/// A word in the place where it stood: `subject`, `from`, `tag`, or empty for the body.
pub(crate) fn token(place: &str, word: &str) -> Token {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in place.bytes().chain([0]).chain(word.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    Token(hash)
}

impl Token {
    /// A word of a place whose hash is known.
    pub(crate) fn word(self, word: &[u8]) -> Self {
        let mut hash = self.0;
        for byte in word {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Self(hash)
    }

    pub(crate) fn number(number: u64) -> Self {
        Self(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Two tokens as one; their order counts.
    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0.rotate_left(23).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ other.0.wrapping_mul(0xc2b2_ae3d_27d4_eb4f))
    }

    /// Mixed well, the upper bits first.
    pub(crate) fn bits(self, count: u32) -> u32 {
        let mixed = (self.0 ^ (self.0 >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from(mixed >> 32).unwrap_or(0) >> 32_u32.saturating_sub(count).min(31)
    }
}
