//! Certificates and keys of all sorts, created with openssl(1) of OpenSSL 3.0, once for all tests
//! of a binary.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::daemon::installed;

const DAY: i64 = 86_400;
/// Half a day, so that the days left of a certificate do not change while the tests run.
const NOON: i64 = DAY / 2;
/// How long a good certificate is valid, in days.
pub const VALID: i64 = 30;

/// The configuration that `openssl ca` requires; everything else is an argument.
const CONFIGURATION: &str = "
[ca]
default_ca = it
[it]
new_certs_dir = .
database = index.txt
rand_serial = yes
default_md = sha256
policy = anything
unique_subject = no
[anything]
commonName = optional
organizationName = optional
[req]
distinguished_name = anything
string_mask = utf8only
";

const NAMES: &str =
    "subjectAltName = DNS:localhost, DNS:app.example, DNS:*.app.example, IP:127.0.0.1, IP:::1\n";
const AUTHORITY: &str = "basicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign\n";

/// A directory of certificates (`NAME.pem`) and keys (`NAME.key`).
pub struct Certificates {
    folder: PathBuf,
    /// When they were created, in seconds since the epoch.
    created: i64,
}

/// The subject and issuer of a certificate, and its other properties.
struct Leaf {
    name: &'static str,
    key: &'static str,
    subject: &'static str,
    issuer: &'static str,
    extensions: String,
    /// The start and end of its validity, in seconds from now.
    validity: (i64, i64),
    digest: &'static str,
    /// Additional options for `openssl ca`.
    more: &'static str,
}

impl Default for Leaf {
    fn default() -> Self {
        Leaf {
            name: "server",
            key: "server",
            subject: "/O=Acme/CN=app",
            issuer: "root",
            extensions: NAMES.to_owned(),
            validity: (-DAY, VALID * DAY + NOON),
            digest: "sha256",
            more: "",
        }
    }
}

/// Returns the certificates of this test binary. If openssl is not installed, reports the test as
/// skipped and returns `None`.
pub fn certificates() -> Option<&'static Certificates> {
    static CREATED: OnceLock<Certificates> = OnceLock::new();
    installed("openssl")?;
    Some(CREATED.get_or_init(Certificates::create))
}

impl Certificates {
    /// Returns the path of this certificate, such as `server`.
    pub fn pem(&self, name: &str) -> String {
        self.path(&format!("{name}.pem"))
    }

    /// Returns the path of this key.
    pub fn key(&self, name: &str) -> String {
        self.path(&format!("{name}.key"))
    }

    /// Returns the path of this file.
    pub fn path(&self, file: &str) -> String {
        self.folder.join(file).to_str().unwrap().to_owned()
    }

    /// Returns the date that is this many and a half days from now, as `2026-12-25`.
    pub fn day(&self, days: i64) -> String {
        timestamp(self.created + days * DAY + NOON).0
    }

    /// Returns the start and end of a good certificate's validity, in seconds since the epoch.
    pub fn validity(&self) -> (i64, i64) {
        (self.created - DAY, self.created + VALID * DAY + NOON)
    }

    fn create() -> Certificates {
        // Uses cargo's directory for temporary files, and removes what earlier runs have left
        // there.
        let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
        for entry in std::fs::read_dir(parent).unwrap().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let owner = name.strip_prefix("certificates-");
            if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        let folder = parent.join(format!("certificates-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let set = Certificates { folder, created: i64::try_from(now).unwrap() };
        set.write("ca.conf", CONFIGURATION);
        set.write("index.txt", "");
        set.keys();
        set.authorities();
        set.good();
        set.bad();
        set.files();
        set
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder.join(file), text).unwrap();
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.join(file)).unwrap()
    }

    fn openssl<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) {
        let mut command = Command::new("openssl");
        command.args(arguments).current_dir(&self.folder);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn openssl_words(&self, line: &str) {
        self.openssl(line.split_ascii_whitespace());
    }

    fn keys(&self) {
        for name in ["root", "other-root", "intermediate", "server"] {
            self.openssl_words(&format!(
                "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {name}.key"
            ));
        }
        self.openssl_words("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.key");
        self.openssl_words("genpkey -algorithm ED25519 -out ed25519.key");
        self.openssl_words("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out p521.key");
        // Older formats: SEC 1 after its parameters, PKCS #1.
        self.openssl_words("ecparam -name prime256v1 -genkey -out sec1.key");
        self.openssl_words("rsa -in rsa.key -traditional -out pkcs1.key");
        self.openssl_words(
            "pkcs8 -topk8 -v2 aes-256-cbc -in server.key -passout pass:hunter2 -out encrypted.key",
        );
        self.openssl_words("rsa -in rsa.key -traditional -aes128 -passout pass:hunter2 -out legacy.key");
    }

    /// Creates a root certificate with the key of the same name.
    fn root(&self, name: &str, subject: &str) {
        self.openssl([
            "req",
            "-x509",
            "-config",
            "ca.conf",
            "-key",
            &format!("{name}.key"),
            "-subj",
            subject,
            "-days",
            "90",
            "-addext",
            "basicConstraints = critical, CA:TRUE",
            "-out",
            &format!("{name}.pem"),
        ]);
    }

    /// Creates certificates with keys that are too short and with unsupported signatures: those of
    /// servers with their chains, their keys, and the roots.
    pub fn unverifiable(&self) {
        for (name, algorithm) in [
            ("rsa-root", "RSA -pkeyopt rsa_keygen_bits:2048"),
            ("short", "RSA -pkeyopt rsa_keygen_bits:1024"),
            ("p521-root", "EC -pkeyopt ec_paramgen_curve:P-521"),
            ("koblitz-root", "EC -pkeyopt ec_paramgen_curve:secp256k1"),
            ("brainpool-root", "EC -pkeyopt ec_paramgen_curve:brainpoolP256r1"),
            ("ed448-root", "ED448"),
            ("pss-root", "RSA-PSS -pkeyopt rsa_keygen_bits:2048"),
        ] {
            self.openssl_words(&format!("genpkey -algorithm {algorithm} -out {name}.key"));
        }
        self.openssl_words("dsaparam -genkey -noout -out dsa-root.key 1024");
        std::fs::copy(self.key("short"), self.key("short-root")).unwrap();
        for name in ["rsa", "short", "p521", "koblitz", "brainpool", "ed448", "pss", "dsa"] {
            self.root(&format!("{name}-root"), &format!("/CN={name} root"));
        }
        self.sign(&Leaf { name: "short", key: "short", ..Leaf::default() });
        self.sign(&Leaf { name: "by-short", issuer: "short-root", ..Leaf::default() });
        self.sign(&Leaf {
            name: "short-intermediate",
            key: "short",
            subject: "/CN=Short Intermediate",
            extensions: AUTHORITY.to_owned(),
            ..Leaf::default()
        });
        self.sign_with(
            &Leaf { name: "by-short-intermediate", issuer: "short-intermediate", ..Leaf::default() },
            "short",
        );
        self.sign(&Leaf {
            name: "sha512-intermediate",
            key: "intermediate",
            subject: "/CN=SHA-512 Intermediate",
            extensions: AUTHORITY.to_owned(),
            digest: "sha512",
            ..Leaf::default()
        });
        self.sign_with(
            &Leaf { name: "by-sha512-intermediate", issuer: "sha512-intermediate", ..Leaf::default() },
            "intermediate",
        );
        for leaf in ["short-intermediate", "sha512-intermediate"] {
            let chain = self.read(&format!("by-{leaf}.pem")) + &self.read(&format!("{leaf}.pem"));
            self.write(&format!("by-{leaf}-full.pem"), &chain);
        }
        self.sign(&Leaf { name: "sha512", digest: "sha512", ..Leaf::default() });
        for (name, issuer, digest, more) in [
            ("by-p521", "p521-root", "sha512", ""),
            ("by-koblitz", "koblitz-root", "sha256", ""),
            ("by-brainpool", "brainpool-root", "sha384", ""),
            ("by-ed448", "ed448-root", "null", ""),
            ("by-pss", "pss-root", "sha256", ""),
            ("by-dsa", "dsa-root", "sha256", ""),
            ("md5", "rsa-root", "md5", ""),
            ("rsa-sha1", "rsa-root", "sha1", ""),
            ("rsa-sha512", "rsa-root", "sha512", ""),
            ("salt", "rsa-root", "sha256", "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:100"),
            ("pss-good", "rsa-root", "sha384", "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:48"),
        ] {
            self.sign(&Leaf { name, issuer, digest, more, ..Leaf::default() });
        }
    }

    fn authorities(&self) {
        self.root("root", "/CN=Test Root");
        self.root("other-root", "/CN=Other Root");
        let authority = |name, key, subject, validity| {
            self.sign(&Leaf {
                name,
                key,
                subject,
                validity,
                extensions: AUTHORITY.to_owned(),
                ..Leaf::default()
            });
        };
        let valid = Leaf::default().validity;
        authority("intermediate", "intermediate", "/CN=Test Intermediate", valid);
        authority("old-intermediate", "intermediate", "/CN=Old Intermediate", (-9 * DAY, -4 * DAY + NOON));
        authority("future-intermediate", "intermediate", "/CN=Future Intermediate", (DAY + NOON, 9 * DAY));
    }

    fn good(&self) {
        self.sign(&Leaf::default());
        self.sign(&Leaf { name: "rsa", key: "rsa", ..Leaf::default() });
        self.sign(&Leaf { name: "ed25519", key: "ed25519", ..Leaf::default() });
        self.sign(&Leaf { name: "sec1", key: "sec1", ..Leaf::default() });
        let addresses = "subjectAltName = IP:127.0.0.1, IP:::1\n".to_owned();
        self.sign(&Leaf {
            name: "addresses",
            subject: "/CN=addresses",
            extensions: addresses,
            ..Leaf::default()
        });
        for (name, issuer) in [
            ("chained", "intermediate"),
            ("old", "old-intermediate"),
            ("future-chained", "future-intermediate"),
        ] {
            self.sign_with(&Leaf { name, issuer, ..Leaf::default() }, "intermediate");
            let chain = self.read(&format!("{name}.pem")) + &self.read(&format!("{issuer}.pem"));
            self.write(&format!("{name}-full.pem"), &chain);
        }
        let extensions = || "extendedKeyUsage = clientAuth\n".to_owned() + NAMES;
        self.sign(&Leaf {
            name: "client",
            subject: "/CN=probe",
            extensions: extensions(),
            ..Leaf::default()
        });
        let (name, issuer) = ("other-client", "other-root");
        self.sign(&Leaf { name, issuer, subject: "/CN=probe", extensions: extensions(), ..Leaf::default() });
        // By default `openssl req -x509` creates a CA certificate; the second one is not.
        let names = NAMES.trim_end().replace(" = ", "=").replace(", ", ",");
        let self_signed =
            ["req", "-x509", "-key", "server.key", "-subj", "/CN=self", "-days", "31", "-addext", &names];
        self.openssl([&self_signed[..], &["-out", "self-authority.pem"]].concat());
        self.openssl(
            [
                &self_signed[..],
                &["-config", "ca.conf", "-addext", "basicConstraints=CA:FALSE", "-out", "self.pem"],
            ]
            .concat(),
        );
    }

    fn bad(&self) {
        let extensions = "subjectAltName = DNS:a.example, DNS:b.example, DNS:c.example, DNS:d.example, \
                          DNS:*.e.example, DNS:f.example, IP:192.0.2.1\n";
        self.sign(&Leaf { name: "elsewhere", extensions: extensions.to_owned(), ..Leaf::default() });
        self.sign(&Leaf { name: "expired", validity: (-9 * DAY, -4 * DAY + NOON), ..Leaf::default() });
        self.sign(&Leaf { name: "future", validity: (2 * DAY + NOON, 9 * DAY), ..Leaf::default() });
        self.sign(&Leaf { name: "last-day", validity: (-DAY, DAY + NOON), ..Leaf::default() });
        let nameless = "keyUsage = digitalSignature\n".to_owned();
        self.sign(&Leaf {
            name: "nameless",
            subject: "/CN=localhost",
            extensions: nameless,
            ..Leaf::default()
        });
        self.sign(&Leaf { name: "sha1", digest: "sha1", ..Leaf::default() });
        for (name, extension) in [
            ("authority", "basicConstraints = critical, CA:TRUE\n"),
            ("unknown-extension", "1.2.3.4 = critical, ASN1:NULL\n"),
            ("signer", "extendedKeyUsage = codeSigning, timeStamping\n"),
        ] {
            self.sign(&Leaf { name, extensions: extension.to_owned() + NAMES, ..Leaf::default() });
        }
        // A server's certificate that signs another one; and the same CA with a new key.
        self.sign_with(
            &Leaf { name: "by-server", issuer: "server", subject: "/CN=behind", ..Leaf::default() },
            "server",
        );
        self.write("by-server-full.pem", &(self.read("by-server.pem") + &self.read("server.pem")));
        std::fs::copy(self.key("other-root"), self.key("new-root")).unwrap();
        self.root("new-root", "/CN=Test Root");
        let subject = "/O=\u{1b}[2J\u{202e}\u{9b}/CN=a\nhealthy: b\\\\c";
        let extensions = "subjectAltName = DNS:localhost, DNS:\u{1b}]0;evil\u{7}\n".to_owned();
        self.sign(&Leaf { name: "evil", subject, extensions, ..Leaf::default() });
        let long = format!("{0}.{0}.{0}.example", "x".repeat(63));
        let extensions = format!("subjectAltName = DNS:{long}, DNS:a.{long}, DNS:b.{long}, DNS:c.{long}\n");
        self.sign(&Leaf { name: "long", extensions, ..Leaf::default() });
        // Without extensions openssl creates a certificate of version 1.
        self.openssl_words("req -new -config ca.conf -key server.key -subj /CN=localhost -out version-1.csr");
        self.openssl_words("x509 -req -in version-1.csr -key server.key -days 31 -out version-1.pem");
    }

    fn files(&self) {
        self.write("broken.pem", "-----BEGIN CERTIFICATE-----\nTWFu!hunter2\n-----END CERTIFICATE-----\n");
        self.write("cut.pem", "-----BEGIN CERTIFICATE-----\nTWFu\n");
        self.write("nonsense.pem", "-----BEGIN CERTIFICATE-----\naHVudGVyMg==\n-----END CERTIFICATE-----\n");
        self.write("empty.pem", "");
        self.write("text.pem", "hunter2\n");
        self.write("broken.key", "-----BEGIN PRIVATE KEY-----\nTWFu!hunter2\n-----END PRIVATE KEY-----\n");
        self.write("both.pem", &(self.read("server.key") + &self.read("client.pem")));
        self.openssl_words("x509 -in root.pem -outform DER -out root.der");
    }

    /// Signs with the key of the same name as the issuer.
    fn sign(&self, leaf: &Leaf) {
        self.sign_with(leaf, leaf.issuer);
    }

    fn sign_with(&self, leaf: &Leaf, key: &str) {
        let Leaf { name, subject, issuer, .. } = leaf;
        let file = |ending: &str| format!("{name}.{ending}");
        self.write(&file("ext"), &leaf.extensions);
        self.openssl([
            "req",
            "-new",
            "-utf8",
            "-config",
            "ca.conf",
            "-key",
            &format!("{}.key", leaf.key),
            "-subj",
            subject,
            "-out",
            &file("csr"),
        ]);
        let (start, end) = leaf.validity;
        let arguments = [
            "ca",
            "-batch",
            "-notext",
            "-preserveDN",
            "-utf8",
            "-config",
            "ca.conf",
            "-in",
            &file("csr"),
            "-out",
            &file("pem"),
            "-cert",
            &format!("{issuer}.pem"),
            "-keyfile",
            &format!("{key}.key"),
            "-extfile",
            &file("ext"),
            "-md",
            leaf.digest,
            "-startdate",
            &timestamp(self.created + start).1,
            "-enddate",
            &timestamp(self.created + end).1,
        ];
        self.openssl(arguments.into_iter().chain(leaf.more.split_ascii_whitespace()));
    }
}

/// Formats seconds since the epoch as `2026-12-25` and as `20261225120000Z`, with date(1).
fn timestamp(seconds: i64) -> (String, String) {
    let output =
        Command::new("date").args(["-u", "-d", &format!("@{seconds}"), "+%Y-%m-%d %Y%m%d%H%M%SZ"]).output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    let (day, stamp) = text.trim_end().split_once(' ').unwrap();
    (day.to_owned(), stamp.to_owned())
}
