//! What can be told before anything is asked. What is asked, and what comes of the answers, is tested through the whole
//! program in `tests/bedrock`.

use super::*;

fn options(model: &str) -> BedrockOptions {
    BedrockOptions {
        aws: aws::Options { region: Some("eu-west-1".to_owned()), ..aws::Options::default() },
        model: model.to_owned(),
        catalogue: Catalogue::built_in(),
        prompt: Prompt::built_in(),
        people: "a person".to_owned(),
        language: "en".to_owned(),
        max_words: 50,
        limits: Limits {
            concurrency: NonZeroUsize::MIN,
            requests_per_minute: None,
            tokens_per_minute: None,
            delay: Duration::ZERO,
        },
        budget: None,
    }
}

#[test]
fn a_model_nobody_knows_is_refused_at_once() {
    let error = BedrockDescriber::new(options("claude-sonet-4-6")).err().expect("no such model");
    assert!(error.to_string().contains("claude-sonnet-4-6"), "{error}");
}

#[test]
fn a_budget_needs_a_price() {
    let unpriced = BedrockOptions { budget: Some(Dollars::from_billionths(1)), ..options("claude-haiku-5-5") };
    let error = BedrockDescriber::new(unpriced).err().expect("no price is known");
    assert!(error.to_string().contains("models.toml"), "{error}");
    assert!(BedrockDescriber::new(options("claude-haiku-5-5")).is_ok());
}

#[test]
fn the_estimate_counts_the_picture_as_it_is_sent() {
    let describer = BedrockDescriber::new(options("claude-sonnet-4-6")).expect("a known model");
    let tokens = |size| describer.estimate(Some(size)).expect("it costs").tokens.input;
    let nothing = tokens((1, 1));
    // One token for 750 pixels; of 12 megapixels the model sees 1568 × 1176.
    assert_eq!(tokens((750, 100)), nothing + 99);
    assert_eq!(tokens((4000, 3000)), nothing + (1568 * 1176_u64).div_ceil(750) - 1);
    assert_eq!(describer.estimate(None), describer.estimate(Some((3000, 4000))));
}
