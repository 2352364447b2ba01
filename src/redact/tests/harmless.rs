//! What is not a secret stays.

use super::{check, masked};

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
