//! Codes that change with the time (RFC 6238): SHA-1, six digits, thirty seconds, which is what every app knows. SHA-1 is
//! sound here, inside an HMAC; the apps know nothing else.

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};

/// So long a code is good, in milliseconds.
const STEP: i64 = 30_000;

/// A code of the step before or after is taken too: clocks differ, and people type slowly.
pub(super) const AROUND: i64 = 1;

const DIGITS: usize = 6;

pub(super) fn step_at(now: i64) -> i64 {
    now.div_euclid(STEP)
}

/// The code of a step (RFC 4226 section 5.3).
pub(super) fn code(secret: &[u8], step: i64) -> [u8; DIGITS] {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let mac = hmac::sign(&key, &step.to_be_bytes());
    let mac = mac.as_ref();
    let offset = usize::from(mac.last().copied().unwrap_or_default() & 0xf);
    let word = mac.get(offset..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
    let mut number = u32::from_be_bytes(word) & 0x7fff_ffff;
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        // Less than ten.
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
    digits
}

/// The step of which this is the code, at this time. All are compared, in constant time.
pub(super) fn step_of(secret: &[u8], typed: &[u8], now: i64) -> Option<i64> {
    let current = step_at(now);
    let mut found = None;
    for step in (current - AROUND)..=(current + AROUND) {
        if verify_slices_are_equal(&code(secret, step), typed).is_ok() {
            found = Some(step);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B has eight digits; six are their end.
    #[test]
    fn codes_are_those_of_the_rfc() {
        for (seconds, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let found = code(b"12345678901234567890", step_at(seconds * 1000));
            assert_eq!(str::from_utf8(&found).unwrap(), expected, "{seconds}");
        }
    }

    /// Made with pyotp 2 from JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP, over a year.
    #[test]
    fn codes_are_those_that_another_program_makes() {
        for (seconds, expected) in [
            (1_768_483_745, "591559"),
            (1_768_845_823, "389317"),
            (1_769_171_720, "099515"),
            (1_770_269_423, "025719"),
            (1_774_429_675, "288427"),
            (1_775_300_910, "906250"),
            (1_779_496_083, "027069"),
            (1_781_257_129, "269744"),
            (1_784_252_317, "404134"),
            (1_785_715_677, "511948"),
            (1_789_067_336, "502346"),
            (1_797_750_203, "518431"),
        ] {
            let secret = b"Hello!\xde\xad\xbe\xefHello!\xde\xad\xbe\xef";
            let found = code(secret, step_at(seconds * 1000));
            assert_eq!(str::from_utf8(&found).unwrap(), expected, "{seconds}");
        }
    }

    #[test]
    #[ignore = "needs oathtool"]
    fn a_year_of_codes_is_that_of_oathtool() {
        const STEPS: i64 = 365 * 24 * 120;
        let secret = b"Hello!\xde\xad\xbe\xefHello!\xde\xad\xbe\xef";
        let mut oathtool = std::process::Command::new("oathtool");
        oathtool.args(["--totp", "--base32", "--now", "2026-01-01 00:00:00 UTC", "--window"]);
        let made =
            oathtool.args([&(STEPS - 1).to_string(), "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let (first, mut steps) = (step_at(1_767_225_600_000), 0);
        for (step, expected) in (first..).zip(str::from_utf8(&made.stdout).unwrap().lines()) {
            assert_eq!(str::from_utf8(&code(secret, step)).unwrap(), expected, "{step}");
            steps += 1;
        }
        assert_eq!(steps, STEPS);
    }

    /// RFC 4226 appendix D.
    #[test]
    fn counters_give_the_codes_of_rfc_4226() {
        let expected = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
            "520489",
        ];
        for (step, expected) in (0..).zip(expected) {
            assert_eq!(str::from_utf8(&code(b"12345678901234567890", step)).unwrap(), expected);
        }
    }

    #[test]
    fn a_code_is_good_one_step_before_and_after_and_no_longer() {
        let (secret, now) = (b"12345678901234567890", 1_000_000_000);
        let current = step_at(now);
        for (step, good) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let found = step_of(secret, &code(secret, current + step), now);
            assert_eq!(found, good.then_some(current + step), "{step}");
        }
        for typed in [&b""[..], b"28708", b"2870820", b"abcdef"] {
            assert_eq!(step_of(secret, typed, now), None);
        }
    }
}
