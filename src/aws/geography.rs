//! The inference profiles that can be called from a region.

/// The profile available in every commercial region, without surcharge.
pub const GLOBAL: &str = "global";

/// Returns the geographies whose profiles a region may call, nearest first to keep data as local as possible.
#[must_use]
pub fn geographies(region: &str) -> &'static [&'static str] {
    // A separate partition; its requests never leave it.
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
