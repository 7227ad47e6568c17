//! Regions, and the inference profiles that can be called from them.

/// The profile of the regions of the US government.
pub const GOV: &str = "us-gov";

/// The profile available in every commercial region, without surcharge.
pub const GLOBAL: &str = "global";

/// Returns the geographies whose profiles a region may call, nearest first to keep data as local as possible.
#[must_use]
pub fn geographies(region: &str) -> &'static [&'static str] {
    // Separate partitions; their requests never leave them.
    if region.starts_with("us-gov-") {
        return &[GOV];
    }
    if region.starts_with("cn-") {
        return &[];
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

/// The public regions and those of the US government with Bedrock, for suggestions.
const REGIONS: [&str; 35] = [
    "af-south-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

/// The areas and directions that names of regions consist of. AWS adds regions, so a list of them would become outdated.
const AREAS: [&str; 16] = [
    "af", "ap", "ca", "cn", "eu", "il", "me", "mx", "sa", "us", "us-gov", "us-iso", "us-isob", "us-isof", "eu-isoe",
    "eusc-de",
];
const DIRECTIONS: [&str; 9] =
    ["central", "east", "north", "northeast", "northwest", "south", "southeast", "southwest", "west"];

/// Returns true if the text has the form of a region's name ("us-east-1").
pub(super) fn is_region(text: &str) -> bool {
    let Some((place, number)) = text.rsplit_once('-') else { return false };
    let Some((area, direction)) = place.rsplit_once('-') else { return false };
    AREAS.contains(&area)
        && DIRECTIONS.contains(&direction)
        && (1..=2).contains(&number.len())
        && number.bytes().all(|digit| digit.is_ascii_digit())
}

/// Returns the region with the most similar name.
pub(super) fn closest_region(text: &str) -> Option<&'static str> {
    let text = text.trim().to_lowercase().replace([' ', '_'], "-");
    similar::get_close_matches(text.as_str(), &REGIONS, 1, 0.0).first().copied()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn all_regions_have_the_form_of_one() {
        for region in REGIONS.into_iter().chain(["cn-north-1", "eusc-de-east-1", "us-iso-east-1", "us-west-3"]) {
            assert!(is_region(region), "{region}");
        }
    }

    #[rstest]
    #[case("us-esat-1", "us-east-1")]
    #[case("useast1", "us-east-1")]
    #[case("us-east-1a", "us-east-1")]
    #[case("US_EAST_1", "us-east-1")]
    #[case("eu-centrl-1", "eu-central-1")]
    #[case("ap-northeast2", "ap-northeast-2")]
    #[case("us-gov-est-1", "us-gov-east-1")]
    #[case("us-east-1 ", "us-east-1")]
    #[case("us-east-100", "us-east-1")]
    fn a_misspelt_region_has_a_closest_one(#[case] wrong: &str, #[case] right: &str) {
        assert!(!is_region(wrong), "{wrong}");
        assert_eq!(closest_region(wrong), Some(right));
    }

    #[test]
    fn each_partition_has_its_own_profiles() {
        assert_eq!(geographies("us-gov-east-1"), [GOV]);
        assert_eq!(geographies("sa-east-1"), [GLOBAL]);
        assert_eq!(geographies("cn-north-1"), [""; 0]);
    }
}
