use jiff::civil::date;
use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::describe::{Cost, Dollars, Tokens};

fn dollars(text: &str) -> Dollars {
    text.parse().unwrap()
}

fn merged(text: &str) -> Result<Catalogue, FileError> {
    Catalogue::built_in().merged(text)
}

fn id(named: &str, region: &str) -> String {
    Catalogue::built_in().resolve(named, region).unwrap().id
}

#[rstest]
#[case("claude-3-7-sonnet", "us-east-1", "us.anthropic.claude-3-7-sonnet-20250219-v1:0")]
#[case("claude-3-7-sonnet", "eu-west-1", "eu.anthropic.claude-3-7-sonnet-20250219-v1:0")]
#[case("claude-3-7-sonnet", "ap-northeast-2", "apac.anthropic.claude-3-7-sonnet-20250219-v1:0")]
#[case("claude-sonnet-4", "us-west-2", "us.anthropic.claude-sonnet-4-20250514-v1:0")]
#[case("claude-sonnet-4", "ap-northeast-2", "apac.anthropic.claude-sonnet-4-20250514-v1:0")]
#[case("claude-sonnet-4-5", "us-east-1", "us.anthropic.claude-sonnet-4-5-20250929-v1:0")]
#[case("claude-sonnet-4-5", "ap-northeast-2", "global.anthropic.claude-sonnet-4-5-20250929-v1:0")]
#[case("claude-sonnet-4-6", "us-east-1", "us.anthropic.claude-sonnet-4-6")]
#[case("claude-sonnet-4-6", "eu-west-1", "eu.anthropic.claude-sonnet-4-6")]
#[case("claude-sonnet-4-6", "ap-northeast-2", "global.anthropic.claude-sonnet-4-6")]
#[case("claude-sonnet-4-6", "ap-northeast-1", "jp.anthropic.claude-sonnet-4-6")]
#[case("claude-sonnet-4-6", "ap-southeast-2", "au.anthropic.claude-sonnet-4-6")]
#[case("claude-sonnet-4-6", "ca-central-1", "us.anthropic.claude-sonnet-4-6")]
#[case("claude-sonnet-4-5", "us-gov-west-1", "us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0")]
#[case("claude-sonnet-4-6", "us-gov-east-1", "us-gov.anthropic.claude-sonnet-4-6")]
#[case("claude-haiku-5-5", "us-gov-east-1", "us-gov.anthropic.claude-haiku-5-5")]
#[case("claude-haiku-5-5", "sa-east-1", "global.anthropic.claude-haiku-5-5")]
#[case("nova-2-lite", "eu-north-1", "eu.amazon.nova-2-lite-v1:0")]
#[case("claude-sonnet-4-6", "sa-east-1", "global.anthropic.claude-sonnet-4-6")]
#[case("claude-haiku-4-5", "eu-central-1", "eu.anthropic.claude-haiku-4-5-20251001-v1:0")]
#[case("nova-lite", "ap-northeast-1", "apac.amazon.nova-lite-v1:0")]
fn an_alias_resolves_to_the_profile_for_the_region(#[case] alias: &str, #[case] region: &str, #[case] expected: &str) {
    assert_eq!(id(alias, region), expected);
}

#[test]
fn every_alias_resolves_in_the_us_europe_and_korea() {
    let catalogue = Catalogue::built_in();
    for model in catalogue.models() {
        for (region, near) in [("us-east-1", "us"), ("eu-west-1", "eu"), ("ap-northeast-2", "apac")] {
            let target = catalogue.resolve(&model.alias, region).unwrap();
            let (geography, bare) = target.id.split_once('.').unwrap();
            assert!(geography == near || geography == "global" && near == "apac", "{}", target.id);
            assert_eq!(bare, model.id);
            assert_eq!(target.name, model.alias);
        }
    }
}

#[test]
fn a_model_without_a_profile_for_the_region_is_rejected_and_skipped_by_auto() {
    let catalogue = Catalogue::built_in();
    let error = catalogue.resolve("claude-3-7-sonnet", "sa-east-1").unwrap_err();
    assert!(error.to_string().contains("not available in sa-east-1, only through inference profiles for us, eu, apac"));
    // The GovCloud partition has few of the models.
    assert!(catalogue.resolve("claude-haiku-4-5", "us-gov-west-1").is_err());

    let names = |region| {
        catalogue.automatic(region, date(2026, 4, 27)).into_iter().map(|target| target.name).collect::<Vec<_>>()
    };
    let all = [
        "claude-3-7-sonnet",
        "claude-sonnet-5-5",
        "claude-sonnet-4-6",
        "claude-sonnet-4-5",
        "claude-haiku-5-5",
        "claude-haiku-4-5",
    ];
    assert_eq!(names("us-east-1"), all);
    assert_eq!(names("ap-northeast-2"), all);
    assert_eq!(names("sa-east-1"), all[1..]);
    assert_eq!(names("us-gov-west-1"), all[..5]);
    assert_eq!(names("cn-north-1"), [""; 0]);
}

#[rstest]
#[case("anthropic.claude-sonnet-4-6", Some("claude-sonnet-4-6"))]
#[case("eu.anthropic.claude-sonnet-4-6", Some("claude-sonnet-4-6"))]
#[case(
    "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-6",
    Some("claude-sonnet-4-6")
)]
#[case("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0", Some("nova-lite"))]
#[case("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3", None)]
#[case("mistral.pixtral-large-2502-v1:0", None)]
#[case("us.mistral.pixtral-large-2502-v1:0", None)]
fn ids_profiles_and_arns_are_used_unchanged(#[case] named: &str, #[case] alias: Option<&str>) {
    let target = Catalogue::built_in().resolve(named, "us-east-1").unwrap();
    assert_eq!(target.id, named);
    assert_eq!(target.name, alias.unwrap_or(named));
    assert_eq!(target.model.as_ref().map(|model| model.alias.as_str()), alias);
    if alias.is_none() {
        assert_eq!(target.cost(Tokens { input: 1, output: 1 }), Cost::UNKNOWN);
        assert_eq!(target.upload_limits(), UploadLimits::default());
    }
}

#[test]
fn the_users_file_gives_a_profile_a_price() {
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3";
    let file = format!("[models.team]\nid = \"{arn}\"\ninput = \"0.001\"\noutput = \"0.002\"");
    let catalogue = merged(&file).unwrap();
    for name in [arn, "team"] {
        let target = catalogue.resolve(name, "us-east-1").unwrap();
        assert_eq!((target.id.as_str(), target.name.as_str()), (arn, "team"));
        assert_eq!(target.cost(Tokens { input: 1_000, output: 1_000 }), Cost::from(dollars("0.003")));
    }
}

#[test]
fn an_unknown_name_lists_the_most_similar_names_first() {
    let error = Catalogue::built_in().resolve("claude-sonet-4-6", "us-east-1").unwrap_err();
    assert!(error.to_string().contains("\"claude-sonet-4-6\": use one of claude-sonnet-4-6, "), "{error}");
    let ResolveError::Unknown { known, .. } = error else { panic!("{error}") };
    assert_eq!(known.len(), Catalogue::built_in().models().count() + 1, "all models and auto");
}

/// From the price list: dollars per 1,000 tokens, with the surcharge of regional profiles.
#[rstest]
#[case("us.anthropic.claude-3-7-sonnet-20250219-v1:0", "0.003", "0.015")]
#[case("us.anthropic.claude-sonnet-4-20250514-v1:0", "0.003", "0.015")]
#[case("global.anthropic.claude-sonnet-4-5-20250929-v1:0", "0.003", "0.015")]
#[case("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "0.0033", "0.0165")]
#[case("jp.anthropic.claude-sonnet-4-6", "0.0033", "0.0165")]
#[case("global.anthropic.claude-sonnet-4-6", "0.003", "0.015")]
#[case("global.anthropic.claude-haiku-4-5-20251001-v1:0", "0.001", "0.005")]
#[case("eu.anthropic.claude-haiku-4-5-20251001-v1:0", "0.0011", "0.0055")]
#[case("us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0", "0.0036", "0.018")]
#[case("global.anthropic.claude-sonnet-5", "0.002", "0.01")]
#[case("au.anthropic.claude-sonnet-5", "0.0022", "0.011")]
#[case("global.anthropic.claude-sonnet-5-5", "0.002", "0.01")]
#[case("us.anthropic.claude-sonnet-5-5", "0.0022", "0.011")]
#[case("us-gov.anthropic.claude-sonnet-5-5", "0.0024", "0.012")]
#[case("global.anthropic.claude-haiku-5-5", "0.0001", "0.0005")]
#[case("eu.anthropic.claude-haiku-5-5", "0.00011", "0.00055")]
#[case("us.anthropic.claude-opus-5-5", "0.0044", "0.022")]
#[case("us-gov.anthropic.claude-opus-5-5", "0.0048", "0.024")]
#[case("us.amazon.nova-2-lite-v1:0", "0.00033", "0.00275")]
#[case("global.amazon.nova-2-lite-v1:0", "0.0003", "0.0025")]
#[case("us.amazon.nova-lite-v1:0", "0.00006", "0.00024")]
fn prices_are_exact(#[case] id: &str, #[case] input: &str, #[case] output: &str) {
    let target = Catalogue::built_in().resolve(id, "us-east-1").unwrap();
    let cost = |input, output| target.cost(Tokens { input, output }).amount().unwrap();
    assert_eq!(cost(1_000, 0), dollars(input));
    assert_eq!(cost(0, 1_000), dollars(output));
    assert_eq!(cost(7_000, 3_000), dollars(input) * 7 + dollars(output) * 3);
    assert_eq!(cost(0, 0), Dollars::default());
    // One input token of the cheapest model costs 60 billionths.
    assert_eq!(cost(1, 0).billionths(), dollars(input).billionths() / 1_000);
}

#[test]
fn costs_are_rounded_up_to_a_billionth_and_saturate() {
    let catalogue = merged("models.tiny = { id = \"a.b\", input = \"0.000000001\", output = \"9000000000\" }").unwrap();
    let target = catalogue.resolve("tiny", "us-east-1").unwrap();
    assert_eq!(target.cost(Tokens { input: 1, output: 0 }), Cost::from(Dollars::from_billionths(1)));
    assert_eq!(target.cost(Tokens { input: 1_001, output: 0 }), Cost::from(Dollars::from_billionths(2)));
    let all = Tokens { input: u64::MAX, output: u64::MAX };
    assert_eq!(target.cost(all), Cost::from(Dollars::from_billionths(u64::MAX)));
}

#[test]
fn long_prompts_have_a_price_of_their_own() {
    let target = Catalogue::built_in().resolve("global.anthropic.claude-haiku-5-5", "us-east-1").unwrap();
    let cost = |input| target.cost(Tokens { input, output: 1_000 });
    assert_eq!(cost(100_000), Cost::from(dollars("0.0105")));
    assert_eq!(cost(100_001), Cost::from(dollars("0.0525005")));
    // A price of the user's replaces the one of short prompts.
    let file = "[models.claude-haiku-5-5]\ninput = \"0.0002\"\noutput = \"0.001\"\n";
    let target = merged(file).unwrap().resolve("global.anthropic.claude-haiku-5-5", "us-east-1").unwrap();
    assert_eq!(target.cost(Tokens { input: 1_000, output: 0 }), Cost::from(dollars("0.0002")));
}

#[rstest]
#[case::two_regions(&["arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-5-5",
    "arn:aws:bedrock:us-west-2::foundation-model/anthropic.claude-sonnet-5-5"], Some("0.0022"))]
#[case::global(&["arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-5-5",
    "arn:aws:bedrock:::foundation-model/anthropic.claude-sonnet-5-5"], Some("0.002"))]
#[case::gov(&["arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/anthropic.claude-sonnet-5-5"], Some("0.0024"))]
#[case::profile(&["arn:aws:bedrock:eu-west-1:123456789012:inference-profile/global.anthropic.claude-sonnet-5-5"],
    Some("0.002"))]
#[case::unknown(&["arn:aws:bedrock:us-east-1::foundation-model/acme.vision"], None)]
#[case::two_models(&["arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-5-5",
    "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-haiku-5-5"], None)]
#[case::none(&[], None)]
#[case::not_an_arn(&["anthropic.claude-sonnet-5-5"], None)]
fn an_application_profile_has_the_price_of_its_model(#[case] models: &[&str], #[case] input: Option<&str>) {
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3";
    let catalogue = Catalogue::built_in();
    assert!(catalogue.resolve(arn, "us-east-1").unwrap().is_application_profile());
    let models: Vec<String> = models.iter().map(|&model| model.to_owned()).collect();
    let target = catalogue.of_profile(arn, &models);
    assert!(target.as_ref().is_none_or(|target| target.id == arn && !target.is_application_profile()));
    let cost = target.map(|target| target.cost(Tokens { input: 1_000, output: 0 }));
    assert_eq!(cost, input.map(|input| Cost::from(dollars(input))));
}

#[test]
fn a_price_is_shown_with_its_surcharge_and_date() {
    let price = |id: &str| Catalogue::built_in().resolve(id, "us-east-1").unwrap().price();
    let shown = price("us.anthropic.claude-sonnet-5-5").unwrap();
    assert_eq!(shown, "$0.0022 in, $0.011 out for 1,000 tokens on 2026-11-29");
    assert_eq!(price("acme.vision"), None);
}

#[test]
fn newer_models_need_more_tokens_for_the_same_text() {
    let tokens = |alias: &str| Catalogue::built_in().resolve(alias, "us-east-1").unwrap().text_tokens(101);
    assert_eq!(tokens("claude-sonnet-4-6"), 101);
    assert_eq!(tokens("claude-sonnet-5-5"), 132);
    assert_eq!(tokens("acme.vision"), 101);
}

#[test]
fn a_user_who_sets_an_effort_wants_the_model_to_think() {
    let setting = |text: &str| {
        let model = merged(text).unwrap().models["claude-sonnet-5"].clone();
        (model.thinking.clone(), model.effort.clone())
    };
    assert_eq!(setting(""), (Some("disabled".to_owned()), None));
    let medium = Some("medium".to_owned());
    assert_eq!(setting("[models.claude-sonnet-5]\neffort = \"medium\"\n"), (None, medium.clone()));
    let both = "[models.claude-sonnet-5]\neffort = \"medium\"\nthinking = \"disabled\"\n";
    assert_eq!(setting(both), (Some("disabled".to_owned()), medium));
}

#[test]
fn the_built_in_models_have_limits_and_parameters() {
    let catalogue = Catalogue::built_in();
    for model in catalogue.models() {
        let thinking = match model.alias.as_str() {
            "claude-sonnet-5" | "claude-haiku-5-5" => Some((Some("disabled"), None)),
            "claude-sonnet-5-5" => Some((Some("between_tools"), None)),
            "claude-opus-5-5" => Some((None, Some("low"))),
            _ => None,
        };
        let new = thinking.is_some();
        assert_eq!((model.temperature, model.thinks), (!new, new), "{}", model.alias);
        let setting = (model.thinking.as_deref(), model.effort.as_deref());
        assert_eq!(setting, thinking.unwrap_or_default(), "{}", model.alias);
        let (long_edge, tokens) = if new { (2576, 4784) } else { (1568, 1568) };
        let limits = UploadLimits { long_edge, tokens, longest_side: 8000, bytes: 3_750_000, common_format: false };
        assert_eq!(model.upload, limits, "{}", model.alias);
        assert!(model.price.is_none_or(|price| price.priced.is_some()), "{}: prices have a date", model.alias);
    }
    let end = |alias: &str| catalogue.models[alias].end_of_life.map(|day| day.to_string());
    assert_eq!(end("claude-3-7-sonnet").as_deref(), Some("2026-04-28"));
    assert_eq!(end("claude-sonnet-4").as_deref(), Some("2026-10-14"));
    assert_eq!(end("claude-sonnet-4-5").as_deref(), Some("2027-04-08"));
    assert_eq!(end("claude-sonnet-4-6"), None);
    let profiles = catalogue.models["claude-3-7-sonnet"].callable_ids();
    assert_eq!(profiles[1], "eu.anthropic.claude-3-7-sonnet-20250219-v1:0");
}

#[test]
fn a_users_file_is_merged_over_the_built_in_models() {
    let catalogue = merged(
        r#"
        auto = ["house", "claude-haiku-4-5"]

        [models.claude-haiku-4-5]
        input = "0.0007"
        priced = 2027-01-31
        long-edge = 1024

        [models.claude-sonnet-5-5]
        input = "0.003"
        output = "0.015"

        [models.house]
        id = "acme.vision-v2:0"
        temperature = false
        "#,
    )
    .unwrap();
    let changed = &catalogue.models["claude-haiku-4-5"];
    let before = &Catalogue::built_in().models["claude-haiku-4-5"];
    assert_eq!(changed.id, before.id);
    assert_eq!(changed.upload, UploadLimits { long_edge: 1024, ..before.upload });
    let price = changed.price.unwrap();
    assert_eq!((price.rates.input, price.rates.output), (dollars("0.0007"), dollars("0.005")));
    assert_eq!(price.priced.unwrap().to_string(), "2027-01-31");

    // The surcharge of the built-in model remains.
    let priced = catalogue.resolve("claude-sonnet-5-5", "us-east-1").unwrap();
    assert_eq!(priced.cost(Tokens { input: 1_000, output: 0 }), Cost::from(dollars("0.0033")));

    let order = catalogue.automatic("us-east-1", date(2026, 11, 30));
    assert_eq!(order[0].id, "acme.vision-v2:0", "called by its id, for lack of profiles");
    assert!(!order[0].model.as_ref().unwrap().temperature);
    assert_eq!(order.len(), 2);
    assert_eq!(catalogue.models().count(), Catalogue::built_in().models().count() + 1);
}

#[test]
fn auto_tries_models_past_their_end_of_life_last() {
    let names = |today| {
        let targets = Catalogue::built_in().automatic("us-east-1", today);
        targets.into_iter().map(|target| target.name).collect::<Vec<_>>()
    };
    assert_eq!(names(date(2026, 4, 27))[..2], ["claude-3-7-sonnet", "claude-sonnet-5-5"]);
    let after = names(date(2026, 4, 28));
    assert_eq!((&*after[0], &*after[after.len() - 1]), ("claude-sonnet-5-5", "claude-3-7-sonnet"));
    let later = names(date(2027, 4, 8));
    assert_eq!(later[later.len() - 2..], ["claude-3-7-sonnet", "claude-sonnet-4-5"]);
}

#[rstest]
#[case("\n[models.house]\ntemperature = true\n", 2, "house: \"id\" is missing")]
#[case("[models.house]\nid = \"a.b\"\ninput = \"0.1\"\n", 1, "\"output\" is missing")]
#[case("[models.house]\nid = \"a.b\"\noutput = \"0.1\"\n", 1, "\"input\" is missing")]
#[case(
    "[models.house]\nid = \"a.b\"\ninput = \"cheap\"\n",
    3,
    "expected an amount in dollars, such as 2 or 0.50, found \"cheap\""
)]
#[case("[models.house]\nid = \"a.b\"\ninput = 0.1\n", 3, "expected a string")]
#[case("[models.house]\nid = \"a.b\"\npriced = 2026-11-01T10:00:00\n", 3, "expected a date")]
#[case("[models.house]\nid = \"a.b\"\n\nlong-edge = 0\n", 4, "expected at least one pixel")]
#[case("[models.house]\nprise = \"1\"\n", 2, "unknown field `prise`")]
#[case("[models.auto]\nid = \"a.b\"\n", 1, "\"auto\" is reserved")]
#[case("auto = [\n  \"claude-haiku-4-5\",\n  \"nobody\",\n]\n", 3, "auto: unknown model \"nobody\"")]
#[case("model = 1\n", 1, "unknown field `model`")]
#[case("a\nb = [", 1, "")]
fn errors_in_a_file_have_a_line(#[case] text: &str, #[case] line: usize, #[case] expected: &str) {
    let error = merged(text).unwrap_err();
    assert!(error.line == line && error.message.contains(expected), "{error:?}");
}

#[test]
fn a_users_file_is_optional_and_named_in_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("models.toml");
    assert_eq!(Catalogue::load(&path).unwrap(), Catalogue::built_in());
    fs::write(&path, "auto = []").unwrap();
    assert_eq!(Catalogue::load(&path).unwrap().automatic("us-east-1", date(2026, 11, 30)), []);
    fs::write(&path, "auto = []\nx = 1\n").unwrap();
    let message = Catalogue::load(&path).unwrap_err().to_string();
    assert!(message.contains("models.toml:2: "), "{message}");
    let message = Catalogue::load(folder.path()).unwrap_err().to_string();
    assert!(message.contains("cannot be read"), "{message}");
}

proptest! {
    #[test]
    fn resolving_never_panics(named in any::<String>(), region in "[a-z]{0,3}-?[a-z]{0,5}-?[0-9]?") {
        let catalogue = Catalogue::built_in();
        let _ = catalogue.resolve(&named, &region);
        let _ = catalogue.automatic(&region, date(2026, 11, 30));
    }

    #[test]
    fn more_tokens_never_cost_less(a in 0..1_000_000_u64, b in 0..1_000_000_u64, more in 0..1_000_000_u64) {
        let target = Catalogue::built_in().resolve("claude-sonnet-4-6", "us-east-1").unwrap();
        let cost = |input, output| target.cost(Tokens { input, output }).amount().unwrap();
        prop_assert!(cost(a + more, b) >= cost(a, b) && cost(a, b + more) >= cost(a, b));
        // Prices are whole billionths per token, so nothing is rounded.
        prop_assert_eq!(cost(a, b), cost(a, 0) + cost(0, b));
    }
}

/// The examples of the documentation of Amazon Nova, and an image that it scales up to the first of them.
#[rstest]
#[case(900, 450, 800)]
#[case(900, 900, 1_300)]
#[case(1_400, 900, 1_800)]
#[case(1_800, 900, 2_400)]
#[case(1_300, 1_300, 2_600)]
#[case(800, 400, 800)]
fn the_tokens_of_nova_are_within_a_tenth_of_its_examples(
    #[case] width: u32,
    #[case] height: u32,
    #[case] expected: u64,
) {
    for model in ["nova-lite", "nova-2-lite"] {
        let target = Catalogue::built_in().resolve(model, "us-east-1").unwrap();
        for tokens in [target.image_tokens(width, height), target.image_tokens(height, width)] {
            assert!(tokens.abs_diff(expected) * 10 <= expected, "{tokens} for {expected}");
        }
    }
}

#[test]
fn an_unknown_image_rule_is_an_error() {
    assert_eq!(merged("[models.claude-haiku-4-5]\nimage-rule = \"tiles\"\n").unwrap_err().line, 2);
}
