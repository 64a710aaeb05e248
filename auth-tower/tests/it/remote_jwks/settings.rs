use super::*;

#[test]
fn a_setting_of_remote_keys_that_cannot_be_used_is_named() {
    type Change = fn(RemoteJwksBuilder) -> RemoteJwksBuilder;
    let url = "https://auth.example.com/.well-known/jwks.json";
    let unchanged: Change = |builder| builder;
    let cases: &[(&str, &str, Change)] = &[
        ("url", "", unchanged),
        ("url", "/.well-known/jwks.json", unchanged),
        ("url", "auth.example.com", unchanged),
        ("url", "https://", unchanged),
        ("url", "ftp://auth.example.com/", unchanged),
        ("url", "file:///etc/keys", unchanged),
        ("url", "https://user:password@auth.example.com/", unchanged),
        ("url", "http://auth.example.com/", unchanged),
        ("url", "http://127.0.0.1.example.com/", unchanged),
        ("url", "http://10.0.0.1/", unchanged),
        ("url", "ftp://auth.example.com/", RemoteJwksBuilder::insecure_http),
        ("timeout", url, |builder| builder.timeout(Duration::ZERO)),
        ("refetch_interval", url, |builder| builder.refetch_interval(Duration::from_millis(999))),
        ("refetch_interval", url, |builder| builder.refetch_interval(Duration::from_secs(61))),
        ("root_certificate", url, |builder| builder.root_certificate("")),
        ("root_certificate", url, |builder| {
            builder.root_certificate("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        }),
    ];
    for (setting, url, change) in cases {
        let error = change(RemoteJwks::builder(url, "auth", "auth")).build().expect_err(url);
        assert_eq!(error.setting(), *setting, "{url}");
        assert!(!error.to_string().contains("password@"), "{error}");
    }
    for good in [
        url,
        "https://auth.example.com:8443/keys?v=1",
        "http://127.0.0.1:8000/",
        "http://localhost/",
        "http://[::1]:80/",
    ] {
        RemoteJwks::new(good, "auth", "auth").expect(good);
    }
    RemoteJwks::builder("http://auth.internal/", "auth", "auth").insecure_http().build().unwrap();
}
