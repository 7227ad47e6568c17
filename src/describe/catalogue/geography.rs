//! Which inference profiles can be called from a region.

/// The profile that answers anywhere, and costs no more than the price.
pub(super) const GLOBAL: &str = "global";

/// The geographies whose profiles a region may call, the nearest first: data stays as close as a model allows.
pub(super) fn of(region: &str) -> &'static [&'static str] {
    // A separate partition, whose requests never leave it.
    if region.starts_with("us-gov-") {
        return &["us-gov"];
    }
    match region {
        "ap-northeast-1" | "ap-northeast-3" => &["jp", "apac", GLOBAL],
        "ap-southeast-2" | "ap-southeast-4" => &["au", "apac", GLOBAL],
        _ => match region.split_once('-') {
            Some(("us" | "ca", _)) => &["us", GLOBAL],
            Some(("eu", _)) => &["eu", GLOBAL],
            Some(("ap", _)) => &["apac", GLOBAL],
            _ => &[GLOBAL],
        },
    }
}
