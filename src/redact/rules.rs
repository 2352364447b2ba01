//! All rules of what is a secret in a command line, as tables. `secrets::TELLING` and
//! `secrets::HARMLESS` have the words of names that count everywhere, in checks as well.
//!
//! The rows of a program follow its manual page. The formats of tokens are those that their issuers
//! publish and that scanners of source code look for.

/// What a word says about the next one, or a name about its value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing.
    #[default]
    Plain,
    /// It is a secret.
    Secret,
    /// It is a secret, or the path of a file with one.
    Key,
    /// It is a secret, or a plain number.
    Limit,
    /// It is a secret, or the next option.
    Session,
    /// It is a secret, or a status code.
    Code,
    /// It is a secret if it looks like a token.
    Token,
    /// It is `NAME:PASSWORD`, or `NAME%PASSWORD`.
    Login,
    /// It is `NAME:PASSWORD`, `NAME%PASSWORD` or a URL.
    User,
    /// It is `NAME,PASSWORD`.
    Comma,
    /// It is `FILE:PASSWORD`, or `FILE`.
    Certificate,
    /// It is `NAME=SECRET`, or a file.
    Cookie,
    /// All operands that follow are secrets.
    Operands,
    /// It is a shell command.
    Command,
}

impl Next {
    /// Whether the whole word or value is a secret, unless its form says otherwise.
    pub fn is_value(self) -> bool {
        matches!(self, Next::Secret | Next::Key | Next::Limit | Next::Session | Next::Code | Next::Token)
    }
}

// Names of options and variables.

/// Words of a name that say that its value is a secret.
pub(super) const WORDS: &[&str] =
    &["PIN", "PSK", "PW", "OTP", "DSN", "SAS", "SALT", "MNEMONIC", "CRED", "HMAC"];
/// Parts of a name that say so, without its dashes and dots.
pub(super) const PARTS: &[&str] =
    &["CONNECTIONSTRING", "SEEDPHRASE", "SESSIONID", "FROMLITERAL", "PASSIN", "PASSOUT"];
/// Last words of a name that say so, and what the value is. They do not count before white space or
/// a colon, as in source code and prose.
pub(super) const LAST_WORDS: &[(&str, Next)] = &[("SESSION", Next::Session), ("SEED", Next::Limit)];
/// Harmless words that end like one that counts.
pub(super) const OTHERS: &[&str] =
    &["BYPASS", "COMPASS", "SURPASS", "MONKEY", "DONKEY", "TURKEY", "HOCKEY", "WHISKEY"];
/// Last words of a name whose value is harmless, besides `secrets::HARMLESS`.
pub(super) const HARMLESS: &[&str] =
    &["MODE", "TTL", "TYPE", "ALGORITHM", "FLAGS", "MGMT", "JAR", "FRAMES", "ENCRYPTION", "PREFIX"];
/// Ends of the last word of a name whose value may be the path of a file.
pub(super) const FILES: &[&str] = &["KEY", "KEYS", "SECRET", "SECRETS", "TOKEN", "CREDENTIALS", "CONFIG"];
/// Parameters in the query of a URL, by their full name: the signature of an Azure shared access,
/// the authorization code of OAuth 2.0 (RFC 6749, 4.1.2).
pub(super) const QUERY: &[(&str, Next)] = &[("sig", Next::Secret), ("code", Next::Code)];
/// Values that are never secrets.
pub(super) const PLAIN: &[&str] = &["true", "false"];

/// Options of any program.
pub(super) const ANY: &[(&[&str], Next)] = &[
    (&["-u", "--user", "--proxy-user", "--login"], Next::User),
    // consul, nomad and serf; other programs have an option of this name with any value.
    (&["-encrypt", "--encrypt"], Next::Token),
];
/// Ends of the addresses of socat(1), which are no user names: `socat -u TCP-LISTEN:80 x`.
pub(super) const SOCKETS: &[&str] = &["-LISTEN", "-CONNECT", "-RECV", "-RECVFROM", "-SENDTO"];
/// SQL, in any case: a string in single quotes after these words is a secret.
pub(super) const SQL: &[&str] = &["password", "identified by"];

/// Schemes before a token in a header, in lower case: those of RFC 7235 and others.
pub(super) const SCHEMES: &[&str] = &["bearer", "basic", "token", "digest", "negotiate", "apikey"];
/// The scheme after which any word is a token.
pub(super) const BEARER: &str = "bearer";

/// Options that give a name to something, which may be that of a program: docker run --name mongo.
pub(super) const GIVES_NAME: &[&str] = &["--name", "--hostname", "--network-alias"];

// Programs. A `*` at the end of a name stands for any text.

/// Where the value of an option is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    /// In the same word, where other letters may precede the option, or in the next one.
    Either,
    /// Only in the same word.
    Attached,
    /// Only in the next word.
    Apart,
}

/// Options of a program that have a secret for a value.
#[derive(Debug)]
pub(super) struct Options {
    pub programs: &'static [&'static str],
    pub letters: &'static [u8],
    /// The same options in their long form.
    pub long: &'static [&'static str],
    pub stands: Stands,
    pub next: Next,
    /// The word without which they mean something else; empty if there is none.
    pub with: &'static str,
    /// Letters of options whose value may be in the same word.
    pub valued: &'static [u8],
}

impl Options {
    const fn long(self, long: &'static [&'static str]) -> Self {
        Options { long, ..self }
    }

    const fn with(self, with: &'static str) -> Self {
        Options { with, ..self }
    }

    const fn valued(self, valued: &'static [u8]) -> Self {
        Options { valued, ..self }
    }
}

const fn letters(
    programs: &'static [&'static str],
    letters: &'static [u8],
    stands: Stands,
    next: Next,
) -> Options {
    Options { programs, letters, long: &[], stands, next, with: "", valued: b"" }
}

/// The `valued` letters of curl(1).
const CURL: &[u8] = b"AbcCdDeEFhHKmoPQrtTuUwxXyYz";

pub(super) const OPTIONS: &[Options] = &[
    letters(&["sshpass", "rar", "unrar"], b"p", Stands::Either, Next::Secret),
    letters(&["mongo", "mongosh", "mongodump", "mongorestore"], b"p", Stands::Either, Next::Secret),
    letters(&["mongoexport", "mongoimport", "mongofiles"], b"p", Stands::Either, Next::Secret),
    letters(&["mongostat", "mongotop"], b"p", Stands::Either, Next::Secret),
    letters(&["cqlsh", "twine", "couchbase-cli"], b"p", Stands::Either, Next::Secret),
    // The hash for /etc/shadow.
    letters(&["useradd", "usermod", "groupadd", "groupmod"], b"p", Stands::Either, Next::Secret),
    letters(&["redis-cli", "valkey-cli", "keydb-cli"], b"a", Stands::Either, Next::Secret),
    letters(&["redis-benchmark", "valkey-benchmark", "keydb-benchmark"], b"a", Stands::Either, Next::Secret),
    letters(&["mysql*", "mariadb*", "7z", "7za", "7zr", "7zz"], b"p", Stands::Attached, Next::Secret),
    letters(&["ldapsearch", "ldapmodify", "ldapadd", "ldapdelete"], b"w", Stands::Either, Next::Secret),
    letters(&["ldappasswd", "ldapwhoami", "ldapcompare"], b"w", Stands::Either, Next::Secret),
    letters(&["ldapmodrdn", "ldapexop", "ldapvc"], b"w", Stands::Either, Next::Secret),
    letters(&["sqlcmd", "bcp", "tsql", "zip", "unzip"], b"P", Stands::Either, Next::Secret),
    letters(&["ipmitool", "mosquitto_*"], b"P", Stands::Either, Next::Secret),
    letters(&["docker", "podman", "nerdctl", "buildah", "skopeo"], b"p", Stands::Either, Next::Secret)
        .with("login"),
    letters(&["crane", "oras", "helm", "oc", "az"], b"p", Stands::Either, Next::Secret).with("login"),
    letters(&["openssl"], b"kK", Stands::Apart, Next::Secret),
    letters(&["snmpget*", "snmpset", "snmpwalk", "snmpbulk*"], b"cAX", Stands::Either, Next::Secret),
    letters(&["snmptrap"], b"cAX", Stands::Either, Next::Secret),
    letters(&["curl"], b"uU", Stands::Either, Next::Login).valued(CURL),
    letters(&["curl"], b"E", Stands::Either, Next::Certificate)
        .long(&["--cert", "--proxy-cert"])
        .valued(CURL),
    letters(&["curl"], b"b", Stands::Either, Next::Cookie).long(&["--cookie"]).valued(CURL),
    letters(&["smbclient", "smbget", "rpcclient", "net", "samba-tool"], b"uU", Stands::Either, Next::Login),
    letters(&["http", "https", "xh", "xhs"], b"a", Stands::Either, Next::Login),
    letters(&["lftp"], b"u", Stands::Either, Next::Comma),
    letters(&["htpasswd", "mosquitto_passwd"], b"b", Stands::Either, Next::Operands),
    letters(&["sh", "bash", "dash", "ash", "zsh", "ksh"], b"c", Stands::Either, Next::Command),
    letters(&["su", "runuser"], b"c", Stands::Either, Next::Command),
];

/// Which part of an operand is a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// All of it, unless it is `NAME=VALUE`, which the rules for names cover.
    Unnamed,
    /// The value of `NAME=VALUE`.
    Value,
    /// The password of `NAME:PASSWORD`.
    Colon,
    /// The password of `NAME/PASSWORD` and `NAME/PASSWORD@DATABASE`.
    Slash,
}

/// Operands of a program that are or contain secrets.
#[derive(Debug)]
pub(super) struct Operands {
    pub programs: &'static [&'static str],
    /// The word that they follow, in any case; they follow the program itself if there is none.
    pub verbs: &'static [&'static str],
    /// How many operands to skip before them.
    pub skip: usize,
    pub part: Part,
}

const fn operands(
    programs: &'static [&'static str],
    verbs: &'static [&'static str],
    skip: usize,
    part: Part,
) -> Operands {
    Operands { programs, verbs, skip, part }
}

pub(super) const OPERANDS: &[Operands] = &[
    // rabbitmqctl add_user NAME PASSWORD
    operands(&["rabbitmqctl"], &["add_user", "change_password", "authenticate_user"], 1, Part::Whole),
    // vault login TOKEN, vault login -method=userpass username=me password=x, vault operator unseal
    // KEY
    operands(&["vault", "bao"], &["login", "unseal"], 0, Part::Unnamed),
    // vault kv put PATH NAME=VALUE
    operands(&["vault", "bao"], &["put", "patch", "write"], 1, Part::Value),
    // cargo login TOKEN
    operands(&["cargo"], &["login"], 0, Part::Whole),
    // redis-cli auth PASSWORD
    operands(&["redis-cli", "valkey-cli", "keydb-cli"], &["auth"], 0, Part::Whole),
    // mc alias set NAME URL ACCESSKEY SECRETKEY
    operands(&["mc", "mcli"], &["set"], 2, Part::Whole),
    // mc admin user add NAME ACCESSKEY SECRETKEY
    operands(&["mc", "mcli"], &["add"], 2, Part::Whole),
    // etcdctl user add NAME:PASSWORD
    operands(&["etcdctl"], &["add"], 0, Part::Colon),
    // wpa_passphrase SSID PASSPHRASE
    operands(&["wpa_passphrase"], &[], 1, Part::Whole),
    // openssl passwd PASSWORD
    operands(&["openssl"], &["passwd"], 0, Part::Whole),
    operands(&["mkpasswd"], &[], 0, Part::Whole),
    // mysqladmin password PASSWORD
    operands(&["mysqladmin", "mariadb-admin"], &["password", "old-password"], 0, Part::Whole),
    // sqlplus NAME/PASSWORD@DATABASE
    operands(&["sqlplus", "sqlldr", "rman", "exp", "imp", "expdp", "impdp"], &[], 0, Part::Slash),
];

/// Programs that take `NAME VALUE` as two words, after this word if there is one: the name says
/// whether the value is a secret.
pub(super) const PAIRS: &[(&[&str], &str)] = &[
    // aws configure set aws_secret_access_key KEY
    (&["aws"], "configure"),
    // npm config set //registry.npmjs.org/:_authToken TOKEN, npm set NAME VALUE
    (&["npm", "pnpm", "yarn", "poetry", "pip*"], "config"),
    (&["npm", "pnpm"], "set"),
    // nmcli device wifi connect SSID password PASSWORD, nmcli connection modify ID wifi-sec.psk KEY
    (&["nmcli"], ""),
    // redis-cli config set requirepass PASSWORD
    (&["redis-cli", "valkey-cli", "keydb-cli"], "config"),
    // wg set wg0 private-key KEY
    (&["wg"], "set"),
    // wpa_cli set_network 0 psk KEY
    (&["wpa_cli"], ""),
];

/// Values that look like such names: wifi-sec.key-mgmt wpa-psk.
pub(super) const NO_NAMES: &[&str] = &["wpa-psk"];

/// Programs that read `NAME:PASSWORD` from standard input. In a text that names one, every such
/// pair counts.
pub(super) const READS_LOGINS: &[&str] = &["chpasswd", "chgpasswd", "newusers"];
/// Options to read a password from standard input. In a text that has one, printed words are
/// secrets.
pub(super) const READS_PASSWORD: &[&str] = &["--password-stdin", "passwd --stdin", "sudo -S"];
/// The programs that print them.
pub(super) const PRINTS: &[&str] = &["echo", "printf"];

// Secrets that are recognised by their own form.

/// What a token consists of after its mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// Letters, digits, `-`, `_` and `.`, like a name.
    Name,
    /// The same and `=`.
    Padded,
    /// Like a name, but the first `least` bytes have a capital and a digit, which is rare in names.
    Mixed,
    /// Letters and digits.
    Letters,
    /// Capitals and digits.
    Capitals,
    /// Hexadecimal digits.
    Hex,
}

/// The mark that a token begins with.
#[derive(Debug)]
pub(super) struct Mark {
    pub begins: &'static str,
    pub made: Made,
    /// How many bytes follow at the least.
    pub least: usize,
}

const fn mark(begins: &'static str, made: Made, least: usize) -> Mark {
    Mark { begins, made, least }
}

pub(super) const MARKS: &[Mark] = &[
    // GitHub
    mark("ghp_", Made::Name, 16),
    mark("gho_", Made::Name, 16),
    mark("ghu_", Made::Name, 16),
    mark("ghs_", Made::Name, 16),
    mark("ghr_", Made::Name, 16),
    mark("github_pat_", Made::Name, 16),
    // GitLab
    mark("glpat-", Made::Name, 16),
    mark("glptt-", Made::Name, 16),
    mark("gldt-", Made::Name, 16),
    mark("glrt-", Made::Name, 16),
    mark("glcbt-", Made::Name, 16),
    mark("glft-", Made::Name, 16),
    mark("glimt-", Made::Name, 16),
    mark("gloas-", Made::Name, 16),
    mark("glsoat-", Made::Name, 16),
    mark("glagent-", Made::Mixed, 16),
    // Atlassian, Bitbucket
    mark("ATATT3", Made::Padded, 16),
    mark("ATCTT3", Made::Padded, 16),
    mark("ATBB", Made::Mixed, 24),
    // Slack
    mark("xoxb-", Made::Name, 16),
    mark("xoxp-", Made::Name, 16),
    mark("xoxa-", Made::Name, 16),
    mark("xoxr-", Made::Name, 16),
    mark("xoxs-", Made::Name, 16),
    mark("xoxe-", Made::Name, 16),
    mark("xoxe.", Made::Name, 16),
    mark("xapp-", Made::Name, 16),
    // Google
    mark("AIza", Made::Name, 20),
    mark("ya29.", Made::Name, 16),
    mark("GOCSPX-", Made::Name, 16),
    // AWS: key ids
    mark("AKIA", Made::Capitals, 16),
    mark("ASIA", Made::Capitals, 16),
    // DigitalOcean
    mark("dop_v1_", Made::Hex, 20),
    mark("doo_v1_", Made::Hex, 20),
    mark("dor_v1_", Made::Hex, 20),
    // Stripe, Shopify
    mark("sk_live_", Made::Name, 16),
    mark("rk_live_", Made::Name, 16),
    mark("sk_test_", Made::Mixed, 16),
    mark("rk_test_", Made::Mixed, 16),
    mark("whsec_", Made::Mixed, 16),
    mark("shpat_", Made::Hex, 20),
    mark("shpca_", Made::Hex, 20),
    mark("shppa_", Made::Hex, 20),
    mark("shpss_", Made::Hex, 20),
    // Registries of packages and images: npm, PyPI, RubyGems, Docker
    mark("npm_", Made::Letters, 20),
    mark("pypi-", Made::Mixed, 16),
    mark("rubygems_", Made::Hex, 20),
    mark("dckr_pat_", Made::Name, 16),
    mark("dckr_oat_", Made::Name, 16),
    // OpenAI (the last one its older keys), Anthropic, OpenRouter, Groq, Hugging Face
    mark("sk-proj-", Made::Name, 16),
    mark("sk-ant-", Made::Name, 16),
    mark("sk-or-v1-", Made::Name, 16),
    mark("sk-", Made::Letters, 32),
    mark("gsk_", Made::Letters, 20),
    mark("hf_", Made::Letters, 30),
    // Linear, Figma, Postman, SendGrid, Databricks
    mark("lin_api_", Made::Letters, 20),
    mark("figd_", Made::Mixed, 20),
    mark("PMAK-", Made::Hex, 20),
    mark("SG.", Made::Name, 16),
    mark("dapi", Made::Hex, 32),
    // Vault, Pulumi, Grafana, Tailscale, Sentry, Dynatrace
    mark("hvs.", Made::Name, 16),
    mark("hvb.", Made::Name, 16),
    mark("hvr.", Made::Name, 16),
    mark("pul-", Made::Hex, 40),
    mark("glsa_", Made::Letters, 20),
    mark("glc_", Made::Mixed, 24),
    mark("tskey-", Made::Name, 16),
    mark("sntrys_", Made::Name, 16),
    mark("sntryu_", Made::Hex, 32),
    mark("dt0c01.", Made::Name, 16),
    // age; a JSON Web Token (RFC 7519)
    mark("AGE-SECRET-KEY-", Made::Name, 16),
    mark("eyJ", Made::Name, 16),
];

/// The length of the shortest of these tokens.
pub(super) const SHORTEST_MARKED: usize = 19;
/// The first line of a private key ends like this in PEM (RFC 7468) and OpenPGP (RFC 9580).
pub(super) const PRIVATE_KEYS: &[&str] = &["PRIVATE KEY-----", "PRIVATE KEY BLOCK-----"];
/// The least number of digits before the colon of a Telegram bot token, and of characters after it,
/// which are 35 as a rule.
pub(super) const BOT: (usize, usize) = (6, 30);
/// A user name of this length in a URL without a password is a token.
pub(super) const TOKEN: usize = 20;
/// The scheme of those in which a shorter one is, too, if it looks like one: elsewhere it is a name, `ssh://app01@h`.
pub(super) const TOKENS_IN: &[&str] = &["http://", "https://"];

/// Webhook URLs, without their scheme: whoever knows the rest can use them.
pub(super) const WEBHOOKS: &[&str] = &[
    "hooks.slack.com/services/",
    "hooks.slack.com/workflows/",
    "hooks.slack.com/triggers/",
    // Discord, and what takes the same.
    "/api/webhooks/",
    // Microsoft Teams
    ".webhook.office.com/",
    "outlook.office.com/webhook/",
    "outlook.office365.com/webhook/",
    "hooks.zapier.com/hooks/",
    "maker.ifttt.com/",
    "hc-ping.com/",
];
/// Parts of a URL that may be a webhook, if a later segment looks random: Mattermost, n8n and many
/// others.
pub(super) const HOOKS: &[&str] = &["/hooks/", "/hook/", "/webhook/", "/webhooks/", "/webhookb2/"];
/// The least number of characters and of digits of that segment.
pub(super) const CHANCE: (usize, usize) = (16, 3);
/// How far into a URL or a value its kind is searched for, in bytes; and the longest argument that is a name.
pub(super) const HEAD: usize = 256;
