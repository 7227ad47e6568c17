//! A request to a model, with the types of the SDK.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_bedrockruntime::operation::converse_stream::builders::ConverseStreamFluentBuilder;
use aws_sdk_bedrockruntime::primitives::Blob;
use aws_sdk_bedrockruntime::types::{
    self, ContentBlock, ConversationRole, ImageBlock, ImageSource, InferenceConfiguration, JsonSchemaDefinition,
    Message, OutputConfig, OutputFormat, OutputFormatStructure, OutputFormatType, SpecificToolChoice,
    SystemContentBlock, Tool, ToolChoice, ToolConfiguration, ToolInputSchema, ToolSpecification,
};
use aws_smithy_types::error::operation::BuildError;
use aws_smithy_types::{Document, Number};
use serde_json::Value;

use super::error::AwsError;
use crate::model_api::Thinking;

#[derive(Clone, Debug, PartialEq)]
pub struct ConverseRequest {
    /// The id or ARN of a model or an inference profile.
    pub model: String,
    pub system: Option<String>,
    pub text: String,
    /// Sent before the text, which gives better results.
    pub image: Option<Image>,
    /// The maximum number of output tokens. The service deducts all of them from the quota in advance.
    pub max_tokens: u32,
    /// From 0 to 1. Some models accept only `None`, the default of the model.
    pub temperature: Option<f32>,
    pub thinking: Thinking,
    /// How the response is to be structured. `None` for plain text.
    pub structure: Option<Structure>,
}

/// Requests a JSON object of a schema. Each model supports one way, both, or neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structure {
    /// As the text of the response.
    Text { schema: &'static str },
    /// As the input of the only tool, which the model must call.
    Tool { schema: &'static str },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub format: ImageFormat,
    /// The encoded image.
    pub bytes: Arc<[u8]>,
}

/// The formats Bedrock accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ImageFormat {
    Png,
    Jpeg,
    Gif,
    Webp,
}

/// The name of the schema and of the tool.
pub(super) const RESPONSE: &str = "response";

impl ConverseRequest {
    pub(super) fn apply_to(self, call: ConverseStreamFluentBuilder) -> Result<ConverseStreamFluentBuilder, AwsError> {
        let model = self.model.clone();
        self.build(call).map_err(|error| AwsError::Other {
            model,
            status: None,
            code: None,
            message: error.to_string(),
        })
    }

    fn build(self, call: ConverseStreamFluentBuilder) -> Result<ConverseStreamFluentBuilder, BuildError> {
        let mut message = Message::builder().role(ConversationRole::User);
        if let Some(image) = self.image {
            let source = ImageSource::Bytes(Blob::new(image.bytes.as_ref()));
            let block = ImageBlock::builder().format(image.format.into()).source(source).build()?;
            message = message.content(ContentBlock::Image(block));
        }
        let message = message.content(ContentBlock::Text(self.text)).build()?;
        let inference = InferenceConfiguration::builder()
            .max_tokens(i32::try_from(self.max_tokens).unwrap_or(i32::MAX))
            .set_temperature(self.temperature)
            .build();
        let (format, tools) = match self.structure {
            None => (None, None),
            Some(Structure::Text { schema }) => (Some(text_format(schema)?), None),
            Some(Structure::Tool { schema }) => (None, Some(forced_tool(schema)?)),
        };
        let (effort, off) = match self.thinking {
            Thinking::ModelDefault => (None, None),
            Thinking::Effort(effort) => (Some(effort), None),
            Thinking::Off(setting) => (None, Some(setting)),
        };
        let output = (format.is_some() || effort.is_some())
            .then(|| OutputConfig::builder().set_effort(effort).set_text_format(format).build());
        let off = off.map(|setting| {
            let thinking = HashMap::from([("type".to_owned(), Document::String(setting))]);
            Document::Object(HashMap::from([("thinking".to_owned(), Document::Object(thinking))]))
        });
        Ok(call
            .model_id(self.model)
            .set_system(self.system.map(|text| vec![SystemContentBlock::Text(text)]))
            .messages(message)
            .inference_config(inference)
            .set_output_config(output)
            .set_tool_config(tools)
            .set_additional_model_request_fields(off))
    }
}

fn text_format(schema: &str) -> Result<OutputFormat, BuildError> {
    let schema = JsonSchemaDefinition::builder().name(RESPONSE).schema(schema).build()?;
    OutputFormat::builder()
        .r#type(OutputFormatType::JsonSchema)
        .structure(OutputFormatStructure::JsonSchema(schema))
        .build()
}

fn forced_tool(schema: &str) -> Result<ToolConfiguration, BuildError> {
    let schema: Value = serde_json::from_str(schema).expect("a constant");
    let tool = ToolSpecification::builder()
        .name(RESPONSE)
        .description("Takes the response. Call it exactly once.")
        .input_schema(ToolInputSchema::Json(document(&schema)))
        .build()?;
    let choice = SpecificToolChoice::builder().name(RESPONSE).build()?;
    ToolConfiguration::builder().tools(Tool::ToolSpec(tool)).tool_choice(ToolChoice::Tool(choice)).build()
}

fn document(json: &Value) -> Document {
    match json {
        Value::Null => Document::Null,
        Value::Bool(value) => Document::Bool(*value),
        Value::Number(number) => Document::Number(match (number.as_u64(), number.as_i64()) {
            (Some(value), _) => Number::PosInt(value),
            (None, Some(value)) => Number::NegInt(value),
            (None, None) => Number::Float(number.as_f64().unwrap_or(f64::NAN)),
        }),
        Value::String(text) => Document::String(text.clone()),
        Value::Array(items) => Document::Array(items.iter().map(document).collect()),
        Value::Object(fields) => {
            Document::Object(fields.iter().map(|(name, value)| (name.clone(), document(value))).collect())
        }
    }
}

impl From<ImageFormat> for types::ImageFormat {
    fn from(format: ImageFormat) -> Self {
        match format {
            ImageFormat::Png => Self::Png,
            ImageFormat::Jpeg => Self::Jpeg,
            ImageFormat::Gif => Self::Gif,
            ImageFormat::Webp => Self::Webp,
        }
    }
}
