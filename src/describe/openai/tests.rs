//! Prices and models. Requests and responses are tested through the whole program in `tests/openai`.

use rstest::rstest;

use super::*;
use crate::describe::budget::Budget;
use crate::describe::{Cost, Describer as _, Tokens};
use crate::openai::BaseUrl;

fn options(url: &str, model: &str) -> OpenaiOptions {
    OpenaiOptions {
        api: openai::Options {
            base_url: BaseUrl::parse(url).expect("a URL"),
            api_key: None,
            headers: Vec::new(),
            key_variable: None,
        },
        model: model.to_owned(),
        catalogue: Catalogue::built_in(),
        price: None,
        remote: RemoteOptions::for_test(),
    }
}

fn dollars(text: &str) -> Dollars {
    text.parse().expect("dollars")
}

const MILLIONS: Tokens = Tokens { input: 2_000_000, output: 1_000_000 };

#[test]
fn a_server_on_this_computer_is_free_unless_it_has_a_price() {
    let local = options("http://localhost:11434/v1", "llava");
    assert_eq!(local.target("llava").cost(MILLIONS), Cost::from(Dollars::default()));
    // A gateway on this computer.
    let priced =
        OpenaiOptions { price: Some(Rates { input: dollars("0.10"), output: dollars("0.40") }), ..local.clone() };
    assert_eq!(priced.target("llava").cost(MILLIONS), Cost::from(dollars("0.60")));
    assert_eq!(describer(local).expect("a describer").estimate(None), None);
    assert!(describer(priced).expect("a describer").estimate(None).is_some());
}

#[rstest]
#[case("http://192.168.1.9:11434/v1")]
#[case("https://openrouter.ai/api/v1")]
fn another_server_without_a_price_is_not_free(#[case] url: &str) {
    let mut unknown = options(url, "a/b");
    let cost = |options: &OpenaiOptions| describer(options.clone()).map(|it| it.estimate(None).map(|usage| usage.cost));
    assert_eq!(cost(&unknown), Ok(Some(Cost::UNKNOWN)));
    unknown.remote.budget = Budget::new(Some(dollars("1")));
    let error = cost(&unknown).expect_err("no price").to_string();
    assert!(error.contains("--price-in"), "{error}");
    unknown.price = Some(Rates { input: dollars("0"), output: dollars("0") });
    assert_eq!(cost(&unknown), Ok(Some(Cost::from(Dollars::default()))), "a server in the local network");
}

#[test]
fn the_catalogue_has_the_prices_of_bedrock_models() {
    let mantle = options("https://bedrock-mantle.us-east-1.api.aws/v1", "anthropic.claude-sonnet-4-6");
    let target = mantle.target("anthropic.claude-sonnet-4-6");
    assert!(target.cost(MILLIONS).amount().is_some_and(|cost| cost > dollars("20")));
    assert_eq!(target.id, "anthropic.claude-sonnet-4-6");
}

#[rstest]
fn presets_have_valid_addresses(
    #[values(
        ApiPreset::Ollama,
        ApiPreset::LmStudio,
        ApiPreset::LlamaCpp,
        ApiPreset::Vllm,
        ApiPreset::OpenRouter,
        ApiPreset::Gemini,
        ApiPreset::BedrockMantle,
        ApiPreset::Openai
    )]
    preset: ApiPreset,
) {
    let url = BaseUrl::parse(&preset.base_url("eu-west-1")).expect("a URL");
    assert_eq!(url.is_loopback(), preset.key_variable().is_none(), "{url}");
}
