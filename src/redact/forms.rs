//! The rules for secrets that are recognised by their own form, as tables.
//!
//! The token formats are those that the issuers publish and that secret scanners look for.

/// What a token consists of after its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// Letters, digits, `-`, `_` and `.`, like a name.
    Name,
    /// The same characters and `=`.
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

/// The prefix that a token begins with.
#[derive(Debug)]
pub(super) struct Mark {
    pub begins: &'static str,
    pub alphabet: Alphabet,
    /// The least number of bytes that follow.
    pub least: usize,
}

const fn mark(begins: &'static str, alphabet: Alphabet, least: usize) -> Mark {
    Mark { begins, alphabet, least }
}

pub(super) const MARKS: &[Mark] = &[
    // GitHub
    mark("ghp_", Alphabet::Name, 16),
    mark("gho_", Alphabet::Name, 16),
    mark("ghu_", Alphabet::Name, 16),
    mark("ghs_", Alphabet::Name, 16),
    mark("ghr_", Alphabet::Name, 16),
    mark("github_pat_", Alphabet::Name, 16),
    // GitLab
    mark("glpat-", Alphabet::Name, 16),
    mark("glptt-", Alphabet::Name, 16),
    mark("gldt-", Alphabet::Name, 16),
    mark("glrt-", Alphabet::Name, 16),
    mark("glcbt-", Alphabet::Name, 16),
    mark("glft-", Alphabet::Name, 16),
    mark("glimt-", Alphabet::Name, 16),
    mark("gloas-", Alphabet::Name, 16),
    mark("glsoat-", Alphabet::Name, 16),
    mark("glagent-", Alphabet::Mixed, 16),
    // Atlassian, Bitbucket
    mark("ATATT3", Alphabet::Padded, 16),
    mark("ATCTT3", Alphabet::Padded, 16),
    mark("ATBB", Alphabet::Mixed, 24),
    // Slack
    mark("xoxb-", Alphabet::Name, 16),
    mark("xoxp-", Alphabet::Name, 16),
    mark("xoxa-", Alphabet::Name, 16),
    mark("xoxr-", Alphabet::Name, 16),
    mark("xoxs-", Alphabet::Name, 16),
    mark("xoxe-", Alphabet::Name, 16),
    mark("xoxe.", Alphabet::Name, 16),
    mark("xapp-", Alphabet::Name, 16),
    // Google
    mark("AIza", Alphabet::Name, 20),
    mark("ya29.", Alphabet::Name, 16),
    mark("GOCSPX-", Alphabet::Name, 16),
    // AWS: key ids
    mark("AKIA", Alphabet::Capitals, 16),
    mark("ASIA", Alphabet::Capitals, 16),
    // DigitalOcean
    mark("dop_v1_", Alphabet::Hex, 20),
    mark("doo_v1_", Alphabet::Hex, 20),
    mark("dor_v1_", Alphabet::Hex, 20),
    // Stripe, Shopify
    mark("sk_live_", Alphabet::Name, 16),
    mark("rk_live_", Alphabet::Name, 16),
    mark("sk_test_", Alphabet::Mixed, 16),
    mark("rk_test_", Alphabet::Mixed, 16),
    mark("whsec_", Alphabet::Mixed, 16),
    mark("shpat_", Alphabet::Hex, 20),
    mark("shpca_", Alphabet::Hex, 20),
    mark("shppa_", Alphabet::Hex, 20),
    mark("shpss_", Alphabet::Hex, 20),
    // Registries of packages and images: npm, PyPI, RubyGems, Docker
    mark("npm_", Alphabet::Letters, 20),
    mark("pypi-", Alphabet::Mixed, 16),
    mark("rubygems_", Alphabet::Hex, 20),
    mark("dckr_pat_", Alphabet::Name, 16),
    mark("dckr_oat_", Alphabet::Name, 16),
    // OpenAI (`sk-` alone: its older keys), Anthropic, OpenRouter, Groq, Hugging Face
    mark("sk-proj-", Alphabet::Name, 16),
    mark("sk-ant-", Alphabet::Name, 16),
    mark("sk-or-v1-", Alphabet::Name, 16),
    mark("sk-", Alphabet::Letters, 32),
    mark("gsk_", Alphabet::Letters, 20),
    mark("hf_", Alphabet::Letters, 30),
    // Linear, Figma, Postman, SendGrid, Databricks
    mark("lin_api_", Alphabet::Letters, 20),
    mark("figd_", Alphabet::Mixed, 20),
    mark("PMAK-", Alphabet::Hex, 20),
    mark("SG.", Alphabet::Name, 16),
    mark("dapi", Alphabet::Hex, 32),
    // Vault, Pulumi, Grafana, Tailscale, Sentry, Dynatrace
    mark("hvs.", Alphabet::Name, 16),
    mark("hvb.", Alphabet::Name, 16),
    mark("hvr.", Alphabet::Name, 16),
    mark("pul-", Alphabet::Hex, 40),
    mark("glsa_", Alphabet::Letters, 20),
    mark("glc_", Alphabet::Mixed, 24),
    mark("tskey-", Alphabet::Name, 16),
    mark("sntrys_", Alphabet::Name, 16),
    mark("sntryu_", Alphabet::Hex, 32),
    mark("dt0c01.", Alphabet::Name, 16),
    // age; a JSON Web Token (RFC 7519)
    mark("AGE-SECRET-KEY-", Alphabet::Name, 16),
    mark("eyJ", Alphabet::Name, 16),
];

/// The length of the shortest of these tokens.
pub(super) const SHORTEST_MARKED: usize = 19;
/// The first line of a private key ends like this in PEM (RFC 7468) and OpenPGP (RFC 9580).
pub(super) const PRIVATE_KEYS: &[&str] = &["PRIVATE KEY-----", "PRIVATE KEY BLOCK-----"];
/// The least number of digits before the colon of a Telegram bot token, and of characters after it.
/// Usually 35 characters follow.
pub(super) const BOT: (usize, usize) = (6, 30);

/// Webhook URLs without their scheme. The rest of the URL is a secret: anybody who knows it can use
/// the webhook.
pub(super) const WEBHOOKS: &[&str] = &[
    "hooks.slack.com/services/",
    "hooks.slack.com/workflows/",
    "hooks.slack.com/triggers/",
    // Discord and services that accept the same URLs.
    "/api/webhooks/",
    // Microsoft Teams
    ".webhook.office.com/",
    "outlook.office.com/webhook/",
    "outlook.office365.com/webhook/",
    "hooks.zapier.com/hooks/",
    "maker.ifttt.com/",
    "hc-ping.com/",
];
/// Parts of a URL that may be a webhook if a later segment looks random: Mattermost, n8n and many
/// others.
pub(super) const HOOKS: &[&str] = &["/hooks/", "/hook/", "/webhook/", "/webhooks/", "/webhookb2/"];
/// The least number of characters and of digits of that segment.
pub(super) const RANDOM_SEGMENT: (usize, usize) = (16, 3);
