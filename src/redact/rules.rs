//! The rules for what is a secret in a command line, as tables. `secrets::SECRET_WORDS` and
//! `secrets::HARMLESS` list the words of names that count everywhere, in checks as well.
//!
//! The rows of a program follow its manual page. The tables of secrets with a form of their own are
//! in [`super::forms`].

/// What a word says about the next one, or a name about its value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Hint {
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
    /// It is `USER:GROUP`, or `NAME:PASSWORD`. If both parts are equal, it is the former.
    Owner,
    /// It is `NAME,PASSWORD`.
    Comma,
    /// It is `FILE:PASSWORD`, or `FILE`.
    Certificate,
    /// It is `NAME=SECRET`, or a file.
    Cookie,
    /// All operands that follow are secrets.
    Operands,
    /// It is a header, whose colon may follow white space.
    Header,
    /// It is a shell command.
    Command,
}

impl Hint {
    /// Whether the whole word or value is a secret, unless its form says otherwise.
    pub fn is_value(self) -> bool {
        matches!(self, Hint::Secret | Hint::Key | Hint::Limit | Hint::Session | Hint::Code | Hint::Token)
    }
}

// Names of options and variables.

/// Words in a name that say that its value is a secret.
pub(super) const WORDS: &[&str] =
    &["PIN", "PSK", "PW", "OTP", "DSN", "SAS", "SALT", "MNEMONIC", "CRED", "HMAC"];
/// Parts of a name that say so, once its dashes and dots are removed.
pub(super) const PARTS: &[&str] =
    &["CONNECTIONSTRING", "SEEDPHRASE", "SESSIONID", "FROMLITERAL", "PASSIN", "PASSOUT"];
/// Last words of a name that say so, and what the value is. They do not count before white space or
/// a colon, where they are likely source code or prose.
pub(super) const LAST_WORDS: &[(&str, Hint)] = &[("SESSION", Hint::Session), ("SEED", Hint::Limit)];
/// Harmless words that end like a word that counts.
pub(super) const LOOKALIKES: &[&str] =
    &["BYPASS", "COMPASS", "SURPASS", "MONKEY", "DONKEY", "TURKEY", "HOCKEY", "WHISKEY"];
/// Last words of a name whose value is harmless, besides `secrets::HARMLESS`.
pub(super) const HARMLESS: &[&str] =
    &["MODE", "TTL", "TYPE", "ALGORITHM", "FLAGS", "MGMT", "JAR", "FRAMES", "ENCRYPTION", "PREFIX", "STDIN"];
/// Suffixes of the last word of a name whose value may be the path of a file.
pub(super) const FILES: &[&str] = &["KEY", "KEYS", "SECRET", "SECRETS", "TOKEN", "CREDENTIALS", "CONFIG"];
/// Parameters in the query of a URL, by their full name: the signature of an Azure shared access
/// signature (SAS) and the authorization code of OAuth 2.0 (RFC 6749, 4.1.2).
pub(super) const QUERY: &[(&str, Hint)] = &[("sig", Hint::Secret), ("code", Hint::Code)];
/// Values that are never secrets.
pub(super) const PLAIN: &[&str] = &["true", "false"];

/// Options of any program.
pub(super) const ANY: &[(&[&str], Hint)] = &[
    (&["-u", "--user", "--proxy-user", "--login"], Hint::User),
    // consul, nomad and serf. Other programs have an option of this name with an arbitrary value.
    (&["-encrypt", "--encrypt"], Hint::Token),
    (&["-H", "--header"], Hint::Header),
];

/// Options for which the general rules are wrong: the programs, the options and what these say.
/// They apply only if the program is the first word of a command, and up to its second operand.
pub(super) const EXCEPTIONS: &[(&[&str], &[&str], Hint)] = &[
    (&["docker", "podman", "nerdctl", "docker-compose"], &["-u", "--user"], Hint::Owner),
    (&["journalctl"], &["-u"], Hint::Plain),
    // The algorithm and size of a new key.
    (&["openssl"], &["-newkey"], Hint::Plain),
    // The fields to sort by.
    (&["sort"], &["--key"], Hint::Plain),
    // The number of the pass in a two-pass encoding.
    (&["ffmpeg"], &["-pass"], Hint::Limit),
];
/// Commands that execute the command that follows them.
pub(super) const WRAPPERS: &[&str] = &["env", "sudo", "exec", "nohup", "setsid", "time", "command"];
/// Suffixes of the address types of socat(1), which are not user names: `socat -u TCP-LISTEN:80 x`.
pub(super) const SOCKETS: &[&str] = &["-LISTEN", "-CONNECT", "-RECV", "-RECVFROM", "-SENDTO"];
/// SQL, in any case: a string in single quotes after these words is a secret.
pub(super) const SQL: &[&str] = &["password", "identified by"];

/// Schemes before a token in a header, in lower case: those of RFC 7235 and others.
pub(super) const SCHEMES: &[&str] = &["bearer", "basic", "token", "digest", "negotiate", "apikey"];
/// The scheme after which every word is a token.
pub(super) const BEARER: &str = "bearer";

/// Options that name something. The name may be that of a program: docker run --name mongo.
pub(super) const NAME_OPTIONS: &[&str] = &["--name", "--hostname", "--network-alias"];

// Programs. A `*` at the end of a name matches any text.

/// Where the value of an option is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueIn {
    /// In the same word, where other letters may precede the option, or in the next one.
    Either,
    /// Only in the same word.
    SameWord,
    /// Only in the next word.
    NextWord,
}

/// Options of a program whose value is a secret.
#[derive(Debug)]
pub(super) struct Options {
    pub programs: &'static [&'static str],
    pub letters: &'static [u8],
    /// The same options in their long form.
    pub long: &'static [&'static str],
    pub value_in: ValueIn,
    pub next: Hint,
    /// The word without which they mean something else; empty if no word is needed.
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
    value_in: ValueIn,
    next: Hint,
) -> Options {
    Options { programs, letters, long: &[], value_in, next, with: "", valued: b"" }
}

/// The `valued` letters of curl(1).
const CURL: &[u8] = b"AbcCdDeEFhHKmoPQrtTuUwxXyYz";

pub(super) const OPTIONS: &[Options] = &[
    letters(&["sshpass", "rar", "unrar"], b"p", ValueIn::Either, Hint::Secret),
    letters(&["mongo", "mongosh", "mongodump", "mongorestore"], b"p", ValueIn::Either, Hint::Secret),
    letters(&["mongoexport", "mongoimport", "mongofiles"], b"p", ValueIn::Either, Hint::Secret),
    letters(&["mongostat", "mongotop"], b"p", ValueIn::Either, Hint::Secret),
    letters(&["cqlsh", "twine", "couchbase-cli"], b"p", ValueIn::Either, Hint::Secret),
    // The hash for /etc/shadow.
    letters(&["useradd", "usermod", "groupadd", "groupmod"], b"p", ValueIn::Either, Hint::Secret),
    letters(&["redis-cli", "valkey-cli", "keydb-cli"], b"a", ValueIn::Either, Hint::Secret),
    letters(&["redis-benchmark", "valkey-benchmark", "keydb-benchmark"], b"a", ValueIn::Either, Hint::Secret),
    letters(&["mysql*", "mariadb*", "7z", "7za", "7zr", "7zz"], b"p", ValueIn::SameWord, Hint::Secret),
    letters(&["ldapsearch", "ldapmodify", "ldapadd", "ldapdelete"], b"w", ValueIn::Either, Hint::Secret),
    letters(&["ldappasswd", "ldapwhoami", "ldapcompare"], b"w", ValueIn::Either, Hint::Secret),
    letters(&["ldapmodrdn", "ldapexop", "ldapvc"], b"w", ValueIn::Either, Hint::Secret),
    letters(&["sqlcmd", "bcp", "tsql", "zip", "unzip"], b"P", ValueIn::Either, Hint::Secret),
    letters(&["ipmitool", "mosquitto_*"], b"P", ValueIn::Either, Hint::Secret),
    letters(&["docker", "podman", "nerdctl", "buildah", "skopeo"], b"p", ValueIn::Either, Hint::Secret)
        .with("login"),
    letters(&["crane", "oras", "helm", "oc", "az"], b"p", ValueIn::Either, Hint::Secret).with("login"),
    letters(&["openssl"], b"kK", ValueIn::NextWord, Hint::Secret),
    letters(&["snmpget*", "snmpset", "snmpwalk", "snmpbulk*"], b"cAX", ValueIn::Either, Hint::Secret),
    letters(&["snmptrap"], b"cAX", ValueIn::Either, Hint::Secret),
    letters(&["curl"], b"uU", ValueIn::Either, Hint::Login).valued(CURL),
    letters(&["curl"], b"E", ValueIn::Either, Hint::Certificate)
        .long(&["--cert", "--proxy-cert"])
        .valued(CURL),
    letters(&["curl"], b"H", ValueIn::Either, Hint::Header)
        .long(&["--header", "--proxy-header"])
        .valued(CURL),
    letters(&["curl"], b"b", ValueIn::Either, Hint::Cookie).long(&["--cookie"]).valued(CURL),
    letters(&["smbclient", "smbget", "rpcclient", "net", "samba-tool"], b"uU", ValueIn::Either, Hint::Login),
    letters(&["http", "https", "xh", "xhs"], b"a", ValueIn::Either, Hint::Login),
    letters(&["lftp"], b"u", ValueIn::Either, Hint::Comma),
    letters(&["htpasswd", "mosquitto_passwd"], b"b", ValueIn::Either, Hint::Operands),
    letters(&["sh", "bash", "dash", "ash", "zsh", "ksh"], b"c", ValueIn::Either, Hint::Command),
    letters(&["su", "runuser"], b"c", ValueIn::Either, Hint::Command),
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
    /// All of the first one, and nothing of the others.
    First,
    /// The password of `>PASSWORD` and `<PASSWORD`, or the hash of `#HASH`.
    Marked,
    /// The password of `NAME:PASSWORD`.
    Colon,
    /// The password of `NAME/PASSWORD` and `NAME/PASSWORD@DATABASE`.
    Slash,
}

/// Operands of a program that are or contain secrets.
#[derive(Debug)]
pub(super) struct Operands {
    pub programs: &'static [&'static str],
    /// The word that they follow, in any case. If there is none, they follow the program itself.
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
    // redis-cli acl setuser NAME on >PASSWORD
    operands(&["redis-cli", "valkey-cli", "keydb-cli"], &["setuser"], 1, Part::Marked),
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
pub(super) const NOT_NAMES: &[&str] = &["wpa-psk"];

/// Programs that read `NAME:PASSWORD` from standard input. In a text that names one, every such
/// pair is a login.
pub(super) const LOGIN_READERS: &[&str] = &["chpasswd", "chgpasswd", "newusers"];
/// Options that read a password from standard input. In a text that contains one, printed words and
/// here-strings are secrets.
pub(super) const PASSWORD_READERS: &[&str] = &["--password-stdin", "passwd --stdin", "sudo -S"];
/// The programs that print these words.
pub(super) const PRINTERS: &[&str] = &["echo", "printf"];

// URLs and lengths.

/// A user name of this length in a URL without a password is a token.
pub(super) const TOKEN: usize = 20;
/// In URLs of these schemes a shorter user name is a token too if it looks like one. In other
/// schemes it is a name: `ssh://app01@h`.
pub(super) const TOKEN_SCHEMES: &[&str] = &["http://", "https://"];
/// How many bytes of a URL or a value are searched for its kind; also the longest argument that is
/// a name.
pub(super) const HEAD: usize = 256;
