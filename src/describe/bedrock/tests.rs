//! Behaviour before the first request. Requests and responses are tested through the whole program in `tests/bedrock`.

use super::*;
use crate::describe::budget::Budget;
use crate::describe::{Cost, Describer as _, Dollars};

fn options(model: &str) -> BedrockOptions {
    BedrockOptions {
        aws: aws::Options { region: Some("eu-west-1".to_owned()), ..aws::Options::default() },
        model: model.to_owned(),
        catalogue: Catalogue::built_in(),
        remote: RemoteOptions::for_test(),
    }
}

#[test]
fn an_unknown_model_is_rejected_with_suggestions() {
    let error = describer(options("claude-sonet-4-6")).err().expect("an unknown model");
    assert!(error.to_string().contains("claude-sonnet-4-6"), "{error}");
}

#[test]
fn a_budget_needs_a_price() {
    let mut unpriced = options("acme.vision");
    unpriced.remote.budget = Budget::new(Some(Dollars::from_billionths(1)));
    let error = describer(unpriced).err().expect("an unknown price");
    assert!(error.to_string().contains("models.toml"), "{error}");
    assert!(describer(options("acme.vision")).is_ok());
}

#[test]
fn a_model_without_a_price_is_not_free() {
    let mut nowhere = options("auto");
    nowhere.aws.region = Some("cn-north-1".to_owned());
    let profile = options("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3");
    for options in [nowhere, profile, options("acme.vision")] {
        let describer = describer(options).expect("valid options");
        assert_eq!(describer.estimate(None).map(|usage| usage.cost), Some(Cost::UNKNOWN));
    }
}

#[test]
fn the_estimate_uses_the_size_of_the_uploaded_image() {
    let describer = describer(options("claude-sonnet-4-6")).expect("a known model");
    let tokens = |size| describer.estimate(Some(size)).expect("a paid model").tokens.input;
    let prompt_only = tokens((1, 1));
    // One token per square of 28 pixels; an image of 12 megapixels is scaled down to 1269 × 952.
    assert_eq!(tokens((750, 100)), prompt_only + 27 * 4 - 1);
    assert_eq!(tokens((4000, 3000)), prompt_only + 46 * 34 - 1);
    assert_eq!(describer.estimate(None), describer.estimate(Some((3000, 4000))));
}

#[test]
fn an_output_token_counts_five_times_against_the_quota() {
    let bedrock = Bedrock { options: options("auto"), connected: Mutex::default() };
    assert_eq!(bedrock.quota_tokens(Tokens { input: 1_500, output: 60 }), 1_800);
    assert_eq!(bedrock.quota_tokens(Tokens { input: 1, output: u64::MAX }), u64::MAX);
}
