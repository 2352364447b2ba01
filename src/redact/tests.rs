use super::*;

fn masked(arguments: &[&str]) -> String {
    let (mut out, mut masked) = (Vec::new(), Masked::default());
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
            shown += &if at % 2 == 1 { hidden(part.len()) } else { part.to_owned() };
        }
        assert_eq!(masked(&arguments), shown, "{case:?}");
    }
}

#[test]
fn headers_of_several_words() {
    check(&[
        &["worker: Authorization: ⟦Bearer S3CR⟧"],
        &["app --header Authorization: ⟦Basic S3CR --x⟧"],
        &["app Cookie: ⟦a=1; sid=S3CR⟧\nnext line"],
        &["--header=Authorization: ⟦Bearer tok⟧"],
        &["app", "--add-header=X-Api-Key: ⟦abcd efgh⟧"],
        &["app", "--opt=password: ⟦abc def⟧", "x"],
        &["app", "--env=TOKEN=⟦abc def⟧", "x"],
        &["curl", "--data=password=⟦a b c⟧", "--data=user=x&password=⟦a b⟧&c=1"],
        &["sh", "-c", "curl -H Authorization:⟦\\ Bearer\\ S3CR⟧"],
        &["sh", "-c", "curl -H \"Authorization:⟦Bearer \\\"a b⟧\" http://h/"],
        &["sh", "-c", "curl '-HX-Api-Key: ⟦a b⟧' \"--header=X-Token: ⟦a 'b⟧\" h"],
        &["sh", "-c", "curl -H 'X-Key: ⟦a'\\''b c'⟧ h"],
        &["sh", "-c", "TOKEN=⟦x⟧ B=y cmd --z; PW=⟦a\\ b⟧ PIN=⟦'a b'c⟧ d"],
        &["sh", "-ec", "java '-Ddb.pw=⟦a b⟧' -jar x"],
        &["bash -lc", "x"],
        &["app", "Data Source=db;Password=⟦a b⟧;User=me"],
        &["app", "user=x&password=⟦a b c⟧"],
        &["docker", "run", "registry/auth:⟦v2⟧", "x: registry/auth:⟦v2⟧ --port 80"],
        &["app", "token:⟦9f8e7d⟧"],
    ]);
}

#[test]
fn headers_in_separate_words() {
    check(&[
        &["curl", "-H", "Authorization:", "⟦Bearer⟧", "⟦X⟧", "http://h/"],
        &["curl", "--header=Authorization:", "⟦Basic⟧", "⟦X⟧", "http://h/"],
        &["app", "Bearer ⟦abcdefgh⟧", "Basic ⟦abcdefgh⟧", "token ⟦abcdefgh⟧", "token refresh"],
        &["app", "Bearer", "⟦X⟧", "Basic", "⟦bWU6cHc=⟧", "x"],
        &["sh", "-c", "app Bearer ⟦X⟧ Basic  ⟦bWU6cHcx⟧ x"],
    ]);
}

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
fn programs_with_letters_of_their_own() {
    check(&[
        &["curl", "-su", "u:⟦pw⟧", "-sSLu", "u:⟦pw⟧", "-U", "u:⟦p w⟧", "-Uu:⟦pw⟧", "-suu:⟦pw⟧", "-XPUT", "h"],
        &["sh", "-c", "curl -sU 'u:⟦p w'⟧ h"],
        &["docker", "run", "-p", "80:80", "x"],
        &["docker", "login", "-u", "me", "-p", "⟦pw⟧", "registry:5000"],
        &["mongo", "-u", "me", "-p", "⟦pw⟧"],
        &["/usr/bin/mongosh", "-p", "⟦pw⟧", "--host", "h"],
        &["ldapsearch", "-xw", "⟦pw⟧", "-b", "dc=x", "-w⟦pw⟧"],
        &["ldapmodify", "-w", "⟦pw⟧", "-x"],
        &["smbclient", "//h/s", "-U", "u%⟦pw⟧", "-Uu%⟦pw⟧", "--user=u%⟦pw⟧"],
        &["sqlcmd", "-S", "h", "-P", "⟦pw⟧"],
        &["zip", "-erP", "⟦pw⟧", "x.zip", "x"],
        &["unzip", "-P", "⟦pw⟧", "x.zip"],
        &["7z", "a", "-p⟦pw⟧", "x.7z"],
        &["openssl", "enc", "-aes-256-cbc", "-k", "⟦pw⟧", "-pass", "⟦pass:x⟧", "-check", "y"],
        &["openssl", "rsa", "-passin", "⟦pass:123⟧", "-in", "x.pem"],
        &["xfreerdp", "/u:me", "/p:⟦p w⟧", "/v:h"],
        &["htpasswd", "-nbB", "⟦u⟧", "⟦pw⟧"],
        &["sh", "-c", "htpasswd -b ⟦f⟧ ⟦u⟧ ⟦pw⟧"],
        &["snmpwalk", "-v2c", "-c", "⟦x⟧", "h"],
        &["ipmitool", "-U", "u", "-P", "⟦pw⟧", "power"],
        &["http", "-a", "u:⟦pw⟧", "http://host:8080/path"],
        &["mysql", "-h", "http", "-p⟦pw⟧"],
        &["kubectl", "create", "secret", "generic", "x", "--from-literal=⟦k=v⟧", "--from-literal", "⟦k=v⟧"],
        &["app", "jdbc:oracle:thin:u/⟦pw⟧@h", "--url=jdbc:oracle:thin:u/⟦p@w⟧@//h:1/x"],
        &["app", "⟦AKIAIOSFODNN7EXAMPLE⟧", "key,⟦ASIAIOSFODNN7EXAMPLE⟧,x"],
        &["app", "--dsn", "⟦x⟧", "--connection-string", "⟦a;b⟧", "--sas=⟦x⟧", "--mnemonic", "⟦a b⟧"],
        &["app", "--seed-phrase=⟦a b⟧", "--session-id", "⟦x⟧", "--salt", "⟦x⟧", "SENTRY_DSN=⟦x⟧"],
    ]);
}

#[test]
fn secrets_of_programs_in_words_of_their_own() {
    check(&[
        &["consul", "agent", "-encrypt=⟦pUqJrVyVRj5jsiYEkM/tFQ==⟧", "-bind=0.0.0.0"],
        &["nomad", "agent", "-encrypt", "⟦pUqJrVyVRj5jsiYEkM/tFQ==⟧", "-dev"],
        &["sh", "-c", "consul agent -encrypt ⟦pUqJrVyVRj5jsiYEkM/tFQ==⟧ -dev"],
        &[
            "sh",
            "-c",
            "consul agent -encrypt=⟦\"pUqJrVyVRj5jsiYEkM/tFQ==\"⟧ x; nomad -encrypt ⟦'jsiYEkM/tFQ=='⟧",
        ],
        &["sh", "-c", "app -secret ⟦hunter2⟧ -x", "bash", "-lc", "app -pincode x PIN=⟦a⟧ y"],
        &["gpg", "--encrypt", "letter.txt", "openssl", "smime", "-encrypt", "-in", "x"],
        &["app", "Server=db;Encrypt=true", "Encrypt=Mandatory", "--encrypt=yes"],
        &["mosquitto_pub", "-u", "me", "-P", "⟦secret⟧", "-t", "x"],
        &["/usr/bin/mosquitto_sub", "-P⟦secret⟧", "-p", "1883"],
        &["app", "--cred", "⟦hunter22⟧", "--cred=⟦x⟧", "--sacred", "x"],
        &["app", "--hmac", "⟦y⟧", "-hmac=⟦y⟧", "--hmac-key", "⟦y⟧", "--hmac-algorithm", "sha256"],
        &["lftp", "-u", "me,⟦se,cret⟧", "host", "-ume,⟦secret⟧", "-u", "me"],
        &["sh", "-c", "lftp -e 'open -u me,⟦secret⟧ h'"],
        &["ps", "-u", "root,daemon"],
        &["app", "⟦sk-abcdefghijABCDEFGHIJ0123456789ab⟧", "--x=⟦sk-0123456789abcdef0123456789abcdef⟧"],
        &["app", "sk-0123456789abcdef0123456789abcde", "sk-a-very-long-name-of-some-kind-or-other"],
        &["app", "https://api.telegram.org/bot123456:⟦ABC-DEF1234ghIkl-zyx57W2v1u123ew11⟧/getMe"],
        &[
            "app",
            "123456789:⟦AAF1234ghIkl-zyx57W2v1u123ew11abcdef⟧",
            "--bot",
            "bot123456:⟦A_C-DEF1234ghIkl-zyx57W2v1u123⟧",
        ],
        &["app", "bot123456:ABC-DEF1234ghIkl-zyx57W2v1u1", "host:8080:abcdefghijabcdefghijabcdefghijabc"],
    ]);
}

#[test]
fn a_url_behind_the_letter_of_a_user() {
    check(&[
        &["redis-cli", "-u", "redis://:⟦pw⟧@h", "-u", "redis://h:6379/0", "-uredis://:⟦pw⟧@h"],
        &["sh", "-c", "redis-cli -u redis://:⟦pw⟧@h get x"],
        &["app", "--user=redis://me:⟦pw⟧@h", "-u", "me:⟦pw⟧"],
        &["curl", "-u", "me:⟦//x⟧", "h"],
        &["app", "-u", "SVC-APP:⟦pw⟧", "--user=10.0.0.1:⟦pw⟧", "-u", "root:⟦root⟧"],
    ]);
}

#[test]
fn what_options_say_of_how_secrets_are_used() {
    check(&[
        &["app", "--max-num-batched-tokens", "8192", "--max-tokens=512", "MAX_TOKENS=1", "--max-auth", "3"],
        &["app", "--max-tokens", "⟦a1⟧", "--api-tokens=⟦a1⟧", "--token", "⟦8192⟧", "--token=⟦512⟧"],
        &["app", r#"{"max_tokens": 512, "stream_tokens":true, "tokens":⟦"512"⟧}"#],
        &["sh", "-c", "app --max-tokens 512 --max-tokens=512 --token-ttl=1h --token ⟦512⟧"],
        &["app", "--authorization-mode=RBAC", "--token-ttl", "1h", "--key-type", "rsa", "--auth.mode", "x"],
        &["app", "--enable-bootstrap-token-auth=true", "--token-auth", "false", "--password=⟦True1⟧"],
        &["app", "--bypass", "1", "--monkey", "banana", "--monkey-pass", "⟦x⟧", "--bypass-token=⟦x⟧"],
        &["node", "--key", "/etc/ssl/key.pem", "--tlskey=/etc/x.key", "--secret", "/run/secrets/x"],
        &["app", "--token=/run/secrets/my_token-1", "--credentials", "/a/b.json", "-Dssl.key=/etc/k.pem"],
        &["sh", "-c", "node --key /etc/ssl/key.pem --secret=/run/secrets/x --key ⟦'/etc/a b'⟧"],
        &[
            "app",
            "--key",
            "⟦/x⟧",
            "--key",
            "⟦/aB3/c4⟧",
            "--key=⟦/a/b+c⟧",
            "--key",
            "⟦/a//b⟧",
            "--key",
            "⟦a/b⟧",
        ],
        &["app", "--password", "⟦/run/x/y⟧", "--pass=⟦/a/b⟧", "--passphrase", "⟦/a/b⟧"],
    ]);
}

#[test]
fn what_looks_like_an_option_may_be_the_secret() {
    check(&[
        &["app", "--password", "--verbose", "x"],
        &["app", "--password", "⟦--hunter2⟧", "x"],
        &["app", "--password", "⟦--Hunter⟧", "x"],
        &["app --password --verbose x"],
        &["app --password ⟦--hunter⟧"],
    ]);
}

#[test]
fn what_is_no_secret_stays() {
    for arguments in [
        &["nginx: master process", "-g", "daemon off;"][..],
        &["app", "--password-file", "/run/secrets/db", "--port", "80"],
        &["app", "--auth", "--bind", "-x"],
        &["app", "--token"],
        &["app", "spinner=1", "--pinned", "author: X", "tokenizer=x y", "http://host:8080/path"],
        &["kubectl", "get", "secret", "-o", "yaml"],
        &["kubeadm", "token", "generate", "basic auth", "app token create"],
        &["postgres: me db 10.0.0.1(5432) idle", "sshd: me@pts/0", "nginx: worker process"],
        &["curl", "-sSfLo", "/tmp/x", "-XPUT", "-H", "Host: x", "-u", "me", "--", "https://h:8080/a?b=c&d=e"],
        &["zip", "-r", "x.zip", "x", "ssh", "-p", "22", "7z", "x", "-oout"],
        &["app", "http://auth:8080/a@b", "auth:80", "ssh://git@host/x"],
        &["docker", "run", "--user", "1000:1000", "--user=1:1", "registry:5000/app:1.2@sha256:abc"],
        &["app", "KEYBOARD=us", "AUTH_URL=http://h/", "--sig=TERM", "--spin", "3", "eyJ", "npm_config_x"],
        &["ssh", "-p", "22", "-p22", "[", "x", "=", "y", "]"],
        &["redis-cli", "-p", "6379", "mysqld", "--port=1"],
        &["://", "=", ":", "", " ", "--", "-", "@", "a://@", "'\"=", "\"\":"],
    ] {
        assert_eq!(masked(arguments), arguments.join(" "));
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
        let mut masked = Masked::default();
        let mut out = Vec::new();
        masked.push(&mut out, &text);
        masked.push(&mut out, &text);
        let _ = has_secret(&text);
    }
}

/// How long this thread was on a processor, in nanoseconds: proc_pid_schedstat, the kernel's sched-stats.rst. That of the
/// wall says nothing where other tests run beside this one.
fn busy() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|time| time.parse().ok()).unwrap_or_default()
}

/// How long it takes to mask a text of this length that repeats `part` behind `begin`.
fn time_to_mask(begin: &str, part: &str, length: usize) -> u64 {
    let text = [begin, &part.repeat(length / part.len())].concat();
    let start = busy();
    // So that the options of programs count, and what is masked is looked for again and again.
    let mut masked = Masked::default();
    for argument in ["curl", "htpasswd", "smbclient", "ldapsearch", "sh", "-c", text.as_str()] {
        masked.push(&mut Vec::new(), argument.as_bytes());
    }
    Masked::default().push(&mut Vec::new(), text.as_bytes());
    let _ = mounted(text.as_bytes());
    busy() - start
}

#[test]
fn the_time_is_linear_in_the_length() {
    /// The kernel may count processor time by ticks of up to 10 ms.
    const TICKS: u64 = 20_000_000;
    let mut slow = Vec::new();
    for (begin, part) in [
        ("", "a:"),
        ("", "a://"),
        ("", "a="),
        ("", "a' "),
        ("", "-u "),
        ("", "-u \"a' "),
        ("", "-u 'a\" "),
        ("", "-sU \"x' \\"),
        ("", "-x "),
        ("", "key=a&"),
        ("", "key:8 "),
        ("", "key:/"),
        ("", "\"key\":["),
        ("", "\"key\":\""),
        ("", "key: \"\n"),
        ("", "x;key="),
        ("", "'key="),
        ("", "--key --x "),
        ("", "--key 'a "),
        ("", "Bearer "),
        ("", "PRIVATE KEY-----"),
        ("", "oracle:thin:"),
        ("", "a:b@"),
        ("", "token aaaaaaaa"),
        ("", "\\\""),
        ("", "eyJ"),
        ("", "eyJ:"),
        ("", "//"),
        ("", "//a="),
        ("", "-encrypt="),
        ("", "1:"),
        ("", "sk-"),
        ("", "://aaaa"),
        ("-ua://", "a:"),
        ("\"", "?key=true&"),
        // Values that are plain.
        ("x ", "key=/a/a "),
        ("x ", "pin=true "),
        ("x ", "token=true,"),
        ("x ", "\"token\":\"\","),
        ("x ", "\"token\":,"),
        ("x ", "max-tokens=1 "),
        ("x ", "pw= "),
        ("x ", "\"token\"=a"),
        ("x ", "?code=1 "),
        ("x ", "?code=1&"),
        ("x ", "?key=true "),
        ("x ", "session=-"),
        ("x ", "\"session\":-["),
        ("x ", "session=-$("),
        ("x ", "session=-'\""),
        ("x ", "-u 1:1 "),
        ("x ", "\"--x\",\"a\","),
        ("x ", "\"--max-tokens\",\"1\","),
        ("x ", " \\\n"),
        ("x ", "= "),
        ("x ", "password "),
    ] {
        // What is quadratic takes 16 times as long. Several tries, as caches and ticks disturb one.
        let is_linear = || {
            let short = time_to_mask(begin, part, 1 << 14);
            time_to_mask(begin, part, 1 << 16) < 6 * short + TICKS
        };
        if !(0..3).any(|_| is_linear()) {
            slow.push((begin, part));
        }
    }
    assert!(slow.is_empty(), "{slow:?}");
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
        assert_eq!(String::from_utf8(mounted(source.as_bytes())).unwrap(), shown);
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
fn every_kind_of_white_space_ends_a_word() {
    // A word that ended at a carriage return and did not begin behind it was masked again and again.
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
fn command_lines_as_a_shell_reads_them() {
    check(&[
        // Continued lines.
        &["sh", "-c", "app --password \\\n ⟦hunter2⟧ --x"],
        &["sh", "-c", "app --password\\\n ⟦hunter2⟧ --x"],
        &["sh", "-c", "mysql \\\r\n  -p⟦hunter2⟧ \\\n  db"],
        &["sh", "-c", "curl -u \\\n me:⟦pw⟧ h"],
        // Commands within words.
        &["sh", "-c", "TOKEN=⟦$(printf 'a b' | tr a b)⟧ app x"],
        &["sh", "-c", "app --password ⟦\"$(echo \"a b\")\"⟧ --x"],
        &["sh", "-c", "app --password=⟦`echo a b`⟧ --x"],
        &["sh", "-c", "app \"--password=⟦$(echo \"a b\") c⟧\" --x"],
        &["sh", "-c", "x=$(curl -su me:⟦pw)⟧ y"],
        &["sh", "-c", "x=`app --key=⟦value`⟧ y `z`"],
        &["sh", "-c", "cd /;mysql -p⟦pw⟧ db|mysql -p⟦pw⟧ x"],
        &["sh", "-c", "app --password ⟦${PW:-a b}⟧ x"],
        &["sh", "-c", "su -c 'mysql -p⟦pw⟧' x"],
        // Options in quotes.
        &["sh", "-c", "app \"--password\" ⟦hunter2⟧ '--token' ⟦'a b'⟧ x"],
        &["sh", "-c", "mysql '-p⟦a b⟧' x; redis-cli \"-a\" ⟦pw⟧ get x"],
        &["sh", "-c", "curl \"--user=me:⟦a b⟧\" h"],
        &["app", r#"["app", "--password", ⟦"hunter2"⟧, "--x", "y"]"#],
        &["app", r#"{"args":["--token",⟦"hunter2"⟧,"--verbose","--user","me"]}"#],
        &["app", r#"["--key","/etc/ssl/x.key","--password","--x"]"#.replace("\"--x\"", "⟦\"--x\"⟧").as_str()],
        // Spaces beside the equals sign.
        &["app", "--password", "=", "⟦X⟧", "--password=", "⟦X⟧", "PASSWORD=", "⟦X⟧", "--x"],
        &["app --password = ⟦X⟧ --password= ⟦X⟧ PASSWORD= ⟦X⟧ --x"],
        &["sh", "-c", "app --password = ⟦'X Y'⟧ PASSWORD= ⟦X⟧ x"],
        &["app", "--password=", "--verbose", "x", "= y"],
        &["app", "PASSWORD", "=", "⟦X⟧", "y", "db.password", "=", "⟦a b⟧", "PASSWORD", "X"],
        &["app", "name", "=", "x", "session", "=", "new", "PASSWORD", "==", "x"],
        // The scheme of a header apart from its token.
        &["curl", "-H", "Authorization: ⟦Bearer⟧", "⟦X⟧", "h"],
        &["sh", "-c", "curl -H 'Authorization: ⟦Bearer⟧' ⟦X⟧ h"],
        // Dictionaries of Python and others.
        &["python3", "-c", "import os; os.environ[\"DB_PASSWORD\"]=⟦\"X Y\"⟧; run()"],
        &["python3", "-c", "os.environ['DB_PASSWORD'] = ⟦'X'⟧; run()"],
        &["sh", "-c", "python3 -c \"os.environ[\\\"DB_PASSWORD\\\"]=⟦\\\"X\\\"⟧; run()\""],
        // SQL.
        &["psql", "-c", "ALTER USER me WITH PASSWORD ⟦'a b'⟧ VALID UNTIL 'x'"],
        &["mysql", "-e", "CREATE USER me IDENTIFIED BY ⟦'x'⟧"],
        &["sh", "-c", "psql -c \"alter user me password ⟦'x y'⟧\" db"],
    ]);
}

#[test]
fn programs_whose_operands_are_secrets() {
    check(&[
        &["rabbitmqctl", "add_user", "me", "⟦pw⟧"],
        &["sh", "-c", "rabbitmqctl -n x add_user me ⟦'p w'⟧ && rabbitmqctl change_password me ⟦pw;⟧ ls me"],
        &["rabbitmqctl", "list_users", "me", "pw"],
        &["vault", "login", "-no-print", "⟦hunter2⟧"],
        &["vault", "login", "-method=userpass", "username=me", "password=⟦pw⟧"],
        &["vault", "operator", "unseal", "⟦aGVsbG8gd29ybGQ=⟧"],
        &["sh", "-c", "vault unseal ⟦abc;⟧ vault kv put secret/x a=⟦b⟧ c=⟦d⟧"],
        &["cargo", "login", "--registry", "⟦mine⟧", "⟦cio0123⟧"],
        &["cargo", "build", "--release"],
        &["aws", "configure", "set", "aws_secret_access_key", "⟦x⟧", "--profile", "y"],
        &["aws", "configure", "set", "region", "eu-west-1"],
        &["sh", "-c", "aws configure set aws_secret_access_key ⟦x⟧ && aws s3 ls"],
        &["npm", "config", "set", "//registry.npmjs.org/:_authToken", "⟦x⟧"],
        &["npm", "config", "set", "//registry.npmjs.org/:_authToken=⟦x⟧"],
        &["npm", "config", "set", "registry", "https://registry.npmjs.org/"],
        &["yarn", "config", "set", "npmAuthToken", "⟦x⟧"],
        &["nmcli", "device", "wifi", "connect", "net", "password", "⟦pw⟧", "ifname", "wlan0"],
        &["nmcli", "c", "modify", "x", "wifi-sec.key-mgmt", "wpa-psk", "wifi-sec.psk", "⟦pw⟧"],
        &["net", "rpc", "-U", "me%⟦pw⟧", "-S", "host"],
        &["sqlplus", "-S", "scott/⟦tiger⟧@db", "@/opt/x/y.sql"],
        &["sh", "-c", "sqlplus scott/⟦tiger⟧@//h:1521/x; cat a/b"],
        &["sqlplus", "/", "as", "sysdba", "/nolog", "me@db"],
        &["sh", "-c", "echo 'root:⟦a b⟧' | chpasswd"],
        &["sh", "-c", "chpasswd <<EOF\nroot:⟦pw⟧\nme:⟦pw⟧\nEOF"],
        &["sh", "-c", "echo ⟦hunter2⟧ | docker login --password-stdin -u me registry:5000"],
        &["sh", "-c", "echo root:x | cat"],
        &["redis-cli", "config", "set", "requirepass", "⟦pw⟧"],
        &["redis-cli", "AUTH", "⟦pw⟧"],
        &["mc", "alias", "set", "x", "http://minio:9000", "⟦me⟧", "⟦pw⟧"],
        &["wpa_passphrase", "net", "⟦pw⟧"],
        &["mysqladmin", "-u", "root", "password", "⟦S3cret⟧"],
        &["sh", "-c", "mariadb-admin -uroot -p⟦old⟧ password ⟦'a b'⟧ && mysqladmin ping; mysqladmin status"],
        &["mc", "admin", "user", "add", "m", "bob", "⟦pw⟧"],
        &["etcdctl", "user", "add", "bob:⟦pw⟧", "x"],
        &["sh", "-c", "etcdctl user add bob:⟦pw;⟧ etcdctl get a:b"],
        &["wg", "set", "wg0", "private-key", "⟦aGVsbG8gd29ybGQ=⟧", "peer", "x"],
        &["wg", "set", "wg0", "private-key", "/etc/wireguard/wg0.key"],
    ]);
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

#[test]
fn programs_with_options_of_their_own() {
    check(&[
        &["valkey-cli", "-a", "⟦pw⟧", "-p", "6379"],
        &["keydb-cli", "-a", "⟦pw⟧", "ping"],
        &["redis-benchmark", "-h", "h", "-a", "⟦pw⟧", "-q"],
        &["buildah", "login", "-u", "me", "-p", "⟦pw⟧", "registry:5000"],
        &["crane", "auth", "login", "-u", "me", "-p", "⟦pw⟧", "registry:5000"],
        &["buildah", "run", "-p", "x"],
        &["twine", "upload", "-u", "me", "-p", "⟦pw⟧", "dist/x"],
        &["cqlsh", "-u", "me", "-p", "⟦pw⟧", "host", "9042"],
        &["tsql", "-S", "h", "-U", "me", "-P", "⟦pw⟧", "-p", "1433"],
        &["useradd", "-m", "-p", "⟦$6$x$y⟧", "me"],
        &["curl", "-E", "c.pem:⟦pw⟧", "--cert", "c.pem:⟦p w⟧", "--cert=c.pem:⟦pw⟧", "-E", "c.pem", "h"],
        &[
            "curl",
            "-b",
            "⟦a=1; sid=x⟧",
            "-b",
            "cookies.txt",
            "--cookie",
            "⟦a=b⟧",
            "--cookie",
            "x.txt",
            "-c",
            "y",
        ],
        &["sh", "-c", "curl -sb ⟦'a=1; sid=x'⟧ -b cookies.txt h"],
        &["curl", "-sSfLo", "/tmp/x", "-dbody=1&x=2", "-ob:c", "--cert-type", "PEM", "--cacert", "/a:b"],
        &["app", "--cert", "a:b", "-E", "a:b", "-b", "a=b"],
    ]);
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

#[test]
fn harmless_words_stay_readable() {
    for arguments in [
        &["sh", "-c", "echo $(date) `hostname` \"$HOME\" 'a b'; for i in 1 2; do x; done"][..],
        &["sh", "-c", "cd /x && ./y --a \\\n  --b c \\\n  d"],
        &["app", "--a", "=", "b", "x", "=", "1", "--b=", "c", "FOO=", "bar"],
        &["app", r#"["--listen","0.0.0.0:80","--a", "b"]"#, r#"{"token_type":"x"}"#],
        &["app", "password", "x", "session", "seed", "login", "me", "set key value"],
        &["python3", "-c", "a['b']='c'; x = y[0]"],
        &["vault", "status", "server", "-config=/x", "cargo", "run", "x", "npm", "start", "aws", "s3", "ls"],
        &["psql", "-c", "select password from users order by id", "GROUP BY x"],
        &["net", "usershare", "list", "exp", "a-b"],
        &["app", "--jar=/x.jar", "--cookie-jar", "/tmp/x", "--key-mgmt", "wpa"],
        &["bash", "-c", "exec app --password; ls"],
        &["sh", "-c", "date -u +%Y-%m-%d", "date", "-u", "+%H%M"],
        &["node", "-e", "const session = new Session(); f({session: session})", "a : b", "token : b"],
        &["docker", "run", "--name", "mongo", "-p", "27017:27017", "mongo"],
        &["docker", "run", "--name=mongo", "-p", "27017:27017", "mongo"],
        &["docker", "run", "--name", "login", "-p", "443:443", "nginx"],
        &["sh", "-c", "docker run --name  mongo -p 27017:27017 mongo"],
        &["mongo_exporter", "-p", "9216", "gunicorn", "ldapapp.wsgi:app", "-w", "4"],
        &["train", "--name", "exp", "--weights", "weights/best.pt"],
        &["socat", "-u", "TCP-LISTEN:8080,fork", "x", "nc", "-u", "127.0.0.1:53", "sort", "-u", "/tmp/a:b"],
        &["java", "-Djava.security.auth.login.config=/etc/kafka/jaas.conf", "--key-prefix=app:"],
        &["ffmpeg", "-force_key_frames", "expr:1"],
        &["postgres", "-c", "password_encryption=scram-sha-256"],
        &["cat", "fixed by 'end'", "sorted by 'name'", "the password is 'x'"],
    ] {
        assert_eq!(masked(arguments), arguments.join(" "));
    }
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

#[test]
fn options_that_mean_something_else_to_a_program() {
    check(&[
        &["docker", "run", "-u", "node:node", "--user=node:node", "-uapp:app", "x"],
        &["docker", "run", "-u", "node:⟦pw⟧", "--user=node:⟦pw⟧", "-uapp:⟦pw⟧", "x"],
        &["docker", "run", "-u", "node:node", "x", "app", "-u", "me:⟦pw⟧", "--password", "⟦x⟧"],
        &["sudo", "-E", "docker", "exec", "-u", "www-data:www-data", "x", "id"],
        &["sh", "-c", "A=b exec docker run -u node:node x; app -u node:⟦node⟧"],
        &["sh", "-c", "docker run x && app -u node:⟦node⟧ | app -u node:⟦node⟧"],
        &["sh", "-c", "docker run x\napp -u node:⟦node⟧"],
        &["sh", "-c", "docker run x -u node:node $(app -u node:⟦node)⟧"],
        &["docker", "run", "x", "sh", "-c", "app -u node:⟦node⟧"],
        &["/usr/bin/openssl", "req", "-x509", "-newkey", "rsa:4096", "-keyout", "/x/k.pem"],
        &["app", "openssl", "-newkey", "⟦rsa:4096⟧"],
        &["sort", "-t,", "--key=1,1n", "--key", "2,2", "--key=3"],
        &["sh", "-c", "ls | sort --key=1,1n --key 2,2 >x; app --key=⟦1,1n⟧ --key ⟦2,2⟧"],
        &["app", "sort", "--key=⟦1,1n⟧"],
        &["ffmpeg", "-i", "x", "-pass", "1", "-pass", "2", "x"],
        &["ffmpeg", "-pass", "⟦x⟧"],
        &["app", "-pass", "⟦1⟧"],
        &["journalctl", "-u", "x:y", "-ux:y"],
        &["app", "-u", "x:⟦y⟧"],
    ]);
}

#[test]
fn passwords_for_standard_input_and_in_operands() {
    check(&[
        &["curl", "-H", "X-Auth-Key : ⟦PW x⟧", "--header=X-Auth-Key : ⟦PW⟧", "-HX-Auth-Key\t: ⟦PW⟧", "h"],
        &["curl", "-H", "Accept : x", "-H", "x token : b", "token : b"],
        &["sh", "-c", "curl -H 'X-Auth-Key : ⟦PW x⟧' h --header \"X-Auth-Key : ⟦PW x⟧\" 'token : b'"],
        &["redis-cli", "acl", "setuser", "b", "on", ">⟦PW⟧", "<⟦PW⟧", "#⟦ab12⟧", "~*", "+@all"],
        &["redis-cli", "ACL", "SETUSER", "b", "on", "allkeys"],
        &["sh", "-c", "redis-cli acl setuser b on '>⟦PW'⟧ +@all && app >x"],
        &["sh", "-c", "docker login --password-stdin -u me registry:5000 <<< ⟦PW⟧ && x y"],
        &["sh", "-c", "docker login --password-stdin <<<⟦\"P W\"⟧ registry:5000\nx y"],
        &["sh", "-c", "docker login --password-stdin <<< ⟦'P W'⟧\nx y"],
        &["sh", "-c", "cat <<< PW"],
        &["docker", "login", "-u", "me", "--password-stdin", "registry:5000"],
        &["sh", "-c", "printf 'user:⟦PW⟧' | chpasswd"],
        &["sh", "-c", "printf 'user:⟦PW\\n⟧' | chpasswd; printf '%s:⟦%s\\n⟧' ⟦user⟧ ⟦PW⟧ | chpasswd"],
        &["sh", "-c", "chpasswd <<< user:⟦PW;⟧ chpasswd <<<'user:⟦P W⟧'"],
    ]);
}

#[test]
fn the_time_is_linear_for_exceptions_and_headers() {
    const TICKS: u64 = 20_000_000;
    let mut slow = Vec::new();
    for (begin, part) in [
        ("-H ", "key : "),
        ("-Hkey", " : "),
        ("sort ", "(="),
        ("sort ", "--key=1 "),
        ("docker ", "-u a:a "),
        ("docker ", "-u 'a:'a "),
        ("redis-cli setuser a ", ">a "),
        ("--password-stdin ", "<<< "),
        ("chpasswd ", "printf a "),
    ] {
        let is_linear = || {
            let short = time_to_mask(begin, part, 1 << 14);
            time_to_mask(begin, part, 1 << 16) < 6 * short + TICKS
        };
        if !(0..3).any(|_| is_linear()) {
            slow.push((begin, part));
        }
    }
    assert!(slow.is_empty(), "{slow:?}");
}
