//! All rules of what is secret, as tables. The words of names that tell of a secret wherever they are found are those of
//! `secrets::TELLING` and `secrets::HARMLESS`, which checks use as well; the ones here are for command lines.
//!
//! A row that belongs to a program follows its manual page; the formats of tokens are those that their issuers publish and
//! that scanners of source code look for.

/// What a word says of the one behind it, or a name of its value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Next {
    #[default]
    Plain,
    /// It is a secret.
    Secret,
    /// It is one, or the path of a file with one.
    Key,
    /// It is one, or a number that says how much, or which.
    Limit,
    /// It is one, or an option.
    Session,
    /// It is one, or the code of a status.
    Code,
    /// It is one if it looks like a token.
    Token,
    /// It is `NAME:PASSWORD`, or `NAME%PASSWORD`.
    Login,
    /// It is one of these, or a URL.
    User,
    /// It is `NAME,PASSWORD`.
    Comma,
    /// It is `FILE:PASSWORD`, or `FILE`.
    Certificate,
    /// It is `NAME=SECRET`, or a file.
    Cookie,
    /// All operands that follow may be.
    Operands,
    /// It is a command for a shell.
    Command,
}

impl Next {
    /// Whether it is a secret as a whole, unless it shows that it is none.
    pub fn is_value(self) -> bool {
        matches!(self, Next::Secret | Next::Key | Next::Limit | Next::Session | Next::Code | Next::Token)
    }
}

// Names of options and variables.

/// Words of a name that tell of a secret.
pub(super) const WORDS: &[&str] =
    &["PIN", "PSK", "PW", "OTP", "DSN", "SAS", "SALT", "MNEMONIC", "CRED", "HMAC"];
/// Parts of a name that do, dashes and the like left out.
pub(super) const PARTS: &[&str] =
    &["CONNECTIONSTRING", "SEEDPHRASE", "SESSIONID", "FROMLITERAL", "PASSIN", "PASSOUT"];
/// Last words of a name that do, and what their value is; not where white space or a colon stands behind the name, as in
/// programs and texts.
pub(super) const LAST_WORDS: &[(&str, Next)] = &[("SESSION", Next::Session), ("SEED", Next::Limit)];
/// Words that only end like one that tells.
pub(super) const OTHERS: &[&str] =
    &["BYPASS", "COMPASS", "SURPASS", "MONKEY", "DONKEY", "TURKEY", "HOCKEY", "WHISKEY"];
/// The last word of a name whose value is none, besides `secrets::HARMLESS`.
pub(super) const HARMLESS: &[&str] = &["MODE", "TTL", "TYPE", "ALGORITHM", "FLAGS", "MGMT", "JAR"];
/// How the last word of a name ends whose value may be the path of a file.
pub(super) const FILES: &[&str] = &["KEY", "KEYS", "SECRET", "SECRETS", "TOKEN", "CREDENTIALS"];
/// Parameters in the query of a URL, by their whole name: the signature of Azure's shared access, the code of OAuth 2.0
/// (RFC 6749, 4.1.2).
pub(super) const QUERY: &[(&str, Next)] = &[("sig", Next::Secret), ("code", Next::Code)];
/// Values that are no secret, whatever the name.
pub(super) const PLAIN: &[&str] = &["true", "false"];

/// Options and other words of any program, as they are written.
pub(super) const ANY: &[(&[&str], Next)] = &[
    (&["-u", "--user", "--proxy-user", "--login"], Next::User),
    // Of consul, nomad and serf; others have an option of this name that is followed by anything.
    (&["-encrypt", "--encrypt"], Next::Token),
];
/// Words of SQL, in any case, behind which a string in single quotes is a secret.
pub(super) const SQL: &[&str] = &["password", "identified by"];

/// What stands in front of a token in a header, in lower case: schemes of RFC 7235 and others.
pub(super) const SCHEMES: &[&str] = &["bearer", "basic", "token", "digest", "negotiate", "apikey"];
/// The one behind which everything is a token.
pub(super) const BEARER: &str = "bearer";

// Programs. Of a name, `*` stands for any end.

/// Where the value of a letter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    /// In the same word, in which other letters may stand in front, or in the next one.
    Either,
    /// In the same word alone.
    Attached,
    /// In the next one alone.
    Apart,
}

/// Options of a program that are followed by a secret.
#[derive(Debug)]
pub(super) struct Options {
    pub programs: &'static [&'static str],
    pub letters: &'static [u8],
    /// The same, written out.
    pub long: &'static [&'static str],
    pub stands: Stands,
    pub next: Next,
    /// The word without which they mean something else, or nothing.
    pub with: &'static str,
    /// Letters of options that have a value, which may stand in the same word.
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

/// Those of curl(1).
const CURL: &[u8] = b"AbcCdDeEFhHKmoPQrtTuUwxXyYz";

/// At most 32, as each has a bit.
pub(super) const OPTIONS: &[Options] = &[
    letters(&["sshpass", "mongo*", "rar", "unrar"], b"p", Stands::Either, Next::Secret),
    letters(&["cqlsh", "twine", "couchbase-cli"], b"p", Stands::Either, Next::Secret),
    // The hash that /etc/shadow is to have.
    letters(&["useradd", "usermod", "groupadd", "groupmod"], b"p", Stands::Either, Next::Secret),
    letters(&["redis-cli", "valkey-cli", "keydb-cli"], b"a", Stands::Either, Next::Secret),
    letters(&["redis-benchmark", "valkey-benchmark", "keydb-benchmark"], b"a", Stands::Either, Next::Secret),
    letters(&["mysql*", "mariadb*", "7z", "7za", "7zr", "7zz"], b"p", Stands::Attached, Next::Secret),
    letters(&["ldap*"], b"w", Stands::Either, Next::Secret),
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

/// Which part of an operand is secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// All of it, unless it is `NAME=VALUE`, which its name tells of.
    Unnamed,
    /// The value of `NAME=VALUE`.
    Value,
    /// The password of `NAME/PASSWORD` and `NAME/PASSWORD@DATABASE`.
    Slash,
}

/// Operands of a program that are secrets.
#[derive(Debug)]
pub(super) struct Operands {
    pub programs: &'static [&'static str],
    /// The word behind which they stand, in any case; any of none is the program itself.
    pub verbs: &'static [&'static str],
    /// How many operands in front of them are none.
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

/// At most 32, as each has a bit.
pub(super) const OPERANDS: &[Operands] = &[
    // rabbitmqctl add_user NAME PASSWORD
    operands(&["rabbitmqctl"], &["add_user", "change_password", "authenticate_user"], 1, Part::Whole),
    // vault login TOKEN, vault login -method=userpass username=me password=x, vault operator unseal KEY
    operands(&["vault", "bao"], &["login", "unseal"], 0, Part::Unnamed),
    // vault kv put PATH NAME=VALUE
    operands(&["vault", "bao"], &["put", "patch", "write"], 1, Part::Value),
    // cargo login TOKEN
    operands(&["cargo"], &["login"], 0, Part::Whole),
    // redis-cli auth PASSWORD
    operands(&["redis-cli", "valkey-cli", "keydb-cli"], &["auth"], 0, Part::Whole),
    // mc alias set NAME URL ACCESSKEY SECRETKEY
    operands(&["mc", "mcli"], &["set"], 2, Part::Whole),
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

/// Programs that are given `NAME VALUE` as two words, behind this one (behind any, where there is none): if the name tells
/// of a secret, the value is one.
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
    // wpa_cli set_network 0 psk KEY
    (&["wpa_cli"], ""),
];

/// Values of these that look like names: wifi-sec.key-mgmt wpa-psk.
pub(super) const NO_NAMES: &[&str] = &["wpa-psk"];

/// What reads `NAME:PASSWORD` from its standard input: where a text names it, they are looked for in all of it.
pub(super) const READS_LOGINS: &[&str] = &["chpasswd", "chgpasswd", "newusers"];
/// What has a program read a password there: where a text has it, what is printed for it is one.
pub(super) const READS_PASSWORD: &[&str] = &["--password-stdin", "passwd --stdin", "sudo -S"];
/// The programs that print it.
pub(super) const PRINTS: &[&str] = &["echo", "printf"];

// What shows by itself that it is secret.

/// What a token consists of behind the mark that it begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// Letters, digits, `-`, `_` and `.`, as a name.
    Name,
    /// These and `=`.
    Padded,
    /// As a name, but with a capital and a digit among the least that there are, which the names of things rarely have.
    Mixed,
    /// Letters and digits.
    Letters,
    /// Capitals and digits.
    Capitals,
    /// Hexadecimal digits.
    Hex,
}

/// How a token begins that says what it is.
#[derive(Debug)]
pub(super) struct Mark {
    pub begins: &'static str,
    pub made: Made,
    /// The least that follows.
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
    // AWS: ids of keys
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
    // OpenAI, Anthropic, OpenRouter, Groq, Hugging Face; keys of OpenAI that say no more of what they are
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

/// The length of the shortest of these.
pub(super) const SHORTEST_MARKED: usize = 19;
/// How a private key begins in PEM (RFC 7468), and one of OpenPGP (RFC 9580).
pub(super) const PRIVATE_KEYS: &[&str] = &["PRIVATE KEY-----", "PRIVATE KEY BLOCK-----"];
/// The least digits and characters on both sides of the colon of a Telegram bot's token. They have 35.
pub(super) const BOT: (usize, usize) = (6, 30);
/// A user without a password in a URL is masked from this length on: then it is a token.
pub(super) const TOKEN: usize = 20;
/// The scheme of those in which a shorter one is, too, if it looks like one: elsewhere it is a name, `ssh://app01@h`.
pub(super) const TOKENS_IN: &[&str] = &["http://", "https://"];

/// Addresses whose rest is all that it takes to use them, behind their scheme.
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
/// Parts of addresses whose rest is, if a part of its path looks made by chance: of Mattermost, n8n and many others.
pub(super) const HOOKS: &[&str] = &["/hooks/", "/hook/", "/webhook/", "/webhooks/", "/webhookb2/"];
/// The least characters and digits of that part.
pub(super) const CHANCE: (usize, usize) = (16, 3);
/// How far into an address it is looked for what it is, in bytes; and the longest argument that is a name.
pub(super) const HEAD: usize = 256;
