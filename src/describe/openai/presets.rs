//! The documented addresses of common servers and services.

use clap::ValueEnum;

/// A server or service with an OpenAI-compatible API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum ApiPreset {
    /// Ollama on this computer
    Ollama,
    /// LM Studio on this computer
    #[value(name = "lmstudio")]
    LmStudio,
    /// llama.cpp's llama-server on this computer
    #[value(name = "llamacpp")]
    LlamaCpp,
    /// vLLM on this computer
    Vllm,
    /// OpenRouter
    #[value(name = "openrouter")]
    OpenRouter,
    /// Google Gemini
    Gemini,
    /// Amazon Bedrock's OpenAI-compatible endpoint
    BedrockMantle,
    /// OpenAI
    Openai,
}

impl ApiPreset {
    /// Returns the base URL. `region` is an AWS region.
    #[must_use]
    pub fn base_url(self, region: &str) -> String {
        match self {
            // https://docs.ollama.com/api/openai-compatibility
            Self::Ollama => "http://localhost:11434/v1".to_owned(),
            // https://lmstudio.ai/docs/developer/openai-compat
            Self::LmStudio => "http://localhost:1234/v1".to_owned(),
            // https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
            Self::LlamaCpp => "http://localhost:8080/v1".to_owned(),
            // https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
            Self::Vllm => "http://localhost:8000/v1".to_owned(),
            // https://openrouter.ai/docs/quickstart
            Self::OpenRouter => "https://openrouter.ai/api/v1".to_owned(),
            // https://ai.google.dev/gemini-api/docs/openai
            Self::Gemini => "https://generativelanguage.googleapis.com/v1beta/openai".to_owned(),
            // https://docs.aws.amazon.com/bedrock/latest/userguide/bedrock-mantle.html
            Self::BedrockMantle => format!("https://bedrock-mantle.{region}.api.aws/v1"),
            // https://platform.openai.com/docs/api-reference
            Self::Openai => "https://api.openai.com/v1".to_owned(),
        }
    }

    /// Returns the environment variable of the API key. `None` if the server needs none by default.
    #[must_use]
    pub const fn key_variable(self) -> Option<&'static str> {
        match self {
            Self::Ollama | Self::LmStudio | Self::LlamaCpp | Self::Vllm => None,
            Self::OpenRouter => Some("OPENROUTER_API_KEY"),
            Self::Gemini => Some("GEMINI_API_KEY"),
            Self::BedrockMantle => Some("AWS_BEARER_TOKEN_BEDROCK"),
            Self::Openai => Some("OPENAI_API_KEY"),
        }
    }
}
