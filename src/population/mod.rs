use crate::rng;
pub trait Sampler: Send + Sync {
    fn inputs(&self) -> usize;
    fn outputs(&self) -> usize;
    fn draw(&self, rng: &mut rng::Stream, x: &mut [f64], y: &mut [f64]);
}
