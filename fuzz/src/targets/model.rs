//! Folders of models: the configuration, and the headers of safetensors files.

use super::{Layout, Outcome};
use crate::base::Scratch;
use widelimit::prune::checkpoint::ModelFolder;
use widelimit::prune::model::describe;

thread_local! {
    static SCRATCH: Scratch = Scratch::new();
}

/// The configuration and the file of weights of a model.
pub fn safetensors(data: &[u8]) -> Outcome {
    SCRATCH.with(|scratch| {
        let [config, weights] = Layout::Pair.split(data);
        scratch.write("config.json", config);
        scratch.write("model.safetensors", weights);
        let found = ModelFolder::open(scratch.path()).and_then(|model| describe(&model).map(|found| (model, found)));
        let (model, architecture) = match found {
            Ok(found) => found,
            Err(error) => {
                let message = error.to_string();
                let named = message.contains(&*scratch.path().to_string_lossy());
                assert!(named, "a message that does not name the file: {message}");
                return Outcome::Refused(message);
            }
        };
        // Every tensor of the model has the shape that was checked, within the file.
        for (name, shape) in architecture.tensors() {
            assert_eq!(model.shape(&name).expect("a tensor that was checked"), shape);
            let size = model.bytes(&name).expect("a tensor within the file").len();
            assert!(size <= weights.len(), "{name} has {size} bytes in a file of {}", weights.len());
            if let Ok(values) = model.read::<f64>(&name) {
                assert_eq!(values.len(), shape.iter().product::<usize>());
                assert!(values.iter().all(|value| value.is_finite()), "accepted values that are not finite");
            }
        }
        Outcome::Accepted
    })
}
