//! Secrets that are known by their form: tokens, keys, URLs.

use super::super::{has_secret, mask_mount};
use super::check;

#[test]
fn private_keys() {
    check(&[
        &["app", "-----BEGIN RSA PRIVATE KEY-----⟦\nMIIE\n-----END RSA PRIVATE KEY-----\n⟧", "x"],
        &["app", "--data=x,-----BEGIN PGP PRIVATE KEY BLOCK-----⟦ abc⟧"],
        &["app", "-----BEGIN PUBLIC KEY-----\nMIIE\n"],
    ]);
}

#[test]
fn values_in_json() {
    check(&[
        &["app", r#"{"client_secret":⟦["X"]⟧,"a":1}"#],
        &["app", r#"{"keys" : ⟦[ ["a]", {"b": "c"}], "d" ]⟧, "a": 1}"#],
        &["app", r#"{"secret":⟦{"a":"b"}⟧,"pin":⟦1234⟧}"#],
        &["app", r#"{"keys":⟦["X", "Y⟧"#],
        &["sh", "-c", r#"curl -d "{\"password\":⟦\"a b\"⟧,\"a\":1}" http://h/"#],
    ]);
}

#[test]
fn what_is_mounted() {
    for (source, shown) in [
        ("curlftpfs#ftp://bob:hunter2@ftp.example/", "curlftpfs#ftp://bob:<7 bytes>@ftp.example/"),
        ("https://bob:pw@dav.example:8443/x", "https://bob:<2 bytes>@dav.example:8443/x"),
        ("https://ghp_0123456789abcdef@h/x", "https://<20 bytes>@h/x"),
        ("/dev/mapper/key=a", "/dev/mapper/key=a"),
        ("me:pw@host:/token: x", "me:pw@host:/token: x"),
        ("http://host:80/a@b", "http://host:80/a@b"),
        ("https://u:pw@h/x?token=abc&a=1", "https://u:<2 bytes>@h/x?token=<3 bytes>&a=1"),
        ("https://h/x?a=1&sig=a%3D", "https://h/x?a=1&sig=<4 bytes>"),
        ("//u:pw@h/share?password=abc", "//u:<2 bytes>@h/share?password=<3 bytes>"),
        ("//h:445/a@b//c:d@e", "//h:445/a@b//c:d@e"),
        ("ov,password=a,b", "ov,password=<3 bytes>"),
        ("https://h/ghp_0123456789abcdef0123/x", "https://h/<24 bytes>/x"),
        ("https://hooks.slack.com/services/T0/x", "https://hooks.slack.com/services/<4 bytes>"),
        ("//u,password=abc,:p@h/s", "//u,password=<10 bytes>"),
        ("https://u,password=abc,:p@h/s", "https://u,password=<10 bytes>"),
        ("secret=AQB==", "secret=<5 bytes>"),
        ("lowerdir=/l/key=a:/m", "lowerdir=/l/key=a:/m"),
        ("nas:/key=a?token=b", "nas:/key=a?token=<1 byte>"),
        ("key=", "key="),
        ("errors=remount-ro", "errors=remount-ro"),
        ("", ""),
    ] {
        assert_eq!(String::from_utf8(mask_mount(source.as_bytes())).unwrap(), shown);
    }
}

#[test]
fn urls_with_a_login() {
    for (value, has) in [
        ("postgres://me:pw@db", true),
        ("/bin:/usr/bin", false),
        ("http://h:80/", false),
        ("me:pw@tcp(db:3306)/x", true),
    ] {
        assert_eq!(has_secret(value.as_bytes()), has, "{value}");
    }
}

#[test]
fn names_and_addresses() {
    check(&[
        &["app", "--passcode", "⟦x⟧", "--passcode=⟦x⟧", "VPN_PASSCODE=⟦x⟧"],
        &["op", "--session", "⟦x⟧", "--session=⟦x⟧", "--session-timeout", "30", "--session-store=redis"],
        &["app", "--seed", "⟦a b⟧", "--seed=⟦0xff⟧", "--seed", "42", "--seed=-1", "--seed-nodes", "a,b"],
        &["dbus-daemon", "--session", "--fork", "dbus-daemon", "--session", "--address=systemd:", "x"],
        &["dbus-send --print-reply --session --type=method_call --dest=x"],
        &[
            "curl",
            "https://h/cb?code=⟦4/0Ab⟧&state=x",
            "https://h/cb?state=x&code=⟦abc⟧",
            "https://h/?code=404",
        ],
        &["app", "--code=x", "code=y", "https://h/?promocode=x"],
        &["curl", "https://hooks.slack.com/workflows/⟦T0/x⟧", "https://discord.com/api/webhooks/⟦1/x⟧"],
        &["app", "https://x.webhook.office.com/⟦webhookb2/a@b/IncomingWebhook/c/d⟧"],
        &["app", "https://outlook.office.com/webhook/⟦a@b⟧"],
        &["app", "https://chat.example/hooks/⟦xo8bqc5ehbgp3ckzs1tmfpjd1e⟧"],
        &["git", "clone", "https://⟦S3cretT0ken⟧@github.com/x", "git+HTTPS://⟦0a1b2c3d⟧@h/x"],
        &["git", "https://git@h/x", "https://x-access-token@h/x", "https://oauth2@h", "https://alice@h/x"],
        &["ssh", "ssh://app-user01@h/x", "sftp://BackupUser@h/x", "git@github.com:x/y"],
        &["app", "{\"url\":\"https://hooks.slack.com/services/⟦T0/B0/x⟧\"}"],
        &["app", "https://h/webhooks/github", "https://h/hooks/", "https://h/webhook/", "http://hooks/x"],
        &["app", "https://h/hooks/pre-commit-hooks-for-all/v2"],
    ]);
}

#[test]
fn tokens_that_say_what_they_are() {
    let hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let mixed = "AgEIcHlwaS5vcmcCJDA1MzY3ZDQ5LTQ5";
    for token in [
        format!("AIza{mixed}"),
        format!("ya29.a0{mixed}"),
        format!("shpat_{}", &hex[..32]),
        format!("dop_v1_{hex}"),
        format!("pypi-{mixed}"),
        format!("ATATT3x{mixed}=0123ABCD"),
        format!("lin_api_{mixed}"),
        format!("figd_{mixed}"),
        format!("PMAK-{}-{}", &hex[..24], &hex[..34]),
        format!("rubygems_{}", &hex[..48]),
        format!("gsk_{mixed}{mixed}"),
        "hf_abcdefghijklmnopqrstuvwxyzABCDEFGH".to_owned(),
        format!("glptt-{}", &hex[..40]),
        "gldt-0123456789abcdef_-AB".to_owned(),
        format!("dapi{}", &hex[..32]),
        format!("dapi{}-2", &hex[..32]),
        format!("xoxe.xoxp-1-{mixed}"),
        format!("AGE-SECRET-KEY-1{}", "QPZRY9X8GF".repeat(5)),
        format!("npm_{mixed}"),
    ] {
        check(&[
            &["app", &format!("⟦{token}⟧"), &format!("x,⟦{token}⟧,y"), &format!("[\"⟦{token}⟧\"]")],
            &["app", &format!("--x=⟦{token}⟧"), &format!("a{token}")],
        ]);
    }
    check(&[
        &["app", "dapi", "dapi-gateway-of-the-second-generation-01", "dapier", "dapi0123456789abcdef"],
        &["app", "hf_transfer", "hf_hub_enable_transfer_of_all_models_v2", "hf_home", "gsk_", "AIza"],
        &[
            "app",
            "npm_config_registry_of_our_own_company",
            "npm_lifecycle_event",
            "pypi-mirror-for-our-data-01",
        ],
        &[
            "app",
            "ASIA-PACIFIC-REGION-NUMBER-1",
            "figd_a-name-that-is-long-enough",
            "rubygems_mirror_of_our_own",
        ],
        &[
            "app",
            "glagent-configuration-of-cluster-1",
            "shpat_is-no-token-for-itself",
            "pul-request-of-somebody",
        ],
    ]);
}
