//! Estimates against the usage of a service that counts tokens by the formulas of its documentation.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use image::{Rgb, RgbImage};
use serde_json::{Value, json};

use crate::server::{ReceivedRequest, Reply, Server};
use crate::world::World;

/// 45 words: what the prompt asks for.
const CAPTION: &str = "Full body, from the front, a young woman with long dark hair and a neutral expression, wearing a beige \
                       double-breasted trench coat over a white knit sweater, blue wide-leg jeans and white sneakers, standing \
                       with her hands in her pockets before a plain grey wall in soft daylight.";

/// The names, whether the model looks at images closely and splits a text into more tokens, and dollars per million tokens
/// in and out through the profile of the US.
const MODELS: [(&str, bool, f64, f64); 4] = [
    ("claude-sonnet-4-6", false, 3.3, 16.5),
    ("claude-haiku-4-5", false, 1.1, 5.5),
    ("claude-sonnet-5-5", true, 2.2, 11.0),
    ("claude-haiku-5-5", true, 0.11, 0.55),
];

/// Sizes, and the tokens that the service was measured to count for them, if it was: total minus that of the text, which an
/// image of 256 × 256 has alone (100 tokens).
const SIZES: [(u32, u32, Option<[u64; 2]>); 4] = [
    (512, 512, Some([426 - 65, 438 - 77])),
    (1280, 720, Some([1_261 - 65, 1_273 - 77])),
    (1920, 1080, Some([1_625 - 65, 2_768 - 77])),
    (4000, 3000, None),
];

/// Counts the tokens of a request and its response: 28 × 28 pixels or 3.5 characters are one; newer models need 30 % more
/// for a text.
fn count(request: &ReceivedRequest, is_newer: bool) -> (u64, u64, u64) {
    let image = request.body["messages"][0]["content"][0]["image"]["source"]["bytes"].as_str().expect("an image");
    let image = image::load_from_memory(&BASE64_STANDARD.decode(image).expect("base64")).expect("an image");
    let (edge, most) = if is_newer { (2_576, 4_784) } else { (1_568, 1_568) };
    let image_tokens = u64::from(image.width().div_ceil(28) * image.height().div_ceil(28));
    assert!(image.width().max(image.height()) <= edge && image_tokens <= most, "the service would scale it down");
    let text = |text: &str| {
        let tokens = (text.chars().count() * 2).div_ceil(7) as u64;
        if is_newer { (tokens * 13).div_ceil(10) } else { tokens }
    };
    let prompt = format!("{}{}", request.system(), request.text());
    (image_tokens, image_tokens + text(&prompt), text(CAPTION))
}

fn within_a_tenth(estimated: f64, counted: f64) -> bool {
    (estimated - counted).abs() <= counted * 0.1
}

#[tokio::test(flavor = "multi_thread")]
async fn estimates_are_within_a_tenth_of_the_usage() {
    let server = Server::start(|_, request| {
        let (_, input, output) = count(request, request.model.contains("5-5"));
        Reply::Counted { text: CAPTION.to_owned(), usage: (input, output) }
    })
    .await;
    for (width, height, measured) in SIZES {
        let world = World::new(0, &server.url());
        RgbImage::from_pixel(width, height, Rgb([90, 120, 200])).save(world.path().join("a.jpg")).expect("a file");
        let line = json!({ "file_name": "a.jpg", "text": "A woman in a beige coat stands in front of a grey wall." });
        std::fs::write(world.path().join("metadata.jsonl"), format!("{line}\n")).expect("a dataset");
        for (model, is_newer, dollars_in, dollars_out) in MODELS {
            let session = format!("{model}.sqlite");
            let arguments = ["--model", model, "--session", &session];
            let (plan, _) = world.generate(&[&arguments[..], &["--dry-run"]].concat()).await;
            let (table, code) = world.generate(&arguments).await;
            assert_eq!((table["described"].as_u64(), code), (Some(1), 0), "{model}: {table}");
            let request = server.requests().pop().expect("a request");
            let (image, input, output) = count(&request, is_newer);
            if let Some(measured) = measured {
                assert_eq!(image, measured[usize::from(is_newer)], "{model} {width} × {height}");
            }
            let number = |value: &Value| match value {
                Value::String(text) => text.parse().expect("a number"),
                other => other.as_f64().unwrap_or_else(|| panic!("{plan} {table}")),
            };
            #[expect(clippy::cast_precision_loss, reason = "a few thousand tokens")]
            let (input, output) = (input as f64, output as f64);
            let cost = (input * dollars_in + output * dollars_out) / 1e6;
            assert!(within_a_tenth(number(&table["cost_usd"]), cost), "{model}: {cost} {table}");
            let estimated = [&plan["input_tokens"], &plan["cost_usd"]].map(number);
            println!("{model} {width} × {height}: {estimated:?} for {input} and {cost}");
            assert!(within_a_tenth(estimated[0], input), "{model} {width} × {height}: {plan} for {input}");
            assert!(within_a_tenth(estimated[1], cost), "{model} {width} × {height}: {plan} for {cost}");
        }
    }
}
