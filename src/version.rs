//! The version, features and target of this binary.

/// The version, features and target of this binary.
pub struct Build {
    /// The version of the package.
    pub version: &'static str,
    /// The Cargo features that it was built with.
    pub features: Vec<&'static str>,
    /// Architecture, system and C library: `x86_64-linux-musl`.
    pub target: String,
}

impl Build {
    /// Returns those of this binary.
    pub fn this() -> Self {
        let all = [
            ("tls", cfg!(feature = "tls")),
            ("remote", cfg!(feature = "remote")),
            ("inspect", cfg!(feature = "inspect")),
        ];
        let environment = if cfg!(target_env = "musl") { "musl" } else { "gnu" };
        Build {
            version: env!("CARGO_PKG_VERSION"),
            features: all.into_iter().filter_map(|(name, on)| on.then_some(name)).collect(),
            target: format!("{}-linux-{environment}", std::env::consts::ARCH),
        }
    }
}
