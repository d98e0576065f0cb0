//! Figure of the study of predictions: the distance and the loss gap of networks against the width, and c against time.

use super::{PredictArrays, PredictRecord};
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Marker, Panel};
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::study::NamedFigure;

/// Colour of predictions.
const PREDICTION: Colour = Colour::Series(3);

/// Dash of predictions.
const DASH: Dash = Dash::DashDot;

/// `predict-gap`.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    let record = PredictRecord::read(folder)?;
    let arrays = PredictArrays::read(folder)?;
    let figure = PredictFigure { record: &record, arrays: &arrays };
    let mut panels = vec![figure.function(), figure.loss(), figure.against_time(), figure.laws()];
    let mut whole = Figure::double_column();
    whole.height_in *= panels.len().div_ceil(whole.columns) as f64;
    whole.panels.append(&mut panels);
    Ok(vec![("predict-gap".into(), whole)])
}

struct PredictFigure<'a> {
    record: &'a PredictRecord,
    arrays: &'a PredictArrays,
}

impl PredictFigure<'_> {
    fn widths(&self) -> Vec<f64> {
        self.arrays.widths.to_vec()
    }

    fn last(&self) -> usize {
        self.arrays.times.len() - 1
    }

    /// A line of predictions against the width, from its value at `1/N`, with measured points where there are any. The
    /// predicted values beside the points are those for networks that are coupled to the reference.
    fn against_width(&self, panel: Panel, quantity: &str, predicted: impl Fn(usize, f64) -> f64) -> Panel {
        let reason = self.record.not_predicted.iter().find(|(name, _)| name == quantity).map(|(_, why)| why);
        let values: Vec<f64> = self.widths().iter().enumerate().map(|(w, n)| predicted(w, 1.0 / n)).collect();
        let mut panel = match reason {
            None => panel.with(Mark::line(self.widths(), values, PREDICTION, DASH).label("predicted")),
            Some(why) => panel.note(format!("not predicted: {why}")),
        };
        if let Some(ratio) = self.record.ratio(quantity).filter(|ratio| !ratio.measured.is_empty()) {
            let ends = ratio.measured.iter().zip(&ratio.errors).map(|(y, error)| (y - 2.0 * error, y + 2.0 * error));
            let points = Mark::points(ratio.widths.clone(), ratio.measured.clone(), Colour::Series(0), Marker::Circle);
            panel = panel.with(points.error(ends.collect()).label("networks, ± 2 s.e."));
        }
        panel
    }

    /// The mean square distance of the predictions at the end.
    fn function(&self) -> Panel {
        let panel = Panel::new(Axis::log2("width N"), Axis::log10("E |f_{N} − f_{ρ}|^{2} at T")).title("predictions");
        let c = self.arrays.whole.variance[self.last()];
        self.against_width(panel, "function", |_, u| u * c)
    }

    /// The mean loss gap at the end.
    fn loss(&self) -> Panel {
        let panel = Panel::new(Axis::log2("width N"), Axis::linear("R(f_{N}) − R(ρ) at T")).title("loss gap");
        let (last, whole) = (self.last(), &self.arrays.whole);
        let of = |table: &ndarray::Array2<f64>| table.column(last).to_vec();
        let band = Mark::band(self.widths(), of(&whole.gap_low), of(&whole.gap_high), PREDICTION);
        let predicted = self.record.not_predicted.iter().all(|(name, _)| name != "loss-mean");
        let panel = if predicted { panel.with(band.label("predicted, 5–95 %")) } else { panel };
        self.against_width(panel, "loss-mean", |_, u| u * whole.gap_mean[last])
    }

    /// c and the bare variance against time.
    fn against_time(&self) -> Panel {
        let (times, whole) = (self.arrays.times.to_vec(), &self.arrays.whole);
        let line = |y: &ndarray::Array1<f64>, colour, dash| Mark::line(times.clone(), y.to_vec(), colour, dash);
        Panel::new(Axis::linear("time t"), Axis::log10("N E |f_{N} − f_{ρ}|^{2}"))
            .title("c(t)")
            .with(line(&whole.variance, PREDICTION, DASH).label("c"))
            .with(line(&self.arrays.half.variance, Colour::Grey(120), Dash::Dotted).label("half the particles"))
            .with(line(&whole.spread, Colour::Series(1), Dash::Dashed).label("S^{2}, independent particles"))
            .legend(Legend::Automatic)
    }

    /// The cost of dropping half of the neurons and the barrier at the end.
    fn laws(&self) -> Panel {
        let whole = &self.arrays.whole;
        let panel = Panel::new(Axis::log2("width N"), Axis::log10("added loss at T")).title("half kept; barrier");
        let (last, dropout) = (self.last(), &whole.dropout);
        let mut panel = panel.with(
            Mark::line(self.widths(), dropout.column(last).to_vec(), PREDICTION, DASH).label("half kept, predicted"),
        );
        panel = panel.with(
            Mark::line(self.widths(), whole.barrier.column(0).to_vec(), Colour::Series(4), DASH)
                .label("barrier, predicted"),
        );
        for (quantity, colour, marker) in
            [("dropout", Colour::Series(0), Marker::Circle), ("barrier", Colour::Series(2), Marker::Diamond)]
        {
            let Some(ratio) = self.record.ratio(quantity).filter(|ratio| !ratio.measured.is_empty()) else { continue };
            let ends = ratio.measured.iter().zip(&ratio.errors).map(|(y, e)| (y - 2.0 * e, y + 2.0 * e)).collect();
            let points = Mark::points(ratio.widths.clone(), ratio.measured.clone(), colour, marker);
            panel = panel.with(points.error(ends).label(format!("{quantity}, networks")));
        }
        panel
    }
}
