//! ITU-T G.711 (11/1988): companded 8-bit telephone samples to linear.

/// The one sample rate of G.711, in Hz.
pub const G711_RATE_HZ: u32 = 8_000;

/// Mu-law code to 16-bit linear: the standard's 14-bit values (tables 2a, 2b) times 4.
pub static ULAW: [i16; 256] = ulaw_table();
/// A-law code to 16-bit linear: the standard's 13-bit values (tables 1a, 1b) times 8.
pub static ALAW: [i16; 256] = alaw_table();

const fn ulaw_table() -> [i16; 256] {
    let mut table = [0i16; 256];
    let mut code = 0;
    while code < 256 {
        let bits = !(code as u8);
        let segment = (bits >> 4) & 7;
        let step = (bits & 15) as i16;
        // 33 is the bias that makes the segments powers of two.
        let magnitude = (((step << 1) + 33) << segment) - 33;
        table[code] = 4 * if bits & 0x80 == 0 { magnitude } else { -magnitude };
        code += 1;
    }
    table
}

const fn alaw_table() -> [i16; 256] {
    let mut table = [0i16; 256];
    let mut code = 0;
    while code < 256 {
        let bits = code as u8 ^ 0x55;
        let segment = (bits >> 4) & 7;
        let step = ((bits & 15) as i16) * 2 + 1;
        let magnitude = if segment == 0 { step } else { (step + 32) << (segment - 1) };
        table[code] = 8 * if bits & 0x80 == 0 { -magnitude } else { magnitude };
        code += 1;
    }
    table
}

/// The mu-law code whose value is nearest to a sample in `-1..=1`; of two as near, the smaller code.
pub fn encode_ulaw(sample: f32) -> u8 {
    let wanted = (f64::from(sample) * 32_768.0).round() as i32;
    let distance = |code: &u8| (i32::from(ULAW[usize::from(*code)]) - wanted).abs();
    (0..=u8::MAX).min_by_key(distance).unwrap_or(0xff)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decoder output values of G.711 tables 2a/2b: code, 14-bit value.
    #[test]
    fn mu_law_is_as_the_standard_says() {
        let positive = [
            (0x80, 8031),
            (0x8f, 4191),
            (0x90, 3999),
            (0x9f, 2079),
            (0xa0, 1983),
            (0xaf, 1023),
            (0xb0, 975),
            (0xbf, 495),
            (0xc0, 471),
            (0xcf, 231),
            (0xd0, 219),
            (0xdf, 99),
            (0xe0, 93),
            (0xef, 33),
            (0xf0, 30),
            (0xfe, 2),
            (0xff, 0),
        ];
        for (code, value) in positive {
            assert_eq!(ULAW[code], value * 4, "code {code:#x}");
            assert_eq!(ULAW[code & 0x7f], -value * 4, "code {:#x}", code & 0x7f);
        }
    }

    /// Decoder output values of G.711 tables 1a/1b (character signal before the inversion of even
    /// bits is 0x80 + n; the wire code is that xor 0x55), 13-bit value.
    #[test]
    fn a_law_is_as_the_standard_says() {
        let positive = [
            (0xff, 4032),
            (0xf0, 2112),
            (0xef, 2016),
            (0xe0, 1056),
            (0xdf, 1008),
            (0xd0, 528),
            (0xcf, 504),
            (0xc0, 264),
            (0xbf, 252),
            (0xb0, 132),
            (0xaf, 126),
            (0xa0, 66),
            (0x9f, 63),
            (0x90, 33),
            (0x8f, 31),
            (0x81, 3),
            (0x80, 1),
        ];
        for (character, value) in positive {
            let code = character ^ 0x55;
            assert_eq!(ALAW[code], value * 8, "character {character:#x}");
            assert_eq!(ALAW[code ^ 0x80], -value * 8, "character {character:#x}");
        }
    }

    /// The digital milliwatt of G.711 tables 5 and 6: a 1 kHz sine at 0 dBm0, one period of 8
    /// codes; its level lies 3.17 dB (mu) and 3.14 dB (A) below a full-scale sine.
    #[test]
    fn the_digital_milliwatt_has_its_level() {
        let level = |table: &[i16; 256], codes: [usize; 8], full: f64| {
            let power: f64 = codes.iter().map(|&c| f64::from(table[c]).powi(2)).sum::<f64>() / 8.0;
            10.0 * (power / (full * full / 2.0)).log10()
        };
        let mu = level(&ULAW, [0x1e, 0x0b, 0x0b, 0x1e, 0x9e, 0x8b, 0x8b, 0x9e], 8159.0 * 4.0);
        // Theoretical load capacity over the milliwatt, in dB.
        let (mu_overload, a_overload) = (3.17, 1.57 * 2.0);
        assert!((mu + mu_overload).abs() < 0.02, "{mu}");
        let a = level(&ALAW, [0x34, 0x21, 0x21, 0x34, 0xb4, 0xa1, 0xa1, 0xb4], 4096.0 * 8.0);
        assert!((a + a_overload).abs() < 0.02, "{a}");
    }

    #[test]
    fn encoding_undoes_decoding() {
        for code in 0..=255u8 {
            let value = ULAW[usize::from(code)];
            let again = ULAW[usize::from(encode_ulaw(f32::from(value) / 32_768.0))];
            assert_eq!(again, value, "code {code:#x}");
        }
        assert_eq!(ULAW[usize::from(encode_ulaw(9.0))], 32_124);
    }
}
