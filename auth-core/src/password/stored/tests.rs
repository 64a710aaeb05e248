use proptest::{prelude::*, sample::select};

use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::password::{Argon2Hasher, PasswordHasher as _, Scratch, Verdict};

const PASSWORD: &str = "correct horse";

/// Each format at a low cost, made from the password by passlib 1.7.4, Django 5.2.19, Werkzeug 3.1.9 and Python's bcrypt 5.0.0 (the first),
/// ASP.NET's by Python's `hashlib`; where rows at the tools' own costs are (`tests/it/data`), it says how.
const ROWS: &[(&str, &str)] = &[
    ("bcrypt", "$2b$04$xMIAYnnFwT/4tTsX0XChR.lJb27pVZjNkO/tHqN36rWIMLVdDpbLS"),
    ("pbkdf2-sha1", "$pbkdf2$10$JaR0TqmV8j5HaM25t9aakw$sYbBv82FYvz.GcFvkar4qbpMZss"),
    ("pbkdf2-sha256", "$pbkdf2-sha256$10$hTAmJGRMCQHAuDfG.F9rjQ$RyCqT58R/NvHxYNvhcPCdOOF/6/hs//PcQcmqRxYq7k"),
    (
        "pbkdf2-sha512",
        "$pbkdf2-sha512$10$u5dyrpUS4vz/33svxZhzTg$1w43.Mk1.SeiaKWlZ7ExWF4d6FP8vgDQ5OyVeGnXxfcv3fARCmJy3L/jqTi6e2lfYWGJX4qXsnx98b2YMXN9fA",
    ),
    ("scrypt", "$scrypt$ln=4,r=8,p=1$Q2jNubcW4hzDOIcQgvBeyw$PeiRqI0sYcTCyhc6L69CNpG6tGXWGdjsI/Xz8kM3390"),
    ("bcrypt-sha256", "$bcrypt-sha256$v=2,t=2b,r=4$NH0/glqae8fHoB0ulflNHO$nyFWPY2FlREbqf0vSsVA2pK6A573H5."),
    ("bcrypt-sha256", "$bcrypt-sha256$2b,4$bT9B9QPM4t7184JCiFbxnu$IS3dlEeQblwv4xVjdgl9XrAFbKyuoKe"),
    (
        "argon2",
        "$argon2id$v=19$m=8,t=1,p=1$BeAco1RqzZmzFoKwFoKQUg$JyqqHnx0FAew1cUqHZnZ3qyRGcKr62duUSbKpZ8dY6I",
    ),
    (
        "pbkdf2-sha256 (Django)",
        "pbkdf2_sha256$10$saltsaltsaltsalt$7yAWwqE4FEOHblzDtuH1YfEgo0yfEgGwjNAKMS93sIA=",
    ),
    ("pbkdf2-sha1 (Django)", "pbkdf2_sha1$10$saltsaltsaltsalt$olsrnl4qhwdJiewqLXVV+bcndpM="),
    (
        "scrypt (Django)",
        "scrypt$16$saltsaltsaltsalt$8$2$N/xVigXISrC2014X0g9Vd7Bxvzb0tmaBHmkzOObyCF9cpWVpppgC2b4srQNN270Y5OboWp/S81jdVDEywO4iEQ==",
    ),
    ("bcrypt (Django)", "bcrypt$$2b$04$jByaE.DzJm698GfxyIpLPOFo1E19xZBTeh2PEnM2leqz0LxQS27uO"),
    ("bcrypt-sha256 (Django)", "bcrypt_sha256$$2b$04$74HTWzxYcXEg6K333lcI0u1Z6QVAdPxxu6eL.EaX9Tu85viJTqF2G"),
    (
        "argon2 (Django)",
        "argon2$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$t5QLzMlfSPLMezb1X/hRw1bKTTpryM1JhqBpLyqseOw",
    ),
    (
        "scrypt (Werkzeug)",
        "scrypt:16:8:2$ZCrcxiU9R7e3EAkj$065fcae10238c4d12f05390a91c17fab7b1b0743d6f711dc0a464c7788f61916548e412b899bfbaa735483ebe132feead53b0559de012296808b81cad4370933",
    ),
    (
        "pbkdf2-sha256 (Werkzeug)",
        "pbkdf2:sha256:10$WW0kjZfd8p3lfyXl$39fcdac266404b99331e10495e142b80d0a88f0ece067f88462149b251402e4d",
    ),
    ("pbkdf2-sha1 (Werkzeug)", "pbkdf2:sha1:10$9LhfjSWXDDK03yXz$4a041d63e0815b701ce5714db28bd650badada6d"),
    (
        "pbkdf2-sha512 (Werkzeug)",
        "pbkdf2:sha512:10$Apeu9FlX5naY0ujg$b0078152d17dcd1e3b46aa6ad1ba3eb06e2d5d051df8a60e8f54e57a31e1b8df5ae1bcd487a96c6a2ff61755d2e05a9fca4d7f6951b42de8f359d220ad21a807",
    ),
    ("bcrypt", "{bcrypt}$2b$04$xMIAYnnFwT/4tTsX0XChR.lJb27pVZjNkO/tHqN36rWIMLVdDpbLS"),
    ("bcrypt", "{BLF-CRYPT}$2y$04$xMIAYnnFwT/4tTsX0XChR.lJb27pVZjNkO/tHqN36rWIMLVdDpbLS"),
    (
        "argon2",
        "{argon2@SpringSecurity_v5_8}$argon2id$v=19$m=8,t=1,p=1$BeAco1RqzZmzFoKwFoKQUg$JyqqHnx0FAew1cUqHZnZ3qyRGcKr62duUSbKpZ8dY6I",
    ),
    ("aspnet-identity-v2", "APpMERjX6Hbp2uRLid1j1jTio1nMWQ9lROk3iQs6c1HRhXT5QlIhU2BgpbE04bFUNA=="),
    (
        "aspnet-identity-v3",
        "AQAAAAAAAAAKAAAAEPpMERjX6Hbp2uRLid1j1jQ9+aAWPLNVLjX3f4z0iKf80VSny+vrWUrDusMWRxmr6Q==",
    ),
    (
        "aspnet-identity-v3",
        "AQAAAAEAAAAKAAAAEPpMERjX6Hbp2uRLid1j1jR7CP46+cRu6kBE98TjMs5c1BXoywbYs626Stq5ROHKGw==",
    ),
    (
        "aspnet-identity-v3",
        "AQAAAAIAAAAKAAAAEPpMERjX6Hbp2uRLid1j1jR+aDo4KJaFpGtjn+GGHNbOUMvUE1bTxgUkV205TosTuTI7rgFATSv8gTmiTgK7aIWZpBX2ghkjj6jiPv57XSzJ",
    ),
];

fn verify(password: &str, stored: &str) -> Result<Verdict, HashError> {
    Argon2Hasher::default().verify(&password.into(), stored, &mut Scratch::default())
}

/// How many slots of 19 MiB a check takes.
#[test]
fn a_costly_hash_takes_the_slots_whose_memory_it_needs() {
    let slots = |row: &str| Argon2Hasher::default().slots(row);
    let argon2 = |kib: u32| {
        format!(
            "$argon2id$v=19$m={kib},t=2,p=1$BeAco1RqzZmzFoKwFoKQUg$JyqqHnx0FAew1cUqHZnZ3qyRGcKr62duUSbKpZ8dY6I"
        )
    };
    assert_eq!(
        [8, 19 * 1024, 19 * 1024 + 1, 64 * 1024, 256 * 1024].map(|kib| slots(&argon2(kib))),
        [1, 1, 2, 4, 14]
    );
    assert_eq!(slots(&format!("{{argon2id}}{}", argon2(256 * 1024))), 14);
    let scrypt = |n: u32| {
        format!("scrypt:{n}:8:1$salt$1c2d8b1e9c0a4b5d6e7f80919293949596979899aabbccddeeff00112233445566")
    };
    assert_eq!([1 << 14, 1 << 15, 1 << 18].map(|n| slots(&scrypt(n))), [1, 2, 14]);
    let none = [ROWS[0].1, ROWS[1].1, "in no format", &argon2(1024 * 1024), ""];
    assert_eq!(none.map(slots), [1; 5], "no memory, or not computed at all");
}

#[test]
fn each_format_is_recognised_and_only_the_password_matches() {
    for (format, row) in ROWS {
        assert_eq!(validate_stored_hash(row), Ok(*format), "{row}");
        assert_eq!(verify(PASSWORD, row), Ok(Verdict::RightButOutdated), "{row}");
        for wrong in ["correct horsf", "correct hors", "correct horse ", "Correct horse", ""] {
            assert_eq!(verify(wrong, row), Ok(Verdict::Wrong), "{row}");
        }
    }
}

#[test]
fn the_three_spellings_of_bcrypt_verify() {
    for prefix in ["$2a$", "$2b$", "$2y$"] {
        let stored = ROWS[0].1.replacen("$2b$", prefix, 1);
        assert_eq!(verify(PASSWORD, &stored), Ok(Verdict::RightButOutdated), "{prefix}");
        assert_eq!(verify("correct horsf", &stored), Ok(Verdict::Wrong), "{prefix}");
    }
}

#[test]
fn a_digest_before_bcrypt_lets_all_of_a_long_password_count() {
    for (format, row) in ROWS.iter().filter(|(format, _)| format.starts_with("bcrypt-sha256")) {
        let (_, StoredHash::Bcrypt(hash)) = StoredHash::read(row).unwrap() else { panic!("{format}") };
        let long = "x".repeat(72);
        let prepared = |text: &str| hash.prepared(text).to_string();
        assert_ne!(prepared(&long), prepared(&format!("{long}y")), "{row}");
        assert!(prepared(&long).len() < 72, "{row}");
    }
}

#[test]
fn a_hostile_cost_is_refused_and_not_computed() {
    let hash = "A".repeat(43);
    let aspnet = |iterations: [u8; 4]| {
        STANDARD.encode([&[1, 0, 0, 0, 1][..], &iterations, &[0, 0, 0, 16], &[7; 16 + 32]].concat())
    };
    for stored in [
        ROWS[0].1.replacen("$04$", "$15$", 1),
        ROWS[0].1.replacen("$04$", "$99$", 1),
        format!("$bcrypt-sha256$v=2,t=2b,r=15${}", "n79VH.0Q2TMWmt3Oqt9uku$Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2"),
        format!("$bcrypt-sha256$2b,31${}", "LrmaIX5x4TRtAwEfwJZa1.$2ehnw6LvuIUTM0iz4iz9hTxv21B6KFO"),
        format!("pbkdf2_sha256$3000001$salt${hash}="),
        format!("pbkdf2_sha256$4294967296$salt${hash}="),
        format!("$pbkdf2-sha256$4294967295$c2FsdA${hash}"),
        format!("$pbkdf2-sha512$1500001$c2FsdA${}", "A".repeat(86)),
        aspnet([0xff; 4]),
        aspnet([0, 0x2d, 0xc6, 0xc1]),
        format!("$scrypt$ln=19,r=8,p=1$c2FsdA${hash}"),
        format!("$scrypt$ln=18,r=8,p=2$c2FsdA${hash}"),
        format!("$scrypt$ln=63,r=8,p=1$c2FsdA${hash}"),
        format!("$scrypt$ln=64,r=8,p=1$c2FsdA${hash}"),
        format!("$scrypt$ln=4294967295,r=4294967295,p=4294967295$c2FsdA${hash}"),
        format!("$scrypt$ln=1,r=65,p=1$c2FsdA${hash}"),
        format!("scrypt$524288$salt$8$1${hash}="),
        format!("scrypt$2$salt$8$4294967295${hash}="),
        format!("scrypt:524288:8:1$salt${}", "a".repeat(128)),
        format!("{{bcrypt}}{}", ROWS[0].1.replacen("$04$", "$31$", 1)),
        format!("pbkdf2:sha256:3000001$salt${}", "a".repeat(64)),
        "$argon2id$v=19$m=262145,t=1,p=1$c29tZXNhbHQ$c29tZWhhc2hvdXRwdXQ".to_owned(),
        "argon2$argon2id$v=19$m=262144,t=5,p=1$c29tZXNhbHQ$c29tZWhhc2hvdXRwdXQ".to_owned(),
    ] {
        assert_eq!(validate_stored_hash(&stored), Err(UnusableHash::TooCostly), "{stored}");
        assert_eq!(verify(PASSWORD, &stored), Err(HashError::Unusable), "{stored}");
    }
}

#[test]
fn what_the_tools_make_by_default_is_below_the_ceilings() {
    let hash = "A".repeat(43);
    for stored in [
        format!("pbkdf2_sha256$1500000$salt${hash}="),
        format!("$scrypt$ln=17,r=8,p=1$c2FsdA${hash}"),
        format!("scrypt$16384$salt$8$5${hash}="),
        "argon2$argon2id$v=19$m=102400,t=2,p=8$c29tZXNhbHQ$c29tZWhhc2hvdXRwdXQ".to_owned(),
        ROWS[0].1.replacen("$04$", "$14$", 1),
    ] {
        assert!(validate_stored_hash(&stored).is_ok(), "{stored}");
    }
}

#[test]
fn damaged_rows_and_hashes_short_enough_to_be_hit_by_chance_are_refused() {
    let short = STANDARD.encode([&[1, 0, 0, 0, 1, 0, 0, 0, 10, 0, 0, 0, 16][..], &[7; 16 + 15]].concat());
    let little_salt = STANDARD.encode([&[1, 0, 0, 0, 1, 0, 0, 0, 10, 0, 0, 0, 8][..], &[7; 8 + 32]].concat());
    let endless_salt =
        STANDARD.encode([&[1, 0, 0, 0, 1, 0, 0, 0, 10, 0xff, 0xff, 0xff, 0xff][..], &[7; 48]].concat());
    let no_iterations = STANDARD.encode([&[1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 16][..], &[7; 48]].concat());
    for stored in [
        &ROWS[0].1[..40],
        &ROWS[0].1.replacen("$04$", "$03$", 1),
        &ROWS[0].1.replacen("$04$", "$+4$", 1),
        "$2b$$",
        "$2b$04$",
        "$bcrypt-sha256$v=2,t=2b$n79VH.0Q2TMWmt3Oqt9uku$Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2",
        "$bcrypt-sha256$v=2,t=2b,r=4$n79VH.0Q2TMWmt3Oqt9ukuK$q4Noyk3094Y2QlB8NdRT8SvGiI4ft2",
        "pbkdf2_sha256$10$salt$",
        "pbkdf2_sha256$10$salt$aGFzaA==",
        "pbkdf2_sha256$0$salt$jhypm1+AZ+VA6EK6wPq0xGvuUQ0kZCdonbEr7MiZq2Q=",
        "pbkdf2_sha256$-1$salt$jhypm1+AZ+VA6EK6wPq0xGvuUQ0kZCdonbEr7MiZq2Q=",
        "pbkdf2_sha256$$salt$jhypm1+AZ+VA6EK6wPq0xGvuUQ0kZCdonbEr7MiZq2Q=",
        "$scrypt$ln=4,r=8$c2FsdA$aGhoaGhoaGhoaGhoaGhoaGg",
        "$scrypt$ln=0,r=8,p=1$c2FsdA$aGhoaGhoaGhoaGhoaGhoaGg",
        "$scrypt$ln=4,r=8,p=1$c2FsdA$aGhoaA",
        "scrypt$15$salt$8$1$aGhoaGhoaGhoaGhoaGhoaGg=",
        "scrypt$0$salt$8$1$aGhoaGhoaGhoaGhoaGhoaGg=",
        "argon2$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ",
        &short,
        &little_salt,
        &endless_salt,
        &no_iterations,
    ] {
        assert_eq!(validate_stored_hash(stored), Err(UnusableHash::Damaged), "{stored}");
        assert_eq!(verify(PASSWORD, stored), Err(HashError::Unusable), "{stored}");
    }
}

#[test]
fn what_is_in_no_format_is_told_apart() {
    for stored in [
        "",
        "plain text",
        "!",
        "$",
        "$2b$",
        "$2x$04$xMIAYnnFwT/4tTsX0XChR.lJb27pVZjNkO/tHqN36rWIMLVdDpbLS",
        "$1$md5crypt$x",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "$bcrypt-sha256$v=3,t=2b,r=4$n79VH.0Q2TMWmt3Oqt9uku$Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2",
        "pbkdf2_sha384$10$salt$aGhoaGhoaGhoaGhoaGhoaGg=",
        "argon2$2b$04$x",
        &format!("pbkdf2_sha256$10${}$aGhoaGhoaGhoaGhoaGhoaGg=", "s".repeat(500)),
    ] {
        assert_eq!(validate_stored_hash(stored), Err(UnusableHash::UnknownFormat), "{stored}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>(), long in "[$a-z0-9=,+/.]{0,600}") {
        let _ = validate_stored_hash(&text);
        let _ = validate_stored_hash(&long);
    }

    #[test]
    fn a_row_with_one_character_changed_is_refused_or_matches_no_other_password(
        row in select(ROWS), at in any::<prop::sample::Index>(), with in "[^0-9]"
    ) {
        let (_, row) = row;
        let at = at.index(row.len());
        let changed = format!("{}{with}{}", &row[..at], &row[at + 1..]);
        // `2a` for `2b`, or the other of the two Base64 alphabets, is the same hash.
        if let Ok(verdict) = verify("another password", &changed) {
            prop_assert_eq!(verdict, Verdict::Wrong);
        }
    }

    #[test]
    fn what_is_read_is_within_the_ceilings(
        iterations in 0_u32.., log_n in 0_u32..70, r in prop_oneof![0_u32..70, 0_u32..], p in prop_oneof![0_u32..70, 0_u32..]
    ) {
        let hash = "A".repeat(43);
        let pbkdf2 = validate_stored_hash(&format!("pbkdf2_sha256${iterations}$salt${hash}="));
        prop_assert_eq!(pbkdf2.is_ok(), (1..=3_000_000).contains(&iterations));
        let scrypt = validate_stored_hash(&format!("$scrypt$ln={log_n},r={r},p={p}$c2FsdA${hash}"));
        let work = 2_f64.powi(log_n.try_into().unwrap()) * f64::from(r) * f64::from(p);
        prop_assert_eq!(scrypt.is_ok(), log_n > 0 && work > 0.0 && work <= 2_f64.powi(21) && r <= 64);
    }
}
