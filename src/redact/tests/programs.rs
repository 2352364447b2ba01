//! Command lines of programs that have options of their own.

use super::check;

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
fn options_that_mean_something_else_to_a_program() {
    check(&[
        &["docker", "run", "-u", "node:node", "--user=node:node", "-uapp:app", "x"],
        &["docker", "run", "-u", "node:⟦pw⟧", "--user=node:⟦pw⟧", "-uapp:⟦pw⟧", "x"],
        &["docker", "run", "-u", "node:node", "x", "app", "-u", "me:⟦pw⟧", "--password", "⟦x⟧"],
        &["sudo", "-E", "docker", "exec", "-u", "www-data:www-data", "x", "id"],
        &["sh", "-c", "A=b exec docker run -u node:node x; app -u node:⟦node⟧"],
        &["sh", "-c", "docker run x && app -u node:⟦node⟧ | app -u node:⟦node⟧"],
        &["sh", "-c", "docker run x\napp -u node:⟦node⟧"],
        &["sh", "-c", "docker run -u node:node $(app -u node:⟦node)⟧"],
        &["docker", "exec", "c", "curl", "-u", "me:⟦me⟧", "h"],
        &["docker", "run", "-it", "x", "curl", "-u", "me:⟦me⟧", "h"],
        &["sh", "-c", "docker exec c sh -c \"curl -u me:⟦me⟧ h\""],
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
