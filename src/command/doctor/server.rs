//! Checks of an OpenAI-compatible server: address, key, models, and with `--probe` whether the model accepts images.

use std::io;
use std::io::Cursor;
use std::time::Instant;

use image::{ImageFormat, RgbImage};

use super::{Level, Report};
use crate::describe::openai::{ModelError, OpenaiOptions};
use crate::model_api::ResponseEvent;
use crate::openai::{ChatImage, ChatRequest, Client, OpenaiError, listed};

pub(super) async fn check(options: &OpenaiOptions, probe: bool, report: &mut Report<'_, '_>) -> io::Result<()> {
    let api = &options.api;
    report.print("server", Level::Ok, &api.base_url.to_string())?;
    let client = match Client::new(api.clone()) {
        Ok(client) => client,
        Err(error) => return report.fail_access("API key", &error),
    };
    let key = match (&api.key_variable, &api.api_key) {
        (Some(variable), Some(_)) => format!("set in {variable}"),
        (Some(variable), None) => format!("none ({variable} is not set)"),
        (None, _) => "none (--api-key-env names a variable with one)".to_owned(),
    };
    report.print("API key", Level::Ok, &key)?;
    if !api.base_url.is_loopback() {
        super::proxies(report)?;
    }
    match client.models().await {
        Ok(models) => {
            report.print(
                "models",
                Level::Ok,
                &format!("{} on {}{}", models.len(), api.base_url.host(), listed(&models)),
            )?;
        }
        // A server that describes images need not have a list.
        Err(error @ (OpenaiError::NoEndpoint { .. } | OpenaiError::NotAnApi { .. })) => {
            report.print("models", Level::Warn, &format!("no list of models: {error}"))?;
        }
        Err(error) => return report.fail_access("models", &error),
    }
    let model = match options.resolve_model(&client).await {
        Ok(model) => model,
        Err(ModelError::Api(error)) => return report.fail_access("model", &error),
        Err(error) => return report.fail_access("model", &error),
    };
    let price = match options.target(&model).price() {
        _ if options.is_free() => "free, because the server runs on this computer".to_owned(),
        Some(price) => price,
        None => "price unknown (set --price-in and --price-out)".to_owned(),
    };
    if !probe {
        return report.print("model", Level::Ok, &format!("{model}, {price}; --probe checks that it accepts images"));
    }
    let start = Instant::now();
    match describe_test_image(&client, &model).await {
        Ok(()) => {
            let seconds = start.elapsed().as_secs_f64();
            report.print("model", Level::Ok, &format!("{model}, {price}; describes a test image in {seconds:.1} s"))
        }
        Err(error) => report.fail_access("model", &error),
    }
}

/// Sends a small grey image, and waits for the end of the response.
async fn describe_test_image(client: &Client, model: &str) -> Result<(), OpenaiError> {
    let mut png = Cursor::new(Vec::new());
    let image = RgbImage::from_pixel(64, 64, image::Rgb([128, 128, 128]));
    image.write_to(&mut png, ImageFormat::Png).expect("memory can be written");
    let mut request = ChatRequest {
        model: model.to_owned(),
        system: None,
        text: "Name the colour of this image in one word.".to_owned(),
        image: Some(ChatImage { media_type: "image/png", bytes: png.into_inner().into() }),
        max_tokens: 16,
        old_limit: true,
        temperature: None,
        effort: None,
        usage: false,
        schema: None,
    };
    loop {
        let stream = client.chat(&request).await;
        let mut stream = match stream {
            // The new name of the limit.
            Err(OpenaiError::ParameterRejected { .. }) if request.old_limit => {
                request.old_limit = false;
                continue;
            }
            other => other?,
        };
        while !matches!(stream.next().await?, ResponseEvent::Finished { .. }) {}
        return Ok(());
    }
}
