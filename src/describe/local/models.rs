//! The neural networks: decompressed from the binary once, each run on one thread, with cancellation between runs.

use std::{
    io::{self, Read},
    sync::{Arc, OnceLock},
};

use rten::{Model, ModelOptions, NodeId, OpRegistry, RunOptions, ThreadPool, op_registry};
use rten_tensor::{NdTensor, Tensor, prelude::*};
use ruzstd::decoding::StreamingDecoder;
use tokio_util::sync::CancellationToken;

use super::unworn;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ModelError {
    #[error("the built-in {network} network cannot be loaded: {reason} (reinstall recaption or use another describer)")]
    Load { network: &'static str, reason: String },

    #[error("the built-in {network} network failed: {reason} (please report this, with the picture if you can)")]
    Run { network: &'static str, reason: String },

    #[error("cancelled")]
    Cancelled,
}

/// An output tensor.
struct Output {
    name: &'static str,
    /// The number of elements.
    length: usize,
}

/// A network with one input tensor and `OUTPUTS` output tensors.
pub(super) struct Network<const OUTPUTS: usize> {
    name: &'static str,
    model: Model,
    input: NodeId,
    /// The dimensions of the input; the first is the batch size of 1.
    shape: [usize; 4],
    outputs: [Output; OUTPUTS],
    output_ids: [NodeId; OUTPUTS],
}

impl<const OUTPUTS: usize> Network<OUTPUTS> {
    /// Loads an ONNX model compressed with Zstandard.
    fn load(
        name: &'static str,
        compressed: &[u8],
        shape: [usize; 4],
        outputs: [Output; OUTPUTS],
    ) -> Result<Self, ModelError> {
        let load_error = |reason: String| ModelError::Load { network: name, reason };
        let bytes = decompress(compressed).map_err(|error| load_error(error.to_string()))?;
        let model = ModelOptions::with_ops(operators()).load(bytes).map_err(|error| load_error(error.to_string()))?;
        let input = *model.input_ids().first().ok_or_else(|| load_error("no input".to_owned()))?;
        let mut output_ids = [input; OUTPUTS];
        for (id, output) in output_ids.iter_mut().zip(&outputs) {
            *id = model.node_id(output.name).map_err(|error| load_error(error.to_string()))?;
        }
        Ok(Self { name, model, input, shape, outputs, output_ids })
    }

    fn run(&self, input: Vec<f32>, options: RunOptions) -> Result<[Vec<f32>; OUTPUTS], ModelError> {
        let run_error = |reason: String| ModelError::Run { network: self.name, reason };
        let expected: usize = self.shape.iter().product();
        if input.len() != expected {
            return Err(run_error(format!("expected {expected} input values, got {}", input.len())));
        }
        let input = NdTensor::<f32, 4>::from_data(self.shape, input);
        let values = self
            .model
            .run(vec![(self.input, input.view().into())], &self.output_ids, Some(options))
            .map_err(|error| run_error(error.to_string()))?;
        let mut results = [const { Vec::new() }; OUTPUTS];
        for ((result, output), value) in results.iter_mut().zip(&self.outputs).zip(values) {
            let tensor: Tensor<f32> = value.try_into().map_err(|_| run_error(format!("{} is not f32", output.name)))?;
            *result = tensor.to_vec();
            if result.len() != output.length {
                return Err(run_error(format!(
                    "{} has {} values, expected {}",
                    output.name,
                    result.len(),
                    output.length
                )));
            }
        }
        Ok(results)
    }
}

/// Returns the operators that the networks use. The linker drops all others from the binary.
#[rustfmt::skip]
fn operators() -> OpRegistry {
    op_registry!(
        Add, AveragePool, Clip, Concat, Conv, ConvTranspose, DequantizeLinear, Div, Flatten, Gemm, GlobalAveragePool,
        LeakyRelu, MatMul, MaxPool, Mul, Pad, ReduceL2, Relu, Reshape, Resize, Sigmoid, Softmax, Split, Sum, Transpose
    )
}

fn decompress(compressed: &[u8]) -> io::Result<Vec<u8>> {
    let mut decoder = StreamingDecoder::new(compressed).map_err(io::Error::other)?;
    let mut bytes = Vec::new();
    decoder.read_to_end(&mut bytes)?;
    Ok(bytes)
}

macro_rules! weights {
    ($file:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/models/", $file))
    };
}

/// All networks. `assets/models/README.md` documents their sources, inputs and outputs.
pub(super) struct Models {
    /// Object detection. Outputs: class scores for each of three grids, then box edges for each.
    pub detector: Network<6>,
    /// Face detection. Outputs: boxes and key points, then scores.
    pub face: Network<2>,
    /// Pose estimation for one person. Outputs: landmarks, then the confidence that there is a person.
    pub pose: Network<2>,
    /// Person segmentation. Output: a probability per pixel.
    pub mask: Network<1>,
    /// Classification of a garment. Outputs: a probability for each class, then the similarity to the mean of each.
    pub garment: Network<2>,
}

impl Models {
    /// Returns the networks. The first call loads them, which takes about 250 ms.
    ///
    /// # Errors
    ///
    /// Returns an error on every call if the embedded weights do not load.
    pub(super) fn get() -> Result<&'static Self, ModelError> {
        static MODELS: OnceLock<Result<Models, ModelError>> = OnceLock::new();
        MODELS.get_or_init(Self::load).as_ref().map_err(Clone::clone)
    }

    fn load() -> Result<Self, ModelError> {
        let output = |name, length| Output { name, length };
        let cells = |stride: usize| (416 / stride).pow(2);
        Ok(Self {
            detector: Network::load(
                "object",
                weights!("nanodet_q8.onnx.zst"),
                [1, 3, 416, 416],
                [
                    output("Identity:0", cells(8) * 80),
                    output("Identity_1:0", cells(16) * 80),
                    output("Identity_2:0", cells(32) * 80),
                    output("Identity_3:0", cells(8) * 44),
                    output("Identity_4:0", cells(16) * 44),
                    output("Identity_5:0", cells(32) * 44),
                ],
            )?,
            face: Network::load(
                "face",
                weights!("face_detection_short_range.onnx.zst"),
                [1, 128, 128, 3],
                [output("regressors", 896 * 16), output("classificators", 896)],
            )?,
            pose: Network::load(
                "pose",
                weights!("pose_landmark_full.onnx.zst"),
                [1, 256, 256, 3],
                [output("Identity", 39 * 5), output("Identity_1", 1)],
            )?,
            mask: Network::load(
                "mask",
                weights!("selfie.onnx.zst"),
                [1, 256, 256, 3],
                [output("activation_10:0", 256 * 256)],
            )?,
            garment: Network::load(
                "garment",
                weights!("garment_q8.onnx.zst"),
                [1, 3, 224, 224],
                [output("garment", unworn::CLASSES), output("similarity", unworn::CLASSES)],
            )?,
        })
    }
}

/// Runs networks for one description, on a single thread to leave the other cores to the UI, until it is cancelled.
pub(super) struct Worker {
    threads: Arc<ThreadPool>,
    cancelled: CancellationToken,
}

impl Worker {
    pub(super) fn new(cancelled: CancellationToken) -> Self {
        Self { threads: Arc::new(ThreadPool::with_num_threads(1)), cancelled }
    }

    /// Checks for cancellation; called between the stages of a description.
    ///
    /// # Errors
    ///
    /// Returns [`ModelError::Cancelled`] if the description was cancelled.
    pub(super) fn checkpoint(&self) -> Result<(), ModelError> {
        if self.cancelled.is_cancelled() { Err(ModelError::Cancelled) } else { Ok(()) }
    }

    pub(super) fn run<const OUTPUTS: usize>(
        &self,
        network: &Network<OUTPUTS>,
        input: Vec<f32>,
    ) -> Result<[Vec<f32>; OUTPUTS], ModelError> {
        self.checkpoint()?;
        network.run(input, RunOptions::default().with_thread_pool(Some(Arc::clone(&self.threads))))
    }
}

pub(super) fn sigmoid(score: f32) -> f32 {
    1.0 / (1.0 + (-score).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_load_once() {
        let first = Models::get().unwrap_or_else(|error| panic!("{error}"));
        assert!(std::ptr::eq(first, Models::get().unwrap()));
    }

    #[test]
    fn an_error_for_damaged_weights_names_the_network() {
        let error = Network::<0>::load("test", b"not a model", [1, 1, 1, 1], []).err().map(|error| error.to_string());
        assert!(error.is_some_and(|message| message.contains("the built-in test network cannot be loaded")));
    }

    #[test]
    fn an_input_of_the_wrong_size_is_an_error() {
        let worker = Worker::new(CancellationToken::new());
        let error = worker.run(&Models::get().unwrap().mask, vec![0.0; 3]).unwrap_err();
        assert!(matches!(error, ModelError::Run { network: "mask", .. }), "{error}");
    }

    #[test]
    fn a_cancelled_worker_runs_nothing() {
        let cancelled = CancellationToken::new();
        let worker = Worker::new(cancelled.clone());
        assert_eq!(worker.checkpoint(), Ok(()));
        cancelled.cancel();
        let input = vec![0.0; 256 * 256 * 3];
        assert_eq!(worker.run(&Models::get().unwrap().mask, input), Err(ModelError::Cancelled));
    }
}
