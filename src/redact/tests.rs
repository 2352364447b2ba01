mod harmless;
mod headers;
mod programs;
mod time;
mod tokens;

use super::{Masker, has_secret, mask_of_length};

fn masked(arguments: &[&str]) -> String {
    let (mut out, mut masked) = (Vec::new(), Masker::default());
    for argument in arguments {
        out.extend_from_slice(if out.is_empty() { b"" } else { b" " });
        masked.push(&mut out, argument.as_bytes());
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn secrets_are_masked() {
    for (arguments, shown) in [
        (&["app", "--password", "hunter2", "-v"][..], "app --password <7 bytes> -v"),
        (&["app", "-password", "-hunter2"], "app -password <8 bytes>"),
        (&["app", "--token=a b"], "app --token=<3 bytes>"),
        (&["app", "--api-key=x", "y"], "app --api-key=<1 byte> y"),
        (&["redis-server", "--requirepass", "a b"], "redis-server --requirepass <3 bytes>"),
        (&["java", "-Dspring.datasource.password=x=y"], "java -Dspring.datasource.password=<3 bytes>"),
        (&["env", "PGPASSWORD=a b", "app"], "env PGPASSWORD=<3 bytes> app"),
        (&["sh", "-c", "app --password hunter2 --x"], "sh -c app --password <7 bytes> --x"),
        (&["sh", "-c", "cd /; TOKEN='a b' app x"], "sh -c cd /; TOKEN=<5 bytes> app x"),
        (&["sh", "-c", "exec app --token"], "sh -c exec app --token"),
        (&["app --token", "x"], "app --token <1 byte>"),
        (&["curl", "-H", "Authorization: Bearer abc"], "curl -H Authorization: <10 bytes>"),
        (&["curl", "-HX-Api-Key:abc"], "curl -HX-Api-Key:<3 bytes>"),
        (
            &["sh", "-c", "curl -H 'X-Api-Key: a b' http://h/"],
            "sh -c curl -H 'X-Api-Key: <3 bytes>' http://h/",
        ),
        (&["curl", "-u", "me:pw", "http://h/"], "curl -u me:<2 bytes> http://h/"),
        (&["curl", "--user=me:a b", "-ume:pw"], "curl --user=me:<3 bytes> -ume:<2 bytes>"),
        (&["curl", "-u=me:pw", "-u", "me:123"], "curl -u=me:<2 bytes> -u me:<3 bytes>"),
        (&["app", "--db", "me:pw@tcp(db:3306)/x"], "app --db me:<2 bytes>@tcp(db:3306)/x"),
        (&["app", "--proxy=me:pw@h:80"], "app --proxy=me:<2 bytes>@h:80"),
        (&["app", r#"{"password" : "x\"y", "a":1}"#], r#"app {"password" : <6 bytes>, "a":1}"#),
        (&["sh", "-c", "curl --user me:pw h"], "sh -c curl --user me:<2 bytes> h"),
        (&["curl", "-d", r#"{"password":"x","a":1}"#], r#"curl -d {"password":<3 bytes>,"a":1}"#),
        (&["curl", "http://h/?token=abc&x=1"], "curl http://h/?token=<3 bytes>&x=1"),
        (&["app", "postgres://me:pw@db:5432/x"], "app postgres://me:<2 bytes>@db:5432/x"),
        (&["app", "redis://:pw@db,redis://:pw@d"], "app redis://:<2 bytes>@db,redis://:<2 bytes>@d"),
        (&["app", "--url=amqp://a:p/w@h@host/"], "app --url=amqp://a:<5 bytes>@host/"),
        (&["git", "https://ghp_0123456789abcdef@h/x"], "git https://<20 bytes>@h/x"),
        (&["/usr/bin/mysql", "-uroot", "-ppw d", "-P", "3306"], "/usr/bin/mysql -uroot -p<4 bytes> -P 3306"),
        (&["sh", "-c", "mysqldump -ppw db"], "sh -c mysqldump -p<2 bytes> db"),
        (&["sshpass", "-p", "pw", "ssh", "h"], "sshpass -p <2 bytes> ssh h"),
        (&["redis-cli", "-a", "pw", "-p", "6379"], "redis-cli -a <2 bytes> -p 6379"),
        (
            &["app", "--pin", "1234", "--psk=ab", "-pw", "x"],
            "app --pin <4 bytes> --psk=<2 bytes> -pw <1 byte>",
        ),
        (
            &["app", "DB_PW=x", "spinner=1", "Password:", "x", "--login", "u:x"],
            "app DB_PW=<1 byte> spinner=1 Password: <1 byte> --login u:<1 byte>",
        ),
        (&["app", "sk-ant-0123456789abcdef0123"], "app <27 bytes>"),
        (&["curl", "http://h/x?a=1&sig=ab%3D&b=2"], "curl http://h/x?a=1&sig=<5 bytes>&b=2"),
        (&["app", "ghp_0123456789abcdef0123", "--x=glpat-0123456789abcdef"], "app <24 bytes> --x=<22 bytes>"),
        (&["app", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc"], "app <40 bytes>"),
        (&["psql", "host=db password = pw user=me"], "psql host=db password = <2 bytes> user=me"),
        (
            &["app", "https://hooks.slack.com/services/T0/B0/xyz"],
            "app https://hooks.slack.com/services/<9 bytes>",
        ),
    ] {
        assert_eq!(masked(arguments), shown);
    }
}

/// What is masked is written in brackets.
fn check(cases: &[&[&str]]) {
    for case in cases {
        let arguments: Vec<String> = case.iter().map(|part| part.replace(['⟦', '⟧'], "")).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut shown = String::new();
        let joined = case.join(" ");
        for (at, part) in joined.split(['⟦', '⟧']).enumerate() {
            shown += &if at % 2 == 1 { mask_of_length(part.len()) } else { part.to_owned() };
        }
        assert_eq!(masked(&arguments), shown, "{case:?}");
    }
}

#[test]
fn any_bytes_will_do() {
    let alphabet = b"=:/@ '\"-&a\xff";
    let mut state = 1_u32;
    for _ in 0..20_000 {
        let mut text = b"key".to_vec();
        for _ in 0..state >> 20 & 15 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.push(alphabet[(state >> 16) as usize % alphabet.len()]);
        }
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let mut masked = Masker::default();
        let mut out = Vec::new();
        masked.push(&mut out, &text);
        masked.push(&mut out, &text);
        let _ = has_secret(&text);
    }
}

#[test]
fn every_kind_of_white_space_ends_a_word() {
    // A word that ended at a carriage return and did not begin behind it was masked again and
    // again.
    for space in ["\r", "\x0c", "\x0b", "\t", "\n", " "] {
        assert_eq!(
            masked(&[&format!("x -ua:b{space}c:d")]),
            format!("x -ua:<1 byte>{space}c:d"),
            "{space:?}"
        );
        assert_eq!(
            masked(&[&format!("x --password{space}b{space}c")]),
            format!("x --password{space}<1 byte>{space}c")
        );
    }
}

#[test]
fn any_blanks_may_stand_between_words() {
    for blanks in [" ", "  ", "\t", "\t\t", " \\\n  ", " \\\r\n\t"] {
        for command in [
            "vault login ⟦hunter2⟧ && nginx",
            "vault login -address=http://v:8200 ⟦hunter2⟧",
            "vault kv put secret/x a=⟦b⟧ c=⟦d⟧",
            "cargo login ⟦hunter2⟧",
            "redis-cli auth ⟦hunter2⟧",
            "rabbitmqctl add_user bob ⟦hunter2⟧ && x y",
            "htpasswd -bc ⟦f⟧ ⟦bob⟧ ⟦hunter2⟧",
            "openssl passwd ⟦hunter2⟧",
            "mkpasswd ⟦hunter2⟧",
            "wpa_passphrase net ⟦hunter2⟧",
            "mc alias set m http://h ⟦AKID⟧ ⟦hunter2⟧",
            "sqlplus -S scott/⟦tiger⟧@db x",
            "echo ⟦hunter2⟧ | docker login --password-stdin",
            "docker login -u me -p ⟦hunter2⟧ registry:5000",
            "curl -u me:⟦hunter2⟧ h",
            "app --password ⟦hunter2⟧ x",
            "nmcli d wifi connect net password ⟦hunter2⟧ x",
            "app Bearer ⟦hunter2⟧ x",
        ] {
            let text = command.replace(' ', blanks);
            check(&[&["sh", "-c", &text], &[&text], &["sh", "-c", &format!("{blanks}{text}")]]);
        }
    }
    check(&[&["vault", "login", " ⟦hunter2⟧"], &["vault", "login", "", "⟦hunter2⟧"]]);
}

/// What a fuzzer found.
#[test]
fn what_stands_around_does_not_show_it() {
    check(&[
        &["sqlplus", "PGPASSWORD=⟦hunter2a/b@c⟧"],
        &["curl", "-sux=$(curl --password ⟦hunter2⟧ -su me:⟦pw x⟧"],
        &["curl", "-u", "a --password ⟦hunter2⟧ b:⟦pw x⟧"],
        &["sh", "-c", "curl -u 'me:⟦p w'⟧ h --token ⟦x⟧ y"],
        &["sqlplus a{\"password\":⟦\"hunter2\"⟧}/b@c"],
        &["vault kv put x a{\"password\":⟦\"hunter2\"⟧}a=b c=⟦d⟧"],
        &["lftp -ua{\"password\":⟦\"hunter2\"},b⟧"],
        &["app jdbc:oracle:thin:a{\"password\":⟦\"hunter2\"⟧}/b@c"],
        &["app", "https://h/?token=⟦hunter2⟧&x=/hooks/0123456789abcdef"],
        &["l\\\"key\\\":⟦sql  --password \\\n  hunter2⟧\n-p"],
        &["x password = ⟦--password⟧ ⟦hunter2⟧ y", "--token", "⟦--Password⟧", "⟦hunter2⟧"],
        &["x Cookie: ⟦sql  --password \\\n  hunter2⟧\n-p"],
    ]);
}
